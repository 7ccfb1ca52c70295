// SPDX-License-Identifier: MPL-2.0
//! `gst-resnet50 bench`, which `cargo bench` calls: measures, and writes its own tables.
//!
//! Every figure stands beside a baseline that was measured in turn with it, for the machines that
//! this runs on often have other work: the ratios mean something where the times do not.

mod chart;
mod compare;
mod goal;
mod live;
#[cfg(feature = "overlay")]
mod overlay;
mod preprocess;
mod progress;
mod streams;
mod throughput;
mod usage;
mod video;

use std::fmt::Write as _;
use std::fs::File;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use gstresnet50::onnx;
use prost::Message as _;

use crate::output::{self, Output};
use crate::{Result, term};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to measure mode exact with: ONNX files, builtin:efficientnet-lite0 or names as for
    /// --compare [default: the built-in one, int8 and fp32]
    #[arg(long)]
    pub model: Vec<String>,
    /// Only compare these: v1, v1.5, fp16, int8 (the network with untrained weights; fp16 and int8
    /// are v1.5) and ONNX files, separated by commas
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = compare::name)]
    pub compare: Vec<String>,
    /// Only measure these, separated by commas
    #[arg(
        long,
        value_name = "SECTIONS",
        value_delimiter = ',',
        conflicts_with = "compare"
    )]
    pub only: Vec<Section>,
    /// The video that one core is to decode and to classify [default: that part is left out]
    #[arg(long, value_name = "FILE")]
    pub video: Option<String>,
    /// Rounds of each comparison; the median counts
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: u32,
    /// Numbers of live streams, separated by commas [default: all of the table]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub streams: Vec<usize>,
    /// Write the tables into this file as well; - is standard output
    #[arg(long, value_name = "FILE")]
    pub write: Option<PathBuf>,
    /// Threads of that model's Runs
    #[arg(long, hide = true, default_value_t = 1)]
    pub threads: usize,
    /// Print the memory in bytes that a model takes, in a process of its own
    #[arg(long, hide = true, value_name = "MODEL")]
    pub memory_of: Option<String>,
    /// Make one measurement in a process of its own
    #[arg(long, hide = true)]
    pub child: Option<live::Child>,
}

/// A part of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Section {
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

