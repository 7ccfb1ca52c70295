// SPDX-License-Identifier: MPL-2.0
//! What streams hand to an engine.

use std::time::Duration;

use crate::inference::error::InferenceError;
use crate::preprocess::Slot;

/// An image on its way through an engine. If a job is dropped without [`Self::done`], it is lost: the
/// engine ends, or something in it has panicked.
pub trait Job: Send {
    /// Writes the image into its part of the input tensor. Returns false if it is not to be inferred;
    /// [`Self::done`] is not called then.
    fn fill(&mut self, slot: &mut Slot<'_>) -> bool;

    /// Takes the result, one value a class, or the reason why there is none.
    fn done(self: Box<Self>, scores: Result<&[f32], InferenceError>, times: InferenceTimes);
}

/// How long a job took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InferenceTimes {
    /// From when it was submitted to when a worker took it.
    pub queue: Duration,
    /// The inference.
    pub inference: Duration,
    /// The number of inferences: 1 for the first job of a batch, 0 for the others.
    pub inferences: u32,
}
