// SPDX-License-Identifier: MPL-2.0
//! What `torch.save` wrote before PyTorch 1.6, and writes since with
//! `_use_new_zipfile_serialization=False`.
//!
//! Five consecutive pickles: a magic number, the version of the protocol, the byte order and other
//! properties of the machine, the object, and a list of the storages' names. Each storage follows, in
//! the order of the list: the number of its elements as i64, and the elements. See `_legacy_save` in
//! PyTorch's `torch/serialization.py`.

use std::collections::HashMap;

use bytes::Bytes;

use super::error::WeightsError;
use super::pickle::{Pickle, Value};
use super::{StateDict, torch_object};
use crate::text;

/// 0x1950a86a20f9469cfc6c, little-endian.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

const PROTOCOL: i64 = 1001;

/// Reads a file that starts with a pickle.
pub(super) fn read(file: &Bytes) -> Result<StateDict, WeightsError> {
    let mut at = 0;
    let mut next = |part| {
        let pickle = Pickle::read(&file[at..], part);
        at += pickle.as_ref().map_or(0, |p| p.end);
        pickle
    };

    let magic = next("the pickle of the magic number")?;
    match &magic.root {
        Value::Long(number) if magic.raw(number) == MAGIC => {}
        other => {
            return Err(magic.malformed(format!(
                "a pickle of {}, not a file of torch.save",
                other.kind()
            )));
        }
    }
    let version = next("the pickle of the version")?;
    match version.root {
        Value::Int(PROTOCOL) => {}
        Value::Int(other) => {
            return Err(version.malformed(format!("{other}, and {PROTOCOL} is expected")));
        }
        ref other => {
            return Err(version.malformed(format!("{}, and {PROTOCOL} is expected", other.kind())));
        }
    }
    let system = next("the pickle of the system's properties")?;
    if let Value::Dict(properties) = system.root {
        let big = |(key, value): &(Value, Value)| {
            let name = match key {
                Value::Str(key) => system.text(key),
                _ => "",
            };
            name == "little_endian" && matches!(value, Value::Bool(false))
        };
        if system.dicts[properties as usize].iter().any(big) {
            return Err(WeightsError::BigEndian);
        }
    }
    let object = next("the pickle of the object")?;
    let keys = next("the pickle of the storages' names")?;

    let mut wanted = HashMap::new();
    for id in &object.storages {
        let key = object.text(&id.key);
        let same = wanted.entry(key).or_insert((id.dtype, id.elements));
        if *same != (id.dtype, id.elements) {
            return Err(object.malformed(format!(
                "storage \"{}\" has {} elements of {}, and {} of {} elsewhere",
                text::name(key),
                id.elements,
                id.dtype,
                same.1,
                same.0
            )));
        }
    }
    let list = match keys.root {
        Value::List(list) => &keys.lists[list as usize],
        ref other => {
            return Err(keys.malformed(format!("{}, and a list is expected", other.kind())));
        }
    };
    let mut storages = HashMap::new();
    for (i, key) in list.iter().enumerate() {
        let Value::Str(key) = key else {
            return Err(keys.malformed(format!("{} for a name", key.kind())));
        };
        let key = keys.text(key);
        let Some((dtype, elements)) = wanted.get(key) else {
            return Err(keys.malformed(format!(
                "storage \"{}\" belongs to no tensor, so that its size is unknown",
                text::name(key)
            )));
        };
        let part = || {
            format!(
                "storage \"{}\" ({} of {})",
                text::name(key),
                i + 1,
                list.len()
            )
        };
        let left = (file.len() - at) as u64;
        let Some((count, _)) = file[at..].split_first_chunk() else {
            return Err(WeightsError::truncated(part(), 8, left));
        };
        let count = i64::from_le_bytes(*count);
        if u64::try_from(count) != Ok(*elements) {
            return Err(WeightsError::malformed(
                part(),
                format!("{count} elements, and its tensors expect {elements}"),
            ));
        }
        let left = left - 8;
        let len = elements.saturating_mul(dtype.size() as u64);
        if len > left {
            return Err(WeightsError::truncated(part(), len, left));
        }
        at += 8;
        let end = at + len as usize;
        if storages.insert(key, file.slice(at..end)).is_some() {
            return Err(WeightsError::duplicate("the list of storages", key));
        }
        at = end;
    }
    if at < file.len() {
        return Err(WeightsError::malformed(
            "the end of the file",
            format!("{} bytes behind the last storage", file.len() - at),
        ));
    }
    torch_object::state_dict(&object, |id| {
        let key = object.text(&id.key);
        storages.get(key).cloned().ok_or_else(|| {
            let key = text::name(key);
            keys.malformed(format!("storage \"{key}\" of the object is not in it"))
        })
    })
}
