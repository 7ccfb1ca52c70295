// SPDX-License-Identifier: MPL-2.0
//! What the neighbours ask for and are asked: latency, live or not, rate, quality of service.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gst::prelude::*;
use gstresnet50::meta::classification_of;

use super::{pass, slow};
use support::element::*;
use support::harness::{play, source_pad, through};
use support::pad_harness::PadHarness;

/// What an upstream says of its latency: whether it is live, the least, and the most if any.
type Latency = (bool, gst::ClockTime, Option<gst::ClockTime>);

const MS: fn(u64) -> gst::ClockTime = gst::ClockTime::from_mseconds;

/// A pad in front of the element.
struct Front {
    pad: gst::Pad,
    latency: Arc<Mutex<Latency>>,
    events: Arc<Mutex<Vec<gst::EventType>>>,
}

impl Front {
    fn new(element: &gst::Element, latency: Latency) -> Self {
        let latency = Arc::new(Mutex::new(latency));
        let events = Arc::new(Mutex::new(Vec::new()));
        let pad = source_pad()
            .query_function({
                let latency = Arc::clone(&latency);
                move |pad, parent, query| {
                    let gst::QueryViewMut::Latency(query) = query.view_mut() else {
                        return gst::Pad::query_default(pad, parent, query);
                    };
                    let (is_live, min, max) = *latency.lock().expect("not poisoned");
                    query.set(is_live, min, max);
                    true
                }
            })
            .event_function({
                let events = Arc::clone(&events);
                move |_, _, event| {
                    events.lock().expect("not poisoned").push(event.type_());
                    true
                }
            })
            .build();
        pad.set_active(true).expect("the pad is active");
        let sink = element.static_pad("sink").expect("a sink pad");
        pad.link(&sink).expect("they link");
        Self {
            pad,
            latency,
            events,
        }
    }

    fn set_live(&self, is_live: bool) {
        self.latency.lock().expect("not poisoned").0 = is_live;
    }

    fn events(&self) -> Vec<gst::EventType> {
        self.events.lock().expect("not poisoned").clone()
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        if let Some(peer) = self.pad.peer() {
            let _ = self.pad.unlink(&peer);
        }
        let _ = self.pad.set_active(false);
    }
}

/// Sends an event or a query from behind the element.
fn behind(harness: &PadHarness) -> gst::Pad {
    harness.element.static_pad("src").expect("a source pad")
}

/// The latency up to and with the element.
fn latency_behind(harness: &PadHarness) -> Latency {
    let mut query = gst::query::Latency::new();
    assert!(behind(harness).query(&mut query), "it answers");
    query.result()
}

/// `auto` is live where the source is, and exact where it is not.
#[test]
fn auto_asks_the_pipeline() {
    let (_folder, model) = slow(5);
    for is_live in [true, false] {
        let element = element(&model);
        element.set_property_from_str("mode", "auto");
        let pipeline = gst::Pipeline::new();
        let source = gst::ElementFactory::make("videotestsrc")
            .property("is-live", is_live)
            .property("num-buffers", 10i32)
            .build()
            .expect("a source");
        let sink = gst::ElementFactory::make("fakesink")
            .property("signal-handoffs", true)
            .build()
            .expect("a sink");
        pipeline
            .add_many([&source, &element, &sink])
            .expect("added");
        gst::Element::link_many([&source, &element, &sink]).expect("linked");
        let fresh = Arc::new(AtomicU64::new(0));
        let pad = element.static_pad("src").expect("a source pad");
        pad.add_probe(gst::PadProbeType::BUFFER, {
            let fresh = Arc::clone(&fresh);
            move |_, probe| {
                let classification = probe.buffer().and_then(|b| classification_of(b));
                let is_fresh = classification.is_some_and(|a| a.fresh);
                fresh.fetch_add(is_fresh.into(), Ordering::Relaxed);
                gst::PadProbeReturn::Ok
            }
        });
        pipeline.set_state(gst::State::Playing).expect("it plays");
        let bus = pipeline.bus().expect("a bus");
        let end = [gst::MessageType::Eos, gst::MessageType::Error];
        let message = bus.timed_pop_filtered(TIMEOUT, &end).expect("an end");
        assert_eq!(message.type_(), gst::MessageType::Eos, "{message:?}");
        let expected = if is_live { 0 } else { 10 };
        assert_eq!(fresh.load(Ordering::Relaxed), expected, "live: {is_live}");
        pipeline.set_state(gst::State::Null).expect("it stops");
    }
}

