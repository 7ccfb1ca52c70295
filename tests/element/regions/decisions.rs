// SPDX-License-Identifier: MPL-2.0
//! What is decided for each object, and the tags that tell of it.

use gst::prelude::*;
use gst_check::Harness;
use gstresnet50::meta::classification_of;
use support::element::*;
use support::harness::{play, through};
use support::regions::*;

/// What is decided for an object comes of its own results alone: of their running average, with
/// its own thresholds and times.
#[test]
fn decisions() {
    let (element, _folder) = colors();
    element.set_property("smoothing", 200_000_000u64);
    element.set_property("hold-time", 1_000_000_000u64);
    element.set_property("enter-confidence", 0.5f32);
    element.set_property_from_str("messages", "change");
    let info = rgb(64, 48);
    let (mut harness, bus) = play(&element, &info);
    let grey = [60, 40, 30];
    let mut seen: Vec<Vec<String>> = Vec::new();
    for i in 0..60u64 {
        let time = 40 * i;
        let first = match time {
            0..=999 => RED,
            // Too short for the average.
            1000..=1039 => BLUE,
            1040..=1399 => RED,
            _ => GREEN,
        };
        let mut spots = vec![
            spot((1, 1, 8, 8), first).id(1),
            spot((20, 1, 8, 8), BLUE),
            spot((30, 1, 8, 8), grey).kind("face").id(1),
        ];
        // A late one, which has nothing of the others' past.
        if time >= 1200 {
            spots.push(spot((40, 1, 8, 8), GREEN).id(2));
        }
        let out = through(&mut harness, scene(&info, time, &spots));
        assert_eq!(classification_of(&out), None);
        let found = classifications(&out).into_iter().map(|classification| {
            let decision = classification.expect("a result").decision;
            let decision = decision.expect("there is a decision layer");
            assert!(decision.since <= out.pts(), "{time}");
            decision.name().to_owned()
        });
        seen.push(found.collect());
    }
    for (i, decisions) in seen.iter().enumerate() {
        let time = 40 * i;
        assert_eq!(decisions[1], "blue", "{time}");
        assert_eq!(decisions[2], "nothing", "{time}");
        if time >= 1200 {
            assert_eq!(decisions[3], "green", "{time}");
        }
        if time < 1400 {
            assert_eq!(decisions[0], "red", "{time}");
        }
    }
    let last = seen.last().expect("frames");
    assert_eq!(last[0], "green");
    // One message for each object and change.
    let mut changes: Vec<(String, u32, String)> = posted(&bus, &element)
        .iter()
        .map(|m| {
            let region: gst::Structure = m.get("region").expect("a region");
            (
                region.get("type").expect("its type"),
                region.get("x").expect("its place"),
                m.get("decision").expect("its decision"),
            )
        })
        .collect();
    changes.sort();
    let expected = [
        ("face", 30, "nothing"),
        ("thing", 1, "green"),
        ("thing", 1, "red"),
        ("thing", 20, "blue"),
        ("thing", 40, "green"),
    ];
    let expected = expected.map(|(kind, x, name)| (kind.to_owned(), x, name.to_owned()));
    assert_eq!(changes, expected);
}

/// An object that is looked at now and then decides by the results it has had, and carries the
/// decision between.
#[test]
fn decisions_are_carried() {
    let (element, _folder) = colors();
    element.set_property("enter-confidence", 0.5f32);
    element.set_property("leave-confidence", 0.5f32);
    element.set_property("reclassify-interval", 200_000_000u64);
    let info = rgb(64, 48);
    let (mut harness, _bus) = play(&element, &info);
    for i in 0..20u64 {
        let color = if i % 10 < 5 { RED } else { [40, 50, 60] };
        let object = spot((1, 1, 8, 8), color).id(1);
        let out = through(&mut harness, scene(&info, 40 * i, &[object]));
        let classification = classifications(&out)[0].clone().expect("a result");
        assert_eq!(classification.fresh, i % 5 == 0, "{i}");
        let decision = classification.decision.expect("a decision");
        let expected = if i % 10 < 5 { "red" } else { "nothing" };
        assert_eq!(decision.name(), expected, "{i}");
        let since = gst::ClockTime::from_mseconds(40 * (i - i % 5));
        assert_eq!(decision.since, Some(since), "{i}");
    }
}

/// With `tags` the keywords are what was decided for the frame and for any of its objects.
#[test]
fn tags() {
    for region in ["rois", "both"] {
        let (element, _folder) = colors();
        element.set_property_from_str("region", region);
        element.set_property("tags", true);
        let info = rgb(64, 48);
        let (mut harness, _bus) = play(&element, &info);
        let words = |harness: &mut Harness| -> Option<Vec<String>> {
            let all = std::iter::from_fn(|| harness.try_pull_event());
            let lists = all.filter_map(|event| match event.view() {
                gst::EventView::Tag(tag) => {
                    let words = tag.tag().iter_tag::<gst::tags::Keywords>();
                    let words = words.map(|w| w.get().to_owned());
                    Some(words.collect::<std::collections::BTreeSet<_>>())
                }
                _ => None,
            });
            Some(lists.last()?.into_iter().collect())
        };
        // The frame is blue, where it is looked at.
        let sky = spot((0, 0, 64, 48), BLUE).kind("sky");
        let mut next = |time, spots: &[Spot]| {
            let all = [&[sky], spots].concat();
            let buffer = scene(&info, time, &all);
            let flags = gst::BufferCopyFlags::MEMORY | gst::BufferCopyFlags::TIMESTAMPS;
            let mut buffer = buffer.copy_region(flags, ..).expect("a copy");
            mark(&mut buffer, spots);
            through(&mut harness, buffer);
            words(&mut harness)
        };
        let (red, green) = (spot((1, 1, 4, 4), RED), spot((9, 1, 4, 4), GREEN).id(1));
        let first = next(0, &[red]).expect("tags");
        let both = region == "both";
        assert_eq!(
            first,
            if both {
                vec!["blue", "red"]
            } else {
                vec!["red"]
            }
        );
        assert_eq!(next(40, &[red]), None, "{region}: nothing new");
        let second = next(80, &[red, green, green.kind("face")]).expect("tags");
        let expected = ["blue", "green", "red"];
        assert_eq!(second, expected[usize::from(!both)..], "{region}");
        assert_eq!(next(120, &[green]), None, "{region}: nothing new");
    }
}
