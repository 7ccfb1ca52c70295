// SPDX-License-Identifier: MPL-2.0
//! Events, queries and flow returns.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gst::prelude::*;
use gst_check::Harness;
use gst_video::VideoFormat;
use serde_json::Value;

use super::{count, element, events, harness, kinds, milliseconds, pull};
use support::element::{caps, info, rgb};
use support::lines::{classified, frame, seen};

/// What comes in goes out in its order: stream-start, caps (of JSON), segment, tags, lines, EOS.
/// Other caps of the video are none of downstream's business.
#[test]
fn events_in_order() {
    let mut harness = harness(&[]);
    let mut tags = gst::TagList::new();
    tags.make_mut()
        .add::<gst::tags::Title>(&"a title", gst::TagMergeMode::Append);
    assert!(harness.push_event(gst::event::Tag::new(tags)));
    assert_eq!(count(&mut harness, classified(0, &seen(1, "class"))), 1);
    let smaller = info(VideoFormat::Nv12, 4, 2);
    assert!(harness.push_event(gst::event::Caps::new(&caps(&smaller))));
    assert_eq!(count(&mut harness, classified(40, &seen(1, "class"))), 1);
    let mut gl = caps(&smaller);
    gl.make_mut()
        .set_features_simple(Some(gst::CapsFeatures::new(["memory:GLMemory"])));
    assert!(harness.push_event(gst::event::Caps::new(&gl)));
    assert_eq!(count(&mut harness, classified(80, &seen(1, "class"))), 1);
    assert!(harness.push_event(gst::event::Eos::new()));
    assert_eq!(
        harness.push(classified(120, &seen(1, "class"))),
        Err(gst::FlowError::Eos)
    );
    let found = events(&mut harness);
    use gst::EventType as E;
    assert_eq!(
        kinds(&found),
        [E::StreamStart, E::Caps, E::Segment, E::Tag, E::Eos]
    );
    let gst::EventView::Caps(out) = found[1].view() else {
        panic!("{found:?}")
    };
    assert_eq!(
        out.caps_owned(),
        gst::Caps::new_empty_simple("application/x-json")
    );
}

/// Any frame is taken, whatever memory it lies in, and nothing that is no video.
#[test]
fn any_video() {
    let harness = harness(&[]);
    let pad = element(&harness).static_pad("sink").expect("a sink pad");
    for text in [
        "video/x-raw,format=NV12,width=1920,height=1080,framerate=30/1",
        "video/x-raw(memory:CUDAMemory),format=P010_10LE,width=64,height=64,framerate=0/1",
        "video/x-raw(memory:DMABuf),format=NV12,width=64,height=64",
        "video/x-raw(memory:GLMemory,meta:GstVideoOverlayComposition),format=RGBA,width=1,height=1",
    ] {
        let caps = text.parse::<gst::Caps>().expect("caps");
        assert!(pad.query_accept_caps(&caps), "{text}");
    }
    for text in ["audio/x-raw", "video/x-h264", "application/x-json"] {
        let caps = text.parse::<gst::Caps>().expect("caps");
        assert!(!pad.query_accept_caps(&caps), "{text}");
    }
}

/// A segment of bytes is not passed on, for a sink would seek to them; the lines have no times
/// but the frame's own.
#[test]
fn segment_of_bytes() {
    let mut harness = harness(&[]);
    events(&mut harness);
    let mut segment = gst::FormattedSegment::<gst::format::Bytes>::new();
    segment.set_start(gst::format::Bytes::from_u64(4096));
    assert!(harness.push_event(gst::event::Segment::new(&segment)));
    harness
        .push(classified(40, &seen(1, "class")))
        .expect("it goes through");
    let line = pull(&mut harness).remove(0);
    assert_eq!(line["pts"], 40_000_000);
    assert_eq!(line["running_time"], Value::Null);
    let found = events(&mut harness);
    let gst::EventView::Segment(out) = found[0].view() else {
        panic!("{found:?}")
    };
    assert_eq!(out.segment().format(), gst::Format::Time);
}

