// SPDX-License-Identifier: MPL-2.0
//! Who is told of a region's answer: the bus, the stream's tags, lines of JSON, the overlay; and
//! what is decided for each object.

use gst::prelude::*;
use gst_check::Harness;
use gst_video::VideoFormat;
use gstresnet50::meta::classification_of;
use serde_json::Value;

use support::element::*;
use support::harness::{between, play, through};
use support::lines;
use support::onnx::Net;
use support::regions::*;

/// What a message is about: the tracker's id of the region, none for the whole frame, and the
/// best class.
fn about(message: &gst::StructureRef) -> (Option<i64>, i32) {
    let region = message.get::<gst::Structure>("region").ok();
    let id = region.map(|r| r.get("tracking-id").expect("every object has one"));
    let results = message.get::<gst::Array>("results").expect("results");
    let best: gst::Structure = results[0].get().expect("a structure");
    (id, best.get("index").expect("an index"))
}

/// The message of a region has the fields of a frame's, and `region` with what the metadata says.
#[test]
fn message_fields() {
    let (element, folder) = colors();
    element.set_property_from_str("messages", "all");
    let info = rgb(64, 48);
    let (mut harness, bus) = play(&element, &info);
    let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
    segment.set_start(gst::ClockTime::from_seconds(10));
    segment.set_time(gst::ClockTime::from_seconds(3));
    segment.set_base(gst::ClockTime::from_seconds(1));
    assert!(harness.push_event(gst::event::Segment::new(&segment)));
    let spots = [
        spot((1, 2, 9, 7), GREEN).kind("person").id(1 << 40),
        spot((60, 40, 50, 60), BLUE).kind("car"),
    ];
    through(&mut harness, scene(&info, 10_500, &spots));

    let all = posted(&bus, &element);
    let [person, car] = &all[..] else {
        panic!("not two messages: {all:?}");
    };
    let model = folder.path().join("color.onnx");
    for (message, class) in [(person, 1), (car, 2)] {
        assert_eq!(message.get::<&str>("model"), Ok(text(&model)));
        assert_eq!(message.get::<&str>("provider"), Ok("cpu"));
        assert_eq!(message.get::<bool>("fresh"), Ok(true));
        assert_eq!(message.get::<u64>("age"), Ok(0));
        assert!(message.get::<u64>("inference-time").is_ok_and(|t| t > 0));
        for (field, milliseconds) in [
            ("timestamp", 10_500),
            ("stream-time", 3500),
            ("running-time", 1500),
            ("duration", 40),
        ] {
            let expected = milliseconds * 1_000_000;
            assert_eq!(message.get::<u64>(field), Ok(expected), "{field}");
        }
        let results = message.get::<gst::Array>("results").expect("results");
        let best: gst::Structure = results[0].get().expect("a structure");
        assert_eq!(best.get::<i32>("index"), Ok(class));
        assert_eq!(results.len(), 3);
    }
    let region: gst::Structure = person.get("region").expect("a region");
    assert_eq!(region.get::<i32>("id"), Ok(100));
    assert_eq!(region.get::<i64>("tracking-id"), Ok(1 << 40));
    assert_eq!(region.get::<&str>("type"), Ok("person"));
    let place = ["x", "y", "width", "height"].map(|f| region.get::<u32>(f).expect(f));
    assert_eq!(place, [1, 2, 9, 7]);
    let region: gst::Structure = car.get("region").expect("a region");
    assert_eq!(region.get::<i32>("id"), Ok(101));
    assert_eq!(region.get::<&str>("type"), Ok("car"));
    assert!(!region.has_field("tracking-id"));
    // As the detector has it, over the edge.
    let place = ["x", "y", "width", "height"].map(|f| region.get::<u32>(f).expect(f));
    assert_eq!(place, [60, 40, 50, 60]);
}

