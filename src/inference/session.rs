// SPDX-License-Identifier: MPL-2.0
//! A session: the model in the hands of ONNX Runtime, with its input tensor.

use std::ffi::CString;
use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use half::f16;
use ort::ep::ExecutionProviderDispatch;
use ort::memory::Allocator;
use ort::session::RunOptions;
use ort::session::builder::{AutoDevicePolicy, SessionBuilder};
use ort::value::{
    PrimitiveTensorElementType, Tensor, TensorElementType, TensorRef, TensorRefMut, ValueType,
};
use ort::{AsPointer as _, ortsys};

use super::bounded::{Finished, Unfinished, Worker, bounded, bounded_in};
use super::cancel::Cancel;
use super::engine::RUN_LIMIT;
use super::model::{Model, ModelSource};
use super::process::Process;
use super::provider::{Provider, ProviderError};
use super::room::{self, Room};
use super::runtime::Runtime;
use super::trial::{self, Numbers};
use crate::preprocess::{ElementType, Layout, Slot, Target};
use crate::text;

/// How a session is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionOptions {
    /// In order of preference. A single one is a demand.
    pub providers: Vec<Provider>,
    /// Options for the first of them, by the names that it has for them.
    pub provider_options: Vec<(String, String)>,
    /// Which of several devices.
    pub device: i32,
    /// Threads of one Run on the processor; 0: as many as there are cores.
    pub threads: usize,
}

/// A provider that was asked for and is not used, or not for the whole model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fallback {
    /// The provider.
    pub provider: Provider,
    /// Why not.
    pub reason: String,
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// A provider's settings are wrong.
    #[error(transparent)]
    Settings(#[from] ProviderError),
    /// None of the providers can be had.
    #[error("no provider can run the model: {}", .0.iter().map(|f| format!("{}: {}", f.provider, f.reason)).collect::<Vec<_>>().join("; "))]
    Providers(Vec<Fallback>),
    /// ONNX Runtime does not take the model.
    #[error("ONNX Runtime refuses model “{model}”: {message}")]
    Refused {
        /// The model.
        model: ModelSource,
        /// What it said.
        message: String,
    },
    /// ONNX Runtime takes too long to prepare the model, and was ended.
    #[error("ONNX Runtime has not prepared model “{model}” within {} s", .limit.as_secs())]
    Slow {
        /// The model.
        model: ModelSource,
        /// How long it may take.
        limit: Duration,
    },
    /// ONNX Runtime takes too long to prepare the model and does not end, or did not come to it.
    #[error("ONNX Runtime has not prepared model “{model}”: {reason}")]
    Unfinished {
        /// The model.
        model: ModelSource,
        /// What became of it.
        reason: String,
    },
    /// It was ended because nobody waits for it any more.
    #[error("loading was cancelled")]
    Cancelled,
    /// There is no room for the tensors of a Run.
    #[error("model “{model}” cannot be run: {error}")]
    Room {
        /// The model.
        model: ModelSource,
        /// How much it needs.
        error: RunError,
    },
    /// A Run on a trial picture failed or gave something else than classes.
    #[error("model “{model}” fails on a trial picture: {error}")]
    Trial {
        /// The model.
        model: ModelSource,
        /// How.
        error: RunError,
    },
}

/// Why a Run gave no answer.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// ONNX Runtime reports an error.
    #[error("ONNX Runtime: {0}")]
    Run(String),
    /// It took too long and was ended.
    #[error("a Run took more than {} s and was ended", .0.as_secs_f32())]
    Stuck(Duration),
    /// It took too long and cannot be ended.
    #[error("a Run has not ended for {} s, although it was told to: the provider hangs, and its thread is left behind", .0.as_secs_f32())]
    Lost(Duration),
    /// It could not begin.
    #[error("{0}")]
    Thread(String),
    /// It is another process's: this one is a child of it, by `fork()`, and has none of its threads.
    #[error("the model was loaded by the process that this one was forked from")]
    Forked,
    /// A value of the answer is not a finite number, whatever picture was tried.
    #[error(
        "the model's output for class {class} is {value} on every trial picture, so that there is no answer"
    )]
    NotFinite {
        /// The first such class.
        class: usize,
        /// Its value.
        value: f32,
    },
    /// There are more classes than anybody could tell apart.
    #[error("it has {found} classes, and {limit} are the most")]
    Classes {
        /// How many there are.
        found: u64,
        /// How many there may be.
        limit: u64,
    },
    /// The tensors of a Run would be too large.
    #[error(
        "a Run of {} takes {} a picture for its input and {} for its output, and there is room for {} in all",
        pictures_of(*.pictures), room::bytes(*.input), room::bytes(*.output), room::bytes(*.limit)
    )]
    TooLarge {
        /// Pictures of a Run.
        pictures: u64,
        /// Whether the model itself says how many there are.
        is_fixed: bool,
        /// Bytes of the input for one picture.
        input: u64,
        /// Bytes of the output for one picture.
        output: u64,
        /// Bytes that all pictures may take.
        limit: u64,
    },
    /// The output is not what the model promises.
    #[error("the output “{}” has the shape [{}], and one value a class was expected", text::name(.name), text::list(.shape.iter(), 8))]
    Output {
        /// The output's name.
        name: String,
        /// Its shape.
        shape: Vec<i64>,
    },
}

