// SPDX-License-Identifier: MPL-2.0
//! `classify --annotate`: which container, with the sound, into files and streams.
use std::path::Path;
use std::time::Duration;

use gst::prelude::*;
use gstresnet50::inference::BUILTIN;

use super::{classify, command, fail, names, succeed, text};
use support::{data, source};

/// A video with a tone, two seconds long.
fn with_sound(file: &Path, size: &str) {
    support::init();
    let line = format!(
        "webmmux name=mux ! filesink name=file \
         videotestsrc num-buffers=50 pattern=ball ! video/x-raw,{size},framerate=25/1 ! \
         vp8enc deadline=1 cpu-used=8 ! queue ! mux. \
         audiotestsrc samplesperbuffer=1600 num-buffers=60 ! \
         audio/x-raw,rate=48000,channels=2 ! vorbisenc ! queue ! mux."
    );
    let pipeline = gst::parse::launch(&line).expect(&line);
    let pipeline: gst::Pipeline = pipeline.downcast().expect("a pipeline");
    let sink = pipeline.by_name("file").expect("it is named");
    sink.set_property("location", file);
    run(&pipeline);
}

/// Plays to the end.
fn run(pipeline: &gst::Pipeline) {
    pipeline.set_state(gst::State::Playing).expect("it plays");
    let wanted = [gst::MessageType::Eos, gst::MessageType::Error];
    let bus = pipeline.bus().expect("a bus");
    let message = bus.timed_pop_filtered(gst::ClockTime::from_seconds(120), &wanted);
    let message = message.expect("it ends");
    assert_eq!(message.type_(), gst::MessageType::Eos, "{message:?}");
    pipeline.set_state(gst::State::Null).expect("it stops");
}

/// What is in a file: the encoded streams, and how many frames and how much time of each.
#[derive(Debug, Default, Clone)]
struct Found {
    container: &'static str,
    video: Option<(String, usize, gst::ClockTime)>,
    sound: Option<(String, usize, gst::ClockTime)>,
    is_loud: bool,
}

/// Reads a file to its end.
fn look(file: &Path) -> Found {
    use std::sync::{Arc, Mutex};
    support::init();
    let found: Arc<Mutex<Found>> = Arc::default();
    let line = "filesrc name=file ! parsebin name=parse";
    let pipeline = gst::parse::launch(line).expect(line);
    let pipeline: gst::Pipeline = pipeline.downcast().expect("a pipeline");
    let by_name = |name| pipeline.by_name(name).expect("it is named");
    by_name("file").set_property("location", file);
    by_name("parse").connect_pad_added({
        let (weak, found) = (pipeline.downgrade(), Arc::clone(&found));
        move |_, pad| {
            let pipeline = weak.upgrade().expect("it plays");
            // From GStreamer 1.24 on a pad may get its caps only later.
            let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
            let name = caps.structure(0).expect("one").name().to_string();
            let is_video = name.starts_with("video/");
            let sink = gst::ElementFactory::make("fakesink").property("sync", false);
            let sink = sink.build().expect("a sink");
            pipeline.add(&sink).expect("added");
            sink.sync_state_with_parent().expect("it plays");
            let into = sink.static_pad("sink").expect("a pad");
            let found = Arc::clone(&found);
            into.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
                let buffer = info.buffer().expect("a buffer");
                let end = buffer.pts().unwrap_or_default() + buffer.duration().unwrap_or_default();
                let mut found = found.lock().expect("alive");
                let stream = match is_video {
                    true => &mut found.video,
                    false => &mut found.sound,
                };
                let stream = stream.get_or_insert_with(|| (name.clone(), 0, end));
                stream.1 += 1;
                stream.2 = stream.2.max(end);
                gst::PadProbeReturn::Ok
            });
            pad.link(&into).expect("linked");
        }
    });
    run(&pipeline);
    let mut found = found.lock().expect("alive").clone();
    found.container = container(file);
    found.is_loud = found.sound.is_some() && is_loud(file);
    found
}

/// What the file's first bytes say that it is.
fn container(file: &Path) -> &'static str {
    let bytes = std::fs::read(file).expect("readable");
    let head = String::from_utf8_lossy(&bytes[..64]).into_owned();
    match (&bytes[4..8], &bytes[8..12]) {
        (b"ftyp", b"qt  ") => "QuickTime",
        (b"ftyp", _) => "MP4",
        _ if head.contains("matroska") => "Matroska",
        _ if head.contains("webm") => "WebM",
        _ => "something else",
    }
}

/// Whether there is more than silence.
fn is_loud(file: &Path) -> bool {
    let uri = glib::filename_to_uri(file, None).expect("a URI");
    let line = format!(
        "uridecodebin uri={uri} caps=audio/x-raw expose-all-streams=false ! audioconvert ! level ! fakesink"
    );
    let pipeline = gst::parse::launch(&line).expect(&line);
    pipeline.set_state(gst::State::Playing).expect("it plays");
    let bus = pipeline.bus().expect("a bus");
    let wanted = [
        gst::MessageType::Element,
        gst::MessageType::Eos,
        gst::MessageType::Error,
    ];
    let mut is_loud = false;
    let patience = gst::ClockTime::try_from(Duration::from_secs(120)).expect("short");
    while let Some(message) = bus.timed_pop_filtered(patience, &wanted)
        && message.type_() == gst::MessageType::Element
    {
        let structure = message.structure().expect("it has one");
        if let Ok(peaks) = structure.get::<glib::ValueArray>("peak") {
            is_loud |= peaks
                .iter()
                .any(|p| p.get::<f64>().is_ok_and(|p| p > -40.0));
        }
    }
    pipeline.set_state(gst::State::Null).expect("it stops");
    is_loud
}

