// SPDX-License-Identifier: MPL-2.0
//! The presets of `plugin-meta/presets`, found in each of the places where GStreamer looks, and
//! loaded by name: through GstPreset and in a line of gst-launch.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use gst::prelude::*;
use gstresnet50::element::classify::{Mode, Resnet50};
use support::element::{self, GREEN, Rig, bare, rgb, timed};
use support::onnx::Net;
use support::{child, plugin};

const NAMES: [&str; 3] = ["live-camera", "low-power", "offline-max-throughput"];

/// The file's folder.
fn folder() -> PathBuf {
    support::source("plugin-meta/presets")
}

/// A home in which there are no presets, so that only ours are found.
fn home(command: &mut Command, home: &Path) {
    command
        .env("HOME", home)
        .env("XDG_DATA_HOME", home)
        .env_remove("GST_PRESET_PATH");
}

fn presets(element: &gst::Element) -> Vec<String> {
    let element = element.downcast_ref::<Resnet50>().expect("ours");
    let names = element.preset_names();
    names.iter().map(ToString::to_string).collect()
}

fn load(element: &gst::Element, name: &str) -> bool {
    let element = element.downcast_ref::<Resnet50>().expect("ours");
    element.load_preset(name).is_ok()
}

/// Asserts that an element has the values that the preset's name promises.
fn check(element: &gst::Element, name: &str) {
    let mode = element.property::<Mode>("mode");
    let rate = element.property::<gst::Fraction>("max-rate");
    let still = element.property::<f32>("skip-still");
    let number = |property: &str| element.property::<u32>(property);
    let numbers = ["threads", "sessions", "batch-size", "max-in-flight"].map(number);
    match name {
        // Never waits, and leaves the machine time for other things.
        "live-camera" => {
            assert_eq!((mode, still, numbers), (Mode::Live, 0.0, [0, 0, 4, 0]));
            assert_eq!(rate, gst::Fraction::new(10, 1));
        }
        // Every frame, and all that the machine has.
        "offline-max-throughput" => {
            assert_eq!((mode, still, numbers), (Mode::Exact, 0.0, [0, 0, 4, 0]));
            assert_eq!(rate, gst::Fraction::new(0, 1));
        }
        "low-power" => {
            assert_eq!((mode, still, numbers), (Mode::Auto, 0.02, [1, 1, 1, 1]));
            assert_eq!(rate, gst::Fraction::new(2, 1));
        }
        _ => panic!("no such preset: {name}"),
    }
}

/// Asserts that all presets are found and loaded, in any order, and what they are described as.
fn check_all() {
    let element = bare();
    let mut found = presets(&element);
    found.sort();
    assert_eq!(found, NAMES);
    // Twice, so that each follows each: nothing of the one before is left.
    for name in NAMES.iter().chain(NAMES.iter().rev()).chain(&NAMES) {
        element.set_property("interval", 7u32);
        assert!(load(&element, name), "{name}");
        check(&element, name);
        // What a preset says nothing of stays.
        assert_eq!(element.property::<u32>("interval"), 7);
    }
    assert!(!load(&element, "no-such-preset"));
    let ours = element.downcast_ref::<Resnet50>().expect("ours");
    for name in NAMES {
        let comment = ours.meta(name, "comment").expect("a description");
        assert!(comment.len() > 20, "{comment}");
    }
}

/// With `$GST_PRESET_PATH`.
#[test]
fn by_environment() {
    let scratch = tempfile::tempdir().expect("a folder");
    let prepare = |command: &mut Command| {
        home(command, scratch.path());
        command.env("GST_PRESET_PATH", folder());
    };
    child::run("presets::by_environment", prepare, check_all);
}

/// With the folder that a program names for itself.
#[test]
fn by_application() {
    let scratch = tempfile::tempdir().expect("a folder");
    let body = || {
        support::init();
        gst::Preset::set_app_dir(folder()).expect("the folder");
        check_all();
    };
    child::run("presets::by_application", |c| home(c, scratch.path()), body);
}

/// Where the README's line installs the file for the user.
#[test]
fn by_installation() {
    let scratch = tempfile::tempdir().expect("a folder");
    let place = scratch.path().join("gstreamer-1.0/presets");
    std::fs::create_dir_all(&place).expect("a folder");
    let file = "GstResnet50.prs";
    std::fs::copy(folder().join(file), place.join(file)).expect("copied");
    child::run(
        "presets::by_installation",
        |c| home(c, scratch.path()),
        check_all,
    );
}

/// Without the file there are none, and asking for one fails.
#[test]
fn none_installed() {
    let scratch = tempfile::tempdir().expect("a folder");
    let body = || {
        let element = bare();
        assert_eq!(presets(&element), Vec::<String>::new());
        assert!(!load(&element, "live-camera"));
    };
    child::run("presets::none_installed", |c| home(c, scratch.path()), body);
}

