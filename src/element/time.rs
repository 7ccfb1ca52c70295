// SPDX-License-Identifier: MPL-2.0
//! Timestamps without jumps, from the timestamps of a stream.

use gst::ClockTime;

/// A time from a property in nanoseconds. The maximum number means "none" in GStreamer, and one less
/// is practically the same.
pub fn clock_time(nanoseconds: u64) -> ClockTime {
    ClockTime::from_nseconds(nanoseconds.min(ClockTime::MAX.nseconds()))
}

/// How many frames in a row may be late through reordering; more are a jump.
const MAX_REORDERED: u32 = 8;

/// The frame duration if neither the frame nor an earlier step tells it.
const DEFAULT_STEP: ClockTime = ClockTime::from_nseconds(33_333_333);

/// The longest step that counts as a frame duration.
const MAX_STEP: ClockTime = ClockTime::SECOND;

/// The steady time of the first frame. It is not 0, so that late frames have a time before it.
const ORIGIN: u128 = 1_000_000 * 1_000_000_000;

/// A time without jumps, in nanoseconds. Only differences are meaningful. 128 bits never overflow,
/// whatever the timestamps are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SteadyTime(u128);

impl SteadyTime {
    /// The time since an earlier one; zero if that one is later, as with reordered frames.
    pub fn since(self, earlier: Self) -> ClockTime {
        let since = self.0.saturating_sub(earlier.0);
        clock_time(u64::try_from(since).unwrap_or(u64::MAX))
    }

    /// This time plus a duration.
    pub fn after(self, time: ClockTime) -> Self {
        Self(self.0.saturating_add(u128::from(time.nseconds())))
    }

    /// The time in 64 bits. It wraps around after 292 years.
    #[cfg(feature = "overlay")]
    fn nseconds(self) -> u64 {
        (self.0 % u128::from(u64::MAX / 2)) as u64
    }

    /// The time as a `ClockTime`. It wraps around after 292 years.
    #[cfg(feature = "overlay")]
    pub fn clock_time(self) -> ClockTime {
        ClockTime::from_nseconds(self.nseconds())
    }
}

/// The time of a frame; both fields are `None` if it has no timestamp.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timestamp {
    /// The timestamp.
    pub pts: Option<ClockTime>,
    /// The time without jumps.
    pub steady: Option<SteadyTime>,
}

impl Timestamp {
    /// The time since an earlier frame. The smaller difference counts, so that a single timestamp far
    /// ahead has no effect on later frames.
    pub fn since(self, earlier: Self) -> Option<ClockTime> {
        let steady = self.steady.zip(earlier.steady);
        let steady = steady.map(|(now, then)| now.since(then));
        let pts = self.pts.zip(earlier.pts);
        let pts = pts.and_then(|(now, then)| now.checked_sub(then));
        match (steady, pts) {
            (Some(steady), Some(pts)) => Some(steady.min(pts)),
            (steady, pts) => steady.or(pts),
        }
    }
}

/// The place of a frame on a [`Timeline`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimelinePoint {
    /// The time without jumps.
    pub steady: SteadyTime,
    /// The time since the previous frame; zero for a late frame.
    pub step: ClockTime,
    /// Whether the timestamp has jumped back.
    pub has_jumped_back: bool,
}

/// Turns timestamps into a time without jumps. A jump ahead is a gap. After a jump back, a restart or
/// repeated timestamps the time continues with the usual step. Reordered frames keep their order.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    /// The latest timestamp, and its steady time.
    farthest: Option<(ClockTime, SteadyTime)>,
    /// Where the steady time continues after a restart.
    end: Option<SteadyTime>,
    step: Option<ClockTime>,
    /// Late frames in a row.
    late: u32,
    /// Timestamps fall, as with a negative rate.
    is_backward: bool,
}

impl Timeline {
    /// The next timestamp may be any, as after a new segment. The steady time continues.
    pub fn restart(&mut self) {
        self.end = self.farthest.take().map(|(_, steady)| steady).or(self.end);
        self.late = 0;
    }

