// SPDX-License-Identifier: MPL-2.0
//! Mode exact: the element in a pipeline against a bare loop of ONNX Runtime at its best.

use std::fmt::{self, Write as _};
use std::sync::Barrier;
use std::time::{Duration, Instant};

use gst_video::{VideoFormat, VideoFrameRef, VideoInfo};
use gstresnet50::inference::{BUILTIN, Model, Runtime, Session, find_model};
use gstresnet50::preprocess::{Picture, Preprocessor};

use super::fixtures::{Scratch, frame, median, session};
use super::goal::Goal;
use super::pipeline::{Measured, Pipeline};
use super::usage::{MAX_FOREIGN, Usage};
use super::{Args, Result, announce, count, models};

/// How long one contestant runs in one round.
const ROUND: Duration = Duration::from_secs(3);

/// Settings of the bare loop; the best counts.
const BARES: [Bare; 4] = [
    Bare::SideBySide(1),
    Bare::SideBySide(4),
    Bare::SideBySide(8),
    Bare::Together(8),
];

/// How a bare loop uses all cores, with the pictures of an inference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bare {
    /// One-thread inferences, one on each core.
    SideBySide(usize),
    /// One inference at a time with a thread for each core, which spin as ONNX Runtime has them do.
    Together(usize),
}

impl fmt::Display for Bare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SideBySide(batch) => write!(f, "one thread an inference, batch {batch}"),
            Self::Together(batch) => write!(f, "all threads in an inference, batch {batch}"),
        }
    }
}

/// What the element is to make of the bare loop.
const GOAL: f64 = 0.97;

/// The element's, of which the best counts too.
const BATCH_SIZES: [usize; 2] = [4, 8];

/// Different frames in memory: far more than a core's own caches hold.
const FRAMES: usize = 16;

pub fn measure(args: &Args) -> Result<String> {
    let mut text = String::from("## Throughput, mode exact\n\n");
    writeln!(
        text,
        "Goal: at least {GOAL} of the bare loop with ResNet50 v1.5. The built-in network's inferences are some times shorter, and the overhead of each frame is the same.\n\n1080p NV12 frames from memory ({FRAMES} of them in turn) through `appsrc ! resnet50 ! fakesink` as fast as they go, with `batch-size` {}, against a loop that does nothing but run the same model on the same pictures, pre-processed before, with ONNX Runtime on all cores. The loop has these settings: {}. Of either the setting counts whose median rate is best. All have warmed up, and take turns of {} s in one process, {}, each with another one first. Rates are medians of the rounds, and ratios medians of the rounds' own, with the least and the greatest. Rounds in which other processes had more than {:.0} % of the cores were repeated. What the element does besides inference (pre-processing, the classes, the metadata, GStreamer) is in its figure. “One at a time” is the element with `max-in-flight=1`, all threads in one inference and nothing side by side; the gain is the element's rate over that.\n",
        BATCH_SIZES.map(|batch| batch.to_string()).join(" or "),
        BARES.map(|bare| bare.to_string()).join("; "),
        ROUND.as_secs(),
        count(args.rounds as usize, "round"),
        MAX_FOREIGN * 100.0,
    )?;
    writeln!(
        text,
        "| model | bare loop, images a second (setting) | element, frames a second (`batch-size`) | element / bare | goal | one at a time | gain | repeated rounds |\n|---|---|---|---|---|---|---|---|"
    )?;
    let mut shares = String::from(
        "Where the time of all cores goes meanwhile, medians of the rounds; the last column is the overhead: the CPU time of all but inference for each frame.\n\n| model | inference | pre-processing | GStreamer and the source | other processes | idle | overhead, ms a frame |\n|---|---|---|---|---|---|---|\n",
    );
    let scratch = Scratch::new()?;
    let mut names = args.model.clone();
    if names.is_empty() {
        names = vec![BUILTIN.to_owned(), "int8".to_owned(), "fp32".to_owned()];
    }
    for name in &names {
        announce(&format!("throughput: {name}"));
        let file = models::file(name, "dynamic", &scratch)?;
        let (row, row_of_shares) = case(name, &file, args.rounds)?;
        writeln!(text, "{row}")?;
        writeln!(shares, "{row_of_shares}")?;
    }
    writeln!(text, "\n{shares}")?;
    Ok(text)
}

