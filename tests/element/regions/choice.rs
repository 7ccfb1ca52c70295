// SPDX-License-Identifier: MPL-2.0
//! Which regions are classified, and that the result lands on the right one.

use gst::prelude::*;
use gst_video::VideoRegionOfInterestMeta;
use gstresnet50::meta::{PARAM_NAME, attach_region, classification_of, regions_of};

use support::element::*;
use support::harness::{play, through};
use support::lines::seen;
use support::onnx::{FREE, Net};
use support::regions::*;

const RED_CLASS: Option<i32> = Some(0);
const GREEN_CLASS: Option<i32> = Some(1);
const BLUE_CLASS: Option<i32> = Some(2);

/// The defaults, the names of the values, and that all may be changed while playing. By default
/// regions are left alone.
#[test]
fn properties() {
    let (element, _folder) = colors();
    let fresh = bare();
    for (name, default, other) in [
        ("region", "frame", "both"),
        ("roi-types", "", "face, person"),
        ("roi-min-size", "0", "12"),
        ("reclassify-interval", "0", "500000000"),
    ] {
        let property = element.find_property(name).expect(name);
        let flags = property.flags();
        assert!(flags.contains(gst::PARAM_FLAG_MUTABLE_PLAYING), "{name}");
        assert!(flags.contains(glib::ParamFlags::READWRITE), "{name}");
        assert!(property.blurb().is_some_and(|b| b.len() > 20), "{name}");
        let get = |element: &gst::Element| {
            let value = element.property_value(name);
            match value.get::<Option<String>>() {
                Ok(text) => text.unwrap_or_default(),
                Err(_) => value.serialize().expect("text").to_string(),
            }
        };
        assert_eq!(get(&fresh), default, "{name}");
        fresh.set_property_from_str(name, other);
        assert_eq!(get(&fresh), other, "{name}");
    }
    let region = element.find_property("region").expect("it is there");
    assert_eq!(region.value_type().name(), "GstResnet50Region");
    for nick in ["frame", "rois", "both"] {
        element.set_property_from_str("region", nick);
    }

    element.set_property_from_str("region", "frame");
    let info = rgb(32, 24);
    let (mut harness, _bus) = play(&element, &info);
    let out = through(&mut harness, scene(&info, 0, &[spot((0, 0, 8, 8), RED)]));
    assert!(classification(&out).fresh);
    assert_eq!(classes(&out), [None]);
    assert_eq!(stat(&element, "inferences"), 1);
}

/// Each region has its own result, whatever the order of the regions, and where they touch or lie
/// one upon the other. The whole frame has none, and the metas stay as they were.
#[test]
fn each_its_own() {
    let (element, _folder) = colors();
    let info = rgb(64, 48);
    let (mut harness, bus) = play(&element, &info);
    let spots = [
        spot((0, 0, 20, 20), BLUE),
        spot((20, 0, 11, 20), RED).kind("face"),
        spot((31, 3, 1, 1), GREEN),
        spot((40, 20, 24, 28), GREEN).kind("person").id(9),
        spot((3, 30, 9, 18), RED).kind("person"),
        // In the person, above it.
        spot((45, 25, 6, 6), BLUE).kind("face"),
    ];
    // The person is painted over by the face, so its centre must not be asked: it is far larger.
    let expected = [2, 0, 1, 1, 0, 2].map(Some);
    for turn in 0..spots.len() as u64 {
        let order: Vec<usize> = (0..spots.len())
            .map(|i| (i + turn as usize) % spots.len())
            .collect();
        // Painted in their order, listed in another.
        let mut buffer = scene(&info, 40 * turn, &spots);
        let bare = buffer.copy_region(
            gst::BufferCopyFlags::MEMORY | gst::BufferCopyFlags::TIMESTAMPS,
            ..,
        );
        buffer = bare.expect("a copy without the regions");
        let listed: Vec<Spot> = order.iter().map(|i| spots[*i]).collect();
        mark(&mut buffer, &listed);
        let before: Vec<_> = regions_of(&buffer).into_iter().map(|(r, _)| r).collect();
        assert_eq!(before.len(), spots.len());

        let out = through(&mut harness, buffer);
        let after: Vec<_> = regions_of(&out).into_iter().map(|(r, _)| r).collect();
        assert_eq!(after, before, "ids, types, places and trackers stay");
        let expected: Vec<_> = order.iter().map(|i| expected[*i]).collect();
        assert_eq!(classes(&out), expected, "{order:?}");
        assert_eq!(classification_of(&out), None, "not the whole frame");
        for classification in classifications(&out).into_iter().flatten() {
            assert!(classification.fresh);
            assert_eq!(classification.age, Some(gst::ClockTime::ZERO));
            assert_eq!(classification.provider.as_ref(), "cpu");
            assert!(classification.model.ends_with("color.onnx"));
            assert_eq!(classification.results.len(), 3);
        }
        for meta in out.iter_meta::<VideoRegionOfInterestMeta>() {
            let detection = meta.param("detection").expect("the detector's own");
            assert_eq!(detection.get::<f64>("confidence"), Ok(0.75));
        }
    }
    assert_eq!(stat(&element, "inferences"), 36);
    assert_eq!(stat(&element, "frames"), 6);
    assert!(errors(&bus, &element).is_empty());
}

