// SPDX-License-Identifier: MPL-2.0
//! `resnet50json`: what its lines say, when there is one, and how it behaves in a pipeline. The
//! classifications are made up, so that every value is known. `json_sinks.rs` has what comes
//! after it.

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use gst::prelude::*;
use gst_check::Harness;
use gst_video::VideoFormat;
use gstresnet50::meta::{
    Class, Classification, Decision, Group, PARAM_NAME, attach_region, json_lines,
};
use serde_json::{Value, json};
use support::element::{caps, info, rgb};
use support::lines::{self, classified, frame, seen, with_region};

/// A playing `resnet50json` between two test pads.
fn harness(set: &[&str]) -> Harness {
    support::init();
    let mut harness = Harness::new("resnet50json");
    for name in set {
        element(&harness).set_property(name, true);
    }
    harness.set_src_caps(caps(&rgb(8, 8)));
    harness
}

fn element(harness: &Harness) -> gst::Element {
    harness.element().expect("it has one")
}

fn milliseconds(time: u64) -> gst::ClockTime {
    gst::ClockTime::from_mseconds(time)
}

/// The objects of the next buffer.
fn pull(harness: &mut Harness) -> Vec<Value> {
    let buffer = harness.try_pull().expect("there is a buffer of lines");
    lines::parse(&buffer.map_readable().expect("readable"))
}

/// Pushes a frame and tells whether lines came out, and how many.
fn count(harness: &mut Harness, frame: gst::Buffer) -> usize {
    harness.push(frame).expect("it goes through");
    let buffer = harness.try_pull();
    buffer.map_or(0, |b| {
        lines::parse(&b.map_readable().expect("readable")).len()
    })
}

/// The serialized events that have come out since the last call, but for the lines.
fn events(harness: &mut Harness) -> Vec<gst::Event> {
    std::iter::from_fn(|| harness.try_pull_event()).collect()
}

fn kinds(events: &[gst::Event]) -> Vec<gst::EventType> {
    events.iter().map(|e| e.type_()).collect()
}

/// A line has every field, in its unit, with the segment's times.
#[test]
fn every_field() {
    let mut harness = harness(&[]);
    let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
    segment.set_start(milliseconds(1000));
    segment.set_time(milliseconds(60_000));
    segment.set_base(milliseconds(500));
    assert!(harness.push_event(gst::event::Segment::new(&segment)));

    let mut answer = seen(281, "tabby");
    answer.age = Some(milliseconds(40));
    answer.fresh = false;
    answer.results.push(Class {
        index: 285,
        label: "Egyptian cat \"ägyptisch\"\n".into(),
        confidence: 0.125,
    });
    answer.groups.push(Group {
        label: "cat".into(),
        confidence: 0.75,
    });
    answer.decision = Some(Decision {
        label: Some("cat".into()),
        confidence: 0.5,
        since: Some(milliseconds(59_000)),
    });
    let buffer = classified(1040, &answer);
    harness.push(buffer).expect("it goes through");

    let buffer = harness.try_pull().expect("a line");
    assert_eq!(buffer.pts(), Some(milliseconds(1040)));
    assert_eq!(buffer.duration(), Some(milliseconds(40)));
    assert_eq!(buffer.dts(), None);
    let bytes = buffer.map_readable().expect("readable");
    assert_eq!(bytes.iter().filter(|b| **b == b'\n').count(), 1);
    assert_eq!(
        lines::parse(&bytes),
        [json!({
            "pts": 1_040_000_000u64,
            "stream_time": 60_040_000_000u64,
            "running_time": 540_000_000u64,
            "model": "test.onnx",
            "provider": "cpu",
            "fresh": false,
            "age_ns": 40_000_000u64,
            "inference_ns": 3_000_000u64,
            "region": null,
            "results": [
                {"index": 281, "label": "tabby", "confidence": 0.5},
                {"index": 285, "label": "Egyptian cat \"ägyptisch\"\n", "confidence": 0.125},
            ],
            "groups": [{"label": "cat", "confidence": 0.75}],
            "decision": "cat",
            "decision_confidence": 0.5,
            "decision_since": 59_000_000_000u64,
        })]
    );

    // What is not known is null, and nothing is a decision.
    let mut answer = seen(0, "class");
    answer.age = None;
    answer.results.clear();
    answer.decision = Some(Decision {
        label: None,
        confidence: 0.0,
        since: None,
    });
    let mut buffer = classified(0, &answer);
    buffer.make_mut().set_pts(None);
    harness.push(buffer).expect("it goes through");
    let line = pull(&mut harness).remove(0);
    for field in [
        "pts",
        "stream_time",
        "running_time",
        "age_ns",
        "decision_since",
    ] {
        assert_eq!(line[field], Value::Null, "{field}");
    }
    assert_eq!(line["decision"], "nothing");
    assert_eq!(line["results"], json!([]));
}