/// `all` posts one for each region that was inferred, `change` one for each change of an object's
/// best class, `none` none; with `both` the frame has its own besides.
#[test]
fn messages_by_kind() {
    // The colours of the objects 1 and 2 on each frame; the second leaves for a while.
    let frames = [
        (RED, Some(GREEN)),
        (RED, Some(GREEN)),
        (GREEN, Some(GREEN)),
        (GREEN, None),
        (GREEN, Some(BLUE)),
        (RED, Some(BLUE)),
    ];
    let one = |class| (Some(1i64), class);
    let two = |class| (Some(2i64), class);
    let frame = |class| (None, class);
    for (region, kind, interval, expected) in [
        ("rois", "none", 1u32, vec![]),
        (
            "rois",
            "all",
            1,
            vec![
                one(0),
                two(1),
                one(0),
                two(1),
                one(1),
                two(1),
                one(1),
                one(1),
                two(2),
                one(0),
                two(2),
            ],
        ),
        ("rois", "all", 3, vec![one(0), two(1), one(1)]),
        (
            "rois",
            "change",
            1,
            vec![one(0), two(1), one(1), two(2), one(0)],
        ),
        (
            "both",
            "change",
            1,
            vec![frame(2), one(0), two(1), one(1), two(2), one(0)],
        ),
    ] {
        let (element, _folder) = colors();
        element.set_property_from_str("region", region);
        element.set_property_from_str("messages", kind);
        element.set_property("interval", interval);
        let info = rgb(64, 48);
        let (mut harness, bus) = play(&element, &info);
        for (i, (first, second)) in frames.into_iter().enumerate() {
            let mut spots = vec![spot((1, 1, 8, 8), first).id(1)];
            spots.extend(second.map(|color| spot((20, 1, 8, 8), color).id(2)));
            // Most of the frame is blue.
            let sky = spot((0, 12, 64, 36), BLUE);
            let mut buffer = scene(&info, 40 * i as u64, &[&spots[..], &[sky]].concat());
            let flags = gst::BufferCopyFlags::MEMORY | gst::BufferCopyFlags::TIMESTAMPS;
            buffer = buffer.copy_region(flags, ..).expect("a copy");
            mark(&mut buffer, &spots);
            through(&mut harness, buffer);
        }
        let found: Vec<_> = posted(&bus, &element).iter().map(|m| about(m)).collect();
        let name = format!("{region} {kind} {interval}");
        // Those of one frame in whatever order, but each object's in their own.
        let of = |all: &[(Option<i64>, i32)], id| {
            let mine = all.iter().filter(|(of, _)| *of == id);
            mine.map(|(_, class)| *class).collect::<Vec<_>>()
        };
        for id in [None, Some(1), Some(2)] {
            assert_eq!(of(&found, id), of(&expected, id), "{name}: {id:?}");
        }
        assert_eq!(found.len(), expected.len(), "{name}");
    }
}

/// Objects without an id have their changes too, by where they are.
#[test]
fn changes_by_place() {
    let (element, _folder) = colors();
    element.set_property_from_str("messages", "change");
    let info = rgb(64, 48);
    let (mut harness, bus) = play(&element, &info);
    for (i, (left, right)) in [
        (RED, BLUE),
        (RED, BLUE),
        (RED, GREEN),
        (RED, GREEN),
        (BLUE, GREEN),
    ]
    .into_iter()
    .enumerate()
    {
        let i = i as u32;
        let (left, right) = (spot((i, 1, 9, 9), left), spot((40, i, 9, 9), right));
        let spots = if i.is_multiple_of(2) {
            [left, right]
        } else {
            [right, left]
        };
        through(&mut harness, scene(&info, 40 * u64::from(i), &spots));
    }
    let mut found: Vec<(bool, i32)> = Vec::new();
    for message in posted(&bus, &element) {
        let region: gst::Structure = message.get("region").expect("a region");
        let is_right = region.get::<u32>("x").expect("x") >= 40;
        let results = message.get::<gst::Array>("results").expect("results");
        let best: gst::Structure = results[0].get().expect("a structure");
        found.push((is_right, best.get("index").expect("an index")));
    }
    assert_eq!(found, [(false, 0), (true, 2), (true, 1), (false, 2)]);
}

