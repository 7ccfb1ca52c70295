// SPDX-License-Identifier: MPL-2.0
//! The state dict in an object that `torch.save` has written.

use std::borrow::Cow;
use std::collections::HashSet;

use bytes::Bytes;

use super::error::WeightsError;
use super::names::{FEATURES, is_averaged};
use super::pickle::{Pickle, StorageId, Value};
use super::{StateDict, Tensor};
use crate::text;

/// Keys of the state dict in the checkpoints of training programs, the most likely first.
const WRAPPERS: [&str; 7] = [
    "state_dict",
    "model_state_dict",
    "model",
    "net",
    "network",
    "weights",
    "params",
];

/// The maximum depth of nested dicts.
const MAX_DEPTH: usize = 4;

/// Suffixes of names that every ResNet50 has.
const ANCHORS: [&str; 3] = [
    "layer1.0.conv1.weight",
    "stages.0.layers.0.layer.0.convolution.weight",
    "4.0.conv1.weight",
];

/// A dict whose keys are names.
#[derive(Debug, Clone)]
struct Entries<'p> {
    /// The path of keys to it.
    path: Vec<&'p str>,
    items: Vec<(&'p str, &'p Value)>,
}

impl Entries<'_> {
    /// The path of keys to it, for messages.
    fn place(&self) -> String {
        text::name(&self.path.join(".")).to_string()
    }

    fn has_tensors(&self) -> bool {
        self.items
            .iter()
            .any(|(_, v)| matches!(v, Value::Tensor(_)))
    }

    /// Whether it has a tensor with a name that every ResNet50 has.
    fn is_network(&self) -> bool {
        self.items.iter().any(|(name, value)| {
            matches!(value, Value::Tensor(_)) && ANCHORS.iter().any(|end| ends_with(name, end))
        })
    }
}

/// Whether these are the last parts of a name.
fn ends_with(name: &str, end: &str) -> bool {
    name.strip_suffix(end)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// The tensors of the object's state dict. `storage` returns all bytes of a storage.
pub(super) fn state_dict<'p>(
    pickle: &'p Pickle<'_>,
    mut storage: impl FnMut(&'p StorageId) -> Result<Bytes, WeightsError>,
) -> Result<StateDict, WeightsError> {
    let found = find(pickle)?;
    let mut dict = StateDict::default();
    dict.entry = found.entry;
    dict.other_entries = found.others;
    for (name, value) in &found.items {
        let Value::Tensor(tensor) = value else {
            continue;
        };
        let tensor = &pickle.tensors[*tensor as usize];
        let id = &pickle.storages[tensor.storage as usize];
        let bad = |problem: String| {
            WeightsError::malformed(format!("tensor \"{}\"", text::name(name)), problem)
        };
        let bytes = part(id, storage(id)?).map_err(bad)?;
        let offset = number(&tensor.offset)
            .ok_or_else(|| bad(format!("{} for an offset", describe(&tensor.offset))))?;
        let shape = numbers(pickle, &tensor.size).map_err(|p| bad(format!("{p} for its shape")))?;
        let strides =
            numbers(pickle, &tensor.stride).map_err(|p| bad(format!("{p} for its strides")))?;
        dict.insert(
            name,
            Tensor::new(&bytes, id.dtype, offset, shape, strides).map_err(bad)?,
        )?;
    }
    Ok(dict)
}

/// The bytes of a part of a storage.
fn part(id: &StorageId, whole: Bytes) -> Result<Bytes, String> {
    let Some((offset, elements)) = id.view else {
        return Ok(whole);
    };
    let size = id.dtype.size() as u64;
    let start = offset.checked_mul(size);
    let end = offset
        .checked_add(elements)
        .and_then(|e| e.checked_mul(size));
    match (start, end) {
        (Some(start), Some(end)) if end <= whole.len() as u64 => {
            Ok(whole.slice(start as usize..end as usize))
        }
        _ => Err(format!(
            "{elements} elements from {offset} on of a storage that has {}",
            id.elements
        )),
    }
}

fn number(value: &Value) -> Option<usize> {
    match value {
        Value::Int(n) => usize::try_from(*n).ok(),
        _ => None,
    }
}

fn numbers(pickle: &Pickle<'_>, value: &Value) -> Result<Vec<usize>, String> {
    let items = match value {
        Value::Tuple(span) => pickle.tuple(span),
        Value::List(list) => &pickle.lists[*list as usize],
        _ => return Err(value.kind().into()),
    };
    if items.len() > 64 {
        return Err(format!("{} numbers", items.len()));
    }
    let item = |item| number(item).ok_or_else(|| describe(item));
    items.iter().map(item).collect()
}

fn describe(value: &Value) -> String {
    match value {
        Value::Int(n) => n.to_string(),
        _ => value.kind().into(),
    }
}

/// The state dict of an object.
#[derive(Debug)]
struct Found<'p> {
    items: Vec<(Cow<'p, str>, &'p Value)>,
    /// Its path in the object.
    entry: Option<String>,
    /// The paths of similar ones.
    others: Vec<String>,
}

