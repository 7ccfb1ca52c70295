// SPDX-License-Identifier: MPL-2.0
//! What is said of a frame: metadata, messages, statistics, the model's description.

use gst::prelude::*;
use gst_check::Harness;
use gstresnet50::meta::{META_NAME, classification_of};

use super::{color, element_messages, metas, until_error};
use support::element::*;
use support::harness::{play, segment, through};
use support::onnx::Net;

/// `messages=none` posts none, `all` one for each inferred frame, `change` one for each change of
/// the best class.
#[test]
fn messages_by_kind() {
    let colors = [RED, RED, GREEN, GREEN, BLUE, GREEN, GREEN, RED];
    for (kind, interval, expected) in [
        ("none", 1u32, vec![]),
        ("all", 1, vec![0, 0, 1, 1, 2, 1, 1, 0]),
        ("all", 3, vec![0, 1, 1]),
        ("change", 1, vec![0, 1, 2, 1, 0]),
        ("change", 3, vec![0, 1]),
    ] {
        let (element, _folder) = color();
        element.set_property_from_str("messages", kind);
        element.set_property("interval", interval);
        let info = rgb(8, 6);
        let (mut harness, bus) = play(&element, &info);
        for color in colors {
            through(&mut harness, plain(&info, color));
        }
        let found: Vec<i32> = element_messages(&bus, &element)
            .iter()
            .map(|m| {
                let results = m.get::<gst::Array>("results").expect("results");
                let best: gst::Structure = results[0].get().expect("a structure");
                best.get("index").expect("an index")
            })
            .collect();
        assert_eq!(found, expected, "{kind} {interval}");
    }
}

/// With `messages=change` the first result of a new stream, of a new segment and after a flush is
/// told, though it is what the last one was.
#[test]
fn messages_of_a_new_stream() {
    let (element, _folder) = color();
    element.set_property_from_str("messages", "change");
    let info = rgb(8, 6);
    let (mut harness, bus) = play(&element, &info);
    let segment = |start| {
        let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
        segment.set_start(gst::ClockTime::from_seconds(start));
        gst::event::Segment::new(&segment)
    };
    let stream = gst::event::StreamStart::new("another");
    let begin = gst::event::FlushStart::new();
    let end = gst::event::FlushStop::new(true);
    for (events, expected) in [
        (vec![segment(0)], 1),
        (vec![], 0),
        (vec![segment(1)], 1),
        (vec![stream, segment(1)], 1),
        (vec![], 0),
        (vec![begin, end, segment(1)], 1),
    ] {
        for event in events {
            assert!(harness.push_event(event));
        }
        for _ in 0..2 {
            through(&mut harness, timed(&info, RED, 2000));
        }
        assert_eq!(element_messages(&bus, &element).len(), expected);
    }
}

/// The message has the metadata's fields and the frame's times, by the segment that it lies in.
#[test]
fn message_fields() {
    let (element, folder) = color();
    element.set_property_from_str("messages", "all");
    let info = rgb(8, 6);
    let (mut harness, bus) = play(&element, &info);
    assert!(harness.push_event(segment(10, 3, 1)));
    through(&mut harness, timed(&info, GREEN, 10_500));

    let all = element_messages(&bus, &element);
    let [message] = all.as_slice() else {
        panic!("not one message: {all:?}");
    };
    assert_eq!(message.name(), "resnet50");
    let model = folder.path().join("color.onnx");
    assert_eq!(message.get::<&str>("model"), Ok(text(&model)));
    assert_eq!(message.get::<&str>("provider"), Ok("cpu"));
    assert_eq!(message.get::<bool>("fresh"), Ok(true));
    assert_eq!(message.get::<u64>("age"), Ok(0));
    assert!(message.get::<u64>("inference-time").is_ok_and(|t| t > 0));
    assert!(!message.has_field("region"), "the whole frame has none");
    for (field, milliseconds) in [
        ("timestamp", 10_500),
        ("stream-time", 3500),
        ("running-time", 1500),
        ("duration", 40),
    ] {
        let expected = milliseconds * 1_000_000;
        assert_eq!(message.get::<u64>(field), Ok(expected), "{field}");
    }
    let results = message.get::<gst::Array>("results").expect("results");
    assert_eq!(results.len(), 3);
    let best: gst::Structure = results[0].get().expect("a structure");
    assert_eq!(best.name(), "class");
    assert_eq!(best.get::<i32>("index"), Ok(1));
    assert_eq!(best.get::<&str>("label"), Ok("class 1"));
    assert_eq!(best.get::<f32>("confidence"), Ok(1.0));
}

