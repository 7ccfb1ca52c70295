// SPDX-License-Identifier: MPL-2.0
//! Reads one value a class from a model's outputs.

use super::output_tensor::{OutputData, OutputTensor};
use crate::inference::error::InferenceError;

/// How one value a class is read from the outputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OutputLayout {
    /// The output with the values.
    pub output: String,
    pub shape: OutputShape,
    /// Whether its elements are `f16`.
    pub is_half: bool,
    /// The number of values that it has for an image.
    pub given: usize,
    /// The number of values that an image gets: more than `given` if the graph ends in `TopK`.
    pub values: usize,
    /// The output with the classes of the values, if the graph ends in `TopK`.
    pub indices: Option<IndicesLayout>,
    /// The value of classes that `TopK` leaves out.
    pub missing: MissingValue,
}

/// The output with the classes of the values in another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IndicesLayout {
    pub output: String,
    pub shape: OutputShape,
    /// Whether its elements have 64 bits, else 32.
    pub is_wide: bool,
}

/// The shape of an output for any batch size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OutputShape {
    dims: Vec<usize>,
    has_batch: bool,
}

/// The value of the classes that a `TopK` leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MissingValue {
    /// A confidence of 0.
    Zero,
    /// A logit whose confidence is 0 after a softmax or a sigmoid.
    VeryNegative,
}

impl OutputShape {
    /// From the shape for one batch size.
    pub fn new(shape: &[i64], batch: usize, given: usize) -> Self {
        let dims: Vec<_> = shape.iter().map(|d| *d as usize).collect();
        Self {
            has_batch: match dims[..] {
                [] => false,
                [n] => given == 1 && n == batch,
                [first, ..] => first == batch,
            },
            dims,
        }
    }

    /// The shape for a batch size. One without a dimension for the batch is always the same.
    pub fn of(&self, batch: usize) -> Vec<usize> {
        let mut dims = self.dims.clone();
        if let Some(first) = dims.first_mut().filter(|_| self.has_batch) {
            *first = batch;
        }
        dims
    }
}

impl OutputLayout {
    /// One value a class from the outputs of a trial inference, image after image.
    ///
    /// # Errors
    /// [`InferenceError::UnknownClass`].
    pub fn scores(
        &self,
        outputs: &[OutputTensor],
        batch: usize,
    ) -> Result<Vec<f32>, InferenceError> {
        let of = |name: &str| outputs.iter().find(|s| s.name == name).map(|s| &s.data);
        let Some(OutputData::Floats { values, .. }) = of(&self.output) else {
            return Ok(Vec::new());
        };
        let values = &values[..values.len().min(batch * self.given)];
        match self.indices.as_ref().map(|i| of(&i.output)) {
            Some(Some(OutputData::Integers {
                values: classes, ..
            })) => self.spread(values, classes),
            _ => Ok(values.to_vec()),
        }
    }

    /// Puts each value at the position of its class, image after image.
    ///
    /// # Errors
    /// [`InferenceError::UnknownClass`] for a class that does not exist.
    pub fn spread(&self, given: &[f32], classes: &[i64]) -> Result<Vec<f32>, InferenceError> {
        let missing = match self.missing {
            MissingValue::Zero => 0.0,
            MissingValue::VeryNegative => -1e30,
        };
        let images = given.len() / self.given;
        let mut scores = vec![missing; images * self.values];
        for (i, (value, class)) in given.iter().zip(classes).enumerate() {
            let position = usize::try_from(*class).ok().filter(|c| *c < self.values);
            let position = position.ok_or(InferenceError::UnknownClass {
                class: *class,
                classes: self.values,
            })?;
            scores[i / self.given * self.values + position] = *value;
        }
        Ok(scores)
    }
}
