// SPDX-License-Identifier: MPL-2.0
//! Answers that a region keeps: by its tracker's id, or by where it was last seen.

use gst::prelude::*;
use gstresnet50::meta::classification_of;

use support::element::*;
use support::harness::{play, through};
use support::regions::*;

const SPELLINGS: [Spelling; 3] = [Spelling::ObjectId, Spelling::Tracking, Spelling::Field];

/// With `reclassify-interval` an object that a tracker knows, in whatever way it says so, is
/// classified again when this much time has passed since it last was, and meanwhile keeps its
/// result, wherever it is and whatever it looks like.
#[test]
fn reclassify_interval() {
    for spelling in SPELLINGS {
        let (element, _folder) = colors();
        element.set_property("reclassify-interval", 100_000_000u64);
        let info = rgb(64, 48);
        let (mut harness, _bus) = play(&element, &info);
        let mut found = Vec::new();
        for (i, color) in [RED, GREEN, GREEN, BLUE, RED, RED, GREEN, RED]
            .into_iter()
            .enumerate()
        {
            let i = i as u32;
            let place = (i * 29 % 50, i * 17 % 40, 3 + i, 4);
            let object = spot(place, color).spelled(spelling, 42);
            let out = through(&mut harness, scene(&info, 40 * u64::from(i), &[object]));
            found.push(single(&out).expect("a result on every frame"));
        }
        let expected = [
            (0, true, 0),
            (0, false, 40),
            (0, false, 80),
            (2, true, 0),
            (2, false, 40),
            (2, false, 80),
            (1, true, 0),
            (1, false, 40),
        ];
        assert_eq!(found, expected, "{spelling:?}");
        assert_eq!(stat(&element, "inferences"), 3, "{spelling:?}");
    }
}

/// It is due when exactly this much has passed, measured from the frame that it was classified
/// on and not from those between.
#[test]
fn due_to_the_nanosecond() {
    let (element, _folder) = colors();
    element.set_property("reclassify-interval", 80_000_001u64);
    let info = rgb(16, 12);
    let (mut harness, _bus) = play(&element, &info);
    let object = spot((1, 1, 8, 8), RED).id(-3);
    let mut fresh = |nanoseconds: u64| {
        let mut frame = scene(&info, 0, &[object]);
        let time = gst::ClockTime::from_nseconds(nanoseconds);
        frame.make_mut().set_pts(time);
        let out = through(&mut harness, frame);
        classifications(&out)[0].as_ref().expect("a result").fresh
    };
    for (time, expected) in [
        (0, true),
        (40_000_000, false),
        (80_000_000, false),
        (80_000_001, true),
        (160_000_001, false),
        (160_000_002, true),
        (10_000_000_000, true),
        (10_080_000_000, false),
    ] {
        assert_eq!(fresh(time), expected, "{time}");
    }
}

/// Objects of other types with the same id are others, each with its own time.
#[test]
fn types_have_their_own_ids() {
    let (element, _folder) = colors();
    element.set_property("reclassify-interval", 100_000_000u64);
    let info = rgb(64, 48);
    let (mut harness, _bus) = play(&element, &info);
    let face = spot((1, 1, 8, 8), RED).kind("face").id(7);
    let person = spot((20, 1, 8, 20), GREEN).kind("person").id(7);
    let grey = [90, 100, 110];
    type Turn<'a> = (&'a [Spot], &'a [(i32, bool)]);
    let frames: [Turn<'_>; 5] = [
        (&[face], &[(0, true)]),
        (&[person, face.color(grey)], &[(1, true), (0, false)]),
        (
            &[face.color(grey), person.color(grey)],
            &[(0, false), (1, false)],
        ),
        // 120 ms after the face's first, and 80 after the person's.
        (
            &[person.color(BLUE), face.color(BLUE)],
            &[(1, false), (2, true)],
        ),
        (
            &[face.color(grey), person.color(BLUE)],
            &[(2, false), (2, true)],
        ),
    ];
    for (i, (spots, expected)) in frames.into_iter().enumerate() {
        let out = through(&mut harness, scene(&info, 40 * i as u64, spots));
        let found: Vec<(i32, bool)> = classified(&out)
            .iter()
            .map(|(_, a)| (a.top().expect("a class").index, a.fresh))
            .collect();
        assert_eq!(found, expected, "{i}");
    }
}

