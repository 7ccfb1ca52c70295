// SPDX-License-Identifier: MPL-2.0
//! Values in the JSON files beside weights.

use gstresnet50::text;
use serde_json::Value;

/// A member that is text.
pub(super) fn string<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str()
}

/// A member that is three numbers, or one for all three.
pub(super) fn triple(value: &Value, key: &str) -> Option<[f64; 3]> {
    match value.get(key)? {
        Value::Array(numbers) => match numbers.as_slice() {
            [r, g, b] => Some([r.as_f64()?, g.as_f64()?, b.as_f64()?]),
            _ => None,
        },
        number => Some([number.as_f64()?; 3]),
    }
}

/// A length in pixels.
pub(super) fn side(value: &Value) -> Option<u32> {
    let side = u32::try_from(value.as_u64()?).ok()?;
    (1..=8192).contains(&side).then_some(side)
}

/// What a side is resized to, of which `crop` is the fraction that stays; rounded down.
pub(super) fn scaled(crop: u32, fraction: f64) -> Option<u32> {
    let scaled = (f64::from(crop) / fraction).floor();
    (fraction > 0.0 && fraction <= 1.0 && scaled <= 8192.0).then_some(scaled as u32)
}

/// The note on an interpolation that this program does not have.
pub(super) fn unknown_interpolation(what: &str) -> String {
    format!(
        "“{}” is not among nearest, bilinear and bicubic: bicubic is taken, or say --interpolation",
        text::name(what)
    )
}
