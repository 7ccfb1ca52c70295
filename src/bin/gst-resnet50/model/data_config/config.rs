// SPDX-License-Identifier: MPL-2.0
//! How pictures are prepared for weights, and what is known without any other file.

use gstresnet50::inference::Sides;
use gstresnet50::preprocess::{Fit, Interpolation};
use gstresnet50::resnet50::Variant;
use gstresnet50::resnet50::weights::Naming;

use crate::model::source::{Weights, is_timm_name};

/// How pictures are prepared for weights, and what their classes are called.
#[derive(Debug, Clone, PartialEq)]
pub struct DataConfig {
    /// Where this comes from, for messages.
    pub source: String,
    /// What a picture is resized to before the crop.
    pub resize: Sides,
    /// Length in pixels of the sides of the network's pictures.
    pub crop: u32,
    pub fit: Fit,
    pub interpolation: Interpolation,
    pub antialias: bool,
    /// Of each channel, where white is 1.
    pub mean: [f64; 3],
    pub std: [f64; 3],
    /// The network's variant, if the files tell.
    pub variant: Option<Variant>,
    /// Names of the classes, if the files have them.
    pub labels: Option<Vec<String>>,
    /// What the files ask for and this program does otherwise.
    pub notes: Vec<String>,
    /// Whether nothing tells how these weights were published.
    pub is_guess: bool,
}

/// ImageNet's mean and standard deviation.
pub(super) const MEAN: [f64; 3] = [0.485, 0.456, 0.406];
pub(super) const STD: [f64; 3] = [0.229, 0.224, 0.225];

impl DataConfig {
    pub(super) fn new(
        source: impl Into<String>,
        resize: u32,
        interpolation: Interpolation,
    ) -> Self {
        Self {
            source: source.into(),
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

    /// The configuration of weights without sidecars: by their SHA-256 if they are known, else by
    /// the names of their file and their tensors.
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
            let source = "Hugging Face's microsoft/resnet-50 (no preprocessor_config.json is beside the weights)";
            return Self::new(source, 256, Interpolation::Bicubic);
        }
        // Other classes are somebody's own, and their files may have these names too.
        if is_timm_name(name) && classes.is_none_or(|n| n == 1000) {
            let source = "timm's resnet50.a1_in1k (no config.json is beside the weights)";
            return Self::new(source, 235, Interpolation::Bicubic);
        }
        Self {
            is_guess: true,
            ..Self::new("torchvision's presets", 256, Interpolation::Bilinear)
        }
    }
}