/// One that takes part in each round.
#[derive(Debug, Clone, Copy)]
enum Contestant {
    /// The bare loop.
    Bare(Bare),
    /// The element with this `batch-size`.
    Element(usize),
    /// The element with one frame at a time.
    Single,
}

/// What one has done in a turn.
#[derive(Debug)]
struct Turn {
    /// Pictures a second.
    rate: f64,
    /// Where a pipeline's time went.
    played: Option<Measured>,
}

/// The table's row, and that of the shares.
fn case(name: &str, file: &str, rounds: u32) -> Result<(String, String)> {
    let info = VideoInfo::builder(VideoFormat::Nv12, 1920, 1080)
        .fps(gst::Fraction::new(30, 1))
        .build()?;
    let frames: Vec<_> = (0..FRAMES).map(|_| frame(&info)).collect();
    let bare = BARES.map(Contestant::Bare);
    let elements = BATCH_SIZES.map(Contestant::Element);
    let contestants = [&bare[..], &elements, &[Contestant::Single]].concat();
    let mut turns: Vec<Vec<Turn>> = contestants.iter().map(|_| Vec::new()).collect();
    let (mut done, mut repeated) = (0, 0);
    while done < rounds {
        let mut round = Vec::new();
        let mut foreign: f64 = 0.0;
        for place in 0..contestants.len() {
            let index = (place + (done + repeated) as usize) % contestants.len();
            let before = Usage::now()?;
            let turn = match contestants[index] {
                Contestant::Bare(bare) => Turn {
                    rate: run(&mut sessions(file, bare, Some((&info, &frames[0])))?)?,
                    played: None,
                },
                Contestant::Element(batch) => pipeline(file, &info, &frames, batch, 0)?,
                Contestant::Single => pipeline(file, &info, &frames, 1, 1)?,
            };
            round.push((index, turn));
            foreign = foreign.max(Usage::now()?.since(&before)?.foreign);
        }
        // Whether a round counts is not to depend on what it says; and there is an end to it.
        if foreign > MAX_FOREIGN && repeated < 2 * rounds {
            repeated += 1;
            continue;
        }
        done += 1;
        for (index, turn) in round {
            turns[index].push(turn);
        }
    }

    let rates = |index: usize| turns[index].iter().map(|t| t.rate).collect::<Vec<_>>();
    let middle = |index: usize| median(&mut rates(index));
    let best = |indices: std::ops::Range<usize>| {
        let first = indices.start;
        indices.fold(first, |a, b| if middle(b) > middle(a) { b } else { a })
    };
    let ratios = |a: usize, b: usize| -> Vec<f64> {
        let pairs = turns[a].iter().zip(&turns[b]);
        pairs.map(|(a, b)| a.rate / b.rate).collect()
    };
    let bare = best(0..BARES.len());
    let single = contestants.len() - 1;
    let element = best(BARES.len()..single);
    let mut against = ratios(element, bare);
    let ratio = median(&mut against);
    let row = format!(
        "| {name} | {:.1} ({}) | {:.1} ({}) | {ratio:.3} ({:.3} to {:.3}) | {} | {:.1} | {:.2} | {repeated} |",
        middle(bare),
        BARES[bare],
        middle(element),
        BATCH_SIZES[element - BARES.len()],
        against[0],
        against[against.len() - 1],
        // The smallest of the networks: see the text.
        if name == BUILTIN {
            "–"
        } else {
            Goal::AtLeast(GOAL).verdict(ratio)
        },
        middle(single),
        median(&mut ratios(element, single)),
    );
    let share = |of: &dyn Fn(f64, &Measured) -> f64| {
        let turns = turns[element].iter();
        let mut shares: Vec<_> = turns
            .filter_map(|turn| Some(of(turn.rate, turn.played.as_ref()?)))
            .collect();
        median(&mut shares)
    };
    let percent = |of: &dyn Fn(&Measured) -> f64| 100.0 * share(&|_, played| of(played));
    let row_of_shares = format!(
        "| {name} | {:.1} % | {:.1} % | {:.1} % | {:.1} % | {:.1} % | {:.2} |",
        percent(&|p| p.shares.engine - p.prepared),
        percent(&|p| p.prepared),
        percent(&|p| p.shares.others),
        percent(&|p| p.shares.foreign),
        percent(&|p| p.shares.idle),
        share(&|rate, p| (p.prepared + p.shares.others) * p.shares.cores / rate * 1e3),
    );
    Ok((row, row_of_shares))
}

