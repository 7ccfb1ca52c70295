// SPDX-License-Identifier: MPL-2.0
//! `gst-resnet50 model`: model files.

mod download;
mod install;
mod source;

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use gstresnet50::onnx;
use gstresnet50::resnet50::{self, Batch, Variant, Verdict, model_by_rule};
use indicatif::DecimalBytes;
use prost::Message as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Write ResNet50 with deterministic weights, for tests and measurements
    Build(Build),
    /// Download published weights and turn them into the ONNX file that the element finds by itself
    Install(install::Args),
    /// Say what an ONNX classifier is: inputs, outputs, size, work, architecture
    Inspect(Inspect),
}

#[derive(Debug, clap::Args)]
pub struct Inspect {
    /// The ONNX file
    file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
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
    match command {
        Command::Build(args) => build(args),
        Command::Install(args) => install::run(args),
        Command::Inspect(args) => inspect(args),
    }
}

fn inspect(args: &Inspect) -> crate::Result<ExitCode> {
    let file = onnx::Model::read(&args.file)
        .map_err(|e| format!("“{}” cannot be inspected: {e}", args.file.display()))?;
    let graph = file.graph.as_ref().ok_or("the model has no graph")?;
    let size = resnet50::size(graph, 224);
    let value = |v: &onnx::ValueInfo| match v.tensor() {
        None => json!({"name": v.name}),
        Some((elem_type, shape)) => {
            json!({"name": v.name, "type": onnx::type_name(elem_type), "shape": shape})
        }
    };
    let (architecture, evidence) = match resnet50::verdict(graph) {
        Verdict::ResNet50(variant, layer) => (Some(variant.architecture().to_owned()), layer),
        Verdict::ResNet(depth) => (Some(format!("resnet{depth}")), String::new()),
        Verdict::NotAResNet(reason) => (None, reason),
    };
    let mut weights: Vec<&str> = graph
        .initializer
        .iter()
        .map(|t| onnx::type_name(t.data_type))
        .collect();
    weights.sort_unstable();
    weights.dedup();
    let contract = file.metadata(onnx::CONTRACT_KEY);
    let opset = file
        .opset_import
        .iter()
        .find(|o| o.domain.is_empty())
        .map(|o| o.version);
    let report = json!({
        "file": args.file,
        "producer": format!("{} {}", file.producer_name, file.producer_version).trim(),
        "opset": opset,
        "inputs": graph.inputs().map(value).collect::<Vec<_>>(),
        "outputs": graph.output.iter().map(value).collect::<Vec<_>>(),
        "parameters": size.parameters,
        "macs": size.macs,
        "weights": weights,
        "architecture": architecture,
        "evidence": evidence,
        "contract": contract.and_then(|c| serde_json::from_str::<Value>(c).ok()),
    });
    if args.json {
        say!("{}", serde_json::to_string_pretty(&report)?);
        return Ok(ExitCode::SUCCESS);
    }

    let line = |what: &str, text: String| say!("{what:<13} {text}");
    line("file", args.file.display().to_string());
    line(
        "producer",
        report["producer"].as_str().unwrap_or_default().to_owned(),
    );
    line("opset", opset.map_or("not said".into(), |o| o.to_string()));
    graph.inputs().for_each(|v| line("input", v.to_string()));
    graph
        .output
        .iter()
        .for_each(|v| line("output", v.to_string()));
    line(
        "parameters",
        format!(
            "{} ({:.2} million)",
            size.parameters,
            size.parameters as f64 / 1e6
        ),
    );
    let macs = size.macs.map_or("not known".into(), |m| {
        format!("{:.2} G a picture", m as f64 / 1e9)
    });
    line("MACs", macs);
    line("weights", weights.join(", "));
    line("contract", contract.unwrap_or("none").to_owned());
    line(
        "architecture",
        match &architecture {
            Some(name) if evidence.is_empty() => name.clone(),
            Some(name) => format!("{name}: {evidence}"),
            None => format!("not a ResNet: {evidence}"),
        },
    );
    Ok(ExitCode::SUCCESS)
}

fn build(args: &Build) -> crate::Result<ExitCode> {
    let Init::Rule = args.init;
    let variant = match args.variant {
        VariantName::V1 => Variant::V1,
        VariantName::V1_5 => Variant::V1_5,
    };
    let bytes = model_by_rule(variant, args.batch).encode_to_vec();
    write_whole(&args.output, &bytes)?;
    say!(
        "wrote {} ({:.1} MB): {}, weights by rule, not trained",
        args.output.display(),
        bytes.len() as f64 / 1e6,
        variant.architecture()
    );
    Ok(ExitCode::SUCCESS)
}

/// Writes a file under another name and renames it when it is whole and on the disk, so that nobody
/// finds half of it, not even after a loss of power.
fn write_whole(file: &Path, bytes: &[u8]) -> crate::Result<()> {
    let mut partial = file.as_os_str().to_owned();
    partial.push(format!(".{}.part", std::process::id()));
    let partial = PathBuf::from(partial);
    let write = || {
        let mut writer = File::create(&partial)?;
        writer.write_all(bytes)?;
        writer.sync_all()?;
        std::fs::rename(&partial, file)
    };
    write().map_err(|e| {
        // What there is of it is of no use; if it cannot be removed, it was not made.
        let _ = std::fs::remove_file(&partial);
        let remedy = match download::is_full(&e) {
            true => format!(
                ". It takes {}: free as much, or name a file on another disk with --output",
                DecimalBytes(bytes.len() as u64)
            ),
            false => String::new(),
        };
        format!("{} cannot be written: {e}{remedy}", file.display()).into()
    })
}

/// The SHA-256 of something, in hexadecimal digits.
fn sha256_hex(bytes: &[u8]) -> String {
    let mut hex = String::new();
    for byte in Sha256::digest(bytes) {
        // To a string nothing fails.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}
