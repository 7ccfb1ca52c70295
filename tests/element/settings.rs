// SPDX-License-Identifier: MPL-2.0
//! Properties, before playing and meanwhile.

use gst::prelude::*;
use gst_video::VideoFormat;
use gstresnet50::inference::BUILTIN;

use super::{color, element_messages};
use support::element::*;
use support::harness::{play, through};
use support::onnx::Net;

/// `interval`: every Nth frame is inferred; the others carry its result and its age.
#[test]
fn interval() {
    let (element, _folder) = color();
    element.set_property("interval", 3u32);
    let info = rgb(8, 6);
    let (mut harness, _bus) = play(&element, &info);
    let colors = [RED, GREEN, BLUE, GREEN, RED, RED, BLUE, RED];
    let found: Vec<_> = colors
        .into_iter()
        .enumerate()
        .map(|(i, color)| {
            let buffer = through(&mut harness, timed(&info, color, 40 * i as u64));
            let classification = classification(&buffer);
            let age = classification.age.expect("all have a PTS").mseconds();
            (classification.fresh, age, top(&buffer))
        })
        .collect();
    let expected = [
        (true, 0, 0),
        (false, 40, 0),
        (false, 80, 0),
        (true, 0, 1),
        (false, 40, 1),
        (false, 80, 1),
        (true, 0, 2),
        (false, 40, 2),
    ];
    assert_eq!(found, expected);
}

/// `interval`, `top-k` and `threshold` take effect with the next frame.
#[test]
fn settings_while_playing() {
    let (element, _folder) = color();
    let info = rgb(8, 6);
    let (mut harness, _bus) = play(&element, &info);
    let mut next = |color| classification(&through(&mut harness, plain(&info, color)));
    assert_eq!(next([255, 128, 64]).results.len(), 3);
    element.set_property("top-k", 2u32);
    assert_eq!(next([255, 128, 64]).results.len(), 2);
    element.set_property("threshold", 0.6f32);
    let classification = next([255, 128, 64]);
    assert_eq!(classification.results.len(), 1);
    assert_eq!(classification.results[0].confidence, 1.0);
    element.set_property("threshold", 0.0f32);
    assert_eq!(next([64, 128, 255]).results.len(), 2);
    element.set_property("interval", 3u32);
    let fresh: Vec<bool> = (0..6).map(|_| next(GREEN).fresh).collect();
    assert_eq!(fresh.iter().filter(|f| **f).count(), 2, "{fresh:?}");
    element.set_property("interval", 1u32);
    let fresh: Vec<bool> = (0..4).map(|_| next(GREEN).fresh).collect();
    assert_eq!(fresh[1..], [true; 3], "{fresh:?}");
}

/// A threshold that no class reaches leaves a classification without results.
#[test]
fn nothing_above_the_threshold() {
    let (element, _folder) = color();
    element.set_property("threshold", 0.9f32);
    let info = rgb(8, 6);
    let (mut harness, _bus) = play(&element, &info);
    let buffer = through(&mut harness, plain(&info, [100, 120, 140]));
    assert!(classification(&buffer).results.is_empty());
    assert!(classification(&buffer).fresh);
}

/// `labels` while playing: new names are used; wrong ones are a WARNING, and the old ones stay.
#[test]
fn labels_while_playing() {
    let (element, folder) = color();
    let info = rgb(8, 6);
    let (mut harness, bus) = play(&element, &info);
    let mut name = || {
        let classification = classification(&through(&mut harness, plain(&info, GREEN)));
        classification.top().expect("a class").label.to_string()
    };
    assert_eq!(name(), "class 1");
    let good = folder.path().join("good.txt");
    std::fs::write(&good, "rot\ngrün\nblau\n").expect("a file");
    element.set_property("labels", text(&good));
    assert_eq!(name(), "grün");
    element.set_property("labels", "/nowhere/labels.txt");
    assert_eq!(name(), "grün");
    assert_eq!(name(), "grün");
    let warnings = warnings(&bus, &element);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].message().contains("/nowhere/labels.txt"));
    element.set_property("labels", None::<&str>);
    assert_eq!(name(), "class 1");
    assert!(errors(&bus, &element).is_empty());
}

