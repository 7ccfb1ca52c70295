// SPDX-License-Identifier: MPL-2.0
//! The engine without an element: batches, turns, and Runs and jobs that go wrong.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use gst::prelude::*;
use gstresnet50::inference::{
    CancelToken, Engine, EngineOptions, INFERENCE_TIMEOUT, InferenceError, InferenceTimes, Job,
    Model, ModelSource, Provider, Runtime, Session, SessionError, SessionOptions, shared_engine,
};
use gstresnet50::preprocess::Slot;
use support::onnx::{self, FREE, Net, Whim};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

fn options() -> EngineOptions {
    EngineOptions {
        session: SessionOptions {
            providers: vec![Provider::Cpu],
            provider_options: Vec::new(),
            device: 0,
            threads: 1,
        },
        sessions: 1,
        batch: 1,
        single: false,
        inference_timeout: INFERENCE_TIMEOUT,
    }
}

fn engine(net: &Net, options: &EngineOptions) -> Arc<Engine> {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let model = net.write(folder.path(), "net.onnx");
    Arc::new(load(&model, options))
}

fn load(model: &Path, options: &EngineOptions) -> Engine {
    let runtime = Runtime::load(None, &[]).expect("ONNX Runtime");
    let model = Model::read(ModelSource::File(model.into())).expect("a model");
    Engine::load(runtime, &model, options).expect("an engine")
}

/// What becomes of a job: its scores, or why there are none; nothing if it was dropped.
type Outcome = Option<Result<(Vec<f32>, InferenceTimes), InferenceError>>;

/// A picture of one pixel.
struct Pixel {
    color: [f32; 3],
    /// What `fill` does instead of filling.
    instead: Option<fn() -> bool>,
    out: mpsc::Sender<Outcome>,
    is_done: bool,
}

impl Job for Pixel {
    fn fill(&mut self, slot: &mut Slot<'_>) -> bool {
        if let Some(instead) = self.instead {
            return instead();
        }
        let Slot::F32(slot) = slot else {
            panic!("the model takes floats");
        };
        slot.copy_from_slice(&self.color);
        true
    }

    fn done(mut self: Box<Self>, outcome: Result<&[f32], InferenceError>, run: InferenceTimes) {
        self.is_done = true;
        let _ = self.out.send(Some(outcome.map(|s| (s.to_vec(), run))));
    }
}

impl Drop for Pixel {
    fn drop(&mut self) {
        if !self.is_done {
            let _ = self.out.send(None);
        }
    }
}

fn pixel(color: [f32; 3]) -> (Box<Pixel>, mpsc::Receiver<Outcome>) {
    let (out, outcome) = mpsc::channel();
    let job = Pixel {
        color,
        instead: None,
        out,
        is_done: false,
    };
    (Box::new(job), outcome)
}

fn scores(outcome: &mpsc::Receiver<Outcome>) -> (Vec<f32>, InferenceTimes) {
    let outcome = outcome.recv_timeout(PATIENCE).expect("an outcome");
    outcome.expect("not dropped").expect("scores")
}

/// Jobs of several streams meet in one Run, and each gets its own scores.
#[test]
fn streams_meet_in_a_batch() {
    let net = Net::color().batch(FREE);
    let engine = engine(
        &net,
        &EngineOptions {
            batch: 4,
            ..options()
        },
    );
    assert_eq!(
        (engine.batch(), engine.sessions(), engine.threads()),
        (4, 1, 1)
    );
    let ports: Vec<_> = (0..4).map(|_| engine.open_stream()).collect();
    let outcomes: Vec<_> = ports
        .iter()
        .enumerate()
        .map(|(i, port)| {
            let (job, outcome) = pixel([i as f32, 0.5, -1.0]);
            // It would wait for longer than any test, but for the others.
            port.submit([job as Box<dyn Job>], Duration::from_secs(3600));
            outcome
        })
        .collect();
    let mut runs = 0;
    for (i, outcome) in outcomes.iter().enumerate() {
        let (scores, times) = scores(outcome);
        assert_eq!(scores, [i as f32, 0.5, -1.0]);
        runs += times.runs;
    }
    assert_eq!(runs, 1);
}

