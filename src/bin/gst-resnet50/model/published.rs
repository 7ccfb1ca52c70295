// SPDX-License-Identifier: MPL-2.0
//! What weights were published with: the files that timm and Hugging Face put beside them.
//!
//! timm writes `config.json` with `pretrained_cfg`; transformers writes `config.json` with the
//! network and its classes, and `preprocessor_config.json` with how pictures are prepared.

use std::path::{Path, PathBuf};

use gstresnet50::files;
use gstresnet50::inference::Sides;
use gstresnet50::preprocess::{Fit, Interpolation};
use gstresnet50::resnet50::Variant;
use gstresnet50::resnet50::weights::Naming;
use gstresnet50::text;
use serde_json::Value;

use super::source::{Weights, is_timm_name};

/// Names of the files, in the order of [`Beside`].
pub const FILES: [&str; 2] = ["config.json", "preprocessor_config.json"];

/// Bytes of the largest of them: the names of 20 thousand classes take 2 MB.
pub const MAX_FILE: u64 = 16 << 20;

/// The files beside weights, as far as there are any.
#[derive(Debug, Default)]
pub struct Beside {
    config: Option<Value>,
    preprocessor: Option<Value>,
    /// What the user is to be told of them.
    pub notes: Vec<String>,
}

impl Beside {
    /// The file of weights, and those that are read with it.
    pub fn files(weights: &Path) -> Vec<PathBuf> {
        let beside = FILES.iter().map(|name| weights.with_file_name(name));
        beside.chain([weights.to_owned()]).collect()
    }

    /// Those in the folder of a file of weights.
    pub fn of_file(weights: &Path) -> Self {
        let folder = weights.parent().unwrap_or(Path::new("."));
        Self::read(|name| match files::read(&folder.join(name), MAX_FILE) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.is_not_found() => Ok(None),
            Err(e) => Err(e.to_string()),
        })
    }

    /// Those that `get` gives by their names; nothing for those that are not there.
    pub fn read(get: impl Fn(&str) -> Result<Option<Vec<u8>>, String>) -> Self {
        let mut notes = Vec::new();
        let [config, preprocessor] = FILES.map(|name| {
            let parsed = match get(name) {
                Ok(None) => return None,
                Ok(Some(bytes)) => serde_json::from_slice(&bytes).map_err(|e| e.to_string()),
                Err(e) => Err(e),
            };
            match parsed {
                Ok(value) => Some(value),
                Err(e) => {
                    let e = text::one_line(&e);
                    notes.push(format!("{name} beside the weights is not used: {e}"));
                    None
                }
            }
        });
        Self {
            config,
            preprocessor,
            notes,
        }
    }
}

/// How pictures are prepared for weights, and what their classes are called.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// Where this comes from, for the user.
    pub from: String,
    pub resize: Sides,
    /// Length in pixels of the sides of the network's pictures.
    pub crop: u32,
    pub fit: Fit,
    pub interpolation: Interpolation,
    pub antialias: bool,
    pub mean: [f64; 3],
    pub std: [f64; 3],
    /// Whether it is v1, where the files say.
    pub variant: Option<Variant>,
    /// Names of the classes, where the files have them.
    pub labels: Option<Vec<String>>,
    /// What cannot be done as they say.
    pub notes: Vec<String>,
    /// Whether it is a guess: nothing says how these weights were published.
    pub is_guess: bool,
}

const MEAN: [f64; 3] = [0.485, 0.456, 0.406];
const STD: [f64; 3] = [0.229, 0.224, 0.225];

impl Published {
    fn new(from: impl Into<String>, resize: u32, interpolation: Interpolation) -> Self {
        Self {
            from: from.into(),
            resize: resize.into(),
            crop: 224,
            fit: Fit::Crop,
            interpolation,
            antialias: true,
            mean: MEAN,
            std: STD,
            variant: None,
            labels: None,
            notes: Vec::new(),
            is_guess: false,
        }
    }

