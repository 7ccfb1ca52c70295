// SPDX-License-Identifier: MPL-2.0
//! Properties with values that cannot be used.

use gst::prelude::*;
use gstresnet50::inference::{BUILTIN, Runtime};

use super::Case;
use support::element::{RED, Rig, bare, classification, plain, rgb, text, three, warnings};
use support::onnx::Net;

/// Labels that cannot be had: no such file, too few, too many, not UTF-8, in a form that is nearly
/// one that is read or in none, and too few within the model.
#[test]
fn labels() {
    let case = Case::new();
    let unset = |e: &gst::Element| e.set_property("labels", None::<&str>);
    let gone = case.path("gone.txt");
    case.element.set_property("labels", text(&gone));
    let words = [text(&gone), "cannot be read", "Check the path"];
    case.does_not_start(gst::ResourceError::NotFound, &words, unset);

    for (contents, found) in [("a\nb\n", "2 names"), ("a\nb\nc\nd\n", "4 names")] {
        let path = case.file("labels.txt", contents);
        case.element.set_property("labels", text(&path));
        let words = [text(&path), found, "3 classes", "one name a line"];
        case.does_not_start(gst::ResourceError::Settings, &words, unset);
    }

    let path = case.file("latin1.txt", b"caf\xe9\nb\nc\n");
    case.element.set_property("labels", text(&path));
    let words = [text(&path), "not UTF-8"];
    case.does_not_start(gst::ResourceError::Settings, &words, unset);

    for (contents, line, form) in [
        ("[\"a\",\n\"b\"\n\"c\"]\n", "line 3", "JSON or Python"),
        ("0:a\n1:b\n1:c\n", "line 3", "number:name"),
        ("item {\n  name: 'a'\n}\n", "line 1", "pbtxt"),
    ] {
        let path = case.file("labels.json", contents);
        case.element.set_property("labels", text(&path));
        let words = [text(&path), "looks like", form, line, "Fix it"];
        case.does_not_start(gst::ResourceError::Settings, &words, unset);
    }

    let net = Net::color().contract(r#"{"labels":["one"]}"#);
    case.set_model(&net.write(case.folder.path(), "named.onnx"));
    let words = ["the model's own list of labels", "has 1 name,", "3 classes"];
    case.does_not_start(gst::ResourceError::Settings, &words, |e| {
        e.set_property("model", text(&case.good));
    });
}

/// `mean` and `std` that are not three numbers, or nothing that one can divide by.
#[test]
fn normalization() {
    let case = Case::new();
    for (property, value, found) in [
        ("mean", gst::Array::new([0.5f64, 0.5]), "2 numbers"),
        ("mean", gst::Array::new([0.5f64; 4]), "4 numbers"),
        ("mean", gst::Array::new(["red", "green", "blue"]), "finite"),
        ("mean", three([0.0, f64::INFINITY, 0.0]), "inf"),
        ("std", gst::Array::new([0.5f64]), "(1 number)"),
        ("std", three([0.2, 0.0, 0.2]), "above 0"),
        ("std", three([0.2, 0.2, -1.0]), "above 0"),
        ("std", three([f64::NAN, 0.2, 0.2]), "above 0"),
    ] {
        case.element.set_property(property, value);
        let named = format!("property “{property}”");
        let words = [&named, found, "must be", "Change the property"];
        case.does_not_start(gst::ResourceError::Settings, &words, |e| {
            // An empty array is how the property is unset.
            e.set_property(property, gst::Array::default());
        });
    }
}

/// A model of bytes normalizes by itself: `mean` would never be looked at.
#[test]
fn normalization_of_bytes() {
    let case = Case::new();
    let net = Net::nchw(1, 1).element(gstresnet50::onnx::data_type::UINT8);
    case.set_model(&net.write(case.folder.path(), "bytes.onnx"));
    case.element.set_property("mean", three([0.5; 3]));
    let words = ["property “mean”", "unset", "takes bytes"];
    case.does_not_start(gst::ResourceError::Settings, &words, |e| {
        e.set_property("mean", gst::Array::default());
    });
}

/// A `resize` that would leave the model's input unfilled.
#[test]
fn resize_too_small() {
    let case = Case::new();
    case.set_model(&Net::nchw(4, 4).write(case.folder.path(), "four.onnx"));
    case.element.set_property("resize", 3u32);
    let words = ["property “resize”", "is 3", "at least 4"];
    case.does_not_start(gst::ResourceError::Settings, &words, |e| {
        e.set_property("resize", 4u32);
        e.set_property("model", text(&case.good));
    });
}

/// Names that are none of a provider.
#[test]
fn unknown_provider() {
    let case = Case::new();
    for (list, named) in [("gpu", "“gpu”"), ("cpu,gpu", "“gpu”"), (",", "empty")] {
        case.element.set_property("provider", list);
        let words = [named, "tensorrt", "Change the property provider"];
        case.does_not_start(gst::LibraryError::Init, &words, |e| {
            e.set_property("provider", "cpu");
        });
    }
}

/// A provider that the library here does not have.
fn missing_provider() -> &'static str {
    support::init();
    let runtime = Runtime::load(None, &[]).expect("ONNX Runtime");
    let devices = runtime.devices();
    if devices.iter().any(|d| d.provider.starts_with("CUDA")) {
        "rocm"
    } else {
        "cuda"
    }
}

