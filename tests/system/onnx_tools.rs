// SPDX-License-Identifier: MPL-2.0
//! The models that we write, as others see them: ONNX's checker, and ONNX Runtime's quantizer as
//! the yardstick for ours. The programs are in `tests/python`.
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use support::onnx::{Net, unknown_operation, write};
use support::{GOLDEN, data, source};

/// The folder of the wheels that the programs import; `cargo xtask test` fills it and sets this.
const WHEELS: &str = "RESNET50_TEST_PYTHONPATH";

/// The variants as the command line has them.
const VARIANTS: [&str; 2] = ["v1.5", "v1"];

/// By how many decibels ours may be behind: calibration is on decoded photographs here, on golden
/// tensors there.
const SNR_TOLERANCE: f64 = 0.5;

/// What runs a program of `tests/python`. There is none in a plain `cargo test`, which needs no
/// Python; but where wheels are promised they must be there.
fn python() -> Option<impl Fn(&str) -> Command> {
    let Some(wheels) = std::env::var_os(WHEELS).map(PathBuf::from) else {
        eprintln!("skipped, as {WHEELS} is not set: “cargo xtask test” runs this");
        return None;
    };
    assert!(
        wheels.is_dir(),
        "{WHEELS} is {wheels:?}, which is no folder: unset it, or run “cargo xtask test”"
    );
    Some(move |program: &str| {
        let mut python = Command::new("python3");
        python
            // -s: nothing that the user has installed; -B: nothing written into the source tree.
            .args(["-s", "-B"])
            .arg(source("tests/python").join(program))
            .env("PYTHONPATH", &wheels);
        python
    })
}

/// Runs what must succeed.
fn run(command: &mut Command) -> Output {
    let output = command.output();
    let output = output.unwrap_or_else(|e| panic!("cannot start {command:?}: {e}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// The lines of JSON that a program has printed.
fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"));
    text.lines().map(parse).collect()
}

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_gst-resnet50"))
}

/// `gst-resnet50 model build --init rule`, with `args`.
fn build(file: &Path, variant: &str, args: &[&str]) {
    let mut program = program();
    program.args(["model", "build", "--init", "rule", "--variant", variant]);
    run(program.args(args).arg("-o").arg(file));
}

/// The photographs of the golden tensors that `tests/python/photos.py` loads, as URIs.
fn photos() -> Vec<String> {
    let resized_to_256 = GOLDEN.iter().filter(|(_, _, resize)| *resize == 256);
    let uri = |name| glib::filename_to_uri(data("photos").join(name), None).expect("a URI");
    resized_to_256
        .map(|(name, ..)| uri(name).to_string())
        .collect()
}

fn quantize_reference(python: impl Fn(&str) -> Command, fp32: &Path, file: &Path) {
    let mut reference = python("quantize_reference.py");
    reference.args([fp32, file]);
    run(reference.arg("--tensors").arg(data("tensors")));
}

/// How near a model is to the one that it was made from.
#[derive(Debug)]
struct Agreement {
    /// Photographs whose first class is the same.
    top1: u64,
    /// The logits' signal-to-noise ratio in decibels.
    snr: f64,
}

/// How near `a` and `b` are to `fp32`. Their speeds are printed only: no test fails by the clock.
fn compare(
    python: impl Fn(&str) -> Command,
    fp32: &Path,
    a: &Path,
    b: &Path,
) -> (Agreement, Agreement) {
    let mut compare = python("compare.py");
    compare.args([fp32, a, b]).args(["--rounds", "3"]);
    let output = run(compare.arg("--tensors").arg(data("tensors")));
    let report = &lines(&output)[0];
    println!("{report}");
    assert_eq!(report["photos"], 5);
    let agreement = |key: &str| Agreement {
        top1: report[key]["top1"].as_u64().expect("a count"),
        // Null where nothing differs.
        snr: report[key]["snr_db"].as_f64().unwrap_or(f64::INFINITY),
    };
    (agreement("a"), agreement("b"))
}

/// ONNX's own checker and shape inference accept what `model build` writes.
#[test]
fn built_models_are_valid() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().expect("a folder");
    let files = VARIANTS.map(|variant| dir.path().join(format!("{variant}.onnx")));
    for (variant, file) in VARIANTS.iter().zip(&files) {
        build(file, variant, &[]);
    }
    let output = run(python("check_model.py").args(&files));
    let checked = lines(&output);
    assert_eq!(checked.len(), files.len());
    for line in checked {
        assert_eq!(line["operators"]["Conv"], 53, "{line}");
    }
}

