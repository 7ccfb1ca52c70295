// SPDX-License-Identifier: MPL-2.0
//! A look at the tensors inside a network.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ort::session::builder::SessionBuilder;
use ort::session::{RunOptions, Session};
use ort::value::{DynValue, Tensor};

use super::bounded::{Finished, Unfinished, Worker, bounded, bounded_in};
use super::cancel::Cancel;
use super::provider::Provider;
use super::runtime::Runtime;
use super::session::{Limits, RunError, Terminator, one_line};

/// A model in memory, on the processor, whose outputs are all looked at.
pub struct Probe {
    /// Not there in the midst of a Run.
    session: Option<Session>,
    worker: Worker,
    input: String,
    shape: [usize; 4],
    /// How long a Run has not ended that cannot be ended.
    lost: Option<Duration>,
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe")
            .field("input", &self.input)
            .field("shape", &self.shape)
            .finish_non_exhaustive()
    }
}

impl Probe {
    /// Loads a model, an ONNX file's contents, whose one input is `input`, float32 of `shape`.
    ///
    /// # Errors
    /// What ONNX Runtime says against the model; [`RunError::Stuck`] or [`RunError::Lost`] where it
    /// comes to no end.
    pub fn load(
        runtime: &'static Runtime,
        model: Vec<u8>,
        input: &str,
        shape: [usize; 4],
    ) -> Result<Self, RunError> {
        let size = model.len() as u64 / 1_000_000;
        let limit = Limits::of(Provider::Cpu).commit + Duration::from_secs(size);
        let late = Cancel::default();
        let make = {
            let late = late.clone();
            move |_: &_| {
                let mut builder = SessionBuilder::new(runtime.environment())?
                    .with_auto_device(ort::session::builder::AutoDevicePolicy::PreferCPU)?;
                late.ends_load(builder.canceler());
                builder.commit_from_memory(&model)
            }
        };
        let done = bounded(limit, &Cancel::default(), || late.cancel(), make)?;
        let session = done.value.map_err(|e: ort::Error| match done.is_late {
            true => RunError::Stuck(limit),
            false => RunError::Run(one_line(e.message())),
        })?;
        Ok(Self {
            session: Some(session),
            worker: Worker::new()?,
            input: input.to_owned(),
            shape,
            lost: None,
        })
    }

    /// Runs it on one input, and shows each output's name and values, in the model's order. It is
    /// ended where it takes longer than half a minute, and left behind where it does not end: then
    /// no other Run of it is of any use.
    ///
    /// # Errors
    /// [`RunError`], also if an output is not float32 or the input has another length.
    pub fn run(
        &mut self,
        input: &[f32],
        mut look: impl FnMut(&str, &[f32]),
    ) -> Result<(), RunError> {
        let failed = |e: ort::Error| RunError::Run(one_line(e.message()));
        let tensor = Tensor::from_array((self.shape, input.to_vec())).map_err(failed)?;
        let options = Arc::new(RunOptions::new().map_err(failed)?);
        let terminator = Terminator::of(&options);
        let limit = Limits::of(Provider::Cpu).run;
        let lost = RunError::Lost(self.lost.unwrap_or(limit));
        let mut session = self.session.take().ok_or(lost)?;
        let name = self.input.clone();
        let work = move |_: &_| {
            let outputs = outputs(&mut session, &name, tensor, &options);
            (session, outputs)
        };
        let end = || terminator.terminate();
        let done = bounded_in(&self.worker, limit, &Cancel::default(), end, work);
        let Finished { value, is_late } = done.inspect_err(|unfinished| {
            if let Unfinished::Left(time) = unfinished {
                self.lost = Some(*time);
            }
        })?;
        self.session = Some(value.0);
        let outputs = value.1.map_err(|e| match is_late {
            true => RunError::Stuck(limit),
            false => failed(e),
        })?;
        for (name, value) in outputs {
            let (_, values) = value.try_extract_tensor::<f32>().map_err(failed)?;
            look(&name, values);
        }
        Ok(())
    }
}

/// One Run, and all that it gives, by name.
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