/// The frame's line comes first, then one for each region that is classified, all in one buffer.
#[test]
fn regions() {
    let mut harness = harness(&[]);
    let mut buffer = classified(0, &seen(1, "street"));
    with_region(&mut buffer, "person", None, Some(&seen(2, "jersey")));
    with_region(&mut buffer, "person", None, None);
    with_region(&mut buffer, "car", Some(1 << 40), Some(&seen(3, "taxi")));
    harness.push(buffer).expect("it goes through");
    let found = pull(&mut harness);
    let label = |line: &Value| line["results"][0]["label"].clone();
    assert_eq!(
        found.iter().map(label).collect::<Vec<_>>(),
        ["street", "jersey", "taxi"]
    );
    assert_eq!(found[0]["region"], Value::Null);
    assert_eq!(found[1]["region"]["type"], "person");
    assert_eq!(found[1]["region"]["tracking_id"], Value::Null);
    let region = &found[2]["region"];
    assert_eq!(region["tracking_id"], 1u64 << 40);
    let place = ["x", "y", "width", "height"].map(|f| region[f].as_u64());
    assert_eq!(place, [Some(1), Some(2), Some(3), Some(4)]);

    // Without a classification of the whole frame there are only the regions'.
    let mut buffer = frame(40);
    with_region(&mut buffer, "person", None, Some(&seen(2, "jersey")));
    assert_eq!(count(&mut harness, buffer), 1);
}

/// What the element writes is what programs get that take the lines off a buffer themselves.
#[test]
fn same_as_the_library() {
    let mut harness = harness(&[]);
    let mut buffer = classified(80, &seen(1, "street"));
    with_region(&mut buffer, "person", None, Some(&seen(2, "jersey")));
    let segment = gst::FormattedSegment::<gst::ClockTime>::new();
    let expected = json_lines(&buffer, Some(&segment));
    harness.push(buffer).expect("it goes through");
    let lines = harness.try_pull().expect("lines");
    assert_eq!(
        *lines.map_readable().expect("readable"),
        *expected.as_bytes()
    );
    assert_eq!(json_lines(&frame(0), Some(&segment)), "");
}

/// The schema refuses lines with a field missing, too many, or of another kind: a test that
/// validates with it says something.
#[test]
fn the_schema_is_strict() {
    let schema = lines::schema();
    let mut harness = harness(&["include-unclassified"]);
    let mut buffer = classified(0, &seen(1, "street"));
    with_region(&mut buffer, "person", None, Some(&seen(2, "jersey")));
    harness.push(buffer).expect("it goes through");
    harness.push(frame(40)).expect("it goes through");
    let good: Vec<Value> = (0..2).flat_map(|_| pull(&mut harness)).collect();
    assert_eq!(good.len(), 3);
    for line in &good {
        assert!(schema.is_valid(line));
        let fields: Vec<String> = line
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect();
        for field in &fields {
            let mut bad = line.clone();
            bad.as_object_mut().expect("an object").remove(field);
            assert!(!schema.is_valid(&bad), "without {field}");
            bad[field] = json!({"of": "no kind"});
            assert!(!schema.is_valid(&bad), "{field} is an object");
        }
        let mut bad = line.clone();
        bad["more"] = Value::Null;
        assert!(!schema.is_valid(&bad));
    }
    for (pointer, value) in [
        ("/results/0/index", json!(-1)),
        ("/results/0/confidence", json!("high")),
        ("/results/0/confidence", Value::Null),
        ("/pts", json!(-1)),
        ("/pts", json!(0.5)),
        ("/model", Value::Null),
        ("/region/x", json!(-1)),
        ("/decision", json!("cat")),
    ] {
        let mut bad = good[1].clone();
        *bad.pointer_mut(pointer).expect(pointer) = value;
        assert!(!schema.is_valid(&bad), "{pointer}");
    }
}

