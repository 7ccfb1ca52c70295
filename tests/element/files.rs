// SPDX-License-Identifier: MPL-2.0
//! Files that properties name: of any name, of the right kind, read aside.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::time::{Duration, Instant};

use gst::prelude::*;
use gstresnet50::element::strings::{bytes_of, value_of};
use gstresnet50::inference::BUILTIN;

use super::color;
use support::element::*;
use support::hanging;
use support::onnx::{self, Net};

/// Longer than any way to NULL may take.
const BOUND: Duration = Duration::from_secs(60);

fn set(element: &gst::Element, property: &str, name: &OsStr) {
    element.set_property_from_value(property, &value_of(Some(name)));
}

/// The label of the best class of a green frame.
fn label(rig: &Rig) -> String {
    let out = rig.classify(plain(&rgb(8, 6), GREEN));
    answer(&out).top().expect("a class").label.to_string()
}

/// It does not start, and the one error has these words.
fn does_not_start(element: &gst::Element, words: &[&str]) {
    let rig = Rig::new(element, &rgb(8, 6));
    assert!(rig.play().is_err(), "it must not start: {words:?}");
    let errors = rig.errors();
    assert_eq!(errors.len(), 1, "{errors:?}");
    for word in words {
        let message = errors[0].message();
        assert!(message.contains(word), "no “{word}” in: {message}");
    }
    rig.stop();
}

fn wait_for_warning(rig: &Rig, words: &[&str]) {
    let message = rig
        .bus
        .timed_pop_filtered(PATIENCE, &[gst::MessageType::Warning]);
    let message = message.expect("a warning");
    let gst::MessageView::Warning(warning) = message.view() else {
        unreachable!("only warnings were asked for");
    };
    let text = warning.error().message().to_owned();
    for word in words {
        assert!(text.contains(word), "no “{word}” in: {text}");
    }
}

/// A model on a mount that hangs keeps its own element from loading, and no other: neither one with
/// a model of its own nor one with the model that the plugin carries. The way to NULL is bounded.
#[test]
fn a_model_whose_file_hangs_stops_nobody_else() {
    hanging::run("files::a_model_whose_file_hangs_stops_nobody_else", || {
        let (good, folder) = color();
        let path = folder.path().join("hangs");
        std::fs::copy(folder.path().join("color.onnx"), &path).expect("a copy");
        let info = rgb(8, 6);
        // The second one waits for the first.
        let hanging = [0; 2].map(|_| Rig::new(&element(&path), &info));
        for rig in &hanging {
            let playing = rig.pipeline.set_state(gst::State::Playing);
            playing.expect("it starts to load");
            let reading = |message: gst::Message| {
                let structure = message.structure();
                structure
                    .is_some_and(|s| s.get("text").is_ok_and(|t: String| t.contains("reading")))
            };
            while !reading(rig.bus.timed_pop(PATIENCE).expect("it goes on")) {}
        }
        let carried = bare();
        carried.set_property("model", BUILTIN);
        for element in [&good, &carried] {
            let rig = Rig::new(element, &info);
            rig.play().expect("it loads");
            rig.classify(plain(&info, RED));
            rig.stop();
        }
        for rig in &hanging {
            let begun = Instant::now();
            rig.stop();
            assert!(begun.elapsed() < BOUND, "{:?}", begun.elapsed());
            assert!(rig.errors().is_empty());
        }
        // What was left behind holds nobody up: the file is a good one now.
        std::fs::rename(&path, folder.path().join("other.onnx")).expect("renamed");
        hanging[0]
            .element
            .set_property("model", text(&folder.path().join("other.onnx")));
        hanging[0].play().expect("it loads");
        assert_eq!(top(&hanging[0].classify(plain(&info, GREEN))), 1);
    });
}

