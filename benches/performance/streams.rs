// SPDX-License-Identifier: MPL-2.0
//! Mode live: many streams, one engine.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use gst::prelude::*;
use gst_video::{VideoFormat, VideoInfo};
use gstresnet50::inference::Session;
use gstresnet50::sync::Mutex;
use hdrhistogram::Histogram;

use super::camera::Camera;
use super::chart::Chart;
use super::fixtures::{Scratch, frame, median};
use super::goal::{Goal, verdicts};
use super::throughput::Bare;
use super::usage::{MAX_FOREIGN, Usage, resident};
use super::{Args, Result, announce, count, models, throughput};

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

/// How long the streams play in one round.
const TIME: Duration = Duration::from_secs(4);

/// Maximum of pictures in one of the element's inferences.
const BATCH: usize = 4;

/// Rounds that choose the bare loop's setting, at most.
const TRIALS: u32 = 3;

/// Frames a second of each.
const RATE: u32 = 30;

/// What was measured with one number of streams.
struct Load {
    streams: usize,
    size: (u32, u32),
    frames: u64,
    lost: u64,
    /// Frames a second that came in.
    offered: f64,
    inferences: f64,
    bare: f64,
    /// Inferences over the most that there can be, by round, from the least on.
    ratios: Vec<f64>,
    /// What all but inference takes of the cores' time, 0 to 1.
    overhead: f64,
    /// The least of a stream's share of the mean.
    fairness: f64,
    p50: Duration,
    p99: Duration,
    /// What the process grew by from the first stream alone to all of them.
    megabytes: f64,
}

/// What is aimed at: inferences over the most that there can be, the least share of a stream, the
/// delay in milliseconds, and megabytes of memory for each further stream.
const TOTAL: f64 = 0.95;
const SHARE: f64 = 0.5;
const DELAY: f64 = 1.0;
const MEMORY: f64 = 10.0;

impl Load {
    /// No more can be inferred than comes in, and no more than the engine makes.
    fn limit(&self) -> &'static str {
        match self.offered < self.bare {
            true => "offered",
            false => "engine",
        }
    }

    fn ratio(&self) -> f64 {
        self.ratios[self.ratios.len() / 2]
    }

    fn further(&self) -> Option<f64> {
        (self.streams > 1).then(|| self.megabytes / (self.streams - 1) as f64)
    }

    fn verdict(&self) -> String {
        let delay = self.p99.as_secs_f64() * 1e3;
        let further = self.further().unwrap_or_default();
        verdicts(&[
            ("frames lost", self.lost == 0),
            ("total", Goal::AtLeast(TOTAL).is_reached(self.ratio())),
            ("share", Goal::AtLeast(SHARE).is_reached(self.fairness)),
            ("delay", Goal::Under(DELAY).is_reached(delay)),
            ("memory", Goal::Under(MEMORY).is_reached(further)),
        ])
    }
}

