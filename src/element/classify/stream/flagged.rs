// SPDX-License-Identifier: MPL-2.0
//! Frames that are flagged as damaged: they are not inferred, unless there is nothing else.

use std::time::{Duration, Instant};

use gst::{BufferFlags, ClockTime};

/// After this much time with only flagged frames they are inferred anyway: some decoders flag every
/// frame of a stream that they do not fully support.
const INFER_ANYWAY_AFTER: ClockTime = ClockTime::SECOND;

/// Maximum time that one frame counts for, so that a jump of the timestamps does not count as a second.
const MAX_STEP: ClockTime = ClockTime::from_mseconds(500);

/// Minimum time that a frame counts for if its duration is unknown.
const MIN_STEP: ClockTime = ClockTime::from_nseconds(33_333_333);

/// The flags, by the names that users find in GStreamer's documentation.
const FLAGS: [(BufferFlags, &str); 3] = [
    (BufferFlags::CORRUPTED, "CORRUPTED"),
    (BufferFlags::DROPPABLE, "DROPPABLE"),
    (BufferFlags::GAP, "GAP"),
];

/// Whether a frame is inferred, by its flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlagCheck {
    /// It is not flagged.
    Unflagged,
    /// It is flagged and not inferred.
    Skip,
    /// It is flagged and inferred, because all frames have been flagged for a while.
    InferAnyway,
}

/// How long a frame is, as far as that is known.
#[derive(Debug, Clone, Copy, Default)]
pub struct FrameLength {
    /// From the timestamp of the frame before to its own.
    pub step: Option<ClockTime>,
    /// From the buffer's duration or the caps.
    pub duration: Option<ClockTime>,
}

/// The flagged frames of a stream.
#[derive(Debug)]
pub struct FlaggedFrames {
    /// How long there have been flagged frames only; none after a frame without a flag.
    stretch: Option<ClockTime>,
    /// When the newest of them came.
    newest: Option<Instant>,
    /// The flags that they have.
    flags: BufferFlags,
    /// The user has been warned of this stretch.
    is_warned: bool,
    /// The warning to post, if any.
    warning: Option<String>,
    /// Flagged frames of the stream, as long as none could be inferred.
    frames: u64,
    /// A frame of the stream could be inferred.
    has_usable: bool,
}

impl Default for FlaggedFrames {
    fn default() -> Self {
        Self {
            stretch: None,
            newest: None,
            flags: BufferFlags::empty(),
            is_warned: false,
            warning: None,
            frames: 0,
            has_usable: false,
        }
    }
}

impl FlaggedFrames {
    /// Takes the next frame, which came `now`.
    pub fn frame(
        &mut self,
        frame: &gst::BufferRef,
        length: FrameLength,
        now: Instant,
    ) -> FlagCheck {
        let all = FLAGS.iter().map(|(flag, _)| *flag).collect();
        let flags = frame.flags().intersection(all);
        if flags.is_empty() {
            self.stretch = None;
            self.has_usable = true;
            return FlagCheck::Unflagged;
        }
        if frame.size() == 0 {
            // An empty buffer cannot be inferred, whatever the other frames are.
            return FlagCheck::Skip;
        }
        let waited = self.newest.replace(now).map(|newest| now - newest);
        let stretch = match self.stretch {
            Some(stretch) => stretch.saturating_add(step(length, waited)),
            None => {
                self.flags = BufferFlags::empty();
                self.is_warned = false;
                ClockTime::ZERO
            }
        };
        self.stretch = Some(stretch);
        self.flags |= flags;
        if stretch < INFER_ANYWAY_AFTER {
            self.frames = self.frames.saturating_add(1);
            return FlagCheck::Skip;
        }
        self.has_usable = true;
        FlagCheck::InferAnyway
    }

    /// Notes that a frame is inferred though it is flagged.
    pub fn inferred(&mut self) {
        if !std::mem::replace(&mut self.is_warned, true) {
            self.warning = Some(format!(
                "all frames of the last second are flagged {}, so none of them was classified. \
                 From now on they are classified until a frame without such a flag arrives: the \
                 pictures may be damaged and the results wrong. Look for the reason in the elements \
                 upstream",
                names(self.flags)
            ));
        }
    }

    /// The warning to post now, if any.
    pub fn warning(&mut self) -> Option<String> {
        self.warning.take()
    }

    /// Resets the counts of frames, for another stream or after a flush.
    pub fn reset_counters(&mut self) {
        self.frames = 0;
        self.has_usable = false;
    }

    /// Ends the stream. Returns the warning to post, if any.
    pub fn end(&mut self) -> Option<String> {
        let (frames, has_usable) = (self.frames, self.has_usable);
        self.reset_counters();
        if has_usable || frames == 0 {
            return None;
        }
        let what = match frames {
            1 => "the only frame was not classified: it is".to_owned(),
            frames => format!("none of the {frames} frames was classified: all of them are"),
        };
        Some(format!(
            "{what} flagged {}, and the stream ended within the second after which flagged frames \
             are classified anyway. Look for the reason in the elements upstream",
            names(self.flags)
        ))
    }
}

