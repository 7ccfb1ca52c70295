// SPDX-License-Identifier: MPL-2.0
//! The parts of ONNX's file format that this project reads and writes.
//!
//! Field numbers are those of `onnx.proto` (ONNX IR version 10). Fields that are not declared here are
//! skipped when a file is read. Tensor data is [`bytes::Bytes`], which shares the file's memory.

mod display;
mod external;
mod outline;
mod read;
mod schema;
mod values;

pub use display::type_name;
pub use external::external_files;
pub use outline::{MAX_OUTLINE_DATA, outline};
pub use read::{CONTRACT_KEY, MAX_FILE, ReadError};
pub use schema::{
    Attribute, Dimension, DimensionValue, Function, Graph, Model, Node, OperatorSet, Shape,
    StringEntry, Tensor, TensorType, Type, ValueInfo, attribute_type, data_type,
};