/// The names and values of the state dict: that of a ResNet50 anywhere in the object, else the one
/// under the usual keys of training programs.
fn find<'p>(pickle: &'p Pickle<'_>) -> Result<Found<'p>, WeightsError> {
    let Value::Dict(root) = pickle.root else {
        let kind = pickle.root.kind();
        return Err(WeightsError::NoStateDict {
            found: format!("the file has {kind}"),
        });
    };
    let mut dicts = Vec::new();
    let mut seen = HashSet::new();
    walk(pickle, root, &mut Vec::new(), &mut seen, &mut dicts)?;
    let mut networks: Vec<&Entries<'_>> = dicts.iter().filter(|d| d.is_network()).collect();
    // Training programs evaluate the averaged weights.
    networks.sort_by_key(|dict| {
        let wrapper = dict
            .path
            .last()
            .and_then(|p| WRAPPERS.iter().position(|w| w == p));
        (
            !dict.path.iter().any(|part| is_averaged(part)),
            dict.path.len(),
            wrapper.unwrap_or(WRAPPERS.len()),
        )
    });
    let Some((network, others)) = networks.split_first() else {
        return usual(pickle, &dicts);
    };
    // A network in parts: the last layer is in a dict of its own.
    let parent = &network.path[..network.path.len().saturating_sub(1)];
    let has_last = |dict: &Entries<'_>| {
        let mut tensors = dict.items.iter().filter_map(|(_, value)| match value {
            Value::Tensor(tensor) => Some(&pickle.tensors[*tensor as usize]),
            _ => None,
        });
        tensors.any(|t| matches!(numbers(pickle, &t.size).as_deref(), Ok([_, FEATURES])))
    };
    let parts: Vec<&Entries<'_>> = match has_last(network) || network.path.is_empty() {
        true => Vec::new(),
        false => dicts
            .iter()
            .filter(|dict| {
                dict.path.len() == network.path.len()
                    && dict.path.starts_with(parent)
                    && !dict.is_network()
                    && has_last(dict)
            })
            .collect(),
    };
    let entry = (!network.path.is_empty()).then(|| network.place());
    let items = if parts.is_empty() {
        let items = network.items.iter();
        items
            .map(|(name, value)| (Cow::Borrowed(*name), *value))
            .collect()
    } else {
        let all = std::iter::once(*network).chain(parts);
        let named = all.flat_map(|dict| {
            let key = dict.path.last().copied().unwrap_or_default();
            let items = dict.items.iter();
            items.map(move |(name, value)| (Cow::Owned(format!("{key}.{name}")), *value))
        });
        named.collect()
    };
    Ok(Found {
        items,
        entry,
        others: others.iter().map(|dict| dict.place()).collect(),
    })
}

/// Collects the dicts of an object whose keys are strings, the outermost first.
fn walk<'p>(
    pickle: &'p Pickle<'_>,
    dict: u32,
    path: &mut Vec<&'p str>,
    seen: &mut HashSet<u32>,
    dicts: &mut Vec<Entries<'p>>,
) -> Result<(), WeightsError> {
    if !seen.insert(dict) || path.len() > MAX_DEPTH {
        return Ok(());
    }
    let mut items = Vec::new();
    let mut names = HashSet::new();
    for (key, value) in &pickle.dicts[dict as usize] {
        let Value::Str(span) = key else {
            continue;
        };
        let name = pickle.text(span);
        if !names.insert(name) {
            let place = match path.as_slice() {
                [] => "the dict".to_owned(),
                path => format!("the dict in \"{}\"", text::name(&path.join("."))),
            };
            return Err(WeightsError::duplicate(place, name));
        }
        items.push((name, value));
    }
    let inner: Vec<(&str, u32)> = items
        .iter()
        .filter_map(|(name, value)| match value {
            Value::Dict(dict) => Some((*name, *dict)),
            _ => None,
        })
        .collect();
    dicts.push(Entries {
        path: path.clone(),
        items,
    });
    for (name, dict) in inner {
        path.push(name);
        walk(pickle, dict, path, seen, dicts)?;
        path.pop();
    }
    Ok(())
}

/// The state dict of another network: the outermost dict with tensors along [`WRAPPERS`].
fn usual<'p>(pickle: &'p Pickle<'_>, dicts: &[Entries<'p>]) -> Result<Found<'p>, WeightsError> {
    let none = |found: String| Err(WeightsError::NoStateDict { found });
    let Some(mut dict) = dicts.first() else {
        return none(format!("the file has {}", pickle.root.kind()));
    };
    loop {
        if dict.has_tensors() {
            let items = dict.items.iter();
            return Ok(Found {
                items: items.map(|(n, v)| (Cow::Borrowed(*n), *v)).collect(),
                entry: (!dict.path.is_empty()).then(|| dict.place()),
                others: Vec::new(),
            });
        }
        let inner = WRAPPERS.iter().find_map(|wrapper| {
            let mut path = dict.path.clone();
            path.push(wrapper);
            dicts.iter().find(|d| d.path == path)
        });
        let Some(inner) = inner else {
            let is_inner = |(name, value): &(&str, &Value)| {
                WRAPPERS.contains(name) && matches!(value, Value::Dict(_))
            };
            if dict.items.iter().any(is_inner) {
                return none(format!("dicts lie in dicts, {MAX_DEPTH} deep"));
            }
            let path = match dict.path.last() {
                Some(name) => format!(" in \"{}\"", text::name(name)),
                None => String::new(),
            };
            let found: Vec<_> = dict
                .items
                .iter()
                .take(10)
                .map(|(n, _)| text::name(n).to_string())
                .collect();
            return none(match found.is_empty() {
                true => format!("the file has an empty dict{path}"),
                false => format!(
                    "the file has a dict{path} without tensors, with {}",
                    found.join(", ")
                ),
            });
        };
        dict = inner;
    }
}
