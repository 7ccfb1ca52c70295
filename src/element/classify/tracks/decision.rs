// SPDX-License-Identifier: MPL-2.0
//! The decision of one track over time.

use std::sync::Arc;

use super::super::super::time::SteadyTime;
use crate::classifier::DecisionSample;
use crate::meta::Decision;
use crate::postprocess::DecisionFilter;

/// A track's decision. It takes the results in the order of their frames.
#[derive(Debug, Default)]
pub struct TrackDecision {
    decider: Option<DecisionFilter>,
    /// Stream time of the frame with which the decision began.
    since: Option<gst::ClockTime>,
    clock: DecisionClock,
}

/// The time of the samples: stream time in nanoseconds, without jumps.
#[derive(Debug, Default)]
struct DecisionClock {
    now: u64,
    /// Time of the newest sample that had one.
    last: Option<SteadyTime>,
    /// Time from one sample to the next.
    step: u64,
}

/// Maximum number of nanoseconds that a sample without a time counts for.
const MAX_STEP: u64 = 1_000_000_000;

impl DecisionClock {
    /// Advances to the next sample and returns its time. Stream time advances `speed` times as fast
    /// as the timestamps. None as long as no sample has had a time.
    fn advance(&mut self, steady: Option<SteadyTime>, speed: f64) -> Option<u64> {
        let step = match (self.last, steady) {
            (None, None) => return None,
            (None, Some(_)) => 0,
            // The pace stays the same.
            (Some(_), None) => self.step,
            (Some(last), Some(now)) => {
                let step = now.since(last).nseconds();
                // Exact where nothing has to be scaled.
                let step = match speed == 1.0 {
                    true => step,
                    false => (step as f64 * speed) as u64,
                };
                self.step = step.min(MAX_STEP);
                step
            }
        };
        self.last = steady.or(self.last);
        // It wraps after hundreds of years.
        self.now = self.now.wrapping_add(step);
        Some(self.now)
    }
}

impl TrackDecision {
    /// Takes the sample of a frame and returns the decision so far. `steady` is the frame's time
    /// without jumps, `time` its stream time, which advances `speed` times as fast.
    pub fn take(
        &mut self,
        sample: &DecisionSample,
        (steady, speed): (Option<SteadyTime>, f64),
        time: Option<gst::ClockTime>,
    ) -> Option<Decision> {
        let categories = &sample.rule.categories;
        let decider = match &mut self.decider {
            Some(decider) if Arc::ptr_eq(decider.categories(), categories) => decider,
            other => other.insert(DecisionFilter::new(Arc::clone(categories))),
        };
        let now = self.clock.advance(steady, speed);
        if decider.update(&sample.confidences, now, &sample.policy) {
            self.since = time;
        }
        decider.decision().map(|decided| Decision {
            label: decided.label,
            confidence: decided.confidence,
            since: self.since,
        })
    }
}
