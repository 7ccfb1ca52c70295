// SPDX-License-Identifier: MPL-2.0
//! ResNet50's parameters under the names that programs give them.

mod last_layer;
mod naming;
mod network_copy;

use std::collections::{HashMap, HashSet};

use super::error::{Mismatch, WeightsError};
use super::{StateDict, Tensor};
use crate::resnet50::{Parameter, ResNet50, Variant};
use crate::text;
use last_layer::last_layer;
use network_copy::{NetworkCopy, network_copies};

pub use naming::Naming;
pub(super) use network_copy::is_averaged;

/// The number of features that the last layer takes.
pub(super) const FEATURES: usize = 2048;

/// The tensors of a file with all parameters of ResNet50, and no others that its results depend on.
///
/// The weights do not show whether they are for v1 or v1.5, because the shapes are the same. The
/// published ones are for v1.5: torchvision's and timm's `resnet50` have stride 2 in the 3x3 convolution, and so
/// has `ResNetBottleNeckLayer` of transformers unless `downsample_in_bottleneck` is set in a
/// model's configuration, which came later than `microsoft/resnet-50` and defaults to false; its
/// documentation (`docs/source/en/model_doc/resnet.md`) calls that "ResNet v1.5".
#[derive(Debug, Clone)]
pub struct ResNet50Weights {
    /// The tensors by torchvision's names.
    tensors: HashMap<String, Tensor>,
    naming: Naming,
    classes: usize,
    prefix: String,
    others: Vec<String>,
    ignored: Vec<String>,
}

impl ResNet50Weights {
    /// Finds each parameter of [`ResNet50::parameters`] behind any common prefix (`module.`,
    /// `model.backbone.` …), and the last layer with any name and at least 2 classes.
    ///
    /// Tensors that only training needs are ignored: `num_batches_tracked` and other counters, the
    /// parameters of losses, metrics and optimizers, and other copies of the network. Of several
    /// complete copies, averaged weights (EMA) are preferred.
    ///
    /// # Errors
    /// [`WeightsError::Mismatch`] with every parameter that is missing or of another shape, and
    /// every surplus tensor.
    pub fn from_state_dict(dict: &StateDict) -> Result<Self, WeightsError> {
        let network = ResNet50::new(Variant::V1_5);
        let head = format!("{}.", network.classifier.name);
        let parameters = network.parameters();
        let inner = || parameters.iter().filter(|p| !p.name.starts_with(&head));
        let total = inner().count();

        let copies = network_copies(dict, inner());
        let best = copies.first().cloned().unwrap_or_else(|| {
            let naming = Naming::of(dict);
            NetworkCopy {
                naming,
                prefix: naming.prefix().into(),
                count: 0,
            }
        });
        let NetworkCopy { naming, prefix, .. } = best;
        // Other complete copies.
        let others: Vec<String> = copies
            .iter()
            .skip(1)
            .filter(|copy| copy.count * 2 > total)
            .map(|copy| copy.prefix.clone())
            .collect();
        let in_other = |name: &str| {
            let longest = others
                .iter()
                .filter(|o| name.starts_with(o.as_str()))
                .map(String::len);
            longest
                .max()
                .is_some_and(|len| len > prefix.len() || !name.starts_with(&prefix))
        };

        let mut mismatch = Mismatch::default();
        let mut tensors = HashMap::new();
        let mut known = HashSet::new();
        for parameter in inner() {
            let name = format!("{prefix}{}", naming.inner_name(&parameter.name));
            if let Some(tensor) = take(dict, &name, &parameter.shape, &mut mismatch) {
                tensors.insert(parameter.name.clone(), tensor);
            }
            known.insert(name);
        }

        let fc = &network.classifier.name;
        let base = last_layer(dict, naming, &prefix, |name| {
            known.contains(name) || in_other(name)
        });
        let weight = format!("{base}.weight");
        let found = dict.get(&weight).map(Tensor::shape);
        let classes = match found {
            Some(&[classes, FEATURES]) if classes > 1 => classes,
            Some(shape) => {
                mismatch.wrong.push(format!(
                    "{} (shape {shape:?}, expected [classes, {FEATURES}] with 2 classes or more)",
                    text::name(&weight)
                ));
                0
            }
            None => {
                mismatch.missing.push(text::name(&weight).to_string());
                0
            }
        };
        let bias = format!("{base}.bias");
        if classes > 0 {
            for (name, own, shape) in [
                (&weight, format!("{fc}.weight"), &[classes, FEATURES][..]),
                (&bias, format!("{fc}.bias"), &[classes]),
            ] {
                if let Some(tensor) = take(dict, name, shape, &mut mismatch) {
                    tensors.insert(own, tensor);
                }
            }
        } else if dict.get(&bias).is_none() {
            mismatch.missing.push(text::name(&bias).to_string());
        }
        known.extend([weight, bias]);

        let mut ignored = Vec::new();
        for (name, tensor) in dict.iter().filter(|(name, _)| !known.contains(*name)) {
            if in_other(name) || is_counter(name, tensor) {
                // Not worth a mention.
            } else if is_of_training(name.strip_prefix(&prefix).unwrap_or(name)) {
                ignored.push(text::name(name).to_string());
            } else {
                mismatch.surplus.push(text::name(name).to_string());
            }
        }
        if !mismatch.is_empty() {
            return Err(WeightsError::Mismatch(mismatch));
        }
        Ok(Self {
            tensors,
            naming,
            classes,
            prefix,
            others,
            ignored,
        })
    }

