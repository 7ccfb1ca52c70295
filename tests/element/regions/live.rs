// SPDX-License-Identifier: MPL-2.0
//! Regions of live streams: nothing waits, every object gets its turn, and no result lands on
//! another's.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use gst::prelude::*;
use gst_check::Harness;
use gst_video::VideoInfo;
use gstresnet50::meta::classification_of;

use support::element::*;
use support::harness::play;
use support::onnx::{FREE, Net};
use support::regions::*;

/// A live element whose inferences take one or two times so many milliseconds, one region after the
/// other.
fn slow(steps: usize) -> (gst::Element, tempfile::TempDir) {
    let (element, folder) = colors_by(Net::color().batch(FREE).busy(steps));
    element.set_property_from_str("mode", "live");
    element.set_property("sessions", 1u32);
    (element, folder)
}

/// Pushes a frame and takes it back: in mode live it leaves in the thread that it came in with.
fn at_once(harness: &mut Harness, frame: gst::Buffer) -> gst::Buffer {
    harness.push(frame).expect("it goes in");
    harness.try_pull().expect("it has left")
}

/// Ends a loop that would never end.
struct Watchdog(Instant);

impl Watchdog {
    fn new() -> Self {
        Self(Instant::now())
    }

    fn look(&self, what: &dyn std::fmt::Debug) {
        let long = Duration::from_secs(60);
        assert!(self.0.elapsed() < long, "not in a minute: {what:?}");
    }
}

