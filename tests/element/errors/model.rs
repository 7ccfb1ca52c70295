// SPDX-License-Identifier: MPL-2.0
//! Models that cannot be used.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use gst::prelude::*;
use gstresnet50::inference::BUILTIN;

use super::Case;
use support::element::{RED, Rig, classification, plain, rgb, text};
use support::onnx::{self, Net};
use support::{data, source};

/// Files that cannot be read: none there, and a folder.
#[test]
fn model_file_cannot_be_read() {
    let case = Case::new();
    for path in [case.path("gone.onnx"), case.folder.path().to_owned()] {
        case.set_model(&path);
        let words = [text(&path), "cannot be read", "Check the path"];
        case.does_not_start(gst::ResourceError::NotFound, &words, |e| {
            e.set_property("model", text(&case.good));
        });
    }
}

/// A file that the user may not read. Root may read all, and then there is nothing to see.
#[test]
fn model_file_without_permission() {
    let case = Case::new();
    let path = Net::color().write(case.folder.path(), "secret.onnx");
    let mode = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode));
    mode(0).expect("it is ours");
    if fs::File::open(&path).is_ok() {
        eprintln!("skipped: this user may read everything");
        return;
    }
    case.set_model(&path);
    let words = [text(&path), "cannot be read", "permissions"];
    case.does_not_start(gst::ResourceError::NotFound, &words, |_| {
        mode(0o600).expect("it is ours");
    });
}

/// Files that are no models, among them the first half of one. The element's path stays, and the
/// file becomes a good one.
#[test]
fn model_file_is_no_model() {
    let builtin = fs::read(source("plugin-meta/efficientnet-lite0-int8.onnx")).expect("a model");
    let noise: Vec<u8> = (0u32..5000)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let png = fs::read(data("photos/chelsea.png")).expect("a picture");
    for (name, contents) in [
        ("empty", &[][..]),
        ("half", &builtin[..builtin.len() / 2]),
        ("noise", &noise),
        ("png", &png),
        (
            "text",
            b"This is not a model, but somebody called it one.\n",
        ),
    ] {
        let case = Case::new();
        let path = case.file(&format!("{name}.onnx"), contents);
        case.set_model(&path);
        let words = [
            text(&path),
            "not an ONNX model",
            "Check that the file is whole",
        ];
        case.does_not_start(gst::StreamError::WrongType, &words, |_| {
            fs::copy(&case.good, &path).expect("a copy");
        });
    }
}

/// Networks that are no image classifiers: the message says what they take or give.
#[test]
fn model_is_no_classifier() {
    for (name, model, found) in [
        (
            "two",
            onnx::two_inputs(),
            "2 inputs: “x” float32 [1, 3, 4, 4], “z”",
        ),
        ("rank", onnx::rank_two(), "“x” float32 [1, 48]"),
        ("rgba", onnx::four_channels(), "“x” float32 [1, 4, 4, 4]"),
        ("int", onnx::integers(), "“x” int64 [1, 3, 4, 4]"),
        ("picture", onnx::no_classes(), "“y” float32 [1, 3, 4, 4]"),
        ("boxes", onnx::boxes(), "“y” float32 [1, 3, 16]"),
    ] {
        let case = Case::new();
        let path = onnx::write(&model, case.folder.path(), &format!("{name}.onnx"));
        case.set_model(&path);
        let words = [text(&path), "expected", found, "image classifier"];
        case.does_not_start(gst::StreamError::WrongType, &words, |e| {
            e.set_property("model", text(&case.good));
        });
    }
}

/// Tensors beyond all measure: a side longer than any picture's, and a batch that no memory holds.
#[test]
fn model_is_too_large() {
    let case = Case::new();
    let good = case.good.clone();
    let mend = |e: &gst::Element| e.set_property("model", text(&good));
    let path = Net::nchw(4, 9000).write(case.folder.path(), "wide.onnx");
    case.set_model(&path);
    let words = [text(&path), "9000x4", "8192x8192"];
    case.does_not_start(gst::StreamError::WrongType, &words, mend);
    for (name, batch) in [("huge.onnx", 1 << 40), ("endless.onnx", i64::MAX)] {
        let path = Net::nchw(4, 4).batch(batch).write(case.folder.path(), name);
        case.set_model(&path);
        let words = [text(&path), "pictures", "a smaller input"];
        case.does_not_start(gst::StreamError::WrongType, &words, mend);
    }
}

