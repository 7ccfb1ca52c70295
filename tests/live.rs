// SPDX-License-Identifier: MPL-2.0
//! Live streams and many streams: nothing is delayed, thinned or unfair, and one engine serves all.

mod support;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use gst::prelude::*;
use gst_video::VideoInfo;
use gstresnet50::inference::{
    EngineOptions, Model, ModelSource, Provider, RUN_LIMIT, Runtime, SessionOptions, shared_engine,
};
use gstresnet50::meta::classification_of;
use support::element::*;
use support::onnx::{FREE, Net};

/// A folder with a model that takes one or two times so many milliseconds a Run, and tells red,
/// green and blue apart.
fn slow(steps: usize) -> (tempfile::TempDir, PathBuf) {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let path = Net::color()
        .batch(FREE)
        .busy(steps)
        .write(folder.path(), "slow.onnx");
    (folder, path)
}

fn stat(element: &gst::Element, field: &str) -> u64 {
    let stats: gst::Structure = element.property("stats");
    stats.get(field).expect(field)
}

/// Waits until something is so.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Frames leave at once, all of them and in order, whatever the model takes; those that are not
/// inferred carry the newest answer with its age, and a QOS message says that some were not.
#[test]
fn live_never_waits() {
    let (_folder, model) = slow(20);
    let element = element(&model);
    element.set_property_from_str("mode", "live");
    let info = rgb(8, 6);
    let (mut harness, bus) = play(&element, &info);
    let mut ages = Vec::new();
    let mut answered = 0;
    for i in 0..500u64 {
        let out = through(&mut harness, timed(&info, RED, 10 * i));
        assert_eq!(out.pts(), Some(gst::ClockTime::from_mseconds(10 * i)));
        if let Some(answer) = classification_of(&out) {
            answered += 1;
            assert!(!answer.fresh);
            assert_eq!(answer.top().map(|c| c.index), Some(0));
            let age = answer.age.expect("an age");
            // The answer's frame was an earlier one.
            assert!(age >= gst::ClockTime::from_mseconds(10), "{age}");
            ages.push((out.pts().expect("a time") - age).mseconds());
        }
        if i % 50 == 49 {
            let before = stat(&element, "inferences");
            until("an answer", || stat(&element, "inferences") > before);
        }
    }
    // The answers get newer, never older.
    assert!(ages.is_sorted(), "{ages:?}");
    assert!(answered > 0);
    assert_eq!(stat(&element, "frames"), 500);
    assert!(stat(&element, "inferences") < 500);
    let (busy, skipped) = (stat(&element, "busy"), stat(&element, "skipped"));
    assert!(busy > 0 && busy == skipped, "{busy} {skipped}");
    assert!(!messages(&bus, &element, gst::MessageType::Qos).is_empty());
    assert!(errors(&bus, &element).is_empty());
}

/// The frame that is inferred next is the newest, not the one that waits longest.
#[test]
fn newest_first() {
    let (_folder, model) = slow(40);
    let element = element(&model);
    element.set_property_from_str("mode", "live");
    element.set_property("sessions", 1u32);
    let info = rgb(8, 6);
    let (mut harness, _bus) = play(&element, &info);
    through(&mut harness, timed(&info, RED, 0));
    // While the first one runs, these come; only the last is of use.
    for i in 1..=20u64 {
        let color = if i == 20 { BLUE } else { GREEN };
        through(&mut harness, timed(&info, color, 40 * i));
    }
    until("the last answer", || {
        let out = harness_frame(&element, &info);
        classification_of(&out).is_some_and(|a| a.top().map(|c| c.index) == Some(2))
    });
    // At most two that the worker took before the last one came.
    let busy = stat(&element, "busy");
    assert!(busy >= 18, "{busy}");
    assert!(stat(&element, "inferences") <= 3);
    drop(harness);
}

