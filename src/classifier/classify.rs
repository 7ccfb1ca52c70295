// SPDX-License-Identifier: MPL-2.0
//! From a frame to a tensor, and from scores to a result.

use std::sync::Arc;
use std::time::Duration;

use super::convert::{Converted, SharedConversion};
use super::decision::DecisionSample;
use super::error::Error;
use super::layout::{check_layout, uncropped};
use super::names::Names;
use super::options::NameOptions;
use super::plan::Plan;
use super::pool::Pool;
use crate::inference::{CancelToken, Model, Provider};
use crate::meta::{Class, Classification};
use crate::postprocess::{DecisionSettings, confidences, top_k};
use crate::preprocess::{Converter, Picture, Preprocessor, Slot, is_read};
use crate::rect::Rect;
use crate::sync::Mutex;

/// Turns frames into tensors and scores into results. It holds no lock while it computes, so several
/// workers can use it at the same time.
#[derive(Debug)]
pub struct Classifier {
    plan: Plan,
    /// Held only to copy or to replace it.
    names: Mutex<Names>,
    model_name: Arc<str>,
    provider_name: Arc<str>,
    preprocessors: Pool<Preprocessor>,
    converters: Arc<Pool<Converter>>,
}

/// A frame, or a part of it, that is to be classified.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// The frame's memory.
    pub buffer: &'a gst::BufferRef,
    /// Its format and size.
    pub info: &'a gst_video::VideoInfo,
    /// The part that is classified, in pixels of the frame; `None` for the whole frame.
    pub rect: Option<Rect>,
    /// The converted frame that all jobs of this frame share; `None` if it need not be converted.
    pub conversion: Option<&'a SharedConversion>,
}

/// Which part of a model's output becomes a result.
#[derive(Debug, Clone, Copy)]
pub struct ResultOptions {
    /// Maximum number of classes.
    pub top_k: usize,
    /// Minimum confidence of a class, from 0 to 1.
    pub threshold: f32,
    /// How decisions are made.
    pub policy: DecisionSettings,
}

/// The result of one inference, and its sample for the decision.
#[derive(Debug)]
pub struct FrameResult {
    /// The best classes. Its `element` is empty and there is no decision yet.
    pub classification: Classification,
    /// `None` if no decision is made.
    pub sample: Option<DecisionSample>,
}

impl Classifier {
    pub(super) fn new(plan: Plan, names: Names, model: &Model, provider: Provider) -> Self {
        Self {
            plan,
            names: Mutex::new(names),
            model_name: model.source.to_string().into(),
            provider_name: provider.name().into(),
            preprocessors: Pool::default(),
            converters: Arc::default(),
        }
    }

    /// How the model is used: pre-processing, output and activation.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The names in use.
    pub fn names(&self) -> Names {
        self.names.lock().clone()
    }

    pub(super) fn model_name(&self) -> &str {
        &self.model_name
    }

    pub(super) fn provider_name(&self) -> &str {
        &self.provider_name
    }

    /// Replaces the decision rule and keeps the labels and groups in use. `options` is called under
    /// the lock, so that after concurrent calls the newest options are in effect.
    ///
    /// # Errors
    /// If `options` fails, or a name in them is neither a label nor a group.
    pub fn set_decision_rule(
        &self,
        options: impl FnOnce() -> Result<NameOptions, Error>,
    ) -> Result<(), Error> {
        let mut names = self.names.lock();
        let (labels, groups) = (Arc::clone(&names.labels), names.groups.clone());
        *names = Names::new(&options()?, labels, groups)?;
        Ok(())
    }

    /// Reads labels and groups for this classifier and its model, without using them yet.
    ///
    /// # Errors
    /// If a file cannot be read or does not fit the model.
    pub fn read_names(
        &self,
        options: &NameOptions,
        model: &Model,
        cancel: &CancelToken,
    ) -> Result<Names, Error> {
        Ok(Names::read(options, model, &self.plan, cancel)?.0)
    }

    /// Replaces the names in use.
    pub fn set_names(&self, names: Names) {
        *self.names.lock() = names;
    }

    /// Pre-processes a frame, or a part of it, and writes it into its slot of the input tensor.
    ///
    /// # Errors
    /// If the buffer does not hold what its caps promise, or cannot be mapped or converted.
    pub fn fill(&self, frame: Frame<'_>, slot: &mut Slot<'_>) -> Result<(), Error> {
        let Frame { buffer, info, .. } = frame;
        check_layout(buffer, info)?;
        let uncropped = uncropped(buffer, info, frame.rect);
        let (info, rect) = match &uncropped {
            Some((whole, rect)) => (whole, Some(*rect)),
            None => (info, frame.rect),
        };
        if is_read(info.format()) {
            let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, info)
                .map_err(|e| Error::Map(e.message.to_string()))?;
            return self.process(&Picture::from_frame(&frame), info, rect, slot);
        }
        let convert = || Converted::new(buffer, info, &self.converters);
        let converted = match frame.conversion {
            Some(shared) => shared.get(convert)?,
            None => Arc::new(convert()?),
        };
        let converter = converted.converter();
        let frame = converter.frame()?;
        self.process(&Picture::from_frame(&frame), converter.info(), rect, slot)
    }

    fn process(
        &self,
        picture: &Picture<'_>,
        info: &gst_video::VideoInfo,
        rect: Option<Rect>,
        slot: &mut Slot<'_>,
    ) -> Result<(), Error> {
        // A preprocessor for one region is of no use for the next frame, where the object is
        // elsewhere.
        if let Some(rect) = rect {
            let mut preprocessor = Preprocessor::of_part(info, rect, &self.plan.target);
            return Ok(preprocessor.process(picture, slot)?);
        }
        let preprocessor = self.preprocessors.take(info);
        let mut preprocessor =
            preprocessor.unwrap_or_else(|| Preprocessor::new(info, &self.plan.target));
        let result = preprocessor.process(picture, slot);
        self.preprocessors.give(info, preprocessor);
        Ok(result?)
    }

    /// The result for the scores of one picture: one value a class, or a single one for two classes.
    /// `inference` is how long the inference took.
    ///
    /// # Errors
    /// [`Error::NotFinite`] if a score is not finite.
    pub fn result(
        &self,
        scores: &[f32],
        options: ResultOptions,
        inference: Duration,
    ) -> Result<FrameResult, Error> {
        let mut best = Vec::new();
        let scores = &self.plan.scores(scores);
        let activation = self.plan.activation;
        let k = self.plan.max_results.min(options.top_k);
        top_k(scores, activation, k, options.threshold, &mut best)?;
        let Names { labels, rule, .. } = self.names();
        let sample = match rule {
            None => None,
            Some(rule) => {
                let mut all = Vec::with_capacity(scores.len());
                confidences(scores, activation, &mut all)?;
                Some(DecisionSample {
                    rule,
                    confidences: all,
                    policy: options.policy,
                })
            }
        };
        let groups = sample
            .as_ref()
            .map(|s| s.rule.groups(&s.confidences, k, options.threshold));
        let results = best.iter().map(|score| Class {
            index: score.index as i32,
            label: labels.name(score.index),
            confidence: score.confidence,
        });
        let classification = Classification {
            element: Arc::default(),
            model: Arc::clone(&self.model_name),
            provider: Arc::clone(&self.provider_name),
            fresh: true,
            age: Some(gst::ClockTime::ZERO),
            inference_time: gst::ClockTime::try_from(inference).unwrap_or(gst::ClockTime::MAX),
            results: results.collect(),
            groups: groups.unwrap_or_default(),
            decision: None,
        };
        Ok(FrameResult {
            classification,
            sample,
        })
    }
}
