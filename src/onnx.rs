// SPDX-License-Identifier: MPL-2.0
//! The parts of ONNX's protobuf schema that this project reads and writes.
//!
//! Field numbers are those of `onnx.proto` (ONNX IR version 10). Fields that are not named here
//! are skipped when reading. Tensor data is [`Bytes`], which shares the file's memory.

mod external;

use std::collections::HashSet;
use std::fmt;
use std::path::Path;

use bytes::Bytes;
use prost::Message;

use crate::files::{self, FileError};
use crate::text;

pub use external::external_files;

/// The metadata property that holds a model's contract, as JSON.
pub const CONTRACT_KEY: &str = "resnet50.contract";

/// A whole file.
#[derive(Clone, PartialEq, Message)]
pub struct Model {
    /// Version of the format.
    #[prost(int64, tag = "1")]
    pub ir_version: i64,
    /// The program that wrote the file.
    #[prost(string, tag = "2")]
    pub producer_name: String,
    /// Its version.
    #[prost(string, tag = "3")]
    pub producer_version: String,
    /// The network.
    #[prost(message, optional, tag = "7")]
    pub graph: Option<Graph>,
    /// The operator sets it uses.
    #[prost(message, repeated, tag = "8")]
    pub opset_import: Vec<OperatorSet>,
    /// Named strings.
    #[prost(message, repeated, tag = "14")]
    pub metadata_props: Vec<StringEntry>,
    /// Operations that the file itself defines.
    #[prost(message, repeated, tag = "25")]
    pub functions: Vec<Function>,
}

/// A network.
#[derive(Clone, PartialEq, Message)]
pub struct Graph {
    /// Its operations, each after those that it depends on.
    #[prost(message, repeated, tag = "1")]
    pub node: Vec<Node>,
    /// Its name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Constants.
    #[prost(message, repeated, tag = "5")]
    pub initializer: Vec<Tensor>,
    /// What it takes; in old files the initializers are listed here too.
    #[prost(message, repeated, tag = "11")]
    pub input: Vec<ValueInfo>,
    /// What it gives.
    #[prost(message, repeated, tag = "12")]
    pub output: Vec<ValueInfo>,
    /// Types of values between them, where they are said.
    #[prost(message, repeated, tag = "13")]
    pub value_info: Vec<ValueInfo>,
}

/// An operation that is a network itself: nodes whose operator is its name and domain stand for it.
#[derive(Clone, PartialEq, Message)]
pub struct Function {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Names of its operands.
    #[prost(string, repeated, tag = "4")]
    pub input: Vec<String>,
    /// Names of its results.
    #[prost(string, repeated, tag = "5")]
    pub output: Vec<String>,
    /// Its operations, each after those that it depends on.
    #[prost(message, repeated, tag = "7")]
    pub node: Vec<Node>,
    /// The operator sets that they use.
    #[prost(message, repeated, tag = "9")]
    pub opset_import: Vec<OperatorSet>,
    /// The operator set that it belongs to.
    #[prost(string, tag = "10")]
    pub domain: String,
}

/// One operation.
#[derive(Clone, PartialEq, Message)]
pub struct Node {
    /// Names of its operands.
    #[prost(string, repeated, tag = "1")]
    pub input: Vec<String>,
    /// Names of its results.
    #[prost(string, repeated, tag = "2")]
    pub output: Vec<String>,
    /// Its name.
    #[prost(string, tag = "3")]
    pub name: String,
    /// What it does: `Conv`, `Softmax` …
    #[prost(string, tag = "4")]
    pub op_type: String,
    /// Its parameters.
    #[prost(message, repeated, tag = "5")]
    pub attribute: Vec<Attribute>,
    /// The operator set it comes from; empty for ONNX's own.
    #[prost(string, tag = "7")]
    pub domain: String,
}

/// A parameter of an operation.
#[derive(Clone, PartialEq, Message)]
pub struct Attribute {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The value of a float attribute.
    #[prost(float, tag = "2")]
    pub f: f32,
    /// The value of an integer attribute.
    #[prost(int64, tag = "3")]
    pub i: i64,
    /// The value of a tensor attribute.
    #[prost(message, optional, tag = "5")]
    pub t: Option<Tensor>,
    /// The value of a graph attribute: a branch, or the body of a loop.
    #[prost(message, optional, boxed, tag = "6")]
    pub g: Option<Box<Graph>>,
    /// The value of a list of floats.
    #[prost(float, repeated, tag = "7")]
    pub floats: Vec<f32>,
    /// The value of a list of integers.
    #[prost(int64, repeated, tag = "8")]
    pub ints: Vec<i64>,
    /// [`attribute_type`].
    #[prost(int32, tag = "20")]
    pub r#type: i32,
}

