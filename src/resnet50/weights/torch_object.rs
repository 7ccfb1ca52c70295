// SPDX-License-Identifier: MPL-2.0
//! From the object that `torch.save` was given to the state dict in it.

use std::collections::HashSet;

use bytes::Bytes;

use super::error::{WeightsError, shown};
use super::pickle::{Pickle, StorageId, Value};
use super::{StateDict, Tensor};

/// Where training programs keep the state dict in a checkpoint, the likeliest first.
const WRAPPERS: [&str; 7] = [
    "state_dict",
    "model_state_dict",
    "model",
    "net",
    "network",
    "weights",
    "params",
];

/// Checkpoints in checkpoints.
const MAX_DEPTH: usize = 4;

/// The tensors of the object's state dict; `storage` gives the bytes of all of a storage.
pub(super) fn state_dict<'p>(
    pickle: &'p Pickle<'_>,
    mut storage: impl FnMut(&'p StorageId) -> Result<Bytes, WeightsError>,
) -> Result<StateDict, WeightsError> {
    let mut dict = StateDict::default();
    for (name, value) in find(pickle)? {
        let Value::Tensor(tensor) = value else {
            continue;
        };
        let tensor = &pickle.tensors[*tensor as usize];
        let id = &pickle.storages[tensor.storage as usize];
        let bad = |problem: String| {
            WeightsError::malformed(format!("tensor \"{}\"", shown(name)), problem)
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

/// The names and values of the state dict.
fn find<'p>(pickle: &'p Pickle<'_>) -> Result<Vec<(&'p str, &'p Value)>, WeightsError> {
    let none = |found: String| Err(WeightsError::NoStateDict { found });
    let mut object = &pickle.root;
    let mut path = String::new();
    for _ in 0..MAX_DEPTH {
        let Value::Dict(dict) = object else {
            return none(format!("the file has {}{path}", object.kind()));
        };
        let mut entries = Vec::new();
        let mut names = HashSet::new();
        for (key, value) in &pickle.dicts[*dict as usize] {
            let Value::Str(span) = key else {
                continue;
            };
            let name = pickle.text(span);
            if !names.insert(name) {
                return Err(WeightsError::duplicate(format!("the dict{path}"), name));
            }
            entries.push((name, value));
        }
        if entries.iter().any(|(_, v)| matches!(v, Value::Tensor(_))) {
            return Ok(entries);
        }
        let inner = WRAPPERS.iter().find_map(|wrapper| {
            let is = |(name, value): &&(&str, &Value)| {
                name == wrapper && matches!(value, Value::Dict(_))
            };
            entries.iter().find(is)
        });
        let Some((name, inner)) = inner else {
            let found: Vec<_> = entries.iter().take(10).map(|(n, _)| shown(n)).collect();
            return none(match found.is_empty() {
                true => format!("the file has an empty dict{path}"),
                false => format!(
                    "the file has a dict{path} without tensors, with {}",
                    found.join(", ")
                ),
            });
        };
        path = format!(" in \"{name}\"");
        object = inner;
    }
    none(format!("dicts lie in dicts, {MAX_DEPTH} deep"))
}
