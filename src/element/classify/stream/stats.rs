// SPDX-License-Identifier: MPL-2.0
//! Counters and latencies.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::inference::InferenceTimes;

/// What an element has done since it was started.
#[derive(Debug)]
pub struct Stats {
    /// Buffers that came.
    pub frames: u64,
    /// Frames and regions that were inferred.
    pub inferences: u64,
    /// Inferences of the model, each with a batch of frames and regions.
    pub batches: u64,
    /// Frames that were not inferred: between two of an interval or a rate, flagged as damaged,
    /// without a region that is due, or counted in `busy` or `still`.
    pub skipped: u64,
    /// Frames and regions that were superseded by newer ones while the engine was busy (mode live).
    pub busy: u64,
    /// Frames that looked like the last inferred one (`skip-still`).
    pub still: u64,
    /// Frames and regions that failed.
    pub errors: u64,
    preprocess: Histogram<u64>,
    queue: Histogram<u64>,
    inference: Histogram<u64>,
    total: Histogram<u64>,
    /// What was last logged: frames, inferences, and when.
    logged: (u64, u64, Instant),
}

/// How often a line is logged.
const LOG_INTERVAL: Duration = Duration::from_secs(5);

impl Default for Stats {
    fn default() -> Self {
        // 100 ns to 100 s, to two digits; longer times count as the longest.
        let histogram =
            || Histogram::new_with_bounds(100, 100_000_000_000, 2).expect("the bounds are valid");
        Self {
            frames: 0,
            inferences: 0,
            batches: 0,
            skipped: 0,
            busy: 0,
            still: 0,
            errors: 0,
            preprocess: histogram(),
            queue: histogram(),
            inference: histogram(),
            total: histogram(),
            logged: (0, 0, Instant::now()),
        }
    }
}

impl Stats {
    /// Counts one inferred frame or region: the time of its pre-processing, its time in the engine's
    /// queue, the time of its inference, and the time from its arrival to its result.
    pub fn record(&mut self, preprocess: Duration, times: InferenceTimes, total: Duration) {
        self.inferences += 1;
        self.batches += u64::from(times.inferences);
        for (histogram, time) in [
            (&mut self.preprocess, preprocess),
            (&mut self.queue, times.queue),
            (&mut self.inference, times.inference),
            (&mut self.total, total),
        ] {
            histogram.saturating_record(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        }
    }

    /// Counts a buffer that came. Returns a line for the log now and then.
    pub fn frame(&mut self) -> Option<String> {
        self.frames += 1;
        let (frames, inferences, when) = self.logged;
        let time = when.elapsed();
        if time < LOG_INTERVAL {
            return None;
        }
        self.logged = (self.frames, self.inferences, Instant::now());
        let rate = |now: u64, then: u64| (now - then) as f64 / time.as_secs_f64();
        let p99 = |histogram: &Histogram<u64>| histogram.value_at_quantile(0.99) as f64 / 1e6;
        Some(format!(
            "{:.1} frames and {:.1} inferences a second; in all {} frames, {} inferred, {} skipped ({} busy, {} still), {} failed; p99: queue {:.1} ms, inference {:.1} ms, frame to result {:.1} ms",
            rate(self.frames, frames),
            rate(self.inferences, inferences),
            self.frames,
            self.inferences,
            self.skipped,
            self.busy,
            self.still,
            self.errors,
            p99(&self.queue),
            p99(&self.inference),
            p99(&self.total),
        ))
    }

    /// The property `stats`: each latency in nanoseconds, as a nested structure and as flat fields
    /// such as `inference-p50`. PyGObject does not copy nested structures, which are freed with the
    /// outer one.
    pub fn to_structure(&self) -> gst::Structure {
        let mut structure = gst::Structure::builder("resnet50-stats")
            .field("frames", self.frames)
            .field("inferences", self.inferences)
            .field("batches", self.batches)
            .field("skipped", self.skipped)
            .field("busy", self.busy)
            .field("still", self.still)
            .field("errors", self.errors)
            .build();
        for (name, histogram) in [
            ("preprocess", &self.preprocess),
            ("queue", &self.queue),
            ("inference", &self.inference),
            ("total", &self.total),
        ] {
            let mut latency = gst::Structure::new_empty("latency");
            for (percentile, quantile) in [("p50", 0.50), ("p95", 0.95), ("p99", 0.99)] {
                let time = histogram.value_at_quantile(quantile);
                latency.set(percentile, time);
                structure.set(format!("{name}-{percentile}"), time);
            }
            structure.set(name, latency);
        }
        structure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line tells what happened since the last one, and does not come more often than it should.
    #[test]
    fn logs_now_and_then() {
        let mut stats = Stats::default();
        assert_eq!(stats.frame(), None, "too early");
        for round in 1..=3u64 {
            for _ in 0..9 {
                assert_eq!(stats.frame(), None);
                let times = InferenceTimes {
                    inference: Duration::from_millis(30),
                    inferences: 1,
                    ..Default::default()
                };
                stats.record(Duration::ZERO, times, Duration::from_millis(50));
            }
            let long_ago = Instant::now().checked_sub(10 * LOG_INTERVAL);
            stats.logged.2 = long_ago.expect("the machine runs for longer");
            let line = stats.frame().expect("a line");
            let counts = format!("{} frames, {} inferred", 10 * round + 1, 9 * round);
            for words in [
                "0.2 frames and 0.2 inferences a second",
                &counts,
                "inference 30",
                "result 50",
            ] {
                assert!(line.contains(words), "no “{words}” in: {line}");
            }
        }
    }
}
