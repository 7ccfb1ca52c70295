// SPDX-License-Identifier: MPL-2.0
//! A session: the model in the hands of ONNX Runtime, with its input tensor.

use std::fmt;

use half::f16;
use ort::ep::ExecutionProviderDispatch;
use ort::memory::Allocator;
use ort::session::builder::{AutoDevicePolicy, SessionBuilder};
use ort::value::{Tensor, TensorElementType, ValueType};

use super::model::{Model, ModelSource};
use super::provider::{Provider, ProviderError};
use super::runtime::Runtime;
use crate::preprocess::{ElementType, Layout, Slot};

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
    /// The output is not what the model promises.
    #[error("the output “{name}” has the shape {shape:?}, and one value a class was expected")]
    Output {
        /// The output's name.
        name: String,
        /// Its shape.
        shape: Vec<i64>,
    },
}

/// The input tensor, in ONNX Runtime's memory.
enum Input {
    F32(Tensor<f32>),
    F16(Tensor<f16>),
    U8(Tensor<u8>),
}

/// A model that is ready to run.
pub struct Session {
    session: ort::session::Session,
    input: Input,
    input_name: String,
    output_name: String,
    /// Elements of one picture.
    elements: usize,
    /// The newest output: one value a class.
    output: Vec<f32>,
    provider: Provider,
    threads: usize,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("provider", &self.provider)
            .field("threads", &self.threads)
            .field("input", &self.input_name)
            .field("output", &self.output_name)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// Loads a model with the first of the providers that can be had, and runs it once on a grey
    /// picture, so that the first frame does not pay for what is done only once, and a model that
    /// does not keep its promises is known before there is a stream. Returns the session and the
    /// providers that were passed over.
    ///
    /// # Errors
    /// [`SessionError`].
    pub fn load(
        runtime: &Runtime,
        model: &Model,
        options: &SessionOptions,
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
            let commit = |strict| commit(runtime, model, provider, &dispatches, threads, strict);
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
                    let session = Self::new(session, model, provider, threads)?;
                    return Ok((session, passed));
                }
                // The processor runs every model that ONNX Runtime runs: it is the model, then.
                Err(error) if provider == Provider::Cpu => {
                    return Err(SessionError::Refused {
                        model: model.source.clone(),
                        message: one_line(error.message()),
                    });
                }
                Err(error) => passed.push(Fallback {
                    provider,
                    reason: one_line(error.message()),
                }),
            }
        }
        Err(SessionError::Providers(passed))
    }

    fn new(
        session: ort::session::Session,
        model: &Model,
        provider: Provider,
        threads: usize,
    ) -> Result<Self, SessionError> {
        let trial = |error| SessionError::Trial {
            model: model.source.clone(),
            error,
        };
        let signature = &model.signature;
        let (h, w) = (i64::from(model.height), i64::from(model.width));
        let batch = signature.batch.unwrap_or(1) as i64;
        let shape = match signature.layout {
            Layout::Nchw => [batch, 3, h, w],
            Layout::Nhwc => [batch, h, w, 3],
        };
        let allocator = Allocator::default();
        let input = match signature.element {
            ElementType::F32 => Tensor::new(&allocator, shape).map(|mut t| {
                t.extract_tensor_mut().1.fill(0.0);
                Input::F32(t)
            }),
            ElementType::F16 => Tensor::new(&allocator, shape).map(|mut t| {
                t.extract_tensor_mut().1.fill(f16::ZERO);
                Input::F16(t)
            }),
            ElementType::U8 => Tensor::new(&allocator, shape).map(|mut t| {
                t.extract_tensor_mut().1.fill(127);
                Input::U8(t)
            }),
        };
        let input = input.map_err(|e| trial(RunError::Run(one_line(e.message()))))?;
        let mut session = Self {
            session,
            input,
            input_name: signature.input.clone(),
            output_name: signature.output.clone(),
            elements: 3 * (h * w) as usize,
            output: Vec::new(),
            provider,
            threads,
        };
        session.run().map_err(trial)?;
        Ok(session)
    }

    /// The part of the input tensor that takes one picture.
    pub fn slot(&mut self) -> Slot<'_> {
        let n = self.elements;
        match &mut self.input {
            Input::F32(t) => Slot::F32(&mut t.extract_tensor_mut().1[..n]),
            Input::F16(t) => Slot::F16(&mut t.extract_tensor_mut().1[..n]),
            Input::U8(t) => Slot::U8(&mut t.extract_tensor_mut().1[..n]),
        }
    }

    /// Runs the model on what is in the slot. Returns one value a class.
    ///
    /// # Errors
    /// [`RunError`]; the session can be run again.
    pub fn run(&mut self) -> Result<&[f32], RunError> {
        let name = self.input_name.as_str();
        let outputs = match &self.input {
            Input::F32(t) => self.session.run(ort::inputs![name => t]),
            Input::F16(t) => self.session.run(ort::inputs![name => t]),
            Input::U8(t) => self.session.run(ort::inputs![name => t]),
        };
        let outputs = outputs.map_err(|e| RunError::Run(one_line(e.message())))?;
        let wrong = |shape: &[i64]| RunError::Output {
            name: self.output_name.clone(),
            shape: shape.to_vec(),
        };
        let value = outputs
            .get(self.output_name.as_str())
            .ok_or_else(|| wrong(&[]))?;
        let ValueType::Tensor { ty, shape, .. } = value.dtype() else {
            return Err(wrong(&[]));
        };
        let classes = classes(shape).ok_or_else(|| wrong(shape))?;
        let extracted = match ty {
            TensorElementType::Float32 => value.try_extract_tensor::<f32>().map(|(_, values)| {
                self.output.clear();
                self.output.extend_from_slice(&values[..classes]);
            }),
            TensorElementType::Float16 => value.try_extract_tensor::<f16>().map(|(_, values)| {
                self.output.clear();
                self.output
                    .extend(values[..classes].iter().map(|v| v.to_f32()));
            }),
            _ => return Err(wrong(shape)),
        };
        extracted.map_err(|e| RunError::Run(one_line(e.message())))?;
        Ok(&self.output)
    }

    /// How many classes the model has.
    pub fn classes(&self) -> usize {
        self.output.len()
    }

    /// The provider that runs.
    pub fn provider(&self) -> Provider {
        self.provider
    }

    /// Threads of one Run.
    pub fn threads(&self) -> usize {
        self.threads
    }
}

