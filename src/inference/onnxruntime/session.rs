// SPDX-License-Identifier: MPL-2.0
//! A session: a loaded model with an input tensor of its own.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ort::session::RunOptions;

use super::buffers::Buffers;
use super::canceler::RunCanceler;
use super::limits::TimeLimits;
use super::network::Network;
use super::trial_image;
use crate::inference::backend::{Backend, CancelInference};
use crate::inference::cancel::CancelToken;
use crate::inference::error::InferenceError;
use crate::inference::model::TrialReport;
use crate::inference::provider::Provider;
use crate::inference::timeout::{Completed, Incomplete, TaskThread, with_timeout_on};
use crate::preprocess::Slot;

/// A model that is ready to run, with memory for one batch.
pub struct Session {
    network: Arc<Network>,
    /// `None` only during [`Session::run`].
    buffers: Option<Box<Buffers>>,
    max_batch: usize,
    options: Arc<RunOptions>,
    /// The thread of [`Session::run`].
    thread: Option<TaskThread>,
    /// For how long an inference has hung that cannot be cancelled.
    hung: Option<Duration>,
    /// How long the last [`Session::run`] took.
    time: Duration,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("provider", &self.network.provider)
            .field("threads", &self.network.threads)
            .field("input", &self.network.input_name)
            .field("output", &self.network.layout.output)
            .field("max_batch", &self.max_batch)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// A session for batches of up to `max_batch`, as one of so many sessions.
    ///
    /// # Errors
    /// [`InferenceError::TooLarge`], or [`InferenceError::Failed`] if there is no memory.
    pub(super) fn new(
        network: Arc<Network>,
        max_batch: usize,
        sessions: usize,
    ) -> Result<Self, InferenceError> {
        let max_batch = network.fixed_batch.unwrap_or(max_batch.max(1));
        let is_fixed = network.fixed_batch.is_some();
        let memory = network.tensor_memory();
        memory.check(max_batch as u64, is_fixed, sessions)?;
        Ok(Self {
            buffers: Some(Box::new(Buffers::new(&network, max_batch)?)),
            max_batch,
            options: Arc::new(RunOptions::new()?),
            network,
            thread: None,
            hung: None,
            time: Duration::ZERO,
        })
    }

    /// The same session for batches of up to `images`. A model that fixes its batch size keeps it.
    ///
    /// # Errors
    /// [`InferenceError::TooLarge`], or [`InferenceError::Failed`] if there is no memory.
    pub fn with_batch(self, images: usize) -> Result<Self, InferenceError> {
        self.among(images, 1)
    }

    /// [`Self::with_batch`], as one of so many sessions, which share the system's memory.
    ///
    /// # Errors
    /// [`InferenceError::TooLarge`], or [`InferenceError::Failed`] if there is no memory.
    pub(in crate::inference) fn among(
        self,
        max_batch: usize,
        sessions: usize,
    ) -> Result<Self, InferenceError> {
        Self::new(self.network, max_batch, sessions)
    }

    /// Another session of the same model and batch size, which may run at the same time. The weights
    /// are in memory once. `None` if the provider does not allow that.
    ///
    /// # Errors
    /// [`InferenceError::TooLarge`], or [`InferenceError::Failed`] if there is no memory.
    pub fn another(&self) -> Result<Option<Self>, InferenceError> {
        // ONNX Runtime itself allows it. So does its CPU provider; some of the others do not.
        match self.network.provider {
            Provider::Cpu => Self::new(Arc::clone(&self.network), self.max_batch, 1).map(Some),
            _ => Ok(None),
        }
    }

