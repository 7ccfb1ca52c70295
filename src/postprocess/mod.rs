// SPDX-License-Identifier: MPL-2.0
//! From the model's output to an answer. Pure functions; nothing of GStreamer or ONNX Runtime.

mod labels;
mod scores;

pub use labels::{Labels, LabelsError};
pub use scores::{Activation, NotFinite, Score, top_k};
