// SPDX-License-Identifier: MPL-2.0
//! What the user sees of a stream: a line for each change, a progress bar, a summary.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use gstresnet50::meta::{Classification, classification_of, regions_of};
use gstresnet50::text;
use indicatif::ProgressBar;

/// What has been seen so far.
pub struct Report {
    bar: ProgressBar,
    /// Maximum number of classes that are shown.
    top_k: usize,
    /// When the first frame came to a model that was loaded.
    begun: Option<Instant>,
    newest: Option<Instant>,
    /// Frames that have left the element, of all inputs.
    pub frames: u64,
    /// Those that were classified, or had a region that was.
    pub classified: u64,
    seen: HashMap<Arc<str>, u64>,
    /// What it is a frame of.
    current: Current,
}

/// What is known of one input.
#[derive(Debug, Default)]
pub struct Current {
    /// What its lines begin with; empty where there is only one input.
    prefix: String,
    pub frames: u64,
    pub classified: u64,
    /// Frames that the decoder has marked as damaged, or as no pictures of their own.
    pub flagged: u64,
    /// Running time at which the newest frame ends.
    pub end: Option<gst::ClockTime>,
    top: Option<Arc<str>>,
}

impl Report {
    pub fn new(bar: ProgressBar, top_k: usize) -> Self {
        Self {
            bar,
            top_k,
            begun: None,
            newest: None,
            frames: 0,
            classified: 0,
            seen: HashMap::new(),
            current: Current::default(),
        }
    }

    /// Begins another input.
    pub fn input(&mut self, prefix: String) {
        self.current = Current {
            prefix,
            ..Default::default()
        };
    }

    /// What there is to know of the input.
    pub fn current(&self) -> &Current {
        &self.current
    }

    /// A frame has come to the element.
    pub fn entered(&mut self) {
        self.begun.get_or_insert_with(Instant::now);
    }

    /// The model has been loaded: until then the frames have waited for it.
    pub fn loaded(&mut self) {
        if self.frames == 0 && self.begun.is_some() {
            self.begun = Some(Instant::now());
        }
    }

    /// Takes a frame into account, and prints its best classes if the best is a new one.
    pub fn frame(
        &mut self,
        buffer: &gst::BufferRef,
        segment: Option<&gst::FormattedSegment<gst::ClockTime>>,
    ) {
        use gst::BufferFlags as F;
        self.frames += 1;
        self.current.frames += 1;
        self.newest = Some(Instant::now());
        let time = segment.and_then(|s| s.to_stream_time(buffer.pts()));
        let running = segment.and_then(|s| s.to_running_time(buffer.pts()));
        self.current.end = running.map(|t| t + buffer.duration().unwrap_or_default());
        self.bar
            .set_position(time.map_or(0, gst::ClockTime::mseconds));
        if let Some(rate) = self.rate() {
            self.bar
                .set_message(format!("{} frames, {rate:.1} a second", self.frames));
        }

        let of_frame = classification_of(buffer);
        let has_region = || regions_of(buffer).iter().any(|(_, seen)| seen.is_some());
        if of_frame.is_none() && !has_region() {
            let no_picture = F::GAP | F::DROPPABLE | F::CORRUPTED;
            self.current.flagged += u64::from(buffer.flags().intersects(no_picture));
            return;
        }
        self.classified += 1;
        self.current.classified += 1;
        let Some(seen) = of_frame else {
            return;
        };
        let classes = classes(&seen, self.top_k);
        let top = classes
            .first()
            .map_or_else(|| NOTHING.into(), |(label, _)| Arc::clone(label));
        *self.seen.entry(Arc::clone(&top)).or_default() += 1;
        if self.current.top.as_ref() != Some(&top) {
            self.current.top = Some(top);
            let time = time.map_or("--:--:--.---".into(), |t| format!("{t:.3}"));
            let shown = match classes.as_slice() {
                [] => NOTHING.into(),
                [(label, confidence)] => {
                    let label = text::name(label).to_string();
                    format!("{label:<28} {:3.0} %", confidence * 100.0)
                }
                several => {
                    let several = several.iter().map(|(label, confidence)| {
                        format!("{} {:.0} %", text::name(label), confidence * 100.0)
                    });
                    several.collect::<Vec<_>>().join(", ")
                }
            };
            let prefix = &self.current.prefix;
            self.bar.suspend(|| say!("{prefix}{time}  {shown}"));
        }
    }

