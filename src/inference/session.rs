// SPDX-License-Identifier: MPL-2.0
//! A session: the model in the hands of ONNX Runtime, with its input tensor.

use std::ffi::CString;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use half::f16;
use ort::ep::ExecutionProviderDispatch;
use ort::memory::Allocator;
use ort::session::RunOptions;
use ort::session::builder::{AutoDevicePolicy, SessionBuilder};
use ort::value::{
    PrimitiveTensorElementType, Tensor, TensorElementType, TensorRef, TensorRefMut, ValueType,
};
use ort::{AsPointer as _, ortsys};

use super::cancel::Cancel;
use super::model::{Model, ModelSource};
use super::provider::{Provider, ProviderError};
use super::runtime::Runtime;
use crate::preprocess::{ElementType, Layout, Slot};
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
    /// It was ended because nobody waits for it any more.
    #[error("loading was cancelled")]
    Cancelled,
    /// The first Run, on a grey picture, failed or gave something else than classes.
    #[error("model “{model}” fails on a grey picture: {error}")]
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
    Stuck(std::time::Duration),
    /// It took too long and cannot be ended.
    #[error("a Run has not ended for {} s, although it was told to: the provider hangs", .0.as_secs_f32())]
    Lost(std::time::Duration),
    /// The output is not what the model promises.
    #[error("the output “{}” has the shape [{}], and one value a class was expected", text::name(.name), text::list(.shape.iter(), 8))]
    Output {
        /// The output's name.
        name: String,
        /// Its shape.
        shape: Vec<i64>,
    },
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
    session: ort::session::Session,
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
    input: Input,
    output: Output,
    /// Pictures that the input has room for.
    capacity: usize,
    /// The newest answers: one value a class, picture after picture.
    scores: Vec<f32>,
    options: Arc<RunOptions>,
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
    /// Loads a model with the first of the providers that can be had, and runs it once on a grey
    /// picture, so that the first frame does not pay for what is done only once, and a model that
    /// does not keep its promises is known before there is a stream. Returns the session, which
    /// takes one picture a Run (or as many as the model says), and the providers that were passed
    /// over.
    ///
    /// # Errors
    /// [`SessionError`].
    pub fn load(
        runtime: &Runtime,
        model: &Model,
        options: &SessionOptions,
    ) -> Result<(Self, Vec<Fallback>), SessionError> {
        Self::load_unless(runtime, model, options, &Cancel::default())
    }

    /// The same, which another thread can end.
    ///
    /// # Errors
    /// [`SessionError`]; any of them where it was ended.
    pub(super) fn load_unless(
        runtime: &Runtime,
        model: &Model,
        options: &SessionOptions,
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
            let threads = match options.threads {
                0 => std::thread::available_parallelism().map_or(1, usize::from),
                threads => threads,
            };
            let commit = |strict| {
                let builder = calm(builder(runtime, threads)?, threads)?;
                cancel.ends_load(builder.canceler());
                commit(builder, model, provider, &dispatches, strict)
            };
            let mut committed = commit(true);
            if let Err(error) = &committed
                && error.message().contains(CPU_FALLBACK_DISABLED)
            {
                committed = commit(false);
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
        runtime: &Runtime,
        model: &Model,
        threads: usize,
    ) -> Result<Self, SessionError> {
        let commit = |builder| commit(builder, model, Provider::Cpu, &[], true);
        let committed = builder(runtime, threads).and_then(commit);
        let session = committed.map_err(|error| refused(model, &error))?;
        Self::first(session, model, Provider::Cpu, threads, &Cancel::default())
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
            .and_then(|core| Self::of(Arc::new(core), 1))
            .map_err(|error| SessionError::Trial {
                model: model.source.clone(),
                error,
            })
    }

    fn of(core: Arc<Core>, capacity: usize) -> Result<Self, RunError> {
        let capacity = core.fixed_batch.unwrap_or(capacity.max(1));
        let failed = |e: ort::Error| RunError::Run(one_line(e.message()));
        let mut shape = core.shape.map(|d| d as i64);
        shape[0] = capacity as i64;
        let values = capacity * core.classes;
        Ok(Self {
            input: Input::grey(core.element, shape).map_err(failed)?,
            output: match core.is_half {
                false => Output::F32(vec![0.0; values]),
                true => Output::F16(vec![f16::ZERO; values]),
            },
            capacity,
            scores: Vec::with_capacity(values),
            options: Arc::new(RunOptions::new().map_err(failed)?),
            core,
        })
    }

    /// The same with room for up to `pictures` a Run; a model that says how many it takes keeps
    /// that.
    ///
    /// # Errors
    /// [`RunError`] if there is no memory.
    pub fn with_batch(self, pictures: usize) -> Result<Self, RunError> {
        Self::of(self.core, pictures)
    }

    /// Another one of the same model that may run at the same time, with as much room. The weights
    /// are in memory once. None where the provider does not allow two Runs of one model at a time.
    ///
    /// # Errors
    /// [`RunError`] if there is no memory.
    pub fn another(&self) -> Result<Option<Self>, RunError> {
        // ONNX Runtime allows it in general, and some of its providers do not; its own does.
        match self.core.provider {
            Provider::Cpu => Self::of(Arc::clone(&self.core), self.capacity).map(Some),
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
        let range = picture * n..(picture + 1) * n;
        match &mut self.input {
            Input::F32(t) => Slot::F32(&mut t.extract_tensor_mut().1[range]),
            Input::F16(t) => Slot::F16(&mut t.extract_tensor_mut().1[range]),
            Input::U8(t) => Slot::U8(&mut t.extract_tensor_mut().1[range]),
        }
    }

    /// Runs the model on what is in the first slot. Returns one value a class.
    ///
    /// # Errors
    /// [`RunError`]; the session can be run again.
    pub fn run(&mut self) -> Result<&[f32], RunError> {
        self.run_batch(1)
    }

    /// Runs the model on the first `pictures` slots. Returns one value a class, picture after
    /// picture. Where the model says how many it takes, the other slots are run as they are.
    ///
    /// # Errors
    /// [`RunError`]; the session can be run again.
    ///
    /// # Panics
    /// If there is no room for so many.
    pub fn run_batch(&mut self, pictures: usize) -> Result<&[f32], RunError> {
        let core = &*self.core;
        let batch = core.fixed_batch.unwrap_or(pictures);
        assert!(pictures <= batch && batch <= self.capacity, "{pictures}");
        let outcome = core.run(&self.input, &mut self.output, batch, &self.options);
        outcome.map_err(|e| RunError::Run(one_line(e.message())))?;
        Ok(self.scores(pictures))
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
        let batch = core.fixed_batch.unwrap_or(1);
        let mut shape = core.shape.map(|d| d as i64);
        shape[0] = batch as i64;
        let mut alone = Input::grey(core.element, shape).map_err(failed)?;
        let n = core.elements;
        alone.copy_first(&self.input, picture * n..(picture + 1) * n);
        let outcome = core.run(&alone, &mut self.output, batch, &self.options);
        outcome.map_err(failed)?;
        Ok(self.scores(1))
    }

    /// What the last Run gave for the first `pictures`.
    fn scores(&mut self, pictures: usize) -> &[f32] {
        let core = &*self.core;
        self.scores.clear();
        let values = pictures * core.classes;
        match &self.output {
            Output::F32(output) => self.scores.extend_from_slice(&output[..values]),
            Output::F16(output) => {
                let output = output[..values].iter();
                self.scores.extend(output.map(|v| v.to_f32()));
            }
        }
        &self.scores
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

impl Core {
    /// Runs the model for the first time and learns what it gives.
    fn new(
        mut session: ort::session::Session,
        model: &Model,
        provider: Provider,
        threads: usize,
        cancel: &Cancel,
    ) -> Result<Self, RunError> {
        let signature = &model.signature;
        let (h, w) = (model.height as usize, model.width as usize);
        let fixed_batch = signature.batch.map(|b| b as usize);
        let batch = fixed_batch.unwrap_or(1);
        let shape = match signature.layout {
            Layout::Nchw => [batch, 3, h, w],
            Layout::Nhwc => [batch, h, w, 3],
        };
        let failed = |e: ort::Error| RunError::Run(one_line(e.message()));
        let input = Input::grey(signature.element, shape.map(|d| d as i64)).map_err(failed)?;
        let options = Arc::new(RunOptions::new().map_err(failed)?);
        cancel.ends_run(Terminator(Arc::clone(&options)));
        let (output_shape, is_half) = {
            let name = signature.input.as_str();
            let outputs = match &input {
                Input::F32(t) => session.run_with_options(ort::inputs![name => t], &options),
                Input::F16(t) => session.run_with_options(ort::inputs![name => t], &options),
                Input::U8(t) => session.run_with_options(ort::inputs![name => t], &options),
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
            classes(shape, batch).ok_or_else(|| wrong(shape))?;
            (shape.to_vec(), is_half)
        };
        let name = |name: &str| CString::new(name).map_err(|e| RunError::Run(e.to_string()));
        Ok(Self {
            input_name: name(&signature.input)?,
            output_name: name(&signature.output)?,
            classes: classes(&output_shape, batch).unwrap_or_default(),
            session,
            shape,
            fixed_batch,
            elements: 3 * h * w,
            element: signature.element,
            output_shape,
            is_half,
            provider,
            threads,
        })
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
