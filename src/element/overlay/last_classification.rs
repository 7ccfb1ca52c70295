// SPDX-License-Identifier: MPL-2.0
//! The classification that is shown, which may be that of an earlier frame.

use gst::ClockTime;

use super::inference_rate::InferenceRate;
use crate::meta::AnyClassification;

/// The times of a frame, as far as it has any.
#[derive(Debug, Clone, Copy, Default)]
pub struct FrameTime {
    /// Running time.
    pub running: Option<ClockTime>,
    /// Stream time.
    pub stream: Option<ClockTime>,
}

/// A classification, and the running time of the last frame that carried it.
#[derive(Debug)]
struct Held {
    classification: AnyClassification,
    seen: Option<ClockTime>,
}

/// The classification that frames carried last, and how often there was a new one.
#[derive(Debug, Default)]
pub struct LastClassification {
    held: Option<Held>,
    rate: InferenceRate,
}

/// What can be shown on a frame.
#[derive(Debug)]
pub struct Shown<'a> {
    /// The frame's own classification or the last one.
    pub classification: &'a AnyClassification,
    /// The time from the classified frame to this one, if it is known.
    pub age: Option<ClockTime>,
    /// Inferences per second, if there have been enough.
    pub rate: Option<f64>,
}

impl LastClassification {
    /// Takes a frame's classification and returns the one to show on that frame: its own, or else
    /// the last one if a frame carried it less than `hold` ago.
    pub fn update(
        &mut self,
        now: FrameTime,
        found: Option<AnyClassification>,
        hold: ClockTime,
    ) -> Option<Shown<'_>> {
        let mut idle = ClockTime::ZERO;
        if let Some(classification) = found {
            if let Some(stream) = now.stream {
                let age = classification.age().unwrap_or(ClockTime::ZERO);
                if classification.is_fresh() || classification.age().is_some() {
                    self.rate.note(stream.saturating_sub(age), stream);
                }
            }
            self.held = Some(Held {
                classification,
                seen: now.running,
            });
        } else {
            // Unknown unless both frames have a time.
            let seen = self.held.as_ref().and_then(|held| held.seen);
            let since = now.running.zip(seen).and_then(|(n, s)| n.checked_sub(s));
            match since {
                Some(since) if since < hold => idle = since,
                _ => self.held = None,
            }
        }
        let held = self.held.as_ref()?;
        Some(Shown {
            classification: &held.classification,
            age: held
                .classification
                .age()
                .map(|age| age.saturating_add(idle))
                .or_else(|| {
                    let counts = held.classification.is_fresh() && held.seen.is_some();
                    counts.then_some(idle)
                }),
            rate: now.stream.and_then(|stream| self.rate.at(stream)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meta::Classification;

    fn at(milliseconds: u64) -> FrameTime {
        let time = Some(ClockTime::from_mseconds(milliseconds));
        FrameTime {
            running: time,
            stream: time,
        }
    }

    fn ms(milliseconds: u64) -> ClockTime {
        ClockTime::from_mseconds(milliseconds)
    }

    fn classification(age: Option<u64>) -> AnyClassification {
        AnyClassification::Own(Classification {
            element: "classify".into(),
            model: "m".into(),
            provider: "cpu".into(),
            fresh: age == Some(0),
            age: age.map(ms),
            inference_time: ClockTime::ZERO,
            results: Vec::new(),
            groups: Vec::new(),
            decision: None,
        })
    }

    /// A classification is held for the set time, and its age grows meanwhile.
    #[test]
    fn holds() {
        let mut last = LastClassification::default();
        assert!(last.update(at(0), None, ms(100)).is_none());
        last.update(at(0), Some(classification(Some(30))), ms(100));
        let shown = last.update(at(99), None, ms(100)).expect("held");
        assert_eq!(shown.age, Some(ms(129)));
        assert!(last.update(at(100), None, ms(100)).is_none());
        assert!(
            last.update(at(101), None, ms(1000)).is_none(),
            "it does not come back"
        );
    }

    /// Nothing is held with a hold of 0, without times, or when the time goes back.
    #[test]
    fn does_not_hold() {
        let mut last = LastClassification::default();
        last.update(at(0), Some(classification(Some(0))), ms(0));
        assert!(last.update(at(0), None, ms(0)).is_none());
        last.update(FrameTime::default(), Some(classification(None)), ms(100));
        assert!(last.update(FrameTime::default(), None, ms(100)).is_none());
        last.update(at(50), Some(classification(Some(0))), ms(100));
        assert!(last.update(at(49), None, ms(100)).is_none());
    }

    /// An unknown age stays unknown.
    #[test]
    fn invents_no_age() {
        let mut last = LastClassification::default();
        last.update(at(0), Some(classification(None)), ms(100));
        let shown = last.update(at(50), None, ms(100)).expect("held");
        assert_eq!(shown.age, None);
    }

    /// The classifications of mode live, none of which is fresh, are counted by their own frames.
    #[test]
    fn counts_late_classifications() {
        let mut last = LastClassification::default();
        let mut rate = None;
        for frame in 0..50u64 {
            let inferred = (frame / 5 * 5).saturating_sub(5);
            let found = classification(Some(1000 + (frame - inferred) * 40));
            let shown = last.update(at(2000 + frame * 40), Some(found), ms(100));
            rate = shown.expect("a classification").rate;
        }
        assert_eq!(rate, Some(5.0));
    }
}
