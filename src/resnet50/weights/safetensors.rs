// SPDX-License-Identifier: MPL-2.0
//! Hugging Face's safetensors: the length of the header as u64, the header in JSON, and the data.

use std::collections::HashSet;
use std::fmt;

use bytes::Bytes;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};

use super::error::WeightsError;
use super::{DType, MAX_HEADER, StateDict, Tensor};
use crate::text;

const PART: &str = "the header of the safetensors file";

/// Whether a file has such a header.
pub(super) fn is(file: &[u8]) -> bool {
    file.get(8) == Some(&b'{') && file[6..8] == [0, 0]
}

/// Reads a file that [`is`] accepts.
pub(super) fn read(file: &Bytes) -> Result<StateDict, WeightsError> {
    let Some((len, rest)) = file.split_first_chunk() else {
        return Err(WeightsError::truncated(PART, 8, file.len() as u64));
    };
    let len = u64::from_le_bytes(*len);
    if len > MAX_HEADER as u64 {
        return Err(WeightsError::TooLarge {
            part: PART.into(),
            unit: "bytes",
            found: len,
            limit: MAX_HEADER as u64,
        });
    }
    let Some(header) = rest.get(..len as usize) else {
        return Err(WeightsError::truncated(PART, len, rest.len() as u64));
    };
    unique(header)?;

    let bad = |problem: &dyn fmt::Display| {
        WeightsError::malformed(PART, text::message(&problem.to_string()).to_string())
    };
    // This also checks that the tensors cover the data without gaps, and that none exceeds it.
    let (_, metadata) = ::safetensors::SafeTensors::read_metadata(file).map_err(|e| bad(&e))?;
    let numbers = file.slice(8 + len as usize..);
    let mut dict = StateDict::default();
    for (name, info) in metadata.tensors() {
        let part = || format!("tensor \"{}\"", text::name(&name));
        let dtype = dtype(info.dtype).ok_or_else(|| {
            let problem = format!("elements of type {:?}, which no weights have", info.dtype);
            WeightsError::malformed(part(), problem)
        })?;
        let (start, end) = info.data_offsets;
        if start > end || end > numbers.len() {
            return Err(bad(&format!("bytes {start} to {end} of {}", numbers.len())));
        }
        let mut strides = vec![1; info.shape.len()];
        for axis in (1..strides.len()).rev() {
            strides[axis - 1] = info.shape[axis].saturating_mul(strides[axis]);
        }
        let tensor = Tensor::new(
            &numbers.slice(start..end),
            dtype,
            0,
            info.shape.clone(),
            strides,
        );
        let tensor = tensor.map_err(|problem| WeightsError::malformed(part(), problem))?;
        dict.insert(&name, tensor)?;
    }
    Ok(dict)
}

fn dtype(dtype: ::safetensors::Dtype) -> Option<DType> {
    use ::safetensors::Dtype;
    Some(match dtype {
        Dtype::F16 => DType::F16,
        Dtype::BF16 => DType::BF16,
        Dtype::F32 => DType::F32,
        Dtype::F64 => DType::F64,
        Dtype::I8 => DType::I8,
        Dtype::I16 => DType::I16,
        Dtype::I32 => DType::I32,
        Dtype::I64 => DType::I64,
        Dtype::U8 => DType::U8,
        Dtype::BOOL => DType::Bool,
        _ => return None,
    })
}

/// Refuses duplicate names, because JSON parsers silently keep the last one.
fn unique(header: &[u8]) -> Result<(), WeightsError> {
    struct Names;

    impl<'de> Visitor<'de> for Names {
        type Value = Option<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("tensors by name")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<String>, A::Error> {
            let mut names = HashSet::new();
            let mut twice = None;
            while let Some(name) = map.next_key::<String>()? {
                map.next_value::<IgnoredAny>()?;
                if names.contains(&name) {
                    twice = Some(name);
                } else {
                    names.insert(name);
                }
            }
            Ok(twice)
        }
    }

    let mut json = serde_json::Deserializer::from_slice(header);
    match json.deserialize_map(Names) {
        Ok(None) => Ok(()),
        Ok(Some(name)) => Err(WeightsError::duplicate(PART, &name)),
        Err(e) => Err(WeightsError::malformed(
            PART,
            text::message(&e.to_string()).to_string(),
        )),
    }
}
