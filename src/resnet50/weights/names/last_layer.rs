// SPDX-License-Identifier: MPL-2.0
//! The name of the last layer.

use super::{FEATURES, Naming, is_averaged, is_of_training};
use crate::resnet50::weights::StateDict;

/// Names of last layers, the most likely first.
const HEADS: [&str; 8] = [
    "fc",
    "classifier",
    "head",
    "heads",
    "last_linear",
    "linear",
    "cls",
    "output",
];

/// The name of the last layer without `.weight`: a layer of 2048 features, in the network or beside it.
/// Without such a layer, its expected name.
pub(super) fn last_layer(
    dict: &StateDict,
    naming: Naming,
    prefix: &str,
    is_other: impl Fn(&str) -> bool,
) -> String {
    let own = match naming {
        Naming::Torchvision => format!("{prefix}fc"),
        Naming::Transformers => {
            let outer = prefix.strip_suffix(naming.prefix()).unwrap_or(prefix);
            format!("{outer}classifier.1")
        }
        Naming::Children => "fc".to_owned(),
    };
    if dict.get(&format!("{own}.weight")).is_some() {
        return own;
    }
    let mut layers: Vec<&str> = dict
        .iter()
        .filter(|(name, tensor)| {
            matches!(tensor.shape(), [_, FEATURES])
                && !is_other(name)
                && is_averaged(name) == is_averaged(prefix)
                && !is_of_training(name.strip_prefix(prefix).unwrap_or(name))
        })
        .filter_map(|(name, _)| name.strip_suffix(".weight"))
        .collect();
    let rank = |layer: &str| {
        let inner = layer.strip_prefix(prefix).unwrap_or(layer);
        let head = HEADS
            .iter()
            .position(|head| inner.split('.').any(|part| part == *head));
        head.unwrap_or(HEADS.len())
    };
    layers.sort_by_key(|layer| rank(layer));
    layers.first().map_or(own, |layer| (*layer).to_owned())
}
