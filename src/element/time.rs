// SPDX-License-Identifier: MPL-2.0
//! Times as properties have them, and as streams should have them.

use gst::ClockTime;

/// A time of any length: the greatest number is GStreamer's "none", and one less is as long.
pub fn clock_time(nanoseconds: u64) -> ClockTime {
    ClockTime::from_nseconds(nanoseconds.min(ClockTime::MAX.nseconds()))
}

/// How many frames in a row may come late without the time having jumped: reordered ones do.
const REORDERED: u32 = 8;

/// The step from frame to frame where nothing says how long one is.
const USUAL: ClockTime = ClockTime::from_nseconds(33_333_333);

/// The longest step that is taken for the usual one.
const LONGEST_USUAL: ClockTime = ClockTime::SECOND;

/// Where the steady time begins: what was before the first frame has a time, too.
const ORIGIN: u128 = 1_000_000 * 1_000_000_000;

/// A time without jumps, in nanoseconds. Only the distance of two of them means something. So wide
/// that it never overflows, whatever the timestamps are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Steady(u128);

impl Steady {
    /// The time from an earlier one to this one; nothing if that one is later, as reordered frames
    /// are.
    pub fn since(self, earlier: Self) -> ClockTime {
        let since = self.0.saturating_sub(earlier.0);
        clock_time(u64::try_from(since).unwrap_or(u64::MAX))
    }

    /// So much later.
    pub fn after(self, time: ClockTime) -> Self {
        Self(self.0.saturating_add(u128::from(time.nseconds())))
    }

    /// For what counts in 64 bits. After 292 years of jumps it begins anew.
    fn nseconds(self) -> u64 {
        (self.0 % u128::from(u64::MAX / 2)) as u64
    }

    /// The same as a time of GStreamer's.
    pub fn clock_time(self) -> ClockTime {
        ClockTime::from_nseconds(self.nseconds())
    }
}

/// When a frame is, by its timestamp and without jumps: each none where it has no time.
#[derive(Debug, Clone, Copy, Default)]
pub struct When {
    pub pts: Option<ClockTime>,
    pub steady: Option<Steady>,
}

impl When {
    /// How long ago an earlier frame was. A timestamp that is far ahead is forgotten as soon as the
    /// next one is as before.
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

/// When a frame is, and how long after the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    pub steady: Steady,
    /// From the frame before to this one; nothing for one that comes late.
    pub step: ClockTime,
    /// The time has jumped back.
    pub is_anew: bool,
}

/// Turns the times of frames into one that goes on: a time that jumps ahead is a gap, and one that
/// jumps back, begins anew or stands still goes on at the usual pace. Frames that come late by a
/// few are still in their place.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    /// The time that was farthest, and the steady one that it stands for.
    farthest: Option<(ClockTime, Steady)>,
    /// The steady time goes on from here, though the others begin anew.
    end: Option<Steady>,
    step: Option<ClockTime>,
    /// Frames in a row that were not ahead.
    late: u32,
    /// Times fall, as with a negative rate.
    is_backward: bool,
}

impl Timeline {
    /// Another segment, or what else may begin at any time.
    pub fn restart(&mut self) {
        self.end = self.farthest.take().map(|(_, steady)| steady).or(self.end);
        self.late = 0;
    }

    /// Which way the stream is played. What comes next is a new beginning if it is another.
    pub fn set_backward(&mut self, is_backward: bool) {
        if self.is_backward != is_backward {
            self.is_backward = is_backward;
            self.restart();
        }
    }

    /// Takes the time of the next frame, which usually lasts so long. None for one without a time.
    pub fn see(&mut self, time: Option<ClockTime>, duration: Option<ClockTime>) -> Option<Moment> {
        let time = time?;
        let usual = self.usual(duration);
        let Some((farthest, steady)) = self.farthest else {
            let steady = self.end.map_or(Steady(ORIGIN), |end| end.after(usual));
            self.farthest = Some((time, steady));
            return Some(Moment {
                steady,
                step: ClockTime::ZERO,
                is_anew: false,
            });
        };
        let (ahead, behind) = match self.is_backward {
            false => (time.checked_sub(farthest), farthest.checked_sub(time)),
            true => (farthest.checked_sub(time), time.checked_sub(farthest)),
        };
        if let Some(step) = ahead.filter(|step| !step.is_zero()) {
            self.late = 0;
            if step <= LONGEST_USUAL {
                self.step = Some(step);
            }
            return Some(self.go_to(time, steady.after(step), step, false));
        }
        let behind = behind.unwrap_or(ClockTime::ZERO);
        if behind / u64::from(REORDERED) > usual {
            self.late = 0;
            return Some(self.go_to(time, steady.after(usual), usual, true));
        }
        self.late = self.late.saturating_add(1);
        if self.late > REORDERED {
            return Some(self.go_to(time, steady.after(usual), usual, false));
        }
        let late = u128::from(behind.nseconds());
        Some(Moment {
            steady: Steady(steady.0.saturating_sub(late)),
            step: ClockTime::ZERO,
            is_anew: false,
        })
    }

