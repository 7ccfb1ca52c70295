// SPDX-License-Identifier: MPL-2.0
//! The property `runtime-library`: paths, URIs and what is not a library.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use gst::prelude::*;
use gstresnet50::element::strings::value_of;
use support::element::text;

use super::{alone, compile, does_not_start, folder, home, installed, library, mended, rig, works};

/// `runtime-library` is a demand: a file that is not there is not replaced by another, which is
/// there.
#[test]
fn library_is_missing() {
    let empty = folder();
    alone(
        "property::library_is_missing",
        empty.path(),
        |child| {
            child.env("ORT_DYLIB_PATH", installed());
        },
        || {
            let rig = rig(&home());
            rig.element
                .set_property("runtime-library", "/nowhere/libonnxruntime.so");
            does_not_start(&rig, &["/nowhere/libonnxruntime.so", "no such file"]);
            mended(&rig);
        },
    );
}

/// A file that is no library at all, and one that is another library.
#[test]
fn library_is_something_else() {
    let empty = folder();
    alone(
        "property::library_is_something_else",
        empty.path(),
        |_| {},
        || {
            let rig = rig(&home());
            let file = home().join("libonnxruntime.so");
            std::fs::write(&file, "not a library\n").expect("a file");
            rig.element.set_property("runtime-library", text(&file));
            does_not_start(&rig, &[text(&file)]);

            let other = compile(&home(), "other", "int something(void) { return 1; }");
            rig.element.set_property("runtime-library", text(&other));
            does_not_start(&rig, &[text(&other), "OrtGetApiBase"]);
            mended(&rig);
        },
    );
}

/// What is no regular file is refused without being opened: the system's loader would wait for the
/// writer of a FIFO, and all others who load something for it.
#[test]
fn library_is_no_regular_file() {
    let empty = folder();
    alone(
        "property::library_is_no_regular_file",
        empty.path(),
        |_| {},
        || {
            let rig = rig(&home());
            let fifo = support::hanging::fifo(&home().join("libfifo.so"));
            for (path, kind) in [(fifo, "a FIFO (named pipe)"), (home(), "a folder")] {
                rig.element.set_property("runtime-library", text(&path));
                does_not_start(&rig, &[text(&path), kind, "not a regular file"]);
            }
            rig.element
                .set_property("runtime-library", "no/libonnxruntime.so");
            let here = std::env::current_dir().expect("a folder");
            let words = ["“no/libonnxruntime.so”", "looked for in", text(&here)];
            does_not_start(&rig, &words);
            mended(&rig);
        },
    );
}

/// `runtime-library` is a path of any bytes.
#[test]
fn library_by_any_name() {
    let empty = folder();
    alone(
        "property::library_by_any_name",
        empty.path(),
        |_| {},
        || {
            let rig = rig(&home());
            let path = home().join(OsStr::from_bytes(b"lib caf\xe9.so"));
            std::os::unix::fs::symlink(library(), &path).expect("a link");
            let value = value_of(Some(path.as_os_str()));
            rig.element
                .set_property_from_value("runtime-library", &value);
            works(&rig);
        },
    );
}

/// It may be the URI of a file, too.
#[test]
fn library_by_uri() {
    let empty = folder();
    alone(
        "property::library_by_uri",
        empty.path(),
        |_| {},
        || {
            let rig = rig(&home());
            let uri = glib::filename_to_uri(library(), None).expect("a URI");
            rig.element.set_property("runtime-library", uri.as_str());
            works(&rig);
        },
    );
}
