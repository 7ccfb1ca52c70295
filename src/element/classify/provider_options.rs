// SPDX-License-Identifier: MPL-2.0
//! Options of an execution provider, as a GstStructure has them.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use super::super::strings;
use crate::classifier::Error;
use crate::paths;

/// The options as strings, which is how ONNX Runtime takes all of them.
///
/// # Errors
/// [`Error::Setting`] if one is of another type than string, number or boolean.
pub fn to_strings(options: Option<&gst::Structure>) -> Result<Vec<(String, String)>, Error> {
    let Some(options) = options else {
        return Ok(Vec::new());
    };
    options
        .iter()
        .map(|(name, value)| {
            let wrong = |found: String, expected: &str| Error::Setting {
                property: "provider-options",
                found,
                expected: expected.into(),
            };
            let of_bytes = |text: &OsStr| {
                let found = format!("“{}”", paths::escaped(text));
                let text = text.to_str().map(str::to_owned);
                text.ok_or_else(|| wrong(found, "of UTF-8 text"))
            };
            // The bindings assume UTF-8.
            let name = of_bytes(OsStr::from_bytes(name.as_bytes()))?;
            // GLib writes booleans as TRUE and FALSE, and the providers want 1 and 0.
            let value = if let Ok(flag) = value.get::<bool>() {
                u8::from(flag).to_string()
            } else {
                let text = value.transform::<String>().ok();
                let text = text.and_then(|text| strings::bytes_of(&text));
                let text = text.ok_or_else(|| {
                    let found = format!("{name} of type {}", value.type_());
                    wrong(found, "strings, numbers and booleans")
                })?;
                of_bytes(&text)?
            };
            Ok((name, value))
        })
        .collect()
}
