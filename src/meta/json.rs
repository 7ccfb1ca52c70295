// SPDX-License-Identifier: MPL-2.0
//! A classification as one line of JSON.

use serde::Serialize;

use super::Classification;

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
    region: Option<()>,
    results: Vec<Result<'a>>,
    decision: Option<()>,
}

#[derive(Serialize)]
struct Result<'a> {
    index: i32,
    label: &'a str,
    confidence: f32,
}

/// The line of a whole frame, with its line end. Times are in nanoseconds, `null` where unknown.
pub fn json_line(
    classification: &Classification,
    pts: Option<gst::ClockTime>,
    segment: Option<&gst::FormattedSegment<gst::ClockTime>>,
) -> String {
    let nanoseconds = |time: Option<gst::ClockTime>| time.map(gst::ClockTime::nseconds);
    let line = Line {
        pts: nanoseconds(pts),
        stream_time: nanoseconds(segment.and_then(|s| s.to_stream_time(pts))),
        running_time: nanoseconds(segment.and_then(|s| s.to_running_time(pts))),
        model: &classification.model,
        provider: &classification.provider,
        fresh: classification.fresh,
        age_ns: nanoseconds(classification.age),
        inference_ns: classification.inference_time.nseconds(),
        region: None,
        results: classification
            .results
            .iter()
            .map(|c| Result {
                index: c.index,
                label: &c.label,
                confidence: c.confidence,
            })
            .collect(),
        decision: None,
    };
    let mut text = serde_json::to_string(&line).expect("strings and numbers are always JSON");
    text.push('\n');
    text
}
