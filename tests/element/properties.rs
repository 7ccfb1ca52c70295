// SPDX-License-Identifier: MPL-2.0
//! The properties of all elements: what the contract (DESIGN, section 5) says of them, and what
//! docs/properties.md says, is what they are.

use std::collections::BTreeMap;

use gst::prelude::*;
use support::source;

/// Name, type, default, range (`-` for what has none), and the state up to which it may be changed.
type Row = [&'static str; 5];

const RESNET50: &[Row] = &[
    ["model", "string", "unset", "-", "playing"],
    ["labels", "string", "unset", "-", "playing"],
    ["provider", "string", "cpu", "-", "ready"],
    ["provider-options", "GstStructure", "unset", "-", "ready"],
    ["device-id", "int", "0", "0..2147483647", "ready"],
    ["threads", "uint", "0", "0..1024", "ready"],
    ["sessions", "uint", "0", "0..1024", "ready"],
    ["batch-size", "uint", "1", "1..1024", "ready"],
    [
        "batch-timeout",
        "uint64 ns",
        "0",
        "0..10000000000",
        "playing",
    ],
    ["max-in-flight", "uint", "0", "0..1024", "ready"],
    [
        "mode",
        "GstResnet50Mode",
        "auto",
        "auto exact live",
        "ready",
    ],
    ["share", "boolean", "true", "-", "ready"],
    ["interval", "uint", "1", "1..4294967295", "playing"],
    [
        "max-rate",
        "fraction",
        "0/1",
        "0/1..2147483647/1",
        "playing",
    ],
    ["skip-still", "float", "0", "0..1", "playing"],
    [
        "skip-still-max",
        "uint64 ns",
        "1000000000",
        "0..18446744073709551615",
        "playing",
    ],
    ["top-k", "uint", "5", "1..4294967295", "playing"],
    ["threshold", "float", "0", "0..1", "playing"],
    ["output", "string", "unset", "-", "ready"],
    ["width", "uint", "0", "0..8192", "ready"],
    ["height", "uint", "0", "0..8192", "ready"],
    [
        "activation",
        "GstResnet50Activation",
        "auto",
        "auto softmax sigmoid none",
        "ready",
    ],
    [
        "fit",
        "GstResnet50Fit",
        "auto",
        "auto crop stretch letterbox",
        "ready",
    ],
    ["resize", "uint", "0", "0..8192", "ready"],
    ["mean", "GstValueArray", "empty", "-", "ready"],
    ["std", "GstValueArray", "empty", "-", "ready"],
    [
        "color-order",
        "GstResnet50ColorOrder",
        "auto",
        "auto rgb bgr",
        "ready",
    ],
    [
        "region",
        "GstResnet50Region",
        "frame",
        "frame rois both",
        "playing",
    ],
    ["roi-types", "string", "unset", "-", "playing"],
    ["roi-min-size", "uint", "0", "0..8192", "playing"],
    [
        "reclassify-interval",
        "uint64 ns",
        "0",
        "0..18446744073709551614",
        "playing",
    ],
    [
        "messages",
        "GstResnet50Messages",
        "none",
        "none change all",
        "playing",
    ],
    [
        "smoothing",
        "uint64 ns",
        "0",
        "0..18446744073709551615",
        "playing",
    ],
    ["enter-confidence", "float", "0", "0..1", "playing"],
    ["leave-confidence", "float", "0", "0..1", "playing"],
    [
        "hold-time",
        "uint64 ns",
        "0",
        "0..18446744073709551615",
        "playing",
    ],
    ["groups", "string", "unset", "-", "playing"],
    ["allow", "string", "unset", "-", "playing"],
    ["deny", "string", "unset", "-", "playing"],
    ["tags", "boolean", "false", "-", "playing"],
    ["runtime-library", "string", "unset", "-", "null"],
    ["active-provider", "string", "unset", "-", "read only"],
    ["model-info", "GstStructure", "unset", "-", "read only"],
    ["stats", "GstStructure", "unset", "-", "read only"],
];

const OVERLAY: &[Row] = &[
    ["model-name", "string", "unset", "-", "playing"],
    ["font-desc", "string", "Sans", "-", "playing"],
    [
        "position",
        "GstResnet50OverlayPosition",
        "top-left",
        "top-left top-right bottom-left bottom-right",
        "playing",
    ],
    ["max-labels", "uint", "5", "0..4294967295", "playing"],
    ["min-confidence", "float", "0.01", "0..1", "playing"],
    [
        "show",
        "GstResnet50OverlayShow",
        "label+bar+rate+age+regions",
        "label bar rate age regions",
        "playing",
    ],
    ["color", "uint", "4294967295", "0..4294967295", "playing"],
    [
        "background-color",
        "uint",
        "2953843736",
        "0..4294967295",
        "playing",
    ],
    [
        "accent-color",
        "uint",
        "4282244247",
        "0..4294967295",
        "playing",
    ],
    ["scale", "double", "0.04", "0.001..1", "playing"],
    [
        "hold",
        "uint64 ns",
        "1000000000",
        "0..18446744073709551615",
        "playing",
    ],
];

const JSON: &[Row] = &[
    ["model-name", "string", "unset", "-", "playing"],
    ["only-changes", "boolean", "false", "-", "playing"],
    ["include-unclassified", "boolean", "false", "-", "playing"],
];

/// The elements of this build.
fn elements() -> Vec<(&'static str, &'static [Row])> {
    let mut elements = vec![("resnet50", RESNET50), ("resnet50json", JSON)];
    if cfg!(feature = "overlay") {
        elements.push(("resnet50overlay", OVERLAY));
    }
    elements
}

fn make(name: &str) -> gst::Element {
    support::init();
    gst::ElementFactory::make(name).build().expect(name)
}

/// The properties that an element does not have from GStreamer, in their order.
fn own(element: &gst::Element) -> Vec<glib::ParamSpec> {
    let all = element.list_properties();
    let own = all.iter().filter(|p| p.owner_type() == element.type_());
    own.cloned().collect()
}

/// Type and range, in the words of the tables above.
fn kind(spec: &glib::ParamSpec) -> (String, String) {
    macro_rules! range {
        ($spec:ty, $name:expr) => {
            if let Some(spec) = spec.downcast_ref::<$spec>() {
                let range = format!("{}..{}", spec.minimum(), spec.maximum());
                return ($name.into(), range);
            }
        };
    }
    range!(glib::ParamSpecInt, "int");
    range!(glib::ParamSpecUInt, "uint");
    // All of them are times.
    range!(glib::ParamSpecUInt64, "uint64 ns");
    range!(glib::ParamSpecFloat, "float");
    range!(glib::ParamSpecDouble, "double");
    if let Some(spec) = spec.downcast_ref::<gst::ParamSpecFraction>() {
        let ends = [spec.minimum(), spec.maximum()];
        let ends = ends.map(|end| format!("{}/{}", end.numer(), end.denom()));
        return ("fraction".into(), ends.join(".."));
    }
    let kind = spec.value_type();
    if let Some(class) = glib::EnumClass::with_type(kind) {
        let nicks: Vec<_> = class.values().iter().map(|v| v.nick()).collect();
        return (kind.name().into(), nicks.join(" "));
    }
    if let Some(class) = glib::FlagsClass::with_type(kind) {
        let nicks: Vec<_> = class.values().iter().map(|v| v.nick()).collect();
        return (kind.name().into(), nicks.join(" "));
    }
    let name = match kind.name() {
        "gchararray" => "string",
        "gboolean" => "boolean",
        other => other,
    };
    (name.into(), "-".into())
}

/// A value, in the words of the tables above.
fn words(value: &glib::Value) -> String {
    if let Ok(text) = value.get::<Option<String>>() {
        return text.unwrap_or_else(|| "unset".into());
    }
    if let Ok(structure) = value.get::<Option<gst::Structure>>() {
        return structure.map_or_else(|| "unset".into(), |s| s.to_string());
    }
    if let Ok(number) = value.get::<f64>() {
        return number.to_string();
    }
    if let Ok(number) = value.get::<f32>() {
        return number.to_string();
    }
    if let Some((_, set)) = glib::FlagsValue::from_value(value) {
        let nicks: Vec<_> = set.iter().map(|v| v.nick()).collect();
        return nicks.join("+");
    }
    match value.serialize().expect("text").trim() {
        "<  >" => "empty".into(),
        text => text.to_owned(),
    }
}

/// The state up to which a property may be changed.
fn changes_while(spec: &glib::ParamSpec) -> &'static str {
    let states = [
        (gst::PARAM_FLAG_MUTABLE_READY, "ready"),
        (gst::PARAM_FLAG_MUTABLE_PAUSED, "paused"),
        (gst::PARAM_FLAG_MUTABLE_PLAYING, "playing"),
    ];
    let has = |flag: &glib::ParamFlags| spec.flags().contains(*flag);
    assert!(has(&glib::ParamFlags::READABLE), "{}", spec.name());
    if !has(&glib::ParamFlags::WRITABLE) {
        assert!(!states.iter().any(|(flag, _)| has(flag)), "{}", spec.name());
        return "read only";
    }
    let mut named = states.iter().filter(|(flag, _)| has(flag));
    let state = named.next().map_or("null", |(_, name)| *name);
    assert!(named.next().is_none(), "{}", spec.name());
    state
}

