// SPDX-License-Identifier: MPL-2.0
//! Makes an engine with ONNX Runtime's sessions.

use std::thread;

use super::options::EngineOptions;
use super::pool::{Engine, Loaded};
use super::thread_plan::plan_threads;
use super::warm_up::warm_up;
use crate::inference::backend::Backend;
use crate::inference::cancel::CancelToken;
use crate::inference::error::InferenceError;
use crate::inference::model::Model;
use crate::inference::onnxruntime::{Runtime, Session, SessionError};
use crate::inference::provider::SkippedProvider;

impl Engine {
    /// Loads a model and starts the workers.
    ///
    /// # Errors
    /// [`SessionError`].
    pub fn load(
        runtime: &'static Runtime,
        model: &Model,
        options: &EngineOptions,
    ) -> Result<Self, SessionError> {
        Self::load_cancellable(runtime, model, options, &CancelToken::default())
    }

    /// [`Self::load`], which another thread can cancel.
    ///
    /// # Errors
    /// [`SessionError`].
    pub fn load_cancellable(
        runtime: &'static Runtime,
        model: &Model,
        options: &EngineOptions,
        cancel: &CancelToken,
    ) -> Result<Self, SessionError> {
        let ready = ready_sessions(runtime, model, options, cancel);
        if cancel.finish() {
            return Err(SessionError::Cancelled);
        }
        let ready = ready?;
        let first = &ready.sessions[0];
        let loaded = Loaded {
            provider: first.provider(),
            threads: first.threads(),
            report: first.trial_report().clone(),
            model: model.clone(),
            skipped_providers: ready.skipped_providers,
            batch_refusal: ready.batch_refusal,
        };
        let sessions = ready.sessions.into_iter();
        let backends = sessions.map(|session| Box::new(session) as Box<dyn Backend>);
        Ok(Self::start(
            backends.collect(),
            loaded,
            options.inference_timeout,
        ))
    }
}

/// Sessions that are warmed up.
struct ReadySessions {
    sessions: Vec<Session>,
    skipped_providers: Vec<SkippedProvider>,
    /// Why the batch size is 1, if a larger one was requested.
    batch_refusal: Option<String>,
}

/// As many sessions as the options ask for, warmed up.
fn ready_sessions(
    runtime: &'static Runtime,
    model: &Model,
    options: &EngineOptions,
    cancel: &CancelToken,
) -> Result<ReadySessions, SessionError> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    // For the provider that is used, which need not be the first one.
    let plan = |provider| plan_threads(options, provider, cores);
    let failed = |error| SessionError::of_trial(model, error);
    let load = || {
        let threads = |provider| plan(provider).1;
        Session::load_cancellable(runtime, model, &options.session, threads, cancel)
    };
    let (session, skipped_providers) = load()?;
    let (count, _) = plan(session.provider());
    let mut sessions = vec![session.among(options.batch, count).map_err(failed)?];
    while sessions.len() < count {
        let session = match sessions[0].another().map_err(failed)? {
            Some(session) => session,
            None => load()?.0.with_batch(options.batch).map_err(failed)?,
        };
        sessions.push(session);
    }
    let (mut sessions, result) = warm_up(sessions, cancel).map_err(failed)?;
    let mut batch_refusal = None;
    match result {
        Ok(()) => {}
        // The trial has shown that it can infer one image at a time.
        Err(
            error @ (InferenceError::Failed(_)
            | InferenceError::BatchDependent
            | InferenceError::UnknownClass { .. }),
        ) if sessions[0].may_run_fewer() && !cancel.is_cancelled() => {
            let single = sessions.into_iter().map(|session| session.with_batch(1));
            let single = single.collect::<Result<_, _>>().map_err(failed)?;
            let result;
            (sessions, result) = warm_up(single, cancel).map_err(failed)?;
            result.map_err(failed)?;
            batch_refusal = Some(error.to_string());
        }
        Err(error) => return Err(failed(error)),
    }
    Ok(ReadySessions {
        sessions,
        skipped_providers,
        batch_refusal,
    })
}