/// What is decided for an object comes of its own answers alone: of their running average, with
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
        let found = answers(&out).into_iter().map(|answer| {
            let decision = answer.expect("an answer").decision;
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

/// An object that is looked at now and then decides by the answers it has had, and carries the
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
        let answer = answers(&out)[0].clone().expect("an answer");
        assert_eq!(answer.fresh, i % 5 == 0, "{i}");
        let decision = answer.decision.expect("a decision");
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

/// Where no region ever counts, one message says so and why: INFO where there are none at all,
/// WARNING where all were refused. Where one counted there is none.
#[test]
fn nothing_ever_counts() {
    let car = [spot((3, 4, 9, 7), RED).kind("car")];
    let face = [spot((3, 4, 9, 7), RED).kind("face")];
    let none: [Spot; 0] = [];
    for (first, others, parts) in [
        (&none[..], &none[..], &["detector", "region=frame"][..]),
        (&none, &car, &["“car” (", "“face, dog”"]),
        (&face, &car, &[]),
    ] {
        for mode in ["exact", "live"] {
            let (element, _folder) = colors();
            element.set_property_from_str("mode", mode);
            element.set_property("roi-types", "face, dog");
            let info = rgb(16, 12);
            let (mut harness, bus) = play(&element, &info);
            for i in 0..300u64 {
                let spots = if i == 0 { first } else { others };
                through(&mut harness, scene(&info, 40 * i, spots));
            }
            let kinds = [gst::MessageType::Info, gst::MessageType::Warning];
            let told = std::iter::from_fn(|| bus.pop_filtered(&kinds));
            let told = told.filter(|m| m.src() == Some(element.upcast_ref()));
            let told: Vec<_> = told.collect();
            assert_eq!(told.len(), usize::from(!parts.is_empty()), "{mode}");
            for message in told {
                let text = match message.view() {
                    gst::MessageView::Info(info) => {
                        assert!(others.is_empty(), "{mode}");
                        info.error().to_string()
                    }
                    gst::MessageView::Warning(warning) => {
                        assert!(!others.is_empty(), "{mode}");
                        warning.error().to_string()
                    }
                    _ => unreachable!("only these were asked for"),
                };
                assert!(parts.iter().all(|part| text.contains(part)), "{text}");
            }
        }
    }
}

/// `resnet50json` writes a line for each region that `resnet50` has classified, after the frame's.
#[test]
fn lines_of_json() {
    let (element, _folder) = colors();
    element.set_property_from_str("region", "both");
    element.set_property("roi-types", "person, face");
    element.set_property("enter-confidence", 0.5f32);
    let info = rgb(64, 48);
    let (mut harness, _bus) = play(&element, &info);
    let mut json = Harness::new("resnet50json");
    json.set_src_caps(caps(&info));
    let spots = [
        spot((0, 0, 64, 48), BLUE).kind("car"),
        spot((1, 2, 9, 7), GREEN).kind("person").id(12),
        spot((20, 3, 8, 8), [80, 60, 40]).kind("face"),
    ];
    let out = through(&mut harness, scene(&info, 40, &spots));
    json.push(out).expect("it takes the frame");
    let buffer = json.try_pull().expect("lines");
    let found = lines::parse(&buffer.map_readable().expect("readable"));
    let [frame, person, face] = &found[..] else {
        panic!("{found:?}");
    };
    assert_eq!(frame["region"], Value::Null);
    assert_eq!(frame["decision"], "blue");
    assert_eq!(
        person["region"],
        serde_json::json!({
            "id": 101, "tracking_id": 12, "type": "person",
            "x": 1, "y": 2, "width": 9, "height": 7,
        })
    );
    assert_eq!(person["results"][0]["label"], "green");
    assert_eq!(person["decision"], "green");
    assert_eq!(face["region"]["tracking_id"], Value::Null);
    assert_eq!(face["results"][0]["label"], "red");
    assert_eq!(face["decision"], "nothing");
    for line in [frame, person, face] {
        assert_eq!(line["pts"], 40_000_000);
        assert_eq!(line["fresh"], true);
        assert_eq!(line["age_ns"], 0);
        assert_eq!(line["provider"], "cpu");
    }
}

/// `resnet50overlay` draws a box round a region that `resnet50` has classified, and none round
/// one that it has left alone.
#[cfg(feature = "overlay")]
#[test]
fn boxes_of_the_overlay() {
    let (element, _folder) = colors();
    element.set_property("roi-types", "face");
    let info = info(VideoFormat::Rgb, 320, 240);
    let (mut harness, _bus) = play(&element, &info);
    let overlay = gst::ElementFactory::make("resnet50overlay")
        .property("accent-color", 0xffff_00ffu32)
        .build()
        .expect("the element");
    let mut overlay = between(&overlay, &info);
    let spots = [
        spot((60, 100, 80, 70), GREEN).kind("face"),
        spot((200, 100, 80, 70), GREEN).kind("car"),
    ];
    let out = through(&mut harness, scene(&info, 0, &spots));
    let before = out.map_readable().expect("readable").to_vec();
    overlay.push(out).expect("it takes the frame");
    let after = overlay.pull().expect("it gives it back");
    let after = after.map_readable().expect("readable").to_vec();
    let stride = info.stride()[0] as usize;
    let at = |x: usize, y: usize| &after[y * stride + 3 * x..][..3];
    for (x, y) in [
        (60, 140),
        (139, 140),
        (100, 100),
        (100, 169),
        (60, 100),
        (139, 169),
    ] {
        assert_eq!(at(x, y), [255, 0, 255], "{x}, {y}");
    }
    let changed = |x: usize, y: usize| {
        let place = y * stride + 3 * x;
        before[place..place + 3] != after[place..place + 3]
    };
    for y in 0..240 {
        for x in 190..320 {
            assert!(!changed(x, y), "{x}, {y}: round the car");
        }
    }
    assert!((70..130).all(|x| !changed(x, 140)), "in the face");
}

/// A second `resnet50` puts its own answers before the first one's, and leaves those, what the
/// detector wrote, and the regions that are not its own.
#[test]
fn second_element_keeps_the_answers() {
    let (first, _folder) = colors();
    let (second, _folder) = colors_by(Net::constant(vec![0.0, 9.0, 0.0]));
    second.set_property_from_str("roi-types", "person");
    let info = rgb(64, 48);
    let (mut one, _bus) = play(&first, &info);
    let (mut two, _bus) = play(&second, &info);
    let spots = [
        spot((1, 2, 9, 7), BLUE).kind("person").id(7),
        spot((20, 3, 8, 8), GREEN).kind("car"),
    ];
    let between = through(&mut one, scene(&info, 0, &spots));
    let kept = between.clone();
    let out = through(&mut two, between);
    assert_eq!(classes(&out), [Some(1), Some(1)]);
    assert_eq!(answers(&out).iter().flatten().count(), 2);
    let names: Vec<Vec<_>> = out
        .iter_meta::<gst_video::VideoRegionOfInterestMeta>()
        .map(|meta| meta.params().map(|p| p.name().to_string()).collect())
        .collect();
    assert_eq!(
        names[0],
        ["detection", "tracking", "classification", "classification"]
    );
    assert_eq!(names[1], ["detection", "classification"]);
    assert_eq!(
        classes(&kept),
        [Some(2), Some(1)],
        "the buffer between is not touched"
    );
}
