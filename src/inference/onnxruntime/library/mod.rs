// SPDX-License-Identifier: MPL-2.0
//! Finds the ONNX Runtime library.

mod candidate;
mod choice;
mod file_name;
mod probe;
mod search;
mod system;

use std::path::{Path, PathBuf};

pub use candidate::{LibraryCandidate, LibraryOrigin};
pub(super) use choice::{Choice, choose};
pub use probe::probe_library;

/// The libraries to try, in the order of preference. `library` is the user's own choice, `folders`
/// are those of the plugin and of the program.
///
/// 1. `library`;
/// 2. `$ORT_DYLIB_PATH`;
/// 3. each of `folders`;
/// 4. the Python package onnxruntime beside ours, if one of `folders` is in our Python package;
/// 5. the user's data folder, and in its folder `runtime` those named `cpu`, `openvino`, `cuda` and
///    otherwise;
/// 6. each folder of `$LD_LIBRARY_PATH`;
/// 7. the folders of the system's libraries, of all the newest first;
/// 8. what the system's loader finds by name.
///
/// If one of the first two is set, there is no other candidate. In a folder the library without a
/// version in its name comes first, then the newest one. A library that is too old by its name is
/// not loaded.
pub fn library_candidates(library: Option<&Path>, folders: &[PathBuf]) -> Vec<LibraryCandidate> {
    search::Places::new().candidates(library, folders)
}
