// SPDX-License-Identifier: MPL-2.0
//! The element with one model on this machine: exact and live.

use std::fmt::Write as _;
use std::time::Duration;

use gst_video::{VideoFormat, VideoInfo};

use super::fixtures::{frame, median, milliseconds};
use super::pipeline::{Measured, Pipeline};
use super::usage::MAX_FOREIGN;
use super::{Result, progress};
use crate::model::count;

/// How long each mode is measured in one round.
const ROUND: Duration = Duration::from_secs(2);

/// Frames a second of the camera in mode live.
const CAMERA: u32 = 30;

/// Different frames in memory.
const FRAMES: usize = 16;

/// The section of this model. `file` is what the element's property takes, `name` what it is called.
pub fn measure(name: &str, file: &str, rounds: u32) -> Result<String> {
    let info = VideoInfo::builder(VideoFormat::Nv12, 1920, 1080)
        .fps(gst::Fraction::new(CAMERA as i32, 1))
        .build()?;
    let frames: Vec<_> = (0..FRAMES).map(|_| frame(&info)).collect();
    let mut modes = [
        ("exact", None, Vec::new()),
        ("live", Some(CAMERA), Vec::new()),
    ];
    for round in 1..=rounds {
        progress::step_of("round", round as usize, rounds as usize);
        for (mode, camera, measured) in &mut modes {
            let element = gst::ElementFactory::make("resnet50")
                .property("model", file)
                .property_from_str("mode", mode)
                .build()?;
            let pipeline = Pipeline {
                element,
                info: &info,
                frames: &frames,
                camera: *camera,
                warm_up: 3,
                time: ROUND,
            };
            measured.push(pipeline.measure()?);
        }
    }
    let mut text = String::from("## This machine\n\n");
    writeln!(
        text,
        "1080p NV12 frames from memory through `appsrc ! resnet50 ! fakesink` with {name} and the element's own settings: in mode exact as fast as they are taken, in mode live {CAMERA} a second, as from a camera. {} of {} s each, in turn; rates and CPU times are medians of the rounds. The CPU time is that of the whole process for each frame, and in parentheses the part that ONNX Runtime takes. The delay is the time of a frame in the element, over all rounds; in mode exact it includes the wait for the frames before.\n",
        count(rounds as usize, "round"),
        ROUND.as_secs(),
    )?;
    writeln!(
        text,
        "| mode | frames a second | inferences a second | CPU, ms a frame (inference) | delay p50 | delay p99 | CPU idle |\n|---|---|---|---|---|---|---|"
    )?;
    for (mode, _, measured) in &modes {
        writeln!(text, "{}", row(mode, measured))?;
    }
    let foreign = modes
        .iter()
        .flat_map(|(_, _, measured)| measured)
        .map(|m| m.shares.foreign)
        .fold(0.0, f64::max);
    if foreign > MAX_FOREIGN {
        writeln!(
            text,
            "\n- Other processes used up to {:.0} % of the CPU: without them the figures are better.",
            foreign * 100.0
        )?;
    }
    Ok(text)
}

fn row(mode: &str, measured: &[Measured]) -> String {
    let middle = |of: &dyn Fn(&Measured) -> f64| {
        let mut values: Vec<_> = measured.iter().map(of).collect();
        median(&mut values)
    };
    let a_frame = |share: f64, m: &Measured| share * m.shares.cores / m.rate * 1e3;
    let mut delays: Vec<_> = measured.iter().flat_map(|m| &m.delays).copied().collect();
    delays.sort_unstable();
    let delay = |quantile: f64| {
        let index = (delays.len() as f64 * quantile) as usize;
        let delay = delays.get(index).or(delays.last());
        delay.map_or("–".into(), |delay| {
            format!("{:.2} ms", milliseconds(*delay))
        })
    };
    format!(
        "| {mode} | {:.1} | {:.1} | {:.2} ({:.2}) | {} | {} | {:.0} % |",
        middle(&|m| m.rate),
        middle(&|m| m.inferences),
        middle(&|m| a_frame(m.shares.engine + m.shares.others, m)),
        middle(&|m| a_frame(m.shares.engine - m.prepared, m)),
        delay(0.5),
        delay(0.99),
        middle(&|m| m.shares.idle * 100.0),
    )
}