/// Pushes the same scene until its only region has a result of which this is so. Returns the
/// time of the next frame.
fn until(
    harness: &mut Harness,
    info: &VideoInfo,
    object: Spot,
    mut now: u64,
    is_so: impl Fn(i32) -> bool,
) -> u64 {
    let watchdog = Watchdog::new();
    loop {
        let out = at_once(harness, scene(info, now, &[object]));
        now += 10;
        let found = classes(&out)[0];
        if found.is_some_and(&is_so) {
            return now;
        }
        watchdog.look(&found);
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Six objects and a model that is slower than the frames: these leave at once all the same, each
/// object gets its turn, and has nothing but its own results, of which none is older than the one
/// before.
#[test]
fn nobody_starves() {
    for (with_ids, turns) in [(true, true), (true, false), (false, true), (false, false)] {
        let (element, _folder) = slow(3);
        let info = rgb(64, 48);
        let (mut harness, bus) = play(&element, &info);
        let colors = [RED, GREEN, BLUE, BLUE, GREEN, RED];
        // For each object, the times of the frames that it has had results of.
        let mut answered: Vec<Vec<u64>> = vec![Vec::new(); colors.len()];
        let watchdog = Watchdog::new();
        for i in 0u64.. {
            let spots: Vec<Spot> = colors
                .iter()
                .enumerate()
                .map(|(n, color)| {
                    // They tremble.
                    let place = (10 * n as u32 + i as u32 % 2, 5, 8, 8);
                    let spot = spot(place, *color);
                    if with_ids { spot.id(n as i64) } else { spot }
                })
                .collect();
            // Listed in one order, and in any.
            let first = if turns { (i * 5 % 6) as usize } else { 0 };
            let listed: Vec<usize> = (0..6).map(|k| (first + k) % 6).collect();
            let frame: Vec<Spot> = listed.iter().map(|n| spots[*n]).collect();
            let out = at_once(&mut harness, scene(&info, 10 * i, &frame));
            assert_eq!(out.pts(), Some(gst::ClockTime::from_mseconds(10 * i)));
            assert_eq!(classification_of(&out), None);
            for (n, classification) in listed.iter().zip(classifications(&out)) {
                let Some(classification) = classification else {
                    continue;
                };
                assert!(!classification.fresh);
                let class = classification.top().expect("a class").index;
                assert_eq!(class, class_of(colors[*n]), "another's result");
                let of = 10 * i - classification.age.expect("an age").mseconds();
                let times = &mut answered[*n];
                assert!(times.last().is_none_or(|last| *last <= of), "older again");
                if times.last() != Some(&of) {
                    times.push(of);
                }
            }
            let counts = answered.iter().map(Vec::len);
            if counts.sum::<usize>() >= 90 {
                break;
            }
            watchdog.look(&answered);
            std::thread::sleep(Duration::from_millis(1));
        }
        let counts: Vec<usize> = answered.iter().map(Vec::len).collect();
        let (least, most) = (counts.iter().min(), counts.iter().max());
        let (least, most) = (*least.expect("six"), *most.expect("six"));
        assert!(
            least >= 5 && most <= 2 * least,
            "ids {with_ids}, turns {turns}: {counts:?}"
        );
        assert!(errors(&bus, &element).is_empty());
    }
}

/// While an inference goes on frames come and go, more than the model could ever see; pictures that a
/// newer one of the same object takes the place of are counted as `busy`.
#[test]
fn frames_leave_at_once() {
    let (element, _folder) = slow(100);
    let info = rgb(64, 48);
    let (mut harness, _bus) = play(&element, &info);
    let spots = [
        spot((1, 1, 8, 8), RED).id(1),
        spot((20, 1, 8, 8), GREEN).id(2),
    ];
    for i in 0..300u64 {
        at_once(&mut harness, scene(&info, 10 * i, &spots));
    }
    assert_eq!(stat(&element, "frames"), 300);
    let (inferences, busy) = (stat(&element, "inferences"), stat(&element, "busy"));
    assert!(inferences < 600 && busy > 0, "{inferences} {busy}");
    // What waits is of the last frames: at most these two, and the one that runs.
    assert!(inferences + busy <= 600, "{inferences} {busy}");
}

/// Of an object's pictures the newest is looked at.
#[test]
fn newest_picture() {
    let (element, _folder) = slow(60);
    let info = rgb(64, 48);
    let (mut harness, _bus) = play(&element, &info);
    let object = spot((1, 1, 8, 8), RED).id(1);
    let now = until(&mut harness, &info, object, 0, |_| true);
    let before = stat(&element, "inferences");
    for i in 0..40u64 {
        let color = if i == 39 { BLUE } else { GREEN };
        at_once(
            &mut harness,
            scene(&info, now + 10 * i, &[object.color(color)]),
        );
    }
    until(
        &mut harness,
        &info,
        object.color(BLUE),
        now + 400,
        |class| class == 2,
    );
    let inferences = stat(&element, "inferences") - before;
    // At most one of red and one of green that ran before, and then blue ones, of which the first
    // was seen.
    assert!(inferences <= 6, "{inferences}");
}

/// An object without an id is followed on its way: the result that is found while it moves on is
/// still its own.
#[test]
fn moving_without_an_id() {
    let (element, _folder) = slow(5);
    let info = rgb(400, 16);
    let (mut harness, _bus) = play(&element, &info);
    let watchdog = Watchdog::new();
    let mut ages = std::collections::BTreeSet::new();
    for i in 0u64.. {
        let there = |from: u64| {
            let step = (from + i) % 760;
            (if step < 380 { step } else { 760 - step }) as u32
        };
        let spots = [
            spot((there(0), 0, 16, 7), RED),
            spot((there(230), 8, 16, 7), BLUE),
        ];
        let out = at_once(&mut harness, scene(&info, 10 * i, &spots));
        let found = classifications(&out);
        for (classification, expected) in found.iter().zip([0, 2]) {
            if let Some(classification) = classification {
                assert_eq!(classification.top().map(|c| c.index), Some(expected), "{i}");
            }
        }
        if let [Some(a), Some(b)] = &found[..] {
            let of =
                |a: &gstresnet50::meta::Classification| 10 * i - a.age.expect("an age").mseconds();
            ages.insert((of(a), of(b)));
        }
        if ages.len() >= 30 {
            break;
        }
        watchdog.look(&ages);
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Objects that come and go by the hundred leave nothing behind that others wait for.
#[test]
fn objects_that_vanish() {
    let (element, _folder) = slow(20);
    let info = rgb(64, 48);
    let (mut harness, bus) = play(&element, &info);
    for i in 0..300i64 {
        let spots: Vec<Spot> = (0..6)
            .map(|n| {
                let place = (10 * n as u32, (i % 40) as u32, 8, 8);
                spot(place, RED).id(6 * i + n)
            })
            .collect();
        let out = at_once(&mut harness, scene(&info, 10 * i as u64, &spots));
        // None is seen twice.
        let found = classes(&out).into_iter().flatten();
        assert!(found.into_iter().all(|class| class == 0));
    }
    let stays = spot((1, 1, 8, 8), BLUE).id(-1);
    until(&mut harness, &info, stays, 3000, |class| class == 2);
    // Of 1800 that have gone a fraction was looked at.
    let inferences = stat(&element, "inferences");
    assert!(inferences < 900, "{inferences}");
    assert!(errors(&bus, &element).is_empty());
}

/// With `reclassify-interval` an object that has its result is not looked at again before its
/// time, and one that has none yet is.
#[test]
fn reclassify_interval() {
    let (element, _folder) = slow(1);
    element.set_property("reclassify-interval", 3_600_000_000_000u64);
    let info = rgb(64, 48);
    let (mut harness, _bus) = play(&element, &info);
    let mut now = 0;
    for (id, color) in [(1, RED), (2, GREEN), (3, BLUE)] {
        let object = spot((1, 1, 8, 8), color).id(id);
        now = until(&mut harness, &info, object, now, |c| c == class_of(color));
    }
    // What was on its way when the last result came may still arrive.
    let settled = stat(&element, "inferences") + 1;
    let object = spot((30, 30, 4, 4), RED).id(3);
    for i in 0..200u64 {
        let out = at_once(&mut harness, scene(&info, now + i, &[object]));
        let found = classifications(&out)[0]
            .clone()
            .expect("it keeps its result");
        assert_eq!(found.top().map(|c| c.index), Some(2), "{i}");
        std::thread::sleep(Duration::from_millis(1));
    }
    let inferences = stat(&element, "inferences");
    assert!(inferences <= settled, "{inferences}, not {settled}");
}

/// Both at once: the frame has its results, and the regions theirs.
#[test]
fn frame_and_regions() {
    let (element, _folder) = slow(2);
    element.set_property_from_str("region", "both");
    let info = rgb(64, 48);
    let (mut harness, _bus) = play(&element, &info);
    let spots = [
        spot((0, 0, 64, 48), GREEN).kind("all"),
        spot((1, 1, 4, 4), RED),
        spot((20, 1, 4, 4), BLUE).id(4),
    ];
    let watchdog = Watchdog::new();
    // For the frame and each region, how many results it has had.
    let mut ages: BTreeMap<usize, std::collections::BTreeSet<u64>> = BTreeMap::new();
    for i in 0u64.. {
        let out = at_once(&mut harness, scene(&info, 10 * i, &spots));
        let all = std::iter::once(classification_of(&out)).chain(classifications(&out));
        for (n, classification) in all.enumerate() {
            let Some(classification) = classification else {
                continue;
            };
            assert_eq!(
                classification.top().map(|c| c.index),
                Some([1, 1, 0, 2][n]),
                "{n}"
            );
            assert!(!classification.fresh);
            let of = 10 * i - classification.age.expect("an age").mseconds();
            ages.entry(n).or_default().insert(of);
        }
        if ages.len() == 4 && ages.values().all(|of| of.len() >= 10) {
            break;
        }
        watchdog.look(&ages);
        std::thread::sleep(Duration::from_millis(1));
    }
    let counts: Vec<usize> = ages.values().map(|of| of.len()).collect();
    let most = counts.iter().max().expect("four");
    assert!(*most <= 25, "one has far more than others: {counts:?}");
}
