// SPDX-License-Identifier: MPL-2.0
//! What goes wrong while frames flow is one message, and harms nothing else: no other stream, no
//! other frame, and not the next start.

mod downstream;
mod inference;
mod loading;
mod model;

use std::path::Path;
use std::time::Duration;

use glib::error::ErrorDomain;
use gst::FlowError;
use gstresnet50::meta::{Classification, classification_of};
use support::element::{RED, element};
use support::pad_harness::PadHarness;

const MODES: [&str; 2] = ["exact", "live"];

/// A playing element.
fn harness(model: &Path, mode: &str, prepare: impl FnOnce(&gst::Element)) -> PadHarness {
    let element = element(model);
    prepare(&element);
    PadHarness::playing(&element, mode)
}

/// Pushes red frames until one of them, or a later one, has a result that was found for them.
fn classify(harness: &PadHarness, now: &mut u64) -> Classification {
    let from = gst::ClockTime::from_mseconds(*now);
    for _ in 0..60_000 {
        let before = harness.behind().frames.len();
        harness.push(RED, *now).expect("it goes in");
        harness.until("the frame", |behind| behind.frames.len() > before);
        *now += 40;
        let last = harness.behind().frames.last().cloned().expect("a frame");
        if let Some(classification) = classification_of(&last)
            && last
                .pts()
                .zip(classification.age)
                .is_some_and(|(t, age)| t - age >= from)
        {
            return classification;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("it is never classified: {:?}", harness.errors());
}

fn top(classification: &Classification) -> Option<i32> {
    classification.top().map(|class| class.index)
}

/// Pushes red frames until one is refused.
fn until_refused(harness: &PadHarness, now: &mut u64) -> FlowError {
    for _ in 0..60_000 {
        if let Err(flow) = harness.push(RED, *now) {
            return flow;
        }
        *now += 40;
        // What goes wrong behind is seen by a later frame.
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("none is refused");
}

/// Waits for an error, and leaves it where it is.
fn wait_for_error(harness: &PadHarness) {
    let wait = support::element::TIMEOUT;
    let error = harness
        .bus
        .timed_pop_filtered(wait, &[gst::MessageType::Error]);
    let back = harness.bus.post(error.expect("an error"));
    back.expect("the bus takes it back");
}

/// The one error that there is has this code and these words.
fn one_error<E: ErrorDomain>(harness: &PadHarness, code: E, words: &[&str]) {
    let errors = harness.errors();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].matches(code), "{:?}", errors[0]);
    for word in words {
        let message = errors[0].message();
        assert!(message.contains(word), "no “{word}” in: {message}");
    }
}
