// SPDX-License-Identifier: MPL-2.0
//! GStreamer's analytics metadata: what is written for others, and which boxes of others are read.

use gst::prelude::*;
use gst_analytics::prelude::*;
use gst_analytics::{AnalyticsClassificationMtd as Classes, AnalyticsRelationMeta, RelTypes};
use gst_video::{VideoInfo, VideoRegionOfInterestMeta};
use gstresnet50::meta::{
    Class, Classification, Decision, Group, META_NAME, PARAM_NAME, Region, RegionSource,
    all_regions, attach, attach_regions, classification_of, find_regions, own_classes, regions_by,
    regions_of, register,
};
use support::element::*;
use support::harness::{play, through};
use support::lines::seen;
use support::regions::*;

/// A box as a detector writes it: left, top, width and height.
type Box = (i32, i32, i32, i32);

/// Adds an object.
fn add_object(buffer: &mut gst::Buffer, kind: &str, (x, y, w, h): Box) -> u32 {
    let mut meta = AnalyticsRelationMeta::add(buffer.make_mut());
    let kind = glib::Quark::from_str(kind);
    meta.add_od_mtd(kind, x, y, w, h, 0.75).expect("room").id()
}

/// Adds a tracker's id to an object.
fn track(buffer: &mut gst::Buffer, object: u32, id: u64) {
    let mut meta = AnalyticsRelationMeta::add(buffer.make_mut());
    let tracking = meta.add_tracking_mtd(id, gst::ClockTime::ZERO);
    let tracking = tracking.expect("room").id();
    meta.set_relation(RelTypes::RELATE_TO, object, tracking)
        .expect("both are there");
}

/// A frame with painted objects and without any metadata.
fn painted(info: &VideoInfo, milliseconds: u64, spots: &[Spot]) -> gst::Buffer {
    let mut buffer = scene(info, milliseconds, spots);
    let new = buffer.make_mut();
    while let Some(meta) = new.meta_mut::<VideoRegionOfInterestMeta>() {
        meta.remove().expect("it is not locked");
    }
    buffer
}

/// The labels and levels of a classification.
fn classes(buffer: &gst::BufferRef, id: u32) -> Vec<(String, f32)> {
    let meta = buffer.meta::<AnalyticsRelationMeta>().expect("metadata");
    let classes = meta.mtd::<Classes>(id).expect("a classification");
    let all = (0..classes.len()).map(|i| (classes.quark(i).as_str().to_string(), classes.level(i)));
    all.collect()
}

/// What is related to an entry in this way.
fn related(buffer: &gst::BufferRef, id: u32, relation: RelTypes) -> Vec<u32> {
    let meta = buffer.meta::<AnalyticsRelationMeta>().expect("metadata");
    let all = meta.iter_direct_related::<Classes>(id, relation);
    all.map(|mtd| mtd.id()).collect()
}

/// All classifications.
fn all_classes(buffer: &gst::BufferRef) -> Vec<u32> {
    let meta = buffer.meta::<AnalyticsRelationMeta>().expect("metadata");
    meta.iter::<Classes>().map(|mtd| mtd.id()).collect()
}

/// The id of the analytics metadata in a frame's custom metadata.
fn named(buffer: &gst::BufferRef) -> u32 {
    let meta = gst::meta::CustomMeta::from_buffer(buffer, META_NAME).expect("custom metadata");
    meta.structure().get("mtd-id").expect("an id")
}

/// A result with two classes, by an element of this name.
fn by(element: &str, label: &str) -> Classification {
    let mut classification = Classification {
        element: element.into(),
        ..seen(1, label)
    };
    classification.results.push(Class {
        index: 2,
        label: "other".into(),
        confidence: 0.25,
    });
    classification
}

/// All classes of the frame are in one entry, which the custom metadata names; the relation metadata
/// that is there is used.
#[test]
fn one_entry_with_all_classes() {
    let (element, _folder) = super::color();
    let info = rgb(32, 24);
    let (mut harness, _bus) = play(&element, &info);
    let mut frame = painted(&info, 0, &[]);
    let object = add_object(&mut frame, "face", (1, 2, 3, 4));
    let out = through(&mut harness, frame);
    let classification = classification(&out);
    let expected: Vec<_> = classification.results.iter().collect();
    assert_eq!(expected.len(), 3);
    assert_eq!(all_classes(&out), [named(&out)]);
    let found = classes(&out, named(&out));
    let expected = expected.iter().map(|c| (c.label.to_string(), c.confidence));
    assert_eq!(found, expected.collect::<Vec<_>>());
    assert_eq!(own_classes(&out), [named(&out)]);
    assert_eq!(out.iter_meta::<AnalyticsRelationMeta>().count(), 1);
    let any = related(&out, object, RelTypes::ANY);
    assert_eq!(any, [0; 0], "region=frame leaves objects alone");
}

