// SPDX-License-Identifier: MPL-2.0
//! What the element and the program are built on: models, weights, ONNX Runtime, pre-processing.

mod formats;
mod labels;
mod preprocess;
#[cfg(feature = "cli")]
mod quantize;
mod resnet50;
mod runtime;
#[cfg(feature = "cli")]
mod weights;