/// LATENCY: nothing in mode live; in mode exact the longest stay, once it is known.
#[test]
fn latency() {
    let (_folder, model) = slow(10);
    for (mode, expected) in [("live", false), ("exact", true)] {
        let element = element(&model);
        element.set_property_from_str("mode", mode);
        let info = rgb(8, 6);
        let (mut harness, bus) = play(&element, &info);
        for i in 0..10 {
            through(&mut harness, timed(&info, RED, 40 * i));
        }
        let latency = harness.query_latency().unwrap_or_default();
        assert_eq!(
            latency > gst::ClockTime::ZERO,
            expected,
            "{mode}: {latency}"
        );
        let announced = messages(&bus, &element, gst::MessageType::Latency);
        assert_eq!(!announced.is_empty(), expected, "{mode}");
    }
}

/// Downstream's wish for a lower rate and `max-rate` hold by the frames' times.
#[test]
fn rates() {
    let (_folder, model) = slow(1);
    let element = element(&model);
    element.set_property("max-rate", gst::Fraction::new(5, 1));
    let info = rgb(8, 6);
    let (mut harness, _bus) = play(&element, &info);
    for i in 0..100u64 {
        through(&mut harness, timed(&info, RED, 20 * i));
    }
    assert_eq!(stat(&element, "inferences"), 10);
    let throttle = gst::event::Qos::builder(gst::QOSType::Throttle, 1.0, 500_000_000).build();
    harness.push_upstream_event(throttle);
    for i in 100..200u64 {
        through(&mut harness, timed(&info, RED, 20 * i));
    }
    let more = stat(&element, "inferences") - 10;
    assert!((4..=5).contains(&more), "{more}");
}

/// A picture that stands still is inferred once, and again when it changes or its time is up.
#[test]
fn still_pictures() {
    let (_folder, model) = slow(1);
    let element = element(&model);
    element.set_property("skip-still", 0.02f32);
    element.set_property("skip-still-max", 400_000_000u64);
    let info = rgb(8, 6);
    let (mut harness, _bus) = play(&element, &info);
    let mut fresh = Vec::new();
    for i in 0..30u64 {
        let color = if i < 15 { RED } else { BLUE };
        let out = through(&mut harness, timed(&info, color, 40 * i));
        let found = classification(&out);
        assert_eq!(
            found.top().map(|c| c.index),
            Some(if i < 15 { 0 } else { 2 })
        );
        if found.fresh {
            fresh.push(i);
        }
    }
    // At first, when 400 ms are over, at the change, and then again.
    assert_eq!(fresh, [0, 11, 15, 26]);
    assert_eq!(stat(&element, "still"), 26);
}

/// `auto` asks again at a new stream, a new segment, and where the pipeline has found another
/// latency, and goes either way.
#[test]
fn auto_asks_again() {
    let (_folder, model) = slow(1);
    let element = element(&model);
    let front = Front::new(&element, (false, MS(0), None));
    let harness = PadHarness::playing(&element, "auto");
    let mut now = 0;
    let mut is_exact = || {
        now += 40;
        let out = pass(&harness, RED, now);
        classification_of(&out).is_some_and(|classification| classification.fresh)
    };
    assert!(is_exact());
    let segment = gst::FormattedSegment::<gst::ClockTime>::new();
    let again: [(&str, &dyn Fn()); 4] = [
        ("latency", &|| {
            assert!(behind(&harness).send_event(gst::event::Latency::new(MS(40))));
        }),
        ("segment", &|| {
            assert!(harness.send(gst::event::Segment::new(&segment)));
        }),
        ("stream", &|| {
            assert!(harness.send(gst::event::StreamStart::new("another")));
        }),
        ("query", &|| {
            latency_behind(&harness);
        }),
    ];
    for (name, ask) in again {
        for is_live in [true, false, true, false] {
            front.set_live(is_live);
            ask();
            for _ in 0..3 {
                assert_eq!(is_exact(), !is_live, "{name}");
            }
        }
    }
    assert!(harness.errors().is_empty());
}

