// SPDX-License-Identifier: MPL-2.0
//! How inputs, outputs and types are shown to people.

use std::fmt;

use super::schema::ValueInfo;
#[cfg(doc)]
use super::schema::data_type;
use crate::text;

/// The maximum number of dimensions that are shown.
const MAX_DIMENSIONS: usize = 8;

impl fmt::Display for ValueInfo {
    /// `“input” float32 [any, 3, 224, 224]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((elem_type, dims)) = self.tensor() else {
            return write!(f, "“{}” of unknown shape", text::name(&self.name));
        };
        let dims = dims
            .iter()
            .map(|d| d.map_or("any".to_owned(), |d| d.to_string()));
        write!(
            f,
            "“{}” {} [{}]",
            text::name(&self.name),
            type_name(elem_type),
            text::list(dims, MAX_DIMENSIONS)
        )
    }
}

/// The name of an element type ([`data_type`]), as in ONNX.
pub fn type_name(elem_type: i32) -> &'static str {
    const NAMES: [&str; 17] = [
        "undefined",
        "float32",
        "uint8",
        "int8",
        "uint16",
        "int16",
        "int32",
        "int64",
        "string",
        "bool",
        "float16",
        "float64",
        "uint32",
        "uint64",
        "complex64",
        "complex128",
        "bfloat16",
    ];
    usize::try_from(elem_type)
        .ok()
        .and_then(|i| NAMES.get(i).copied())
        .unwrap_or("of an unknown type")
}
