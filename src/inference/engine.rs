// SPDX-License-Identifier: MPL-2.0
//! Workers that run one model for many streams.
//!
//! Each stream has a [`Port`] with a queue of [`Job`]s. A worker that is free takes jobs, one of a
//! port at a time and of the port first that was served longest ago, until its batch is full; lets
//! each fill its part of the input tensor; runs them together; and gives each its scores. So a
//! stream never waits for another but for its turn, frames of many streams meet in one Run, and
//! nothing is copied on the way.

use std::collections::{HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use super::bounded::{GLANCE, GRACE, Stay, Steps, bounded};
use super::cancel::Cancel;
use super::findings::Findings;
use super::layout::layout;
use super::model::Model;
use super::process::Process;
use super::provider::Provider;
use super::runtime::Runtime;
use super::session::{
    Fallback, Limits, RunError, Session, SessionError, SessionOptions, Terminator,
};
use crate::preprocess::Slot;

/// How an engine is to be laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineOptions {
    /// Providers and device. Its `threads` are those of one Run, 0 for what fits `sessions`.
    pub session: SessionOptions,
    /// Runs at the same time; 0 for as many as there is work for on the machine.
    pub sessions: usize,
    /// Most pictures of a Run.
    pub batch: usize,
    /// Whether one frame at a time is asked for, and the shortest time for it.
    pub single: bool,
    /// The longest time that a Run may take.
    pub run_limit: Duration,
}

/// The longest time of a Run that nobody should ever see: it is there so that a provider that hangs
/// is an error and not a silent end of the stream.
pub const RUN_LIMIT: Duration = Duration::from_secs(30);

/// A picture on its way through an engine. A job that is dropped without an answer was lost: the
/// engine ends, or something in it has panicked.
pub trait Job: Send {
    /// Writes the frame into its part of the input tensor. Returns false if it is not to be run;
    /// nothing more is heard of it then.
    fn fill(&mut self, slot: &mut Slot<'_>) -> bool;

    /// Takes one value a class, or why there is none.
    fn done(self: Box<Self>, outcome: Result<&[f32], RunError>, run: RunTimes);
}

/// What a job's Run took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunTimes {
    /// From the hand-over to when a worker took it.
    pub queue: Duration,
    /// The Run.
    pub inference: Duration,
    /// The first job of each Run counts it; 0 for the others.
    pub runs: u32,
}

/// A job in a queue.
struct Waiting {
    job: Box<dyn Job>,
    /// Of what it is: see [`Port::replace`].
    subject: u64,
    since: Instant,
    /// When it is not to wait for others any longer.
    due: Instant,
}

/// A stream's queue.
struct Queue {
    id: u64,
    jobs: VecDeque<Waiting>,
    /// The engine's clock when a job was last taken from here.
    served: u64,
}

#[derive(Default)]
struct State {
    queues: Vec<Queue>,
    /// Counts the jobs that were taken.
    clock: u64,
    next_id: u64,
    closing: bool,
}

/// A Run that goes on.
#[derive(Debug, Default)]
struct Running {
    /// When somebody last looked at it, or it began.
    seen: Option<Instant>,
    /// How long it has taken under somebody's eyes. A process that was stopped meanwhile, or has
    /// nobody who waits, does not know what a Run would have done in that time.
    watched: Duration,
    terminated: bool,
}

struct Shared {
    state: Mutex<State>,
    work: Condvar,
    running: Vec<Mutex<Running>>,
    terminators: Vec<Terminator>,
    /// There is no worker at all.
    lost: AtomicBool,
    capacity: usize,
    run_limit: Duration,
}

