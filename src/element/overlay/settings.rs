// SPDX-License-Identifier: MPL-2.0
//! The properties.

use std::sync::{Arc, LazyLock};

use gst::prelude::*;

use super::super::chosen;
use super::super::strings::{self, NotText};
use super::super::time::clock_time;

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
    #[flags_value(name = "Age of an answer that is older than 0.5 s", nick = "age")]
    AGE = 1 << 3,
    /// Boxes and labels of regions.
    #[flags_value(name = "Box and label of each classified region", nick = "regions")]
    REGIONS = 1 << 4,
}

const DEFAULT_FONT: &str = "Sans";
const DEFAULT_MAX_LABELS: u32 = 5;
const DEFAULT_MIN_CONFIDENCE: f32 = 0.01;
const DEFAULT_COLOR: u32 = 0xffff_ffff;
const DEFAULT_BACKGROUND: u32 = 0xb010_1418;
const DEFAULT_ACCENT: u32 = 0xff3d_dc97;
const DEFAULT_SCALE: f64 = 0.04;
const DEFAULT_HOLD: u64 = 1_000_000_000;

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
    pub not_text: NotText,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            model_name: None,
            font: DEFAULT_FONT.into(),
            position: Position::default(),
            max_labels: DEFAULT_MAX_LABELS,
            min_confidence: DEFAULT_MIN_CONFIDENCE,
            show: Show::all(),
            color: DEFAULT_COLOR,
            background: DEFAULT_BACKGROUND,
            accent: DEFAULT_ACCENT,
            scale: DEFAULT_SCALE,
            hold: gst::ClockTime::from_nseconds(DEFAULT_HOLD),
            not_text: NotText::default(),
        }
    }
}

impl Settings {
    /// Sets a property, whose value GObject has checked.
    pub fn set(&mut self, name: &'static str, value: &glib::Value) {
        fn get<'v, T: glib::value::FromValue<'v>>(value: &'v glib::Value) -> T {
            value.get().expect("GObject checks the type")
        }
        if self.not_text.take(name, value) {
            return;
        }
        let text = || strings::bytes_of(value).and_then(|text| text.into_string().ok());
        match name {
            "model-name" => self.model_name = chosen::name(text().as_deref()),
            "font-desc" => self.font = text().unwrap_or_else(|| DEFAULT_FONT.into()),
            "position" => self.position = get(value),
            "max-labels" => self.max_labels = get(value),
            "min-confidence" => self.min_confidence = get(value),
            "show" => self.show = get(value),
            "color" => self.color = get(value),
            "background-color" => self.background = get(value),
            "accent-color" => self.accent = get(value),
            "scale" => self.scale = get(value),
            "hold" => self.hold = clock_time(get(value)),
            _ => unreachable!("no such property: {name}"),
        }
    }

    /// The value of a property.
    pub fn get(&self, name: &str) -> glib::Value {
        if let Some(not_text) = self.not_text.get(name) {
            return not_text;
        }
        match name {
            "model-name" => self.model_name.as_deref().to_value(),
            "font-desc" => self.font.to_value(),
            "position" => self.position.to_value(),
            "max-labels" => self.max_labels.to_value(),
            "min-confidence" => self.min_confidence.to_value(),
            "show" => self.show.to_value(),
            "color" => self.color.to_value(),
            "background-color" => self.background.to_value(),
            "accent-color" => self.accent.to_value(),
            "scale" => self.scale.to_value(),
            "hold" => self.hold.nseconds().to_value(),
            _ => unreachable!("no such property: {name}"),
        }
    }
}

/// The properties of the element.
pub fn properties() -> &'static [glib::ParamSpec] {
    static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
        let color = |name: &'static str, nick, blurb, default| {
            glib::ParamSpecUInt::builder(name)
                .nick(nick)
                .blurb(blurb)
                .default_value(default)
                .mutable_playing()
                .build()
        };
        vec![
            glib::ParamSpecString::builder("model-name")
                .nick("Model name")
                .blurb(chosen::BLURB)
                .mutable_playing()
                .build(),
            glib::ParamSpecString::builder("font-desc")
                .nick("Font")
                .blurb("Pango's description of the font, for example \"DejaVu Sans Bold\". A size in it does not count: see scale")
                .default_value(DEFAULT_FONT)
                .mutable_playing()
                .build(),
            glib::ParamSpecEnum::builder::<Position>("position")
                .nick("Position")
                .blurb("Corner of the frame that its classes are drawn in")
                .mutable_playing()
                .build(),
            glib::ParamSpecUInt::builder("max-labels")
                .nick("Most labels")
                .blurb("Most classes that are drawn for the frame; there is one where resnet50 decides. 0: none")
                .default_value(DEFAULT_MAX_LABELS)
                .mutable_playing()
                .build(),
            glib::ParamSpecFloat::builder("min-confidence")
                .nick("Least confidence")
                .blurb("Least confidence of a class that is drawn, from 0 (all) to 1; of a region, whose box goes with its label, too")
                .minimum(0.0)
                .maximum(1.0)
                .default_value(DEFAULT_MIN_CONFIDENCE)
                .mutable_playing()
                .build(),
            glib::ParamSpecFlags::builder::<Show>("show")
                .nick("Show")
                .blurb("What is drawn, for example \"label+bar\". Rate and age stand below the classes, or by themselves where neither label nor bar is shown; they are those of the whole frame's answers, so they do not appear with region=rois of resnet50")
                .default_value(Show::all())
                .mutable_playing()
                .build(),
            color("color", "Text colour", "Colour of the text, 0xAARRGGBB (big-endian ARGB)", DEFAULT_COLOR),
            color("background-color", "Background colour", "Colour behind the text, 0xAARRGGBB (big-endian ARGB)", DEFAULT_BACKGROUND),
            color("accent-color", "Accent colour", "Colour of the bars and of the regions' boxes, 0xAARRGGBB (big-endian ARGB)", DEFAULT_ACCENT),
            glib::ParamSpecDouble::builder("scale")
                .nick("Scale")
                .blurb("Height of the font in lengths of the frame's shorter side, so that the picture looks the same at any size; never less than 6 pixels")
                .minimum(0.001)
                .maximum(1.0)
                .default_value(DEFAULT_SCALE)
                .mutable_playing()
                .build(),
            glib::ParamSpecUInt64::builder("hold")
                .nick("Hold")
                .blurb("How long in ns of running time the last answer for the whole frame is still drawn when frames come without one; 0: not at all")
                .default_value(DEFAULT_HOLD)
                .mutable_playing()
                .build(),
        ]
    });
    &PROPERTIES
}
