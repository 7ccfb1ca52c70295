// SPDX-License-Identifier: MPL-2.0
//! Variants and precisions of the network side by side.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use gstresnet50::inference::{Runtime, Session};
use gstresnet50::onnx;
use gstresnet50::resnet50::{
    self, Batch, ResNet50, Variant, synthetic_contract, synthetic_weights,
};
use hdrhistogram::Histogram;
use prost::Message as _;

use super::fixtures::{Scratch, median, session};
use super::usage::resident;
use super::{Result, progress};
use crate::model::count;
use crate::model::precision::{CalibrationArgs, Name, Network, PrecisionArgs};

/// How long one model runs in one round.
const ROUND: Duration = Duration::from_millis(1000);

/// A name of the list, for the command line.
pub fn name(text: &str) -> std::result::Result<String, String> {
    let name = text.trim();
    match name.starts_with("builtin:") || network(name).is_some() || Path::new(name).is_file() {
        true => Ok(name.to_owned()),
        false => {
            Err("it is none of v1, v1.5, fp32, fp16 and int8, and there is no such file".into())
        }
    }
}

pub fn measure(list: &[String], rounds: u32) -> Result<String> {
    let mut text = String::from("## Variants and precisions\n\n");
    writeln!(
        text,
        "Inferences of one picture on the CPU provider, nothing else, each model {} ms in turn, {}: other work of the machine slows all of them. Images a second and ratios are medians of the rounds, the percentiles are those of all inferences. There is no goal here but the published figure to compare with: v1.5 against v1, about 5 % fewer images a second (on a GPU), for 6 % more multiplications. Weights are untrained unless a file is named: as fast as trained ones. The memory, measured once, is what a process grows by from before the model is loaded to after its inferences.\n",
        ROUND.as_millis(),
        count(rounds as usize, "round"),
    )?;
    writeln!(
        text,
        "| network | threads | images a second | against the first | p50 ms | p95 ms | p99 ms | GMACs | file MB | memory MB |\n|---|---|---|---|---|---|---|---|---|---|"
    )?;
    let scratch = Scratch::new()?;
    let cores = std::thread::available_parallelism()?.get();
    let files = list
        .iter()
        .map(|name| Ok((name.as_str(), file(name, &scratch)?)))
        .collect::<Result<Vec<_>>>()?;
    for threads in if cores > 1 { vec![1, cores] } else { vec![1] } {
        let mut models = files
            .iter()
            .map(|(name, file)| LoadedModel::load(name, file, threads))
            .collect::<Result<Vec<_>>>()?;
        // The first round warms up.
        for round in 0..=rounds {
            let what = format!("{}, round", count(threads, "thread"));
            progress::step_of(&what, round as usize, rounds as usize);
            for model in &mut models {
                model.run(round > 0)?;
            }
        }
        let first = models.first().map(|c| c.rates.clone());
        for model in &mut models {
            writeln!(text, "{}", model.row(first.as_deref().unwrap_or_default())?)?;
        }
    }
    Ok(text)
}

/// The network that a name of the list means.
fn network(name: &str) -> Option<(Variant, Name)> {
    match name {
        "v1" => Some((Variant::V1, Name::Fp32)),
        "v1.5" | "fp32" => Some((Variant::V1_5, Name::Fp32)),
        "fp16" => Some((Variant::V1_5, Name::Fp16)),
        "int8" => Some((Variant::V1_5, Name::Int8)),
        _ => None,
    }
}

/// The file that a name of the list means: a new one in `scratch`, or the one that it names.
pub fn file(name: &str, scratch: &Scratch) -> Result<String> {
    let Some((variant, precision)) = network(name) else {
        return Ok(name.to_owned());
    };
    let architecture = ResNet50::new(variant);
    let source = Network {
        weights: synthetic_weights(&architecture),
        contract: synthetic_contract(variant),
        architecture,
    };
    let args = PrecisionArgs {
        precision,
        calibration: CalibrationArgs::default(),
    };
    let model = source.model(Batch::Dynamic, &args)?;
    let file = scratch.file(&format!("{name}.onnx"));
    std::fs::write(&file, model.encode_to_vec())
        .map_err(|e| format!("{} cannot be written: {e}", file.display()))?;
    Ok(file.to_string_lossy().into_owned())
}

struct LoadedModel {
    name: String,
    file: String,
    session: Session,
    times: Histogram<u64>,
    /// Images a second, by round.
    rates: Vec<f64>,
}

impl LoadedModel {
    fn load(name: &str, file: &str, threads: usize) -> Result<Self> {
        Ok(Self {
            name: name.to_owned(),
            file: file.to_owned(),
            session: session(file, threads)?,
            times: Histogram::new(3)?,
            rates: Vec::new(),
        })
    }

    /// Runs for one round, which may count.
    fn run(&mut self, counts: bool) -> Result<()> {
        let begun = Instant::now();
        let mut runs = 0u32;
        while begun.elapsed() < ROUND {
            self.session.run()?;
            if counts {
                let time = self.session.run_time();
                self.times.record(time.as_nanos() as u64)?;
            }
            runs += 1;
        }
        if counts {
            self.rates
                .push(f64::from(runs) / begun.elapsed().as_secs_f64());
        }
        Ok(())
    }

    fn row(&mut self, first: &[f64]) -> Result<String> {
        let mut ratios: Vec<_> = self.rates.iter().zip(first).map(|(r, f)| r / f).collect();
        let [p50, p95, p99] =
            [0.5, 0.95, 0.99].map(|q| self.times.value_at_quantile(q) as f64 / 1e6);
        let threads = self.session.threads();
        let (macs, size) = match std::fs::metadata(&self.file) {
            Ok(metadata) => {
                let model = onnx::Model::read(self.file.as_ref())?;
                let size = model.graph.as_ref().map(|g| resnet50::size(g, 224));
                (size.and_then(|s| s.macs), Some(metadata.len()))
            }
            // A built-in one.
            Err(_) => (None, None),
        };
        let cell = |number: Option<u64>, unit: f64, digits: usize| {
            number.map_or("–".into(), |n| format!("{:.digits$}", n as f64 / unit))
        };
        Ok(format!(
            "| {} | {threads} | {:.1} | {:.3} | {p50:.2} | {p95:.2} | {p99:.2} | {} | {} | {:.0} |",
            self.name,
            median(&mut self.rates.clone()),
            median(&mut ratios),
            cell(macs, 1e9, 2),
            cell(size, 1e6, 1),
            memory_of_child(&self.file, threads)? as f64 / 1e6,
        ))
    }
}

/// Asks another process of this program for [`memory`], for in this one the allocator keeps what
/// others have freed.
fn memory_of_child(file: &str, threads: usize) -> Result<u64> {
    let output = Command::new(std::env::current_exe()?)
        .args(["bench", "--memory-of", file, "--threads"])
        .arg(threads.to_string())
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let error = || String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Ok(text.trim().parse().map_err(|_| error())?)
}

/// The bytes by which this process grows when it loads a model and runs it.
pub fn memory(file: &str, threads: usize) -> Result<u64> {
    Runtime::load(None, &[])?;
    let before = resident()?;
    let mut session = session(file, threads)?;
    for _ in 0..3 {
        session.run()?;
    }
    Ok(resident()?.saturating_sub(before))
}
