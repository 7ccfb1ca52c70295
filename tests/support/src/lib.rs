// SPDX-License-Identifier: MPL-2.0
//! What several integration tests need.

pub mod child;
pub mod element;
pub mod example;
pub mod hanging;
pub mod harness;
pub mod http;
pub mod lines;
pub mod markdown;
pub mod onnx;
pub mod overlay;
pub mod pack;
pub mod pad_harness;
pub mod pillow;
pub mod plugin;
pub mod program;
#[cfg(target_os = "linux")]
pub mod pty;
pub mod regions;

use std::path::{Path, PathBuf};
use std::sync::Once;

/// Starts GStreamer with this crate's element in it. From then on a warning of GLib or GStreamer
/// ends the test program.
pub fn init() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        gst::init().expect("GStreamer");
        glib::log_set_always_fatal(
            glib::LogLevels::LEVEL_CRITICAL | glib::LogLevels::LEVEL_WARNING,
        );
        gstresnet50::plugin_register_static().expect("the plugin registers");
    });
}

/// A file of the source tree.
pub fn source(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    root.expect("this crate is in tests/support").join(name)
}

/// A program or library that cargo has built together with the test, such as
/// `target/debug/gst-resnet50`.
pub fn built(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("this program");
    let folder = test.parent().and_then(Path::parent);
    folder.expect("target/debug").join(name)
}

/// A file of `tests/data`.
pub fn data(name: &str) -> PathBuf {
    source("tests/data").join(name)
}

/// One of the golden photographs as packed RGB.
pub fn photo(name: &str) -> image::RgbImage {
    image::open(data("photos").join(name))
        .unwrap_or_else(|e| panic!("{name}: {e}"))
        .to_rgb8()
}

/// The photographs that have a golden tensor, with the length that the shorter side is resized to.
pub const GOLDEN: &[(&str, &str, u32)] = &[
    ("astronaut.png", "astronaut_resize256", 256),
    ("chelsea.png", "chelsea_resize256", 256),
    ("chelsea.png", "chelsea_resize232", 232),
    ("coffee.png", "coffee_resize256", 256),
    ("motorcycle_left.png", "motorcycle_left_resize256", 256),
    ("rocket.png", "rocket_resize256", 256),
    ("rocket.png", "rocket_resize232", 232),
];

/// The same with Pillow's bicubic filter.
pub const GOLDEN_BICUBIC: &[(&str, &str, u32)] = &[
    ("chelsea.png", "chelsea_bicubic235", 235),
    ("chelsea.png", "chelsea_bicubic256", 256),
    ("coffee.png", "coffee_bicubic256", 256),
    ("rocket.png", "rocket_bicubic235", 235),
];

/// A golden tensor: little-endian 32-bit floats, `[3, 224, 224]`.
pub fn golden_tensor(name: &str) -> Vec<f32> {
    let bytes = std::fs::read(data("tensors").join(format!("{name}.npy"))).expect("golden tensor");
    // NPY format 1.0: magic, version, the header's length, the header.
    let header = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let text = String::from_utf8_lossy(&bytes[10..header]);
    assert!(
        text.contains("'<f4'") && text.contains("(3, 224, 224)"),
        "{text}"
    );
    bytes[header..]
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect()
}
