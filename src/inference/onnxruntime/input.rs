// SPDX-License-Identifier: MPL-2.0
//! The input tensor.

use std::fmt;
use std::ops::Range;

use half::f16;
use ort::memory::Allocator;
use ort::value::{PrimitiveTensorElementType, Tensor};

use super::trial_image::{self, PixelScale};
use crate::preprocess::{ElementType, Slot, Target};

/// An input tensor in ONNX Runtime's memory, which is aligned for its kernels.
#[derive(Debug)]
pub(super) enum InputTensor {
    F32(Tensor<f32>),
    F16(Tensor<f16>),
    U8(Tensor<u8>),
}

impl InputTensor {
    /// The part with these elements.
    pub fn slot(&mut self, elements: Range<usize>) -> Slot<'_> {
        match self {
            Self::F32(t) => Slot::F32(&mut t.extract_tensor_mut().1[elements]),
            Self::F16(t) => Slot::F16(&mut t.extract_tensor_mut().1[elements]),
            Self::U8(t) => Slot::U8(&mut t.extract_tensor_mut().1[elements]),
        }
    }

    /// Writes a trial image into each of the first `images` slots.
    pub fn fill(&mut self, target: &Target, images: usize, scale: PixelScale, index: usize) {
        let n = target.elements();
        for image in 0..images {
            let mut slot = self.slot(image * n..(image + 1) * n);
            trial_image::fill(&mut slot, target, scale, index);
        }
    }

    /// Copies a part of another tensor of the same type to the beginning of this one.
    pub fn copy_first(&mut self, other: &Self, part: Range<usize>) {
        let n = part.len();
        match (self, other) {
            (Self::F32(to), Self::F32(from)) => {
                to.extract_tensor_mut().1[..n].copy_from_slice(&from.extract_tensor().1[part]);
            }
            (Self::F16(to), Self::F16(from)) => {
                to.extract_tensor_mut().1[..n].copy_from_slice(&from.extract_tensor().1[part]);
            }
            (Self::U8(to), Self::U8(from)) => {
                to.extract_tensor_mut().1[..n].copy_from_slice(&from.extract_tensor().1[part]);
            }
            _ => unreachable!("both are inputs of one model"),
        }
    }

    /// A tensor of grey images.
    ///
    /// # Errors
    /// If there is no memory.
    pub fn grey(element: ElementType, shape: [i64; 4]) -> ort::Result<Self> {
        let allocator = Allocator::default();
        Ok(match element {
            ElementType::F32 => Self::F32(filled(&allocator, shape, 0.0)?),
            ElementType::F16 => Self::F16(filled(&allocator, shape, f16::ZERO)?),
            ElementType::U8 => Self::U8(filled(&allocator, shape, 127)?),
        })
    }
}

/// A tensor of equal elements.
fn filled<T>(allocator: &Allocator, shape: [i64; 4], value: T) -> ort::Result<Tensor<T>>
where
    T: PrimitiveTensorElementType + fmt::Debug + Copy,
{
    let mut tensor = Tensor::new(allocator, shape)?;
    tensor.extract_tensor_mut().1.fill(value);
    Ok(tensor)
}

/// Bytes of one element.
pub(super) fn bytes_of(element: ElementType) -> usize {
    match element {
        ElementType::F32 => 4,
        ElementType::F16 => 2,
        ElementType::U8 => 1,
    }
}