    /// The naming scheme of the file.
    pub fn naming(&self) -> Naming {
        self.naming
    }

    /// The number of classes of the last layer.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The prefix of the network's names in the file.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The prefixes of other copies of the network, which are not used.
    pub fn others(&self) -> &[String] {
        &self.others
    }

    /// Tensors that only training needs, escaped.
    pub fn ignored(&self) -> &[String] {
        &self.ignored
    }

    /// The values of a parameter in row-major order, for [`FusedWeights::new`](crate::resnet50::FusedWeights::new).
    /// Empty for an unknown parameter.
    pub fn values(&self) -> impl Fn(&Parameter) -> Vec<f32> + '_ {
        |parameter| {
            let tensor = self.tensors.get(&parameter.name);
            tensor.and_then(Tensor::to_f32).unwrap_or_default()
        }
    }
}

/// The tensor of this name and shape; otherwise adds to the mismatch.
fn take(dict: &StateDict, name: &str, shape: &[usize], mismatch: &mut Mismatch) -> Option<Tensor> {
    match dict.get(name) {
        None => mismatch.missing.push(text::name(name).to_string()),
        Some(tensor) if tensor.shape() != shape => mismatch.wrong.push(format!(
            "{} (shape {:?}, expected {shape:?})",
            text::name(name),
            tensor.shape(),
        )),
        Some(tensor) if !tensor.dtype().is_float() => mismatch.wrong.push(format!(
            "{} ({}, expected floating-point numbers)",
            text::name(name),
            tensor.dtype()
        )),
        Some(tensor) => return Some(tensor.clone()),
    }
    None
}

/// Whether the tensor is a counter: of batches, or of steps of an average.
fn is_counter(name: &str, tensor: &Tensor) -> bool {
    const COUNTERS: [&str; 8] = [
        "n_averaged",
        "num_updates",
        "decay",
        "ema_decay",
        "step",
        "steps",
        "epoch",
        "initted",
    ];
    let last = name.rsplit('.').next().unwrap_or(name);
    let is_scalar = tensor.len() == 1 && tensor.shape().len() < 2;
    last == "num_batches_tracked"
        || (is_scalar && (!tensor.dtype().is_float() || COUNTERS.contains(&last)))
}

/// Whether a name, without the prefix of the network, belongs to a loss, a metric, an optimizer or
/// another average.
fn is_of_training(name: &str) -> bool {
    const PARTS: [&str; 9] = [
        "criterion",
        "loss",
        "metric",
        "optim",
        "schedul",
        "scaler",
        "accuracy",
        "confmat",
        "class_weight",
    ];
    const WORDS: [&str; 6] = ["acc", "ema", "auroc", "f1", "precision", "recall"];
    let first = name.split('.').next().unwrap_or(name).to_ascii_lowercase();
    PARTS.iter().any(|part| first.contains(part))
        || first.split('_').any(|word| WORDS.contains(&word))
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

    /// Names of a network that was taken apart.
    #[test]
    fn names_of_children() {
        for (torchvision, expected) in [
            ("conv1.weight", "0.weight"),
            ("bn1.running_var", "1.running_var"),
            ("layer1.0.conv1.weight", "4.0.conv1.weight"),
            ("layer4.2.bn3.bias", "7.2.bn3.bias"),
            ("layer2.0.downsample.0.weight", "5.0.downsample.0.weight"),
        ] {
            assert_eq!(Naming::Children.name(torchvision), expected);
        }
    }

    #[test]
    fn words_of_training() {
        for name in [
            "criterion.weight",
            "train_acc.tp",
            "loss_fn.weight",
            "ema.fc.weight",
        ] {
            assert!(is_of_training(name), "{name}");
        }
        for name in [
            "layer1.0.se.weight",
            "mean",
            "fc.3.weight",
            "projector.0.weight",
            "facc.w",
        ] {
            assert!(!is_of_training(name), "{name}");
        }
        assert!(
            is_averaged("model_ema.")
                && is_averaged("state_dict_ema")
                && is_averaged("ema.module.")
        );
        assert!(!is_averaged("schema.") && !is_averaged("model."));
    }
}
