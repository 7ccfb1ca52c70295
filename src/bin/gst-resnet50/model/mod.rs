// SPDX-License-Identifier: MPL-2.0
//! `gst-resnet50 model`: model files.

mod build;
mod check;
mod data_config;
mod inspect;
mod install;
mod modelinfo;
pub mod precision;
mod quantize;
mod source;
mod taken;

use std::path::Path;
use std::process::ExitCode;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Write ResNet50 with synthetic weights, for tests and measurements
    Build(build::Args),
    /// Download published weights and turn them into the ONNX file that the element finds by itself
    Install(install::Args),
    /// Say what an ONNX classifier is: inputs, outputs, size, work, architecture
    Inspect(inspect::Args),
    /// Write the .modelinfo with which GStreamer's onnxinference runs a classifier
    Modelinfo(modelinfo::Args),
    /// Make a float32 ResNet50 of this program a file of 8-bit integers
    Quantize(quantize::Args),
    /// Run a classifier, or two in turn, on the same frames: agreement and speed
    Check(check::Args),
}

pub fn run(command: &Command) -> crate::Result<ExitCode> {
    match command {
        Command::Build(args) => build::run(args),
        Command::Install(args) => install::run(args),
        Command::Inspect(args) => inspect::run(args),
        Command::Modelinfo(args) => modelinfo::run(args),
        Command::Quantize(args) => quantize::run(args),
        Command::Check(args) => check::run(args),
    }
}

/// What to do with a file of weights, where an ONNX file is wanted.
fn weights_hint(file: &Path) -> &'static str {
    match file.extension().and_then(|e| e.to_str()) {
        Some("pth" | "pt" | "ckpt" | "bin" | "safetensors") => {
            ". To make an ONNX file of weights: `gst-resnet50 model install --from FILE`"
        }
        _ => "",
    }
}

/// `1 frame`, `2 frames`.
pub fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}