/// Every field of the schema is described.
#[test]
fn the_schema_describes() {
    fn look(value: &Value, place: &str) {
        match value {
            Value::Object(object) => {
                if let Some(Value::Object(properties)) = object.get("properties")
                    && !place.contains("/allOf/")
                {
                    for (name, property) in properties {
                        let text = property["description"].as_str().unwrap_or_default();
                        assert!(text.len() > 8, "{place}/properties/{name}");
                        if name.ends_with("_ns") || name.ends_with("time") || name == "pts" {
                            assert!(text.contains("nanoseconds"), "{name} has no unit");
                        }
                    }
                }
                for (name, value) in object {
                    look(value, &format!("{place}/{name}"));
                }
            }
            Value::Array(array) => {
                for (i, value) in array.iter().enumerate() {
                    look(value, &format!("{place}/{i}"));
                }
            }
            _ => {}
        }
    }
    look(&lines::schema_text(), "");
}

/// Without a classification there is no line but a GAP, unless one is asked for.
#[test]
fn unclassified() {
    let mut harness = harness(&[]);
    events(&mut harness);
    assert_eq!(count(&mut harness, frame(120)), 0);
    let found = events(&mut harness);
    let [event] = &found[..] else {
        panic!("{found:?}")
    };
    let gst::EventView::Gap(gap) = event.view() else {
        panic!("{event:?}")
    };
    assert_eq!(gap.get(), (milliseconds(120), Some(milliseconds(40))));

    // A GAP must have a time.
    let mut timeless = frame(0);
    timeless.make_mut().set_pts(None);
    assert_eq!(count(&mut harness, timeless), 0);
    assert!(events(&mut harness).is_empty());

    element(&harness).set_property("include-unclassified", true);
    harness.push(frame(160)).expect("it goes through");
    assert_eq!(
        pull(&mut harness),
        [json!({
            "pts": 160_000_000u64,
            "stream_time": 160_000_000u64,
            "running_time": 160_000_000u64,
            "model": null,
            "provider": null,
            "fresh": false,
            "age_ns": null,
            "inference_ns": null,
            "region": null,
            "results": [],
            "groups": [],
            "decision": null,
            "decision_confidence": null,
            "decision_since": null,
        })]
    );
    // A region's classification is one, and a region without is none.
    let mut buffer = frame(200);
    with_region(&mut buffer, "person", None, Some(&seen(2, "jersey")));
    harness.push(buffer).expect("it goes through");
    assert_eq!(pull(&mut harness)[0]["model"], "test.onnx");
    let mut buffer = frame(240);
    with_region(&mut buffer, "person", None, None);
    harness.push(buffer).expect("it goes through");
    assert_eq!(pull(&mut harness)[0]["model"], Value::Null);
}

/// With `only-changes`, a line comes where the best class, or the decision, is another.
#[test]
fn only_changes() {
    let mut harness = harness(&["only-changes"]);
    let class = |index| classified(0, &seen(index, &format!("class {index}")));
    let decided = |index, label: Option<&str>| {
        let mut answer = seen(index, "any");
        answer.decision = Some(Decision {
            label: label.map(Into::into),
            confidence: 0.5,
            since: None,
        });
        classified(0, &answer)
    };
    let nobody = || {
        let mut answer = seen(0, "any");
        answer.results.clear();
        classified(0, &answer)
    };
    for (step, (buffer, expected)) in [
        (class(1), 1),
        (class(1), 0),
        (class(2), 1),
        (class(1), 1),
        (frame(0), 0),
        // A frame without classification changes nothing.
        (class(1), 0),
        (nobody(), 1),
        (nobody(), 0),
        (decided(1, None), 1),
        (decided(2, None), 0),
        (decided(2, Some("cat")), 1),
        (decided(3, Some("cat")), 0),
        (decided(3, Some("dog")), 1),
        (decided(3, None), 1),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(count(&mut harness, buffer), expected, "step {step}");
    }
    // The confidence and the time are no change.
    let mut answer = seen(7, "class 7");
    assert_eq!(count(&mut harness, classified(0, &answer)), 1);
    answer.results[0].confidence = 0.75;
    answer.inference_time = gst::ClockTime::SECOND;
    assert_eq!(count(&mut harness, classified(40, &answer)), 0);

    // Both while playing: without it every frame has its line, with it again the memory counts.
    element(&harness).set_property("only-changes", false);
    assert_eq!(count(&mut harness, classified(0, &answer)), 1);
    element(&harness).set_property("only-changes", true);
    assert_eq!(count(&mut harness, classified(0, &answer)), 0);

    element(&harness).set_property("include-unclassified", true);
    assert_eq!(count(&mut harness, frame(0)), 1);
    assert_eq!(count(&mut harness, frame(0)), 0);
    assert_eq!(count(&mut harness, classified(0, &answer)), 1);
}

