// SPDX-License-Identifier: MPL-2.0
//! The options that are properties of the element.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use glib::translate::{ToGlibPtr as _, ToGlibPtrMut as _, from_glib};
use gst::prelude::*;
use gstresnet50::inference::{BUILTIN, ModelError, ModelSource, find_model};

use crate::output;

#[derive(Debug, clap::Args)]
pub struct Settings {
    /// ONNX file or builtin:efficientnet-lite0 [default: as the element's property]
    #[arg(long)]
    model: Option<OsString>,
    /// File of class names, a line each, or a JSON or Python list or dict
    #[arg(long)]
    labels: Option<OsString>,
    /// Execution provider, or several separated by commas
    #[arg(long, default_value = "cpu")]
    provider: String,
    /// Infer every Nth frame
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    interval: u32,
    /// Maximum number of classes of a result, in the JSON lines and on the terminal [default: 5, and
    /// the best one on the terminal]
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    pub top_k: Option<u32>,
    /// Minimum confidence of a class, from 0 to 1 [default: 0]
    #[arg(long, value_name = "CONFIDENCE", value_parser = confidence)]
    threshold: Option<f32>,
    /// File of groups of classes, a line each (“cat: 281-285”), or imagenet-groups: results are
    /// groups then
    #[arg(long, value_name = "FILE")]
    groups: Option<OsString>,
    /// Any other property of the element, as in gst-launch-1.0 (gst-inspect-1.0 resnet50 lists
    /// them); repeat it for several. It overrules the options above
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<OsString>,
}

fn confidence(text: &str) -> Result<f32, String> {
    match text.parse() {
        Ok(number) if (0.0..=1.0).contains(&number) => Ok(number),
        _ => Err("a number from 0 to 1".into()),
    }
}

impl Settings {
    /// The element with these properties.
    ///
    /// # Errors
    /// A property that there is not, or a value that it does not take.
    pub fn element(&self) -> crate::Result<gst::Element> {
        let element = gst::ElementFactory::make("resnet50")
            .property("provider", &self.provider)
            .property("interval", self.interval)
            .property_if_some("top-k", self.top_k)
            .property_if_some("threshold", self.threshold)
            .build()?;
        for (name, value) in [
            ("model", &self.model),
            ("labels", &self.labels),
            ("groups", &self.groups),
        ] {
            if let Some(value) = value {
                element.set_property(name, Path::new(value));
            }
        }
        for assignment in &self.set {
            assign(&element, assignment)?;
        }
        Ok(element)
    }
}

/// Sets `name=value`.
fn assign(element: &gst::Element, assignment: &OsStr) -> Result<(), String> {
    let shown = || assignment.to_string_lossy();
    let bytes = assignment.as_bytes();
    let middle = bytes.iter().position(|b| *b == b'=');
    let Some((name, value)) = middle.map(|at| (&bytes[..at], &bytes[at + 1..])) else {
        return Err(format!(
            "--set {}: it takes NAME=VALUE, such as --set top-k=3",
            shown()
        ));
    };
    let name = String::from_utf8_lossy(name);
    let Some(property) = element.find_property(&name) else {
        return Err(format!(
            "--set {}: resnet50 has no property “{name}”; it has {}",
            shown(),
            settable(element).join(", ")
        ));
    };
    if !property.flags().contains(glib::ParamFlags::WRITABLE) {
        return Err(format!(
            "--set {}: the property “{name}” can only be read",
            shown()
        ));
    }
    let value = value_of(&property, OsStr::from_bytes(value)).ok_or_else(|| {
        format!(
            "--set {}: the property “{name}” takes {}",
            shown(),
            expected(&property)
        )
    })?;
    element.set_property_from_value(&name, &value);
    Ok(())
}

/// The names of the properties that are the element's own.
fn settable(element: &gst::Element) -> Vec<String> {
    let properties = element.list_properties();
    let own = properties.iter().filter(|property| {
        property.owner_type() == element.type_()
            && property.flags().contains(glib::ParamFlags::WRITABLE)
    });
    own.map(|property| property.name().to_owned()).collect()
}

