// SPDX-License-Identifier: MPL-2.0
//! A frame, or a region of it, on its way through the engine.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::settings::FrameSettings;
use super::stream::{JobResult, Stream, Ticket};
use super::tracks::{SceneFrame, Target};
use crate::classifier::{Classifier, Error, Frame, SharedConversion};
use crate::inference::{InferenceError, InferenceTimes, Job};
use crate::preprocess::{ConvertError, Slot};

/// A part of a frame that is to be classified.
#[derive(Debug)]
pub struct FrameJob {
    pub stream: Arc<Stream>,
    pub classifier: Arc<Classifier>,
    pub settings: FrameSettings,
    pub info: Arc<gst_video::VideoInfo>,
    /// The frame; `None` once it is in the tensor.
    pub buffer: Option<gst::Buffer>,
    /// The converted frame that all jobs of the frame share; `None` if it need not be converted.
    pub conversion: Option<Arc<SharedConversion>>,
    pub ticket: Ticket,
    pub target: Target,
    /// The frame is flagged as damaged.
    pub is_flagged: bool,
    pub preprocess: Duration,
    pub is_delivered: bool,
}

impl FrameJob {
    fn deliver(&mut self, result: JobResult) {
        self.is_delivered = true;
        self.stream.deliver(self.ticket, &self.target, result);
    }

    /// Fills the tensor. Returns false if the frame looks like the last inferred one.
    fn fill_slot(&self, buffer: &gst::BufferRef, slot: &mut Slot<'_>) -> Result<bool, Error> {
        let region = self.target.region.as_ref();
        let frame = Frame {
            buffer,
            info: &self.info,
            rect: region.map(|region| region.rect),
            conversion: self.conversion.as_deref(),
        };
        self.classifier.fill(frame, slot)?;
        if region.is_some() {
            return Ok(true);
        }
        let mut scene = self.target.track.scene.lock();
        let limit = self.settings.skip_still;
        if limit <= 0.0 {
            // The tensor that was kept does not belong to the results that follow.
            scene.clear();
            return Ok(true);
        }
        let frame = SceneFrame {
            number: self.ticket.number,
            time: self.ticket.when.steady,
        };
        let target = &self.classifier.plan().target;
        let max_age = self.settings.skip_still_max;
        Ok(!scene.is_static(slot, target, frame, limit, max_age))
    }
}

/// Whether a frame that is flagged as damaged is expected to fail with this error.
fn is_expected_of_flagged(error: &Error) -> bool {
    matches!(
        error,
        Error::Map(_)
            | Error::Frame(_)
            | Error::Convert(ConvertError::Short { .. })
            | Error::Layout { .. }
    )
}

impl Job for FrameJob {
    fn fill(&mut self, slot: &mut Slot<'_>) -> bool {
        let Some(buffer) = self.buffer.take() else {
            return false;
        };
        let begun = Instant::now();
        self.stream.started(self.ticket, &self.target);
        let filled = self.fill_slot(&buffer, slot);
        // Before the result is delivered: the stream may then have the only reference.
        drop(buffer);
        self.conversion = None;
        self.preprocess = begun.elapsed();
        let result = match filled {
            Ok(true) => return true,
            Ok(false) => JobResult::Static,
            Err(error) if self.is_flagged && is_expected_of_flagged(&error) => JobResult::Unusable,
            Err(error) => JobResult::Failed(error),
        };
        self.deliver(result);
        false
    }

    fn done(mut self: Box<Self>, scores: Result<&[f32], InferenceError>, times: InferenceTimes) {
        let result = scores.map_err(Error::from).and_then(|scores| {
            let options = self.settings.result_options();
            self.classifier.result(scores, options, times.inference)
        });
        let result = match result {
            Ok(result) => {
                let total = self.ticket.arrived.elapsed();
                self.stream.record(self.preprocess, times, total);
                JobResult::Result(Box::new(result))
            }
            Err(error) => JobResult::Failed(error),
        };
        self.deliver(result);
    }
}

impl Drop for FrameJob {
    fn drop(&mut self) {
        if !self.is_delivered {
            self.deliver(JobResult::Dropped);
        }
    }
}
