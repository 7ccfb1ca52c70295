// SPDX-License-Identifier: MPL-2.0
//! ONNX Runtime's errors as ours.

use crate::inference::error::InferenceError;
use crate::text::one_line;

/// ONNX Runtime's messages have line breaks and positions in its sources in them, and a model's names,
/// which may hold anything.
impl From<ort::Error> for InferenceError {
    fn from(error: ort::Error) -> Self {
        Self::Failed(one_line(error.message()))
    }
}
