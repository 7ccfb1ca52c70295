// SPDX-License-Identifier: MPL-2.0
//! Times that jump hours ahead and back, begin anew, stand still, or are none: whatever goes by
//! them goes on at once.

use gst::prelude::*;
use gstresnet50::meta::classification_of;

use super::color;
use support::element::*;
use support::harness::{flush, play, through};
use support::regions::{colors, mark, single, spot};

const HOURS: u64 = 37_600_000;

/// Ten frames a second, in milliseconds.
fn regular(frames: u64) -> Vec<Option<u64>> {
    (0..frames).map(|i| Some(100 * i)).collect()
}

/// A hundred frames, ten a second, with times as bad cameras and servers give them.
fn cases() -> Vec<(&'static str, Vec<Option<u64>>)> {
    let with = |change: &dyn Fn(usize, u64) -> Option<u64>| {
        let times = regular(100).into_iter().enumerate();
        times
            .map(|(i, time)| change(i, time.expect("all have one")))
            .collect::<Vec<_>>()
    };
    vec![
        ("regular", regular(100)),
        (
            "one far ahead",
            with(&|i, t| Some(if i == 30 { t + HOURS } else { t })),
        ),
        ("one at 0", with(&|i, t| Some(if i == 30 { 0 } else { t }))),
        (
            "ahead for good",
            with(&|i, t| Some(if i >= 30 { t + HOURS } else { t })),
        ),
        (
            "some far ahead",
            with(&|i, t| Some(if i % 20 == 0 { t + HOURS } else { t })),
        ),
        (
            "anew",
            with(&|i, t| Some(if i >= 50 { t - 5000 } else { t })),
        ),
        (
            "anew, far back",
            with(&|i, t| Some(if i >= 50 { t } else { t + 100_000 })),
        ),
        ("again and again", with(&|i, _| Some(100 * (i as u64 % 15)))),
        ("since 1970", with(&|_, t| Some(1_767_225_600_000 + t))),
        (
            "since 1900",
            with(&|i, t| Some(t + if i < 30 { 0 } else { 3_900_000_000_000 })),
        ),
        (
            "the last there is",
            with(&|i, t| match i % 30 {
                29 => Some(gst::ClockTime::MAX.mseconds()),
                _ => Some(t),
            }),
        ),
        (
            "reordered",
            with(&|i, t| {
                Some(match i % 4 {
                    1 => t + 100,
                    2 => t - 100,
                    _ => t,
                })
            }),
        ),
        ("standing still", vec![Some(5000); 100]),
        ("some have none", with(&|i, t| (i % 3 != 1).then_some(t))),
        ("none after a while", with(&|i, t| (i < 30).then_some(t))),
        ("none", vec![None; 100]),
    ]
}

/// Times that do not rise: nobody can tell how long it is from one to the next.
fn is_none(name: &str) -> bool {
    name.contains("none")
}

fn frame(info: &gst_video::VideoInfo, color: [u8; 3], time: Option<u64>) -> gst::Buffer {
    let mut buffer = plain(info, color);
    let b = buffer.make_mut();
    b.set_pts(time.map(gst::ClockTime::from_mseconds));
    buffer
}

/// The caps of ten frames a second.
fn ten() -> gst_video::VideoInfo {
    gst_video::VideoInfo::builder(gst_video::VideoFormat::Rgb, 8, 6)
        .fps(gst::Fraction::new(10, 1))
        .build()
        .expect("video info")
}

/// Which of the frames have a result of their own, all of them red.
fn fresh(set: impl Fn(&gst::Element), times: &[Option<u64>]) -> Vec<usize> {
    let (element, _folder) = color();
    set(&element);
    let info = ten();
    let (mut harness, bus) = play(&element, &info);
    let fresh = times.iter().enumerate().filter(|(i, time)| {
        let out = through(&mut harness, frame(&info, RED, **time));
        // What comes back from a sink that asks for less.
        if *i == 0 && element.property::<f32>("skip-still") == 0.0 {
            let throttle = gst::event::Qos::builder(gst::QOSType::Throttle, 1.0, 500_000_000);
            harness.push_upstream_event(throttle.build());
        }
        classification_of(&out).is_some_and(|classification| classification.fresh)
    });
    let fresh = fresh.map(|(i, _)| i).collect();
    assert!(errors(&bus, &element).is_empty());
    fresh
}

