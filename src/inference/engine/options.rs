// SPDX-License-Identifier: MPL-2.0
//! How an engine is to be set up.

use std::time::Duration;

use crate::inference::onnxruntime::SessionOptions;

/// How an engine is to be set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineOptions {
    /// Providers and device. Its `threads` are those of one inference; 0 for what fits `sessions`.
    pub session: SessionOptions,
    /// Inferences at the same time; 0 for as many as the machine has work for.
    pub sessions: usize,
    /// The maximum batch size.
    pub batch: usize,
    /// Whether there is one frame at a time, which is to be inferred in the shortest time.
    pub single: bool,
    /// The time limit of one inference.
    pub inference_timeout: Duration,
}