impl RunError {
    /// The pictures of a Run for which there would be room, where these are too many and fewer may
    /// be asked for.
    pub fn most_pictures(&self) -> Option<u64> {
        match *self {
            Self::TooLarge {
                input,
                output,
                limit,
                is_fixed: false,
                ..
            } => Some(limit / input.saturating_add(output).max(1)),
            _ => None,
        }
    }
}

impl From<Unfinished> for RunError {
    fn from(unfinished: Unfinished) -> Self {
        match unfinished {
            Unfinished::Left(time) => Self::Lost(time),
            Unfinished::Panicked(_) => Self::Run(unfinished.to_string()),
            Unfinished::Thread(_) => Self::Thread(unfinished.to_string()),
        }
    }
}

fn pictures_of(count: u64) -> String {
    match count {
        1 => "1 picture".into(),
        count => format!("{count} pictures"),
    }
}

/// Input tensors, in ONNX Runtime's memory, which is aligned for its kernels.
#[derive(Debug)]
enum Input {
    F32(Tensor<f32>),
    F16(Tensor<f16>),
    U8(Tensor<u8>),
}

/// What ONNX Runtime writes its answer into.
#[derive(Debug)]
enum Output {
    F32(Vec<f32>),
    F16(Vec<f16>),
}

/// A loaded model, which any number of [`Session`]s may run.
struct Core {
    /// With its threads, of which a child of `fork()` has none.
    session: ManuallyDrop<ort::session::Session>,
    process: Process,
    input_name: CString,
    output_name: CString,
    /// Of the input; the first dimension is the batch.
    shape: [usize; 4],
    /// Pictures of each Run, where the model says.
    fixed_batch: Option<usize>,
    /// Elements of one picture.
    elements: usize,
    element: ElementType,
    /// Of the output of the first Run.
    output_shape: Vec<i64>,
    is_half: bool,
    classes: usize,
    provider: Provider,
    threads: usize,
}

/// A model that is ready to run, with room for the pictures of one Run.
pub struct Session {
    core: Arc<Core>,
    /// Always there but in the midst of [`Session::run`].
    tensors: Option<Box<Tensors>>,
    /// Pictures that the input has room for.
    capacity: usize,
    options: Arc<RunOptions>,
    /// Where [`Session::run`] runs.
    worker: Option<Worker>,
    /// How long a Run has not ended that cannot be ended.
    lost: Option<Duration>,
    /// How long the last [`Session::run`] took.
    time: Duration,
}

/// What a Run reads and writes.
struct Tensors {
    input: Input,
    output: Output,
    /// The newest answers: one value a class, picture after picture.
    scores: Vec<f32>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("provider", &self.core.provider)
            .field("threads", &self.core.threads)
            .field("input", &self.core.input_name)
            .field("output", &self.core.output_name)
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

/// Ends a Run of one session from another thread.
#[derive(Clone)]
pub struct Terminator(Arc<RunOptions>);

impl fmt::Debug for Terminator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Terminator").finish()
    }
}

impl Terminator {
    /// Of the Run with these options.
    pub(super) fn of(options: &Arc<RunOptions>) -> Self {
        Self(Arc::clone(options))
    }

    /// The Run that goes on fails as soon as its present operation is done, and so do all later
    /// ones until [`Self::reset`].
    pub fn terminate(&self) {
        // It only sets a flag.
        let _ = self.0.terminate();
    }

    /// Lets Runs go on again.
    pub fn reset(&self) {
        // It only clears a flag.
        let _ = self.0.unterminate();
    }
}

impl Session {
    /// Loads a model with the first of the providers that can be had, and runs it once on a trial
    /// picture, so that the first frame does not pay for what is done only once, and a model that
    /// does not keep its promises is known before there is a stream. Returns the session, which
    /// takes one picture a Run (or as many as the model says), and the providers that were passed
    /// over.
    ///
    /// It ends, be the model what it may: on the processor after a minute, and a second more for
    /// each megabyte of the file, and half a minute for each Run; on a device after half an hour,
    /// and ten minutes for each Run, for some compile the model then.
    ///
    /// # Errors
    /// [`SessionError`].
    pub fn load(
        runtime: &'static Runtime,
        model: &Model,
        options: &SessionOptions,
    ) -> Result<(Self, Vec<Fallback>), SessionError> {
        let threads = |_| match options.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        Self::load_unless(runtime, model, options, threads, &Cancel::default())
    }

