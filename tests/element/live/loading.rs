// SPDX-License-Identifier: MPL-2.0
//! A model that is being loaded.

use std::time::{Duration, Instant};

use gst::prelude::*;
use gstresnet50::meta::classification_of;

use super::slow;
use support::element::*;
use support::harness::{between, play, through};
use support::onnx::Net;

/// Going to NULL in the middle of loading cancels it, and says so.
#[test]
fn loading_is_cancelled() {
    support::init();
    let element = bare();
    element.set_property("model", gstresnet50::inference::BUILTIN);
    let info = rgb(8, 6);
    let rig = Rig::new(&element, &info);
    for _ in 0..20 {
        rig.pipeline
            .set_state(gst::State::Playing)
            .expect("it starts to load");
        rig.stop();
    }
    let mut kinds = Vec::new();
    // The last one may have been loaded in the very moment in which it was stopped.
    while kinds
        .iter()
        .filter(|k| **k != gst::ProgressType::Start)
        .count()
        < 20
    {
        let message = rig.bus.timed_pop(TIMEOUT);
        match message.unwrap_or_else(|| panic!("{kinds:?}")).view() {
            gst::MessageView::Progress(p) if p.get().0 == gst::ProgressType::Continue => {}
            gst::MessageView::Progress(p) => kinds.push(p.get().0),
            gst::MessageView::Error(error) => panic!("{error:?}"),
            _ => {}
        }
    }
    let starts = kinds.iter().filter(|k| **k == gst::ProgressType::Start);
    assert_eq!(starts.count(), 20, "{kinds:?}");
    assert!(kinds.contains(&gst::ProgressType::Canceled), "{kinds:?}");
    // And it still works.
    rig.play().expect("it plays");
    assert_eq!(
        &*classification(&rig.classify(plain(&info, RED))).model,
        "builtin:efficientnet-lite0"
    );
}

/// While the model loads, a live stream flows, unclassified.
#[test]
fn live_flows_while_loading() {
    let (_folder, model) = slow(1);
    let element = element(&model);
    element.set_property_from_str("mode", "live");
    let info = rgb(8, 6);
    let bus = gst::Bus::new();
    element.set_bus(Some(&bus));
    let mut harness = between(&element, &info);
    let mut pts = 0;
    let mut unclassified = 0;
    loop {
        let out = through(&mut harness, timed(&info, RED, pts));
        pts += 40;
        if classification_of(&out).is_some() {
            break;
        }
        unclassified += 1;
        std::thread::sleep(Duration::from_millis(1));
        assert!(unclassified < 60_000, "it is never classified");
    }
    assert!(unclassified > 0);
    assert!(errors(&bus, &element).is_empty());
}

/// A load that is stopped in its midst ends as cancelled, and at once: not even the way to NULL,
/// which waits for what cannot be interrupted, takes nearly as long as the rest of the load would.
#[test]
fn a_long_load_is_cancelled() {
    use gst::{MessageView, ProgressType};
    let (_folder, model) = slow(300);
    let element = element(&model);
    let info = rgb(8, 6);
    let rig = Rig::new(&element, &info);
    let begun = Instant::now();
    rig.play().expect("it plays");
    let full = begun.elapsed();
    rig.stop();
    let progress = || loop {
        let message = rig.bus.timed_pop(TIMEOUT).expect("it goes on");
        match message.view() {
            // Not with its getter, which loses the texts.
            MessageView::Progress(p) => {
                let structure = p.structure().expect("a progress message has one");
                let kind: ProgressType = structure.get("type").expect("a type");
                let text: String = structure.get("text").expect("a text");
                break (kind, text);
            }
            MessageView::Error(error) => panic!("{error:?}"),
            _ => {}
        }
    };
    let (mut cancelled, mut shortest) = (0, full);
    for _ in 0..5 {
        let playing = rig.pipeline.set_state(gst::State::Playing);
        playing.expect("it starts to load");
        // It is about to be tried, which is what takes long.
        while !progress().1.contains("trying") {}
        let begun = Instant::now();
        rig.stop();
        shortest = shortest.min(begun.elapsed());
        match progress() {
            (ProgressType::Canceled, _) => cancelled += 1,
            // This test may have slept for as long as a load takes.
            (ProgressType::Complete, _) => {}
            other => panic!("{other:?}"),
        }
        let provider: Option<String> = element.property("active-provider");
        assert_eq!(provider, None, "nothing is taken over afterwards");
        while let Some(message) = rig.bus.pop() {
            assert_ne!(message.type_(), gst::MessageType::Progress, "{message:?}");
        }
    }
    assert!(cancelled > 0, "no load was long enough");
    assert!(shortest < full / 4, "{shortest:?} of {full:?}");
    // And it still works.
    rig.play().expect("it plays");
    assert_eq!(top(&rig.classify(plain(&info, RED))), 0);
}

