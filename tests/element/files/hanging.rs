// SPDX-License-Identifier: MPL-2.0
//! Files that hang when they are read.

use std::time::Instant;

use gst::prelude::*;
use gstresnet50::inference::BUILTIN;
use support::element::*;
use support::hanging;

use super::BOUND;
use crate::color;

/// A model on a mount that hangs keeps its own element from loading, and no other: neither one with
/// a model of its own nor one with the model that the plugin carries. The way to NULL is bounded.
#[test]
fn a_model_whose_file_hangs_stops_nobody_else() {
    hanging::run(
        "files::hanging::a_model_whose_file_hangs_stops_nobody_else",
        || {
            let (good, folder) = color();
            let path = folder.path().join("hangs");
            std::fs::copy(folder.path().join("color.onnx"), &path).expect("a copy");
            let info = rgb(8, 6);
            // The second one waits for the first.
            let hanging = [0; 2].map(|_| Rig::new(&element(&path), &info));
            for rig in &hanging {
                let playing = rig.pipeline.set_state(gst::State::Playing);
                playing.expect("it starts to load");
                let reading = |message: gst::Message| {
                    let structure = message.structure();
                    structure
                        .is_some_and(|s| s.get("text").is_ok_and(|t: String| t.contains("reading")))
                };
                while !reading(rig.bus.timed_pop(TIMEOUT).expect("it goes on")) {}
            }
            let carried = bare();
            carried.set_property("model", BUILTIN);
            for element in [&good, &carried] {
                let rig = Rig::new(element, &info);
                rig.play().expect("it loads");
                rig.classify(plain(&info, RED));
                rig.stop();
            }
            for rig in &hanging {
                let begun = Instant::now();
                rig.stop();
                assert!(begun.elapsed() < BOUND, "{:?}", begun.elapsed());
                assert!(rig.errors().is_empty());
            }
            // What was left behind holds nobody up: the file is a good one now.
            std::fs::rename(&path, folder.path().join("other.onnx")).expect("renamed");
            hanging[0]
                .element
                .set_property("model", text(&folder.path().join("other.onnx")));
            hanging[0].play().expect("it loads");
            assert_eq!(top(&hanging[0].classify(plain(&info, GREEN))), 1);
        },
    );
}

/// Labels and groups that are set while playing are read aside: where their file hangs, the setter
/// returns, the stream goes on, others that are set afterwards are taken, and the way to NULL is
/// bounded.
#[test]
fn labels_whose_file_hangs_block_no_setter() {
    hanging::run(
        "files::hanging::labels_whose_file_hangs_block_no_setter",
        || {
            let (element, folder) = color();
            let file = |name: &str, text: &str| {
                let path = folder.path().join(name);
                std::fs::write(&path, text).expect("written");
                path
            };
            let hangs = file("hangs", "a\nb\nc\n");
            let good = file("good.txt", "rot\ngrün\nblau\n");
            for mode in ["exact", "live"] {
                element.set_property_from_str("mode", mode);
                element.set_property("labels", None::<&str>);
                element.set_property("groups", None::<&str>);
                let rig = Rig::new(&element, &rgb(8, 6));
                rig.play().expect("it plays");
                let until = |expected: &str| {
                    let begun = Instant::now();
                    let last = || {
                        let out = rig.classify(plain(&rgb(8, 6), GREEN));
                        let seen = gstresnet50::meta::classification_of(&out)?;
                        Some(seen.top().expect("a class").label.to_string())
                    };
                    while last().as_deref() != Some(expected) {
                        assert!(begun.elapsed() < BOUND, "{mode}: never {expected}");
                    }
                };
                until("class 1");
                element.set_property("labels", text(&hangs));
                until("class 1");
                element.set_property("labels", text(&good));
                until("grün");
                element.set_property("groups", text(&hangs));
                until("grün");
                let begun = Instant::now();
                rig.stop();
                assert!(begun.elapsed() < BOUND, "{:?}", begun.elapsed());
                assert!(rig.errors().is_empty());
                assert!(warnings(&rig.bus, &element).is_empty());
            }
        },
    );
}