    /// The same, which another thread can end. `threads` gives those of one Run for the provider
    /// that is tried.
    ///
    /// # Errors
    /// [`SessionError`]; any of them where it was ended.
    pub(super) fn load_unless(
        runtime: &'static Runtime,
        model: &Model,
        options: &SessionOptions,
        threads: impl Fn(Provider) -> usize,
        cancel: &Cancel,
    ) -> Result<(Self, Vec<Fallback>), SessionError> {
        let mut passed = Vec::new();
        for (i, provider) in options.providers.iter().copied().enumerate() {
            // The options are those of the first; another has other names for its own.
            let provider_options = if i == 0 {
                options.provider_options.as_slice()
            } else {
                &[]
            };
            let dispatches = provider.dispatches(options.device, provider_options)?;
            let threads = threads(provider);
            let commit = |strict| {
                let make = {
                    let dispatches = dispatches.clone();
                    move |model: &Model, cancels: [&Cancel; 2]| {
                        let builder = calm(builder(runtime, threads)?, threads)?;
                        for cancel in cancels {
                            cancel.ends_load(builder.canceler());
                        }
                        commit(builder, model, provider, &dispatches, strict)
                    }
                };
                in_time(model, provider, cancel, make)
            };
            let mut committed = commit(true)?;
            if let Err(error) = &committed
                && error.message().contains(CPU_FALLBACK_DISABLED)
            {
                committed = commit(false)?;
                passed.push(Fallback {
                    provider,
                    reason: "it cannot run the whole model, and the processor runs the rest".into(),
                });
            }
            match committed {
                Ok(session) => {
                    let session = Self::first(session, model, provider, threads, cancel)?;
                    return Ok((session, passed));
                }
                // The processor runs every model that ONNX Runtime runs: it is the model, then.
                Err(error) if provider == Provider::Cpu => return Err(refused(model, &error)),
                Err(error) => passed.push(Fallback {
                    provider,
                    reason: one_line(error.message()),
                }),
            }
        }
        Err(SessionError::Providers(passed))
    }

    /// A session on the processor that spins as ONNX Runtime's own do, which is also for a while
    /// after a Run: for measuring. [`Self::load`] stops that with each Run.
    ///
    /// # Errors
    /// [`SessionError`].
    pub fn load_spinning(
        runtime: &'static Runtime,
        model: &Model,
        threads: usize,
    ) -> Result<Self, SessionError> {
        let cancel = Cancel::default();
        let make = move |model: &Model, cancels: [&Cancel; 2]| {
            let builder = builder(runtime, threads)?;
            for cancel in cancels {
                cancel.ends_load(builder.canceler());
            }
            commit(builder, model, Provider::Cpu, &[], true)
        };
        let committed = in_time(model, Provider::Cpu, &cancel, make)?;
        let session = committed.map_err(|error| refused(model, &error))?;
        Self::first(session, model, Provider::Cpu, threads, &cancel)
    }

    /// Runs a model that has just been loaded for the first time.
    fn first(
        session: ort::session::Session,
        model: &Model,
        provider: Provider,
        threads: usize,
        cancel: &Cancel,
    ) -> Result<Self, SessionError> {
        Core::new(session, model, provider, threads, cancel)
            .and_then(|core| Self::of(Arc::new(core), 1, 1))
            .map_err(|error| SessionError::of_run(model, error))
    }

    /// With room for so many pictures, beside so many others.
    fn of(core: Arc<Core>, capacity: usize, sessions: usize) -> Result<Self, RunError> {
        let capacity = core.fixed_batch.unwrap_or(capacity.max(1));
        let is_fixed = core.fixed_batch.is_some();
        core.room().check(capacity as u64, is_fixed, sessions)?;
        let failed = |e: ort::Error| RunError::Run(one_line(e.message()));
        Ok(Self {
            tensors: Some(Box::new(Tensors::of(&core, capacity)?)),
            capacity,
            options: Arc::new(RunOptions::new().map_err(failed)?),
            core,
            worker: None,
            lost: None,
            time: Duration::ZERO,
        })
    }

    /// The same with room for up to `pictures` a Run; a model that says how many it takes keeps
    /// that.
    ///
    /// # Errors
    /// [`RunError`] if there is no memory.
    pub fn with_batch(self, pictures: usize) -> Result<Self, RunError> {
        self.among(pictures, 1)
    }

    /// The same, as one of so many sessions.
    pub(super) fn among(self, pictures: usize, sessions: usize) -> Result<Self, RunError> {
        Self::of(self.core, pictures, sessions)
    }