/// A batch that does not become full is run when the first one's patience is over; a model with a
/// fixed batch is run with what there is.
#[test]
fn part_of_a_batch() {
    for batch in [FREE, 4] {
        let net = Net::color().batch(batch);
        let engine = engine(
            &net,
            &EngineOptions {
                batch: 4,
                ..options()
            },
        );
        assert_eq!(engine.batch(), 4);
        let port = engine.open_stream();
        let (job, outcome) = pixel([0.25, 0.5, 0.75]);
        port.submit([job as Box<dyn Job>], Duration::from_millis(20));
        let (scores, times) = scores(&outcome);
        assert_eq!(scores, [0.25, 0.5, 0.75]);
        assert!(times.queue >= Duration::from_millis(20));
    }
}

/// Notes that its turn has come, and is not run.
struct Noted(u32, mpsc::Sender<u32>);

impl Job for Noted {
    fn fill(&mut self, _: &mut Slot<'_>) -> bool {
        let _ = self.1.send(self.0);
        false
    }
    fn done(self: Box<Self>, _: Result<&[f32], InferenceError>, _: InferenceTimes) {}
}

/// The streams to which the one worker turns, in their order, where so many jobs of each stream
/// wait when it becomes free: all of the first stream's have come first, then all of the second's.
fn turns(batch: usize, jobs: &[u32]) -> Vec<u32> {
    let options = EngineOptions { batch, ..options() };
    let engine = engine(&Net::color().batch(FREE), &options);
    let (blocker, began) = Blocker::new();
    let other = engine.open_stream();
    other.submit([Box::new(blocker) as Box<dyn Job>], Duration::ZERO);
    let free = began.recv_timeout(PATIENCE).expect("a worker has taken it");
    let (turn, order) = mpsc::channel();
    let ports: Vec<_> = jobs.iter().map(|_| engine.open_stream()).collect();
    for ((stream, count), port) in jobs.iter().enumerate().zip(&ports) {
        for _ in 0..*count {
            let job = Noted(stream as u32, turn.clone());
            port.submit([Box::new(job) as Box<dyn Job>], Duration::ZERO);
        }
    }
    drop(free);
    let turns = 0..jobs.iter().sum();
    turns
        .map(|_| order.recv_timeout(PATIENCE).expect("all have their turn"))
        .collect()
}

/// Each stream has its turn before another has its second one, in a batch and from batch to batch.
#[test]
fn turns_of_equals() {
    for batch in [1, 2, 3, 4] {
        let order = turns(batch, &[30, 30, 30]);
        for round in order.chunks(3) {
            let mut round = round.to_vec();
            round.sort_unstable();
            assert_eq!(round, [0, 1, 2], "{batch}: {order:?}");
        }
    }
}

/// One with a hundred jobs does not keep others' only ones waiting behind them.
#[test]
fn turns_beside_a_busy_one() {
    for batch in [1, 4] {
        let order = turns(batch, &[100, 1, 1]);
        let mut first = order[..3].to_vec();
        first.sort_unstable();
        assert_eq!(first, [0, 1, 2], "{batch}: {order:?}");
    }
}

/// A newer job takes the place of the one of its subject. Those of other subjects stay behind the
/// newer ones, as far as they are from the last hand-overs.
#[test]
fn subjects() {
    let engine = engine(&Net::color().batch(FREE).busy(20), &options());
    let port = engine.open_stream();
    let (blocker, began) = Blocker::new();
    // The worker has something to do meanwhile.
    port.submit([Box::new(blocker) as Box<dyn Job>], Duration::ZERO);
    let free = began.recv_timeout(PATIENCE).expect("a worker has taken it");
    let mut outcomes = Vec::new();
    let mut overtaken = Vec::new();
    for (round, subjects) in [&[1u64, 2, 3][..], &[4], &[2, 5], &[5]]
        .into_iter()
        .enumerate()
    {
        let jobs = subjects.iter().map(|subject| {
            let (job, outcome) = pixel([*subject as f32, round as f32, 0.0]);
            outcomes.push(((*subject, round), outcome));
            (*subject, job as Box<dyn Job>)
        });
        let jobs: Vec<_> = jobs.collect();
        overtaken.push(port.submit_latest(jobs, Duration::ZERO));
    }
    // 2 and 5 are overtaken by newer ones; 1 and 3 are of a third hand-over that left some.
    assert_eq!(overtaken, [0, 0, 1, 3]);
    drop(free);
    let mut done = Vec::new();
    for (name, outcome) in outcomes {
        if outcome
            .recv_timeout(PATIENCE)
            .expect("an outcome")
            .is_some()
        {
            done.push(name);
        }
    }
    assert_eq!(done, [(4, 1), (2, 2), (5, 3)]);
}

