// SPDX-License-Identifier: MPL-2.0
//! The command line of `gst-resnet50 model install`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use gstresnet50::inference::Sides;
use gstresnet50::preprocess::{Fit, Interpolation};

use crate::download::Limits;
use crate::model::build::VariantName;
use crate::model::data_config::DataConfig;
use crate::model::precision::PrecisionArgs;
use crate::model::source::Weights;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without --from, the weights come from https://download.pytorch.org/models, or from the mirror of \
it that $RESNET50_WEIGHTS_URL names. Proxies are those of $https_proxy, $all_proxy and $no_proxy. \
A download that was cut off goes on where it was when the same command is given again.")]
pub struct Args {
    /// The weights to download, 103 MB [default: torchvision-v2]
    #[arg(long, value_enum, conflicts_with = "from")]
    pub(super) weights: Option<Weights>,
    /// Other weights of a ResNet50, for 2 classes or more: a .pth, .ckpt or .safetensors file with
    /// torchvision's, timm's or Hugging Face's names, or its http or https URL. The config.json and
    /// preprocessor_config.json that timm and Hugging Face put beside it are read, too
    #[arg(long, value_name = "FILE|URL")]
    pub(super) from: Option<OsString>,
    /// File with the names of the classes, for the model to carry: a name a line, or a JSON or
    /// Python list or dict [default: what is beside the weights, else ImageNet-1k's for 1000]
    #[arg(long, value_name = "FILE")]
    pub(super) labels: Option<PathBuf>,
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
    pub(super) output: Option<PathBuf>,
    /// An argument without an option, which is a mistake: the error names the option that is missing
    #[arg(hide = true)]
    pub(super) stray: Vec<OsString>,
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
    pub(super) precision: PrecisionArgs,
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
    /// Puts what the options say in place of what the weights were published with.
    pub(super) fn apply(&self, config: &mut DataConfig) -> Result<(), String> {
        if let Some(crop) = self.crop {
            if self.resize.is_none() {
                // In proportion, as for 224.
                config.resize = match config.resize {
                    Sides::One(side) => Sides::One(in_proportion(side, crop, config.crop)),
                    Sides::Both(sides) => {
                        Sides::Both(sides.map(|side| in_proportion(side, crop, config.crop)))
                    }
                };
            }
            config.crop = crop;
        }
        if let Some(resize) = self.resize {
            if resize < config.crop {
                return Err(format!(
                    "--resize {resize} is less than the crop of {}: give {} or more, or a smaller --crop",
                    config.crop, config.crop
                ));
            }
            config.resize = resize.into();
            config.fit = Fit::Crop;
        }
        if let Some(interpolation) = self.interpolation {
            config.interpolation = interpolation.into();
        }
        config.antialias &= !self.no_antialias;
        if let Some(variant) = self.variant {
            config.variant = Some(variant.into());
        }
        Ok(())
    }

    /// The limits of a download.
    pub(super) fn limits(&self) -> Limits {
        Limits {
            idle: Duration::from_millis(self.idle_limit),
            pause: Duration::from_millis(self.pause),
            size: self.size_limit,
        }
    }

    /// Whether an option says how pictures are resized.
    pub(super) fn says_resize(&self) -> bool {
        self.resize.is_some() || self.interpolation.is_some()
    }
}

/// The side for a crop of `crop` pixels, where it was `side` for one of `from` pixels.
fn in_proportion(side: u32, crop: u32, from: u32) -> u32 {
    (u64::from(side) * u64::from(crop) / u64::from(from.max(1))).clamp(1, 8192) as u32
}
