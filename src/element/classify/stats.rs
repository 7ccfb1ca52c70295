// SPDX-License-Identifier: MPL-2.0
//! Counters and latencies.

use std::time::Duration;

use hdrhistogram::Histogram;

/// What an element has done since it was started.
#[derive(Debug)]
pub struct Stats {
    /// Buffers that came.
    pub frames: u64,
    /// Frames that were inferred.
    pub inferences: u64,
    /// Runs of the model.
    pub batches: u64,
    /// Frames that were not inferred: between two of an interval, or without a whole picture.
    pub skipped: u64,
    /// Frames that failed.
    pub errors: u64,
    preprocess: Histogram<u64>,
    inference: Histogram<u64>,
    total: Histogram<u64>,
}

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
            errors: 0,
            preprocess: histogram(),
            inference: histogram(),
            total: histogram(),
        }
    }
}

impl Stats {
    /// Counts one inferred frame.
    pub fn record(&mut self, preprocess: Duration, inference: Duration, total: Duration) {
        self.inferences += 1;
        self.batches += 1;
        let nanoseconds = |d: Duration| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX);
        self.preprocess.saturating_record(nanoseconds(preprocess));
        self.inference.saturating_record(nanoseconds(inference));
        self.total.saturating_record(nanoseconds(total));
    }

    /// The property `stats`.
    pub fn to_structure(&self) -> gst::Structure {
        let percentiles = |[p50, p95, p99]: [u64; 3]| {
            gst::Structure::builder("latency")
                .field("p50", p50)
                .field("p95", p95)
                .field("p99", p99)
                .build()
        };
        let latency = |histogram: &Histogram<u64>| {
            percentiles([0.50, 0.95, 0.99].map(|q| histogram.value_at_quantile(q)))
        };
        gst::Structure::builder("resnet50-stats")
            .field("frames", self.frames)
            .field("inferences", self.inferences)
            .field("batches", self.batches)
            .field("skipped", self.skipped)
            .field("errors", self.errors)
            .field("preprocess", latency(&self.preprocess))
            // Frames are run as they come, so none has waited.
            .field("queue", percentiles([0; 3]))
            .field("inference", latency(&self.inference))
            .field("total", latency(&self.total))
            .build()
    }
}
