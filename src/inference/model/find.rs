// SPDX-License-Identifier: MPL-2.0
//! Which model the property `model` stands for.

use std::ffi::OsStr;

use super::builtin::{BUILTIN, BUILTIN_FILE};
use super::error::ModelError;
use super::source::ModelSource;
use crate::paths;

/// The model that a value of the property `model` stands for: a path of any bytes, a `file:///` URI,
/// or [`BUILTIN`]. If it is unset or empty, `$RESNET50_MODEL` counts, which may hold the same, and
/// else the installed ResNet50 v1.5.
///
/// # Errors
/// [`ModelError::None`] or [`ModelError::UnknownBuiltin`].
pub fn find_model(property: Option<&OsStr>) -> Result<ModelSource, ModelError> {
    let variable = || std::env::var_os("RESNET50_MODEL").filter(|v| !v.is_empty());
    let named = property.filter(|p| !p.is_empty()).map(OsStr::to_owned);
    match named.or_else(variable) {
        Some(name) if name == BUILTIN && BUILTIN_FILE.is_some() => Ok(ModelSource::Builtin),
        Some(name) if name.as_encoded_bytes().starts_with(b"builtin:") => {
            Err(ModelError::UnknownBuiltin(paths::escaped(&name)))
        }
        Some(name) => Ok(ModelSource::File(paths::from_path_or_uri(&name))),
        None => {
            let installed = paths::installed_model();
            match installed {
                Some(path) if path.is_file() => Ok(ModelSource::File(path)),
                installed => Err(ModelError::None(installed)),
            }
        }
    }
}
