// SPDX-License-Identifier: MPL-2.0
//! Copies of the network in a file: names with the same prefix.

use std::collections::{BTreeMap, HashMap};

use super::Naming;
use crate::resnet50::Parameter;
use crate::resnet50::weights::StateDict;

/// One copy of the network: names with the same prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NetworkCopy {
    pub(super) naming: Naming,
    pub(super) prefix: String,
    /// The number of the network's parameters in it.
    pub(super) count: usize,
}

/// The copies of the network, the best first: with the most parameters, then averaged weights, then
/// short prefixes.
pub(super) fn network_copies<'a>(
    dict: &StateDict,
    inner: impl Iterator<Item = &'a Parameter>,
) -> Vec<NetworkCopy> {
    let mut namings: HashMap<String, Naming> = HashMap::new();
    for parameter in inner {
        for naming in Naming::ALL {
            namings.insert(naming.inner_name(&parameter.name), naming);
        }
    }
    let mut counts: BTreeMap<(Naming, &str), usize> = BTreeMap::new();
    for (name, _) in dict.iter() {
        // The longest suffix that is one of the network's names.
        let starts = name.match_indices('.').map(|(at, _)| at + 1);
        let found = std::iter::once(0)
            .chain(starts)
            .find_map(|start| Some((*namings.get(&name[start..])?, &name[..start])));
        if let Some(key) = found {
            *counts.entry(key).or_default() += 1;
        }
    }
    let mut copies: Vec<NetworkCopy> = counts
        .into_iter()
        .map(|((naming, prefix), count)| NetworkCopy {
            naming,
            prefix: prefix.to_owned(),
            count,
        })
        .collect();
    copies.sort_by_key(|g| {
        (
            usize::MAX - g.count,
            !is_averaged(&g.prefix),
            g.prefix.len(),
        )
    });
    copies
}

/// Whether the name is that of averaged weights.
pub(in crate::resnet50::weights) fn is_averaged(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.split(['.', '_'])
        .any(|word| matches!(word, "ema" | "averaged" | "swa"))
}
