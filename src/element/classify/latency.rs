// SPDX-License-Identifier: MPL-2.0
//! How long frames stay in the element.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Frames that the bound is taken from.
const WINDOW: usize = 64;

/// The longest stay of the newest frames.
#[derive(Debug, Default)]
pub struct Latency {
    /// When the last of the frames so far could leave.
    ready: Option<Instant>,
    newest: VecDeque<Duration>,
    announced: Duration,
}

impl Latency {
    /// Takes a frame that began to wait and need not have waited any longer at these times. It
    /// could not leave before those that came before it. What it waits beyond that, since what is
    /// behind takes nothing, is not this element's. Returns as [`Self::observe`] does.
    pub fn leave(&mut self, queued: Instant, ready: Instant) -> bool {
        let ready = self.ready.map_or(ready, |last| last.max(ready));
        self.ready = Some(ready);
        self.observe(ready.saturating_duration_since(queued))
    }

    /// Takes a frame's stay. Returns whether the bound has moved by more than a quarter since it
    /// was last announced; it counts as announced then.
    fn observe(&mut self, stay: Duration) -> bool {
        if self.newest.len() == WINDOW {
            self.newest.pop_front();
        }
        self.newest.push_back(stay);
        let bound = self.newest.iter().max().copied().unwrap_or_default();
        // A shorter one must have been so for a while: an announcement stirs up the pipeline.
        let is_longer = bound > self.announced + self.announced / 4;
        let is_shorter = self.newest.len() == WINDOW && bound < self.announced - self.announced / 4;
        if is_longer || is_shorter {
            self.announced = bound;
        }
        is_longer || is_shorter
    }

    /// The bound that was announced last.
    pub fn bound(&self) -> Duration {
        self.announced
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    /// A frame that is ready before the one in front of it stays as long as that one.
    #[test]
    fn in_order() {
        let begun = Instant::now();
        let at = |ms| begun + MS(ms);
        let mut latency = Latency::default();
        assert!(latency.leave(at(0), at(50)));
        assert!(!latency.leave(at(5), at(10)));
        assert_eq!(latency.newest, [MS(50), MS(45)]);
        // One that comes after them has nothing to do with them.
        assert!(!latency.leave(at(60), at(70)));
        assert_eq!(latency.newest.back(), Some(&MS(10)));
    }

    #[test]
    fn announces_by_quarters() {
        let mut latency = Latency::default();
        assert!(latency.observe(MS(100)));
        assert_eq!(latency.bound(), MS(100));
        for stay in [90, 110, 124, 50] {
            assert!(!latency.observe(MS(stay)), "{stay}");
        }
        assert!(latency.observe(MS(130)));
        assert_eq!(latency.bound(), MS(130));
        // Down only when a whole window was shorter.
        let announced: Vec<_> = (0..2 * WINDOW)
            .filter(|_| latency.observe(MS(40)))
            .collect();
        assert_eq!(announced.len(), 1);
        assert_eq!(latency.bound(), MS(40));
    }
}