/// Each region has a memory of its own, by its tracker's id where it has one.
#[test]
fn only_changes_of_regions() {
    let mut harness = harness(&["only-changes"]);
    let scene = |whole: i32, first: (i64, i32), second: (i64, i32)| {
        let mut buffer = classified(0, &seen(whole, "whole"));
        for (id, class) in [first, second] {
            with_region(&mut buffer, "face", Some(id), Some(&seen(class, "part")));
        }
        buffer
    };
    for (step, (buffer, expected)) in [
        (scene(1, (10, 1), (11, 1)), 3),
        (scene(1, (10, 1), (11, 1)), 0),
        // The order does not matter.
        (scene(1, (11, 1), (10, 1)), 0),
        (scene(1, (11, 1), (10, 2)), 1),
        (scene(2, (11, 1), (12, 2)), 2),
        // Back after a while, and the same.
        (scene(2, (10, 2), (11, 1)), 0),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(count(&mut harness, buffer), expected, "step {step}");
    }
}

/// Without a tracker a region is known by its place: detectors number their finds anew on every
/// frame, and give them in any order.
#[test]
fn only_changes_of_untracked_regions() {
    let mut harness = harness(&["only-changes"]);
    let mut id = 0;
    let mut scene = |time, faces: &[(u32, i32)]| {
        let mut buffer = frame(time);
        for (x, class) in faces {
            id += 1;
            let place = (*x, 0, 100, 100);
            let new = buffer.make_mut();
            let mut meta = gst_video::VideoRegionOfInterestMeta::add(new, "face", place);
            meta.set_id(id);
            attach_region(&mut meta, &seen(*class, "part"));
        }
        buffer
    };
    for (step, (buffer, expected)) in [
        (scene(0, &[(0, 1), (500, 2)]), 2),
        (scene(40, &[(10, 1), (510, 2)]), 0),
        (scene(80, &[(520, 2), (20, 1)]), 0),
        (scene(120, &[(530, 3), (30, 1)]), 1),
        // One is gone, and there is no line for it.
        (scene(160, &[(40, 1)]), 0),
        // It is back, and a third one is there.
        (scene(200, &[(900, 1), (530, 3), (50, 1)]), 1),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(count(&mut harness, buffer), expected, "step {step}");
    }
}

/// After a flush, a jump and the start of another stream everything is news; after an update of
/// the segment it is not.
#[test]
fn begins_anew() {
    let mut harness = harness(&["only-changes"]);
    let same = |time| classified(time, &seen(1, "class"));
    assert_eq!(count(&mut harness, same(0)), 1);
    assert_eq!(count(&mut harness, same(40)), 0);

    // Only the end is another now, and the start has moved with the base.
    let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
    segment.set_stop(milliseconds(90_000));
    assert!(harness.push_event(gst::event::Segment::new(&segment)));
    assert_eq!(count(&mut harness, same(80)), 0);
    segment.set_start(milliseconds(100));
    segment.set_time(milliseconds(100));
    segment.set_base(milliseconds(100));
    assert!(harness.push_event(gst::event::Segment::new(&segment)));
    assert_eq!(count(&mut harness, same(120)), 0);

    // A jump, as after a seek that does not flush.
    segment.set_start(milliseconds(5000));
    segment.set_time(milliseconds(5000));
    segment.set_base(milliseconds(160));
    assert!(harness.push_event(gst::event::Segment::new(&segment)));
    assert_eq!(count(&mut harness, same(5000)), 1);
    assert_eq!(count(&mut harness, same(5040)), 0);

    assert!(harness.push_event(gst::event::StreamStart::new("another")));
    assert!(harness.push_event(gst::event::Segment::new(&segment)));
    assert_eq!(count(&mut harness, same(5080)), 1);

    assert!(harness.push_event(gst::event::FlushStart::new()));
    let refused = harness.push(same(5120));
    assert_eq!(refused, Err(gst::FlowError::Flushing));
    assert!(harness.push_event(gst::event::FlushStop::new(true)));
    assert!(harness.push_event(gst::event::Segment::new(&segment)));
    assert_eq!(count(&mut harness, same(5160)), 1);
    assert_eq!(count(&mut harness, same(5200)), 0);

    // And in the next run.
    let element = element(&harness);
    for state in [gst::State::Ready, gst::State::Playing] {
        element.set_state(state).expect("it can");
    }
    harness.set_src_caps(caps(&rgb(8, 8)));
    assert_eq!(count(&mut harness, same(0)), 1);
}