/// No two of them are farther apart than this.
fn near(fresh: &[usize], most: usize, name: &str) {
    let ends = [fresh, &[100]].concat();
    let gaps = ends.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(gaps.max() <= Some(most), "{name}: {fresh:?}");
}

/// `max-rate` and downstream's throttle: two a second, and never much less or much more.
#[test]
fn rates_recover_from_times_that_jump() {
    for (name, times) in cases() {
        let by_rate = |e: &gst::Element| e.set_property("max-rate", gst::Fraction::new(2, 1));
        for found in [fresh(by_rate, &times), fresh(|_| {}, &times)] {
            near(&found, 13, name);
            // Where the time jumps, and where there is none, it is as good as due.
            let most = match name {
                "again and again" | "some far ahead" | "the last there is" => 36,
                name if is_none(name) => 100,
                _ => 24,
            };
            assert!((17..=most).contains(&found.len()), "{name}: {found:?}");
        }
    }
}

/// `skip-still` looks again after `skip-still-max`, and at once where the time jumps; in between
/// it carries over.
#[test]
fn skip_still_recovers_from_times_that_jump() {
    for (name, times) in cases() {
        let set = |element: &gst::Element| {
            element.set_property("skip-still", 0.01f32);
            element.set_property("skip-still-max", 950_000_000u64);
        };
        let found = fresh(set, &times);
        near(&found, 20, name);
        let most = if is_none(name) { 100 } else { 25 };
        assert!((9..=most).contains(&found.len()), "{name}: {found:?}");
    }
}

/// A decision changes when it should, whatever the times before it were: with `smoothing` and
/// `hold-time` no later than 3 seconds after the picture has.
#[test]
fn decisions_recover_from_times_that_jump() {
    for (name, times) in cases() {
        let (element, _folder) = color();
        element.set_property("smoothing", 300_000_000u64);
        element.set_property("hold-time", 2_000_000_000u64);
        let info = ten();
        let (mut harness, _bus) = play(&element, &info);
        let decided = times.iter().enumerate().map(|(i, time)| {
            let color = if i < 40 { RED } else { BLUE };
            let out = through(&mut harness, frame(&info, color, *time));
            classification(&out)
                .decision
                .expect("a decision")
                .name()
                .to_owned()
        });
        let decided: Vec<_> = decided.collect();
        let before = decided[39].clone();
        let changed = decided.iter().rposition(|name| *name == before);
        let changed = changed.expect("there was one");
        assert!((39..70).contains(&changed), "{name}: after frame {changed}");
        assert!(decided[..40].iter().all(|name| *name == before), "{name}");
    }
}

/// What is shown as the beginning of a decision is a stream time, also after a jump.
#[test]
fn a_decision_begins_at_a_stream_time() {
    let (element, _folder) = color();
    element.set_property("smoothing", 1u64);
    let info = ten();
    let (mut harness, _bus) = play(&element, &info);
    let mut since = |color, time| {
        let out = through(&mut harness, frame(&info, color, Some(time)));
        let decision = classification(&out).decision.expect("a decision");
        decision.since.map(gst::ClockTime::mseconds)
    };
    assert_eq!(since(RED, 4000), Some(4000));
    assert_eq!(since(RED, 4100), Some(4000));
    assert_eq!(since(BLUE, HOURS), Some(HOURS));
    assert_eq!(since(BLUE, 4200), Some(HOURS));
    assert_eq!(since(GREEN, 4300), Some(4300));
}

/// An object is classified again after `reclassify-interval`, whatever its frames' times are.
#[test]
fn objects_recover_from_times_that_jump() {
    for (name, times) in cases() {
        let (element, _folder) = colors();
        element.set_property("reclassify-interval", 950_000_000u64);
        let info = ten();
        let (mut harness, _bus) = play(&element, &info);
        let fresh = times.iter().enumerate().filter(|(_, time)| {
            let mut buffer = frame(&info, RED, **time);
            mark(&mut buffer, &[spot((1, 1, 5, 4), RED).id(7)]);
            let out = through(&mut harness, buffer);
            let all = support::regions::classifications(&out);
            all.iter()
                .flatten()
                .any(|classification| classification.fresh)
        });
        let fresh: Vec<_> = fresh.map(|(i, _)| i).collect();
        near(&fresh, 20, name);
        let most = if is_none(name) { 100 } else { 25 };
        assert!((9..=most).contains(&fresh.len()), "{name}: {fresh:?}");
    }
}