/// Labels and groups that are set while playing are read aside: where their file hangs, the setter
/// returns, the stream goes on, others that are set afterwards are taken, and the way to NULL is
/// bounded.
#[test]
fn labels_whose_file_hangs_block_no_setter() {
    hanging::run("files::labels_whose_file_hangs_block_no_setter", || {
        let (element, folder) = color();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("written");
            path
        };
        let hangs = file("hangs", "a\nb\nc\n");
        let good = file("good.txt", "rot\ngrün\nblau\n");
        for mode in ["exact", "live"] {
            element.set_property_from_str("mode", mode);
            element.set_property("labels", None::<&str>);
            element.set_property("groups", None::<&str>);
            let rig = Rig::new(&element, &rgb(8, 6));
            rig.play().expect("it plays");
            let until = |expected: &str| {
                let begun = Instant::now();
                let last = || {
                    let out = rig.classify(plain(&rgb(8, 6), GREEN));
                    let seen = gstresnet50::meta::classification_of(&out)?;
                    Some(seen.top().expect("a class").label.to_string())
                };
                while last().as_deref() != Some(expected) {
                    assert!(begun.elapsed() < BOUND, "{mode}: never {expected}");
                }
            };
            until("class 1");
            element.set_property("labels", text(&hangs));
            until("class 1");
            element.set_property("labels", text(&good));
            until("grün");
            element.set_property("groups", text(&hangs));
            until("grün");
            let begun = Instant::now();
            rig.stop();
            assert!(begun.elapsed() < BOUND, "{:?}", begun.elapsed());
            assert!(rig.errors().is_empty());
            assert!(warnings(&rig.bus, &element).is_empty());
        }
    });
}

/// What is no regular file is refused by its kind, at once: a FIFO would be waited for.
#[test]
fn a_fifo_is_no_file() {
    let (_, folder) = color();
    let fifo = hanging::fifo(&folder.path().join("fifo"));
    let words = [text(&fifo), "a FIFO (named pipe)", "not a regular file"];
    for property in ["model", "labels", "groups"] {
        let (element, _folder) = color();
        element.set_property(property, text(&fifo));
        does_not_start(&element, &words);
    }
    // A model's description and its external data.
    let (element, model) = color();
    hanging::fifo(&model.path().join("color.onnx.modelinfo"));
    let plain = Net::nchw(1, 1).write(model.path(), "color.onnx");
    element.set_property("model", text(&plain));
    does_not_start(&element, &["color.onnx.modelinfo", "a FIFO (named pipe)"]);
    let outside = onnx::write_external(folder.path(), "outside.onnx", 4, "fifo");
    element.set_property("model", text(&outside));
    does_not_start(
        &element,
        &[text(&outside), "external data", words[0], words[1]],
    );

    // While playing, too.
    let (element, _folder) = color();
    let rig = Rig::new(&element, &rgb(8, 6));
    rig.play().expect("it plays");
    for property in ["labels", "groups", "model"] {
        element.set_property(property, text(&fifo));
        wait_for_warning(&rig, &words);
        assert_eq!(label(&rig), "class 1");
    }
    assert!(rig.errors().is_empty());
}

/// A file that is larger than any of its kind is refused with its size and the limit, before it is
/// read.
#[test]
fn a_file_beyond_the_limit_is_refused() {
    let (_, folder) = color();
    let huge = folder.path().join("huge");
    let file = std::fs::File::create(&huge).expect("a file");
    file.set_len(1 << 40).expect("a hole");
    let size = (1u64 << 40).to_string();
    for (property, limit) in [
        ("model", i32::MAX as u64),
        ("labels", 64 << 20),
        ("groups", 64 << 20),
    ] {
        let (element, _folder) = color();
        element.set_property(property, text(&huge));
        does_not_start(&element, &[text(&huge), &size, &limit.to_string()]);
    }
    let outside = onnx::write_external(folder.path(), "outside.onnx", 4, "huge");
    does_not_start(&element(&outside), &[text(&huge), &size]);
}

/// Labels that are set one after the other, by several threads too: the last ones win.
#[test]
fn the_last_labels_win() {
    let (element, folder) = color();
    let files = [0, 1, 2, 3].map(|number| {
        let path = folder.path().join(format!("{number}.txt"));
        std::fs::write(&path, format!("a{number}\nb{number}\nc{number}\n")).expect("written");
        path
    });
    let rig = Rig::new(&element, &rgb(8, 6));
    rig.play().expect("it plays");
    for round in 0..20 {
        for file in &files {
            element.set_property("labels", text(file));
        }
        assert_eq!(label(&rig), "b3");
        let last = round % 4;
        std::thread::scope(|scope| {
            for file in &files {
                let element = &element;
                scope.spawn(move || element.set_property("labels", text(file)));
            }
        });
        let set: String = element.property("labels");
        let number = files
            .iter()
            .position(|file| text(file) == set)
            .expect("one of them");
        assert_eq!(label(&rig), format!("b{number}"));
        element.set_property("labels", text(&files[last]));
        assert_eq!(label(&rig), format!("b{last}"));
    }
    assert!(rig.errors().is_empty());
    assert!(warnings(&rig.bus, &element).is_empty());
}

