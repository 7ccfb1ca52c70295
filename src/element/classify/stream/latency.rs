// SPDX-License-Identifier: MPL-2.0
//! How long frames stay in the element.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Number of newest frames that show whether the stay has become shorter.
const WINDOW: usize = 64;

/// Number of frames without a longer stay before the first announcement: at the start of a stream
/// each frame waits for those before it, and so longer than they.
const SETTLED_FRAMES: usize = 4;

/// A change of less than this is not announced.
const MIN_CHANGE: Duration = Duration::from_millis(5);

/// Minimum time between two announcements of a longer stay.
const MIN_SPACING: Duration = Duration::from_secs(1);

/// Time before the first announcement of a shorter stay. It doubles with each of them, so that a stay
/// that goes up and down is not announced for ever.
const SHORTER_AFTER: Duration = Duration::from_secs(10);

/// Why the pipeline is to query the latency again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LatencyChange {
    /// It is known for the first time.
    First,
    /// It has changed by so much that it matters.
    Changed,
}

/// The longest stay of frames.
#[derive(Debug)]
pub struct Latency {
    /// When the last frame could leave.
    ready: Option<Instant>,
    newest: VecDeque<Duration>,
    /// The longest stay since the last announcement of a shorter one.
    bound: Duration,
    /// Frames since it grew by more than a quarter.
    settled: usize,
    growing: Duration,
    /// What was announced last, and when.
    announced: Option<(Duration, Instant)>,
    shorter_after: Duration,
}

impl Default for Latency {
    fn default() -> Self {
        Self {
            ready: None,
            newest: VecDeque::with_capacity(WINDOW),
            bound: Duration::ZERO,
            settled: 0,
            growing: Duration::ZERO,
            announced: None,
            shorter_after: SHORTER_AFTER,
        }
    }
}

impl Latency {
    /// Takes a frame that began to wait at `queued` and had its result at `ready`. It cannot leave
    /// before the frames before it. Time that downstream makes it wait is not counted.
    pub fn leave(&mut self, queued: Instant, ready: Instant) -> Option<LatencyChange> {
        let ready = self.ready.map_or(ready, |last| last.max(ready));
        self.ready = Some(ready);
        self.observe(ready.saturating_duration_since(queued), ready)
    }

    /// Takes the stay of a frame that could leave `now`.
    fn observe(&mut self, stay: Duration, now: Instant) -> Option<LatencyChange> {
        if self.newest.len() == WINDOW {
            self.newest.pop_front();
        }
        self.newest.push_back(stay);
        self.bound = self.bound.max(stay);
        if grows(self.bound, self.growing) {
            self.growing = self.bound;
            self.settled = 0;
        }
        self.settled += 1;
        if self.settled < SETTLED_FRAMES {
            return None;
        }
        let Some((announced, when)) = self.announced else {
            self.announced = Some((self.bound, now));
            return Some(LatencyChange::First);
        };
        let since = now.saturating_duration_since(when);
        if grows(self.bound, announced) {
            if since < MIN_SPACING {
                return None;
            }
            self.announced = Some((self.bound, now));
            return Some(LatencyChange::Changed);
        }
        // A shorter stay must last for a while: each announcement makes the pipeline recalculate its
        // latency, and too much latency harms less than too little.
        let longest = self.newest.iter().max().copied().unwrap_or_default();
        let is_shorter = self.newest.len() == WINDOW
            && longest < self.bound / 2
            && self.bound - longest > MIN_CHANGE;
        if !is_shorter || since < self.shorter_after {
            return None;
        }
        self.shorter_after = self.shorter_after.saturating_mul(2);
        (self.bound, self.growing) = (longest, longest);
        self.announced = Some((longest, now));
        Some(LatencyChange::Changed)
    }

    /// The longest stay since the last announcement of a shorter one.
    pub fn bound(&self) -> Duration {
        self.bound
    }
}

