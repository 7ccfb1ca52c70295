// SPDX-License-Identifier: MPL-2.0
//! The network against torchvision's.

mod support;

use gstresnet50::inference::{Model, ModelSource, Provider, Runtime, Session, SessionOptions};
use gstresnet50::preprocess::Slot;
use gstresnet50::resnet50::{Batch, Variant, model_by_rule};
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
