// SPDX-License-Identifier: MPL-2.0
//! `runtime list`: the libraries in the order in which they are tried.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{below, home, library, list, run, runtime};
use support::program::stdout;

/// Puts a library into a folder.
fn put(folder: &Path, name: &str, content: &[u8]) -> PathBuf {
    std::fs::create_dir_all(folder).expect("a folder");
    let file = folder.join(name);
    std::fs::write(&file, content).expect("written");
    file
}

fn versions<'a>(libraries: &[&'a Value]) -> Vec<&'a str> {
    let versions = libraries.iter().map(|it| it["version"].as_str());
    versions.map(Option::unwrap_or_default).collect()
}

/// The user's data folder, what was installed there, and the folders of the variable, each with its
/// version, or the reason why it cannot be used.
#[test]
fn order() {
    let home = home();
    let data = home.path().join("gst-resnet50");
    let (new, old) = (library("1.97.0"), library("1.21.0"));
    put(&data, "libonnxruntime.so.1.50.0", b"broken");
    put(&data.join("runtime/cuda"), "libonnxruntime.so.1.97.0", &new);
    let cpu = put(
        &data.join("runtime/cpu"),
        "libonnxruntime.so",
        &library("1.98.0"),
    );
    put(
        &data.join("runtime/other"),
        "libonnxruntime.so.1.21.0",
        &new,
    );
    let elsewhere = home.path().join("elsewhere");
    put(&elsewhere, "libonnxruntime.so.1.96.0", &library("1.96.0"));
    put(&elsewhere, "libonnxruntime.so", &old);
    let list_with = |args: &[&str]| {
        let mut command = runtime(home.path(), args);
        command.env("LD_LIBRARY_PATH", &elsewhere);
        command
    };
    let found = list(list_with(&["runtime", "list", "--json"]));
    assert_eq!(found["used"].as_str(), cpu.to_str());
    assert_eq!(found["minimum"], "1.22");
    let found = below(&found, home.path());
    assert_eq!(versions(&found), ["", "1.98.0", "1.97.0", "", "", "1.96.0"]);
    let used: Vec<_> = found.iter().map(|it| it["used"] == true).collect();
    assert_eq!(used, [false, true, false, false, false, false]);
    for (i, origin) in [(1, "data folder"), (4, "LD_LIBRARY_PATH")] {
        assert_eq!(found[i]["origin"], origin);
    }
    // By its name, and by what it says when it is loaded.
    for i in [3, 4] {
        let reason = found[i]["reason"].as_str().expect("a reason");
        assert!(
            reason.contains("1.21.0") && reason.contains("1.22"),
            "{reason}"
        );
    }

    let text = stdout(&run(list_with(&["runtime", "list"])));
    for words in [
        "1.98.0",
        "used",
        "usable",
        "1.22 is the oldest",
        "data folder",
    ] {
        assert!(text.contains(words), "no “{words}” in: {text}");
    }
}

/// A library that ends the process that loads it does not end the list.
#[test]
fn crash() {
    let home = home();
    let folder = tempfile::tempdir().expect("a folder");
    let source = folder.path().join("a.c");
    let code = "#include <stdlib.h>\n__attribute__((constructor)) static void f(void) { abort(); }";
    std::fs::write(&source, code).expect("written");
    let data = home.path().join("gst-resnet50");
    let file = put(&data, "libonnxruntime.so", b"");
    let status = std::process::Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&file, &source])
        .status();
    assert!(status.expect("a C compiler").success());
    let found = list(runtime(home.path(), &["runtime", "list", "--json"]));
    let reason = below(&found, home.path())[0]["reason"].as_str();
    assert!(reason.expect("a reason").contains("ends the process"));
}

/// A library that the environment names is the only one, also where it cannot be used.
#[test]
fn variable() {
    let home = home();
    let data = home.path().join("gst-resnet50");
    put(&data, "libonnxruntime.so", &library("1.99.0"));
    let named = home.path().join("none.so");
    let list_with = |args: &[&str]| {
        let mut command = runtime(home.path(), args);
        command.env("ORT_DYLIB_PATH", &named);
        command
    };
    let found = list(list_with(&["runtime", "list", "--json"]));
    assert_eq!(found["used"], Value::Null);
    let libraries = found["libraries"].as_array().expect("a list");
    assert_eq!(libraries.len(), 1, "{found}");
    assert_eq!(libraries[0]["origin"], "ORT_DYLIB_PATH");
    assert_eq!(libraries[0]["reason"], "no such file");
    let text = stdout(&run(list_with(&["runtime", "list"])));
    for words in [
        "nothing else is tried",
        "no usable ONNX Runtime",
        "runtime install",
    ] {
        assert!(text.contains(words), "no “{words}” in: {text}");
    }
}
