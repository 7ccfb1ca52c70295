// SPDX-License-Identifier: MPL-2.0
//! Which frames are to be inferred.

use super::super::super::time::{SteadyTime, TimelinePoint};

/// Chooses frames by their number and by their time.
#[derive(Debug, Default)]
pub struct Rate {
    /// Frames since the last chosen one, modulo the interval.
    since: u32,
    /// Time of the next one.
    due: Option<SteadyTime>,
    /// Minimum time between two chosen frames, as requested by downstream.
    throttle: Option<gst::ClockTime>,
}

impl Rate {
    /// Restarts: the next frame is chosen.
    pub fn reset(&mut self) {
        self.since = 0;
        self.due = None;
    }

    /// Sets the minimum time between two chosen frames.
    pub fn throttle(&mut self, spacing: Option<gst::ClockTime>) {
        self.throttle = spacing;
    }

    /// Counts a frame of which nothing is due. The next one is chosen in its place.
    pub fn skip(&mut self, interval: u32) {
        if self.since != 0 {
            self.since = (self.since + 1) % interval.max(1);
        }
    }

    /// Whether this frame is chosen: every `interval`th one, and of those at most `max_rate` a
    /// second (a numerator of 0: no limit). A frame without a time is always due, and so is one
    /// whose time has jumped back.
    pub fn chooses(
        &mut self,
        moment: Option<TimelinePoint>,
        interval: u32,
        max_rate: gst::Fraction,
    ) -> bool {
        if moment.is_some_and(|moment| moment.has_jumped_back) {
            self.due = None;
        }
        let is_nth = self.since == 0;
        self.since = (self.since + 1) % interval.max(1);
        if !is_nth {
            return false;
        }
        let (numer, denom) = (max_rate.numer(), max_rate.denom());
        let spacing = (numer > 0).then(|| {
            let second = u128::from(gst::ClockTime::SECOND.nseconds());
            let nseconds = second * denom.unsigned_abs() as u128 / numer.unsigned_abs() as u128;
            gst::ClockTime::from_nseconds(nseconds as u64)
        });
        let (Some(moment), Some(spacing)) = (moment, spacing.max(self.throttle)) else {
            return true;
        };
        let now = moment.steady;
        let Some(due) = self.due else {
            self.due = Some(now.after(spacing));
            return true;
        };
        if now < due {
            return false;
        }
        // Counted from when it was due, so that the average rate is kept; but not after a gap.
        let is_late = now.since(due) > spacing;
        self.due = Some(if is_late { now } else { due }.after(spacing));
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::super::time::Timeline;
    use super::*;

    /// Whether a frame at this time is chosen.
    fn chooses(
        rate: &mut Rate,
        timeline: &mut Timeline,
        time: gst::ClockTime,
        max: gst::Fraction,
    ) -> bool {
        rate.chooses(timeline.see(Some(time), None), 1, max)
    }

    fn count(rate: &mut Rate, fps: u64, seconds: u64, max: (i32, i32)) -> usize {
        let times =
            (0..fps * seconds).map(|i| gst::ClockTime::from_nseconds(i * 1_000_000_000 / fps));
        let max = gst::Fraction::new(max.0, max.1);
        let mut timeline = Timeline::default();
        times
            .filter(|t| chooses(rate, &mut timeline, *t, max))
            .count()
    }

    #[test]
    fn interval() {
        let off = gst::Fraction::new(0, 1);
        let mut rate = Rate::default();
        let chosen: Vec<_> = (0..7).map(|_| rate.chooses(None, 3, off)).collect();
        assert_eq!(chosen, [true, false, false, true, false, false, true]);
        rate.reset();
        assert!(rate.chooses(None, 3, off));
        // A skipped one counts, and the turn stays with the next one.
        (0..7).for_each(|_| rate.skip(3));
        assert!(rate.chooses(None, 3, off));
        assert!(!rate.chooses(None, 3, off));
    }

    /// The same rate at any frame rate that is not below it.
    #[test]
    fn rate_by_time() {
        for fps in [24, 25, 30, 50, 60, 100] {
            for (max, expected) in [((5, 1), 50), ((1, 2), 5), ((24, 1), 240)] {
                let count = count(&mut Rate::default(), fps, 10, max);
                assert!(count.abs_diff(expected) <= 1, "{fps} {max:?}: {count}");
            }
        }
        // Below it every frame.
        assert_eq!(count(&mut Rate::default(), 5, 10, (30, 1)), 50);
    }

    /// The slower of `max-rate` and downstream's request counts.
    #[test]
    fn throttled() {
        let mut rate = Rate::default();
        rate.throttle(Some(gst::ClockTime::from_mseconds(500)));
        assert_eq!(count(&mut rate, 30, 10, (10, 1)), 20);
        rate.throttle(None);
        rate.reset();
        assert_eq!(count(&mut rate, 30, 10, (0, 1)), 300);
    }

    /// Frames that are chosen, by their number, of ten a second with these times in milliseconds.
    fn chosen(times: &[u64], max: (i32, i32)) -> Vec<usize> {
        let (mut rate, mut timeline) = (Rate::default(), Timeline::default());
        let max = gst::Fraction::new(max.0, max.1);
        let frames = times.iter().enumerate().filter(|(_, time)| {
            let time = gst::ClockTime::from_mseconds(**time);
            let moment = timeline.see(Some(time), Some(gst::ClockTime::from_mseconds(100)));
            rate.chooses(moment, 1, max)
        });
        frames.map(|(number, _)| number).collect()
    }

    /// The rate is kept after a timestamp hours ahead, after a jump back, and while timestamps do not
    /// advance.
    #[test]
    fn times_that_jump() {
        let regular = |frames: u64| (0..frames).map(|i| i * 100).collect::<Vec<u64>>();
        let mut ahead = regular(100);
        ahead[30] = 37_600_000;
        let found = chosen(&ahead, (2, 1));
        assert!((20..=22).contains(&found.len()), "{found:?}");
        let gaps = found.windows(2).map(|pair| pair[1] - pair[0]);
        assert!(gaps.into_iter().all(|gap| gap <= 5), "{found:?}");
        // A video of 1.5 seconds that is played again and again, with one inference each second.
        let again = [regular(15), regular(15), regular(15), regular(15)].concat();
        let found = chosen(&again, (1, 1));
        assert_eq!(found, [0, 10, 15, 25, 30, 40, 45, 55]);
        // The same with one each ten seconds, more than it lasts.
        assert_eq!(chosen(&again, (1, 10)), [0, 15, 30, 45]);
        let found = chosen(&[5000; 100], (2, 1)).len();
        assert!((18..=20).contains(&found), "{found}");
        let last = gst::ClockTime::MAX.mseconds();
        assert_eq!(chosen(&[0, 100, last, last, last], (1, i32::MAX)), [0, 2]);
    }

    proptest! {
        /// However the frames come, two chosen ones are never nearer than half of the spacing, and
        /// on the average never more than the rate.
        #[test]
        fn never_more(steps in prop::collection::vec(1u64..200, 1..300), hertz in 1i32..50) {
            let (mut rate, mut timeline) = (Rate::default(), Timeline::default());
            let mut now = 0;
            let mut chosen = Vec::new();
            for step in steps {
                now += step;
                let pts = gst::ClockTime::from_mseconds(now);
                if chooses(&mut rate, &mut timeline, pts, gst::Fraction::new(hertz, 1)) {
                    chosen.push(now);
                }
            }
            let time = (now - chosen[0]) as f64 / 1e3;
            prop_assert!(chosen.len() as f64 <= time * f64::from(hertz) + 2.0);
        }
    }
}
