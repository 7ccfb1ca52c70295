// SPDX-License-Identifier: MPL-2.0
//! `gst-resnet50 model`: model files.

mod build;
mod check;
mod inspect;
mod install;
pub mod precision;
mod quantize;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Write ResNet50 with deterministic weights, for tests and measurements
    Build(build::Args),
    /// Turn published weights into the ONNX file that the element finds by itself
    Install(install::Args),
    /// Say what an ONNX classifier is: inputs, outputs, size, work, architecture
    Inspect(inspect::Args),
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
        Command::Quantize(args) => quantize::run(args),
        Command::Check(args) => check::run(args),
    }
}

/// Writes a file under another name and renames it when it is whole, so that nobody finds half of
/// it.
fn write_whole(file: &Path, bytes: &[u8]) -> crate::Result<()> {
    let mut partial = file.as_os_str().to_owned();
    partial.push(format!(".{}.part", std::process::id()));
    let partial = PathBuf::from(partial);
    std::fs::write(&partial, bytes)
        .and_then(|()| std::fs::rename(&partial, file))
        .map_err(|e| {
            // What there is of it is of no use; if it cannot be removed, it was not made.
            let _ = std::fs::remove_file(&partial);
            format!("{} cannot be written: {e}", file.display()).into()
        })
}
