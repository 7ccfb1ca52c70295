// SPDX-License-Identifier: MPL-2.0
//! The order of jobs if there are more tracks than inferences (mode live).

/// When a track was served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastService {
    /// The stream's count of started jobs when a worker last started one of this track; none if
    /// none was started so far.
    pub served: Option<u64>,
    /// Later tracks have higher numbers.
    pub number: u64,
}

/// Sorts jobs into the order in which workers are to start them. Tracks that were served before
/// come in the order of their last service, new ones in the order of their numbers. The two groups
/// alternate, so that neither starves: a detector that finds new objects on each frame does not
/// keep known ones waiting, and known ones do not keep a new one waiting. `started` is the number
/// of jobs started so far; it decides which group is first, for workers may never reach the second
/// job.
pub fn fair_order<T>(
    jobs: Vec<T>,
    started: u64,
    last_service: impl Fn(&T) -> LastService,
) -> Vec<T> {
    // Workers change these values meanwhile, so each is read once.
    let jobs = jobs.into_iter().map(|job| (last_service(&job), job));
    let (mut old, mut new): (Vec<_>, Vec<_>) =
        jobs.partition(|(service, _)| service.served.is_some());
    old.sort_by_key(|(service, _)| service.served);
    new.sort_by_key(|(service, _)| service.number);
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

    /// Simulates `frames` frames with a worker that starts `capacity` jobs of each. Returns how often
    /// each track was served.
    fn simulate(frames: u64, capacity: usize, tracks: impl Fn(u64) -> Vec<u64>) -> Vec<u64> {
        let mut taken: HashMap<u64, u64> = HashMap::new();
        let mut counts: HashMap<u64, u64> = HashMap::new();
        let mut started = 0;
        for frame in 0..frames {
            let ordered = fair_order(tracks(frame), started, |number| LastService {
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

    /// Tracks of equal standing are served equally often.
    #[test]
    fn all_are_served() {
        for capacity in [1, 2, 3, 7] {
            let counts = simulate(300, capacity, |_| (0..10).collect());
            let fair = 300 * capacity as u64 / 10;
            for count in counts {
                assert!(count.abs_diff(fair) <= 5, "{capacity}: {count} for {fair}");
            }
        }
    }

    /// A track that its detector finds on every other frame only is served as well.
    #[test]
    fn flickering_track_is_served() {
        let counts = simulate(300, 3, |frame| (0..10 - frame % 2).collect());
        assert!(counts.iter().all(|count| *count >= 60), "{counts:?}");
    }

    /// Lasting tracks are served although others are new on every frame.
    #[test]
    fn lasting_tracks_are_served() {
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

    /// A track that is new on every frame is served although ten others stay.
    #[test]
    fn new_tracks_are_served() {
        for capacity in [1, 3] {
            let mut taken: HashMap<u64, u64> = HashMap::new();
            let (mut started, mut newcomers) = (0, 0);
            for frame in 0..200 {
                let tracks = (0..10).chain([1000 + frame]).collect();
                let ordered = fair_order(tracks, started, |number| LastService {
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
