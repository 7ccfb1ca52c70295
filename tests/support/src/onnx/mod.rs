// SPDX-License-Identifier: MPL-2.0
//! Tiny ONNX models, made as they are needed. All of them are written as text.

mod external;
mod net;
mod odd;
mod text;
mod toy;
mod whim;

use std::path::{Path, PathBuf};

use gstresnet50::onnx::Model;
use prost::Message;

pub use external::{write_external, write_logits};
pub use net::Net;
pub use odd::{
    boxes, empty_batch, four_channels, integers, logarithm, no_classes, rank_two, standardized,
    two_inputs, unknown_operation,
};
pub use toy::Toy;
pub use whim::Whim;

/// A dimension that the model leaves free.
pub const FREE: i64 = -1;

/// Writes a model as `folder/name` and returns the path.
pub fn write(model: &Model, folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, model.encode_to_vec()).expect("a model file");
    path
}
