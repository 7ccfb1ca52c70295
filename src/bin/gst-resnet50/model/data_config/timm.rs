// SPDX-License-Identifier: MPL-2.0
//! timm's `config.json`, with `pretrained_cfg`.

use gstresnet50::inference::Sides;
use gstresnet50::preprocess::{Fit, Interpolation};
use gstresnet50::text;
use serde_json::Value;

use super::config::{DataConfig, MEAN, STD};
use super::values::{scaled, side, string, triple, unknown_interpolation};

/// Whether a `config.json` is timm's.
pub(super) fn recognizes(config: &Value) -> bool {
    config.get("pretrained_cfg").is_some_and(Value::is_object)
        || (config.get("architecture").is_some() && config.get("crop_pct").is_some())
}

/// timm's names for ResNet50 v1.5. Weights of `resnet50d`, `resnetblur50` and others have the same
/// shapes, but their networks compute something else.
const NAMES: [&str; 5] = [
    "resnet50",
    "tv_resnet50",
    "gluon_resnet50_v1b",
    "ssl_resnet50",
    "swsl_resnet50",
];

const SOURCE: &str = "timm's config.json beside the weights";

/// Reads it. Defaults are those of timm's `resolve_data_config`.
///
/// # Errors
/// If it describes another network, or has values that cannot be right.
pub(super) fn read(config: &Value, classes: usize) -> Result<DataConfig, String> {
    let about = |what: String| format!("{SOURCE}: {what}");
    let cfg = config
        .get("pretrained_cfg")
        .filter(|cfg| cfg.is_object())
        .unwrap_or(config);
    check_network(config, cfg, classes).map_err(about)?;
    let crop = crop(cfg).map_err(about)?;
    let crop_pct = cfg.get("crop_pct").map_or(Some(0.875), Value::as_f64);
    let scaled = crop_pct
        .and_then(|fraction| scaled(crop, fraction))
        .ok_or_else(|| about("crop_pct is no fraction of 1".into()))?;
    let mut notes = Vec::new();
    let (fit, resize) = match string(cfg, "crop_mode").unwrap_or("center") {
        "squash" if scaled == crop => (Fit::Stretch, crop.into()),
        "squash" => (Fit::Crop, Sides::Both([scaled; 2])),
        "border" if scaled == crop => {
            notes
                .push("crop_mode “border” fills with the mean in timm, and here with black".into());
            (Fit::Letterbox, crop.into())
        }
        "center" => (Fit::Crop, scaled.into()),
        other => {
            let other = text::name(other);
            notes.push(format!(
                "crop_mode “{other}” is not known: “center” is taken"
            ));
            (Fit::Crop, scaled.into())
        }
    };
    let interpolation = string(cfg, "interpolation").unwrap_or("bicubic");
    let known = Interpolation::ALL
        .into_iter()
        .find(|i| i.name() == interpolation);
    let interpolation = known.unwrap_or_else(|| {
        notes.push(unknown_interpolation(interpolation));
        Interpolation::Bicubic
    });
    Ok(DataConfig {
        crop,
        fit,
        resize,
        mean: triple(cfg, "mean").unwrap_or(MEAN),
        std: triple(cfg, "std").unwrap_or(STD),
        labels: labels(config, cfg),
        notes,
        ..DataConfig::new(SOURCE, scaled, interpolation)
    })
}

/// Refuses another network, and another number of classes.
fn check_network(config: &Value, cfg: &Value, classes: usize) -> Result<(), String> {
    let architecture = string(config, "architecture").or_else(|| string(cfg, "architecture"));
    if let Some(architecture) = architecture
        && !NAMES.contains(&architecture)
    {
        return Err(format!(
            "it is of a “{}”, which is not ResNet50 v1.5",
            text::name(architecture)
        ));
    }
    if let Some(pool) = string(config, "global_pool")
        && pool != "avg"
    {
        return Err(format!(
            "global_pool is “{}”, and the network's is avg",
            text::name(pool)
        ));
    }
    let declared = config.get("num_classes").or_else(|| cfg.get("num_classes"));
    match declared.and_then(Value::as_u64) {
        Some(declared) if declared != classes as u64 => Err(format!(
            "it has {declared} classes, and the weights have {classes}"
        )),
        _ => Ok(()),
    }
}

/// Length in pixels of the sides of the network's pictures.
fn crop(cfg: &Value) -> Result<u32, String> {
    let size = cfg.get("input_size").and_then(Value::as_array);
    match size.map(Vec::as_slice) {
        None => Ok(224),
        Some([_, height, width]) if height == width => {
            side(height).ok_or_else(|| format!("input_size has a side of {height}"))
        }
        Some(_) => Err("input_size is not [3, side, side]".into()),
    }
}

/// The classes' descriptions, or their names where there are none.
fn labels(config: &Value, cfg: &Value) -> Option<Vec<String>> {
    let member = |key: &str| {
        config
            .get(key)
            .or_else(|| cfg.get(key))
            .filter(|v| !v.is_null())
    };
    let names: Vec<&str> = member("label_names")?
        .as_array()?
        .iter()
        .map(Value::as_str)
        .collect::<Option<_>>()?;
    let described = |(i, name): (usize, &&str)| {
        let description = match member("label_descriptions")? {
            Value::Array(all) => all.get(i),
            all => all.get(*name),
        };
        Some(description?.as_str()?.to_owned())
    };
    let all: Option<Vec<String>> = names.iter().enumerate().map(described).collect();
    all.or_else(|| Some(names.iter().map(|name| (*name).to_owned()).collect()))
}