/// What comes in goes out in its order: stream-start, caps (of JSON), segment, tags, lines, EOS.
/// Other caps of the video are none of downstream's business.
#[test]
fn events_in_order() {
    let mut harness = harness(&[]);
    let mut tags = gst::TagList::new();
    tags.make_mut()
        .add::<gst::tags::Title>(&"a title", gst::TagMergeMode::Append);
    assert!(harness.push_event(gst::event::Tag::new(tags)));
    assert_eq!(count(&mut harness, classified(0, &seen(1, "class"))), 1);
    let smaller = info(VideoFormat::Nv12, 4, 2);
    assert!(harness.push_event(gst::event::Caps::new(&caps(&smaller))));
    assert_eq!(count(&mut harness, classified(40, &seen(1, "class"))), 1);
    let mut gl = caps(&smaller);
    gl.make_mut()
        .set_features_simple(Some(gst::CapsFeatures::new(["memory:GLMemory"])));
    assert!(harness.push_event(gst::event::Caps::new(&gl)));
    assert_eq!(count(&mut harness, classified(80, &seen(1, "class"))), 1);
    assert!(harness.push_event(gst::event::Eos::new()));
    assert_eq!(
        harness.push(classified(120, &seen(1, "class"))),
        Err(gst::FlowError::Eos)
    );
    let found = events(&mut harness);
    use gst::EventType as E;
    assert_eq!(
        kinds(&found),
        [E::StreamStart, E::Caps, E::Segment, E::Tag, E::Eos]
    );
    let gst::EventView::Caps(out) = found[1].view() else {
        panic!("{found:?}")
    };
    assert_eq!(
        out.caps_owned(),
        gst::Caps::new_empty_simple("application/x-json")
    );
}

/// Any frame is taken, whatever memory it lies in, and nothing that is no video.
#[test]
fn any_video() {
    let harness = harness(&[]);
    let pad = element(&harness).static_pad("sink").expect("a sink pad");
    for text in [
        "video/x-raw,format=NV12,width=1920,height=1080,framerate=30/1",
        "video/x-raw(memory:CUDAMemory),format=P010_10LE,width=64,height=64,framerate=0/1",
        "video/x-raw(memory:DMABuf),format=NV12,width=64,height=64",
        "video/x-raw(memory:GLMemory,meta:GstVideoOverlayComposition),format=RGBA,width=1,height=1",
    ] {
        let caps = text.parse::<gst::Caps>().expect("caps");
        assert!(pad.query_accept_caps(&caps), "{text}");
    }
    for text in ["audio/x-raw", "video/x-h264", "application/x-json"] {
        let caps = text.parse::<gst::Caps>().expect("caps");
        assert!(!pad.query_accept_caps(&caps), "{text}");
    }
}

/// A segment of bytes is not passed on, for a sink would seek to them; the lines have no times
/// but the frame's own.
#[test]
fn segment_of_bytes() {
    let mut harness = harness(&[]);
    events(&mut harness);
    let mut segment = gst::FormattedSegment::<gst::format::Bytes>::new();
    segment.set_start(gst::format::Bytes::from_u64(4096));
    assert!(harness.push_event(gst::event::Segment::new(&segment)));
    harness
        .push(classified(40, &seen(1, "class")))
        .expect("it goes through");
    let line = pull(&mut harness).remove(0);
    assert_eq!(line["pts"], 40_000_000);
    assert_eq!(line["running_time"], Value::Null);
    let found = events(&mut harness);
    let gst::EventView::Segment(out) = found[0].view() else {
        panic!("{found:?}")
    };
    assert_eq!(out.segment().format(), gst::Format::Time);
}

