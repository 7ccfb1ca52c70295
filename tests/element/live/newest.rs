// SPDX-License-Identifier: MPL-2.0
//! Mode live: frames leave at once, and the newest is the one that is inferred.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gst::prelude::*;
use gst_video::VideoInfo;
use gstresnet50::meta::classification_of;

use super::{pass, slow};
use support::element::*;
use support::harness::{play, through};
use support::pad_harness::PadHarness;

/// Frames leave at once, all of them and in order, whatever the model takes; those that are not
/// inferred carry the newest result with its age, and a QOS message says that some were not.
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
        if let Some(classification) = classification_of(&out) {
            answered += 1;
            assert!(!classification.fresh);
            assert_eq!(classification.top().map(|c| c.index), Some(0));
            let age = classification.age.expect("an age");
            // The result's frame was an earlier one.
            assert!(age >= gst::ClockTime::from_mseconds(10), "{age}");
            ages.push((out.pts().expect("a time") - age).mseconds());
        }
        if i % 50 == 49 {
            let before = stat(&element, "inferences");
            until("a result", || stat(&element, "inferences") > before);
        }
    }
    // The results get newer, never older.
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
    until("the last frame's inference", || {
        stat(&element, "inferences") + stat(&element, "busy") == 21
    });
    // It is counted a moment before its result is there. A frame without a picture shows the newest
    // result; after a second of them (here 30) they would be inferred as well.
    let is_blue = (0..20).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        let out = harness_frame(&element, &info);
        classification_of(&out).is_some_and(|a| a.top().map(|c| c.index) == Some(2))
    });
    assert!(is_blue, "the newest frame's result");
    // At most two that the worker took before the last one came.
    let busy = stat(&element, "busy");
    assert!(busy >= 18, "{busy}");
    assert!(stat(&element, "inferences") <= 3);
    drop(harness);
}

/// A label is never older than two inferences, or one more for each further worker: whatever was
/// the newest frame when a label was shown, it or a newer one is what the second label after that
/// is of. (What then began was the last inference with an older frame; the next took the newest.)
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
            if let Some(classification) = classification_of(&out) {
                let of = out.pts().expect("a time") - classification.age.expect("an age");
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
            // Several frames come during each inference.
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

/// Frames without a whole picture of their own are never inferred, nor do they take the place of
/// one that waits to be.
#[test]
fn no_whole_picture() {
    use gst::BufferFlags as F;
    let (_folder, model) = slow(1);
    let element = element(&model);
    let harness = PadHarness::playing(&element, "live");
    let kinds = [F::GAP, F::DROPPABLE, F::CORRUPTED, F::GAP | F::DROPPABLE];
    let mut now = 0;
    let mut next = || {
        now += 40;
        now
    };
    let mut flagged = 0;
    for round in 1..=10 {
        pass(&harness, RED, next());
        // While the inference goes on, and when it is over.
        for _ in 0..2 {
            for kind in kinds {
                let mut buffer = timed(&harness.info, BLUE, next());
                buffer.make_mut().set_flags(kind);
                let pushed = harness.sink().chain(buffer);
                assert_eq!(pushed, Ok(gst::FlowSuccess::Ok));
                flagged += 1;
            }
            until("the plain frame's result", || {
                harness.stat("inferences") >= round
            });
        }
    }
    let counts = ["inferences", "busy", "skipped"].map(|field| harness.stat(field));
    assert_eq!(counts, [10, 0, flagged]);
    let expected: Vec<u64> = (1..=10 + flagged).map(|i| 40 * i).collect();
    assert_eq!(harness.times(), expected, "none is lost");
    let classifications = harness.behind().frames.clone();
    let classifications = classifications
        .iter()
        .filter_map(|frame| classification_of(frame));
    let seen: Vec<_> = classifications.map(|a| a.top().map(|c| c.index)).collect();
    assert!(
        seen.len() > 10 && seen.iter().all(|class| *class == Some(0)),
        "{seen:?}"
    );
    assert!(harness.errors().is_empty());
}
