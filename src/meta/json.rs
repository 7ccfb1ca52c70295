// SPDX-License-Identifier: MPL-2.0
//! A classification as one line of JSON.

use serde::Serialize;

use super::{Classification, Decision, Region};

#[derive(Serialize)]
struct Line<'a> {
    pts: Option<u64>,
    stream_time: Option<u64>,
    running_time: Option<u64>,
    model: &'a str,
    provider: &'a str,
    fresh: bool,
    age_ns: Option<u64>,
    inference_ns: u64,
    region: Option<Place<'a>>,
    results: Vec<Result<'a>>,
    groups: Vec<Group<'a>>,
    decision: Option<&'a str>,
    decision_confidence: Option<f32>,
    decision_since: Option<u64>,
}

#[derive(Serialize)]
struct Place<'a> {
    id: i32,
    tracking_id: Option<i64>,
    r#type: &'a str,
    x: u32,
    y: u32,
    width: u32,
    height: u32,
}

#[derive(Serialize)]
struct Result<'a> {
    index: i32,
    label: &'a str,
    confidence: f32,
}

#[derive(Serialize)]
struct Group<'a> {
    label: &'a str,
    confidence: f32,
}

/// The line of a whole frame, or of a region in it, with its line end. Times are in nanoseconds,
/// `null` where unknown; what there is no decision layer for is `null` too.
pub fn json_line(
    classification: &Classification,
    region: Option<&Region>,
    pts: Option<gst::ClockTime>,
    segment: Option<&gst::FormattedSegment<gst::ClockTime>>,
) -> String {
    let nanoseconds = |time: Option<gst::ClockTime>| time.map(gst::ClockTime::nseconds);
    let decision = classification.decision.as_ref();
    let line = Line {
        pts: nanoseconds(pts),
        stream_time: nanoseconds(segment.and_then(|s| s.to_stream_time(pts))),
        running_time: nanoseconds(segment.and_then(|s| s.to_running_time(pts))),
        model: &classification.model,
        provider: &classification.provider,
        fresh: classification.fresh,
        age_ns: nanoseconds(classification.age),
        inference_ns: classification.inference_time.nseconds(),
        region: region.map(|r| Place {
            id: r.id,
            tracking_id: r.tracking_id,
            r#type: &r.kind,
            x: r.x,
            y: r.y,
            width: r.width,
            height: r.height,
        }),
        results: classification
            .results
            .iter()
            .map(|c| Result {
                index: c.index,
                label: &c.label,
                confidence: c.confidence,
            })
            .collect(),
        groups: classification
            .groups
            .iter()
            .map(|g| Group {
                label: &g.label,
                confidence: g.confidence,
            })
            .collect(),
        decision: decision.map(Decision::name),
        decision_confidence: decision.map(|d| d.confidence),
        decision_since: nanoseconds(decision.and_then(|d| d.since)),
    };
    let mut text = serde_json::to_string(&line).expect("strings and numbers are always JSON");
    text.push('\n');
    text
}
