// SPDX-License-Identifier: MPL-2.0
//! Mode live: many streams, one engine.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use gst::prelude::*;
use gst_video::{VideoFormat, VideoInfo};
use hdrhistogram::Histogram;

use super::chart::Chart;
use super::throughput::bare_loop;
use super::{Result, Scratch, compare, frame};

/// Numbers of streams, and the size of their frames. The chart is of the smaller ones.
const CASES: [(usize, (u32, u32)); 6] = [
    (1, SMALL),
    (4, SMALL),
    (16, SMALL),
    (32, SMALL),
    (1, LARGE),
    (4, LARGE),
];
const SMALL: (u32, u32) = (640, 480);
const LARGE: (u32, u32) = (1920, 1080);

/// How long the streams play.
const TIME: Duration = Duration::from_secs(6);

/// Frames a second of each.
const RATE: u32 = 30;

/// What was measured with one number of streams.
struct Load {
    streams: usize,
    size: (u32, u32),
    frames: u64,
    lost: u64,
    inferences: f64,
    bare: f64,
    /// The least of a stream's share of the mean.
    fairness: f64,
    p50: Duration,
    p99: Duration,
    /// What the process grew by from the first stream alone to all of them.
    megabytes: f64,
}

pub fn measure() -> Result<(String, Chart)> {
    let mut text = String::from("## Live streams\n\n");
    writeln!(
        text,
        "NV12 at {RATE} frames a second, each stream a pipeline `appsrc ! resnet50 mode=live batch-size=4 ! fakesink` of its own, all with ResNet50 v1.5 in int8, {} s each. The bare loop runs the same model on all cores before and after, with nothing else. The delay is that from the element's sink pad to its source pad. A stream's share is its inferences over the mean's: 1 is perfectly fair. With one stream all of its frames may be inferred, and no more than that.\n",
        TIME.as_secs()
    )?;
    writeln!(
        text,
        "| streams | size | frames in | frames lost | inferences a second | bare loop | inferred / bare | least share | delay p50 | delay p99 | memory a further stream |\n|---|---|---|---|---|---|---|---|---|---|---|"
    )?;
    let scratch = Scratch::new()?;
    let file = compare::file("int8", &scratch)?;
    let mut loads: Vec<Load> = Vec::new();
    for (streams, size) in CASES {
        let load = play(&file, streams, size)?;
        let further = (streams > 1).then(|| load.megabytes / (streams - 1) as f64);
        writeln!(
            text,
            "| {streams} | {}x{} | {} | {} | {:.1} | {:.1} | {:.3} | {:.2} | {:.3} ms | {:.3} ms | {} |",
            size.0,
            size.1,
            load.frames,
            load.lost,
            load.inferences,
            load.bare,
            load.inferences / load.bare,
            load.fairness,
            load.p50.as_secs_f64() * 1e3,
            load.p99.as_secs_f64() * 1e3,
            further.map_or("–".into(), |m| format!("{m:.1} MB")),
        )?;
        loads.push(load);
    }
    let points = |value: &dyn Fn(&Load) -> f64| {
        loads
            .iter()
            .filter(|l| l.size == SMALL)
            .map(|l| (l.streams as f64, value(l)))
            .collect::<Vec<_>>()
    };
    let chart = Chart {
        title: "Live streams of 640x480 at 30 frames a second, ResNet50 v1.5 int8".into(),
        x: "streams".into(),
        left: ("inferences a second".into(), points(&|l| l.inferences)),
        right: (
            "delay p99, ms".into(),
            points(&|l| l.p99.as_secs_f64() * 1e3),
        ),
    };
    Ok((text, chart))
}

/// One stream.
struct Stream {
    pipeline: gst::Pipeline,
    source: gst_app::AppSrc,
    element: gst::Element,
    out: Arc<AtomicU64>,
}

