// SPDX-License-Identifier: MPL-2.0
//! Tensors by name.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use half::{bf16, f16};

use super::error::WeightsError;
use crate::text;

/// The type of a tensor's elements, in little-endian byte order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum DType {
    F16,
    BF16,
    F32,
    F64,
    I8,
    I16,
    I32,
    I64,
    U8,
    Bool,
}

impl DType {
    /// The size of an element in bytes.
    pub fn size(self) -> usize {
        match self {
            Self::I8 | Self::U8 | Self::Bool => 1,
            Self::F16 | Self::BF16 | Self::I16 => 2,
            Self::F32 | Self::I32 => 4,
            Self::F64 | Self::I64 => 8,
        }
    }

    /// Whether the elements are floating-point numbers.
    pub fn is_float(self) -> bool {
        matches!(self, Self::F16 | Self::BF16 | Self::F32 | Self::F64)
    }
}

impl fmt::Display for DType {
    /// The name in PyTorch.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F16 => "float16",
            Self::BF16 => "bfloat16",
            Self::F32 => "float32",
            Self::F64 => "float64",
            Self::I8 => "int8",
            Self::I16 => "int16",
            Self::I32 => "int32",
            Self::I64 => "int64",
            Self::U8 => "uint8",
            Self::Bool => "bool",
        })
    }
}

/// A tensor: a view into the file.
#[derive(Clone, PartialEq, Eq)]
pub struct Tensor {
    shape: Vec<usize>,
    /// The stride of each axis, in elements.
    strides: Vec<usize>,
    dtype: DType,
    /// From the first element to the end of the last one.
    bytes: Bytes,
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.dtype, self.shape)
    }
}

/// The maximum number of axes. PyTorch allows 64; the weights of image networks have at most four.
const MAX_AXES: usize = 8;

impl Tensor {
    /// A view of `storage` from element `offset` on.
    ///
    /// The storage must have at least as many elements as the tensor: a tensor that repeats elements
    /// (`expand`) could have any size. The error is without the tensor's name.
    pub(super) fn new(
        storage: &Bytes,
        dtype: DType,
        offset: usize,
        shape: Vec<usize>,
        strides: Vec<usize>,
    ) -> Result<Self, String> {
        if shape.len() > MAX_AXES {
            let axes = shape.len();
            return Err(format!("{axes} axes, and {MAX_AXES} are the limit"));
        }
        if shape.len() != strides.len() {
            return Err(format!("shape {shape:?} with strides {strides:?}"));
        }
        let there = storage.len() / dtype.size();
        let product = |acc: usize, d: &usize| acc.checked_mul(*d);
        // Zeros first: with one of them, no product overflows.
        let count = if shape.contains(&0) {
            Some(0)
        } else {
            shape.iter().try_fold(1, product)
        };
        let Some(count) = count.filter(|count| *count <= there) else {
            return Err(format!(
                "shape {shape:?} has more elements than its storage, which has {there}"
            ));
        };
        let end = if count == 0 {
            Some(offset)
        } else {
            shape
                .iter()
                .zip(&strides)
                .try_fold(offset, |end, (d, stride)| {
                    end.checked_add((d - 1).checked_mul(*stride)?)
                })
                .and_then(|last| last.checked_add(1))
        };
        let Some(end) = end.filter(|end| *end <= there) else {
            return Err(format!(
                "shape {shape:?} with strides {strides:?} from element {offset} on goes past the \
                 end of its storage, which has {there} elements"
            ));
        };
        let bytes = storage.slice(offset * dtype.size()..end * dtype.size());
        Ok(Self {
            shape,
            strides,
            dtype,
            bytes,
        })
    }

    /// Its shape.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The type of its elements.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The number of its elements.
    pub fn len(&self) -> usize {
        // Zeros first: with one of them, the product of the others could overflow.
        if self.is_empty() {
            0
        } else {
            self.shape.iter().product()
        }
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.shape.contains(&0)
    }

    /// Whether its elements are contiguous, in row-major order.
    pub fn is_contiguous(&self) -> bool {
        let mut expected = 1;
        self.is_empty()
            || self
                .shape
                .iter()
                .zip(&self.strides)
                .rev()
                .all(|(d, stride)| {
                    let fits = *d == 1 || *stride == expected;
                    expected *= d;
                    fits
                })
    }

