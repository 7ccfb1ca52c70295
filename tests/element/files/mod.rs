// SPDX-License-Identifier: MPL-2.0
//! Files that properties name: of any name, of the right kind, read in a thread of their own.

mod exchanged;
mod hanging;
mod model;
mod names;
mod refused;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt as _;
use std::time::Duration;

use gst::prelude::*;
use gstresnet50::element::strings::value_of;
use support::element::*;

/// Longer than any way to NULL may take.
const BOUND: Duration = Duration::from_secs(60);

fn set(element: &gst::Element, property: &str, name: &OsStr) {
    element.set_property_from_value(property, &value_of(Some(name)));
}

/// The label of the best class of a green frame.
fn label(rig: &Rig) -> String {
    let out = rig.classify(plain(&rgb(8, 6), GREEN));
    classification(&out)
        .top()
        .expect("a class")
        .label
        .to_string()
}

/// It does not start, and the one error has these words.
fn does_not_start(element: &gst::Element, words: &[&str]) {
    let rig = Rig::new(element, &rgb(8, 6));
    assert!(rig.play().is_err(), "it must not start: {words:?}");
    let errors = rig.errors();
    assert_eq!(errors.len(), 1, "{errors:?}");
    for word in words {
        let message = errors[0].message();
        assert!(message.contains(word), "no “{word}” in: {message}");
    }
    rig.stop();
}

fn wait_for_warning(rig: &Rig, words: &[&str]) {
    let message = rig
        .bus
        .timed_pop_filtered(TIMEOUT, &[gst::MessageType::Warning]);
    let message = message.expect("a warning");
    let gst::MessageView::Warning(warning) = message.view() else {
        unreachable!("only warnings were asked for");
    };
    let text = warning.error().message().to_owned();
    for word in words {
        assert!(text.contains(word), "no “{word}” in: {text}");
    }
}

/// A name that is no text.
fn bytes(text: &[u8]) -> OsString {
    OsString::from_vec(text.to_vec())
}