/// The metadata has the fields of the contract, with their types, as any language would read them.
#[test]
fn meta_fields() {
    let (element, folder) = color();
    let info = rgb(8, 6);
    let (mut harness, _bus) = play(&element, &info);
    let buffer = through(&mut harness, timed(&info, BLUE, 0));
    let meta = gst::meta::CustomMeta::from_buffer(&buffer, META_NAME).expect("the meta");
    let structure = meta.structure();
    assert_eq!(structure.name(), "Resnet50ClassificationMeta");
    let model = folder.path().join("color.onnx");
    assert_eq!(structure.get::<&str>("model"), Ok(text(&model)));
    assert_eq!(structure.get::<&str>("provider"), Ok("cpu"));
    assert_eq!(structure.get::<bool>("fresh"), Ok(true));
    assert_eq!(structure.get::<u64>("age"), Ok(0));
    assert!(structure.get::<u64>("inference-time").is_ok());
    let results = structure.get::<gst::Array>("results").expect("results");
    let classes: Vec<(i32, f32)> = results
        .iter()
        .map(|v| v.get::<gst::Structure>().expect("a structure"))
        .map(|c| {
            (
                c.get("index").expect("gint"),
                c.get("confidence").expect("gfloat"),
            )
        })
        .collect();
    assert_eq!(classes, [(2, 1.0), (0, 0.0), (1, 0.0)]);
    assert!(!structure.has_field("decision"));
}

/// A model whose contract says that its weights are not trained is used, with a WARNING.
#[test]
fn untrained_model() {
    let (element, folder) = color();
    let net = Net::nchw(1, 1).contract(r#"{"trained":false}"#);
    element.set_property("model", text(&net.write(folder.path(), "untrained.onnx")));
    let info = rgb(8, 6);
    let (mut harness, bus) = play(&element, &info);
    through(&mut harness, plain(&info, RED));
    let warnings = warnings(&bus, &element);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].message().contains("untrained.onnx"));
}

/// `stats` counts and measures, and begins anew with each start.
#[test]
fn stats() {
    let (element, _folder) = color();
    element.set_property("interval", 2u32);
    let info = rgb(8, 6);
    let (mut harness, _bus) = play(&element, &info);
    for i in 0..5 {
        through(&mut harness, timed(&info, RED, 40 * i));
    }
    let stats: gst::Structure = element.property("stats");
    for (field, expected) in [
        ("frames", 5),
        ("inferences", 3),
        ("batches", 3),
        ("skipped", 2),
        ("errors", 0),
    ] {
        assert_eq!(stats.get::<u64>(field), Ok(expected), "{field}");
    }
    for name in ["preprocess", "queue", "inference", "total"] {
        let latency: gst::Structure = stats.get(name).expect(name);
        let [p50, p95, p99] = ["p50", "p95", "p99"].map(|p| latency.get::<u64>(p).expect(p));
        assert!(p50 <= p95 && p95 <= p99, "{latency}");
        assert!(p99 > 0, "{name}: {latency}");
    }
    let short = gst::Buffer::from_slice([0u8; 3]);
    element.set_property("interval", 1u32);
    through(&mut harness, timed(&info, RED, 200));
    harness.push(short).expect("it is looked at later");
    let pad = element.static_pad("sink").expect("a sink pad");
    assert_eq!(until_error(&pad, &info), gst::FlowError::Error);
    let stats: gst::Structure = element.property("stats");
    assert_eq!(stats.get::<u64>("errors"), Ok(1));
}