/// The age of a result is the time since its frame: never hours after a time that was wrong, and
/// never nothing.
#[test]
fn ages_recover_from_times_that_jump() {
    for (name, times) in cases() {
        let (element, _folder) = color();
        element.set_property("interval", 4u32);
        let info = ten();
        let (mut harness, _bus) = play(&element, &info);
        for (i, time) in times.iter().enumerate() {
            let found = classification(&through(&mut harness, frame(&info, RED, *time)));
            assert_eq!(found.fresh, i % 4 == 0);
            let age = found.age.map(gst::ClockTime::mseconds);
            let expected = (!is_none(name)).then_some(100 * (i as u64 % 4));
            let jumps = [
                "far ahead",
                "ahead for good",
                "1900",
                "last",
                "standing",
                "reordered",
                "at 0",
            ];
            if !jumps.iter().any(|jump| name.contains(jump)) && !is_none(name) {
                assert_eq!(age, expected, "{name}, frame {i}");
            }
            // Only the frame that is far ahead itself has a result that is so old.
            let is_far = |i: usize| times.get(i).copied().flatten().is_some_and(|t| t > 100_000);
            if name == "one far ahead" && !is_far(i) {
                assert!(age < Some(HOURS), "frame {i}: {age:?}");
            }
        }
    }
}

/// What is played backward has falling times, which are no jumps.
#[test]
fn backward() {
    let (element, _folder) = color();
    element.set_property("max-rate", gst::Fraction::new(2, 1));
    let info = ten();
    let (mut harness, _bus) = play(&element, &info);
    let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
    segment.set_rate(-1.0);
    segment.set_stop(gst::ClockTime::from_seconds(10));
    assert!(harness.push_event(gst::event::Segment::new(&segment)));
    let fresh = (0..100u64).filter(|i| {
        let out = through(&mut harness, frame(&info, RED, Some(9900 - 100 * i)));
        let classification = classification(&out);
        assert_eq!(
            classification.age.map(|age| age.mseconds()),
            Some(100 * (i % 5))
        );
        classification.fresh
    });
    assert_eq!(fresh.count(), 20);
}

/// The hint that there is no region to classify comes after ten seconds of frames, and not because
/// of one frame that is hours ahead; and it comes though times begin anew each five seconds.
#[test]
fn hints_wait_for_ten_seconds_of_frames() {
    let (element, _folder) = colors();
    let info = ten();
    for (name, earliest, time) in [
        (
            "ahead",
            140,
            (&|i: u64| if i == 30 { HOURS } else { 100 * i }) as &dyn Fn(u64) -> u64,
        ),
        ("anew", 95, &|i| {
            100 * (i % 50) + if i < 50 { 200_000 } else { 0 }
        }),
    ] {
        let (mut harness, bus) = play(&element, &info);
        let hinted = (0..250).find(|i| {
            through(&mut harness, frame(&info, RED, Some(time(*i))));
            !messages(&bus, &element, gst::MessageType::Info).is_empty()
        });
        let hinted = hinted.expect("a hint");
        // A frame that is far ahead counts for five seconds at most.
        assert!((earliest - 90..=105).contains(&hinted), "{name}: {hinted}");
        assert!(hinted > 45, "{name}: {hinted}");
    }
}

/// After a flush an object is known by nothing any more; afterwards all goes on.
#[test]
fn a_flush_is_a_beginning() {
    let (element, _folder) = colors();
    element.set_property("reclassify-interval", 1_000_000_000u64);
    let info = ten();
    let (mut harness, _bus) = play(&element, &info);
    for _ in 0..3 {
        for i in 0..5u64 {
            let mut buffer = frame(&info, RED, Some(5000 - 100 * i % 300));
            mark(&mut buffer, &[spot((1, 1, 5, 4), RED).id(7)]);
            let out = through(&mut harness, buffer);
            let (_, is_fresh, _) = single(&out).expect("a result");
            assert_eq!(is_fresh, i == 0, "{i}");
        }
        flush(&mut harness);
    }
    assert_eq!(stat(&element, "inferences"), 3);
}
