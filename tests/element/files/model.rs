// SPDX-License-Identifier: MPL-2.0
//! The file of a model and its external data.

use gst::prelude::*;
use support::element::*;
use support::onnx;

use super::does_not_start;

/// A model that fails when the pipeline starts is one error of ours, and the first of all: nothing
/// comes after it but the source's, whose stream was stopped.
#[test]
fn a_failed_model_is_one_error() {
    support::init();
    for mode in ["exact", "live"] {
        for behind in ["identity", "resnet50overlay", "resnet50json"] {
            let line = format!(
                "videotestsrc is-live=true name=source ! video/x-raw,format=RGB,width=8,height=6 ! \
                 resnet50 name=r model=/nowhere/m.onnx mode={mode} ! {behind} ! fakesink async=false"
            );
            let pipeline = gst::parse::launch(&line).expect("a pipeline");
            let pipeline = pipeline.downcast::<gst::Pipeline>().expect("a pipeline");
            pipeline.set_auto_flush_bus(false);
            let bus = pipeline.bus().expect("a bus");
            pipeline
                .set_state(gst::State::Playing)
                .expect("it loads aside");
            let mut from: Vec<String> = Vec::new();
            let mut take = |message: gst::Message| {
                from.push(message.src().expect("a source").name().to_string());
                from.last().is_some_and(|name| name == "source")
            };
            // The source's stream is stopped by what comes back to it.
            let next = || bus.timed_pop_filtered(TIMEOUT, &[gst::MessageType::Error]);
            while !take(next().expect("an error of the source")) {}
            pipeline.set_state(gst::State::Null).expect("it stops");
            while let Some(message) = bus.pop_filtered(&[gst::MessageType::Error]) {
                take(message);
            }
            assert_eq!(from, ["r", "source"], "{mode}, {behind}");
        }
    }
}

/// Weights that lie beside the model are a part of it: where they are replaced and the model is set
/// again, they are in use, in this element and in others, though the model's own file is the same.
#[test]
fn new_weights_beside_the_same_model() {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("m.onnx.data");
    let model = onnx::write_external(folder.path(), "m.onnx", 4, "m.onnx.data");
    onnx::write_logits(&data, 4, 1);
    let info = rgb(8, 6);
    let rigs = [0; 2].map(|_| Rig::new(&element(&model), &info));
    for rig in &rigs {
        rig.play().expect("it plays");
        assert_eq!(top(&rig.classify(plain(&info, RED))), 1);
    }
    let date = std::fs::metadata(&data)
        .and_then(|m| m.modified())
        .expect("a date");
    onnx::write_logits(&data, 4, 3);
    // As a tool that keeps dates puts it there.
    let file = std::fs::File::options()
        .write(true)
        .open(&data)
        .expect("ours");
    file.set_modified(date).expect("a date");
    for rig in &rigs {
        assert_eq!(top(&rig.classify(plain(&info, RED))), 1, "until it is set");
        rig.element.set_property("model", text(&model));
        assert!(loaded(&rig.bus), "it is loaded");
        assert_eq!(top(&rig.classify(plain(&info, RED))), 3);
    }
    let other = Rig::new(&element(&model), &info);
    other.play().expect("it plays");
    assert_eq!(top(&other.classify(plain(&info, RED))), 3);

    // Weights that are gone, or elsewhere, are an error that names them.
    std::fs::remove_file(&data).expect("it is there");
    let words = [text(&model), "external data", text(&data), "cannot be read"];
    does_not_start(&element(&model), &words);
    onnx::write_logits(&folder.path().join("outside.data"), 4, 0);
    let inner = folder.path().join("inner");
    std::fs::create_dir(&inner).expect("a folder");
    for place in ["../outside.data", text(&folder.path().join("outside.data"))] {
        let model = onnx::write_external(&inner, "m.onnx", 4, place);
        let words = [text(&model), place, "not in the model's folder"];
        does_not_start(&element(&model), &words);
    }
    // One in a folder of the model's is as good.
    onnx::write_logits(&inner.join("w"), 4, 2);
    let model = onnx::write_external(folder.path(), "in.onnx", 4, "inner/w");
    let rig = Rig::new(&element(&model), &info);
    rig.play().expect("it plays");
    assert_eq!(top(&rig.classify(plain(&info, RED))), 2);
}
