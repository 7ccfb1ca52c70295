// SPDX-License-Identifier: MPL-2.0
//! `gst-resnet50 model install`, as a user runs it.
#![cfg(feature = "cli")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use gstresnet50::resnet50::{ResNet50, Variant, rule_weights};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

/// The program with a home of its own.
fn program(home: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gst-resnet50"))
        .args(args)
        .env("HOME", home)
        .env("XDG_DATA_HOME", home)
        .env_remove("RESNET50_MODEL")
        .output()
        .expect("it runs")
}

/// All parameters of the network, as a safetensors file with torchvision's names.
fn write_weights(file: &Path) {
    let parameters = ResNet50::new(Variant::V1_5).parameters();
    let values: Vec<(String, Vec<usize>, Vec<u8>)> = parameters
        .iter()
        .map(|p| {
            let bytes = rule_weights(p)
                .iter()
                .flat_map(|v| v.to_le_bytes())
                .collect();
            (p.name.clone(), p.shape.clone(), bytes)
        })
        .collect();
    let views: BTreeMap<&str, TensorView<'_>> = values
        .iter()
        .map(|(name, shape, bytes)| {
            let view = TensorView::new(Dtype::F32, shape.clone(), bytes).expect("a tensor");
            (name.as_str(), view)
        })
        .collect();
    let bytes = safetensors::serialize(views, None).expect("a file");
    std::fs::write(file, bytes).expect("written");
}

/// Weights become the file that the element takes when it is told of none; a file whose name
/// promises another checksum is refused, and one that is not there is named.
#[test]
fn install_from_a_file() {
    let home = tempfile::tempdir().expect("a folder");
    let weights = home.path().join("weights.safetensors");
    write_weights(&weights);
    let from = weights.to_str().expect("UTF-8");

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
    std::fs::rename(&weights, &named).expect("renamed");
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
