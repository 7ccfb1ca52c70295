// SPDX-License-Identifier: MPL-2.0
//! The description of a model, before there is a session for it.

use std::path::PathBuf;

use super::builtin::BUILTIN_FILE;
use super::contract::{Contract, MAX_SIDE, Sides};
use super::error::ModelError;
use super::external::external_files;
use super::overrides::ModelOverrides;
use super::signature::Signature;
use super::source::ModelSource;
use super::ultralytics;
use crate::inference::cancel::CancelToken;
use crate::onnx::{self, CONTRACT_KEY};
use crate::preprocess::Target;
use crate::text;

/// How the size of a model's input is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SizeSource {
    /// From its graph, its contract, or [`ModelOverrides`].
    Known,
    /// It is not: it is assumed to be square, 224 pixels wide unless one side is known.
    Assumed,
}

/// The description of a model, read from its file. The weights are not part of it.
#[derive(Debug, Clone)]
pub struct Model {
    /// Where it comes from.
    pub source: ModelSource,
    /// Its input and outputs.
    pub signature: Signature,
    /// Its description of itself.
    pub contract: Contract,
    /// Width of its input in pixels.
    pub width: u32,
    /// Height of its input in pixels.
    pub height: u32,
    /// The files beside it with its external data.
    pub external: Vec<PathBuf>,
    /// How the size of its input is known.
    pub size: SizeSource,
    /// Notes on what of its metadata is invalid and ignored, as sentences.
    pub notes: Vec<String>,
    /// What the user has set.
    pub overrides: ModelOverrides,
}

impl Model {
    /// Reads a model's graph and contract.
    ///
    /// # Errors
    /// [`ModelError`], saying what was expected and what was found.
    pub fn read(source: ModelSource) -> Result<Self, ModelError> {
        Self::read_cancellable(source, &CancelToken::default())
    }

    /// [`Self::read`], which another thread can cancel.
    ///
    /// # Errors
    /// [`ModelError`].
    pub(in crate::inference) fn read_cancellable(
        source: ModelSource,
        cancel: &CancelToken,
    ) -> Result<Self, ModelError> {
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
        let contents = source.outline(cancel).map_err(|e| unusable(e.into()))?;
        let file = onnx::Model::parse(contents.clone()).map_err(unusable)?;
        let external = external_files(&source, contents)?;

        let signature = Signature::of(&file).map_err(|error| ModelError::WrongShape {
            model: source.clone(),
            error,
        })?;
        let contract = match (file.metadata(CONTRACT_KEY), &source) {
            (Some(json), _) => Contract::from_json(json),
            (None, ModelSource::File(path)) => {
                let is_cancelled = || cancel.is_cancelled();
                Contract::from_modelinfo_cancellable(path, &signature.input, &is_cancelled)
                    .map(Option::unwrap_or_default)
            }
            (None, ModelSource::Builtin) => Ok(Contract::default()),
        };
        let contract = contract.map_err(|error| ModelError::Contract {
            model: source.clone(),
            error,
        })?;
        let (exported, notes) = ultralytics::contract(&file);
        let contract = contract.or(exported);
        Self {
            source,
            signature,
            contract,
            width: 0,
            height: 0,
            external,
            size: SizeSource::Known,
            notes,
            overrides: ModelOverrides::default(),
        }
        .sized()
    }

    /// The same model with what the user sets.
    ///
    /// # Errors
    /// [`ModelError::Override`] for what does not fit the model, [`ModelError::TooLarge`].
    pub fn with(mut self, overrides: ModelOverrides) -> Result<Self, ModelError> {
        let refuse = |property, found, expected| {
            Err(ModelError::Override {
                property,
                found,
                expected,
            })
        };
        let outputs = &self.signature.outputs;
        if let Some(name) = &overrides.output
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
        for (property, value, own) in [
            ("width", overrides.width, self.signature.width),
            ("height", overrides.height, self.signature.height),
        ] {
            if let Some(own) = own
                && value != 0
                && u64::from(value) != own
            {
                let expected = format!("{own}, which is what the model takes, or 0");
                return refuse(property, value.to_string(), expected);
            }
        }
        self.overrides = overrides;
        self.sized()
    }

    /// Determines the size of its input.
    fn sized(mut self) -> Result<Self, ModelError> {
        // What the graph leaves open is as the user sets it, else as in the contract.
        let set = |value: u32| (value != 0).then_some(u64::from(value));
        let crop = self.contract.crop.map(Sides::height_and_width);
        let crop = crop.map(|sides| sides.map(u64::from));
        let side = |own: Option<u64>, value: u32, crop: Option<u64>| own.or(set(value)).or(crop);
        let overrides = &self.overrides;
        let width = side(self.signature.width, overrides.width, crop.map(|c| c[1]));
        let height = side(self.signature.height, overrides.height, crop.map(|c| c[0]));
        self.size = match (width, height) {
            (Some(_), Some(_)) => SizeSource::Known,
            _ => SizeSource::Assumed,
        };
        // If only one side is known, the input is square; 224 is what nearly every classifier takes.
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

    /// The pre-processing that its contract asks for.
    pub fn target(&self) -> Target {
        let Signature {
            layout, element, ..
        } = self.signature;
        self.contract
            .target(self.width, self.height, layout, element)
    }

    /// The contents of its ONNX file, for a model that is not read from a file.
    pub(in crate::inference) fn embedded(&self) -> Option<&'static [u8]> {
        match self.source {
            ModelSource::Builtin => BUILTIN_FILE,
            ModelSource::File(_) => None,
        }
    }
}
