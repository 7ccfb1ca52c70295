// SPDX-License-Identifier: MPL-2.0
//! Real models on real pictures: the answers are those of the reference pre-processing.

use std::collections::BTreeMap;

use gst::prelude::*;
use gst_video::VideoFormat;
use gstresnet50::inference::BUILTIN;
use gstresnet50::meta::Class;
use serde::Deserialize;
use support::element::{TIMEOUT, bare, classification, info, text, three};
use support::harness::{play, through};
use support::{data, pack, photo, source};

#[derive(Debug, Deserialize)]
struct Expected {
    index: i32,
    label: String,
    confidence: f32,
}

/// The reference's best five classes of each photograph.
fn reference() -> BTreeMap<String, Vec<Expected>> {
    let json = std::fs::read(data("efficientnet_lite0_top5.json")).expect("the reference");
    serde_json::from_slice(&json).expect("JSON")
}

/// The answer to a photograph, as an RGB frame through the element.
fn classify(element: &gst::Element, name: &str) -> Vec<Class> {
    let picture = photo(&format!("{name}.png"));
    let info = info(VideoFormat::Rgb, picture.width(), picture.height());
    let (mut harness, _bus) = play(element, &info);
    classification(&through(&mut harness, pack::buffer(&info, &picture))).results
}

/// The published network in 32-bit floats gives the reference's five classes and confidences, in
/// its order where that is not a matter of a hair.
#[test]
fn float_model_equals_the_reference() {
    let element = bare();
    element.set_property("model", text(&data("efficientnet-lite0.onnx")));
    element.set_property("mean", three([127.0 / 255.0; 3]));
    element.set_property("std", three([128.0 / 255.0; 3]));
    element.set_property("top-k", 20u32);
    let reference = reference();
    assert_eq!(reference.len(), 5);
    for (name, expected) in reference {
        let found = classify(&element, &name);
        for class in &expected {
            let same = found.iter().find(|f| f.index == class.index);
            let same = same.unwrap_or_else(|| panic!("{name}: {class:?} not in {found:?}"));
            assert_eq!(*same.label, *class.label);
            let apart = (same.confidence - class.confidence).abs();
            assert!(apart < 0.02, "{name}: {same:?}, not {class:?}");
        }
        let place = |index| found.iter().position(|f| f.index == index);
        for pair in expected.windows(2) {
            if pair[0].confidence - pair[1].confidence > 0.02 {
                let places = (place(pair[0].index), place(pair[1].index));
                assert!(places.0 < places.1, "{name}: {found:?}");
            }
        }
    }
}

/// The built-in int8 network agrees with it on the best class; on chelsea, where two cats are
/// equally likely, with one of the two.
#[test]
fn builtin_model_agrees() {
    let element = bare();
    element.set_property("model", BUILTIN);
    let reference = reference();
    for (name, choices) in [
        ("coffee", 1),
        ("rocket", 1),
        ("motorcycle_left", 1),
        ("chelsea", 2),
    ] {
        let found = classify(&element, name);
        assert_eq!(found.len(), 5, "top-k is 5 by default");
        let expected: Vec<i32> = reference[name].iter().map(|e| e.index).collect();
        assert!(
            expected[..choices].contains(&found[0].index),
            "{name}: {found:?}"
        );
        assert!(found.windows(2).all(|w| w[0].confidence >= w[1].confidence));
    }
}

/// Labels in the forms of other programs name the classes as a plain list does, and no bracket,
/// quote or number of them shows.
#[test]
fn labels_of_other_programs() {
    let folder = tempfile::tempdir().expect("a folder");
    let names: Vec<String> = (0..1000).map(|i| format!("thing {i}, or so")).collect();
    let lines = |line: &dyn Fn(usize, &str) -> String| {
        let lines = names.iter().enumerate().map(|(i, name)| line(i, name));
        lines.collect::<Vec<_>>().join("\n")
    };
    let python = lines(&|i, name| format!("{i}: '{name}',"));
    for contents in [
        serde_json::to_string(&names).expect("JSON"),
        serde_json::to_string_pretty(&names).expect("JSON"),
        format!("{{{python}}}"),
        lines(&|i, name| format!("{i}:{name}")),
        lines(&|i, name| format!("{i} {name}\r")),
        lines(&|i, name| format!("n{i:08} {name}")),
        format!(
            "index,name\n{}",
            lines(&|i, name| format!("{i},\"{name}\""))
        ),
        names.join(";"),
        names.join("\n"),
    ] {
        let path = folder.path().join("labels.txt");
        std::fs::write(&path, &contents).expect("written");
        let element = bare();
        element.set_property("model", BUILTIN);
        element.set_property("labels", text(&path));
        let found = classify(&element, "coffee");
        let start: String = contents.chars().take(40).collect();
        assert_eq!(&*found[0].label, "thing 967, or so", "{start}");
    }
}

/// The demo clip, decoded by GStreamer, through the built-in model: what each part shows is the
/// best class of at least 95 % of its frames, all of which come out.
#[test]
fn demo_clip() {
    let element = bare();
    element.set_property("model", BUILTIN);
    let uri = glib::filename_to_uri(source("demo/clip.webm"), None).expect("a URI");
    let pipeline = gst::Pipeline::new();
    let decode = gst::ElementFactory::make("uridecodebin")
        .property("uri", uri.as_str())
        .build()
        .expect("uridecodebin");
    let sink = gst_app::AppSink::builder().sync(false).build();
    pipeline
        .add_many([&decode, &element, sink.upcast_ref()])
        .expect("they go in");
    element.link(&sink).expect("they link");
    let behind = element.static_pad("sink").expect("a sink pad");
    decode.connect_pad_added(move |_, pad| {
        pad.link(&behind)
            .expect("the decoder's frames are taken as they come");
    });
    pipeline.set_state(gst::State::Playing).expect("it plays");

    let parts: [&[i32]; 4] = [&[281, 282, 285], &[967], &[665], &[657]];
    let mut frames = [0; 4];
    let mut right = [0; 4];
    while let Some(sample) = sink.try_pull_sample(TIMEOUT) {
        let buffer = sample.buffer().expect("a sample of one buffer");
        let pts = buffer.pts().expect("a decoded frame has a time");
        let part = ((pts.mseconds() + 1) / 3600).min(3) as usize;
        frames[part] += 1;
        let classification = classification(buffer);
        let top = classification.top().expect("a class").index;
        right[part] += usize::from(parts[part].contains(&top));
    }
    let ended = sink.is_eos();
    pipeline.set_state(gst::State::Null).expect("it stops");
    assert!(ended, "{frames:?}");
    assert_eq!(frames, [90; 4]);
    assert!(right.iter().all(|r| *r * 100 >= 90 * 95), "{right:?} of 90");
}
