// SPDX-License-Identifier: MPL-2.0
//! `resnet50json`: what its lines say, when there is one, and how it behaves in a pipeline. The
//! classifications are made up, so that every value is known. The binary `system` has the
//! sinks that come after it.

mod choice;
mod fields;
mod foreign;
mod stream;
mod warnings;

use gst::prelude::*;
use gst_check::Harness;
use serde_json::Value;
use support::element::{caps, rgb};
use support::lines;

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
