// SPDX-License-Identifier: MPL-2.0
//! Regions on their way through the engine: together in the same inferences, and out again in their
//! order.

use gst::prelude::*;
use gst_video::VideoRegionOfInterestMeta;
use gstresnet50::meta::classification_of;

use support::element::*;
use support::harness::{play, through};
use support::onnx::{FREE, Net, Whim};
use support::regions::*;

const COLORS: [[u8; 3]; 3] = [RED, GREEN, BLUE];

/// So many objects side by side, in colours that depend on `seed`.
fn row(count: u32, seed: u32) -> Vec<Spot> {
    (0..count)
        .map(|i| {
            let color = COLORS[((seed + i) * (seed + 3 * i + 1) % 7 % 3) as usize];
            spot((8 * i, 2 * (seed % 3), 7, 7), color)
        })
        .collect()
}

fn expected(spots: &[Spot]) -> Vec<Option<i32>> {
    spots.iter().map(|s| Some(class_of(s.color))).collect()
}

/// The regions of a frame, and with `both` the frame, fill one batch.
#[test]
fn one_run_for_a_frame() {
    for (region, count) in [("rois", 8), ("both", 7)] {
        let (element, _folder) = colors();
        element.set_property_from_str("region", region);
        element.set_property("batch-size", 8u32);
        // It ends when there are eight.
        element.set_property("batch-timeout", 10_000_000_000u64);
        let info = rgb(64, 24);
        let (mut harness, _bus) = play(&element, &info);
        for turn in 0..3u64 {
            let spots = row(count, turn as u32);
            let out = through(&mut harness, scene(&info, 40 * turn, &spots));
            assert_eq!(classes(&out), expected(&spots), "{region}");
            assert_eq!(classification_of(&out).is_some(), region == "both");
            assert_eq!(stat(&element, "inferences"), 8 * (turn + 1), "{region}");
            assert_eq!(stat(&element, "batches"), turn + 1, "{region}");
        }
    }
}

/// Regions of two streams, and the frames of a third, meet in one inference.
#[test]
fn streams_meet() {
    let (_, folder) = colors();
    let model = folder.path().join("color.onnx");
    let info = rgb(64, 24);
    let mut streams: Vec<_> = ["rois", "rois", "frame"]
        .into_iter()
        .map(|region| {
            let element = element(&model);
            element.set_property_from_str("region", region);
            element.set_property("batch-size", 6u32);
            element.set_property("batch-timeout", 10_000_000_000u64);
            let (harness, bus) = play(&element, &info);
            (element, harness, bus)
        })
        .collect();
    for turn in 1..4u64 {
        let scenes = [row(2, 0), row(3, turn as u32), row(8, 5)];
        for ((_, harness, _), spots) in streams.iter_mut().zip(&scenes) {
            harness
                .push(scene(&info, 40 * turn, spots))
                .expect("it goes in");
        }
        for (n, ((_, harness, _), spots)) in streams.iter_mut().zip(&scenes).enumerate() {
            let out = harness.pull().expect("it comes out");
            match n {
                2 => {
                    assert_eq!(classes(&out), [None; 8]);
                    assert!(classification(&out).fresh);
                }
                _ => assert_eq!(classes(&out), expected(spots), "{n}"),
            }
        }
        let all = streams.iter();
        let runs: u64 = all.map(|(e, ..)| stat(e, "batches")).sum();
        assert_eq!(runs, turn, "six pictures a Run");
    }
    let inferences: Vec<u64> = streams
        .iter()
        .map(|(e, ..)| stat(e, "inferences"))
        .collect();
    assert_eq!(inferences, [6, 9, 3]);
}

