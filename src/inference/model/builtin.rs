// SPDX-License-Identifier: MPL-2.0
//! The model that the plugin carries.

use std::path::Path;

use crate::files::FileError;

/// The name of the model that the plugin carries, as a value of the property `model`.
pub const BUILTIN: &str = "builtin:efficientnet-lite0";

/// The contents of its ONNX file, if the plugin was built with it.
#[cfg(feature = "builtin-model")]
pub(super) const BUILTIN_FILE: Option<&[u8]> = Some(include_bytes!(
    "../../../plugin-meta/efficientnet-lite0-int8.onnx"
));
/// The contents of its ONNX file, if the plugin was built with it.
#[cfg(not(feature = "builtin-model"))]
pub(super) const BUILTIN_FILE: Option<&[u8]> = None;

/// A hint at [`BUILTIN`] if the name of a file that does not exist resembles it, as the end of a
/// sentence; else empty.
pub fn did_you_mean(path: &Path, error: &FileError) -> &'static str {
    let name = path
        .to_string_lossy()
        .to_ascii_lowercase()
        .replace('_', "-");
    let name = name.strip_prefix("builtin:").unwrap_or(&name);
    let tail = BUILTIN.trim_start_matches("builtin:");
    let is_meant = name == tail || name == "builtin" || name.strip_suffix(".onnx") == Some(tail);
    match is_meant && error.is_not_found() {
        true => "; did you mean “builtin:efficientnet-lite0”, the model that the plugin carries?",
        false => "",
    }
}
