// SPDX-License-Identifier: MPL-2.0
//! `cargo xtask bench`: measures, and writes its own tables into `docs/PERFORMANCE.md`.
//!
//! Every figure stands beside a baseline that was measured in turn with it, for the machines that
//! this runs on often have other work: the ratios mean something where the times do not.
//!
//! A part of it: `cargo bench --features cli -- --only preprocess,overlay`.
#![cfg_attr(
    test,
    allow(
        dead_code,
        unused_imports,
        reason = "without a test harness, tests/program runs the tests in these files"
    )
)]

mod camera;
mod chart;
mod goal;
mod live;
mod models;
#[cfg(feature = "overlay")]
mod overlay;
mod preprocess;
mod sections;
mod streams;
mod throughput;
mod variants;
mod video;

// The program's own measurement uses them, too.
#[path = "../../src/bin/gst-resnet50/bench/fixtures.rs"]
mod fixtures;
#[path = "../../src/bin/gst-resnet50/bench/pipeline.rs"]
mod pipeline;
#[path = "../../src/bin/gst-resnet50/bench/usage.rs"]
mod usage;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser as _;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[derive(Debug, clap::Parser)]
struct Args {
    /// Only measure these, separated by commas
    #[arg(long, value_name = "SECTIONS", value_delimiter = ',')]
    only: Vec<Section>,
    /// What to measure mode exact with: ONNX files, builtin:efficientnet-lite0, v1, v1.5, fp32, fp16
    /// or int8 (the network with untrained weights) [default: the built-in one, int8 and fp32]
    #[arg(long)]
    model: Vec<String>,
    /// The video that one core is to decode and to classify
    #[arg(long, value_name = "FILE", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/demo/clip.webm"))]
    video: PathBuf,
    /// Rounds of each comparison; the median counts
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Numbers of live streams, separated by commas [default: all of the table]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    streams: Vec<usize>,
    /// Write the tables into this file, and the chart beside it
    /// [default: docs/PERFORMANCE.md, if all is measured]
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Make one measurement in a process of its own
    #[arg(long, hide = true)]
    child: Option<live::Child>,
    /// What cargo gives to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

/// A part of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Section {
    /// Pixels to tensors
    Preprocess,
    /// Drawing the classification
    #[cfg(feature = "overlay")]
    Overlay,
    /// Mode exact against a bare loop
    Throughput,
    /// Mode live with many streams
    Streams,
    /// Mode live on one core
    OneCore,
    /// The network's variants and precisions
    Variants,
}

/// The chart's file, beside the tables.
const CHART: &str = "streams.svg";

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
    register()?;
    if let Some(child) = &args.child {
        println!("{}", live::run(child, &args.model)?);
        return Ok(());
    }
    let is_whole = args.only.is_empty() && args.model.is_empty() && args.streams.is_empty();
    let output = match &args.write {
        None if is_whole => {
            Some(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/PERFORMANCE.md").into())
        }
        named => named.clone(),
    };
    let mut report = String::new();
    let mut section = |text: String| {
        println!("{text}");
        report.push_str(&text);
        report.push('\n');
    };
    let is_wanted = |section| args.only.is_empty() || args.only.contains(&section);
    section(head()?);
    if is_wanted(Section::Preprocess) {
        section(preprocess::measure(args.rounds)?);
    }
    #[cfg(feature = "overlay")]
    if is_wanted(Section::Overlay) {
        section(overlay::measure(args.rounds)?);
    }
    if is_wanted(Section::Throughput) {
        section(throughput::measure(args)?);
    }
    if is_wanted(Section::Streams) {
        let (table, chart) = streams::measure(args)?;
        section(table);
        if let Some(output) = &output {
            write(&output.with_file_name(CHART), &chart.to_svg())?;
            section(format!(
                "![inferences and delay against streams]({CHART})\n"
            ));
        }
    }
    if is_wanted(Section::OneCore) {
        section(live::measure(&args.video)?);
    }
    if is_wanted(Section::Variants) {
        section(variants::measure(args.rounds)?);
    }
    if let Some(output) = &output {
        // `cargo xtask race` writes a section of its own.
        let old = std::fs::read_to_string(output).unwrap_or_default();
        if let Some(race) = sections::find(&old, sections::RACE) {
            report = format!("{}\n\n{race}\n", report.trim_end());
        }
        write(output, &report)?;
        println!("wrote {}", output.display());
    }
    Ok(())
}

fn write(file: &Path, text: &str) -> Result<()> {
    Ok(std::fs::write(file, text).map_err(|e| format!("{}: {e}", file.display()))?)
}

/// Makes the elements of this build the ones that are measured, whatever is installed.
fn register() -> Result<()> {
    let registry = gst::Registry::get();
    if let Some(plugin) = registry.find_plugin("resnet50") {
        registry.remove_plugin(&plugin);
    }
    gstresnet50::plugin_register_static()?;
    Ok(())
}

/// Machine and command.
fn head() -> Result<String> {
    let mut text = String::from("# Performance\n\n");
    writeln!(
        text,
        "Written by `cargo xtask bench`; no number here is typed by hand. What is compared was measured in turn in one run, so that ratios hold better than times on other machines and beside other work. Times, rates and ratios are medians of the rounds, with these exceptions: p50, p95 and p99 are of all frames or inferences of all rounds; lost frames are counted over all rounds; shares of streams, memory and the section “One core” are of one run. Each section names its goals, where it has any; “reached” and “missed” are computed before figures are rounded.\n"
    )?;
    text.push_str(&fixtures::machine()?);
    Ok(text)
}

/// Says what is being measured, between two measurements.
fn announce(what: &str) {
    eprintln!("measuring: {what}");
}

/// `1 round`, `2 rounds`.
fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}