    /// Another one of the same model that may run at the same time, with as much room. The weights
    /// are in memory once. None where the provider does not allow two Runs of one model at a time.
    ///
    /// # Errors
    /// [`RunError`] if there is no memory.
    pub fn another(&self) -> Result<Option<Self>, RunError> {
        // ONNX Runtime allows it in general, and some of its providers do not; its own does.
        match self.core.provider {
            Provider::Cpu => Self::of(Arc::clone(&self.core), self.capacity, 1).map(Some),
            _ => Ok(None),
        }
    }

    /// The part of the input tensor that takes the first picture.
    pub fn slot(&mut self) -> Slot<'_> {
        self.slot_of(0)
    }

    /// The part of the input tensor that takes a picture.
    ///
    /// # Panics
    /// If there is no room for so many.
    pub fn slot_of(&mut self, picture: usize) -> Slot<'_> {
        let n = self.core.elements;
        let tensors = tensors(&mut self.tensors);
        tensors.input.slot(picture * n..(picture + 1) * n)
    }

    /// Runs the model on what is in the first slot. Returns one value a class.
    ///
    /// It is ended where it takes too long (half a minute on the processor, ten on a device), and
    /// left behind where it does not end: then no Run of this session is of any use.
    ///
    /// # Errors
    /// [`RunError`]; unless it is [`RunError::Lost`], the session can be run again.
    pub fn run(&mut self) -> Result<&[f32], RunError> {
        if let Some(time) = self.lost {
            return Err(RunError::Lost(time));
        }
        self.core.is_usable()?;
        let mut tensors = match self.tensors.take() {
            Some(tensors) => tensors,
            None => Box::new(Tensors::of(&self.core, self.capacity)?),
        };
        let worker = match self.worker.take() {
            Some(worker) => worker,
            None => Worker::new()?,
        };
        let limit = Limits::of(self.core.provider).run;
        let (core, options) = (Arc::clone(&self.core), Arc::clone(&self.options));
        let end = || self.terminator().terminate();
        let done = bounded_in(&worker, limit, &Cancel::default(), end, move |_| {
            let begun = Instant::now();
            let outcome = tensors.run(&core, 1, &options);
            (tensors, outcome, begun.elapsed())
        });
        let Finished {
            value: (tensors, outcome, time),
            is_late,
        } = done.map_err(|unfinished| {
            if let Unfinished::Left(time) = unfinished {
                self.lost = Some(time);
            }
            // Those that it had stay with the Run; whoever has more pictures may still write them.
            self.tensors = Tensors::of(&self.core, self.capacity).ok().map(Box::new);
            RunError::from(unfinished)
        })?;
        self.time = time;
        self.worker = Some(worker);
        if is_late {
            self.terminator().reset();
        }
        let tensors = self.tensors.insert(tensors);
        match outcome {
            Err(_) if is_late => Err(RunError::Stuck(limit)),
            Err(error) => Err(error),
            Ok(()) => Ok(&tensors.scores),
        }
    }

    /// How long the last [`Self::run`] took, without the way to its thread.
    pub fn run_time(&self) -> Duration {
        self.time
    }

    /// Runs the model on the first `pictures` slots. Returns one value a class, picture after
    /// picture. Where the model says how many it takes, the other slots are run as they are. Whoever
    /// calls it sees to it that it ends, with a [`Terminator`].
    ///
    /// # Errors
    /// [`RunError`]; the session can be run again.
    ///
    /// # Panics
    /// If there is no room for so many.
    pub fn run_batch(&mut self, pictures: usize) -> Result<&[f32], RunError> {
        assert!(pictures <= self.capacity, "{pictures}");
        self.core.is_usable()?;
        let tensors = tensors(&mut self.tensors);
        tensors.run(&self.core, pictures, &self.options)?;
        Ok(&tensors.scores)
    }

    /// Runs the model on the picture of one slot, without those of the others. Returns one value a
    /// class. Where the model says that it takes more, it gets grey ones.
    ///
    /// It is for after a Run of several that failed: it takes memory of its own each time.
    ///
    /// # Errors
    /// [`RunError`]; the session can be run again.
    ///
    /// # Panics
    /// If there is no such slot.
    pub fn run_alone(&mut self, picture: usize) -> Result<&[f32], RunError> {
        let failed = |e: ort::Error| RunError::Run(one_line(e.message()));
        let core = &*self.core;
        core.is_usable()?;
        let batch = core.fixed_batch.unwrap_or(1);
        let mut alone = Input::grey(core.element, core.shape_of(batch)).map_err(failed)?;
        let n = core.elements;
        let tensors = tensors(&mut self.tensors);
        alone.copy_first(&tensors.input, picture * n..(picture + 1) * n);
        let outcome = core.run(&alone, &mut tensors.output, batch, &self.options);
        outcome.map_err(failed)?;
        tensors.take_scores(core, 1);
        Ok(&tensors.scores)
    }

    /// What ends a Run of this session.
    pub fn terminator(&self) -> Terminator {
        Terminator(Arc::clone(&self.options))
    }

    /// Pictures that a Run takes at most.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// How many classes the model has.
    pub fn classes(&self) -> usize {
        self.core.classes
    }

    /// The provider that runs.
    pub fn provider(&self) -> Provider {
        self.core.provider
    }

    /// Threads of one Run.
    pub fn threads(&self) -> usize {
        self.core.threads
    }
}

