// SPDX-License-Identifier: MPL-2.0
//! A look at the tensors inside a network.

use std::fmt;

use ort::session::Session;
use ort::session::builder::SessionBuilder;
use ort::value::TensorRef;

use super::runtime::Runtime;
use super::session::{RunError, one_line};

/// A model in memory, on the processor, whose outputs are all looked at.
pub struct Probe {
    session: Session,
    input: String,
    shape: [usize; 4],
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
    /// What ONNX Runtime says against the model.
    pub fn load(
        runtime: &Runtime,
        model: &[u8],
        input: &str,
        shape: [usize; 4],
    ) -> Result<Self, RunError> {
        let load = || {
            SessionBuilder::new(runtime.environment())?
                .with_auto_device(ort::session::builder::AutoDevicePolicy::PreferCPU)?
                .commit_from_memory(model)
        };
        let session = load().map_err(|e: ort::Error| RunError::Run(one_line(e.message())))?;
        Ok(Self {
            session,
            input: input.to_owned(),
            shape,
        })
    }

    /// Runs it on one input, and shows each output's name and values, in the model's order.
    ///
    /// # Errors
    /// [`RunError`], also if an output is not float32 or the input has another length.
    pub fn run(
        &mut self,
        input: &[f32],
        mut look: impl FnMut(&str, &[f32]),
    ) -> Result<(), RunError> {
        let failed = |e: ort::Error| RunError::Run(one_line(e.message()));
        let tensor = TensorRef::from_array_view((self.shape, input)).map_err(failed)?;
        let outputs = self
            .session
            .run(ort::inputs![self.input.as_str() => tensor])
            .map_err(failed)?;
        for (name, value) in outputs.iter() {
            let (_, values) = value.try_extract_tensor::<f32>().map_err(failed)?;
            look(name, values);
        }
        Ok(())
    }
}
