// SPDX-License-Identifier: MPL-2.0
//! Published weights: files with the parameters of a network, as PyTorch and Hugging Face write
//! them.
//!
//! [`read`] tells the format from the content, never from the name:
//!
//! - what `torch.save` writes since 1.6: a zip archive with a pickle and the raw storages;
//! - what it wrote before: pickles in a row, and the raw storages behind them;
//! - safetensors.
//!
//! A pickle is a program, and Python executes it on loading. Here nothing is executed: an interpreter
//! that knows only tuples, dicts and tensors builds those, skips other known data, and refuses anything
//! else by its name.
//!
//! The file is in memory once; the tensors of a [`StateDict`] are views into it. All other memory has a
//! constant limit, whatever sizes the file claims.

mod error;
mod foreign;
mod names;
mod pickle;
mod safetensors;
mod state_dict;
mod torch_legacy;
mod torch_object;
mod torch_zip;

use std::path::Path;

use bytes::Bytes;

use crate::files;

pub use error::{Mismatch, WeightsError};
pub use names::{Naming, ResNet50Weights};
pub use state_dict::{DType, StateDict, Tensor};

/// The maximum size of a file in bytes. A checkpoint of ResNet50 with the state of an optimizer has about
/// 300 MB.
pub const MAX_FILE: u64 = 4 << 30;

/// The maximum size in bytes of a pickle or header, the part of a file that is parsed. Those of ResNet50
/// have about 50 kB.
const MAX_HEADER: usize = 16 << 20;

/// Reads the tensors of a file.
///
/// # Errors
/// [`WeightsError`] if the file cannot be read, is of none of the formats, or contradicts itself.
pub fn read(path: impl AsRef<Path>) -> Result<StateDict, WeightsError> {
    let path = path.as_ref();
    let bytes = files::read(path, MAX_FILE).map_err(|source| WeightsError::Io {
        path: path.to_owned(),
        source,
    })?;
    parse(bytes.into())
}

/// Reads the tensors of a file that is in memory.
///
/// # Errors
/// [`WeightsError`] if it is of none of the formats, or contradicts itself.
pub fn parse(file: Bytes) -> Result<StateDict, WeightsError> {
    // First, for the length that it begins with may look like the others' signatures.
    let dict = if safetensors::is(&file) {
        safetensors::read(&file)?
    } else if file.starts_with(b"PK\x03\x04") {
        torch_zip::read(&file)?
    } else if file.first() == Some(&0x80) {
        torch_legacy::read(&file)?
    } else if file.get(257..262) == Some(b"ustar") {
        return Err(WeightsError::TorchTar);
    } else {
        return Err(WeightsError::UnknownFormat {
            start: file[..file.len().min(16)].escape_ascii().to_string(),
        });
    };
    Ok(dict.without_prefix())
}
