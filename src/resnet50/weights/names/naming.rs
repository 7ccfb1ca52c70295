// SPDX-License-Identifier: MPL-2.0
//! The names that programs give to ResNet50's parameters.

use crate::resnet50::weights::StateDict;

/// The naming scheme of the tensors of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Naming {
    /// torchvision's `resnet50`, and timm's, which has the same names: `layer1.0.conv1.weight`.
    Torchvision,
    /// `ResNetForImageClassification` of Hugging Face's transformers, as in `microsoft/resnet-50`:
    /// `resnet.encoder.stages.0.layers.0.layer.0.convolution.weight`.
    Transformers,
    /// torchvision's network taken apart, `nn.Sequential(*list(resnet.children())[:-1])`: its
    /// layers go by their numbers, `4.0.conv1.weight`.
    Children,
}

impl Naming {
    pub(super) const ALL: [Self; 3] = [Self::Torchvision, Self::Transformers, Self::Children];

    /// The scheme of a file: that of transformers if a name starts with `resnet.`, else torchvision's.
    pub fn of(dict: &StateDict) -> Self {
        match dict.iter().any(|(name, _)| name.starts_with("resnet.")) {
            true => Self::Transformers,
            false => Self::Torchvision,
        }
    }

    /// A parameter's name, from torchvision's.
    pub fn name(self, torchvision: &str) -> String {
        match self {
            Self::Torchvision => torchvision.into(),
            Self::Transformers => {
                transformers(torchvision).unwrap_or_else(|| torchvision.to_owned())
            }
            Self::Children => children(torchvision).unwrap_or_else(|| torchvision.to_owned()),
        }
    }

    /// The prefix of the names of all layers except the last one.
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Self::Torchvision | Self::Children => "",
            Self::Transformers => "resnet.",
        }
    }

    /// The name of a parameter without [`Self::prefix`], for all layers except the last one.
    pub(super) fn inner_name(self, torchvision: &str) -> String {
        let name = self.name(torchvision);
        match name.strip_prefix(self.prefix()) {
            Some(inner) => inner.to_owned(),
            None => name,
        }
    }
}

/// transformers' name: a stage and a convolution count from 0, and a convolution has its batch
/// norm next to it.
fn transformers(torchvision: &str) -> Option<String> {
    let (path, value) = torchvision.rsplit_once('.')?;
    let kind = |layer: &str| match layer.starts_with("conv") {
        true => "convolution",
        false => "normalization",
    };
    let parts: Vec<_> = path.split('.').collect();
    Some(match parts[..] {
        ["fc"] => format!("classifier.1.{value}"),
        [layer] => format!("resnet.embedder.embedder.{}.{value}", kind(layer)),
        [stage, block, ref layer @ ..] => {
            let stage = stage.strip_prefix("layer")?;
            let stage = stage.parse::<usize>().ok()?.checked_sub(1)?;
            let layer = match layer {
                ["downsample", "0"] => "shortcut.convolution".into(),
                ["downsample", _] => "shortcut.normalization".into(),
                [layer] => {
                    let number = layer.trim_start_matches(char::is_alphabetic);
                    let number = number.parse::<usize>().ok()?.checked_sub(1)?;
                    format!("layer.{number}.{}", kind(layer))
                }
                _ => return None,
            };
            format!("resnet.encoder.stages.{stage}.layers.{block}.{layer}.{value}")
        }
        [] => return None,
    })
}

/// The name within the list of torchvision's children: `conv1`, `bn1`, the ReLU and the pool, then
/// the four layers.
fn children(torchvision: &str) -> Option<String> {
    let (layer, rest) = torchvision.split_once('.')?;
    let number = match layer {
        "conv1" => 0,
        "bn1" => 1,
        "layer1" => 4,
        "layer2" => 5,
        "layer3" => 6,
        "layer4" => 7,
        _ => return None,
    };
    Some(format!("{number}.{rest}"))
}