/// A classifier by its looks that ONNX Runtime does not take.
#[test]
fn model_is_refused() {
    let case = Case::new();
    let path = onnx::write(&onnx::unknown_operation(), case.folder.path(), "odd.onnx");
    case.set_model(&path);
    let words = [text(&path), "Fluctuate", "Check that the file is whole"];
    case.does_not_start(gst::StreamError::WrongType, &words, |e| {
        e.set_property("model", text(&case.good));
    });
}

/// A model whose description of itself is broken, within the file and beside it.
#[test]
fn model_with_a_broken_contract() {
    let case = Case::new();
    let good = case.good.clone();
    let mend = |e: &gst::Element| e.set_property("model", text(&good));
    for json in ["{", r#"{"fit":"squeeze"}"#, r#"{"std":[1,0,1]}"#] {
        let path = Net::color()
            .contract(json)
            .write(case.folder.path(), "contract.onnx");
        case.set_model(&path);
        let words = [text(&path), "contract", "Fix the description"];
        case.does_not_start(gst::StreamError::WrongType, &words, mend);
    }
    let path = Net::nchw(1, 1).write(case.folder.path(), "info.onnx");
    let info = case.file("info.modelinfo", "[x]\nranges=everything\n");
    case.set_model(&path);
    let words = [text(&info), "ranges=everything", "Fix the description"];
    case.does_not_start(gst::StreamError::WrongType, &words, mend);
}

/// A built-in model that there is not.
#[test]
fn unknown_builtin() {
    let case = Case::new();
    case.element.set_property("model", "builtin:alexnet");
    let words = ["“builtin:alexnet”", BUILTIN];
    case.does_not_start(gst::ResourceError::NotFound, &words, |e| {
        e.set_property("model", text(&case.good));
    });
}

/// No model named and none installed.
#[test]
fn no_model() {
    support::init();
    let installed = std::env::var_os("RESNET50_MODEL").is_some()
        || gstresnet50::inference::find_model(None).is_ok();
    if installed {
        eprintln!("skipped: a model is installed here");
        return;
    }
    let case = Case::new();
    case.element.set_property("model", None::<&str>);
    let words = ["no model", "$RESNET50_MODEL", BUILTIN];
    case.does_not_start(gst::ResourceError::NotFound, &words, |e| {
        e.set_property("model", text(&case.good));
    });
}

/// A model whose graph never ends, and one with more classes than there is room for in a batch.
#[test]
fn models_without_bounds() {
    let case = Case::new();
    case.element
        .set_property("model", text(&data("loop_forever.onnx")));
    let words = ["loop_forever.onnx", "was cancelled", "compute for ever"];
    case.does_not_start(gst::StreamError::Failed, &words, |e| {
        e.set_property("model", text(&case.good));
    });
    case.element
        .set_property("model", text(&data("out_10M.onnx")));
    case.element.set_property("batch-size", 1024u32);
    let words = ["out_10M.onnx", "1024 pictures", "GB", "batch-size"];
    case.does_not_start(gst::ResourceError::Settings, &words, |e| {
        e.set_property("model", text(&case.good));
        e.set_property("batch-size", 1u32);
    });
}

