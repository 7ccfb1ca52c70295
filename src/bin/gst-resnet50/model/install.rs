// SPDX-License-Identifier: MPL-2.0
//! `gst-resnet50 model install`: published weights become the ONNX file that the element finds.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use clap::ValueEnum as _;
use gstresnet50::inference::{Contract, ContractLabels, OutputKind};
use gstresnet50::preprocess::{ColorOrder, Fit};
use gstresnet50::resnet50::weights::{self, ResNet50Weights};
use gstresnet50::resnet50::{Batch, Folded, ResNet50, Variant};
use gstresnet50::{onnx, paths};
use indicatif::DecimalBytes;
use prost::Message as _;

use super::download::{self, DownloadError, Limits, Lock, Url};
use super::precision::{Name, Network, PrecisionArgs};
use super::sha256_hex;
use super::source::{Source, Weights, promised_digits};

/// The size of the ONNX file in bytes, for messages.
const MODEL_SIZE: u64 = 102_500_000;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without --from, the weights come from https://download.pytorch.org/models, or from the mirror of \
it that $RESNET50_WEIGHTS_URL names. Proxies are those of $https_proxy, $all_proxy and $no_proxy. \
A download that was cut off goes on where it was when the same command is given again.")]
pub struct Args {
    /// The weights to download, 103 MB [default: torchvision-v2]
    #[arg(long, value_enum, conflicts_with = "from")]
    weights: Option<Weights>,
    /// Other weights of ResNet50 v1.5: a .pth or .safetensors file with torchvision's, timm's or
    /// Hugging Face's names, or its http or https URL
    #[arg(long, value_name = "FILE|URL")]
    from: Option<OsString>,
    /// Length in pixels of the shorter side before the crop [default: what the weights were
    /// published with, else 256]
    #[arg(long, value_parser = clap::value_parser!(u32).range(224..=8192))]
    resize: Option<u32>,
    /// The ONNX file to write [default: where the element looks]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// What stands there without an option: a mistake, which is answered with the option that is
    /// missing
    #[arg(hide = true)]
    stray: Vec<OsString>,
    /// The longest wait for a byte of a download, in milliseconds
    #[arg(long, hide = true, default_value_t = 30_000)]
    idle_limit: u64,
    /// The wait before a connection that broke is made again, in milliseconds
    #[arg(long, hide = true, default_value_t = 1000)]
    pause: u64,
    /// The largest download, in bytes
    #[arg(long, hide = true, default_value_t = 1 << 30)]
    size_limit: u64,
    // The last, for its heading holds for all that follows.
    #[command(flatten)]
    precision: PrecisionArgs,
}

/// What is made of the weights.
#[derive(Debug, Clone, Copy)]
struct Options<'a> {
    /// Length in pixels of the shorter side before the crop.
    resize: Option<u32>,
    precision: &'a PrecisionArgs,
}

impl Options<'_> {
    /// The resize for weights whose SHA-256 begins with `sha256`.
    fn resize(self, sha256: &str) -> u32 {
        let published = || Weights::known(sha256).map_or(256, Weights::resize);
        self.resize.unwrap_or_else(published)
    }
}

