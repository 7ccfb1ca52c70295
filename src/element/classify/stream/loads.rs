// SPDX-License-Identifier: MPL-2.0
//! The threads that load a stream's model, or the names of its classes.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::inference::CancelToken;

/// What is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadKind {
    /// The model, with its names.
    Model,
    /// Labels and groups, for the model in use.
    Names,
}

/// All of them. Their list and the number of the newest are under one lock, so that a thread never
/// mistakes itself or another for the newest.
#[derive(Debug, Default)]
pub struct Loads {
    /// The number of the newest.
    newest: u64,
    /// What the newest loads, until it is settled.
    pending: Option<LoadKind>,
    running: Vec<LoadThread>,
    /// The model that was set last does not fit the labels or groups, so that another one is in use.
    /// It is loaded again when these are set.
    pub lacks_names: bool,
    /// Until when frames in mode exact wait for new names.
    pub names_due: Option<Instant>,
}

/// A thread that loads.
#[derive(Debug)]
struct LoadThread {
    cancel: CancelToken,
    /// Closes when the thread ends.
    ended: mpsc::Receiver<()>,
}

/// What a thread that loads needs.
#[derive(Debug)]
pub struct LoadTicket {
    /// Tells it from the others; the newest has the highest.
    pub number: u64,
    /// Ends it.
    pub cancel: CancelToken,
    /// Dropped when the thread ends.
    pub _running: mpsc::Sender<()>,
}

impl Loads {
    /// Begins a new one. The caller must cancel those before it, without a lock.
    pub fn begin(&mut self, kind: LoadKind) -> (LoadTicket, Vec<CancelToken>) {
        let before = self.abandon();
        self.pending = Some(kind);
        let (running, ended) = mpsc::channel();
        let cancel = CancelToken::default();
        self.running.push(LoadThread {
            cancel: cancel.clone(),
            ended,
        });
        let ticket = LoadTicket {
            number: self.newest,
            cancel,
            _running: running,
        };
        (ticket, before)
    }

    /// Stops waiting for any of them. The caller must cancel them, without a lock.
    pub fn abandon(&mut self) -> Vec<CancelToken> {
        self.newest += 1;
        self.pending = None;
        self.lacks_names = false;
        self.names_due = None;
        let open = |loader: &LoadThread| loader.ended.try_recv() == Err(mpsc::TryRecvError::Empty);
        self.running.retain(open);
        self.running.iter().map(|l| l.cancel.clone()).collect()
    }

    /// Whether this one is the newest and not settled.
    pub fn is_awaited(&self, number: u64) -> bool {
        self.newest == number && self.pending.is_some()
    }

    /// What is being loaded.
    pub fn pending(&self) -> Option<LoadKind> {
        self.pending
    }

    /// Settles the newest: it has succeeded or failed.
    pub fn settle(&mut self) {
        self.pending = None;
        self.names_due = None;
    }

    /// The threads that have not ended. The caller waits for them without a lock.
    pub fn take_running(&mut self) -> Running {
        Running(std::mem::take(&mut self.running))
    }
}

/// Threads that load.
#[derive(Debug)]
pub struct Running(Vec<LoadThread>);

impl Running {
    /// Waits until all have ended, but no longer than this. Returns how many have not.
    pub fn wait(self, time: Duration) -> usize {
        let begun = Instant::now();
        let is_left = |loader: &LoadThread| {
            let left = time.saturating_sub(begun.elapsed());
            loader.ended.recv_timeout(left) == Err(mpsc::RecvTimeoutError::Timeout)
        };
        self.0.iter().filter(|loader| is_left(loader)).count()
    }
}