/// How long a frame counts for: by its timestamp, else by its duration, else by the time since the
/// previous frame arrived, which is almost nothing if a file is read.
fn step(length: FrameLength, waited: Option<Duration>) -> ClockTime {
    let some = |time: &ClockTime| !time.is_zero();
    let said = length.step.filter(some).or(length.duration.filter(some));
    let step = said.unwrap_or_else(|| {
        let waited = waited.and_then(|waited| ClockTime::try_from(waited).ok());
        waited.unwrap_or(ClockTime::ZERO).max(MIN_STEP)
    });
    step.min(MAX_STEP)
}

fn names(flags: BufferFlags) -> String {
    let set = FLAGS.iter().filter(|(flag, _)| flags.contains(*flag));
    let names: Vec<_> = set.map(|(_, name)| *name).collect();
    names.join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> ClockTime = ClockTime::from_mseconds;

    fn frame(flags: BufferFlags) -> gst::Buffer {
        gst::init().expect("GStreamer");
        let mut frame = gst::Buffer::from_slice([0u8; 3]);
        frame.make_mut().set_flags(flags);
        frame
    }

    /// How many flagged frames it takes until one is taken.
    fn frames_until_inferred(length: FrameLength, wait: Duration) -> usize {
        let frame = frame(BufferFlags::CORRUPTED);
        let mut flagged = FlaggedFrames::default();
        let mut now = Instant::now();
        let seen = std::iter::repeat_with(|| {
            now += wait;
            flagged.frame(&frame, length, now)
        });
        let mut seen = seen.take(1000);
        seen.position(|flag_check| flag_check == FlagCheck::InferAnyway)
            .expect("one is taken")
    }

    /// A second by the frames' times; without them by how long they last; else by the clock, yet
    /// no longer than 30 frames; and a time that jumps ahead is not a second.
    #[test]
    fn a_second() {
        let none = FrameLength::default();
        let step = |ms| FrameLength {
            step: Some(MS(ms)),
            ..none
        };
        let duration = |ms| FrameLength {
            duration: Some(MS(ms)),
            ..none
        };
        assert_eq!(frames_until_inferred(step(40), Duration::ZERO), 25);
        assert_eq!(frames_until_inferred(step(200), Duration::from_secs(9)), 5);
        assert_eq!(frames_until_inferred(step(3_600_000), Duration::ZERO), 2);
        assert_eq!(
            frames_until_inferred(duration(20), Duration::from_secs(9)),
            50
        );
        assert_eq!(frames_until_inferred(none, Duration::ZERO), 31);
        assert_eq!(frames_until_inferred(none, Duration::from_millis(250)), 4);
        // Timestamps that do not advance are ignored.
        let still = FrameLength {
            step: Some(ClockTime::ZERO),
            duration: Some(MS(50)),
        };
        assert_eq!(frames_until_inferred(still, Duration::ZERO), 20);
    }

    /// A frame without a flag resets the time, and the next second is reported again. Empty frames do
    /// not count.
    #[test]
    fn a_stretch() {
        let now = Instant::now();
        let length = FrameLength {
            step: Some(MS(100)),
            duration: None,
        };
        let (bad, good) = (frame(BufferFlags::DROPPABLE), frame(BufferFlags::MARKER));
        let mut empty = gst::Buffer::new();
        empty.make_mut().set_flags(BufferFlags::GAP);
        let mut flagged = FlaggedFrames::default();
        for _ in 0..2 {
            for _ in 0..10 {
                assert_eq!(flagged.frame(&bad, length, now), FlagCheck::Skip);
                assert_eq!(flagged.frame(&empty, length, now), FlagCheck::Skip);
            }
            for i in 0..3 {
                assert_eq!(flagged.frame(&bad, length, now), FlagCheck::InferAnyway);
                assert_eq!(flagged.frame(&empty, length, now), FlagCheck::Skip);
                flagged.inferred();
                let warning = flagged.warning();
                assert_eq!(warning.is_some(), i == 0);
                assert!(warning.is_none_or(|warning| warning.contains("flagged DROPPABLE,")));
            }
            assert_eq!(flagged.frame(&good, length, now), FlagCheck::Unflagged);
        }
    }

    /// For a stream of less than a second the reason is reported at the end.
    #[test]
    fn ends_early() {
        let mut flagged = FlaggedFrames::default();
        assert_eq!(flagged.end(), None);
        let flags = BufferFlags::CORRUPTED | BufferFlags::GAP;
        for _ in 0..3 {
            flagged.frame(&frame(flags), FrameLength::default(), Instant::now());
        }
        let text = flagged.end().expect("a reason");
        assert!(text.starts_with("none of the 3 frames"), "{text}");
        assert!(text.contains("flagged CORRUPTED or GAP,"), "{text}");
        assert_eq!(flagged.end(), None, "it was said");
        flagged.frame(&frame(flags), FrameLength::default(), Instant::now());
        flagged.frame(
            &frame(BufferFlags::empty()),
            FrameLength::default(),
            Instant::now(),
        );
        assert_eq!(flagged.end(), None);
    }
}