/// Many threads set the model of a playing element at once: there is no error, and in the end the
/// one runs that the property names.
#[test]
fn many_threads_set_the_model() {
    const THREADS: usize = 8;
    let (element, folder) = color();
    let models: Vec<PathBuf> = (0..THREADS)
        .map(|best| {
            let mut logits = vec![0.0; THREADS];
            logits[best] = 9.0;
            Net::constant(logits).write(folder.path(), &format!("{best}.onnx"))
        })
        .collect();
    let rig = Rig::new(&element, &rgb(8, 6));
    rig.play().expect("it plays");
    for round in 0..30 {
        let barrier = Barrier::new(THREADS);
        std::thread::scope(|scope| {
            for model in &models {
                scope.spawn(|| {
                    barrier.wait();
                    element.set_property("model", text(model));
                });
            }
        });
        let set: String = element.property("model");
        let begun = Instant::now();
        loop {
            let out = rig.classify(plain(&rgb(8, 6), RED));
            if *answer(&out).model == *set {
                let best = models.iter().position(|model| text(model) == set);
                assert_eq!(top(&out) as usize, best.expect("one of them"));
                break;
            }
            assert!(begun.elapsed() < BOUND, "{round}: {set} never runs");
        }
        assert!(rig.errors().is_empty(), "{round}");
    }
    // While it starts, too, where there is nothing yet that could stay.
    for _ in 0..30 {
        rig.stop();
        rig.pipeline
            .set_state(gst::State::Playing)
            .expect("it starts to load");
        let barrier = Barrier::new(THREADS);
        std::thread::scope(|scope| {
            for model in &models {
                scope.spawn(|| {
                    barrier.wait();
                    element.set_property("model", text(model));
                });
            }
        });
        rig.classify(plain(&rgb(8, 6), RED));
        assert!(rig.errors().is_empty());
    }
    assert!(warnings(&rig.bus, &element).is_empty());
}

/// A name that is no text.
fn bytes(text: &[u8]) -> OsString {
    OsString::from_vec(text.to_vec())
}

/// Paths are taken as they are, whatever their bytes, and come back so; messages show them escaped.
#[test]
fn names_of_files_are_bytes() {
    let (element, folder) = color();
    let named = |name: &[u8]| folder.path().join(OsStr::from_bytes(name));
    let model = named(b"caf\xe9.onnx");
    std::fs::rename(folder.path().join("color.onnx"), &model).expect("renamed");
    let labels = named(b"\xff\xfe.txt");
    std::fs::write(&labels, "rot\nvert\nblau\n").expect("written");
    let groups = named(b"groups\x80");
    std::fs::write(&groups, "warm: rot, vert\n").expect("written");
    for (property, path) in [("model", &model), ("labels", &labels), ("groups", &groups)] {
        set(&element, property, path.as_os_str());
        let got = bytes_of(&element.property_value(property));
        assert_eq!(got.as_deref(), Some(path.as_os_str()));
    }
    let rig = Rig::new(&element, &rgb(8, 6));
    rig.play().expect("it plays");
    let seen = answer(&rig.classify(plain(&rgb(8, 6), GREEN)));
    assert_eq!(&*seen.top().expect("a class").label, "vert");
    assert_eq!(&*seen.groups[0].label, "warm");
    let info: gst::Structure = element.property("model-info");
    let shown: String = info.get("model").expect("a name");
    assert!(shown.ends_with("caf\\xe9.onnx"), "{shown}");
    rig.stop();
    // One that is not there is a file that is not there.
    for property in ["model", "labels", "groups"] {
        let (element, _folder) = color();
        set(&element, property, &bytes(b"/nowhere/caf\xe9"));
        does_not_start(&element, &["“/nowhere/caf\\xe9”", "cannot be read"]);
    }
}