/// Groups and the decision are entries of their own, which the classes contain.
#[test]
fn groups_and_decision() {
    support::init();
    register();
    let classification = Classification {
        groups: vec![Group {
            label: "cat".into(),
            confidence: 0.75,
        }],
        decision: Some(Decision {
            label: None,
            confidence: 0.0,
            since: None,
        }),
        ..by("a", "tabby")
    };
    let mut buffer = gst::Buffer::new();
    attach(buffer.make_mut(), &classification);
    let parts = related(&buffer, named(&buffer), RelTypes::CONTAIN);
    let parts = parts.into_iter().map(|id| classes(&buffer, id));
    let expected = [
        vec![("cat".to_owned(), 0.75)],
        vec![("nothing".to_owned(), 0.0)],
    ];
    assert_eq!(parts.collect::<Vec<_>>(), expected);
    assert_eq!(own_classes(&buffer).len(), 3);
    // A result without classes has no entry, and takes back the earlier one.
    let none = Classification {
        results: Vec::new(),
        ..classification
    };
    attach(buffer.make_mut(), &none);
    assert!(buffer.meta::<AnalyticsRelationMeta>().is_none());
    assert_eq!(own_classes(&buffer), [0; 0]);
    assert_eq!(classification_of(&buffer), Some(none));
}

/// An element replaces its own entry: nothing is left of it where nothing else is in the metadata.
/// Otherwise the custom metadata names the newer one, and the other elements' entries stay.
#[test]
fn several_elements_and_again() {
    support::init();
    register();
    let mut buffer = gst::Buffer::new();
    for label in ["tabby", "pug"] {
        attach(buffer.make_mut(), &by("a", label));
        assert_eq!(all_classes(&buffer), [named(&buffer)]);
        assert_eq!(classes(&buffer, named(&buffer))[0].0, label);
    }
    attach(buffer.make_mut(), &by("b", "tiger"));
    assert_eq!(classes(&buffer, named(&buffer))[0].0, "tiger");
    let of_b = named(&buffer);
    attach(buffer.make_mut(), &by("a", "lion"));
    assert_eq!(classes(&buffer, named(&buffer))[0].0, "lion");
    let mut own = own_classes(&buffer);
    own.sort_unstable();
    assert_eq!(own, [of_b, named(&buffer)], "and not the old one of a");
    assert_eq!(own_classes(&buffer.copy()).len(), 2);
}

/// Objects are classified as regions are, each related to its class by the relations that readers
/// look for. Only what the settings choose is.
#[test]
fn objects_are_regions() {
    let (element, _folder) = colors();
    element.set_property("roi-types", "face,person");
    element.set_property("roi-min-size", 4u32);
    let info = rgb(64, 48);
    let (mut harness, _bus) = play(&element, &info);
    let spots = [
        spot((0, 0, 20, 20), BLUE),
        spot((24, 0, 11, 20), RED),
        spot((40, 20, 24, 28), GREEN),
        spot((3, 30, 9, 18), RED),
    ];
    let mut frame = painted(&info, 0, &spots);
    let boxes = [
        // It reaches beyond the left upper corner.
        ("face", (-5, -7, 25, 27)),
        ("person", (24, 0, 11, 20)),
        ("dog", (40, 20, 24, 28)),
        ("face", (3, 30, 3, 18)),
        ("face", (-9, 0, 9, 9)),
    ];
    let ids = boxes.map(|(kind, place)| add_object(&mut frame, kind, place));
    track(&mut frame, ids[1], 9);
    let out = through(&mut harness, frame);

    let regions = regions_of(&out);
    let found: Vec<_> = regions
        .iter()
        .map(|(region, seen)| {
            let class = seen.as_ref().and_then(|seen| Some(seen.top()?.index));
            (region.id as u32, &*region.kind, region.tracking_id, class)
        })
        .collect();
    let expected = [
        (ids[0], "face", None, Some(class_of(BLUE))),
        (ids[1], "person", Some(9), Some(class_of(RED))),
        (ids[2], "dog", None, None),
        (ids[3], "face", None, None),
        (ids[4], "face", None, None),
    ];
    assert_eq!(found, expected);
    assert_eq!(regions[0].0.rect, (0, 0, 20, 20).into());
    for (object, (_, seen)) in ids.into_iter().zip(&regions) {
        let Some(seen) = seen else {
            assert_eq!(related(&out, object, RelTypes::ANY), [0; 0]);
            continue;
        };
        let one = related(&out, object, RelTypes::CONTAIN);
        assert_eq!(one, related(&out, object, RelTypes::RELATE_TO));
        let [id] = one[..] else { panic!("{one:?}") };
        let expected = seen
            .results
            .iter()
            .map(|c| (c.label.to_string(), c.confidence));
        assert_eq!(classes(&out, id), expected.collect::<Vec<_>>());
        let meta = out.meta::<AnalyticsRelationMeta>().expect("metadata");
        assert_eq!(meta.relation(id, object), RelTypes::IS_PART_OF);
        assert!(own_classes(&out).contains(&id));
    }
    assert!(out.meta::<VideoRegionOfInterestMeta>().is_none());
    assert_eq!(classification_of(&out), None);
    assert_eq!(regions_by(&out, Some("nobody"))[0].1, None);
    let name = element.name();
    assert_eq!(regions_by(&out, Some(&name)), regions);
    assert_eq!(Classification::from_buffer(&out).count(), 2);
    assert_eq!(stat(&element, "inferences"), 2);
}