/// A job that keeps its worker until it is told.
struct Blocker(mpsc::Sender<mpsc::Sender<()>>);

impl Blocker {
    fn new() -> (Self, mpsc::Receiver<mpsc::Sender<()>>) {
        let (began, wait) = mpsc::channel();
        (Self(began), wait)
    }
}

impl Job for Blocker {
    fn fill(&mut self, _: &mut Slot<'_>) -> bool {
        let (free, wait) = mpsc::channel();
        let _ = self.0.send(free);
        // Until the other end is dropped.
        let _ = wait.recv_timeout(PATIENCE);
        false
    }
    fn done(self: Box<Self>, _: Result<&[f32], InferenceError>, _: InferenceTimes) {}
}

/// A newer job takes the place of one that waits, which hears of it by being dropped.
#[test]
fn replaced() {
    let engine = engine(&Net::color().batch(FREE).busy(20), &options());
    let port = engine.open_stream();
    let (first, first_outcome) = pixel([1.0, 0.0, 0.0]);
    port.submit([first as Box<dyn Job>], Duration::ZERO);
    let waiting: Vec<_> = (0..5).map(|i| pixel([0.0, i as f32, 0.0])).collect();
    let outcomes: Vec<_> = waiting
        .into_iter()
        .map(|(job, outcome)| {
            port.submit_latest([(1, job as Box<dyn Job>)], Duration::ZERO);
            outcome
        })
        .collect();
    assert_eq!(scores(&outcomes[4]).0, [0.0, 4.0, 0.0]);
    let dropped = outcomes[..4].iter().chain([&first_outcome]);
    let dropped = dropped.filter(|o| o.recv_timeout(PATIENCE).expect("an outcome").is_none());
    assert!(dropped.count() >= 3);
}

/// A Run that takes too long is ended, and the next one is not.
#[test]
fn stuck_run() {
    let options = EngineOptions {
        inference_timeout: Duration::from_millis(50),
        ..options()
    };
    // Some seconds, in steps of a millisecond or two. The trial Runs are not bounded.
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

/// An engine that goes away ends its Run, and every job hears of it.
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
        let outcome = outcome.recv_timeout(PATIENCE).expect("an outcome");
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
        let outcome = outcome.recv_timeout(PATIENCE).expect("it is dropped");
        assert!(outcome.is_none());
        let (job, outcome) = pixel([0.0, 1.0, 0.0]);
        port.submit([job as Box<dyn Job>], Duration::ZERO);
        assert_eq!(scores(&outcome).0, [0.0, 1.0, 0.0]);
    }
}

/// A load that was cancelled gives no engine. One that has come to its end is out of reach: the
/// engine may serve other streams by then.
#[test]
fn cancelled_loads() {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let path = Net::color().batch(FREE).write(folder.path(), "net.onnx");
    let runtime = Runtime::load(None, &[]).expect("ONNX Runtime");
    let model = Model::read(ModelSource::File(path)).expect("a model");
    let cancel = CancelToken::default();
    let load = || Engine::load_cancellable(runtime, &model, &options(), &cancel);
    let engine = Arc::new(load().expect("an engine"));
    cancel.cancel();
    let again = load();
    assert!(matches!(again, Err(SessionError::Cancelled)), "{again:?}");
    let port = engine.open_stream();
    for _ in 0..3 {
        let (job, outcome) = pixel([1.0, 0.0, 0.0]);
        port.submit([job as Box<dyn Job>], Duration::ZERO);
        assert_eq!(scores(&outcome).0, [1.0, 0.0, 0.0]);
    }
}

