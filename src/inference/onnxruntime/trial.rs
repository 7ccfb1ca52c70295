// SPDX-License-Identifier: MPL-2.0
//! The trial inferences of a model, before it is used.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use ort::session::RunOptions;

use super::canceler::RunCanceler;
use super::input::{InputTensor, bytes_of};
use super::limits::TimeLimits;
use super::output_choice::{OutputRequest, choose, is_in_doubt};
use super::output_layout::OutputLayout;
use super::output_tensor::{OutputTensor, infer_all};
use super::trial_image::PixelScale;
use crate::inference::backend::CancelInference as _;
use crate::inference::cancel::CancelToken;
use crate::inference::error::InferenceError;
use crate::inference::memory_limit::{TensorMemory, check_classes};
use crate::inference::model::{Model, TrialReport};
use crate::inference::provider::Provider;
use crate::inference::timeout::with_timeout;
use crate::preprocess::{ElementType, Layout, Target};

/// What the trial of a model has found out.
pub(super) struct TrialResult {
    pub report: TrialReport,
    pub layout: OutputLayout,
    pub sample: Sample,
    /// The input's shape with which the model runs.
    pub shape: [usize; 4],
}

/// A trial image and its result.
#[derive(Debug)]
pub(super) struct Sample {
    pub scale: PixelScale,
    pub target: Target,
    /// One value a class.
    pub scores: Vec<f32>,
}

/// Tries a model. Also returns its session.
///
/// # Errors
/// [`InferenceError`].
pub(super) fn try_model(
    session: ort::session::Session,
    model: &Model,
    provider: Provider,
    cancel: &CancelToken,
) -> Result<(ort::session::Session, TrialResult), InferenceError> {
    let trial = Trial {
        session: Some(session),
        model,
        limit: TimeLimits::of(provider).inference,
        cancel,
    };
    trial.with_all_shapes()
}

/// A session that is being tried.
struct Trial<'t> {
    /// `None` during an inference.
    session: Option<ort::session::Session>,
    model: &'t Model,
    /// The time limit of one inference.
    limit: Duration,
    cancel: &'t CancelToken,
}

