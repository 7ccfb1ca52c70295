// SPDX-License-Identifier: MPL-2.0
//! A classification as one line of JSON. `docs/json-line.schema.json` describes it.

use serde::Serialize;

use super::{Classification, Decision, Region, classification_by, regions_by};

#[derive(Default, Serialize)]
struct Line<'a> {
    pts: Option<u64>,
    stream_time: Option<u64>,
    running_time: Option<u64>,
    element: Option<&'a str>,
    model: Option<&'a str>,
    provider: Option<&'a str>,
    fresh: bool,
    age_ns: Option<u64>,
    inference_ns: Option<u64>,
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
    let decision = classification.decision.as_ref();
    let results = classification.results.iter().map(|c| Result {
        index: c.index,
        label: &c.label,
        confidence: c.confidence,
    });
    let groups = classification.groups.iter().map(|g| Group {
        label: &g.label,
        confidence: g.confidence,
    });
    text(&Line {
        element: Some(&*classification.element).filter(|name| !name.is_empty()),
        model: Some(&classification.model),
        provider: Some(&classification.provider),
        fresh: classification.fresh,
        age_ns: nanoseconds(classification.age),
        inference_ns: Some(classification.inference_time.nseconds()),
        region: region.map(|r| Place {
            id: r.id,
            tracking_id: r.tracking_id,
            r#type: &r.kind,
            x: r.x,
            y: r.y,
            width: r.width,
            height: r.height,
        }),
        results: results.collect(),
        groups: groups.collect(),
        decision: decision.map(Decision::name),
        decision_confidence: decision.map(|d| d.confidence),
        decision_since: nanoseconds(decision.and_then(|d| d.since)),
        ..timed(pts, segment)
    })
}

/// The line of a buffer that nothing is known of: its times, no element, no model, no provider, no results.
pub fn json_line_unclassified(
    pts: Option<gst::ClockTime>,
    segment: Option<&gst::FormattedSegment<gst::ClockTime>>,
) -> String {
    text(&timed(pts, segment))
}

/// What is known of a buffer: of the whole frame (without a region) first, then of the regions
/// in their order, each by the last element that has classified it.
pub fn answers_of(buffer: &gst::BufferRef) -> Vec<(Option<Region>, Classification)> {
    answers_by(buffer, None)
}

/// What one of the elements that have classified a buffer says of it, in the order of
/// [`answers_of`]; `name` is that of [`classification_by`].
pub fn answers_by(
    buffer: &gst::BufferRef,
    name: Option<&str>,
) -> Vec<(Option<Region>, Classification)> {
    let frame = classification_by(buffer, name).map(|classification| (None, classification));
    let regions = regions_by(buffer, name).into_iter();
    let regions = regions.filter_map(|(region, seen)| Some((Some(region), seen?)));
    frame.into_iter().chain(regions).collect()
}

/// The lines of all [`answers_of`] a buffer; empty if there are none.
pub fn json_lines(
    buffer: &gst::BufferRef,
    segment: Option<&gst::FormattedSegment<gst::ClockTime>>,
) -> String {
    answers_of(buffer)
        .iter()
        .map(|(region, seen)| json_line(seen, region.as_ref(), buffer.pts(), segment))
        .collect()
}

/// A line with nothing but its times.
fn timed<'a>(
    pts: Option<gst::ClockTime>,
    segment: Option<&gst::FormattedSegment<gst::ClockTime>>,
) -> Line<'a> {
    Line {
        pts: nanoseconds(pts),
        stream_time: nanoseconds(segment.and_then(|s| s.to_stream_time(pts))),
        running_time: nanoseconds(segment.and_then(|s| s.to_running_time(pts))),
        ..Line::default()
    }
}

fn nanoseconds(time: Option<gst::ClockTime>) -> Option<u64> {
    time.map(gst::ClockTime::nseconds)
}

fn text(line: &Line<'_>) -> String {
    let json = serde_json::to_string(line).expect("strings and numbers are always JSON");
    let mut json = crate::text::json(json);
    json.push('\n');
    json
}