/// Whether a stay is so much longer than another that it matters.
fn grows(stay: Duration, than: Duration) -> bool {
    stay > than + than / 4 && stay > than + MIN_CHANGE.min(stay / 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    /// Which of these stays, in milliseconds, were announced; a frame comes every 40 ms.
    fn announced(
        latency: &mut Latency,
        begun: Instant,
        stays: &[u64],
    ) -> Vec<(usize, LatencyChange)> {
        let changes = stays.iter().enumerate().filter_map(|(i, stay)| {
            let now = begun + MS(40) * i as u32;
            Some((i, latency.observe(MS(*stay), now)?))
        });
        changes.collect()
    }

    /// A frame that is ready before the one in front of it stays as long as that one.
    #[test]
    fn in_order() {
        let begun = Instant::now();
        let at = |ms| begun + MS(ms);
        let mut latency = Latency::default();
        latency.leave(at(0), at(50));
        latency.leave(at(5), at(10));
        assert_eq!(latency.newest, [MS(50), MS(45)]);
        // One that comes after them has nothing to do with them.
        latency.leave(at(60), at(70));
        assert_eq!(latency.newest.back(), Some(&MS(10)));
        assert_eq!(latency.bound(), MS(50));
    }

    /// A stay that grows while the queue fills, and then wavers, is announced once.
    #[test]
    fn once_for_a_start() {
        let mut latency = Latency::default();
        let stays = [
            30, 60, 90, 120, 150, 180, 150, 178, 185, 190, 170, 200, 40, 210,
        ];
        let found = announced(&mut latency, Instant::now(), &stays);
        assert_eq!(found, [(8, LatencyChange::First)]);
        // The bound is up to date all the same.
        assert_eq!(latency.bound(), MS(210));
    }

    /// It is announced again when it has grown by more than a quarter and some milliseconds, yet
    /// not more often than once a second.
    #[test]
    fn again_when_it_matters() {
        let begun = Instant::now();
        let mut stays = vec![10; 50];
        stays[20] = 12;
        stays[40..].fill(14);
        assert_eq!(
            announced(&mut Latency::default(), begun, &stays),
            [(3, LatencyChange::First)]
        );
        let mut stays = vec![100; 100];
        stays[10..].fill(150);
        stays[20..].fill(300);
        let found = announced(&mut Latency::default(), begun, &stays);
        assert_eq!(
            found,
            [(3, LatencyChange::First), (28, LatencyChange::Changed)]
        );
    }

    /// One that is shorter is announced after a while, and less and less often.
    #[test]
    fn shorter() {
        let begun = Instant::now();
        // Ten minutes in which it is long for a frame each 20 seconds.
        let stays: Vec<u64> = (0..15_000)
            .map(|i| if i % 500 == 0 { 200 } else { 40 })
            .collect();
        let mut latency = Latency::default();
        let found = announced(&mut latency, begun, &stays);
        assert!((3..=14).contains(&found.len()), "{found:?}");
        let late = found.iter().filter(|(i, _)| *i > 7500);
        assert!(late.count() <= 4, "{found:?}");
        let mut stays = vec![40; 400];
        stays[0] = 200;
        let mut latency = Latency::default();
        assert_eq!(announced(&mut latency, begun, &stays).len(), 2);
        assert_eq!(latency.bound(), MS(40));
    }

    proptest! {
        /// Whatever the stays are, the bound is never less than the stay of one of the newest frames.
        #[test]
        fn never_too_short(stays in prop::collection::vec(0u64..500, 1..600)) {
            let begun = Instant::now();
            let mut latency = Latency::default();
            for (i, stay) in stays.iter().enumerate() {
                latency.observe(MS(*stay), begun + MS(200) * i as u32);
                let newest = stays[i.saturating_sub(WINDOW - 1)..=i].iter().max();
                prop_assert!(latency.bound() >= MS(newest.copied().unwrap_or(0)));
            }
        }
    }
}
