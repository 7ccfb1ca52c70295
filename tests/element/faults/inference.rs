// SPDX-License-Identifier: MPL-2.0
//! Inferences that fail or hang.

use gst::prelude::*;
use gst::{FlowError, FlowSuccess};
use gstresnet50::meta::classification_of;
use support::child;
use support::element::{BLUE, RED, until};
use support::onnx::{FREE, Net, Whim};

use super::{MODES, classify, harness, one_error, top, until_refused, wait_for_error};

/// An inference that fails ends its stream with an error. Another stream on the same engine goes on, and
/// the first one can begin anew.
#[test]
fn inference_that_fails() {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let net = Net::color().batch(FREE).whim(Whim::Fails);
    let path = net.write(folder.path(), "fails.onnx");
    for mode in MODES {
        let [bad, good] =
            [0, 1].map(|_| harness(&path, mode, |e| e.set_property("sessions", 2u32)));
        let (mut bad_now, mut good_now) = (0, 0);
        for _ in 0..5 {
            classify(&bad, &mut bad_now);
            classify(&good, &mut good_now);
        }
        let last_good = bad_now;
        // In mode live the inference may fail before its own frame has left.
        if bad.push(BLUE, bad_now) != Err(FlowError::Error) {
            bad_now += 40;
            until("the inference fails", || bad.stat("errors") == 1);
            assert_eq!(until_refused(&bad, &mut bad_now), FlowError::Error);
        }
        let words = ["ONNX Runtime: ", "GST_DEBUG=onnxruntime:5"];
        one_error(&bad, gst::StreamError::Failed, &words);
        // In mode exact it is the frame itself that does not leave, in mode live the one that
        // comes when it is known.
        let end = if mode == "exact" { last_good } else { bad_now };
        let expected: Vec<u64> = (0..end).step_by(40).collect();
        assert_eq!(bad.times(), expected, "{mode}");

        let before = good.stat("inferences");
        for _ in 0..20 {
            assert_eq!(top(&classify(&good, &mut good_now)), Some(0));
        }
        assert!(good.stat("inferences") >= before + 20);
        let expected: Vec<u64> = (0..good_now).step_by(40).collect();
        assert_eq!(good.times(), expected, "{mode}");
        assert!(good.errors().is_empty());

        bad.stop();
        assert!(bad.play(), "{:?}", bad.errors());
        classify(&bad, &mut bad_now);
        assert!(bad.errors().is_empty());
    }
}

/// Where frames of two streams meet in an inference that fails, only the one that is to blame suffers.
#[test]
fn inference_that_fails_for_another() {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    // The model leaves the batch free, or fixes it.
    for (batch, name) in [(FREE, "free.onnx"), (3, "fixed.onnx")] {
        let net = Net::color().batch(batch).whim(Whim::Fails);
        let path = net.write(folder.path(), name);
        let [bad, good] = [0, 1].map(|_| {
            harness(&path, "exact", |e| {
                e.set_property("sessions", 1u32);
                e.set_property("batch-size", 3u32);
                // Long enough that they surely meet: the third is there to begin the inference.
                e.set_property("batch-timeout", 10_000_000_000u64);
            })
        });
        assert_eq!(good.push(RED, 0), Ok(FlowSuccess::Ok));
        assert_eq!(bad.push(BLUE, 0), Ok(FlowSuccess::Ok));
        assert_eq!(good.push(RED, 40), Ok(FlowSuccess::Ok));
        good.until("both frames", |behind| behind.frames.len() == 2);
        for frame in &good.behind().frames {
            let classification = classification_of(frame).expect("a result");
            assert!(
                classification.fresh && top(&classification) == Some(0),
                "{classification:?}"
            );
        }
        until("the other's error", || bad.stat("errors") == 1);
        wait_for_error(&bad);
        one_error(&bad, gst::StreamError::Failed, &["ONNX Runtime: "]);
        assert!(bad.times().is_empty());
        assert_eq!((good.stat("errors"), good.errors().len()), (0, 0));
    }
}

/// A provider that hangs: an inference that does not even end when it is told to. Each stream of the
/// engine hears of it once, and can be stopped; others live on, and so does a new engine of the
/// same model. In a process of its own, for the thread that hangs is left behind, and stays so at
/// the end of the process.
#[test]
fn inference_that_hangs() {
    child::run("faults::inference::inference_that_hangs", |_| {}, hang);
}

fn hang() {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let net = Net::color().batch(FREE).whim(Whim::Hangs);
    let path = net.write(folder.path(), "hangs.onnx");
    let quick = Net::color().write(folder.path(), "quick.onnx");
    let one = |e: &gst::Element| e.set_property("sessions", 1u32);
    let (exact, live) = (harness(&path, "exact", one), harness(&path, "live", one));
    let other = harness(&quick, "exact", one);
    let (mut live_now, mut other_now) = (0, 0);
    classify(&live, &mut live_now);
    assert_eq!(exact.push(BLUE, 0), Ok(FlowSuccess::Ok));
    assert_eq!(until_refused(&live, &mut live_now), FlowError::Error);
    let words = ["although it was cancelled", "restart the program"];
    one_error(&live, gst::StreamError::Failed, &words);
    // It looks once a second.
    wait_for_error(&exact);
    let mut exact_now = 40;
    assert_eq!(until_refused(&exact, &mut exact_now), FlowError::Error);
    one_error(&exact, gst::StreamError::Failed, &words);
    assert!(exact.times().is_empty());
    let expected: Vec<u64> = (0..live_now).step_by(40).collect();
    assert_eq!(live.times(), expected);

    for _ in 0..20 {
        assert_eq!(top(&classify(&other, &mut other_now)), Some(0));
    }
    assert!(other.errors().is_empty());
    exact.stop();
    live.stop();
    for harness in [&exact, &live] {
        assert!(harness.play(), "{:?}", harness.errors());
        assert_eq!(top(&classify(harness, &mut live_now)), Some(0));
        assert!(harness.errors().is_empty());
    }
}
