// SPDX-License-Identifier: MPL-2.0
//! The part of a stream that its pads and the engine's workers share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::super::tracks::Target;
use super::queue::JobResult;
use super::state::{Delivered, State, Ticket};
use super::stats::Stats;
use crate::inference::{InferenceTimes, OwnerProcess};
use crate::sync::{Condvar, Mutex, MutexGuard};

/// A stream.
///
/// Lock order: `state`, then `stats` or a track's state. None of them is held while something is
/// pushed, posted, loaded or handed to the engine.
#[derive(Debug, Default)]
pub struct Stream {
    state: Mutex<State>,
    changed: Condvar,
    stats: Mutex<Stats>,
    /// Counts the jobs that workers have started.
    started: AtomicU64,
    /// The process that it runs in.
    pub process: OwnerProcess,
}

impl Stream {
    /// Locks the state.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Locks the counters.
    pub fn stats(&self) -> MutexGuard<'_, Stats> {
        self.stats.lock()
    }

    /// Waits for a change.
    pub fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state)
    }

    /// Waits for a change, but no longer than this. Also returns whether the time is over.
    pub fn wait_for<'a>(
        &self,
        state: MutexGuard<'a, State>,
        time: Duration,
    ) -> (MutexGuard<'a, State>, bool) {
        self.changed.wait_timeout(state, time)
    }

    /// Waits for a change, but not beyond this time.
    pub fn wait_until<'a>(
        &self,
        state: MutexGuard<'a, State>,
        until: Option<Instant>,
    ) -> MutexGuard<'a, State> {
        match until {
            None => self.wait(state),
            Some(until) => {
                let time = until.saturating_duration_since(Instant::now());
                self.wait_for(state, time).0
            }
        }
    }

    /// Wakes all who wait for a change.
    pub fn notify(&self) {
        self.changed.notify_all();
    }

    /// Notes that a worker has started a job.
    pub fn started(&self, ticket: Ticket, target: &Target) {
        let count = self.started.fetch_add(1, Ordering::Relaxed) + 1;
        target.track.state().started(ticket.number, count);
    }

    /// How many jobs workers have started.
    pub fn started_jobs(&self) -> u64 {
        self.started.load(Ordering::Relaxed)
    }

    /// Counts an inferred frame or region.
    pub fn record(&self, preprocess: Duration, times: InferenceTimes, total: Duration) {
        self.stats().record(preprocess, times, total);
    }

    /// Takes the result of a job.
    pub fn deliver(&self, ticket: Ticket, target: &Target, result: JobResult) {
        let mut state = self.lock();
        self.count(&result, state.is_current(ticket));
        let delivered = state.deliver(ticket, target, result);
        drop(state);
        if delivered == Delivered::FrameIsReady {
            self.notify();
        }
    }

    fn count(&self, result: &JobResult, is_current: bool) {
        match result {
            JobResult::Static => {
                let mut stats = self.stats();
                stats.still += 1;
                stats.skipped += 1;
            }
            JobResult::Unusable => self.stats().skipped += 1,
            JobResult::Failed(_) if is_current => self.stats().errors += 1,
            JobResult::Failed(_) | JobResult::Result(_) | JobResult::Dropped => {}
        }
    }
}
