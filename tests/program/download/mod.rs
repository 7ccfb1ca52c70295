// SPDX-License-Identifier: MPL-2.0
//! `gst-resnet50 model install` with weights from a web server, good and bad ones.

mod failures;
mod resume;
mod sources;

use std::path::{Path, PathBuf};
use std::process::Output;

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use support::http::Exchange;
use support::program::{command, program, stderr, stdout};

fn home() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// The name of a file as PyTorch would give it.
fn named(file: &[u8]) -> String {
    let digest = Sha256::digest(file);
    let digits: String = digest[..4].iter().map(|b| format!("{b:02x}")).collect();
    format!("resnet50-{digits}.safetensors")
}

/// Installs from a URL, without long pauses between attempts.
fn install(home: &Path, url: &str, more: &[&str]) -> Output {
    let args = [&["model", "install", "--pause", "1", "--from", url], more].concat();
    program(home, &args)
}

fn installed(home: &Path) -> PathBuf {
    home.join("gst-resnet50/models/resnet50-v1.5.onnx")
}

/// What a download has left: the names of its files, without the lock.
fn left(home: &Path) -> Vec<PathBuf> {
    let folder = std::fs::read_dir(home.join("gst-resnet50/downloads")).expect("a folder");
    let files = folder.map(|entry| entry.expect("an entry").path());
    files.filter(|f| !f.ends_with("lock")).collect()
}

/// The one partial file that a download has left.
fn part(home: &Path) -> PathBuf {
    let mut parts = left(home);
    parts.retain(|file| file.extension().is_some_and(|e| e == "part"));
    assert_eq!(parts.len(), 1, "{parts:?}");
    parts.remove(0)
}

/// The model is there, and nothing else is left.
#[track_caller]
fn assert_installed(home: &Path, output: &Output) {
    assert!(output.status.success(), "{output:?}");
    assert!(stdout(output).contains("wrote "), "{output:?}");
    let file = std::fs::read(installed(home)).expect("a model");
    assert!(file.len() > 100_000_000, "{}", file.len());
    assert_eq!(left(home), Vec::<PathBuf>::new());
}

/// It failed with this in its message, and nothing is installed.
#[track_caller]
fn assert_fails(home: &Path, output: &Output, expected: &[&str]) {
    let text = stderr(output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for expected in expected {
        assert!(text.contains(expected), "no “{expected}” in: {text}");
    }
    assert!(!installed(home).exists());
}

fn ranges(exchanges: &[Exchange]) -> Vec<&str> {
    exchanges.iter().map(|e| e.range.as_str()).collect()
}

/// Installs with the disk full when the model is written: the shell opens a device on which each
/// write fails so, and the program is given the descriptor.
fn install_onto_a_full_disk(home: &Path, url: &str) -> Output {
    let script = "exec \"$0\" model install --from \"$1\" -o /dev/fd/9 9>/dev/full";
    let plain = command(home, &[]);
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", script]).arg(plain.get_program()).arg(url);
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.output().expect("it runs")
}
