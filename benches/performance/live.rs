// SPDX-License-Identifier: MPL-2.0
//! Mode live on one core: a real video all of whose frames are inferred, and a camera that is
//! far faster than its model.
//!
//! Both run in a process of their own that `taskset` keeps on the first core.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gst::prelude::*;
use gst_video::{VideoFormat, VideoInfo};
use gstresnet50::meta::classification_of;
use gstresnet50::sync::Mutex;
use hdrhistogram::Histogram;

use super::camera::Camera;
use super::fixtures::{Scratch, frame, milliseconds};
use super::goal::{Goal, verdict, verdicts};
use super::usage::busy;
use super::video::Video;
use super::{Result, announce, models};

/// How long the camera plays, and how much of its beginning and of its end are compared.
const CAMERA: Duration = Duration::from_secs(120);
const PART: Duration = Duration::from_secs(10);

/// How long a model may take to load, and a video of some seconds to play.
const TIMEOUT: gst::ClockTime = gst::ClockTime::from_seconds(300);

/// The measurement that this process is to make, for the one that started it.
#[derive(Debug, Clone, clap::ValueEnum)]
pub enum Child {
    Video,
    Camera,
}

/// The two sections. `video` is any: see [`Video`].
pub fn measure(video: &Path) -> Result<String> {
    let mut text = String::from("## One core\n\n");
    let scratch = Scratch::new()?;
    let video = Video::make(video, &scratch)?;
    let model = models::file("int8", "dynamic", &scratch)?;
    writeln!(
        text,
        "### A video of 1080p, every frame of it\n\nGoal: no frame lost, and all of them inferred.\n\n{}\n",
        video.description
    )?;
    announce("one core: a video");
    text.push_str(&child("video", &[&model, &video.file])?);
    let slow = models::file("fp32", "4", &scratch)?;
    announce("one core: a camera");
    text.push_str(&child("camera", &[&slow])?);
    Ok(text)
}

/// Makes the measurement of a child.
pub fn run(child: &Child, files: &[String]) -> Result<String> {
    match (child, files) {
        (Child::Video, [model, video]) => one_core(model, video),
        (Child::Camera, [model]) => camera(model),
        _ => Err("a model and perhaps a video are needed".into()),
    }
}

