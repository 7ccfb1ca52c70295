// SPDX-License-Identifier: MPL-2.0
//! Where a model comes from.

use std::fmt;
use std::path::PathBuf;

use bytes::Bytes;

use super::builtin::{BUILTIN, BUILTIN_FILE};
use crate::files::{self, FileError};
use crate::inference::cancel::CancelToken;
use crate::{onnx, paths};

/// Where a model comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelSource {
    /// An ONNX file.
    File(PathBuf),
    /// The model that the plugin carries, [`BUILTIN`].
    Builtin,
}

impl ModelSource {
    /// Reads the ONNX model itself, whatever network it holds.
    ///
    /// # Errors
    /// [`onnx::ReadError`] if the file cannot be read or is not a model.
    pub fn open(&self) -> Result<onnx::Model, onnx::ReadError> {
        onnx::Model::parse(self.contents(&CancelToken::default())?)
    }

    /// The contents of the file, without the data of its larger initializers, which are not read.
    pub(super) fn outline(&self, cancel: &CancelToken) -> Result<Bytes, FileError> {
        if let Self::File(path) = self {
            let is_cancelled = || cancel.is_cancelled();
            let (file, size) = files::open_cancellable(path, onnx::MAX_FILE, &is_cancelled)?;
            // Some file systems do not know a file's size.
            if size > 0
                && let Some(outline) = onnx::outline(file, size, &is_cancelled)?
            {
                return Ok(outline.into());
            }
        }
        // What is wrong with a malformed file is found when all of it is parsed.
        self.contents(cancel)
    }

    /// The contents of the file.
    pub(super) fn contents(&self, cancel: &CancelToken) -> Result<Bytes, FileError> {
        match self {
            Self::File(path) => {
                let is_cancelled = || cancel.is_cancelled();
                files::read_cancellable(path, onnx::MAX_FILE, &is_cancelled).map(Bytes::from)
            }
            Self::Builtin => Ok(Bytes::from_static(BUILTIN_FILE.unwrap_or_default())),
        }
    }
}

impl fmt::Display for ModelSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.write_str(&paths::escaped(path.as_os_str())),
            Self::Builtin => f.write_str(BUILTIN),
        }
    }
}
