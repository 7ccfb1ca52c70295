// SPDX-License-Identifier: MPL-2.0
//! What fails, hangs or ends early.

use std::sync::mpsc;
use std::time::Duration;

use gstresnet50::inference::{
    Engine, EngineOptions, InferenceError, Job, Model, Runtime, Session, SessionError,
};

use super::{TIMEOUT, engine, options, pixel, read, scores};
use support::onnx::{self, FREE, Net, Whim};

/// An inference that takes too long is ended, and the next one is not.
#[test]
fn stuck_run() {
    let options = EngineOptions {
        inference_timeout: Duration::from_millis(50),
        ..options()
    };
    // Some seconds, in steps of a millisecond or two. The trial inferences are not bounded.
    let engine = engine(&Net::color().batch(FREE).busy(600), &options);
    let port = engine.open_stream();
    for _ in 0..2 {
        let (job, outcome) = pixel([1.0, 0.0, 0.0]);
        port.submit([job as Box<dyn Job>], Duration::ZERO);
        let result = loop {
            engine.check().expect("it can be ended");
            match outcome.recv_timeout(Duration::from_millis(5)) {
                Ok(result) => break result.expect("not dropped"),
                Err(error) => assert_eq!(error, mpsc::RecvTimeoutError::Timeout),
            }
        };
        assert!(
            matches!(result, Err(InferenceError::TimedOut(_))),
            "{result:?}"
        );
    }
}

/// An engine that goes away ends its inference, and every job hears of it.
#[test]
fn end_with_jobs_under_way() {
    let engine = engine(&Net::color().batch(FREE).busy(600), &options());
    let port = engine.open_stream();
    let outcomes: Vec<_> = (0..4)
        .map(|i| {
            let (job, outcome) = pixel([i as f32, 0.0, 0.0]);
            port.submit([job as Box<dyn Job>], Duration::ZERO);
            outcome
        })
        .collect();
    drop(engine);
    drop(port);
    for outcome in outcomes {
        let outcome = outcome.recv_timeout(TIMEOUT).expect("an outcome");
        assert!(!matches!(outcome, Some(Ok(_))), "{outcome:?}");
    }
}

/// A job that panics is lost, one that declines is not run, and the others are answered.
#[test]
fn jobs_that_go_wrong() {
    let net = Net::color().batch(FREE);
    let engine = engine(
        &net,
        &EngineOptions {
            batch: 2,
            ..options()
        },
    );
    let port = engine.open_stream();
    let wrong: [fn() -> bool; 2] = [|| panic!("on purpose"), || false];
    for instead in wrong {
        let (mut job, outcome) = pixel([1.0, 0.0, 0.0]);
        job.instead = Some(instead);
        port.submit([job as Box<dyn Job>], Duration::ZERO);
        let outcome = outcome.recv_timeout(TIMEOUT).expect("it is dropped");
        assert!(outcome.is_none());
        let (job, outcome) = pixel([0.0, 1.0, 0.0]);
        port.submit([job as Box<dyn Job>], Duration::ZERO);
        assert_eq!(scores(&outcome).0, [0.0, 1.0, 0.0]);
    }
}

