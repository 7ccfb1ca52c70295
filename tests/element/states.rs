// SPDX-License-Identifier: MPL-2.0
//! Changes of state, neighbours, and who waits for whom.

use gst::prelude::*;

use super::{color, play_before, stop_before, until_error};
use support::element::*;
use support::harness::sink_pad;
use support::onnx::{self, Net};

/// NULL, READY, PAUSED, PLAYING and all the way back, ten times; each time it classifies, and
/// counts from nothing.
#[test]
fn states_ten_times() {
    let (element, _folder) = color();
    let rig = Rig::new(&element, &rgb(8, 6));
    let states = [
        gst::State::Ready,
        gst::State::Paused,
        gst::State::Playing,
        gst::State::Paused,
        gst::State::Ready,
        gst::State::Null,
    ];
    let mut was_up = false;
    for i in 0..10 {
        for state in states {
            rig.pipeline.set_state(state).expect("every state");
            let (result, _, _) = rig.pipeline.state(TIMEOUT);
            result.expect("every state is reached");
            if state == gst::State::Paused && !std::mem::replace(&mut was_up, true) {
                assert!(loaded(&rig.bus));
            }
            let provider = element.property::<Option<String>>("active-provider");
            let running = matches!(state, gst::State::Paused | gst::State::Playing);
            was_up &= running;
            assert_eq!(provider.is_some(), running, "{state:?}");
            if state == gst::State::Playing {
                let buffer = rig.classify(plain(&rgb(8, 6), [RED, GREEN, BLUE][i % 3]));
                assert_eq!(top(&buffer), (i % 3) as i32);
                let stats: gst::Structure = element.property("stats");
                assert_eq!(stats.get::<u64>("frames"), Ok(1));
            }
        }
    }
    assert!(rig.errors().is_empty());
}

/// Two elements with different models in one process do not disturb each other.
#[test]
fn two_elements_at_once() {
    let (first, folder) = color();
    let second = element(&Net::constant(vec![0.0, 9.0]).write(folder.path(), "two.onnx"));
    let info = rgb(8, 6);
    let run = |element: gst::Element, expected: [i32; 3]| {
        let rig = Rig::new(&element, &rgb(8, 6));
        rig.play().expect("it plays");
        for i in 0..60 {
            let color = [RED, GREEN, BLUE][i % 3];
            let buffer = rig.classify(timed(&info, color, 40 * i as u64));
            assert_eq!(top(&buffer), expected[i % 3]);
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| run(first, [0, 1, 2]));
        scope.spawn(|| run(second, [1, 1, 1]));
    });
}

/// No lock is held while something is posted or pushed: whoever gets it may ask the element for
/// anything, set anything and send it an event, from where it stands.
#[test]
fn no_lock_while_posting_or_pushing() {
    let (element, folder) = color();
    element.set_property_from_str("messages", "all");
    let visit = |element: &gst::Element| {
        let stats: gst::Structure = element.property("stats");
        assert!(stats.has_field("frames"));
        for property in element.list_properties() {
            element.property_value(property.name());
        }
        element.set_property("top-k", 3u32);
        let sink = element.static_pad("sink").expect("a sink pad");
        let tags = gst::TagList::new();
        assert!(sink.send_event(gst::event::Tag::new(tags)));
        assert!(sink.send_event(gst::event::StreamStart::new("visited")));
    };
    let behind = sink_pad()
        .chain_function({
            let element = element.clone();
            move |_, _, _| {
                visit(&element);
                Ok(gst::FlowSuccess::Ok)
            }
        })
        .build();
    let bus = gst::Bus::new();
    let (sender, receiver) = std::sync::mpsc::channel();
    bus.set_sync_handler({
        let element = element.clone();
        move |_, message| {
            let kind = message.type_();
            if matches!(kind, gst::MessageType::Element | gst::MessageType::Warning) {
                visit(&element);
            }
            if kind == gst::MessageType::Error {
                // The stream is over; the properties are still to be had.
                let _: gst::Structure = element.property("stats");
            }
            let _ = sender.send(kind);
            gst::BusSyncReply::Drop
        }
    });
    element.set_bus(Some(&bus));
    let info = rgb(8, 6);
    let sink = play_before(&element, &behind, &info);
    let mut posted = Vec::new();
    let until = |kind, posted: &mut Vec<_>| {
        let patience = std::time::Duration::from_secs(60);
        while posted.last() != Some(&kind) {
            posted.push(receiver.recv_timeout(patience).expect("a message"));
        }
    };
    assert!(sink.chain(timed(&info, RED, 0)).is_ok());
    until(gst::MessageType::Element, &mut posted);
    element.set_property("model", "/nowhere/model.onnx");
    until(gst::MessageType::Warning, &mut posted);
    assert!(sink.chain(timed(&info, RED, 40)).is_ok());
    until(gst::MessageType::Element, &mut posted);
    // No number for a pixel without red.
    let other = onnx::write(&onnx::logarithm(1.0), folder.path(), "logarithm.onnx");
    element.set_property("model", text(&other));
    until(gst::MessageType::Progress, &mut posted);
    until(gst::MessageType::Element, &mut posted);
    assert_eq!(until_error(&sink, &info), gst::FlowError::Error);
    stop_before(&element, &behind);
    element.set_bus(None);
    posted.extend(receiver.try_iter());
    for (kind, count) in [
        // Two results, and that the model was exchanged.
        (gst::MessageType::Element, 3),
        (gst::MessageType::Warning, 1),
        (gst::MessageType::Error, 1),
    ] {
        assert_eq!(
            posted.iter().filter(|k| **k == kind).count(),
            count,
            "{kind:?}"
        );
    }
}
