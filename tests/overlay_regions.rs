// SPDX-License-Identifier: MPL-2.0
//! `resnet50overlay` and what the frames carry: regions with a decision, another stream, frames
//! that nobody has classified, and those that cannot be drawn on.
#![cfg(feature = "overlay")]

mod support;

use gst::prelude::*;
use gst_video::VideoRegionOfInterestMeta;
use gstresnet50::element::overlay::Show;
use gstresnet50::meta::{Decision, attach_region};
use support::overlay::*;

/// A region with a decision for nothing has its box all the same, whatever confidence is asked for.
#[test]
fn decision_for_nothing() {
    let element = overlay();
    element.set_property("min-confidence", 0.5f32);
    let decided = |label: Option<&str>, confidence| {
        let mut found = answer(&[("pug", 0.9)]);
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

/// An answer is not held into another stream.
#[test]
fn another_stream() {
    let element = overlay();
    let mut harness = attaching(&element, &rgb());
    let is_drawn = |harness: &mut _, frame| !pieces(&through(harness, frame)).is_empty();
    let found = answer(&[("tabby", 0.5)]);
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
        let mut harness = blending(&element, &rgb());
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
        Some(with(noise(&rgb(), 0), &answer(&[("tabby", 0.5)]))),
        None,
    ] {
        let element = overlay();
        let mut harness = blending(&element, &rgb());
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
    let mut harness = blending(&element, &rgb());
    let bus = gst::Bus::new();
    element.set_bus(Some(&bus));
    let short = gst::Buffer::from_mut_slice(vec![0u8; 100]);
    let refused = harness.push(with(short, &answer(&[("a", 0.6)])));
    assert_eq!(refused, Err(gst::FlowError::Error));
    let errors = support::element::errors(&bus, &element);
    assert_eq!(errors.len(), 1);
    let text = errors[0].message();
    assert!(
        text.contains("RGB of 320x240 takes 230400 bytes, and it has 100;"),
        "{text}"
    );
    assert!(text.len() < 300, "{text}");
    element.set_bus(None);
}

/// Of several classifiers in a row the last one's answers are drawn, for the frame and for each
/// region; `model-name` chooses another by its element or its model.
#[test]
fn model_name_chooses_the_classifier() {
    let element = overlay();
    let by = |name: &str, label: &str| {
        let mut answer = answer(&[(label, 0.9)]);
        answer.element = name.into();
        answer.model = format!("/models/{name}-model.onnx").into();
        answer
    };
    let look = |name: Option<&str>, classifiers: &[(&str, &str)]| {
        element.set_property("model-name", name);
        let drawn = drawn(&element, &rgb(), |mut buffer| {
            let answers = classifiers.iter().map(|(name, label)| by(name, label));
            let answers: Vec<_> = answers.collect();
            for answer in &answers {
                buffer = with(buffer, answer);
            }
            let rect = (100, 120, 120, 90);
            let mut roi = VideoRegionOfInterestMeta::add(buffer.make_mut(), "face", rect);
            for answer in &answers {
                attach_region(&mut roi, answer);
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

/// What is held is the named classifier's answer, and no other's.
#[test]
fn holds_the_named_one_only() {
    let element = overlay();
    let mut harness = attaching(&element, &rgb());
    let is_drawn = |harness: &mut _, frame| !pieces(&through(harness, frame)).is_empty();
    let found = answer(&[("tabby", 0.5)]);
    assert!(is_drawn(&mut harness, with(noise(&rgb(), 0), &found)));
    element.set_property("model-name", "another");
    assert!(!is_drawn(&mut harness, noise(&rgb(), 40)));
}
