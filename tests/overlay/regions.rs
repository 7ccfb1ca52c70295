// SPDX-License-Identifier: MPL-2.0
//! `resnet50overlay` and what the frames carry: regions with a decision, another stream, frames
//! that nobody has classified, and those that cannot be drawn on.
use gst::prelude::*;
use gst_video::VideoRegionOfInterestMeta;
use gstresnet50::element::overlay::Show;
use gstresnet50::meta::{Decision, attach_region};
use support::element::bytes;
use support::harness::{between, through};
use support::overlay::*;

/// A region with a decision for nothing has its box all the same, whatever confidence is asked for.
#[test]
fn decision_for_nothing() {
    let element = overlay();
    element.set_property("min-confidence", 0.5f32);
    let decided = |label: Option<&str>, confidence| {
        let mut found = classification(&[("pug", 0.9)]);
        found.decision = Some(Decision {
            label: label.map(Into::into),
            confidence,
            since: None,
        });
        let rect = (100, 80, 120, 90);
        drawn(&element, &rgb(), |b| with_region(b, rect, Some(&found)))
    };
    let nothing = decided(None, 0.0);
    for (x, y) in [(160, 80), (160, 169), (100, 120), (219, 120)] {
        assert!(nothing.iter().any(|p| p.covers(x, y)), "{x}, {y}");
    }
    assert!(decided(Some("dog"), 0.4).is_empty());
    let places = |pieces: &[Piece]| pieces.iter().map(Piece::place).collect::<Vec<_>>();
    // A word is at the box, narrower than one with a percentage.
    let width = |pieces: &[Piece]| pieces.last().map_or(0, |p| p.width);
    let dog = decided(Some("nothing"), 0.9);
    assert_eq!(nothing.len(), dog.len());
    assert_eq!(places(&nothing)[..4], places(&dog)[..4]);
    assert!(width(&nothing) < width(&dog));
}

/// A result is not held into another stream.
#[test]
fn another_stream() {
    let element = overlay();
    let mut harness = attaching(&element, &rgb());
    let is_drawn = |harness: &mut _, frame| !pieces(&through(harness, frame)).is_empty();
    let found = classification(&[("tabby", 0.5)]);
    assert!(is_drawn(&mut harness, with(noise(&rgb(), 0), &found)));
    assert!(is_drawn(&mut harness, noise(&rgb(), 40)));
    assert!(harness.push_event(gst::event::StreamStart::new("another")));
    let segment = gst::FormattedSegment::<gst::ClockTime>::new();
    assert!(harness.push_event(gst::event::Segment::new(&segment)));
    assert!(!is_drawn(&mut harness, noise(&rgb(), 80)));
}

/// A stream that nobody has classified ends with one warning, whatever is shown.
#[test]
fn warns_in_the_end() {
    let cases = [
        (Show::all(), false, "put resnet50 before this element"),
        (
            Show::LABEL,
            true,
            "put this element directly behind resnet50",
        ),
    ];
    for (show, has_regions, remedy) in cases {
        let element = overlay();
        element.set_property("show", show);
        let mut harness = between(&element, &rgb());
        let bus = gst::Bus::new();
        element.set_bus(Some(&bus));
        for time in [0, 40] {
            let mut frame = noise(&rgb(), time);
            if has_regions {
                frame = with_region(frame, (10, 10, 50, 50), None);
            }
            through(&mut harness, frame);
        }
        assert!(support::element::warnings(&bus, &element).is_empty());
        assert!(harness.push_event(gst::event::Eos::new()));
        let warnings = support::element::warnings(&bus, &element);
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        let text = warnings[0].message();
        assert!(text.starts_with("none of the 2 frames carried"), "{text}");
        assert!(text.contains(remedy), "{text}");
        element.set_bus(None);
    }

    // A classified one is enough, and a stream without frames is none.
    for frame in [
        Some(with(noise(&rgb(), 0), &classification(&[("tabby", 0.5)]))),
        None,
    ] {
        let element = overlay();
        let mut harness = between(&element, &rgb());
        let bus = gst::Bus::new();
        element.set_bus(Some(&bus));
        if let Some(frame) = frame {
            through(&mut harness, frame);
            through(&mut harness, noise(&rgb(), 40));
        }
        assert!(harness.push_event(gst::event::Eos::new()));
        assert!(support::element::warnings(&bus, &element).is_empty());
        element.set_bus(None);
    }
}