/// `model` while playing: the next frame has the new one's result; a wrong one is a WARNING, the
/// old one goes on, and a right one after it is taken.
#[test]
fn model_while_playing() {
    let (element, folder) = color();
    let info = rgb(8, 6);
    let (mut harness, bus) = play(&element, &info);
    let mut class = || top(&through(&mut harness, plain(&info, RED)));
    assert_eq!(class(), 0);
    let other = Net::constant(vec![0.0, 0.0, 0.0, 9.0]).write(folder.path(), "other.onnx");
    element.set_property("model", text(&other));
    assert!(loaded(&bus));
    assert_eq!(class(), 3);
    let model: gst::Structure = element.property("model-info");
    assert_eq!(model.get::<&str>("model"), Ok(text(&other)));
    assert!(warnings(&bus, &element).is_empty());

    element.set_property("model", "/nowhere/model.onnx");
    assert_eq!(class(), 3);
    let warning = bus.timed_pop_filtered(TIMEOUT, &[gst::MessageType::Warning]);
    let warning = warning.expect("a warning");
    let gst::MessageView::Warning(warning) = warning.view() else {
        unreachable!("only warnings were asked for");
    };
    assert!(warning.error().message().contains("/nowhere/model.onnx"));
    assert_eq!(class(), 3);
    let model: gst::Structure = element.property("model-info");
    assert_eq!(model.get::<&str>("model"), Ok(text(&other)));

    element.set_property("model", text(&folder.path().join("color.onnx")));
    assert!(loaded(&bus));
    assert_eq!(class(), 0);
    assert!(warnings(&bus, &element).is_empty());
    assert!(errors(&bus, &element).is_empty());
}

/// A model and its labels that are set one after the other while another is in use come into use
/// together, whatever the order, and nothing is said of what does not fit in between.
#[test]
fn model_and_labels_while_playing() {
    let (element, folder) = color();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    };
    let (three, two) = (file("three.txt", "a\nb\nc\n"), file("two.txt", "x\ny\n"));
    element.set_property("labels", text(&three));
    let info = rgb(8, 6);
    let (mut harness, bus) = play(&element, &info);
    let mut label = || {
        let classification = classification(&through(&mut harness, plain(&info, RED)));
        classification.top().expect("a class").label.to_string()
    };
    assert_eq!(label(), "a");
    let other = Net::constant(vec![0.0, 9.0]).write(folder.path(), "other.onnx");
    // The model first: what is being loaded had the labels of before, which do not fit.
    element.set_property("model", text(&other));
    element.set_property("labels", text(&two));
    assert!(loaded(&bus));
    assert_eq!(label(), "y");
    let told = warnings(&bus, &element);
    assert!(told.is_empty(), "{told:?}");

    let same = file("same.txt", "r\ns\nt\n");
    // Another file, for one that is in memory still would be refused before its labels are set.
    let again = Net::color().write(folder.path(), "again.onnx");
    element.set_property("model", text(&again));
    element.set_property("labels", text(&same));
    assert!(loaded(&bus));
    assert_eq!(label(), "r");
    assert!(warnings(&bus, &element).is_empty());
    assert!(errors(&bus, &element).is_empty());
}

/// A model that does not fit the labels in use is taken when fitting ones are set, at once or long
/// after the user was told.
#[test]
fn labels_after_the_model() {
    let (element, folder) = color();
    let labels = folder.path().join("two.txt");
    std::fs::write(&labels, "x\ny\n").expect("written");
    let three = folder.path().join("three.txt");
    std::fs::write(&three, "a\nb\nc\n").expect("written");
    element.set_property("labels", text(&three));
    let info = rgb(8, 6);
    let (mut harness, bus) = play(&element, &info);
    let other = Net::constant(vec![0.0, 9.0]).write(folder.path(), "other.onnx");
    element.set_property("model", text(&other));
    bus.timed_pop_filtered(TIMEOUT, &[gst::MessageType::Warning])
        .expect("a warning that the model does not fit");
    let top = |harness: &mut _| {
        let classification = classification(&through(harness, plain(&info, RED)));
        classification.top().expect("a class").label.to_string()
    };
    assert_eq!(top(&mut harness), "a");
    element.set_property("labels", text(&labels));
    assert!(loaded(&bus));
    assert_eq!(top(&mut harness), "y");
    assert!(warnings(&bus, &element).is_empty());
    assert!(errors(&bus, &element).is_empty());
}

