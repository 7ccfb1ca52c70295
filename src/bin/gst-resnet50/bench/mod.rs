// SPDX-License-Identifier: MPL-2.0
//! `gst-resnet50 bench`: measures the user's own machine, or compares models on it.
//!
//! What is compared is measured in turn, for a machine may have other work: the ratios mean
//! something where the times do not. The project's own benchmarks are in `benches/performance`.

mod compare;
mod fixtures;
mod machine;
mod pipeline;
mod progress;
mod usage;

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use gstresnet50::inference::{BUILTIN, ModelError, ModelSource, find_model};

use self::fixtures::Scratch;
use crate::output::{self, Output};
use crate::{Result, term};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The model to measure: an ONNX file, builtin:efficientnet-lite0 or a name as for --compare
    /// [default: as the element's property]
    #[arg(long, conflicts_with = "compare", value_parser = compare::name)]
    model: Option<String>,
    /// Compare these instead: v1, v1.5, fp16, int8 (the network with untrained weights; fp16 and
    /// int8 are v1.5) and ONNX files, separated by commas
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = compare::name)]
    compare: Vec<String>,
    /// Rounds of each comparison; the median counts
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Write the tables into this file as well; - is standard output
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Threads of that model's inferences
    #[arg(long, hide = true, default_value_t = 1)]
    threads: usize,
    /// Print the memory in bytes that a model takes, in a process of its own
    #[arg(long, hide = true, value_name = "MODEL")]
    memory_of: Option<String>,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    if let Some(model) = &args.memory_of {
        say!("{}", compare::memory(model, args.threads)?);
        return Ok(ExitCode::SUCCESS);
    }
    let model = args.compare.is_empty().then(|| model(args)).transpose()?;
    let output = output(args, model.as_deref())?;
    let mut report = String::new();
    // A terminal shows the figures; what they mean is in the file, and in a pipe.
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
    match model {
        Some(name) => {
            progress::section("this machine");
            let scratch = Scratch::new()?;
            let file = compare::file(&name, &scratch)?;
            section(machine::measure(&name, &file, args.rounds)?);
        }
        None => {
            progress::section("variants and precisions");
            section(compare::measure(&args.compare, args.rounds)?);
        }
    }
    progress::finish();
    if is_short {
        say!(
            "\nWhat the figures are, and more columns, are in the report that --write FILE writes."
        );
    }
    if let Some(output) = &output {
        output.write(report.as_bytes())?;
        say!("wrote {}", output.named().display());
    }
    Ok(ExitCode::SUCCESS)
}

/// The model that is measured: the named one, the installed one, else the built-in one.
fn model(args: &Args) -> Result<String> {
    if let Some(model) = &args.model {
        return Ok(model.clone());
    }
    match find_model(None) {
        Ok(ModelSource::File(file)) => {
            let file = file.into_os_string().into_string();
            file.map_err(|file| format!("“{}” is not UTF-8", file.display()).into())
        }
        Ok(_) | Err(ModelError::None(_)) => Ok(BUILTIN.to_owned()),
        Err(error) => Err(error.into()),
    }
}

/// What is written, if anything is: no file that is read.
fn output(args: &Args, model: Option<&str>) -> Result<Option<Output>> {
    let output = args.write.as_deref().map(Output::new).transpose()?;
    if let Some(output) = &output {
        output.check_folder()?;
        let models = args.compare.iter().map(String::as_str).chain(model);
        let models = models.map(Path::new).flat_map(output::model_files);
        output::check(&[output], models)?;
    }
    Ok(output)
}

fn head() -> Result<String> {
    let mut text = String::from("# Performance\n\n");
    writeln!(
        text,
        "Written by `gst-resnet50 bench`. What is compared was measured in turn in one run, so that ratios hold better than times on other machines and beside other work. Times, rates and ratios are medians of the rounds; p50, p95 and p99 are of all frames or inferences of all rounds.\n"
    )?;
    text.push_str(&fixtures::machine()?);
    Ok(text)
}
