// SPDX-License-Identifier: MPL-2.0
//! `gst-resnet50 model`: model files.

use std::path::PathBuf;
use std::process::ExitCode;

use gstresnet50::resnet50::{Batch, Variant, model_by_rule};
use prost::Message as _;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Write ResNet50 with deterministic weights, for tests and measurements
    Build(Build),
}

#[derive(Debug, clap::Args)]
pub struct Build {
    /// Where the weights come from
    #[arg(long, value_enum)]
    init: Init,
    /// Where the bottlenecks that downsample have their stride: in the 3x3 (v1.5) or the 1x1 (v1)
    #[arg(long, value_enum, default_value = "v1.5")]
    variant: VariantName,
    /// Pictures a Run: a number, or dynamic
    #[arg(long, default_value = "dynamic", value_parser = batch)]
    batch: Batch,
    /// The ONNX file to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Init {
    /// A rule on the parameters' names: not trained, the same on every machine
    Rule,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum VariantName {
    #[value(name = "v1")]
    V1,
    #[value(name = "v1.5")]
    V1_5,
}

fn batch(text: &str) -> Result<Batch, String> {
    match (text, text.parse()) {
        ("dynamic", _) => Ok(Batch::Dynamic),
        (_, Ok(n)) if n > 0 => Ok(Batch::Fixed(n)),
        _ => Err("a number from 1, or dynamic".into()),
    }
}

pub fn run(command: &Command) -> crate::Result<ExitCode> {
    let Command::Build(args) = command;
    let Init::Rule = args.init;
    let variant = match args.variant {
        VariantName::V1 => Variant::V1,
        VariantName::V1_5 => Variant::V1_5,
    };
    let bytes = model_by_rule(variant, args.batch).encode_to_vec();
    // Renamed when it is whole, so that nobody finds half of it.
    let mut partial = args.output.as_os_str().to_owned();
    partial.push(".part");
    let partial = PathBuf::from(partial);
    std::fs::write(&partial, &bytes)
        .and_then(|()| std::fs::rename(&partial, &args.output))
        .map_err(|e| format!("{} cannot be written: {e}", args.output.display()))?;
    println!(
        "wrote {} ({:.1} MB): {}, weights by rule, not trained",
        args.output.display(),
        bytes.len() as f64 / 1e6,
        variant.architecture()
    );
    Ok(ExitCode::SUCCESS)
}
