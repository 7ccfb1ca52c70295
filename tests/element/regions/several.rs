// SPDX-License-Identifier: MPL-2.0
//! Several classifiers in a row: each frame and each region keeps the results of all.

use gst::prelude::*;
use gst_video::VideoRegionOfInterestMeta;
use gstresnet50::meta::{
    Classification, classification_by, classification_of, frame_classifications,
    region_classifications,
};

use support::element::*;
use support::regions::*;

/// The elements and the best labels.
fn said(all: &[Classification]) -> Vec<(String, String)> {
    let label = |c: &Classification| c.top().expect("a class").label.to_string();
    all.iter()
        .map(|c| (c.element.to_string(), label(c)))
        .collect()
}

fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter()
        .map(|(a, b)| ((*a).into(), (*b).into()))
        .collect()
}

/// An element with this name, and with labels of its own for the three colours.
fn named(name: &str, labels: &str, region: &str) -> (gst::Element, tempfile::TempDir) {
    let (element, folder) = colors();
    let file = folder.path().join("own.txt");
    std::fs::write(&file, labels).expect("written");
    element.set_property("labels", text(&file));
    element.set_property_from_str("region", region);
    element.set_property("name", name);
    (element, folder)
}

const ENGLISH: &str = "red\ngreen\nblue\n";
const GERMAN: &str = "rot\ngrün\nblau\n";

/// Two elements, with one model and other labels, keep both results for the frame and for each
/// region. A frame that comes again has no more of them than before.
#[test]
fn two_classifiers_in_a_row() {
    let (first, folder) = named("first", ENGLISH, "both");
    let (second, _other) = named("second", GERMAN, "both");
    second.set_property("model", first.property::<String>("model"));
    let info = rgb(64, 48);
    let rig = Rig::among(std::slice::from_ref(&first), &second, &[], &info);
    rig.play().expect("it plays");
    // The middle of the frame is green.
    let spots = [spot((0, 0, 12, 48), BLUE), spot((12, 0, 40, 48), GREEN)];
    let mut frame = scene(&info, 0, &spots);
    for round in 0..3 {
        frame = rig.classify(frame);
        let expected = pairs(&[("second", "grün"), ("first", "green")]);
        assert_eq!(said(&frame_classifications(&frame)), expected, "{round}");
        let regions = frame.iter_meta::<VideoRegionOfInterestMeta>();
        let regions = regions.map(|meta| said(&region_classifications(&meta)));
        let blue = pairs(&[("second", "blau"), ("first", "blue")]);
        assert_eq!(regions.collect::<Vec<_>>(), [blue, expected], "{round}");
    }
    let best = |c: Option<Classification>| c.map(|c| c.element.to_string());
    assert_eq!(best(classification_of(&frame)).as_deref(), Some("second"));
    for name in ["first", "second"] {
        let found = best(classification_by(&frame, Some(name)));
        assert_eq!(found.as_deref(), Some(name));
    }
    // Both have the model, so it means the last one.
    let model = folder.path().join("color.onnx");
    let found = best(classification_by(&frame, Some(text(&model))));
    assert_eq!(found.as_deref(), Some("second"));
    rig.stop();
}

/// One that classifies the frame and one that classifies the regions: the reader of either finds
/// its result without a name.
#[test]
fn frame_and_regions_by_different_classifiers() {
    let (first, _folder) = named("first", ENGLISH, "frame");
    let (second, _other) = named("second", GERMAN, "rois");
    let info = rgb(64, 48);
    let rig = Rig::among(std::slice::from_ref(&first), &second, &[], &info);
    rig.play().expect("it plays");
    let frame = rig.classify(scene(&info, 0, &[spot((0, 0, 64, 48), GREEN)]));
    assert_eq!(
        said(&[classification(&frame)]),
        pairs(&[("first", "green")])
    );
    let regions: Vec<_> = classified(&frame).into_iter().map(|(_, c)| c).collect();
    assert_eq!(said(&regions), pairs(&[("second", "grün")]));
    rig.stop();
}

/// A wrong `model-name` behind classifiers is told once. One that is right, and whose classifier
/// has not answered so far, is not wrong before the end.
#[test]
fn a_wrong_model_name_is_told_once() {
    let readers = match cfg!(feature = "overlay") {
        true => &["resnet50json", "resnet50overlay"][..],
        false => &["resnet50json"],
    };
    let (first, _folder) = named("first", ENGLISH, "frame");
    // It results for regions only, and the frames have none.
    let (second, _other) = named("second", GERMAN, "rois");
    for reader in readers {
        for (name, at_once, in_the_end) in [
            ("first", 0, 0),
            ("color.onnx", 0, 0),
            ("third", 1, 0),
            ("second", 0, 1),
        ] {
            let element = gst::ElementFactory::make(reader)
                .property("model-name", name)
                .build()
                .expect("the element");
            let info = rgb(64, 48);
            let rig = Rig::among(
                std::slice::from_ref(&first),
                &second,
                std::slice::from_ref(&element),
                &info,
            );
            rig.sink.set_wait_on_eos(false);
            rig.play().expect("it plays");
            for time in 0..3 {
                let frame = scene(&info, 40 * time, &[]);
                rig.src.push_buffer(frame).expect("appsrc takes it");
            }
            let kinds = [gst::MessageType::Warning, gst::MessageType::Eos];
            let next = || {
                rig.bus
                    .timed_pop_filtered(TIMEOUT, &kinds)
                    .expect("a message")
            };
            let mut told = Vec::new();
            if at_once > 0 {
                told.push(next());
            }
            rig.src.end_of_stream().expect("it ends");
            while let message = next()
                && message.type_() != gst::MessageType::Eos
            {
                told.push(message);
            }
            assert_eq!(
                told.len(),
                at_once + in_the_end,
                "{reader}, {name}: {told:?}"
            );
            for message in told {
                assert_eq!(message.src(), Some(element.upcast_ref()));
                let gst::MessageView::Warning(warning) = message.view() else {
                    unreachable!("only warnings were asked for");
                };
                let text = warning.error().message().to_owned();
                for words in [&*format!("model-name is “{name}”"), "“first” (model “"] {
                    assert!(text.contains(words), "no {words} in: {text}");
                }
            }
            rig.stop();
            rig.pipeline.remove(&first).expect("it is in there");
        }
    }
}