/// Without a tracker's id every region is classified on every frame, though it does not move.
#[test]
fn no_interval_without_an_id() {
    let (element, _folder) = colors();
    element.set_property("reclassify-interval", 3_600_000_000_000u64);
    let info = rgb(16, 12);
    let (mut harness, _bus) = play(&element, &info);
    for (i, color) in [RED, GREEN, BLUE, RED].into_iter().enumerate() {
        let known = spot((12, 1, 3, 3), color).id(1);
        let spots = [spot((1, 1, 8, 8), color), known];
        let out = through(&mut harness, scene(&info, 40 * i as u64, &spots));
        let found = classifications(&out);
        let [Some(unknown), Some(known)] = &found[..] else {
            panic!("{found:?}");
        };
        assert!(unknown.fresh, "{i}");
        assert_eq!(unknown.top().map(|c| c.index), Some(class_of(color)));
        assert_eq!(known.fresh, i == 0, "{i}");
        assert_eq!(known.top().map(|c| c.index), Some(0));
    }
    assert_eq!(stat(&element, "inferences"), 5);
}

/// A shorter interval that is set while playing counts from the next frame on, and so does none.
#[test]
fn interval_set_while_playing() {
    let (element, _folder) = colors();
    element.set_property("reclassify-interval", 10_000_000_000u64);
    let info = rgb(16, 12);
    let (mut harness, _bus) = play(&element, &info);
    let mut now = 0;
    let mut next = |color| {
        let object = spot((1, 1, 8, 8), color).id(1);
        let out = through(&mut harness, scene(&info, now, &[object]));
        now += 40;
        single(&out).expect("a result")
    };
    assert_eq!(next(RED), (0, true, 0));
    assert_eq!(next(GREEN), (0, false, 40));
    element.set_property("reclassify-interval", 60_000_000u64);
    assert_eq!(next(BLUE), (2, true, 0));
    assert_eq!(next(RED), (2, false, 40));
    element.set_property("reclassify-interval", 0u64);
    assert_eq!(next(RED), (0, true, 0));
    assert_eq!(next(GREEN), (1, true, 0));
}

/// Frames that `interval` leaves out carry the results of their objects: with an id wherever the
/// object is, and never those of another.
#[test]
fn carried_by_id() {
    let (element, _folder) = colors();
    element.set_property("interval", 3u32);
    let info = rgb(64, 48);
    let (mut harness, _bus) = play(&element, &info);
    let (one, two) = (
        spot((0, 0, 8, 8), RED).id(1),
        spot((40, 30, 8, 8), BLUE).id(2),
    );
    let mut next = {
        let mut now = 0;
        move |spots: &[Spot]| {
            let out = through(&mut harness, scene(&info, now, spots));
            now += 40;
            assert_eq!(classification_of(&out), None);
            let found = classifications(&out).into_iter();
            found
                .map(|a| {
                    let a = a?;
                    Some((a.top()?.index, a.fresh, a.age?.mseconds()))
                })
                .collect::<Vec<_>>()
        }
    };
    let fresh = |class| Some((class, true, 0));
    let kept = |class, age| Some((class, false, age));
    assert_eq!(next(&[one, two]), [fresh(0), fresh(2)]);
    // They change places, and the order in which they are listed.
    let (one, two) = (one.at(40, 30).color(GREEN), two.at(0, 0).color(GREEN));
    assert_eq!(next(&[two, one]), [kept(2, 40), kept(0, 40)]);
    // A third comes where the first was, of whom nothing is known; the second is another type's.
    let three = one.id(3);
    assert_eq!(
        next(&[three, two.kind("other"), two]),
        [None, None, kept(2, 80)]
    );
    assert_eq!(next(&[three, two]), [fresh(1), fresh(1)]);
    assert_eq!(next(&[three.at(9, 9).color(RED)]), [kept(1, 40)]);
}