/// A model that computes for ever is refused, whether that can be ended or not, be it in an inference or
/// in what ONNX Runtime computes beforehand. What cannot be ended is left behind, and the process
/// ends all the same. In a process of its own, for the threads stay.
#[test]
fn trials_that_never_end() {
    support::child::run(
        "engine::failures::trials_that_never_end",
        |_| {},
        || {
            support::init();
            let folder = tempfile::tempdir().expect("a folder");
            let runtime = Runtime::load(None, &[]).expect("ONNX Runtime");
            let write = |whim, name| {
                let path = Net::color().whim(whim).write(folder.path(), name);
                read(&path)
            };
            let options = options().session;
            let load = |model: Model| {
                let options = options.clone();
                let load = move || Session::load(runtime, &model, &options).map(drop);
                std::thread::spawn(load)
            };
            let endless = load(read(&support::data("loop_forever.onnx")));
            let hanging = load(write(Whim::AlwaysHangs, "run.onnx"));
            let constants = load(write(Whim::HangsInConstants, "constants.onnx"));
            let outcome = |thread: std::thread::JoinHandle<_>| {
                let outcome: Result<(), SessionError> = thread.join().expect("no panic");
                outcome.expect_err("it has no end")
            };
            let error = outcome(endless);
            let SessionError::Trial { error, .. } = &error else {
                panic!("{error}");
            };
            assert!(matches!(error, InferenceError::TimedOut(_)), "{error}");
            let error = outcome(hanging);
            assert!(error.to_string().contains("is left behind"), "{error}");
            let SessionError::Trial { error, .. } = &error else {
                panic!("{error}");
            };
            assert!(matches!(error, InferenceError::Hung(_)), "{error}");
            let error = outcome(constants);
            assert!(matches!(error, SessionError::Unfinished { .. }), "{error}");
            assert!(error.to_string().contains("is left behind"), "{error}");
        },
    );
}

/// Tensors that no machine has room for are refused before they are made, with what would fit.
#[test]
fn tensors_without_room() {
    support::init();
    let runtime = Runtime::load(None, &[]).expect("ONNX Runtime");
    let wide = read(&support::data("out_10M.onnx"));
    let refused = |model: &Model, batch: usize, sessions: usize| {
        let options = EngineOptions {
            batch,
            sessions,
            ..options()
        };
        let error = Engine::load(runtime, model, &options).expect_err("too large");
        let SessionError::Memory { error, .. } = error else {
            panic!("{error}");
        };
        error.max_batch()
    };
    let most = refused(&wide, 1024, 1).expect("fewer would do");
    assert!((1..1024).contains(&most), "{most}");
    assert_eq!(refused(&wide, 1, 1 << 40), Some(0));

    let folder = tempfile::tempdir().expect("a folder");
    for dims in [
        [1 << 40, 3, 4, 4],
        [i64::MAX, 3, 8192, 8192],
        [1 << 20, 3, 8192, 8192],
    ] {
        let net = Net {
            dims: dims.to_vec(),
            ..Net::constant(vec![1.0; 3])
        };
        let model = read(&net.write(folder.path(), "large.onnx"));
        assert_eq!(refused(&model, 1, 1), None, "the model says so");
    }
    let mut many = Net::nchw(4, 4).model();
    let graph = many.graph.as_mut().expect("a graph");
    graph.output = Net::nchw(1 << 20, 1 << 20)
        .model()
        .graph
        .expect("a graph")
        .output;
    let model = read(&onnx::write(&many, folder.path(), "many.onnx"));
    assert_eq!(refused(&model, 1, 1), None);
}

/// A model that gives no numbers is refused, unless that is the fault of a picture of one colour or
/// of numbers that it is not made for.
#[test]
fn models_without_numbers() {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = Runtime::load(None, &[]).expect("ONNX Runtime");
    let load = |model: &gstresnet50::onnx::Model| {
        let model = read(&onnx::write(model, folder.path(), "net.onnx"));
        Engine::load(runtime, &model, &options()).map(drop)
    };
    for (class, value) in [(0, f32::NAN), (2, f32::INFINITY), (1, f32::NEG_INFINITY)] {
        let mut logits = vec![0.5; 3];
        logits[class] = value;
        let error = load(&Net::constant(logits).model()).expect_err("no numbers");
        let SessionError::Trial { error, .. } = &error else {
            panic!("{error}");
        };
        let found = match error {
            InferenceError::NotFinite { class, value } => (*class, value.to_bits()),
            _ => panic!("{error}"),
        };
        assert_eq!(found, (class, value.to_bits()));
    }
    load(&onnx::standardized()).expect("it is in order");
    load(&onnx::logarithm(1.0)).expect("it is in order");
    // ImageNet's normalization has numbers below 0.
    let mut model = onnx::logarithm(1.0);
    model.metadata_props.clear();
    load(&model).expect("it is in order with other numbers");
}