    /// Sets the direction of playback. If it changes, the timestamps restart.
    pub fn set_backward(&mut self, is_backward: bool) {
        if self.is_backward != is_backward {
            self.is_backward = is_backward;
            self.restart();
        }
    }

    /// Takes the timestamp and duration of the next frame. `None` for a frame without a timestamp.
    pub fn see(
        &mut self,
        time: Option<ClockTime>,
        duration: Option<ClockTime>,
    ) -> Option<TimelinePoint> {
        let time = time?;
        let usual = self.usual(duration);
        let Some((farthest, steady)) = self.farthest else {
            let steady = self.end.map_or(SteadyTime(ORIGIN), |end| end.after(usual));
            self.farthest = Some((time, steady));
            return Some(TimelinePoint {
                steady,
                step: ClockTime::ZERO,
                has_jumped_back: false,
            });
        };
        let (ahead, behind) = match self.is_backward {
            false => (time.checked_sub(farthest), farthest.checked_sub(time)),
            true => (farthest.checked_sub(time), time.checked_sub(farthest)),
        };
        if let Some(step) = ahead.filter(|step| !step.is_zero()) {
            self.late = 0;
            if step <= MAX_STEP {
                self.step = Some(step);
            }
            return Some(self.advance_to(time, steady.after(step), step, false));
        }
        let behind = behind.unwrap_or(ClockTime::ZERO);
        if behind / u64::from(MAX_REORDERED) > usual {
            self.late = 0;
            return Some(self.advance_to(time, steady.after(usual), usual, true));
        }
        self.late = self.late.saturating_add(1);
        if self.late > MAX_REORDERED {
            return Some(self.advance_to(time, steady.after(usual), usual, false));
        }
        let late = u128::from(behind.nseconds());
        Some(TimelinePoint {
            steady: SteadyTime(steady.0.saturating_sub(late)),
            step: ClockTime::ZERO,
            has_jumped_back: false,
        })
    }

    fn advance_to(
        &mut self,
        time: ClockTime,
        steady: SteadyTime,
        step: ClockTime,
        has_jumped_back: bool,
    ) -> TimelinePoint {
        self.farthest = Some((time, steady));
        TimelinePoint {
            steady,
            step,
            has_jumped_back,
        }
    }

    /// The usual step: the duration of the frame, else the last step, else that of 30 frames a second.
    fn usual(&self, duration: Option<ClockTime>) -> ClockTime {
        let said = duration.filter(|duration| !duration.is_zero());
        said.or(self.step).unwrap_or(DEFAULT_STEP).min(MAX_STEP)
    }
}

