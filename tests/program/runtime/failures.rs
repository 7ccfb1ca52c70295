// SPDX-License-Identifier: MPL-2.0
//! Wheels, servers and networks that fail. Nothing is installed then.

use std::path::Path;
use std::process::Output;

use bytes::Bytes;
use serde_json::json;

use super::{Build, home, names, run, runtime};
use support::http::{Reply, Server};
use support::program::stderr;

/// It failed with these words and left nothing installed.
#[track_caller]
fn assert_fails(home: &Path, output: &Output, words: &[&str]) {
    let text = stderr(output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for words in words {
        assert!(text.contains(words), "no “{words}” in: {text}");
    }
    assert_eq!(names(&home.join("gst-resnet50/runtime")), [""; 0]);
}

/// A wheel with another checksum is removed, and the message has both and the remedy.
#[test]
fn another_wheel() {
    let (home, build) = (home(), Build::new("cpu", "1.99.0"));
    let server = build.index();
    let mut description = build.description();
    description["sha256"] = json!("00");
    let index = server.url("simple");
    let args = ["--index-url", &index];
    let output = run(build.install_as(home.path(), &description, &args));
    let actual = super::sha256(&build.wheel);
    assert_fails(
        home.path(),
        &output,
        &[
            &actual,
            "should be 00",
            "was removed",
            "--wheel FILE",
            "--index-url",
        ],
    );
    assert_eq!(names(&home.path().join("gst-resnet50/downloads")), ["lock"]);

    let wheel = home.path().join("brought.whl");
    std::fs::write(&wheel, "no wheel").expect("written");
    let wheel = wheel.to_str().expect("text");
    let output = run(build.install(home.path(), &["--wheel", wheel]));
    assert_fails(home.path(), &output, &[wheel, "its SHA-256 is"]);
    assert!(Path::new(wheel).exists());
}

/// The library has a checksum of its own.
#[test]
fn another_library() {
    let (home, build) = (home(), Build::new("cpu", "1.99.0"));
    let server = build.index();
    let index = server.url("simple");
    for (field, words) in [
        ("library_sha256", "should be none"),
        ("library", "there is no"),
    ] {
        let mut description = build.description();
        description[field] = json!("none");
        let args = ["--index-url", &index];
        let output = run(build.install_as(home.path(), &description, &args));
        assert_fails(home.path(), &output, &[words]);
    }
}

/// A library that does not load on this system is not installed.
#[test]
fn does_not_load() {
    for (library, words) in [
        (b"no library".to_vec(), "does not load"),
        (super::library("1.21.0"), "1.22 is the oldest"),
    ] {
        let (home, build) = (home(), Build::of("cpu", "1.99.0", library));
        let server = build.index();
        let index = server.url("simple");
        let output = run(build.install(home.path(), &["--index-url", &index]));
        assert_fails(home.path(), &output, &[words, "ORT_DYLIB_PATH"]);
    }
}

/// A server that closes the connection each time: what has arrived stays for the next call.
#[test]
fn truncated() {
    let (home, build) = (home(), Build::new("cpu", "1.99.0"));
    let (name, wheel) = (build.file_name(), build.wheel.clone());
    let server = Server::start(move |_, asked| {
        let reply = super::serve(asked, "/simple/onnxruntime-cpu/", &name, &wheel);
        match asked.line.contains(".whl") {
            true if asked.range.is_empty() => reply.cut_after(700),
            true => reply.cut_after(0),
            false => reply,
        }
    });
    let index = server.url("simple");
    let output = run(build.install(home.path(), &["--index-url", &index]));
    assert_fails(
        home.path(),
        &output,
        &["was cut off after 700 B", "goes on from there"],
    );
    let left = names(&home.path().join("gst-resnet50/downloads"));
    assert!(left.iter().any(|it| it.ends_with(".part")), "{left:?}");

    let whole = build.index();
    let output = run(build.install(home.path(), &["--index-url", &whole.url("simple")]));
    assert!(output.status.success(), "{output:?}");
}

/// Without a network, and with an index that is none, the message says what else there is to do.
#[test]
fn no_index() {
    let (home, build) = (home(), Build::new("cpu", "1.99.0"));
    // A port that nobody listens at.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = closed.local_addr().expect("an address").port();
    drop(closed);
    let empty = Server::start(|_, _| Reply::new(404, ""));
    let page = Server::start(|_, _| Reply::whole(&Bytes::from_static(b"<html>log in</html>")));
    let broken = Server::start(|_, _| Reply::new(503, ""));
    for (index, words) in [
        (format!("http://127.0.0.1:{port}/simple"), "$https_proxy"),
        (
            empty.url("simple"),
            "has no onnxruntime_cpu-1.99.0-cp312-cp312-any.whl",
        ),
        (
            page.url("simple"),
            "has no onnxruntime_cpu-1.99.0-cp312-cp312-any.whl",
        ),
        (broken.url("simple"), "503"),
        ("https://me:secret@localhost/simple".into(), "not supported"),
        ("simple".into(), "is not a URL"),
    ] {
        let output = run(build.install(home.path(), &["--index-url", &index]));
        assert_fails(
            home.path(),
            &output,
            &[words, "--wheel FILE", "--index-url"],
        );
        assert!(!stderr(&output).contains("secret"), "{output:?}");
    }
}

/// A file larger than what is known of it is not read to its end.
#[test]
fn too_large() {
    let (home, build) = (home(), Build::new("cpu", "1.99.0"));
    let (name, wheel) = (build.file_name(), build.wheel.clone());
    let server = Server::start(move |_, asked| {
        let is_wheel = asked.line.contains(".whl");
        let reply = super::serve(asked, "/simple/onnxruntime-cpu/", &name, &wheel);
        match is_wheel {
            true => Reply::new(200, wheel.clone()).endless(),
            false => reply,
        }
    });
    let index = server.url("simple");
    let output = run(build.install(home.path(), &["--index-url", &index]));
    assert_fails(home.path(), &output, &["is larger than", "--wheel FILE"]);
}

/// Only builds that there are have a name.
#[test]
fn unknown() {
    let home = home();
    let output = run(runtime(home.path(), &["runtime", "install", "rocm"]));
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(stderr(&output).contains("openvino"), "{output:?}");
}
