// SPDX-License-Identifier: MPL-2.0
//! Events through the element.

use gst::prelude::*;
use gst_check::Harness;

use super::color;
use crate::support::element::*;

/// The events that have come out of the element so far.
fn events(harness: &mut Harness) -> Vec<gst::EventType> {
    std::iter::from_fn(|| harness.try_pull_event())
        .map(|e| e.type_())
        .collect()
}

/// Events of all kinds come through, known or not, GAP and EOS among them.
#[test]
fn events_go_through() {
    let (element, _folder) = color();
    let info = rgb(8, 6);
    let (mut harness, _bus) = play(&element, &info);
    through(&mut harness, timed(&info, RED, 0));
    events(&mut harness);

    let mut tags = gst::TagList::new();
    let title = "a clip";
    tags.make_mut()
        .add::<gst::tags::Title>(&title, gst::TagMergeMode::Append);
    let custom = gst::Structure::new_empty("from-somewhere-else");
    let time = gst::ClockTime::from_mseconds(40);
    for event in [
        gst::event::Tag::new(tags),
        gst::event::Gap::builder(time).build(),
        gst::event::CustomDownstream::new(custom),
        gst::event::Eos::new(),
    ] {
        let kind = event.type_();
        assert!(harness.push_event(event), "{kind:?}");
        // While the buffer before it is still on its way, it waits for its turn.
        let event = harness.pull_event().expect("an event in a minute");
        assert_eq!(event.type_(), kind);
        assert_eq!(events(&mut harness), []);
    }

    let custom = gst::Structure::new_empty("back-from-there");
    assert!(harness.push_upstream_event(gst::event::CustomUpstream::new(custom)));
    let upstream = std::iter::from_fn(|| harness.try_pull_upstream_event());
    let custom = upstream.filter(|e| e.type_() == gst::EventType::CustomUpstream);
    assert_eq!(custom.count(), 1);
}

/// A sink's throttle time is a rate, until the sink asks otherwise, or the element stops.
#[test]
fn throttle() {
    let (element, _folder) = color();
    let info = rgb(8, 6);
    let qos =
        |kind, difference| gst::event::Qos::new(kind, 1.0, difference, gst::ClockTime::SECOND);
    let half_a_second = 500_000_000;
    for _ in 0..2 {
        let (mut harness, _bus) = play(&element, &info);
        let mut time = 0;
        let mut inferred = |harness: &mut Harness| {
            let fresh = (0..10).filter(|_| {
                time += 100;
                answer(&through(harness, timed(&info, RED, time))).fresh
            });
            fresh.count()
        };
        assert_eq!(inferred(&mut harness), 10);
        harness.push_upstream_event(qos(gst::QOSType::Throttle, half_a_second));
        assert_eq!(inferred(&mut harness), 2);
        harness.push_upstream_event(qos(gst::QOSType::Underflow, -40_000_000));
        assert_eq!(inferred(&mut harness), 10);
        harness.push_upstream_event(qos(gst::QOSType::Throttle, half_a_second));
        assert_eq!(inferred(&mut harness), 2);
    }
}

/// After EOS the element can be flushed and goes on.
#[test]
fn flush_after_eos() {
    let (element, _folder) = color();
    let info = rgb(8, 6);
    let (mut harness, bus) = play(&element, &info);
    through(&mut harness, timed(&info, RED, 0));
    assert!(harness.push_event(gst::event::Eos::new()));
    assert_eq!(
        harness.push(timed(&info, RED, 40)),
        Err(gst::FlowError::Eos)
    );
    assert!(harness.push_event(gst::event::FlushStart::new()));
    assert_eq!(
        harness.push(timed(&info, RED, 40)),
        Err(gst::FlowError::Flushing)
    );
    assert!(harness.push_event(gst::event::FlushStop::new(true)));
    let segment = gst::FormattedSegment::<gst::ClockTime>::new();
    assert!(harness.push_event(gst::event::Segment::new(&segment)));
    assert_eq!(top(&through(&mut harness, timed(&info, GREEN, 0))), 1);
    assert!(
        errors(&bus, &element).is_empty(),
        "none of this is an error"
    );
}

/// A flush, another segment and a new stream begin the interval anew: no answer is carried over.
/// The same segment again, as some sources send it, changes nothing.
#[test]
fn interval_begins_anew() {
    let (element, _folder) = color();
    element.set_property("interval", 10u32);
    let info = rgb(8, 6);
    let (mut harness, _bus) = play(&element, &info);
    assert!(answer(&through(&mut harness, timed(&info, RED, 0))).fresh);
    assert!(!answer(&through(&mut harness, timed(&info, GREEN, 40))).fresh);

    let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
    assert!(harness.push_event(gst::event::Segment::new(&segment)));
    let buffer = through(&mut harness, timed(&info, GREEN, 80));
    assert!(!answer(&buffer).fresh && top(&buffer) == 0, "the same");

    segment.set_base(gst::ClockTime::from_mseconds(120));
    assert!(harness.push_event(gst::event::Segment::new(&segment)));
    let buffer = through(&mut harness, timed(&info, GREEN, 0));
    assert!(answer(&buffer).fresh && top(&buffer) == 1, "segment");

    assert!(harness.push_event(gst::event::FlushStart::new()));
    assert!(harness.push_event(gst::event::FlushStop::new(true)));
    assert!(harness.push_event(gst::event::Segment::new(&segment)));
    let buffer = through(&mut harness, timed(&info, BLUE, 0));
    assert!(answer(&buffer).fresh && top(&buffer) == 2, "flush");

    assert!(!answer(&through(&mut harness, timed(&info, RED, 40))).fresh);
    assert!(harness.push_event(gst::event::StreamStart::new("another")));
    harness.set_src_caps(caps(&info));
    assert!(harness.push_event(gst::event::Segment::new(&segment)));
    let buffer = through(&mut harness, timed(&info, RED, 0));
    assert!(answer(&buffer).fresh && top(&buffer) == 0, "stream");
}