/// A contract that refers to a list of names that there is not, or that does not fit.
#[test]
fn labels_of_the_contract() {
    let case = Case::new();
    for (json, code, word) in [
        (r#"{"labels":"coco-80"}"#, "type", "coco-80"),
        (
            r#"{"labels":"imagenet-1k"}"#,
            "settings",
            "has 1000 names, and the model has 48",
        ),
        (
            r#"{"labels":["a","b"]}"#,
            "settings",
            "has 2 names, and the model has 48",
        ),
    ] {
        let path = Net::nchw(4, 4)
            .contract(json)
            .write(case.folder.path(), "named.onnx");
        case.set_model(&path);
        let mend = |e: &gst::Element| e.set_property("model", text(&case.good));
        if code == "type" {
            case.does_not_start(gst::StreamError::WrongType, &[word], mend);
        } else {
            case.does_not_start(gst::ResourceError::Settings, &[word], mend);
        }
    }
}

/// Names that a file brings along are shown and not obeyed, and never make a message of a megabyte:
/// in errors, in `model-info` and in tags alike. The metadata has them as they are.
#[test]
fn names_of_a_file_are_escaped_and_cut() {
    const HOSTILE: &str = "in\nput\r\x1b[31mred\u{9b}2J\u{202e}";
    let is_harmless = |text: &str| {
        let is_harmful = |c: char| c.is_control() || c == '\u{202e}';
        assert!(!text.contains(is_harmful), "{text:?}");
        assert!(text.len() < 10_000, "{} bytes", text.len());
    };
    let case = Case::new();
    for repeat in [1, 10_000] {
        let name = HOSTILE.repeat(repeat);
        let rename = |model: &mut gstresnet50::onnx::Model, to: &str| {
            let graph = model.graph.as_mut().expect("a graph");
            graph.input[0].name = to.into();
            let inputs = graph.node.iter_mut().flat_map(|n| &mut n.input);
            inputs.filter(|i| *i == "x").for_each(|i| *i = to.into());
        };
        let mut models = Vec::new();
        for mut model in [
            onnx::two_inputs(),
            onnx::rank_two(),
            onnx::no_classes(),
            onnx::unknown_operation(),
        ] {
            rename(&mut model, &name);
            let graph = model.graph.as_mut().expect("a graph");
            graph.node[0].name.clone_from(&name);
            models.push(model);
        }
        for contract in [
            serde_json::json!({ "fit": name }),
            serde_json::json!({ "labels": name }),
            serde_json::json!({ "mean": name }),
        ] {
            models.push(Net::color().contract(&contract.to_string()).model());
        }
        for (i, model) in models.iter().enumerate() {
            let file = onnx::write(model, case.folder.path(), "hostile.onnx");
            case.set_model(&file);
            let rig = Rig::new(&case.element, &rgb(4, 4));
            assert!(rig.play().is_err(), "model {i}");
            let errors = rig.errors();
            assert_eq!(errors.len(), 1, "model {i}");
            is_harmless(errors[0].message());
            rig.stop();
        }

        let contract = serde_json::json!({
            "architecture": name, "source": name, "labels": [name, "b", "c"],
            "mean": [0, 0, 0], "std": [1, 1, 1], "output": "probabilities",
        });
        let mut model = Net::color().contract(&contract.to_string()).model();
        rename(&mut model, &name);
        let file = onnx::write(&model, case.folder.path(), "works.onnx");
        case.set_model(&file);
        let rig = Rig::new(&case.element, &rgb(4, 4));
        rig.play().expect("it starts");
        let classification = classification(&rig.classify(plain(&rgb(4, 4), RED)));
        assert_eq!(*classification.results[0].label, *name);
        let info = case.element.property::<gst::Structure>("model-info");
        for field in ["input", "output", "architecture", "source"] {
            is_harmless(&info.get::<String>(field).expect(field));
        }
        rig.stop();
        drop(rig);

        let file = case.file("groups.txt", format!("pet: {}", name.replace('\n', "")));
        case.set_model(&case.good);
        for (property, value) in [("groups", text(&file)), ("allow", name.as_str())] {
            case.element.set_property(property, value);
            let rig = Rig::new(&case.element, &rgb(4, 4));
            assert!(rig.play().is_err(), "{property}");
            is_harmless(rig.errors()[0].message());
            rig.stop();
            case.element.set_property(property, None::<String>);
        }
    }
}
