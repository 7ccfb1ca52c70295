// SPDX-License-Identifier: MPL-2.0
//! Whatever happens to a stream, each frame leaves once, in its turn and unharmed, or was flushed;
//! and so do events, between the frames that they came between.

mod driver;
mod frames;
mod steps;
use std::io::Write;
use std::sync::{Arc, mpsc};

use gst::prelude::*;
use proptest::prelude::*;
use support::element::{RED, caps, element, plain, rgb, timed};
use support::harness::{play, through};
use support::onnx::{FREE, Net, Whim};
use support::pad_harness::PadHarness;

use self::driver::{Driver, Files, TIMEOUT};
use self::steps::steps;

/// Does something in a thread of its own and waits for it. What stands still cannot be ended, nor
/// can the test go on: the program ends, and says what was done.
fn watched(what: &dyn std::fmt::Debug, body: impl FnOnce() + Send + 'static) {
    // Closes when the thread ends, be it with a panic.
    let (end, ended) = mpsc::channel::<()>();
    let thread = std::thread::spawn(move || {
        let _end = end;
        body();
    });
    if ended.recv_timeout(2 * TIMEOUT) == Err(mpsc::RecvTimeoutError::Timeout) {
        // Not with `eprintln!`, which is kept until the test has ended.
        let _ = writeln!(std::io::stderr(), "it stands still: {what:#?}");
        std::process::abort();
    }
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        failure_persistence: None,
        // Each try takes as long as the failure did.
        max_shrink_time: 60_000,
        ..ProptestConfig::default()
    })]

    /// One element or several on one engine, in the same mode or not, each with a thread that
    /// drives it and now and then a second one that disturbs it. How long an inference takes depends on
    /// its frames, so that they overtake each other.
    #[test]
    fn nothing_is_lost_or_out_of_order(
        streams in prop::collection::vec(
            (prop::sample::select(vec!["exact", "live", "auto"]), steps()),
            1..4,
        ),
        sessions in 1u32..4,
        batch in 1u32..4,
        in_flight in 0u32..6,
    ) {
        support::init();
        let case = (sessions, batch, in_flight, streams.clone());
        watched(&case, move || {
            let folder = tempfile::tempdir().expect("a folder");
            let net = Net::color().batch(FREE);
            let uneven = net.clone().whim(Whim::Uneven(4));
            let models = [
                uneven.write(folder.path(), "uneven.onnx"),
                net.write(folder.path(), "quick.onnx"),
            ];
            let files = Arc::new(Files::new(folder.path().into(), models));
            std::thread::scope(|scope| {
                for (mode, steps) in &streams {
                    let files = Arc::clone(&files);
                    scope.spawn(move || {
                        let element = element(&files.models[0]);
                        element.set_property_from_str("mode", mode);
                        element.set_property("sessions", sessions);
                        element.set_property("batch-size", batch);
                        element.set_property("max-in-flight", in_flight);
                        let driver = Driver::new(element, files);
                        driver.begin();
                        for step in steps {
                            driver.take(step);
                        }
                        driver.end();
                    });
                }
            });
        });
    }
}

/// Caps and tags that wait behind a frame are not lost when the frame is flushed: nobody would send
/// them again, and those of before would be taken for theirs.
#[test]
fn sticky_events_outlive_a_flush() {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let harness = PadHarness::new(&element(&Net::color().write(folder.path(), "color.onnx")));
    assert!(harness.play());
    let pad = |name| harness.element.static_pad(name).expect("it has both");
    harness.set(|behind| behind.is_blocked = true);
    harness.push(RED, 0).expect("it goes in");
    harness.until("the frame is held", |behind| behind.held == 1);
    // All of these wait for their turn.
    harness.push(RED, 40).expect("it goes in");
    let large = rgb(64, 48);
    assert!(harness.send(gst::event::Caps::new(&caps(&large))));
    let mut tags = gst::TagList::new();
    tags.make_mut()
        .add::<gst::tags::Title>(&"a title", gst::TagMergeMode::Replace);
    assert!(harness.send(gst::event::Tag::new(tags)));

    std::thread::scope(|scope| {
        scope.spawn(|| harness.send(gst::event::FlushStart::new()));
        harness.set(|behind| behind.is_blocked = false);
    });
    harness.send(gst::event::FlushStop::new(true));
    let segment = gst::FormattedSegment::<gst::ClockTime>::new();
    harness.send(gst::event::Segment::new(&segment));
    let frame = timed(&large, RED, 120);
    pad("sink").chain(frame).expect("it goes in");
    harness.until("the frame has left", |behind| {
        behind.frames.iter().any(|f| f.size() == large.size())
    });
    let behind = pad("src").peer().expect("they are linked");
    assert_eq!(behind.current_caps(), Some(caps(&large)));
    let tag = behind.sticky_event::<gst::event::Tag>(0).expect("the tags");
    let title = tag
        .tag()
        .get::<gst::tags::Title>()
        .map(|t| t.get().to_owned());
    assert_eq!(title.as_deref(), Some("a title"));
}

/// What the test above relies on: ONNX Runtime does not see through the network whose inferences take
/// as long as the frames have it.
#[test]
fn time_depends_on_the_frames() {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let net = Net::color().batch(FREE).whim(Whim::Uneven(8));
    let element = element(&net.write(folder.path(), "uneven.onnx"));
    let info = rgb(8, 6);
    let (mut harness, _bus) = play(&element, &info);
    // The shortest of some: whatever else the machine does only makes them longer.
    let mut shortest = |color| {
        let times = (0..10).map(|_| {
            let out = through(&mut harness, plain(&info, color));
            support::element::classification(&out).inference_time
        });
        times.min().expect("ten of them")
    };
    // What 40 times these numbers, of 255, have after the point is 0.16 and 0.94.
    let (short, long) = (shortest([205, 0, 0]), shortest([210, 0, 0]));
    assert!(long > 2 * short, "{short} {long}");
}