/// Downstream's wishes go up, but for those about bytes; of the memory for frames it is not asked.
#[test]
fn queries_and_seeks() {
    let mut harness = harness(&[]);
    let src = element(&harness).static_pad("src").expect("a source pad");
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    src.add_probe(
        gst::PadProbeType::QUERY_DOWNSTREAM | gst::PadProbeType::PUSH,
        move |_, info| {
            let query = info.query().map(|q| q.type_());
            if query == Some(gst::QueryType::Allocation) {
                counter.fetch_add(1, Ordering::Relaxed);
            }
            gst::PadProbeReturn::Ok
        },
    );
    let from = harness.srcpad().expect("it pushes");
    let mut query = gst::query::Allocation::new(Some(&caps(&rgb(8, 8))), true);
    assert!(from.peer_query(&mut query));
    assert!(
        query
            .find_allocation_meta::<gst_video::VideoMeta>()
            .is_some()
    );
    assert_eq!(query.allocation_pools().len(), 0);
    assert_eq!(asked.load(Ordering::Relaxed), 0);

    harness.set_upstream_latency(milliseconds(70));
    let to = harness.sinkpad().expect("it takes");
    let mut latency = gst::query::Latency::new();
    assert!(to.peer_query(&mut latency));
    assert_eq!(latency.result().1, milliseconds(70));
    for format in [gst::Format::Bytes, gst::Format::Buffers] {
        assert!(!to.peer_query(&mut gst::query::Duration::new(format)));
        assert!(!to.peer_query(&mut gst::query::Position::new(format)));
        assert!(!to.peer_query(&mut gst::query::Seeking::new(format)));
    }

    while harness.try_pull_upstream_event().is_some() {}
    let qos = gst::event::Qos::new(gst::QOSType::Underflow, 1.5, 7, gst::ClockTime::SECOND);
    to.push_event(qos);
    to.push_event(gst::event::Seek::new(
        1.0,
        gst::SeekFlags::FLUSH,
        gst::SeekType::Set,
        gst::ClockTime::SECOND,
        gst::SeekType::None,
        gst::ClockTime::NONE,
    ));
    to.push_event(gst::event::Seek::new(
        1.0,
        gst::SeekFlags::FLUSH,
        gst::SeekType::Set,
        gst::format::Bytes::from_u64(10),
        gst::SeekType::None,
        gst::format::Bytes::NONE,
    ));
    let up: Vec<_> = std::iter::from_fn(|| harness.try_pull_upstream_event())
        .map(|e| e.type_())
        .collect();
    assert_eq!(up, [gst::EventType::Qos, gst::EventType::Seek]);
}

/// A pipeline that has nothing to say yet prerolls all the same, and one without any frame ends.
#[test]
fn prerolls() {
    support::init();
    for (frames, state) in [(50, gst::State::Paused), (0, gst::State::Playing)] {
        let text = format!(
            "videotestsrc num-buffers={frames} ! video/x-raw,width=8,height=8,framerate=25/1 ! \
             resnet50json ! fakesink name=sink sync=false"
        );
        let pipeline = gst::parse::launch(&text).expect("a pipeline");
        pipeline.set_state(state).expect("it starts");
        let bus = pipeline.bus().expect("a bus");
        if frames > 0 {
            let (result, reached, _) = pipeline.state(support::element::PATIENCE);
            assert_eq!(result, Ok(gst::StateChangeSuccess::Success));
            assert_eq!(reached, gst::State::Paused);
        } else {
            let message = bus.timed_pop_filtered(
                support::element::PATIENCE,
                &[gst::MessageType::Eos, gst::MessageType::Error],
            );
            let kind = message.map(|m| m.type_());
            assert_eq!(kind, Some(gst::MessageType::Eos));
        }
        pipeline.set_state(gst::State::Null).expect("it stops");
    }
}

