// SPDX-License-Identifier: MPL-2.0
//! A model's description of itself beyond its graph: how images are to be pre-processed, and what
//! its classes are.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::onnx::CONTRACT_KEY;
use crate::paths;
use crate::preprocess::{
    ColorOrder, ElementType, Fit, Interpolation, Layout, Resize, Target, is_valid_mean,
    is_valid_std,
};
use crate::text;

/// What the values of an output mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputKind {
    /// Values before the activation.
    Logits,
    /// Values from 0 to 1, after the activation.
    Probabilities,
}

/// Where a model's class names come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ContractLabels {
    /// The name of a list that the plugin carries; `imagenet-1k` is the only one.
    Known(String),
    /// The names themselves, in the order of the classes.
    Names(Vec<String>),
    /// A Python list or dictionary of names, as its `repr` prints it.
    #[serde(skip)]
    Text(String),
}

/// A length in pixels, or one for each side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Sides {
    /// One length; the field says of what.
    One(u32),
    /// Height and width.
    Both([u32; 2]),
}

impl Sides {
    /// Height and width, which are equal for a single length.
    pub fn height_and_width(self) -> [u32; 2] {
        match self {
            Self::One(side) => [side; 2],
            Self::Both(sides) => sides,
        }
    }
}

impl From<u32> for Sides {
    fn from(side: u32) -> Self {
        Self::One(side)
    }
}

impl std::fmt::Display for Sides {
    /// `256`, or `[48, 192]`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::One(side) => side.fmt(f),
            Self::Both([height, width]) => write!(f, "[{height}, {width}]"),
        }
    }
}

/// A model's contract. Every field may be missing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Contract {
    /// `resnet50-v1.5`, `efficientnet-lite0` …
    pub architecture: Option<String>,
    /// Length in pixels of the shorter side before the crop; or height and width, which need not
    /// keep the aspect ratio.
    pub resize: Option<Sides>,
    /// Length in pixels of both sides after the crop, or height and width.
    pub crop: Option<Sides>,
    /// How an image is fitted to the size of the input tensor.
    #[serde(with = "fit")]
    pub fit: Option<Fit>,
    /// The filter for resizing; missing means bilinear.
    #[serde(with = "interpolation", skip_serializing_if = "Option::is_none")]
    pub interpolation: Option<Interpolation>,
    /// Whether downscaling is antialiased; missing means that it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub antialias: Option<bool>,
    /// Mean of red, green and blue, where black is 0 and white is 1.
    pub mean: Option<[f64; 3]>,
    /// Standard deviation of red, green and blue, in the same units.
    pub std: Option<[f64; 3]>,
    /// Order of the channels.
    #[serde(with = "color")]
    pub color: Option<ColorOrder>,
    /// What the values of the output mean.
    pub output: Option<OutputKind>,
    /// Names of the classes.
    pub labels: Option<ContractLabels>,
    /// Where the weights come from.
    pub source: Option<String>,
    /// SHA-256 of the file that they came in.
    pub weights_sha256: Option<String>,
    /// Whether the weights were trained; missing means that they were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trained: Option<bool>,
}

/// Serializes an enum of another module by these names.
macro_rules! names {
    ($module:ident, $type:ident, $($name:literal => $value:ident),*) => {
        mod $module {
            use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

            use super::$type;

            pub fn serialize<S: Serializer>(value: &Option<$type>, s: S) -> Result<S::Ok, S::Error> {
                let name = value.map(|v| match v {
                    $($type::$value => $name,)*
                });
                name.serialize(s)
            }

            pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<$type>, D::Error> {
                match Option::<String>::deserialize(d)?.as_deref() {
                    None => Ok(None),
                    $(Some($name) => Ok(Some($type::$value)),)*
                    Some(other) => Err(D::Error::unknown_variant(other, &[$($name),*])),
                }
            }
        }
    };
}
names!(fit, Fit, "crop" => Crop, "stretch" => Stretch, "letterbox" => Letterbox);
names!(color, ColorOrder, "rgb" => Rgb, "bgr" => Bgr);
names!(interpolation, Interpolation, "nearest" => Nearest, "bilinear" => Bilinear, "bicubic" => Bicubic);

