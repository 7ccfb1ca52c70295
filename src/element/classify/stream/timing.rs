// SPDX-License-Identifier: MPL-2.0
//! The times of frames that arrive and leave, and of their stay in the element.

use std::time::Instant;

use super::super::super::time::{Timeline, TimelinePoint, Timestamp, duration_of};
use super::super::settings::FrameSettings;
use super::flagged::{FlagCheck, FlaggedFrames, FrameLength};
use super::latency::Latency;
use super::rate::Rate;

/// The time of a frame, and whether its flags allow an inference.
#[derive(Debug, Clone, Copy)]
pub struct FrameTime {
    /// Without jumps; `None` if the frame has no timestamp.
    pub moment: Option<TimelinePoint>,
    /// With its timestamp.
    pub when: Timestamp,
    /// Whether its flags allow an inference.
    pub flag_check: FlagCheck,
}

/// The times of a stream.
#[derive(Debug, Default)]
pub struct Timing {
    timeline: Timeline,
    rate: Rate,
    /// Frames that are flagged as damaged.
    pub flagged: FlaggedFrames,
    /// Segment of the frames that come.
    arriving: Option<gst::Segment>,
    /// Segment of the frames that leave.
    pub leaving: Option<gst::FormattedSegment<gst::ClockTime>>,
    /// How long frames stay in the element.
    pub latency: Latency,
    /// Whether the pipeline is live, as far as is known.
    pub is_live: Option<bool>,
    /// When the last QOS message was posted.
    pub last_qos: Option<Instant>,
}

impl Timing {
    /// Takes the next frame, which came at `arrived`.
    pub fn frame(
        &mut self,
        buffer: &gst::BufferRef,
        info: &gst_video::VideoInfo,
        arrived: Instant,
    ) -> FrameTime {
        let pts = buffer.pts();
        let duration = duration_of(buffer, Some(info));
        let moment = self.timeline.see(pts, duration);
        let length = FrameLength {
            step: moment.map(|moment| moment.step),
            duration,
        };
        FrameTime {
            moment,
            when: Timestamp {
                pts,
                steady: moment.map(|moment| moment.steady),
            },
            flag_check: self.flagged.frame(buffer, length, arrived),
        }
    }

    /// Whether this frame, of which something is due, is to be inferred.
    pub fn chooses(&mut self, time: FrameTime, settings: &FrameSettings) -> bool {
        let FrameSettings {
            interval, max_rate, ..
        } = *settings;
        let is_chosen = time.flag_check != FlagCheck::Skip
            && self.rate.chooses(time.moment, interval, max_rate);
        if is_chosen && time.flag_check == FlagCheck::InferAnyway {
            self.flagged.inferred();
        }
        is_chosen
    }

    /// Counts a frame of which nothing is due.
    pub fn skip(&mut self, settings: &FrameSettings) {
        self.rate.skip(settings.interval);
    }

    /// Sets the minimum time between two inferred frames, as requested by downstream.
    pub fn throttle(&mut self, spacing: Option<gst::ClockTime>) {
        self.rate.throttle(spacing);
    }

    /// Takes the segment of the frames that come. Returns whether it is another than before: some
    /// sources repeat theirs.
    pub fn arrives(&mut self, segment: &gst::Segment) -> bool {
        self.is_live = None;
        if self.arriving.as_ref() == Some(segment) {
            return false;
        }
        self.reset_schedule();
        self.timeline.set_backward(segment.rate() < 0.0);
        self.arriving = Some(segment.clone());
        true
    }

    /// Takes the segment of the frames that leave. Returns whether it is another than before.
    pub fn leaves(&mut self, segment: &gst::Segment) -> bool {
        let segment = segment.downcast_ref().cloned();
        let is_new = self.leaving != segment;
        self.leaving = segment;
        is_new
    }

    /// Clears the segment of the frames that arrive.
    pub fn clear_segment(&mut self) {
        self.arriving = None;
    }

    /// Resets the timeline and the rate: the next frame is inferred.
    pub fn reset_schedule(&mut self) {
        self.timeline.restart();
        self.rate.reset();
    }
}
