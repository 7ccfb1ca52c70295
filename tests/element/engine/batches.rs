// SPDX-License-Identifier: MPL-2.0
//! Which jobs share a batch, and in which order they come.

use std::sync::mpsc;
use std::time::Duration;

use gstresnet50::inference::{EngineOptions, InferenceError, InferenceTimes, Job};
use gstresnet50::preprocess::Slot;

use super::{TIMEOUT, engine, options, pixel, scores};
use support::onnx::{FREE, Net};

/// Jobs of several streams meet in one inference, and each gets its own scores.
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
        runs += times.inferences;
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
    let free = began.recv_timeout(TIMEOUT).expect("a worker has taken it");
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
        .map(|_| order.recv_timeout(TIMEOUT).expect("all have their turn"))
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
    let free = began.recv_timeout(TIMEOUT).expect("a worker has taken it");
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
        if outcome.recv_timeout(TIMEOUT).expect("an outcome").is_some() {
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
        let _ = wait.recv_timeout(TIMEOUT);
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
    let dropped = dropped.filter(|o| o.recv_timeout(TIMEOUT).expect("an outcome").is_none());
    assert!(dropped.count() >= 3);
}