/// The value that is written so, if it is one that the property takes.
fn value_of(property: &glib::ParamSpec, text: &OsStr) -> Option<glib::Value> {
    if property.value_type() == glib::Type::STRING {
        // As it is: a file's name need not be UTF-8, and the shell has taken the quotes away.
        return Some(Path::new(text).to_value());
    }
    let text = text.to_str()?;
    let unsigned = [glib::Type::U32, glib::Type::U64];
    if unsigned.contains(&property.value_type()) && text.trim_start().starts_with('-') {
        // GStreamer would take it for a large number.
        return None;
    }
    let mut value = glib::Value::deserialize_with_pspec(text, property).ok()?;
    // SAFETY: both are valid for the call, which may change the value and keeps neither.
    let is_changed: bool = unsafe {
        from_glib(glib::gobject_ffi::g_param_value_validate(
            property.to_glib_none().0,
            value.to_glib_none_mut().0,
        ))
    };
    (!is_changed).then_some(value)
}

/// What a property takes, in words.
fn expected(property: &glib::ParamSpec) -> String {
    if let Some(class) = glib::EnumClass::with_type(property.value_type()) {
        let nicks: Vec<_> = class.values().iter().map(glib::EnumValue::nick).collect();
        return format!("one of {}", nicks.join(", "));
    }
    macro_rules! number {
        ($($kind:ty),*) => {
            $(if let Some(number) = property.downcast_ref::<$kind>() {
                return format!("a number from {} to {}", number.minimum(), number.maximum());
            })*
        };
    }
    number!(
        glib::ParamSpecInt,
        glib::ParamSpecUInt,
        glib::ParamSpecInt64,
        glib::ParamSpecUInt64,
        glib::ParamSpecFloat,
        glib::ParamSpecDouble
    );
    let kind = property.value_type();
    if kind == glib::Type::BOOL {
        "true or false".into()
    } else if kind == gst::Fraction::static_type() {
        "a fraction such as 5/1".into()
    } else if kind == gst::Array::static_type() {
        "numbers such as <0.5,0.5,0.5>".into()
    } else if kind == gst::Structure::static_type() {
        "a structure such as options,name=value".into()
    } else {
        format!("a value of the type {}", kind.name())
    }
}

/// Sees to it that there is a model: where none is named and none installed, the small one, and the
/// user is told. Returns the file, if it is one.
pub fn ensure_model(element: &gst::Element) -> crate::Result<Option<PathBuf>> {
    let named = element.property::<Option<PathBuf>>("model");
    match find_model(named.as_ref().map(|path| path.as_os_str())) {
        Err(ModelError::None(place)) => {
            let place = place.map_or("(no home folder)".into(), |p| p.display().to_string());
            say!(
                "No ResNet50 v1.5 is installed ({place}), so this uses the built-in \
                 EfficientNet-Lite0. To get ResNet50 (103 MB): `gst-resnet50 model install`."
            );
            element.set_property("model", BUILTIN);
            Ok(None)
        }
        Err(error) => Err(error.into()),
        Ok(ModelSource::File(file)) => Ok(Some(file)),
        Ok(_) => Ok(None),
    }
}

/// The files that the element reads: whatever one of its properties names.
pub fn files(element: &gst::Element, model: Option<&Path>) -> Vec<PathBuf> {
    let properties = element.list_properties();
    let text = |property: &glib::ParamSpec| {
        let is_text = property.value_type() == glib::Type::STRING
            && property.flags().contains(glib::ParamFlags::READABLE);
        is_text.then(|| element.property::<Option<PathBuf>>(property.name()))?
    };
    let values = properties.iter().filter_map(text);
    let model = model.map(output::model_files).unwrap_or_default();
    values.chain(model).collect()
}
