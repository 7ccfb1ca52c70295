// SPDX-License-Identifier: MPL-2.0
//! A session: the model in the hands of ONNX Runtime, with its input tensor.

use std::collections::HashSet;
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
use super::findings::{ClassesRead, Data, Findings, Read, Seen, Wish, choose, is_in_doubt};
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
    /// Its graph gives the best of its values, and how many there are is not known.
    #[error(
        "the output “{}” has the {best} best values of each picture, and the graph does not say of how many classes: set the property labels to a file with their names, or export the model without its TopK", text::name(.name)
    )]
    TopOfUnknown {
        /// The output with the values.
        name: String,
        /// How many they are.
        best: usize,
    },
    /// Its graph gives the best of its values without their classes, or their classes alone.
    #[error(
        "the output “{}” has only the best values of each picture, or only their classes, and both are needed: export the model without its TopK or ArgMax", text::name(.name)
    )]
    OnlyTop {
        /// The output's name.
        name: String,
    },
    /// A class that there is not.
    #[error("the model's answer names class {class}, and it has {classes}")]
    Class {
        /// The class.
        class: i64,
        /// How many there are.
        classes: usize,
    },
    /// What a picture gives depends on those that it is run with.
    #[error(
        "a picture's values are others when it is run with more pictures: the model is made for one at a time"
    )]
    Mixed,
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

/// The classes of the values, from a graph that gives the best ones only.
#[derive(Debug)]
enum Classes {
    I64(Vec<i64>),
    I32(Vec<i32>),
}

/// A loaded model, which any number of [`Session`]s may run.
struct Core {
    /// With its threads, of which a child of `fork()` has none.
    session: ManuallyDrop<ort::session::Session>,
    process: Process,
    input_name: CString,
    /// Of the values, and of their classes where these are another output.
    output_names: Vec<CString>,
    /// Of the input; the first dimension is the batch.
    shape: [usize; 4],
    /// Pictures of each Run, where the model says or its graph knows no other number.
    fixed_batch: Option<usize>,
    /// Elements of one picture.
    elements: usize,
    element: ElementType,
    /// What is read of the outputs.
    read: Read,
    findings: Findings,
    /// What the trial picture gave, alone or first among others.
    sample: Sample,
    provider: Provider,
    threads: usize,
}

/// A trial picture and its values.
#[derive(Debug)]
struct Sample {
    numbers: Numbers,
    target: Target,
    /// One value a class.
    scores: Vec<f32>,
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
    classes: Option<Classes>,
    /// The newest answers: one value a class, picture after picture.
    scores: Vec<f32>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("provider", &self.core.provider)
            .field("threads", &self.core.threads)
            .field("input", &self.core.input_name)
            .field("output", &self.core.output_names)
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
        let (output, classes) = (&mut tensors.output, &mut tensors.classes);
        let outcome = core.run(&alone, output, classes.as_mut(), batch, &self.options);
        outcome.map_err(failed)?;
        tensors.take_scores(core, 1)?;
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

    /// How many values a picture has: one a class, or a single one for two classes.
    pub fn classes(&self) -> usize {
        self.core.read.values
    }

    /// What the trial has found out about the model.
    pub fn findings(&self) -> &Findings {
        &self.core.findings
    }

    /// Whether the number of pictures of a Run is only this engine's, and not the model's.
    pub(super) fn may_run_fewer(&self) -> bool {
        self.core.fixed_batch.is_none() && self.capacity > 1
    }

    /// Writes the trial picture into the first slot.
    pub(super) fn fill_with_sample(&mut self) {
        let core = Arc::clone(&self.core);
        let mut slot = self.slot();
        trial::fill(&mut slot, &core.sample.target, core.sample.numbers, 0);
    }

    /// Compares what the trial picture has given among others with what it gives by itself.
    ///
    /// # Errors
    /// [`RunError::Mixed`] if it is something else, by far more than the rounding of kernels for
    /// another number of pictures.
    pub(super) fn check_sample(&self) -> Result<(), RunError> {
        let alone = &self.core.sample.scores;
        let among = self.tensors.iter().flat_map(|t| &t.scores);
        let largest = alone.iter().fold(0f32, |most, v| most.max(v.abs()));
        let is_near = |(a, b): (&f32, &f32)| (a - b).abs() <= 0.1 * largest + 1e-3;
        match alone.iter().zip(among).all(is_near) {
            true => Ok(()),
            false => Err(RunError::Mixed),
        }
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
        let read = &core.read;
        let given = capacity * read.given;
        let classes = match read.classes {
            None => None,
            Some(ClassesRead { is_wide: true, .. }) => Some(Classes::I64(zeros(given, 0)?)),
            Some(ClassesRead { .. }) => Some(Classes::I32(zeros(given, 0)?)),
        };
        Ok(Self {
            input: Input::grey(core.element, core.shape_of(capacity)).map_err(failed)?,
            output: match read.is_half {
                false => Output::F32(zeros(given, 0.0)?),
                true => Output::F16(zeros(given, f16::ZERO)?),
            },
            classes,
            scores: reserved(capacity * read.values)?,
        })
    }

