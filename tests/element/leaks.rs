// SPDX-License-Identifier: MPL-2.0
//! Nothing is left behind: no object, no memory, no thread.

use std::path::{Path, PathBuf};
use std::time::Instant;

use gst::prelude::*;
use gst::{FlowError, FlowSuccess};
use gstresnet50::meta::classification_of;
use support::element::{BLUE, RED, element, text};
use support::onnx::{FREE, Net};
use support::pad_harness::{PadHarness, TIMEOUT};

const MODES: [&str; 2] = ["exact", "live"];

/// A folder with two models, of which the first takes its time.
fn models() -> (tempfile::TempDir, [PathBuf; 2]) {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let net = Net::color().batch(FREE);
    let slow = net.clone().busy(2).write(folder.path(), "slow.onnx");
    let quick = net.write(folder.path(), "quick.onnx");
    (folder, [slow, quick])
}

fn harness(model: &Path, mode: &str) -> PadHarness {
    let element = element(model);
    element.set_property_from_str("mode", mode);
    element.set_property("sessions", 2u32);
    PadHarness::new(&element)
}

/// All that a stream goes through: frames, a flush, another model, and the end.
fn live_a_life(models: &[PathBuf; 2], mode: &str) {
    let harness = harness(&models[0], mode);
    assert!(harness.play(), "{:?}", harness.errors());
    let push = |color, count: u64| {
        for i in 0..count {
            let flow = harness.push(color, 40 * i);
            assert_eq!(flow, Ok(FlowSuccess::Ok), "{:?}", harness.errors());
        }
    };
    push(RED, 6);
    harness.send(gst::event::FlushStart::new());
    harness.send(gst::event::FlushStop::new(true));
    harness.stream();
    push(BLUE, 3);
    harness.element.set_property("model", text(&models[1]));
    let begun = Instant::now();
    let is_updated = |m: &gst::Message| m.structure().is_some_and(|s| s.name() == "model-updated");
    while !std::iter::from_fn(|| harness.bus.pop_filtered(&[gst::MessageType::Element]))
        .any(|m| is_updated(&m))
    {
        assert!(begun.elapsed() < TIMEOUT, "the other model");
        push(RED, 1);
    }
    // Until one has been classified by it.
    let name = text(&models[1]);
    while !harness
        .behind()
        .frames
        .iter()
        .filter_map(|frame| classification_of(frame))
        .any(|classification| &*classification.model == name)
    {
        assert!(begun.elapsed() < TIMEOUT, "a result of the other model");
        push(RED, 1);
    }
    // One that is refused.
    harness.set(|behind| behind.flow = Err(FlowError::CustomError));
    while harness.push(RED, 0).is_ok() {
        assert!(begun.elapsed() < TIMEOUT, "the flow of what is behind");
    }
    assert!(harness.send(gst::event::Eos::new()));
    harness.until("the end", |behind| behind.is_eos);
    harness.stop();
    // And with frames under way.
    assert!(harness.play(), "{:?}", harness.errors());
    push(BLUE, 3);
    assert!(harness.errors().is_empty());
}

/// GStreamer's own tracer finds no object that is alive at the end. That it would find one is seen
/// where a frame is kept on purpose.
#[test]
fn no_object_is_left() {
    const KEEP: &str = "RESNET50_TEST_KEEP";
    for keeps in [false, true] {
        let log = support::child::run(
            "leaks::no_object_is_left",
            |child| {
                child
                    .env("GST_TRACERS", "leaks")
                    .env("GST_DEBUG", "GST_TRACER:7")
                    .env("GST_DEBUG_NO_COLOR", "1")
                    .env_remove("GST_DEBUG_FILE");
                if keeps {
                    child.env(KEEP, "1");
                }
            },
            || {
                let (_folder, models) = models();
                for mode in MODES {
                    live_a_life(&models, mode);
                }
                if std::env::var_os(KEEP).is_some() {
                    std::mem::forget(gst::Buffer::new());
                }
                // The tracer warns of what it finds, and the log is to be read first.
                glib::log_set_always_fatal(glib::LogLevels::empty());
                // SAFETY: this process does nothing more with GStreamer.
                unsafe { gst::deinit() };
            },
        );
        let Some(log) = log else {
            return;
        };
        let is_alive = |line: &&str| line.contains("object-alive, type-name=(string)Gst");
        let left: Vec<&str> = log.lines().filter(is_alive).collect();
        assert_eq!(left.len(), usize::from(keeps), "{left:#?}");
    }
}

/// The names of this process's threads.
fn threads() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux");
    let names = tasks.filter_map(|task| {
        // One that ends meanwhile has no name any more.
        std::fs::read_to_string(task.ok()?.path().join("comm")).ok()
    });
    names.map(|name| name.trim().to_owned()).collect()
}

/// Whether this is the name of a thread that an engine has, or an element's pad.
fn is_worker(name: &str) -> bool {
    let number = name.strip_prefix("resnet50-");
    number.is_some_and(|n| n.parse::<u32>().is_ok()) || name.ends_with(":src")
}

/// What this process has in memory, in bytes, without what it has freed already.
fn memory() -> usize {
    // SAFETY: it only gives back what nobody uses.
    unsafe { libc::malloc_trim(0) };
    let text = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages = text.split(' ').nth(1).and_then(|n| n.parse::<usize>().ok());
    4096 * pages.expect("the second number")
}

/// Two hundred starts and stops with frames under way, of two elements that share an engine: after
/// them there is no more memory in use than after twenty, and no thread more than before.
#[test]
fn two_hundred_rounds() {
    support::child::run(
        "leaks::two_hundred_rounds",
        |child| {
            // One heap for all threads: how many there are is a matter of chance otherwise.
            child.env("MALLOC_ARENA_MAX", "1");
        },
        two_hundred_rounds_alone,
    );
}

fn two_hundred_rounds_alone() {
    let (_folder, models) = models();
    // Threads of GStreamer's that nobody needs end at once.
    glib::ThreadPool::set_max_unused_threads(Some(0));
    let mut before = Vec::new();
    let (mut warm, mut after) = (usize::MAX, usize::MAX);
    let harnesses = MODES.map(|mode| harness(&models[0], mode));
    for round in 0..220u64 {
        for harness in &harnesses {
            assert!(harness.play(), "{:?}", harness.errors());
        }
        if before.is_empty() {
            // ONNX Runtime has one of its own, which is there for good once it has been loaded.
            before = threads();
            before.retain(|name| !is_worker(name));
        }
        for i in 0..round % 7 {
            for harness in &harnesses {
                assert_eq!(harness.push(RED, 40 * i), Ok(FlowSuccess::Ok));
            }
        }
        for harness in &harnesses {
            harness.stop_at(match round % 2 {
                0 => gst::State::Null,
                _ => gst::State::Ready,
            });
            assert!(harness.errors().is_empty());
        }
        // The least of some: now and then a thread that ends is not yet done with its memory.
        match round {
            10..20 => warm = warm.min(memory()),
            200.. => after = after.min(memory()),
            _ => {}
        }
    }
    let more = after.saturating_sub(warm);
    assert!(more < 4 << 20, "{more} bytes more than after 20 rounds");
    drop(harnesses);
    // What has ended may need a moment to be gone; an engine that is still there has threads.
    let begun = Instant::now();
    while threads().len() > before.len() {
        assert!(begun.elapsed() < TIMEOUT, "{before:?} {:?}", threads());
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

/// A short life in both modes. `cargo xtask test` also runs this one test under valgrind.
#[test]
fn short_life() {
    let (_folder, models) = models();
    for mode in MODES {
        live_a_life(&models, mode);
    }
}
