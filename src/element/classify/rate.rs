// SPDX-License-Identifier: MPL-2.0
//! Which frames are to be inferred.

/// Chooses frames by their number and by their time.
#[derive(Debug, Default)]
pub struct Rate {
    /// Frames since the last chosen one, modulo the interval.
    since: u32,
    /// When the next one is due.
    due: Option<gst::ClockTime>,
    /// The spacing that downstream asks for.
    throttle: Option<gst::ClockTime>,
}

impl Rate {
    /// Begins anew: the next frame is chosen.
    pub fn reset(&mut self) {
        self.since = 0;
        self.due = None;
    }

    /// Keeps this time between two chosen frames from now on.
    pub fn throttle(&mut self, spacing: Option<gst::ClockTime>) {
        self.throttle = spacing;
    }

    /// Takes a frame that has nothing to be chosen for: it counts, but does not use up a turn.
    pub fn pass(&mut self, interval: u32) {
        if self.since != 0 {
            self.since = (self.since + 1) % interval.max(1);
        }
    }

    /// Whether this frame is one. Every `interval`th is, of those every one whose time has come:
    /// `max_rate` a second, none where its numerator is 0. A frame without a time is always due.
    pub fn chooses(
        &mut self,
        pts: Option<gst::ClockTime>,
        interval: u32,
        max_rate: gst::Fraction,
    ) -> bool {
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
        let (Some(pts), Some(spacing)) = (pts, spacing.max(self.throttle)) else {
            return true;
        };
        let Some(due) = self.due else {
            self.due = Some(pts + spacing);
            return true;
        };
        // Long before it: the time has jumped back.
        if pts < due && due - pts <= spacing * 2 {
            return false;
        }
        // From when it was due, so that the rate is kept on the average; but not after a gap.
        let is_late = pts < due || pts - due > spacing;
        self.due = Some(if is_late { pts } else { due } + spacing);
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn count(rate: &mut Rate, fps: u64, seconds: u64, max: (i32, i32)) -> usize {
        let times =
            (0..fps * seconds).map(|i| gst::ClockTime::from_nseconds(i * 1_000_000_000 / fps));
        let max = gst::Fraction::new(max.0, max.1);
        times.filter(|t| rate.chooses(Some(*t), 1, max)).count()
    }

    #[test]
    fn interval() {
        let off = gst::Fraction::new(0, 1);
        let mut rate = Rate::default();
        let chosen: Vec<_> = (0..7).map(|_| rate.chooses(None, 3, off)).collect();
        assert_eq!(chosen, [true, false, false, true, false, false, true]);
        rate.reset();
        assert!(rate.chooses(None, 3, off));
        // One that passes counts, and the turn waits for the next one.
        (0..7).for_each(|_| rate.pass(3));
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

    /// Downstream's wish counts where it is the slower one.
    #[test]
    fn throttled() {
        let mut rate = Rate::default();
        rate.throttle(Some(gst::ClockTime::from_mseconds(500)));
        assert_eq!(count(&mut rate, 30, 10, (10, 1)), 20);
        rate.throttle(None);
        rate.reset();
        assert_eq!(count(&mut rate, 30, 10, (0, 1)), 300);
    }

    proptest! {
        /// However the frames come, two chosen ones are never nearer than half of the spacing, and
        /// on the average never more than the rate.
        #[test]
        fn never_more(steps in prop::collection::vec(1u64..200, 1..300), hertz in 1i32..50) {
            let mut rate = Rate::default();
            let mut now = 0;
            let mut chosen = Vec::new();
            for step in steps {
                now += step;
                let pts = gst::ClockTime::from_mseconds(now);
                if rate.chooses(Some(pts), 1, gst::Fraction::new(hertz, 1)) {
                    chosen.push(now);
                }
            }
            let time = (now - chosen[0]) as f64 / 1e3;
            prop_assert!(chosen.len() as f64 <= time * f64::from(hertz) + 2.0);
        }
    }
}
