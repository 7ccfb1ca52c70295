// SPDX-License-Identifier: MPL-2.0
//! Why a model cannot be used.

use std::path::PathBuf;

use super::builtin::did_you_mean;
use super::contract::ContractError;
#[cfg(doc)]
use super::overrides::ModelOverrides;
use super::signature::SignatureError;
use super::source::ModelSource;
use crate::files::FileError;
use crate::{onnx, paths};

/// Why a model cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// No model was named and none is installed.
    #[error("no model: the property “model” and $RESNET50_MODEL are not set, and no ResNet50 v1.5 is installed{}", .0.as_ref().map(|p| format!(" as “{}”", p.display())).unwrap_or_default())]
    None(Option<PathBuf>),
    /// There is no such built-in model.
    #[error("there is no built-in model “{0}”")]
    UnknownBuiltin(String),
    /// The file cannot be read.
    #[error(
        "model file {} cannot be read: {error}{}",
        paths::quoted_with_folder(path),
        did_you_mean(path, error)
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        error: FileError,
    },
    /// A file with its external data cannot be read.
    #[error(
        "model “{model}” cannot be used: its external data “{}” cannot be read: {error}",
        paths::escaped(path.as_os_str())
    )]
    External {
        /// The model.
        model: ModelSource,
        /// The file with the external data.
        path: PathBuf,
        /// The reason.
        error: FileError,
    },
    /// Its external data is outside the model's folder.
    #[error(
        "model “{model}” cannot be used: its external data “{place}” is not in the model's folder"
    )]
    ExternalOutside {
        /// The model.
        model: ModelSource,
        /// Its location as the model has it, escaped.
        place: String,
    },
    /// The file is not a model.
    #[error("model “{model}” cannot be used: {error}")]
    NotAModel {
        /// The model.
        model: ModelSource,
        /// The reason.
        error: onnx::ReadError,
    },
    /// The model is not an image classifier.
    #[error("model “{model}” cannot be used: {error}")]
    WrongShape {
        /// The model.
        model: ModelSource,
        /// The reason.
        error: SignatureError,
    },
    /// The model's contract is invalid.
    #[error("model “{model}” cannot be used: {error}")]
    Contract {
        /// The model.
        model: ModelSource,
        /// The reason.
        error: ContractError,
    },
    /// One of the user's [`ModelOverrides`] does not fit the model.
    #[error("property “{property}” is {found}, and must be {expected}")]
    Override {
        /// The field of [`ModelOverrides`], which is also the name of the property.
        property: &'static str,
        /// Its value.
        found: String,
        /// The valid values, as part of a sentence.
        expected: String,
    },
    /// The input is larger than is supported.
    #[error(
        "model “{model}” cannot be used: its input is {width}x{height}, and 8192x8192 is the most"
    )]
    TooLarge {
        /// The model.
        model: ModelSource,
        /// Width of the input in pixels.
        width: u64,
        /// Height of the input in pixels.
        height: u64,
    },
}

impl ModelError {
    /// Whether reading was cancelled, which is not an error of the model.
    pub fn is_cancelled(&self) -> bool {
        match self {
            Self::Read { error, .. } | Self::External { error, .. } => {
                matches!(error, FileError::Cancelled)
            }
            _ => false,
        }
    }
}
