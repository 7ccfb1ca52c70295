// SPDX-License-Identifier: MPL-2.0
//! What a model says of itself beyond its graph: how its pictures are to be prepared, and what
//! its classes are.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::files;
use crate::onnx::CONTRACT_KEY;
use crate::paths;
use crate::preprocess::{
    ColorOrder, ElementType, Fit, Interpolation, Layout, Resize, Target, is_valid_mean,
    is_valid_std,
};
use crate::text;

/// What the values of an output are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputKind {
    /// Before the activation.
    Logits,
    /// After it.
    Probabilities,
}

/// Where a model's class names come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ContractLabels {
    /// A list that this plugin has; `imagenet-1k` is the only one.
    Known(String),
    /// The names themselves.
    Names(Vec<String>),
    /// A list or a dictionary of names as a program prints it.
    #[serde(skip)]
    Text(String),
}

/// A length in pixels, or one for each side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Sides {
    /// One length. What it is of says the field.
    One(u32),
    /// Height and width.
    Both([u32; 2]),
}

impl Sides {
    /// Height and width, where one length is that of both.
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

/// A model's contract. Everything may be missing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Contract {
    /// `resnet50-v1.5`, `efficientnet-lite0` …
    pub architecture: Option<String>,
    /// Length in pixels of the shorter side before the crop; or of height and width, whatever that
    /// does to the aspect ratio.
    pub resize: Option<Sides>,
    /// Length in pixels of both sides after it, or of height and width.
    pub crop: Option<Sides>,
    /// How a picture becomes as large as the tensor.
    #[serde(with = "fit")]
    pub fit: Option<Fit>,
    /// How the picture is resized; unsaid, bilinearly.
    #[serde(with = "interpolation", skip_serializing_if = "Option::is_none")]
    pub interpolation: Option<Interpolation>,
    /// Whether every sample has a part in a picture that becomes smaller; unsaid, they have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub antialias: Option<bool>,
    /// Mean of red, green and blue, in units where white is 1.
    pub mean: Option<[f64; 3]>,
    /// Standard deviation of red, green and blue, in the same units.
    pub std: Option<[f64; 3]>,
    /// Order of the channels.
    #[serde(with = "color")]
    pub color: Option<ColorOrder>,
    /// What the output is.
    pub output: Option<OutputKind>,
    /// Names of the classes.
    pub labels: Option<ContractLabels>,
    /// Where the weights come from.
    pub source: Option<String>,
    /// SHA-256 of the file that they came in.
    pub weights_sha256: Option<String>,
    /// Whether the weights were trained; unsaid, they were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trained: Option<bool>,
}

/// Gives serde the names of an enum of another room.
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

/// A contract that cannot be understood.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContractError {
    /// The metadata property is not the JSON that it should be.
    #[error("its metadata “{CONTRACT_KEY}” is not understood: {}", text::message(&.0.to_string()))]
    Json(#[from] serde_json::Error),
    /// A number that cannot be.
    #[error("its contract has {field} = {}, which must be {expected}", text::name(.value))]
    Value {
        /// The field.
        field: &'static str,
        /// What it holds.
        value: String,
        /// What it must be.
        expected: &'static str,
    },
    /// The `.modelinfo` file cannot be read.
    #[error("“{}”: {}", paths::escaped(path.as_os_str()), text::message(.message))]
    ModelInfo {
        /// The file.
        path: PathBuf,
        /// Why not.
        message: String,
    },
}

impl Contract {
    /// Parses the value of the metadata property.
    ///
    /// # Errors
    /// [`ContractError`] if it is not JSON of this form, or holds values that cannot be.
    pub fn from_json(json: &str) -> Result<Self, ContractError> {
        let contract: Self = serde_json::from_str(json)?;
        contract.check()?;
        Ok(contract)
    }

    /// What it asks of pre-processing for an input tensor of this size, layout and type; where it
    /// says nothing, what torchvision's presets do.
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

    /// How many names it has for classes, where it has them itself.
    pub(super) fn labels_count(&self) -> Option<usize> {
        match &self.labels {
            Some(ContractLabels::Names(names)) => Some(names.len()),
            _ => None,
        }
    }

    /// What another contract says, where this one says nothing.
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

