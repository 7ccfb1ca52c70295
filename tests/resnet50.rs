// SPDX-License-Identifier: MPL-2.0
//! The network against torchvision's.

mod support;

use gstresnet50::inference::{Model, ModelSource, Provider, Runtime, Session, SessionOptions};
use gstresnet50::onnx;
use gstresnet50::preprocess::Slot;
use gstresnet50::resnet50::{Batch, Variant, Verdict, model_by_rule, size, verdict};
use prost::Message;
use support::{data, golden_tensor};

/// Both variants, with the deterministic weights and their batch norms folded, give torchvision's
/// logits within 1e-3 of the largest one, and each is far from the other's.
#[test]
fn logits_of_torchvision() {
    gst::init().expect("GStreamer");
    let runtime = Runtime::load(None, &[]).expect("ONNX Runtime");
    let golden = std::fs::read(data("resnet50_logits.json")).expect("golden logits");
    let golden: serde_json::Value = serde_json::from_slice(&golden).expect("JSON");
    let dir = tempfile::tempdir().expect("a folder");

    for (variant, key, other) in [(Variant::V1_5, "v1.5", "v1"), (Variant::V1, "v1", "v1.5")] {
        let model = model_by_rule(variant, Batch::Dynamic);
        let path = dir.path().join(format!("{key}.onnx"));
        std::fs::write(&path, model.encode_to_vec()).expect("a file");
        let model = Model::read(ModelSource::File(path)).expect("a classifier");
        let options = SessionOptions {
            providers: vec![Provider::Cpu],
            provider_options: Vec::new(),
            device: 0,
            threads: 0,
        };
        let (mut session, _) = Session::load(runtime, &model, &options).expect("a session");
        for photo in ["chelsea", "coffee"] {
            let Slot::F32(slot) = session.slot() else {
                panic!("the model takes floats");
            };
            slot.copy_from_slice(&golden_tensor(&format!("{photo}_resize256")));
            let logits = session.run().expect("a Run").to_vec();
            let distance = |key: &str| {
                let expected: Vec<f32> =
                    serde_json::from_value(golden["logits"][photo][key].clone())
                        .expect("1000 floats");
                assert_eq!(expected.len(), 1000);
                let largest = expected.iter().fold(0f32, |m, v| m.max(v.abs()));
                let worst = logits
                    .iter()
                    .zip(&expected)
                    .fold(0f32, |m, (a, b)| m.max((a - b).abs()));
                worst / largest
            };
            assert!(distance(key) < 1e-3, "{key} {photo}: {}", distance(key));
            assert!(distance(other) > 1e-2, "{key} {photo}: {}", distance(other));
        }
    }
}

/// The graph alone tells which ResNet50 a file is and names the layer that tells; another writer's
/// graph, unfolded and with other names, is read as well; another network is none.
#[test]
fn verdicts() {
    for (variant, layer) in [
        (Variant::V1_5, "layer2.0.conv2"),
        (Variant::V1, "layer2.0.conv1"),
    ] {
        let graph = model_by_rule(variant, Batch::Dynamic)
            .graph
            .expect("a graph");
        let Verdict::ResNet50(found, telling) = verdict(&graph) else {
            panic!("{:?}", verdict(&graph));
        };
        assert_eq!(found, variant);
        assert!(telling.contains(layer), "{telling}");
        let counted = size(&graph, 224);
        // Folding makes of each batch norm's two numbers a channel one: 26 560 fewer.
        assert_eq!(counted.parameters, 25_557_032 - 26_560);
        let giga = if variant == Variant::V1 { 3.86 } else { 4.09 };
        assert!((counted.macs.expect("known") as f64 / 1e9 - giga).abs() < 0.005);
    }

    // ONNX's own test data: Caffe2's ResNet50, its weights left out.
    let other = onnx::Model::read(&data("light_resnet50.onnx")).expect("a model");
    let graph = other.graph.expect("a graph");
    let Verdict::ResNet50(Variant::V1_5, telling) = verdict(&graph) else {
        panic!("{:?}", verdict(&graph));
    };
    assert!(telling.contains("res3_0_branch2b_w_0"), "{telling}");
    assert_eq!(size(&graph, 224).parameters, 25_557_032);

    let none = onnx::Model::read(&data("efficientnet-lite0.onnx")).expect("a model");
    let graph = none.graph.expect("a graph");
    assert!(
        matches!(verdict(&graph), Verdict::NotAResNet(_)),
        "{:?}",
        verdict(&graph)
    );
    // Published: 4.7 million parameters, 0.407 G.
    let counted = size(&graph, 224);
    assert!(
        (4_600_000..4_700_000).contains(&counted.parameters),
        "{counted:?}"
    );
}