    /// By the weights themselves: those that are known by their SHA-256, else what their file's
    /// name and their tensors' names tell.
    pub fn by_name(
        sha256: &str,
        name: &str,
        naming: Option<Naming>,
        classes: Option<usize>,
    ) -> Self {
        if let Some(known) = Weights::known(sha256) {
            let resize = known.resize();
            return Self::new(known.name(), resize, Interpolation::Bilinear);
        }
        if naming == Some(Naming::Transformers) {
            let from = "Hugging Face's microsoft/resnet-50 (no preprocessor_config.json is beside the weights)";
            return Self::new(from, 256, Interpolation::Bicubic);
        }
        // Other classes are somebody's own, and their files may have these names too.
        if is_timm_name(name) && classes.is_none_or(|n| n == 1000) {
            let from = "timm's resnet50.a1_in1k (no config.json is beside the weights)";
            return Self::new(from, 235, Interpolation::Bicubic);
        }
        Self {
            is_guess: true,
            ..Self::new("torchvision's presets", 256, Interpolation::Bilinear)
        }
    }

    /// By the files beside the weights, else [`Self::by_name`].
    ///
    /// # Errors
    /// If they describe another network than these weights could be.
    pub fn find(
        beside: &Beside,
        sha256: &str,
        name: &str,
        naming: Naming,
        classes: usize,
    ) -> Result<Self, String> {
        let fallback = Self::by_name(sha256, name, Some(naming), Some(classes));
        if Weights::known(sha256).is_some() {
            return Ok(fallback);
        }
        let mut published = match (&beside.config, &beside.preprocessor) {
            (Some(config), _) if is_timm(config) => timm(config, classes)?,
            (Some(config), preprocessor) if is_transformers(config) => {
                transformers(config, preprocessor.as_ref(), classes)?.unwrap_or(fallback)
            }
            (_, Some(preprocessor)) => Self {
                from: "preprocessor_config.json beside the weights".into(),
                ..prepared(preprocessor)?
            },
            _ => fallback,
        };
        if let Some(labels) = &published.labels
            && labels.len() != classes
        {
            return Err(format!(
                "{}: it names {} classes, and the weights have {classes}",
                published.from,
                labels.len()
            ));
        }
        published.notes.splice(0..0, beside.notes.iter().cloned());
        Ok(published)
    }
}

/// A member that is text.
fn string<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str()
}

/// A member that is three numbers, or one for all three.
fn triple(value: &Value, key: &str) -> Option<[f64; 3]> {
    match value.get(key)? {
        Value::Array(numbers) => match numbers.as_slice() {
            [r, g, b] => Some([r.as_f64()?, g.as_f64()?, b.as_f64()?]),
            _ => None,
        },
        number => Some([number.as_f64()?; 3]),
    }
}

fn is_timm(config: &Value) -> bool {
    config.get("pretrained_cfg").is_some_and(Value::is_object)
        || (config.get("architecture").is_some() && config.get("crop_pct").is_some())
}

fn is_transformers(config: &Value) -> bool {
    config.get("model_type").is_some() || config.get("id2label").is_some()
}

/// timm's names for the network that this is; `resnet50d`, `resnetblur50` and others have weights
/// that fit and compute something else.
const TIMM_NAMES: [&str; 5] = [
    "resnet50",
    "tv_resnet50",
    "gluon_resnet50_v1b",
    "ssl_resnet50",
    "swsl_resnet50",
];

/// What timm's `config.json` says; defaults are those of its `resolve_data_config`.
fn timm(config: &Value, classes: usize) -> Result<Published, String> {
    const FROM: &str = "timm's config.json beside the weights";
    let cfg = config
        .get("pretrained_cfg")
        .filter(|cfg| cfg.is_object())
        .unwrap_or(config);
    let wrong = |what: String| format!("{FROM}: {what}");
    let architecture = string(config, "architecture").or_else(|| string(cfg, "architecture"));
    if let Some(architecture) = architecture
        && !TIMM_NAMES.contains(&architecture)
    {
        return Err(wrong(format!(
            "it is of a “{}”, which is not ResNet50 v1.5",
            text::name(architecture)
        )));
    }
    if let Some(pool) = string(config, "global_pool")
        && pool != "avg"
    {
        return Err(wrong(format!(
            "global_pool is “{}”, and the network's is avg",
            text::name(pool)
        )));
    }
    let declared = config.get("num_classes").or_else(|| cfg.get("num_classes"));
    if let Some(declared) = declared.and_then(Value::as_u64)
        && declared != classes as u64
    {
        return Err(wrong(format!(
            "it has {declared} classes, and the weights have {classes}"
        )));
    }
    let mut notes = Vec::new();
    let crop = match cfg
        .get("input_size")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
    {
        None => 224,
        Some([_, height, width]) if height == width => {
            side(height).ok_or_else(|| wrong(format!("input_size has a side of {height}")))?
        }
        Some(_) => return Err(wrong("input_size is not [3, side, side]".into())),
    };
    let crop_pct = cfg.get("crop_pct").map_or(Some(0.875), Value::as_f64);
    let scaled = crop_pct
        .and_then(|p| scaled(crop, p))
        .ok_or_else(|| wrong("crop_pct is no fraction of 1".into()))?;
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
        notes.push(not_known(interpolation));
        Interpolation::Bicubic
    });
    Ok(Published {
        crop,
        fit,
        resize,
        mean: triple(cfg, "mean").unwrap_or(MEAN),
        std: triple(cfg, "std").unwrap_or(STD),
        labels: timm_labels(config, cfg),
        notes,
        ..Published::new(FROM, scaled, interpolation)
    })
}

