// SPDX-License-Identifier: MPL-2.0
//! How many inferences a second there are.

use std::collections::VecDeque;

use gst::ClockTime;

/// What the average is taken of.
const WINDOW: ClockTime = ClockTime::from_seconds(2);

/// How long two inferences still make a rate, where they are farther apart than the window.
const PATIENCE: ClockTime = ClockTime::from_seconds(10);

/// A number that changes more often cannot be read.
const SPACING: ClockTime = ClockTime::from_mseconds(500);

/// Most inferences that are kept: more than a window of 240 frames a second.
const MOST: usize = 512;

/// Counts inferences by the stream time of the frames that they were made on, so that the rate
/// means the same however fast the pipeline runs, and also where answers come late.
#[derive(Debug, Default)]
pub struct Rate {
    /// Stream time of inferred frames, rising.
    frames: VecDeque<ClockTime>,
    /// Stream time of the frame that first carried the last one's answer: in live mode later.
    noted: ClockTime,
    /// What is shown, and since when.
    shown: Option<(ClockTime, Option<f64>)>,
}

impl Rate {
    /// The frame at `now` carries the answer of the one at `inferred`. Of an answer that several
    /// frames carry, the first counts.
    pub fn note(&mut self, inferred: ClockTime, now: ClockTime) {
        match self.frames.back() {
            Some(last) if inferred == *last => return,
            // The stream has gone back: a seek or a loop.
            Some(last) if inferred < *last => *self = Self::default(),
            _ => {}
        }
        self.frames.push_back(inferred);
        self.noted = now;
        let is_past = |t: &ClockTime| inferred - *t > WINDOW;
        while self.frames.len() > 2 && self.frames.front().is_some_and(is_past) {
            self.frames.pop_front();
        }
        if self.frames.len() > MOST {
            self.frames.pop_front();
        }
    }

    /// Inferences a second at this stream time; nothing as long as there are not two.
    pub fn at(&mut self, now: ClockTime) -> Option<f64> {
        if let Some((since, rate)) = self.shown
            && rate.is_some()
            && now >= since
            && now - since < SPACING
        {
            return rate;
        }
        let rate = self.average(now);
        self.shown = Some((now, rate));
        rate
    }

    fn average(&self, now: ClockTime) -> Option<f64> {
        let (first, last) = (*self.frames.front()?, *self.frames.back()?);
        let silence = now.saturating_sub(self.noted);
        if silence > PATIENCE {
            return None;
        }
        let steps = self.frames.len() - 1;
        let mut span = seconds(last - first);
        if steps == 0 || span <= 0.0 {
            return None;
        }
        // What is overdue lowers the rate while nothing comes.
        let silence = seconds(silence);
        if silence > 2.0 * span / steps as f64 {
            span += silence;
        }
        Some(steps as f64 / span)
    }
}

fn seconds(time: ClockTime) -> f64 {
    time.nseconds() as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(milliseconds: u64) -> ClockTime {
        ClockTime::from_mseconds(milliseconds)
    }

    /// Five inferences a second are five, at 25 and at 60 frames a second, from fresh answers and
    /// from answers that frames carry along.
    #[test]
    fn counts_each_inference_once() {
        for spacing in [40, 17] {
            let mut rate = Rate::default();
            let mut found = None;
            for now in (0..6000).step_by(spacing) {
                rate.note(ms(now / 200 * 200), ms(now));
                found = rate.at(ms(now));
            }
            let found = found.expect("a rate");
            assert!((found - 5.0).abs() < 0.01, "{found}");
        }
    }

    /// One answer makes no rate.
    #[test]
    fn needs_two() {
        let mut rate = Rate::default();
        assert_eq!(rate.at(ms(0)), None);
        rate.note(ms(0), ms(0));
        rate.note(ms(0), ms(0));
        assert_eq!(rate.at(ms(40)), None);
        rate.note(ms(100), ms(140));
        assert_eq!(rate.at(ms(140)), Some(10.0));
    }

    /// The number is kept for half a second, though it moves.
    #[test]
    fn is_steady() {
        let mut rate = Rate::default();
        for time in [0, 100] {
            rate.note(ms(time), ms(time));
        }
        assert_eq!(rate.at(ms(100)), Some(10.0));
        rate.note(ms(400), ms(400));
        assert_eq!(rate.at(ms(599)), Some(10.0));
        assert_eq!(rate.at(ms(600)), Some(5.0));
    }

    /// It falls when inferences stop, and is gone in the end.
    #[test]
    fn falls() {
        let mut rate = Rate::default();
        for time in [0, 100, 200] {
            rate.note(ms(time), ms(time));
        }
        assert_eq!(rate.at(ms(200)), Some(10.0));
        let later = rate.at(ms(2200)).expect("still a rate");
        assert!(later < 1.1, "{later}");
        assert_eq!(rate.at(ms(20_000)), None);
    }

    /// Going back in the stream begins anew.
    #[test]
    fn begins_anew() {
        let mut rate = Rate::default();
        for time in [5000, 5100, 5200] {
            rate.note(ms(time), ms(time));
        }
        assert!(rate.at(ms(5200)).is_some());
        rate.note(ms(0), ms(0));
        assert_eq!(rate.at(ms(0)), None);
    }
}
