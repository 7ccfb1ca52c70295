// SPDX-License-Identifier: MPL-2.0
//! Events through the element.

use gst::prelude::*;
use gst_check::Harness;

use super::color;
use support::element::*;
use support::harness::{self, beginning, link, play, sink_pad, source_pad, through, unlink};
use support::onnx::Net;

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
                classification(&through(harness, timed(&info, RED, time))).fresh
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

/// A flush, another segment and a new stream begin the interval anew: no result is carried over.
/// The same segment again, as some sources send it, changes nothing.
#[test]
fn interval_begins_anew() {
    let (element, _folder) = color();
    element.set_property("interval", 10u32);
    let info = rgb(8, 6);
    let (mut harness, _bus) = play(&element, &info);
    assert!(classification(&through(&mut harness, timed(&info, RED, 0))).fresh);
    assert!(!classification(&through(&mut harness, timed(&info, GREEN, 40))).fresh);

    let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
    assert!(harness.push_event(gst::event::Segment::new(&segment)));
    let buffer = through(&mut harness, timed(&info, GREEN, 80));
    assert!(
        !classification(&buffer).fresh && top(&buffer) == 0,
        "the same"
    );

    segment.set_base(gst::ClockTime::from_mseconds(120));
    assert!(harness.push_event(gst::event::Segment::new(&segment)));
    let buffer = through(&mut harness, timed(&info, GREEN, 0));
    assert!(
        classification(&buffer).fresh && top(&buffer) == 1,
        "segment"
    );

    assert!(harness.push_event(gst::event::FlushStart::new()));
    assert!(harness.push_event(gst::event::FlushStop::new(true)));
    assert!(harness.push_event(gst::event::Segment::new(&segment)));
    let buffer = through(&mut harness, timed(&info, BLUE, 0));
    assert!(classification(&buffer).fresh && top(&buffer) == 2, "flush");

    assert!(!classification(&through(&mut harness, timed(&info, RED, 40))).fresh);
    assert!(harness.push_event(gst::event::StreamStart::new("another")));
    harness.set_src_caps(caps(&info));
    assert!(harness.push_event(gst::event::Segment::new(&segment)));
    let buffer = through(&mut harness, timed(&info, RED, 0));
    assert!(classification(&buffer).fresh && top(&buffer) == 0, "stream");
}

/// What comes while an element stops is flushing, events too: GStreamer takes an event that a pad
/// refuses for a fatal error, for which nobody would have posted a reason. The source pad goes down
/// first.
#[test]
fn events_of_a_stop_are_flushing() {
    let (classifier, _folder) = color();
    let make = |name: &str| gst::ElementFactory::make(name).build().expect(name);
    let elements = [classifier, make("resnet50overlay"), make("resnet50json")];
    let info = rgb(8, 6);
    let time = gst::FormattedSegment::<gst::ClockTime>::new();
    let mut tags = gst::TagList::new();
    let (title, merge) = ("a clip", gst::TagMergeMode::Append);
    tags.make_mut().add::<gst::tags::Title>(&title, merge);
    for element in elements {
        let name = element.name();
        let bus = gst::Bus::new();
        element.set_bus(Some(&bus));
        let src = harness::src(&element);
        let upstream = source_pad().build();
        let behind = sink_pad()
            .chain_function(|_, _, _| Ok(gst::FlowSuccess::Ok))
            .build();
        link(&behind, &element);
        link(&upstream, &element);
        element.set_state(gst::State::Playing).expect("it plays");
        if element.find_property("model").is_some() {
            assert!(loaded(&bus));
        }
        for event in beginning(&info) {
            upstream.push_event(event);
        }
        upstream.push(timed(&info, RED, 0)).expect("it goes in");
        let mut later = time.clone();
        later.set_start(gst::ClockTime::from_seconds(1));
        for event in [
            gst::event::StreamStart::new("t"),
            gst::event::Caps::new(&caps(&rgb(16, 6))),
            gst::event::Segment::new(&later),
            gst::event::Tag::new(tags.clone()),
        ] {
            let kind = event.type_();
            src.set_active(false).expect("it goes down");
            upstream.push_event(event);
            let flow = upstream.push(timed(&info, RED, 40));
            assert_eq!(flow, Err(gst::FlowError::Flushing), "{name} {kind:?}");
            src.set_active(true).expect("it goes up");
        }
        element.set_state(gst::State::Null).expect("it stops");
        assert!(errors(&bus, &element).is_empty(), "{name}");
        element.set_bus(None);
        unlink(&upstream, &element);
        unlink(&behind, &element);
    }
}

/// Changes of state in any order, with other models meanwhile, are no error of a pipeline in which
/// nothing is wrong.
#[test]
fn random_states_without_error() {
    use gst::State;
    let (first, folder) = color();
    let other = Net::constant(vec![0.0, 9.0]).write(folder.path(), "two.onnx");
    let good: String = first.property("model");
    let models = [good.as_str(), text(&other)];
    let mut random = 12345u32;
    let mut next = |below: u32| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 16) % below
    };
    for mode in ["exact", "live"] {
        let line = format!(
            "videotestsrc pattern=snow ! video/x-raw,width=64,height=48,framerate=100/1 \
             ! resnet50 name=r mode={mode} model={good} ! resnet50overlay ! resnet50json ! fakesink"
        );
        let pipeline = gst::parse::launch(&line).expect("a pipeline");
        let pipeline = pipeline.downcast::<gst::Pipeline>().expect("a pipeline");
        let element = pipeline.by_name("r").expect("the element");
        let bus = pipeline.bus().expect("a bus");
        let states = [State::Null, State::Ready, State::Paused, State::Playing];
        for _ in 0..400 {
            let state = states[next(4) as usize];
            pipeline.set_state(state).expect("every state");
            if next(10) < 3 {
                let pause = [0, 1, 10, 50][next(4) as usize];
                std::thread::sleep(std::time::Duration::from_millis(pause));
            }
            if next(10) == 0 {
                element.set_property("model", models[next(2) as usize]);
            }
            if let Some(message) = bus.pop_filtered(&[gst::MessageType::Error]) {
                panic!("{mode} {state:?}: {message:?}");
            }
        }
        pipeline.set_state(State::Null).expect("it stops");
    }
}
