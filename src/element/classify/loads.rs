// SPDX-License-Identifier: MPL-2.0
//! The threads that load a stream's model, or the names of its classes.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::inference::Cancel;

/// What is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// The model, with its names.
    Model,
    /// Labels and groups, for the model in use.
    Names,
}

/// All of them: which is the newest and who they are is known together, so that none ever takes
/// itself or another for what it is not.
#[derive(Debug, Default)]
pub struct Loads {
    /// The number of the newest.
    newest: u64,
    /// What the newest is about, until it has come to its end.
    pending: Option<Subject>,
    running: Vec<Loader>,
    /// The model that was set last has other classes than the labels and groups that are set, so that
    /// another is in use: it is loaded again when they are set.
    pub lacks_names: bool,
    /// Frames in mode exact wait for new names until then.
    pub names_due: Option<Instant>,
}

/// A thread that loads.
#[derive(Debug)]
struct Loader {
    cancel: Cancel,
    /// It closes when the thread ends.
    ended: mpsc::Receiver<()>,
}

/// What a thread needs in order to be one of them.
#[derive(Debug)]
pub struct Ticket {
    pub number: u64,
    pub cancel: Cancel,
    /// To be dropped last of all.
    pub running: mpsc::Sender<()>,
}

impl Loads {
    /// A new one, which is the newest from now on. Those before it are to be cancelled, without a
    /// lock.
    pub fn begin(&mut self, subject: Subject) -> (Ticket, Vec<Cancel>) {
        let before = self.abandon();
        self.pending = Some(subject);
        let (running, ended) = mpsc::channel();
        let cancel = Cancel::default();
        self.running.push(Loader {
            cancel: cancel.clone(),
            ended,
        });
        let ticket = Ticket {
            number: self.newest,
            cancel,
            running,
        };
        (ticket, before)
    }

    /// Nobody waits for any of them any more. They are to be cancelled, without a lock.
    pub fn abandon(&mut self) -> Vec<Cancel> {
        self.newest += 1;
        self.pending = None;
        self.lacks_names = false;
        self.names_due = None;
        let open = |loader: &Loader| loader.ended.try_recv() == Err(mpsc::TryRecvError::Empty);
        self.running.retain(open);
        self.running.iter().map(|l| l.cancel.clone()).collect()
    }

    /// Whether this one is the newest, and has not come to its end.
    pub fn is_awaited(&self, number: u64) -> bool {
        self.newest == number && self.pending.is_some()
    }

    /// What is being loaded.
    pub fn pending(&self) -> Option<Subject> {
        self.pending
    }

    /// The newest has come to its end, be it a bad one.
    pub fn settle(&mut self) {
        self.pending = None;
        self.names_due = None;
    }

    /// Those that have not ended, to be waited for without a lock.
    pub fn take_running(&mut self) -> Running {
        Running(std::mem::take(&mut self.running))
    }
}

/// Threads that load.
#[derive(Debug)]
pub struct Running(Vec<Loader>);

impl Running {
    /// Waits for their end, for so long in all. Returns how many have not ended.
    pub fn wait(self, time: Duration) -> usize {
        let begun = Instant::now();
        let is_left = |loader: &Loader| {
            let left = time.saturating_sub(begun.elapsed());
            loader.ended.recv_timeout(left) == Err(mpsc::RecvTimeoutError::Timeout)
        };
        self.0.iter().filter(|loader| is_left(loader)).count()
    }
}