/// Regions that are alike in all but one thing are still told apart: the same place under two
/// types, and the same type and place twice.
#[test]
fn twins() {
    let (element, _folder) = colors();
    let info = rgb(32, 24);
    let (mut harness, _bus) = play(&element, &info);
    let spots = [
        spot((4, 4, 8, 8), GREEN).kind("face"),
        spot((4, 4, 8, 8), GREEN).kind("person"),
        spot((4, 4, 8, 8), GREEN).kind("person"),
        spot((20, 4, 8, 8), RED).kind("face"),
    ];
    let out = through(&mut harness, scene(&info, 0, &spots));
    let expected = [GREEN_CLASS, GREEN_CLASS, GREEN_CLASS, RED_CLASS];
    assert_eq!(classes(&out), expected);
    assert_eq!(stat(&element, "inferences"), 4);

    // A tracker that gives one id to two regions contradicts itself; each is judged by itself.
    element.set_property("reclassify-interval", 3_600_000_000_000u64);
    let spots = [
        spot((4, 4, 8, 8), GREEN).id(3),
        spot((20, 4, 8, 8), BLUE).id(3),
    ];
    let out = through(&mut harness, scene(&info, 40, &spots));
    assert_eq!(classes(&out), [GREEN_CLASS, BLUE_CLASS]);
}

