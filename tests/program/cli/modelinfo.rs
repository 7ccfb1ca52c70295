// SPDX-License-Identifier: MPL-2.0
//! `model modelinfo`.

use gstresnet50::inference::Contract;

use super::run;
use support::program::{stderr, stdout};
use support::source;

/// The model that the plugin carries, as a file: its ranges are those of its contract, its labels are
/// a line each, and nothing that is there already is replaced without being named.
#[test]
fn written_and_read_again() {
    gst::init().expect("GStreamer");
    let home = tempfile::tempdir().expect("a folder");
    let file = |name: &str| home.path().join(name);
    let model = file("net.onnx");
    std::fs::copy(source("plugin-meta/efficientnet-lite0-int8.onnx"), &model).expect("copied");
    let labels = file("labels.txt");
    let labels = labels.to_str().expect("a path of UTF-8");

    let args = ["model", "modelinfo", "MODEL", "--labels", labels];
    let output = run(home.path(), &args, &model);
    assert!(output.status.success(), "{}", stderr(&output));
    let said = stdout(&output);
    assert!(said.contains("onnxinference model-file="), "{said}");
    assert!(said.contains(",width=256,height=256,"), "{said}");
    assert!(said.contains("videocrop left=16"), "{said}");
    let written = std::fs::read(file("net.onnx.modelinfo")).expect("it is written");
    let contract = Contract::parse_modelinfo(written.clone(), "input").expect("a contract");
    let mean = contract.mean.expect("it has ranges");
    assert!((mean[0] - 127.0 / 255.0).abs() < 1e-9, "{mean:?}");
    let names = std::fs::read_to_string(labels).expect("it is written");
    assert_eq!(names.lines().count(), 1000);
    assert_eq!(names.lines().nth(281), Some("tabby"));

    let args = ["model", "modelinfo", "MODEL"];
    let output = run(home.path(), &args, &model);
    assert!(!output.status.success());
    assert!(
        stderr(&output).contains("is there already"),
        "{}",
        stderr(&output)
    );
    let args = ["model", "modelinfo", "MODEL", "-o", "-"];
    let output = run(home.path(), &args, &model);
    assert_eq!(stdout(&output).as_bytes(), &written[..]);
}

/// What GStreamer's elements cannot run is an error with the reason, and nothing is written.
#[test]
fn refused() {
    let home = tempfile::tempdir().expect("a folder");
    let model = home.path().join("bgr.onnx");
    let mut net =
        gstresnet50::onnx::Model::read(&source("plugin-meta/efficientnet-lite0-int8.onnx"))
            .expect("a model");
    for entry in &mut net.metadata_props {
        entry.value = entry.value.replace("\"rgb\"", "\"bgr\"");
    }
    support::onnx::write(&net, home.path(), "bgr.onnx");
    let output = run(home.path(), &["model", "modelinfo", "MODEL"], &model);
    assert!(!output.status.success());
    assert!(
        stderr(&output).contains("it takes BGR"),
        "{}",
        stderr(&output)
    );
    assert!(!home.path().join("bgr.onnx.modelinfo").exists());
}
