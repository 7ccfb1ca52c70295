// SPDX-License-Identifier: MPL-2.0
//! `resnet50overlay` in a stream: when it draws into frames and when beside them, which frames it
//! leaves alone, how long a result holds, and what its neighbours may be.
use gst::prelude::*;
use gst_video::{VideoFormat, VideoOverlayCompositionMeta};
use gstresnet50::element::overlay::Position;
use gstresnet50::meta;
use support::element::{TIMEOUT, bytes, caps, info};
use support::harness::{between, through};
use support::overlay::*;

/// A frame without anything to be drawn on it is the very same one, also while someone else has it.
#[test]
fn leaves_frames_alone() {
    let element = overlay();
    let mut harness = between(&element, &rgb());
    let weak = classification(&[("tabby", 0.2)]);
    element.set_property("min-confidence", 0.5f32);
    let frames = [
        noise(&rgb(), 0),
        with(noise(&rgb(), 40), &weak),
        with_region(noise(&rgb(), 80), (10, 10, 50, 50), None),
        with_region(noise(&rgb(), 120), (10, 10, 50, 50), Some(&weak)),
        with(noise(&rgb(), 160), &classification(&[])),
    ];
    for frame in frames {
        let kept = frame.clone();
        let out = through(&mut harness, frame);
        assert_eq!(out.as_ptr(), kept.as_ptr());
    }
}

/// A frame that someone else has too is drawn on as a copy.
#[test]
fn does_not_draw_on_others_frames() {
    let element = overlay();
    let mut harness = between(&element, &rgb());
    let frame = with(noise(&rgb(), 0), &classification(&[("tabby", 0.5)]));
    let (kept, before) = (frame.clone(), bytes(&frame));
    let out = through(&mut harness, frame);
    assert_eq!(bytes(&kept), before);
    assert_ne!(bytes(&out), before);
    assert_eq!(out.pts(), kept.pts());
    assert!(meta::classification_of(&out).is_some());
}

/// A sink that blends gets the drawing beside pixels that nobody has touched or copied, and the
/// same rectangle as long as nothing changes.
#[test]
fn attaches() {
    let element = overlay();
    let mut harness = attaching(&element, &rgb());
    let found = classification(&[("tabby", 0.5)]);
    let mut rectangles = Vec::new();
    for time in [0, 40, 80] {
        let frame = with(noise(&rgb(), time), &found);
        let (kept, before) = (frame.clone(), bytes(&frame));
        let out = through(&mut harness, frame);
        assert_eq!(out.peek_memory(0).as_ptr(), kept.peek_memory(0).as_ptr());
        assert_eq!(bytes(&out), before);
        let meta = out.meta::<VideoOverlayCompositionMeta>().expect("attached");
        rectangles.push(meta.overlay().rectangle(0).expect("one").seqnum());
    }
    assert_eq!(rectangles[1], rectangles[2]);
    let caps = harness
        .sinkpad()
        .and_then(|p| p.current_caps())
        .expect("caps");
    let feature = gst_video::CAPS_FEATURE_META_GST_VIDEO_OVERLAY_COMPOSITION;
    assert!(
        caps.features(0).is_some_and(|f| f.contains(feature)),
        "{caps}"
    );
}

/// A sink that takes anything but says nothing of overlays gets drawn frames.
#[test]
fn does_not_attach_in_vain() {
    let element = overlay();
    let mut harness = between(&element, &rgb());
    let out = through(
        &mut harness,
        with(noise(&rgb(), 0), &classification(&[("tabby", 0.5)])),
    );
    assert!(out.meta::<VideoOverlayCompositionMeta>().is_none());
    let caps = harness.sinkpad().and_then(|p| p.current_caps());
    assert_eq!(caps, Some(support::element::caps(&rgb())));
}

/// What an overlay before this one has attached stays, below.
#[test]
fn adds_to_other_overlays() {
    let (first, second) = (overlay(), overlay());
    second.set_property("position", Position::BottomRight);
    let bin = gst::Bin::new();
    bin.add_many([&first, &second]).expect("a bin");
    first.link(&second).expect("links");
    for (element, name) in [(&first, "sink"), (&second, "src")] {
        let target = element.static_pad(name).expect("a pad");
        let ghost = gst::GhostPad::with_target(&target).expect("a pad");
        bin.add_pad(&ghost).expect("a pad");
    }
    let mut harness = attaching(bin.upcast_ref(), &rgb());
    let out = through(
        &mut harness,
        with(noise(&rgb(), 0), &classification(&[("tabby", 0.5)])),
    );
    let pieces = pieces(&out);
    assert_eq!(pieces.len(), 2);
    assert!(pieces[0].y < pieces[1].y);
    assert_eq!(out.iter_meta::<VideoOverlayCompositionMeta>().count(), 1);
}

/// A result is drawn on frames without one as long as `hold` says, and not after a flush.
#[test]
fn holds() {
    let element = overlay();
    element.set_property("hold", 100_000_000u64);
    let mut harness = attaching(&element, &rgb());
    let mut is_drawn = |frame| !pieces(&through(&mut harness, frame)).is_empty();
    assert!(!is_drawn(noise(&rgb(), 0)));
    assert!(is_drawn(with(
        noise(&rgb(), 40),
        &classification(&[("tabby", 0.5)])
    )));
    assert!(is_drawn(noise(&rgb(), 80)));
    assert!(is_drawn(noise(&rgb(), 139)));
    assert!(!is_drawn(noise(&rgb(), 140)));
    assert!(is_drawn(with(
        noise(&rgb(), 180),
        &classification(&[("tabby", 0.5)])
    )));
    harness.push_event(gst::event::FlushStart::new());
    harness.push_event(gst::event::FlushStop::new(true));
    let segment = gst::FormattedSegment::<gst::ClockTime>::new();
    harness.push_event(gst::event::Segment::new(&segment));
    let out = through(&mut harness, noise(&rgb(), 200));
    assert!(pieces(&out).is_empty());
}

