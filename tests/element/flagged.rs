// SPDX-License-Identifier: MPL-2.0
//! Frames that are flagged for good: after a second of nothing else they are classified all the
//! same, and the user is told once.

use gst::BufferFlags as F;
use gst::prelude::*;
use gst_video::VideoInfo;
use gstresnet50::meta::classification_of;

use super::color;
use support::element::*;
use support::harness::{play, through};
use support::onnx::Net;
use support::regions::{classes, colors, mark, spot};

/// A frame of 40 ms with a flag.
fn flagged(info: &VideoInfo, flag: F, i: u64) -> gst::Buffer {
    let mut buffer = timed(info, RED, 40 * i);
    buffer.make_mut().set_flags(flag);
    buffer
}

/// The texts of the warnings since the last call.
fn texts(bus: &gst::Bus, element: &gst::Element) -> Vec<String> {
    let all = warnings(bus, element).into_iter();
    all.map(|w| w.message().to_owned()).collect()
}

/// With each of the flags: the first second carries no result, what follows has its own, one
/// WARNING names the flag; and after one frame without a flag all of it begins anew.
#[test]
fn a_second_of_flagged_frames_is_enough() {
    for (flag, name) in [
        (F::CORRUPTED, "CORRUPTED"),
        (F::DROPPABLE, "DROPPABLE"),
        (F::GAP, "GAP"),
    ] {
        let (element, _folder) = color();
        let info = rgb(8, 6);
        let (mut harness, bus) = play(&element, &info);
        let mut i = 0;
        for stretch in 0..2 {
            let begun = i;
            for _ in 0..35 {
                let out = through(&mut harness, flagged(&info, flag, i));
                assert!(out.flags().contains(flag), "it stays");
                let is_fresh =
                    classification_of(&out).is_some_and(|classification| classification.fresh);
                assert_eq!(is_fresh, i - begun >= 25, "{name}, frame {i}");
                i += 1;
            }
            let texts = texts(&bus, &element);
            assert_eq!(texts.len(), 1, "{name}, {stretch}: {texts:?}");
            assert!(texts[0].contains(&format!("flagged {name},")), "{texts:?}");
            assert!(classification(&through(&mut harness, timed(&info, BLUE, 40 * i))).fresh);
            i += 1;
            // Again as the rule is.
            let out = classification(&through(&mut harness, flagged(&info, flag, i)));
            assert!(
                !out.fresh && out.top().map(|c| c.index) == Some(2),
                "{name}"
            );
            assert!(classification(&through(&mut harness, timed(&info, BLUE, 40 * i + 20))).fresh);
            i += 1;
        }
        assert!(errors(&bus, &element).is_empty());
    }
}

/// The same where frames have no times, or all the same one, and whatever the mode; regions too.
#[test]
fn flagged_frames_in_both_modes_with_and_without_times() {
    for mode in ["exact", "live"] {
        for region in ["frame", "rois"] {
            for time in [Some(7), None] {
                let (element, _folder) = colors();
                element.set_property_from_str("mode", mode);
                element.set_property_from_str("region", region);
                let info = rgb(8, 6);
                let (mut harness, bus) = play(&element, &info);
                let mut last = None;
                for _ in 0..60 {
                    let mut buffer = plain(&info, GREEN);
                    let b = buffer.make_mut();
                    b.set_flags(F::CORRUPTED | F::DROPPABLE);
                    b.set_pts(time.map(gst::ClockTime::from_seconds));
                    mark(&mut buffer, &[spot((1, 1, 5, 4), GREEN)]);
                    last = Some(through(&mut harness, buffer));
                    if mode == "live" {
                        // The result comes beside the frames.
                        std::thread::sleep(std::time::Duration::from_millis(2));
                    }
                }
                let last = last.expect("a frame");
                assert!(stat(&element, "inferences") > 0, "{mode} {region} {time:?}");
                if mode == "exact" && region == "rois" {
                    assert_eq!(classes(&last), [Some(1)]);
                }
                let texts = texts(&bus, &element);
                assert_eq!(texts.len(), 1, "{mode} {region} {time:?}: {texts:?}");
                assert!(texts[0].contains("CORRUPTED or DROPPABLE"), "{texts:?}");
            }
        }
    }
}

/// A frame without contents is never looked at, and one with less than its caps say is passed on
/// as it came: neither is an error, for they have said so.
#[test]
fn flagged_frames_that_hold_nothing() {
    let (element, _folder) = color();
    let info = rgb(8, 6);
    let (mut harness, bus) = play(&element, &info);
    for i in 0..100 {
        let mut buffer = match i % 4 {
            0 => gst::Buffer::new(),
            1 => gst::Buffer::from_slice(vec![0u8; 17]),
            _ => plain(&info, GREEN),
        };
        let b = buffer.make_mut();
        b.set_pts(gst::ClockTime::from_mseconds(40 * i));
        b.set_flags(if i % 4 == 0 { F::GAP } else { F::CORRUPTED });
        let size = b.size();
        let out = through(&mut harness, buffer);
        assert_eq!(out.size(), size);
        let is_fresh = classification_of(&out).is_some_and(|classification| classification.fresh);
        assert!(!is_fresh || (i % 4 > 1 && i > 25), "frame {i}");
    }
    assert!(stat(&element, "inferences") > 20);
    assert_eq!(stat(&element, "errors"), 0);
    assert!(errors(&bus, &element).is_empty());
}

/// A stream that is too short for that says at its end why nothing was classified.
#[test]
fn a_short_stream_of_flagged_frames_says_why() {
    let (element, _folder) = color();
    let info = rgb(8, 6);
    let (mut harness, bus) = play(&element, &info);
    for i in 0..10 {
        through(&mut harness, flagged(&info, F::CORRUPTED, i));
    }
    assert!(texts(&bus, &element).is_empty(), "not before the end");
    harness.push_event(gst::event::Eos::new());
    let texts = texts(&bus, &element);
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(texts[0].starts_with("none of the 10 frames was classified"));
    assert!(texts[0].contains("CORRUPTED"));
}

/// A stream with gradual refresh and no recovery points, of which libav's decoder flags every
/// frame.
#[test]
fn a_stream_of_which_the_decoder_flags_every_frame() {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let model = Net::color().write(folder.path(), "color.onnx");
    let file = support::data("gdr_nosei.h264");
    let line = format!(
        "filesrc location={} ! h264parse ! avdec_h264 ! resnet50 name=r threads=1 model={} ! fakesink",
        file.display(),
        model.display()
    );
    let pipeline = gst::parse::launch(&line).expect("gstreamer1.0-libav and -plugins-bad");
    let pipeline = pipeline.downcast::<gst::Pipeline>().expect("a pipeline");
    let element = pipeline.by_name("r").expect("the element");
    let bus = pipeline.bus().expect("a bus");
    pipeline.set_state(gst::State::Playing).expect("it plays");
    let mut told = 0;
    loop {
        let message = bus.timed_pop(TIMEOUT).expect("the end");
        match message.view() {
            gst::MessageView::Eos(_) => break,
            gst::MessageView::Error(error) => panic!("{error:?}"),
            gst::MessageView::Warning(w) if w.src() == Some(element.upcast_ref()) => {
                assert!(w.error().message().contains("CORRUPTED"), "{w:?}");
                told += 1;
            }
            _ => {}
        }
    }
    let (frames, inferences) = (stat(&element, "frames"), stat(&element, "inferences"));
    pipeline.set_state(gst::State::Null).expect("it stops");
    assert_eq!(told, 1);
    assert!(
        inferences > 0 && inferences + 31 >= frames,
        "{inferences} of {frames}"
    );
}
