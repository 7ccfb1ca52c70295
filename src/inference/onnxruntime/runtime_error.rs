// SPDX-License-Identifier: MPL-2.0
//! Why there is no ONNX Runtime.

use std::path::PathBuf;

use crate::paths;

/// The oldest ONNX Runtime whose C API this plugin can use, as (major, minor).
pub const MINIMUM_VERSION: (u32, u32) = (1, ort::sys::ORT_API_VERSION);

/// A place where the library was looked for, and why the one there is not used.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// A path, or a name for the system's loader, with where it comes from.
    pub place: String,
    /// The reason.
    pub reason: String,
}

/// Why there is no ONNX Runtime.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// No usable library was found.
    #[error("no usable ONNX Runtime library (1.{minimum} or newer); tried: {}", list(.tried), minimum = MINIMUM_VERSION.1)]
    NotFound {
        /// Where it was looked for.
        tried: Vec<Attempt>,
    },
    /// The process was forked while it was loading the library, which never finishes in the child.
    #[error(
        "this process was forked while ONNX Runtime was being loaded, so it can neither continue nor repeat that"
    )]
    Forked,
    /// The library was loaded but failed to start.
    #[error("ONNX Runtime {version} (“{}”) would not start: {message}", paths::escaped(path.as_os_str()))]
    Start {
        /// Its file.
        path: PathBuf,
        /// Its version.
        version: String,
        /// Its error message.
        message: String,
    },
}

fn list(tried: &[Attempt]) -> String {
    tried
        .iter()
        .map(|a| format!("{} ({})", a.place, a.reason))
        .collect::<Vec<_>>()
        .join("; ")
}