impl Trial<'_> {
    /// One inference within the time limit. The outer error ends the trial.
    fn infer(
        &mut self,
        input: InputTensor,
    ) -> Result<(InputTensor, Result<Vec<OutputTensor>, InferenceError>), InferenceError> {
        let options = Arc::new(RunOptions::new()?);
        let canceler = RunCanceler::new(&options);
        let on_cancel = canceler.clone();
        self.cancel.on_cancel(move || on_cancel.cancel());
        let Some(mut session) = self.session.take() else {
            return Err(InferenceError::Failed("the session is gone".into()));
        };
        let name = self.model.signature.input.clone();
        let work = move |_: &_| {
            let outputs = infer_all(&mut session, &name, &input, &options);
            (session, input, outputs)
        };
        let done = with_timeout(self.limit, self.cancel, || canceler.cancel(), work)?;
        let (session, input, outputs) = done.value;
        self.session = Some(session);
        match outputs {
            Err(_) if done.timed_out => Err(InferenceError::TimedOut(self.limit)),
            Err(_) if self.cancel.is_cancelled() => {
                Err(InferenceError::Failed("it was cancelled".into()))
            }
            outputs => Ok((input, outputs)),
        }
    }

    /// Tries the model with this input shape, on one scale of pixels after the other until all its
    /// values are finite. The outer error ends the trial; after the inner one another shape is tried.
    fn with_shape(
        &mut self,
        input_layout: Layout,
        shape: [usize; 4],
    ) -> Result<Result<TrialResult, InferenceError>, InferenceError> {
        let (model, batch) = (self.model, shape[0]);
        let target = Target {
            layout: input_layout,
            ..model.target()
        };
        let request = OutputRequest {
            output: model.overrides.output.as_deref(),
            labels: model.overrides.labels.or(model.contract.labels_count()),
        };
        let signature = &model.signature;
        let mut input = InputTensor::grey(target.element, shape.map(|d| d as i64))?;
        let mut not_finite = None;
        for scale in PixelScale::ALL {
            input.fill(&target, batch, scale, 0);
            let outputs;
            (input, outputs) = self.infer(input)?;
            let outputs = match outputs {
                // The error of the first scale says more.
                Err(error) => return Ok(Err(not_finite.unwrap_or(error))),
                Ok(outputs) => outputs,
            };
            let mut runs = vec![outputs];
            let (mut report, layout) = match choose(signature, request, &runs, batch) {
                Err(error) => return Ok(Err(not_finite.unwrap_or(error))),
                Ok(chosen) => chosen,
            };
            check_classes(layout.values as u64)?;
            let scores = layout.scores(&runs[0], batch)?;
            if let Some(wrong) = scores.iter().position(|v| !v.is_finite()) {
                not_finite.get_or_insert(InferenceError::NotFinite {
                    class: wrong % layout.values,
                    value: scores[wrong],
                });
                if target.element == ElementType::U8 {
                    break;
                }
                continue;
            }
            if is_in_doubt(signature, &runs, batch) {
                for image in 1..TRIAL_IMAGES {
                    input.fill(&target, batch, scale, image);
                    let outputs;
                    (input, outputs) = self.infer(input)?;
                    runs.extend(outputs);
                }
                if let Ok((surer, _)) = choose(signature, request, &runs, batch)
                    && surer.output == report.output
                {
                    report = surer;
                }
            }
            report.layout = input_layout;
            let scores = scores[..layout.values].to_vec();
            return Ok(Ok(TrialResult {
                report,
                layout,
                shape,
                sample: Sample {
                    scale,
                    target,
                    scores,
                },
            }));
        }
        Err(not_finite.expect("at least one scale was tried"))
    }

    /// Tries the model with each shape that its input may have. Also returns the session.
    fn with_all_shapes(mut self) -> Result<(ort::session::Session, TrialResult), InferenceError> {
        let signature = &self.model.signature;
        let (h, w) = (self.model.height as usize, self.model.width as usize);
        let declared = signature.classes().unwrap_or(0);
        check_classes(declared)?;
        let element = bytes_of(signature.element);
        let memory = TensorMemory::new(3 * h * w, element, declared as usize, 4);
        let layouts: &[Layout] = match (signature.is_layout_known, signature.layout) {
            (true, Layout::Nchw) => &[Layout::Nchw],
            (true, Layout::Nhwc) => &[Layout::Nhwc],
            (false, Layout::Nchw) => &[Layout::Nchw, Layout::Nhwc],
            (false, Layout::Nhwc) => &[Layout::Nhwc, Layout::Nchw],
        };
        let batches: Vec<u64> = match signature.batch {
            Some(batch) => vec![batch],
            None => {
                let mut batches = vec![1];
                batches.extend(&signature.likely_batches);
                batches.extend(COMMON_BATCHES);
                let mut seen = HashSet::new();
                batches.retain(|batch| seen.insert(*batch));
                batches
            }
        };
        let mut first = None;
        for (i, batch) in batches.into_iter().enumerate() {
            match memory.check(batch, signature.batch.is_some(), 1) {
                Err(error) if i == 0 => return Err(error),
                Err(_) => continue,
                Ok(()) => {}
            }
            let batch = batch as usize;
            for layout in layouts {
                let shape = match layout {
                    Layout::Nchw => [batch, 3, h, w],
                    Layout::Nhwc => [batch, h, w, 3],
                };
                match self.with_shape(*layout, shape)? {
                    Err(error) => {
                        first.get_or_insert(error);
                    }
                    Ok(mut result) => {
                        if i > 0 {
                            result.report.fixed_batch = Some(batch);
                        }
                        let session = self.session.take();
                        let session = session.expect("it is back after each inference");
                        return Ok((session, result));
                    }
                }
            }
        }
        Err(first.expect("at least one shape was tried"))
    }
}

/// The number of images that are tried if only the values tell what they mean.
const TRIAL_IMAGES: usize = 3;

/// Batch sizes that graphs are commonly exported with.
const COMMON_BATCHES: [u64; 5] = [2, 4, 8, 16, 32];
