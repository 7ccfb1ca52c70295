// SPDX-License-Identifier: MPL-2.0
//! ONNX Runtime's own log, as a GStreamer debug category.

use std::sync::{Arc, LazyLock};

use ort::logging::{LogLevel, LoggerFunction};

use crate::text;

/// `GST_DEBUG=onnxruntime:5` shows what ONNX Runtime has to say.
pub(super) static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "onnxruntime",
        gst::DebugColorFlags::empty(),
        Some("Log of the ONNX Runtime library"),
    )
});

/// The least severe messages that the category would show. ONNX Runtime formats every message
/// down to its level, so it is told this one.
pub(super) fn level() -> LogLevel {
    match CAT.threshold() {
        gst::DebugLevel::None | gst::DebugLevel::Error => LogLevel::Error,
        gst::DebugLevel::Warning | gst::DebugLevel::Fixme => LogLevel::Warning,
        gst::DebugLevel::Info => LogLevel::Info,
        _ => LogLevel::Verbose,
    }
}

/// Passes a message on to the category.
pub(super) fn logger() -> LoggerFunction {
    Arc::new(|level, _category, _id, location, message| {
        let level = match level {
            LogLevel::Fatal | LogLevel::Error => gst::DebugLevel::Error,
            LogLevel::Warning => gst::DebugLevel::Warning,
            LogLevel::Info => gst::DebugLevel::Info,
            LogLevel::Verbose => gst::DebugLevel::Debug,
        };
        if level <= CAT.threshold() {
            // Names of the model's are in it.
            let message = text::one_line(message);
            gst::log_with_level!(CAT, level, "{message} ({location})");
        }
    })
}