/// So they do with the short types.
#[test]
fn built_models_of_short_types_are_valid() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().expect("a folder");
    for variant in VARIANTS {
        let file = |precision| dir.path().join(format!("{variant}-{precision}.onnx"));
        let (fp16, int8) = (file("fp16"), file("int8"));
        build(&fp16, variant, &["--precision", "fp16"]);
        let calibrate = photos();
        let mut args = vec!["--precision", "int8", "--calibrate"];
        args.extend(calibrate.iter().map(String::as_str));
        build(&int8, variant, &args);
        run(python("check_model.py").args([fp16, int8]));
    }
}

/// The checker does object: to shapes that contradict each other, to operations that there are
/// not, and to files that are no models.
#[test]
fn the_checker_finds_what_is_wrong() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().expect("a folder");
    let net = Net::nchw(4, 4);
    let mut contradicting = net.model();
    let other = Net::nchw(4, 5).model().graph.expect("a graph");
    contradicting.graph.as_mut().expect("a graph").output = other.output;
    let noise = dir.path().join("noise.onnx");
    std::fs::write(&noise, "no model at all").expect("written");
    let files = [
        net.write(dir.path(), "good.onnx"),
        write(&contradicting, dir.path(), "contradicting.onnx"),
        write(&unknown_operation(), dir.path(), "unknown.onnx"),
        noise,
    ];

    let mut check = python("check_model.py");
    let output = check.args(&files).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let lines = lines(&output);
    assert_eq!(lines.len(), files.len());
    assert!(lines[0]["error"].is_null(), "{}", lines[0]);
    for line in &lines[1..] {
        assert!(line["error"].is_string(), "{line}");
    }
}

/// The comparison tells a good model from a bad one: nothing differs from itself, zeros are as far
/// off as the logits are large, and what quantization takes is little.
#[test]
fn the_comparison_tells_good_from_bad() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().expect("a folder");
    let file = |name: &str| dir.path().join(name);
    let (fp32, reference) = (file("fp32.onnx"), file("reference.onnx"));
    build(&fp32, "v1.5", &[]);
    quantize_reference(&python, &fp32, &reference);
    let zeros = Net {
        constant: Some(vec![0.0; 1000]),
        ..Net::nchw(224, 224)
    };
    let zeros = zeros.write(dir.path(), "zeros.onnx");

    let (same, zeros) = compare(&python, &fp32, &fp32, &zeros);
    assert_eq!((same.top1, same.snr), (5, f64::INFINITY));
    assert_eq!((zeros.top1, zeros.snr), (0, 0.0));
    // The mean of the five answers, which is no answer at all, has 12 dB.
    let (reference, _) = compare(&python, &fp32, &reference, &fp32);
    assert!(reference.snr > 20.0, "{reference:?}");
}

/// `model quantize` takes no more from a model than ONNX Runtime's quantizer does, calibrated on
/// the same photographs. It is the noise that decides: without training the first class hardly ever
/// changes.
#[test]
fn quantizes_as_well_as_the_reference() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().expect("a folder");
    let file = |name: &str| dir.path().join(name);
    let (fp32, ours) = (file("fp32.onnx"), file("ours.onnx"));
    let reference = file("reference.onnx");
    build(&fp32, "v1.5", &[]);
    let mut quantize = program();
    quantize.args(["model", "quantize"]).arg(&fp32);
    quantize.args(["--method", "minmax", "--calibrate"]);
    run(quantize.args(photos()).arg("-o").arg(&ours));
    quantize_reference(&python, &fp32, &reference);

    run(python("check_model.py").arg(&ours));
    let (ours, reference) = compare(&python, &fp32, &ours, &reference);
    assert!(ours.top1 >= reference.top1, "{ours:?}, {reference:?}");
    assert!(
        ours.snr >= reference.snr - SNR_TOLERANCE,
        "{ours:?}, {reference:?}"
    );
}
