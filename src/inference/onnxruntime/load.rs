// SPDX-License-Identifier: MPL-2.0
//! Loads a model into a session.

use std::sync::Arc;

use super::commit::{
    CPU_FALLBACK_DISABLED, builder, cancel_commit, commit, commit_in_time, refused,
    spin_during_inference,
};
use super::network::Network;
use super::options::SessionOptions;
use super::providers::dispatches;
use super::runtime::Runtime;
use super::session::Session;
use super::session_error::SessionError;
use super::trial::try_model;
use crate::inference::cancel::CancelToken;
use crate::inference::model::Model;
use crate::inference::provider::{Provider, SkippedProvider};
use crate::text::one_line;

impl Session {
    /// Loads a model with the first provider that is available, and tries it on an image, so that the
    /// first frame does not pay for what is done only once, and a model that does not work is known
    /// before there is a stream. Returns the session, whose batch size is 1 unless the model fixes
    /// another one, and the providers that were skipped.
    ///
    /// Loading has a time limit: on the CPU a minute, a second more for each megabyte of the file, and
    /// half a minute for each inference; on a device half an hour, and ten minutes for each inference,
    /// because some providers compile the model then.
    ///
    /// # Errors
    /// [`SessionError`].
    pub fn load(
        runtime: &'static Runtime,
        model: &Model,
        options: &SessionOptions,
    ) -> Result<(Self, Vec<SkippedProvider>), SessionError> {
        let threads = |_| match options.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        Self::load_cancellable(runtime, model, options, threads, &CancelToken::default())
    }

    /// [`Self::load`], which another thread can cancel. `threads` gives the threads of one inference
    /// with a provider.
    ///
    /// # Errors
    /// [`SessionError`]; any of them if loading was cancelled.
    pub(in crate::inference) fn load_cancellable(
        runtime: &'static Runtime,
        model: &Model,
        options: &SessionOptions,
        threads: impl Fn(Provider) -> usize,
        cancel: &CancelToken,
    ) -> Result<(Self, Vec<SkippedProvider>), SessionError> {
        let mut skipped = Vec::new();
        for (i, provider) in options.providers.iter().copied().enumerate() {
            // The options are for the first provider; others have other names for theirs.
            let provider_options = if i == 0 {
                options.provider_options.as_slice()
            } else {
                &[]
            };
            let dispatches = dispatches(provider, options.device, provider_options)?;
            let threads = threads(provider);
            let commit_with = |strict| {
                let make = {
                    let dispatches = dispatches.clone();
                    move |model: &Model, cancels: [&CancelToken; 2]| {
                        let builder = builder(runtime, threads)?;
                        let builder = spin_during_inference(builder, threads)?;
                        cancel_commit(&builder, cancels);
                        commit(builder, model, provider, &dispatches, strict)
                    }
                };
                commit_in_time(model, provider, cancel, make)
            };
            let mut committed = commit_with(true)?;
            if let Err(error) = &committed
                && error.message().contains(CPU_FALLBACK_DISABLED)
            {
                committed = commit_with(false)?;
                skipped.push(SkippedProvider {
                    provider,
                    reason: "it cannot run the whole model, and the CPU runs the rest".into(),
                });
            }
            match committed {
                Ok(session) => {
                    let session = Self::try_out(session, model, provider, threads, cancel)?;
                    return Ok((session, skipped));
                }
                // The CPU runs every model that ONNX Runtime supports, so this one is not supported.
                Err(error) if provider == Provider::Cpu => return Err(refused(model, &error)),
                Err(error) => skipped.push(SkippedProvider {
                    provider,
                    reason: one_line(error.message()),
                }),
            }
        }
        Err(SessionError::Providers(skipped))
    }

    /// Loads a session on the CPU whose threads spin for a while after an inference, which is ONNX
    /// Runtime's default. It is for measuring; those of [`Self::load`] stop after each inference.
    ///
    /// # Errors
    /// [`SessionError`].
    pub fn load_spinning(
        runtime: &'static Runtime,
        model: &Model,
        threads: usize,
    ) -> Result<Self, SessionError> {
        let cancel = CancelToken::default();
        let make = move |model: &Model, cancels: [&CancelToken; 2]| {
            let builder = builder(runtime, threads)?;
            cancel_commit(&builder, cancels);
            commit(builder, model, Provider::Cpu, &[], true)
        };
        let committed = commit_in_time(model, Provider::Cpu, &cancel, make)?;
        let session = committed.map_err(|error| refused(model, &error))?;
        Self::try_out(session, model, Provider::Cpu, threads, &cancel)
    }

    /// Tries a session and makes it ready for use.
    fn try_out(
        session: ort::session::Session,
        model: &Model,
        provider: Provider,
        threads: usize,
        cancel: &CancelToken,
    ) -> Result<Self, SessionError> {
        try_model(session, model, provider, cancel)
            .and_then(|(session, trial)| Network::new(session, trial, model, provider, threads))
            .and_then(|network| Self::new(Arc::new(network), 1, 1))
            .map_err(|error| SessionError::of_trial(model, error))
    }
}