pub fn run(args: &Args) -> Result<ExitCode> {
    if let Some(model) = &args.memory_of {
        say!("{}", compare::memory(model, args.threads)?);
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(child) = &args.child {
        say!("{}", live::run(child, &args.model)?);
        return Ok(ExitCode::SUCCESS);
    }
    let outputs = Outputs::new(args)?;
    let mut report = String::new();
    // At a terminal people want the figures; what they mean is in the file, and in a pipe.
    let is_short = std::io::stdout().is_terminal();
    let mut section = |text: String| {
        progress::pause(|| match is_short {
            true => term::say_short(&text),
            false => say!("{text}"),
        });
        report.push_str(&text);
        report.push('\n');
    };
    section(head()?);
    if !args.compare.is_empty() {
        progress::section("variants and precisions");
        section(compare::measure(&args.compare, args.rounds)?);
    }
    let is_wanted =
        |section| args.compare.is_empty() && (args.only.is_empty() || args.only.contains(&section));
    if is_wanted(Section::Preprocess) {
        progress::section("pre-processing");
        section(preprocess::measure(args.rounds)?);
    }
    #[cfg(feature = "overlay")]
    if is_wanted(Section::Overlay) {
        progress::section("overlay");
        section(overlay::measure(args.rounds)?);
    }
    if is_wanted(Section::Throughput) {
        progress::section("throughput");
        section(throughput::measure(args)?);
    }
    if is_wanted(Section::Streams) {
        progress::section("live streams");
        let (table, chart) = streams::measure(args)?;
        section(table);
        if let Some(output) = &outputs.chart {
            output.write(chart.to_svg().as_bytes())?;
            section(format!(
                "![inferences and delay against streams]({CHART})\n"
            ));
        }
    }
    if is_wanted(Section::OneCore) {
        progress::section("one core");
        section(live::measure(args.video.as_deref())?);
    }
    if is_wanted(Section::Variants) {
        progress::section("variants and precisions");
        let all = ["v1", "v1.5", "fp16", "int8"].map(str::to_owned);
        section(compare::measure(&all, args.rounds)?);
    }
    progress::finish();
    if is_short {
        say!(
            "\nWhat the figures are, and more columns, are in the report that --write FILE writes."
        );
    }
    if let Some(output) = &outputs.report {
        output.write(report.as_bytes())?;
        say!("wrote {}", output.named().display());
    }
    Ok(ExitCode::SUCCESS)
}

/// The chart's file, beside the tables.
const CHART: &str = "streams.svg";

/// What is written.
struct Outputs {
    report: Option<Output>,
    /// Only beside a file, and only if there is one to be.
    chart: Option<Output>,
}

impl Outputs {
    fn new(args: &Args) -> Result<Self> {
        let report = args.write.as_deref().map(Output::new).transpose()?;
        let is_wanted = args.compare.is_empty()
            && (args.only.is_empty() || args.only.contains(&Section::Streams));
        let chart = report.as_ref().filter(|_| is_wanted);
        let chart = chart
            .and_then(Output::file)
            .map(|file| Output::new(&file.with_file_name(CHART)))
            .transpose()?;
        let outputs: Vec<_> = report.iter().chain(&chart).collect();
        for output in &outputs {
            output.check_folder()?;
        }
        let models = args.model.iter().chain(&args.compare).map(Path::new);
        let models = models.flat_map(output::model_files);
        let video = args.video.as_deref().and_then(crate::source::file_of);
        output::check(&outputs, models.chain(video))?;
        Ok(Self { report, chart })
    }
}

/// Machine and command.
fn head() -> Result<String> {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = |key: &str| {
        cpu.lines()
            .find(|l| l.starts_with(key))
            .and_then(|l| l.split_once(": "))
            .map_or("unknown", |(_, value)| value)
    };
    let flags: Vec<_> = ["avx2", "avx512f", "avx512_vnni", "amx_int8"]
        .into_iter()
        .filter(|f| line("flags").split(' ').any(|flag| flag == *f))
        .collect();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let cores = std::thread::available_parallelism()?;
    let runtime = gstresnet50::inference::Runtime::load(None, &[])?;
    let (major, minor, micro, _) = gst::version();
    let mut text = String::from("# Performance\n\n");
    writeln!(
        text,
        "Written by `cargo xtask bench` (or `gst-resnet50 bench --write FILE`); no number here is typed by hand. What is compared was measured in turn in one run, so that ratios hold better than times on other machines and beside other work. Times, rates and ratios are medians of the rounds. Not so: p50, p95 and p99 are of all frames or Runs of all rounds; lost frames are counted over all rounds; shares of streams, memory and the section “One core” are of one run. Each section names its goals, where it has any; “reached” and “missed” are computed, before figures are rounded.\n"
    )?;
    writeln!(
        text,
        "- Processor: {}, {cores} cores, {}",
        line("model name"),
        flags.join(" ")
    )?;
    writeln!(
        text,
        "- Load average before the run: {}",
        load.split(' ').next().unwrap_or("unknown")
    )?;
    writeln!(
        text,
        "- ONNX Runtime {}, GStreamer {major}.{minor}.{micro}, gst-plugin-resnet50 {}",
        runtime.version(),
        env!("CARGO_PKG_VERSION")
    )?;
    Ok(text)
}

/// A folder of model files that goes with its owner.
struct Scratch {
    folder: PathBuf,
    /// Locked as long as the owner lives.
    _lock: File,
}

/// What the names of those folders begin with.
const SCRATCH: &str = "gst-resnet50-bench-";

impl Scratch {
    fn new() -> Result<Self> {
        let parent = std::env::temp_dir();
        Self::sweep(&parent);
        let folder = parent.join(format!("{SCRATCH}{}", std::process::id()));
        let make = || {
            std::fs::create_dir_all(&folder)?;
            let lock = File::open(&folder)?;
            // Without it, what an interrupted run leaves stays; with it, the next one removes it.
            let _ = lock.lock();
            Ok(lock)
        };
        let lock = make().map_err(|e: std::io::Error| format!("{}: {e}", folder.display()))?;
        Ok(Self {
            folder,
            _lock: lock,
        })
    }

    /// Removes the folders of owners that were interrupted.
    fn sweep(parent: &Path) {
        for entry in parent.read_dir().into_iter().flatten().flatten() {
            let is_ours = entry.file_name().to_string_lossy().starts_with(SCRATCH);
            let is_folder = entry.file_type().is_ok_and(|t| t.is_dir());
            if is_ours
                && is_folder
                && File::open(entry.path()).is_ok_and(|folder| folder.try_lock().is_ok())
            {
                // Another user's stays.
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
    }

    /// Writes a model and returns its path.
    fn write(&self, name: &str, model: &onnx::Model) -> Result<String> {
        let file = self.folder.join(format!("{name}.onnx"));
        std::fs::write(&file, model.encode_to_vec())
            .map_err(|e| format!("{} cannot be written: {e}", file.display()))?;
        Ok(file.to_string_lossy().into_owned())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Gone already, or not to be removed: nothing that could be done about it.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The middle one.
fn median<T: PartialOrd + Copy>(values: &mut [T]) -> T {
    values.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    values[values.len() / 2]
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// A frame of a format that is no single colour: a gradient with some texture.
fn frame(info: &gst_video::VideoInfo) -> gst::Buffer {
    let bytes = (0..info.size()).map(|i| ((i * 7 + i / 1000 * 13) % 224 + 16) as u8);
    let mut buffer = gst::Buffer::from_mut_slice(bytes.collect::<Vec<_>>());
    if let Some(buffer) = buffer.get_mut() {
        buffer.set_duration(gst::ClockTime::from_mseconds(33));
    }
    buffer
}