/// The picture looks the same after its size and format have changed in mid-stream.
#[test]
fn caps_change() {
    let element = overlay();
    let mut harness = attaching(&element, &rgb());
    let found = classification(&[("tabby", 0.6)]);
    let small = pieces(&through(&mut harness, with(noise(&rgb(), 0), &found)));
    let large = info(VideoFormat::Nv12, 2 * WIDTH, 2 * HEIGHT);
    harness.set_src_caps(caps(&large));
    // The result that is held is drawn anew.
    let large = pieces(&through(&mut harness, noise(&large, 40)));
    let (a, b) = (small[0].place(), large[0].place());
    assert_eq!((2 * a.0, 2 * a.1), (b.0, b.1));
    assert!(
        (2 * a.2).abs_diff(b.2) <= 8 && (2 * a.3).abs_diff(b.3) <= 8,
        "{a:?} {b:?}"
    );
}

/// A frame with less in it than its caps promise is one error that says so.
#[test]
fn short_frame() {
    let element = overlay();
    let mut harness = between(&element, &rgb());
    let bus = gst::Bus::new();
    element.set_bus(Some(&bus));
    let frame = with(
        gst::Buffer::from_mut_slice(vec![0u8; 100]),
        &classification(&[("a", 0.6)]),
    );
    assert_eq!(harness.push(frame), Err(gst::FlowError::Error));
    let errors = support::element::errors(&bus, &element);
    assert_eq!(errors.len(), 1);
    assert!(errors[0].matches(gst::StreamError::Failed), "{errors:?}");
    assert!(errors[0].message().contains("mapped"), "{errors:?}");
    element.set_bus(None);
}

/// It links and plays between elements that know nothing of it, with and without a base transform
/// behind it.
#[test]
fn plays() {
    support::init();
    for rest in [
        "fakesink",
        "identity ! fakesink",
        "queue ! videoconvert ! video/x-raw,format=RGB ! fakesink",
        "textoverlay text=x ! fakesink",
    ] {
        let line = format!(
            "videotestsrc num-buffers=5 ! video/x-raw,format=NV12 ! resnet50overlay name=o ! {rest}"
        );
        let pipeline = gst::parse::launch(&line).expect("a pipeline");
        let pipeline = pipeline.downcast::<gst::Pipeline>().expect("a pipeline");
        let element = pipeline.by_name("o").expect("the element");
        let pad = element.static_pad("sink").expect("a pad");
        pad.add_probe(gst::PadProbeType::BUFFER, |_, probe| {
            if let Some(buffer) = probe.buffer_mut() {
                meta::attach(buffer.make_mut(), &classification(&[("tabby", 0.6)]));
            }
            gst::PadProbeReturn::Ok
        });
        let bus = pipeline.bus().expect("a bus");
        pipeline.set_state(gst::State::Playing).expect("plays");
        let ends = [gst::MessageType::Eos, gst::MessageType::Error];
        let message = bus.timed_pop_filtered(TIMEOUT, &ends).expect("an end");
        pipeline.set_state(gst::State::Null).expect("stops");
        assert_eq!(
            message.type_(),
            gst::MessageType::Eos,
            "{rest}: {message:?}"
        );
    }
}

/// A result is not held for ever where the frames' times stand still, nor lost for long after one
/// that lies hours ahead; and the rate is there again at once.
#[test]
fn holds_though_times_jump() {
    let found = || classification(&[("tabby", 0.5)]);
    let element = overlay();
    element.set_property("hold", 200_000_000u64);
    let mut harness = attaching(&element, &rgb());
    let mut is_drawn = |frame| !pieces(&through(&mut harness, frame)).is_empty();
    assert!(is_drawn(with(noise(&rgb(), 5000), &found())));
    let held = (0..30).filter(|_| is_drawn(noise(&rgb(), 5000)));
    // A few may be late; then each lasts for 40 ms, as the caps say.
    assert!((4..20).contains(&held.count()));

    assert!(is_drawn(with(noise(&rgb(), 5040), &found())));
    assert!(is_drawn(with(noise(&rgb(), 37_600_000), &found())));
    for time in [5080, 5120, 5160] {
        assert!(is_drawn(noise(&rgb(), time)), "{time}");
    }
    assert!(!is_drawn(noise(&rgb(), 5320)));
    // The times begin anew.
    assert!(is_drawn(with(noise(&rgb(), 5360), &found())));
    assert!(is_drawn(noise(&rgb(), 0)));
    assert!(!is_drawn(noise(&rgb(), 200)));
}

/// On frames with a palette nothing can be drawn but beside the pixels: they pass as they came, and
/// one WARNING says so.
#[test]
fn frames_with_a_palette() {
    let info = info(VideoFormat::Rgb8p, 320, 240);
    let element = overlay();
    let bus = gst::Bus::new();
    element.set_bus(Some(&bus));
    let found = classification(&[("tabby", 0.5)]);
    let mut harness = between(&element, &info);
    for time in [0, 40, 80] {
        let frame = with(noise(&info, time), &found);
        let before = bytes(&frame);
        assert_eq!(bytes(&through(&mut harness, frame)), before);
    }
    let warnings = support::element::warnings(&bus, &element);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].message().contains("RGB8P"), "{warnings:?}");
    drop(harness);
    let mut harness = attaching(&element, &info);
    let out = through(&mut harness, with(noise(&info, 0), &found));
    assert!(!pieces(&out).is_empty());
    assert!(support::element::warnings(&bus, &element).is_empty());
}
