// SPDX-License-Identifier: MPL-2.0
//! `gst-resnet50 model build`: the network with synthetic weights.

use std::path::PathBuf;
use std::process::ExitCode;

use gstresnet50::resnet50::{Batch, ResNet50, Variant, synthetic_contract, synthetic_weights};
use prost::Message as _;

use super::precision::{Network, PrecisionArgs};
use crate::output::{self, Output};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where the weights come from
    #[arg(long, value_enum)]
    init: Init,
    /// Where the bottlenecks that downsample have their stride: in the 3x3 (v1.5) or the 1x1 (v1)
    #[arg(long, value_enum, default_value = "v1.5")]
    variant: VariantName,
    /// Pictures an inference: a number, or dynamic
    #[arg(long, default_value = "dynamic", value_parser = batch)]
    batch: Batch,
    /// The ONNX file to write; - is standard output
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    // The last, for its heading holds for all that follows.
    #[command(flatten)]
    precision: PrecisionArgs,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Init {
    /// Computed from the parameters' names: not trained, the same on every machine
    #[value(alias = "rule")]
    Synthetic,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum VariantName {
    #[value(name = "v1")]
    V1,
    #[value(name = "v1.5")]
    V1_5,
}

impl From<VariantName> for Variant {
    fn from(name: VariantName) -> Self {
        match name {
            VariantName::V1 => Self::V1,
            VariantName::V1_5 => Self::V1_5,
        }
    }
}

fn batch(text: &str) -> Result<Batch, String> {
    match (text, text.parse()) {
        ("dynamic", _) => Ok(Batch::Dynamic),
        (_, Ok(n)) if n > 0 => Ok(Batch::Fixed(n)),
        _ => Err("a number from 1, or dynamic".into()),
    }
}

pub fn run(args: &Args) -> crate::Result<ExitCode> {
    let Init::Synthetic = args.init;
    args.precision.check()?;
    let output = Output::new(&args.output)?;
    output.check_folder()?;
    output.check_binary()?;
    output::check(&[&output], args.precision.calibration.files())?;
    let variant = Variant::from(args.variant);
    let architecture = ResNet50::new(variant);
    let source = Network {
        weights: synthetic_weights(&architecture),
        contract: synthetic_contract(variant),
        architecture,
    };
    let bytes = source.model(args.batch, &args.precision)?.encode_to_vec();
    output.write(&bytes)?;
    say!(
        "wrote {} ({:.1} MB): {} in {}, synthetic weights, not trained",
        args.output.display(),
        bytes.len() as f64 / 1e6,
        variant.architecture(),
        args.precision.precision
    );
    Ok(ExitCode::SUCCESS)
}
