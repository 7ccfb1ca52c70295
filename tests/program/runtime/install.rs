// SPDX-License-Identifier: MPL-2.0
//! Installing what can be installed.

use super::{Build, home, names, run, runtime};
use support::http::Server;
use support::program::{stderr, stdout};

/// The library, what its providers need and the licences come out of the wheel, and nothing else; the
/// second time nothing is downloaded, until a file is damaged.
#[test]
fn from_an_index() {
    let (home, build) = (home(), Build::new("openvino", "1.99.0"));
    let server = build.index();
    let install = || {
        let mut install = build.install(home.path(), &[]);
        install.env("PIP_INDEX_URL", server.url("simple"));
        run(install)
    };
    let output = install();
    let text = stdout(&output);
    assert!(output.status.success(), "{output:?}");
    let folder = build.folder(home.path());
    for words in [
        "installed: ONNX Runtime 1.99.0 (openvino)",
        folder.to_str().expect("text"),
        "provider=openvino",
        "ORT_DYLIB_PATH",
    ] {
        assert!(text.contains(words), "no “{words}” in: {text}");
    }
    assert!(stderr(&output).contains("downloaded "), "{output:?}");
    let installed = [
        "libonnxruntime.so",
        "libonnxruntime.so.1.99.0",
        "libonnxruntime_providers_x.so",
        "libx.so",
        "libx.so.1",
        "licences",
        "runtime.json",
    ];
    assert_eq!(names(&folder), installed);
    assert_eq!(
        names(&folder.join("licences")),
        ["LICENSE", "ThirdPartyNotices.txt"]
    );
    assert_eq!(
        std::fs::read(folder.join("libx.so.1")).expect("there"),
        b"x"
    );
    let library = std::fs::read(folder.join("libonnxruntime.so")).expect("there");
    assert_eq!(library, build.library);
    // Nothing is left of the download or of the work.
    assert_eq!(names(&home.path().join("gst-resnet50/downloads")), ["lock"]);
    assert_eq!(names(folder.parent().expect("a folder")), ["openvino"]);
    assert_eq!(server.exchanges().len(), 2);

    let output = install();
    assert!(output.status.success(), "{output:?}");
    assert!(stdout(&output).contains("already installed"), "{output:?}");
    assert_eq!(server.exchanges().len(), 2);

    std::fs::write(folder.join("libonnxruntime_providers_x.so"), "broken").expect("written");
    let output = install();
    assert!(output.status.success(), "{output:?}");
    assert!(stderr(&output).contains("damaged"), "{output:?}");
    let provider = std::fs::read(folder.join("libonnxruntime_providers_x.so"));
    assert_eq!(provider.expect("there"), b"provider");
    assert_eq!(server.exchanges().len(), 4);
    assert_eq!(names(folder.parent().expect("a folder")), ["openvino"]);
}

/// A wheel that was brought needs no network, and takes the place of an older version.
#[test]
fn from_a_wheel() {
    let home = home();
    for version in ["1.98.0", "1.99.0"] {
        let build = Build::new("cpu", version);
        let wheel = home.path().join("brought.whl");
        std::fs::write(&wheel, &build.wheel).expect("written");
        let wheel = wheel.to_str().expect("text");
        let output = run(build.install(home.path(), &["--wheel", wheel]));
        assert!(output.status.success(), "{output:?}");
        let folder = build.folder(home.path());
        let library = format!("libonnxruntime.so.{version}");
        let link = std::fs::read_link(folder.join("libonnxruntime.so")).expect("a link");
        assert_eq!(link.to_str(), Some(library.as_str()));
        let libraries = names(&folder);
        let libraries = libraries
            .iter()
            .filter(|it| it.starts_with("libonnxruntime.so."));
        assert_eq!(libraries.collect::<Vec<_>>(), [&library]);
    }
}

/// A download that was cut off goes on, in the same call and with the index's own word for it.
#[test]
fn cut_off() {
    let (home, build) = (home(), Build::new("cuda", "1.99.0"));
    let (name, wheel) = (build.file_name(), build.wheel.clone());
    let server = Server::start(move |_, asked| {
        let reply = super::serve(asked, "/simple/onnxruntime-cuda/", &name, &wheel);
        match asked.line.contains(".whl") && asked.range.is_empty() {
            true => reply.cut_after(1000),
            false => reply,
        }
    });
    let index = server.url("simple/");
    let output = run(build.install(home.path(), &["--index-url", &index]));
    assert!(output.status.success(), "{output:?}");
    let exchanges = server.exchanges();
    let ranges: Vec<_> = exchanges.iter().map(|it| it.range.as_str()).collect();
    assert_eq!(ranges, ["", "", "bytes=1000-"]);
}

/// What an install that was killed has left is removed by the next one, and never used.
#[test]
fn killed() {
    let (home, build) = (home(), Build::new("cpu", "1.99.0"));
    let left = home.path().join("gst-resnet50/runtime/.new-killed/cpu");
    std::fs::create_dir_all(&left).expect("a folder");
    std::fs::write(left.join("libonnxruntime.so"), &build.library).expect("written");
    let list = super::list(runtime(home.path(), &["runtime", "list", "--json"]));
    assert!(super::below(&list, home.path()).is_empty(), "{list}");
    let server = build.index();
    let output = run(build.install(home.path(), &["--index-url", &server.url("simple")]));
    assert!(output.status.success(), "{output:?}");
    assert_eq!(names(&home.path().join("gst-resnet50/runtime")), ["cpu"]);
}

/// What was installed is removed by name, and nothing else is.
#[test]
fn uninstall() {
    let (home, build) = (home(), Build::new("cpu", "1.99.0"));
    let wheel = home.path().join("brought.whl");
    std::fs::write(&wheel, &build.wheel).expect("written");
    let wheel = wheel.to_str().expect("text");
    assert!(
        run(build.install(home.path(), &["--wheel", wheel]))
            .status
            .success()
    );
    let others = home.path().join("gst-resnet50/runtime/cuda");
    std::fs::create_dir_all(&others).expect("a folder");
    let uninstall = |name| run(runtime(home.path(), &["runtime", "uninstall", name]));
    assert!(uninstall("cpu").status.success());
    for name in ["cpu", "cuda"] {
        let output = uninstall(name);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(stderr(&output).contains("runtime list"), "{output:?}");
    }
    assert_eq!(names(&home.path().join("gst-resnet50/runtime")), ["cuda"]);
}
