// SPDX-License-Identifier: MPL-2.0
//! From answers that flicker to a decision that holds.

use std::sync::Arc;

use super::candidates::Candidates;

/// What makes a decision steady. All times are stream time, so that it means the same at any
/// frame rate.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Policy {
    /// Time constant of the running average in nanoseconds: after this time a step in the
    /// confidence is passed on to 63 %. 0: the newest confidence counts alone.
    pub smoothing: u64,
    /// Least average, from 0 to 1, with which a candidate is decided for. 0: any.
    pub enter: f32,
    /// A decision ends when its average is below this, from 0 to 1. 0: never. What is above
    /// `enter` counts as `enter`, for a decision would else end with the frame that it began with.
    pub leave: f32,
    /// Least time from one change of the decision to the next, in nanoseconds.
    pub hold: u64,
}

/// What was decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    /// The name of the candidate, none for nothing: no candidate is sure enough.
    pub label: Option<Arc<str>>,
    /// The candidate's running average: the sum over its classes, of several at most 1. 0 for
    /// nothing.
    pub confidence: f32,
    /// Stream time in nanoseconds of the sample that it began with, none if that one had no time.
    pub since: Option<u64>,
}

/// Decides for one stream.
///
/// Give [`Self::update`] each answer of the model once, in the order of the frames. It allocates
/// nothing.
///
/// The running averages of a signal that stays the same between two common sample times agree
/// there at any sampling rate. What is decided from them is looked at with each sample only: a
/// slow sampling sees a change up to one sample later than a fast one, and may miss what is over
/// before its next sample.
#[derive(Debug, Clone)]
pub struct Decider {
    candidates: Arc<Candidates>,
    /// One a candidate.
    averages: Vec<f64>,
    /// That of the newest sample that had one.
    time: Option<u64>,
    /// None before the first sample.
    state: Option<State>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    /// None for nothing.
    candidate: Option<usize>,
    since: Option<u64>,
    /// The newest time that was known when it began; differs from `since` where the sample that
    /// it began with had none.
    changed: Option<u64>,
}

impl Decider {
    /// One that has seen nothing yet.
    pub fn new(candidates: Arc<Candidates>) -> Self {
        Self {
            averages: vec![0.0; candidates.len()],
            candidates,
            time: None,
            state: None,
        }
    }

    /// What is decided between.
    pub fn candidates(&self) -> &Arc<Candidates> {
        &self.candidates
    }

    /// Forgets everything, as for a new stream or after a seek.
    pub fn reset(&mut self) {
        self.time = None;
        self.state = None;
    }

    /// Takes the next sample: the finite `confidences` of all classes, those missing at the end
    /// being 0, and its stream `time` in nanoseconds. Returns whether there is another decision
    /// now; the first one counts as such, be it for nothing.
    ///
    /// The average of the first sample, of one without a time or with `smoothing` 0 is the sample
    /// itself; else the sample is taken to have held since the one before.
    ///
    /// A decision for a candidate ends when its average falls below `leave`, or when another one
    /// is above it and not below `enter`. Then, and where there is a decision for nothing, the
    /// candidate with the highest average is decided for if that is not below `enter`, of equal
    /// ones the first, else nothing. The first decision is made at once, and each that follows
    /// no sooner than `hold` after the one before, as far as times are known; a sample without a
    /// time counts for `hold` as if it were the newest time known.
    ///
    /// A time before the last one begins everything anew, as [`Self::reset`].
    pub fn update(&mut self, confidences: &[f32], time: Option<u64>, policy: &Policy) -> bool {
        if let (Some(now), Some(before)) = (time, self.time)
            && now < before
        {
            self.reset();
        }
        self.average(confidences, time, policy.smoothing);
        self.time = time.or(self.time);
        let candidate = match self.state {
            Some(state) => {
                let next = self.next(state.candidate, policy);
                if next == state.candidate || self.is_held(state, policy.hold) {
                    return false;
                }
                next
            }
            None => self.next(None, policy),
        };
        self.state = Some(State {
            candidate,
            since: time,
            changed: self.time,
        });
        true
    }

    /// The decision; none before the first sample.
    pub fn decision(&self) -> Option<Decided> {
        let state = self.state?;
        Some(Decided {
            label: state.candidate.map(|c| self.candidates.name(c)),
            confidence: state.candidate.map_or(0.0, |c| self.confidence(c)),
            since: state.since,
        })
    }

    fn confidence(&self, candidate: usize) -> f32 {
        let average = self.averages[candidate] as f32;
        match self.candidates.classes(candidate).len() {
            1 => average,
            // Several classes may be right at once, and sums are rounded.
            _ => average.min(1.0),
        }
    }

    fn average(&mut self, confidences: &[f32], time: Option<u64>, smoothing: u64) {
        let kept = match (self.state, self.time, time) {
            (Some(_), Some(before), Some(now)) if smoothing > 0 => {
                (-((now - before) as f64) / smoothing as f64).exp()
            }
            _ => 0.0,
        };
        let new = self.candidates.sums(confidences);
        for (average, new) in self.averages.iter_mut().zip(new) {
            let rest = (*average - new) * kept;
            // What decays for long would become subnormal, which is slow to compute with.
            let rest = if rest.abs() < 1e-12 { 0.0 } else { rest };
            *average = new + rest;
        }
    }

    fn is_held(&self, state: State, hold: u64) -> bool {
        match (state.changed, self.time) {
            (Some(changed), Some(now)) => now.saturating_sub(changed) < hold,
            _ => false,
        }
    }

    /// What would be decided now if nothing held the decision for `current`.
    fn next(&self, current: Option<usize>, policy: &Policy) -> Option<usize> {
        // Zero is no threshold: without an activation, values may be negative.
        let limit = |value: f32| match value > 0.0 {
            true => f64::from(value),
            false => f64::NEG_INFINITY,
        };
        let enter = limit(policy.enter);
        let leave = limit(policy.leave).min(enter);
        // The best of all is the best of the rivals too, where it is a rival at all.
        let best = self.best().filter(|best| self.averages[*best] >= enter);
        let Some(current) = current.filter(|c| self.averages[*c] >= leave) else {
            return best;
        };
        let rival = best.filter(|best| self.averages[*best] > self.averages[current]);
        rival.or(Some(current))
    }

    /// The candidate with the highest average, of equal ones the first.
    fn best(&self) -> Option<usize> {
        let mut best = None;
        let mut highest = f64::NEG_INFINITY;
        for (index, average) in self.averages.iter().enumerate() {
            if *average > highest {
                (best, highest) = (Some(index), *average);
            }
        }
        best
    }
}

#[cfg(test)]
mod tests;