/// Workers with a loaded model. It ends with the last reference to it.
pub struct Engine {
    shared: Arc<Shared>,
    /// Where its workers are: a child of `fork()` has none of them.
    process: Process,
    /// Ends when all workers have.
    ended: Mutex<mpsc::Receiver<()>>,
    stay: Stay,
    provider: Provider,
    threads: usize,
    classes: usize,
    model: Model,
    findings: Findings,
    refused_batch: Option<String>,
    warnings: Vec<Fallback>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("model", &self.model.source)
            .field("provider", &self.provider)
            .field("sessions", &self.sessions())
            .field("threads", &self.threads)
            .field("batch", &self.shared.capacity)
            .finish_non_exhaustive()
    }
}

/// A lock whose holder panicked still holds plain data.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs every shape that will be in use once, on all sessions at the same time as later on: what a
/// provider compiles for a shape, and the memory that it takes, are not left for the first frames.
fn warm_up(sessions: &mut [Session], steps: &Steps) -> Result<(), RunError> {
    let workers = sessions.iter_mut().map(|session| {
        move || {
            // The largest first: the others fit into its memory. To the processor a shape is
            // nothing but its memory.
            let batch = session.capacity();
            let least = match session.provider() {
                Provider::Cpu => batch,
                _ => 1,
            };
            session.fill_with_sample();
            (least..=batch).rev().try_for_each(|pictures| {
                session.run_batch(pictures)?;
                if pictures > 1 && session.may_run_fewer() {
                    session.check_sample()?;
                }
                steps.done();
                Ok(())
            })
        }
    });
    let workers: Vec<_> = workers.collect();
    thread::scope(|scope| {
        let threads: Vec<_> = workers.into_iter().map(|w| scope.spawn(w)).collect();
        let panic = || Err(RunError::Run("the thread of the trial Run panicked".into()));
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap_or_else(|_| panic()))
    })
}

/// [`warm_up`], which is ended where a Run takes too long, and left behind where it does not end.
/// Returns the sessions, and with them why they cannot be run so.
fn warm_up_in_time(
    mut sessions: Vec<Session>,
    cancel: &Cancel,
) -> Result<(Vec<Session>, Result<(), RunError>), RunError> {
    let limit = Limits::of(sessions[0].provider()).run;
    let terminators: Vec<_> = sessions.iter().map(Session::terminator).collect();
    for terminator in &terminators {
        cancel.ends_run(terminator.clone());
    }
    let end = || terminators.iter().for_each(Terminator::terminate);
    let done = bounded(limit, cancel, end, |steps| {
        let outcome = warm_up(&mut sessions, steps);
        (sessions, outcome)
    })?;
    let (sessions, outcome) = done.value;
    match outcome {
        Err(_) if done.is_late => Err(RunError::Stuck(limit)),
        Err(error) => Ok((sessions, Err(error))),
        Ok(()) => {
            if done.is_late {
                terminators.iter().for_each(Terminator::reset);
            }
            Ok((sessions, Ok(())))
        }
    }
}

/// Sessions that are ready, and what is to be said of them.
struct Ready {
    sessions: Vec<Session>,
    /// The providers that were passed over.
    passed: Vec<Fallback>,
    /// Why there is one picture a Run, where more were asked for.
    refused_batch: Option<String>,
}

/// As many sessions as the layout has, warmed up.
fn sessions(
    runtime: &'static Runtime,
    model: &Model,
    options: &EngineOptions,
    cancel: &Cancel,
) -> Result<Ready, SessionError> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    // Of the provider that runs, which need not be the first.
    let layout = |provider| layout(options, provider, cores);
    let trial = |error| SessionError::of_run(model, error);
    let load = || {
        let threads = |provider| layout(provider).1;
        Session::load_unless(runtime, model, &options.session, threads, cancel)
    };
    let (session, passed) = load()?;
    let (sessions, _) = layout(session.provider());
    let mut all = vec![session.among(options.batch, sessions).map_err(trial)?];
    while all.len() < sessions {
        let session = match all[0].another().map_err(trial)? {
            Some(session) => session,
            None => load()?.0.with_batch(options.batch).map_err(trial)?,
        };
        all.push(session);
    }
    let (mut all, outcome) = warm_up_in_time(all, cancel).map_err(trial)?;
    let mut refused_batch = None;
    match outcome {
        Ok(()) => {}
        // One picture went through it before.
        Err(error @ (RunError::Run(_) | RunError::Mixed | RunError::Class { .. }))
            if all[0].may_run_fewer() && !cancel.is_cancelled() =>
        {
            let single = all.into_iter().map(|session| session.with_batch(1));
            let single = single.collect::<Result<_, _>>().map_err(trial)?;
            let outcome;
            (all, outcome) = warm_up_in_time(single, cancel).map_err(trial)?;
            outcome.map_err(trial)?;
            refused_batch = Some(error.to_string());
        }
        Err(error) => return Err(trial(error)),
    }
    Ok(Ready {
        sessions: all,
        passed,
        refused_batch,
    })
}