/// Why a contract cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContractError {
    /// The metadata property is not the expected JSON.
    #[error("its metadata “{CONTRACT_KEY}” is not understood: {}", text::message(&.0.to_string()))]
    Json(#[from] serde_json::Error),
    /// A field has an invalid value.
    #[error("its contract has {field} = {}, which must be {expected}", text::name(.value))]
    Value {
        /// The field.
        field: &'static str,
        /// Its value.
        value: String,
        /// The valid values, as part of a sentence.
        expected: &'static str,
    },
    /// The `.modelinfo` file cannot be read.
    #[error("“{}”: {}", paths::escaped(path.as_os_str()), text::message(.message))]
    ModelInfo {
        /// The file.
        path: PathBuf,
        /// The reason.
        message: String,
    },
}

impl Contract {
    /// Parses the value of the metadata property.
    ///
    /// # Errors
    /// [`ContractError`] if it is not JSON of this form, or holds invalid values.
    pub fn from_json(json: &str) -> Result<Self, ContractError> {
        let contract: Self = serde_json::from_str(json)?;
        contract.check()?;
        Ok(contract)
    }

    /// The pre-processing for an input tensor of this size in pixels, layout and type. Fields that
    /// are missing are as in torchvision's presets.
    pub fn target(&self, width: u32, height: u32, layout: Layout, element: ElementType) -> Target {
        Target {
            width,
            height,
            layout,
            element,
            order: self.color.unwrap_or(ColorOrder::Rgb),
            fit: self.fit.unwrap_or(Fit::Crop),
            // 256 for 224, and in proportion for others.
            resize: match self.resize {
                Some(Sides::One(side)) => Resize::Shorter(side),
                Some(Sides::Both([height, width])) => Resize::Both { width, height },
                None => Resize::Shorter((width.min(height) * 256).div_ceil(224)),
            },
            interpolation: self.interpolation.unwrap_or_default(),
            antialias: self.antialias.unwrap_or(true),
            mean: self.mean.unwrap_or(IMAGENET_MEAN),
            std: self.std.unwrap_or(IMAGENET_STD),
        }
    }

    /// The number of its own class names, if it has any.
    pub(in crate::inference) fn labels_count(&self) -> Option<usize> {
        match &self.labels {
            Some(ContractLabels::Names(names)) => Some(names.len()),
            _ => None,
        }
    }

    /// This contract, with the fields that it lacks taken from another.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            architecture: self.architecture.or(other.architecture),
            resize: self.resize.or(other.resize),
            crop: self.crop.or(other.crop),
            fit: self.fit.or(other.fit),
            interpolation: self.interpolation.or(other.interpolation),
            antialias: self.antialias.or(other.antialias),
            mean: self.mean.or(other.mean),
            std: self.std.or(other.std),
            color: self.color.or(other.color),
            output: self.output.or(other.output),
            labels: self.labels.or(other.labels),
            source: self.source.or(other.source),
            weights_sha256: self.weights_sha256.or(other.weights_sha256),
            trained: self.trained.or(other.trained),
        }
    }

    pub(super) fn check(&self) -> Result<(), ContractError> {
        let refuse = |field, value: String, expected| {
            Err(ContractError::Value {
                field,
                value,
                expected,
            })
        };
        if let Some(std) = self.std
            && !std.iter().copied().all(is_valid_std)
        {
            return refuse("std", format!("{std:?}"), "finite and above 0");
        }
        if let Some(mean) = self.mean
            && !mean.iter().copied().all(is_valid_mean)
        {
            return refuse("mean", format!("{mean:?}"), "finite");
        }
        if let Some(ContractLabels::Known(name)) = &self.labels
            && name != IMAGENET
        {
            return refuse("labels", name.clone(), "imagenet-1k or a list of names");
        }
        for (field, value) in [("resize", self.resize), ("crop", self.crop)] {
            let is_valid = |side| (1..=MAX_SIDE).contains(&side);
            if let Some(value) = value
                && !value.height_and_width().into_iter().all(is_valid)
            {
                return refuse(field, value.to_string(), "from 1 to 8192");
            }
        }
        Ok(())
    }
}