/// A label is never older than two inferences, or one more for each further worker: whatever was
/// the newest frame when a label was shown, it or a newer one is what the second label after that
/// is of. (What then began was the last Run with an older frame; the next took the newest.)
#[test]
fn age_of_labels() {
    let (_folder, model) = slow(5);
    for workers in [1, 2] {
        let element = element(&model);
        element.set_property_from_str("mode", "live");
        element.set_property("sessions", workers as u32);
        let info = rgb(8, 6);
        let (mut harness, _bus) = play(&element, &info);
        // For each label the number of its frame, and of the last frame that has carried it.
        let mut labels: Vec<(u64, u64)> = Vec::new();
        let begun = Instant::now();
        for i in 0.. {
            let out = through(&mut harness, timed(&info, RED, 10 * i));
            if let Some(answer) = classification_of(&out) {
                let of = out.pts().expect("a time") - answer.age.expect("an age");
                let of = of.mseconds() / 10;
                match labels.last_mut() {
                    Some((label, last)) if *label == of => *last = i,
                    _ => labels.push((of, i)),
                }
            }
            if labels.len() > 40 {
                break;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{labels:?}");
            // Several frames come during each Run.
            std::thread::sleep(Duration::from_millis(1));
        }
        for part in labels.windows(workers + 2) {
            let (shown, later) = (part[0].1, part[workers + 1].0);
            assert!(later >= shown, "{workers}: {part:?}");
        }
    }
}

/// Pushes a frame without a picture of its own into a playing element and returns what a probe
/// behind it sees.
fn harness_frame(element: &gst::Element, info: &VideoInfo) -> gst::Buffer {
    let seen: Arc<std::sync::Mutex<Option<gst::Buffer>>> = Arc::default();
    let src = element.static_pad("src").expect("a source pad");
    let probe = src.add_probe(gst::PadProbeType::BUFFER, {
        let seen = Arc::clone(&seen);
        move |_, probe| {
            *seen.lock().expect("not poisoned") = probe.buffer().cloned();
            gst::PadProbeReturn::Ok
        }
    });
    let mut gap = timed(info, RED, 10_000);
    gap.make_mut().set_flags(gst::BufferFlags::GAP);
    let sink = element.static_pad("sink").expect("a sink pad");
    sink.chain(gap).expect("it goes through");
    src.remove_probe(probe.expect("a probe"));
    seen.lock().expect("not poisoned").take().expect("a frame")
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
                let answer = probe.buffer().and_then(|b| classification_of(b));
                let is_fresh = answer.is_some_and(|a| a.fresh);
                fresh.fetch_add(is_fresh.into(), Ordering::Relaxed);
                gst::PadProbeReturn::Ok
            }
        });
        pipeline.set_state(gst::State::Playing).expect("it plays");
        let bus = pipeline.bus().expect("a bus");
        let end = [gst::MessageType::Eos, gst::MessageType::Error];
        let message = bus.timed_pop_filtered(PATIENCE, &end).expect("an end");
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

/// Frames that stay under way leave in their order, each with its own answer, and the events
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
        let found = answer(&out);
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

/// Sixteen live streams share one model: none loses a frame, and each gets its share of the Runs.
#[test]
fn streams_are_served_fairly() {
    let (_folder, model) = slow(8);
    const STREAMS: u64 = 16;
    const FRAMES: u64 = 60;
    let info = rgb(64, 48);
    let start = Barrier::new(STREAMS as usize);
    let inferences: Vec<u64> = std::thread::scope(|scope| {
        let streams: Vec<_> = (0..STREAMS)
            .map(|_| {
                let (model, info, start) = (&model, &info, &start);
                scope.spawn(move || {
                    let element = element(model);
                    element.set_property_from_str("mode", "live");
                    element.set_property("batch-size", 4u32);
                    let (mut harness, bus) = play(&element, info);
                    start.wait();
                    let begun = Instant::now();
                    for i in 0..FRAMES {
                        let out = through(&mut harness, timed(info, RED, 33 * i));
                        assert_eq!(out.pts(), Some(gst::ClockTime::from_mseconds(33 * i)));
                        let due = begun + Duration::from_millis(33 * (i + 1));
                        std::thread::sleep(due.saturating_duration_since(Instant::now()));
                    }
                    assert!(errors(&bus, &element).is_empty());
                    stat(&element, "inferences")
                })
            })
            .collect();
        streams
            .into_iter()
            .map(|s| s.join().expect("no panic"))
            .collect()
    });
    let mean = inferences.iter().sum::<u64>() as f64 / STREAMS as f64;
    for count in &inferences {
        assert!(*count as f64 >= mean / 2.0, "{inferences:?}");
    }
}