/// With many frames under way, on several workers whose inferences take now more and now less time,
/// each frame leaves in its turn, with the events between in their places, and each region with
/// its own result.
#[test]
fn order_is_kept() {
    for region in ["rois", "both"] {
        let (element, _folder) = colors_by(Net::color().batch(FREE).whim(Whim::Uneven(2)));
        element.set_property_from_str("region", region);
        element.set_property("sessions", 3u32);
        element.set_property("batch-size", 2u32);
        element.set_property("max-in-flight", 9u32);
        let info = rgb(64, 24);
        let (mut harness, bus) = play(&element, &info);
        let spots_of = |i: u64| row((i * i % 9) as u32, i as u32);
        let mut total = 0;
        for i in 0..60u64 {
            let spots = spots_of(i);
            total += spots.len() as u64 + u64::from(region == "both");
            harness
                .push(scene(&info, 40 * i, &spots))
                .expect("it goes in");
            let tag = gst::Structure::builder("place").field("i", i).build();
            assert!(harness.push_event(gst::event::CustomDownstream::new(tag)));
        }
        assert!(harness.push_event(gst::event::Eos::new()));
        for i in 0..60u64 {
            let out = harness.pull().expect("a frame");
            assert_eq!(out.pts(), Some(gst::ClockTime::from_mseconds(40 * i)));
            let spots = spots_of(i);
            assert_eq!(classes(&out), expected(&spots), "{region} {i}");
            assert!(classified(&out).iter().all(|(_, a)| a.fresh));
            let rects: Vec<Rect> = out
                .iter_meta::<VideoRegionOfInterestMeta>()
                .map(|m| m.rect())
                .collect();
            let before: Vec<Rect> = spots.iter().map(|s| s.rect).collect();
            assert_eq!(rects, before);
        }
        let events: Vec<u64> = std::iter::from_fn(|| harness.pull_event().ok())
            .take_while(|e| e.type_() != gst::EventType::Eos)
            .filter_map(|e| e.structure().and_then(|s| s.get("i").ok()))
            .collect();
        assert_eq!(events, (0..60).collect::<Vec<_>>(), "{region}");
        assert_eq!(stat(&element, "inferences"), total, "{region}");
        assert!(errors(&bus, &element).is_empty());
    }
}

/// With frames under way, carried results are those of the frames before, though these have not
/// left when the frame comes.
#[test]
fn carried_while_under_way() {
    let (element, _folder) = colors_by(Net::color().batch(FREE).whim(Whim::Uneven(3)));
    element.set_property("sessions", 2u32);
    element.set_property("max-in-flight", 6u32);
    element.set_property("interval", 2u32);
    let info = rgb(64, 24);
    let (mut harness, _bus) = play(&element, &info);
    let spots_of = |i: u64| {
        // The colours change on every frame, of which every other one is looked at.
        let color = |k: u64| COLORS[((i + k) * (i + 2 * k + 1) % 7 % 3) as usize];
        [
            spot((8, 2, 7, 7), color(0)).id(1),
            spot((20, 2, 7, 7), color(1)),
            spot((30, 2, 7, 7), color(2)).kind("face").id(1),
        ]
    };
    for i in 0..40u64 {
        harness
            .push(scene(&info, 40 * i, &spots_of(i)))
            .expect("it goes in");
    }
    assert!(harness.push_event(gst::event::Eos::new()));
    for i in 0..40u64 {
        let out = harness.pull().expect("a frame");
        assert_eq!(classes(&out), expected(&spots_of(i & !1)), "{i}");
        for (_, classification) in classified(&out) {
            assert_eq!(classification.fresh, i % 2 == 0, "{i}");
            assert_eq!(
                classification.age,
                Some(gst::ClockTime::from_mseconds(40 * (i % 2)))
            );
        }
    }
}

/// The same with `reclassify-interval`: frames that are under way know of the ones before which
/// are too.
#[test]
fn due_while_under_way() {
    let (element, _folder) = colors_by(Net::color().batch(FREE).whim(Whim::Uneven(3)));
    element.set_property("sessions", 2u32);
    element.set_property("max-in-flight", 6u32);
    element.set_property("reclassify-interval", 120_000_000u64);
    let info = rgb(64, 24);
    let (mut harness, _bus) = play(&element, &info);
    let color = |i: u64| COLORS[(i * i % 7 % 3) as usize];
    for i in 0..40u64 {
        let object = spot((8, 2, 7, 7), color(i)).id(5);
        harness
            .push(scene(&info, 40 * i, &[object]))
            .expect("it goes in");
    }
    assert!(harness.push_event(gst::event::Eos::new()));
    for i in 0..40u64 {
        let out = harness.pull().expect("a frame");
        let of = i - i % 3;
        let expected = (class_of(color(of)), of == i, 40 * (i - of));
        assert_eq!(single(&out), Some(expected), "{i}");
    }
    assert_eq!(stat(&element, "inferences"), 14);
}
