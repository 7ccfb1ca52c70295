// SPDX-License-Identifier: MPL-2.0
//! Flow returns from downstream, and a sink that blocks.

use std::time::Duration;

use gst::prelude::*;
use gst::{FlowError, FlowSuccess};
use support::element::{RED, until};
use support::harness::source_pad;
use support::onnx::{FREE, Net};
use support::pad_harness::PadHarness;

use super::{MODES, classify, harness, one_error, until_refused};

/// Everything that a frame may get back from behind and that is no success.
const FLOWS: [FlowError; 6] = [
    FlowError::Error,
    FlowError::NotLinked,
    FlowError::Flushing,
    FlowError::Eos,
    FlowError::NotNegotiated,
    FlowError::CustomError,
];

/// What comes back from behind goes on upstream, and is not this element's error: whoever caused
/// it has said so. Neither the end of the stream nor a stop hangs after it, and the next start
/// knows nothing of it.
#[test]
fn flows_go_upstream() {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let path = Net::color().write(folder.path(), "color.onnx");
    for mode in MODES {
        let harness = harness(&path, mode, |_| {});
        for flow in FLOWS {
            let mut now = 0;
            classify(&harness, &mut now);
            harness.set(|behind| behind.flow = Err(flow));
            assert_eq!(until_refused(&harness, &mut now), flow, "{mode}");
            // It stays so.
            assert_eq!(harness.push(RED, now), Err(flow), "{mode}");
            harness.send(gst::event::Eos::new());
            harness.until("the end", |behind| behind.is_eos);
            assert!(harness.errors().is_empty(), "{mode} {flow:?}");
            harness.stop();
            assert!(harness.play(), "{:?}", harness.errors());
        }
    }
}

/// Where the stream has ended upstream there is nobody left to whom the flow of its last frame
/// could go: then it is an error, unless it is none or whoever caused it has told.
#[test]
fn flow_of_the_last_frame() {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let path = Net::color().write(folder.path(), "color.onnx");
    let harness = harness(&path, "exact", |_| {});
    for flow in FLOWS {
        harness.set(|behind| behind.is_blocked = true);
        assert_eq!(harness.push(RED, 0), Ok(FlowSuccess::Ok));
        harness.until("the frame", |behind| behind.held == 1);
        assert!(harness.send(gst::event::Eos::new()));
        harness.set(|behind| {
            behind.flow = Err(flow);
            behind.is_blocked = false;
        });
        harness.until("the end", |behind| behind.is_eos);
        match flow {
            FlowError::NotLinked | FlowError::NotNegotiated => {
                one_error(&harness, gst::StreamError::Failed, &["cannot be passed on"]);
            }
            _ => assert!(harness.errors().is_empty(), "{flow:?}"),
        }
        harness.stop();
        assert!(harness.play(), "{:?}", harness.errors());
    }
}

/// What is behind may have come to its end and take the next stream, or be linked again: then it
/// goes on without a flush.
#[test]
fn flow_that_is_over() {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let path = Net::color().write(folder.path(), "color.onnx");
    for mode in MODES {
        let harness = harness(&path, mode, |_| {});
        let mut now = 0;
        for flow in [FlowError::Eos, FlowError::NotLinked] {
            harness.set(|behind| behind.flow = Err(flow));
            assert_eq!(until_refused(&harness, &mut now), flow);
            harness.set(|behind| behind.flow = Ok(FlowSuccess::Ok));
            match flow {
                FlowError::Eos => harness.stream(),
                _ => {
                    let src = harness.element.static_pad("src").expect("a source pad");
                    let peer = src.peer().expect("it is linked");
                    // Whoever is asked first in front of it takes it or not: it says nothing.
                    peer.push_event(gst::event::Reconfigure::new());
                }
            }
            let count = harness.behind().frames.len();
            for i in 0..3 {
                assert_eq!(
                    harness.push(RED, now + 40 * i),
                    Ok(FlowSuccess::Ok),
                    "{mode}"
                );
            }
            harness.until("three frames", |behind| behind.frames.len() >= count + 3);
            now += 120;
        }
        assert!(harness.errors().is_empty());
    }
}

