// SPDX-License-Identifier: MPL-2.0
//! `gst-resnet50 model inspect`: what an ONNX classifier is.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use gstresnet50::inference::{BUILTIN, ModelSource, did_you_mean, find_model};
use gstresnet50::onnx::{self, ReadError};
use gstresnet50::paths;
use gstresnet50::resnet50::{self, ArchitectureMatch};
use gstresnet50::text;
use serde_json::{Value, json};

use super::precision::QUANTIZATION_KEY;
use super::taken;
use crate::term;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The ONNX file, or builtin:efficientnet-lite0
    file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Maximum number of inputs, and of outputs, in the text for people.
const MAX_LISTED_VALUES: usize = 16;

pub fn run(args: &Args) -> crate::Result<ExitCode> {
    let source = match args.file.to_str() {
        Some(name) if is_builtin(&args.file, name) => find_model(Some(name.as_ref()))
            .map_err(|e| format!("{e}; where a build has one, it is {BUILTIN}"))?,
        _ => ModelSource::File(paths::from_path_or_uri(args.file.as_os_str())),
    };
    let file = source.open().map_err(|e| {
        let hint = super::weights_hint(&args.file);
        let (name, meant) = match (&source, &e) {
            (ModelSource::File(path), ReadError::File(error)) => {
                (paths::quoted_with_folder(path), did_you_mean(path, error))
            }
            _ => (format!("“{source}”"), ""),
        };
        format!("{name} cannot be inspected: {e}{meant}{hint}")
    })?;
    let graph = file.graph.as_ref().ok_or("the model has no graph")?;
    let size = resnet50::size(graph, 224);
    let value = |v: &onnx::ValueInfo| match v.tensor() {
        None => json!({"name": v.name}),
        Some((elem_type, shape)) => {
            json!({"name": v.name, "type": onnx::type_name(elem_type), "shape": shape})
        }
    };
    let (architecture, evidence) = match resnet50::match_architecture(graph) {
        ArchitectureMatch::ResNet50(variant, layer) => {
            (Some(variant.architecture().to_owned()), layer)
        }
        ArchitectureMatch::ResNet(depth) => (Some(format!("resnet{depth}")), String::new()),
        ArchitectureMatch::NotAResNet(reason) => (None, reason),
    };
    let precision = resnet50::precision(graph);
    let contract = file.metadata(onnx::CONTRACT_KEY);
    let quantization = file.metadata(QUANTIZATION_KEY);
    let opset = file
        .opset_import
        .iter()
        .find(|o| o.domain.is_empty())
        .map(|o| o.version);
    let taken = taken::ask(&source)?;
    let report = json!({
        // Its name need not be UTF-8, and JSON is.
        "file": args.file.to_string_lossy(),
        "producer": format!("{} {}", file.producer_name, file.producer_version).trim(),
        "opset": opset,
        "inputs": graph.inputs().map(value).collect::<Vec<_>>(),
        "outputs": graph.output.iter().map(value).collect::<Vec<_>>(),
        "parameters": size.parameters,
        "macs": size.macs,
        "precision": precision,
        "architecture": architecture,
        "evidence": evidence,
        "contract": contract.and_then(|c| serde_json::from_str::<Value>(c).ok()),
        "quantization": quantization.and_then(|q| serde_json::from_str::<Value>(q).ok()),
        "element": taken.to_json(),
    });
    if args.json {
        term::say_json(serde_json::to_string_pretty(&report)?);
        return Ok(ExitCode::SUCCESS);
    }

    let line = |what: &str, text: String| term::fact(what, &text::message(&text).to_string());
    // A file may have as many as it likes.
    let values = |what: &str, values: &[&onnx::ValueInfo]| {
        values
            .iter()
            .take(MAX_LISTED_VALUES)
            .for_each(|v| line(what, v.to_string()));
        if values.len() > MAX_LISTED_VALUES {
            line(
                what,
                format!("and {} more", values.len() - MAX_LISTED_VALUES),
            );
        }
    };
    line("file", paths::escaped(args.file.as_os_str()));
    line(
        "producer",
        text::name(report["producer"].as_str().unwrap_or_default()).to_string(),
    );
    line("opset", opset.map_or("not said".into(), |o| o.to_string()));
    values("input", &graph.inputs().collect::<Vec<_>>());
    values("output", &graph.output.iter().collect::<Vec<_>>());
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
    line("precision", precision);
    if let Some(quantization) = quantization {
        line("quantization", quantization.to_owned());
    }
    line("contract", contract.unwrap_or("none").to_owned());
    line(
        "architecture",
        match &architecture {
            Some(name) if evidence.is_empty() => name.clone(),
            Some(name) => format!("{name}: {evidence}"),
            None => format!("not a ResNet: {evidence}"),
        },
    );
    for (what, text) in taken.lines() {
        line(what, text);
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether a model of the program is meant, and not a file that happens to be called so.
fn is_builtin(file: &Path, name: &str) -> bool {
    name.starts_with("builtin:") && !file.exists()
}