fn child(what: &str, files: &[&str]) -> Result<String> {
    let output = Command::new("taskset")
        .args(["-c", "0"])
        .arg(std::env::current_exe()?)
        .args(["--child", what])
        .args(files.iter().flat_map(|file| ["--model", file]))
        .output()
        .map_err(|e| format!("taskset (of util-linux) does not start: {e}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Plays a pipeline to its end.
fn play(pipeline: &gst::Pipeline) -> Result<()> {
    let bus = pipeline.bus().ok_or("a pipeline has a bus")?;
    pipeline.set_state(gst::State::Playing)?;
    let ends = [gst::MessageType::Eos, gst::MessageType::Error];
    let end = bus.timed_pop_filtered(TIMEOUT, &ends);
    pipeline.set_state(gst::State::Null)?;
    match end.as_ref().map(|m| m.view()) {
        Some(gst::MessageView::Eos(_)) => Ok(()),
        Some(gst::MessageView::Error(e)) => Err(e.error().into()),
        _ => Err("the pipeline does not end".into()),
    }
}

/// An element with this model, and one more that has loaded it already: the engine is there when
/// the first frame comes.
fn loaded(model: &str) -> Result<(gst::Element, gst::Element)> {
    let element = || {
        gst::ElementFactory::make("resnet50")
            .property("model", model)
            .property_from_str("mode", "live")
            .build()
    };
    let holder = element()?;
    let bus = gst::Bus::new();
    holder.set_bus(Some(&bus));
    holder.set_state(gst::State::Paused)?;
    let kinds = [gst::MessageType::Progress, gst::MessageType::Error];
    loop {
        let message = bus
            .timed_pop_filtered(TIMEOUT, &kinds)
            .ok_or("the model does not load")?;
        match message.view() {
            gst::MessageView::Progress(p) if p.get().0 == gst::ProgressType::Complete => break,
            gst::MessageView::Error(e) => return Err(e.error().into()),
            _ => {}
        }
    }
    Ok((element()?, holder))
}

/// The headline: decodes and classifies a video as fast as it plays.
fn one_core(model: &str, video: &str) -> Result<String> {
    let (element, holder) = loaded(model)?;
    let description = "filesrc name=file ! qtdemux ! h264parse ! avdec_h264 max-threads=1 name=decoder fakesink name=sink sync=true qos=false";
    let pipeline = gst::parse::launch(description)?;
    let pipeline = pipeline
        .downcast::<gst::Pipeline>()
        .map_err(|_| "not a pipeline")?;
    let by_name = |name| pipeline.by_name(name).ok_or("it was named so");
    by_name("file")?.set_property("location", video);
    pipeline.add(&element)?;
    gst::Element::link_many([&by_name("decoder")?, &element, &by_name("sink")?])?;
    let (frames, shown) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    for (pad, counter) in [("sink", &frames), ("src", &shown)] {
        let counter = Arc::clone(counter);
        let pad = element.static_pad(pad).ok_or("the element has two pads")?;
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            counter.fetch_add(1, Ordering::Relaxed);
            gst::PadProbeReturn::Ok
        });
    }
    // The figures must be taken before the element stops, and the threads end.
    let taken: Arc<Mutex<Option<(Duration, Duration, gst::Structure)>>> = Arc::default();
    let pad = element
        .static_pad("src")
        .ok_or("the element has two pads")?;
    pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, {
        let (taken, element) = (Arc::clone(&taken), element.downgrade());
        move |_, probe| {
            if probe
                .event()
                .is_some_and(|e| e.type_() == gst::EventType::Eos)
                && let Some(element) = element.upgrade()
                && let Ok((engine, others)) = busy()
            {
                // The last frame is still being inferred.
                std::thread::sleep(Duration::from_millis(100));
                let stats = element.property("stats");
                let mut taken = taken.lock();
                *taken = Some((engine, others, stats));
            }
            gst::PadProbeReturn::Ok
        }
    });
    let (engine_before, others_before) = busy()?;
    let begun = Instant::now();
    play(&pipeline)?;
    let time = begun.elapsed().as_secs_f64();
    holder.set_state(gst::State::Null)?;
    let taken = taken.lock().take();
    let (engine, others, stats) = taken.ok_or("the video has no end")?;
    let inferred: u64 = stats.get("inferences")?;
    let p50 = |name| -> Result<f64> {
        let latency: gst::Structure = stats.get(name)?;
        Ok(latency.get::<u64>("p50")? as f64 / 1e6)
    };
    let (preprocess, run) = (p50("preprocess")?, p50("inference")?);
    let (frames, shown) = (
        frames.load(Ordering::Relaxed),
        shown.load(Ordering::Relaxed),
    );
    let share = |time: Duration| time.as_secs_f64() * 100.0 / frames as f64 * 30.0;
    let prepared = Duration::from_secs_f64(preprocess * inferred as f64 / 1e3);
    let (engine, others) = (
        engine
            .saturating_sub(engine_before)
            .saturating_sub(prepared),
        others.saturating_sub(others_before),
    );
    let mut text = String::new();
    writeln!(
        text,
        "One core (`taskset -c 0`) decodes it with `avdec_h264`, one thread, in time with the clock, and `resnet50 mode=live` classifies with ResNet50 v1.5 in int8. It is played once; the shares are those of the core's time. An inference took {run:.1} ms (median), and a frame is there for {:.1}. The idle share is the room that is left.\n\n| frames | lost | inferred | goal | inference | pre-processing | decoding and all else | idle | seconds |\n|---|---|---|---|---|---|---|---|---|\n| {frames} | {} | {inferred} ({:.1} %) | {} | {:.0} % | {:.0} % | {:.0} % | {:.0} % | {time:.1} |\n",
        1e3 / 30.0,
        frames - shown,
        inferred as f64 * 100.0 / frames as f64,
        verdicts(&[
            ("frames lost", shown == frames),
            ("all inferred", inferred == frames),
        ]),
        share(engine),
        share(prepared),
        share(others),
        100.0 - share(engine) - share(prepared) - share(others),
    )?;
    Ok(text)
}

/// What was seen in a part of the time.
struct Part {
    delays: Histogram<u64>,
    ages: Histogram<u64>,
    results: ResultTimes,
}