/// A tracker's id keeps an object's result, wherever the id is.
#[test]
fn tracked_objects_keep_their_result() {
    let (element, _folder) = colors();
    element.set_property("reclassify-interval", gst::ClockTime::SECOND.nseconds());
    let info = rgb(64, 48);
    let (mut harness, _bus) = play(&element, &info);
    for i in 0..3 {
        let place = (5 * i, 4, 20, 20);
        let mut frame = painted(&info, 40 * u64::from(i), &[spot(place, BLUE)]);
        let place = (place.0 as i32, 4, 20, 20);
        let object = add_object(&mut frame, "face", place);
        track(&mut frame, object, 7);
        let out = through(&mut harness, frame);
        let (class, is_fresh, age) = single(&out).expect("a result");
        assert_eq!(
            (class, is_fresh, age),
            (class_of(BLUE), i == 0, 40 * u64::from(i))
        );
        // One that is carried is for others as well.
        assert_eq!(related(&out, object, RelTypes::RELATE_TO).len(), 1);
    }
    assert_eq!(stat(&element, "inferences"), 1);
}

/// What both kinds of metadata show counts once, and both get the result.
#[test]
fn no_box_twice() {
    let (element, _folder) = colors();
    let info = rgb(64, 48);
    let (mut harness, _bus) = play(&element, &info);
    let spots = [
        spot((0, 0, 20, 20), BLUE).kind("face"),
        spot((40, 20, 24, 28), GREEN).kind("person").id(3),
    ];
    let mut frame = scene(&info, 0, &spots);
    // Rounded otherwise, with an id of its own; of another type; the same id, clipped, and in other
    // letters.
    let face = add_object(&mut frame, "face", (1, 0, 20, 20));
    let dog = add_object(&mut frame, "dog", (0, 0, 20, 20));
    for _ in 2..101 {
        add_object(&mut frame, "tiny", (0, 0, 0, 0));
    }
    let person = add_object(&mut frame, "Person", (40, 20, 24, 20));
    assert_eq!(person, 101, "the region of the person has this id");
    track(&mut frame, face, 5);
    let sources: Vec<_> = find_regions(&frame)
        .into_iter()
        .filter(|(_, region)| &*region.kind != "tiny")
        .collect();
    let source = |roi, object| RegionSource { roi, object };
    let expected = [
        (source(Some(0), Some(face)), "face", Some(5)),
        (source(Some(1), Some(person)), "person", Some(3)),
        (source(None, Some(dog)), "dog", None),
    ];
    let found = sources.iter().map(|(s, r)| (*s, &*r.kind, r.tracking_id));
    assert_eq!(found.collect::<Vec<_>>(), expected);

    let out = through(&mut harness, frame);
    assert_eq!(stat(&element, "inferences"), 3);
    for object in [face, person, dog] {
        assert_eq!(related(&out, object, RelTypes::RELATE_TO).len(), 1);
    }
    let params = out.iter_meta::<VideoRegionOfInterestMeta>();
    let params = params.map(|meta| meta.params().filter(|p| p.name() == PARAM_NAME).count());
    assert_eq!(params.collect::<Vec<_>>(), [1, 1]);
    let all = all_regions(&out);
    assert!(all[..3].iter().all(|(_, all)| all.len() == 1), "{all:?}");
}