/// Each ending has its container and its codecs; all frames are in it, and all of the sound.
#[test]
fn the_ending_says_the_container_and_the_sound_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let video = path("sound.webm");
    with_sound(&video, "width=320,height=240");
    for (name, container, codec, sound) in [
        ("a.mp4", "MP4", "video/x-h264", "audio/mpeg"),
        ("a.MOV", "QuickTime", "video/x-h264", "audio/mpeg"),
        ("a.mkv", "Matroska", "video/x-vp8", "audio/x-opus"),
        ("a.webm", "WebM", "video/x-vp8", "audio/x-opus"),
        ("a", "WebM", "video/x-vp8", "audio/x-opus"),
    ] {
        let out = path(name);
        let args = [
            "classify",
            text(&video),
            "--model",
            BUILTIN,
            "--annotate",
            text(&out),
        ];
        succeed(&mut command(&args));
        let found = look(&out);
        assert_eq!(found.container, container, "{name}");
        let (of_video, frames, _) = found.video.clone().expect("a video");
        assert_eq!((&*of_video, frames), (codec, 50), "{name}");
        let (of_sound, _, end) = found.sound.clone().expect("sound");
        assert_eq!(of_sound, sound, "{name}");
        assert!((1900..2200).contains(&end.mseconds()), "{name}: {end}");
        assert!(found.is_loud, "{name}");
    }
}

/// The sound ends with the video, where that is cut short.
#[test]
fn the_sound_ends_with_the_video() {
    let folder = tempfile::tempdir().expect("a folder");
    let (video, out) = (
        folder.path().join("sound.webm"),
        folder.path().join("a.mp4"),
    );
    with_sound(&video, "width=320,height=240");
    let args = [
        "classify",
        text(&video),
        "--model",
        BUILTIN,
        "--max-frames",
        "10",
    ];
    succeed(command(&args).arg("--annotate").arg(&out));
    let found = look(&out);
    assert_eq!(found.video.expect("a video").1, 10);
    let end = found.sound.expect("sound").2;
    assert!((300..600).contains(&end.mseconds()), "{end}");
}

/// A video without sound, a picture, odd sizes and large ones become an MP4.
#[test]
fn anything_becomes_an_mp4() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let out = path("a.mp4");
    let (odd, wide) = (path("odd.webm"), path("wide.webm"));
    with_sound(&odd, "width=321,height=241");
    with_sound(&wide, "width=5000,height=32");
    let inputs = [
        source("demo/clip.webm"),
        data("photos/coffee.png"),
        odd,
        wide,
    ];
    for input in inputs {
        let args = [
            "classify",
            text(&input),
            "--model",
            BUILTIN,
            "--max-frames",
            "5",
        ];
        succeed(command(&args).arg("--annotate").arg(&out));
        let found = look(&out);
        let (codec, frames, _) = found.video.expect("a video");
        let expected = if input.ends_with("coffee.png") { 1 } else { 5 };
        assert_eq!((&*codec, frames), ("video/x-h264", expected), "{input:?}");
    }
}

/// Into standard output and a FIFO the video goes as a stream, which is whole as well.
#[test]
fn into_a_stream() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let output = succeed(&mut classify(&["--annotate", "-"]));
    std::fs::write(path("out"), &output.stdout).expect("written");
    assert_eq!(look(&path("out")).video.expect("a video").1, 8);

    for (name, container) in [("f.mp4", "MP4"), ("f.webm", "WebM")] {
        let fifo = path(name);
        let made = std::process::Command::new("mkfifo").arg(&fifo).status();
        assert!(made.expect("mkfifo").success());
        let reader = std::thread::spawn({
            let fifo = fifo.clone();
            move || std::fs::read(fifo).expect("readable")
        });
        succeed(&mut classify(&["--annotate", text(&fifo)]));
        std::fs::write(path("out"), reader.join().expect("it ends")).expect("written");
        let found = look(&path("out"));
        assert_eq!(found.container, container);
        assert_eq!(found.video.expect("a video").1, 8);
    }
    assert_eq!(names(folder.path()), ["f.mp4", "f.webm", "out"]);
}

/// An ending that stands for something else is refused, and so are several inputs for one video.
#[test]
fn what_cannot_be_annotated() {
    let folder = tempfile::tempdir().expect("a folder");
    let avi = folder.path().join("a.avi");
    fail(
        &mut classify(&["--annotate", text(&avi)]),
        &["a.avi", ".mp4", ".webm"],
    );
    let mp4 = folder.path().join("a.mp4");
    let photo = data("photos/coffee.png");
    fail(
        &mut classify(&[text(&photo), "--annotate", text(&mp4)]),
        &["--annotate", "one input"],
    );
    assert!(names(folder.path()).is_empty());
}
