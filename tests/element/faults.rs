// SPDX-License-Identifier: MPL-2.0
//! What goes wrong while frames flow is one message, and harms nothing else: no other stream, no
//! other frame, and not the next start.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use glib::error::ErrorDomain;
use gst::prelude::*;
use gst::{FlowError, FlowSuccess};
use gstresnet50::meta::{Classification, classification_of};
use support::child;
use support::element::{BLUE, RED, bare, element, text, until};
use support::harness::source_pad;
use support::onnx::{FREE, Net, Whim};
use support::stand::Stand;

const MODES: [&str; 2] = ["exact", "live"];

/// A playing element.
fn stand(model: &Path, mode: &str, prepare: impl FnOnce(&gst::Element)) -> Stand {
    let element = element(model);
    prepare(&element);
    Stand::playing(&element, mode)
}

/// Pushes red frames until one of them, or a later one, has an answer that was found for them.
fn classify(stand: &Stand, now: &mut u64) -> Classification {
    let from = gst::ClockTime::from_mseconds(*now);
    for _ in 0..60_000 {
        let before = stand.behind().frames.len();
        stand.push(RED, *now).expect("it goes in");
        stand.until("the frame", |behind| behind.frames.len() > before);
        *now += 40;
        let last = stand.behind().frames.last().cloned().expect("a frame");
        if let Some(answer) = classification_of(&last)
            && last
                .pts()
                .zip(answer.age)
                .is_some_and(|(t, age)| t - age >= from)
        {
            return answer;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("it is never classified: {:?}", stand.errors());
}

fn top(answer: &Classification) -> Option<i32> {
    answer.top().map(|class| class.index)
}

/// Pushes red frames until one is refused.
fn until_refused(stand: &Stand, now: &mut u64) -> FlowError {
    for _ in 0..60_000 {
        if let Err(flow) = stand.push(RED, *now) {
            return flow;
        }
        *now += 40;
        // What goes wrong behind is seen by a later frame.
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("none is refused");
}

/// Waits for an error, and leaves it where it is.
fn wait_for_error(stand: &Stand) {
    let wait = support::element::PATIENCE;
    let error = stand
        .bus
        .timed_pop_filtered(wait, &[gst::MessageType::Error]);
    let back = stand.bus.post(error.expect("an error"));
    back.expect("the bus takes it back");
}

/// The one error that there is has this code and these words.
fn one_error<E: ErrorDomain>(stand: &Stand, code: E, words: &[&str]) {
    let errors = stand.errors();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].matches(code), "{:?}", errors[0]);
    for word in words {
        let message = errors[0].message();
        assert!(message.contains(word), "no “{word}” in: {message}");
    }
}

/// A Run that fails ends its stream with an error. Another stream on the same engine goes on, and
/// the first one can begin anew.
#[test]
fn run_that_fails() {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let net = Net::color().batch(FREE).whim(Whim::Fails);
    let path = net.write(folder.path(), "fails.onnx");
    for mode in MODES {
        let [bad, good] = [0, 1].map(|_| stand(&path, mode, |e| e.set_property("sessions", 2u32)));
        let (mut bad_now, mut good_now) = (0, 0);
        for _ in 0..5 {
            classify(&bad, &mut bad_now);
            classify(&good, &mut good_now);
        }
        let last_good = bad_now;
        // In mode live the Run may fail before its own frame has left.
        if bad.push(BLUE, bad_now) != Err(FlowError::Error) {
            bad_now += 40;
            until("the Run fails", || bad.stat("errors") == 1);
            assert_eq!(until_refused(&bad, &mut bad_now), FlowError::Error);
        }
        let words = ["ONNX Runtime: ", "GST_DEBUG=onnxruntime:5"];
        one_error(&bad, gst::StreamError::Failed, &words);
        // In mode exact it is the frame itself that does not leave, in mode live the one that
        // comes when it is known.
        let end = if mode == "exact" { last_good } else { bad_now };
        let expected: Vec<u64> = (0..end).step_by(40).collect();
        assert_eq!(bad.times(), expected, "{mode}");

        let before = good.stat("inferences");
        for _ in 0..20 {
            assert_eq!(top(&classify(&good, &mut good_now)), Some(0));
        }
        assert!(good.stat("inferences") >= before + 20);
        let expected: Vec<u64> = (0..good_now).step_by(40).collect();
        assert_eq!(good.times(), expected, "{mode}");
        assert!(good.errors().is_empty());

        bad.stop();
        assert!(bad.play(), "{:?}", bad.errors());
        classify(&bad, &mut bad_now);
        assert!(bad.errors().is_empty());
    }
}

/// Where frames of two streams meet in a Run that fails, only the one that is to blame suffers.
#[test]
fn run_that_fails_for_another() {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    // The model leaves the batch free, or fixes it.
    for (batch, name) in [(FREE, "free.onnx"), (3, "fixed.onnx")] {
        let net = Net::color().batch(batch).whim(Whim::Fails);
        let path = net.write(folder.path(), name);
        let [bad, good] = [0, 1].map(|_| {
            stand(&path, "exact", |e| {
                e.set_property("sessions", 1u32);
                e.set_property("batch-size", 3u32);
                // Long enough that they surely meet: the third is there to begin the Run.
                e.set_property("batch-timeout", 10_000_000_000u64);
            })
        });
        assert_eq!(good.push(RED, 0), Ok(FlowSuccess::Ok));
        assert_eq!(bad.push(BLUE, 0), Ok(FlowSuccess::Ok));
        assert_eq!(good.push(RED, 40), Ok(FlowSuccess::Ok));
        good.until("both frames", |behind| behind.frames.len() == 2);
        for frame in &good.behind().frames {
            let answer = classification_of(frame).expect("an answer");
            assert!(answer.fresh && top(&answer) == Some(0), "{answer:?}");
        }
        until("the other's error", || bad.stat("errors") == 1);
        wait_for_error(&bad);
        one_error(&bad, gst::StreamError::Failed, &["ONNX Runtime: "]);
        assert!(bad.times().is_empty());
        assert_eq!((good.stat("errors"), good.errors().len()), (0, 0));
    }
}

/// A provider that hangs: a Run that does not even end when it is told to. Each stream of the
/// engine hears of it once, and can be stopped; others live on, and so does a new engine of the
/// same model. In a process of its own, for the thread that hangs is left behind, and stays so at
/// the end of the process.
#[test]
fn run_that_hangs() {
    child::run("faults::run_that_hangs", |_| {}, run_that_hangs_alone);
}

fn run_that_hangs_alone() {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let net = Net::color().batch(FREE).whim(Whim::Hangs);
    let path = net.write(folder.path(), "hangs.onnx");
    let quick = Net::color().write(folder.path(), "quick.onnx");
    let one = |e: &gst::Element| e.set_property("sessions", 1u32);
    let (exact, live) = (stand(&path, "exact", one), stand(&path, "live", one));
    let other = stand(&quick, "exact", one);
    let (mut live_now, mut other_now) = (0, 0);
    classify(&live, &mut live_now);
    assert_eq!(exact.push(BLUE, 0), Ok(FlowSuccess::Ok));
    assert_eq!(until_refused(&live, &mut live_now), FlowError::Error);
    let words = ["although it was cancelled", "restart the program"];
    one_error(&live, gst::StreamError::Failed, &words);
    // It looks once a second.
    wait_for_error(&exact);
    let mut exact_now = 40;
    assert_eq!(until_refused(&exact, &mut exact_now), FlowError::Error);
    one_error(&exact, gst::StreamError::Failed, &words);
    assert!(exact.times().is_empty());
    let expected: Vec<u64> = (0..live_now).step_by(40).collect();
    assert_eq!(live.times(), expected);

    for _ in 0..20 {
        assert_eq!(top(&classify(&other, &mut other_now)), Some(0));
    }
    assert!(other.errors().is_empty());
    exact.stop();
    live.stop();
    for stand in [&exact, &live] {
        assert!(stand.play(), "{:?}", stand.errors());
        assert_eq!(top(&classify(stand, &mut live_now)), Some(0));
        assert!(stand.errors().is_empty());
    }
}

/// In mode live a Run of the old model may go on when another takes its place. Nobody waits for it,
/// so it is ended, which is no error.
#[test]
fn model_changed_in_a_run() {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let net = Net::color().batch(FREE);
    let slow = net.clone().busy(100).write(folder.path(), "slow.onnx");
    let quick = net.write(folder.path(), "quick.onnx");
    for _ in 0..5 {
        let stand = stand(&slow, "live", |_| {});
        let mut now = 0;
        for _ in 0..3 {
            assert_eq!(stand.push(RED, now), Ok(FlowSuccess::Ok));
            now += 40;
        }
        stand.element.set_property("model", text(&quick));
        assert!(support::element::loaded(&stand.bus));
        for _ in 0..20 {
            assert_eq!(&*classify(&stand, &mut now).model, text(&quick));
        }
        assert_eq!((stand.errors().len(), stand.stat("errors")), (0, 0));
    }
}

/// A model's file that is replaced, broken or removed while it is in use: the element in use does
/// not mind, and the next start sees what is there.
#[test]
fn model_file_replaced() {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.onnx");
    let write = |best: usize| {
        let mut logits = vec![0.0; 3];
        logits[best] = 5.0;
        Net::constant(logits).write(folder.path(), "model.onnx");
    };
    for mode in MODES {
        write(0);
        let stand = stand(&path, mode, |_| {});
        let mut now = 0;
        let mut goes_on = |stand: &Stand, best| {
            for _ in 0..5 {
                assert_eq!(top(&classify(stand, &mut now)), Some(best), "{mode}");
            }
            assert!(stand.errors().is_empty());
            stand.stop();
        };
        write(2);
        goes_on(&stand, 0);
        assert!(stand.play(), "{:?}", stand.errors());

        std::fs::write(&path, "no model").expect("it is written");
        goes_on(&stand, 2);
        assert!(!stand.play());
        let words = [text(&path), "not an ONNX model"];
        one_error(&stand, gst::StreamError::WrongType, &words);
        stand.stop();

        write(1);
        assert!(stand.play(), "{:?}", stand.errors());
        std::fs::remove_file(&path).expect("it is removed");
        goes_on(&stand, 1);
        assert!(!stand.play());
        let words = [text(&path), "cannot be read"];
        one_error(&stand, gst::ResourceError::NotFound, &words);
        stand.stop();

        write(0);
        assert!(stand.play(), "{:?}", stand.errors());
        goes_on(&stand, 0);
    }
}

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
        let stand = stand(&path, mode, |_| {});
        for flow in FLOWS {
            let mut now = 0;
            classify(&stand, &mut now);
            stand.set(|behind| behind.flow = Err(flow));
            assert_eq!(until_refused(&stand, &mut now), flow, "{mode}");
            // It stays so.
            assert_eq!(stand.push(RED, now), Err(flow), "{mode}");
            stand.send(gst::event::Eos::new());
            stand.until("the end", |behind| behind.is_eos);
            assert!(stand.errors().is_empty(), "{mode} {flow:?}");
            stand.stop();
            assert!(stand.play(), "{:?}", stand.errors());
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
    let stand = stand(&path, "exact", |_| {});
    for flow in FLOWS {
        stand.set(|behind| behind.is_blocked = true);
        assert_eq!(stand.push(RED, 0), Ok(FlowSuccess::Ok));
        stand.until("the frame", |behind| behind.held == 1);
        assert!(stand.send(gst::event::Eos::new()));
        stand.set(|behind| {
            behind.flow = Err(flow);
            behind.is_blocked = false;
        });
        stand.until("the end", |behind| behind.is_eos);
        match flow {
            FlowError::NotLinked | FlowError::NotNegotiated => {
                one_error(&stand, gst::StreamError::Failed, &["cannot be passed on"]);
            }
            _ => assert!(stand.errors().is_empty(), "{flow:?}"),
        }
        stand.stop();
        assert!(stand.play(), "{:?}", stand.errors());
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
        let stand = stand(&path, mode, |_| {});
        let mut now = 0;
        for flow in [FlowError::Eos, FlowError::NotLinked] {
            stand.set(|behind| behind.flow = Err(flow));
            assert_eq!(until_refused(&stand, &mut now), flow);
            stand.set(|behind| behind.flow = Ok(FlowSuccess::Ok));
            match flow {
                FlowError::Eos => stand.stream(),
                _ => {
                    let src = stand.element.static_pad("src").expect("a source pad");
                    let peer = src.peer().expect("it is linked");
                    // Whoever is asked first in front of it takes it or not: it says nothing.
                    peer.push_event(gst::event::Reconfigure::new());
                }
            }
            let count = stand.behind().frames.len();
            for i in 0..3 {
                assert_eq!(stand.push(RED, now + 40 * i), Ok(FlowSuccess::Ok), "{mode}");
            }
            stand.until("three frames", |behind| behind.frames.len() >= count + 3);
            now += 120;
        }
        assert!(stand.errors().is_empty());
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
        let stands = [0; 4].map(|_| {
            stand(&path, mode, |e| {
                e.set_property("sessions", 2u32);
                e.set_property("batch-size", 2u32);
            })
        });
        let (paused, others) = stands.split_first().expect("four streams");
        paused.set(|behind| behind.is_blocked = true);
        let drive = |stand: &Stand| {
            for i in 0..FRAMES {
                let pushed = stand.push(RED, 40 * i);
                assert_eq!(pushed, Ok(FlowSuccess::Ok));
                // In mode live a newer frame takes the place of one that waits.
                until("an inference", || {
                    stand.stat("inferences") > i || mode == "exact"
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
        for stand in &stands {
            assert!(stand.errors().is_empty());
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
    let stand = stand(&path, "exact", |e| e.set_property("max-in-flight", 3u32));
    let source = source_pad()
        .query_function(|pad, parent, query| match query.view_mut() {
            gst::QueryViewMut::Latency(query) => {
                query.set(true, gst::ClockTime::ZERO, gst::ClockTime::NONE);
                true
            }
            _ => gst::Pad::query_default(pad, parent, query),
        })
        .build();
    source.link(&stand.sink()).expect("they link");
    source.set_active(true).expect("the pad is active");
    let latency = || {
        let mut query = gst::query::Latency::new();
        assert!(stand.ask(&mut query));
        Duration::from(query.result().1)
    };
    stand.set(|behind| behind.is_blocked = true);
    std::thread::scope(|scope| {
        // More than there is room for.
        let pushed = scope.spawn(|| {
            for i in 0..8 {
                assert_eq!(stand.push(RED, 40 * i), Ok(FlowSuccess::Ok));
            }
        });
        stand.until("a frame that is held", |behind| behind.held == 1);
        std::thread::sleep(HELD);
        stand.set(|behind| behind.is_blocked = false);
        pushed.join().expect("no panic");
    });
    stand.until("all frames", |behind| behind.frames.len() == 8);
    let own = latency();
    assert!(own > Duration::ZERO && own < HELD / 2, "{own:?}");
}

/// The first error on the bus is the one that says what is wrong with the model: frames that come
/// while it is being posted wait for it.
#[test]
fn the_reason_comes_first() {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("broken.onnx");
    std::fs::write(&path, "no model").expect("written");
    for mode in MODES {
        let element = element(&path);
        element.set_property_from_str("mode", mode);
        let stand = Stand::new(&element);
        let (told, slow) = (Arc::new(AtomicBool::new(false)), Duration::from_millis(100));
        stand.bus.set_sync_handler({
            let told = Arc::clone(&told);
            move |_, message| {
                // Some applications take their time.
                std::thread::sleep(slow);
                if message.type_() == gst::MessageType::Error {
                    told.store(true, Ordering::SeqCst);
                }
                gst::BusSyncReply::Pass
            }
        });
        element.set_state(gst::State::Playing).expect("it begins");
        stand.stream();
        until("an error", || stand.push(RED, 0) == Err(FlowError::Error));
        assert!(told.load(Ordering::SeqCst), "{mode}");
    }
}

/// A program that gives up while the model is still being loaded ends in peace: ONNX Runtime's own
/// thread-safe statics do not survive an exit in the midst of their making.
#[test]
fn ends_while_loading() {
    for delay in 0..30 {
        let child = child::run(
            "faults::ends_while_loading",
            |command| {
                command.env("DELAY", delay.to_string());
            },
            || {
                let delay = std::env::var("DELAY").expect("the parent sets it");
                let element = bare();
                element.set_property("model", "builtin:efficientnet-lite0");
                element.set_state(gst::State::Paused).expect("it starts");
                let delay = delay.parse().expect("a number");
                std::thread::sleep(Duration::from_millis(delay));
                element.set_state(gst::State::Null).expect("it stops");
            },
        );
        if child.is_none() {
            return;
        }
    }
}
