// SPDX-License-Identifier: MPL-2.0
//! ResNet50 as code: what the network is, weights for it, and the ONNX file that it becomes.
//! Nothing of GStreamer or ONNX Runtime.

mod architecture;
mod inspect;
mod rule;
#[cfg(feature = "cli")]
pub mod weights;
mod writer;

pub use architecture::{Bottleneck, Conv, Linear, Parameter, ResNet50, Variant};
pub use inspect::{Size, Verdict, size, verdict};
pub use rule::{model_by_rule, rule_weights};
pub use writer::{Batch, WriteError, to_onnx};