/// In mode exact the element adds to its upstream's latency how long frames stay in it: no more
/// than the longest that one of them took to come out, and no less than what an announcement may
/// lag behind (a quarter). (`faults.rs` has what does not count.)
#[test]
fn latency_is_the_stay() {
    const FRAMES: u64 = 40;
    let (_folder, model) = slow(20);
    let element = element(&model);
    element.set_property("sessions", 1u32);
    element.set_property("max-in-flight", 4u32);
    for (mode, is_live) in [("exact", true), ("exact", false), ("auto", false)] {
        let upstream = (is_live, MS(7), Some(MS(50)));
        let _front = Front::new(&element, upstream);
        let harness = PadHarness::playing(&element, mode);
        assert_eq!(latency_behind(&harness), upstream, "nothing is known yet");
        let out: Arc<Mutex<Vec<Instant>>> = Arc::default();
        let probe = behind(&harness).add_probe(gst::PadProbeType::BUFFER, {
            let out = Arc::clone(&out);
            move |_, _| {
                out.lock().expect("not poisoned").push(Instant::now());
                gst::PadProbeReturn::Ok
            }
        });
        let mut pushed = Vec::new();
        let longest = |pushed: &[Instant]| {
            harness.until("all frames", |b| b.frames.len() == pushed.len());
            let out = out.lock().expect("not poisoned");
            let stays = pushed.iter().zip(&*out).map(|(from, to)| *to - *from);
            stays.max().expect("a frame")
        };
        let own = || {
            let (live, min, max) = latency_behind(&harness);
            let own = min - MS(7);
            assert_eq!((live, max), (is_live, Some(MS(50) + own)));
            Duration::from(own)
        };
        for i in 0..FRAMES {
            pushed.push(Instant::now());
            harness.push(RED, 40 * i).expect("it goes in");
        }
        assert!(own() <= longest(&pushed), "{mode}");
        let inferences = harness.behind().frames.clone();
        let inferences = inferences
            .iter()
            .map(|frame| classification(frame).inference_time);
        let inference = Duration::from(inferences.max().expect("a frame"));
        assert!(own() + own() / 4 >= inference, "{mode}: {:?}", own());
        // From the arrival to the result, to two digits.
        let stats: gst::Structure = element.property("stats");
        let total: gst::Structure = stats.get("total").expect("latencies");
        let median = Duration::from_nanos(total.get("p50").expect("a median"));
        assert!(
            (own() + own() / 4).as_secs_f64() >= 0.98 * median.as_secs_f64(),
            "{mode}"
        );
        behind(&harness).remove_probe(probe.expect("a probe"));
        harness.stop();
    }
}

/// In mode live nothing is added to the upstream's latency, however long the inferences take, and though
/// frames have waited for their results before.
#[test]
fn no_latency_in_live() {
    let (_folder, model) = slow(20);
    let element = element(&model);
    let front = Front::new(&element, (true, MS(7), Some(MS(50))));
    for mode in ["live", "auto"] {
        let harness = PadHarness::playing(&element, "exact");
        pass(&harness, RED, 0);
        let (_, min, _) = latency_behind(&harness);
        assert!(min > MS(7), "{mode}");
        element.set_property_from_str("mode", mode);
        for i in 1..=5 {
            pass(&harness, RED, 40 * i);
            until("a result", || harness.stat("inferences") > i);
        }
        let upstream = *front.latency.lock().expect("not poisoned");
        assert_eq!(latency_behind(&harness), upstream, "{mode}");
        harness.stop();
    }
}

/// A sink that says it is late, or that it has time, is no reason to drop a frame or to leave one
/// without inference; whoever is upstream hears of it.
#[test]
fn no_frame_is_dropped() {
    const FRAMES: u64 = 20;
    let (_folder, model) = slow(1);
    let element = element(&model);
    for mode in ["exact", "live"] {
        let front = Front::new(&element, (false, MS(0), None));
        let harness = PadHarness::playing(&element, mode);
        let mut sent = 0;
        for i in 0..FRAMES {
            for kind in [gst::QOSType::Underflow, gst::QOSType::Overflow] {
                for difference in [-500_000_000, 500_000_000] {
                    // For a time that is far ahead of all frames.
                    let late = gst::event::Qos::builder(kind, 9.0, difference)
                        .timestamp(MS(100_000))
                        .build();
                    assert!(behind(&harness).send_event(late));
                    sent += 1;
                }
            }
            pass(&harness, RED, 40 * i);
            until("a result", || harness.stat("inferences") > i);
        }
        let expected: Vec<u64> = (0..FRAMES).map(|i| 40 * i).collect();
        assert_eq!(harness.times(), expected, "{mode}");
        let counts = ["inferences", "busy", "skipped"].map(|field| harness.stat(field));
        assert_eq!(counts, [FRAMES, 0, 0], "{mode}");
        let events = front.events();
        let heard = events.iter().filter(|e| **e == gst::EventType::Qos);
        assert_eq!(heard.count(), sent, "{mode}");
        assert!(harness.errors().is_empty());
    }
}
