// SPDX-License-Identifier: MPL-2.0
//! `gst-resnet50 model`: model files.

mod build;
mod check;
mod download;
mod inspect;
mod install;
pub mod precision;
mod published;
mod quantize;
mod source;

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use indicatif::DecimalBytes;
use sha2::{Digest as _, Sha256};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Write ResNet50 with deterministic weights, for tests and measurements
    Build(build::Args),
    /// Download published weights and turn them into the ONNX file that the element finds by itself
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

/// Refuses, before any work is done, an output that is a folder or would overwrite an input.
pub fn check_output(
    output: &Path,
    inputs: impl IntoIterator<Item = PathBuf>,
) -> Result<(), String> {
    if output.is_dir() {
        return Err(format!(
            "“{}” is a folder: name the file to write in it",
            output.display()
        ));
    }
    let Ok(real) = output.canonicalize() else {
        return Ok(());
    };
    let is_same = |input: PathBuf| input.canonicalize().is_ok_and(|input| input == real);
    match inputs.into_iter().any(is_same) {
        true => Err(format!(
            "“{}” is read and would be overwritten: name another file",
            output.display()
        )),
        false => Ok(()),
    }
}

/// Refuses an output in a folder that is not there.
pub fn check_folder(output: &Path) -> Result<(), String> {
    match output.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => Err(format!(
            "“{}” cannot be written: there is no folder “{}”",
            output.display(),
            folder.display()
        )),
        _ => Ok(()),
    }
}

/// What to do with a file of weights, where an ONNX file is wanted.
fn weights_hint(file: &Path) -> &'static str {
    match file.extension().and_then(|e| e.to_str()) {
        Some("pth" | "pt" | "safetensors") => {
            ". To make an ONNX file of weights: `gst-resnet50 model install --from FILE`"
        }
        _ => "",
    }
}

/// `1 frame`, `2 frames`.
pub fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// Writes a file under another name and renames it when it is whole and on the disk, so that nobody
/// finds half of it, not even after a loss of power.
fn write_whole(file: &Path, bytes: &[u8]) -> crate::Result<()> {
    let mut partial = file.as_os_str().to_owned();
    partial.push(format!(".{}.part", std::process::id()));
    let partial = PathBuf::from(partial);
    let write = || {
        let mut writer = File::create(&partial)?;
        writer.write_all(bytes)?;
        writer.sync_all()?;
        std::fs::rename(&partial, file)
    };
    write().map_err(|e| {
        // What there is of it is of no use; if it cannot be removed, it was not made.
        let _ = std::fs::remove_file(&partial);
        let remedy = match download::is_full(&e) {
            true => format!(
                ". It takes {}: free as much, or name a file on another disk with --output",
                DecimalBytes(bytes.len() as u64)
            ),
            false => String::new(),
        };
        format!("{} cannot be written: {e}{remedy}", file.display()).into()
    })
}

/// The SHA-256 of something, in hexadecimal digits.
fn sha256_hex(bytes: &[u8]) -> String {
    let mut hex = String::new();
    for byte in Sha256::digest(bytes) {
        // To a string nothing fails.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}
