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
//! A pickle is a program, and loading one with Python runs it. Here it is only looked at: an
//! interpreter that knows tuples, dicts and tensors builds those, passes over what is known to be
//! other data, and refuses by its name whatever else the program asks for.
//!
//! The file lies in memory once; the tensors of a [`StateDict`] are views into it. What is built
//! next to it is bounded by a constant, whatever the file says about sizes.

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

/// Bytes of the largest file that is read: a checkpoint of ResNet50 with an optimizer's state has
/// about 300 MB.
pub const MAX_FILE: u64 = 4 << 30;

/// Bytes of the largest pickle or header, the part of a file that is parsed: ResNet50's have about
/// 50 kB.
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
