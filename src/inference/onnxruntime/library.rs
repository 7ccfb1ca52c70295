// SPDX-License-Identifier: MPL-2.0
//! Finds the ONNX Runtime library.

use std::ffi::CStr;
use std::path::{Path, PathBuf};

use super::runtime_error::{Attempt, MINIMUM_VERSION, RuntimeError};
use crate::{files, paths, text};

/// The library's file name, without a version.
const LIBRARY: &str = "libonnxruntime.so";

/// A library that may be loaded.
pub(super) struct Candidate {
    path: PathBuf,
    /// The path and where it comes from, for messages.
    place: String,
    /// Why it cannot be used, as far as can be told without loading it.
    problem: Option<String>,
}

impl Candidate {
    /// The library at `path`, which the user has set in `origin`, or which lies in a folder.
    fn new(path: PathBuf, origin: Option<&str>) -> Self {
        let name = match is_name(&path) {
            true => format!("“{}”", paths::escaped(path.as_os_str())),
            false => paths::quoted_with_folder(&path),
        };
        // The system's loader would open anything, and wait for a FIFO's writer.
        let problem = match files::check(&path, u64::MAX) {
            _ if is_name(&path) => None,
            Ok(()) => None,
            Err(error) if error.is_not_found() => Some("no such file".into()),
            Err(error) => Some(error.to_string()),
        };
        Self {
            place: match origin {
                Some(origin) => format!("{origin} {name}"),
                None => name,
            },
            path,
            problem,
        }
    }
}

/// Whether it is not a path, but a name for the system's loader.
fn is_name(path: &Path) -> bool {
    path.components().count() == 1 && !path.is_absolute() && !path.exists()
}

/// The libraries to try, in the order of preference.
pub(super) fn candidates(library: Option<&Path>, folders: &[PathBuf]) -> Vec<Candidate> {
    let variable = std::env::var_os("ORT_DYLIB_PATH").filter(|p| !p.is_empty());
    // ort looks for relative paths elsewhere; a bare name is for the loader.
    let absolute = |path: &Path| match std::path::absolute(path) {
        Ok(absolute) if path.exists() => absolute,
        _ => path.to_owned(),
    };
    if let Some(path) = library {
        return vec![Candidate::new(absolute(path), Some("runtime-library"))];
    }
    if let Some(variable) = variable {
        let path = absolute(&paths::from_path_or_uri(&variable));
        return vec![Candidate::new(path, Some("ORT_DYLIB_PATH"))];
    }
    let mut found = Vec::new();
    let data = paths::data_dir();
    for folder in folders.iter().chain(&data) {
        let libraries = libraries_in(folder);
        let none = libraries.is_empty().then(|| folder.join(LIBRARY));
        let all = libraries.into_iter().chain(none);
        found.extend(all.map(|path| Candidate::new(path, None)));
    }
    let system = [LIBRARY.into(), format!("{LIBRARY}.1").into()];
    let system = system.into_iter().map(|path: PathBuf| Candidate {
        place: format!("the system's “{}”", path.display()),
        path,
        problem: None,
    });
    found.extend(system);
    found
}

/// The first usable library, and its version.
///
/// # Errors
/// [`RuntimeError::NotFound`].
pub(super) fn choose(candidates: Vec<Candidate>) -> Result<(PathBuf, String), RuntimeError> {
    let mut tried = Vec::new();
    for Candidate {
        path,
        place,
        problem,
    } in candidates
    {
        let version = match problem {
            Some(problem) => Err(problem),
            None => version_of(&path),
        };
        match version {
            Ok(version) => return Ok((path, version)),
            // What the system says may have line breaks or double spaces in it.
            Err(reason) => tried.push(Attempt {
                place,
                reason: text::one_line(&reason),
            }),
        }
    }
    Err(RuntimeError::NotFound { tried })
}

/// The libraries in a folder: first the one without a version in its name, then from the newest to
/// the oldest.
fn libraries_in(folder: &Path) -> Vec<PathBuf> {
    let version = |path: &Path| -> Option<Vec<u32>> {
        let name = path.file_name()?.to_str()?.strip_prefix(LIBRARY)?;
        match name.strip_prefix('.') {
            None => name.is_empty().then(|| vec![u32::MAX]),
            Some(numbers) => numbers.split('.').map(|n| n.parse().ok()).collect(),
        }
    };
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((version(&entry.path())?, entry.path())))
        .collect();
    found.sort_by(|a, b| b.0.cmp(&a.0));
    found.into_iter().map(|(_, path)| path).collect()
}

/// The version of the library at `path`.
///
/// `ort` panics on a library that does not have its version of the C API, and such a library prints
/// to stderr when it is asked for one. So the version is checked first.
///
/// # Errors
/// Why the library cannot be used.
fn version_of(path: &Path) -> Result<String, String> {
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
    let mut numbers = version.split('.').map(|n| n.parse::<u32>().unwrap_or(0));
    let (major, minor) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let (min_major, min_minor) = MINIMUM_VERSION;
    if (major, minor) < MINIMUM_VERSION {
        return Err(format!(
            "it is ONNX Runtime {version}, and {min_major}.{min_minor} is the oldest that is supported"
        ));
    }
    // SAFETY: the version says that the table exists.
    if unsafe { (base.GetApi)(ort::sys::ORT_API_VERSION) }.is_null() {
        return Err(format!(
            "it is ONNX Runtime {version} and does not offer its C API {min_minor}"
        ));
    }
    Ok(version)
}
