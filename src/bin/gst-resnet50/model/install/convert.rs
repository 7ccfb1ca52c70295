// SPDX-License-Identifier: MPL-2.0
//! From a file of weights to the network.

use bytes::Bytes;
use gstresnet50::inference::{Contract, ContractLabels, OutputKind};
use gstresnet50::postprocess::Labels;
use gstresnet50::preprocess::ColorOrder;
use gstresnet50::resnet50::weights::{self, ResNet50Weights, StateDict};
use gstresnet50::resnet50::{FusedWeights, ResNet50, Variant};
use gstresnet50::text;

use super::args::Args;
use crate::digest;
use crate::model::data_config::{self, DataConfig, Sidecars};
use crate::model::precision::Network;
use crate::model::source::{Weights, promised_digits};

/// The variant where nothing tells it: the published weights are of this one.
pub(super) const DEFAULT_VARIANT: Variant = Variant::V1_5;

/// A network to install, and notes on it for the user.
pub(super) struct Installable {
    pub network: Network,
    pub config: DataConfig,
    pub notes: Vec<String>,
}

/// Makes a network of a file of weights that is called `name`.
///
/// # Errors
/// If these are no weights of ResNet50, or not what the name promises, or the options do not fit.
pub(super) fn convert(
    file: Bytes,
    name: &str,
    sidecars: &Sidecars,
    args: &Args,
) -> crate::Result<Installable> {
    let sha256 = digest::sha256(&file);
    check_name(name, &sha256)?;
    let dict = weights::parse(file)?;
    let weights = ResNet50Weights::from_state_dict(&dict)?;
    let classes = weights.classes();

    let mut config = data_config::find(sidecars, &sha256, name, weights.naming(), classes)?;
    args.apply(&mut config)?;
    let labels = match (&args.labels, config.labels.take()) {
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

    let mut notes = std::mem::take(&mut config.notes);
    notes.extend(notes_on(&dict, &weights));
    if labels.is_none() {
        notes.push(format!(
            "Its {classes} classes have no names, and go by their numbers: give --labels FILE."
        ));
    }

    let variant = config.variant.unwrap_or(DEFAULT_VARIANT);
    let source = Weights::known(&sha256).map_or(name, |weights| weights.name());
    let contract = Contract {
        architecture: Some(variant.architecture().into()),
        resize: Some(config.resize),
        crop: Some(config.crop.into()),
        fit: Some(config.fit),
        interpolation: Some(config.interpolation),
        antialias: (!config.antialias).then_some(false),
        mean: Some(config.mean),
        std: Some(config.std),
        color: Some(ColorOrder::Rgb),
        output: Some(OutputKind::Logits),
        labels,
        source: Some(source.into()),
        weights_sha256: Some(sha256),
        ..Contract::default()
    };
    let contract = serde_json::to_string(&contract)?;
    // Values from files beside the weights may be anything.
    Contract::from_json(&contract).map_err(|e| format!("{}: {e}", config.source))?;
    let architecture = ResNet50::new(variant)
        .with_classes(classes)
        .with_side(config.crop as usize);
    Ok(Installable {
        network: Network {
            weights: FusedWeights::new(&architecture, weights.values())?,
            contract,
            architecture,
        },
        config,
        notes,
    })
}

/// What of the file is not used.
fn notes_on(dict: &StateDict, weights: &ResNet50Weights) -> Vec<String> {
    let mut notes = Vec::new();
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
    notes
}

/// Names from a file, for a message.
fn quoted(names: &[String]) -> String {
    text::list(
        names.iter().map(|name| format!("“{}”", text::name(name))),
        5,
    )
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