    /// Frames a second, where there are enough for one to speak of it.
    fn rate(&self) -> Option<f64> {
        let seconds = self.seconds();
        (self.frames > 1 && seconds > 0.0).then(|| self.frames as f64 / seconds)
    }

    /// From the first frame's coming to the newest one's leaving.
    fn seconds(&self) -> f64 {
        let times = self.begun.zip(self.newest);
        times.map_or(0.0, |(begun, newest)| {
            newest.saturating_duration_since(begun).as_secs_f64()
        })
    }

    /// Prints what there was in all. `stats` are of a single input.
    pub fn summary(
        &self,
        inputs: usize,
        model: Option<&gst::Structure>,
        stats: Option<&gst::Structure>,
    ) {
        let of_model = |name| {
            model
                .and_then(|m| m.get::<String>(name).ok())
                .unwrap_or_default()
        };
        let rate = self.rate();
        let of = match inputs {
            1 => String::new(),
            several => format!(" of {several} inputs"),
        };
        say!();
        say!(
            "{} frame{}{of} in {:.*} s{}, {} of them classified by {} on {}",
            self.frames,
            if self.frames == 1 { "" } else { "s" },
            match self.seconds() {
                ..0.1 => 3,
                0.1..1.0 => 2,
                _ => 1,
            },
            self.seconds(),
            rate.map_or(String::new(), |rate| format!(" ({rate:.1} a second)")),
            self.classified,
            of_model("model"),
            of_model("provider"),
        );
        for (name, field) in [("pre-processing", "preprocess"), ("inference", "inference")] {
            let latency = stats.and_then(|s| s.get::<gst::Structure>(field).ok());
            if let Some(latency) = latency {
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

/// What is shown where no class reaches the minimum confidence.
const NOTHING: &str = "nothing";

/// The classes that are shown, the best one first: the decision if there is one, else the best
/// `top_k` classes.
fn classes(seen: &Classification, top_k: usize) -> Vec<(Arc<str>, f32)> {
    match &seen.decision {
        Some(decision) => decision
            .label
            .iter()
            .map(|label| (Arc::clone(label), decision.confidence))
            .collect(),
        None => seen
            .results
            .iter()
            .take(top_k)
            .map(|class| (Arc::clone(&class.label), class.confidence))
            .collect(),
    }
}

impl Current {
    /// The probable reason why no frame of an input was classified.
    pub fn why_none(&self, element: &gst::Element) -> String {
        use gst::prelude::*;
        let frames = crate::model::count(self.frames as usize, "frame");
        let text = |name| {
            let value = element.property_value(name);
            value.serialize().map_or(String::new(), |text| text.into())
        };
        let why = if self.flagged == self.frames {
            "the decoder marks all of them as damaged or as no pictures of their own (flags CORRUPTED, DROPPABLE, GAP): the stream has no keyframe that it knows, or began in the middle".into()
        } else if text("region") == "rois" {
            "with region=rois only what a detector has found is classified, and nothing has found any regions here".into()
        } else if text("mode") == "live" {
            "with mode=live frames do not wait for their results, and all had passed before the first one came: use mode=exact".into()
        } else {
            format!(
                "its settings leave out all of them (interval={}, max-rate={}), or no result came in time",
                text("interval"),
                text("max-rate")
            )
        };
        format!("{frames}, 0 of them classified: {why}")
    }
}
