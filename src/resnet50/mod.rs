// SPDX-License-Identifier: MPL-2.0
//! ResNet50 as code: its architecture, its weights, and the ONNX model built from them. Independent of
//! GStreamer and ONNX Runtime.

mod architecture;
mod folded;
mod inspect;
pub mod quantize;
mod rule;
#[cfg(feature = "cli")]
pub mod weights;
mod writer;

pub use architecture::{Bottleneck, Conv, Linear, Parameter, ResNet50, Variant};
pub use folded::{FoldError, Folded, Layer};
pub use inspect::{Size, Verdict, precision, size, verdict};
pub use rule::{folded_by_rule, model_by_rule, rule_contract, rule_weights};
pub use writer::{Batch, Precision, dequantized, to_onnx};