/// timm's names of classes: descriptions where there are any.
fn timm_labels(config: &Value, cfg: &Value) -> Option<Vec<String>> {
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

/// What transformers' files say, or nothing if they are of another network than a ResNet.
fn transformers(
    config: &Value,
    preprocessor: Option<&Value>,
    classes: usize,
) -> Result<Option<Published>, String> {
    let kind = string(config, "model_type").unwrap_or("resnet");
    if kind != "resnet" {
        return Ok(None);
    }
    let wrong = |what: String| format!("Hugging Face's config.json beside the weights: {what}");
    if let Some(activation) = string(config, "hidden_act")
        && activation != "relu"
    {
        return Err(wrong(format!(
            "hidden_act is “{}”, and ResNet50's is relu",
            text::name(activation)
        )));
    }
    let mut published = match preprocessor {
        Some(preprocessor) => Published {
            from: "Hugging Face's preprocessor_config.json beside the weights".into(),
            ..prepared(preprocessor)?
        },
        None => Published::by_name("", "", Some(Naming::Transformers), None),
    };
    if config.get("downsample_in_bottleneck") == Some(&Value::Bool(true)) {
        published.variant = Some(Variant::V1);
    }
    if let Some(labels) = config.get("id2label").and_then(Value::as_object) {
        let of = |i: usize| labels.get(&i.to_string())?.as_str().map(str::to_owned);
        let names: Option<Vec<String>> = (0..labels.len()).map(of).collect();
        // What transformers writes where nobody gave names.
        let is_placeholder = |names: &Vec<String>| {
            let mut numbered = names.iter().enumerate();
            numbered.all(|(i, name)| *name == format!("LABEL_{i}"))
        };
        match names.filter(|names| names.len() == classes) {
            Some(names) if is_placeholder(&names) => {}
            Some(names) => published.labels = Some(names),
            None => {
                return Err(wrong(format!(
                    "id2label does not have the numbers 0 to {} of the weights' classes",
                    classes - 1
                )));
            }
        }
    }
    Ok(Some(published))
}

/// What a `preprocessor_config.json` says. Defaults are those of `ConvNextImageProcessor`, which
/// ResNet's files are of, where another class has no others.
fn prepared(config: &Value) -> Result<Published, String> {
    let wrong = |what: &str| format!("preprocessor_config.json beside the weights: {what}");
    let class = ["image_processor_type", "feature_extractor_type"]
        .into_iter()
        .find_map(|key| string(config, key))
        .unwrap_or_default();
    let flag = |key: &str, default: bool| config.get(key).map_or(Some(default), Value::as_bool);
    let is_set = |key: &str, default| flag(key, default).unwrap_or(default);
    let mut notes = Vec::new();

    let size = config.get("size");
    let member = |value: Option<&Value>, key: &str| side(value?.get(key)?);
    let shortest = member(size, "shortest_edge").or_else(|| side(size?));
    let both = member(size, "height").zip(member(size, "width"));
    let center = config.get("crop_size");
    let center = match is_set("do_center_crop", center.is_some()) {
        true => side(center.unwrap_or(&Value::Null)).or_else(|| {
            let (h, w) = member(center, "height").zip(member(center, "width"))?;
            (h == w).then_some(h)
        }),
        false => None,
    };
    let is_convnext = class.starts_with("ConvNext") || config.get("crop_pct").is_some();
    // ViT's and DeiT's older files have a number for both sides.
    let is_square = class.starts_with("ViT") || class.starts_with("DeiT");
    let (crop, fit, resize): (u32, Fit, Sides) = match (shortest, both, center) {
        (Some(shortest), _, _) if is_convnext && shortest < 384 => {
            let crop_pct = config
                .get("crop_pct")
                .and_then(Value::as_f64)
                .unwrap_or(0.875);
            let scaled =
                scaled(shortest, crop_pct).ok_or_else(|| wrong("crop_pct is no fraction of 1"))?;
            (shortest, Fit::Crop, scaled.into())
        }
        (Some(side), _, None) if is_convnext || is_square => (side, Fit::Stretch, side.into()),
        (Some(side), _, Some(crop)) if is_square => (crop, Fit::Crop, Sides::Both([side; 2])),
        (Some(shortest), _, crop) => {
            if crop.is_none() {
                notes.push(
                    "it crops nothing, and the network's pictures are square: the centre is taken"
                        .into(),
                );
            }
            (crop.unwrap_or(shortest), Fit::Crop, shortest.into())
        }
        (None, Some((height, width)), Some(crop)) => {
            (crop, Fit::Crop, Sides::Both([height, width]))
        }
        (None, Some((height, width)), None) if height == width => {
            (height, Fit::Stretch, height.into())
        }
        (None, Some(_), None) => {
            return Err(wrong("its pictures are not square, and the network's are"));
        }
        (None, None, _) => return Err(wrong("it has no size that is understood")),
    };

    let interpolation = match config.get("resample").and_then(Value::as_u64) {
        Some(0) => Interpolation::Nearest,
        None | Some(2) => Interpolation::Bilinear,
        Some(3) => Interpolation::Bicubic,
        Some(other) => {
            let names = ["", "lanczos", "", "", "box", "hamming"];
            let name = names.get(other as usize).copied().unwrap_or_default();
            notes.push(not_known(format!("resample {other} {name}").trim()));
            Interpolation::Bicubic
        }
    };

    // (value * 255 * factor - mean) / std, in units where white is 1.
    let factor = config.get("rescale_factor").and_then(Value::as_f64);
    let unit = match is_set("do_rescale", true) {
        true => 255.0 * factor.unwrap_or(1.0 / 255.0),
        false => 255.0,
    };
    let (mean, std) = match is_set("do_normalize", true) {
        true => (
            triple(config, "image_mean").unwrap_or([0.5; 3]),
            triple(config, "image_std").unwrap_or([0.5; 3]),
        ),
        false => ([0.0; 3], [1.0; 3]),
    };
    Ok(Published {
        crop,
        fit,
        resize,
        mean: mean.map(|m| m / unit),
        std: std.map(|s| s / unit),
        notes,
        ..Published::new("", 256, interpolation)
    })
}

/// A length in pixels.
fn side(value: &Value) -> Option<u32> {
    let side = u32::try_from(value.as_u64()?).ok()?;
    (1..=8192).contains(&side).then_some(side)
}

/// What a side is resized to, of which `crop` is the fraction that stays; rounded down.
fn scaled(crop: u32, fraction: f64) -> Option<u32> {
    let scaled = (f64::from(crop) / fraction).floor();
    (fraction > 0.0 && fraction <= 1.0 && scaled <= 8192.0).then_some(scaled as u32)
}

fn not_known(what: &str) -> String {
    format!(
        "“{}” is not among nearest, bilinear and bicubic: bicubic is taken, or say --interpolation",
        text::name(what)
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn find(config: Value, preprocessor: Value, classes: usize) -> Result<Published, String> {
        let bytes = |value: &Value| (!value.is_null()).then(|| value.to_string().into_bytes());
        let beside = Beside::read(|name| {
            Ok(bytes(match name {
                "config.json" => &config,
                _ => &preprocessor,
            }))
        });
        Published::find(&beside, "00", "w.safetensors", Naming::Torchvision, classes)
    }

    /// timm's file: `floor(224 / crop_pct)`, its interpolation and numbers.
    #[test]
    fn timms_config() {
        let config = json!({
            "architecture": "resnet50",
            "num_classes": 1000,
            "pretrained_cfg": {
                "input_size": [3, 224, 224], "test_input_size": [3, 288, 288],
                "interpolation": "bicubic", "crop_pct": 0.95, "crop_mode": "center",
                "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25],
            },
        });
        let found = find(config.clone(), Value::Null, 1000).expect("a contract");
        assert_eq!((found.crop, found.resize), (224, Sides::One(235)));
        assert_eq!(
            (found.interpolation, found.fit),
            (Interpolation::Bicubic, Fit::Crop)
        );
        assert_eq!((found.mean, found.std), ([0.5; 3], [0.25; 3]));
        assert!(
            find(config, Value::Null, 10)
                .expect_err("classes")
                .contains("1000 classes")
        );

        let old = json!({
            "architecture": "resnet50", "num_classes": 2, "input_size": [3, 160, 160],
            "crop_pct": 0.875, "interpolation": "lanczos", "crop_mode": "squash",
            "label_names": ["n1", "n2"], "label_descriptions": {"n1": "cat", "n2": "dog"},
        });
        let found = find(old, Value::Null, 2).expect("a contract");
        assert_eq!((found.crop, found.resize), (160, Sides::Both([182, 182])));
        assert_eq!(found.labels, Some(vec!["cat".into(), "dog".into()]));
        assert_eq!(found.notes.len(), 1, "{:?}", found.notes);

        for (architecture, pool) in [("resnetblur50", "avg"), ("resnet50", "catavgmax")] {
            let other = json!({
                "architecture": architecture, "global_pool": pool, "pretrained_cfg": {},
            });
            find(other, Value::Null, 2).expect_err(architecture);
        }
    }

    /// The files of `microsoft/resnet-50`, and of processors of other classes.
    #[test]
    fn hugging_faces_files() {
        let config = |n: usize| {
            let labels: serde_json::Map<_, _> = (0..n)
                .map(|i| (i.to_string(), format!("c{i}").into()))
                .collect();
            json!({"model_type": "resnet", "hidden_act": "relu", "id2label": labels})
        };
        let convnext = json!({
            "crop_pct": 0.875, "do_normalize": true, "do_resize": true,
            "feature_extractor_type": "ConvNextFeatureExtractor",
            "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225],
            "resample": 3, "size": 224,
        });
        let found = find(config(3), convnext, 3).expect("a contract");
        assert_eq!((found.crop, found.resize), (224, Sides::One(256)));
        assert_eq!(found.interpolation, Interpolation::Bicubic);
        assert_eq!((found.mean, found.std), (MEAN, STD));
        assert_eq!(found.labels.as_ref().map(Vec::len), Some(3));
        assert!(find(config(3), Value::Null, 4).is_err());

        let none = find(config(3), Value::Null, 3).expect("a contract");
        assert_eq!(none.resize, Sides::One(256));
        assert_eq!(none.interpolation, Interpolation::Bicubic);

        let sizes = |preprocessor: Value| {
            let found = find(Value::Null, preprocessor, 3).expect("a contract");
            (found.crop, found.fit, found.resize)
        };
        assert_eq!(
            sizes(
                json!({"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}})
            ),
            (224, Fit::Crop, Sides::One(256))
        );
        assert_eq!(
            sizes(
                json!({"size": {"height": 224, "width": 224}, "image_processor_type": "ViTImageProcessor"})
            ),
            (224, Fit::Stretch, Sides::One(224))
        );
        assert_eq!(
            sizes(
                json!({"size": {"height": 256, "width": 256}, "do_center_crop": true, "crop_size": 224})
            ),
            (224, Fit::Crop, Sides::Both([256, 256]))
        );
        assert_eq!(
            sizes(
                json!({"size": {"shortest_edge": 384}, "image_processor_type": "ConvNextImageProcessor"})
            ),
            (384, Fit::Stretch, Sides::One(384))
        );
        let bytes = json!({"size": 224, "do_rescale": false, "do_normalize": false});
        let found = find(Value::Null, bytes, 3).expect("a contract");
        assert_eq!((found.mean, found.std), ([0.0; 3], [1.0 / 255.0; 3]));
    }

    /// Files of another network, or that are no JSON, are left alone, and the user is told.
    #[test]
    fn other_files() {
        let vit = json!({"model_type": "vit", "id2label": {"0": "a"}});
        let found = find(vit, Value::Null, 1000).expect("the default");
        assert!(found.is_guess);
        let beside = Beside::read(|_| Ok(Some(b"{".to_vec())));
        assert_eq!(beside.notes.len(), 2);
    }
}
