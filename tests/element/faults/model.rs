// SPDX-License-Identifier: MPL-2.0
//! Models that are replaced while they are in use.

use gst::FlowSuccess;
use gst::prelude::*;
use support::element::{RED, text};
use support::onnx::{FREE, Net};
use support::stand::Stand;

use super::{MODES, classify, one_error, stand, top};

/// In mode live a Run of the old model may go on when another takes its place. Nobody waits for it,
/// so it is ended, which is no error.
#[test]
fn model_changed_in_a_run() {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let net = Net::color().batch(FREE);
    let slow = net.clone().busy(100).write(folder.path(), "slow.onnx");
    let quick = net.write(folder.path(), "quick.onnx");
    for _ in 0..5 {
        let stand = stand(&slow, "live", |_| {});
        let mut now = 0;
        for _ in 0..3 {
            assert_eq!(stand.push(RED, now), Ok(FlowSuccess::Ok));
            now += 40;
        }
        stand.element.set_property("model", text(&quick));
        assert!(support::element::loaded(&stand.bus));
        for _ in 0..20 {
            assert_eq!(&*classify(&stand, &mut now).model, text(&quick));
        }
        assert_eq!((stand.errors().len(), stand.stat("errors")), (0, 0));
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
        let stand = stand(&path, mode, |_| {});
        let mut now = 0;
        let mut goes_on = |stand: &Stand, best| {
            for _ in 0..5 {
                assert_eq!(top(&classify(stand, &mut now)), Some(best), "{mode}");
            }
            assert!(stand.errors().is_empty());
            stand.stop();
        };
        write(2);
        goes_on(&stand, 0);
        assert!(stand.play(), "{:?}", stand.errors());

        std::fs::write(&path, "no model").expect("it is written");
        goes_on(&stand, 2);
        assert!(!stand.play());
        let words = [text(&path), "not an ONNX model"];
        one_error(&stand, gst::StreamError::WrongType, &words);
        stand.stop();

        write(1);
        assert!(stand.play(), "{:?}", stand.errors());
        std::fs::remove_file(&path).expect("it is removed");
        goes_on(&stand, 1);
        assert!(!stand.play());
        let words = [text(&path), "cannot be read"];
        one_error(&stand, gst::ResourceError::NotFound, &words);
        stand.stop();

        write(0);
        assert!(stand.play(), "{:?}", stand.errors());
        goes_on(&stand, 0);
    }
}