/// Every property has the type, the default, the range and the state that the contract names, and
/// there is no other; each has a text, and a new element has the defaults.
#[test]
fn contract() {
    for (name, contract) in elements() {
        let element = make(name);
        let mut found = BTreeMap::new();
        for spec in own(&element) {
            let property = spec.name();
            // What is counted begins with zeros, and has no text of its own to compare with.
            if (name, property) != ("resnet50", "stats") {
                let value = element.property_value(property);
                let default = spec.default_value();
                assert_eq!(words(&value), words(default), "{name} {property}");
            }
            let blurb = spec.blurb().unwrap_or_default();
            assert!(blurb.len() > 20, "{name} {property}: {blurb}");
            // A time says its unit.
            let (kind, range) = kind(&spec);
            let is_time = kind == "uint64 ns";
            assert!(!is_time || blurb.contains(" in ns "), "{property}: {blurb}");
            let row = [
                kind,
                words(spec.default_value()),
                range,
                changes_while(&spec).to_owned(),
            ];
            found.insert(property.to_owned(), row);
        }
        let expected = contract.iter().map(|[name, rest @ ..]| {
            let rest = rest.map(str::to_owned);
            ((*name).to_owned(), rest)
        });
        let expected: BTreeMap<_, _> = expected.collect();
        // One by one, for the whole would be a page.
        for (property, row) in &found {
            assert_eq!(Some(row), expected.get(property), "{name} {property}");
        }
        let names = |map: &BTreeMap<String, [String; 4]>| map.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&found), names(&expected), "{name}");
    }
}

