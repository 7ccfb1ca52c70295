// SPDX-License-Identifier: MPL-2.0
//! An engine in a process that forks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gst::prelude::*;
use gstresnet50::inference::{
    CancelToken, Engine, InferenceError, Job, Model, Runtime, shared_engine,
};

use super::{TIMEOUT, options, pixel, read, scores};
use support::onnx::{FREE, Net};

/// Runs `body` in a child of `fork()`, which has this thread and no other. The test fails if it
/// panics, or has not ended within a minute.
fn in_fork(body: impl FnOnce()) {
    // SAFETY: the child does what a program may do that has only this thread; it ends without
    // anything that is the parent's.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "it forks");
    if child == 0 {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
        // SAFETY: it only ends the process.
        unsafe { libc::_exit(i32::from(outcome.is_err())) };
    }
    let begun = Instant::now();
    loop {
        let mut status = 0;
        // SAFETY: the number is that of the child, and the status lives until the call is over.
        let ended = unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG) };
        if ended == child {
            assert!(libc::WIFEXITED(status), "{status}");
            assert_eq!(libc::WEXITSTATUS(status), 0, "see above");
            return;
        }
        if begun.elapsed() > TIMEOUT {
            // SAFETY: it is the child, which nobody has waited for.
            unsafe { libc::kill(child, libc::SIGKILL) };
            panic!("the child hangs");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A child of `fork()` has none of its parent's threads: it never waits for one of their engines,
/// and gets its own. In a process of its own, whose other threads are known.
#[test]
fn child_of_fork() {
    support::child::run("engine::fork::child_of_fork", |_| {}, child_of_fork_alone);
}

fn child_of_fork_alone() {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = Runtime::load(None, &[]).expect("ONNX Runtime");
    let net = Net::color().batch(FREE);
    let model = read(&net.write(folder.path(), "net.onnx"));
    let slow = read(&net.clone().busy(3000).write(folder.path(), "slow.onnx"));
    let share = |model: &Model| shared_engine(runtime, model, &options(), &CancelToken::default());
    let classify = |engine: &Arc<Engine>| {
        let port = engine.open_stream();
        let (job, outcome) = pixel([1.0, 0.0, 0.0]);
        port.submit([job as Box<dyn Job>], Duration::ZERO);
        assert_eq!(scores(&outcome).0, [1.0, 0.0, 0.0]);
    };
    let engine = share(&model).expect("an engine");
    classify(&engine);
    let port = engine.open_stream();
    // Another one is being loaded when the process forks.
    let loading = {
        let slow = slow.clone();
        let load = move || shared_engine(runtime, &slow, &options(), &CancelToken::default());
        std::thread::spawn(load)
    };
    let element = support::element::element(&folder.path().join("net.onnx"));
    let harness = support::pad_harness::PadHarness::new(&element);
    assert!(harness.play(), "{:?}", harness.errors());
    harness.push([255, 0, 0], 0).expect("it goes in");
    harness.until("the frame", |behind| behind.frames.len() == 1);
    in_fork(|| {
        let error = engine.check().expect_err("its workers are not here");
        assert!(matches!(error, InferenceError::Forked), "{error}");
        let (job, outcome) = pixel([1.0, 0.0, 0.0]);
        port.submit([job as Box<dyn Job>], Duration::ZERO);
        assert!(outcome.recv_timeout(TIMEOUT).expect("dropped").is_none());
        let begun = Instant::now();
        drop(port);
        drop(engine);
        assert!(
            begun.elapsed() < Duration::from_secs(3),
            "it waits for nobody"
        );
        // The same options: it is not the parent's all the same.
        classify(&share(&model).expect("an engine of its own"));
        let quick = read(&net.write(folder.path(), "slow.onnx"));
        classify(&share(&quick).expect("one that its parent was loading"));
        // An element that plays says once that it cannot.
        for time in [40, 80, 120] {
            let flow = harness.push([255, 0, 0], time);
            assert_eq!(flow, Err(gst::FlowError::Error));
        }
        let errors = harness.errors();
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].message().contains("forked"), "{errors:?}");
        // A new one plays, as far as the child is able to: it loads its model. GLibs after 2.74
        // start each thread of a pool by one that the child has not got, and wait for it for ever:
        // there no element's task can start in a child.
        if glib::check_version(2, 75, 0).is_some() {
            let element = support::element::element(&folder.path().join("net.onnx"));
            let bus = gst::Bus::new();
            element.set_bus(Some(&bus));
            element.set_state(gst::State::Paused).expect("it starts");
            assert!(support::element::loaded(&bus));
            std::mem::forget(element);
        }
        std::mem::forget(harness);
    });
    // The parent does not mind.
    loading.join().expect("no panic").expect("an engine");
}
