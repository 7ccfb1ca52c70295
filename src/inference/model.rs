// SPDX-License-Identifier: MPL-2.0
//! The model's file and what is known of it before a session is made.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::cancel::Cancel;
use super::contract::{Contract, ContractError, MAX_SIDE, Sides};
use super::exporter;
use super::signature::{Signature, SignatureError};
use crate::files::{self, FileError};
use crate::onnx::{self, CONTRACT_KEY};
use crate::paths;
use crate::preprocess::Target;
use crate::text;

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
        onnx::Model::parse(self.contents(&Cancel::default())?)
    }

    /// What is in the file.
    fn contents(&self, cancel: &Cancel) -> Result<Bytes, FileError> {
        match self {
            Self::File(path) => {
                let is_cancelled = || cancel.is_cancelled();
                files::read_unless(path, onnx::MAX_FILE, &is_cancelled).map(Bytes::from)
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
    #[error(
        "model file {} cannot be read: {error}{}",
        paths::looked_for(path),
        meant(path, error)
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: FileError,
    },
    /// A file beside it, in which its weights are, cannot be read.
    #[error(
        "model “{model}” cannot be used: its external data “{}” cannot be read: {error}",
        paths::escaped(path.as_os_str())
    )]
    External {
        /// The model.
        model: ModelSource,
        /// The file with the weights.
        path: PathBuf,
        /// Why not.
        error: FileError,
    },
    /// Its weights are said to be somewhere else than beside it.
    #[error(
        "model “{model}” cannot be used: its external data “{place}” is not in the model's folder"
    )]
    ExternalOutside {
        /// The model.
        model: ModelSource,
        /// Where they are said to be, fit to be shown.
        place: String,
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
    /// It cannot be what is asked for.
    #[error("property “{wish}” is {found}, and must be {expected}")]
    Wish {
        /// The field of [`Wishes`], which is the property's name too.
        wish: &'static str,
        /// What it is.
        found: String,
        /// What it must be.
        expected: String,
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

impl ModelError {
    /// Whether it is none at all: nobody waits for the model any more.
    pub fn is_cancelled(&self) -> bool {
        match self {
            Self::Read { error, .. } | Self::External { error, .. } => {
                matches!(error, FileError::Cancelled)
            }
            _ => false,
        }
    }
}

/// What was probably meant by the name of a file that is not there, as the end of a sentence.
pub fn meant(path: &Path, error: &FileError) -> &'static str {
    let name = path
        .to_string_lossy()
        .to_ascii_lowercase()
        .replace('_', "-");
    let name = name.strip_prefix("builtin:").unwrap_or(&name);
    let tail = BUILTIN.trim_start_matches("builtin:");
    let is_meant = name == tail || name == "builtin" || name.strip_suffix(".onnx") == Some(tail);
    match is_meant && error.is_not_found() {
        true => "; did you mean “builtin:efficientnet-lite0”, the model that the plugin carries?",
        false => "",
    }
}

/// Which model a value of the property `model` means: a path of any bytes, the `file:///` URI of a
/// file, or [`BUILTIN`]; unset or empty, `$RESNET50_MODEL`, of which the same is true, or the
/// installed ResNet50 v1.5.
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
        Some(name) => Ok(ModelSource::File(paths::named(&name))),
        None => {
            let installed = paths::installed_model();
            match installed {
                Some(path) if path.is_file() => Ok(ModelSource::File(path)),
                installed => Err(ModelError::None(installed)),
            }
        }
    }
}

/// What a user asks of a model beyond what it says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wishes {
    /// The name of the output that is to be read; by itself the one that seems to hold the classes.
    pub output: Option<String>,
    /// Columns of an input whose size the graph leaves open; 0: as its contract says.
    pub width: u32,
    /// Rows of it.
    pub height: u32,
    /// How many labels there are, which tells several outputs apart.
    pub labels: Option<usize>,
}

/// Where the size of a model's input comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SizeSource {
    /// Its graph, its description, or [`Wishes`].
    Said,
    /// Nothing says it: it is what most classifiers take, or as wide as it is high.
    Guessed,
}

/// A model that has been read and understood.
#[derive(Debug, Clone)]
pub struct Model {
    /// Where it comes from.
    pub source: ModelSource,
    /// Its input and outputs.
    pub signature: Signature,
    /// What it says of itself.
    pub contract: Contract,
    /// Columns of its input.
    pub width: u32,
    /// Rows of its input.
    pub height: u32,
    /// Files beside it that its weights are in.
    pub external: Vec<PathBuf>,
    /// Where its size comes from.
    pub size: SizeSource,
    /// What of its description is not understood, and does not count.
    pub notes: Vec<String>,
    /// What is asked of it.
    pub wishes: Wishes,
}

impl Model {
    /// Reads a model's graph and contract.
    ///
    /// # Errors
    /// [`ModelError`], saying what was expected and what was found.
    pub fn read(source: ModelSource) -> Result<Self, ModelError> {
        Self::read_unless(source, &Cancel::default())
    }