/// The elements that classify an object, the last one first; one replaces its own result, and the
/// object is related to the newest one of each. Copies have the same.
#[test]
fn several_classifiers_of_an_object() {
    support::init();
    register();
    let mut buffer = gst::Buffer::new();
    let object = add_object(&mut buffer, "face", (1, 2, 3, 4));
    let source = RegionSource {
        roi: None,
        object: Some(object),
    };
    for (element, label) in [("a", "tabby"), ("b", "pug"), ("a", "tiger")] {
        attach_regions(buffer.make_mut(), &[(source, &by(element, label))]);
    }
    let mut copied = gst::Buffer::new();
    buffer
        .copy_into(copied.make_mut(), gst::BufferCopyFlags::META, ..)
        .expect("it can be copied");
    for buffer in [&buffer, &buffer.copy(), &copied] {
        let all = all_regions(buffer);
        let [(region, all)] = &all[..] else {
            panic!("{all:?}")
        };
        assert_eq!(region.rect, (1, 2, 3, 4).into());
        assert_eq!(all[..], [by("a", "tiger"), by("b", "pug")]);
        let related = related(buffer, object, RelTypes::CONTAIN);
        let labels = related.iter().map(|id| classes(buffer, *id)[0].0.clone());
        assert_eq!(labels.collect::<Vec<_>>(), ["pug", "tiger"]);
        let of_b = regions_by(buffer, Some("b"));
        assert_eq!(of_b[0].1, Some(by("b", "pug")));
    }
}

/// A rotated box counts as the upright box around it.
#[cfg(feature = "v1_26")]
#[test]
fn a_rotated_box() {
    support::init();
    let mut buffer = gst::Buffer::new();
    let quarter = std::f32::consts::FRAC_PI_2;
    AnalyticsRelationMeta::add(buffer.make_mut())
        .add_oriented_od_mtd(glib::Quark::from_str("face"), 20, 30, 20, 10, quarter, 1.0)
        .expect("room");
    let (_, region) = find_regions(&buffer).remove(0);
    let rect = region.rect;
    let near = |found: u32, expected: u32| found.abs_diff(expected) <= 1;
    let is_upright = near(rect.x, 25) && near(rect.y, 25);
    assert!(
        is_upright && near(rect.width, 10) && near(rect.height, 20),
        "{rect:?}"
    );
}

/// Where all objects are of other types, the user is told.
#[test]
fn the_user_is_told() {
    let (element, _folder) = colors();
    element.set_property("roi-types", "face");
    let info = rgb(64, 48);
    let (mut harness, bus) = play(&element, &info);
    let mut frame = painted(&info, 0, &[]);
    add_object(&mut frame, "dog", (0, 0, 20, 20));
    through(&mut harness, frame);
    harness.push_event(gst::event::Eos::new());
    let kinds = [gst::MessageType::Warning, gst::MessageType::Info];
    let told = bus.timed_pop_filtered(gst::ClockTime::from_seconds(20), &kinds);
    let told = told.expect("the user is told");
    let gst::MessageView::Warning(warning) = told.view() else {
        panic!("{told:?}")
    };
    let text = warning.error().to_string();
    assert!(text.contains("dog"), "{text}");
}

/// Everything survives what GStreamer lets analytics metadata survive, beside its own overlay, which
/// reads what is written; boxes are scaled with the picture.
#[test]
fn survives() {
    let (element, _folder) = colors();
    let info = rgb(64, 48);
    let overlay = "videoconvert ! objectdetectionoverlay ! videoconvert";
    let scaled =
        "videoscale ! video/x-raw,format=I420,width=128,height=96 ! tee ! queue ! identity";
    let bin = |description: &str| -> gst::Element {
        let bin = gst::parse::bin_from_description(description, true);
        bin.expect("the elements are there").upcast()
    };
    let behind = format!("{overlay} ! {scaled}");
    let rig = Rig::among(&[bin(overlay)], &element, &[bin(&behind)], &info);
    rig.play().expect("it plays");
    let mut frame = painted(&info, 0, &[spot((10, 12, 20, 20), BLUE)]);
    let object = add_object(&mut frame, "face", (10, 12, 20, 20));
    let out = rig.classify(frame);
    let regions = regions_of(&out);
    let [(Region { rect, .. }, Some(seen))] = &regions[..] else {
        panic!("{regions:?}")
    };
    assert_eq!(seen.top().map(|c| c.index), Some(class_of(BLUE)));
    // GStreamer scales the boxes since 1.26.
    if cfg!(feature = "v1_26") {
        assert_eq!(*rect, (20, 24, 40, 40).into());
    }
    assert_eq!(related(&out, object, RelTypes::CONTAIN).len(), 1);
    rig.stop();
}
