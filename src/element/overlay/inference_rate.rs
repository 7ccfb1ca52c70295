// SPDX-License-Identifier: MPL-2.0
//! The number of inferences per second.

use std::collections::VecDeque;

use gst::ClockTime;

/// The time that the average is taken over.
const WINDOW: ClockTime = ClockTime::from_seconds(2);

/// Without an inference for so long, there is no rate.
const MAX_SILENCE: ClockTime = ClockTime::from_seconds(10);

/// The shown number changes no more often, so that it can be read.
const UPDATE_INTERVAL: ClockTime = ClockTime::from_mseconds(500);

/// The maximum number of inferences that are kept: more than a window at 240 frames per second.
const MAX_FRAMES: usize = 512;

/// Counts inferences by the stream time of the inferred frames. So the rate does not depend on the
/// pipeline's speed or on the delay of the classifications.
#[derive(Debug, Default)]
pub struct InferenceRate {
    /// Stream times of inferred frames, ascending.
    frames: VecDeque<ClockTime>,
    /// Stream time of the frame that first carried the last one's classification. In mode live it
    /// is a later frame.
    noted: ClockTime,
    /// Since when the shown rate is shown, and the rate.
    shown: Option<(ClockTime, Option<f64>)>,
}

impl InferenceRate {
    /// The frame at `now` carries the classification of the frame at `inferred`. If several frames
    /// carry the same classification, only the first one counts.
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
        if self.frames.len() > MAX_FRAMES {
            self.frames.pop_front();
        }
    }

    /// Inferences per second at this stream time; `None` until there are two.
    pub fn at(&mut self, now: ClockTime) -> Option<f64> {
        if let Some((since, rate)) = self.shown
            && rate.is_some()
            && now >= since
            && now - since < UPDATE_INTERVAL
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
        if silence > MAX_SILENCE {
            return None;
        }
        let steps = self.frames.len() - 1;
        let mut span = seconds(last - first);
        if steps == 0 || span <= 0.0 {
            return None;
        }
        // Overdue inferences lower the rate.
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

    /// Each inference counts once at any frame rate, however many frames carry its classification.
    #[test]
    fn counts_each_inference_once() {
        for spacing in [40, 17] {
            let mut rate = InferenceRate::default();
            let mut found = None;
            for now in (0..6000).step_by(spacing) {
                rate.note(ms(now / 200 * 200), ms(now));
                found = rate.at(ms(now));
            }
            let found = found.expect("a rate");
            assert!((found - 5.0).abs() < 0.01, "{found}");
        }
    }

    /// A rate needs two inferences.
    #[test]
    fn needs_two() {
        let mut rate = InferenceRate::default();
        assert_eq!(rate.at(ms(0)), None);
        rate.note(ms(0), ms(0));
        rate.note(ms(0), ms(0));
        assert_eq!(rate.at(ms(40)), None);
        rate.note(ms(100), ms(140));
        assert_eq!(rate.at(ms(140)), Some(10.0));
    }

    /// The shown number stays for half a second.
    #[test]
    fn is_steady() {
        let mut rate = InferenceRate::default();
        for time in [0, 100] {
            rate.note(ms(time), ms(time));
        }
        assert_eq!(rate.at(ms(100)), Some(10.0));
        rate.note(ms(400), ms(400));
        assert_eq!(rate.at(ms(599)), Some(10.0));
        assert_eq!(rate.at(ms(600)), Some(5.0));
    }

    /// The rate falls when inferences stop, and then disappears.
    #[test]
    fn falls() {
        let mut rate = InferenceRate::default();
        for time in [0, 100, 200] {
            rate.note(ms(time), ms(time));
        }
        assert_eq!(rate.at(ms(200)), Some(10.0));
        let later = rate.at(ms(2200)).expect("still a rate");
        assert!(later < 1.1, "{later}");
        assert_eq!(rate.at(ms(20_000)), None);
    }

    /// The count starts again when the stream goes back.
    #[test]
    fn starts_again() {
        let mut rate = InferenceRate::default();
        for time in [5000, 5100, 5200] {
            rate.note(ms(time), ms(time));
        }
        assert!(rate.at(ms(5200)).is_some());
        rate.note(ms(0), ms(0));
        assert_eq!(rate.at(ms(0)), None);
    }
}
