// SPDX-License-Identifier: MPL-2.0
//! What ends the memory of objects: a flush, a segment, a stream, another model, other labels; and
//! what ends the stream.

use gst::prelude::*;
use gst_check::Harness;

use support::element::*;
use support::harness::{flush, play, through};
use support::onnx::{FREE, Net, Whim};
use support::regions::*;

/// An hour: nothing is due again in these tests.
const LONG: u64 = 3_600_000_000_000;

/// One with an id and one without.
fn pair(color: [u8; 3]) -> [Spot; 2] {
    [spot((1, 1, 8, 8), color).id(1), spot((20, 1, 8, 8), color)]
}

/// An element that classifies the first of many frames, and no object twice.
fn lasting() -> (gst::Element, tempfile::TempDir) {
    let (element, folder) = colors();
    element.set_property("interval", 1000u32);
    element.set_property("reclassify-interval", LONG);
    (element, folder)
}

/// The classes of a frame with the pair in one colour, and whether they are this frame's own.
fn look(harness: &mut Harness, color: [u8; 3], time: u64) -> Vec<Option<(i32, bool)>> {
    let info = rgb(32, 24);
    let out = through(harness, scene(&info, time, &pair(color)));
    let found = classifications(&out).into_iter();
    found
        .map(|a| a.map(|a| (a.top().expect("a class").index, a.fresh)))
        .collect()
}

/// After a flush, another segment and a new stream nothing is carried, and the next frame is
/// classified.
#[test]
fn flush_segment_stream() {
    let (element, _folder) = lasting();
    let info = rgb(32, 24);
    let (mut harness, bus) = play(&element, &info);
    let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
    assert_eq!(look(&mut harness, RED, 0), [Some((0, true)); 2]);
    assert_eq!(look(&mut harness, GREEN, 40), [Some((0, false)); 2]);

    flush(&mut harness);
    assert_eq!(look(&mut harness, GREEN, 80), [Some((1, true)); 2], "flush");
    assert_eq!(look(&mut harness, RED, 120), [Some((1, false)); 2]);

    segment.set_base(gst::ClockTime::from_mseconds(160));
    assert!(harness.push_event(gst::event::Segment::new(&segment)));
    assert_eq!(look(&mut harness, BLUE, 0), [Some((2, true)); 2], "segment");
    assert_eq!(look(&mut harness, RED, 40), [Some((2, false)); 2]);

    assert!(harness.push_event(gst::event::StreamStart::new("another")));
    harness.set_src_caps(caps(&info));
    assert!(harness.push_event(gst::event::Segment::new(&segment)));
    assert_eq!(look(&mut harness, RED, 0), [Some((0, true)); 2], "stream");
    assert!(errors(&bus, &element).is_empty());
}

/// After a seek backwards (a flush, and times that begin anew) nothing of the future is known.
#[test]
fn flush_before_an_answer_is_due() {
    let (element, _folder) = lasting();
    let info = rgb(32, 24);
    let (mut harness, _bus) = play(&element, &info);
    assert_eq!(look(&mut harness, RED, 5000), [Some((0, true)); 2]);
    flush(&mut harness);
    // A frame that is not to be judged by: there is nothing to carry.
    let mut gap = scene(&info, 0, &pair(GREEN));
    gap.make_mut().set_flags(gst::BufferFlags::GAP);
    assert_eq!(classes(&through(&mut harness, gap)), [None, None]);
    assert_eq!(look(&mut harness, BLUE, 40), [Some((2, true)); 2]);
}

