// SPDX-License-Identifier: MPL-2.0
//! ResNet50's parameters under the names that programs give them.

use std::collections::{HashMap, HashSet};

use super::error::{Mismatch, WeightsError, shown};
use super::{StateDict, Tensor};
use crate::resnet50::{Parameter, ResNet50, Variant};

/// Who named the tensors of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Naming {
    /// torchvision's `resnet50`, and timm's, which has the same names: `layer1.0.conv1.weight`.
    Torchvision,
    /// `ResNetForImageClassification` of Hugging Face's transformers, as in `microsoft/resnet-50`:
    /// `resnet.encoder.stages.0.layers.0.layer.0.convolution.weight`.
    Transformers,
}

impl Naming {
    /// Whose names these are: transformers' if one starts like them, else torchvision's.
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

/// The tensors of a file that has all of ResNet50's parameters, and nothing else.
///
/// The weights do not tell v1 from v1.5, for the variants have the same shapes. The published ones
/// are all v1.5's: torchvision's and timm's `resnet50` have stride 2 in the 3x3 convolution, and so
/// has `ResNetBottleNeckLayer` of transformers unless `downsample_in_bottleneck` is set in a
/// model's configuration, which came later than `microsoft/resnet-50` and defaults to false; its
/// documentation (`docs/source/en/model_doc/resnet.md`) calls that "ResNet v1.5".
#[derive(Debug, Clone)]
pub struct ResNet50Weights {
    /// By torchvision's names.
    tensors: HashMap<String, Tensor>,
    naming: Naming,
}

impl ResNet50Weights {
    /// Finds each parameter of [`ResNet50::parameters`]. Passed over are `num_batches_tracked`,
    /// counters of batch norms that matter only for training.
    ///
    /// # Errors
    /// [`WeightsError::Mismatch`] with every parameter that is missing or of another shape, and
    /// every tensor too much.
    pub fn from_state_dict(dict: &StateDict) -> Result<Self, WeightsError> {
        let naming = Naming::of(dict);
        let mut mismatch = Mismatch::default();
        let mut tensors = HashMap::new();
        let mut known = HashSet::new();
        for parameter in ResNet50::new(Variant::V1_5).parameters() {
            let name = naming.name(&parameter.name);
            match dict.get(&name) {
                None => mismatch.missing.push(name.clone()),
                Some(tensor) if tensor.shape() != parameter.shape => mismatch.wrong.push(format!(
                    "{name} (shape {:?}, expected {:?})",
                    tensor.shape(),
                    parameter.shape
                )),
                Some(tensor) if !tensor.dtype().is_float() => mismatch.wrong.push(format!(
                    "{name} ({}, expected floating-point numbers)",
                    tensor.dtype()
                )),
                Some(tensor) => {
                    tensors.insert(parameter.name, tensor.clone());
                }
            }
            known.insert(name);
        }
        mismatch.surplus = dict
            .iter()
            .map(|(name, _)| name)
            .filter(|name| !known.contains(*name) && !name.ends_with(".num_batches_tracked"))
            .map(shown)
            .collect();
        if mismatch.is_empty() {
            Ok(Self { tensors, naming })
        } else {
            Err(WeightsError::Mismatch(mismatch))
        }
    }

    /// Whose names the file has.
    pub fn naming(&self) -> Naming {
        self.naming
    }

    /// What [`Folded::new`](crate::resnet50::Folded::new) takes: the values of a parameter, row by row.
    /// Empty for one that ResNet50 does not have.
    pub fn values(&self) -> impl Fn(&Parameter) -> Vec<f32> + '_ {
        |parameter| {
            let tensor = self.tensors.get(&parameter.name);
            tensor.and_then(Tensor::to_f32).unwrap_or_default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names from `microsoft/resnet-50`, one for each kind.
    #[test]
    fn names_of_transformers() {
        for (torchvision, expected) in [
            (
                "conv1.weight",
                "resnet.embedder.embedder.convolution.weight",
            ),
            (
                "bn1.running_var",
                "resnet.embedder.embedder.normalization.running_var",
            ),
            (
                "layer1.0.conv1.weight",
                "resnet.encoder.stages.0.layers.0.layer.0.convolution.weight",
            ),
            (
                "layer3.5.bn3.bias",
                "resnet.encoder.stages.2.layers.5.layer.2.normalization.bias",
            ),
            (
                "layer4.0.downsample.0.weight",
                "resnet.encoder.stages.3.layers.0.shortcut.convolution.weight",
            ),
            (
                "layer2.0.downsample.1.running_mean",
                "resnet.encoder.stages.1.layers.0.shortcut.normalization.running_mean",
            ),
            ("fc.bias", "classifier.1.bias"),
        ] {
            assert_eq!(Naming::Transformers.name(torchvision), expected);
        }
    }
}
