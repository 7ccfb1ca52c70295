// SPDX-License-Identifier: MPL-2.0
//! Live streams and many streams: nothing is delayed, thinned or unfair, and one engine serves all.

mod asked;
mod engines;
mod loading;
mod newest;
mod told;
mod under_way;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use gst::prelude::*;
use support::onnx::{FREE, Net};
use support::stand::Stand;

/// A folder with a model that takes one or two times so many milliseconds a Run, and tells red,
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

fn stat(element: &gst::Element, field: &str) -> u64 {
    let stats: gst::Structure = element.property("stats");
    stats.get(field).expect(field)
}

/// Waits until something is so.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The element behind and before pads of the test's own, playing.
fn stand(element: &gst::Element, mode: &str) -> Stand {
    element.set_property_from_str("mode", mode);
    let stand = Stand::new(element);
    assert!(stand.play(), "{:?}", stand.errors());
    stand
}

/// Pushes a frame and waits until it has come out.
fn pass(stand: &Stand, color: [u8; 3], milliseconds: u64) -> gst::Buffer {
    let before = stand.behind().frames.len();
    let pushed = stand.push(color, milliseconds);
    assert_eq!(pushed, Ok(gst::FlowSuccess::Ok));
    stand.until("the frame", |behind| behind.frames.len() > before);
    let last = stand.behind().frames.last().cloned();
    last.expect("a frame")
}
