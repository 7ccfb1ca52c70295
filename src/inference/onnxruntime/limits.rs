// SPDX-License-Identifier: MPL-2.0
//! How long ONNX Runtime may take.

use std::time::Duration;

use crate::inference::provider::Provider;
use crate::inference::timeout::INFERENCE_TIMEOUT;

/// The time limits of a provider.
#[derive(Debug, Clone, Copy)]
pub(in crate::inference) struct TimeLimits {
    /// For preparing a model, beside the time for reading its file.
    pub commit: Duration,
    /// For an inference of the trial, which may prepare the model further.
    pub inference: Duration,
}

impl TimeLimits {
    /// Those of a provider.
    pub fn of(provider: Provider) -> Self {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        match provider {
            Provider::Cpu => Self {
                commit: minutes(1),
                inference: INFERENCE_TIMEOUT,
            },
            // TensorRT tries kernels for minutes.
            _ => Self {
                commit: minutes(30),
                inference: minutes(10),
            },
        }
    }

    /// For preparing a model of so many bytes: a second more for each megabyte.
    pub fn commit_of_size(self, bytes: u64) -> Duration {
        self.commit + Duration::from_secs(bytes / 1_000_000)
    }
}
