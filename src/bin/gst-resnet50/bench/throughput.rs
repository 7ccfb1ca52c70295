// SPDX-License-Identifier: MPL-2.0
//! Mode exact: the element in a pipeline against a bare loop of ONNX Runtime at its best.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gst::prelude::*;
use gst_video::{VideoFormat, VideoInfo};
use gstresnet50::inference::BUILTIN;

use super::{Args, Result, Scratch, compare, frame, median};

/// How long one contestant runs in one round.
const ROUND: Duration = Duration::from_millis(1500);

/// Batches of the bare loop; the best counts.
const BATCHES: [usize; 2] = [1, 4];

pub fn measure(args: &Args) -> Result<String> {
    let mut text = String::from("## Throughput, mode exact\n\n");
    writeln!(
        text,
        "1080p NV12 frames from memory through `appsrc ! resnet50 ! fakesink` as fast as they go, against a loop that does nothing but run the same model with ONNX Runtime on all cores: a thread a core side by side, each with Runs of one picture or of four, whichever is better; in turn, in one process. What the element does besides (pre-processing, the classes, the metadata, GStreamer) is in its figure. The last columns are the element with `max-in-flight=1`: one frame at a time, all threads in one Run, nothing side by side.\n"
    )?;
    writeln!(
        text,
        "| model | bare loop, images a second (batch) | element, frames a second | element / bare | one at a time | gain |\n|---|---|---|---|---|---|"
    )?;
    let scratch = Scratch::new()?;
    let mut models = args.model.clone();
    if models.is_empty() {
        models = vec![BUILTIN.to_owned(), "int8".to_owned(), "fp32".to_owned()];
    }
    for name in &models {
        let file = compare::file(name, &scratch)?;
        writeln!(text, "{}", case(name, &file, args.rounds)?)?;
    }
    Ok(text)
}

fn case(name: &str, file: &str, rounds: u32) -> Result<String> {
    let info = VideoInfo::builder(VideoFormat::Nv12, 1920, 1080)
        .fps(gst::Fraction::new(30, 1))
        .build()?;
    let mut bare: Vec<Vec<f64>> = vec![Vec::new(); BATCHES.len()];
    let (mut element, mut single) = (Vec::new(), Vec::new());
    for round in 0..=rounds {
        let in_loop = BATCHES
            .iter()
            .map(|batch| bare_loop(file, *batch))
            .collect::<Result<Vec<_>>>()?;
        let in_pipeline = pipeline(file, &info, 0)?;
        let one_by_one = pipeline(file, &info, 1)?;
        // The first round warms up.
        if round > 0 {
            for (rates, rate) in bare.iter_mut().zip(in_loop) {
                rates.push(rate);
            }
            element.push(in_pipeline);
            single.push(one_by_one);
        }
    }
    let medians: Vec<f64> = bare.iter_mut().map(|r| median(&mut r.clone())).collect();
    let best = (0..BATCHES.len()).max_by(|a, b| medians[*a].total_cmp(&medians[*b]));
    let best = best.ok_or("there is a batch")?;
    let ratio = |a: &[f64], b: &[f64]| {
        let mut ratios: Vec<_> = a.iter().zip(b).map(|(a, b)| a / b).collect();
        median(&mut ratios)
    };
    Ok(format!(
        "| {name} | {:.1} ({}) | {:.1} | {:.3} | {:.1} | {:.2} |",
        medians[best],
        BATCHES[best],
        median(&mut element.clone()),
        ratio(&element, &bare[best]),
        median(&mut single.clone()),
        ratio(&element, &single),
    ))
}

/// Images a second of one-thread Runs side by side on all cores.
pub fn bare_loop(file: &str, batch: usize) -> Result<f64> {
    let mut sessions = vec![compare::load(file, 1)?.with_batch(batch)?];
    while sessions.len() < std::thread::available_parallelism()?.get() {
        let another = sessions[0].another()?;
        sessions.push(another.ok_or("the processor runs several at a time")?);
    }
    let begun = Instant::now();
    let pictures = std::thread::scope(|scope| {
        let workers: Vec<_> = sessions
            .iter_mut()
            .map(|session| {
                scope.spawn(move || {
                    let mut pictures = 0;
                    while begun.elapsed() < ROUND {
                        let capacity = session.capacity();
                        session.run_batch(capacity).map_err(|e| e.to_string())?;
                        pictures += capacity;
                    }
                    // The last Run ends after the round: each has its own time.
                    Ok(pictures as f64 / begun.elapsed().as_secs_f64())
                })
            })
            .collect();
        let rates = workers
            .into_iter()
            .map(|w| w.join().unwrap_or(Err("panic".to_owned())));
        rates.sum::<std::result::Result<f64, String>>()
    })?;
    Ok(pictures)
}

/// Frames a second of `appsrc ! resnet50 ! fakesink`.
fn pipeline(file: &str, info: &VideoInfo, max_in_flight: u32) -> Result<f64> {
    let source = gst_app::AppSrc::builder()
        .caps(&info.to_caps()?)
        .format(gst::Format::Time)
        .block(true)
        .max_buffers(2)
        .build();
    let element = gst::ElementFactory::make("resnet50")
        .property("model", file)
        .property_from_str("mode", "exact")
        .property("batch-size", if max_in_flight == 1 { 1u32 } else { 4 })
        .property("max-in-flight", max_in_flight)
        .build()?;
    let sink = gst::ElementFactory::make("fakesink")
        .property("sync", false)
        .build()?;
    let pipeline = gst::Pipeline::new();
    pipeline.add_many([source.upcast_ref(), &element, &sink])?;
    gst::Element::link_many([source.upcast_ref(), &element, &sink])?;
    // Frames that have come, and when the newest did: they come in batches, so that the time
    // must be that from one of them to another.
    let seen = Arc::new(Mutex::new((0u64, Instant::now())));
    let pad = sink.static_pad("sink").ok_or("a sink has a pad")?;
    pad.add_probe(gst::PadProbeType::BUFFER, {
        let seen = Arc::clone(&seen);
        move |_, _| {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            *seen = (seen.0 + 1, Instant::now());
            gst::PadProbeReturn::Ok
        }
    });
    let seen = || *seen.lock().unwrap_or_else(PoisonError::into_inner);
    pipeline.set_state(gst::State::Playing)?;
    let frame = frame(info);
    let rate = (|| {
        let push = || source.push_buffer(frame.copy());
        // Until it is loaded and full.
        while seen().0 < 8 {
            push()?;
        }
        let (before, begun) = seen();
        while begun.elapsed() < ROUND {
            push()?;
        }
        let (after, ended) = seen();
        Ok((after - before) as f64 / (ended - begun).as_secs_f64())
    })();
    // To NULL it always goes.
    let _ = pipeline.set_state(gst::State::Null);
    rate
}