/// Without an id an object is known by where it was last seen: one that moves slowly keeps its
/// result however far it gets, one that jumps does not, nor does another type at its place.
#[test]
fn carried_by_overlap() {
    let (element, _folder) = colors();
    element.set_property("interval", 12u32);
    let info = rgb(100, 60);
    let (mut harness, _bus) = play(&element, &info);
    let object = spot((0, 0, 10, 10), RED);
    let out = through(&mut harness, scene(&info, 0, &[object]));
    assert_eq!(single(&out), Some((0, true, 0)));
    // Two of ten columns and one of ten rows a frame: nine sixteenths of both together.
    for i in 1..8u32 {
        let there = object.at(2 * i, i % 2).color(GREEN);
        let out = through(&mut harness, scene(&info, 40 * u64::from(i), &[there]));
        let expected = (0, false, 40 * u64::from(i));
        assert_eq!(single(&out), Some(expected), "{i}");
    }
    // Where it began, which is far from where it was last seen.
    let out = through(&mut harness, scene(&info, 320, &[object]));
    assert_eq!(single(&out), None);
    let other = object.at(14, 1).kind("other");
    let out = through(&mut harness, scene(&info, 360, &[other]));
    assert_eq!(single(&out), None);
    assert_eq!(stat(&element, "inferences"), 1);
}

/// Half of what two rectangles cover together must be common to both.
#[test]
fn half_is_enough() {
    let here = spot((30, 20, 12, 12), RED);
    for (rect, carries) in [
        ((30, 20, 12, 12), true),
        // 8 of 16 columns.
        ((34, 20, 12, 12), true),
        ((26, 20, 12, 12), true),
        ((30, 24, 12, 12), true),
        // 7 of 17.
        ((35, 20, 12, 12), false),
        ((30, 15, 12, 12), false),
        // Half as large, in it, and twice as large, around it.
        ((30, 20, 12, 6), true),
        ((30, 20, 12, 24), true),
        ((30, 20, 12, 5), false),
        ((30, 20, 12, 25), false),
        ((60, 20, 12, 12), false),
        ((42, 20, 12, 12), false),
    ] {
        let (element, _folder) = colors();
        element.set_property("interval", 2u32);
        let info = rgb(100, 60);
        let (mut harness, _bus) = play(&element, &info);
        through(&mut harness, scene(&info, 0, &[here]));
        let out = through(&mut harness, scene(&info, 40, &[spot(rect, BLUE)]));
        assert_eq!(single(&out), carries.then_some((0, false, 40)), "{rect:?}");
    }
}

/// Where two objects are near, each keeps its own result, in whatever order they are listed.
#[test]
fn neighbours() {
    let (element, _folder) = colors();
    element.set_property("interval", 12u32);
    let info = rgb(100, 60);
    let (mut harness, _bus) = play(&element, &info);
    let (left, right) = (spot((10, 10, 20, 20), RED), spot((16, 10, 20, 20), BLUE));
    let out = through(&mut harness, scene(&info, 0, &[left.at(3, 10), right]));
    assert_eq!(classes(&out), [Some(0), Some(2)]);
    // They drift together, a column a frame: from the seventh on either overlaps by half with
    // where the other was, and by more with where it was itself.
    for i in 1..12u32 {
        let left = left.at(3 + i, 10);
        let spots = match i % 2 {
            0 => [left, right],
            _ => [right, left],
        };
        let out = through(&mut harness, scene(&info, 40 * u64::from(i), &spots));
        let expected = match i % 2 {
            0 => [Some(0), Some(2)],
            _ => [Some(2), Some(0)],
        };
        assert_eq!(classes(&out), expected, "{i}");
    }
}