/// A frame that is too small for its caps is an error in numbers.
#[test]
fn short_frame() {
    let element = overlay();
    let mut harness = between(&element, &rgb());
    let bus = gst::Bus::new();
    element.set_bus(Some(&bus));
    let short = gst::Buffer::from_mut_slice(vec![0u8; 100]);
    let refused = harness.push(with(short, &classification(&[("a", 0.6)])));
    assert_eq!(refused, Err(gst::FlowError::Error));
    let errors = support::element::errors(&bus, &element);
    assert_eq!(errors.len(), 1);
    let text = errors[0].message();
    assert!(
        text.contains("RGB of 320x240 takes 230400 bytes, and the frame has 100;"),
        "{text}"
    );
    assert!(text.len() < 300, "{text}");
    element.set_bus(None);
}

/// Of several classifiers in a row the last one's results are drawn, for the frame and for each
/// region; `model-name` chooses another by its element or its model.
#[test]
fn model_name_chooses_the_classifier() {
    let element = overlay();
    let by = |name: &str, label: &str| {
        let mut classification = classification(&[(label, 0.9)]);
        classification.element = name.into();
        classification.model = format!("/models/{name}-model.onnx").into();
        classification
    };
    let look = |name: Option<&str>, classifiers: &[(&str, &str)]| {
        element.set_property("model-name", name);
        let drawn = drawn(&element, &rgb(), |mut buffer| {
            let classifications = classifiers.iter().map(|(name, label)| by(name, label));
            let classifications: Vec<_> = classifications.collect();
            for classification in &classifications {
                buffer = with(buffer, classification);
            }
            let rect = (100, 120, 120, 90);
            let mut roi = VideoRegionOfInterestMeta::add(buffer.make_mut(), "face", rect);
            for classification in &classifications {
                attach_region(&mut roi, classification);
            }
            buffer
        });
        let pieces = drawn.into_iter();
        pieces.map(|p| (p.place(), p.pixels)).collect::<Vec<_>>()
    };
    let (a, b) = (("a", "tabby"), ("b", "Mexican hairless"));
    let [only_a, only_b] = [a, b].map(|one| look(None, &[one]));
    assert!(only_a != only_b && !only_a.is_empty());
    let both = [a, b];
    assert!(look(None, &both) == only_b);
    for name in ["a", "a-model", "a-model.onnx", "/models/a-model.onnx"] {
        assert!(look(Some(name), &both) == only_a, "{name}");
    }
    assert!(look(Some("b"), &both) == only_b);
    assert!(look(Some("c"), &both).is_empty());
}

/// What is held is the named classifier's result, and no other's.
#[test]
fn holds_the_named_one_only() {
    let element = overlay();
    let mut harness = attaching(&element, &rgb());
    let is_drawn = |harness: &mut _, frame| !pieces(&through(harness, frame)).is_empty();
    let found = classification(&[("tabby", 0.5)]);
    assert!(is_drawn(&mut harness, with(noise(&rgb(), 0), &found)));
    element.set_property("model-name", "another");
    assert!(!is_drawn(&mut harness, noise(&rgb(), 40)));
}

/// Whether two pieces have a pixel in common.
fn overlap(a: &Piece, b: &Piece) -> bool {
    a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
}