    /// The same, which another thread can end.
    ///
    /// # Errors
    /// [`ModelError`].
    pub(super) fn read_unless(source: ModelSource, cancel: &Cancel) -> Result<Self, ModelError> {
        let unusable = |error| match (&source, error) {
            (ModelSource::File(path), onnx::ReadError::File(error)) => ModelError::Read {
                path: path.clone(),
                error,
            },
            (_, error) => ModelError::NotAModel {
                model: source.clone(),
                error,
            },
        };
        let contents = source.contents(cancel).map_err(|e| unusable(e.into()))?;
        let file = onnx::Model::parse(contents.clone()).map_err(unusable)?;
        let external = external(&source, contents)?;

        let signature = Signature::of(&file).map_err(|error| ModelError::WrongShape {
            model: source.clone(),
            error,
        })?;
        let contract = match (file.metadata(CONTRACT_KEY), &source) {
            (Some(json), _) => Contract::from_json(json),
            (None, ModelSource::File(path)) => {
                let is_cancelled = || cancel.is_cancelled();
                Contract::from_modelinfo_unless(path, &signature.input, &is_cancelled)
                    .map(Option::unwrap_or_default)
            }
            (None, ModelSource::Builtin) => Ok(Contract::default()),
        };
        let contract = contract.map_err(|error| ModelError::Contract {
            model: source.clone(),
            error,
        })?;
        let (exporters, notes) = exporter::contract(&file);
        let contract = contract.or(exporters);
        Self {
            source,
            signature,
            contract,
            width: 0,
            height: 0,
            external,
            size: SizeSource::Said,
            notes,
            wishes: Wishes::default(),
        }
        .sized()
    }

    /// The same model as somebody wishes it to be.
    ///
    /// # Errors
    /// [`ModelError::Wish`] for what it cannot be, [`ModelError::TooLarge`].
    pub fn with(mut self, wishes: Wishes) -> Result<Self, ModelError> {
        let refuse = |wish, found, expected| {
            Err(ModelError::Wish {
                wish,
                found,
                expected,
            })
        };
        let outputs = &self.signature.outputs;
        if let Some(name) = &wishes.output
            && !outputs.iter().any(|o| o.name == *name)
        {
            let names: Vec<_> = outputs
                .iter()
                .take(16)
                .map(|o| format!("“{}”", text::name(&o.name)))
                .collect();
            let expected = format!("one of the model's outputs: {}", names.join(", "));
            return refuse("output", format!("“{}”", text::name(name)), expected);
        }
        for (wish, value, own) in [
            ("width", wishes.width, self.signature.width),
            ("height", wishes.height, self.signature.height),
        ] {
            if let Some(own) = own
                && value != 0
                && u64::from(value) != own
            {
                let expected = format!("{own}, which is what the model takes, or 0");
                return refuse(wish, value.to_string(), expected);
            }
        }
        self.wishes = wishes;
        self.sized()
    }

    /// Finds out how large its input is.
    fn sized(mut self) -> Result<Self, ModelError> {
        // What the graph leaves open is as the user says, else as the contract does.
        let said = |wish: u32| (wish != 0).then_some(u64::from(wish));
        let crop = self.contract.crop.map(Sides::height_and_width);
        let crop = crop.map(|sides| sides.map(u64::from));
        let one = |own: Option<u64>, wish: u32, crop: Option<u64>| own.or(said(wish)).or(crop);
        let wishes = &self.wishes;
        let width = one(self.signature.width, wishes.width, crop.map(|c| c[1]));
        let height = one(self.signature.height, wishes.height, crop.map(|c| c[0]));
        self.size = match (width, height) {
            (Some(_), Some(_)) => SizeSource::Said,
            _ => SizeSource::Guessed,
        };
        // One side is like the other; without either it is that of nearly every classifier.
        let (width, height) = (
            width.or(height).unwrap_or(224),
            height.or(width).unwrap_or(224),
        );
        if width.max(height) > u64::from(MAX_SIDE) {
            return Err(ModelError::TooLarge {
                model: self.source,
                width,
                height,
            });
        }
        (self.width, self.height) = (width as u32, height as u32);
        Ok(self)
    }

    /// What its contract asks of pre-processing.
    pub fn target(&self) -> Target {
        let Signature {
            layout, element, ..
        } = self.signature;
        self.contract
            .target(self.width, self.height, layout, element)
    }

    /// The file's contents, for a model that is no file.
    pub(super) fn embedded(&self) -> Option<&'static [u8]> {
        match self.source {
            ModelSource::Builtin => BUILTIN_FILE,
            ModelSource::File(_) => None,
        }
    }
}

/// Bytes of the largest file of external data that ONNX Runtime is given.
const MAX_EXTERNAL: u64 = 64 << 30;

/// The files that a model's weights are in beside its own. Each is looked at before ONNX Runtime
/// is, which would wait for a FIFO for ever.
fn external(source: &ModelSource, contents: Bytes) -> Result<Vec<PathBuf>, ModelError> {
    let ModelSource::File(path) = source else {
        return Ok(Vec::new());
    };
    let files = onnx::external_files(contents).map_err(|place| ModelError::ExternalOutside {
        model: source.clone(),
        place: text::name(&place.to_string_lossy()).to_string(),
    })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    // Where the model is a link, its weights may lie beside what it leads to.
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
        files::check(file, MAX_EXTERNAL).map_err(|error| ModelError::External {
            model: source.clone(),
            path: file.clone(),
            error,
        })?;
    }
    Ok(files)
}