/// A single provider is a demand: where it cannot be had, the processor does not step in.
#[test]
fn missing_provider_is_an_error() {
    let case = Case::new();
    let provider = missing_provider();
    case.element.set_property("provider", provider);
    let words = [provider, "no provider can run the model", "add cpu"];
    case.does_not_start(gst::LibraryError::Init, &words, |e| {
        e.set_property("provider", format!("{provider},cpu"));
    });
}

/// In a list the next provider steps in, with a warning that names both.
#[test]
fn fallback_is_a_warning() {
    let case = Case::new();
    let provider = missing_provider();
    case.element
        .set_property("provider", format!("{provider},cpu"));
    let rig = Rig::new(&case.element, &rgb(4, 4));
    rig.play().expect("it starts");
    let warnings = warnings(&rig.bus, &case.element);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].message().contains(provider) && warnings[0].message().contains("cpu"));
    let active: Option<String> = case.element.property("active-provider");
    assert_eq!(active.as_deref(), Some("cpu"));
    let buffer = rig.classify(plain(&rgb(4, 4), RED));
    assert_eq!(&*classification(&buffer).provider, "cpu");
    assert!(rig.errors().is_empty());
}

/// The processor's provider has no options: one that is set is not passed over.
#[test]
fn options_without_a_taker() {
    let case = Case::new();
    case.set_model(&case.good);
    let options = gst::Structure::builder("options")
        .field("speed", "high")
        .build();
    case.element.set_property("provider-options", options);
    let words = ["“cpu” takes no options", "unset provider-options"];
    case.does_not_start(gst::LibraryError::Init, &words, |e| {
        e.set_property("provider-options", None::<gst::Structure>);
    });
}

/// Several things wrong at once are still one error, and each that is mended shows the next.
#[test]
fn one_at_a_time() {
    let element = bare();
    element.set_property("model", "/nowhere/model.onnx");
    element.set_property("labels", "/nowhere/labels.txt");
    element.set_property("provider", "gpu");
    let rig = Rig::new(&element, &rgb(4, 4));
    for word in ["gpu", "model.onnx", "labels.txt"] {
        assert!(rig.play().is_err(), "it must not start");
        let errors = rig.errors();
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].message().contains(word), "{errors:?}");
        rig.stop();
        match word {
            "gpu" => element.set_property("provider", "cpu"),
            "model.onnx" => element.set_property("model", BUILTIN),
            _ => element.set_property("labels", None::<&str>),
        }
    }
    rig.play().expect("it starts now");
    let buffer = rig.classify(plain(&rgb(4, 4), RED));
    assert_eq!(&*classification(&buffer).model, BUILTIN);
}