/// The setting of the bare loop that makes most of a model here, by the medians of some rounds.
pub fn best(file: &str, picture: Option<(&VideoInfo, &gst::Buffer)>, rounds: u32) -> Result<Bare> {
    let mut rates: [Vec<f64>; BARES.len()] = Default::default();
    for _ in 0..rounds {
        for (bare, rates) in BARES.into_iter().zip(&mut rates) {
            rates.push(run(&mut sessions(file, bare, picture)?)?);
        }
    }
    let all = BARES.into_iter().zip(rates.iter_mut().map(|r| median(r)));
    let best = all.max_by(|(_, a), (_, b)| a.total_cmp(b));
    Ok(best.ok_or("there are settings")?.0)
}

/// The sessions of a bare loop, whose pictures all are this frame, or grey.
pub fn sessions(
    file: &str,
    bare: Bare,
    picture: Option<(&VideoInfo, &gst::Buffer)>,
) -> Result<Vec<Session>> {
    let cores = std::thread::available_parallelism()?.get();
    let mut sessions = match bare {
        Bare::SideBySide(batch) => {
            let mut sessions = vec![session(file, 1)?.with_batch(batch)?];
            while sessions.len() < cores {
                let another = sessions[0].another()?;
                sessions.push(another.ok_or("the CPU runs several at a time")?);
            }
            sessions
        }
        Bare::Together(batch) => {
            let runtime = Runtime::load(None, &[])?;
            let model = Model::read(find_model(Some(file.as_ref()))?)?;
            vec![Session::load_spinning(runtime, &model, cores)?.with_batch(batch)?]
        }
    };
    if let Some((info, buffer)) = picture {
        let target = Model::read(find_model(Some(file.as_ref()))?)?.target();
        let mut preprocessor = Preprocessor::new(info, &target);
        let mapped = VideoFrameRef::from_buffer_ref_readable(buffer, info)?;
        for session in &mut sessions {
            for slot in 0..session.capacity() {
                let mut slot = session.slot_of(slot);
                preprocessor.process(&Picture::from_frame(&mapped), &mut slot)?;
            }
        }
    }
    Ok(sessions)
}

/// Images a second of these sessions, which run side by side.
pub fn run(sessions: &mut [Session]) -> Result<f64> {
    let warm = Barrier::new(sessions.len());
    let rate = std::thread::scope(|scope| {
        let workers: Vec<_> = sessions
            .iter_mut()
            .map(|session| {
                let warm = &warm;
                scope.spawn(move || {
                    let capacity = session.capacity();
                    let mut run = || session.run_batch(capacity).map(drop);
                    // All memory is there then. None may be missing from the barrier.
                    let first = run();
                    warm.wait();
                    first.map_err(|e| e.to_string())?;
                    let begun = Instant::now();
                    let mut pictures = 0;
                    while begun.elapsed() < ROUND {
                        run().map_err(|e| e.to_string())?;
                        pictures += capacity;
                    }
                    // The last inference ends after the round: each has its own time.
                    Ok(pictures as f64 / begun.elapsed().as_secs_f64())
                })
            })
            .collect();
        let rates = workers
            .into_iter()
            .map(|w| w.join().unwrap_or(Err("panic".to_owned())));
        rates.sum::<std::result::Result<f64, String>>()
    })?;
    Ok(rate)
}

/// A turn of the element.
fn pipeline(
    file: &str,
    info: &VideoInfo,
    frames: &[gst::Buffer],
    batch: usize,
    max_in_flight: u32,
) -> Result<Turn> {
    let element = gst::ElementFactory::make("resnet50")
        .property("model", file)
        .property_from_str("mode", "exact")
        .property("batch-size", batch as u32)
        .property("max-in-flight", max_in_flight)
        .build()?;
    let pipeline = Pipeline {
        element,
        info,
        frames,
        camera: None,
        // Until it has run some full batches.
        warm_up: 6 * batch as u64,
        time: ROUND,
    };
    let played = pipeline.measure()?;
    Ok(Turn {
        rate: played.rate,
        played: Some(played),
    })
}
