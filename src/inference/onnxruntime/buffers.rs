// SPDX-License-Identifier: MPL-2.0
//! The memory of one session: its input and output tensors, and the result.

use half::f16;
use ort::session::RunOptions;

use super::input::InputTensor;
use super::memory::{reserved, zeros};
use super::network::Network;
use super::output_buffer::{IndicesBuffer, OutputBuffer};
use super::output_layout::IndicesLayout;
use crate::inference::error::InferenceError;

/// What an inference reads and writes.
#[derive(Debug)]
pub(super) struct Buffers {
    pub input: InputTensor,
    output: OutputBuffer,
    indices: Option<IndicesBuffer>,
    /// The newest result: one value a class, image after image.
    pub scores: Vec<f32>,
}

impl Buffers {
    /// Buffers for `max_batch` images.
    ///
    /// # Errors
    /// [`InferenceError::Failed`] if there is no memory.
    pub fn new(network: &Network, max_batch: usize) -> Result<Self, InferenceError> {
        let layout = &network.layout;
        let given = max_batch * layout.given;
        let indices = match layout.indices {
            None => None,
            Some(IndicesLayout { is_wide: true, .. }) => Some(IndicesBuffer::I64(zeros(given, 0)?)),
            Some(IndicesLayout { .. }) => Some(IndicesBuffer::I32(zeros(given, 0)?)),
        };
        Ok(Self {
            input: InputTensor::grey(network.element, network.input_shape(max_batch))?,
            output: match layout.is_half {
                false => OutputBuffer::F32(zeros(given, 0.0)?),
                true => OutputBuffer::F16(zeros(given, f16::ZERO)?),
            },
            indices,
            scores: reserved(max_batch * layout.values)?,
        })
    }

    /// Infers the first `images`.
    ///
    /// # Errors
    /// [`InferenceError::Failed`], [`InferenceError::UnknownClass`].
    pub fn infer(
        &mut self,
        network: &Network,
        images: usize,
        options: &RunOptions,
    ) -> Result<(), InferenceError> {
        let batch = network.fixed_batch.unwrap_or(images);
        let (output, indices) = (&mut self.output, &mut self.indices);
        network.infer(&self.input, output, indices.as_mut(), batch, options)?;
        self.update_scores(network, images)
    }

    /// Infers the image at `index` by itself, with memory of its own for the input.
    ///
    /// # Errors
    /// [`InferenceError::Failed`], [`InferenceError::UnknownClass`].
    pub fn infer_alone(
        &mut self,
        network: &Network,
        index: usize,
        options: &RunOptions,
    ) -> Result<(), InferenceError> {
        let batch = network.fixed_batch.unwrap_or(1);
        let mut input = InputTensor::grey(network.element, network.input_shape(batch))?;
        let n = network.elements;
        input.copy_first(&self.input, index * n..(index + 1) * n);
        let (output, indices) = (&mut self.output, &mut self.indices);
        network.infer(&input, output, indices.as_mut(), batch, options)?;
        self.update_scores(network, 1)
    }

    /// Takes the result for the first `images` from the output.
    fn update_scores(&mut self, network: &Network, images: usize) -> Result<(), InferenceError> {
        self.scores.clear();
        let values = images * network.layout.given;
        match &self.output {
            OutputBuffer::F32(output) => self.scores.extend_from_slice(&output[..values]),
            OutputBuffer::F16(output) => {
                let output = output[..values].iter();
                self.scores.extend(output.map(|v| v.to_f32()));
            }
        }
        let classes: Vec<i64> = match &self.indices {
            None => return Ok(()),
            Some(IndicesBuffer::I64(indices)) => indices[..values].to_vec(),
            Some(IndicesBuffer::I32(indices)) => {
                indices[..values].iter().map(|c| i64::from(*c)).collect()
            }
        };
        let given = std::mem::take(&mut self.scores);
        self.scores = network.layout.spread(&given, &classes)?;
        Ok(())
    }
}