    /// One Run, of the first `pictures`.
    fn run(&mut self, core: &Core, pictures: usize, options: &RunOptions) -> Result<(), RunError> {
        let batch = core.fixed_batch.unwrap_or(pictures);
        let (output, classes) = (&mut self.output, &mut self.classes);
        let outcome = core.run(&self.input, output, classes.as_mut(), batch, options);
        outcome.map_err(|e| RunError::Run(one_line(e.message())))?;
        self.take_scores(core, pictures)
    }

    /// Keeps what the last Run gave for the first `pictures`.
    fn take_scores(&mut self, core: &Core, pictures: usize) -> Result<(), RunError> {
        self.scores.clear();
        let values = pictures * core.read.given;
        match &self.output {
            Output::F32(output) => self.scores.extend_from_slice(&output[..values]),
            Output::F16(output) => {
                let output = output[..values].iter();
                self.scores.extend(output.map(|v| v.to_f32()));
            }
        }
        let classes: Vec<i64> = match &self.classes {
            None => return Ok(()),
            Some(Classes::I64(classes)) => classes[..values].to_vec(),
            Some(Classes::I32(classes)) => {
                classes[..values].iter().map(|c| i64::from(*c)).collect()
            }
        };
        let given = std::mem::take(&mut self.scores);
        self.scores = core.read.spread(&given, &classes)?;
        Ok(())
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

/// What the trial of a model gave.
struct Tried {
    findings: Findings,
    read: Read,
    sample: Sample,
    /// Of the input that it was tried with.
    shape: [usize; 4],
}

/// Runs a model and looks at all its outputs.
fn look(
    session: &mut ort::session::Session,
    name: &str,
    input: &Input,
    options: &RunOptions,
) -> Result<Vec<Seen>, RunError> {
    /// Values of an output that cannot be classes; they are not looked at.
    const MOST: usize = 1 << 26;
    let failed = |e: ort::Error| RunError::Run(one_line(e.message()));
    let outputs = match input {
        Input::F32(t) => session.run_with_options(ort::inputs![name => t], options),
        Input::F16(t) => session.run_with_options(ort::inputs![name => t], options),
        Input::U8(t) => session.run_with_options(ort::inputs![name => t], options),
    };
    let outputs = outputs.map_err(failed)?;
    let mut seen = Vec::new();
    for (name, value) in outputs.iter() {
        let ValueType::Tensor { ty, shape, .. } = value.dtype() else {
            // It keeps its place.
            seen.push(Seen {
                name: name.to_owned(),
                shape: Vec::new(),
                data: Data::Other,
            });
            continue;
        };
        let shape = shape.to_vec();
        let length = shape.iter().fold(1usize, |length, d| {
            length.saturating_mul(usize::try_from(*d).unwrap_or(0))
        });
        let data = match ty {
            _ if length > MOST => Data::Other,
            TensorElementType::Float32 => {
                let (_, output) = value.try_extract_tensor::<f32>().map_err(failed)?;
                let mut values = reserved(length)?;
                values.extend_from_slice(output);
                Data::Floats {
                    values,
                    is_half: false,
                }
            }
            TensorElementType::Float16 => {
                let (_, output) = value.try_extract_tensor::<f16>().map_err(failed)?;
                let mut values = reserved(length)?;
                values.extend(output.iter().map(|v| v.to_f32()));
                Data::Floats {
                    values,
                    is_half: true,
                }
            }
            TensorElementType::Int64 => {
                let (_, output) = value.try_extract_tensor::<i64>().map_err(failed)?;
                Data::Integers {
                    values: output.to_vec(),
                    is_wide: true,
                }
            }
            TensorElementType::Int32 => {
                let (_, output) = value.try_extract_tensor::<i32>().map_err(failed)?;
                Data::Integers {
                    values: output.iter().map(|v| i64::from(*v)).collect(),
                    is_wide: false,
                }
            }
            _ => Data::Other,
        };
        seen.push(Seen {
            name: name.to_owned(),
            shape,
            data,
        });
    }
    Ok(seen)
}

/// A session that is being tried.
struct Trial<'t> {
    /// Not there in the midst of a Run.
    session: Option<ort::session::Session>,
    model: &'t Model,
    limit: Duration,
    cancel: &'t Cancel,
}

impl Trial<'_> {
    /// One Run, which takes as long as it may at most. The outer error ends the trial.
    fn run(&mut self, input: Input) -> Result<(Input, Result<Vec<Seen>, RunError>), RunError> {
        let failed = |e: ort::Error| RunError::Run(one_line(e.message()));
        let options = Arc::new(RunOptions::new().map_err(failed)?);
        let terminator = Terminator(Arc::clone(&options));
        self.cancel.ends_run(terminator.clone());
        let Some(mut session) = self.session.take() else {
            return Err(RunError::Run("the session is gone".into()));
        };
        let name = self.model.signature.input.clone();
        let work = move |_: &_| {
            let seen = look(&mut session, &name, &input, &options);
            (session, input, seen)
        };
        let done = bounded(self.limit, self.cancel, || terminator.terminate(), work)?;
        let (session, input, seen) = done.value;
        self.session = Some(session);
        match seen {
            Err(_) if done.is_late => Err(RunError::Stuck(self.limit)),
            Err(_) if self.cancel.is_cancelled() => Err(RunError::Run("it was cancelled".into())),
            seen => Ok((input, seen)),
        }
    }