    /// The part of the input tensor for the first image.
    pub fn slot(&mut self) -> Slot<'_> {
        self.slot_of(0)
    }

    /// The part of the input tensor for an image of the batch.
    ///
    /// # Panics
    /// If `image` is not less than [`Self::capacity`].
    pub fn slot_of(&mut self, image: usize) -> Slot<'_> {
        let n = self.network.elements;
        let buffers = present(&mut self.buffers);
        buffers.input.slot(image * n..(image + 1) * n)
    }

    /// Infers the image in the first slot. Returns one value a class.
    ///
    /// The inference is cancelled when it takes too long (half a minute on the CPU, ten minutes on a
    /// device). If it does not end then, its thread is abandoned, and the session is of no use.
    ///
    /// # Errors
    /// [`InferenceError`]. Other inferences may follow, except after [`InferenceError::Hung`].
    pub fn run(&mut self) -> Result<&[f32], InferenceError> {
        if let Some(time) = self.hung {
            return Err(InferenceError::Hung(time));
        }
        self.network.check_process()?;
        let mut buffers = match self.buffers.take() {
            Some(buffers) => buffers,
            None => Box::new(Buffers::new(&self.network, self.max_batch)?),
        };
        let thread = match self.thread.take() {
            Some(thread) => thread,
            None => TaskThread::new()?,
        };
        let limit = TimeLimits::of(self.network.provider).inference;
        let canceler = RunCanceler::new(&self.options);
        let (network, options) = (Arc::clone(&self.network), Arc::clone(&self.options));
        let work = move |_: &_| {
            let begun = Instant::now();
            let result = buffers.infer(&network, 1, &options);
            (buffers, result, begun.elapsed())
        };
        let never = CancelToken::default();
        let done = with_timeout_on(&thread, limit, &never, || canceler.cancel(), work);
        let Completed {
            value: (buffers, result, time),
            timed_out,
        } = done.map_err(|incomplete| {
            if let Incomplete::Abandoned(time) = incomplete {
                self.hung = Some(time);
            }
            // The abandoned inference keeps its buffers. The caller may still write into slots.
            let buffers = Buffers::new(&self.network, self.max_batch);
            self.buffers = buffers.ok().map(Box::new);
            InferenceError::from(incomplete)
        })?;
        self.time = time;
        self.thread = Some(thread);
        if timed_out {
            canceler.reset();
        }
        let buffers = self.buffers.insert(buffers);
        match result {
            Err(_) if timed_out => Err(InferenceError::TimedOut(limit)),
            Err(error) => Err(error),
            Ok(()) => Ok(&buffers.scores),
        }
    }

    /// How long the last inference of [`Self::run`] took, without the hand-over to its thread.
    pub fn run_time(&self) -> Duration {
        self.time
    }

    /// Infers the images in the first `images` slots. Returns one value a class, image after image.
    /// If the model fixes a larger batch, the other slots are inferred as they are. There is no time
    /// limit.
    ///
    /// # Errors
    /// [`InferenceError`]. Other inferences may follow.
    ///
    /// # Panics
    /// If `images` is more than [`Self::capacity`].
    pub fn run_batch(&mut self, images: usize) -> Result<&[f32], InferenceError> {
        assert!(images <= self.max_batch, "{images}");
        self.network.check_process()?;
        let buffers = present(&mut self.buffers);
        buffers.infer(&self.network, images, &self.options)?;
        Ok(&buffers.scores)
    }

    /// Infers the image in one slot, without those in the others. Returns one value a class. If the
    /// model fixes a larger batch, it is filled with grey images.
    ///
    /// It is for use after the inference of a batch has failed: it allocates memory each time.
    ///
    /// # Errors
    /// [`InferenceError`]. Other inferences may follow.
    ///
    /// # Panics
    /// If `image` is not less than [`Self::capacity`].
    pub fn run_alone(&mut self, image: usize) -> Result<&[f32], InferenceError> {
        self.network.check_process()?;
        let buffers = present(&mut self.buffers);
        buffers.infer_alone(&self.network, image, &self.options)?;
        Ok(&buffers.scores)
    }

    /// The maximum batch size.
    pub fn capacity(&self) -> usize {
        self.max_batch
    }

    /// The number of values for an image: one a class, or a single one for two classes.
    pub fn classes(&self) -> usize {
        self.network.layout.values
    }

    /// What the trial has found out about the model.
    pub fn trial_report(&self) -> &TrialReport {
        &self.network.report
    }

    /// Whether smaller batches are possible.
    pub(in crate::inference) fn may_run_fewer(&self) -> bool {
        self.network.fixed_batch.is_none() && self.max_batch > 1
    }

    /// Whether the trial was an inference of the maximum batch size.
    pub(in crate::inference) fn has_tried_capacity(&self) -> bool {
        self.network.tried_batch() == self.max_batch
    }

    /// Writes the trial image into the first slot.
    pub(in crate::inference) fn fill_with_sample(&mut self) {
        let network = Arc::clone(&self.network);
        let mut slot = self.slot();
        trial_image::fill(&mut slot, &network.sample.target, network.sample.scale, 0);
    }

    /// Compares the result for the trial image in a batch with its result by itself.
    ///
    /// # Errors
    /// [`InferenceError::BatchDependent`] if they differ by far more than the rounding of kernels for another batch
    /// size.
    pub(in crate::inference) fn check_sample(&self) -> Result<(), InferenceError> {
        let alone = &self.network.sample.scores;
        let in_batch = self.buffers.iter().flat_map(|b| &b.scores);
        let largest = alone.iter().fold(0f32, |max, v| max.max(v.abs()));
        let is_near = |(a, b): (&f32, &f32)| (a - b).abs() <= 0.1 * largest + 1e-3;
        match alone.iter().zip(in_batch).all(is_near) {
            true => Ok(()),
            false => Err(InferenceError::BatchDependent),
        }
    }

    /// The provider that runs the model.
    pub fn provider(&self) -> Provider {
        self.network.provider
    }

    /// Threads of one inference.
    pub fn threads(&self) -> usize {
        self.network.threads
    }
}

impl Backend for Session {
    fn max_batch(&self) -> usize {
        self.capacity()
    }

    fn classes(&self) -> usize {
        self.classes()
    }

    fn slot_of(&mut self, image: usize) -> Slot<'_> {
        self.slot_of(image)
    }

    fn infer(&mut self, images: usize) -> Result<&[f32], InferenceError> {
        self.run_batch(images)
    }

    fn infer_alone(&mut self, image: usize) -> Result<&[f32], InferenceError> {
        self.run_alone(image)
    }

    fn canceler(&self) -> Arc<dyn CancelInference> {
        Arc::new(RunCanceler::new(&self.options))
    }
}

fn present(buffers: &mut Option<Box<Buffers>>) -> &mut Buffers {
    buffers
        .as_deref_mut()
        .expect("an abandoned inference was replaced by new buffers")
}
