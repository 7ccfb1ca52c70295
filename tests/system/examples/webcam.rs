// SPDX-License-Identifier: MPL-2.0
//! `examples/webcam.rs`, on a screen that nobody sees.

use std::io::BufRead;
use std::path::Path;
use std::process::{Command, Stdio};

use gst_video::prelude::*;
use gstresnet50::meta::classification_of;

use super::fail;
use super::pipeline::look;
use support::example::{self, Running};
use support::source;

#[test]
fn webcam_without_a_video() {
    let mut command = example::command("webcam");
    command.args(["--sink", "fakesink"]);
    let text = fail(command.args(["--file", "/nowhere/clip.webm"]));
    assert!(text.contains("/nowhere/clip.webm: "), "{text}");
    let mut command = example::command("webcam");
    command.args(["--sink", "fakesink"]);
    let text = fail(command.args(["--device", "/dev/nowhere"]));
    assert!(text.contains("/dev/nowhere"), "{text}");
    let name = |f: std::io::Result<std::fs::DirEntry>| f.expect("a device").file_name();
    let mut devices = std::fs::read_dir("/dev").expect("devices").map(name);
    if devices.any(|d| d.to_string_lossy().starts_with("video")) {
        eprintln!("in part skipped: this machine may have a camera");
        return;
    }
    let mut command = example::command("webcam");
    let text = fail(command.args(["--sink", "fakesink"]));
    assert!(
        text.contains("no camera") && text.contains("--device"),
        "{text}"
    );
}

/// A screen of this size that nobody sees.
struct Screen {
    _server: Running,
    name: String,
}

impl Screen {
    fn new() -> Self {
        let server = Command::new("Xvfb")
            // It looks for a free number and tells it.
            .args(["-displayfd", "1", "-screen", "0", "640x480x24"])
            .args(["-nolisten", "tcp", "-noreset"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut server =
            Running(server.expect("Xvfb: install Debian's xvfb (`cargo xtask setup` does)"));
        let output = server.0.stdout.take().expect("its output");
        let mut number = String::new();
        std::io::BufReader::new(output)
            .read_line(&mut number)
            .expect("a number");
        Self {
            _server: server,
            name: format!(":{}", number.trim()),
        }
    }

    /// Looks at the screen again and again until the function has seen enough.
    fn watch(&self, rest: &str, mut enough: impl FnMut(&gst::Sample) -> bool) {
        let begun = std::time::Instant::now();
        let line = format!(
            "ximagesrc display-name={} use-damage=false show-pointer=false ! \
             video/x-raw,framerate=5/1 ! videoconvert ! {rest} ! appsink name=out sync=false",
            self.name
        );
        look(&line, |sample| {
            assert!(begun.elapsed() < example::TIMEOUT, "it never came");
            enough(sample)
        });
    }
}

/// The example in a window that is as large as the screen.
fn window(screen: &Screen, arguments: &[&str]) -> Running {
    let mut command = example::command("webcam");
    command
        .args(arguments)
        .args(["--sink", "ximagesink"])
        .env("DISPLAY", &screen.name);
    Running(command.spawn().expect("the example starts"))
}

fn pixels(sample: &gst::Sample) -> Vec<[u8; 3]> {
    let caps = sample.caps().expect("caps");
    let info = gst_video::VideoInfo::from_caps(caps).expect("video");
    let buffer = sample.buffer().expect("a buffer");
    let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, &info);
    let frame = frame.expect("a frame");
    let stride = frame.plane_stride()[0] as usize;
    let plane = frame.plane_data(0).expect("a plane");
    let rows = plane.chunks(stride).take(info.height() as usize);
    rows.flat_map(|r| r[..3 * info.width() as usize].chunks_exact(3))
        .map(|p| [p[0], p[1], p[2]])
        .collect()
}

/// The window shows the test picture, untouched but for the overlay.
#[test]
fn webcam_draws_the_overlay() {
    let mut plain = Vec::new();
    let line = "videotestsrc num-buffers=1 ! video/x-raw,width=640,height=480 ! \
                videoconvert ! video/x-raw,format=RGB ! appsink name=out";
    look(line, |sample| {
        plain = pixels(sample);
        true
    });
    let screen = Screen::new();
    let mut example = window(&screen, &["--test"]);
    screen.watch("video/x-raw,format=RGB", |sample| {
        assert!(example.0.try_wait().expect("a child").is_none(), "it ended");
        let shown = pixels(sample);
        // Away from the edges of the colours, where formats differ, and from the lower third,
        // where there is snow that is new in each frame.
        let flat: Vec<_> = (2..640 * 320)
            .filter(|&i| (i - 2..=i + 2).all(|near| plain[near] == plain[i]))
            .collect();
        let is_off = |i: usize| {
            plain[i]
                .iter()
                .zip(shown[i])
                .any(|(a, b)| a.abs_diff(b) > 8)
        };
        let off = flat.iter().filter(|&&i| is_off(i)).count();
        // Before the window is there, everything is off.
        (flat.len() / 200..flat.len() / 2).contains(&off)
    });
}

/// To close the window is how to end the program.
#[test]
fn webcam_ends_with_its_window() {
    let screen = Screen::new();
    let mut example = window(&screen, &["--test"]);
    screen.watch("video/x-raw,format=RGB", |sample| {
        assert!(example.0.try_wait().expect("a child").is_none(), "it ended");
        pixels(sample).iter().any(|p| *p != [0; 3])
    });
    let mut command = example::python();
    command
        .arg(source("tests/python/close_windows.py"))
        .env("DISPLAY", &screen.name);
    assert!(command.status().expect("Python runs").success());
    example::finish(&mut example.0);
}

/// The window shows the demo clip: what is on the screen is classified as what the clip shows.
/// Once it shows the espresso, with the label on it, the screen is kept as a picture.
#[test]
fn webcam_shows_a_video() {
    let screen = Screen::new();
    let clip = source("demo/clip.webm");
    let mut example = window(&screen, &["--file", clip.to_str().expect("UTF-8")]);
    let mut shots = 0;
    screen.watch(
        "video/x-raw,format=RGB ! resnet50 model=builtin:efficientnet-lite0 mode=exact",
        |sample| {
            let class = classification_of(sample.buffer().expect("a buffer"));
            let class = class.and_then(|c| c.top().cloned());
            if class.is_some_and(|c| &*c.label == "espresso") {
                shots += 1;
            } else {
                assert!(example.0.try_wait().expect("a child").is_none(), "it ended");
            }
            if shots < 5 {
                return false;
            }
            let shown: Vec<u8> = pixels(sample).into_iter().flatten().collect();
            let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("webcam.png");
            let picture = image::RgbImage::from_raw(640, 480, shown).expect("its size");
            picture.save(&file).expect("it can be written");
            true
        },
    );
}
