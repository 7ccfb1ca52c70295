// SPDX-License-Identifier: MPL-2.0
//! Cancels inferences of ONNX Runtime.

use std::fmt;
use std::sync::Arc;

use ort::session::RunOptions;

use crate::inference::backend::CancelInference;

/// Cancels the inferences of one session from another thread.
#[derive(Clone)]
pub(super) struct RunCanceler(Arc<RunOptions>);

impl fmt::Debug for RunCanceler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RunCanceler").finish()
    }
}

impl RunCanceler {
    /// For inferences with these options.
    pub fn new(options: &Arc<RunOptions>) -> Self {
        Self(Arc::clone(options))
    }
}

impl CancelInference for RunCanceler {
    fn cancel(&self) {
        // It only sets a flag.
        let _ = self.0.terminate();
    }

    fn reset(&self) {
        // It only clears a flag.
        let _ = self.0.unterminate();
    }
}