/// A stream whose sink lets nothing through keeps its frames and nobody else's: the others are
/// inferred frame by frame, and when the sink lets go after a minute the first one goes on where
/// it was.
#[test]
fn paused_stream() {
    const FRAMES: u64 = 60;
    const BETWEEN: Duration = Duration::from_secs(1);
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let net = Net::color().batch(FREE).busy(1);
    let path = net.write(folder.path(), "busy.onnx");
    let all: Vec<u64> = (0..FRAMES).map(|i| 40 * i).collect();
    let in_mode = |mode: &str| {
        let harnesses = [0; 4].map(|_| {
            harness(&path, mode, |e| {
                e.set_property("sessions", 2u32);
                e.set_property("batch-size", 2u32);
            })
        });
        let (paused, others) = harnesses.split_first().expect("four streams");
        paused.set(|behind| behind.is_blocked = true);
        let drive = |harness: &PadHarness| {
            for i in 0..FRAMES {
                let pushed = harness.push(RED, 40 * i);
                assert_eq!(pushed, Ok(FlowSuccess::Ok));
                // In mode live a newer frame takes the place of one that waits.
                until("an inference", || {
                    harness.stat("inferences") > i || mode == "exact"
                });
                std::thread::sleep(BETWEEN);
            }
        };
        std::thread::scope(|scope| {
            let blocked = scope.spawn(|| {
                for time in &all {
                    assert_eq!(paused.push(RED, *time), Ok(FlowSuccess::Ok));
                }
            });
            paused.until("a frame that is held", |behind| behind.held == 1);
            let others_run: Vec<_> = others.iter().map(|s| scope.spawn(|| drive(s))).collect();
            for run in others_run {
                run.join().expect("no panic");
            }
            for other in others {
                other.until("all frames", |b| b.frames.len() as u64 == FRAMES);
                assert_eq!(other.times(), all);
                assert_eq!(other.stat("inferences"), FRAMES, "{mode}");
            }
            assert!(!blocked.is_finished() && paused.times().is_empty());
            paused.set(|behind| behind.is_blocked = false);
            blocked.join().expect("no panic");
        });
        paused.until("all frames", |b| b.frames.len() as u64 == FRAMES);
        assert_eq!(paused.times(), all);
        if mode == "exact" {
            assert_eq!(paused.stat("inferences"), FRAMES);
        }
        for harness in &harnesses {
            assert!(harness.errors().is_empty());
        }
    };
    std::thread::scope(|scope| {
        let modes = MODES.map(|mode| scope.spawn(move || in_mode(mode)));
        for mode in modes {
            mode.join().expect("no panic");
        }
    });
}

/// What mode exact says of its latency is what it needs for a frame, not how long what is behind
/// has held frames up, nor how long the model took to be loaded.
#[test]
fn latency_is_its_own() {
    const HELD: Duration = Duration::from_secs(4);
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let path = Net::color().batch(FREE).write(folder.path(), "color.onnx");
    let harness = harness(&path, "exact", |e| e.set_property("max-in-flight", 3u32));
    let source = source_pad()
        .query_function(|pad, parent, query| match query.view_mut() {
            gst::QueryViewMut::Latency(query) => {
                query.set(true, gst::ClockTime::ZERO, gst::ClockTime::NONE);
                true
            }
            _ => gst::Pad::query_default(pad, parent, query),
        })
        .build();
    source.link(&harness.sink()).expect("they link");
    source.set_active(true).expect("the pad is active");
    let latency = || {
        let mut query = gst::query::Latency::new();
        assert!(harness.ask(&mut query));
        Duration::from(query.result().1)
    };
    harness.set(|behind| behind.is_blocked = true);
    std::thread::scope(|scope| {
        // More than there is room for.
        let pushed = scope.spawn(|| {
            for i in 0..8 {
                assert_eq!(harness.push(RED, 40 * i), Ok(FlowSuccess::Ok));
            }
        });
        harness.until("a frame that is held", |behind| behind.held == 1);
        std::thread::sleep(HELD);
        harness.set(|behind| behind.is_blocked = false);
        pushed.join().expect("no panic");
    });
    harness.until("all frames", |behind| behind.frames.len() == 8);
    let own = latency();
    assert!(own > Duration::ZERO && own < HELD / 2, "{own:?}");
}
