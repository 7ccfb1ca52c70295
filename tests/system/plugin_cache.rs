// SPDX-License-Identifier: MPL-2.0
//! `plugin-meta/gst_plugins_cache.json`: what the plugin has, in the form of GStreamer's and
//! gst-plugins-rs's `gst_plugins_cache.json`, from which their documentation is made.

use std::fmt::Write as _;

use glib::translate::IntoGlib as _;
use gst::prelude::*;
use serde_json::ser::PrettyFormatter;
use serde_json::{Map, Value, json};
use support::source;

const FILE: &str = "plugin-meta/gst_plugins_cache.json";

/// GStreamer's version that the file is made with. Others know other video formats.
const VERSION: (u32, u32) = (1, 22);

/// An object of what there is: a key without a value is left out, as GStreamer's own scanner does.
fn object<const N: usize>(entries: [(&str, Option<Value>); N]) -> Value {
    let there = entries
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Object(there.collect())
}

/// The caps of a pad template: a line for each structure, then one for each of its fields.
fn caps(caps: &gst::Caps) -> String {
    if caps.is_any() {
        return "ANY".into();
    }
    let mut text = String::new();
    for (structure, features) in caps.iter_with_features() {
        let name = structure.name();
        // Those of system memory go without saying.
        match features.is_equal(&gst::CAPS_FEATURES_MEMORY_SYSTEM_MEMORY) {
            true => writeln!(text, "{name}:"),
            false => writeln!(text, "{name}({features}):"),
        }
        .expect("a string");
        for (field, value) in structure.iter() {
            let value = value.serialize().expect("a field's value");
            // Newer versions of GStreamer leave the type out.
            let value = value.replace("(string)", "");
            writeln!(text, "{:>15}: {value}", field.as_str()).expect("a string");
        }
    }
    text
}

fn pad_template(template: &gst::PadTemplate) -> Value {
    let direction = match template.direction() {
        gst::PadDirection::Sink => "sink",
        _ => "src",
    };
    let presence = match template.presence() {
        gst::PadPresence::Always => "always",
        gst::PadPresence::Sometimes => "sometimes",
        gst::PadPresence::Request => "request",
    };
    let kind = template.gtype();
    let plain = gst::Pad::static_type();
    let is_special = kind != plain && kind.is_a(plain);
    object([
        ("caps", Some(caps(template.caps()).into())),
        ("direction", Some(direction.into())),
        ("presence", Some(presence.into())),
        ("type", is_special.then(|| kind.name().into())),
    ])
}

/// The value of an enumeration or of flags as the scanner has it, of anything else its text.
fn default(spec: &glib::ParamSpec) -> Option<String> {
    let value = spec.default_value();
    let kind = value.type_();
    if let Some((_, value)) = glib::EnumValue::from_value(value) {
        return Some(format!("{} ({})", value.nick(), value.value()));
    }
    if kind == glib::Type::STRING {
        let text = value.get::<Option<String>>().expect("a string");
        return Some(text.unwrap_or_else(|| "NULL".into()));
    }
    if let Some((_, values)) = glib::FlagsValue::from_value(value) {
        let nicks: Vec<_> = values.iter().map(|it| it.nick()).collect();
        return Some(nicks.join("+"));
    }
    if let Ok(number) = value.get::<f32>() {
        return Some(number.to_string());
    }
    if let Ok(number) = value.get::<f64>() {
        return Some(number.to_string());
    }
    if let Ok(structure) = value.get::<Option<gst::Structure>>() {
        return structure.map(|it| it.to_string());
    }
    let text = value.serialize().ok()?;
    Some(text.into())
}

/// The smallest and the greatest value of what has them.
fn range(spec: &glib::ParamSpec) -> Option<(String, String)> {
    macro_rules! range {
        ($($kind:ty),*) => {
            $(if let Some(spec) = spec.downcast_ref::<$kind>() {
                return Some((spec.minimum().to_string(), spec.maximum().to_string()));
            })*
        };
    }
    range!(
        glib::ParamSpecInt,
        glib::ParamSpecUInt,
        glib::ParamSpecInt64,
        glib::ParamSpecUInt64,
        glib::ParamSpecFloat,
        glib::ParamSpecDouble
    );
    let spec = spec.downcast_ref::<gst::ParamSpecFraction>()?;
    let text = |it: gst::Fraction| format!("{}/{}", it.numer(), it.denom());
    Some((text(spec.minimum()), text(spec.maximum())))
}

