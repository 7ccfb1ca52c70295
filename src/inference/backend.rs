// SPDX-License-Identifier: MPL-2.0
//! What the engine has to know of what runs the model.
//!
//! ONNX Runtime's sessions are the only backend so far. Another one, a client of an inference server
//! for example, implements [`Backend`] in its own folder, with a function like that of
//! `engine/load.rs` that hands it to the engine's workers. Nothing else depends on it.

use std::fmt;
use std::sync::Arc;

use super::error::InferenceError;
use crate::preprocess::Slot;

/// A loaded model with an input tensor for a batch of images. A worker owns it and runs one inference
/// at a time.
pub(super) trait Backend: Send {
    /// The maximum batch size.
    fn max_batch(&self) -> usize;

    /// The number of values for an image: one a class, or a single one for two classes.
    fn classes(&self) -> usize;

    /// The part of the input tensor for an image.
    ///
    /// # Panics
    /// If `image` is not less than [`Self::max_batch`].
    fn slot_of(&mut self, image: usize) -> Slot<'_>;

    /// Infers the images in the first `images` slots. Returns one value a class, image after image.
    /// The caller sees to the time limit, with [`Self::canceler`].
    ///
    /// # Errors
    /// [`InferenceError`]. Other inferences may follow.
    fn infer(&mut self, images: usize) -> Result<&[f32], InferenceError>;

    /// Infers the image in one slot by itself, after a batch with it has failed.
    ///
    /// # Errors
    /// [`InferenceError`]. Other inferences may follow.
    fn infer_alone(&mut self, image: usize) -> Result<&[f32], InferenceError>;

    /// Cancels this backend's inferences from another thread.
    fn canceler(&self) -> Arc<dyn CancelInference>;
}

/// Cancels the inferences of one backend from another thread.
pub(super) trait CancelInference: fmt::Debug + Send + Sync {
    /// Makes the inference in progress fail as soon as it can, and all later ones until
    /// [`Self::reset`].
    fn cancel(&self);

    /// Allows inferences again.
    fn reset(&self);
}