impl Engine {
    /// Loads a model and starts the workers.
    ///
    /// # Errors
    /// [`SessionError`].
    pub fn load(
        runtime: &'static Runtime,
        model: &Model,
        options: &EngineOptions,
    ) -> Result<Self, SessionError> {
        Self::load_unless(runtime, model, options, &Cancel::default())
    }

    /// The same, which another thread can end.
    ///
    /// # Errors
    /// [`SessionError`].
    pub fn load_unless(
        runtime: &'static Runtime,
        model: &Model,
        options: &EngineOptions,
        cancel: &Cancel,
    ) -> Result<Self, SessionError> {
        let sessions = sessions(runtime, model, options, cancel);
        if cancel.finish() {
            return Err(SessionError::Cancelled);
        }
        Ok(Self::start(sessions?, model.clone(), options.run_limit))
    }

    fn start(ready: Ready, mut model: Model, run_limit: Duration) -> Self {
        let sessions = ready.sessions;
        let first = &sessions[0];
        let (provider, threads) = (first.provider(), first.threads());
        let classes = first.classes();
        let findings = first.findings().clone();
        model.signature.layout = findings.layout;
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            work: Condvar::new(),
            running: sessions.iter().map(|_| Mutex::default()).collect(),
            terminators: sessions.iter().map(Session::terminator).collect(),
            lost: AtomicBool::new(false),
            capacity: first.capacity(),
            run_limit,
        });
        // Nothing is ever sent: the channel closes when the last worker drops its end.
        let (end, ended) = mpsc::channel::<()>();
        let stay = Stay::default();
        let end = Arc::new(End(stay.clone(), end));
        let mut started = false;
        for (index, session) in sessions.into_iter().enumerate() {
            let (shared, end) = (Arc::clone(&shared), Arc::clone(&end));
            let worker = move || {
                work(&shared, index, session);
                drop(end);
            };
            let named = thread::Builder::new().name(format!("resnet50-{index}"));
            match named.spawn(worker) {
                Ok(_) => started = true,
                // The others do its work.
                Err(error) => gst::warning!(super::log::CAT, "no worker thread: {error}"),
            }
        }
        shared.lost.store(!started, Ordering::Relaxed);
        Self {
            shared,
            process: Process::current(),
            ended: Mutex::new(ended),
            stay,
            provider,
            threads,
            classes,
            findings,
            model,
            refused_batch: ready.refused_batch,
            warnings: ready.passed,
        }
    }

    /// A queue for one stream.
    pub fn port(self: &Arc<Self>) -> Port {
        let mut state = lock(&self.shared.state);
        let id = state.next_id;
        state.next_id += 1;
        let served = state.clock;
        state.queues.push(Queue {
            id,
            jobs: VecDeque::new(),
            served,
        });
        drop(state);
        Port {
            engine: Arc::clone(self),
            id,
        }
    }

    /// The model that is run.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// What its trial has found out about the model.
    pub fn findings(&self) -> &Findings {
        &self.findings
    }

    /// Why it runs one picture at a time, where more were asked for and the model cannot.
    pub fn refused_batch(&self) -> Option<&str> {
        self.refused_batch.as_deref()
    }

    /// The providers that were passed over.
    pub fn warnings(&self) -> &[Fallback] {
        &self.warnings
    }

    /// The provider that runs.
    pub fn provider(&self) -> Provider {
        self.provider
    }

    /// Threads of one Run.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Runs at the same time.
    pub fn sessions(&self) -> usize {
        self.shared.running.len()
    }

    /// Most pictures of a Run.
    pub fn batch(&self) -> usize {
        self.shared.capacity
    }

    /// How many values a picture gets: one a class, or a single one for two classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Ends Runs that take too long. Whoever waits for an answer calls this each second or so.
    ///
    /// # Errors
    /// [`RunError::Lost`] if one does not end, as long as it does not: no answer will come of it.
    /// [`RunError::Forked`] in a child of the engine's process: none will come of any.
    pub fn check(&self) -> Result<(), RunError> {
        self.check_process()?;
        let mut is_lost = self.shared.lost.load(Ordering::Relaxed);
        for (running, terminator) in self.shared.running.iter().zip(&self.shared.terminators) {
            let mut running = lock(running);
            let Some(seen) = running.seen else {
                continue;
            };
            running.watched += seen.elapsed().min(GLANCE);
            running.seen = Some(Instant::now());
            if running.watched > self.shared.run_limit && !running.terminated {
                running.terminated = true;
                terminator.terminate();
            }
            is_lost |= running.watched > self.shared.run_limit + GRACE;
        }
        match is_lost {
            true => Err(RunError::Lost(self.shared.run_limit + GRACE)),
            false => Ok(()),
        }
    }

    /// Whether it has its workers. It is asked before any lock is taken: a child of `fork()` has
    /// none of them, and a lock that one of them held is never opened there.
    ///
    /// # Errors
    /// [`RunError::Forked`] in a child of its process.
    pub fn check_process(&self) -> Result<(), RunError> {
        match self.process.is_current() {
            true => Ok(()),
            false => Err(RunError::Forked),
        }
    }
}

