// SPDX-License-Identifier: MPL-2.0
//! Where published weights are.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::download::Url;

/// The folder of torchvision's files.
const TORCHVISION_URL: &str = "https://download.pytorch.org/models";

/// Names another folder with the same files.
const MIRROR: &str = "RESNET50_WEIGHTS_URL";

/// Weights that this program knows where to get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Weights {
    /// ResNet50_Weights.IMAGENET1K_V1: top-1 76.13 %, resize 256
    TorchvisionV1,
    /// ResNet50_Weights.IMAGENET1K_V2: top-1 80.86 %, resize 232
    TorchvisionV2,
}

impl Weights {
    /// The weights whose file has a SHA-256 that begins with these digits, at least eight.
    pub fn known(sha256: &str) -> Option<Self> {
        [Self::TorchvisionV1, Self::TorchvisionV2]
            .into_iter()
            .find(|weights| {
                promised_digits(weights.file_name()).is_some_and(|d| sha256.starts_with(d))
            })
    }

    /// Their file at torchvision's.
    fn file_name(self) -> &'static str {
        match self {
            Self::TorchvisionV1 => "resnet50-0676ba61.pth",
            Self::TorchvisionV2 => "resnet50-11ad3fa6.pth",
        }
    }

    /// torchvision's name for them.
    pub fn name(self) -> &'static str {
        match self {
            Self::TorchvisionV1 => "torchvision ResNet50_Weights.IMAGENET1K_V1",
            Self::TorchvisionV2 => "torchvision ResNet50_Weights.IMAGENET1K_V2",
        }
    }

    /// Length in pixels of the shorter side before the crop, as in torchvision's preset.
    pub fn resize(self) -> u32 {
        match self {
            Self::TorchvisionV1 => 256,
            Self::TorchvisionV2 => 232,
        }
    }

    /// Where the file is: at torchvision's, or at the mirror that the environment names.
    fn url(self) -> Result<Url, String> {
        let mirror = std::env::var(MIRROR).ok().filter(|url| !url.is_empty());
        let folder = mirror.as_deref().unwrap_or(TORCHVISION_URL);
        let url = format!("{}/{}", folder.trim_end_matches('/'), self.file_name());
        url.parse().map_err(|e| match mirror {
            Some(_) => format!("${MIRROR}: {e}"),
            None => e,
        })
    }
}

/// Where a file of weights is to be taken from.
#[derive(Debug)]
pub enum Source {
    File(PathBuf),
    Url(Url),
}

impl Source {
    /// What the options name: a file or URL, or weights that are known.
    pub fn new(from: Option<&OsStr>, weights: Option<Weights>) -> Result<Self, String> {
        match from {
            Some(from) => Self::named(from),
            None => weights
                .unwrap_or(Weights::TorchvisionV2)
                .url()
                .map(Self::Url),
        }
    }

    fn named(from: &OsStr) -> Result<Self, String> {
        let Some((text, (scheme, rest))) = from
            .to_str()
            .and_then(|text| Some((text, text.split_once("://")?)))
            .filter(|_| !Path::new(from).exists())
        else {
            return Ok(Self::File(from.into()));
        };
        match scheme.to_ascii_lowercase().as_str() {
            scheme @ ("http" | "https") => format!("{scheme}://{rest}").parse().map(Self::Url),
            "file" => glib::filename_from_uri(text)
                .map(|(path, _)| Self::File(path))
                .map_err(|e| format!("“{text}”: {e}")),
            _ => Err(format!(
                "“{text}” cannot be fetched, for {scheme}:// is not supported: give a file, or an http:// or https:// URL"
            )),
        }
    }

    /// The file's name, without its folders.
    pub fn file_name(&self) -> String {
        match self {
            Self::File(path) => path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            Self::Url(url) => url.file_name().to_owned(),
        }
    }
}

/// PyTorch ends the names of its files with the first eight digits of their SHA-256.
pub fn promised_digits(file_name: &str) -> Option<&str> {
    let (_, digits) = Path::new(file_name)
        .file_stem()?
        .to_str()?
        .rsplit_once('-')?;
    (digits.len() == 8 && digits.bytes().all(|b| b.is_ascii_hexdigit())).then_some(digits)
}

/// Whether weights of a ResNet50 with torchvision's names are probably timm's: files on Hugging
/// Face's hub go by these names, and those of timm's releases by those of its recipes
/// (`resnet50_a1_0-14fe96d1.pth`).
pub fn is_timm_name(file_name: &str) -> bool {
    const RECIPES: [&str; 8] = ["a1", "a2", "a3", "b1k", "b2k", "c1", "c2", "d"];
    if is_hub_name(file_name) {
        return true;
    }
    let recipe = file_name
        .strip_prefix("resnet50_")
        .and_then(|rest| rest.split(['_', '-']).next());
    promised_digits(file_name).is_some() && recipe.is_some_and(|r| RECIPES.contains(&r))
}

/// Whether files on Hugging Face's hub are called so.
pub fn is_hub_name(file_name: &str) -> bool {
    matches!(file_name, "model.safetensors" | "pytorch_model.bin")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promises() {
        assert_eq!(promised_digits("resnet50-11ad3fa6.pth"), Some("11ad3fa6"));
        assert_eq!(promised_digits("resnet50-11AD3FA6.pth"), Some("11AD3FA6"));
        assert_eq!(promised_digits("resnet-50-imagenet.pth"), None);
        assert_eq!(promised_digits("resnet50-11ad3fa6b.pth"), None);
        assert_eq!(promised_digits("model.safetensors"), None);
    }

    #[test]
    fn names_of_timm() {
        for name in [
            "model.safetensors",
            "pytorch_model.bin",
            "resnet50_a1_0-14fe96d1.pth",
        ] {
            assert!(is_timm_name(name), "{name}");
        }
        for name in [
            "resnet50-11ad3fa6.pth",
            "resnet50_mine.pth",
            "resnet50_cats-11ad3fa6.pth",
        ] {
            assert!(!is_timm_name(name), "{name}");
        }
    }

    /// A file by its path or its URI, a URL however its scheme is written, and nothing else.
    #[test]
    fn sources() {
        let named = |text: &str| Source::new(Some(OsStr::new(text)), None);
        for text in ["/a b/c.pth", "file:///a%20b/c.pth"] {
            match named(text) {
                Ok(Source::File(path)) => assert_eq!(path, Path::new("/a b/c.pth")),
                other => panic!("{text}: {other:?}"),
            }
        }
        for text in ["https://a.org/c.pth", "HTTPS://a.org/c.pth"] {
            match named(text) {
                Ok(Source::Url(url)) => assert_eq!(url.to_string(), "https://a.org/c.pth"),
                other => panic!("{text}: {other:?}"),
            }
        }
        for text in ["ftp://a.org/c.pth", "s3://bucket/c.pth"] {
            let error = named(text).expect_err(text);
            assert!(error.contains("is not supported"), "{error}");
        }
    }
}