/// When new results came.
#[derive(Debug, Default)]
struct ResultTimes {
    /// The frame that the newest one is for.
    newest: Option<gst::ClockTime>,
    first: Option<Duration>,
    last: Duration,
    /// How many came after the first.
    further: u32,
}

impl ResultTimes {
    /// Takes note of a result for this frame, which may have been there before.
    fn see(&mut self, frame: gst::ClockTime, now: Duration) {
        let is_new = self.newest.is_some_and(|newest| newest != frame);
        self.newest = Some(frame);
        // The one that is there at the beginning has come at an unknown time.
        if is_new {
            self.further += u32::from(self.first.is_some());
            self.first.get_or_insert(now);
            self.last = now;
        }
    }

    /// The mean time from one to the next.
    fn interval(&self) -> Option<Duration> {
        let first = self.first.filter(|_| self.further > 0)?;
        Some((self.last - first) / self.further)
    }
}

/// A label's age in inferences: that of the frame when its inference began, which may have been the
/// newest one for as long as a frame of the source, left out.
fn in_inferences(age: Duration, interval: Duration) -> f64 {
    age.saturating_sub(FRAME).as_secs_f64() / interval.as_secs_f64()
}

/// From one frame of the camera to the next.
const FRAME: Duration = Duration::from_nanos(1_000_000_000 / 30);

/// What is aimed at: the age of labels in inferences, and by how many milliseconds the delay may
/// differ without having grown.
const AGE: f64 = 2.0;
const GROWTH: f64 = 1.0;

