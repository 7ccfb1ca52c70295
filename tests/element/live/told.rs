// SPDX-License-Identifier: MPL-2.0
//! What the user is told of a stream that flows: QOS messages and the log.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use gst::prelude::*;

use super::{pass, slow};
use support::child;
use support::element::*;
use support::pad_harness::PadHarness;

/// A busy engine is told of by QOS messages, of which each says when and how often, and of which
/// there is no more than one a second.
#[test]
fn busy_engine() {
    let (_folder, model) = slow(20);
    let element = element(&model);
    element.set_property("sessions", 1u32);
    let harness = PadHarness::playing(&element, "live");
    // So that all times are different.
    let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
    segment.set_start(gst::ClockTime::from_seconds(10));
    segment.set_time(gst::ClockTime::from_seconds(3));
    segment.set_base(gst::ClockTime::from_seconds(2));
    assert!(harness.send(gst::event::Segment::new(&segment)));
    let begun = Instant::now();
    let (mut told, mut i) = (0, 0);
    while told < 3 {
        assert!(begun.elapsed() < Duration::from_secs(60), "{told} messages");
        let inferences = harness.stat("inferences");
        pass(&harness, RED, 10_000 + 40 * i);
        for message in messages(&harness.bus, &element, gst::MessageType::Qos) {
            let gst::MessageView::Qos(qos) = message.view() else {
                unreachable!("only these were asked for");
            };
            let at = |seconds: u64| Some(gst::ClockTime::from_mseconds(1000 * seconds + 40 * i));
            let duration = Some(gst::ClockTime::from_mseconds(40));
            assert_eq!(qos.get(), (true, at(2), at(3), at(10), duration));
            let count = |value| match value {
                gst::GenericFormattedValue::Buffers(Some(count)) => u64::from(count),
                value => panic!("buffers are counted: {value:?}"),
            };
            let (processed, dropped) = qos.stats();
            // Only a frame that comes makes another one be overtaken.
            assert_eq!(count(dropped), harness.stat("busy"));
            assert!(count(dropped) > 0);
            let inferred = inferences..=harness.stat("inferences");
            assert!(
                inferred.contains(&count(processed)),
                "{processed:?} {inferred:?}"
            );
            told += 1;
        }
        i += 1;
        std::thread::sleep(Duration::from_millis(2));
    }
    let time = begun.elapsed();
    assert!(time >= Duration::from_secs(2), "three messages in {time:?}");
}

/// At the level INFO the log is told every few seconds what goes on. In a process of its own, for
/// the level is the process's.
#[test]
fn log() {
    child::run(
        "live::told::log",
        |command| {
            command.env("GST_DEBUG", "resnet50:INFO");
        },
        || {
            let (_folder, model) = slow(1);
            let element = element(&model);
            let begun = Instant::now();
            let harness = PadHarness::playing(&element, "exact");
            let (told, lines) = mpsc::channel();
            gst::log::add_log_function(move |category, level, _, _, _, object, message| {
                if category.name() == "resnet50" && level == gst::DebugLevel::Info {
                    let of = object.map(ToString::to_string).unwrap_or_default();
                    let text = message.get().map(|text| text.to_string());
                    let _ = told.send((of, text.unwrap_or_default()));
                }
            });
            let mut now = 0;
            for _ in 0..2 {
                let (of, line) = loop {
                    assert!(begun.elapsed() < Duration::from_secs(60), "no line");
                    pass(&harness, RED, now);
                    now += 40;
                    match lines.try_recv() {
                        Ok(line) => break line,
                        Err(_) => std::thread::sleep(Duration::from_millis(10)),
                    }
                };
                assert!(of.contains(element.name().as_str()), "{of}: {line}");
                let frames = now / 40;
                // The line comes with the frame, before its own inference.
                let counts = format!("in all {frames} frames, {} inferred, 0 skipped", frames - 1);
                for words in [" inferences a second", &counts, "0 failed", "p99: "] {
                    assert!(line.contains(words), "no “{words}” in: {line}");
                }
            }
            let time = begun.elapsed();
            assert!(time >= Duration::from_secs(4), "two lines in {time:?}");
            assert_eq!(lines.try_recv(), Err(mpsc::TryRecvError::Empty));
        },
    );
}
