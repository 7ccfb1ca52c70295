// SPDX-License-Identifier: MPL-2.0
//! `appsrc ! resnet50 ! fakesink`, fed with frames from memory. `benches/performance` includes this
//! file, too.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gst::prelude::*;
use gst_video::VideoInfo;
use gstresnet50::sync::Mutex;

use super::Result;
use super::usage::{Shares, Usage};

/// What is measured.
#[derive(Debug)]
pub struct Pipeline<'a> {
    /// The element, with its properties set.
    pub element: gst::Element,
    pub info: &'a VideoInfo,
    /// Pushed in turn.
    pub frames: &'a [gst::Buffer],
    /// Frames a second, as from a camera. Without it they come as fast as they are taken.
    pub camera: Option<u32>,
    /// Inferences before the measurement begins.
    pub warm_up: u64,
    /// How long the measurement takes.
    pub time: Duration,
}

/// What was measured.
#[derive(Debug)]
pub struct Measured {
    /// Frames a second that came out.
    pub rate: f64,
    /// Inferences a second.
    pub inferences: f64,
    /// Who used the cores.
    pub shares: Shares,
    /// The share of pre-processing, which is in that of the engine.
    pub prepared: f64,
    /// How long each frame was in the element.
    pub delays: Vec<Duration>,
}

/// The frames that have gone in, and for each that came out when, and how long it took.
#[derive(Debug, Default)]
struct Seen {
    entered: VecDeque<Instant>,
    left: Vec<(Instant, Duration)>,
}

impl Pipeline<'_> {
    /// Plays the pipeline and measures it.
    pub fn measure(self) -> Result<Measured> {
        let seen: Arc<Mutex<Seen>> = Arc::default();
        self.observe(&seen)?;
        let source = self.source()?;
        let sink = gst::ElementFactory::make("fakesink")
            .property("sync", false)
            .build()?;
        let pipeline = gst::Pipeline::new();
        pipeline.add_many([source.upcast_ref(), &self.element, &sink])?;
        gst::Element::link_many([source.upcast_ref(), &self.element, &sink])?;
        let bus = pipeline.bus().ok_or("a pipeline has a bus")?;
        pipeline.set_state(gst::State::Playing)?;
        let measured = self.observe_playing(&bus, &seen);
        // To NULL it always goes.
        let _ = pipeline.set_state(gst::State::Null);
        measured
    }

    /// Notes when frames enter and leave the element.
    fn observe(&self, seen: &Arc<Mutex<Seen>>) -> Result<()> {
        let pad = |name| {
            let pad = self.element.static_pad(name);
            pad.ok_or("the element has two pads")
        };
        pad("sink")?.add_probe(gst::PadProbeType::BUFFER, {
            let seen = Arc::clone(seen);
            move |_, _| {
                seen.lock().entered.push_back(Instant::now());
                gst::PadProbeReturn::Ok
            }
        });
        pad("src")?.add_probe(gst::PadProbeType::BUFFER, {
            let seen = Arc::clone(seen);
            move |_, _| {
                let now = Instant::now();
                let mut seen = seen.lock();
                // All frames leave, in their order.
                if let Some(entered) = seen.entered.pop_front() {
                    seen.left.push((now, now - entered));
                }
                gst::PadProbeReturn::Ok
            }
        });
        Ok(())
    }

    /// A source that pushes from its own thread, as that of a file or a camera would.
    fn source(&self) -> Result<gst_app::AppSrc> {
        let source = gst_app::AppSrc::builder()
            .caps(&self.info.to_caps()?)
            .format(gst::Format::Time)
            .is_live(self.camera.is_some())
            .build();
        let frames = self.frames.to_vec();
        let interval = self.camera.map(|rate| Duration::from_secs(1) / rate);
        let (mut begun, mut next) = (None, 0u32);
        source.set_callbacks(
            gst_app::AppSrcCallbacks::builder()
                .need_data(move |source, _| {
                    let mut frame = frames[next as usize % frames.len()].copy();
                    if let (Some(interval), Some(frame)) = (interval, frame.get_mut()) {
                        let at = interval * next;
                        let begun = *begun.get_or_insert_with(Instant::now);
                        std::thread::sleep((begun + at).saturating_duration_since(Instant::now()));
                        frame.set_pts(gst::ClockTime::from_nseconds(at.as_nanos() as u64));
                    }
                    // It is refused only at the end.
                    let _ = source.push_buffer(frame);
                    next += 1;
                })
                .build(),
        );
        Ok(source)
    }

    fn stats(&self) -> gst::Structure {
        self.element.property("stats")
    }

    fn inferences(&self) -> Result<u64> {
        Ok(self.stats().get("inferences")?)
    }

    fn observe_playing(&self, bus: &gst::Bus, seen: &Mutex<Seen>) -> Result<Measured> {
        let check = || match bus.pop_filtered(&[gst::MessageType::Error]) {
            Some(message) => match message.view() {
                gst::MessageView::Error(error) => Err(error.error().to_string()),
                _ => Ok(()),
            },
            None => Ok(()),
        };
        while self.inferences()? < self.warm_up {
            check()?;
            std::thread::sleep(Duration::from_millis(10));
        }
        let (before, inferred) = (Usage::now()?, self.inferences()?);
        let skipped = seen.lock().left.len();
        std::thread::sleep(self.time);
        // A rate needs two frames, also of a very slow model.
        while seen.lock().left.len() < skipped + 2 {
            check()?;
            std::thread::sleep(Duration::from_millis(10));
        }
        let after = Usage::now()?;
        let inferred = self.inferences()? - inferred;
        check()?;
        let (times, delays): (Vec<_>, Vec<_>) = seen.lock().left[skipped..].iter().copied().unzip();
        let rate = rate(&times).ok_or("all frames came at once")?;
        let inferences = inferred as f64 / after.seconds_since(&before);
        let shares = after.since(&before)?;
        let preprocess: gst::Structure = self.stats().get("preprocess")?;
        let preprocess = preprocess.get::<u64>("p50")? as f64 / 1e9;
        Ok(Measured {
            rate,
            inferences,
            prepared: preprocess * inferences / shares.cores,
            shares,
            delays,
        })
    }
}

/// Frames a second: the slope of the line that fits the times best. Frames come in batches, so a
/// count between the first and the last would be off by up to a batch.
pub fn rate(times: &[Instant]) -> Option<f64> {
    let first = times.first()?;
    let seconds: Vec<_> = times.iter().map(|t| (*t - *first).as_secs_f64()).collect();
    let count = seconds.len() as f64;
    let (middle, mean) = ((count - 1.0) / 2.0, seconds.iter().sum::<f64>() / count);
    let (mut above, mut below) = (0.0, 0.0);
    for (i, seconds) in seconds.iter().enumerate() {
        above += (i as f64 - middle) * (seconds - mean);
        below += (seconds - mean).powi(2);
    }
    (below > 0.0).then(|| above / below)
}
