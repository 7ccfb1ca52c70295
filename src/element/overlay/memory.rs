// SPDX-License-Identifier: MPL-2.0
//! The answer that is shown, which may be that of an earlier frame.

use gst::ClockTime;

use super::rate::Rate;
use crate::meta::Classification;

/// When a frame is: each none where it has no time.
#[derive(Debug, Clone, Copy, Default)]
pub struct Now {
    pub running: Option<ClockTime>,
    pub stream: Option<ClockTime>,
}

/// An answer, and when a frame has last carried it.
#[derive(Debug)]
struct Held {
    answer: Classification,
    seen: Option<ClockTime>,
}

/// What is known from the frames before.
#[derive(Debug, Default)]
pub struct Memory {
    held: Option<Held>,
    rate: Rate,
}

/// What there is to show.
#[derive(Debug)]
pub struct Known<'a> {
    pub answer: &'a Classification,
    /// From the classified frame to this one, none if that is not known.
    pub age: Option<ClockTime>,
    /// Inferences a second.
    pub rate: Option<f64>,
}

impl Memory {
    /// Takes a frame's answer, and says what is to be shown on that frame: its own answer, or the
    /// last one if that has been carried by a frame less than `hold` ago.
    pub fn update(
        &mut self,
        now: Now,
        found: Option<Classification>,
        hold: ClockTime,
    ) -> Option<Known<'_>> {
        let mut idle = ClockTime::ZERO;
        if let Some(answer) = found {
            if let Some(stream) = now.stream {
                let age = answer.age.unwrap_or(ClockTime::ZERO);
                if answer.fresh || answer.age.is_some() {
                    self.rate.note(stream.saturating_sub(age), stream);
                }
            }
            self.held = Some(Held {
                answer,
                seen: now.running,
            });
        } else {
            // Without times on both frames there is no telling how long ago that was.
            let seen = self.held.as_ref().and_then(|held| held.seen);
            let since = now.running.zip(seen).and_then(|(n, s)| n.checked_sub(s));
            match since {
                Some(since) if since < hold => idle = since,
                _ => self.held = None,
            }
        }
        let held = self.held.as_ref()?;
        Some(Known {
            answer: &held.answer,
            age: held
                .answer
                .age
                .map(|age| age.saturating_add(idle))
                .or_else(|| {
                    let counts = held.answer.fresh && held.seen.is_some();
                    counts.then_some(idle)
                }),
            rate: now.stream.and_then(|stream| self.rate.at(stream)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Now {
        let time = Some(ClockTime::from_mseconds(milliseconds));
        Now {
            running: time,
            stream: time,
        }
    }

    fn ms(milliseconds: u64) -> ClockTime {
        ClockTime::from_mseconds(milliseconds)
    }

    fn answer(age: Option<u64>) -> Classification {
        Classification {
            element: "classify".into(),
            model: "m".into(),
            provider: "cpu".into(),
            fresh: age == Some(0),
            age: age.map(ms),
            inference_time: ClockTime::ZERO,
            results: Vec::new(),
            groups: Vec::new(),
            decision: None,
        }
    }

    /// An answer is held as long as it is to be, not longer, and grows older meanwhile.
    #[test]
    fn holds() {
        let mut memory = Memory::default();
        assert!(memory.update(at(0), None, ms(100)).is_none());
        memory.update(at(0), Some(answer(Some(30))), ms(100));
        let known = memory.update(at(99), None, ms(100)).expect("held");
        assert_eq!(known.age, Some(ms(129)));
        assert!(memory.update(at(100), None, ms(100)).is_none());
        assert!(
            memory.update(at(101), None, ms(1000)).is_none(),
            "gone is gone"
        );
    }

    /// Nothing is held with a hold of 0, without times, or back in time.
    #[test]
    fn does_not_hold() {
        let mut memory = Memory::default();
        memory.update(at(0), Some(answer(Some(0))), ms(0));
        assert!(memory.update(at(0), None, ms(0)).is_none());
        memory.update(Now::default(), Some(answer(None)), ms(100));
        assert!(memory.update(Now::default(), None, ms(100)).is_none());
        memory.update(at(50), Some(answer(Some(0))), ms(100));
        assert!(memory.update(at(49), None, ms(100)).is_none());
    }

    /// An age that is not known stays unknown.
    #[test]
    fn invents_no_age() {
        let mut memory = Memory::default();
        memory.update(at(0), Some(answer(None)), ms(100));
        let known = memory.update(at(50), None, ms(100)).expect("held");
        assert_eq!(known.age, None);
    }

    /// The answers of live mode, none of which is fresh, are counted by the frames that they are
    /// of.
    #[test]
    fn counts_late_answers() {
        let mut memory = Memory::default();
        let mut rate = None;
        for frame in 0..50u64 {
            let inferred = (frame / 5 * 5).saturating_sub(5);
            let found = answer(Some(1000 + (frame - inferred) * 40));
            let known = memory.update(at(2000 + frame * 40), Some(found), ms(100));
            rate = known.expect("an answer").rate;
        }
        assert_eq!(rate, Some(5.0));
    }
}
