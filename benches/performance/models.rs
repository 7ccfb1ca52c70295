// SPDX-License-Identifier: MPL-2.0
//! The models that are measured, which the program `gst-resnet50` makes.

use std::path::Path;
use std::process::Command;

use super::Result;
use super::fixtures::Scratch;

/// The program, which is built with the benchmark.
pub fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_gst-resnet50"))
}

/// What it prints.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command.output()?;
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout)?),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().into()),
    }
}

/// The file of a network, by its name (`v1`, `v1.5`, `fp32`, `fp16`, `int8`), with untrained weights
/// and so many frames in each inference: a number, or `dynamic`. Any other name stays as it is.
pub fn file(name: &str, batch: &str, scratch: &Scratch) -> Result<String> {
    let (variant, precision) = match name {
        "v1" => ("v1", "fp32"),
        "v1.5" | "fp32" => ("v1.5", "fp32"),
        "fp16" => ("v1.5", "fp16"),
        "int8" => ("v1.5", "int8"),
        _ if name.starts_with("builtin:") || Path::new(name).is_file() => {
            return Ok(name.to_owned());
        }
        _ => return Err(format!("there is no model “{name}”").into()),
    };
    let file = scratch.file(&format!("{name}.onnx"));
    let mut build = program();
    build
        .args([
            "model",
            "build",
            "--init",
            "synthetic",
            "--variant",
            variant,
        ])
        .args(["--precision", precision, "--batch", batch, "--output"])
        .arg(&file);
    output(&mut build)?;
    Ok(file.to_string_lossy().into_owned())
}