/// However many objects there are on a frame, the next one knows all of them.
#[test]
fn a_thousand_are_known() {
    for with_ids in [true, false] {
        let (element, _folder) = colors();
        element.set_property("batch-size", 64u32);
        element.set_property("interval", 3u32);
        let info = rgb(200, 180);
        let (mut harness, _bus) = play(&element, &info);
        let spots: Vec<Spot> = (0..1000u32)
            .map(|i| {
                let color = [RED, GREEN, BLUE][(i * i % 7 % 3) as usize];
                let spot = spot((i % 50 * 4, i / 50 * 4, 3, 3), color);
                if with_ids { spot.id(i.into()) } else { spot }
            })
            .collect();
        let expected: Vec<_> = spots.iter().map(|s| Some(class_of(s.color))).collect();
        for i in 0..3u64 {
            let out = through(&mut harness, scene(&info, 40 * i, &spots));
            let found = classes(&out);
            let known = found.iter().filter(|class| class.is_some()).count();
            assert_eq!(known, 1000, "ids {with_ids}, frame {i}");
            assert!(found == expected, "ids {with_ids}, frame {i}");
        }
        assert_eq!(stat(&element, "inferences"), 1000, "ids {with_ids}");
    }
}

/// A tracker that counts upwards for ever does not make an object forgotten that is still there.
#[test]
fn ids_without_end() {
    let (element, _folder) = colors();
    element.set_property("reclassify-interval", 3_600_000_000_000u64);
    let info = rgb(64, 24);
    let (mut harness, _bus) = play(&element, &info);
    let stays = spot((1, 1, 7, 7), RED).id(0);
    for i in 0..400u64 {
        let mut spots = vec![stays];
        // What it looks like now is of no account.
        if i > 0 {
            spots[0].color = GREEN;
        }
        spots.extend((0..6).map(|n| {
            let id = 1 + 6 * i + n;
            spot((8 + 8 * n as u32, 10, 7, 7), BLUE).id(id as i64)
        }));
        let out = through(&mut harness, scene(&info, 40 * i, &spots));
        let mut expected = vec![Some(2); 7];
        expected[0] = Some(0);
        assert_eq!(classes(&out), expected, "{i}");
    }
    assert_eq!(stat(&element, "inferences"), 1 + 6 * 400);
}

/// Frames without a region that counts, and those of other types, count for `interval`, and take no
/// turn of it: when it is due, the next frame that has one is classified.
#[test]
fn turns_are_not_wasted() {
    let (element, _folder) = colors();
    element.set_property("interval", 3u32);
    element.set_property("roi-types", "thing");
    element.set_property("roi-min-size", 4u32);
    let info = rgb(32, 24);
    let (mut harness, _bus) = play(&element, &info);
    let thing = [spot((1, 1, 8, 8), RED)];
    let other = [spot((1, 1, 8, 8), RED).kind("other")];
    let small = [spot((1, 1, 3, 8), RED)];
    let outside = [spot((32, 1, 8, 8), RED)];
    let none: [Spot; 0] = [];
    let turns: [(&[Spot], Option<bool>); 13] = [
        (&none, None),
        (&other, None),
        (&thing, Some(true)),
        (&none, None),
        (&small, None),
        (&outside, None),
        (&thing, Some(true)),
        (&other, None),
        (&thing, Some(false)),
        (&small, None),
        (&thing, Some(true)),
        (&thing, Some(false)),
        (&none, None),
    ];
    for (i, (spots, expected)) in turns.into_iter().enumerate() {
        let out = through(&mut harness, scene(&info, 40 * i as u64, spots));
        let found = classified(&out).first().map(|(_, a)| a.fresh);
        // How long an object is remembered that is not seen is not what this is about.
        if expected == Some(true) || spots.is_empty() || found.is_some() {
            assert_eq!(found, expected, "{i}");
        }
    }
    assert_eq!(stat(&element, "inferences"), 3);
}

/// The same for `max-rate`: the first region is looked at when it comes.
#[test]
fn rate_waits_for_regions() {
    let (element, _folder) = colors();
    element.set_property("max-rate", gst::Fraction::new(1, 1));
    let info = rgb(32, 24);
    let (mut harness, _bus) = play(&element, &info);
    let thing = [spot((1, 1, 8, 8), RED)];
    let none: [Spot; 0] = [];
    for (time, spots, fresh) in [
        (0, &none[..], None),
        (400, &thing, Some(true)),
        (800, &thing, Some(false)),
        (1200, &thing, Some(false)),
        (1400, &thing, Some(true)),
    ] {
        let out = through(&mut harness, scene(&info, time, spots));
        let found = classified(&out).first().map(|(_, a)| a.fresh);
        assert_eq!(found, fresh, "{time}");
    }
}