fn property(spec: &glib::ParamSpec) -> Value {
    let has = |flag| spec.flags().contains(flag);
    let mutable = match () {
        () if has(gst::PARAM_FLAG_MUTABLE_PLAYING) => "playing",
        () if has(gst::PARAM_FLAG_MUTABLE_PAUSED) => "paused",
        () if has(gst::PARAM_FLAG_MUTABLE_READY) => "ready",
        () => "null",
    };
    let conditional = has(gst::PARAM_FLAG_CONDITIONALLY_AVAILABLE);
    let (min, max) = range(spec).unzip();
    object([
        ("blurb", spec.blurb().map(Value::from)),
        ("conditionally-available", Some(conditional.into())),
        ("construct", Some(has(glib::ParamFlags::CONSTRUCT).into())),
        (
            "construct-only",
            Some(has(glib::ParamFlags::CONSTRUCT_ONLY).into()),
        ),
        (
            "controllable",
            Some(has(gst::PARAM_FLAG_CONTROLLABLE).into()),
        ),
        ("default", default(spec).map(Value::from)),
        ("max", max.map(Value::from)),
        ("min", min.map(Value::from)),
        ("mutable", Some(mutable.into())),
        ("readable", Some(has(glib::ParamFlags::READABLE).into())),
        ("type", Some(spec.value_type().name().into())),
        ("writable", Some(has(glib::ParamFlags::WRITABLE).into())),
    ])
}

/// The names of a type and of all that it is derived from.
fn hierarchy(kind: glib::Type) -> Vec<&'static str> {
    std::iter::successors(Some(kind), |kind| kind.parent())
        .map(|kind| kind.name())
        .collect()
}

/// The signals that a type has of its own.
fn signals(kind: glib::Type) -> Map<String, Value> {
    let mut count = 0;
    // SAFETY: the type is a class that there is an object of; the list is GLib's to allocate and
    // ours to free.
    let ids = unsafe {
        let list = glib::gobject_ffi::g_signal_list_ids(kind.into_glib(), &mut count);
        let ids = match list.is_null() {
            true => Vec::new(),
            false => std::slice::from_raw_parts(list, count as usize).to_vec(),
        };
        glib::ffi::g_free(list.cast());
        ids
    };
    let queries = ids.into_iter().map(|id| {
        // SAFETY: an ID that GLib has just listed.
        let id: glib::subclass::SignalId = unsafe { glib::translate::from_glib(id) };
        id.query()
    });
    let entry = |query: glib::subclass::SignalQuery| {
        let arguments = query.param_types().iter().enumerate();
        let arguments: Vec<_> = arguments
            .map(|(i, kind)| json!({ "name": format!("arg{i}"), "type": kind.type_().name() }))
            .collect();
        let flags = query.flags();
        let value = json!({
            "action": flags.contains(glib::SignalFlags::ACTION),
            "args": arguments,
            "return-type": query.return_type().type_().name(),
            "when": if flags.contains(glib::SignalFlags::RUN_FIRST) { "first" } else { "last" },
        });
        (query.signal_name().to_owned(), value)
    };
    queries.map(entry).collect()
}

fn element(factory: &gst::ElementFactory) -> Value {
    let element = factory.create().build().expect("an element");
    let kind = element.type_();
    let specs = element.list_properties();
    let own = specs.iter().filter(|spec| spec.owner_type() == kind);
    let properties: Map<_, _> = own
        .map(|spec| (spec.name().to_owned(), property(spec)))
        .collect();
    let templates = element.pad_template_list();
    let templates: Map<_, _> = templates
        .iter()
        .map(|it| (it.name_template().to_owned(), pad_template(it)))
        .collect();
    let inherited = gst::Element::static_type().interfaces();
    let interfaces = kind.interfaces();
    let interfaces: Vec<_> = interfaces
        .iter()
        .filter(|it| !inherited.contains(it))
        .collect();
    let interfaces: Vec<_> = interfaces.iter().map(|it| it.name()).collect();
    let rank = match factory.rank() {
        gst::Rank::NONE => "none".to_owned(),
        rank => i32::from(rank).to_string(),
    };
    let signals = signals(kind);
    let text = |key| factory.metadata(key).map(Value::from);
    object([
        ("author", text("author")),
        ("description", text("description")),
        ("hierarchy", Some(hierarchy(kind).into())),
        (
            "interfaces",
            (!interfaces.is_empty()).then(|| interfaces.into()),
        ),
        ("klass", text("klass")),
        ("long-name", text("long-name")),
        ("pad-templates", Some(templates.into())),
        ("properties", Some(properties.into())),
        ("rank", Some(rank.into())),
        ("signals", (!signals.is_empty()).then(|| signals.into())),
    ])
}

/// The enumerations and flags of our own among the properties' types.
fn other_types(factories: &[gst::ElementFactory]) -> Map<String, Value> {
    let mut types = Map::new();
    for factory in factories {
        let element = factory.create().build().expect("an element");
        let specs = element.list_properties();
        for spec in specs.iter().filter(|it| it.owner_type() == element.type_()) {
            let kind = spec.value_type();
            let (name, values) = if let Some(class) = glib::EnumClass::with_type(kind) {
                let value = |it: &glib::EnumValue| json!({ "desc": it.name(), "name": it.nick(), "value": it.value().to_string() });
                ("enum", class.values().iter().map(value).collect::<Vec<_>>())
            } else if let Some(class) = glib::FlagsClass::with_type(kind) {
                let value = |it: &glib::FlagsValue| json!({ "desc": it.name(), "name": it.nick(), "value": format!("{:#010x}", it.value()) });
                ("flags", class.values().iter().map(value).collect())
            } else {
                continue;
            };
            types.insert(
                kind.name().to_owned(),
                json!({ "kind": name, "values": values }),
            );
        }
    }
    types
}

