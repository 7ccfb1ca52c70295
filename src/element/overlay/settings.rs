// SPDX-License-Identifier: MPL-2.0
//! The properties.

use std::sync::{Arc, LazyLock};

use super::super::model_name;
use super::super::property::{self, Table, playing};
use super::super::strings::NonUtf8;

/// The corner in which the classes of the frame are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstResnet50OverlayPosition")]
pub enum Position {
    /// Top left.
    #[default]
    #[enum_value(name = "Top left", nick = "top-left")]
    TopLeft,
    /// Top right.
    #[enum_value(name = "Top right", nick = "top-right")]
    TopRight,
    /// Bottom left.
    #[enum_value(name = "Bottom left", nick = "bottom-left")]
    BottomLeft,
    /// Bottom right.
    #[enum_value(name = "Bottom right", nick = "bottom-right")]
    BottomRight,
}

pub use show::Show;

// `glib::flags` adds items that have no documentation.
#[allow(missing_docs)]
mod show {
    /// What is drawn.
    #[glib::flags(name = "GstResnet50OverlayShow")]
    pub enum Show {
        /// The names of the classes.
        #[flags_value(name = "Names of the decision or of the best classes", nick = "label")]
        LABEL = 1,
        /// The confidences of the classes.
        #[flags_value(name = "Confidence as a bar and a number", nick = "bar")]
        BAR = 1 << 1,
        /// Inferences per second.
        #[flags_value(name = "Inferences a second of stream time", nick = "rate")]
        RATE = 1 << 2,
        /// The age of an old result.
        #[flags_value(name = "Age of a result that is older than 0.5 s", nick = "age")]
        AGE = 1 << 3,
        /// Boxes and labels of regions.
        #[flags_value(name = "Box and label of each classified region", nick = "regions")]
        REGIONS = 1 << 4,
    }
}

/// The values of the properties.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The classifier whose results are drawn; `None` for the last one.
    pub model_name: Option<Arc<str>>,
    /// Pango's description of the font. A size in it is ignored.
    pub font: String,
    /// Corner of the panel.
    pub position: Position,
    /// Maximum number of classes of the frame.
    pub max_labels: u32,
    /// Minimum confidence of a class, from 0 to 1.
    pub min_confidence: f32,
    /// What is drawn.
    pub show: Show,
    /// Colour of the text, 0xAARRGGBB as for the other colours.
    pub color: u32,
    /// Colour behind the text.
    pub background: u32,
    /// Colour of bars and boxes.
    pub accent: u32,
    /// Height of the font as a fraction of the frame's shorter side.
    pub scale: f64,
    /// How long a result is drawn on frames without one.
    pub hold: gst::ClockTime,
    /// String properties that were set to something that is not text.
    pub not_text: NonUtf8,
}

impl property::Settings for Settings {
    fn not_text(&mut self) -> &mut NonUtf8 {
        &mut self.not_text
    }
}

impl Default for Settings {
    /// With the properties' defaults.
    fn default() -> Self {
        let mut settings = Self {
            model_name: None,
            font: String::new(),
            position: Position::default(),
            max_labels: 0,
            min_confidence: 0.0,
            show: Show::empty(),
            color: 0,
            background: 0,
            accent: 0,
            scale: 0.0,
            hold: gst::ClockTime::ZERO,
            not_text: NonUtf8::default(),
        };
        PROPERTIES.reset(&mut settings);
        settings
    }
}

/// The properties, in the order in which `gst-inspect-1.0` shows them. `docs/properties.md` is made
/// from them.
pub static PROPERTIES: LazyLock<Table<Settings>> = LazyLock::new(|| {
    Table::new(vec![
        playing("model-name", "Model name", model_name::BLURB)
            .text_as(|name| model_name::name(name.as_deref()), |name| name.as_deref(), |s: &mut Settings| &mut s.model_name),
        playing("font-desc", "Font", "Pango's description of the font, for example \"DejaVu Sans Bold\". A size in it is ignored: see scale")
            .text_or("Sans", |s| &mut s.font),
        playing("position", "Position", "Corner of the frame in which its classes are drawn")
            .enumeration(Position::TopLeft, |s| &mut s.position),
        playing("max-labels", "Maximum number of labels", "Maximum number of classes that are drawn for the frame; a decision of resnet50 is drawn as one class. 0: none")
            .uint(5, 0..=u32::MAX, |s| &mut s.max_labels),
        playing("min-confidence", "Minimum confidence", "Minimum confidence of a class that is drawn, from 0 (all) to 1, for the frame and for regions; a region below it has neither label nor box")
            .float(0.01, 0.0..=1.0, |s| &mut s.min_confidence),
        playing("show", "Show", "What is drawn, for example \"label+bar\". Rate and age are drawn below the classes, or alone if neither label nor bar is drawn; they describe the results for the whole frame, so they are not drawn with region=rois of resnet50")
            .flags(Show::all(), |s| &mut s.show),
        playing("color", "Text colour", "Colour of the text, 0xAARRGGBB (big-endian ARGB)")
            .uint(0xffff_ffff, 0..=u32::MAX, |s| &mut s.color),
        playing("background-color", "Background colour", "Colour behind the text, 0xAARRGGBB (big-endian ARGB)")
            .uint(0xb010_1418, 0..=u32::MAX, |s| &mut s.background),
        playing("accent-color", "Accent colour", "Colour of the bars and of the regions' boxes, 0xAARRGGBB (big-endian ARGB)")
            .uint(0xff3d_dc97, 0..=u32::MAX, |s| &mut s.accent),
        playing("scale", "Scale", "Height of the font as a fraction of the frame's shorter side, from 0.001 to 1; never less than 6 pixels")
            .double(0.04, 0.001..=1.0, |s| &mut s.scale),
        playing("hold", "Hold", "How long in ns of running time the last result for the whole frame is still drawn when frames come without one; 0: not at all")
            .nanoseconds(1_000_000_000, u64::MAX, |s| &mut s.hold),
    ])
});
