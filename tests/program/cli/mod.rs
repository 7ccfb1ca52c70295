// SPDX-License-Identifier: MPL-2.0
//! What the program `gst-resnet50` says to people: whatever a file holds, on every terminal.

mod doctor;
mod generate;
mod inspect;
mod modelinfo;
mod names;
mod reports;

use std::path::Path;
use std::process::{Command, Output};

/// The program with a home of its own, and the ONNX Runtime that the tests have.
fn command(home: &Path, args: &[&str]) -> Command {
    let library = gstresnet50::paths::data_dir().map(|dir| dir.join("libonnxruntime.so"));
    let library = std::env::var_os("ORT_DYLIB_PATH").or(library.map(Into::into));
    let mut command = support::program::command(home, args);
    command.env("ORT_DYLIB_PATH", library.expect("ONNX Runtime"));
    command
}

fn run(home: &Path, args: &[&str], model: &Path) -> Output {
    let model = model.to_str().expect("a path of text");
    let args: Vec<_> = args.iter().map(|a| a.replace("MODEL", model)).collect();
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    command(home, &args).output().expect("it runs")
}

/// Commands that say something of a model.
fn commands(photo: &str) -> Vec<Vec<&str>> {
    vec![
        vec!["model", "inspect", "MODEL"],
        vec!["model", "inspect", "MODEL", "--json"],
        vec!["model", "check", "MODEL", photo, "--frames", "1"],
        vec!["doctor", "--model", "MODEL"],
        vec!["classify", photo, "--model", "MODEL"],
        vec!["model", "quantize", "MODEL", "-o", "/nowhere/at/all.onnx"],
        vec!["model", "install", "--from", "MODEL"],
    ]
}