/// Types of an [`Attribute`].
pub mod attribute_type {
    /// A float in `f`.
    pub const FLOAT: i32 = 1;
    /// An integer in `i`.
    pub const INT: i32 = 2;
    /// A tensor in `t`.
    pub const TENSOR: i32 = 4;
    /// A graph in `g`.
    pub const GRAPH: i32 = 5;
    /// Integers in `ints`.
    pub const INTS: i32 = 7;
}

/// Types of a tensor's elements (`TensorProto.DataType`).
pub mod data_type {
    /// None is said.
    pub const UNDEFINED: i32 = 0;
    /// 32-bit float.
    pub const FLOAT: i32 = 1;
    /// Unsigned byte.
    pub const UINT8: i32 = 2;
    /// Signed byte.
    pub const INT8: i32 = 3;
    /// 32-bit integer.
    pub const INT32: i32 = 6;
    /// 64-bit integer.
    pub const INT64: i32 = 7;
    /// A truth value in a byte.
    pub const BOOL: i32 = 9;
    /// 16-bit float.
    pub const FLOAT16: i32 = 10;
    /// 64-bit float.
    pub const DOUBLE: i32 = 11;
    /// The upper half of a 32-bit float.
    pub const BFLOAT16: i32 = 16;
}

/// A constant.
#[derive(Clone, PartialEq, Message)]
pub struct Tensor {
    /// Its shape.
    #[prost(int64, repeated, tag = "1")]
    pub dims: Vec<i64>,
    /// [`data_type`].
    #[prost(int32, tag = "2")]
    pub data_type: i32,
    /// The elements of a tensor of floats that is not in `raw_data`.
    #[prost(float, repeated, tag = "4")]
    pub float_data: Vec<f32>,
    /// The elements of a tensor of integers that is not in `raw_data`.
    #[prost(int64, repeated, tag = "7")]
    pub int64_data: Vec<i64>,
    /// Its name.
    #[prost(string, tag = "8")]
    pub name: String,
    /// Its elements, little-endian.
    #[prost(bytes = "bytes", tag = "9")]
    pub raw_data: Bytes,
}

/// An input or output.
#[derive(Clone, PartialEq, Message)]
pub struct ValueInfo {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its type.
    #[prost(message, optional, tag = "2")]
    pub r#type: Option<Type>,
}

/// A type; only tensors are known here.
#[derive(Clone, PartialEq, Message)]
pub struct Type {
    /// A tensor's type.
    #[prost(message, optional, tag = "1")]
    pub tensor_type: Option<TensorType>,
}

/// A tensor's element type and shape.
#[derive(Clone, PartialEq, Message)]
pub struct TensorType {
    /// [`data_type`].
    #[prost(int32, tag = "1")]
    pub elem_type: i32,
    /// Its shape, where known.
    #[prost(message, optional, tag = "2")]
    pub shape: Option<Shape>,
}

/// A shape.
#[derive(Clone, PartialEq, Message)]
pub struct Shape {
    /// Its dimensions.
    #[prost(message, repeated, tag = "1")]
    pub dim: Vec<Dimension>,
}

/// A dimension: a number, a name for one that is free, or neither.
#[derive(Clone, PartialEq, Message)]
pub struct Dimension {
    /// Which of the two it is.
    #[prost(oneof = "DimensionValue", tags = "1, 2")]
    pub value: Option<DimensionValue>,
}

/// The value of a [`Dimension`].
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum DimensionValue {
    /// A fixed size.
    #[prost(int64, tag = "1")]
    Value(i64),
    /// A free one.
    #[prost(string, tag = "2")]
    Param(String),
}

/// An operator set and its version.
#[derive(Clone, PartialEq, Message)]
pub struct OperatorSet {
    /// Empty for ONNX's own.
    #[prost(string, tag = "1")]
    pub domain: String,
    /// Its version.
    #[prost(int64, tag = "2")]
    pub version: i64,
}

