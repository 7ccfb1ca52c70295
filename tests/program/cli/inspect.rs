// SPDX-License-Identifier: MPL-2.0
//! `model inspect`.

use std::path::Path;

use gst::prelude::*;
use gstresnet50::onnx::{Attribute, Node, attribute_type};
use gstresnet50::resnet50::{Batch, Variant, synthetic_model};

use super::{command, run};
use support::data;
use support::onnx::{self, Net, write};
use support::program::{stderr, stdout};

/// A model whose graph never ends is an error within a minute or so, and the program ends.
#[test]
fn endless_model_is_an_error() {
    let home = tempfile::tempdir().expect("a folder");
    let model = data("loop_forever.onnx");
    let model = model.to_str().expect("a path of UTF-8");
    let photo = data("photos/coffee.png");
    let photo = photo.to_str().expect("a path of UTF-8");
    let commands: [&[&str]; 3] = [
        &["model", "check", model],
        &["classify", "--model", model, photo],
        &["bench", "--compare", model, "--rounds", "1"],
    ];
    std::thread::scope(|scope| {
        for args in commands {
            let home = home.path();
            scope.spawn(move || {
                let output = command(home, args).output().expect("it runs");
                assert!(!output.status.success(), "{args:?}");
                let text = stderr(&output);
                assert!(text.contains("was cancelled"), "{args:?}: {text}");
            });
        }
    });
}

/// Weights in Constant nodes, where some exporters put all of them, are weights.
#[test]
fn inspect_counts_weights_in_constant_nodes() {
    let home = tempfile::tempdir().expect("a folder");
    let inspect = |model: &Path| {
        let output = run(home.path(), &["model", "inspect", "MODEL", "--json"], model);
        let report: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("JSON");
        let part = |name: &str| report[name].clone();
        [
            "parameters",
            "macs",
            "precision",
            "architecture",
            "evidence",
        ]
        .map(part)
    };
    // A matrix of 3 x 3, and a bias.
    let [parameters, macs, precision, ..] = inspect(&data("models/constant_nodes.onnx"));
    assert_eq!(
        (parameters, macs, precision),
        (12.into(), 9.into(), "fp32".into())
    );

    // The whole network says the same of itself, whichever way its weights are held.
    let mut model = synthetic_model(Variant::V1_5, Batch::Dynamic);
    let held = inspect(&write(&model, home.path(), "initializers.onnx"));
    let graph = model.graph.as_mut().expect("a graph");
    let nodes = std::mem::take(&mut graph.initializer)
        .into_iter()
        .map(|tensor| Node {
            output: vec![tensor.name.clone()],
            op_type: "Constant".into(),
            attribute: vec![Attribute {
                name: "value".into(),
                r#type: attribute_type::TENSOR,
                t: Some(tensor),
                ..Attribute::default()
            }],
            ..Node::default()
        });
    graph.node.splice(0..0, nodes);
    assert_eq!(inspect(&write(&model, home.path(), "nodes.onnx")), held);
    assert_eq!(held[3], "resnet50-v1.5");
}

/// `inspect` says whether the element takes a file and what it does with it, or why not, and says it
/// as the element does.
#[test]
fn inspect_says_whether_the_element_takes_it() {
    let home = tempfile::tempdir().expect("a folder");
    let inspect = |model: &Path| {
        let text = stdout(&run(home.path(), &["model", "inspect", "MODEL"], model));
        let output = run(home.path(), &["model", "inspect", "MODEL", "--json"], model);
        let report: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("JSON");
        (text, report["element"].clone())
    };
    let contract = r#"{"mean":[0.5,0.25,0],"std":[1,0.5,0.125],"output":"probabilities"}"#;
    let good = Net::nchw(4, 8)
        .contract(contract)
        .write(home.path(), "good.onnx");
    let (text, element) = inspect(&good);
    for words in [
        "element       takes it",
        "centre of 8x4",
        "mean 0.5 0.25 0, std 1 0.5 0.125",
        "96 classes in “y”: confidences as they are",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert_eq!(element["takes"], true);
    assert_eq!(
        (
            &element["contract"]["width"],
            &element["contract"]["height"]
        ),
        (&8.into(), &4.into())
    );
    assert_eq!(
        element["contract"]["mean"],
        serde_json::json!([0.5, 0.25, 0.0])
    );
    assert_eq!(element["contract"]["activation"], "none");

    for (model, words) in [
        (onnx::two_inputs(), "not an image classifier"),
        (onnx::no_classes(), "not an image classifier"),
        (onnx::unknown_operation(), "ONNX Runtime refuses"),
        (
            Net::color().contract(r#"{"std":[0,1,1]}"#).model(),
            "must be finite and above 0",
        ),
    ] {
        let file = write(&model, home.path(), "bad.onnx");
        let (text, answer) = inspect(&file);
        assert!(text.contains("element       does not take it: "), "{text}");
        assert_eq!(answer["takes"], false);
        let reason = answer["reason"].as_str().expect("a reason");
        assert!(reason.contains(words), "{reason}");
        // The same words as on the bus.
        support::init();
        let element = support::element::element(&file);
        let bus = gst::Bus::new();
        element.set_bus(Some(&bus));
        let _ = element.set_state(gst::State::Paused);
        let message = bus.timed_pop_filtered(support::element::TIMEOUT, &[gst::MessageType::Error]);
        let message = message.expect("an error");
        let gst::MessageView::Error(error) = message.view() else {
            unreachable!("only errors were asked for");
        };
        assert_eq!(reason, error.error().message());
        element.set_state(gst::State::Null).expect("it stops");
        element.set_bus(None);
    }

    // Without a runtime nobody can tell.
    let mut without = command(
        home.path(),
        &["model", "inspect", good.to_str().expect("text")],
    );
    let output = without
        .env("ORT_DYLIB_PATH", "/no/such/file")
        .output()
        .expect("it runs");
    assert!(
        stdout(&output).contains("element       not tried: no usable ONNX Runtime"),
        "{output:?}"
    );
}
