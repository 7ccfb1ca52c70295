// SPDX-License-Identifier: MPL-2.0
//! How long frames stay in the element.

use std::collections::VecDeque;
use std::time::Duration;

/// Frames that the bound is taken from.
const WINDOW: usize = 64;

/// The longest stay of the newest frames.
#[derive(Debug, Default)]
pub struct Latency {
    newest: VecDeque<Duration>,
    announced: Duration,
}

impl Latency {
    /// Takes a frame's stay. Returns whether the bound has moved by more than a quarter since it
    /// was last announced; it counts as announced then.
    pub fn observe(&mut self, stay: Duration) -> bool {
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
