// SPDX-License-Identifier: MPL-2.0
//! What the user sees of a stream: a line for each change, a progress bar, a summary.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use gstresnet50::meta::classification_of;
use gstresnet50::text;
use indicatif::ProgressBar;

/// What has been seen so far.
pub struct Watch {
    bar: ProgressBar,
    begun: Option<Instant>,
    newest: Option<Instant>,
    /// Frames that have come by.
    pub frames: u64,
    classified: u64,
    top: Option<i32>,
    seen: HashMap<Arc<str>, u64>,
}

impl Watch {
    pub fn new(bar: ProgressBar) -> Self {
        Self {
            bar,
            begun: None,
            newest: None,
            frames: 0,
            classified: 0,
            top: None,
            seen: HashMap::new(),
        }
    }

    /// Takes a frame into account, and prints its best class if that is a new one.
    pub fn frame(
        &mut self,
        buffer: &gst::BufferRef,
        segment: Option<&gst::FormattedSegment<gst::ClockTime>>,
    ) {
        let begun = *self.begun.get_or_insert_with(Instant::now);
        self.frames += 1;
        self.newest = Some(Instant::now());
        let time = segment.and_then(|s| s.to_stream_time(buffer.pts()));
        self.bar
            .set_position(time.map_or(0, gst::ClockTime::mseconds));
        let seconds = begun.elapsed().as_secs_f64();
        if seconds > 0.0 {
            let rate = self.frames as f64 / seconds;
            self.bar
                .set_message(format!("{} frames, {rate:.1} a second", self.frames));
        }

        let Some(seen) = classification_of(buffer) else {
            return;
        };
        self.classified += 1;
        let Some(top) = seen.top() else {
            return;
        };
        *self.seen.entry(Arc::clone(&top.label)).or_default() += 1;
        if self.top.replace(top.index) != Some(top.index) {
            let time = time.map_or("--:--:--.---".into(), |t| format!("{t:.3}"));
            self.bar.suspend(|| {
                let label = text::name(&top.label).to_string();
                say!("{time}  {label:<28} {:3.0} %", top.confidence * 100.0);
            });
        }
    }

    /// Prints what there was in all.
    pub fn summary(&self, model: Option<gst::Structure>, stats: &gst::Structure) {
        let seconds = self
            .begun
            .zip(self.newest)
            .map_or(0.0, |(b, n)| (n - b).as_secs_f64());
        let text = |name| {
            model
                .as_ref()
                .and_then(|m| m.get::<String>(name).ok())
                .unwrap_or_default()
        };
        say!();
        say!(
            "{} frame{} in {seconds:.1} s ({:.1} a second), {} of them classified by {} on {}",
            self.frames,
            if self.frames == 1 { "" } else { "s" },
            self.frames as f64 / seconds.max(1e-9),
            self.classified,
            text("model"),
            text("provider"),
        );
        for (name, field) in [("pre-processing", "preprocess"), ("inference", "inference")] {
            if let Ok(latency) = stats.get::<gst::Structure>(field) {
                let ms = |name| latency.get::<u64>(name).unwrap_or(0) as f64 / 1e6;
                say!(
                    "{name:<15} p50 {:.2} ms, p99 {:.2} ms",
                    ms("p50"),
                    ms("p99")
                );
            }
        }
        let mut seen: Vec<_> = self.seen.iter().collect();
        seen.sort_by(|a, b| b.1.cmp(a.1).then_with(|| a.0.cmp(b.0)));
        for (label, count) in seen.into_iter().take(5) {
            say!(
                "{:3.0} % of frames  {}",
                *count as f64 * 100.0 / self.classified as f64,
                text::name(label)
            );
        }
    }
}
