// SPDX-License-Identifier: MPL-2.0
//! `gst-resnet50 model install`, as a user runs it.
#![cfg(feature = "cli")]

mod support;

use support::program::{program, stderr, stdout, weights};

/// Weights become the file that the element takes when it is told of none; a file whose name
/// promises another checksum is refused, and one that is not there is named.
#[test]
fn install_from_a_file() {
    let home = tempfile::tempdir().expect("a folder");
    let file = home.path().join("weights.safetensors");
    std::fs::write(&file, weights()).expect("written");
    let from = file.to_str().expect("UTF-8");

    let output = program(home.path(), &["model", "install", "--from", from]);
    assert!(output.status.success(), "{output:?}");
    let installed = home.path().join("gst-resnet50/models/resnet50-v1.5.onnx");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains(installed.to_str().expect("UTF-8")), "{text}");
    assert!(text.contains("resize 256"), "{text}");

    let found = program(
        home.path(),
        &["model", "inspect", installed.to_str().expect("UTF-8")],
    );
    let text = String::from_utf8_lossy(&found.stdout).into_owned();
    assert!(text.contains("architecture  resnet50-v1.5"), "{text}");
    let doctor = program(home.path(), &["doctor"]);
    let text = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(text.contains("resnet50-v1.5: input"), "{text}");

    let named = home.path().join("resnet50-0676ba61.pth");
    std::fs::rename(&file, &named).expect("renamed");
    let before = std::fs::metadata(&installed)
        .expect("there")
        .modified()
        .expect("a date");
    let output = program(
        home.path(),
        &["model", "install", "--from", named.to_str().expect("UTF-8")],
    );
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("should begin with 0676ba61"), "{text}");
    let after = std::fs::metadata(&installed).expect("still there");
    assert_eq!(after.modified().expect("a date"), before);

    let output = program(home.path(), &["model", "install", "--from", "/nowhere.pth"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && text.contains("/nowhere.pth"),
        "{text}"
    );
    let left: Vec<_> = std::fs::read_dir(installed.parent().expect("a folder"))
        .expect("readable")
        .flatten()
        .collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

/// A file without `--from`, or a name of weights without `--weights`, is answered with the command
/// that was meant, an ONNX file with what is to be done with it; nothing is installed.
#[test]
fn names_the_option_that_is_missing() {
    let home = tempfile::tempdir().expect("a folder");
    for (argument, words) in [
        ("my/w.pth", "gst-resnet50 model install --from my/w.pth"),
        (
            "https://a.org/w.pth",
            "gst-resnet50 model install --from https://a.org/w.pth",
        ),
        (
            "torchvision-v1",
            "gst-resnet50 model install --weights torchvision-v1",
        ),
        ("my.onnx", "An ONNX file needs no installing"),
    ] {
        let output = program(home.path(), &["model", "install", argument]);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains(words), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
    let help = program(home.path(), &["model", "install", "--help"]);
    assert!(!stdout(&help).to_lowercase().contains("stray"));
    // (GStreamer's registry is there.)
    assert!(!home.path().join("gst-resnet50").exists());
}

/// The model that the program carries is inspected by its name, as text and as JSON; a name that
/// no model has is refused with the one that there is.
#[cfg(feature = "builtin-model")]
#[test]
fn inspects_the_builtin_model() {
    let home = tempfile::tempdir().expect("a folder");
    let name = gstresnet50::inference::BUILTIN;
    let output = program(home.path(), &["model", "inspect", name]);
    let text = stdout(&output);
    assert!(output.status.success(), "{output:?}");
    assert!(text.contains(&format!("file          {name}")), "{text}");
    assert!(text.contains("architecture  not a ResNet: "), "{text}");

    let output = program(home.path(), &["model", "inspect", "--json", name]);
    let report: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    assert_eq!(report["file"], name);
    assert_eq!(
        report["contract"]["architecture"], "efficientnet-lite0",
        "{report}"
    );

    let output = program(home.path(), &["model", "inspect", "builtin:vgg"]);
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("builtin:vgg") && text.contains(name),
        "{text}"
    );
}
