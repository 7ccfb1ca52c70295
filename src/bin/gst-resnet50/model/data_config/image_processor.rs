// SPDX-License-Identifier: MPL-2.0
//! transformers' `preprocessor_config.json`, with how pictures are prepared.

use gstresnet50::inference::Sides;
use gstresnet50::preprocess::{Fit, Interpolation};
use serde_json::Value;

use super::config::DataConfig;
use super::values::{scaled, side, string, triple, unknown_interpolation};

/// Reads it. Defaults are those of `ConvNextImageProcessor`, which ResNet's files name, unless the
/// file names another class that has its own.
///
/// # Errors
/// If the pictures that it describes do not suit the network.
pub(super) fn read(config: &Value) -> Result<DataConfig, String> {
    let about = |what: String| format!("preprocessor_config.json beside the weights: {what}");
    let mut notes = Vec::new();
    let geometry = geometry(config, &mut notes).map_err(about)?;
    let interpolation = interpolation(config, &mut notes);
    let (mean, std) = normalization(config);
    Ok(DataConfig {
        crop: geometry.crop,
        fit: geometry.fit,
        resize: geometry.resize,
        mean,
        std,
        notes,
        ..DataConfig::new("", 256, interpolation)
    })
}

/// How a picture becomes a square of the network's size.
struct Geometry {
    crop: u32,
    fit: Fit,
    resize: Sides,
}

impl Geometry {
    fn new(crop: u32, fit: Fit, resize: impl Into<Sides>) -> Self {
        let resize = resize.into();
        Self { crop, fit, resize }
    }
}

fn geometry(config: &Value, notes: &mut Vec<String>) -> Result<Geometry, String> {
    let size = config.get("size");
    let member = |value: Option<&Value>, key: &str| side(value?.get(key)?);
    let shortest = member(size, "shortest_edge").or_else(|| side(size?));
    let both = member(size, "height").zip(member(size, "width"));
    let center = config.get("crop_size");
    let center = match is_set(config, "do_center_crop", center.is_some()) {
        true => side(center.unwrap_or(&Value::Null)).or_else(|| {
            let (h, w) = member(center, "height").zip(member(center, "width"))?;
            (h == w).then_some(h)
        }),
        false => None,
    };
    let class = ["image_processor_type", "feature_extractor_type"]
        .into_iter()
        .find_map(|key| string(config, key))
        .unwrap_or_default();
    let crop_pct = config.get("crop_pct");
    let is_convnext = class.starts_with("ConvNext") || crop_pct.is_some();
    // ViT's and DeiT's older files have a number for both sides.
    let is_square = class.starts_with("ViT") || class.starts_with("DeiT");
    Ok(match (shortest, both, center) {
        (Some(shortest), _, _) if is_convnext && shortest < 384 => {
            let fraction = crop_pct.and_then(Value::as_f64).unwrap_or(0.875);
            let scaled = scaled(shortest, fraction).ok_or("crop_pct is no fraction of 1")?;
            Geometry::new(shortest, Fit::Crop, scaled)
        }
        (Some(side), _, None) if is_convnext || is_square => {
            Geometry::new(side, Fit::Stretch, side)
        }
        (Some(side), _, Some(crop)) if is_square => {
            Geometry::new(crop, Fit::Crop, Sides::Both([side; 2]))
        }
        (Some(shortest), _, crop) => {
            if crop.is_none() {
                notes.push(
                    "it crops nothing, and the network's pictures are square: the centre is taken"
                        .into(),
                );
            }
            Geometry::new(crop.unwrap_or(shortest), Fit::Crop, shortest)
        }
        (None, Some((height, width)), Some(crop)) => {
            Geometry::new(crop, Fit::Crop, Sides::Both([height, width]))
        }
        (None, Some((height, width)), None) if height == width => {
            Geometry::new(height, Fit::Stretch, height)
        }
        (None, Some(_), None) => {
            return Err("its pictures are not square, and the network's are".into());
        }
        (None, None, _) => return Err("it has no size that is understood".into()),
    })
}

/// Of the numbers that Pillow has for its filters.
fn interpolation(config: &Value, notes: &mut Vec<String>) -> Interpolation {
    match config.get("resample").and_then(Value::as_u64) {
        Some(0) => Interpolation::Nearest,
        None | Some(2) => Interpolation::Bilinear,
        Some(3) => Interpolation::Bicubic,
        Some(other) => {
            let names = ["", "lanczos", "", "", "box", "hamming"];
            let name = names.get(other as usize).copied().unwrap_or_default();
            notes.push(unknown_interpolation(
                format!("resample {other} {name}").trim(),
            ));
            Interpolation::Bicubic
        }
    }
}

/// Mean and standard deviation of each channel, where white is 1. The processor computes
/// `(byte * factor - mean) / std`.
fn normalization(config: &Value) -> ([f64; 3], [f64; 3]) {
    let factor = config.get("rescale_factor").and_then(Value::as_f64);
    let unit = match is_set(config, "do_rescale", true) {
        true => 255.0 * factor.unwrap_or(1.0 / 255.0),
        false => 255.0,
    };
    let (mean, std) = match is_set(config, "do_normalize", true) {
        true => (
            triple(config, "image_mean").unwrap_or([0.5; 3]),
            triple(config, "image_std").unwrap_or([0.5; 3]),
        ),
        false => ([0.0; 3], [1.0; 3]),
    };
    (mean.map(|m| m / unit), std.map(|s| s / unit))
}

fn is_set(config: &Value, key: &str, default: bool) -> bool {
    let value = config.get(key).and_then(Value::as_bool);
    value.unwrap_or(default)
}
