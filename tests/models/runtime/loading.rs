// SPDX-License-Identifier: MPL-2.0
//! When the library is loaded, and that a process loads one only.

use std::process::Command;

use gst::prelude::*;
use support::element::{GREEN, plain, rgb, text, top, warnings};

use super::{
    alone, does_not_start, folder, home, installed, is_mapped, library, mended, rig, works,
};

/// Without any library the error names all the places; with one it works.
#[test]
fn no_library_anywhere() {
    let empty = folder();
    // SAFETY: a library that is not there, or else an ONNX Runtime, whose initializers are safe.
    let system = ["libonnxruntime.so", "libonnxruntime.so.1"]
        .into_iter()
        .any(|name| unsafe { libloading::Library::new(name) }.is_ok());
    if system {
        eprintln!("skipped: the system has an ONNX Runtime");
        return;
    }
    alone(
        "loading::no_library_anywhere",
        empty.path(),
        |_| {},
        || {
            let rig = rig(&home());
            let beside = std::env::current_exe().expect("this program");
            let beside = beside.with_file_name("libonnxruntime.so");
            let data = home().join(".local/share/gst-resnet50/libonnxruntime.so");
            let system = ["“libonnxruntime.so”", "“libonnxruntime.so.1”"];
            let tried = [
                text(&beside),
                text(&data),
                system[0],
                system[1],
                "no such file",
            ];
            does_not_start(&rig, &tried);
            does_not_start(&rig, &tried);
            mended(&rig);
        },
    );
}

/// The library cannot be exchanged: a second element that asks for another one is warned and works
/// with the first one's.
#[test]
fn second_library() {
    let empty = folder();
    alone(
        "loading::second_library",
        empty.path(),
        |_| {},
        || {
            let first = rig(&home());
            mended(&first);
            let second = rig(&home());
            second
                .element
                .set_property("runtime-library", "/another/libonnxruntime.so");
            second.play().expect("it starts");
            let warnings = warnings(&second.bus, &second.element);
            let [warning] = warnings.as_slice() else {
                panic!("not one warning: {warnings:?}");
            };
            assert!(warning.message().contains("/another/libonnxruntime.so"));
            assert!(warning.message().contains(text(&library())));
            let buffer = second.classify(plain(&rgb(4, 4), GREEN));
            assert_eq!(top(&buffer), 1);
            assert!(second.errors().is_empty());
        },
    );
}

/// Registering the plugin, looking at all that it has, and an element in READY load no library;
/// the first start does.
#[test]
fn loaded_at_the_first_start() {
    let empty = folder();
    let use_it = |child: &mut Command| {
        child.env("ORT_DYLIB_PATH", installed());
    };
    alone(
        "loading::loaded_at_the_first_start",
        empty.path(),
        use_it,
        || {
            let rig = rig(&home());
            let factory = rig.element.factory().expect("a factory");
            assert_eq!(factory.static_pad_templates().len(), 2);
            for property in rig.element.list_properties() {
                assert!(
                    property.blurb().is_some_and(|b| !b.is_empty()),
                    "{property:?}"
                );
                rig.element.property_value(property.name());
            }
            rig.pipeline.set_state(gst::State::Ready).expect("READY");
            assert!(!is_mapped("onnxruntime"), "before the first start");
            works(&rig);
            assert!(is_mapped("onnxruntime"), "after it");
        },
    );
}