/// What goes wrong behind the element is told upstream, also where there is only a GAP to push.
#[test]
fn flow_returns() {
    support::init();
    let element = gst::ElementFactory::make("resnet50json")
        .build()
        .expect("the element");
    let mut harness = Harness::with_element(&element, Some("sink"), None);
    harness.set_src_caps(caps(&rgb(8, 8)));
    for buffer in [frame(0), classified(40, &seen(1, "class"))] {
        assert_eq!(harness.push(buffer), Err(gst::FlowError::NotLinked));
    }
}

/// Behind a pad that is at its end, frames without lines are refused like those with some.
#[test]
fn flow_returns_at_the_end() {
    for is_told_by_us in [true, false] {
        let mut harness = harness(&[]);
        harness.push(frame(0)).expect("it goes through");
        let end = gst::event::Eos::new();
        match is_told_by_us {
            true => element(&harness)
                .static_pad("src")
                .expect("a source pad")
                .push_event(end),
            false => harness.sinkpad().expect("it takes").send_event(end),
        };
        for buffer in [frame(40), classified(80, &seen(1, "class"))] {
            assert_eq!(harness.push(buffer), Err(gst::FlowError::Eos));
        }
    }
}

/// The texts of the warnings since the last call.
fn warnings(bus: &gst::Bus, element: &gst::Element) -> Vec<String> {
    let warnings = support::element::warnings(bus, element);
    warnings.iter().map(|w| w.message().to_owned()).collect()
}

/// A stream that nobody has classified ends with one warning that says what to do.
#[test]
fn warns_in_the_end() {
    let mut harness = harness(&[]);
    let element = element(&harness);
    let bus = gst::Bus::new();
    element.set_bus(Some(&bus));
    let segment = gst::FormattedSegment::<gst::ClockTime>::new();
    let begin = |harness: &mut Harness| {
        assert!(harness.push_event(gst::event::StreamStart::new("another")));
        assert!(harness.push_event(gst::event::Segment::new(&segment)));
    };
    let end = |harness: &mut Harness| {
        harness.push_event(gst::event::Eos::new());
        warnings(&bus, &element)
    };
    for time in [0, 40, 80] {
        assert_eq!(count(&mut harness, frame(time)), 0);
        assert_eq!(warnings(&bus, &element), [""; 0], "not before the end");
    }
    assert_eq!(
        end(&mut harness),
        ["none of the 3 frames carried a classification: put resnet50 before this element"]
    );
    // Another end without new frames is no news.
    begin(&mut harness);
    assert_eq!(end(&mut harness), [""; 0]);

    begin(&mut harness);
    let mut buffer = frame(0);
    with_region(&mut buffer, "face", None, None);
    assert_eq!(count(&mut harness, buffer), 0);
    let texts = end(&mut harness);
    assert_eq!(texts.len(), 1);
    assert!(
        texts[0].contains(
            "a converter between resnet50 and this element leaves the regions' parameters behind: \
             put this element directly behind resnet50"
        ),
        "{texts:?}"
    );

    // What was flushed away has not come to an end.
    begin(&mut harness);
    assert_eq!(count(&mut harness, frame(0)), 0);
    harness.push_event(gst::event::FlushStart::new());
    harness.push_event(gst::event::FlushStop::new(true));
    begin(&mut harness);
    assert_eq!(end(&mut harness), [""; 0]);

    // Who asks for lines of unclassified frames expects some.
    begin(&mut harness);
    element.set_property("include-unclassified", true);
    assert_eq!(count(&mut harness, frame(0)), 1);
    assert_eq!(end(&mut harness), [""; 0]);
    element.set_property("include-unclassified", false);

    // One classification, and be it of a region, is enough for the whole run.
    begin(&mut harness);
    let mut buffer = frame(0);
    with_region(&mut buffer, "face", None, Some(&seen(1, "class")));
    assert_eq!(count(&mut harness, buffer), 1);
    assert_eq!(count(&mut harness, frame(40)), 0);
    assert_eq!(end(&mut harness), [""; 0]);
    begin(&mut harness);
    assert_eq!(count(&mut harness, frame(0)), 0);
    assert_eq!(end(&mut harness), [""; 0]);
    element.set_bus(None);
}

