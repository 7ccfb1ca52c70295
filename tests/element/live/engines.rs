// SPDX-License-Identifier: MPL-2.0
//! One engine for many streams, and what it costs.

use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use gst::prelude::*;
use gstresnet50::inference::{
    BUILTIN, CancelToken, Engine, EngineOptions, INFERENCE_TIMEOUT, InferenceError, InferenceTimes,
    Job, Model, ModelSource, Provider, Runtime, SessionOptions, shared_engine,
};
use gstresnet50::preprocess::Slot;

use super::{pass, slow};
use support::child;
use support::element::*;
use support::harness::{play, through};
use support::onnx::{FREE, Net};
use support::pad_harness::PadHarness;

/// A job that stops its worker until the test lets it go on.
struct Gate {
    number: usize,
    /// The gate's number, and what opens it when it is dropped.
    reached: mpsc::Sender<(usize, mpsc::Sender<()>)>,
}

impl Job for Gate {
    fn fill(&mut self, _: &mut Slot<'_>) -> bool {
        let (open, opened) = mpsc::channel();
        let _ = self.reached.send((self.number, open));
        let _ = opened.recv_timeout(Duration::from(TIMEOUT));
        false
    }

    fn done(self: Box<Self>, _: Result<&[f32], InferenceError>, _: InferenceTimes) {}
}

/// Sixteen live streams share a model that is much too slow for them: none loses a frame, and each
/// gets its share of the inferences.
///
/// How slow it is does not depend on the machine: four more streams of the same engine have jobs
/// that stop its only worker. At each stop every stream gets a newer frame, so that the worker
/// always chooses between all streams. It reaches four stops in the time in which it serves each
/// stream once.
#[test]
fn streams_are_served_fairly() {
    const STREAMS: usize = 16;
    const GATES: usize = 4;
    const FRAMES: u64 = 120;
    let (_folder, model) = slow(1);
    let engine = get(
        &model,
        &EngineOptions {
            sessions: 1,
            batch: 4,
            ..engine_options()
        },
    );
    let info = rgb(64, 48);
    let (reached, stops) = mpsc::channel();
    let (mut elements, mut streams, mut gates) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..GATES {
        for _ in 0..STREAMS / GATES {
            let element = element(&model);
            element.set_property_from_str("mode", "live");
            element.set_property("provider", "cpu");
            element.set_property("sessions", 1u32);
            element.set_property("batch-size", 4u32);
            streams.push(play(&element, &info));
            elements.push(element);
        }
        gates.push(engine.open_stream());
    }
    let users = Arc::strong_count(&engine) - 1;
    assert_eq!(users, STREAMS + GATES, "they share it");
    let close = |number: usize| {
        let reached = reached.clone();
        let gate: Box<dyn Job> = Box::new(Gate { number, reached });
        gates[number].submit([gate], Duration::ZERO);
    };
    close(0);
    for frame in 0..FRAMES {
        let (gate, open) = stops
            .recv_timeout(Duration::from(TIMEOUT))
            .expect("the worker reaches a gate");
        for (harness, _) in &mut streams {
            let out = through(harness, timed(&info, RED, 33 * frame));
            assert_eq!(out.pts(), Some(gst::ClockTime::from_mseconds(33 * frame)));
        }
        if frame == 0 {
            (1..GATES).for_each(close);
        }
        close(gate);
        drop(open);
    }
    // From now on no gate stops the worker.
    drop(stops);
    let counts = |field: &str| -> Vec<u64> { elements.iter().map(|e| stat(e, field)).collect() };
    until("each frame is inferred or superseded", || {
        let both = counts("inferences").into_iter().zip(counts("busy"));
        both.into_iter().all(|(i, b)| i + b == FRAMES)
    });
    let (inferences, busy) = (counts("inferences"), counts("busy"));
    let share = FRAMES / GATES as u64;
    for count in &inferences {
        assert!((share..=share + 1).contains(count), "{inferences:?}");
    }
    assert!(!busy.contains(&0), "never superseded: {busy:?}");
    for ((_, bus), element) in streams.iter().zip(&elements) {
        assert!(errors(bus, element).is_empty());
        assert_eq!(stat(element, "frames"), FRAMES);
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
        inference_timeout: INFERENCE_TIMEOUT,
    }
}

fn get(model: &Path, options: &EngineOptions) -> Arc<Engine> {
    let runtime = Runtime::load(None, &[]).expect("ONNX Runtime");
    let model = Model::read(ModelSource::File(model.into())).expect("a model");
    shared_engine(runtime, &model, options, &CancelToken::default()).expect("an engine")
}

/// Equal wishes get one engine, others another; it ends with its last user, and a file that was
/// replaced is another model.
#[test]
fn one_engine_for_equal_elements() {
    let (folder, model) = slow(1);
    let first = get(&model, &engine_options());
    assert!(Arc::ptr_eq(&first, &get(&model, &engine_options())));
    let other = get(
        &model,
        &EngineOptions {
            batch: 2,
            ..engine_options()
        },
    );
    assert!(!Arc::ptr_eq(&first, &other));
    let weak = Arc::downgrade(&first);
    drop(first);
    assert_eq!(weak.strong_count(), 0, "nobody else holds it");
    let second = get(&model, &engine_options());
    Net::color().write(folder.path(), "slow.onnx");
    assert!(!Arc::ptr_eq(&second, &get(&model, &engine_options())));
}