/// They are there, as [`Session`] says.
fn tensors(tensors: &mut Option<Box<Tensors>>) -> &mut Tensors {
    tensors
        .as_deref_mut()
        .expect("a Run that is lost has left memory for the next")
}

impl Tensors {
    fn of(core: &Core, capacity: usize) -> Result<Self, RunError> {
        let failed = |e: ort::Error| RunError::Run(one_line(e.message()));
        let values = capacity * core.classes;
        Ok(Self {
            input: Input::grey(core.element, core.shape_of(capacity)).map_err(failed)?,
            output: match core.is_half {
                false => Output::F32(zeros(values, 0.0)?),
                true => Output::F16(zeros(values, f16::ZERO)?),
            },
            scores: reserved(values)?,
        })
    }

    /// One Run, of the first `pictures`.
    fn run(&mut self, core: &Core, pictures: usize, options: &RunOptions) -> Result<(), RunError> {
        let batch = core.fixed_batch.unwrap_or(pictures);
        let outcome = core.run(&self.input, &mut self.output, batch, options);
        outcome.map_err(|e| RunError::Run(one_line(e.message())))?;
        self.take_scores(core, pictures);
        Ok(())
    }

    /// Keeps what the last Run gave for the first `pictures`.
    fn take_scores(&mut self, core: &Core, pictures: usize) {
        self.scores.clear();
        let values = pictures * core.classes;
        match &self.output {
            Output::F32(output) => self.scores.extend_from_slice(&output[..values]),
            Output::F16(output) => {
                let output = output[..values].iter();
                self.scores.extend(output.map(|v| v.to_f32()));
            }
        }
    }
}

/// Memory for so many values, or an error: the file says how many.
fn reserved<T>(values: usize) -> Result<Vec<T>, RunError> {
    let mut memory = Vec::new();
    let bytes = room::bytes((values as u64).saturating_mul(size_of::<T>() as u64));
    let failed = |_| RunError::Run(format!("the system has no memory for {bytes}"));
    memory.try_reserve_exact(values).map_err(failed)?;
    Ok(memory)
}

fn zeros<T: Clone>(values: usize, zero: T) -> Result<Vec<T>, RunError> {
    let mut memory = reserved(values)?;
    memory.resize(values, zero);
    Ok(memory)
}

/// How long what a provider does may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// To prepare a model, apart from what its file takes to be read.
    pub commit: Duration,
    /// A trial Run, which may prepare more.
    pub run: Duration,
}

impl Limits {
    pub fn of(provider: Provider) -> Self {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        match provider {
            Provider::Cpu => Self {
                commit: minutes(1),
                run: RUN_LIMIT,
            },
            // TensorRT tries out kernels for minutes.
            _ => Self {
                commit: minutes(30),
                run: minutes(10),
            },
        }
    }
}

/// Makes a session, which takes as long as the provider may take for it at most. `make` is handed
/// what can end it.
fn in_time<T: Send + 'static>(
    model: &Model,
    provider: Provider,
    cancel: &Cancel,
    make: impl FnOnce(&Model, [&Cancel; 2]) -> ort::Result<T> + Send + 'static,
) -> Result<ort::Result<T>, SessionError> {
    let size = match &model.source {
        ModelSource::File(path) => std::fs::metadata(path).map_or(0, |file| file.len()),
        ModelSource::Builtin => 0,
    };
    let limit = Limits::of(provider).commit + Duration::from_secs(size / 1_000_000);
    let late = Cancel::default();
    let work = {
        let (model, cancel, late) = (model.clone(), cancel.clone(), late.clone());
        move |_: &_| make(&model, [&cancel, &late])
    };
    let done = bounded(limit, cancel, || late.cancel(), work);
    let model = || model.source.clone();
    match done {
        Ok(Finished {
            value: Err(_),
            is_late: true,
        }) => Err(SessionError::Slow {
            model: model(),
            limit,
        }),
        Ok(Finished { value, .. }) => Ok(value),
        Err(unfinished) => Err(SessionError::Unfinished {
            model: model(),
            reason: unfinished.to_string(),
        }),
    }
}