/// What a worker holds until it ends.
struct End(
    Stay,
    #[expect(dead_code, reason = "it closes")] mpsc::Sender<()>,
);

impl Drop for End {
    fn drop(&mut self) {
        self.0.is_over();
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if !self.process.is_current() {
            // Nobody is there to end.
            return;
        }
        let jobs: Vec<Waiting> = {
            let mut state = lock(&self.shared.state);
            state.closing = true;
            let queues = state.queues.iter_mut();
            queues.flat_map(|q| std::mem::take(&mut q.jobs)).collect()
        };
        self.shared.work.notify_all();
        // Their streams are told without the lock.
        drop(jobs);
        for (running, terminator) in self.shared.running.iter().zip(&self.shared.terminators) {
            if lock(running).seen.is_some() {
                terminator.terminate();
            }
        }
        // A worker that does not end within this is left behind rather than waited for.
        let ended = lock(&self.ended).recv_timeout(GRACE);
        if ended == Err(mpsc::RecvTimeoutError::Timeout) {
            self.stay.begins();
        }
    }
}

/// Hand-overs whose jobs may stay behind newer ones (see [`Port::replace`]). Each holds a buffer,
/// and cameras have only a few of them.
const STALE: usize = 2;

/// A stream's way to an engine.
#[derive(Debug)]
pub struct Port {
    engine: Arc<Engine>,
    id: u64,
}

impl Port {
    /// The engine.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Hands over jobs, behind the stream's earlier ones. They wait for others to fill the batch
    /// for `patience` at most.
    pub fn push(&self, jobs: impl IntoIterator<Item = Box<dyn Job>>, patience: Duration) {
        let since = Instant::now();
        let due = since + patience;
        self.add(|queue| {
            queue.extend(jobs.into_iter().map(|job| Waiting {
                job,
                subject: 0,
                since,
                due,
            }));
        });
    }

