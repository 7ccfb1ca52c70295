// SPDX-License-Identifier: MPL-2.0
//! A stream's access to an engine.

use std::sync::Arc;
use std::time::Duration;

use super::job::Job;
use super::pool::Engine;
use super::queues::Queues;

/// A stream's access to an engine, with a queue of its own. Dropping it drops the jobs in the queue.
#[derive(Debug)]
pub struct StreamHandle {
    engine: Arc<Engine>,
    queue: u64,
}

impl Engine {
    /// Opens a queue for a stream.
    pub fn open_stream(self: &Arc<Self>) -> StreamHandle {
        StreamHandle {
            queue: self.shared.state.lock().queues.open(),
            engine: Arc::clone(self),
        }
    }
}

impl StreamHandle {
    /// The engine.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Adds jobs behind those that were submitted before. They wait up to `batch_timeout` for jobs of other
    /// streams to fill the batch.
    pub fn submit(&self, jobs: impl IntoIterator<Item = Box<dyn Job>>, batch_timeout: Duration) {
        if self
            .change(|queues| queues.submit(self.queue, jobs, batch_timeout))
            .is_some()
        {
            self.engine.shared.submitted.notify_one();
        }
    }

    /// Adds jobs in front of those that were submitted before, each with the key of what it is about,
    /// a tracked object for example. An older job with the same key is replaced, unless a worker has
    /// already taken it. Older jobs with other keys stay, as far as they are from the last two calls
    /// with jobs left. Returns how many were replaced or dropped.
    pub fn submit_latest(
        &self,
        jobs: impl IntoIterator<Item = (u64, Box<dyn Job>)>,
        batch_timeout: Duration,
    ) -> usize {
        let removed = self.change(|queues| queues.submit_latest(self.queue, jobs, batch_timeout));
        let Some(removed) = removed else {
            return 0;
        };
        self.engine.shared.submitted.notify_one();
        // They are dropped here, without the lock.
        removed.len()
    }

    /// Drops the jobs that no worker has taken yet.
    pub fn clear(&self) {
        drop(self.change(|queues| queues.clear(self.queue)));
    }

    /// Changes the queues. `None` in a child of the engine's process, where the lock may never be
    /// unlocked.
    fn change<T>(&self, change: impl FnOnce(&mut Queues) -> T) -> Option<T> {
        self.engine.check_process().ok()?;
        Some(change(&mut self.engine.shared.state.lock().queues))
    }
}

impl Drop for StreamHandle {
    fn drop(&mut self) {
        drop(self.change(|queues| queues.close(self.queue)));
    }
}
