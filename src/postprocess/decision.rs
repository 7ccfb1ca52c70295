// SPDX-License-Identifier: MPL-2.0
//! A stable decision from results that flicker: running averages, hysteresis and a hold time.

use std::sync::Arc;

use super::categories::Categories;

/// How decisions are stabilized. Times are stream time, so they do not depend on the frame rate.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DecisionSettings {
    /// Time constant of the running average in nanoseconds: the time in which the average follows a
    /// step in the confidence to 63 %. 0 means no average.
    pub smoothing: u64,
    /// The minimum average for a new decision, from 0 to 1. 0 means no minimum.
    pub enter: f32,
    /// The average below which a decision ends, from 0 to 1. 0 means never. A value above `enter`
    /// counts as `enter`; otherwise a decision would end with its first frame.
    pub leave: f32,
    /// The minimum time between two changes of the decision, in nanoseconds.
    pub hold: u64,
}

/// A decision and its confidence.
#[derive(Debug, Clone, PartialEq)]
pub struct FilteredDecision {
    /// The name of the category; `None` if no category is confident enough.
    pub label: Option<Arc<str>>,
    /// The running average of the category: the sum over its classes, limited to 1 if there are
    /// several. 0 without a category.
    pub confidence: f32,
    /// Stream time in nanoseconds of the first sample of this decision; `None` if it had no time.
    pub since: Option<u64>,
}

/// Makes the decisions of one stream.
///
/// Call [`Self::update`] once for each result of the model, in the order of the frames. It does not
/// allocate.
///
/// The running averages of a constant signal do not depend on the sampling rate. Decisions change
/// only with a sample: with slow sampling a change comes up to one sample later than with fast
/// sampling, and a change that ends before the next sample is missed.
#[derive(Debug, Clone)]
pub struct DecisionFilter {
    categories: Arc<Categories>,
    /// The running average of each category.
    averages: Vec<f64>,
    /// The time of the newest sample that had a time.
    time: Option<u64>,
    /// `None` before the first sample.
    current: Option<Current>,
}

/// The current decision.
#[derive(Debug, Clone, Copy)]
struct Current {
    /// `None` if no category is confident enough.
    category: Option<usize>,
    since: Option<u64>,
    /// The newest time at its first sample; differs from `since` if that sample had no time.
    changed: Option<u64>,
}

impl DecisionFilter {
    /// Before the first sample.
    pub fn new(categories: Arc<Categories>) -> Self {
        Self {
            averages: vec![0.0; categories.len()],
            categories,
            time: None,
            current: None,
        }
    }

    /// The categories of the decisions.
    pub fn categories(&self) -> &Arc<Categories> {
        &self.categories
    }

    /// Forgets all samples, as for a new stream or after a seek.
    pub fn reset(&mut self) {
        self.time = None;
        self.current = None;
    }

    /// Takes the next sample: the finite `confidences` of all classes (missing ones at the end are 0)
    /// and its stream `time` in nanoseconds. Returns whether the decision has changed; the first one
    /// is a change, even without a category.
    ///
    /// For the first sample, for one without a time and with `smoothing` 0 the average is the sample
    /// itself. Otherwise the sample counts for the whole time since the previous one.
    ///
    /// A decision for a category ends when its average falls below `leave`, or when the average of
    /// another category is higher and not below `enter`. The next decision is for the category with
    /// the highest average if that is not below `enter`, and for the first of equal ones; otherwise
    /// it is without a category. The first decision is immediate. Later ones come at least `hold`
    /// after the previous one, as far as times are known: a sample without a time has the newest
    /// known time.
    ///
    /// A time before the previous one has the effect of [`Self::reset`].
    pub fn update(
        &mut self,
        confidences: &[f32],
        time: Option<u64>,
        policy: &DecisionSettings,
    ) -> bool {
        if let (Some(now), Some(before)) = (time, self.time)
            && now < before
        {
            self.reset();
        }
        self.average(confidences, time, policy.smoothing);
        self.time = time.or(self.time);
        let category = match self.current {
            Some(current) => {
                let next = self.next(current.category, policy);
                if next == current.category || self.is_held(current, policy.hold) {
                    return false;
                }
                next
            }
            None => self.next(None, policy),
        };
        self.current = Some(Current {
            category,
            since: time,
            changed: self.time,
        });
        true
    }

    /// The current decision; `None` before the first sample.
    pub fn decision(&self) -> Option<FilteredDecision> {
        let current = self.current?;
        Some(FilteredDecision {
            label: current.category.map(|c| self.categories.name(c)),
            confidence: current.category.map_or(0.0, |c| self.confidence(c)),
            since: current.since,
        })
    }

    fn confidence(&self, category: usize) -> f32 {
        let average = self.averages[category] as f32;
        match self.categories.classes(category).len() {
            1 => average,
            // Several classes may be right at once, and sums are rounded.
            _ => average.min(1.0),
        }
    }

    fn average(&mut self, confidences: &[f32], time: Option<u64>, smoothing: u64) {
        let kept = match (self.current, self.time, time) {
            (Some(_), Some(before), Some(now)) if smoothing > 0 => {
                (-((now - before) as f64) / smoothing as f64).exp()
            }
            _ => 0.0,
        };
        let new = self.categories.sums(confidences);
        for (average, new) in self.averages.iter_mut().zip(new) {
            let rest = (*average - new) * kept;
            // Long decay would lead to subnormal numbers, which are slow.
            let rest = if rest.abs() < 1e-12 { 0.0 } else { rest };
            *average = new + rest;
        }
    }

    fn is_held(&self, current: Current, hold: u64) -> bool {
        match (current.changed, self.time) {
            (Some(changed), Some(now)) => now.saturating_sub(changed) < hold,
            _ => false,
        }
    }

    /// The next category, without regard to the hold time.
    fn next(&self, current: Option<usize>, policy: &DecisionSettings) -> Option<usize> {
        // Zero means no threshold: without an activation, values may be negative.
        let limit = |value: f32| match value > 0.0 {
            true => f64::from(value),
            false => f64::NEG_INFINITY,
        };
        let enter = limit(policy.enter);
        let leave = limit(policy.leave).min(enter);
        // The best category is the only possible rival.
        let best = self.best().filter(|best| self.averages[*best] >= enter);
        let Some(current) = current.filter(|c| self.averages[*c] >= leave) else {
            return best;
        };
        let rival = best.filter(|best| self.averages[*best] > self.averages[current]);
        rival.or(Some(current))
    }

    /// The category with the highest average; the first of equal ones.
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
