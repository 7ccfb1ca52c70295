// SPDX-License-Identifier: MPL-2.0
//! Finding ONNX Runtime. A process loads it once, so each test is a process of its own, whose home
//! is an empty folder.

mod environment;
mod loading;
mod property;
mod version;

use std::path::{Path, PathBuf};
use std::process::Command;

use gst::prelude::*;
use support::element::{GREEN, Rig, classification, element, plain, rgb, text, top};
use support::onnx::Net;

/// The library that is installed on this machine, where the plugin looks for it. The tests hand it
/// to their children, which see another home.
fn installed() -> PathBuf {
    let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").expect("a home")).join(".local/share");
    let data = data.filter(|p| p.is_absolute()).unwrap_or_else(home);
    let library = data.join("gst-resnet50/libonnxruntime.so");
    let library = std::env::var_os("ORT_DYLIB_PATH").map_or(library, PathBuf::from);
    assert!(
        library.is_file(),
        "run “cargo xtask setup” first: {library:?}"
    );
    library
}

/// Where the child finds what its parent has prepared for it.
const LIBRARY: &str = "RESNET50_TEST_LIBRARY";

fn library() -> PathBuf {
    std::env::var_os(LIBRARY).expect("set by the parent").into()
}

/// Runs `body` in a process without a library in any of the places: `home` is its home, and what
/// `prepare` adds is all that there is.
fn alone(name: &str, home: &Path, prepare: impl FnOnce(&mut Command), body: impl FnOnce()) {
    support::child::run(
        &format!("runtime::{name}"),
        |child| {
            child
                .env("HOME", home)
                .env(LIBRARY, installed())
                .env_remove("XDG_DATA_HOME")
                .env_remove("ORT_DYLIB_PATH")
                .env_remove("RESNET50_MODEL")
                // Cargo puts the folders of build scripts' libraries there.
                .env_remove("LD_LIBRARY_PATH")
                .env("GST_REGISTRY", registry());
            prepare(&mut *child);
        },
        body,
    );
}

/// The registry of GStreamer's plugins that this user has already.
fn registry() -> PathBuf {
    if let Some(registry) = std::env::var_os("GST_REGISTRY") {
        return registry.into();
    }
    let architecture = std::env::consts::ARCH;
    glib::user_cache_dir().join(format!("gstreamer-1.0/registry.{architecture}.bin"))
}

/// A folder for one test, and a model in it.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

/// An element with a model that works, and its pipeline.
fn rig(home: &Path) -> Rig {
    support::init();
    Rig::new(
        &element(&Net::color().write(home, "color.onnx")),
        &rgb(4, 4),
    )
}

/// The home that the parent has made.
fn home() -> PathBuf {
    PathBuf::from(std::env::var_os("HOME").expect("set by the parent"))
}

/// It does not start, and says so once, with these words.
fn does_not_start(rig: &Rig, words: &[&str]) {
    assert!(rig.play().is_err(), "it must not start");
    let errors = rig.errors();
    let [error] = errors.as_slice() else {
        panic!("not one error: {errors:?}");
    };
    assert!(error.matches(gst::LibraryError::Init), "{error:?}");
    for word in words
        .iter()
        .chain(&["cargo xtask setup", "runtime-library"])
    {
        assert!(error.message().contains(word), "no “{word}” in: {error}");
    }
    rig.stop();
}

/// It starts and classifies.
fn works(rig: &Rig) {
    rig.play().expect("it starts");
    let buffer = rig.classify(plain(&rgb(4, 4), GREEN));
    assert_eq!(top(&buffer), 1);
    assert_eq!(&*classification(&buffer).provider, "cpu");
    assert!(rig.errors().is_empty());
    rig.stop();
}

/// Setting the right library mends it, in the same process and with the same element.
fn mended(rig: &Rig) {
    rig.element
        .set_property("runtime-library", text(&library()));
    works(rig);
}

/// Whether this process has a file of this name in its memory.
fn is_mapped(name: &str) -> bool {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("Linux has it");
    maps.contains(name)
}

/// Compiles a shared library from a line of C.
fn compile(folder: &Path, name: &str, code: &str) -> PathBuf {
    let source = folder.join(format!("{name}.c"));
    let library = folder.join(format!("lib{name}.so"));
    std::fs::write(&source, code).expect("a file");
    let status = Command::new("cc")
        .args(["-shared", "-fPIC", "-o", text(&library), text(&source)])
        .status()
        .expect("a C compiler, as building this project needs one");
    assert!(status.success());
    library
}

/// Puts a link to the library into a folder, unless it is there.
fn link(folder: &Path) {
    std::fs::create_dir_all(folder).expect("a folder");
    let link = folder.join("libonnxruntime.so");
    if !link.is_symlink() && std::env::var_os(LIBRARY).is_none() {
        std::os::unix::fs::symlink(installed(), link).expect("a link");
    }
}