impl SessionError {
    /// A Run of the trial has failed.
    pub(super) fn of_run(model: &Model, error: RunError) -> Self {
        let model = model.source.clone();
        match error {
            RunError::TooLarge { .. } | RunError::Classes { .. } => Self::Room { model, error },
            error => Self::Trial { model, error },
        }
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        if self.process.is_current() {
            // SAFETY: it is not used any more.
            unsafe { ManuallyDrop::drop(&mut self.session) };
        }
    }
}

/// What the first Run of a model gave.
struct Tried {
    shape: Vec<i64>,
    is_half: bool,
    classes: usize,
    /// One value a class, picture after picture.
    values: Vec<f32>,
}

/// Runs a model for the first time.
fn first_run(
    session: &mut ort::session::Session,
    model: &Model,
    input: &Input,
    batch: usize,
    options: &RunOptions,
) -> Result<Tried, RunError> {
    let signature = &model.signature;
    let failed = |e: ort::Error| RunError::Run(one_line(e.message()));
    let name = signature.input.as_str();
    let outputs = match input {
        Input::F32(t) => session.run_with_options(ort::inputs![name => t], options),
        Input::F16(t) => session.run_with_options(ort::inputs![name => t], options),
        Input::U8(t) => session.run_with_options(ort::inputs![name => t], options),
    };
    let outputs = outputs.map_err(failed)?;
    let wrong = |shape: &[i64]| RunError::Output {
        name: signature.output.clone(),
        shape: shape.to_vec(),
    };
    let value = outputs.get(signature.output.as_str());
    let value = value.ok_or_else(|| wrong(&[]))?;
    let ValueType::Tensor { ty, shape, .. } = value.dtype() else {
        return Err(wrong(&[]));
    };
    let is_half = match ty {
        TensorElementType::Float32 => false,
        TensorElementType::Float16 => true,
        _ => return Err(wrong(shape)),
    };
    let classes = classes(shape, batch).ok_or_else(|| wrong(shape))?;
    room::check_classes(classes as u64)?;
    let mut values = reserved(classes * batch)?;
    match is_half {
        false => {
            let (_, output) = value.try_extract_tensor::<f32>().map_err(failed)?;
            values.extend_from_slice(output);
        }
        true => {
            let (_, output) = value.try_extract_tensor::<f16>().map_err(failed)?;
            values.extend(output.iter().map(|v| v.to_f32()));
        }
    }
    Ok(Tried {
        shape: shape.to_vec(),
        is_half,
        classes,
        values,
    })
}

/// Tries a model on one kind of picture after the other until it gives numbers. Also returns it.
fn try_out(
    session: ort::session::Session,
    model: &Model,
    shape: [usize; 4],
    limit: Duration,
    cancel: &Cancel,
) -> Result<(ort::session::Session, Tried), RunError> {
    let failed = |e: ort::Error| RunError::Run(one_line(e.message()));
    let (batch, target) = (shape[0], model.target());
    let mut input = Input::grey(target.element, shape.map(|d| d as i64)).map_err(failed)?;
    let mut session = session;
    let mut broken = None;
    for numbers in Numbers::ALL {
        input.fill(&target, batch, numbers);
        let options = Arc::new(RunOptions::new().map_err(failed)?);
        let terminator = Terminator(Arc::clone(&options));
        cancel.ends_run(terminator.clone());
        let work = {
            let model = model.clone();
            move |_: &_| {
                let tried = first_run(&mut session, &model, &input, batch, &options);
                (session, input, tried)
            }
        };
        let done = bounded(limit, cancel, || terminator.terminate(), work)?;
        let tried;
        (session, input, tried) = done.value;
        let tried = match tried {
            Err(_) if done.is_late => return Err(RunError::Stuck(limit)),
            // What it makes of other numbers is of no interest where it runs.
            Err(error) => return Err(broken.unwrap_or(error)),
            Ok(tried) => tried,
        };
        let Some(wrong) = tried.values.iter().position(|v| !v.is_finite()) else {
            return Ok((session, tried));
        };
        broken.get_or_insert(RunError::NotFinite {
            class: wrong % tried.classes,
            value: tried.values[wrong],
        });
        if target.element == ElementType::U8 {
            break;
        }
    }
    Err(broken.expect("one kind at least was tried"))
}

