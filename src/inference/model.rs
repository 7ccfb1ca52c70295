// SPDX-License-Identifier: MPL-2.0
//! The model's file and what is known of it before a session is made.

use std::fmt;
use std::path::PathBuf;

use bytes::Bytes;

use super::contract::{Contract, ContractError, MAX_SIDE, OutputKind, Sides};
use super::signature::{Signature, SignatureError};
use crate::onnx::{self, CONTRACT_KEY};
use crate::paths;
use crate::preprocess::Target;

/// The model that the plugin carries.
pub const BUILTIN: &str = "builtin:efficientnet-lite0";

#[cfg(feature = "builtin-model")]
const BUILTIN_FILE: Option<&[u8]> = Some(include_bytes!(
    "../../plugin-meta/efficientnet-lite0-int8.onnx"
));
#[cfg(not(feature = "builtin-model"))]
const BUILTIN_FILE: Option<&[u8]> = None;

/// Where a model comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelSource {
    /// A file.
    File(PathBuf),
    /// [`BUILTIN`].
    Builtin,
}

impl ModelSource {
    /// Reads the ONNX model itself, with whatever is in it.
    ///
    /// # Errors
    /// [`onnx::ReadError`], for a file that cannot be read or is no model.
    pub fn open(&self) -> Result<onnx::Model, onnx::ReadError> {
        match self {
            Self::File(path) => onnx::Model::read(path),
            Self::Builtin => {
                onnx::Model::parse(Bytes::from_static(BUILTIN_FILE.unwrap_or_default()))
            }
        }
    }
}

impl fmt::Display for ModelSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Builtin => f.write_str(BUILTIN),
        }
    }
}

/// Why a model cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// No model was named and none is installed.
    #[error("no model: the property “model” and $RESNET50_MODEL are not set, and no ResNet50 v1.5 is installed{}", .0.as_ref().map(|p| format!(" as “{}”", p.display())).unwrap_or_default())]
    None(Option<PathBuf>),
    /// A `builtin:` that does not exist.
    #[error("there is no built-in model “{0}”")]
    UnknownBuiltin(String),
    /// The file cannot be read.
    #[error("model file “{path}” cannot be read: {error}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// The file is not a model.
    #[error("model “{model}” cannot be used: {error}")]
    NotAModel {
        /// The model.
        model: ModelSource,
        /// Why not.
        error: onnx::ReadError,
    },
    /// The model is no image classifier.
    #[error("model “{model}” cannot be used: {error}")]
    WrongShape {
        /// The model.
        model: ModelSource,
        /// Why not.
        error: SignatureError,
    },
    /// The model's description of itself is not understood.
    #[error("model “{model}” cannot be used: {error}")]
    Contract {
        /// The model.
        model: ModelSource,
        /// Why not.
        error: ContractError,
    },
    /// The tensor would be larger than any picture.
    #[error(
        "model “{model}” cannot be used: its input is {width}x{height}, and 8192x8192 is the most"
    )]
    TooLarge {
        /// The model.
        model: ModelSource,
        /// Columns.
        width: u64,
        /// Rows.
        height: u64,
    },
}

/// Which model a value of the property `model` means: unset or empty, `$RESNET50_MODEL` or the
/// installed ResNet50 v1.5.
///
/// # Errors
/// [`ModelError::None`] or [`ModelError::UnknownBuiltin`].
pub fn find_model(property: Option<&str>) -> Result<ModelSource, ModelError> {
    let variable = || {
        std::env::var("RESNET50_MODEL")
            .ok()
            .filter(|v| !v.is_empty())
    };
    let named = property.filter(|p| !p.is_empty()).map(str::to_owned);
    match named.or_else(variable) {
        Some(name) if name == BUILTIN && BUILTIN_FILE.is_some() => Ok(ModelSource::Builtin),
        Some(name) if name.starts_with("builtin:") => Err(ModelError::UnknownBuiltin(name)),
        Some(path) => Ok(ModelSource::File(path.into())),
        None => {
            let installed = paths::installed_model();
            match installed {
                Some(path) if path.is_file() => Ok(ModelSource::File(path)),
                installed => Err(ModelError::None(installed)),
            }
        }
    }
}

/// A model that has been read and understood.
#[derive(Debug, Clone)]
pub struct Model {
    /// Where it comes from.
    pub source: ModelSource,
    /// Its input and output.
    pub signature: Signature,
    /// What it says of itself.
    pub contract: Contract,
    /// Columns of its input.
    pub width: u32,
    /// Rows of its input.
    pub height: u32,
}

impl Model {
    /// Reads a model's graph and contract.
    ///
    /// # Errors
    /// [`ModelError`], saying what was expected and what was found.
    pub fn read(source: ModelSource) -> Result<Self, ModelError> {
        let file = source.open().map_err(|error| match (&source, error) {
            (ModelSource::File(path), onnx::ReadError::Io(error)) => ModelError::Read {
                path: path.clone(),
                error,
            },
            (_, error) => ModelError::NotAModel {
                model: source.clone(),
                error,
            },
        })?;

        let graph = file.graph.as_ref().expect("a parsed model has a graph");
        let signature = Signature::of(graph).map_err(|error| ModelError::WrongShape {
            model: source.clone(),
            error,
        })?;
        let contract = match (file.metadata(CONTRACT_KEY), &source) {
            (Some(json), _) => Contract::from_json(json),
            (None, ModelSource::File(path)) => {
                Contract::from_modelinfo(path, &signature.input).map(Option::unwrap_or_default)
            }
            (None, ModelSource::Builtin) => Ok(Contract::default()),
        };
        let contract = contract.map_err(|error| ModelError::Contract {
            model: source.clone(),
            error,
        })?;

        // A free size is the contract's, else that of nearly every classifier.
        let crop = contract.crop.unwrap_or(Sides::One(224)).height_and_width();
        let side = |dim: Option<u64>, said: u32| dim.unwrap_or(said.into());
        let (width, height) = (
            side(signature.width, crop[1]),
            side(signature.height, crop[0]),
        );
        if width.max(height) > u64::from(MAX_SIDE) {
            return Err(ModelError::TooLarge {
                model: source,
                width,
                height,
            });
        }
        Ok(Self {
            source,
            signature,
            contract,
            width: width as u32,
            height: height as u32,
        })
    }

    /// What its contract asks of pre-processing.
    pub fn target(&self) -> Target {
        let Signature {
            layout, element, ..
        } = self.signature;
        self.contract
            .target(self.width, self.height, layout, element)
    }

    /// Whether its answers are logits or probabilities: as its contract says, else as its graph.
    pub fn output_kind(&self) -> OutputKind {
        self.contract.output.unwrap_or(self.signature.kind)
    }

    /// The file's contents, for a model that is no file.
    pub(super) fn embedded(&self) -> Option<&'static [u8]> {
        match self.source {
            ModelSource::Builtin => BUILTIN_FILE,
            ModelSource::File(_) => None,
        }
    }
}
