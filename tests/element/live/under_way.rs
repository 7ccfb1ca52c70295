// SPDX-License-Identifier: MPL-2.0
//! Frames that are under way in the element: their order, a flush, a change of state.

use gst::prelude::*;

use super::slow;
use support::element::*;
use support::harness::{play, through};

/// Frames that stay under way leave in their order, each with its own result, and the events
/// between them in their places.
#[test]
fn exact_keeps_order() {
    let (_folder, model) = slow(2);
    let element = element(&model);
    element.set_property("sessions", 3u32);
    element.set_property("batch-size", 2u32);
    element.set_property("max-in-flight", 9u32);
    let info = rgb(8, 6);
    let (mut harness, _bus) = play(&element, &info);
    let colors = [RED, GREEN, BLUE];
    for i in 0..90u64 {
        let color = (i * i % 3) as usize;
        harness
            .push(timed(&info, colors[color], 40 * i))
            .expect("it goes in");
        let tag = gst::Structure::builder("place").field("i", i).build();
        assert!(harness.push_event(gst::event::CustomDownstream::new(tag)));
    }
    harness.push_event(gst::event::Eos::new());
    for i in 0..90u64 {
        let out = harness.pull().expect("a frame");
        assert_eq!(out.pts(), Some(gst::ClockTime::from_mseconds(40 * i)));
        let found = classification(&out);
        assert!(found.fresh);
        assert_eq!(
            found.top().map(|c| c.index),
            Some((i * i % 3) as i32),
            "{i}"
        );
    }
    let events: Vec<u64> = std::iter::from_fn(|| harness.pull_event().ok())
        .take_while(|e| e.type_() != gst::EventType::Eos)
        .filter_map(|e| e.structure().and_then(|s| s.get("i").ok()))
        .collect();
    assert_eq!(events, (0..90).collect::<Vec<_>>());
    assert!(stat(&element, "batches") <= 90);
    assert_eq!(stat(&element, "inferences"), 90);
}

/// A flush throws away what is under way, promptly, and the stream goes on after it.
#[test]
fn flush_discards() {
    let (_folder, model) = slow(40);
    let element = element(&model);
    element.set_property("max-in-flight", 8u32);
    let info = rgb(8, 6);
    let (mut harness, _bus) = play(&element, &info);
    for round in 0..5u64 {
        for i in 0..6u64 {
            harness
                .push(timed(&info, GREEN, 1000 * round + i))
                .expect("it goes in");
        }
        assert!(harness.push_event(gst::event::FlushStart::new()));
        assert!(harness.push_event(gst::event::FlushStop::new(true)));
        let segment = gst::FormattedSegment::<gst::ClockTime>::new();
        assert!(harness.push_event(gst::event::Segment::new(&segment)));
        // Whatever had left before.
        while harness.try_pull().is_some() {}
        let out = through(&mut harness, timed(&info, BLUE, 1000 * round + 999));
        assert_eq!(
            out.pts(),
            Some(gst::ClockTime::from_mseconds(1000 * round + 999))
        );
        assert_eq!(top(&out), 2);
    }
}

/// States change promptly with frames under way, in both modes, as often as one likes.
#[test]
fn states_with_frames_under_way() {
    let (_folder, model) = slow(20);
    for mode in ["exact", "live"] {
        let element = element(&model);
        element.set_property_from_str("mode", mode);
        let info = rgb(8, 6);
        for round in 0..25u64 {
            let rig = Rig::new(&element, &info);
            rig.play().expect("it plays");
            for i in 0..round % 5 {
                rig.src
                    .push_buffer(timed(&info, RED, 40 * i))
                    .expect("it goes in");
            }
            rig.stop();
            assert!(rig.errors().is_empty());
        }
    }
}