/// A session that spins as ONNX Runtime's own do says what every other says, in batches as well,
/// and refuses what they refuse.
#[test]
fn spinning_session() {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = Runtime::load(None, &[]).expect("ONNX Runtime");
    let read = |path| Model::read(ModelSource::File(path)).expect("a model");
    let model = read(Net::color().batch(FREE).write(folder.path(), "net.onnx"));
    let scores = |mut session: Session| {
        for picture in 0..2 {
            let Slot::F32(slot) = session.slot_of(picture) else {
                panic!("the model takes floats");
            };
            for (i, value) in slot.iter_mut().enumerate() {
                *value = (i + picture) as f32 / 100.0;
            }
        }
        session.run_batch(2).expect("a Run").to_vec()
    };
    let spinning = Session::load_spinning(runtime, &model, 2).expect("a session");
    assert_eq!(
        (spinning.provider(), spinning.threads()),
        (Provider::Cpu, 2)
    );
    let spinning = spinning.with_batch(2).expect("memory");
    let (calm, _) = Session::load(runtime, &model, &options().session).expect("a session");
    let calm = scores(calm.with_batch(2).expect("memory"));
    assert_eq!(scores(spinning), calm);
    let (first, second) = calm.split_at(calm.len() / 2);
    assert_ne!(first, second, "the pictures differ");

    let path = onnx::write(&onnx::unknown_operation(), folder.path(), "odd.onnx");
    let refused = Session::load_spinning(runtime, &read(path), 2);
    assert!(matches!(refused, Err(SessionError::Refused { .. })));
}

/// The model in a file.
fn read(path: &Path) -> Model {
    Model::read(ModelSource::File(path.into())).expect("a model")
}

/// A model that computes for ever is refused, whether that can be ended or not, be it in a Run or
/// in what ONNX Runtime computes beforehand. What cannot be ended is left behind, and the process
/// ends all the same. In a process of its own, for the threads stay.
#[test]
fn trials_that_never_end() {
    support::child::run(
        "engine::trials_that_never_end",
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

/// Where the processor takes a device's place, it runs as many at a time as it would by itself.
#[test]
fn fallback_has_the_layout_of_the_processor() {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let path = Net::color().batch(FREE).write(folder.path(), "net.onnx");
    let layout = |providers: &[Provider], single| {
        let mut options = EngineOptions {
            sessions: 0,
            single,
            ..options()
        };
        options.session.threads = 0;
        options.session.providers = providers.to_vec();
        let engine = load(&path, &options);
        assert_eq!(engine.provider(), Provider::Cpu);
        (engine.sessions(), engine.threads())
    };
    let cores = std::thread::available_parallelism().expect("cores").get();
    for (single, expected) in [(false, (cores, 1)), (true, (1, cores))] {
        for providers in [&[Provider::Cpu][..], &[Provider::Rocm, Provider::Cpu]] {
            assert_eq!(layout(providers, single), expected, "{providers:?}");
        }
    }
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
        if begun.elapsed() > PATIENCE {
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
    support::child::run("engine::child_of_fork", |_| {}, child_of_fork_alone);
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
    let stand = support::stand::Stand::new(&element);
    assert!(stand.play(), "{:?}", stand.errors());
    stand.push([255, 0, 0], 0).expect("it goes in");
    stand.until("the frame", |behind| behind.frames.len() == 1);
    in_fork(|| {
        let error = engine.check().expect_err("its workers are not here");
        assert!(matches!(error, InferenceError::Forked), "{error}");
        let (job, outcome) = pixel([1.0, 0.0, 0.0]);
        port.submit([job as Box<dyn Job>], Duration::ZERO);
        assert!(outcome.recv_timeout(PATIENCE).expect("dropped").is_none());
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
            let flow = stand.push([255, 0, 0], time);
            assert_eq!(flow, Err(gst::FlowError::Error));
        }
        let errors = stand.errors();
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].message().contains("forked"), "{errors:?}");
        // A new one plays, as far as the child is able to: it loads its model.
        let element = support::element::element(&folder.path().join("net.onnx"));
        let bus = gst::Bus::new();
        element.set_bus(Some(&bus));
        element.set_state(gst::State::Paused).expect("it starts");
        assert!(support::element::loaded(&bus));
        std::mem::forget((stand, element));
    });
    // The parent does not mind.
    loading.join().expect("no panic").expect("an engine");
}
