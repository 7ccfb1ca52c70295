// SPDX-License-Identifier: MPL-2.0
//! What a worker does: take jobs, fill the input tensor, infer, hand out the results.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use super::job::InferenceTimes;
use super::queues::{NextBatch, QueuedJob};
use super::scheduling::schedule_as_batch;
use super::shared::Shared;
use crate::inference::backend::Backend;
use crate::inference::error::InferenceError;
use crate::inference::log::CAT;

/// Works until the engine ends.
pub(super) fn work(shared: &Shared, index: usize, mut backend: Box<dyn Backend>) {
    schedule_as_batch();
    while let Some(jobs) = take(shared) {
        let infer = AssertUnwindSafe(|| infer(shared, index, &mut *backend, jobs));
        if catch_unwind(infer).is_err() {
            // The jobs were dropped, which their streams take for an error.
            shared.watchdogs[index].clear();
            gst::error!(CAT, "a worker panicked");
        }
    }
}

/// Waits for jobs. `None` when the engine ends.
fn take(shared: &Shared) -> Option<Vec<QueuedJob>> {
    let mut state = shared.state.lock();
    loop {
        if state.is_closing {
            return None;
        }
        match state.queues.next_batch(shared.max_batch) {
            NextBatch::Now => break,
            NextBatch::At(due) => {
                let timeout = due.saturating_duration_since(Instant::now());
                state = shared.submitted.wait_timeout(state, timeout).0;
            }
            NextBatch::Empty => state = shared.submitted.wait(state),
        }
    }
    let jobs = state.queues.take(shared.max_batch);
    let is_empty = state.queues.is_empty();
    drop(state);
    // A submission wakes only one worker, which wakes the next one if it leaves jobs.
    if !is_empty {
        shared.submitted.notify_one();
    }
    Some(jobs)
}

/// Infers jobs as one batch.
fn infer(shared: &Shared, index: usize, backend: &mut dyn Backend, jobs: Vec<QueuedJob>) {
    let taken = Instant::now();
    let mut filled = Vec::with_capacity(jobs.len());
    for mut queued in jobs {
        if queued.job.fill(&mut backend.slot_of(filled.len())) {
            filled.push((queued.job, taken - queued.submitted));
        }
    }
    if filled.is_empty() {
        return;
    }
    let watchdog = &shared.watchdogs[index];
    let classes = backend.classes();
    let (result, inference) = watchdog.watch(|| backend.infer(filled.len()));
    if matches!(result, Err(InferenceError::Failed(_))) && filled.len() > 1 {
        // A single image may be the cause. The others may be of other streams, and are inferred alone.
        for (i, (job, queue)) in filled.into_iter().enumerate() {
            let (scores, inference) = watchdog.watch(|| backend.infer_alone(i));
            let times = InferenceTimes {
                queue,
                inference,
                inferences: 1,
            };
            job.done(scores, times);
        }
        return;
    }
    let mut inferences = 1;
    for (i, (job, queue)) in filled.into_iter().enumerate() {
        let scores = match &result {
            Ok(scores) => Ok(&scores[i * classes..(i + 1) * classes]),
            Err(error) => Err(error.clone()),
        };
        let times = InferenceTimes {
            queue,
            inference,
            inferences: std::mem::take(&mut inferences),
        };
        job.done(scores, times);
    }
}
