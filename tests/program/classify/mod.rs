// SPDX-License-Identifier: MPL-2.0
//! What `gst-resnet50` writes and where, and what `classify` does with its options.

mod annotated;
mod inputs;
mod outputs;
mod same_file;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use gstresnet50::inference::BUILTIN;
use support::{program, source};

/// The program, which finds ONNX Runtime where the user has it, but no installed model.
fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gst-resnet50"));
    command
        .args(args)
        .env("LC_ALL", "C.UTF-8")
        .env_remove("RESNET50_MODEL")
        .stdin(Stdio::null());
    command
}

/// `classify` with the built-in model on the first frames of the demo's clip.
fn classify(args: &[&str]) -> Command {
    let mut command = command(&["classify", "--model", BUILTIN, "--max-frames", "8"]);
    command.arg(source("demo/clip.webm")).args(args);
    command
}

/// Runs it, which must succeed.
fn succeed(command: &mut Command) -> Output {
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{command:?}: {output:?}");
    output
}

/// Runs it, which must fail with one message that has all these words.
fn fail(command: &mut Command, words: &[&str]) -> String {
    let output = command.output().expect("it runs");
    let text = program::stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{command:?}: {output:?}");
    for word in words {
        assert!(
            text.contains(word),
            "{command:?}: “{word}” is not in: {text}"
        );
    }
    text
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// The names in a folder, hidden ones included.
fn names(folder: &Path) -> Vec<String> {
    let entries = folder.read_dir().expect("readable").flatten();
    let names = entries.map(|e| e.file_name().to_string_lossy().into_owned());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}