    /// Tries the model with inputs of this shape, on one kind of picture after the other until it
    /// gives numbers. The outer error ends the trial, with the inner one another shape may do.
    fn with_shape(
        &mut self,
        layout: Layout,
        shape: [usize; 4],
    ) -> Result<Result<Tried, RunError>, RunError> {
        let failed = |e: ort::Error| RunError::Run(one_line(e.message()));
        let (model, batch) = (self.model, shape[0]);
        let target = Target {
            layout,
            ..model.target()
        };
        let wish = Wish {
            output: model.wishes.output.as_deref(),
            labels: model.wishes.labels.or(model.contract.labels_count()),
        };
        let signature = &model.signature;
        let mut input = Input::grey(target.element, shape.map(|d| d as i64)).map_err(failed)?;
        let mut broken = None;
        for numbers in Numbers::ALL {
            input.fill(&target, batch, numbers, 0);
            let seen;
            (input, seen) = self.run(input)?;
            let seen = match seen {
                // What it makes of other numbers is of no interest where it runs.
                Err(error) => return Ok(Err(broken.unwrap_or(error))),
                Ok(seen) => seen,
            };
            let mut runs = vec![seen];
            let (mut findings, read) = match choose(signature, wish, &runs, batch) {
                Err(error) => return Ok(Err(broken.unwrap_or(error))),
                Ok(chosen) => chosen,
            };
            room::check_classes(read.values as u64)?;
            let scores = read.scores(&runs[0], batch)?;
            if let Some(wrong) = scores.iter().position(|v| !v.is_finite()) {
                broken.get_or_insert(RunError::NotFinite {
                    class: wrong % read.values,
                    value: scores[wrong],
                });
                if target.element == ElementType::U8 {
                    break;
                }
                continue;
            }
            if is_in_doubt(signature, &runs, batch) {
                for picture in 1..PICTURES {
                    input.fill(&target, batch, numbers, picture);
                    let seen;
                    (input, seen) = self.run(input)?;
                    runs.extend(seen);
                }
                if let Ok((surer, _)) = choose(signature, wish, &runs, batch)
                    && surer.output == findings.output
                {
                    findings = surer;
                }
            }
            findings.layout = layout;
            let scores = scores[..read.values].to_vec();
            return Ok(Ok(Tried {
                findings,
                read,
                shape,
                sample: Sample {
                    numbers,
                    target,
                    scores,
                },
            }));
        }
        Err(broken.expect("one kind at least was tried"))
    }