/// What the table in docs/properties.md is to say of a property's type and default.
fn cell(spec: &glib::ParamSpec) -> String {
    let default = words(spec.default_value());
    if let Some(class) = glib::EnumClass::with_type(spec.value_type()) {
        // The default is the first.
        let nicks: Vec<_> = class.values().iter().map(|v| v.nick()).collect();
        assert_eq!(nicks[0], default, "{}", spec.name());
        let nicks: Vec<_> = nicks.iter().map(|nick| format!("`{nick}`")).collect();
        return nicks.join(", ");
    }
    if let Some(class) = glib::FlagsClass::with_type(spec.value_type()) {
        let nicks: Vec<_> = class.values().iter().map(|v| v.nick()).collect();
        assert_eq!(nicks.join("+"), default, "{}", spec.name());
        let nicks: Vec<_> = nicks.iter().map(|nick| format!("`{nick}`")).collect();
        return format!("any of {}; all", nicks.join(", "));
    }
    let (kind, _) = kind(spec);
    match (&*kind, &*default) {
        ("string", text) if text != "unset" => format!("string, `{text}`"),
        ("GstValueArray", _) => format!("GstValueArray of 3 numbers, {default}"),
        ("uint64 ns", "1000000000") => "uint64 ns, 1 s".into(),
        ("uint", _) if spec.name().ends_with("color") => {
            let color: u32 = default.parse().expect("a number");
            format!("uint, `{color:#010x}`")
        }
        _ => format!("{kind}, {default}"),
    }
}

/// What the table is to say of a property's meaning: its blurb and, of an enumeration or flags, what
/// each value is.
fn meaning(spec: &glib::ParamSpec) -> String {
    let blurb = spec.blurb().unwrap_or_default();
    let kind = spec.value_type();
    let mut values: Vec<(String, String)> = Vec::new();
    if let Some(class) = glib::EnumClass::with_type(kind) {
        let all = class.values().iter();
        values.extend(all.map(|v| (v.nick().to_owned(), v.name().to_owned())));
    }
    if let Some(class) = glib::FlagsClass::with_type(kind) {
        let all = class.values().iter();
        values.extend(all.map(|v| (v.nick().to_owned(), v.name().to_owned())));
    }
    let mut text = format!("{blurb}.");
    for (nick, name) in values {
        text.push_str(&format!(" `{nick}`: {name}."));
    }
    text.replace('|', "\\|")
}

/// docs/properties.md as the properties themselves have it.
fn generated() -> String {
    let mut text = String::from(
        "# Properties\n\n\
         <!-- Made from the properties' own texts: change these, and run the tests with \
         RESNET50_UPDATE_DOCS=1. -->\n\n\
         “Changes while” is the highest state of the element in which a property may be set: \
         `null`, `ready`, `playing`. `gst-inspect-1.0 resnet50` shows the same on your machine.\n",
    );
    for (name, _) in elements() {
        text.push_str(&format!(
            "\n## `{name}`\n\n| name | type, default | changes while | meaning |\n|---|---|---|---|\n"
        ));
        let element = make(name);
        for spec in own(&element) {
            let (kind, state) = match changes_while(&spec) {
                "read only" => (format!("{}, read only", kind(&spec).0), ""),
                state => (cell(&spec), state),
            };
            let (name, meaning) = (spec.name(), meaning(&spec));
            text.push_str(&format!("| `{name}` | {kind} | {state} | {meaning} |\n"));
        }
    }
    text
}

/// docs/properties.md has every property of every element as the element itself describes it, and
/// no others. With `RESNET50_UPDATE_DOCS=1` in the environment it is written instead.
#[test]
fn the_document_says_so() {
    if !cfg!(feature = "overlay") {
        return;
    }
    let path = source("docs/properties.md");
    let expected = generated();
    if std::env::var_os("RESNET50_UPDATE_DOCS").is_some() {
        std::fs::write(&path, &expected).expect("docs/properties.md");
    }
    let found = std::fs::read_to_string(&path).expect("docs/properties.md");
    // Line by line, for the whole would be a page.
    for (found, expected) in found.lines().zip(expected.lines()) {
        assert_eq!(
            found, expected,
            "docs/properties.md is out of date: run this test with RESNET50_UPDATE_DOCS=1"
        );
    }
    assert_eq!(found.lines().count(), expected.lines().count());
}