    fn check(&self) -> Result<(), ContractError> {
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

    /// Reads the `.modelinfo` beside a model, GStreamer 1.28's description of a model's tensors:
    /// `model.onnx.modelinfo` or `model.modelinfo`. From the section of the input it takes
    /// `ranges`, what black and white become for each channel.
    ///
    /// # Errors
    /// [`ContractError`] if there is such a file and it cannot be understood.
    pub fn from_modelinfo(model: &Path, input: &str) -> Result<Option<Self>, ContractError> {
        Self::from_modelinfo_unless(model, input, &|| false)
    }

    /// [`Self::from_modelinfo`], given up as soon as `is_cancelled` says so.
    pub(super) fn from_modelinfo_unless(
        model: &Path,
        input: &str,
        is_cancelled: &dyn Fn() -> bool,
    ) -> Result<Option<Self>, ContractError> {
        let candidates = modelinfo_files(model).into_iter();
        let Some(path) = candidates.filter(|p| !p.is_dir()).find(|p| p.exists()) else {
            return Ok(None);
        };
        let failed = |message: String| ContractError::ModelInfo {
            path: path.clone(),
            message,
        };
        let text = files::read_unless(&path, MAX_MODELINFO, is_cancelled)
            .map_err(|e| failed(e.to_string()))?;
        Self::parse_modelinfo(text, input).map(Some).map_err(failed)
    }

    /// What a `.modelinfo` with these contents says of this input.
    ///
    /// # Errors
    /// Why it cannot be understood, as part of a sentence.
    pub fn parse_modelinfo(contents: Vec<u8>, input: &str) -> Result<Self, String> {
        let file = glib::KeyFile::new();
        file.load_from_bytes(&glib::Bytes::from_owned(contents), glib::KeyFileFlags::NONE)
            .map_err(|e| e.to_string())?;
        // (GLib's strings have no zero bytes in them.)
        if input.contains('\0') || !file.has_group(input) {
            return Err(format!(
                "it has no section [{}] for the model's input",
                text::name(input)
            ));
        }
        let ranges = match file.string(input, "ranges") {
            Ok(ranges) => ranges,
            // Without ranges the tensor takes the bytes as they are.
            Err(error) if error.matches(glib::KeyFileError::KeyNotFound) => "0,255".into(),
            Err(error) => return Err(error.to_string()),
        };
        let ranges = ranges.as_str();
        let wrong = || {
            format!(
                "“ranges={}” is not three pairs “min,max;min,max;min,max”",
                text::name(ranges)
            )
        };
        let pairs: Vec<(f64, f64)> = ranges
            .trim_end_matches(';')
            .split(';')
            .map(|pair| {
                let (min, max) = pair.split_once(',')?;
                Some((min.trim().parse().ok()?, max.trim().parse().ok()?))
            })
            .collect::<Option<_>>()
            .ok_or_else(wrong)?;
        let pairs: [(f64, f64); 3] = match pairs[..] {
            [all] => [all; 3],
            [r, g, b] => [r, g, b],
            _ => return Err(wrong()),
        };
        // value * (max - min) + min = (value - mean) / std
        let contract = Self {
            crop: file
                .string(input, "dims")
                .ok()
                .and_then(|dims| sides_of(&dims)),
            // (Plus zero: -0.0 would be shown as such.)
            mean: Some(pairs.map(|(min, max)| -min / (max - min) + 0.0)),
            std: Some(pairs.map(|(min, max)| 1.0 / (max - min))),
            ..Self::default()
        };
        contract.check().map_err(|e| e.to_string())?;
        Ok(contract)
    }
}

/// Height and width in the dimensions of an input, as `.modelinfo` has them: `-1,3,224,224`.
fn sides_of(dims: &str) -> Option<Sides> {
    let dims = dims.split(',').map(|d| d.trim().parse().ok());
    let dims: Vec<i64> = dims.collect::<Option<_>>()?;
    let sides = match dims[..] {
        [_, 3, height, width] | [_, height, width, 3] => [height, width],
        _ => return None,
    };
    let side = |side: i64| {
        u32::try_from(side)
            .ok()
            .filter(|s| (1..=MAX_SIDE).contains(s))
    };
    Some(Sides::Both([side(sides[0])?, side(sides[1])?]))
}

/// Where a model's `.modelinfo` may be.
pub(super) fn modelinfo_files(model: &Path) -> [PathBuf; 2] {
    let mut appended = model.as_os_str().to_owned();
    appended.push(".modelinfo");
    [appended.into(), model.with_extension("modelinfo")]
}

/// ImageNet's mean and standard deviation, as in torchvision's presets.
const IMAGENET_MEAN: [f64; 3] = [0.485, 0.456, 0.406];
const IMAGENET_STD: [f64; 3] = [0.229, 0.224, 0.225];

/// The one list of names that a contract can refer to.
const IMAGENET: &str = "imagenet-1k";

/// Bytes of the largest `.modelinfo` that is read: they have a few lines.
const MAX_MODELINFO: u64 = 1 << 20;

/// The longest side of a tensor.
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

    #[test]
    fn modelinfo() {
        let dir = tempfile::tempdir().expect("a folder");
        let model = dir.path().join("net.onnx");
        assert!(
            Contract::from_modelinfo(&model, "x")
                .expect("none")
                .is_none()
        );
        let info = dir.path().join("net.modelinfo");
        let write = |text: &str| std::fs::write(&info, text).expect("a file");
        write("[x]\ndir=input\n");
        let contract = Contract::from_modelinfo(&model, "x")
            .expect("read")
            .expect("there");
        assert_eq!(
            (contract.mean, contract.std),
            (Some([0.0; 3]), Some([1.0 / 255.0; 3]))
        );
        write("[modelinfo]\nversion=1.0\n[x]\ndir=input\nranges=-1.0,1.0;0.0,1.0;0.0,255.0\n");
        let contract = Contract::from_modelinfo(&model, "x")
            .expect("read")
            .expect("there");
        assert_eq!(contract.mean, Some([0.5, 0.0, 0.0]));
        assert_eq!(contract.crop, None);
        for (dims, crop) in [
            ("-1,3,48,192", Some(Sides::Both([48, 192]))),
            ("1,64,64,3", Some(Sides::Both([64, 64]))),
            ("-1,3,-1,-1", None),
            ("1,1000", None),
        ] {
            write(&format!("[x]\ndims={dims}\n"));
            let contract = Contract::from_modelinfo(&model, "x").expect("read");
            assert_eq!(contract.expect("there").crop, crop, "{dims}");
        }
        assert_eq!(contract.std, Some([0.5, 1.0, 1.0 / 255.0]));
        for wrong in [
            "[y]\n",
            "[x]\nranges=1\n",
            "[x]\nranges=1,0\n",
            "[x]\nranges=\\q\n",
            "no key file",
        ] {
            write(wrong);
            assert!(Contract::from_modelinfo(&model, "x").is_err(), "{wrong}");
        }
    }
}
