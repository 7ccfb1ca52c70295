// SPDX-License-Identifier: MPL-2.0
//! Frames that say of themselves that they hold no whole picture.

use std::time::{Duration, Instant};

use gst::{BufferFlags, ClockTime};

/// How long there may be nothing else before they are taken all the same: there are decoders that
/// flag every frame of a stream that they do not fully understand.
const PATIENCE: ClockTime = ClockTime::SECOND;

/// A frame after a longer gap does not count for more: one time that jumps is no second of frames.
const LONGEST_STEP: ClockTime = ClockTime::from_mseconds(500);

/// The least that a frame counts for where nothing says how long one is.
const SHORTEST_STEP: ClockTime = ClockTime::from_nseconds(33_333_333);

/// The flags, by the names that users find in GStreamer's documentation.
const FLAGS: [(BufferFlags, &str); 3] = [
    (BufferFlags::CORRUPTED, "CORRUPTED"),
    (BufferFlags::DROPPABLE, "DROPPABLE"),
    (BufferFlags::GAP, "GAP"),
];

/// What a frame is to be taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// A picture.
    Whole,
    /// No picture, or only a part of one.
    Flagged,
    /// The same, and there has been nothing else for so long that it is taken all the same.
    Anyway,
}

/// How long a frame is, as far as that is known.
#[derive(Debug, Clone, Copy, Default)]
pub struct Length {
    /// From the frame before to this one, by their times.
    pub step: Option<ClockTime>,
    /// By what it or its caps say.
    pub duration: Option<ClockTime>,
}

/// Looks at the flags of the frames of a run.
#[derive(Debug)]
pub struct Whole {
    /// How long there have been flagged frames only; none after one without a flag.
    stretch: Option<ClockTime>,
    /// When the newest of them came.
    newest: Option<Instant>,
    /// What they are flagged as.
    flags: BufferFlags,
    /// The user has been told of this stretch.
    is_told: bool,
    /// What is to be told.
    news: Option<String>,
    /// Flagged frames of the stream, as long as none was taken.
    frames: u64,
    /// A frame of the stream was taken.
    has_taken: bool,
}

impl Default for Whole {
    fn default() -> Self {
        Self {
            stretch: None,
            newest: None,
            flags: BufferFlags::empty(),
            is_told: false,
            news: None,
            frames: 0,
            has_taken: false,
        }
    }
}

impl Whole {
    /// Takes the next frame, which came `now`.
    pub fn see(&mut self, frame: &gst::BufferRef, length: Length, now: Instant) -> Verdict {
        let all = FLAGS.iter().map(|(flag, _)| *flag).collect();
        let flags = frame.flags().intersection(all);
        if flags.is_empty() {
            self.stretch = None;
            self.has_taken = true;
            return Verdict::Whole;
        }
        if frame.size() == 0 {
            // There is nothing to see in it, whatever the others are.
            return Verdict::Flagged;
        }
        let waited = self.newest.replace(now).map(|newest| now - newest);
        let stretch = match self.stretch {
            Some(stretch) => stretch.saturating_add(step(length, waited)),
            None => {
                self.flags = BufferFlags::empty();
                self.is_told = false;
                ClockTime::ZERO
            }
        };
        self.stretch = Some(stretch);
        self.flags |= flags;
        if stretch < PATIENCE {
            self.frames = self.frames.saturating_add(1);
            return Verdict::Flagged;
        }
        self.has_taken = true;
        Verdict::Anyway
    }

    /// A frame is inferred though it is flagged.
    pub fn taken(&mut self) {
        if !std::mem::replace(&mut self.is_told, true) {
            self.news = Some(format!(
                "all frames of the last second are flagged {}, so that none of them was \
                 classified. From now on they are, until one comes without such a flag: the \
                 pictures may be damaged, and the answers wrong. See the element before this one \
                 for the reason",
                names(self.flags)
            ));
        }
    }

    /// What the user is to be told now.
    pub fn news(&mut self) -> Option<String> {
        self.news.take()
    }

    /// Another stream begins, or this one anew.
    pub fn restart(&mut self) {
        self.frames = 0;
        self.has_taken = false;
    }

    /// The stream is at its end. Returns what the user is to be told of it.
    pub fn end(&mut self) -> Option<String> {
        let (frames, has_taken) = (self.frames, self.has_taken);
        self.restart();
        if has_taken || frames == 0 {
            return None;
        }
        let what = match frames {
            1 => "the only frame was not classified: it is".to_owned(),
            frames => format!("none of the {frames} frames was classified: all of them are"),
        };
        Some(format!(
            "{what} flagged {}, and the stream has ended before a second of nothing else was over, \
             from which on they are taken. See the element before this one for the reason",
            names(self.flags)
        ))
    }
}