/// Bytes that are no text, where text is asked for, are the one error of the start; while playing
/// they are a WARNING, and what was set before stays. They come back as they were set.
#[test]
fn text_that_is_none() {
    let wrong = bytes(b"caf\xe9");
    for property in ["provider", "allow", "deny", "roi-types"] {
        let (element, _folder) = color();
        set(&element, property, &wrong);
        let got = bytes_of(&element.property_value(property));
        assert_eq!(got.as_deref(), Some(&*wrong));
        let found = format!("property “{property}” is “caf\\xe9”, and must be UTF-8 text");
        does_not_start(&element, &[&found]);
        element.set_property(property, None::<&str>);
        let rig = Rig::new(&element, &rgb(8, 6));
        rig.play().expect("it plays");
        if property != "provider" {
            set(&element, property, &wrong);
            wait_for_warning(&rig, &[&found]);
        }
        assert_eq!(label(&rig), "class 1");
        assert!(rig.errors().is_empty());
    }
}

/// The same of the elements behind.
#[test]
fn text_that_is_none_behind() {
    support::init();
    let wrong = bytes(b"caf\xe9");
    for (factory, property) in [
        ("resnet50overlay", "font-desc"),
        ("resnet50overlay", "model-name"),
        ("resnet50json", "model-name"),
    ] {
        let element = gst::ElementFactory::make(factory).build();
        let element = element.expect("the element");
        let bus = gst::Bus::new();
        element.set_bus(Some(&bus));
        let found = format!("property “{property}” is “caf\\xe9”, and must be UTF-8 text");
        set(&element, property, &wrong);
        let got = bytes_of(&element.property_value(property));
        assert_eq!(got.as_deref(), Some(&*wrong));
        let started = element.set_state(gst::State::Paused);
        assert!(started.is_err(), "it must not start");
        let told = errors(&bus, &element);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].matches(gst::ResourceError::Settings));
        assert!(told[0].message().contains(&found), "{told:?}");
        element.set_property(property, None::<&str>);
        element.set_state(gst::State::Playing).expect("it starts");
        element.set_property(property, "some");
        assert!(warnings(&bus, &element).is_empty());
        set(&element, property, &wrong);
        let told = warnings(&bus, &element);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].message().contains(&found), "{told:?}");
        element.set_state(gst::State::Null).expect("it stops");
    }
}

/// A file's URI means its path, for each property that names a file.
#[test]
fn uris_of_files_are_taken() {
    let (element, folder) = color();
    let uri = |path: &Path| {
        let uri = glib::filename_to_uri(path, None).expect("a URI");
        uri.to_string()
    };
    let spaced = folder.path().join("a b.onnx");
    std::fs::rename(folder.path().join("color.onnx"), &spaced).expect("renamed");
    let labels = folder.path().join("labels é.txt");
    std::fs::write(&labels, "rot\nvert\nblau\n").expect("written");
    element.set_property("model", uri(&spaced));
    element.set_property("labels", uri(&labels));
    let rig = Rig::new(&element, &rgb(8, 6));
    rig.play().expect("it plays");
    assert_eq!(label(&rig), "vert");
    drop(rig);
    let gone = uri(&folder.path().join("gone.onnx"));
    element.set_property("model", &gone);
    let path = folder.path().join("gone.onnx");
    does_not_start(&element, &[text(&path), "cannot be read"]);
}

/// A relative path that leads nowhere is shown with the folder that it was looked for in, and the
/// name of the model that the plugin carries gets a hint at how it is written.
#[test]
fn what_was_meant() {
    let here = std::env::current_dir().expect("a folder");
    for property in ["model", "labels", "groups"] {
        let (element, _folder) = color();
        element.set_property(property, "no/such.file");
        let words = ["“no/such.file”", "looked for in the folder", text(&here)];
        does_not_start(&element, &words);
    }
    for name in [
        "efficientnet-lite0",
        "EfficientNet-Lite0",
        "efficientnet_lite0",
    ] {
        let (element, _folder) = color();
        element.set_property("model", name);
        let hint = format!("did you mean “{BUILTIN}”");
        does_not_start(&element, &[name, &hint]);
    }
}

