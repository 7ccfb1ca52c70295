// SPDX-License-Identifier: MPL-2.0
//! The debug category of inference.

use std::sync::LazyLock;

/// `GST_DEBUG=onnxruntime:5` shows ONNX Runtime's own log, and what is logged about its threads.
pub(super) static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "onnxruntime",
        gst::DebugColorFlags::empty(),
        Some("Log of the ONNX Runtime library"),
    )
});
