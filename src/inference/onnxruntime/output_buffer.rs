// SPDX-License-Identifier: MPL-2.0
//! The memory that ONNX Runtime writes a model's outputs into.

use half::f16;

/// The memory that ONNX Runtime writes the values into.
#[derive(Debug)]
pub(super) enum OutputBuffer {
    F32(Vec<f32>),
    F16(Vec<f16>),
}

/// The memory that it writes their classes into, for a graph that ends in `TopK`.
#[derive(Debug)]
pub(super) enum IndicesBuffer {
    I64(Vec<i64>),
    I32(Vec<i32>),
}
