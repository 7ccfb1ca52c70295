// SPDX-License-Identifier: MPL-2.0
//! Names with the same prefix: one copy of the network.

use std::collections::{BTreeMap, HashMap};

use super::Naming;
use crate::resnet50::Parameter;
use crate::resnet50::weights::StateDict;

/// Names that share what stands before the network's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) naming: Naming,
    pub(super) prefix: String,
    /// How many of the network's parameters it has.
    pub(super) count: usize,
}

/// The groups of names that are the network's behind some prefix, the best first: with the most
/// parameters, averaged weights before others, short prefixes before long ones.
pub(super) fn groups<'a>(
    dict: &StateDict,
    inner: impl Iterator<Item = &'a Parameter>,
) -> Vec<Group> {
    let mut namings: HashMap<String, Naming> = HashMap::new();
    for parameter in inner {
        for naming in Naming::ALL {
            namings.insert(naming.inner_name(&parameter.name), naming);
        }
    }
    let mut counts: BTreeMap<(Naming, &str), usize> = BTreeMap::new();
    for (name, _) in dict.iter() {
        // The longest end of it that is one of the network's names.
        let starts = name.match_indices('.').map(|(at, _)| at + 1);
        let found = std::iter::once(0)
            .chain(starts)
            .find_map(|start| Some((*namings.get(&name[start..])?, &name[..start])));
        if let Some(key) = found {
            *counts.entry(key).or_default() += 1;
        }
    }
    let mut groups: Vec<Group> = counts
        .into_iter()
        .map(|((naming, prefix), count)| Group {
            naming,
            prefix: prefix.to_owned(),
            count,
        })
        .collect();
    groups.sort_by_key(|g| {
        (
            usize::MAX - g.count,
            !is_averaged(&g.prefix),
            g.prefix.len(),
        )
    });
    groups
}

/// Whether a name speaks of averaged weights.
pub(in crate::resnet50::weights) fn is_averaged(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.split(['.', '_'])
        .any(|word| matches!(word, "ema" | "averaged" | "swa"))
}
