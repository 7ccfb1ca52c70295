// SPDX-License-Identifier: MPL-2.0
//! The plugin as a file, in GStreamer's own programs.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Command;

use gst::prelude::*;
use support::onnx::{Net, Whim};
use support::{plugin, source};

/// Runs one of GStreamer's programs with the plugin and a registry of its own, and with warnings
/// that are fatal. Returns what it printed.
fn run(program: &str, arguments: &[&str]) -> String {
    let registry = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(program);
    command.args(arguments);
    let output = plugin::output(plugin::prepare(&mut command, registry.path()));
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

/// The names of all properties that an element has of its own.
fn properties(element: &str) -> Vec<String> {
    support::init();
    let element = gst::ElementFactory::make(element).build().expect(element);
    let all = element.list_properties();
    let own = all.iter().filter(|p| p.owner_type() == element.type_());
    own.map(|p| p.name().to_owned()).collect()
}

/// `gst-inspect-1.0` shows each element with all of its properties.
#[test]
fn inspect() {
    for (element, least) in [
        ("resnet50", 40),
        ("resnet50overlay", 10),
        ("resnet50json", 2),
    ] {
        let text = run("gst-inspect-1.0", &[element]);
        let properties = properties(element);
        assert!(properties.len() >= least, "{properties:?}");
        for property in properties {
            let mut lines = text.lines();
            // A long name has no space behind it.
            let is_it = |l: &str| l.trim_start().split([' ', ':']).next() == Some(&property);
            let line = lines.find(|l| is_it(l));
            assert!(
                line.is_some_and(|l| l.contains(':')),
                "no {property} in:\n{text}"
            );
        }
    }
    let text = run("gst-inspect-1.0", &["resnet50"]);
    for word in [
        "Filter/Analyzer/Video",
        "MPL",
        "NV12",
        "gst-plugin-resnet50",
    ] {
        assert!(text.contains(word), "no {word} in:\n{text}");
    }
}

/// `gst-inspect-1.0 resnet50json` says what goes in and comes out.
#[test]
fn inspect_json() {
    let text = run("gst-inspect-1.0", &["resnet50json"]);
    for word in [
        "model-name",
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
    let text = run("gst-inspect-1.0", &["--plugin", "resnet50"]);
    assert!(text.contains("ResNet50 video classifier"), "{text}");
    let text = run("gst-inspect-1.0", &["--print-blacklist"]);
    assert!(!text.contains("libgstresnet50"), "{text}");
}

/// A line of gst-launch plays the demo clip and prints each change of what is seen.
#[test]
fn launch() {
    let clip = glib::filename_to_uri(source("demo/clip.webm"), None).expect("a URI");
    let line = format!(
        "-m uridecodebin uri={clip} ! resnet50 model=builtin:efficientnet-lite0 messages=change \
         interval=15 mean=<0.498,0.498,0.498> ! fakesink"
    );
    let arguments: Vec<&str> = line.split(' ').collect();
    let text = run("gst-launch-1.0", &arguments);
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

/// What the elements find out at the end of a stream that nobody has classified is printed with its
/// text, also where it is for information only.
#[test]
fn launch_prints_hints() {
    // No region is there to be classified.
    let resnet50 = "resnet50 model=builtin:efficientnet-lite0 mode=exact region=rois";
    for behind in [
        "resnet50overlay",
        "resnet50json",
        "identity ! resnet50overlay",
    ] {
        let line = format!("videotestsrc num-buffers=3 ! {resnet50} ! {behind} ! fakesink");
        let arguments: Vec<&str> = line.split(' ').collect();
        let text = run("gst-launch-1.0", &arguments);
        for words in [
            "none of 3 frames had a region to classify",
            "none of the 3 frames carried a classification: resnet50 gave no result",
        ] {
            assert!(text.contains(words), "no “{words}” in:\n{text}");
        }
    }
    for behind in ["resnet50overlay", "resnet50json"] {
        let line = format!("videotestsrc num-buffers=3 ! {behind} ! fakesink");
        let arguments: Vec<&str> = line.split(' ').collect();
        let text = run("gst-launch-1.0", &arguments);
        assert!(text.contains("put resnet50 before this element"), "{text}");
    }
}

/// A file is played, and the pipeline asked for its latency, once for a change that matters; a
/// stream that cannot be negotiated ends with its reason.
#[test]
fn launch_says_what_matters() {
    let clip = glib::filename_to_uri(source("demo/clip.webm"), None).expect("a URI");
    let line = format!(
        "-m uridecodebin uri={clip} ! resnet50 name=it model=builtin:efficientnet-lite0 \
         mode=exact interval=5 ! fakesink"
    );
    let arguments: Vec<&str> = line.split(' ').collect();
    let text = run("gst-launch-1.0", &arguments);
    let own = text.lines().filter(|l| l.contains("\"it\" (latency)"));
    assert!(own.count() <= 1, "{text}");
}

/// The shortest natural Python reads the answer from a buffer and from a message, regions, groups,
/// `stats` and `model-info`, and sets properties of all kinds: with nothing but introspection, and
/// with GStreamer's own Python package.
#[test]
fn python_reads_and_sets_everything() {
    for kind in ["plain", "full"] {
        let registry = tempfile::tempdir().expect("a folder");
        let mut command = support::example::python();
        command.arg(source("tests/python/bindings.py")).arg(kind);
        plugin::prepare(&mut command, registry.path());
        let output = plugin::output(&mut command);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{kind}: {errors}");
        assert_eq!(errors, "", "{kind}");
    }
}

/// Python that knows only GStreamer's analytics metadata puts boxes onto frames, and reads the classes
/// of the frame and of the boxes.
#[cfg(feature = "v1_24")]
#[test]
fn python_knows_only_the_analytics_metadata() {
    let registry = tempfile::tempdir().expect("a folder");
    let mut command = support::example::python();
    command.arg(source("tests/python/analytics.py"));
    plugin::prepare(&mut command, registry.path());
    let output = plugin::output(&mut command);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "ok");
}

/// All three elements can be made, and classify and draw and write as one.
fn all_work() {
    let line = "videotestsrc num-buffers=3 ! video/x-raw,width=64,height=48 \
                ! resnet50 mode=exact model=builtin:efficientnet-lite0 \
                ! resnet50overlay ! resnet50json ! appsink name=sink sync=false";
    let pipeline = gst::parse::launch(line).expect("a pipeline");
    let pipeline = pipeline.downcast::<gst::Pipeline>().expect("a pipeline");
    let sink = pipeline.by_name("sink").expect("the sink");
    let sink = sink.downcast::<gst_app::AppSink>().expect("an appsink");
    pipeline.set_state(gst::State::Playing).expect("it plays");
    for _ in 0..3 {
        let sample = sink.try_pull_sample(gst::ClockTime::from_seconds(60));
        let sample = sample.unwrap_or_else(|| panic!("{:?}", pipeline.bus().expect("a bus").pop()));
        let buffer = sample.buffer().expect("a buffer");
        let line = buffer.map_readable().expect("readable").to_vec();
        let line = String::from_utf8(line).expect("text");
        assert!(
            line.contains(r#""model":"builtin:efficientnet-lite0""#),
            "{line}"
        );
    }
    pipeline.set_state(gst::State::Null).expect("it stops");
}

/// A program may register the plugin that is linked into it twice, and beside an installed one,
/// whichever comes first: there is one of each type, and all elements work.
#[test]
fn registered_twice() {
    const CASE: &str = "RESNET50_TEST_CASE";
    let register = || gstresnet50::plugin_register_static().expect("it registers");
    let load = || {
        let file = plugin::folder().join("libgstresnet50.so");
        gst::Plugin::load_file(file).expect("the plugin's file");
    };
    for case in ["twice", "file first", "linked first"] {
        let registry = tempfile::tempdir().expect("a folder");
        let log = support::child::run(
            "plugin_file::registered_twice",
            |child| {
                plugin::prepare(child, registry.path()).env(CASE, case);
            },
            || {
                gst::init().expect("GStreamer");
                match &*std::env::var(CASE).expect("the parent sets it") {
                    "twice" => (register(), register()).1,
                    "file first" => (load(), all_work(), register()).2,
                    _ => (register(), all_work(), load()).2,
                }
                all_work();
                register();
                all_work();
            },
        );
        if log.is_none() {
            return;
        }
    }
}

/// gst-launch ends when it is interrupted while a model is tried that never ends, be it that this
/// can be ended or not, and when such a model was given up. It ends by itself, and by no signal.
#[test]
fn launch_ends_with_an_endless_model() {
    let folder = tempfile::tempdir().expect("a folder");
    let hanging = |whim, name| Net::color().whim(whim).write(folder.path(), name);
    let endless = support::data("loop_forever.onnx");
    let launch = |model: &Path, interrupts: bool| {
        let model = format!("model={}", model.display());
        let registry = tempfile::tempdir().expect("a folder");
        let mut command = Command::new("gst-launch-1.0");
        let line = "videotestsrc ! video/x-raw,width=64,height=48 ! resnet50";
        command
            .args(line.split(' '))
            .args([&model, "!", "fakesink"]);
        plugin::prepare(&mut command, registry.path());
        command.stdout(std::process::Stdio::piped());
        let mut child = command.spawn().expect("gst-launch-1.0");
        if interrupts {
            // It may have to look at all plugins first, and until it says this a signal ends it.
            let output = BufReader::new(child.stdout.take().expect("its output"));
            let mut lines = output.lines().map(|line| line.expect("text"));
            assert!(lines.any(|line| line.starts_with("Setting pipeline to PAUSED")));
            // A pipe that nobody reads from would end it as well.
            std::thread::spawn(move || lines.for_each(drop));
            std::thread::sleep(std::time::Duration::from_secs(3));
            let pid = i32::try_from(child.id()).expect("a process");
            // SAFETY: it is our child, which has not been waited for.
            unsafe { libc::kill(pid, libc::SIGINT) };
        }
        let begun = std::time::Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().expect("it is our child") {
                break status;
            }
            if begun.elapsed().as_secs() > 120 {
                child.kill().expect("it is our child");
                panic!("it does not end");
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        };
        assert!(status.code().is_some(), "{status}");
    };
    std::thread::scope(|scope| {
        for (model, interrupts) in [
            (endless.clone(), true),
            (endless, false),
            (hanging(Whim::AlwaysHangs, "run.onnx"), true),
            (hanging(Whim::HangsInConstants, "constants.onnx"), true),
        ] {
            let launch = &launch;
            scope.spawn(move || launch(&model, interrupts));
        }
    });
}
