// SPDX-License-Identifier: MPL-2.0
//! Names of any bytes, and URIs.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use gst::prelude::*;
use gstresnet50::element::strings::bytes_of;
use support::element::*;

use super::{bytes, does_not_start, label, set, wait_for_warning};
use crate::color;

/// Paths are taken as they are, whatever their bytes, and come back so; messages show them escaped.
#[test]
fn names_of_files_are_bytes() {
    let (element, folder) = color();
    let named = |name: &[u8]| folder.path().join(OsStr::from_bytes(name));
    let model = named(b"caf\xe9.onnx");
    std::fs::rename(folder.path().join("color.onnx"), &model).expect("renamed");
    let labels = named(b"\xff\xfe.txt");
    std::fs::write(&labels, "rot\nvert\nblau\n").expect("written");
    let groups = named(b"groups\x80");
    std::fs::write(&groups, "warm: rot, vert\n").expect("written");
    for (property, path) in [("model", &model), ("labels", &labels), ("groups", &groups)] {
        set(&element, property, path.as_os_str());
        let got = bytes_of(&element.property_value(property));
        assert_eq!(got.as_deref(), Some(path.as_os_str()));
    }
    let rig = Rig::new(&element, &rgb(8, 6));
    rig.play().expect("it plays");
    let seen = classification(&rig.classify(plain(&rgb(8, 6), GREEN)));
    assert_eq!(&*seen.top().expect("a class").label, "vert");
    assert_eq!(&*seen.groups[0].label, "warm");
    let info: gst::Structure = element.property("model-info");
    let shown: String = info.get("model").expect("a name");
    assert!(shown.ends_with("caf\\xe9.onnx"), "{shown}");
    rig.stop();
    // One that is not there is a file that is not there.
    for property in ["model", "labels", "groups"] {
        let (element, _folder) = color();
        set(&element, property, &bytes(b"/nowhere/caf\xe9"));
        does_not_start(&element, &["“/nowhere/caf\\xe9”", "cannot be read"]);
    }
}

/// Bytes that are no text, where text is asked for, are the one error of the start; while playing
/// they are a WARNING, and what was set before stays. They come back as they were set.
#[test]
fn text_that_is_none() {
    let wrong = bytes(b"caf\xe9");
    for property in ["provider", "allow", "deny", "roi-types"] {
        let (element, _folder) = color();
        set(&element, property, &wrong);
        let got = bytes_of(&element.property_value(property));
        assert_eq!(got.as_deref(), Some(&*wrong));
        let found = format!("property “{property}” is “caf\\xe9”, and must be UTF-8 text");
        does_not_start(&element, &[&found]);
        element.set_property(property, None::<&str>);
        let rig = Rig::new(&element, &rgb(8, 6));
        rig.play().expect("it plays");
        if property != "provider" {
            set(&element, property, &wrong);
            wait_for_warning(&rig, &[&found]);
        }
        assert_eq!(label(&rig), "class 1");
        assert!(rig.errors().is_empty());
    }
}

/// The same of the elements behind.
#[test]
fn text_that_is_none_behind() {
    support::init();
    let wrong = bytes(b"caf\xe9");
    for (factory, property) in [
        ("resnet50overlay", "font-desc"),
        ("resnet50overlay", "model-name"),
        ("resnet50json", "model-name"),
    ] {
        let element = gst::ElementFactory::make(factory).build();
        let element = element.expect("the element");
        let bus = gst::Bus::new();
        element.set_bus(Some(&bus));
        let found = format!("property “{property}” is “caf\\xe9”, and must be UTF-8 text");
        set(&element, property, &wrong);
        let got = bytes_of(&element.property_value(property));
        assert_eq!(got.as_deref(), Some(&*wrong));
        let started = element.set_state(gst::State::Paused);
        assert!(started.is_err(), "it must not start");
        let told = errors(&bus, &element);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].matches(gst::ResourceError::Settings));
        assert!(told[0].message().contains(&found), "{told:?}");
        element.set_property(property, None::<&str>);
        element.set_state(gst::State::Playing).expect("it starts");
        element.set_property(property, "some");
        assert!(warnings(&bus, &element).is_empty());
        set(&element, property, &wrong);
        let told = warnings(&bus, &element);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].message().contains(&found), "{told:?}");
        element.set_state(gst::State::Null).expect("it stops");
    }
}

/// A file's URI means its path, for each property that names a file.
#[test]
fn uris_of_files_are_taken() {
    let (element, folder) = color();
    let uri = |path: &Path| {
        let uri = glib::filename_to_uri(path, None).expect("a URI");
        uri.to_string()
    };
    let spaced = folder.path().join("a b.onnx");
    std::fs::rename(folder.path().join("color.onnx"), &spaced).expect("renamed");
    let labels = folder.path().join("labels é.txt");
    std::fs::write(&labels, "rot\nvert\nblau\n").expect("written");
    element.set_property("model", uri(&spaced));
    element.set_property("labels", uri(&labels));
    let rig = Rig::new(&element, &rgb(8, 6));
    rig.play().expect("it plays");
    assert_eq!(label(&rig), "vert");
    drop(rig);
    let gone = uri(&folder.path().join("gone.onnx"));
    element.set_property("model", &gone);
    let path = folder.path().join("gone.onnx");
    does_not_start(&element, &[text(&path), "cannot be read"]);
}
