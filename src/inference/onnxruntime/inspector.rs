// SPDX-License-Identifier: MPL-2.0
//! Reads the tensors inside a network.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ort::session::builder::SessionBuilder;
use ort::session::{RunOptions, Session};
use ort::value::{DynValue, Tensor};

use super::canceler::RunCanceler;
use super::limits::TimeLimits;
use super::runtime::Runtime;
use crate::inference::backend::CancelInference as _;
use crate::inference::cancel::CancelToken;
use crate::inference::error::InferenceError;
use crate::inference::provider::Provider;
use crate::inference::timeout::{Completed, Incomplete, TaskThread, with_timeout, with_timeout_on};

/// A model on the CPU, all of whose outputs are read. To read tensors inside a network, make them
/// outputs of its graph.
pub struct TensorInspector {
    /// `None` during an inference.
    session: Option<Session>,
    thread: TaskThread,
    input: String,
    shape: [usize; 4],
    /// For how long an inference has hung that cannot be cancelled.
    hung: Option<Duration>,
}

impl fmt::Debug for TensorInspector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TensorInspector")
            .field("input", &self.input)
            .field("shape", &self.shape)
            .finish_non_exhaustive()
    }
}

impl TensorInspector {
    /// Loads the contents of an ONNX file, whose only input is `input`, float32 of `shape`.
    ///
    /// # Errors
    /// [`InferenceError::Failed`] if ONNX Runtime refuses the model; [`InferenceError::TimedOut`] or [`InferenceError::Hung`]
    /// if it takes too long.
    pub fn load(
        runtime: &'static Runtime,
        model: Vec<u8>,
        input: &str,
        shape: [usize; 4],
    ) -> Result<Self, InferenceError> {
        let limit = TimeLimits::of(Provider::Cpu).commit_of_size(model.len() as u64);
        let timeout = CancelToken::default();
        let make = {
            let timeout = timeout.clone();
            move |_: &_| {
                let mut builder = SessionBuilder::new(runtime.environment())?
                    .with_auto_device(ort::session::builder::AutoDevicePolicy::PreferCPU)?;
                let canceler = builder.canceler();
                // It only sets a flag.
                timeout.on_cancel(move || drop(canceler.cancel()));
                builder.commit_from_memory(&model)
            }
        };
        let never = CancelToken::default();
        let done = with_timeout(limit, &never, || timeout.cancel(), make)?;
        let session = done.value.map_err(|e: ort::Error| match done.timed_out {
            true => InferenceError::TimedOut(limit),
            false => e.into(),
        })?;
        Ok(Self {
            session: Some(session),
            thread: TaskThread::new()?,
            input: input.to_owned(),
            shape,
            hung: None,
        })
    }

    /// Infers one input, and calls `look` with the name and values of each output, in the model's
    /// order. The inference is cancelled after half a minute. If it does not end then, its thread is
    /// abandoned, and this is of no more use.
    ///
    /// # Errors
    /// [`InferenceError`], also if an output is not float32 or the input has another length.
    pub fn run(
        &mut self,
        input: &[f32],
        mut look: impl FnMut(&str, &[f32]),
    ) -> Result<(), InferenceError> {
        let tensor = Tensor::from_array((self.shape, input.to_vec()))?;
        let options = Arc::new(RunOptions::new()?);
        let canceler = RunCanceler::new(&options);
        let limit = TimeLimits::of(Provider::Cpu).inference;
        let hung = InferenceError::Hung(self.hung.unwrap_or(limit));
        let mut session = self.session.take().ok_or(hung)?;
        let name = self.input.clone();
        let work = move |_: &_| {
            let outputs = outputs(&mut session, &name, tensor, &options);
            (session, outputs)
        };
        let never = CancelToken::default();
        let done = with_timeout_on(&self.thread, limit, &never, || canceler.cancel(), work);
        let Completed { value, timed_out } = done.inspect_err(|incomplete| {
            if let Incomplete::Abandoned(time) = incomplete {
                self.hung = Some(*time);
            }
        })?;
        self.session = Some(value.0);
        let outputs = value.1.map_err(|e| match timed_out {
            true => InferenceError::TimedOut(limit),
            false => InferenceError::from(e),
        })?;
        for (name, value) in outputs {
            let (_, values) = value.try_extract_tensor::<f32>()?;
            look(&name, values);
        }
        Ok(())
    }
}

/// Runs one inference. Returns all outputs with their names.
fn outputs(
    session: &mut Session,
    input: &str,
    tensor: Tensor<f32>,
    options: &RunOptions,
) -> ort::Result<Vec<(String, DynValue)>> {
    let mut outputs = session.run_with_options(ort::inputs![input => tensor], options)?;
    let names: Vec<String> = outputs.keys().map(str::to_owned).collect();
    let all = names.into_iter().filter_map(|name| {
        let value = outputs.remove(&name)?;
        Some((name, value))
    });
    Ok(all.collect())
}