/// The file as the plugin itself has it.
fn generated() -> Value {
    support::init();
    let plugin = gst::Registry::get().find_plugin("resnet50").expect("ours");
    let features = gst::Registry::get().features_by_plugin("resnet50");
    let factories: Vec<_> = features
        .into_iter()
        .map(|it| it.downcast::<gst::ElementFactory>().expect("an element"))
        .collect();
    assert_eq!(factories.len(), 3);
    let elements: Map<_, _> = factories
        .iter()
        .map(|it| (it.name().to_string(), element(it)))
        .collect();
    json!({
        plugin.plugin_name().as_str(): {
            "description": plugin.description().as_str(),
            "elements": elements,
            "filename": "gstresnet50",
            "license": plugin.license().as_str(),
            "other-types": other_types(&factories),
            "package": plugin.package().as_str(),
            "source": plugin.source().as_str(),
            "tracers": {},
            "url": plugin.origin().as_str(),
        }
    })
}

/// Removes the pads' caps, which depend on the video formats that GStreamer knows.
fn without_caps(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.remove("caps");
            map.values_mut().for_each(without_caps);
        }
        Value::Array(values) => values.iter_mut().for_each(without_caps),
        _ => {}
    }
}

/// With four spaces, as GStreamer's own.
fn write(value: &Value) -> String {
    use serde::Serialize as _;
    let mut bytes = Vec::new();
    let formatter = PrettyFormatter::with_indent(b"    ");
    value
        .serialize(&mut serde_json::Serializer::with_formatter(
            &mut bytes, formatter,
        ))
        .expect("JSON");
    String::from_utf8(bytes).expect("UTF-8") + "\n"
}

/// The file says what the plugin is. With `RESNET50_UPDATE_DOCS=1` in the environment it is written
/// instead, if GStreamer is the version that it is made with; with others all but the formats is
/// compared.
#[test]
fn is_current() {
    let mut expected = generated();
    let path = source(FILE);
    let (major, minor, ..) = gst::version();
    let is_exact = (major, minor) == VERSION;
    if is_exact && std::env::var_os("RESNET50_UPDATE_DOCS").is_some() {
        std::fs::write(&path, write(&expected)).expect(FILE);
    }
    let text = std::fs::read_to_string(&path).expect(FILE);
    let mut found: Value = serde_json::from_str(&text).expect("JSON");
    if is_exact {
        assert_eq!(
            text,
            write(&found),
            "{FILE} is not in the form that is written"
        );
    } else {
        without_caps(&mut expected);
        without_caps(&mut found);
    }
    // Line by line, for the whole would be many pages.
    let (found, expected) = (write(&found), write(&expected));
    for (found, expected) in found.lines().zip(expected.lines()) {
        assert_eq!(
            found, expected,
            "{FILE} is out of date: run this test with RESNET50_UPDATE_DOCS=1"
        );
    }
    assert_eq!(found.lines().count(), expected.lines().count());
}

/// What readers of such files look for is there, with the values that are known from elsewhere.
#[test]
fn has_what_readers_look_for() {
    let value = generated();
    let plugin = &value["resnet50"];
    assert_eq!(plugin["license"], "MPL-2.0");
    let element = &plugin["elements"]["resnet50"];
    assert_eq!(element["klass"], "Filter/Analyzer/Video");
    assert_eq!(element["hierarchy"][1], "GstElement");
    let sink = &element["pad-templates"]["sink"];
    assert_eq!(sink["presence"], "always");
    let caps = sink["caps"].as_str().expect("caps");
    assert!(
        caps.starts_with("video/x-raw:\n         format: { ") && !caps.contains("(string)"),
        "{caps}"
    );
    let show = &plugin["elements"]["resnet50overlay"]["properties"]["show"];
    assert_eq!(
        show["default"].as_str().map(|it| it.contains("+")),
        Some(true)
    );
    let top_k = &element["properties"]["top-k"];
    assert_eq!(
        *top_k,
        json!({
            "blurb": "Maximum number of classes in a result",
            "conditionally-available": false,
            "construct": false,
            "construct-only": false,
            "controllable": false,
            "default": "5",
            "max": "4294967295",
            "min": "1",
            "mutable": "playing",
            "readable": true,
            "type": "guint",
            "writable": true,
        })
    );
    let mode = &element["properties"]["mode"];
    assert_eq!(
        (&mode["default"], &mode["type"]),
        (&json!("auto (0)"), &json!("GstResnet50Mode"))
    );
    let modes = plugin["other-types"]["GstResnet50Mode"]["values"].as_array();
    assert_eq!(modes.map(Vec::len), Some(3));
    assert_eq!(element["properties"]["model"]["default"], "NULL");
    assert_eq!(element["properties"]["stats"]["writable"], false);
}