pub fn measure(args: &Args) -> Result<(String, Chart)> {
    let mut text = String::from("## Live streams\n\n");
    let scratch = Scratch::new()?;
    let file = models::file("int8", "dynamic", &scratch)?;
    let (info, picture) = frames_of(SMALL)?;
    let bare = throughput::best(&file, Some((&info, &picture)), args.rounds.min(TRIALS))?;
    writeln!(
        text,
        "Goals, of each row: no frame lost; at least {TOTAL} of the inferences that can be made; no stream's share under {SHARE}; p99 of the delay under {DELAY} ms; less than {MEMORY} MB for each further stream.\n\nNV12 at {RATE} frames a second, each stream a pipeline `appsrc ! resnet50 mode=live batch-size={BATCH} ! fakesink` of its own, all with ResNet50 v1.5 in int8. {} of {} s; before and after each, while the streams are silent, a bare loop runs the same model on all cores and nothing else, at the setting that was best here in this run ({bare}). No more can be inferred than is offered, and no more than the engine can make, which is what the bare loop makes: “limit” says which of the two is less in that row, and the ratio is that to the lesser one. Rates are medians of the rounds, and so are the ratio (of the rounds' own, with the least and the greatest) and the overhead, the share of the cores' time that pre-processing, GStreamer and the source take. Rounds in which other processes had more than {:.0} % of the cores were repeated. The delay, of every frame of all rounds, is that from the element's sink pad to its source pad. Frames in and lost are counts of the whole run. A stream's share is its inferences in all rounds over the mean's: 1 is perfectly fair. The memory is what the process has grown by from the first stream alone to the end.\n",
        count(args.rounds as usize, "round"),
        TIME.as_secs(),
        MAX_FOREIGN * 100.0,
    )?;
    writeln!(
        text,
        "| streams | size | frames in | frames lost | offered a second | inferred a second | bare loop | limit | inferred / limit | overhead | least share | delay p50 | delay p99 | memory a further stream | goals |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"
    )?;
    let mut loads: Vec<Load> = Vec::new();
    for (streams, size) in CASES {
        if !args.streams.is_empty() && !args.streams.contains(&streams) {
            continue;
        }
        announce(&format!(
            "live streams: {} of {}x{}",
            count(streams, "stream"),
            size.0,
            size.1
        ));
        let load = play(&file, bare, streams, size, args.rounds)?;
        writeln!(
            text,
            "| {streams} | {}x{} | {} | {} | {:.1} | {:.1} | {:.1} | {} | {:.3} ({:.3} to {:.3}) | {:.1} % | {:.2} | {:.3} ms | {:.3} ms | {} | {} |",
            size.0,
            size.1,
            load.frames,
            load.lost,
            load.offered,
            load.inferences,
            load.bare,
            load.limit(),
            load.ratio(),
            load.ratios[0],
            load.ratios[load.ratios.len() - 1],
            load.overhead * 100.0,
            load.fairness,
            load.p50.as_secs_f64() * 1e3,
            load.p99.as_secs_f64() * 1e3,
            load.further().map_or("–".into(), |m| format!("{m:.1} MB")),
            load.verdict(),
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
        let element = gst::ElementFactory::make("resnet50")
            .property("model", file)
            .property_from_str("mode", "live")
            .property("batch-size", BATCH as u32)
            .build()?;
        let Camera {
            pipeline, source, ..
        } = Camera::new(&element, info)?;
        let arrived = Arc::new(Mutex::new(Instant::now()));
        let out = Arc::new(AtomicU64::new(0));
        let pad = |name| element.static_pad(name).ok_or("the element has two pads");
        pad("sink")?.add_probe(gst::PadProbeType::BUFFER, {
            let arrived = Arc::clone(&arrived);
            move |_, _| {
                *arrived.lock() = Instant::now();
                gst::PadProbeReturn::Ok
            }
        });
        pad("src")?.add_probe(gst::PadProbeType::BUFFER, {
            let (out, delays) = (Arc::clone(&out), Arc::clone(delays));
            move |_, _| {
                let delay = arrived.lock().elapsed();
                let mut delays = delays.lock();
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

    fn stats(&self) -> gst::Structure {
        self.element.property("stats")
    }

    fn inferences(&self) -> u64 {
        self.stats().get("inferences").unwrap_or_default()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // To NULL it always goes.
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// What the streams did in one round, and the bare loop meanwhile.
struct Round {
    /// Inferences of each stream.
    counts: Vec<u64>,
    offered: f64,
    rate: f64,
    bare: f64,
    overhead: f64,
}

impl Round {
    /// Inferences over the most that there can be.
    fn ratio(&self) -> f64 {
        self.rate / self.bare.min(self.offered)
    }
}

/// Streams that are fed as long as this lives, in step, as if the cameras were: the worst case.
struct Feed<'a> {
    stop: &'a AtomicBool,
    /// How many of them; 0 for silence.
    playing: &'a AtomicUsize,
    /// Frames of all streams that were pushed.
    pushed: &'a AtomicU64,
}

impl Drop for Feed<'_> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn frames_of(size: (u32, u32)) -> Result<(VideoInfo, gst::Buffer)> {
    let info = VideoInfo::builder(VideoFormat::Nv12, size.0, size.1)
        .fps(gst::Fraction::new(RATE as i32, 1))
        .build()?;
    let frame = frame(&info);
    Ok((info, frame))
}

fn play(file: &str, bare: Bare, count: usize, size: (u32, u32), rounds: u32) -> Result<Load> {
    let (info, frame) = frames_of(size)?;
    let mut bare = throughput::sessions(file, bare, Some((&info, &frame)))?;
    // All that it ever takes of memory it has from now on.
    throughput::run(&mut bare)?;
    let histogram = Histogram::new_with_bounds(100, 10_000_000_000, 3)?;
    let delays = Arc::new(Mutex::new(histogram));
    let streams = (0..count)
        .map(|_| Stream::new(file, &info, &delays))
        .collect::<Result<Vec<_>>>()?;
    let stop = AtomicBool::new(false);
    let pushed = AtomicU64::new(0);
    let playing = AtomicUsize::new(1);
    let start = |stream: &Stream| stream.pipeline.set_state(gst::State::Playing);
    start(&streams[0])?;
    let interval = Duration::from_secs(1) / RATE;
    let (rounds, megabytes) = std::thread::scope(|scope| -> Result<_> {
        let feed = Feed {
            stop: &stop,
            playing: &playing,
            pushed: &pushed,
        };
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
        let first_alone = resident()?;
        streams[1..].iter().try_for_each(|s| start(s).map(drop))?;
        feed.playing.store(count, Ordering::Relaxed);
        wait_for(&streams);
        delays.lock().reset();
        let rounds = play_rounds(&streams, &feed, &mut bare, rounds)?;
        let megabytes = (resident()? as f64 - first_alone as f64) / 1e6;
        Ok((rounds, megabytes))
    })?;
    // What is in the queues of the sources still has to come through.
    std::thread::sleep(SETTLE);
    let frames = pushed.load(Ordering::Relaxed);
    let out: u64 = streams.iter().map(|s| s.out.load(Ordering::Relaxed)).sum();
    drop(streams);
    let middle =
        |of: &dyn Fn(&Round) -> f64| median(&mut rounds.iter().map(of).collect::<Vec<_>>());
    let mut ratios: Vec<_> = rounds.iter().map(Round::ratio).collect();
    // In order, too.
    median(&mut ratios);
    let of_stream = |i: usize| rounds.iter().map(|r| r.counts[i]).sum::<u64>();
    let counts: Vec<_> = (0..count).map(of_stream).collect();
    let mean = counts.iter().sum::<u64>() as f64 / count as f64;
    let least = counts.iter().min().copied().unwrap_or_default();
    let delays = delays.lock();
    let quantile = |q| Duration::from_nanos(delays.value_at_quantile(q));
    Ok(Load {
        streams: count,
        size,
        frames,
        lost: frames - out,
        offered: middle(&|r| r.offered),
        inferences: middle(&|r| r.rate),
        bare: middle(&|r| r.bare),
        ratios,
        overhead: middle(&|r| r.overhead),
        fairness: least as f64 / mean,
        p50: quantile(0.5),
        p99: quantile(0.99),
        megabytes,
    })
}

/// How long it takes, for sure, until all that is under way is done.
const SETTLE: Duration = Duration::from_millis(500);

/// In turn the streams and, while they are silent, the bare loop.
fn play_rounds(
    streams: &[Stream],
    feed: &Feed<'_>,
    bare: &mut [Session],
    rounds: u32,
) -> Result<Vec<Round>> {
    let mut in_silence = || {
        feed.playing.store(0, Ordering::Relaxed);
        std::thread::sleep(SETTLE);
        let before = Usage::now()?;
        let rate = throughput::run(bare)?;
        Ok::<_, Box<dyn std::error::Error>>((rate, Usage::now()?.since(&before)?.foreign))
    };
    let mut repeated = 0;
    let mut played = Vec::new();
    let mut last = in_silence()?;
    while played.len() < rounds as usize {
        feed.playing.store(streams.len(), Ordering::Relaxed);
        std::thread::sleep(SETTLE);
        let first: Vec<u64> = streams.iter().map(Stream::inferences).collect();
        let pushed = feed.pushed.load(Ordering::Relaxed);
        let before = Usage::now()?;
        std::thread::sleep(TIME);
        let after = Usage::now()?;
        let pushed = feed.pushed.load(Ordering::Relaxed) - pushed;
        let counts = streams.iter().map(Stream::inferences).zip(first);
        let counts: Vec<u64> = counts.map(|(last, first)| last - first).collect();
        let shares = after.since(&before)?;
        let next = in_silence()?;
        let rate = counts.iter().sum::<u64>() as f64 / after.seconds_since(&before);
        let foreign = shares.foreign.max(last.1).max(next.1);
        let bare = (last.0 + next.0) / 2.0;
        last = next;
        if foreign > MAX_FOREIGN && repeated < 2 * rounds {
            repeated += 1;
            continue;
        }
        let preprocess = streams[0].stats().get::<gst::Structure>("preprocess")?;
        let preprocess = preprocess.get::<u64>("p50")? as f64 / 1e9;
        played.push(Round {
            overhead: shares.others + preprocess * rate / shares.cores,
            counts,
            offered: pushed as f64 / after.seconds_since(&before),
            rate,
            bare,
        });
    }
    Ok(played)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(streams: usize, rounds: &[(f64, f64, f64)]) -> Load {
        let round = |&(offered, rate, bare): &(f64, f64, f64)| Round {
            counts: Vec::new(),
            offered,
            rate,
            bare,
            overhead: 0.0,
        };
        let mut ratios: Vec<_> = rounds.iter().map(|r| round(r).ratio()).collect();
        median(&mut ratios);
        let (offered, inferences, bare) = rounds[0];
        Load {
            streams,
            size: LARGE,
            frames: 100,
            lost: 0,
            offered,
            inferences,
            bare,
            ratios,
            overhead: 0.0,
            fairness: 1.0,
            p50: Duration::ZERO,
            p99: Duration::from_micros(999),
            megabytes: 0.0,
        }
    }

    /// Few streams are measured by what they offer, many by what the engine makes.
    #[test]
    fn limits() {
        let few = load(1, &[(30.0, 30.0, 150.0)]);
        assert_eq!((few.limit(), few.ratio()), ("offered", 1.0));
        assert_eq!(few.verdict(), "reached");
        let many = load(16, &[(480.0, 135.0, 150.0)]);
        assert_eq!((many.limit(), many.ratio()), ("engine", 0.9));
        assert_eq!(many.verdict(), "missed: total");
    }

    /// Each goal is one of its own, and the limit itself is on the right side.
    #[test]
    fn goals() {
        let good = || load(2, &[(60.0, 57.0, 150.0)]);
        assert_eq!(good().verdict(), "reached");
        for (change, missed) in [
            ((|l| l.lost = 1) as fn(&mut Load), "missed: frames lost"),
            (|l| l.fairness = 0.49, "missed: share"),
            (|l| l.p99 = Duration::from_millis(1), "missed: delay"),
            (|l| l.megabytes = 10.0, "missed: memory"),
        ] {
            let mut load = good();
            change(&mut load);
            assert_eq!(load.verdict(), missed);
        }
    }
}
