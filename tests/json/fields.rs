// SPDX-License-Identifier: MPL-2.0
//! What a line says.

use gstresnet50::meta::{Class, Classification, Decision, Group, PARAM_NAME, json_lines};
use serde_json::{Value, json};

use super::{count, harness, milliseconds, pull};
use support::lines::{self, classified, frame, seen, with_region};

/// A line has every field, in its unit, with the segment's times.
#[test]
fn every_field() {
    let mut harness = harness(&[]);
    let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
    segment.set_start(milliseconds(1000));
    segment.set_time(milliseconds(60_000));
    segment.set_base(milliseconds(500));
    assert!(harness.push_event(gst::event::Segment::new(&segment)));

    let mut classification = seen(281, "tabby");
    classification.age = Some(milliseconds(40));
    classification.fresh = false;
    classification.results.push(Class {
        index: 285,
        label: "Egyptian cat \"ägyptisch\"\n".into(),
        confidence: 0.125,
    });
    classification.groups.push(Group {
        label: "cat".into(),
        confidence: 0.75,
    });
    classification.decision = Some(Decision {
        label: Some("cat".into()),
        confidence: 0.5,
        since: Some(milliseconds(59_000)),
    });
    let buffer = classified(1040, &classification);
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
            "element": "classify",
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
    let mut classification = seen(0, "class");
    classification.age = None;
    classification.results.clear();
    classification.decision = Some(Decision {
        label: None,
        confidence: 0.0,
        since: None,
    });
    let mut buffer = classified(0, &classification);
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
