// SPDX-License-Identifier: MPL-2.0
//! Times: of the frames that come, of those that leave, and of the frames' stay in between.

use std::time::Instant;

use super::super::super::time::{Timeline, TimelinePoint, Timestamp, duration_of};
use super::super::settings::FrameSettings;
use super::flagged::{FlaggedFrames, FrameLength, Verdict};
use super::latency::Latency;
use super::rate::Rate;

/// When a frame is, and whether it holds a picture.
#[derive(Debug, Clone, Copy)]
pub struct FrameTime {
    /// Without jumps; none where the frame has no timestamp.
    pub moment: Option<TimelinePoint>,
    /// With its timestamp.
    pub when: Timestamp,
    /// What its flags say.
    pub verdict: Verdict,
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
            verdict: self.flagged.frame(buffer, length, arrived),
        }
    }

    /// Whether this frame, of which something is due, is to be inferred.
    pub fn chooses(&mut self, time: FrameTime, settings: &FrameSettings) -> bool {
        let FrameSettings {
            interval, max_rate, ..
        } = *settings;
        let is_chosen =
            time.verdict != Verdict::Flagged && self.rate.chooses(time.moment, interval, max_rate);
        if is_chosen && time.verdict == Verdict::InferAnyway {
            self.flagged.inferred();
        }
        is_chosen
    }

    /// Counts a frame of which nothing is due.
    pub fn skip(&mut self, settings: &FrameSettings) {
        self.rate.skip(settings.interval);
    }

    /// Sets the minimum time between two inferred frames that downstream asks for.
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
        self.restart();
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

    /// Forgets the segment of the frames that come.
    pub fn forget_segment(&mut self) {
        self.arriving = None;
    }

    /// Restarts for the frames that come: the next one is inferred.
    pub fn restart(&mut self) {
        self.timeline.restart();
        self.rate.reset();
    }
}
