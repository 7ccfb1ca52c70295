// SPDX-License-Identifier: MPL-2.0
//! What is posted on the bus about regions.

use gst::prelude::*;
use support::element::*;
use support::harness::{play, segment, through};
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
    assert!(harness.push_event(segment(10, 3, 1)));
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
