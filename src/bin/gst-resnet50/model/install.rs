// SPDX-License-Identifier: MPL-2.0
//! `gst-resnet50 model install`: published weights become the ONNX file that the element finds.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bytes::Bytes;
use gstresnet50::inference::{Contract, ContractLabels, OutputKind};
use gstresnet50::paths;
use gstresnet50::preprocess::{ColorOrder, Fit};
use gstresnet50::resnet50::weights::{self, ResNet50Weights};
use gstresnet50::resnet50::{Batch, Folded, Precision, ResNet50, Variant, to_onnx};
use prost::Message as _;
use sha2::{Digest as _, Sha256};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The weights: torchvision's resnet50-11ad3fa6.pth or resnet50-0676ba61.pth (from
    /// download.pytorch.org/models), or another .pth or .safetensors file of ResNet50
    /// v1.5 with torchvision's or Hugging Face's names
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// Length in pixels of the shorter side before the crop [default: what the weights were
    /// published with, else 256]
    #[arg(long, value_parser = clap::value_parser!(u32).range(224..=8192))]
    resize: Option<u32>,
    /// The ONNX file to write [default: where the element looks]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// torchvision's weights, by the beginning of their file's SHA-256, which stands in its name too,
/// and the resize of their preset (`ResNet50_Weights`).
const TORCHVISION: [(&str, &str, u32); 2] = [
    (
        "0676ba61",
        "torchvision ResNet50_Weights.IMAGENET1K_V1",
        256,
    ),
    (
        "11ad3fa6",
        "torchvision ResNet50_Weights.IMAGENET1K_V2",
        232,
    ),
];

pub fn run(args: &Args) -> crate::Result<ExitCode> {
    let output = match &args.output {
        Some(file) => file.clone(),
        None => paths::installed_model()
            .ok_or("there is no home folder to install into: give --output FILE")?,
    };
    let about = |error: &dyn std::fmt::Display| format!("“{}”: {error}", args.from.display());
    let file = Bytes::from(std::fs::read(&args.from).map_err(|e| about(&e))?);
    let sha256 = Sha256::digest(&file)
        .iter()
        .fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
    check_name(&args.from, &sha256).map_err(|e| about(&e))?;

    let dict = weights::parse(file).map_err(|e| about(&e))?;
    let weights = ResNet50Weights::from_state_dict(&dict).map_err(|e| about(&e))?;
    let known = TORCHVISION
        .iter()
        .find(|(start, _, _)| sha256.starts_with(start));
    let resize = args
        .resize
        .unwrap_or(known.map_or(256, |(_, _, resize)| *resize));
    let name = args.from.file_name().unwrap_or_default().to_string_lossy();
    let variant = Variant::V1_5;
    let contract = Contract {
        architecture: Some(variant.architecture().into()),
        resize: Some(resize),
        crop: Some(224),
        fit: Some(Fit::Crop),
        mean: Some([0.485, 0.456, 0.406]),
        std: Some([0.229, 0.224, 0.225]),
        color: Some(ColorOrder::Rgb),
        output: Some(OutputKind::Logits),
        labels: Some(ContractLabels::Known("imagenet-1k".into())),
        source: Some(known.map_or(name.into_owned(), |(_, source, _)| (*source).into())),
        weights_sha256: Some(sha256),
        trained: None,
    };
    let contract = serde_json::to_string(&contract)?;
    let network = ResNet50::new(variant);
    let weights = Folded::new(&network, weights.values())?;
    let model = to_onnx(
        &network,
        Batch::Dynamic,
        &contract,
        &weights,
        &Precision::Fp32,
    );

    if let Some(folder) = output.parent() {
        std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    super::write_whole(&output, &model.encode_to_vec())?;
    say!(
        "wrote {}: {}, resize {resize}",
        output.display(),
        variant.architecture()
    );
    if known.is_none() && args.resize.is_none() {
        say!(
            "These weights are not known here: if they were published with another resize than 256, say so with --resize."
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// PyTorch ends the names of its files with the first eight digits of their SHA-256.
fn check_name(file: &Path, sha256: &str) -> Result<(), String> {
    let stem = file
        .file_stem()
        .and_then(|s| s.to_str())
        .unwrap_or_default();
    let promised = stem.rsplit_once('-').map_or("", |(_, digits)| digits);
    let is_digest = promised.len() == 8 && promised.bytes().all(|b| b.is_ascii_hexdigit());
    if is_digest && !sha256.starts_with(&promised.to_ascii_lowercase()) {
        return Err(format!(
            "the file is damaged or not what its name says: its SHA-256 should begin with {promised}, and it is {sha256}. Get it again"
        ));
    }
    Ok(())
}
