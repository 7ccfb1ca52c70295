// SPDX-License-Identifier: MPL-2.0
//! Finding ONNX Runtime. A process loads it once, so each test is a process of its own, whose home
//! is an empty folder.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use gst::prelude::*;
use gstresnet50::element::strings::value_of;
use support::element::{GREEN, Rig, answer, element, plain, rgb, text, top, warnings};
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
    assert_eq!(&*answer(&buffer).provider, "cpu");
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
        "no_library_anywhere",
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

/// `runtime-library` is a demand: a file that is not there is not replaced by another, which is
/// there.
#[test]
fn library_is_missing() {
    let empty = folder();
    alone(
        "library_is_missing",
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
        "library_is_something_else",
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
        "library_is_no_regular_file",
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
        "library_by_any_name",
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
        "library_by_uri",
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
    alone("environment_of_any_bytes", empty.path(), prepare, || {
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
    });
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
    alone("variable_of_any_bytes", empty.path(), prepare, || {
        works(&rig(&home()));
    });
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

/// An ONNX Runtime that is too old: the message has its version and the oldest that would do.
#[test]
fn library_is_too_old() {
    let empty = folder();
    alone(
        "library_is_too_old",
        empty.path(),
        |_| {},
        || {
            let old = compile(
                &home(),
                "old",
                r#"
            typedef struct { const void *(*get_api)(unsigned); const char *(*version)(void); } Base;
            static const void *get_api(unsigned version) { (void)version; return 0; }
            static const char *version(void) { return "1.16.3"; }
            static const Base base = { get_api, version };
            const Base *OrtGetApiBase(void) { return &base; }
            "#,
            );
            let rig = rig(&home());
            rig.element.set_property("runtime-library", text(&old));
            let (major, minor) = gstresnet50::inference::MINIMUM_VERSION;
            let minimum = format!("{major}.{minor}");
            does_not_start(&rig, &[text(&old), "1.16.3", &minimum]);
            mended(&rig);
        },
    );
}

/// One that says it is new enough but does not offer the interface, or offers nothing.
#[test]
fn library_without_the_interface() {
    let empty = folder();
    alone(
        "library_without_the_interface",
        empty.path(),
        |_| {},
        || {
            let rig = rig(&home());
            let odd = compile(
                &home(),
                "odd",
                r#"
            typedef struct { const void *(*get_api)(unsigned); const char *(*version)(void); } Base;
            static const void *get_api(unsigned version) { (void)version; return 0; }
            static const char *version(void) { return "1.99.0"; }
            static const Base base = { get_api, version };
            const Base *OrtGetApiBase(void) { return &base; }
            "#,
            );
            rig.element.set_property("runtime-library", text(&odd));
            does_not_start(&rig, &[text(&odd), "1.99.0", "C API"]);
            let void = compile(&home(), "void", "void *OrtGetApiBase(void) { return 0; }");
            rig.element.set_property("runtime-library", text(&void));
            does_not_start(&rig, &[text(&void), "OrtGetApiBase"]);
            mended(&rig);
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
    alone("variable", empty.path(), use_it, || {
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
    alone("variable_is_wrong", home_folder.path(), wrong, || {
        let rig = rig(&home());
        does_not_start(
            &rig,
            &["ORT_DYLIB_PATH", "/nowhere/else.so", "no such file"],
        );
        mended(&rig);
    });
}

/// Puts a link to the library into a folder, unless it is there.
fn link(folder: &Path) {
    std::fs::create_dir_all(folder).expect("a folder");
    let link = folder.join("libonnxruntime.so");
    if !link.is_symlink() && std::env::var_os(LIBRARY).is_none() {
        std::os::unix::fs::symlink(installed(), link).expect("a link");
    }
}

/// The user's data directory is looked at, by default in the home.
#[test]
fn data_directory_in_the_home() {
    let home_folder = folder();
    link(&home_folder.path().join(".local/share/gst-resnet50"));
    alone(
        "data_directory_in_the_home",
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
        "data_directory_elsewhere",
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

/// The library cannot be exchanged: a second element that asks for another one is warned and works
/// with the first one's.
#[test]
fn second_library() {
    let empty = folder();
    alone(
        "second_library",
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
    alone("loaded_at_the_first_start", empty.path(), use_it, || {
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
    });
}

/// `$RESNET50_MODEL` names the model where the property does not.
#[test]
fn model_by_variable() {
    let empty = folder();
    let by_variable = |child: &mut Command| {
        child.env("RESNET50_MODEL", "builtin:efficientnet-lite0");
    };
    alone("model_by_variable", empty.path(), by_variable, || {
        let rig = rig(&home());
        rig.element
            .set_property("runtime-library", text(&library()));
        rig.element.set_property("model", None::<&str>);
        rig.play().expect("it starts");
        let buffer = rig.classify(plain(&rgb(4, 4), GREEN));
        assert_eq!(&*answer(&buffer).model, "builtin:efficientnet-lite0");
    });
}