/// A model that fails when the pipeline starts is one error of ours, and the first of all: nothing
/// comes after it but the source's, whose stream was stopped.
#[test]
fn a_failed_model_is_one_error() {
    support::init();
    for mode in ["exact", "live"] {
        for behind in ["identity", "resnet50overlay", "resnet50json"] {
            let line = format!(
                "videotestsrc is-live=true name=source ! video/x-raw,format=RGB,width=8,height=6 ! \
                 resnet50 name=r model=/nowhere/m.onnx mode={mode} ! {behind} ! fakesink async=false"
            );
            let pipeline = gst::parse::launch(&line).expect("a pipeline");
            let pipeline = pipeline.downcast::<gst::Pipeline>().expect("a pipeline");
            pipeline.set_auto_flush_bus(false);
            let bus = pipeline.bus().expect("a bus");
            pipeline
                .set_state(gst::State::Playing)
                .expect("it loads aside");
            let mut from: Vec<String> = Vec::new();
            let mut take = |message: gst::Message| {
                from.push(message.src().expect("a source").name().to_string());
                from.last().is_some_and(|name| name == "source")
            };
            // The source's stream is stopped by what comes back to it.
            let next = || bus.timed_pop_filtered(PATIENCE, &[gst::MessageType::Error]);
            while !take(next().expect("an error of the source")) {}
            pipeline.set_state(gst::State::Null).expect("it stops");
            while let Some(message) = bus.pop_filtered(&[gst::MessageType::Error]) {
                take(message);
            }
            assert_eq!(from, ["r", "source"], "{mode}, {behind}");
        }
    }
}

/// Weights that lie beside the model are a part of it: where they are replaced and the model is set
/// again, they are in use, in this element and in others, though the model's own file is the same.
#[test]
fn new_weights_beside_the_same_model() {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("m.onnx.data");
    let model = onnx::write_external(folder.path(), "m.onnx", 4, "m.onnx.data");
    onnx::write_logits(&data, 4, 1);
    let info = rgb(8, 6);
    let rigs = [0; 2].map(|_| Rig::new(&element(&model), &info));
    for rig in &rigs {
        rig.play().expect("it plays");
        assert_eq!(top(&rig.classify(plain(&info, RED))), 1);
    }
    let date = std::fs::metadata(&data)
        .and_then(|m| m.modified())
        .expect("a date");
    onnx::write_logits(&data, 4, 3);
    // As a tool that keeps dates puts it there.
    let file = std::fs::File::options()
        .write(true)
        .open(&data)
        .expect("ours");
    file.set_modified(date).expect("a date");
    for rig in &rigs {
        assert_eq!(top(&rig.classify(plain(&info, RED))), 1, "until it is set");
        rig.element.set_property("model", text(&model));
        assert!(loaded(&rig.bus), "it is loaded");
        assert_eq!(top(&rig.classify(plain(&info, RED))), 3);
    }
    let other = Rig::new(&element(&model), &info);
    other.play().expect("it plays");
    assert_eq!(top(&other.classify(plain(&info, RED))), 3);

    // Weights that are gone, or elsewhere, are an error that names them.
    std::fs::remove_file(&data).expect("it is there");
    let words = [text(&model), "external data", text(&data), "cannot be read"];
    does_not_start(&element(&model), &words);
    onnx::write_logits(&folder.path().join("outside.data"), 4, 0);
    let inner = folder.path().join("inner");
    std::fs::create_dir(&inner).expect("a folder");
    for place in ["../outside.data", text(&folder.path().join("outside.data"))] {
        let model = onnx::write_external(&inner, "m.onnx", 4, place);
        let words = [text(&model), place, "not in the model's folder"];
        does_not_start(&element(&model), &words);
    }
    // One in a folder of the model's is as good.
    onnx::write_logits(&inner.join("w"), 4, 2);
    let model = onnx::write_external(folder.path(), "in.onnx", 4, "inner/w");
    let rig = Rig::new(&element(&model), &info);
    rig.play().expect("it plays");
    assert_eq!(top(&rig.classify(plain(&info, RED))), 2);
}
