// SPDX-License-Identifier: MPL-2.0
//! A classification as one line of JSON. `docs/json-line.schema.json` describes it.

use serde::Serialize;

use super::{
    AnyClassification, Classification, Decision, ForeignClassification, Region, any_classifications,
};

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
    region: Option<RegionFields<'a>>,
    results: Vec<ClassFields<'a>>,
    groups: Vec<GroupFields<'a>>,
    decision: Option<&'a str>,
    decision_confidence: Option<f32>,
    decision_since: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attribute: Option<&'a str>,
}

#[derive(Serialize)]
struct RegionFields<'a> {
    id: i32,
    tracking_id: Option<i64>,
    r#type: &'a str,
    x: u32,
    y: u32,
    width: u32,
    height: u32,
}

impl<'a> RegionFields<'a> {
    fn new(region: &'a Region) -> Self {
        Self {
            id: region.id,
            tracking_id: region.tracking_id,
            r#type: &region.kind,
            x: region.rect.x,
            y: region.rect.y,
            width: region.rect.width,
            height: region.rect.height,
        }
    }
}

#[derive(Serialize)]
struct ClassFields<'a> {
    index: Option<i32>,
    label: &'a str,
    confidence: Option<f32>,
}

#[derive(Serialize)]
struct GroupFields<'a> {
    label: &'a str,
    confidence: f32,
}

/// The line of a whole frame, or of a region of it, with its line feed. Times are in nanoseconds, and
/// `null` if unknown. Without a decision its fields are `null`.
pub fn json_line(
    classification: &Classification,
    region: Option<&Region>,
    pts: Option<gst::ClockTime>,
    segment: Option<&gst::FormattedSegment<gst::ClockTime>>,
) -> String {
    let decision = classification.decision.as_ref();
    let results = classification.results.iter().map(|c| ClassFields {
        index: Some(c.index),
        label: &c.label,
        confidence: Some(c.confidence),
    });
    let groups = classification.groups.iter().map(|g| GroupFields {
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
        region: region.map(RegionFields::new),
        results: results.collect(),
        groups: groups.collect(),
        decision: decision.map(Decision::name),
        decision_confidence: decision.map(|d| d.confidence),
        decision_since: nanoseconds(decision.and_then(|d| d.since)),
        ..timed(pts, segment)
    })
}

/// [`json_line`] of a classification by `resnet50` or by another element. That of another element
/// has the field `by`, and what its metadata does not say is `null`.
pub fn json_line_of_any(
    classification: &AnyClassification,
    region: Option<&Region>,
    pts: Option<gst::ClockTime>,
    segment: Option<&gst::FormattedSegment<gst::ClockTime>>,
) -> String {
    match classification {
        AnyClassification::Own(own) => json_line(own, region, pts, segment),
        AnyClassification::Foreign(foreign) => foreign_line(foreign, region, pts, segment),
    }
}

fn foreign_line(
    classification: &ForeignClassification,
    region: Option<&Region>,
    pts: Option<gst::ClockTime>,
    segment: Option<&gst::FormattedSegment<gst::ClockTime>>,
) -> String {
    let results = classification.classes.iter().map(|c| ClassFields {
        index: c.index,
        label: &c.label,
        confidence: c.confidence,
    });
    text(&Line {
        element: classification.element.as_deref(),
        model: classification.model.as_deref(),
        fresh: true,
        region: region.map(RegionFields::new),
        results: results.collect(),
        by: Some(classification.carrier.name()),
        attribute: classification.attribute.as_deref(),
        ..timed(pts, segment)
    })
}

/// The line of a buffer without classification: its times, no element, model, provider or results.
pub fn json_line_unclassified(
    pts: Option<gst::ClockTime>,
    segment: Option<&gst::FormattedSegment<gst::ClockTime>>,
) -> String {
    text(&timed(pts, segment))
}

/// The lines of a buffer: of the whole frame and of each classified region, each by the last
/// `resnet50` that has classified it, or else by elements of others. Empty if there are none.
pub fn json_lines(
    buffer: &gst::BufferRef,
    segment: Option<&gst::FormattedSegment<gst::ClockTime>>,
) -> String {
    any_classifications(buffer, None)
        .iter()
        .map(|(region, seen)| json_line_of_any(seen, region.as_ref(), buffer.pts(), segment))
        .collect()
}

/// A line with only its times.
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
