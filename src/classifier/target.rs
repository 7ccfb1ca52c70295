// SPDX-License-Identifier: MPL-2.0
//! What pre-processing is to do: the options, else the model's contract, else the defaults.

use super::error::Error;
use super::options::TensorOptions;
use crate::inference::Model;
use crate::preprocess::{ElementType, Fit, Resize, Target, is_valid_mean, is_valid_std};

/// What the options make of a model's own target.
pub(super) fn target(options: &TensorOptions, model: &Model) -> Result<Target, Error> {
    let own = model.target();
    let fit = options.fit.unwrap_or(own.fit);
    let side = own.width.min(own.height);
    let resize = match options.resize {
        0 => own.resize,
        resize if fit == Fit::Crop && resize < side => {
            return Err(Error::Setting {
                property: "resize",
                found: resize.to_string(),
                expected: format!("at least {side}, the shorter side of the model's input"),
            });
        }
        resize => Resize::Shorter(resize),
    };
    let element = own.element;
    let mean = triple(
        "mean",
        &options.mean,
        element,
        "finite numbers",
        is_valid_mean,
    )?;
    let std = triple(
        "std",
        &options.std,
        element,
        "finite numbers above 0",
        is_valid_std,
    )?;
    Ok(Target {
        order: options.color_order.unwrap_or(own.order),
        fit,
        resize,
        mean: mean.unwrap_or(own.mean),
        std: std.unwrap_or(own.std),
        ..own
    })
}

/// Checks `mean` or `std`.
fn triple(
    property: &'static str,
    value: &Option<Vec<f64>>,
    element: ElementType,
    what: &str,
    valid: impl Fn(f64) -> bool,
) -> Result<Option<[f64; 3]>, Error> {
    let Some(value) = value else {
        return Ok(None);
    };
    let wrong = |found: String, expected: String| Error::Setting {
        property,
        found,
        expected,
    };
    if element == ElementType::U8 {
        return Err(wrong(
            format!("{value:?}"),
            "unset: the model takes bytes and normalizes them itself".into(),
        ));
    }
    match value[..] {
        [r, g, b] if [r, g, b].into_iter().all(&valid) => Ok(Some([r, g, b])),
        [_, _, _] => Err(wrong(format!("{value:?}"), what.into())),
        _ => {
            let numbers = match value.len() {
                1 => "1 number".to_owned(),
                count => format!("{count} numbers"),
            };
            Err(wrong(
                format!("{value:?} ({numbers})"),
                format!("3 {what}, for red, green and blue"),
            ))
        }
    }
}