/// The duration of a frame, from the buffer or else from the frame rate of the caps.
pub fn duration_of(
    buffer: &gst::BufferRef,
    info: Option<&gst_video::VideoInfo>,
) -> Option<ClockTime> {
    let own = buffer.duration().filter(|duration| !duration.is_zero());
    own.or_else(|| {
        let fps = info?.fps();
        let (numer, denom) = (fps.numer(), fps.denom());
        (numer > 0 && denom > 0).then(|| {
            let second = ClockTime::SECOND.nseconds();
            // Both fit in 31 bits, and a second in 30.
            ClockTime::from_nseconds(
                second * denom.unsigned_abs() as u64 / numer.unsigned_abs() as u64,
            )
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: fn(u64) -> ClockTime = ClockTime::from_mseconds;
    const HOURS: u64 = 37_600_000;

    /// The steady times of frames since the first one, in milliseconds.
    fn steady(times: &[u64]) -> Vec<u64> {
        let mut timeline = Timeline::default();
        let first = SteadyTime(ORIGIN);
        let moments = times.iter().map(|time| timeline.see(Some(MS(*time)), None));
        let times = moments.map(|moment| moment.expect("a time").steady.since(first).mseconds());
        times.collect()
    }

    /// Rising timestamps keep their differences.
    #[test]
    fn rising() {
        assert_eq!(steady(&[500, 540, 700, 10_700]), [0, 40, 200, 10_200]);
    }

    /// The time continues after a jump ahead and back and after a restart.
    #[test]
    fn jumps() {
        assert_eq!(
            steady(&[0, 40, HOURS, 80, 120]),
            [0, 40, HOURS, HOURS + 40, HOURS + 80]
        );
        assert_eq!(steady(&[9960, 10_000, 0, 40]), [0, 40, 80, 120]);
        let mut timeline = Timeline::default();
        let mut has_jumped_back = |ms| timeline.see(Some(MS(ms)), None).map(|m| m.has_jumped_back);
        assert_eq!(has_jumped_back(10_000), Some(false));
        assert_eq!(has_jumped_back(HOURS), Some(false));
        assert_eq!(has_jumped_back(10_040), Some(true));
        assert_eq!(has_jumped_back(10_080), Some(false));
    }

    /// Reordered frames keep their places.
    #[test]
    fn reordered() {
        assert_eq!(
            steady(&[0, 40, 160, 80, 120, 200]),
            [0, 40, 160, 80, 120, 200]
        );
    }

    /// The time continues after a while of equal timestamps.
    #[test]
    fn standing_still() {
        let mut timeline = Timeline::default();
        let seen = (0..100).map(|_| timeline.see(Some(MS(5000)), Some(MS(40))));
        let last = seen.last().flatten().expect("a time").steady;
        assert_eq!(last.since(SteadyTime(ORIGIN)), MS(40 * 91));
    }

    /// In reverse playback timestamps fall.
    #[test]
    fn backward() {
        let mut timeline = Timeline::default();
        timeline.set_backward(true);
        let mut at = |ms| {
            let moment = timeline.see(Some(MS(ms)), None).expect("a time");
            (
                moment.steady.since(SteadyTime(ORIGIN)).mseconds(),
                moment.has_jumped_back,
            )
        };
        assert_eq!(at(4000), (0, false));
        assert_eq!(at(3000), (1000, false));
        assert_eq!(at(0), (4000, false));
    }

    /// A frame without a timestamp has no time, and changes nothing.
    #[test]
    fn no_time() {
        let mut timeline = Timeline::default();
        timeline.see(Some(MS(0)), None);
        assert_eq!(timeline.see(None, Some(MS(40))), None);
        let moment = timeline.see(Some(MS(80)), None).expect("a time");
        assert_eq!(moment.step, MS(80));
    }

    proptest! {
        /// Whatever the timestamps are, the steady time rises except for late frames, nothing
        /// overflows, and it is exact as soon as timestamps rise again.
        #[test]
        fn recovers(
            wild in prop::collection::vec(0..=ClockTime::MAX.nseconds(), 0..60),
            start in 0u64..=ClockTime::MAX.nseconds() / 2,
            is_backward: bool,
        ) {
            let mut timeline = Timeline::default();
            timeline.set_backward(is_backward);
            let mut highest = SteadyTime(0);
            for time in wild {
                let time = Some(ClockTime::from_nseconds(time));
                let moment = timeline.see(time, Some(MS(40))).expect("a time");
                prop_assert!(highest.since(moment.steady) <= MS(1 + 40 * u64::from(MAX_REORDERED)));
                highest = highest.max(moment.steady);
            }
            timeline.set_backward(false);
            let start = ClockTime::from_nseconds(start);
            let mut before: Option<SteadyTime> = None;
            // The first few may lie where the wild ones were.
            for i in 0..20u64 {
                let moment = timeline.see(Some(start + MS(40) * i), Some(MS(40))).expect("a time");
                if let Some(before) = before.filter(|_| i > u64::from(MAX_REORDERED) + 1) {
                    prop_assert_eq!(moment.steady.since(before), MS(40));
                }
                before = Some(moment.steady);
            }
        }
    }
}
