// SPDX-License-Identifier: MPL-2.0
//! Results, and the tracks that they are of.

use std::sync::Arc;

use super::super::super::time::Timestamp;
use super::super::tracks::{Target, Tracks};
use super::keywords::Keywords;
use crate::classifier::{Error, FrameResult};
use crate::meta::Classification;

/// A result that came after its frame had left (mode live).
#[derive(Debug)]
pub struct LateResult {
    /// The result.
    pub classification: Classification,
    /// What it is of.
    pub target: Target,
    /// The frame's timestamp.
    pub pts: Option<gst::ClockTime>,
}

/// The results of a stream: its tracks, and what is still to be posted.
#[derive(Debug, Default)]
pub struct Results {
    /// Name of the element, which each result carries.
    pub element: Arc<str>,
    /// The whole frame, and the objects that regions show.
    pub tracks: Tracks,
    /// The labels of all decisions so far.
    pub keywords: Keywords,
    late: Vec<LateResult>,
    failure: Option<Error>,
}

impl Results {
    /// Takes the result of a job, and returns it with the decision after it. `None` if its track has a
    /// newer result.
    pub fn take(
        &mut self,
        mut result: FrameResult,
        target: &Target,
        number: u64,
        when: Timestamp,
        segment: Option<&gst::FormattedSegment<gst::ClockTime>>,
    ) -> Option<Classification> {
        result.classification.element = Arc::clone(&self.element);
        let time = segment.and_then(|s| s.to_stream_time(when.pts));
        let speed = segment.map_or(1.0, |s| s.applied_rate().abs());
        let mut state = target.track.state();
        state.take(result, number, when, (time, speed))
    }

    /// Keeps a result whose frame has left, for the next frame's thread to post.
    pub fn add_late(&mut self, classification: Classification, target: &Target, when: Timestamp) {
        self.late.push(LateResult {
            classification,
            target: target.clone(),
            pts: when.pts,
        });
    }

    /// Keeps the error of a frame that has left.
    pub fn fail_late(&mut self, error: Error) {
        self.failure = Some(error);
    }

    /// The results that came late since the last call, and the error of one that failed.
    pub fn take_late(&mut self) -> (Vec<LateResult>, Option<Error>) {
        (std::mem::take(&mut self.late), self.failure.take())
    }

    /// Drops late results and errors: they are from before a flush or a new segment.
    pub fn drop_late(&mut self) {
        self.late.clear();
        self.failure = None;
    }

    /// The tag event for those decisions that are new to the stream.
    pub fn tags(&mut self, results: &[(Target, Classification)]) -> Option<gst::Event> {
        let decisions = results.iter().filter_map(|(_, c)| c.decision.as_ref());
        // Each event has all keywords before it.
        let events = decisions.filter_map(|decision| self.keywords.add(decision));
        events.last()
    }
}