    /// Hands over jobs in the order in which they are to be taken, each with the number of its
    /// subject: what it is about, which will come again and again. They go before all that wait. A
    /// job of the same subject that no worker has taken yet is overtaken; those of other subjects
    /// stay behind, as far as they are from the last two hand-overs that left any. Returns
    /// how many were overtaken or given up.
    pub fn replace(
        &self,
        jobs: impl IntoIterator<Item = (u64, Box<dyn Job>)>,
        patience: Duration,
    ) -> usize {
        let since = Instant::now();
        let mut overtaken = Vec::new();
        self.add(|queue| {
            let old = std::mem::take(queue);
            let due = old.iter().map(|old| old.due).min();
            queue.extend(jobs.into_iter().map(|(subject, job)| Waiting {
                job,
                subject,
                since,
                due: since + patience,
            }));
            // The wait for others began with the first.
            if let (Some(first), Some(due)) = (queue.front_mut(), due) {
                first.due = first.due.min(due);
            }
            let new: HashSet<u64> = queue.iter().map(|new| new.subject).collect();
            let mut from = Vec::new();
            for old in old {
                // Those of one hand-over stand together, the newest first.
                if from.last() != Some(&old.since) && !new.contains(&old.subject) {
                    from.push(old.since);
                }
                match new.contains(&old.subject) || from.len() > STALE {
                    true => overtaken.push(old),
                    false => queue.push_back(old),
                }
            }
        });
        // They are told without the lock.
        overtaken.len()
    }

    /// Changes the queue, and wakes a worker, which wakes the next one if it leaves work for it.
    fn add(&self, change: impl FnOnce(&mut VecDeque<Waiting>)) {
        if !self.engine.process.is_current() {
            return;
        }
        let mut state = lock(&self.engine.shared.state);
        if let Some(queue) = state.queues.iter_mut().find(|q| q.id == self.id) {
            change(&mut queue.jobs);
        }
        drop(state);
        self.engine.shared.work.notify_one();
    }

    /// Takes back what no worker has taken yet.
    pub fn clear(&self) {
        if !self.engine.process.is_current() {
            return;
        }
        let jobs = {
            let mut state = lock(&self.engine.shared.state);
            let queue = state.queues.iter_mut().find(|q| q.id == self.id);
            queue.map(|q| std::mem::take(&mut q.jobs))
        };
        drop(jobs);
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        if !self.engine.process.is_current() {
            return;
        }
        let queue = {
            let mut state = lock(&self.engine.shared.state);
            let place = state.queues.iter().position(|q| q.id == self.id);
            place.map(|place| state.queues.swap_remove(place))
        };
        drop(queue);
    }
}

/// Lets the system know that this thread computes for long and need not be quick to begin: one
/// that wakes up would otherwise take the processor away from the very stream that woke it, for
/// milliseconds. Its slices are long, for Linux (from 6.12 on) lets a thread whose slice is shorter
/// take the processor at once; one with an equal slice would have to wait for the timer's next
/// tick, up to 4 ms.
fn be_in_no_hurry() {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: it is plain old data, for which zeros are right.
        let mut attributes: libc::sched_attr = unsafe { std::mem::zeroed() };
        attributes.size = size_of::<libc::sched_attr>() as u32;
        attributes.sched_policy = libc::SCHED_BATCH as u32;
        attributes.sched_runtime = SLICE.as_nanos() as u64;
        // SAFETY: the call reads the attributes, whose size they say, and changes nothing but how
        // this thread is scheduled.
        let refused =
            unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) != 0 };
        if refused {
            gst::debug!(super::log::CAT, "the system does not allow SCHED_BATCH");
        }
    }
}

/// The longest that Linux takes.
#[cfg(target_os = "linux")]
const SLICE: Duration = Duration::from_millis(100);