    /// Tries the model with each shape that its input may have. Also returns the session.
    fn all(mut self) -> Result<(ort::session::Session, Tried), RunError> {
        let signature = &self.model.signature;
        let (h, w) = (self.model.height as usize, self.model.width as usize);
        let promised = signature.classes().unwrap_or(0);
        room::check_classes(promised)?;
        let room = Room::new(3 * h * w, bytes_of(signature.element), promised as usize, 4);
        let layouts: &[Layout] = match (signature.is_layout_known, signature.layout) {
            (true, Layout::Nchw) => &[Layout::Nchw],
            (true, Layout::Nhwc) => &[Layout::Nhwc],
            (false, Layout::Nchw) => &[Layout::Nchw, Layout::Nhwc],
            (false, Layout::Nhwc) => &[Layout::Nhwc, Layout::Nchw],
        };
        let batches: Vec<u64> = match signature.batch {
            Some(batch) => vec![batch],
            None => {
                let mut batches = vec![1];
                batches.extend(&signature.likely_batches);
                batches.extend(USUAL_BATCHES);
                let mut seen = HashSet::new();
                batches.retain(|batch| seen.insert(*batch));
                batches
            }
        };
        let mut first = None;
        for (i, batch) in batches.into_iter().enumerate() {
            match room.check(batch, signature.batch.is_some(), 1) {
                Err(error) if i == 0 => return Err(error),
                Err(_) => continue,
                Ok(()) => {}
            }
            let batch = batch as usize;
            for layout in layouts {
                let shape = match layout {
                    Layout::Nchw => [batch, 3, h, w],
                    Layout::Nhwc => [batch, h, w, 3],
                };
                match self.with_shape(*layout, shape)? {
                    Err(error) => {
                        first.get_or_insert(error);
                    }
                    Ok(mut tried) => {
                        if i > 0 {
                            tried.findings.baked_batch = Some(batch);
                        }
                        let session = self.session.take();
                        let session = session.expect("it is back after each Run");
                        return Ok((session, tried));
                    }
                }
            }
        }
        Err(first.expect("one shape at least was tried"))
    }
}

/// Different pictures that are tried where the values alone decide what they are.
const PICTURES: usize = 3;

/// Numbers of pictures that graphs are exported for.
const USUAL_BATCHES: [u64; 5] = [2, 4, 8, 16, 32];

fn bytes_of(element: ElementType) -> usize {
    match element {
        ElementType::F32 => 4,
        ElementType::F16 => 2,
        ElementType::U8 => 1,
    }
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
        let trial = Trial {
            session: Some(session),
            model,
            limit: Limits::of(provider).run,
            cancel,
        };
        let (session, tried) = trial.all()?;
        let Tried {
            findings,
            read,
            sample,
            shape,
        } = tried;
        let name = |name: &str| CString::new(name).map_err(|e| RunError::Run(e.to_string()));
        let mut output_names = vec![name(&read.output)?];
        if let Some(classes) = &read.classes {
            output_names.push(name(&classes.output)?);
        }
        let is_fixed = model.signature.batch.is_some() || findings.baked_batch.is_some();
        Ok(Self {
            input_name: name(&model.signature.input)?,
            output_names,
            session: ManuallyDrop::new(session),
            process: Process::current(),
            shape,
            fixed_batch: is_fixed.then_some(shape[0]),
            elements: shape[1..].iter().product(),
            element: model.signature.element,
            read,
            findings,
            sample,
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
        let class = if self.read.is_half { 2 } else { 4 };
        // With what tells the classes of the values.
        let class = if self.read.classes.is_some() {
            class + 8
        } else {
            class
        };
        Room::new(
            self.elements,
            bytes_of(self.element),
            self.read.values,
            class,
        )
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
        classes: Option<&mut Classes>,
        batch: usize,
        options: &RunOptions,
    ) -> ort::Result<()> {
        let mut shape = self.shape;
        shape[0] = batch;
        let elements = batch * self.elements;
        let output_shape = self.read.shape.of(batch);
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
        let output = match output {
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
        let wide;
        let narrow;
        let classes = match (classes, &self.read.classes) {
            (Some(Classes::I64(v)), Some(read)) => {
                let part = &mut v[..values];
                wide = TensorRefMut::from_array_view_mut((read.shape.of(batch), part))?;
                Some(wide.ptr().cast_mut())
            }
            (Some(Classes::I32(v)), Some(read)) => {
                let part = &mut v[..values];
                narrow = TensorRefMut::from_array_view_mut((read.shape.of(batch), part))?;
                Some(narrow.ptr().cast_mut())
            }
            _ => None,
        };
        let names: Vec<_> = self.output_names.iter().map(|n| n.as_ptr()).collect();
        let mut outputs: Vec<_> = [output].into_iter().chain(classes).collect();
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
            names.as_ptr(),
            outputs.len(),
            outputs.as_mut_ptr(),
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
    fn fill(&mut self, target: &Target, pictures: usize, numbers: Numbers, which: usize) {
        let n = target.elements();
        for picture in 0..pictures {
            let mut slot = self.slot(picture * n..(picture + 1) * n);
            trial::fill(&mut slot, target, numbers, which);
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
