// SPDX-License-Identifier: MPL-2.0
//! What the element remembers of its stream.

use std::sync::Arc;

use super::super::model_name::{Missing, ModelNameCheck};
use super::super::time::{self, Timeline};
use super::super::unclassified::{Unclassified, UnclassifiedCheck};
use super::content::Content;
use super::last_classification::{FrameTime, LastClassification};
use super::painter::Painter;
use super::settings::Settings;
use crate::meta::{AnyClassification, Region};

/// The state of a stream, from PAUSED on.
#[derive(Debug, Default)]
pub struct Stream {
    /// Draws on frames of the current caps; `None` before there are any.
    pub painter: Option<Painter>,
    segment: Option<gst::FormattedSegment<gst::ClockTime>>,
    /// The frames' running times, without jumps.
    running_times: Timeline,
    /// The frames' stream times, without jumps.
    stream_times: Timeline,
    last_classification: LastClassification,
    /// Whether any frame was classified.
    unclassified: UnclassifiedCheck,
    /// Whether the classifier that `model-name` names has classified any frame.
    chosen: ModelNameCheck,
}

impl Stream {
    /// Another stream begins. Results of the one before must not be drawn on it.
    pub fn start(&mut self) {
        self.last_classification = LastClassification::default();
    }

    /// Times are from now on those of another segment.
    pub fn set_segment(&mut self, segment: &gst::Segment) {
        let segment = segment.downcast_ref::<gst::ClockTime>().cloned();
        if self.segment != segment {
            // The running time continues.
            self.stream_times.restart();
            let is_backward = segment.as_ref().is_some_and(|s| s.rate() < 0.0);
            self.stream_times.set_backward(is_backward);
            self.segment = segment;
        }
    }

    /// The stream was flushed.
    pub fn flush(&mut self) {
        self.segment = None;
        self.running_times.restart();
        self.stream_times.restart();
        self.last_classification = LastClassification::default();
        self.unclassified.flush();
    }

    /// The stream has ended. Returns what the user should be told about it.
    pub fn end(&mut self) -> (Option<Missing>, Option<Unclassified>) {
        (self.chosen.end(), self.unclassified.end())
    }

    /// Looks whether the classifier called `name` has classified the next frame. Returns what may
    /// be missing.
    pub fn check_model_name(
        &mut self,
        frame: &gst::BufferRef,
        name: Option<&Arc<str>>,
    ) -> Option<Missing> {
        // The last classification is another classifier's.
        if self.chosen.changes(name) {
            self.last_classification = LastClassification::default();
        }
        self.chosen.see(frame)
    }

    /// The user has been told that the named classifier is missing.
    pub fn told_missing(&mut self) {
        self.chosen.told();
    }

    /// Takes the next frame with its classifications, and returns what is to be drawn on it and who
    /// draws it; `None` before there are caps.
    pub fn next_content(
        &mut self,
        frame: &gst::BufferRef,
        found: Option<AnyClassification>,
        regions: &[(Region, Vec<AnyClassification>)],
        settings: &Settings,
    ) -> Option<(&mut Painter, Content)> {
        self.unclassified.see(frame);
        let painter = self.painter.as_mut()?;
        let segment = self.segment.as_ref();
        let duration = time::duration_of(frame, Some(painter.info()));
        let running = segment.and_then(|s| s.to_running_time(frame.pts()));
        let stream = segment.and_then(|s| s.to_stream_time(frame.pts()));
        let running = self.running_times.see(running, duration);
        let stream = self.stream_times.see(stream, duration);
        let now = FrameTime {
            running: running.map(|moment| moment.steady.clock_time()),
            stream: stream.map(|moment| moment.steady.clock_time()),
        };
        let shown = self.last_classification.update(now, found, settings.hold);
        let content = Content::new(shown.as_ref(), regions, settings);
        Some((painter, content))
    }
}
