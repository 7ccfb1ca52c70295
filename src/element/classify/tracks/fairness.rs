// SPDX-License-Identifier: MPL-2.0
//! Whose turn it is where there are more tracks than inferences (mode live).

/// When a track was served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// The stream's count of started jobs when a worker last started one of this track; none if
    /// none was started so far.
    pub served: Option<u64>,
    /// Later tracks have higher numbers.
    pub number: u64,
}

/// Sorts jobs into the order in which workers are to start them. Tracks that were served before
/// come in the order of their last turns, new ones in the order of their numbers. The two groups
/// alternate, so that neither starves: a detector that finds new objects on each frame does not
/// keep known ones waiting, and known ones do not keep a new one waiting. `started` is the number
/// of jobs started so far; it decides which group is first, for workers may never reach the second
/// job.
pub fn in_turn<T>(jobs: Vec<T>, started: u64, turn: impl Fn(&T) -> Turn) -> Vec<T> {
    // Workers change the turns meanwhile: each is read once.
    let jobs = jobs.into_iter().map(|job| (turn(&job), job));
    let (mut old, mut new): (Vec<_>, Vec<_>) = jobs.partition(|(turn, _)| turn.served.is_some());
    old.sort_by_key(|(turn, _)| turn.served);
    new.sort_by_key(|(turn, _)| turn.number);
    let (first, second) = match started % 2 {
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

    /// Runs `frames` frames with a worker that starts `capacity` jobs of each, and returns how often
    /// each track was served.
    fn simulate(frames: u64, capacity: usize, tracks: impl Fn(u64) -> Vec<u64>) -> Vec<u64> {
        let mut taken: HashMap<u64, u64> = HashMap::new();
        let mut counts: HashMap<u64, u64> = HashMap::new();
        let mut started = 0;
        for frame in 0..frames {
            let ordered = in_turn(tracks(frame), started, |number| Turn {
                served: taken.get(number).copied(),
                number: *number,
            });
            for track in ordered.into_iter().take(capacity) {
                started += 1;
                taken.insert(track, started);
                *counts.entry(track).or_default() += 1;
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
            // Half of all inferences.
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
            let (mut started, mut newcomers) = (0, 0);
            for frame in 0..200 {
                let tracks = (0..10).chain([1000 + frame]).collect();
                let ordered = in_turn(tracks, started, |number| Turn {
                    served: taken.get(number).copied(),
                    number: *number,
                });
                for track in ordered.into_iter().take(capacity) {
                    started += 1;
                    taken.insert(track, started);
                    newcomers += u32::from(track >= 1000);
                }
            }
            assert!(newcomers >= 85, "{capacity}: {newcomers}");
        }
    }
}
