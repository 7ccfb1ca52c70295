// SPDX-License-Identifier: MPL-2.0
//! Whose turn it is where there are more subjects than Runs (mode live).

/// What a subject has had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// The stream's clock when a worker last took a job of it; none if none ever did.
    pub taken: Option<u64>,
    /// Later subjects have higher ones.
    pub number: u64,
}

/// Puts jobs into the order in which they are to be taken. Subjects that were classified before
/// come in the order of their last turns, and new ones in the order of their arrival; the two take
/// turns, so that neither keeps the other waiting for ever: not the many that a bad detector finds
/// anew on each frame those that stay, and not those that stay a newcomer. `clock` counts the jobs
/// that were taken, for where a worker never comes to the second one.
pub fn in_turn<T>(jobs: Vec<T>, clock: u64, turn: impl Fn(&T) -> Turn) -> Vec<T> {
    // Each is asked once: workers go on meanwhile.
    let jobs = jobs.into_iter().map(|job| (turn(&job), job));
    let (mut old, mut new): (Vec<_>, Vec<_>) = jobs.partition(|(turn, _)| turn.taken.is_some());
    old.sort_by_key(|(turn, _)| turn.taken);
    new.sort_by_key(|(turn, _)| turn.number);
    let (first, second) = match clock % 2 {
        0 => (new, old),
        _ => (old, new),
    };
    let mut ordered = Vec::with_capacity(first.len() + second.len());
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    loop {
        let pair = (first.next(), second.next());
        if pair.0.is_none() && pair.1.is_none() {
            return ordered;
        }
        let pair = [pair.0, pair.1].into_iter().flatten();
        ordered.extend(pair.map(|(_, job)| job));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// Runs `frames` frames with a worker that takes `capacity` jobs of each, and returns how often
    /// each subject was taken.
    fn simulate(frames: u64, capacity: usize, subjects: impl Fn(u64) -> Vec<u64>) -> Vec<u64> {
        let mut taken: HashMap<u64, u64> = HashMap::new();
        let mut counts: HashMap<u64, u64> = HashMap::new();
        let mut clock = 0;
        for frame in 0..frames {
            let ordered = in_turn(subjects(frame), clock, |number| Turn {
                taken: taken.get(number).copied(),
                number: *number,
            });
            for subject in ordered.into_iter().take(capacity) {
                clock += 1;
                taken.insert(subject, clock);
                *counts.entry(subject).or_default() += 1;
            }
        }
        (0..10)
            .map(|n| counts.get(&n).copied().unwrap_or(0))
            .collect()
    }

    #[test]
    fn all_have_turns() {
        for capacity in [1, 2, 3, 7] {
            let counts = simulate(300, capacity, |_| (0..10).collect());
            let fair = 300 * capacity as u64 / 10;
            for count in counts {
                assert!(count.abs_diff(fair) <= 5, "{capacity}: {count} for {fair}");
            }
        }
    }

    /// One that its detector sees every other time only.
    #[test]
    fn a_flickering_one_has_turns() {
        let counts = simulate(300, 3, |frame| (0..10 - frame % 2).collect());
        assert!(counts.iter().all(|count| *count >= 60), "{counts:?}");
    }

    /// Beside others that are new on every frame.
    #[test]
    fn those_that_stay_have_turns() {
        for capacity in [1, 3] {
            let counts = simulate(400, capacity, |frame| {
                let movers = 100 + frame * 20..100 + frame * 20 + 20;
                (0..10).chain(movers).collect()
            });
            // Half of all Runs.
            let fair = 400 * capacity as u64 / 2 / 10;
            for count in counts {
                assert!(count + 3 >= fair, "{capacity}: {count} for {fair}");
            }
        }
    }

    /// One that is new on every frame, beside ten that stay.
    #[test]
    fn newcomers_have_turns() {
        for capacity in [1, 3] {
            let mut taken: HashMap<u64, u64> = HashMap::new();
            let (mut clock, mut newcomers) = (0, 0);
            for frame in 0..200 {
                let subjects = (0..10).chain([1000 + frame]).collect();
                let ordered = in_turn(subjects, clock, |number| Turn {
                    taken: taken.get(number).copied(),
                    number: *number,
                });
                for subject in ordered.into_iter().take(capacity) {
                    clock += 1;
                    taken.insert(subject, clock);
                    newcomers += u32::from(subject >= 1000);
                }
            }
            assert!(newcomers >= 85, "{capacity}: {newcomers}");
        }
    }
}
