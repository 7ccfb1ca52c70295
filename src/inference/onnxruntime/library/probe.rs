// SPDX-License-Identifier: MPL-2.0
//! Loads a library to see whether it is a usable ONNX Runtime.

use std::ffi::CStr;
use std::path::Path;

use super::file_name::{Version, is_too_old, too_old};

/// The version of the library at `path`, which is loaded for that and unloaded again.
///
/// # Errors
/// Why the library cannot be used.
pub fn probe_library(path: &Path) -> Result<String, String> {
    load(path).map(|(_, version)| version)
}

/// Loads the library at `path`. Also returns its version.
///
/// `ort` panics on a library that does not have its version of the C API, and such a library prints
/// to stderr when it is asked for one. So the version is checked first.
///
/// # Errors
/// Why the library cannot be used.
pub(super) fn load(path: &Path) -> Result<(libloading::Library, String), String> {
    // SAFETY: loading runs the library's initializers. The user has named it, or it is in a folder
    // where only an ONNX Runtime should be.
    let library = unsafe { libloading::Library::new(path) }.map_err(|e| {
        let cause = std::error::Error::source(&e);
        cause.map_or_else(|| e.to_string(), ToString::to_string)
    })?;
    // SAFETY: this is the C API's one exported symbol, with this signature since version 1.0.
    let base = unsafe {
        let get: libloading::Symbol<'_, unsafe extern "C" fn() -> *const ort::sys::OrtApiBase> =
            library
                .get(b"OrtGetApiBase")
                .map_err(|_| "it is not ONNX Runtime: it has no OrtGetApiBase")?;
        get().as_ref()
    };
    let base = base.ok_or("its OrtGetApiBase returns null")?;
    // SAFETY: a static string of the library.
    let version = unsafe { CStr::from_ptr((base.GetVersionString)()) }
        .to_string_lossy()
        .into_owned();
    if is_too_old(&Version::parse(&version)) {
        return Err(too_old(&version));
    }
    // SAFETY: the version says that the table exists.
    if unsafe { (base.GetApi)(ort::sys::ORT_API_VERSION) }.is_null() {
        return Err(format!(
            "it is ONNX Runtime {version} and does not offer its C API {}",
            ort::sys::ORT_API_VERSION
        ));
    }
    Ok((library, version))
}
