// SPDX-License-Identifier: MPL-2.0
//! The network in 16-bit floats and in 8-bit integers, as a user makes and runs it.
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use gstresnet50::onnx;
use gstresnet50::resnet50::{
    ArchitectureMatch, Batch, FusedWeights, ResNet50, Variant, match_architecture, synthetic_model,
};
use prost::Message as _;
use support::data;
use support::onnx::Net;

fn program(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gst-resnet50"))
        .args(args)
        .output()
        .expect("it runs")
}

/// Runs the program, which must succeed, and returns what it printed.
fn succeed(args: &[&str]) -> String {
    let output = program(args);
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Runs the program, which must fail with one message that has all these words.
fn fail(args: &[&str], words: &[&str]) {
    let output = program(args);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{args:?}: {text}");
    for word in words {
        assert!(text.contains(word), "{args:?}: “{word}” is not in: {text}");
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn number(text: &str, before: &str) -> f64 {
    let (_, rest) = text.split_once(before).expect(before);
    let rest = rest.trim_start();
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.');
    rest[..end.unwrap_or(rest.len())].parse().expect("a number")
}

/// From float32 to integers on the demo's video: the report has a line for each activation, the
/// held-out frames agree, and `check` and `inspect` say the same of the files.
#[test]
fn quantize_and_check() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = |name: &str| dir.path().join(name);
    let (fp32, int8) = (file("fp32.onnx"), file("int8.onnx"));
    let (fp32, int8) = (text(&fp32), text(&int8));
    succeed(&["model", "build", "--init", "rule", "-o", fp32]);
    let clip = format!("{}/demo/clip.webm", env!("CARGO_MANIFEST_DIR"));
    let photo = data("photos/astronaut.png");
    let report = succeed(&[
        "model",
        "quantize",
        fp32,
        "--frames",
        "24",
        "-o",
        int8,
        "--calibrate",
        &clip,
        text(&photo),
    ]);
    // The picture's and twelve of the video; every fifth is held out.
    assert!(report.contains("percentile on 11 frames"), "{report}");
    assert!(report.contains("against float32 on 2 frames"), "{report}");
    for activation in ResNet50::new(Variant::V1_5).activations() {
        if activation != "input" {
            assert!(
                number(&report, &format!("\n{activation} ")) > 15.0,
                "{report}"
            );
        }
    }
    // The classifier's own output, behind all errors before it.
    assert!(number(&report, "\noutput ") > 30.0, "{report}");
    // What all that means comes last.
    let last = report.trim_end().lines().last().unwrap_or_default();
    assert!(last.contains("verdict       good: "), "{last}");

    let report = succeed(&[
        "model",
        "check",
        int8,
        "--against",
        fp32,
        text(&photo),
        "--threads",
        "1",
    ]);
    assert!(report.contains("1 frame of 1 source"), "{report}");
    assert!(report.contains("top-1 agreement   1 of 1"), "{report}");
    assert!(number(&report, "differ by up to") < 0.1, "{report}");

    let inspected = succeed(&["model", "inspect", int8]);
    assert!(inspected.contains("precision     int8"), "{inspected}");
    assert!(inspected.contains("MACs          4.09 G"), "{inspected}");
    assert!(
        inspected.contains("architecture  resnet50-v1.5: layer2.0.conv2"),
        "{inspected}"
    );

    // What is no float32 file of this program's, and frames that there are not.
    let out = file("none.onnx");
    let quantize = |file: &str, words: &[&str]| {
        fail(&["model", "quantize", file, "-o", text(&out)], words);
        assert!(!out.exists());
    };
    quantize(
        int8,
        &["int8.onnx", "it is in int8 already", "model install"],
    );
    quantize(
        text(&data("efficientnet-lite0.onnx")),
        &["it is not a ResNet"],
    );
    quantize(
        text(&data("light_resnet50.onnx")),
        &["no float32 constant “conv1.weight”"],
    );
    quantize("/nowhere.onnx", &["/nowhere.onnx", "No such file"]);
    fail(
        &["model", "quantize", fp32, "-o", fp32],
        &["fp32.onnx", "would be overwritten"],
    );
    fail(
        &["model", "quantize", fp32, "-o", "/nowhere/int8.onnx"],
        &["there is no folder “/nowhere”"],
    );
    let frames = ["model", "build", "--init", "rule", "--frames", "9", "-o"];
    fail(
        &[&frames[..], &[text(&out)]].concat(),
        &["--precision int8", "fp32"],
    );
    let cargo = format!("{}/Cargo.toml", env!("CARGO_MANIFEST_DIR"));
    for (source, words) in [
        ("/nowhere.mp4", ["/nowhere.mp4", "neither a file nor a URI"]),
        (cargo.as_str(), ["Cargo.toml: ", "decode"]),
    ] {
        fail(
            &[
                "model",
                "quantize",
                fp32,
                "-o",
                text(&out),
                "--calibrate",
                source,
            ],
            &words,
        );
        fail(&["model", "check", fp32, source], &words);
    }
    assert!(!out.exists());
    fail(&["model", "check", fp32, int8], &["--against"]);
    // Of the program's four photographs.
    let report = succeed(&["model", "check", int8, "--frames", "2"]);
    assert!(report.contains("2 frames of 2 sources"), "{report}");
    let other = data("efficientnet-lite0.onnx");
    succeed(&[
        "model",
        "check",
        "builtin:efficientnet-lite0",
        "--against",
        text(&other),
    ]);
    let few = Net::constant(vec![0.0; 10]).write(dir.path(), "few.onnx");
    fail(
        &["model", "check", fp32, "--against", text(&few)],
        &["1000 classes", "10"],
    );
}

/// 16-bit floats take and give 16-bit floats and hardly change an answer.
#[test]
fn half_precision() {
    let dir = tempfile::tempdir().expect("a folder");
    for variant in ["v1", "v1.5"] {
        let fp32 = dir.path().join("fp32.onnx");
        let fp16 = dir.path().join("fp16.onnx");
        for (precision, file) in [("fp32", &fp32), ("fp16", &fp16)] {
            succeed(&[
                "model",
                "build",
                "--init",
                "rule",
                "--variant",
                variant,
                "--precision",
                precision,
                "-o",
                text(file),
            ]);
        }
        let inspected = succeed(&["model", "inspect", text(&fp16)]);
        assert!(
            inspected.contains("“input” float16 [any, 3, 224, 224]"),
            "{inspected}"
        );
        assert!(inspected.contains("precision     fp16"), "{inspected}");
        assert!(
            inspected.contains(&format!("architecture  resnet50-{variant}: ")),
            "{inspected}"
        );
        let report = succeed(&["model", "check", text(&fp16), "--against", text(&fp32)]);
        assert!(report.contains("top-1 agreement   4 of 4"), "{report}");
        assert!(number(&report, "differ by up to") < 0.01, "{report}");
    }
}

/// The weights that come out of a file are those that went in, and another network's graph has
/// none.
#[test]
fn weights_of_a_file() {
    for variant in [Variant::V1, Variant::V1_5] {
        let model = synthetic_model(variant, Batch::Fixed(3));
        let bytes = model.encode_to_vec();
        let graph = onnx::Model::parse(bytes.into())
            .expect("a model")
            .graph
            .expect("a graph");
        let network = ResNet50::new(variant);
        let weights = FusedWeights::from_graph(&network, &graph).expect("weights");
        assert!(weights == gstresnet50::resnet50::synthetic_weights(&network));
    }
    let other = onnx::Model::read(&data("light_resnet50.onnx")).expect("a model");
    let graph = other.graph.expect("a graph");
    assert!(matches!(
        match_architecture(&graph),
        ArchitectureMatch::ResNet50(..)
    ));
    let error =
        FusedWeights::from_graph(&ResNet50::new(Variant::V1_5), &graph).expect_err("other names");
    assert!(
        error
            .to_string()
            .contains("“conv1.weight” of shape [64, 3, 7, 7]"),
        "{error}"
    );
}

/// In the file of integers every activation, and nothing else, goes through a byte; no layer takes
/// floats.
#[test]
fn every_layer_is_quantized() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("int8.onnx");
    succeed(&[
        "model",
        "build",
        "--init",
        "rule",
        "--precision",
        "int8",
        "--method",
        "minmax",
        "--batch",
        "2",
        "-o",
        text(&file),
    ]);
    let model = onnx::Model::read(&file).expect("a model");
    let quantization = model.metadata("resnet50.quantization").expect("said");
    assert!(
        quantization.contains(r#""method":"minmax""#),
        "{quantization}"
    );
    let graph = model.graph.expect("a graph");
    let (_, shape) = graph.input[0].tensor().expect("a tensor");
    assert_eq!(shape, [Some(2), Some(3), Some(224), Some(224)]);

    let stored: BTreeSet<&str> = graph
        .node
        .iter()
        .filter(|n| n.op_type == "QuantizeLinear")
        .map(|n| n.input[0].as_str())
        .collect();
    let network = ResNet50::new(Variant::V1_5);
    let mut expected = network.activations();
    // What only moves values keeps the scale of what it moves.
    expected.extend(["maxpool".into(), "flatten".into()]);
    assert_eq!(stored, expected.iter().map(String::as_str).collect());
    for node in &graph.node {
        if matches!(node.op_type.as_str(), "Conv" | "Gemm" | "Add" | "MaxPool") {
            for input in &node.input {
                assert!(
                    input.ends_with(".dequantized"),
                    "{} takes {input}",
                    node.name
                );
            }
        }
    }
}
