// SPDX-License-Identifier: MPL-2.0
//! Frames with made-up classifications, and the lines of JSON that become of them.

use std::sync::OnceLock;

use gst_video::VideoRegionOfInterestMeta;
use gstresnet50::meta::{Class, Classification, attach, attach_region};
use serde_json::Value;

/// The schema as it is committed.
pub fn schema_text() -> Value {
    let path = crate::source("docs/json-line.schema.json");
    let text = std::fs::read_to_string(path).expect("the schema");
    serde_json::from_str(&text).expect("the schema is JSON")
}

/// The schema, ready to validate with.
pub fn schema() -> &'static jsonschema::Validator {
    static SCHEMA: OnceLock<jsonschema::Validator> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let text = schema_text();
        jsonschema::meta::validate(&text).expect("the schema is one of JSON Schema 2020-12");
        jsonschema::draft202012::new(&text).expect("a valid schema")
    })
}

/// The objects of complete lines, each of which has to fit the schema.
pub fn parse(bytes: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(bytes).expect("UTF-8");
    assert!(text.ends_with('\n'), "the last line is not ended: {text:?}");
    text.lines()
        .map(|line| {
            let value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
            if let Err(error) = schema().validate(&value) {
                panic!("{error}, at {}: {line}", error.instance_path());
            }
            value
        })
        .collect()
}

/// A result with this as its only class.
pub fn seen(index: i32, label: &str) -> Classification {
    Classification {
        element: "classify".into(),
        model: "test.onnx".into(),
        provider: "cpu".into(),
        fresh: true,
        age: Some(gst::ClockTime::ZERO),
        inference_time: gst::ClockTime::from_mseconds(3),
        results: vec![Class {
            index,
            label: label.into(),
            confidence: 0.5,
        }],
        groups: Vec::new(),
        decision: None,
    }
}

/// An RGB frame of 8x8, 40 ms long, with a time in milliseconds and no classification.
pub fn frame(milliseconds: u64) -> gst::Buffer {
    crate::element::timed(&crate::element::rgb(8, 8), [0; 3], milliseconds)
}

/// The same with a result.
pub fn classified(milliseconds: u64, classification: &Classification) -> gst::Buffer {
    let mut buffer = frame(milliseconds);
    attach(buffer.make_mut(), classification);
    buffer
}

/// Adds a region of a detector to a frame.
pub fn with_region(
    buffer: &mut gst::Buffer,
    kind: &str,
    tracking_id: Option<i64>,
    classification: Option<&Classification>,
) {
    let mut meta = VideoRegionOfInterestMeta::add(buffer.make_mut(), kind, (1, 2, 3, 4));
    if let Some(id) = tracking_id {
        let tracking = gst::Structure::builder("tracking").field("id", id);
        meta.add_param(tracking.build());
    }
    if let Some(classification) = classification {
        attach_region(&mut meta, classification);
    }
}
