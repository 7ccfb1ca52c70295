// SPDX-License-Identifier: MPL-2.0
//! The engine without an element: batches, turns, and Runs and jobs that go wrong.

mod support;

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use gstresnet50::inference::{
    Cancel, Engine, EngineOptions, Job, Model, ModelSource, Provider, RUN_LIMIT, RunError,
    RunTimes, Runtime, Session, SessionError, SessionOptions,
};
use gstresnet50::preprocess::Slot;
use support::onnx::{self, FREE, Net};

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
        run_limit: RUN_LIMIT,
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
type Outcome = Option<Result<(Vec<f32>, RunTimes), RunError>>;

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

    fn done(mut self: Box<Self>, outcome: Result<&[f32], RunError>, run: RunTimes) {
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

fn scores(outcome: &mpsc::Receiver<Outcome>) -> (Vec<f32>, RunTimes) {
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
    let ports: Vec<_> = (0..4).map(|_| engine.port()).collect();
    let outcomes: Vec<_> = ports
        .iter()
        .enumerate()
        .map(|(i, port)| {
            let (job, outcome) = pixel([i as f32, 0.5, -1.0]);
            // It would wait for longer than any test, but for the others.
            port.push([job as Box<dyn Job>], Duration::from_secs(3600));
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
        let port = engine.port();
        let (job, outcome) = pixel([0.25, 0.5, 0.75]);
        port.push([job as Box<dyn Job>], Duration::from_millis(20));
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
    fn done(self: Box<Self>, _: Result<&[f32], RunError>, _: RunTimes) {}
}

/// The streams to which the one worker turns, in their order, where so many jobs of each stream
/// wait when it becomes free: all of the first stream's have come first, then all of the second's.
fn turns(batch: usize, jobs: &[u32]) -> Vec<u32> {
    let options = EngineOptions { batch, ..options() };
    let engine = engine(&Net::color().batch(FREE), &options);
    let (blocker, began) = Blocker::new();
    let other = engine.port();
    other.push([Box::new(blocker) as Box<dyn Job>], Duration::ZERO);
    let free = began.recv_timeout(PATIENCE).expect("a worker has taken it");
    let (turn, order) = mpsc::channel();
    let ports: Vec<_> = jobs.iter().map(|_| engine.port()).collect();
    for ((stream, count), port) in jobs.iter().enumerate().zip(&ports) {
        for _ in 0..*count {
            let job = Noted(stream as u32, turn.clone());
            port.push([Box::new(job) as Box<dyn Job>], Duration::ZERO);
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
    let port = engine.port();
    let (blocker, began) = Blocker::new();
    // The worker has something to do meanwhile.
    port.push([Box::new(blocker) as Box<dyn Job>], Duration::ZERO);
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
        overtaken.push(port.replace(jobs, Duration::ZERO));
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
    fn done(self: Box<Self>, _: Result<&[f32], RunError>, _: RunTimes) {}
}

/// A newer job takes the place of one that waits, which hears of it by being dropped.
#[test]
fn replaced() {
    let engine = engine(&Net::color().batch(FREE).busy(20), &options());
    let port = engine.port();
    let (first, first_outcome) = pixel([1.0, 0.0, 0.0]);
    port.push([first as Box<dyn Job>], Duration::ZERO);
    let waiting: Vec<_> = (0..5).map(|i| pixel([0.0, i as f32, 0.0])).collect();
    let outcomes: Vec<_> = waiting
        .into_iter()
        .map(|(job, outcome)| {
            port.replace([(1, job as Box<dyn Job>)], Duration::ZERO);
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
        run_limit: Duration::from_millis(50),
        ..options()
    };
    // Some seconds, in steps of a millisecond or two. The trial Runs are not bounded.
    let engine = engine(&Net::color().batch(FREE).busy(600), &options);
    let port = engine.port();
    for _ in 0..2 {
        let (job, outcome) = pixel([1.0, 0.0, 0.0]);
        port.push([job as Box<dyn Job>], Duration::ZERO);
        let result = loop {
            engine.check().expect("it can be ended");
            match outcome.recv_timeout(Duration::from_millis(5)) {
                Ok(result) => break result.expect("not dropped"),
                Err(error) => assert_eq!(error, mpsc::RecvTimeoutError::Timeout),
            }
        };
        assert!(matches!(result, Err(RunError::Stuck(_))), "{result:?}");
    }
}

/// An engine that goes away ends its Run, and every job hears of it.
#[test]
fn end_with_jobs_under_way() {
    let engine = engine(&Net::color().batch(FREE).busy(600), &options());
    let port = engine.port();
    let outcomes: Vec<_> = (0..4)
        .map(|i| {
            let (job, outcome) = pixel([i as f32, 0.0, 0.0]);
            port.push([job as Box<dyn Job>], Duration::ZERO);
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
    let port = engine.port();
    let wrong: [fn() -> bool; 2] = [|| panic!("on purpose"), || false];
    for instead in wrong {
        let (mut job, outcome) = pixel([1.0, 0.0, 0.0]);
        job.instead = Some(instead);
        port.push([job as Box<dyn Job>], Duration::ZERO);
        let outcome = outcome.recv_timeout(PATIENCE).expect("it is dropped");
        assert!(outcome.is_none());
        let (job, outcome) = pixel([0.0, 1.0, 0.0]);
        port.push([job as Box<dyn Job>], Duration::ZERO);
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
    let cancel = Cancel::default();
    let load = || Engine::load_unless(runtime, &model, &options(), &cancel);
    let engine = Arc::new(load().expect("an engine"));
    cancel.cancel();
    let again = load();
    assert!(matches!(again, Err(SessionError::Cancelled)), "{again:?}");
    let port = engine.port();
    for _ in 0..3 {
        let (job, outcome) = pixel([1.0, 0.0, 0.0]);
        port.push([job as Box<dyn Job>], Duration::ZERO);
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