impl Core {
    /// Runs the model for the first time and learns what it gives.
    fn new(
        session: ort::session::Session,
        model: &Model,
        provider: Provider,
        threads: usize,
        cancel: &Cancel,
    ) -> Result<Self, RunError> {
        let signature = &model.signature;
        let (h, w) = (model.height as usize, model.width as usize);
        let element = match signature.element {
            ElementType::F32 => 4,
            ElementType::F16 => 2,
            ElementType::U8 => 1,
        };
        let promised = signature.classes.unwrap_or(0);
        room::check_classes(promised)?;
        let batch = signature.batch.unwrap_or(1);
        Room::new(3 * h * w, element, promised as usize, 4).check(
            batch,
            signature.batch.is_some(),
            1,
        )?;
        let batch = batch as usize;
        let shape = match signature.layout {
            Layout::Nchw => [batch, 3, h, w],
            Layout::Nhwc => [batch, h, w, 3],
        };
        let limit = Limits::of(provider).run;
        let (session, tried) = try_out(session, model, shape, limit, cancel)?;
        let name = |name: &str| CString::new(name).map_err(|e| RunError::Run(e.to_string()));
        Ok(Self {
            input_name: name(&signature.input)?,
            output_name: name(&signature.output)?,
            classes: tried.classes,
            session: ManuallyDrop::new(session),
            process: Process::current(),
            shape,
            fixed_batch: signature.batch.map(|_| batch),
            elements: 3 * h * w,
            element: signature.element,
            output_shape: tried.shape,
            is_half: tried.is_half,
            provider,
            threads,
        })
    }

    /// The shape of an input of so many pictures.
    fn shape_of(&self, batch: usize) -> [i64; 4] {
        let mut shape = self.shape.map(|d| d as i64);
        shape[0] = batch as i64;
        shape
    }

    /// What its tensors take.
    fn room(&self) -> Room {
        let element = match self.element {
            ElementType::F32 => 4,
            ElementType::F16 => 2,
            ElementType::U8 => 1,
        };
        let class = if self.is_half { 2 } else { 4 };
        Room::new(self.elements, element, self.classes, class)
    }

    /// # Errors
    /// [`RunError::Forked`] in a child of the process that has loaded it.
    fn is_usable(&self) -> Result<(), RunError> {
        match self.process.is_current() {
            true => Ok(()),
            false => Err(RunError::Forked),
        }
    }

    /// One Run, of `batch` pictures. Several may go on at a time where [`Session::another`] says
    /// so.
    fn run(
        &self,
        input: &Input,
        output: &mut Output,
        batch: usize,
        options: &RunOptions,
    ) -> ort::Result<()> {
        let mut shape = self.shape;
        shape[0] = batch;
        let elements = batch * self.elements;
        let mut output_shape: Vec<usize> = self.output_shape.iter().map(|d| *d as usize).collect();
        // The batch is the first dimension, unless there is none because it is always 1.
        if output_shape.len() > 1 {
            output_shape[0] = batch;
        }
        let values = output_shape.iter().product::<usize>();

        // Views of what is in use: their shape tells how much that is.
        let floats;
        let halves;
        let bytes;
        let input = match input {
            Input::F32(t) => {
                floats = TensorRef::from_array_view((shape, &t.extract_tensor().1[..elements]))?;
                floats.ptr()
            }
            Input::F16(t) => {
                halves = TensorRef::from_array_view((shape, &t.extract_tensor().1[..elements]))?;
                halves.ptr()
            }
            Input::U8(t) => {
                bytes = TensorRef::from_array_view((shape, &t.extract_tensor().1[..elements]))?;
                bytes.ptr()
            }
        };
        let floats_out;
        let halves_out;
        let mut output = match output {
            Output::F32(v) => {
                let part = &mut v[..values];
                floats_out = TensorRefMut::from_array_view_mut((output_shape, part))?;
                floats_out.ptr().cast_mut()
            }
            Output::F16(v) => {
                let part = &mut v[..values];
                halves_out = TensorRefMut::from_array_view_mut((output_shape, part))?;
                halves_out.ptr().cast_mut()
            }
        };
        let session = self.session.inner();
        // SAFETY: all pointers are those of values that live until the end of this function; the
        // views' memory is borrowed by it, the output's exclusively. ort takes a session mutably
        // for a Run because not every provider allows several at a time: see `another`.
        ortsys![unsafe Run(
            session.ptr().cast_mut(),
            options.ptr(),
            &self.input_name.as_ptr(),
            &input,
            1,
            &self.output_name.as_ptr(),
            1,
            &mut output,
        )?];
        Ok(())
    }
}

