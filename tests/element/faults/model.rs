// SPDX-License-Identifier: MPL-2.0
//! Models that are replaced while they are in use.

use gst::FlowSuccess;
use gst::prelude::*;
use support::element::{RED, text};
use support::onnx::{FREE, Net};
use support::pad_harness::PadHarness;

use super::{MODES, classify, harness, one_error, top};

/// In mode live an inference of the old model may go on when another takes its place. Nobody waits for it,
/// so it is ended, which is no error.
#[test]
fn model_changed_in_a_run() {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let net = Net::color().batch(FREE);
    let slow = net.clone().busy(100).write(folder.path(), "slow.onnx");
    let quick = net.write(folder.path(), "quick.onnx");
    for _ in 0..5 {
        let harness = harness(&slow, "live", |_| {});
        let mut now = 0;
        for _ in 0..3 {
            assert_eq!(harness.push(RED, now), Ok(FlowSuccess::Ok));
            now += 40;
        }
        harness.element.set_property("model", text(&quick));
        assert!(support::element::loaded(&harness.bus));
        for _ in 0..20 {
            assert_eq!(&*classify(&harness, &mut now).model, text(&quick));
        }
        assert_eq!((harness.errors().len(), harness.stat("errors")), (0, 0));
    }
}

/// A model's file that is replaced, broken or removed while it is in use: the element in use does
/// not mind, and the next start sees what is there.
#[test]
fn model_file_replaced() {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.onnx");
    let write = |best: usize| {
        let mut logits = vec![0.0; 3];
        logits[best] = 5.0;
        Net::constant(logits).write(folder.path(), "model.onnx");
    };
    for mode in MODES {
        write(0);
        let harness = harness(&path, mode, |_| {});
        let mut now = 0;
        let mut goes_on = |harness: &PadHarness, best| {
            for _ in 0..5 {
                assert_eq!(top(&classify(harness, &mut now)), Some(best), "{mode}");
            }
            assert!(harness.errors().is_empty());
            harness.stop();
        };
        write(2);
        goes_on(&harness, 0);
        assert!(harness.play(), "{:?}", harness.errors());

        std::fs::write(&path, "no model").expect("it is written");
        goes_on(&harness, 2);
        assert!(!harness.play());
        let words = [text(&path), "not an ONNX model"];
        one_error(&harness, gst::StreamError::WrongType, &words);
        harness.stop();

        write(1);
        assert!(harness.play(), "{:?}", harness.errors());
        std::fs::remove_file(&path).expect("it is removed");
        goes_on(&harness, 1);
        assert!(!harness.play());
        let words = [text(&path), "cannot be read"];
        one_error(&harness, gst::ResourceError::NotFound, &words);
        harness.stop();

        write(0);
        assert!(harness.play(), "{:?}", harness.errors());
        goes_on(&harness, 0);
    }
}