/// In mode live no result of a picture from before the flush comes after it, though its inference may
/// end then.
#[test]
fn live_flush() {
    let (element, _folder) = colors_by(Net::color().batch(FREE).busy(4));
    element.set_property_from_str("mode", "live");
    element.set_property("sessions", 1u32);
    let info = rgb(32, 24);
    let (mut harness, _bus) = play(&element, &info);
    let colors = [RED, GREEN, BLUE];
    for round in 0..12usize {
        let (color, class) = (colors[round % 3], (round % 3) as i32);
        let mut seen = 0;
        for i in 0u64.. {
            let out = through(&mut harness, scene(&info, 10 * i, &pair(color)));
            for classification in classifications(&out).into_iter().flatten() {
                assert_eq!(
                    classification.top().map(|c| c.index),
                    Some(class),
                    "{round} {i}"
                );
                let age = classification.age.expect("an age").mseconds();
                assert!(age <= 10 * i, "{round}: from before the flush");
                seen += 1;
            }
            // Some rounds end before there is any result.
            if seen > 4 || (round % 4 == 3 && i == 3) {
                break;
            }
            assert!(i < 60_000, "{round}: no answer");
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        flush(&mut harness);
    }
}

/// Frames that are under way with their regions are thrown away by a flush, promptly.
#[test]
fn flush_discards() {
    let (element, _folder) = colors_by(Net::color().batch(FREE).busy(20));
    element.set_property("max-in-flight", 8u32);
    let info = rgb(32, 24);
    let (mut harness, _bus) = play(&element, &info);
    for round in 0..4u64 {
        for i in 0..6u64 {
            harness
                .push(scene(&info, 1000 * round + i, &pair(GREEN)))
                .expect("it goes in");
        }
        flush(&mut harness);
        let time = 1000 * round + 999;
        let found = look(&mut harness, BLUE, time);
        assert_eq!(found, [Some((2, true)); 2], "{round}");
        assert!(harness.try_pull().is_none());
    }
}

/// Another model: no result of the old one is carried, and all are asked anew.
#[test]
fn another_model() {
    let (element, folder) = lasting();
    let info = rgb(32, 24);
    let (mut harness, bus) = play(&element, &info);
    assert_eq!(look(&mut harness, RED, 0), [Some((0, true)); 2]);
    let other = Net::constant(vec![0.0, 1.0, 9.0]).write(folder.path(), "other.onnx");
    element.set_property("model", text(&other));
    assert!(loaded(&bus));
    let out = through(&mut harness, scene(&info, 40, &pair(RED)));
    for (_, classification) in classified(&out) {
        assert!(classification.fresh);
        assert_eq!(classification.top().map(|c| c.index), Some(2));
        assert!(classification.model.ends_with("other.onnx"));
    }
    assert_eq!(classified(&out).len(), 2);
    assert_eq!(look(&mut harness, GREEN, 80), [Some((2, false)); 2]);
}

/// The same in mode live, where results of the old model may still come.
#[test]
fn another_model_live() {
    let (element, folder) = colors_by(Net::color().batch(FREE).busy(4));
    element.set_property_from_str("mode", "live");
    let info = rgb(32, 24);
    let (mut harness, bus) = play(&element, &info);
    let other = Net::constant(vec![0.0, 1.0, 9.0]).write(folder.path(), "other.onnx");
    let first = folder.path().join("color.onnx");
    let mut now = 0;
    for model in [&first, &other, &first, &other] {
        if now > 0 {
            element.set_property("model", text(model));
            assert!(loaded(&bus));
        }
        let expected = if *model == other { 2 } else { 0 };
        let mut seen = 0;
        for i in 0.. {
            let out = through(&mut harness, scene(&info, now, &pair(RED)));
            now += 10;
            for (_, classification) in classified(&out) {
                assert_eq!(&*classification.model, text(model));
                assert_eq!(classification.top().map(|c| c.index), Some(expected));
                seen += 1;
            }
            if seen >= 4 {
                break;
            }
            assert!(i < 60_000, "no answer");
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
}

/// New names: no object goes on under an old one.
#[test]
fn other_labels() {
    let (element, folder) = lasting();
    let info = rgb(32, 24);
    let (mut harness, _bus) = play(&element, &info);
    let labels = |out: &gst::BufferRef| -> Vec<String> {
        let all = classified(out).into_iter();
        all.map(|(_, a)| a.top().expect("a class").label.to_string())
            .collect()
    };
    let out = through(&mut harness, scene(&info, 0, &pair(GREEN)));
    assert_eq!(labels(&out), ["green", "green"]);
    let names = folder.path().join("other.txt");
    std::fs::write(&names, "rot\ngrün\nblau\n").expect("written");
    element.set_property("labels", text(&names));
    let out = through(&mut harness, scene(&info, 40, &pair(GREEN)));
    assert_eq!(labels(&out), ["grün", "grün"]);
}

/// To READY and back: what was known is forgotten, and the counters begin anew.
#[test]
fn another_start() {
    let (element, _folder) = lasting();
    let info = rgb(32, 24);
    for (color, class) in [(RED, 0), (BLUE, 2), (GREEN, 1)] {
        let (mut harness, _bus) = play(&element, &info);
        assert_eq!(look(&mut harness, color, 0), [Some((class, true)); 2]);
        assert_eq!(look(&mut harness, RED, 40), [Some((class, false)); 2]);
        assert_eq!(stat(&element, "inferences"), 2);
        drop(harness);
    }
}

/// Caps of another size and format: a region is where the new frames have it.
#[test]
fn other_caps() {
    let (element, _folder) = colors();
    let (mut harness, bus) = play(&element, &rgb(32, 24));
    for (format, width, height) in [
        (gst_video::VideoFormat::Rgb, 32, 24),
        (gst_video::VideoFormat::Nv12, 320, 240),
        (gst_video::VideoFormat::Bgrx, 11, 9),
        (gst_video::VideoFormat::I42010le, 64, 36),
    ] {
        let info = info(format, width, height);
        harness.set_src_caps(caps(&info));
        let (w, h) = ((width / 2) & !1, (height / 2) & !1);
        let spots = [
            spot((0, 0, w, h), RED).id(1),
            spot((w, 0, w, h), GREEN),
            spot((0, h, w, h), BLUE),
        ];
        let out = through(&mut harness, scene(&info, 0, &spots));
        assert_eq!(classes(&out), [Some(0), Some(1), Some(2)], "{info:?}");
    }
    assert!(errors(&bus, &element).is_empty());
}

/// An inference that fails for one of several regions is one ERROR, and the flow ends.
#[test]
fn run_that_fails() {
    for mode in ["exact", "live"] {
        let (element, _folder) = colors_by(Net::color().batch(FREE).whim(Whim::Fails));
        element.set_property_from_str("mode", mode);
        let info = rgb(64, 48);
        let (mut harness, bus) = play(&element, &info);
        let spots = |color| {
            [
                spot((1, 1, 8, 8), RED).id(1),
                spot((20, 1, 8, 8), color).id(2),
                spot((40, 1, 8, 8), GREEN),
            ]
        };
        for i in 0..3u64 {
            through(&mut harness, scene(&info, 40 * i, &spots(RED)));
        }
        let pad = element.static_pad("sink").expect("a sink pad");
        let mut flows = (3..60_000u64).map(|i| {
            std::thread::sleep(std::time::Duration::from_millis(1));
            pad.chain(scene(&info, 40 * i, &spots(BLUE)))
        });
        let flow = flows.find_map(Result::err);
        assert_eq!(flow, Some(gst::FlowError::Error), "{mode}");
        let told = errors(&bus, &element);
        assert_eq!(told.len(), 1, "{mode}: {told:?}");
        assert!(told[0].matches(gst::StreamError::Failed), "{told:?}");
    }
}

/// A buffer that ends before its region does is told as one that ends before its frame does.
#[test]
fn short_buffer() {
    let (element, _folder) = colors();
    let info = rgb(64, 48);
    let (mut harness, bus) = play(&element, &info);
    through(&mut harness, scene(&info, 0, &pair(RED)));
    let pad = element.static_pad("sink").expect("a sink pad");
    let flow = (0..1000).find_map(|_| {
        let mut short = gst::Buffer::from_slice([0u8; 100]);
        mark(
            &mut short,
            &[spot((20, 20, 30, 20), RED), spot((1, 30, 9, 9), RED)],
        );
        pad.chain(short).err()
    });
    assert_eq!(flow, Some(gst::FlowError::Error));
    let told = errors(&bus, &element);
    assert_eq!(told.len(), 1, "{told:?}");
}
