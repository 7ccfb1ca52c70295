// SPDX-License-Identifier: MPL-2.0
//! The examples at work. (`rtsp.rs` has the one for RTSP cameras.)

#[cfg(feature = "cli")]
mod pipeline;
#[cfg(feature = "cli")]
mod record_events;
#[cfg(feature = "cli")]
mod webcam;

use std::path::Path;

use support::{example, plugin, source};

/// What an example prints; it must end well.
fn run(name: &str, arguments: &[&Path]) -> String {
    let mut command = example::command(name);
    let output = command.args(arguments).output().expect("it runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {errors}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Each frame of the demo clip has its line, and the labels come in the clip's order.
#[test]
fn read_meta() {
    let text = run("read_meta", &[&source("demo/clip.webm")]);
    assert_eq!(text.lines().count(), 360);
    for (frame, label) in [(90, "espresso"), (180, "moped"), (359, "missile")] {
        let line = text.lines().nth(frame).expect("a line for each frame");
        assert!(line.contains(label), "{frame}: {line}");
    }
}

/// Pictures of several sizes, whose rows have to be padded or not, go through one pipeline.
#[test]
fn app() {
    let photos = ["coffee.png", "motorcycle_left.png", "rocket.png"];
    let files = photos.map(|name| support::data("photos").join(name));
    let text = run("app", &files.each_ref().map(AsRef::as_ref));
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    for (line, label) in lines.iter().zip(["espresso", "moped", "missile"]) {
        assert!(line.contains(&format!(".png: {label}")), "{line}");
    }
}

/// An example's last words: it must end with an error, which is one line.
fn fail(command: &mut std::process::Command) -> String {
    let output = command.output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{command:?}: {text}");
    assert!(
        text.starts_with("error: ") && text.lines().count() == 1,
        "{command:?}: {text}"
    );
    text
}

/// What is missing is named.
#[test]
fn errors() {
    let (app, read_meta) = (["app"], ["read_meta"]);
    let none: [&str; 0] = [];
    let missing = "/nowhere/clip.webm";
    for (name, arguments, words) in [
        (app, &none[..], "usage: app PICTURE"),
        (app, &["/nowhere/photo.png"], "/nowhere/photo.png"),
        (read_meta, &none[..], "usage: read_meta VIDEO"),
        (read_meta, &[missing], missing),
    ] {
        let text = fail(example::command(name[0]).args(arguments));
        assert!(text.contains(words), "{name:?}: {text}");
    }
}

/// A Python without GObject introspection is told which one has it.
#[test]
fn pipeline_py_without_gi() {
    // Without its folder of packages.
    let text = fail(
        example::python()
            .arg("-S")
            .arg(source("examples/pipeline.py")),
    );
    assert!(
        text.contains("python3-gi") && text.contains("/usr/bin/python3"),
        "{text}"
    );
}

/// Python reads each change off the buffers, at the clip's times.
#[test]
fn pipeline_py() {
    let registry = tempfile::tempdir().expect("a folder");
    let command = |video: &Path| {
        let mut command = example::python();
        command.args([&source("examples/pipeline.py"), video]);
        plugin::prepare(&mut command, registry.path());
        command
    };
    let missing = fail(&mut command(Path::new("/nowhere/clip.webm")));
    assert!(missing.contains("/nowhere/clip.webm: "), "{missing}");
    let output = command(&source("demo/clip.webm")).output();
    let output = output.expect("Python runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{output:?}"
    );
    for line in ["3.60 espresso 0.", "7.20 moped 0.", "10.80 missile 0."] {
        assert!(
            text.lines().any(|l| l.starts_with(line)),
            "no {line} in:\n{text}"
        );
    }
}