/// Where `resnet50` is before the element, the remedy is another: with nothing to classify there
/// is no warning, and regions that have lost their classification on the way are one.
#[test]
fn warns_of_what_is_between() {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let model = support::onnx::Net::color().write(folder.path(), "color.onnx");
    let cases: [(&str, bool, &[&str]); 4] = [
        ("", false, &[]),
        ("! queue ! identity", false, &[]),
        ("! queue", true, &[]),
        (
            "! queue ! videoscale ! video/x-raw,width=16,height=16",
            true,
            &["put this element directly behind resnet50"],
        ),
    ];
    for (between, has_regions, expected) in cases {
        let line = format!(
            "videotestsrc num-buffers=3 ! video/x-raw,format=RGB,width=32,height=32 ! \
             resnet50 name=r threads=1 mode=exact region=rois model={} {between} ! \
             resnet50json name=j ! fakesink sync=false",
            support::element::text(&model)
        );
        let pipeline = gst::parse::launch(&line).expect("a pipeline");
        let pipeline = pipeline.downcast::<gst::Pipeline>().expect("a pipeline");
        let pad = pipeline.by_name("r").and_then(|r| r.static_pad("sink"));
        pad.expect("a pad")
            .add_probe(gst::PadProbeType::BUFFER, move |_, probe| {
                if has_regions && let Some(buffer) = probe.buffer_mut() {
                    let place = (4, 4, 16, 16);
                    let new = buffer.make_mut();
                    gst_video::VideoRegionOfInterestMeta::add(new, "face", place);
                }
                gst::PadProbeReturn::Ok
            });
        let json = pipeline.by_name("j").expect("the element");
        let bus = pipeline.bus().expect("a bus");
        pipeline.set_state(gst::State::Playing).expect("it starts");
        let (mut texts, mut hints) = (Vec::new(), 0);
        loop {
            let message = bus.timed_pop(support::element::PATIENCE).expect("an end");
            let is_ours = message.src() == Some(json.upcast_ref());
            match message.view() {
                gst::MessageView::Eos(_) => break,
                gst::MessageView::Error(error) => panic!("{between}: {error:?}"),
                gst::MessageView::Warning(w) if is_ours => {
                    texts.push(w.error().message().to_owned());
                }
                gst::MessageView::Info(_) if is_ours => hints += 1,
                _ => {}
            }
        }
        pipeline.set_state(gst::State::Null).expect("it stops");
        assert_eq!(texts.len(), expected.len(), "{between}: {texts:?}");
        for (text, expected) in texts.iter().zip(expected) {
            assert!(text.contains(expected), "{between}: {text}");
        }
        assert_eq!(hints, usize::from(!has_regions), "{between}");
    }
}

/// The flags and defaults of the properties.
#[test]
fn properties() {
    support::init();
    let element = gst::ElementFactory::make("resnet50json")
        .build()
        .expect("the element");
    for name in ["only-changes", "include-unclassified"] {
        let spec = element.find_property(name).expect(name);
        assert!(spec.flags().contains(gst::PARAM_FLAG_MUTABLE_PLAYING));
        assert!(!element.property::<bool>(name));
        element.set_property(name, true);
        assert!(element.property::<bool>(name));
    }
}

/// Many streams at once do not disturb each other, and settings may change meanwhile.
#[test]
fn several_at_once() {
    support::init();
    let counts = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for stream in 0..4 {
            let counts = &counts;
            scope.spawn(move || {
                let mut harness = harness(&["only-changes"]);
                let lines: usize = (0..200)
                    .map(|i| {
                        let class = if i % 2 == 0 { stream } else { stream + i % 4 };
                        let spare = classified(i as u64 * 40, &seen(class, "class"));
                        element(&harness).set_property("include-unclassified", i % 3 == 0);
                        count(&mut harness, spare)
                    })
                    .sum();
                counts.lock().expect("no panic").push(lines);
            });
        }
    });
    // 0, 1, 0, 3, 0, 1 …: each one another than that before it.
    assert_eq!(*counts.lock().expect("no panic"), [200; 4]);
}

/// The parameter's name is part of the contract.
#[test]
fn parameter_name() {
    assert_eq!(PARAM_NAME, "classification");
    let structure = seen(1, "class").to_structure(PARAM_NAME);
    assert_eq!(
        Classification::from_structure(&structure),
        Some(seen(1, "class"))
    );
}