/// With `messages=change` a new model's first result is a change, though its best class has the
/// number of the old one's.
#[test]
fn change_of_the_model_is_a_change() {
    let (element, folder) = color();
    element.set_property_from_str("messages", "change");
    let info = rgb(8, 6);
    let (mut harness, bus) = play(&element, &info);
    through(&mut harness, plain(&info, RED));
    through(&mut harness, plain(&info, RED));
    let other = Net::constant(vec![9.0, 0.0, 0.0]).write(folder.path(), "other.onnx");
    element.set_property("model", text(&other));
    assert!(loaded(&bus));
    through(&mut harness, plain(&info, RED));
    through(&mut harness, plain(&info, RED));
    // Besides that of the new model itself.
    assert_eq!(element_messages(&bus, &element).len(), 2 + 1);
}

/// Every property gives back what was set, and can be set from text as gst-launch does.
#[test]
fn properties_from_text() {
    let element = bare();
    for (name, value) in [
        ("model", BUILTIN),
        ("labels", "/some/labels.txt"),
        ("provider", "tensorrt,cuda,cpu"),
        ("device-id", "1"),
        ("threads", "3"),
        ("interval", "4"),
        ("top-k", "7"),
        ("threshold", "0.25"),
        ("activation", "sigmoid"),
        ("fit", "letterbox"),
        ("resize", "232"),
        ("color-order", "bgr"),
        ("messages", "change"),
        ("runtime-library", "/some/libonnxruntime.so"),
    ] {
        element.set_property_from_str(name, value);
        let found = element.property_value(name);
        let found = found.get::<Option<String>>().map_or_else(
            |_| {
                element
                    .property_value(name)
                    .serialize()
                    .expect("text")
                    .to_string()
            },
            Option::unwrap_or_default,
        );
        assert_eq!(found, value, "{name}");
    }
    element.set_property_from_str("mean", "<0.1, 0, 1>");
    let mean: gst::Array = element.property("mean");
    let mean: Vec<f64> = mean.iter().map(|v| v.get().expect("a double")).collect();
    assert_eq!(mean, [0.1, 0.0, 1.0]);
    element.set_property_from_str("provider-options", "options,trt_fp16_enable=1");
    let options: gst::Structure = element.property("provider-options");
    assert_eq!(options.get::<i32>("trt_fp16_enable"), Ok(1));
}

/// The element is a filter for analysis that nobody plugs unasked, and its pads take every raw
/// format of GStreamer's in system memory, those first that need no conversion, in every size.
#[test]
fn factory() {
    support::init();
    let factory = gst::ElementFactory::find("resnet50").expect("the factory");
    assert_eq!(factory.rank(), gst::Rank::NONE);
    assert_eq!(factory.metadata("klass"), Some("Filter/Analyzer/Video"));
    for template in factory.static_pad_templates() {
        let caps = template.caps();
        for format in VideoFormat::iter_raw() {
            let info = info(format, 8192, 8192);
            assert!(self::caps(&info).is_subset(&caps), "{format:?}");
        }
        let formats = caps
            .structure(0)
            .expect("a structure")
            .get::<gst::List>("format");
        let formats = formats.expect("a list of formats");
        assert_eq!(formats.len(), VideoFormat::iter_raw().len());
        let first = gstresnet50::preprocess::FORMATS;
        for (found, format) in formats.iter().zip(first) {
            assert_eq!(found.get::<&str>(), Ok(format.to_str().as_str()));
        }
        for other in [
            "video/x-raw(memory:GLMemory)",
            "video/x-raw, format=ENCODED",
            "video/x-h264",
        ] {
            let other: gst::Caps = other.parse().expect("caps");
            assert!(!caps.can_intersect(&other), "{other}");
        }
        let large: gst::Caps =
            "video/x-raw, format=GRAY8, width=2147483647, height=1, framerate=0/1"
                .parse()
                .expect("caps");
        assert!(large.is_subset(&caps));
    }
}