/// The same with elements: those with equal settings use the one engine that there is for these,
/// and `share=false` has one of its own.
#[test]
fn elements_share_unless_told_not_to() {
    let (_folder, model) = slow(1);
    let engine = get(&model, &engine_options());
    let users = || Arc::strong_count(&engine) - 1;
    let other = |name: &str, value: u32| {
        let element = element(&model);
        element.set_property("provider", "cpu");
        element.set_property("sessions", 2u32);
        element.set_property(name, value);
        element
    };
    let [first, second, alone] = [0; 3].map(|_| other("threads", 1));
    alone.set_property("share", false);
    let harnesses = [&first, &second].map(|element| PadHarness::playing(element, "exact"));
    assert_eq!(users(), 2);
    let alone = PadHarness::playing(&alone, "exact");
    assert_eq!(users(), 2, "share=false uses the common engine");
    let different = other("batch-size", 2);
    let different = PadHarness::playing(&different, "exact");
    assert_eq!(users(), 2, "it asks for another batch");
    for harness in harnesses.iter().chain([&alone, &different]) {
        assert_eq!(top(&pass(harness, BLUE, 0)), 2);
        harness.stop();
    }
    assert_eq!(users(), 0, "an element that has stopped lets go");
}

/// No thread is busy while there is nothing to do: in the pauses between frames the process uses
/// next to no processor time, whether several threads share an inference (which spin in it) or inferences go on
/// side by side. What the rest of the machine does is not counted. In a process of its own, for its
/// time is counted as a whole.
#[cfg(target_os = "linux")]
#[test]
fn no_thread_spins_in_pauses() {
    /// Processor time of this process so far.
    fn used() -> Duration {
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: the call writes the time and nothing else.
        let result = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
        assert_eq!(result, 0);
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    }
    child::run(
        "live::engines::no_thread_spins_in_pauses",
        |_| {},
        || {
            for (threads, in_flight) in [(2u32, 1u32), (1, 0)] {
                let element = bare();
                // One with enough work for several threads.
                element.set_property("model", BUILTIN);
                element.set_property("threads", threads);
                element.set_property("sessions", if threads > 1 { 1u32 } else { 2 });
                element.set_property("max-in-flight", in_flight);
                let harness = PadHarness::playing(&element, "exact");
                let (mut idle, mut pauses) = (Duration::ZERO, Duration::ZERO);
                // Threads that spin give up after some time: the pauses are short, and many. The
                // last is long.
                let lengths = [20; 30].into_iter().chain([300]);
                for (i, length) in lengths.enumerate() {
                    pass(&harness, RED, 40 * i as u64);
                    let (begun, before) = (Instant::now(), used());
                    std::thread::sleep(Duration::from_millis(length));
                    idle += used() - before;
                    pauses += begun.elapsed();
                }
                eprintln!("{threads} threads: {idle:?} of {pauses:?}");
                assert!(
                    idle < pauses / 20,
                    "{threads} threads: {idle:?} of {pauses:?}"
                );
            }
        },
    );
}

/// The weights are in memory once, however many sessions an engine has.
#[cfg(target_os = "linux")]
#[test]
fn weights_are_in_memory_once() {
    const MEGABYTES: usize = 64;
    let mut used = Vec::new();
    for sessions in ["1", "3"] {
        let stderr = child::run(
            "live::engines::weights_are_in_memory_once",
            |command| {
                command.env("SESSIONS", sessions);
            },
            || {
                let sessions = std::env::var("SESSIONS").expect("the parent sets it");
                support::init();
                let folder = tempfile::tempdir().expect("a folder");
                let net = Net::color().batch(FREE).weights(MEGABYTES);
                let path = net.write(folder.path(), "heavy.onnx");
                let element = element(&path);
                element.set_property("sessions", sessions.parse::<u32>().expect("a number"));
                let harness = PadHarness::playing(&element, "exact");
                for i in 0..20 {
                    harness.push(RED, 40 * i).expect("it goes in");
                }
                harness.until("all frames", |behind| behind.frames.len() == 20);
                let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
                let line = status.lines().find(|line| line.starts_with("RssAnon:"));
                eprintln!("{}", line.expect("memory of its own"));
            },
        );
        // The child has nobody to tell.
        let Some(stderr) = stderr else {
            return;
        };
        let line = stderr
            .lines()
            .find_map(|line| line.strip_prefix("RssAnon:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next());
        used.push(kilobytes.expect("a line").parse::<usize>().expect("kB") / 1024);
    }
    let (one, three) = (used[0], used[1]);
    assert!(one >= MEGABYTES, "the weights are not counted: {one} MB");
    assert!(
        three < one + MEGABYTES / 2,
        "{one} MB, and with three sessions {three} MB"
    );
}
