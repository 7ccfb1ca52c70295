// SPDX-License-Identifier: MPL-2.0
//! What a mistake on the command line probably means.

use std::ffi::OsStr;
use std::path::Path;

use clap::ValueEnum as _;

use crate::model::source::Weights;

/// The error for an argument without an option.
pub(super) fn no_option(stray: &OsStr) -> String {
    let text = stray.to_string_lossy();
    let is_weights = Weights::from_str(&text, true).is_ok();
    let option = if is_weights { "--weights" } else { "--from" };
    let hint = onnx_hint(stray.as_ref());
    if !hint.is_empty() {
        return format!("“{text}” is no file of weights{hint}");
    }
    format!(
        "“{text}” has no option before it. You probably mean: \
         gst-resnet50 model install {option} {text}"
    )
}

/// What to do with an ONNX file, which was given where weights are wanted; else nothing.
pub(super) fn onnx_hint(file: &Path) -> &'static str {
    match file.extension().and_then(|e| e.to_str()) {
        Some("onnx") => {
            ". An ONNX file needs no installing: name it with the element's property “model” or $RESNET50_MODEL"
        }
        _ => "",
    }
}