/// ImageNet's mean and standard deviation, as in torchvision's presets.
const IMAGENET_MEAN: [f64; 3] = [0.485, 0.456, 0.406];
const IMAGENET_STD: [f64; 3] = [0.229, 0.224, 0.225];

/// The only list of class names that a contract can refer to.
const IMAGENET: &str = "imagenet-1k";

/// The maximum width and height of an input tensor, in pixels.
pub(super) const MAX_SIDE: u32 = 8192;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json() {
        let text = r#"{"architecture":"resnet50-v1.5","resize":256,"crop":224,"fit":"crop",
            "mean":[0.485,0.456,0.406],"std":[0.229,0.224,0.225],"color":"rgb","output":"logits",
            "labels":"imagenet-1k","source":"here","weights_sha256":"00","later":1}"#;
        let contract = Contract::from_json(text).expect("a contract");
        assert_eq!(contract.fit, Some(Fit::Crop));
        assert_eq!(contract.color, Some(ColorOrder::Rgb));
        assert_eq!(contract.output, Some(OutputKind::Logits));
        let again = serde_json::to_string(&contract).expect("JSON");
        assert_eq!(Contract::from_json(&again).expect("the same"), contract);
        assert!(!again.contains("interpolation") && !again.contains("antialias"));
        let target = |json: &str| {
            let contract = Contract::from_json(json).expect("a contract");
            let target = contract.target(224, 224, Layout::Nchw, ElementType::F32);
            (target.interpolation, target.antialias)
        };
        assert_eq!(target("{}"), (Interpolation::Bilinear, true));
        for interpolation in Interpolation::ALL {
            let json = format!(r#"{{"interpolation":"{interpolation}","antialias":false}}"#);
            assert_eq!(target(&json), (interpolation, false));
        }
        let names = Contract::from_json(r#"{"labels":["a","b"]}"#).expect("names");
        assert!(matches!(names.labels, Some(ContractLabels::Names(n)) if n.len() == 2));
        for wrong in [
            "",
            "3",
            r#"{"fit":"squeeze"}"#,
            r#"{"interpolation":"lanczos"}"#,
            r#"{"antialias":"yes"}"#,
            r#"{"std":[0,1,1]}"#,
            r#"{"mean":[1,2]}"#,
            r#"{"resize":0}"#,
            r#"{"resize":[256]}"#,
            r#"{"crop":[224,0]}"#,
            r#"{"crop":"224"}"#,
            r#"{"labels":"coco-80"}"#,
            r#"{"std":[1e-60,1,1]}"#,
        ] {
            assert!(Contract::from_json(wrong).is_err(), "{wrong}");
        }
    }

    /// Sizes are one number, or height and width.
    #[test]
    fn sizes() {
        let target = |json: &str| {
            let contract = Contract::from_json(json).expect("a contract");
            contract.target(192, 48, Layout::Nchw, ElementType::F32)
        };
        let resize = |json: &str| target(json).resize;
        assert_eq!(resize(r#"{"crop":[48,192]}"#), Resize::Shorter(55));
        assert_eq!(resize(r#"{"resize":64}"#), Resize::Shorter(64));
        let both = Resize::Both {
            width: 256,
            height: 64,
        };
        assert_eq!(resize(r#"{"resize":[64,256],"crop":[48,192]}"#), both);
        let text = r#"{"resize":[64,256],"crop":224}"#;
        let contract = Contract::from_json(text).expect("a contract");
        let again = serde_json::to_string(&contract).expect("JSON");
        assert_eq!(Contract::from_json(&again).expect("the same"), contract);
    }
}
