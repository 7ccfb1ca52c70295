// SPDX-License-Identifier: MPL-2.0
//! The pads on both sides of an element: gst_check's harness, and pads that the test looks after
//! itself where it decides what its neighbours do ([`PadHarness`](crate::pad_harness::PadHarness) has those with
//! the usual needs).

use std::thread::sleep;
use std::time::Duration;

use gst::prelude::*;
use gst_check::Harness;
use gst_video::VideoInfo;

use crate::element::{caps, loaded};

/// A playing element of any kind, with caps on its pads.
pub fn between(element: &gst::Element, info: &VideoInfo) -> Harness {
    let mut harness = Harness::with_element(element, Some("sink"), Some("src"));
    harness.set_src_caps(caps(info));
    harness
}

/// A playing `resnet50` that has loaded its model, and the bus that it posts on.
pub fn play(element: &gst::Element, info: &VideoInfo) -> (Harness, gst::Bus) {
    let bus = gst::Bus::new();
    // Held until after the change: the bus of an earlier call may have the last reference to pads
    // that call the element when they go, which is locked meanwhile.
    let earlier = element.bus();
    element.set_bus(Some(&bus));
    drop(earlier);
    // The thread that pushed to an earlier harness may still hold its pads.
    for name in ["src", "sink"] {
        let pad = element
            .static_pad(name)
            .expect("both pads are always there");
        let looks = (0..10_000).map(|_| sleep(Duration::from_millis(1)));
        assert!(!pad.is_linked() || looks.into_iter().any(|()| !pad.is_linked()));
    }
    let harness = between(element, info);
    assert!(loaded(&bus), "the model is loaded");
    (harness, bus)
}

/// Pushes a frame through and takes it back.
pub fn through(harness: &mut Harness, buffer: gst::Buffer) -> gst::Buffer {
    harness.push(buffer).expect("the frame goes through");
    harness.pull().expect("the frame comes out")
}

/// Throws away what is under way, and begins a new segment.
pub fn flush(harness: &mut Harness) {
    assert!(harness.push_event(gst::event::FlushStart::new()));
    assert!(harness.push_event(gst::event::FlushStop::new(true)));
    let segment = gst::FormattedSegment::<gst::ClockTime>::new();
    assert!(harness.push_event(gst::event::Segment::new(&segment)));
    while harness.try_pull().is_some() {}
}

/// A pad of the test's own to put before an element.
pub fn source_pad() -> gst::PadBuilder<gst::Pad> {
    gst::Pad::builder_from_template(&any("src", gst::PadDirection::Src))
}

/// A pad of the test's own to put behind an element. It needs a chain function.
pub fn sink_pad() -> gst::PadBuilder<gst::Pad> {
    gst::Pad::builder_from_template(&any("sink", gst::PadDirection::Sink))
}

/// Without a template a pad takes no other caps than those that it has.
fn any(name: &str, direction: gst::PadDirection) -> gst::PadTemplate {
    let any = gst::Caps::new_any();
    let template = gst::PadTemplate::new(name, direction, gst::PadPresence::Always, &any);
    template.expect("a template")
}

/// Activates a pad and links it to that side of the element to which it belongs.
pub fn link(pad: &gst::Pad, element: &gst::Element) {
    pad.set_active(true).expect("the pad is active");
    let linked = match pad.direction() {
        gst::PadDirection::Src => pad.link(&sink(element)),
        _ => src(element).link(pad),
    };
    linked.expect("they link");
}

/// The opposite of [`link`].
pub fn unlink(pad: &gst::Pad, element: &gst::Element) {
    let unlinked = match pad.direction() {
        gst::PadDirection::Src => pad.unlink(&sink(element)),
        _ => src(element).unlink(pad),
    };
    unlinked.expect("they were linked");
    pad.set_active(false).expect("the pad is inactive");
}

/// An element's sink pad.
pub fn sink(element: &gst::Element) -> gst::Pad {
    element.static_pad("sink").expect("a sink pad")
}

/// An element's source pad.
pub fn src(element: &gst::Element) -> gst::Pad {
    element.static_pad("src").expect("a source pad")
}

/// A segment that begins at `start`, at stream time `time` and running time `base`, in seconds.
pub fn segment(start: u64, time: u64, base: u64) -> gst::Event {
    let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
    segment.set_start(gst::ClockTime::from_seconds(start));
    segment.set_time(gst::ClockTime::from_seconds(time));
    segment.set_base(gst::ClockTime::from_seconds(base));
    gst::event::Segment::new(&segment)
}

/// The events that a stream begins with.
pub fn beginning(info: &VideoInfo) -> [gst::Event; 3] {
    let segment = gst::FormattedSegment::<gst::ClockTime>::new();
    [
        gst::event::StreamStart::new("s"),
        gst::event::Caps::new(&caps(info)),
        gst::event::Segment::new(&segment),
    ]
}
