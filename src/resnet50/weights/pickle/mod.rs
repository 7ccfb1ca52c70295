// SPDX-License-Identifier: MPL-2.0
//! Reads a pickle without executing it.
//!
//! A pickle is a program for a stack machine; the comments of CPython's `Lib/pickletools.py` describe its
//! instructions. This reader knows the instructions of protocols 1 to 5 that Python writes for numbers,
//! strings, tuples, lists, dicts and tensors. (PyTorch cannot use protocol 0, because the ids of its
//! storages are tuples.)
//!
//! Objects are in tables and refer to each other by index, so nothing is copied and nothing recurses.
//! Each instruction takes time and memory in proportion to its bytes and its operands on the stack.

mod global;
mod machine;
mod objects;
mod program;

use std::ops::Range;

use super::error::WeightsError;
use super::{DType, MAX_HEADER};
use machine::Machine;

pub(super) use global::Global;

/// The maximum number of instructions, which limits the number of objects. The state dict of ResNet50 has
/// 12 thousand.
const MAX_INSTRUCTIONS: usize = 1 << 20;

/// A range of bytes of the pickle.
pub(in crate::resnet50::weights) type Span = Range<u32>;

/// An object, or its index in a table of [`Pickle`].
#[derive(Debug, Clone)]
pub(in crate::resnet50::weights) enum Value {
    None,
    Bool(bool),
    Int(i64),
    Float,
    /// An integer that takes more than 64 bits, little-endian.
    Long(Span),
    Str(Span),
    Bytes,
    /// Items in [`Pickle::tuples`].
    Tuple(Span),
    /// Index into [`Pickle::lists`].
    List(u32),
    /// Index into [`Pickle::dicts`].
    Dict(u32),
    Global(Global),
    /// Index into [`Pickle::storages`].
    Storage(u32),
    /// Index into [`Pickle::tensors`].
    Tensor(u32),
    /// Data of another library, which is skipped.
    Opaque,
}

impl Value {
    /// Its type, for messages.
    pub(in crate::resnet50::weights) fn kind(&self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Bool(_) => "a bool",
            Self::Int(_) | Self::Long(_) => "an int",
            Self::Float => "a float",
            Self::Str(_) => "a str",
            Self::Bytes => "bytes",
            Self::Tuple(_) => "a tuple",
            Self::List(_) => "a list",
            Self::Dict(_) => "a dict",
            Self::Global(_) => "a class or function",
            Self::Storage(_) => "a storage",
            Self::Tensor(_) => "a tensor",
            Self::Opaque => "an object of another library",
        }
    }
}

/// The id of the storage of a tensor: PyTorch's "persistent id".
#[derive(Debug)]
pub(in crate::resnet50::weights) struct StorageId {
    pub dtype: DType,
    /// Its name in the file.
    pub key: Span,
    /// The number of its elements.
    pub elements: u64,
    /// For a view: its first element, and the number of its elements.
    pub view: Option<(u64, u64)>,
}

/// The arguments of a tensor.
#[derive(Debug)]
pub(in crate::resnet50::weights) struct TensorId {
    pub storage: u32,
    pub offset: Value,
    pub size: Value,
    pub stride: Value,
}

/// A pickle's objects.
#[derive(Debug)]
pub(in crate::resnet50::weights) struct Pickle<'a> {
    bytes: &'a [u8],
    /// Its name in messages.
    part: &'static str,
    /// The result of the program.
    pub root: Value,
    /// The end of the program.
    pub end: usize,
    pub tuples: Vec<Value>,
    pub lists: Vec<Vec<Value>>,
    pub dicts: Vec<Vec<(Value, Value)>>,
    pub storages: Vec<StorageId>,
    pub tensors: Vec<TensorId>,
}

impl<'a> Pickle<'a> {
    /// Reads the pickle at the start of `bytes`, which messages call `part`.
    pub(in crate::resnet50::weights) fn read(
        bytes: &'a [u8],
        part: &'static str,
    ) -> Result<Self, WeightsError> {
        let pickle = Self {
            bytes: &bytes[..bytes.len().min(MAX_HEADER)],
            part,
            root: Value::None,
            end: 0,
            tuples: Vec::new(),
            lists: Vec::new(),
            dicts: Vec::new(),
            storages: Vec::new(),
            tensors: Vec::new(),
        };
        let mut machine = Machine::new(pickle, bytes.len());
        for _ in 0..MAX_INSTRUCTIONS {
            if let Some(root) = machine.step()? {
                return Ok(machine.finish(root));
            }
        }
        Err(WeightsError::TooLarge {
            part: part.into(),
            unit: "instructions",
            found: MAX_INSTRUCTIONS as u64 + 1,
            limit: MAX_INSTRUCTIONS as u64,
        })
    }

    pub(in crate::resnet50::weights) fn text(&self, span: &Span) -> &'a str {
        // Checked when the span was made.
        std::str::from_utf8(self.raw(span)).unwrap_or_default()
    }

    pub(in crate::resnet50::weights) fn raw(&self, span: &Span) -> &'a [u8] {
        &self.bytes[span.start as usize..span.end as usize]
    }

    pub(in crate::resnet50::weights) fn tuple(&self, span: &Span) -> &[Value] {
        &self.tuples[span.start as usize..span.end as usize]
    }

    pub(in crate::resnet50::weights) fn malformed(
        &self,
        problem: impl Into<String>,
    ) -> WeightsError {
        WeightsError::malformed(self.part, problem)
    }
}
