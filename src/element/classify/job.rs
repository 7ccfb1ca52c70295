// SPDX-License-Identifier: MPL-2.0
//! A frame, or a region of it, on its way through the engine.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::time::When;
use super::classifier::{Classifier, Look};
use super::convert::Shared;
use super::error::Error;
use super::settings::FrameSettings;
use super::stream::{Outcome, Stream};
use super::subject::Part;
use crate::inference::{Job, RunError, RunTimes};
use crate::preprocess::{ConvertError, Slot};

/// A part of a frame that is to be classified.
#[derive(Debug)]
pub struct FrameJob {
    pub stream: Arc<Stream>,
    pub classifier: Arc<Classifier>,
    pub settings: FrameSettings,
    pub info: Arc<gst_video::VideoInfo>,
    /// Until it is in the tensor.
    pub buffer: Option<gst::Buffer>,
    /// The same of all jobs of this frame, where it has to be converted.
    pub shared: Option<Arc<Shared>>,
    pub ticket: Ticket,
    pub part: Part,
    /// Its frame says that it holds no whole picture.
    pub is_flagged: bool,
    pub preprocess: Duration,
    pub is_answered: bool,
}

/// Which job it is.
#[derive(Debug, Clone, Copy)]
pub struct Ticket {
    /// A flush and the like make a new generation; answers for an old one are nobody's.
    pub generation: u64,
    /// Counts the jobs that were handed over.
    pub number: u64,
    pub when: When,
    pub arrived: Instant,
}

impl FrameJob {
    fn deliver(&mut self, outcome: Outcome) {
        self.is_answered = true;
        self.stream.deliver(self.ticket, &self.part, outcome);
    }
}

impl Job for FrameJob {
    fn fill(&mut self, slot: &mut Slot<'_>) -> bool {
        let Some(buffer) = self.buffer.take() else {
            return false;
        };
        let begun = Instant::now();
        self.stream.taken(self.ticket, &self.part);
        let look = Look {
            buffer: &buffer,
            info: &self.info,
            part: &self.part,
            number: self.ticket.number,
            steady: self.ticket.when.steady,
            shared: self.shared.as_deref(),
        };
        let filled = self.classifier.fill(look, &self.settings, slot);
        // Before anybody is told: the stream may then have the only reference.
        drop(buffer);
        self.shared = None;
        self.preprocess = begun.elapsed();
        match filled {
            Ok(true) => true,
            Ok(false) => {
                self.deliver(Outcome::Still);
                false
            }
            // It has not claimed to hold more.
            Err(
                Error::Map(_)
                | Error::Frame(_)
                | Error::Convert(ConvertError::Short { .. })
                | Error::Layout { .. },
            ) if self.is_flagged => {
                self.deliver(Outcome::Unusable);
                false
            }
            Err(error) => {
                self.deliver(Outcome::Failed(error));
                false
            }
        }
    }

    fn done(mut self: Box<Self>, outcome: Result<&[f32], RunError>, run: RunTimes) {
        let answer = outcome.map_err(Error::from).and_then(|scores| {
            self.classifier
                .answer(scores, &self.settings, run.inference)
        });
        let outcome = match answer {
            Ok(answer) => {
                let total = self.ticket.arrived.elapsed();
                self.stream.record(self.preprocess, run, total);
                Outcome::Answer(Box::new(answer))
            }
            Err(error) => Outcome::Failed(error),
        };
        self.deliver(outcome);
    }
}

impl Drop for FrameJob {
    fn drop(&mut self) {
        if !self.is_answered {
            self.deliver(Outcome::Dropped);
        }
    }
}
