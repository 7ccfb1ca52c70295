// SPDX-License-Identifier: MPL-2.0
//! Makes ONNX Runtime prepare a model.

use ort::ep::ExecutionProviderDispatch;
use ort::session::builder::{AutoDevicePolicy, SessionBuilder};

use super::limits::TimeLimits;
use super::runtime::Runtime;
use super::session_error::SessionError;
use crate::inference::cancel::CancelToken;
use crate::inference::model::{Model, ModelSource};
use crate::inference::provider::Provider;
use crate::inference::timeout::{Completed, with_timeout};
use crate::text::one_line;

/// Makes a session within the provider's time limit. `make` gets the tokens that are to cancel it.
///
/// # Errors
/// [`SessionError::TimedOut`] or [`SessionError::Unfinished`]. The inner error is ONNX Runtime's.
pub(super) fn commit_in_time<T: Send + 'static>(
    model: &Model,
    provider: Provider,
    cancel: &CancelToken,
    make: impl FnOnce(&Model, [&CancelToken; 2]) -> ort::Result<T> + Send + 'static,
) -> Result<ort::Result<T>, SessionError> {
    let size = match &model.source {
        ModelSource::File(path) => std::fs::metadata(path).map_or(0, |file| file.len()),
        ModelSource::Builtin => 0,
    };
    let limit = TimeLimits::of(provider).commit_of_size(size);
    let timeout = CancelToken::default();
    let work = {
        let (model, cancel, timeout) = (model.clone(), cancel.clone(), timeout.clone());
        move |_: &_| make(&model, [&cancel, &timeout])
    };
    let done = with_timeout(limit, cancel, || timeout.cancel(), work);
    let model = || model.source.clone();
    match done {
        Ok(Completed {
            value: Err(_),
            timed_out: true,
        }) => Err(SessionError::TimedOut {
            model: model(),
            limit,
        }),
        Ok(Completed { value, .. }) => Ok(value),
        Err(incomplete) => Err(SessionError::Unfinished {
            model: model(),
            reason: incomplete.to_string(),
        }),
    }
}

/// Part of ONNX Runtime's error message if a session must not fall back to the CPU and would have to.
pub(super) const CPU_FALLBACK_DISABLED: &str = "fallback to CPU EP has been explicitly disabled";

/// Makes a session for one provider. A strict one fails if a part of the model would run on the CPU
/// instead, which ONNX Runtime does silently otherwise.
pub(super) fn commit(
    mut builder: SessionBuilder,
    model: &Model,
    provider: Provider,
    dispatches: &[ExecutionProviderDispatch],
    strict: bool,
) -> ort::Result<ort::session::Session> {
    if provider == Provider::Cpu {
        builder = builder.with_auto_device(AutoDevicePolicy::PreferCPU)?;
    } else {
        if strict {
            builder = builder.with_disable_cpu_fallback()?;
        }
        builder = builder.with_execution_providers(dispatches)?;
    }
    match (model.embedded(), &model.source) {
        (None, ModelSource::File(path)) => builder.commit_from_file(path),
        (bytes, _) => builder.commit_from_memory(bytes.unwrap_or_default()),
    }
}

/// ONNX Runtime's refusal of a model.
pub(super) fn refused(model: &Model, error: &ort::Error) -> SessionError {
    SessionError::Refused {
        model: model.source.clone(),
        message: one_line(error.message()),
    }
}

/// A session in the making, with so many threads for one inference.
pub(super) fn builder(runtime: &Runtime, threads: usize) -> ort::Result<SessionBuilder> {
    let builder = SessionBuilder::new(runtime.environment())?
        .with_intra_threads(threads)?
        .with_inter_threads(1)?;
    if saturates() {
        return Ok(builder.with_config_entry("session.x64quantprecision", "1")?);
    }
    Ok(builder)
}

/// Lets the threads spin during an inference only. Without spinning several threads lose half of their
/// speed, and between inferences spinning would slow down everything else.
pub(super) fn spin_during_inference(
    builder: SessionBuilder,
    threads: usize,
) -> ort::Result<SessionBuilder> {
    Ok(builder
        .with_intra_op_spinning(threads > 1)?
        .with_config_entry("session.force_spinning_stop", "1")?)
}

/// Whether the CPU adds two products of an unsigned and a signed byte in 16 bits, where they saturate:
/// x86 without VNNI. ONNX Runtime's option for that is slower and correct.
fn saturates() -> bool {
    #[cfg(target_arch = "x86_64")]
    return !is_x86_feature_detected!("avx512vnni") && !is_x86_feature_detected!("avxvnni");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

/// Makes `cancels` cancel what `builder` commits.
pub(super) fn cancel_commit(builder: &SessionBuilder, cancels: [&CancelToken; 2]) {
    for cancel in cancels {
        let canceler = builder.canceler();
        // It only sets a flag.
        cancel.on_cancel(move || drop(canceler.cancel()));
    }
}
