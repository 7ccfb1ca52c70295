// SPDX-License-Identifier: MPL-2.0
//! The files with a model's external data.

use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::error::ModelError;
use super::source::ModelSource;
use crate::{files, onnx, text};

/// The maximum size of a file with external data, in bytes.
const MAX_EXTERNAL_SIZE: u64 = 64 << 30;

/// The files with a model's external data. Each is checked before ONNX Runtime opens it, which would
/// wait for a FIFO for ever.
///
/// # Errors
/// [`ModelError::External`], [`ModelError::ExternalOutside`].
pub(super) fn external_files(
    source: &ModelSource,
    contents: Bytes,
) -> Result<Vec<PathBuf>, ModelError> {
    let ModelSource::File(path) = source else {
        return Ok(Vec::new());
    };
    let files = onnx::external_files(contents).map_err(|place| ModelError::ExternalOutside {
        model: source.clone(),
        place: text::name(&place.to_string_lossy()).to_string(),
    })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    // If the model is a link, its data may be beside the file that the link leads to.
    let real = path.canonicalize().unwrap_or_default();
    let files = files.into_iter().map(|file| {
        let beside = folder.join(&file);
        let beside_real = real.parent().map(|folder| folder.join(&file));
        match beside_real {
            Some(other) if !beside.exists() && other.exists() => other,
            _ => beside,
        }
    });
    let files: Vec<PathBuf> = files.collect();
    for file in &files {
        files::check(file, MAX_EXTERNAL_SIZE).map_err(|error| ModelError::External {
            model: source.clone(),
            path: file.clone(),
            error,
        })?;
    }
    Ok(files)
}