/// Downstream's wishes go up, but for those about bytes; of the memory for frames it is not asked.
#[test]
fn queries_and_seeks() {
    let mut harness = harness(&[]);
    let src = element(&harness).static_pad("src").expect("a source pad");
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    src.add_probe(
        gst::PadProbeType::QUERY_DOWNSTREAM | gst::PadProbeType::PUSH,
        move |_, info| {
            let query = info.query().map(|q| q.type_());
            if query == Some(gst::QueryType::Allocation) {
                counter.fetch_add(1, Ordering::Relaxed);
            }
            gst::PadProbeReturn::Ok
        },
    );
    let from = harness.srcpad().expect("it pushes");
    let mut query = gst::query::Allocation::new(Some(&caps(&rgb(8, 8))), true);
    assert!(from.peer_query(&mut query));
    assert!(
        query
            .find_allocation_meta::<gst_video::VideoMeta>()
            .is_some()
    );
    assert_eq!(query.allocation_pools().len(), 0);
    assert_eq!(asked.load(Ordering::Relaxed), 0);

    harness.set_upstream_latency(milliseconds(70));
    let to = harness.sinkpad().expect("it takes");
    let mut latency = gst::query::Latency::new();
    assert!(to.peer_query(&mut latency));
    assert_eq!(latency.result().1, milliseconds(70));
    for format in [gst::Format::Bytes, gst::Format::Buffers] {
        assert!(!to.peer_query(&mut gst::query::Duration::new(format)));
        assert!(!to.peer_query(&mut gst::query::Position::new(format)));
        assert!(!to.peer_query(&mut gst::query::Seeking::new(format)));
    }

    while harness.try_pull_upstream_event().is_some() {}
    let qos = gst::event::Qos::new(gst::QOSType::Underflow, 1.5, 7, gst::ClockTime::SECOND);
    to.push_event(qos);
    to.push_event(gst::event::Seek::new(
        1.0,
        gst::SeekFlags::FLUSH,
        gst::SeekType::Set,
        gst::ClockTime::SECOND,
        gst::SeekType::None,
        gst::ClockTime::NONE,
    ));
    to.push_event(gst::event::Seek::new(
        1.0,
        gst::SeekFlags::FLUSH,
        gst::SeekType::Set,
        gst::format::Bytes::from_u64(10),
        gst::SeekType::None,
        gst::format::Bytes::NONE,
    ));
    let up: Vec<_> = std::iter::from_fn(|| harness.try_pull_upstream_event())
        .map(|e| e.type_())
        .collect();
    assert_eq!(up, [gst::EventType::Qos, gst::EventType::Seek]);
}

/// A pipeline that has nothing to say yet prerolls all the same, and one without any frame ends.
#[test]
fn prerolls() {
    support::init();
    for (frames, state) in [(50, gst::State::Paused), (0, gst::State::Playing)] {
        let text = format!(
            "videotestsrc num-buffers={frames} ! video/x-raw,width=8,height=8,framerate=25/1 ! \
             resnet50json ! fakesink name=sink sync=false"
        );
        let pipeline = gst::parse::launch(&text).expect("a pipeline");
        pipeline.set_state(state).expect("it starts");
        let bus = pipeline.bus().expect("a bus");
        if frames > 0 {
            let (result, reached, _) = pipeline.state(support::element::TIMEOUT);
            assert_eq!(result, Ok(gst::StateChangeSuccess::Success));
            assert_eq!(reached, gst::State::Paused);
        } else {
            let message = bus.timed_pop_filtered(
                support::element::TIMEOUT,
                &[gst::MessageType::Eos, gst::MessageType::Error],
            );
            let kind = message.map(|m| m.type_());
            assert_eq!(kind, Some(gst::MessageType::Eos));
        }
        pipeline.set_state(gst::State::Null).expect("it stops");
    }
}

/// What goes wrong behind the element is told upstream, also where there is only a GAP to push.
#[test]
fn flow_returns() {
    support::init();
    let element = gst::ElementFactory::make("resnet50json")
        .build()
        .expect("the element");
    let mut harness = Harness::with_element(&element, Some("sink"), None);
    harness.set_src_caps(caps(&rgb(8, 8)));
    for buffer in [frame(0), classified(40, &seen(1, "class"))] {
        assert_eq!(harness.push(buffer), Err(gst::FlowError::NotLinked));
    }
}

/// Behind a pad that is at its end, frames without lines are refused like those with some.
#[test]
fn flow_returns_at_the_end() {
    for is_told_by_us in [true, false] {
        let mut harness = harness(&[]);
        harness.push(frame(0)).expect("it goes through");
        let end = gst::event::Eos::new();
        match is_told_by_us {
            true => element(&harness)
                .static_pad("src")
                .expect("a source pad")
                .push_event(end),
            false => harness.sinkpad().expect("it takes").send_event(end),
        };
        for buffer in [frame(40), classified(80, &seen(1, "class"))] {
            assert_eq!(harness.push(buffer), Err(gst::FlowError::Eos));
        }
    }
}
