// SPDX-License-Identifier: MPL-2.0
//! Whether the element takes a model, and how it uses it. An element of this program loads it.

use gst::prelude::*;
use gstresnet50::inference::ModelSource;
use gstresnet50::text;
use serde_json::{Map, Value, json};

use crate::plugin;

/// What the element says of a model.
#[derive(Debug)]
pub enum Taken {
    /// It takes it.
    Yes {
        /// Its property `model-info`.
        info: gst::Structure,
        /// What it warns of.
        warnings: Vec<String>,
    },
    /// It does not, with its reason and remedy.
    No(String),
    /// It cannot tell, for there is no ONNX Runtime.
    Unknown(String),
}

/// Lets an element of this program load a model, by itself.
///
/// # Errors
/// If there is no element.
pub fn ask(source: &ModelSource) -> crate::Result<Taken> {
    plugin::ensure_linked()?;
    let element = gst::ElementFactory::make("resnet50")
        .property("model", name(source)?)
        .build()?;
    let bus = gst::Bus::new();
    element.set_bus(Some(&bus));
    // A failed state change has posted why.
    let _ = element.set_state(gst::State::Paused);
    let taken = wait(&bus, &element);
    let _ = element.set_state(gst::State::Null);
    element.set_bus(None);
    Ok(taken)
}

/// What the property `model` calls it.
fn name(source: &ModelSource) -> crate::Result<String> {
    let ModelSource::File(path) = source else {
        return Ok(source.to_string());
    };
    let path = std::path::absolute(path)?;
    // A property is text, and a URI is for all other names.
    Ok(match path.to_str() {
        Some(text) => text.to_owned(),
        None => glib::filename_to_uri(&path, None)?.into(),
    })
}

/// Waits until the element has loaded the model or said why it cannot, which it always does.
fn wait(bus: &gst::Bus, element: &gst::Element) -> Taken {
    let mut warnings = Vec::new();
    let mut is_loaded = false;
    // What it warns of comes between the model and the news that it is there.
    while !is_loaded {
        let Some(message) = bus.timed_pop(gst::ClockTime::NONE) else {
            break;
        };
        match message.view() {
            gst::MessageView::Error(error) => {
                let (error, text) = (error.error(), error.error().message().to_owned());
                return match error.matches(gst::LibraryError::Init) {
                    true => Taken::Unknown(text),
                    false => Taken::No(text),
                };
            }
            gst::MessageView::Warning(warning) => {
                warnings.push(warning.error().message().to_owned());
            }
            gst::MessageView::Progress(progress) => {
                let kind = progress.structure().and_then(|s| s.get("type").ok());
                is_loaded = kind == Some(gst::ProgressType::Complete);
            }
            _ => {}
        }
    }
    match element.property::<Option<gst::Structure>>("model-info") {
        Some(info) => Taken::Yes { info, warnings },
        None => Taken::Unknown("the element does not tell".into()),
    }
}

impl Taken {
    /// For programs: `takes` (null where that is not known), then the contract or the reason.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Yes { info, warnings } => json!({
                "takes": true,
                "contract": fields(info),
                "warnings": warnings,
            }),
            Self::No(reason) => json!({ "takes": false, "reason": reason }),
            Self::Unknown(reason) => json!({ "takes": null, "reason": reason }),
        }
    }

    /// For people, each a name and a text.
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let (info, warnings) = match self {
            Self::Yes { info, warnings } => (info, warnings),
            Self::No(reason) => return vec![("element", format!("does not take it: {reason}"))],
            Self::Unknown(reason) => return vec![("element", format!("not tried: {reason}"))],
        };
        let text = |name: &str| info.get::<String>(name).unwrap_or_default();
        let number = |name: &str| info.get::<u32>(name).unwrap_or_default();
        let size = format!("{}x{}", number("width"), number("height"));
        let resized = match (
            info.get::<u32>("resize-width"),
            info.get::<u32>("resize-height"),
        ) {
            (Ok(width), Ok(height)) => format!("to {width}x{height}"),
            _ => format!("shorter side to {}", number("resize")),
        };
        let geometry = match text("fit").as_str() {
            "crop" => format!("{resized}, centre of {size}"),
            "stretch" => format!("stretched to {size}"),
            _ => format!("whole into {size}, black beside it"),
        };
        let mut pictures = format!("{geometry}, {}", text("interpolation"));
        if info.get::<bool>("antialias") == Ok(true) {
            pictures.push_str(", antialiased");
        }
        let normalization = match (numbers(info, "mean"), numbers(info, "std")) {
            (Some(mean), Some(std)) => format!("mean {mean}, std {std}"),
            _ => "bytes as they are".into(),
        };
        let tensor = format!(
            "{} {}, {}, {normalization}",
            text("type"),
            text("layout").to_uppercase(),
            text("color-order").to_uppercase()
        );
        let activation = match text("activation").as_str() {
            "none" => "confidences as they are".to_owned(),
            activation => format!("logits, which go through {activation}"),
        };
        let results = format!(
            "{} classes in “{}”: {activation}",
            number("classes"),
            text::name(&text("output"))
        );
        let mut lines = vec![
            ("element", "takes it".to_owned()),
            ("pictures", pictures),
            ("tensor", tensor),
            ("results", results),
        ];
        lines.extend(warnings.iter().map(|w| ("warning", w.clone())));
        lines
    }
}

/// A field of three numbers, without the digits that nobody needs.
fn numbers(info: &gst::Structure, name: &str) -> Option<String> {
    let array = info.get::<gst::ArrayRef>(name).ok()?;
    let numbers = array.iter().map(|value| {
        let number: f64 = value.get().unwrap_or(f64::NAN);
        ((number * 1e6).round() / 1e6).to_string()
    });
    Some(numbers.collect::<Vec<_>>().join(" "))
}

/// The fields of a structure.
fn fields(structure: &gst::StructureRef) -> Value {
    let fields = structure
        .iter()
        .map(|(name, value)| (name.to_string(), value_of(value)));
    Value::Object(fields.collect::<Map<_, _>>())
}

fn value_of(value: &glib::Value) -> Value {
    if let Ok(array) = value.get::<gst::ArrayRef>() {
        return array.iter().map(|v| value_of(v)).collect();
    }
    if let Ok(flag) = value.get::<bool>() {
        return flag.into();
    }
    if let Ok(number) = value.get::<f64>() {
        return number.into();
    }
    if let Ok(number) = value.get::<u64>() {
        return number.into();
    }
    if let Ok(number) = value.get::<u32>() {
        return number.into();
    }
    value.get::<Option<String>>().unwrap_or_default().into()
}