/// What a worker does until the engine ends.
fn work(shared: &Shared, index: usize, mut session: Session) {
    be_in_no_hurry();
    while let Some(jobs) = take(shared) {
        let run = AssertUnwindSafe(|| run(shared, index, &mut session, jobs));
        if catch_unwind(run).is_err() {
            // The jobs are dropped, which their streams take for an error.
            lock(&shared.running[index]).seen = None;
            gst::error!(super::log::CAT, "a worker panicked");
        }
    }
}

/// Waits for jobs; none at the end.
fn take(shared: &Shared) -> Option<Vec<Waiting>> {
    let mut state = lock(&shared.state);
    loop {
        if state.closing {
            return None;
        }
        let jobs = state.queues.iter().map(|q| q.jobs.len()).sum::<usize>();
        let due = state
            .queues
            .iter()
            .filter_map(|q| q.jobs.front()?.due.into());
        let due: Option<Instant> = due.min();
        let now = Instant::now();
        match due {
            Some(due) if jobs >= shared.capacity || due <= now => break,
            Some(due) => {
                let wait = shared.work.wait_timeout(state, due - now);
                state = wait.unwrap_or_else(PoisonError::into_inner).0;
            }
            None => {
                let wait = shared.work.wait(state);
                state = wait.unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
    let mut batch = Vec::new();
    while batch.len() < shared.capacity {
        state.clock += 1;
        let clock = state.clock;
        let queues = state.queues.iter_mut().filter(|q| !q.jobs.is_empty());
        let Some(queue) = queues.min_by_key(|q| q.served) else {
            break;
        };
        queue.served = clock;
        batch.extend(queue.jobs.pop_front());
    }
    let more = state.queues.iter().any(|q| !q.jobs.is_empty());
    drop(state);
    if more {
        shared.work.notify_one();
    }
    Some(batch)
}

/// Runs jobs together.
fn run(shared: &Shared, index: usize, session: &mut Session, jobs: Vec<Waiting>) {
    let taken = Instant::now();
    let mut filled = Vec::with_capacity(jobs.len());
    for mut waiting in jobs {
        if waiting.job.fill(&mut session.slot_of(filled.len())) {
            filled.push((waiting.job, taken - waiting.since));
        }
    }
    if filled.is_empty() {
        return;
    }
    let classes = session.classes();
    let (outcome, inference) = watched(shared, index, || session.run_batch(filled.len()));
    if matches!(outcome, Err(RunError::Run(_))) && filled.len() > 1 {
        // One picture may be to blame, and the others, of other streams, are not to suffer for it.
        for (i, (job, queue)) in filled.into_iter().enumerate() {
            let (scores, inference) = watched(shared, index, || session.run_alone(i));
            let times = RunTimes {
                queue,
                inference,
                runs: 1,
            };
            job.done(scores, times);
        }
        return;
    }
    let mut runs = 1;
    for (i, (job, queue)) in filled.into_iter().enumerate() {
        let scores = match &outcome {
            Ok(scores) => Ok(&scores[i * classes..(i + 1) * classes]),
            Err(error) => Err(error.clone()),
        };
        let times = RunTimes {
            queue,
            inference,
            runs: std::mem::take(&mut runs),
        };
        job.done(scores, times);
    }
}

/// Runs something that is ended where it takes too long. Also returns how long it took.
fn watched<T>(
    shared: &Shared,
    index: usize,
    run: impl FnOnce() -> Result<T, RunError>,
) -> (Result<T, RunError>, Duration) {
    let begun = Instant::now();
    *lock(&shared.running[index]) = Running {
        seen: Some(begun),
        ..Running::default()
    };
    let outcome = run();
    let time = begun.elapsed();
    let mut running = lock(&shared.running[index]);
    if running.terminated {
        shared.terminators[index].reset();
    }
    let was_ended = std::mem::take(&mut *running).terminated;
    let outcome = match outcome {
        Err(_) if was_ended => Err(RunError::Stuck(shared.run_limit)),
        outcome => outcome,
    };
    (outcome, time)
}