/// As gst-launch users write it: `@preset=`. Wherever it stands, GStreamer (1.22, 1.26 and 1.28 at
/// least) loads it after it has set the element's own properties, so the preset has the last word on
/// what is in it. Properties of a bin around the element are set after that, and override it.
#[test]
fn in_a_launch_line() {
    let scratch = tempfile::tempdir().expect("a folder");
    let prepare = |command: &mut Command| {
        home(command, scratch.path());
        command.env("GST_PRESET_PATH", folder());
    };
    let body = || {
        support::init();
        let parse = |text: &str| {
            let text = format!("videotestsrc ! resnet50 name=it {text} ! fakesink");
            let pipeline = gst::parse::launch(&text).expect("a pipeline");
            let pipeline = pipeline.downcast::<gst::Pipeline>().expect("a pipeline");
            pipeline.by_name("it").expect("it is there")
        };
        for name in NAMES {
            check(&parse(&format!("@preset={name}")), name);
        }
        for text in [
            "@preset=low-power max-rate=1/1 interval=3",
            "max-rate=1/1 interval=3 @preset=low-power",
        ] {
            let element = parse(text);
            assert_eq!(element.property::<u32>("interval"), 3, "{text}");
            check(&element, "low-power");
        }
        for text in [
            "videotestsrc ! bin.( it::max-rate=1/1 resnet50 name=it @preset=low-power ) ! fakesink",
            "pipeline.( it::max-rate=1/1 videotestsrc ! resnet50 name=it @preset=low-power ! fakesink )",
        ] {
            let pipeline = gst::parse::launch(text).expect("a pipeline");
            let pipeline = pipeline.downcast::<gst::Pipeline>().expect("a pipeline");
            let element = pipeline.by_name("it").expect("it is there");
            let rate = element.property::<gst::Fraction>("max-rate");
            assert_eq!(rate, gst::Fraction::new(1, 1), "{text}");
            assert_eq!(element.property::<u32>("threads"), 1, "{text}");
        }
        let text = "resnet50 @preset=nonesuch";
        let error = gst::parse::launch(text).expect_err("there is none");
        assert!(error.message().contains("nonesuch"), "{error}");
    };
    child::run("presets::in_a_launch_line", prepare, body);
}

/// Each preset plays, and every frame leaves; in the end they are classified.
#[test]
fn they_play() {
    // In the user's own home, for ONNX Runtime is installed there.
    let prepare = |command: &mut Command| {
        command.env("GST_PRESET_PATH", folder());
    };
    let body = || {
        support::init();
        let models = tempfile::tempdir().expect("a folder");
        let model = Net::color().write(models.path(), "color.onnx");
        let info = rgb(64, 48);
        for name in NAMES {
            let element = element::element(&model);
            assert!(load(&element, name), "{name}");
            let rig = Rig::new(&element, &info);
            rig.play().expect("it plays");
            // In mode live the first frames leave before there is an answer, however long it takes.
            let classified = (0..6_000).find_map(|i| {
                let buffer = rig.classify(timed(&info, GREEN, i * 40));
                let seen = gstresnet50::meta::classification_of(&buffer);
                if seen.is_none() {
                    std::thread::sleep(std::time::Duration::from_millis(10));
                }
                seen
            });
            let top = classified.as_ref().and_then(|c| c.top());
            assert_eq!(top.map(|c| c.index), Some(1), "{name}");
            rig.stop();
            assert!(rig.errors().is_empty());
        }
    };
    child::run("presets::they_play", prepare, body);
}

/// The groups of the file have the same keys, so that one preset undoes another, and every key is
/// a property.
#[test]
fn whole() {
    let element = bare();
    let file = glib::KeyFile::new();
    file.load_from_file(folder().join("GstResnet50.prs"), glib::KeyFileFlags::NONE)
        .expect("a key file");
    let header = file.string("_presets_", "element-name");
    assert_eq!(header.as_deref(), Ok("GstResnet50"));
    let keys = |name| {
        let keys = file.keys(name).expect(name);
        keys.iter().map(|k| k.to_string()).collect::<BTreeSet<_>>()
    };
    let expected = keys(NAMES[0]);
    for name in NAMES {
        assert_eq!(keys(name), expected, "{name}");
    }
    for key in expected.iter().filter(|k| !k.starts_with("_meta/")) {
        let spec = element.find_property(key).expect(key);
        assert!(spec.flags().contains(glib::ParamFlags::READWRITE), "{key}");
    }
}

/// GStreamer's own programs: gst-inspect lists the presets, gst-launch plays with one, and says so
/// where there is none of the name.
#[test]
fn programs() {
    let scratch = tempfile::tempdir().expect("a folder");
    let run = |program: &str, line: &str| -> (Output, String) {
        let mut command = Command::new(program);
        command
            .args(line.split(' '))
            .env("GST_PRESET_PATH", folder())
            .env("XDG_CONFIG_HOME", scratch.path());
        let output = plugin::output(plugin::prepare(&mut command, scratch.path()));
        let text = [&output.stdout[..], &output.stderr[..]].concat();
        (output, String::from_utf8_lossy(&text).into_owned())
    };
    let (output, text) = run("gst-inspect-1.0", "resnet50");
    assert!(output.status.success(), "{text}");
    for name in NAMES {
        assert!(text.contains(name), "no {name} in:\n{text}");
        let line = format!(
            "-m videotestsrc num-buffers=3 ! resnet50 model=builtin:efficientnet-lite0 @preset={name} ! fakesink"
        );
        let (output, text) = run("gst-launch-1.0", &line);
        assert!(output.status.success(), "{text}");
        assert!(!text.contains("WARN"), "{text}");
    }
    let line = "videotestsrc num-buffers=1 ! resnet50 @preset=nonesuch ! fakesink";
    let (output, text) = run("gst-launch-1.0", line);
    assert!(!output.status.success());
    assert!(text.contains("could not set preset \"nonesuch\""), "{text}");
}
