// SPDX-License-Identifier: MPL-2.0
//! `gst-resnet50 model install`: published weights become the ONNX file that the element finds.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use clap::ValueEnum as _;
use gstresnet50::inference::{Contract, ContractLabels, OutputKind, Sides};
use gstresnet50::postprocess::Labels;
use gstresnet50::preprocess::{ColorOrder, Fit, Interpolation};
use gstresnet50::resnet50::weights::{self, ResNet50Weights};
use gstresnet50::resnet50::{Batch, FusedWeights, ResNet50, Variant};
use gstresnet50::{files, onnx, paths, text};
use indicatif::DecimalBytes;
use prost::Message as _;

use super::build::VariantName;
use super::download::{self, DownloadError, Limits, Lock, Url};
use super::precision::{Name, Network, PrecisionArgs};
use super::published::{Beside, MAX_FILE, Published};
use super::sha256_hex;
use super::source::{Source, Weights, is_hub_name, promised_digits};
use crate::output::{self, Output};

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
    /// Other weights of a ResNet50, for 2 classes or more: a .pth, .ckpt or .safetensors file with
    /// torchvision's, timm's or Hugging Face's names, or its http or https URL. The config.json and
    /// preprocessor_config.json that timm and Hugging Face put beside it are regarded
    #[arg(long, value_name = "FILE|URL")]
    from: Option<OsString>,
    /// File with the names of the classes, for the model to carry: a name a line, or a JSON or
    /// Python list or dict [default: what is beside the weights, else ImageNet-1k's for 1000]
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Length in pixels of the shorter side before the crop [default: what the weights were
    /// published with, else 256]
    #[arg(long, value_parser = clap::value_parser!(u32).range(32..=8192))]
    resize: Option<u32>,
    /// Length in pixels of both sides after it [default: what the weights were published with,
    /// else 224]
    #[arg(long, value_parser = clap::value_parser!(u32).range(32..=2048))]
    crop: Option<u32>,
    /// How pictures are resized [default: what the weights were published with, else bilinear]
    #[arg(long, value_enum)]
    interpolation: Option<InterpolationName>,
    /// Resize without antialiasing, as PyTorch does with antialias=False and OpenCV always
    #[arg(long)]
    no_antialias: bool,
    /// Where the network has its stride, which the weights do not tell: in the 3x3 (v1.5) or the
    /// 1x1 (v1) [default: what is beside the weights, else v1.5]
    #[arg(long, value_enum)]
    variant: Option<VariantName>,
    /// The ONNX file to write, - is standard output [default: where the element looks]
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum InterpolationName {
    Nearest,
    Bilinear,
    Bicubic,
}

impl From<InterpolationName> for Interpolation {
    fn from(name: InterpolationName) -> Self {
        match name {
            InterpolationName::Nearest => Self::Nearest,
            InterpolationName::Bilinear => Self::Bilinear,
            InterpolationName::Bicubic => Self::Bicubic,
        }
    }
}

impl Args {
    /// Takes over what the options say.
    fn apply(&self, published: &mut Published) -> Result<(), String> {
        if let Some(crop) = self.crop {
            if self.resize.is_none() {
                // In proportion, as for 224.
                published.resize = match published.resize {
                    Sides::One(side) => Sides::One(in_proportion(side, crop, published.crop)),
                    Sides::Both(sides) => {
                        Sides::Both(sides.map(|side| in_proportion(side, crop, published.crop)))
                    }
                };
            }
            published.crop = crop;
        }
        if let Some(resize) = self.resize {
            if resize < published.crop {
                return Err(format!(
                    "--resize {resize} is less than the crop of {}: give {} or more, or a smaller --crop",
                    published.crop, published.crop
                ));
            }
            published.resize = resize.into();
            published.fit = Fit::Crop;
        }
        if let Some(interpolation) = self.interpolation {
            published.interpolation = interpolation.into();
        }
        published.antialias &= !self.no_antialias;
        if let Some(variant) = self.variant {
            published.variant = Some(variant.into());
        }
        Ok(())
    }

    /// Whether an option says how pictures are resized.
    fn says_resize(&self) -> bool {
        self.resize.is_some() || self.interpolation.is_some()
    }
}

/// `side` for another crop than `from`.
fn in_proportion(side: u32, crop: u32, from: u32) -> u32 {
    (u64::from(side) * u64::from(crop) / u64::from(from.max(1))).clamp(1, 8192) as u32
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
    let source = Source::new(args.from.as_deref(), args.weights)?;
    let name = source.file_name();
    args.precision.check()?;
    let output = Output::new(&output)?;
    output.check_binary()?;
    let weights = match &source {
        Source::File(path) => Beside::files(path),
        Source::Url(_) => Vec::new(),
    };
    let inputs = args.precision.calibration.files().chain(weights);
    output::check(&[&output], inputs.chain(args.labels.clone()))?;
    match &source {
        Source::File(path) => {
            let about =
                |e: &dyn std::fmt::Display| format!("{}: {e}", paths::quoted_with_folder(path));
            let file = files::read(path, weights::MAX_FILE).map_err(|e| about(&e))?;
            let installable = convert(file.into(), &name, &Beside::of_file(path), args)
                .map_err(|e| format!("{}{}", about(&e), onnx_hint(path)))?;
            write(&output, &installable, args)?;
        }
        Source::Url(url) => {
            let limits = Limits {
                idle: Duration::from_millis(args.idle_limit),
                pause: Duration::from_millis(args.pause),
                size: args.size_limit,
            };
            install_from(url, &name, args, &output, &limits)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Installs what is at a URL, unless it is installed.
fn install_from(
    url: &Url,
    name: &str,
    args: &Args,
    output: &Output,
    limits: &Limits,
) -> crate::Result<()> {
    if is_installed(output, name, args) {
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
    if is_installed(output, name, args) {
        return Ok(());
    }

    // Small and first: what they say is of no use without, and not fetched after, the weights.
    let beside = match is_hub_name(name) {
        true => Beside::read(|file| match url.beside(file) {
            Some(url) => download::small(&url, MAX_FILE, limits).map_err(|e| e.to_string()),
            None => Ok(None),
        }),
        false => Beside::default(),
    };
    let part = download::fetch(url, &downloads, limits).map_err(|e| advise(&e))?;
    let file = Bytes::from(files::read(part.file(), weights::MAX_FILE)?);
    let is_page = file.trim_ascii_start().starts_with(b"<");
    let installable = convert(file, name, &beside, args).map_err(|e| {
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
    write(output, &installable, args)?;
    part.discard();
    Ok(())
}

/// Says so if `output` is already what the weights of this file name would become.
fn is_installed(output: &Output, name: &str, args: &Args) -> bool {
    let Some(digits) = promised_digits(name).map(str::to_ascii_lowercase) else {
        return false;
    };
    let Some(file) = output.file() else {
        return false;
    };
    let mut expected = Published::by_name(&digits, name, None, None);
    // Names are compared by nobody.
    if args.labels.is_some() || args.apply(&mut expected).is_err() {
        return false;
    }
    let variant = expected.variant.unwrap_or(DEFAULT_VARIANT);
    // A file that cannot be read, or is no model, is to be replaced.
    let is = onnx::Model::read(file).is_ok_and(|model| {
        let contract = contract_of(&model);
        let sha256 = contract.weights_sha256.unwrap_or_default();
        contract.resize == Some(expected.resize)
            && contract.crop == Some(expected.crop.into())
            && contract.interpolation.unwrap_or_default() == expected.interpolation
            && contract.antialias.unwrap_or(true) == expected.antialias
            && contract.architecture.as_deref() == Some(variant.architecture())
            && sha256.starts_with(&digits)
            && args.precision.made(&model)
    });
    if is {
        say!(
            "already installed: {} has the weights of {name} in {}, resize {}",
            file.display(),
            args.precision.precision,
            expected.resize
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

/// Weights do not tell; the published ones are of this.
const DEFAULT_VARIANT: Variant = Variant::V1_5;

/// A network to install, and what the user is to be told of it.
struct Installable {
    network: Network,
    published: Published,
    notes: Vec<String>,
}

/// The network of a file of weights that is called `name`.
fn convert(file: Bytes, name: &str, beside: &Beside, args: &Args) -> crate::Result<Installable> {
    let sha256 = sha256_hex(&file);
    check_name(name, &sha256)?;
    let dict = weights::parse(file)?;
    let weights = ResNet50Weights::from_state_dict(&dict)?;
    let classes = weights.classes();

    let mut published = Published::find(beside, &sha256, name, weights.naming(), classes)?;
    args.apply(&mut published)?;
    let labels = match (&args.labels, published.labels.take()) {
        (Some(file), _) => {
            let names = Labels::read(file, classes)?;
            let names = names.names().iter().map(|name| name.to_string());
            Some(ContractLabels::Names(names.collect()))
        }
        (None, Some(names)) => Some(ContractLabels::Names(names)),
        (None, None) if matches!(classes, 1000 | 1001) => {
            Some(ContractLabels::Known("imagenet-1k".into()))
        }
        (None, None) => None,
    };

    let mut notes = std::mem::take(&mut published.notes);
    if let Some(entry) = dict.entry().filter(|_| !dict.other_entries().is_empty()) {
        notes.push(format!(
            "The weights are those of “{entry}”; the file also has {}.",
            quoted(dict.other_entries())
        ));
    }
    if !weights.others().is_empty() {
        notes.push(format!(
            "The weights are those whose names begin with “{}”; the file also has {}.",
            text::name(weights.prefix()),
            quoted(weights.others())
        ));
    }
    if !weights.ignored().is_empty() {
        notes.push(format!(
            "Left aside, for only training needs it: {}.",
            text::list(weights.ignored().iter(), 5)
        ));
    }
    if labels.is_none() {
        notes.push(format!(
            "Its {classes} classes have no names, and go by their numbers: give --labels FILE."
        ));
    }

    let variant = published.variant.unwrap_or(DEFAULT_VARIANT);
    let source = Weights::known(&sha256).map_or(name, |weights| weights.name());
    let contract = Contract {
        architecture: Some(variant.architecture().into()),
        resize: Some(published.resize),
        crop: Some(published.crop.into()),
        fit: Some(published.fit),
        interpolation: Some(published.interpolation),
        antialias: (!published.antialias).then_some(false),
        mean: Some(published.mean),
        std: Some(published.std),
        color: Some(ColorOrder::Rgb),
        output: Some(OutputKind::Logits),
        labels,
        source: Some(source.into()),
        weights_sha256: Some(sha256),
        ..Contract::default()
    };
    let contract = serde_json::to_string(&contract)?;
    // What came from files beside the weights may be anything.
    Contract::from_json(&contract).map_err(|e| format!("{}: {e}", published.from))?;
    let architecture = ResNet50::new(variant)
        .with_classes(classes)
        .with_side(published.crop as usize);
    Ok(Installable {
        network: Network {
            weights: FusedWeights::new(&architecture, weights.values())?,
            contract,
            architecture,
        },
        published,
        notes,
    })
}

/// Names from a file, for a message.
fn quoted(names: &[String]) -> String {
    text::list(
        names.iter().map(|name| format!("“{}”", text::name(name))),
        5,
    )
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
fn write(output: &Output, installable: &Installable, args: &Args) -> crate::Result<()> {
    let Installable {
        network,
        published,
        notes,
    } = installable;
    let model = network.model(Batch::Dynamic, &args.precision)?;
    if let Some(folder) = output.file().and_then(Path::parent) {
        std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    output.write(&model.encode_to_vec())?;
    say!(
        "wrote {}: {} in {}, {} classes, resize {}",
        output.named().display(),
        network.architecture.variant.architecture(),
        args.precision.precision,
        network.architecture.classifier.outputs,
        published.resize
    );
    let antialias = match published.antialias {
        true => "",
        false => " without antialiasing",
    };
    let fit = match published.fit {
        Fit::Crop => format!("resize {}, crop {}", published.resize, published.crop),
        Fit::Stretch => format!("stretched to {}", published.crop),
        Fit::Letterbox => format!("fitted into {}", published.crop),
    };
    say!(
        "pictures: {fit}, {}{antialias}, mean {:?}, std {:?}; as {}",
        published.interpolation,
        published.mean,
        published.std,
        published.from
    );
    for note in notes {
        say!("{note}");
    }
    if args.precision.precision == Name::Int8 {
        args.precision.calibration.advise();
    }
    if published.is_guess && !args.says_resize() {
        say!(
            "These weights are not known here: if they were published with another resize than 256, say so with --resize; those of timm are, and with another --interpolation."
        );
    }
    Ok(())
}
