// SPDX-License-Identifier: MPL-2.0
//! The queues of an engine's streams: which jobs a worker takes next.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use super::job::Job;

/// How many calls of [`Queues::submit_latest`] may have jobs left in a queue. Each job holds a buffer,
/// and cameras have only a few.
const MAX_LEFTOVER_SUBMISSIONS: usize = 2;

/// A job in a queue.
pub(super) struct QueuedJob {
    pub job: Box<dyn Job>,
    /// See [`Queues::submit_latest`].
    key: u64,
    pub submitted: Instant,
    /// When it stops waiting for others to fill the batch.
    due: Instant,
}

/// The queue of one stream.
struct Queue {
    id: u64,
    jobs: VecDeque<QueuedJob>,
    /// The value of [`Queues::taken`] when a job was last taken from it.
    last_taken: u64,
}

/// The queues of all streams.
#[derive(Default)]
pub(super) struct Queues {
    queues: Vec<Queue>,
    /// The number of jobs that were taken so far.
    taken: u64,
    next_id: u64,
}

/// When a worker is to take jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NextBatch {
    /// There are no jobs.
    Empty,
    /// At this time, unless the batch is full before.
    At(Instant),
    Now,
}

impl Queues {
    /// Adds a queue, and returns its number.
    pub fn open(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.queues.push(Queue {
            id,
            jobs: VecDeque::new(),
            last_taken: self.taken,
        });
        id
    }

    /// Removes a queue, and returns its jobs.
    pub fn close(&mut self, id: u64) -> VecDeque<QueuedJob> {
        let index = self.queues.iter().position(|q| q.id == id);
        let queue = index.map(|index| self.queues.swap_remove(index));
        queue.map(|q| q.jobs).unwrap_or_default()
    }

    /// Adds jobs at the end of a queue. They wait up to `batch_timeout` for others to fill the batch.
    pub fn submit(
        &mut self,
        id: u64,
        jobs: impl IntoIterator<Item = Box<dyn Job>>,
        batch_timeout: Duration,
    ) {
        let Some(queue) = self.queue(id) else {
            return;
        };
        let now = Instant::now();
        queue.extend(jobs.into_iter().map(|job| QueuedJob {
            job,
            key: 0,
            submitted: now,
            due: now + batch_timeout,
        }));
    }

    /// Adds jobs at the beginning of a queue, each with the key of what it is about. An older job
    /// with the same key is replaced. Older jobs with other keys stay behind, as far as they are from
    /// the last [`MAX_LEFTOVER_SUBMISSIONS`] calls with jobs left. Returns the jobs that are removed.
    pub fn submit_latest(
        &mut self,
        id: u64,
        jobs: impl IntoIterator<Item = (u64, Box<dyn Job>)>,
        batch_timeout: Duration,
    ) -> Vec<QueuedJob> {
        let mut removed = Vec::new();
        let Some(queue) = self.queue(id) else {
            return removed;
        };
        let now = Instant::now();
        let old = std::mem::take(queue);
        let due = old.iter().map(|old| old.due).min();
        queue.extend(jobs.into_iter().map(|(key, job)| QueuedJob {
            job,
            key,
            submitted: now,
            due: now + batch_timeout,
        }));
        // The wait for others began with the oldest job.
        if let (Some(first), Some(due)) = (queue.front_mut(), due) {
            first.due = first.due.min(due);
        }
        let new = queue.len();
        // A whole frame is one job, for which no set need be made.
        let many = (new > 16).then(|| queue.iter().map(|new| new.key).collect::<HashSet<_>>());
        let mut submissions = Vec::new();
        for old in old {
            let is_replaced = match &many {
                Some(keys) => keys.contains(&old.key),
                None => queue.iter().take(new).any(|new| new.key == old.key),
            };
            // Jobs of one submission are next to each other, the newest submission first.
            if submissions.last() != Some(&old.submitted) && !is_replaced {
                submissions.push(old.submitted);
            }
            match is_replaced || submissions.len() > MAX_LEFTOVER_SUBMISSIONS {
                true => removed.push(old),
                false => queue.push_back(old),
            }
        }
        removed
    }

    /// Empties a queue, and returns its jobs.
    pub fn clear(&mut self, id: u64) -> VecDeque<QueuedJob> {
        self.queue(id).map(std::mem::take).unwrap_or_default()
    }

    /// Empties all queues, and returns their jobs.
    pub fn clear_all(&mut self) -> Vec<QueuedJob> {
        let queues = self.queues.iter_mut();
        queues.flat_map(|q| std::mem::take(&mut q.jobs)).collect()
    }

    /// When the next batch of up to `max_batch` jobs is to be taken.
    pub fn next_batch(&self, max_batch: usize) -> NextBatch {
        let jobs = self.queues.iter().map(|q| q.jobs.len()).sum::<usize>();
        let due = self.queues.iter().filter_map(|q| Some(q.jobs.front()?.due));
        match due.min() {
            None => NextBatch::Empty,
            Some(due) if jobs >= max_batch || due <= Instant::now() => NextBatch::Now,
            Some(due) => NextBatch::At(due),
        }
    }