/// The lines of all boxes lie below all labels, and those below the panel. Labels lie outside of
/// each other and of the panel, also where the boxes lie upon each other or at the edge.
#[test]
fn labels_over_boxes_and_apart() {
    let element = overlay();
    element.set_property("scale", 0.04f64);
    let labels = ["tabby", "Egyptian cat", "pug", "Staffordshire bullterrier"];
    let scenes: [&[(u32, u32, u32, u32)]; 4] = [
        // One in the other, and side by side.
        &[
            (300, 200, 200, 200),
            (310, 210, 180, 180),
            (500, 200, 60, 200),
            (300, 160, 60, 40),
        ],
        // All in one place, which is small.
        &[(300, 240, 40, 40); 4],
        // Under the panel.
        &[
            (10, 10, 100, 60),
            (20, 20, 100, 60),
            (0, 0, 640, 480),
            (30, 30, 8, 8),
        ],
        // In the corners.
        &[
            (600, 0, 40, 40),
            (600, 440, 40, 40),
            (590, 430, 40, 40),
            (0, 440, 40, 40),
        ],
    ];
    let info = support::element::info(gst_video::VideoFormat::Rgb, 640, 480);
    for (i, scene) in scenes.into_iter().enumerate() {
        let pieces = drawn(&element, &info, |buffer| {
            let mut buffer = with(buffer, &classification(&[("street", 0.9)]));
            for (rect, label) in scene.iter().zip(labels) {
                let found = classification(&[(label, 0.5)]);
                buffer = with_region(buffer, *rect, Some(&found));
            }
            buffer
        });
        // Whatever is thicker than a line.
        let is_line = |p: &Piece| p.width.min(p.height) <= 4;
        let first = pieces.iter().position(|p| !is_line(p)).expect("labels");
        let (lines, rest) = pieces.split_at(first);
        assert!(lines.len() >= 4, "{i}");
        assert_eq!(rest.len(), labels.len() + 1, "{i}: labels and the panel");
        for (n, a) in rest.iter().enumerate() {
            assert!(!is_line(a), "{i}: a line over a label");
            assert!(a.x + a.width <= 640 && a.y + a.height <= 480, "{i}");
            for b in &rest[n + 1..] {
                assert!(!overlap(a, b), "{i}: {:?} on {:?}", a.place(), b.place());
            }
        }
    }
}

/// A label that is too long is cut, and its per cent stay whole.
#[test]
fn a_cut_label_keeps_its_number() {
    let element = overlay();
    let long = "a name that does not end ".repeat(9);
    let tag = |confidence| {
        let found = classification(&[(&long, confidence)]);
        let rect = (20, 120, 200, 90);
        let mut pieces = drawn(&element, &rgb(), |b| with_region(b, rect, Some(&found)));
        pieces.pop().expect("a label")
    };
    let (five, nine) = (tag(0.55), tag(0.59));
    assert!(five.width <= WIDTH && five.place() == nine.place());
    let differs = |x: u32| (0..five.height).any(|y| five.at(x, y) != nine.at(x, y));
    let changed: Vec<u32> = (0..five.width).filter(|x| differs(*x)).collect();
    let first = *changed.first().expect("the number is there");
    assert!(first > five.width * 3 / 4, "{first} of {}", five.width);
}

/// A label that moves with its box is drawn as one that is drawn for the first time, in formats of
/// all kinds and in frames of odd sizes.
#[test]
fn labels_move_as_they_are() {
    use gst_video::VideoFormat as F;
    let formats = [
        F::Rgb,
        F::Bgra,
        F::Ayuv,
        F::Nv12,
        F::I420,
        F::A420,
        F::Yuy2,
        F::Y41b,
        F::Gray8,
        F::P01010le,
        F::I42210le,
    ];
    let places = [
        (100, 80, 120, 90),
        (104, 84, 120, 90),
        (107, 85, 120, 90),
        (111, 20, 100, 31),
        (260, 200, 200, 200),
    ];
    for format in formats {
        for (width, height) in [(320, 240), (321, 241)] {
            let info = support::element::info(format, width, height);
            let frame = |rect| {
                let found = classification(&[("pug", 0.9)]);
                with_region(noise(&info, 0), rect, Some(&found))
            };
            let element = overlay();
            let mut harness = between(&element, &info);
            for rect in places {
                let moved = through(&mut harness, frame(rect));
                let element = overlay();
                let mut fresh = between(&element, &info);
                let expected = through(&mut fresh, frame(rect));
                assert!(
                    bytes(&moved) == bytes(&expected),
                    "{format} {width}x{height}: {rect:?}"
                );
            }
        }
    }
}