/// Frames that hold no picture of their own are not judged by: their regions carry what is known
/// of their objects.
#[test]
fn flagged_buffers() {
    for flag in [
        gst::BufferFlags::GAP,
        gst::BufferFlags::DROPPABLE,
        gst::BufferFlags::CORRUPTED,
    ] {
        let (element, _folder) = colors();
        let info = rgb(64, 48);
        let (mut harness, _bus) = play(&element, &info);
        let spots = [spot((1, 1, 8, 8), RED).id(1), spot((20, 1, 8, 8), BLUE)];
        let flagged = |time| {
            let grey = spots.map(|s| s.color(GREEN));
            let mut frame = scene(&info, time, &grey);
            frame.make_mut().set_flags(flag);
            frame
        };
        let out = through(&mut harness, flagged(0));
        assert_eq!(classes(&out), [None, None], "{flag:?}");
        through(&mut harness, scene(&info, 40, &spots));
        let out = through(&mut harness, flagged(80));
        assert!(out.flags().contains(flag));
        assert_eq!(classes(&out), [Some(0), Some(2)], "{flag:?}");
        assert!(
            classifications(&out)
                .into_iter()
                .flatten()
                .all(|a| !a.fresh)
        );
        assert_eq!(stat(&element, "inferences"), 2, "{flag:?}");
    }
}

/// `both` with `interval`: the frame and its regions are classified on the same frames, and each
/// carries its own result between.
#[test]
fn both_carry() {
    let (element, _folder) = colors();
    element.set_property_from_str("region", "both");
    element.set_property("interval", 2u32);
    let info = rgb(64, 48);
    let (mut harness, _bus) = play(&element, &info);
    for (i, (frame, object)) in [(GREEN, RED), (RED, BLUE), (BLUE, RED), (GREEN, GREEN)]
        .into_iter()
        .enumerate()
    {
        let spots = [
            spot((0, 0, 64, 48), frame).kind("all"),
            spot((1, 1, 4, 4), object),
        ];
        let out = through(&mut harness, scene(&info, 40 * i as u64, &spots));
        let (expected, fresh) = match i {
            0 | 1 => ((1, 0), i == 0),
            _ => ((2, 0), i == 2),
        };
        assert_eq!(top(&out), expected.0, "{i}");
        assert_eq!(classification(&out).fresh, fresh, "{i}");
        assert_eq!(classes(&out), [Some(expected.0), Some(expected.1)], "{i}");
        assert!(
            classified(&out).iter().all(|(_, a)| a.fresh == fresh),
            "{i}"
        );
    }
}

/// `skip-still` compares nothing with what it is not: no region with the frame or with another
/// region. Whatever it leaves out, every result is right.
#[test]
fn still_regions() {
    for region in ["rois", "both"] {
        let (element, _folder) = colors();
        element.set_property_from_str("region", region);
        element.set_property("skip-still", 0.05f32);
        let info = rgb(64, 48);
        let (mut harness, _bus) = play(&element, &info);
        let turns = [
            [RED, GREEN],
            [RED, GREEN],
            [GREEN, GREEN],
            [GREEN, RED],
            [BLUE, BLUE],
            [BLUE, GREEN],
            [GREEN, BLUE],
            [GREEN, BLUE],
        ];
        for (i, colors) in turns.into_iter().enumerate() {
            let spots = [
                spot((0, 0, 30, 48), colors[0]).id(1),
                spot((32, 0, 32, 48), colors[1]),
            ];
            let out = through(&mut harness, scene(&info, 40 * i as u64, &spots));
            let expected = colors.map(|c| Some(class_of(c)));
            assert_eq!(classes(&out), expected, "{region} {i}");
        }
    }
}
