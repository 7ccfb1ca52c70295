// SPDX-License-Identifier: MPL-2.0
//! Reading a model from its file.

use std::path::Path;

use bytes::Bytes;
use prost::Message;

use super::schema::Model;
use crate::files::{self, FileError};
use crate::text;

/// The metadata property that holds a model's contract, as JSON.
pub const CONTRACT_KEY: &str = "resnet50.contract";

/// The maximum size of a file in bytes, which is that of a protobuf message. Larger models have their
/// weights in files beside it.
pub const MAX_FILE: u64 = i32::MAX as u64;

/// Why a file is not an ONNX model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The file cannot be read.
    #[error("{0}")]
    File(#[from] FileError),
    /// Its contents are not a protobuf message of a model.
    #[error("it is not an ONNX model, or it is truncated ({})", text::message(&.0.to_string()))]
    Decode(#[from] prost::DecodeError),
    /// It is a protobuf message, but lacks what every model has.
    #[error("it is not an ONNX model: {0}")]
    NotAModel(&'static str),
}

impl Model {
    /// Reads a file.
    ///
    /// # Errors
    /// [`ReadError`] if the file cannot be read or is not a model.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        Self::parse(files::read(path, MAX_FILE)?.into())
    }

    /// Parses the contents of a file.
    ///
    /// # Errors
    /// [`ReadError`] if it is not a model.
    pub fn parse(contents: Bytes) -> Result<Self, ReadError> {
        if contents.is_empty() {
            return Err(ReadError::NotAModel("the file is empty"));
        }
        let model = Self::decode(contents)?;
        match &model.graph {
            None => Err(ReadError::NotAModel("it has no graph")),
            Some(graph) if graph.output.is_empty() => {
                Err(ReadError::NotAModel("its graph has no output"))
            }
            Some(_) => Ok(model),
        }
    }

    /// The value of the metadata property `key`. The last one counts, so that a file's contract can be
    /// replaced by appending another one.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        let mut entries = self.metadata_props.iter().rev();
        entries.find(|e| e.key == key).map(|e| e.value.as_str())
    }
}
