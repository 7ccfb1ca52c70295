// SPDX-License-Identifier: MPL-2.0
//! What is allocated for a frame once a stream is running.

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use gst::FlowSuccess;
use gst::prelude::*;
use support::child;
use support::element::{RED, element};
use support::onnx::{FREE, Net};
use support::pad_harness::PadHarness;

/// The system's allocator, which counts. GStreamer, GLib and ONNX Runtime do not use it: all that is
/// counted is ours and that of the crates.
struct Counting;

static CALLS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);

fn count(bytes: usize) {
    CALLS.fetch_add(1, Ordering::Relaxed);
    BYTES.fetch_add(bytes as u64, Ordering::Relaxed);
}

// SAFETY: all is done by the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations and bytes for each of many frames, after some that warm up.
fn per_frame(model: &Path, mode: &str, skip_still: f32) -> (f64, f64) {
    const FRAMES: u64 = 200;
    let element = element(model);
    element.set_property_from_str("mode", mode);
    element.set_property("skip-still", skip_still);
    let harness = PadHarness::new(&element);
    assert!(harness.play(), "{:?}", harness.errors());
    let push = |from: u64, count: u64| {
        for i in from..from + count {
            let flow = harness.push(RED, 40 * i);
            assert_eq!(flow, Ok(FlowSuccess::Ok), "{:?}", harness.errors());
        }
        // All of them have left.
        harness.send(gst::event::CustomDownstream::new(
            gst::Structure::new_empty("marker"),
        ));
    };
    push(0, 50);
    let before = [&CALLS, &BYTES].map(|counter| counter.load(Ordering::Relaxed));
    push(50, FRAMES);
    let after = [&CALLS, &BYTES].map(|counter| counter.load(Ordering::Relaxed));
    let [calls, bytes] = [0, 1].map(|i| (after[i] - before[i]) as f64 / FRAMES as f64);
    (calls, bytes)
}

/// A frame costs a bounded number of small allocations, whatever its size is: no copy of the
/// tensor, and nothing that grows. What the harness of the test allocates for a frame is counted as
/// well. docs/architecture.md has the numbers.
#[test]
fn few_and_small() {
    let measure = || {
        support::init();
        let folder = tempfile::tempdir().expect("a folder");
        // A tensor of 600 kB, which no copy may be made of.
        let net = Net::nchw(224, 224).batch(FREE);
        let model = net.write(folder.path(), "color.onnx");
        for (mode, skip_still) in [
            ("exact", 0.0),
            ("exact", 0.01),
            ("live", 0.0),
            ("live", 0.01),
        ] {
            let (calls, bytes) = per_frame(&model, mode, skip_still);
            println!("{mode}, skip-still={skip_still}: {calls:.1} allocations, {bytes:.0} bytes");
            assert!(
                calls < 60.0,
                "{mode} {skip_still}: {calls} allocations a frame"
            );
            assert!(
                bytes < 16_384.0,
                "{mode} {skip_still}: {bytes} bytes a frame"
            );
        }
    };
    child::run("allocations::few_and_small", |_| {}, measure);
}
