// SPDX-License-Identifier: MPL-2.0
//! What happens while a model is being loaded.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gst::FlowError;
use gst::prelude::*;
use support::child;
use support::element::{RED, bare, element, until};
use support::pad_harness::PadHarness;

use super::MODES;

/// The first error on the bus is the one that says what is wrong with the model: frames that come
/// while it is being posted wait for it.
#[test]
fn the_reason_comes_first() {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("broken.onnx");
    std::fs::write(&path, "no model").expect("written");
    for mode in MODES {
        let element = element(&path);
        element.set_property_from_str("mode", mode);
        let harness = PadHarness::new(&element);
        let (told, slow) = (Arc::new(AtomicBool::new(false)), Duration::from_millis(100));
        harness.bus.set_sync_handler({
            let told = Arc::clone(&told);
            move |_, message| {
                // Some applications take their time.
                std::thread::sleep(slow);
                if message.type_() == gst::MessageType::Error {
                    told.store(true, Ordering::SeqCst);
                }
                gst::BusSyncReply::Pass
            }
        });
        element.set_state(gst::State::Playing).expect("it begins");
        harness.stream();
        until("an error", || harness.push(RED, 0) == Err(FlowError::Error));
        assert!(told.load(Ordering::SeqCst), "{mode}");
    }
}

/// A program that gives up while the model is still being loaded ends in peace: ONNX Runtime's own
/// thread-safe statics do not survive an exit in the midst of their making.
#[test]
fn ends_while_loading() {
    for delay in 0..30 {
        let child = child::run(
            "faults::loading::ends_while_loading",
            |command| {
                command.env("DELAY", delay.to_string());
            },
            || {
                let delay = std::env::var("DELAY").expect("the parent sets it");
                let element = bare();
                element.set_property("model", "builtin:efficientnet-lite0");
                element.set_state(gst::State::Paused).expect("it starts");
                let delay = delay.parse().expect("a number");
                std::thread::sleep(Duration::from_millis(delay));
                element.set_state(gst::State::Null).expect("it stops");
            },
        );
        if child.is_none() {
            return;
        }
    }
}