    fn go_to(&mut self, time: ClockTime, steady: Steady, step: ClockTime, is_anew: bool) -> Moment {
        self.farthest = Some((time, steady));
        Moment {
            steady,
            step,
            is_anew,
        }
    }

    /// The usual step: what the frame says, else the last one, else that of 30 frames a second.
    fn usual(&self, duration: Option<ClockTime>) -> ClockTime {
        let said = duration.filter(|duration| !duration.is_zero());
        said.or(self.step).unwrap_or(USUAL).min(LONGEST_USUAL)
    }
}

/// How long a frame is shown: as it says itself, else as its caps say.
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

    /// The steady times of frames, from the first one on, in milliseconds.
    fn steady(times: &[u64]) -> Vec<u64> {
        let mut timeline = Timeline::default();
        let first = Steady(ORIGIN);
        let moments = times.iter().map(|time| timeline.see(Some(MS(*time)), None));
        let times = moments.map(|moment| moment.expect("a time").steady.since(first).mseconds());
        times.collect()
    }

    /// Times that rise are as far apart as they were.
    #[test]
    fn rising() {
        assert_eq!(steady(&[500, 540, 700, 10_700]), [0, 40, 200, 10_200]);
    }

    /// After a jump ahead and back, and where times begin anew, time goes on as before.
    #[test]
    fn jumps() {
        assert_eq!(
            steady(&[0, 40, HOURS, 80, 120]),
            [0, 40, HOURS, HOURS + 40, HOURS + 80]
        );
        assert_eq!(steady(&[9960, 10_000, 0, 40]), [0, 40, 80, 120]);
        let mut timeline = Timeline::default();
        let mut is_anew = |ms| timeline.see(Some(MS(ms)), None).map(|m| m.is_anew);
        assert_eq!(is_anew(10_000), Some(false));
        assert_eq!(is_anew(HOURS), Some(false));
        assert_eq!(is_anew(10_040), Some(true));
        assert_eq!(is_anew(10_080), Some(false));
    }

    /// Frames that come late by a few keep their places.
    #[test]
    fn reordered() {
        assert_eq!(
            steady(&[0, 40, 160, 80, 120, 200]),
            [0, 40, 160, 80, 120, 200]
        );
    }

    /// A time that stands still goes on after a while.
    #[test]
    fn standing_still() {
        let mut timeline = Timeline::default();
        let seen = (0..100).map(|_| timeline.see(Some(MS(5000)), Some(MS(40))));
        let last = seen.last().flatten().expect("a time").steady;
        assert_eq!(last.since(Steady(ORIGIN)), MS(40 * 91));
    }

    /// Played backward, times fall.
    #[test]
    fn backward() {
        let mut timeline = Timeline::default();
        timeline.set_backward(true);
        let mut at = |ms| {
            let moment = timeline.see(Some(MS(ms)), None).expect("a time");
            (
                moment.steady.since(Steady(ORIGIN)).mseconds(),
                moment.is_anew,
            )
        };
        assert_eq!(at(4000), (0, false));
        assert_eq!(at(3000), (1000, false));
        assert_eq!(at(0), (4000, false));
    }

    /// A frame without a time has none, and changes nothing.
    #[test]
    fn no_time() {
        let mut timeline = Timeline::default();
        timeline.see(Some(MS(0)), None);
        assert_eq!(timeline.see(None, Some(MS(40))), None);
        let moment = timeline.see(Some(MS(80)), None).expect("a time");
        assert_eq!(moment.step, MS(80));
    }

    proptest! {
        /// Whatever the times are, the steady one rises but for frames that come late, nothing
        /// overflows, and it is right again at once when times rise again.
        #[test]
        fn recovers(
            wild in prop::collection::vec(0..=ClockTime::MAX.nseconds(), 0..60),
            start in 0u64..=ClockTime::MAX.nseconds() / 2,
            is_backward: bool,
        ) {
            let mut timeline = Timeline::default();
            timeline.set_backward(is_backward);
            let mut highest = Steady(0);
            for time in wild {
                let time = Some(ClockTime::from_nseconds(time));
                let moment = timeline.see(time, Some(MS(40))).expect("a time");
                prop_assert!(highest.since(moment.steady) <= MS(1 + 40 * u64::from(REORDERED)));
                highest = highest.max(moment.steady);
            }
            timeline.set_backward(false);
            let start = ClockTime::from_nseconds(start);
            let mut before: Option<Steady> = None;
            // The first few may lie where the wild ones were.
            for i in 0..20u64 {
                let moment = timeline.see(Some(start + MS(40) * i), Some(MS(40))).expect("a time");
                if let Some(before) = before.filter(|_| i > u64::from(REORDERED) + 1) {
                    prop_assert_eq!(moment.steady.since(before), MS(40));
                }
                before = Some(moment.steady);
            }
        }
    }
}
