// SPDX-License-Identifier: MPL-2.0
//! The plugin as a file, in GStreamer's own programs. `cargo xtask test` builds it and says in
//! `$RESNET50_TEST_PLUGIN_DIR` where it lies; without that there is nothing to test here.

mod support;

use std::path::PathBuf;
use std::process::Command;

use support::source;

/// The folder of the plugin.
fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("RESNET50_TEST_PLUGIN_DIR").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: RESNET50_TEST_PLUGIN_DIR is not set; use “cargo xtask test”");
    }
    folder
}

/// Runs one of GStreamer's programs with the plugin and a registry of its own, and with warnings
/// that are fatal. Returns what it printed.
fn run(folder: &PathBuf, program: &str, arguments: &[&str]) -> String {
    assert!(folder.join("libgstresnet50.so").is_file(), "{folder:?}");
    let registry = tempfile::tempdir().expect("a folder");
    let output = Command::new(program)
        .args(arguments)
        .env("GST_PLUGIN_PATH", folder)
        .env("GST_REGISTRY", registry.path().join("registry.bin"))
        .env("G_DEBUG", "fatal-warnings")
        .env("LC_ALL", "C.UTF-8")
        .env_remove("GST_PLUGIN_PATH_1_0")
        .env_remove("GST_REGISTRY_1_0")
        .env_remove("GST_REGISTRY_UPDATE")
        .output()
        .unwrap_or_else(|e| panic!("{program}: {e}"));
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        output.status.success(),
        "{program}: {}\n{text}",
        output.status
    );
    text
}

/// `gst-inspect-1.0 resnet50` shows the element with all of its properties.
#[test]
fn inspect() {
    let Some(folder) = folder() else { return };
    let text = run(&folder, "gst-inspect-1.0", &["resnet50"]);
    for property in [
        "model",
        "labels",
        "provider",
        "provider-options",
        "device-id",
        "threads",
        "interval",
        "top-k",
        "threshold",
        "activation",
        "fit",
        "resize",
        "mean",
        "std",
        "color-order",
        "messages",
        "runtime-library",
        "active-provider",
        "model-info",
        "stats",
    ] {
        let line = text
            .lines()
            .find(|l| l.trim_start().split(' ').next() == Some(property));
        assert!(
            line.is_some_and(|l| l.contains(':')),
            "no {property} in:\n{text}"
        );
    }
    for word in [
        "Filter/Analyzer/Video",
        "MPL",
        "NV12",
        "gst-plugin-resnet50",
    ] {
        assert!(text.contains(word), "no {word} in:\n{text}");
    }
}

/// So does `gst-inspect-1.0 resnet50json`, with what goes in and comes out.
#[test]
fn inspect_json() {
    let Some(folder) = folder() else { return };
    let text = run(&folder, "gst-inspect-1.0", &["resnet50json"]);
    for word in [
        "only-changes",
        "include-unclassified",
        "video/x-raw(ANY)",
        "application/x-json",
    ] {
        assert!(text.contains(word), "no {word} in:\n{text}");
    }
}

/// The plugin is not on GStreamer's blacklist, and says what it holds.
#[test]
fn not_blacklisted() {
    let Some(folder) = folder() else { return };
    let text = run(&folder, "gst-inspect-1.0", &["--plugin", "resnet50"]);
    assert!(text.contains("ResNet50 video classifier"), "{text}");
    let text = run(&folder, "gst-inspect-1.0", &["--print-blacklist"]);
    assert!(!text.contains("libgstresnet50"), "{text}");
}

/// A line of gst-launch plays the demo clip and prints each change of what is seen.
#[test]
fn launch() {
    let Some(folder) = folder() else { return };
    let clip = glib::filename_to_uri(source("demo/clip.webm"), None).expect("a URI");
    let line = format!(
        "-m uridecodebin uri={clip} ! resnet50 model=builtin:efficientnet-lite0 messages=change \
         interval=15 mean=<0.498,0.498,0.498> ! fakesink"
    );
    let arguments: Vec<&str> = line.split(' ').collect();
    let text = run(&folder, "gst-launch-1.0", &arguments);
    let messages: Vec<&str> = text
        .lines()
        .filter(|l| l.contains("(element)") && l.contains("resnet50,"))
        .collect();
    for label in ["espresso", "moped", "missile"] {
        assert!(
            messages.iter().any(|m| m.contains(label)),
            "no {label} in:\n{text}"
        );
    }
    assert!(!text.contains("WARN") && !text.contains("ERROR"), "{text}");
}
