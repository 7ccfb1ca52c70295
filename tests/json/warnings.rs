// SPDX-License-Identifier: MPL-2.0
//! What is said of a stream that nobody has classified.

use gst::prelude::*;
use gst_check::Harness;

use super::{count, element, harness};
use support::lines::{frame, seen, with_region};

/// The texts of the warnings since the last call.
fn warnings(bus: &gst::Bus, element: &gst::Element) -> Vec<String> {
    let warnings = support::element::warnings(bus, element);
    warnings.iter().map(|w| w.message().to_owned()).collect()
}

/// A stream that nobody has classified ends with one warning that says what to do.
#[test]
fn warns_in_the_end() {
    let mut harness = harness(&[]);
    let element = element(&harness);
    let bus = gst::Bus::new();
    element.set_bus(Some(&bus));
    let segment = gst::FormattedSegment::<gst::ClockTime>::new();
    let begin = |harness: &mut Harness| {
        assert!(harness.push_event(gst::event::StreamStart::new("another")));
        assert!(harness.push_event(gst::event::Segment::new(&segment)));
    };
    let end = |harness: &mut Harness| {
        harness.push_event(gst::event::Eos::new());
        warnings(&bus, &element)
    };
    for time in [0, 40, 80] {
        assert_eq!(count(&mut harness, frame(time)), 0);
        assert_eq!(warnings(&bus, &element), [""; 0], "not before the end");
    }
    assert_eq!(
        end(&mut harness),
        ["none of the 3 frames carried a classification: put resnet50 before this element"]
    );
    // Another end without new frames is no news.
    begin(&mut harness);
    assert_eq!(end(&mut harness), [""; 0]);

    begin(&mut harness);
    let mut buffer = frame(0);
    with_region(&mut buffer, "face", None, None);
    assert_eq!(count(&mut harness, buffer), 0);
    let texts = end(&mut harness);
    assert_eq!(texts.len(), 1);
    assert!(
        texts[0].contains(
            "a converter between resnet50 and this element leaves the regions' parameters behind: \
             put this element directly behind resnet50"
        ),
        "{texts:?}"
    );

    // What was flushed away has not come to an end.
    begin(&mut harness);
    assert_eq!(count(&mut harness, frame(0)), 0);
    harness.push_event(gst::event::FlushStart::new());
    harness.push_event(gst::event::FlushStop::new(true));
    begin(&mut harness);
    assert_eq!(end(&mut harness), [""; 0]);

    // Who asks for lines of unclassified frames expects some.
    begin(&mut harness);
    element.set_property("include-unclassified", true);
    assert_eq!(count(&mut harness, frame(0)), 1);
    assert_eq!(end(&mut harness), [""; 0]);
    element.set_property("include-unclassified", false);

    // One classification, and be it of a region, is enough for the whole run.
    begin(&mut harness);
    let mut buffer = frame(0);
    with_region(&mut buffer, "face", None, Some(&seen(1, "class")));
    assert_eq!(count(&mut harness, buffer), 1);
    assert_eq!(count(&mut harness, frame(40)), 0);
    assert_eq!(end(&mut harness), [""; 0]);
    begin(&mut harness);
    assert_eq!(count(&mut harness, frame(0)), 0);
    assert_eq!(end(&mut harness), [""; 0]);
    element.set_bus(None);
}

/// Where `resnet50` is before the element, the remedy is another: with nothing to classify there
/// is no warning, and regions that have lost their classification on the way are one.
#[test]
fn warns_of_what_is_between() {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let model = support::onnx::Net::color().write(folder.path(), "color.onnx");
    let cases: [(&str, bool, &[&str]); 4] = [
        ("", false, &[]),
        ("! queue ! identity", false, &[]),
        ("! queue", true, &[]),
        (
            "! queue ! videoscale ! video/x-raw,width=16,height=16",
            true,
            &["put this element directly behind resnet50"],
        ),
    ];
    for (between, has_regions, expected) in cases {
        let line = format!(
            "videotestsrc num-buffers=3 ! video/x-raw,format=RGB,width=32,height=32 ! \
             resnet50 name=r threads=1 mode=exact region=rois model={} {between} ! \
             resnet50json name=j ! fakesink sync=false",
            support::element::text(&model)
        );
        let pipeline = gst::parse::launch(&line).expect("a pipeline");
        let pipeline = pipeline.downcast::<gst::Pipeline>().expect("a pipeline");
        let pad = pipeline.by_name("r").and_then(|r| r.static_pad("sink"));
        pad.expect("a pad")
            .add_probe(gst::PadProbeType::BUFFER, move |_, probe| {
                if has_regions && let Some(buffer) = probe.buffer_mut() {
                    let place = (4, 4, 16, 16);
                    let new = buffer.make_mut();
                    gst_video::VideoRegionOfInterestMeta::add(new, "face", place);
                }
                gst::PadProbeReturn::Ok
            });
        let json = pipeline.by_name("j").expect("the element");
        let bus = pipeline.bus().expect("a bus");
        pipeline.set_state(gst::State::Playing).expect("it starts");
        let (mut texts, mut hints) = (Vec::new(), 0);
        loop {
            let message = bus.timed_pop(support::element::TIMEOUT).expect("an end");
            let is_ours = message.src() == Some(json.upcast_ref());
            match message.view() {
                gst::MessageView::Eos(_) => break,
                gst::MessageView::Error(error) => panic!("{between}: {error:?}"),
                gst::MessageView::Warning(w) if is_ours => {
                    texts.push(w.error().message().to_owned());
                }
                gst::MessageView::Info(_) if is_ours => hints += 1,
                _ => {}
            }
        }
        pipeline.set_state(gst::State::Null).expect("it stops");
        assert_eq!(texts.len(), expected.len(), "{between}: {texts:?}");
        for (text, expected) in texts.iter().zip(expected) {
            assert!(text.contains(expected), "{between}: {text}");
        }
        assert_eq!(hints, usize::from(!has_regions), "{between}");
    }
}