/// `model-info` and `active-provider` are there while a model is loaded, and not otherwise.
#[test]
fn model_info() {
    let (element, folder) = color();
    assert_eq!(element.property::<Option<String>>("active-provider"), None);
    assert!(
        element
            .property::<Option<gst::Structure>>("model-info")
            .is_none()
    );
    let json = r#"{"architecture":"a","source":"b","weights_sha256":"c","color":"bgr"}"#;
    let path = Net::nhwc(6, 5)
        .contract(json)
        .write(folder.path(), "m.onnx");
    element.set_property("model", text(&path));
    let harness = play(&element, &rgb(8, 6));
    let provider: Option<String> = element.property("active-provider");
    assert_eq!(provider.as_deref(), Some("cpu"));
    let info: gst::Structure = element.property("model-info");
    for (field, expected) in [
        ("model", text(&path)),
        ("provider", "cpu"),
        ("input", "x"),
        ("output", "y"),
        ("layout", "nhwc"),
        ("type", "float32"),
        ("fit", "crop"),
        ("color-order", "bgr"),
        ("activation", "softmax"),
        ("architecture", "a"),
        ("source", "b"),
        ("weights-sha256", "c"),
    ] {
        assert_eq!(info.get::<&str>(field), Ok(expected), "{field}");
    }
    for (field, expected) in [
        ("width", 5u32),
        ("height", 6),
        ("classes", 90),
        ("resize", 6),
        ("threads", 1),
    ] {
        assert_eq!(info.get::<u32>(field), Ok(expected), "{field}");
    }
    let mean = info.get::<gst::Array>("mean").expect("the mean");
    let mean: Vec<f64> = mean.iter().map(|v| v.get().expect("a double")).collect();
    assert_eq!(mean, [0.485, 0.456, 0.406]);
    drop(harness);
    assert_eq!(element.property::<Option<String>>("active-provider"), None);
}

/// The classification survives scaling, conversion and copies of the buffer.
#[test]
fn meta_survives() {
    let (element, _folder) = color();
    let info = rgb(8, 6);
    let (mut harness, _bus) = play(&element, &info);
    let buffer = through(&mut harness, timed(&info, GREEN, 0));
    let before = classification(&buffer);
    let copies = [
        buffer.copy(),
        buffer.copy_deep().expect("a deep copy"),
        buffer
            .copy_region(gst::BufferCopyFlags::all(), ..)
            .expect("a region"),
    ];
    for copy in copies {
        assert_eq!(classification(&copy), before);
    }
    for launch in [
        "videoscale ! capsfilter caps=video/x-raw,width=20,height=30",
        "videoconvert ! capsfilter caps=video/x-raw,format=NV12",
        "videoconvert ! videoscale ! capsfilter caps=video/x-raw,format=I420,width=4,height=4",
    ] {
        let mut after = Harness::new_parse(launch);
        after.set_src_caps(caps(&info));
        after.push(buffer.clone()).expect("it goes through");
        let converted = after.pull().expect("a buffer");
        assert_ne!(converted.size(), buffer.size(), "{launch} has done nothing");
        assert_eq!(classification(&converted), before, "{launch}");
        assert_eq!(metas(&converted), 1, "{launch}");
    }
}

/// A second `resnet50` puts its own result beside the first one's, and is the one that is read.
#[test]
fn second_element_adds_its_meta() {
    let (first, folder) = color();
    let second = element(&Net::constant(vec![0.0, 9.0]).write(folder.path(), "two.onnx"));
    let info = rgb(8, 6);
    let (mut one, _bus) = play(&first, &info);
    let (mut two, _bus) = play(&second, &info);
    let between = through(&mut one, timed(&info, BLUE, 0));
    let kept = between.clone();
    let buffer = through(&mut two, between);
    assert_eq!((metas(&kept), metas(&buffer)), (1, 2));
    let classification = classification(&buffer);
    assert!(classification.model.ends_with("two.onnx"));
    assert_eq!(classification.results.len(), 2);
    assert_eq!(top(&kept), 2, "the buffer between is not touched");
}

/// A buffer that nobody has classified has no classification.
#[test]
fn no_meta_of_its_own() {
    support::init();
    assert_eq!(classification_of(&plain(&rgb(8, 6), RED)), None);
}
