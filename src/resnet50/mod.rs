// SPDX-License-Identifier: MPL-2.0
//! ResNet50 as code: its architecture, its weights, and the ONNX model built from them. Independent of
//! GStreamer and ONNX Runtime.

mod architecture;
mod fused_weights;
mod inspect;
pub mod quantize;
mod synthetic;
#[cfg(feature = "cli")]
pub mod weights;
mod writer;

pub use architecture::{Bottleneck, Conv, Linear, Parameter, ResNet50, Variant};
pub use fused_weights::{FuseError, FusedWeights, Layer};
pub use inspect::{ArchitectureMatch, Size, match_architecture, precision, size};
pub use synthetic::{synthetic_contract, synthetic_model, synthetic_values, synthetic_weights};
pub use writer::{Batch, Precision, dequantized, to_onnx};