    /// Its elements in row-major order; 64-bit elements are rounded. `None` if they are not
    /// floating-point numbers.
    pub fn to_f32(&self) -> Option<Vec<f32>> {
        match self.dtype {
            DType::F32 => Some(self.gather(f32::from_le_bytes)),
            DType::F64 => Some(self.gather(|b| f64::from_le_bytes(b) as f32)),
            DType::F16 => Some(self.gather(|b| f16::from_le_bytes(b).to_f32())),
            DType::BF16 => Some(self.gather(|b| bf16::from_le_bytes(b).to_f32())),
            _ => None,
        }
    }

    fn gather<const N: usize>(&self, convert: impl Fn([u8; N]) -> f32) -> Vec<f32> {
        let (elements, _) = self.bytes.as_chunks::<N>();
        if self.is_contiguous() {
            return elements.iter().map(|e| convert(*e)).collect();
        }
        let mut values = Vec::with_capacity(self.len());
        let mut index = vec![0; self.shape.len()];
        let mut at = 0usize;
        'elements: loop {
            values.push(convert(elements[at]));
            for axis in (0..index.len()).rev() {
                index[axis] += 1;
                // The stride of an axis of length 1 may be any number; it has no effect.
                at = at.wrapping_add(self.strides[axis]);
                if index[axis] < self.shape[axis] {
                    continue 'elements;
                }
                at = at.wrapping_sub(index[axis].wrapping_mul(self.strides[axis]));
                index[axis] = 0;
            }
            return values;
        }
    }
}

/// Tensors by name, in the order of their names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StateDict {
    tensors: BTreeMap<String, Tensor>,
    /// Its path in a checkpoint, if it is a part of one.
    pub(super) entry: Option<String>,
    /// The paths of other state dicts of such a network.
    pub(super) other_entries: Vec<String>,
}

impl StateDict {
    pub(super) fn insert(&mut self, name: &str, tensor: Tensor) -> Result<(), WeightsError> {
        match self.tensors.insert(name.to_owned(), tensor) {
            None => Ok(()),
            Some(_) => Err(WeightsError::duplicate("the state dict", name)),
        }
    }

    /// Removes the prefixes of wrappers from all names: `nn.DataParallel`, `torch.compile`, Lightning.
    pub(super) fn without_prefix(mut self) -> Self {
        const PREFIXES: [&str; 3] = ["module.", "_orig_mod.", "model."];
        // Wrappers may be nested, but hardly deeper than this.
        for _ in 0..PREFIXES.len() {
            let common = PREFIXES
                .into_iter()
                .find(|p| self.tensors.keys().all(|name| name.starts_with(p)));
            let Some(prefix) = common.filter(|_| !self.tensors.is_empty()) else {
                break;
            };
            self.tensors = self
                .tensors
                .into_iter()
                .map(|(name, tensor)| (name[prefix.len()..].to_owned(), tensor))
                .collect();
        }
        self
    }

    /// Its path in a checkpoint (`model_ema`), escaped; `None` if the file is the state dict itself.
    pub fn entry(&self) -> Option<&str> {
        self.entry.as_deref()
    }

    /// The paths of similar state dicts in the checkpoint, escaped.
    pub fn other_entries(&self) -> &[String] {
        &self.other_entries
    }

    /// The number of tensors.
    pub fn len(&self) -> usize {
        self.tensors.len()
    }

    /// Whether there are no tensors.
    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    /// All tensors with their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.tensors.iter().map(|(name, t)| (name.as_str(), t))
    }

    /// The tensor of this name.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.tensors.get(name)
    }

    /// The elements of a tensor in row-major order.
    ///
    /// # Errors
    /// If there is no such tensor, or it has no floating-point numbers.
    pub fn get_f32(&self, name: &str) -> Result<Vec<f32>, WeightsError> {
        let Some(tensor) = self.get(name) else {
            return Err(WeightsError::NoTensor {
                name: text::name(name).to_string(),
            });
        };
        tensor.to_f32().ok_or_else(|| WeightsError::NotFloat {
            name: text::name(name).to_string(),
            dtype: tensor.dtype,
        })
    }
}
