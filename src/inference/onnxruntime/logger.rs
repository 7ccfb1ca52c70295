// SPDX-License-Identifier: MPL-2.0
//! Passes ONNX Runtime's log on to GStreamer's.

use std::sync::Arc;

use ort::logging::{LogLevel, LoggerFunction};

use crate::inference::log::CAT;
use crate::text;

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

/// The function that ONNX Runtime calls with each message.
pub(super) fn logger() -> LoggerFunction {
    Arc::new(|level, _category, _id, location, message| {
        let level = match level {
            LogLevel::Fatal | LogLevel::Error => gst::DebugLevel::Error,
            LogLevel::Warning => gst::DebugLevel::Warning,
            LogLevel::Info => gst::DebugLevel::Info,
            LogLevel::Verbose => gst::DebugLevel::Debug,
        };
        if level <= CAT.threshold() {
            // A model's names are part of it, and may hold anything.
            let message = text::one_line(message);
            gst::log_with_level!(CAT, level, "{message} ({location})");
        }
    })
}