/// The number of classes in an output of this shape: its last dimension that is not 1, if the
/// ones behind the batch are.
fn classes(shape: &[i64]) -> Option<usize> {
    let count = match *shape {
        [n] | [_, n] | [_, n, 1, 1] | [_, 1, 1, n] => n,
        _ => return None,
    };
    // An empty batch has classes and no values.
    let whole = shape.iter().all(|d| *d >= 1);
    usize::try_from(count).ok().filter(|n| whole && *n >= 2)
}

/// What ONNX Runtime says where a session may not fall back to the processor, and would have to.
const CPU_FALLBACK_DISABLED: &str = "fallback to CPU EP has been explicitly disabled";

/// Makes a session for one provider. A strict one fails where a part of the model would go to the
/// processor instead, which ONNX Runtime otherwise does without a word.
fn commit(
    runtime: &Runtime,
    model: &Model,
    provider: Provider,
    dispatches: &[ExecutionProviderDispatch],
    threads: usize,
    strict: bool,
) -> ort::Result<ort::session::Session> {
    let mut builder = builder(runtime, threads)?;
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

fn builder(runtime: &Runtime, threads: usize) -> ort::Result<SessionBuilder> {
    // A session of several threads loses half of its speed without spinning; but no thread is to
    // spin when there is nothing to do, so spinning stops with the Run.
    let builder = SessionBuilder::new(runtime.environment())?
        .with_intra_threads(threads)?
        .with_inter_threads(1)?
        .with_intra_op_spinning(threads > 1)?
        .with_config_entry("session.force_spinning_stop", "1")?;
    if saturates() {
        return Ok(builder.with_config_entry("session.x64quantprecision", "1")?);
    }
    Ok(builder)
}

/// Whether the processor adds two products of an unsigned and a signed byte in 16 bits, where they
/// saturate: x86 without VNNI. There ONNX Runtime can take unsigned weights, slower and right.
fn saturates() -> bool {
    #[cfg(target_arch = "x86_64")]
    return !is_x86_feature_detected!("avx512vnni") && !is_x86_feature_detected!("avxvnni");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

/// ONNX Runtime's messages have line breaks and its own source positions in them.
pub(super) fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}