/// A model set while playing that gives no numbers is refused while it loads, and the one in use
/// stays.
#[test]
fn swap_to_a_model_without_numbers() {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let good = Net::color().write(folder.path(), "good.onnx");
    let bad = Net::constant(vec![f32::NAN; 3]).write(folder.path(), "nan.onnx");
    let info = rgb(8, 6);
    for mode in ["exact", "live"] {
        let element = element(&good);
        element.set_property_from_str("mode", mode);
        let (mut harness, bus) = play(&element, &info);
        through(&mut harness, timed(&info, RED, 0));
        element.set_property("model", text(&bad));
        let kinds = [gst::MessageType::Warning, gst::MessageType::Error];
        let message = bus.timed_pop_filtered(TIMEOUT, &kinds).expect("a warning");
        let gst::MessageView::Warning(warning) = message.view() else {
            panic!("{message:?}");
        };
        let text = warning.error().message().to_owned();
        assert!(text.contains("in use stay"), "{text}");
        assert!(
            text.contains("nan.onnx") && text.contains("is NaN"),
            "{text}"
        );
        for i in 1..20 {
            let out = through(&mut harness, timed(&info, RED, 40 * i));
            let seen = classification_of(&out);
            assert!(seen.is_none_or(|seen| seen.model.ends_with("good.onnx")));
        }
        assert!(errors(&bus, &element).is_empty());
    }
}

/// An element whose model never ends stops all the same, and at once.
#[test]
fn stops_in_a_trial_that_never_ends() {
    support::init();
    let element = element(&support::data("loop_forever.onnx"));
    let info = rgb(8, 6);
    let rig = Rig::new(&element, &info);
    rig.pipeline
        .set_state(gst::State::Playing)
        .expect("it starts to load");
    let is_trying = |message: &gst::Message| {
        let structure = message.structure();
        structure.is_some_and(|s| s.get("text").is_ok_and(|t: String| t.contains("trying")))
    };
    while !is_trying(&rig.bus.timed_pop(TIMEOUT).expect("it goes on")) {}
    std::thread::sleep(Duration::from_millis(200));
    let begun = Instant::now();
    rig.stop();
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    assert!(rig.errors().is_empty());
}

/// Where an element that loads the model for others too is stopped, another one takes over.
#[test]
fn another_takes_over_a_cancelled_load() {
    let (_folder, model) = slow(300);
    let [first, second] = [0; 2].map(|_| element(&model));
    let info = rgb(8, 6);
    let [first, second] = [&first, &second].map(|element| Rig::new(element, &info));
    for rig in [&first, &second] {
        let playing = rig.pipeline.set_state(gst::State::Playing);
        playing.expect("it starts to load");
        let trying = |message: gst::Message| {
            let structure = message.structure();
            structure.is_some_and(|s| s.get("text").is_ok_and(|t: String| t.contains("trying")))
        };
        while !trying(rig.bus.timed_pop(TIMEOUT).expect("it goes on")) {}
    }
    first.stop();
    assert!(loaded(&second.bus), "the second one loads it");
    assert_eq!(top(&second.classify(plain(&info, BLUE))), 2);
    assert!(second.errors().is_empty());
    second.stop();
}