impl Stream {
    fn new(file: &str, info: &VideoInfo, delays: &Arc<Mutex<Histogram<u64>>>) -> Result<Self> {
        let source = gst_app::AppSrc::builder()
            .caps(&info.to_caps()?)
            .format(gst::Format::Time)
            .is_live(true)
            .build();
        let element = gst::ElementFactory::make("resnet50")
            .property("model", file)
            .property_from_str("mode", "live")
            .property("batch-size", 4u32)
            .build()?;
        let sink = gst::ElementFactory::make("fakesink")
            .property("sync", false)
            .build()?;
        let pipeline = gst::Pipeline::new();
        pipeline.add_many([source.upcast_ref(), &element, &sink])?;
        gst::Element::link_many([source.upcast_ref(), &element, &sink])?;
        let arrived = Arc::new(Mutex::new(Instant::now()));
        let out = Arc::new(AtomicU64::new(0));
        let pad = |name| element.static_pad(name).ok_or("the element has two pads");
        pad("sink")?.add_probe(gst::PadProbeType::BUFFER, {
            let arrived = Arc::clone(&arrived);
            move |_, _| {
                *arrived.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
                gst::PadProbeReturn::Ok
            }
        });
        pad("src")?.add_probe(gst::PadProbeType::BUFFER, {
            let (out, delays) = (Arc::clone(&out), Arc::clone(delays));
            move |_, _| {
                let delay = arrived
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .elapsed();
                let mut delays = delays.lock().unwrap_or_else(PoisonError::into_inner);
                delays.saturating_record(delay.as_nanos() as u64);
                out.fetch_add(1, Ordering::Relaxed);
                gst::PadProbeReturn::Ok
            }
        });
        Ok(Self {
            pipeline,
            source,
            element,
            out,
        })
    }

    fn inferences(&self) -> u64 {
        let stats = self.element.property::<gst::Structure>("stats");
        stats.get("inferences").unwrap_or_default()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // To NULL it always goes.
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

fn play(file: &str, count: usize, size: (u32, u32)) -> Result<Load> {
    let info = VideoInfo::builder(VideoFormat::Nv12, size.0, size.1)
        .fps(gst::Fraction::new(RATE as i32, 1))
        .build()?;
    let before = bare_loop(file, 4)?;
    let histogram = Histogram::new_with_bounds(100, 10_000_000_000, 3)?;
    let delays = Arc::new(Mutex::new(histogram));
    let streams = (0..count)
        .map(|_| Stream::new(file, &info, &delays))
        .collect::<Result<Vec<_>>>()?;
    let frame = frame(&info);
    let stop = AtomicBool::new(false);
    let pushed = AtomicU64::new(0);
    let playing = AtomicUsize::new(1);
    let start = |stream: &Stream| stream.pipeline.set_state(gst::State::Playing);
    start(&streams[0])?;
    let interval = Duration::from_secs(1) / RATE;
    let played: Result<_> = std::thread::scope(|scope| {
        // One clock for all, as if the cameras were in step: the worst case.
        scope.spawn(|| {
            let begun = Instant::now();
            for i in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                for stream in &streams[..playing.load(Ordering::Relaxed)] {
                    let mut buffer = frame.copy();
                    if let Some(buffer) = buffer.get_mut() {
                        buffer.set_pts(gst::ClockTime::SECOND * i / u64::from(RATE));
                    }
                    if stream.source.push_buffer(buffer).is_ok() {
                        pushed.fetch_add(1, Ordering::Relaxed);
                    }
                }
                let due = begun + interval * (i + 1) as u32;
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
            }
        });
        let wait_for = |streams: &[Stream]| {
            while streams.iter().any(|s| s.inferences() < 10) {
                std::thread::sleep(Duration::from_millis(10));
            }
        };
        wait_for(&streams[..1]);
        let first_alone = compare::resident();
        let started = streams[1..].iter().try_for_each(|s| start(s).map(drop));
        playing.store(count, Ordering::Relaxed);
        if started.is_ok() {
            wait_for(&streams);
        }
        delays
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .reset();
        let first: Vec<u64> = streams.iter().map(Stream::inferences).collect();
        std::thread::sleep(TIME);
        let last = streams.iter().map(Stream::inferences);
        let counts: Vec<u64> = last.zip(first).map(|(last, first)| last - first).collect();
        let all = compare::resident();
        stop.store(true, Ordering::Relaxed);
        started?;
        Ok((counts, (all? as f64 - first_alone? as f64) / 1e6))
    });
    let (counts, megabytes) = played?;
    // What is in the queues of the sources still has to come through.
    std::thread::sleep(Duration::from_millis(500));
    let frames = pushed.load(Ordering::Relaxed);
    let out: u64 = streams.iter().map(|s| s.out.load(Ordering::Relaxed)).sum();
    drop(streams);
    let after = bare_loop(file, 4)?;
    let total: u64 = counts.iter().sum();
    let mean = total as f64 / count as f64;
    let least = counts.iter().min().copied().unwrap_or_default();
    let delays = delays.lock().unwrap_or_else(PoisonError::into_inner);
    let quantile = |q| Duration::from_nanos(delays.value_at_quantile(q));
    Ok(Load {
        streams: count,
        size,
        frames,
        lost: frames - out,
        inferences: total as f64 / TIME.as_secs_f64(),
        bare: (before + after) / 2.0,
        fairness: least as f64 / mean,
        p50: quantile(0.5),
        p99: quantile(0.99),
        megabytes,
    })
}
