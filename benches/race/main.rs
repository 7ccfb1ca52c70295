// SPDX-License-Identifier: MPL-2.0
//! `cargo xtask race`: the element beside GStreamer's own ONNX element, a Python loop and a bare loop
//! of ONNX Runtime, with the same models and frames, in turn.
//!
//! It runs where GStreamer has `onnxinference` (from 1.28 on). Each turn is a process of its own, so
//! that start-up and memory are those of one contestant.
#![cfg_attr(
    test,
    allow(
        dead_code,
        unused_imports,
        reason = "without a test harness, tests/program runs the tests in these files"
    )
)]

mod bare;
mod contestant;
mod pipeline_turn;
mod report;
mod turn;

// The other benchmark and the program use them, too.
#[path = "../../src/bin/gst-resnet50/bench/fixtures.rs"]
#[allow(dead_code, reason = "shared with other measurements")]
mod fixtures;
#[path = "../../src/bin/gst-resnet50/bench/pipeline.rs"]
#[allow(dead_code, reason = "shared with other measurements")]
mod pipeline;
#[path = "../performance/sections.rs"]
#[allow(dead_code, reason = "shared with the other benchmark")]
mod sections;
#[path = "../../src/bin/gst-resnet50/bench/usage.rs"]
#[allow(dead_code, reason = "shared with other measurements")]
mod usage;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser as _;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[derive(Debug, clap::Parser)]
struct Args {
    /// Rounds; the median counts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How long one turn measures
    #[arg(long, default_value_t = 3.0, value_name = "SECONDS")]
    seconds: f64,
    /// The folder with int8.onnx, fp32.onnx and labels.txt
    #[arg(long, value_name = "FOLDER")]
    models: PathBuf,
    /// The Python that has OpenCV and onnxruntime [default: no turns in Python]
    #[arg(long, value_name = "FILE")]
    python: Option<PathBuf>,
    /// The ONNX Runtime that `onnxinference` is linked with
    #[arg(long, value_name = "FILE")]
    system_runtime: PathBuf,
    /// The one that this project installs
    #[arg(long, value_name = "FILE")]
    own_runtime: Option<PathBuf>,
    /// Write the section into this file, and the chart beside it
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Write a sentence into this file
    #[arg(long, value_name = "FILE")]
    readme: Option<PathBuf>,
    /// Take one turn, as this JSON says
    #[arg(long, hide = true)]
    child: Option<turn::Task>,
    /// What cargo gives to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    gst::init()?;
    if let Some(task) = &args.child {
        println!("{}", serde_json::to_string(&task.run()?)?);
        return Ok(());
    }
    report::race(args)
}