impl Input {
    /// The part with these elements.
    fn slot(&mut self, elements: Range<usize>) -> Slot<'_> {
        match self {
            Self::F32(t) => Slot::F32(&mut t.extract_tensor_mut().1[elements]),
            Self::F16(t) => Slot::F16(&mut t.extract_tensor_mut().1[elements]),
            Self::U8(t) => Slot::U8(&mut t.extract_tensor_mut().1[elements]),
        }
    }

    /// Puts a trial picture into each of so many places.
    fn fill(&mut self, target: &Target, pictures: usize, numbers: Numbers) {
        let n = target.elements();
        for picture in 0..pictures {
            let mut slot = self.slot(picture * n..(picture + 1) * n);
            trial::fill(&mut slot, target, numbers);
        }
    }

    /// Begins with this part of another of the same type.
    fn copy_first(&mut self, other: &Self, part: Range<usize>) {
        let n = part.len();
        match (self, other) {
            (Self::F32(to), Self::F32(from)) => {
                to.extract_tensor_mut().1[..n].copy_from_slice(&from.extract_tensor().1[part]);
            }
            (Self::F16(to), Self::F16(from)) => {
                to.extract_tensor_mut().1[..n].copy_from_slice(&from.extract_tensor().1[part]);
            }
            (Self::U8(to), Self::U8(from)) => {
                to.extract_tensor_mut().1[..n].copy_from_slice(&from.extract_tensor().1[part]);
            }
            _ => unreachable!("both are inputs of one model"),
        }
    }

    /// Grey pictures.
    fn grey(element: ElementType, shape: [i64; 4]) -> ort::Result<Self> {
        let allocator = Allocator::default();
        Ok(match element {
            ElementType::F32 => Self::F32(filled(&allocator, shape, 0.0)?),
            ElementType::F16 => Self::F16(filled(&allocator, shape, f16::ZERO)?),
            ElementType::U8 => Self::U8(filled(&allocator, shape, 127)?),
        })
    }
}

fn filled<T>(allocator: &Allocator, shape: [i64; 4], value: T) -> ort::Result<Tensor<T>>
where
    T: PrimitiveTensorElementType + fmt::Debug + Copy,
{
    let mut tensor = Tensor::new(allocator, shape)?;
    tensor.extract_tensor_mut().1.fill(value);
    Ok(tensor)
}

/// The number of classes in an output of this shape for so many pictures: its last dimension that
/// is not 1, if the first one is the batch and the others are 1.
fn classes(shape: &[i64], batch: usize) -> Option<usize> {
    let (count, pictures) = match *shape {
        [n] => (n, 1),
        [b, n] | [b, n, 1, 1] | [b, 1, 1, n] => (n, b),
        _ => return None,
    };
    let is_batch = usize::try_from(pictures) == Ok(batch);
    usize::try_from(count).ok().filter(|n| is_batch && *n >= 2)
}

/// What ONNX Runtime says where a session may not fall back to the processor, and would have to.
const CPU_FALLBACK_DISABLED: &str = "fallback to CPU EP has been explicitly disabled";

/// Makes a session for one provider. A strict one fails where a part of the model would go to the
/// processor instead, which ONNX Runtime otherwise does without a word.
fn commit(
    mut builder: SessionBuilder,
    model: &Model,
    provider: Provider,
    dispatches: &[ExecutionProviderDispatch],
    strict: bool,
) -> ort::Result<ort::session::Session> {
    if provider == Provider::Cpu {
        builder = builder.with_auto_device(AutoDevicePolicy::PreferCPU)?;
    } else {
        if strict {
            builder = builder.with_disable_cpu_fallback()?;
        }
        builder = builder.with_execution_providers(dispatches)?;
    }
    match (model.embedded(), &model.source) {
        (None, ModelSource::File(path)) => builder.commit_from_file(path),
        (bytes, _) => builder.commit_from_memory(bytes.unwrap_or_default()),
    }
}

fn refused(model: &Model, error: &ort::Error) -> SessionError {
    SessionError::Refused {
        model: model.source.clone(),
        message: one_line(error.message()),
    }
}

fn builder(runtime: &Runtime, threads: usize) -> ort::Result<SessionBuilder> {
    let builder = SessionBuilder::new(runtime.environment())?
        .with_intra_threads(threads)?
        .with_inter_threads(1)?;
    if saturates() {
        return Ok(builder.with_config_entry("session.x64quantprecision", "1")?);
    }
    Ok(builder)
}

/// A session of several threads loses half of its speed without spinning; but no thread is to spin
/// when there is nothing to do, so spinning stops with the Run.
fn calm(builder: SessionBuilder, threads: usize) -> ort::Result<SessionBuilder> {
    Ok(builder
        .with_intra_op_spinning(threads > 1)?
        .with_config_entry("session.force_spinning_stop", "1")?)
}

/// Whether the processor adds two products of an unsigned and a signed byte in 16 bits, where they
/// saturate: x86 without VNNI. There ONNX Runtime can take unsigned weights, slower and right.
fn saturates() -> bool {
    #[cfg(target_arch = "x86_64")]
    return !is_x86_feature_detected!("avx512vnni") && !is_x86_feature_detected!("avxvnni");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

/// ONNX Runtime's messages have line breaks and its own source positions in them, and names of the
/// model's that may be anything.
pub(super) use crate::text::one_line;
