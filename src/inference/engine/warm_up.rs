// SPDX-License-Identifier: MPL-2.0
//! The first inferences of an engine's sessions.

use std::sync::Arc;
use std::thread;

use crate::inference::backend::Backend;
use crate::inference::cancel::CancelToken;
use crate::inference::error::InferenceError;
use crate::inference::onnxruntime::{Session, TimeLimits};
use crate::inference::provider::Provider;
use crate::inference::timeout::{Progress, with_timeout};

/// Runs every batch size that will be in use once, on all sessions at the same time, as in use. So the
/// first frames do not wait for what a provider compiles or allocates for a shape. What the trial has
/// run already is left out on the CPU, where all sessions share the network that was tried.
fn run_all_batches(sessions: &mut [Session], progress: &Progress) -> Result<(), InferenceError> {
    let workers = sessions.iter_mut().map(|session| {
        move || {
            // The largest first: the others fit into its memory. The CPU has nothing else to prepare
            // for a shape.
            let batch = session.capacity();
            if session.provider() == Provider::Cpu && session.has_tried_capacity() {
                return Ok(());
            }
            let min = match session.provider() {
                Provider::Cpu => batch,
                _ => 1,
            };
            session.fill_with_sample();
            (min..=batch).rev().try_for_each(|images| {
                session.run_batch(images)?;
                if images > 1 && session.may_run_fewer() {
                    session.check_sample()?;
                }
                progress.step_done();
                Ok(())
            })
        }
    });
    let workers: Vec<_> = workers.collect();
    thread::scope(|scope| {
        let threads: Vec<_> = workers.into_iter().map(|w| scope.spawn(w)).collect();
        let panic = || {
            Err(InferenceError::Failed(
                "the thread of the trial inference panicked".into(),
            ))
        };
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap_or_else(|_| panic()))
    })
}

/// Warms up sessions within the provider's time limit. Returns them, and with them why they cannot be
/// used with their batch size.
///
/// # Errors
/// [`InferenceError`] if they cannot be used at all.
pub(super) fn warm_up(
    mut sessions: Vec<Session>,
    cancel: &CancelToken,
) -> Result<(Vec<Session>, Result<(), InferenceError>), InferenceError> {
    let limit = TimeLimits::of(sessions[0].provider()).inference;
    let cancelers: Vec<_> = sessions.iter().map(Backend::canceler).collect();
    for canceler in &cancelers {
        let canceler = Arc::clone(canceler);
        cancel.on_cancel(move || canceler.cancel());
    }
    let on_timeout = || cancelers.iter().for_each(|canceler| canceler.cancel());
    let done = with_timeout(limit, cancel, on_timeout, |progress| {
        let result = run_all_batches(&mut sessions, progress);
        (sessions, result)
    })?;
    let (sessions, result) = done.value;
    match result {
        Err(_) if done.timed_out => Err(InferenceError::TimedOut(limit)),
        Err(error) => Ok((sessions, Err(error))),
        Ok(()) => {
            if done.timed_out {
                cancelers.iter().for_each(|canceler| canceler.reset());
            }
            Ok((sessions, Ok(())))
        }
    }
}