/// The delay: two minutes of a camera that makes 30 frames a second, and a model that makes few.
fn camera(model: &str) -> Result<String> {
    let (element, holder) = loaded(model)?;
    let info = VideoInfo::builder(VideoFormat::Nv12, 1920, 1080)
        .fps(gst::Fraction::new(30, 1))
        .build()?;
    let Camera {
        pipeline,
        source,
        sink,
    } = Camera::new(&element, &info)?;

    let histogram = || Histogram::new_with_bounds(1000, 100_000_000_000, 3);
    let mut parts = Vec::new();
    for _ in 0..2 {
        parts.push(Part {
            delays: histogram()?,
            ages: histogram()?,
            results: ResultTimes::default(),
        });
    }
    let parts = Arc::new(Mutex::new(parts));
    let shown = Arc::new(AtomicU64::new(0));
    let begun = Instant::now();
    let pad = sink.static_pad("sink").ok_or("a sink has a pad")?;
    pad.add_probe(gst::PadProbeType::BUFFER, {
        let (parts, shown) = (Arc::clone(&parts), Arc::clone(&shown));
        move |_, probe| {
            let now = begun.elapsed();
            shown.fetch_add(1, Ordering::Relaxed);
            let Some(buffer) = probe.buffer() else {
                return gst::PadProbeReturn::Ok;
            };
            let mut parts = parts.lock();
            // The first second is for the first result.
            let part = match now {
                now if now < Duration::from_secs(1) => None,
                now if now < PART => parts.first_mut(),
                now if now > CAMERA - PART => parts.last_mut(),
                _ => None,
            };
            if let (Some(part), Some(pts)) = (part, buffer.pts()) {
                let delay = now.as_nanos() as u64 - pts.nseconds().min(now.as_nanos() as u64);
                part.delays.saturating_record(delay);
                if let Some(age) = classification_of(buffer).and_then(|c| c.age) {
                    part.ages.saturating_record(age.nseconds());
                    part.results.see(pts.saturating_sub(age), now);
                }
            }
            gst::PadProbeReturn::Ok
        }
    });
    pipeline.set_state(gst::State::Playing)?;
    let picture = frame(&info);
    let mut frames = 0u64;
    while begun.elapsed() < CAMERA {
        let mut buffer = picture.copy();
        if let Some(buffer) = buffer.get_mut() {
            // A camera stamps its frames when it takes them.
            buffer.set_pts(gst::ClockTime::try_from(begun.elapsed())?);
        }
        source.push_buffer(buffer)?;
        frames += 1;
        let due = begun + FRAME * frames as u32;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    std::thread::sleep(Duration::from_secs(1));
    let stats = element.property::<gst::Structure>("stats");
    pipeline.set_state(gst::State::Null)?;
    holder.set_state(gst::State::Null)?;
    let run: gst::Structure = stats.get("inference")?;
    let run = |name| -> Result<f64> { Ok(run.get::<u64>(name)? as f64 / 1e6) };
    let shown = shown.load(Ordering::Relaxed);
    let parts = parts.lock();
    let mut text = String::new();
    writeln!(
        text,
        "### A camera that is faster than its model\n\nGoals: no frame lost; a delay that does not grow (by less than {GROWTH} ms, median of the last {} s against that of the first); no label older than {AGE} inferences and a frame of the source.\n\n{} s of 1080p NV12 at 30 frames a second on one core, played once, with ResNet50 v1.5 in fp32 and four pictures in each inference, whatever comes: {:.1} inferences a second; an inference took {:.0} ms (median; p99 {:.0} ms). The delay is that from the source to the sink; the age, how much older than its frame a label is. A result is for the frame that was the newest when its inference began, and is shown until the next inference has ended: the oldest label that can be expected is one frame of the source ({:.1} ms) and two inferences old. So the age is given without that frame, in units of the mean time from one result to the next.\n\n| | delay p50 | delay p99 | results every | age p50 | age p99 | oldest label | p99 in inferences | oldest in inferences | goal (oldest label) |\n|---|---|---|---|---|---|---|---|---|---|",
        PART.as_secs(),
        CAMERA.as_secs(),
        stats.get::<u64>("inferences")? as f64 / CAMERA.as_secs_f64(),
        run("p50")?,
        run("p99")?,
        milliseconds(FRAME),
    )?;
    let nanoseconds = |value: u64| milliseconds(Duration::from_nanos(value));
    let mut medians = Vec::new();
    for (name, part) in ["first", "last"].into_iter().zip(parts.iter()) {
        let interval = part.results.interval().ok_or("no results came")?;
        let quantile = |q| part.ages.value_at_quantile(q);
        let inferences = |age| in_inferences(Duration::from_nanos(age), interval);
        let delay = |q| nanoseconds(part.delays.value_at_quantile(q));
        medians.push(delay(0.5));
        writeln!(
            text,
            "| {name} {} s | {:.2} ms | {:.2} ms | {:.0} ms | {:.0} ms | {:.0} ms | {:.0} ms | {:.2} | {:.2} | {} |",
            PART.as_secs(),
            delay(0.5),
            delay(0.99),
            milliseconds(interval),
            nanoseconds(quantile(0.5)),
            nanoseconds(quantile(0.99)),
            nanoseconds(part.ages.max()),
            inferences(quantile(0.99)),
            inferences(part.ages.max()),
            Goal::AtMost(AGE).verdict(inferences(part.ages.max())),
        )?;
    }
    let growth = medians.last().zip(medians.first()).map(|(l, f)| l - f);
    let growth = growth.ok_or("there are two parts")?;
    // Two digits, and none of them is a negative zero.
    let shown_growth = (growth * 100.0).round() / 100.0 + 0.0;
    let lost = frames - shown;
    writeln!(
        text,
        "\nThe delay has grown by {shown_growth:.2} ms: {}. Of {frames} frames {lost} were lost: {}.\n",
        Goal::Under(GROWTH).verdict(growth),
        verdict(lost == 0),
    )?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The interval is that between results that came while they were watched, however often each
    /// was seen.
    #[test]
    fn intervals() {
        let mut results = ResultTimes::default();
        let at = Duration::from_millis;
        for (frame, now) in [(0, 33), (0, 67), (100, 200), (100, 233)] {
            results.see(gst::ClockTime::from_mseconds(frame), at(now));
        }
        assert_eq!(results.interval(), None, "one has come");
        for (frame, now) in [(267, 367), (267, 400), (433, 500), (433, 533)] {
            results.see(gst::ClockTime::from_mseconds(frame), at(now));
        }
        assert_eq!(results.interval(), Some(at(150)));
    }

    /// The time that a frame waits for its inference is no part of the inferences.
    #[test]
    fn ages() {
        let interval = Duration::from_millis(180);
        assert_eq!(in_inferences(FRAME + 2 * interval, interval), 2.0);
        assert_eq!(in_inferences(FRAME / 2, interval), 0.0);
        let later = FRAME + 2 * interval + Duration::from_millis(18);
        assert!((in_inferences(later, interval) - 2.1).abs() < 1e-9);
    }
}
