// SPDX-License-Identifier: MPL-2.0
//! The types of properties that have one of their own.

use std::sync::Arc;

use crate::postprocess::Activation;
use crate::preprocess::{ColorOrder, Fit};

/// What turns the model's output into confidences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstResnet50Activation")]
pub enum ActivationSetting {
    /// The model's contract or its graph tells.
    #[default]
    #[enum_value(name = "What the model's contract or its graph says", nick = "auto")]
    Auto,
    /// One of the classes is right.
    #[enum_value(name = "Softmax: one of the classes is right", nick = "softmax")]
    Softmax,
    /// Each class by itself.
    #[enum_value(name = "Sigmoid: each class by itself", nick = "sigmoid")]
    Sigmoid,
    /// The output is confidences.
    #[enum_value(name = "None: the output is confidences", nick = "none")]
    None,
}

/// How a picture becomes as large as the model's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstResnet50Fit")]
pub enum FitSetting {
    /// The model's contract tells, else the crop.
    #[default]
    #[enum_value(name = "What the model's contract says, else crop", nick = "auto")]
    Auto,
    /// The shorter side is resized, the centre cut out.
    #[enum_value(name = "Resize the shorter side, cut out the centre", nick = "crop")]
    Crop,
    /// Both sides are resized.
    #[enum_value(
        name = "Resize both sides, whatever the aspect ratio",
        nick = "stretch"
    )]
    Stretch,
    /// The whole picture, with black bars.
    #[enum_value(name = "Fit the whole picture in, with black bars", nick = "letterbox")]
    Letterbox,
}

/// Order of the model's channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstResnet50ColorOrder")]
pub enum ColorOrderSetting {
    /// The model's contract tells, else red first.
    #[default]
    #[enum_value(name = "What the model's contract says, else rgb", nick = "auto")]
    Auto,
    /// Red first.
    #[enum_value(name = "Red, green, blue", nick = "rgb")]
    Rgb,
    /// Blue first.
    #[enum_value(name = "Blue, green, red", nick = "bgr")]
    Bgr,
}

/// When an element message is posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstResnet50Messages")]
pub enum Messages {
    /// Never.
    #[default]
    #[enum_value(name = "Never", nick = "none")]
    None,
    /// When the decision is another than before; without a decision layer, the best class.
    #[enum_value(
        name = "When the decision, or without one the best class, changes",
        nick = "change"
    )]
    Change,
    /// For each frame and region that was inferred.
    #[enum_value(name = "For each inferred frame and region", nick = "all")]
    All,
}

/// What is classified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstResnet50Region")]
pub enum RegionSetting {
    /// The frame.
    #[default]
    #[enum_value(name = "The whole frame", nick = "frame")]
    Frame,
    /// What detectors have found in it.
    #[enum_value(
        name = "Each region of interest that a detector has found",
        nick = "rois"
    )]
    Rois,
    /// The frame and what detectors have found in it.
    #[enum_value(name = "The whole frame and each region of interest", nick = "both")]
    Both,
}

impl RegionSetting {
    /// Whether the whole frame is.
    pub fn has_frame(self) -> bool {
        self != Self::Rois
    }

    /// Whether regions are.
    pub fn has_regions(self) -> bool {
        self != Self::Frame
    }
}

/// The property `roi-types`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RoiTypes {
    /// As it was set.
    pub text: Option<Arc<str>>,
    /// Empty for all types.
    types: Arc<[String]>,
}

impl RoiTypes {
    /// Reads a list that is separated by commas.
    pub fn new(text: Option<String>) -> Self {
        let types = text.iter().flat_map(|text| text.split(','));
        let types = types.map(str::trim).filter(|name| !name.is_empty());
        Self {
            types: types.map(str::to_owned).collect(),
            text: text.map(Arc::from),
        }
    }

    /// Whether regions of this type are classified.
    pub fn contain(&self, kind: &str) -> bool {
        self.types.is_empty()
            || self
                .types
                .iter()
                .any(|name| name.eq_ignore_ascii_case(kind))
    }
}

/// What a frame waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstResnet50Mode")]
pub enum Mode {
    /// Live in a live pipeline, else exact.
    #[default]
    #[enum_value(name = "Live in a live pipeline, else exact", nick = "auto")]
    Auto,
    /// Each chosen frame leaves with its own result.
    #[enum_value(name = "Each chosen frame waits for its own result", nick = "exact")]
    Exact,
    /// Frames leave at once with the newest result.
    #[enum_value(name = "Frames leave at once with the newest result", nick = "live")]
    Live,
}

impl From<FitSetting> for Option<Fit> {
    fn from(fit: FitSetting) -> Self {
        match fit {
            FitSetting::Auto => None,
            FitSetting::Crop => Some(Fit::Crop),
            FitSetting::Stretch => Some(Fit::Stretch),
            FitSetting::Letterbox => Some(Fit::Letterbox),
        }
    }
}

impl From<ColorOrderSetting> for Option<ColorOrder> {
    fn from(order: ColorOrderSetting) -> Self {
        match order {
            ColorOrderSetting::Auto => None,
            ColorOrderSetting::Rgb => Some(ColorOrder::Rgb),
            ColorOrderSetting::Bgr => Some(ColorOrder::Bgr),
        }
    }
}

impl From<ActivationSetting> for Option<Activation> {
    fn from(activation: ActivationSetting) -> Self {
        match activation {
            ActivationSetting::Auto => None,
            ActivationSetting::Softmax => Some(Activation::Softmax),
            ActivationSetting::Sigmoid => Some(Activation::Sigmoid),
            ActivationSetting::None => Some(Activation::None),
        }
    }
}