/// A named string.
#[derive(Clone, PartialEq, Message)]
pub struct StringEntry {
    /// Its name.
    #[prost(string, tag = "1")]
    pub key: String,
    /// Its value.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// Bytes of the largest file that is read: a protobuf message cannot be larger. A model's weights
/// beyond that lie in files beside it.
pub const MAX_FILE: u64 = i32::MAX as u64;

/// Why a file could not be taken for an ONNX model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The file cannot be read.
    #[error("{0}")]
    File(#[from] FileError),
    /// Its contents are not the protobuf message that they should be.
    #[error("it is not an ONNX model, or it is truncated ({})", text::message(&.0.to_string()))]
    Decode(#[from] prost::DecodeError),
    /// It is a protobuf message, but without what every model has.
    #[error("it is not an ONNX model: {0}")]
    NotAModel(&'static str),
}

impl Model {
    /// Reads a file.
    ///
    /// # Errors
    /// [`ReadError`], for a file that cannot be read or is no model.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        Self::parse(files::read(path, MAX_FILE)?.into())
    }

    /// Takes a file's contents.
    ///
    /// # Errors
    /// [`ReadError`], for contents that are no model.
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

    /// The metadata property `key`: the last one of this name, so that a file's contract can be
    /// replaced by appending another.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        let mut entries = self.metadata_props.iter().rev();
        entries.find(|e| e.key == key).map(|e| e.value.as_str())
    }
}

impl Graph {
    /// The inputs that a caller has to give: those that are no initializers.
    pub fn inputs(&self) -> impl Iterator<Item = &ValueInfo> {
        // Either may be as long as the file.
        let initializers: HashSet<&str> =
            self.initializer.iter().map(|t| t.name.as_str()).collect();
        let given = self.input.iter();
        given.filter(move |i| !initializers.contains(i.name.as_str()))
    }
}

impl Node {
    /// One of its parameters.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attribute.iter().find(|a| a.name == name)
    }
}

impl Tensor {
    /// The values of a tensor of 64-bit integers.
    pub fn integers(&self) -> Vec<i64> {
        if !self.int64_data.is_empty() {
            return self.int64_data.clone();
        }
        let (values, _) = self.raw_data.as_chunks::<8>();
        values.iter().map(|b| i64::from_le_bytes(*b)).collect()
    }
}

impl ValueInfo {
    /// A tensor's element type ([`data_type`]).
    pub fn element(&self) -> Option<i32> {
        Some(self.r#type.as_ref()?.tensor_type.as_ref()?.elem_type)
    }

    /// A tensor's element type ([`data_type`]) and dimensions, `None` for a free one; or nothing
    /// where the value is no tensor or its rank is not said.
    pub fn tensor(&self) -> Option<(i32, Vec<Option<u64>>)> {
        let tensor = self.r#type.as_ref()?.tensor_type.as_ref()?;
        let dims = tensor.shape.as_ref()?.dim.iter().map(|d| match d.value {
            Some(DimensionValue::Value(v)) => u64::try_from(v).ok().filter(|v| *v > 0),
            _ => None,
        });
        Some((tensor.elem_type, dims.collect()))
    }
}

/// Dimensions that are shown of one shape.
const MOST_DIMENSIONS: usize = 8;

impl fmt::Display for ValueInfo {
    /// `“input” float32 [any, 3, 224, 224]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((elem_type, dims)) = self.tensor() else {
            return write!(f, "“{}” of unknown shape", text::name(&self.name));
        };
        let dims = dims
            .iter()
            .map(|d| d.map_or("any".to_owned(), |d| d.to_string()));
        write!(
            f,
            "“{}” {} [{}]",
            text::name(&self.name),
            type_name(elem_type),
            text::list(dims, MOST_DIMENSIONS)
        )
    }
}

/// The name that ONNX gives to an element type.
pub fn type_name(elem_type: i32) -> &'static str {
    const NAMES: [&str; 17] = [
        "undefined",
        "float32",
        "uint8",
        "int8",
        "uint16",
        "int16",
        "int32",
        "int64",
        "string",
        "bool",
        "float16",
        "float64",
        "uint32",
        "uint64",
        "complex64",
        "complex128",
        "bfloat16",
    ];
    usize::try_from(elem_type)
        .ok()
        .and_then(|i| NAMES.get(i).copied())
        .unwrap_or("of an unknown type")
}