pub fn run(args: &Args) -> crate::Result<ExitCode> {
    if let Some(stray) = args.stray.first() {
        return Err(no_option(stray).into());
    }
    let output = match &args.output {
        Some(file) => file.clone(),
        None => paths::installed_model()
            .ok_or("there is no home folder to install into: give --output FILE")?,
    };
    let options = Options {
        resize: args.resize,
        precision: &args.precision,
    };
    let source = Source::new(args.from.as_deref(), args.weights)?;
    let name = source.file_name();
    args.precision.check()?;
    super::check_output(&output, args.precision.calibration.files())?;
    match &source {
        Source::File(path) => {
            super::check_output(&output, [path.clone()])?;
            let about = |e: &dyn std::fmt::Display| format!("“{}”: {e}", path.display());
            let file = std::fs::read(path).map_err(|e| about(&e))?;
            let network = convert(file.into(), &name, options)
                .map_err(|e| format!("{}{}", about(&e), onnx_hint(path)))?;
            write(&output, &network, options)?;
        }
        Source::Url(url) => {
            let limits = Limits {
                idle: Duration::from_millis(args.idle_limit),
                pause: Duration::from_millis(args.pause),
                size: args.size_limit,
            };
            install_from(url, &name, options, &output, &limits)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Installs what is at a URL, unless it is installed.
fn install_from(
    url: &Url,
    name: &str,
    options: Options<'_>,
    output: &Path,
    limits: &Limits,
) -> crate::Result<()> {
    if is_installed(output, name, options) {
        return Ok(());
    }
    let downloads = paths::data_dir()
        .ok_or("there is no home folder to download into: set XDG_DATA_HOME to a folder")?
        .join("downloads");
    let _lock = Lock::take(&downloads, || {
        complain!("another install is under way; waiting")
    })
    .map_err(|e| advise(&e))?;
    // The one that was under way may have installed the same.
    if is_installed(output, name, options) {
        return Ok(());
    }

    let part = download::fetch(url, &downloads, limits).map_err(|e| advise(&e))?;
    let file = Bytes::from(std::fs::read(part.file())?);
    let is_page = file.trim_ascii_start().starts_with(b"<");
    let network = convert(file, name, options).map_err(|e| {
        part.discard();
        let page = match is_page {
            true => " It is a web page, such as a network shows before one has logged in.",
            false => "",
        };
        format!(
            "what came from {url} cannot be used, and was removed: {e}.{page} The same command \
             downloads it anew; if that does not help, fetch it with another program and give it \
             with --from FILE"
        )
    })?;
    // If this fails, the download stays: the next call needs no more than to calibrate and write.
    write(output, &network, options)?;
    part.discard();
    Ok(())
}

/// Says so if `output` is already what the weights of this file name would become.
fn is_installed(output: &Path, name: &str, options: Options<'_>) -> bool {
    let Some(digits) = promised_digits(name).map(str::to_ascii_lowercase) else {
        return false;
    };
    let resize = options.resize(&digits);
    // A file that cannot be read, or is no model, is to be replaced.
    let is = onnx::Model::read(output).is_ok_and(|model| {
        let contract = contract_of(&model);
        let sha256 = contract.weights_sha256.unwrap_or_default();
        contract.resize == Some(resize.into())
            && sha256.starts_with(&digits)
            && options.precision.made(&model)
    });
    if is {
        say!(
            "already installed: {} has the weights of {name} in {}, resize {resize}",
            output.display(),
            options.precision.precision
        );
    }
    is
}

/// What can be done about a download that failed.
fn advise(error: &DownloadError) -> String {
    let elsewhere = "fetch it with another program, or on a machine that has network, and install \
                     the file with “gst-resnet50 model install --from FILE”";
    let advice = match error {
        DownloadError::Unreachable { .. } => {
            format!("Check the network, and $https_proxy if there is a proxy; or {elsewhere}")
        }
        DownloadError::Status { .. } => format!("Check the URL in a browser; or {elsewhere}"),
        DownloadError::Interrupted { .. } => {
            format!("The same command goes on from there, if the server can; or {elsewhere}")
        }
        DownloadError::TooLarge { .. } => "These are no weights of ResNet50".into(),
        DownloadError::Full { missing, .. } => {
            let missing = missing.map_or("the rest".into(), |m| DecimalBytes(m).to_string());
            format!(
                "{missing} of the download and {} of the model are still to be written. Free as \
                 much, or set XDG_DATA_HOME to a folder on another disk; what has arrived is kept, \
                 and the same command goes on from there",
                DecimalBytes(MODEL_SIZE)
            )
        }
        DownloadError::Io { .. } => {
            "Check its permissions, or set XDG_DATA_HOME to another folder".into()
        }
    };
    format!("{error}. {advice}")
}

/// The network of a file of weights that is called `name`.
fn convert(file: Bytes, name: &str, options: Options<'_>) -> crate::Result<Network> {
    let sha256 = sha256_hex(&file);
    check_name(name, &sha256)?;
    let dict = weights::parse(file)?;
    let weights = ResNet50Weights::from_state_dict(&dict)?;

    let known = Weights::known(&sha256);
    let variant = Variant::V1_5;
    let contract = Contract {
        architecture: Some(variant.architecture().into()),
        resize: Some(options.resize(&sha256).into()),
        crop: Some(224.into()),
        fit: Some(Fit::Crop),
        mean: Some([0.485, 0.456, 0.406]),
        std: Some([0.229, 0.224, 0.225]),
        color: Some(ColorOrder::Rgb),
        output: Some(OutputKind::Logits),
        labels: Some(ContractLabels::Known("imagenet-1k".into())),
        source: Some(known.map_or(name, |weights| weights.name()).into()),
        weights_sha256: Some(sha256),
        ..Contract::default()
    };
    let architecture = ResNet50::new(variant);
    Ok(Network {
        weights: Folded::new(&architecture, weights.values())?,
        contract: serde_json::to_string(&contract)?,
        architecture,
    })
}

/// What to do with an argument that says not what it is.
fn no_option(stray: &OsStr) -> String {
    let text = stray.to_string_lossy();
    let is_weights = Weights::from_str(&text, true).is_ok();
    let option = if is_weights { "--weights" } else { "--from" };
    let hint = onnx_hint(stray.as_ref());
    if !hint.is_empty() {
        return format!("“{text}” is no file of weights{hint}");
    }
    format!(
        "“{text}” stands there without an option; what you mean is probably: \
         gst-resnet50 model install {option} {text}"
    )
}

/// What to do with an ONNX file, where weights are wanted.
fn onnx_hint(file: &Path) -> &'static str {
    match file.extension().and_then(|e| e.to_str()) {
        Some("onnx") => {
            ". An ONNX file needs no installing: name it with the element's property “model” or $RESNET50_MODEL"
        }
        _ => "",
    }
}

/// A model's contract, empty if it has none.
fn contract_of(model: &onnx::Model) -> Contract {
    let contract = model.metadata(onnx::CONTRACT_KEY);
    contract
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}

/// Refuses a file that is not what its name promises.
fn check_name(name: &str, sha256: &str) -> Result<(), String> {
    match promised_digits(name) {
        Some(digits) if !sha256.starts_with(&digits.to_ascii_lowercase()) => Err(format!(
            "the file is damaged or not what its name says: its SHA-256 should begin with {digits}, and it is {sha256}. Get it again"
        )),
        _ => Ok(()),
    }
}

/// Writes the model and says what it is.
fn write(output: &Path, network: &Network, options: Options<'_>) -> crate::Result<()> {
    let model = network.model(Batch::Dynamic, options.precision)?;
    if let Some(folder) = output.parent() {
        std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    super::write_whole(output, &model.encode_to_vec())?;
    let contract = contract_of(&model);
    say!(
        "wrote {}: {} in {}, resize {}",
        output.display(),
        contract.architecture.unwrap_or_default(),
        options.precision.precision,
        contract.resize.map_or(String::new(), |r| r.to_string())
    );
    if options.precision.precision == Name::Int8 {
        options.precision.calibration.advise();
    }
    let is_known = Weights::known(&contract.weights_sha256.unwrap_or_default()).is_some();
    if !is_known && options.resize.is_none() {
        say!(
            "These weights are not known here: if they were published with another resize than 256, say so with --resize."
        );
    }
    Ok(())
}