/// A frame that somebody else has too is not touched: its results are on a buffer of their own,
/// with the very same memory. One that nobody else has is not even a new buffer.
#[test]
fn shared_buffer() {
    for mode in ["exact", "live"] {
        let (element, _folder) = colors();
        element.set_property_from_str("mode", mode);
        let info = rgb(64, 48);
        let (mut harness, _bus) = play(&element, &info);
        let spots = [
            spot((1, 1, 10, 10), BLUE).id(1),
            spot((30, 10, 10, 10), RED).kind("face").id(2),
            spot((50, 30, 9, 9), GREEN).id(3),
        ];
        let expected = [BLUE_CLASS, RED_CLASS, GREEN_CLASS];
        for i in 0.. {
            let frame = scene(&info, 40 * i, &spots);
            let held = frame.clone();
            let out = through(&mut harness, frame);
            assert_eq!(classes(&held), [None; 3], "{mode}");
            for meta in held.iter_meta::<VideoRegionOfInterestMeta>() {
                assert!(meta.param(PARAM_NAME).is_none(), "{mode}");
            }
            if classes(&out) == expected {
                assert_ne!(out.as_ptr(), held.as_ptr(), "{mode}");
                assert_eq!(
                    out.peek_memory(0).as_ptr(),
                    held.peek_memory(0).as_ptr(),
                    "{mode}: the pixels are not copied"
                );
                break;
            }
            assert!(mode == "live" && i < 60_000, "{mode}: {:?}", classes(&out));
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        if mode == "exact" {
            let own = scene(&info, 1000, &spots);
            let pointer = own.as_ptr();
            let out = through(&mut harness, own);
            assert_eq!(out.as_ptr(), pointer);
            assert_eq!(classes(&out), expected);
        }
    }
}

/// A result that another element has left on a region is followed by ours, which counts.
#[test]
fn after_another_classifier() {
    let (element, _folder) = colors();
    let info = rgb(32, 24);
    let (mut harness, _bus) = play(&element, &info);
    let mut frame = scene(&info, 0, &[spot((4, 4, 8, 8), BLUE)]);
    {
        let metas = frame.make_mut();
        let mut meta = metas
            .meta_mut::<VideoRegionOfInterestMeta>()
            .expect("the region");
        attach_region(&mut meta, &seen(77, "another's"));
    }
    assert_eq!(classes(&frame), [Some(77)]);
    assert_eq!(classes(&through(&mut harness, frame)), [BLUE_CLASS]);
}

/// `roi-types` names the types that count, without regard to case and to blanks around them.
#[test]
fn types() {
    let (element, _folder) = colors();
    let info = rgb(64, 48);
    let (mut harness, _bus) = play(&element, &info);
    let kinds = ["face", "PERSON", "car", "license plate", "faces", "fac"];
    let spots: Vec<Spot> = kinds
        .into_iter()
        .enumerate()
        .map(|(i, kind)| spot((10 * i as u32, 0, 9, 9), RED).kind(kind))
        .collect();
    for (types, counting) in [
        (None, vec![0, 1, 2, 3, 4, 5]),
        (Some("face"), vec![0]),
        (Some("  FACE ,\tPerson\n"), vec![0, 1]),
        (Some("cAR,,Licence Plate , license PLATE"), vec![2, 3]),
        (Some("bicycle"), vec![]),
        (Some("face person"), vec![]),
        (None, vec![0, 1, 2, 3, 4, 5]),
    ] {
        element.set_property("roi-types", types);
        let inferences = stat(&element, "inferences");
        let out = through(&mut harness, scene(&info, 0, &spots));
        let found = classes(&out).into_iter().enumerate();
        let found: Vec<usize> = found.filter_map(|(i, c)| c.map(|_| i)).collect();
        assert_eq!(found, counting, "{types:?}");
        let inferred = stat(&element, "inferences") - inferences;
        assert_eq!(inferred, counting.len() as u64, "{types:?}");
    }
}

/// `roi-min-size` is about the shorter side, of the part that lies in the frame.
#[test]
fn least_size() {
    let (element, _folder) = colors();
    let info = rgb(64, 48);
    let (mut harness, _bus) = play(&element, &info);
    let spots = [
        spot((0, 0, 40, 4), RED),
        spot((0, 5, 40, 3), RED),
        spot((50, 0, 3, 20), RED),
        spot((54, 0, 4, 4), RED),
        // Three columns, and four, are in the frame.
        spot((61, 10, 30, 30), RED),
        spot((60, 10, 30, 30), RED),
        spot((10, 45, 30, 30), RED),
        spot((10, 44, 30, 30), RED),
    ];
    for (least, expected) in [
        (0u32, [true; 8]),
        (1, [true; 8]),
        (3, [true; 8]),
        (4, [true, false, false, true, false, true, false, true]),
        (5, [false; 8]),
        (8192, [false; 8]),
    ] {
        element.set_property("roi-min-size", least);
        let out = through(&mut harness, scene(&info, 0, &spots));
        let found: Vec<bool> = classes(&out).iter().map(Option::is_some).collect();
        assert_eq!(found, expected, "{least}");
    }
}

/// Regions without a pixel in the frame are left alone, those over its edge are cut to it, and
/// numbers that are no places in any picture do no harm. No meta is changed by it.
#[test]
fn hostile_places() {
    let most = u32::MAX;
    let (element, _folder) = colors();
    let info = rgb(64, 48);
    let (mut harness, bus) = play(&element, &info);
    let places = [
        ((64, 0, 10, 10), false),
        ((0, 48, 10, 10), false),
        ((63, 47, 1, 1), true),
        ((63, 47, 10, 10), true),
        ((0, 0, most, most), true),
        ((1, 1, most, most), true),
        ((63, 0, most, 1), true),
        ((0, 47, 1, most), true),
        ((most, most, most, most), false),
        ((most, 0, 2, 10), false),
        ((0, most - 1, 10, most), false),
        ((10, 10, 0, 10), false),
        ((10, 10, 10, 0), false),
        ((0, 0, 0, 0), false),
        ((64, 48, 0, 0), false),
        ((1 << 31, 1 << 31, 1 << 31, 1 << 31), false),
    ];
    let mut frame = plain(&info, GREEN);
    frame.make_mut().set_pts(gst::ClockTime::ZERO);
    let spots: Vec<Spot> = places.iter().map(|(r, _)| spot(*r, GREEN)).collect();
    mark(&mut frame, &spots);
    let out = through(&mut harness, frame);
    let found = classes(&out);
    for ((rect, counts), found) in places.iter().zip(found) {
        assert_eq!(found, counts.then_some(1), "{rect:?}");
    }
    let rects: Vec<Rect> = out
        .iter_meta::<VideoRegionOfInterestMeta>()
        .map(|m| m.rect())
        .collect();
    assert_eq!(rects, places.map(|(rect, _)| rect));
    assert!(errors(&bus, &element).is_empty());
    let counting = places.iter().filter(|(_, counts)| *counts).count();
    assert_eq!(stat(&element, "inferences"), counting as u64);
}

/// What is cut off by the edge has no say: a region that lies mostly outside is judged by what
/// can be seen of it.
#[test]
fn cut_to_the_frame() {
    let (element, folder) = colors();
    // As large as what can be seen, so that no pixel is mixed with its neighbours.
    let cut = Net::nchw(24, 8)
        .batch(FREE)
        .contract(r#"{"mean":[0,0,0],"std":[1,1,1],"output":"probabilities"}"#);
    element.set_property("model", text(&cut.write(folder.path(), "identity.onnx")));
    element.set_property("labels", None::<&str>);
    element.set_property_from_str("fit", "stretch");
    element.set_property("top-k", 576u32);
    let info = rgb(32, 24);
    let (mut harness, _bus) = play(&element, &info);
    let colored = [
        spot((24, 0, 4, 24), BLUE),
        // What is seen of it is half of the one and half of the other.
        spot((28, 0, 4, 24), RED),
        spot((24, 0, 800, 800), RED),
    ];
    let mut frame = scene(&info, 0, &colored[..2]);
    mark(&mut frame, &colored[2..]);
    let out = through(&mut harness, frame);
    let whole = classifications(&out).pop().flatten().expect("a result");
    assert_eq!(whole.results.len(), 576);
    for class in whole.results {
        let (channel, column) = (class.index / 192, class.index % 8);
        let expected = match (channel, column) {
            (0, 4..) | (2, ..4) => 1.0,
            _ => 0.0,
        };
        assert_eq!(class.confidence, expected, "{} {column}", class.index);
    }
}

/// Two thousand regions on one frame: the first 1024 have their results, whatever the queues hold,
/// and the others are left alone.
#[test]
fn two_thousand() {
    for region in ["rois", "both"] {
        let (element, _folder) = colors();
        element.set_property("batch-size", 64u32);
        element.set_property("max-in-flight", 2u32);
        element.set_property_from_str("region", region);
        let info = rgb(200, 180);
        let (mut harness, bus) = play(&element, &info);
        let colors = [RED, GREEN, BLUE];
        let spots: Vec<Spot> = (0..2000u32)
            .map(|i| {
                let place = (i % 50 * 4, i / 50 * 4, 3, 3);
                spot(place, colors[(i * i % 7 % 3) as usize])
            })
            .collect();
        let expected = spots.iter().enumerate();
        let expected = expected.map(|(i, s)| (i < 1024).then(|| class_of(s.color)));
        let expected: Vec<_> = expected.collect();
        for turn in 0..2u64 {
            let out = through(&mut harness, scene(&info, 40 * turn, &spots));
            assert!(classes(&out) == expected, "{region}");
            assert_eq!(classification_of(&out).is_some(), region == "both");
        }
        let frames = if region == "both" { 2 } else { 0 };
        assert_eq!(stat(&element, "inferences"), 2048 + frames);
        assert!(errors(&bus, &element).is_empty());
    }
}

/// `both`: the whole frame and its regions; each has its own result.
#[test]
fn both() {
    let (element, _folder) = colors();
    element.set_property_from_str("region", "both");
    let info = rgb(64, 48);
    let (mut harness, _bus) = play(&element, &info);
    let spots = [spot((0, 0, 64, 48), GREEN), spot((2, 2, 3, 3), BLUE)];
    let out = through(&mut harness, scene(&info, 0, &spots));
    // The blue spot is a two-hundredth of the picture.
    assert_eq!(top(&out), 1);
    assert!(classification(&out).fresh);
    assert_eq!(classes(&out), [GREEN_CLASS, BLUE_CLASS]);
    assert_eq!(stat(&element, "inferences"), 3);

    // Without regions there is still the frame.
    let out = through(&mut harness, scene(&info, 40, &[]));
    assert!(classification(&out).fresh);
    assert_eq!(stat(&element, "inferences"), 4);
}

/// A frame without a region that counts leaves as it came, and nothing is run for it.
#[test]
fn nothing_to_classify() {
    for mode in ["exact", "live"] {
        let (element, _folder) = colors();
        element.set_property_from_str("mode", mode);
        element.set_property("roi-types", "face");
        element.set_property_from_str("messages", "all");
        let info = rgb(32, 24);
        let (mut harness, bus) = play(&element, &info);
        for i in 0..10u64 {
            let spots = [spot((1, 1, 5, 5), RED).kind("car")];
            let spots = if i % 2 == 0 { &spots[..] } else { &[] };
            let frame = scene(&info, 40 * i, spots);
            let pointer = frame.as_ptr();
            let out = through(&mut harness, frame);
            assert_eq!(out.as_ptr(), pointer, "{mode}: not even a new buffer");
            assert_eq!(classification_of(&out), None, "{mode}");
            assert!(classified(&out).is_empty(), "{mode}");
        }
        assert!(posted(&bus, &element).is_empty(), "{mode}");
        for (field, expected) in [
            ("frames", 10),
            ("inferences", 0),
            ("batches", 0),
            ("busy", 0),
        ] {
            assert_eq!(stat(&element, field), expected, "{mode}: {field}");
        }
    }
}

/// What is classified changes with the next frame.
#[test]
fn switched_while_playing() {
    let (element, _folder) = colors();
    let info = rgb(32, 24);
    let (mut harness, bus) = play(&element, &info);
    let spots = [spot((1, 1, 5, 5), RED), spot((10, 1, 3, 3), BLUE)];
    let turns = [
        "rois", "frame", "both", "rois", "both", "frame", "frame", "rois",
    ];
    for (i, region) in turns.into_iter().enumerate() {
        element.set_property_from_str("region", region);
        let out = through(&mut harness, scene(&info, 40 * i as u64, &spots));
        let expected = match region {
            "frame" => [None, None],
            _ => [RED_CLASS, BLUE_CLASS],
        };
        assert_eq!(classes(&out), expected, "{i}: {region}");
        let frame = classification_of(&out);
        assert_eq!(frame.is_some(), region != "rois", "{i}: {region}");
        assert!(frame.is_none_or(|a| a.fresh));
    }
    assert!(errors(&bus, &element).is_empty());
}
