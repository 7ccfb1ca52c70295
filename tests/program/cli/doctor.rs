// SPDX-License-Identifier: MPL-2.0
//! `doctor` and `--version`.

use super::{command, run};
use support::onnx::Net;
use support::program::stdout;

/// The commit, and the versions of both libraries, which are what a report of a fault needs.
#[test]
fn the_version_names_commit_and_libraries() {
    let home = tempfile::tempdir().expect("a folder");
    for option in ["--version", "-V"] {
        let output = command(home.path(), &[option]).output().expect("it runs");
        assert!(output.status.success(), "{output:?}");
        let text = stdout(&output);
        let version = env!("CARGO_PKG_VERSION");
        assert!(
            text.starts_with(&format!("gst-resnet50 {version} (")),
            "{text}"
        );
        assert!(
            text.contains("commit ") || text.contains("release"),
            "{text}"
        );
        let (major, minor, micro, _) = gst::version();
        assert!(
            text.contains(&format!("GStreamer {major}.{minor}.{micro}\n")),
            "{text}"
        );
        let runtime = text.split_once("ONNX Runtime ").expect("a line for it").1;
        assert!(runtime.starts_with(|c: char| c.is_ascii_digit()), "{text}");
    }
    // Without the library the rest is said.
    let mut without = command(home.path(), &["--version"]);
    let output = without
        .env("ORT_DYLIB_PATH", "/no/such/file")
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{output:?}");
    assert!(
        stdout(&output).contains("ONNX Runtime: not found"),
        "{output:?}"
    );
}

/// What the element would do is said in numbers, whether the model says it or not.
#[test]
fn the_doctor_says_what_is_in_effect() {
    let home = tempfile::tempdir().expect("a folder");
    let report = |net: Net| {
        let model = net.write(home.path(), "model.onnx");
        stdout(&run(home.path(), &["doctor", "--model", "MODEL"], &model))
    };
    let silent = report(Net::nchw(224, 224));
    for words in [
        "shorter side to 256",
        "224x224",
        "mean 0.485 0.456 0.406",
        "std 0.229 0.224 0.225",
    ] {
        assert!(silent.contains(words), "{words}: {silent}");
    }
    let contract = r#"{"fit":"stretch","mean":[0.5,0.25,0],"std":[1,0.5,0.125],"color":"bgr"}"#;
    let other = report(Net::nchw(48, 192).contract(contract));
    for words in [
        "stretched to 192x48",
        "mean 0.5 0.25 0, std 1 0.5 0.125",
        "BGR",
    ] {
        assert!(other.contains(words), "{words}: {other}");
    }
}

/// Where GStreamer has next to nothing, the doctor says what that means for the user.
#[test]
fn the_doctor_knows_what_is_missing() {
    let home = tempfile::tempdir().expect("a folder");
    let model = Net::color().write(home.path(), "model.onnx");
    let model = model.to_str().expect("a path of text");
    let mut doctor = command(home.path(), &["doctor", "--model", model]);
    let doctor = doctor
        .env("GST_PLUGIN_SYSTEM_PATH_1_0", home.path())
        .env("GST_PLUGIN_PATH_1_0", home.path())
        .env("GST_REGISTRY_1_0", home.path().join("registry.bin"));
    let report = stdout(&doctor.output().expect("it runs"));
    assert!(report.contains("- encoder "), "{report}");
    assert!(
        report.contains("vp8enc") && report.contains("gstreamer1.0-plugins-good"),
        "{report}"
    );
    assert!(report.contains("- overlay "), "{report}");
    if cfg!(target_arch = "x86_64") {
        assert!(report.contains("VNNI"), "{report}");
    }
}
