// SPDX-License-Identifier: MPL-2.0
//! For which buffers there is a line.

use std::sync::Mutex;

use gst::prelude::*;
use gstresnet50::meta::{Decision, attach, attach_region};
use serde_json::{Value, json};

use super::{count, element, events, harness, milliseconds, pull};
use support::element::{caps, rgb};
use support::lines::{self, classified, frame, seen, with_region};

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
            "element": null,
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
        let mut classification = seen(index, "any");
        classification.decision = Some(Decision {
            label: label.map(Into::into),
            confidence: 0.5,
            since: None,
        });
        classified(0, &classification)
    };
    let nobody = || {
        let mut classification = seen(0, "any");
        classification.results.clear();
        classified(0, &classification)
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
    let mut classification = seen(7, "class 7");
    assert_eq!(count(&mut harness, classified(0, &classification)), 1);
    classification.results[0].confidence = 0.75;
    classification.inference_time = gst::ClockTime::SECOND;
    assert_eq!(count(&mut harness, classified(40, &classification)), 0);

    // Both while playing: without it every frame has its line, with it again the memory counts.
    element(&harness).set_property("only-changes", false);
    assert_eq!(count(&mut harness, classified(0, &classification)), 1);
    element(&harness).set_property("only-changes", true);
    assert_eq!(count(&mut harness, classified(0, &classification)), 0);

    element(&harness).set_property("include-unclassified", true);
    assert_eq!(count(&mut harness, frame(0)), 1);
    assert_eq!(count(&mut harness, frame(0)), 0);
    assert_eq!(count(&mut harness, classified(0, &classification)), 1);
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

/// Of several classifiers in a row the last one's results become lines, for the frame and for each
/// region; `model-name` chooses another by its element or its model, also while playing, and what
/// it says is news then.
#[test]
fn model_name_chooses_the_classifier() {
    let mut harness = harness(&["only-changes"]);
    let by = |element: &str, model: &str, label: &str| {
        let mut classification = seen(1, label);
        classification.element = element.into();
        classification.model = model.into();
        classification
    };
    let frame = || {
        let mut buffer = classified(0, &by("a", "/models/cats.onnx", "tabby"));
        attach(buffer.make_mut(), &by("b", "builtin:dogs", "pug"));
        let person = by("a", "/models/cats.onnx", "lynx");
        with_region(&mut buffer, "person", None, Some(&person));
        buffer
    };
    let mut said = |name: Option<&str>| {
        element(&harness).set_property("model-name", name);
        harness.push(frame()).expect("it goes through");
        let lines = match harness.try_pull() {
            Some(buffer) => lines::parse(&buffer.map_readable().expect("readable")),
            None => Vec::new(),
        };
        let text = |line: &Value| {
            let label = line["results"][0]["label"].as_str().expect("a label");
            let element = line["element"].as_str().expect("an element");
            format!("{element}: {label}")
        };
        lines.iter().map(text).collect::<Vec<_>>()
    };
    assert_eq!(said(None), ["b: pug", "a: lynx"]);
    assert_eq!(said(None), [""; 0], "no change");
    assert_eq!(said(Some("a")), ["a: tabby", "a: lynx"]);
    assert_eq!(said(Some("cats")), ["a: tabby", "a: lynx"], "it is news");
    assert_eq!(said(Some("cats.onnx")), ["a: tabby", "a: lynx"]);
    assert_eq!(said(Some("/models/cats.onnx")), ["a: tabby", "a: lynx"]);
    assert_eq!(said(Some("builtin:dogs")), ["b: pug"]);
    assert_eq!(said(Some("")), ["b: pug", "a: lynx"], "as if unset");
    assert_eq!(said(Some("c")), [""; 0]);
}
