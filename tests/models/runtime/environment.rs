// SPDX-License-Identifier: MPL-2.0
//! The places that environment variables and the home lead to.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::process::Command;

use gst::prelude::*;
use support::element::{GREEN, classification, plain, rgb, text};

use super::{
    LIBRARY, alone, does_not_start, folder, home, installed, is_mapped, library, link, mended, rig,
    works,
};

/// The folder and the model that the environment names are taken as they are, whatever their bytes.
#[test]
fn environment_of_any_bytes() {
    let empty = folder();
    let data = empty.path().join(OsStr::from_bytes(b"data \xe9"));
    let model = empty.path().join(OsStr::from_bytes(b"\xff.onnx"));
    link(&data.join("gst-resnet50"));
    let prepare = |child: &mut Command| {
        child
            .env("XDG_DATA_HOME", &data)
            .env("RESNET50_MODEL", &model);
    };
    alone(
        "environment::environment_of_any_bytes",
        empty.path(),
        prepare,
        || {
            let model = PathBuf::from(std::env::var_os("RESNET50_MODEL").expect("it is set"));
            let rig = rig(&home());
            std::fs::rename(home().join("color.onnx"), &model).expect("it is renamed");
            rig.element.set_property("model", None::<&str>);
            works(&rig);
            std::fs::remove_file(&model).expect("it is there");
            assert!(rig.play().is_err(), "it must not start");
            let errors = rig.errors();
            assert_eq!(errors.len(), 1, "{errors:?}");
            assert!(errors[0].message().contains("\\xff.onnx"), "{errors:?}");
        },
    );
}

/// So is the library that `$ORT_DYLIB_PATH` names.
#[test]
fn variable_of_any_bytes() {
    let empty = folder();
    let named = empty.path().join(OsStr::from_bytes(b"lib\xe9.so"));
    let prepare = |child: &mut Command| {
        std::os::unix::fs::symlink(installed(), &named).expect("a link");
        child.env("ORT_DYLIB_PATH", &named);
    };
    alone(
        "environment::variable_of_any_bytes",
        empty.path(),
        prepare,
        || {
            works(&rig(&home()));
        },
    );
}

/// `$ORT_DYLIB_PATH` is used, and is a demand as well.
#[test]
fn variable() {
    let empty = folder();
    let use_it = |child: &mut Command| {
        child.env("ORT_DYLIB_PATH", installed());
    };
    alone("environment::variable", empty.path(), use_it, || {
        works(&rig(&home()));
        assert!(is_mapped("libonnxruntime"));
    });
}

/// The same with a file that is not there: the one in the data directory does not step in.
#[test]
fn variable_is_wrong() {
    let home_folder = folder();
    link(&home_folder.path().join(".local/share/gst-resnet50"));
    let wrong = |child: &mut Command| {
        child.env("ORT_DYLIB_PATH", "/nowhere/else.so");
    };
    alone(
        "environment::variable_is_wrong",
        home_folder.path(),
        wrong,
        || {
            let rig = rig(&home());
            does_not_start(
                &rig,
                &["ORT_DYLIB_PATH", "/nowhere/else.so", "no such file"],
            );
            mended(&rig);
        },
    );
}

/// The user's data directory is looked at, by default in the home.
#[test]
fn data_directory_in_the_home() {
    let home_folder = folder();
    link(&home_folder.path().join(".local/share/gst-resnet50"));
    alone(
        "environment::data_directory_in_the_home",
        home_folder.path(),
        |_| {},
        || {
            works(&rig(&home()));
        },
    );
}

/// And where `$XDG_DATA_HOME` says; a library there may have its version in its name only.
#[test]
fn data_directory_elsewhere() {
    let (home_folder, data) = (folder(), folder());
    let folder = data.path().join("gst-resnet50");
    std::fs::create_dir_all(&folder).expect("a folder");
    if std::env::var_os(LIBRARY).is_none() {
        let name = folder.join("libonnxruntime.so.1.99.0");
        std::os::unix::fs::symlink(installed(), name).expect("a link");
    }
    let elsewhere = |child: &mut Command| {
        child.env("XDG_DATA_HOME", data.path());
    };
    alone(
        "environment::data_directory_elsewhere",
        home_folder.path(),
        elsewhere,
        || {
            works(&rig(&home()));
            assert!(
                gstresnet50::inference::Runtime::load(None, &[])
                    .is_ok_and(|r| { r.path().ends_with("gst-resnet50/libonnxruntime.so.1.99.0") })
            );
        },
    );
}

/// `$RESNET50_MODEL` names the model where the property does not.
#[test]
fn model_by_variable() {
    let empty = folder();
    let by_variable = |child: &mut Command| {
        child.env("RESNET50_MODEL", "builtin:efficientnet-lite0");
    };
    alone(
        "environment::model_by_variable",
        empty.path(),
        by_variable,
        || {
            let rig = rig(&home());
            rig.element
                .set_property("runtime-library", text(&library()));
            rig.element.set_property("model", None::<&str>);
            rig.play().expect("it starts");
            let buffer = rig.classify(plain(&rgb(4, 4), GREEN));
            assert_eq!(
                &*classification(&buffer).model,
                "builtin:efficientnet-lite0"
            );
        },
    );
}