    /// Takes up to `max_batch` jobs, one from a queue at a time, and first from the queue from which
    /// none was taken for longest.
    pub fn take(&mut self, max_batch: usize) -> Vec<QueuedJob> {
        let mut batch = Vec::new();
        while batch.len() < max_batch {
            self.taken += 1;
            let queues = self.queues.iter_mut().filter(|q| !q.jobs.is_empty());
            let Some(queue) = queues.min_by_key(|q| q.last_taken) else {
                break;
            };
            queue.last_taken = self.taken;
            batch.extend(queue.jobs.pop_front());
        }
        batch
    }

    /// Whether there are no jobs.
    pub fn is_empty(&self) -> bool {
        self.queues.iter().all(|q| q.jobs.is_empty())
    }

    fn queue(&mut self, id: u64) -> Option<&mut VecDeque<QueuedJob>> {
        let queue = self.queues.iter_mut().find(|q| q.id == id);
        queue.map(|q| &mut q.jobs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::engine::job::InferenceTimes;
    use crate::inference::error::InferenceError;
    use crate::preprocess::Slot;

    struct Nothing;

    impl Job for Nothing {
        fn fill(&mut self, _: &mut Slot<'_>) -> bool {
            false
        }

        fn done(self: Box<Self>, _: Result<&[f32], InferenceError>, _: InferenceTimes) {}
    }

    fn jobs<const N: usize>(keys: [u64; N]) -> [(u64, Box<dyn Job>); N] {
        keys.map(|key| (key, Box::new(Nothing) as Box<dyn Job>))
    }

    fn keys<'j>(jobs: impl IntoIterator<Item = &'j QueuedJob>) -> Vec<u64> {
        jobs.into_iter().map(|job| job.key).collect()
    }

    /// Each stream gets a place in the batch before any stream gets a second one, and the one that
    /// has waited longest comes first.
    #[test]
    fn streams_take_turns() {
        let mut queues = Queues::default();
        let ids = [queues.open(), queues.open(), queues.open()];
        for id in ids {
            let all = [10 * id, 10 * id + 1, 10 * id + 2];
            queues.submit_latest(id, jobs(all), Duration::ZERO);
        }
        assert_eq!(keys(&queues.take(4)), [0, 10, 20, 1]);
        assert_eq!(keys(&queues.take(4)), [11, 21, 2, 12]);
        assert_eq!(keys(&queues.take(4)), [22]);
        assert!(queues.is_empty());
        assert_eq!(queues.next_batch(4), NextBatch::Empty);
    }

    /// A batch is taken when it is full or the first job has waited long enough.
    #[test]
    fn batch_timeout() {
        let mut queues = Queues::default();
        let id = queues.open();
        let hour = Duration::from_secs(3600);
        queues.submit_latest(id, jobs([1]), hour);
        let NextBatch::At(due) = queues.next_batch(2) else {
            panic!("it waits for a second job");
        };
        assert!(due > Instant::now());
        assert_eq!(queues.next_batch(1), NextBatch::Now);
        queues.submit(id, [Box::new(Nothing) as Box<dyn Job>], hour);
        assert_eq!(queues.next_batch(2), NextBatch::Now);
        // A replaced job's wait counts for the one that replaces it.
        assert_eq!(keys(&queues.clear(id)), [1, 0]);
        queues.submit_latest(id, jobs([1]), Duration::ZERO);
        assert_eq!(keys(&queues.submit_latest(id, jobs([1]), hour)), [1]);
        assert_eq!(queues.next_batch(2), NextBatch::Now);
    }

    /// Newer jobs replace those with the same key. Others stay, but only from the last two
    /// submissions that left any.
    #[test]
    fn leftovers() {
        let mut queues = Queues::default();
        let id = queues.open();
        let mut submit = |all: &[u64]| {
            let all: Vec<_> = all.iter().flat_map(|key| jobs([*key])).collect();
            let removed = queues.submit_latest(id, all, Duration::ZERO);
            std::thread::sleep(Duration::from_millis(1));
            keys(&removed)
        };
        assert_eq!(submit(&[1, 2]), [0; 0]);
        assert_eq!(submit(&[1, 3]), [1]);
        assert_eq!(submit(&[4]), [0; 0]);
        // Of four submissions the oldest has only job 2 left, which is too old.
        assert_eq!(submit(&[5]), [2]);
        assert_eq!(keys(&queues.clear_all()), [5, 4, 1, 3]);
        assert!(queues.close(id).is_empty());
        queues.submit_latest(id, jobs([1]), Duration::ZERO);
        assert!(queues.is_empty(), "its queue is closed");
    }
}