/// How long a frame counts for. One without a time counts for as long as it is said to last, else
/// for as long as it took to come, which is nothing where a file is read.
fn step(length: Length, waited: Option<Duration>) -> ClockTime {
    let some = |time: &ClockTime| !time.is_zero();
    let said = length.step.filter(some).or(length.duration.filter(some));
    let step = said.unwrap_or_else(|| {
        let waited = waited.and_then(|waited| ClockTime::try_from(waited).ok());
        waited.unwrap_or(ClockTime::ZERO).max(SHORTEST_STEP)
    });
    step.min(LONGEST_STEP)
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
    fn patience(length: Length, wait: Duration) -> usize {
        let frame = frame(BufferFlags::CORRUPTED);
        let mut whole = Whole::default();
        let mut now = Instant::now();
        let seen = std::iter::repeat_with(|| {
            now += wait;
            whole.see(&frame, length, now)
        });
        let mut seen = seen.take(1000);
        seen.position(|verdict| verdict == Verdict::Anyway)
            .expect("one is taken")
    }

    /// A second by the frames' times; without them by how long they last; else by the clock, yet
    /// no longer than 30 frames; and a time that jumps ahead is not a second.
    #[test]
    fn a_second() {
        let none = Length::default();
        let step = |ms| Length {
            step: Some(MS(ms)),
            ..none
        };
        let duration = |ms| Length {
            duration: Some(MS(ms)),
            ..none
        };
        assert_eq!(patience(step(40), Duration::ZERO), 25);
        assert_eq!(patience(step(200), Duration::from_secs(9)), 5);
        assert_eq!(patience(step(3_600_000), Duration::ZERO), 2);
        assert_eq!(patience(duration(20), Duration::from_secs(9)), 50);
        assert_eq!(patience(none, Duration::ZERO), 31);
        assert_eq!(patience(none, Duration::from_millis(250)), 4);
        // Times that stand still are none.
        let still = Length {
            step: Some(ClockTime::ZERO),
            duration: Some(MS(50)),
        };
        assert_eq!(patience(still, Duration::ZERO), 20);
    }

    /// One frame without a flag is the end of it, and only another second is told of again. A
    /// frame without contents counts neither way.
    #[test]
    fn a_stretch() {
        let now = Instant::now();
        let length = Length {
            step: Some(MS(100)),
            duration: None,
        };
        let (bad, good) = (frame(BufferFlags::DROPPABLE), frame(BufferFlags::MARKER));
        let mut empty = gst::Buffer::new();
        empty.make_mut().set_flags(BufferFlags::GAP);
        let mut whole = Whole::default();
        for _ in 0..2 {
            for _ in 0..10 {
                assert_eq!(whole.see(&bad, length, now), Verdict::Flagged);
                assert_eq!(whole.see(&empty, length, now), Verdict::Flagged);
            }
            for i in 0..3 {
                assert_eq!(whole.see(&bad, length, now), Verdict::Anyway);
                assert_eq!(whole.see(&empty, length, now), Verdict::Flagged);
                whole.taken();
                let news = whole.news();
                assert_eq!(news.is_some(), i == 0);
                assert!(news.is_none_or(|news| news.contains("flagged DROPPABLE,")));
            }
            assert_eq!(whole.see(&good, length, now), Verdict::Whole);
        }
    }

    /// A stream that ends before its second is over has its reason told at the end.
    #[test]
    fn ends_early() {
        let mut whole = Whole::default();
        assert_eq!(whole.end(), None);
        let flags = BufferFlags::CORRUPTED | BufferFlags::GAP;
        for _ in 0..3 {
            whole.see(&frame(flags), Length::default(), Instant::now());
        }
        let text = whole.end().expect("a reason");
        assert!(text.starts_with("none of the 3 frames"), "{text}");
        assert!(text.contains("flagged CORRUPTED or GAP,"), "{text}");
        assert_eq!(whole.end(), None, "it was said");
        whole.see(&frame(flags), Length::default(), Instant::now());
        whole.see(
            &frame(BufferFlags::empty()),
            Length::default(),
            Instant::now(),
        );
        assert_eq!(whole.end(), None);
    }
}
