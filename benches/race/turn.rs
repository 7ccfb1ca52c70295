// SPDX-License-Identifier: MPL-2.0
//! One turn of one contestant, in a process of its own.

use std::path::Path;
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::{Result, bare, pipeline_turn};

/// What a turn does.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Task {
    pub kind: Kind,
    /// For how many seconds it measures, after a second of warm-up. With 0 it ends with the first
    /// result.
    pub seconds: f64,
    /// Frames a second of a live source; `None` as fast as they are taken.
    pub live: Option<u32>,
}

/// What is run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Kind {
    /// What stands between the source and the sink of a pipeline.
    Pipeline(String),
    /// ONNX Runtime and nothing else: the model, the pictures of an inference, and whether all
    /// threads work on one inference.
    Bare(String, usize, bool),
}

/// What a turn has measured.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Measured {
    /// From the start of the process to the first result, in milliseconds.
    pub start: f64,
    /// Frames a second.
    pub rate: f64,
    /// CPU milliseconds a frame.
    pub cpu: f64,
    /// The share of the cores that other processes took.
    pub foreign: f64,
    /// The largest resident memory, in MB.
    pub memory: f64,
    /// Delays from the source to the sink in milliseconds: the median, and the 99th percentile.
    pub delay: Option<[f64; 2]>,
    /// The share of the source's frames that reached the sink.
    pub arrived: f64,
}

/// The variable that says when the process was started, in nanoseconds since 1970.
const STARTED: &str = "RACE_STARTED";

impl FromStr for Task {
    type Err = serde_json::Error;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        serde_json::from_str(text)
    }
}

impl Task {
    /// Takes the turn in this process.
    pub fn run(&self) -> Result<Measured> {
        let mut measured = match &self.kind {
            Kind::Pipeline(elements) => pipeline_turn::run(elements, self)?,
            Kind::Bare(model, batch, is_together) => {
                bare::run(model, *batch, *is_together, self.seconds)?
            }
        };
        measured.memory = peak_memory()?;
        Ok(measured)
    }

    /// Takes it in another process of this program, with this ONNX Runtime.
    pub fn run_apart(&self, runtime: &Path) -> Result<Measured> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--models", ".", "--system-runtime", ".", "--child"]);
        command.arg(serde_json::to_string(self)?);
        command.env("ORT_DYLIB_PATH", runtime);
        output(&mut command)
    }
}

/// Runs a process that prints what it has measured in its last line.
pub fn output(command: &mut Command) -> Result<Measured> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    command.env(STARTED, now.as_nanos().to_string());
    let output = command.stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let measured = text
        .lines()
        .last()
        .and_then(|l| serde_json::from_str(l).ok());
    Ok(measured.ok_or_else(|| {
        let errors = String::from_utf8_lossy(&output.stderr);
        let last = errors.lines().rev().find(|line| !line.trim().is_empty());
        format!("{command:?}: {}", last.unwrap_or("it says nothing"))
    })?)
}

/// How long ago the process was started, in milliseconds.
pub fn since_start() -> Result<f64> {
    let started: u64 = std::env::var(STARTED)?.parse()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let time = now.saturating_sub(Duration::from_nanos(started));
    Ok(time.as_secs_f64() * 1e3)
}

/// The largest resident memory of this process so far, in MB.
fn peak_memory() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|l| l.trim().strip_suffix(" kB"));
    let kilobytes: f64 = kilobytes
        .ok_or("the system does not tell")?
        .trim()
        .parse()?;
    Ok(kilobytes * 1024.0 / 1e6)
}
