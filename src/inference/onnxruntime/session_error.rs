// SPDX-License-Identifier: MPL-2.0
//! Why there is no session.

use std::time::Duration;

use crate::inference::error::InferenceError;
use crate::inference::model::{Model, ModelSource};
use crate::inference::provider::{ProviderError, SkippedProvider};

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// A provider's settings are wrong.
    #[error(transparent)]
    Settings(#[from] ProviderError),
    /// None of the providers is available.
    #[error("no provider can run the model: {}", .0.iter().map(|f| format!("{}: {}", f.provider, f.reason)).collect::<Vec<_>>().join("; "))]
    Providers(Vec<SkippedProvider>),
    /// ONNX Runtime refuses the model.
    #[error("ONNX Runtime refuses model “{model}”: {message}")]
    Refused {
        /// The model.
        model: ModelSource,
        /// Its error message.
        message: String,
    },
    /// ONNX Runtime took too long to prepare the model, and was cancelled.
    #[error("ONNX Runtime has not prepared model “{model}” within {} s", .limit.as_secs())]
    TimedOut {
        /// The model.
        model: ModelSource,
        /// The time limit.
        limit: Duration,
    },
    /// ONNX Runtime did not finish preparing the model: it panicked, had no thread, or did not end
    /// when it was cancelled.
    #[error("ONNX Runtime has not prepared model “{model}”: {reason}")]
    Unfinished {
        /// The model.
        model: ModelSource,
        /// What happened.
        reason: String,
    },
    /// Loading was cancelled.
    #[error("loading was cancelled")]
    Cancelled,
    /// There is not enough memory for the model's tensors.
    #[error("model “{model}” cannot be run: {error}")]
    Memory {
        /// The model.
        model: ModelSource,
        /// How much it needs.
        error: InferenceError,
    },
    /// An inference on a trial image failed, or did not give one value a class.
    #[error("model “{model}” fails on a trial picture: {error}")]
    Trial {
        /// The model.
        model: ModelSource,
        /// The reason.
        error: InferenceError,
    },
}

impl SessionError {
    /// An inference of the trial has failed.
    pub(in crate::inference) fn of_trial(model: &Model, error: InferenceError) -> Self {
        let model = model.source.clone();
        match error {
            InferenceError::TooLarge { .. } | InferenceError::TooManyClasses { .. } => {
                Self::Memory { model, error }
            }
            error => Self::Trial { model, error },
        }
    }
}