fn engine_options() -> EngineOptions {
    EngineOptions {
        session: SessionOptions {
            providers: vec![Provider::Cpu],
            provider_options: Vec::new(),
            device: 0,
            threads: 1,
        },
        sessions: 2,
        batch: 1,
        single: false,
        run_limit: RUN_LIMIT,
    }
}

/// Equal wishes get one engine, others another; it ends with its last user, and a file that was
/// replaced is another model.
#[test]
fn one_engine_for_equal_elements() {
    let (folder, model) = slow(1);
    let runtime = Runtime::load(None, &[]).expect("ONNX Runtime");
    let read = |path: &Path| Model::read(ModelSource::File(path.into())).expect("a model");
    let get = |options: &EngineOptions| {
        shared_engine(runtime, &read(&model), options).expect("an engine")
    };
    let first = get(&engine_options());
    assert!(Arc::ptr_eq(&first, &get(&engine_options())));
    let other = get(&EngineOptions {
        batch: 2,
        ..engine_options()
    });
    assert!(!Arc::ptr_eq(&first, &other));
    let weak = Arc::downgrade(&first);
    drop(first);
    assert_eq!(weak.strong_count(), 0, "nobody else holds it");
    let second = get(&engine_options());
    Net::color().write(folder.path(), "slow.onnx");
    assert!(!Arc::ptr_eq(&second, &get(&engine_options())));
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

/// Going to NULL in the middle of loading cancels it, and says so.
#[test]
fn loading_is_cancelled() {
    support::init();
    let element = bare();
    element.set_property("model", gstresnet50::inference::BUILTIN);
    let info = rgb(8, 6);
    let rig = Rig::new(&element, &info);
    for _ in 0..20 {
        rig.pipeline
            .set_state(gst::State::Playing)
            .expect("it starts to load");
        rig.stop();
    }
    let mut kinds = Vec::new();
    // The last one may have been loaded in the very moment in which it was stopped.
    while kinds
        .iter()
        .filter(|k| **k != gst::ProgressType::Start)
        .count()
        < 20
    {
        let message = rig.bus.timed_pop(PATIENCE);
        match message.unwrap_or_else(|| panic!("{kinds:?}")).view() {
            gst::MessageView::Progress(p) if p.get().0 == gst::ProgressType::Continue => {}
            gst::MessageView::Progress(p) => kinds.push(p.get().0),
            gst::MessageView::Error(error) => panic!("{error:?}"),
            _ => {}
        }
    }
    let starts = kinds.iter().filter(|k| **k == gst::ProgressType::Start);
    assert_eq!(starts.count(), 20, "{kinds:?}");
    // And it still works.
    rig.play().expect("it plays");
    assert_eq!(
        &*answer(&rig.classify(plain(&info, RED))).model,
        "builtin:efficientnet-lite0"
    );
}

/// While the model loads, a live stream flows, unclassified.
#[test]
fn live_flows_while_loading() {
    let (_folder, model) = slow(1);
    let element = element(&model);
    element.set_property_from_str("mode", "live");
    let info = rgb(8, 6);
    let bus = gst::Bus::new();
    element.set_bus(Some(&bus));
    let mut harness = gst_check::Harness::with_element(&element, Some("sink"), Some("src"));
    harness.set_src_caps(caps(&info));
    let mut pts = 0;
    let mut unclassified = 0;
    loop {
        let out = through(&mut harness, timed(&info, RED, pts));
        pts += 40;
        if classification_of(&out).is_some() {
            break;
        }
        unclassified += 1;
        std::thread::sleep(Duration::from_millis(1));
        assert!(unclassified < 60_000, "it is never classified");
    }
    assert!(unclassified > 0);
    assert!(errors(&bus, &element).is_empty());
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
        let found = answer(&out);
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
