// SPDX-License-Identifier: MPL-2.0
//! ONNX Runtime's execution providers, a file each.
//!
//! To add one: a variant and a name in `inference/provider.rs`, a file with its [`registration`]
//! here, and its line in `list.rs`.

mod coreml;
mod cpu;
mod cuda;
mod directml;
mod list;
mod migraphx;
mod onednn;
mod openvino;
mod qnn;
mod registration;
mod rocm;
mod tensorrt;
mod webgpu;
mod xnnpack;

pub(super) use list::{dispatches, is_available};
