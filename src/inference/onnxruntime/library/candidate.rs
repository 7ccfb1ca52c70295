// SPDX-License-Identifier: MPL-2.0
//! A library that may be loaded.

use std::fmt;
use std::path::{Path, PathBuf};

use super::file_name::{self, is_too_old};
use crate::{files, paths};

/// Why a library is looked for where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LibraryOrigin {
    /// The property `runtime-library` names it.
    Property,
    /// `$ORT_DYLIB_PATH` names it.
    Variable,
    /// It is in the folder of the plugin, or of the program.
    Plugin,
    /// It is in the Python package onnxruntime that was installed together with the plugin.
    PythonPackage,
    /// It is in the user's data folder.
    DataFolder,
    /// It is in a folder of `$LD_LIBRARY_PATH`.
    LibraryPath,
    /// It is in a folder of the system's libraries.
    System,
    /// The system's loader is asked for its name.
    Loader,
}

impl LibraryOrigin {
    /// Whether nothing else is tried where there is such a library.
    pub fn is_demand(self) -> bool {
        matches!(self, Self::Property | Self::Variable)
    }
}

impl fmt::Display for LibraryOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Property => "runtime-library",
            Self::Variable => "ORT_DYLIB_PATH",
            Self::Plugin => "beside the plugin",
            Self::PythonPackage => "Python package",
            Self::DataFolder => "data folder",
            Self::LibraryPath => "LD_LIBRARY_PATH",
            Self::System => "system",
            Self::Loader => "system's loader",
        })
    }
}

/// A library that may be loaded.
#[derive(Debug, Clone)]
pub struct LibraryCandidate {
    /// Its file, or a name for the system's loader.
    pub path: PathBuf,
    /// Why it is a candidate.
    pub origin: LibraryOrigin,
    /// Why it cannot be used, as far as that is known without loading it.
    pub problem: Option<String>,
    /// Whether there is no such file, though this is where one belongs.
    pub is_missing: bool,
}

impl LibraryCandidate {
    /// The library of that path.
    pub(super) fn new(path: PathBuf, origin: LibraryOrigin) -> Self {
        let mut is_missing = false;
        // The system's loader would open anything, and wait for a FIFO's writer.
        let problem = match files::check(&path, u64::MAX) {
            _ if is_name(&path) => None,
            Ok(()) => None,
            Err(error) if error.is_not_found() => {
                is_missing = true;
                Some("no such file".into())
            }
            Err(error) => Some(error.to_string()),
        };
        Self {
            path,
            origin,
            problem,
            is_missing,
        }
    }

    /// A library in a folder, of which one that is too old by its name need not be loaded.
    pub(super) fn in_folder(library: file_name::Library, origin: LibraryOrigin) -> Self {
        let mut candidate = Self::new(library.path, origin);
        if let Some(version) = library.version.filter(is_too_old) {
            let reason = file_name::too_old(&version.to_string());
            candidate.problem.get_or_insert(reason);
        }
        candidate
    }

    /// A name that the system's loader is asked for.
    pub(super) fn loader(name: &str) -> Self {
        Self {
            path: name.into(),
            origin: LibraryOrigin::Loader,
            problem: None,
            is_missing: false,
        }
    }

    /// The path and where it comes from, for messages.
    pub fn place(&self) -> String {
        let name = match is_name(&self.path) {
            true => format!("“{}”", paths::escaped(self.path.as_os_str())),
            false => paths::quoted_with_folder(&self.path),
        };
        match self.origin {
            LibraryOrigin::Property | LibraryOrigin::Variable => format!("{} {name}", self.origin),
            LibraryOrigin::Loader => format!("the system's {name}"),
            _ => name,
        }
    }
}

/// Whether it is not a path, but a name for the system's loader.
pub(super) fn is_name(path: &Path) -> bool {
    path.components().count() == 1 && !path.is_absolute() && !path.exists()
}
