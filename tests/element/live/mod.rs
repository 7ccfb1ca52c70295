// SPDX-License-Identifier: MPL-2.0
//! Live streams and many streams: nothing is delayed, thinned or unfair, and one engine serves all.

mod asked;
mod engines;
mod loading;
mod newest;
mod told;
mod under_way;

use std::path::PathBuf;

use support::onnx::{FREE, Net};
use support::pad_harness::PadHarness;

/// A folder with a model that takes one or two times so many milliseconds an inference, and tells red,
/// green and blue apart.
fn slow(steps: usize) -> (tempfile::TempDir, PathBuf) {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let path = Net::color()
        .batch(FREE)
        .busy(steps)
        .write(folder.path(), "slow.onnx");
    (folder, path)
}

/// Pushes a frame and waits until it has come out.
fn pass(harness: &PadHarness, color: [u8; 3], milliseconds: u64) -> gst::Buffer {
    let before = harness.behind().frames.len();
    let pushed = harness.push(color, milliseconds);
    assert_eq!(pushed, Ok(gst::FlowSuccess::Ok));
    harness.until("the frame", |behind| behind.frames.len() > before);
    let last = harness.behind().frames.last().cloned();
    last.expect("a frame")
}
