// SPDX-License-Identifier: MPL-2.0
//! `examples/record_events.rs`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use gst::ClockTime;
use gst::prelude::*;
use gstresnet50::meta::classification_of;

use super::pipeline::{Stopped, look};
use super::{fail, run};
use support::element::TIMEOUT;
use support::example::{self, Running};
use support::{init, source};

/// The frames of a clip: the time of each, and the class that is seen in it.
fn frames(file: &Path) -> Vec<(ClockTime, String)> {
    let uri = glib::filename_to_uri(file, None).expect("a URI");
    let mut frames = Vec::new();
    let line = format!(
        "uridecodebin uri={uri} ! resnet50 model=builtin:efficientnet-lite0 ! \
         appsink name=out sync=false"
    );
    look(&line, |sample| {
        let buffer = sample.buffer().expect("a buffer");
        let class = classification_of(buffer).expect("classified");
        let label = class.top().expect("a class").label.to_string();
        frames.push((buffer.pts().expect("a time"), label));
        false
    });
    frames
}

/// How long the demo clip is.
const END: ClockTime = ClockTime::from_mseconds(14_400);

/// What the demo clip shows from a time on.
const CUTS: [(u64, &str); 3] = [(3_600, "espresso"), (7_200, "moped"), (10_800, "missile")];

/// Runs the example on a video, and returns the names of the clips that it has made. It has
/// printed each, and left nothing else.
fn record(video: &Path, folder: &Path, properties: &str) -> Vec<String> {
    let more = [Path::new("--properties"), Path::new(properties)];
    let arguments = [&[video, Path::new("--folder"), folder], &more[..]].concat();
    let printed = run("record_events", &arguments);
    let path = |f: std::io::Result<std::fs::DirEntry>| f.expect("a file").path();
    let files = std::fs::read_dir(folder).expect("the folder");
    let mut files: Vec<_> = files.map(path).collect();
    files.sort();
    let mut lines: Vec<_> = printed.lines().map(PathBuf::from).collect();
    lines.sort();
    assert_eq!(lines, files);
    let name = |file: &PathBuf| file.file_name().and_then(|n| n.to_str()).map(str::to_owned);
    files.iter().map(|f| name(f).expect("UTF-8")).collect()
}

/// How the clip of a change is called.
fn clip_name((time, label): &(ClockTime, String)) -> String {
    let label = label.replace(' ', "-");
    format!("{time:.3}_{label}.webm").replace(':', "-")
}

/// A clip of the demo clip begins five seconds before its change or up to one group of pictures
/// (a second) earlier, and ends five seconds after it, as far as the video goes. It shows a cut,
/// which tells when it begins.
fn check_clip(file: &Path, change: ClockTime) {
    let name = file.display();
    let frames = frames(file);
    let (first, last) = (frames[0].0, frames.last().expect("frames").0);
    let length = last - first + ClockTime::from_mseconds(40);
    let cut = |(time, label): &(ClockTime, String)| {
        let seen = |c: &&(u64, &str)| c.1 == label && *label != frames[0].1;
        let cut = CUTS.iter().find(seen)?;
        Some(ClockTime::from_mseconds(cut.0) - (*time - first))
    };
    let start = frames.iter().find_map(cut).expect("a cut");
    let five = ClockTime::from_seconds(5);
    let wanted = change.saturating_sub(five);
    let earliest = wanted.saturating_sub(ClockTime::SECOND);
    assert!((earliest..=wanted).contains(&start), "{name}: {start}");
    let (end, wanted) = (start + length, END.min(change + five));
    // Less than a frame: the container counts in milliseconds.
    let off = end.max(wanted) - end.min(wanted);
    assert!(off < ClockTime::from_mseconds(40), "{name}: {end}");
}

/// Around each cut of the demo clip there is a clip, called by its time and label.
#[test]
fn record_events() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().join("clips");
    let names = record(&source("demo/clip.webm"), &folder, "");
    let changes = CUTS.map(|(ms, label)| (ClockTime::from_mseconds(ms), label.to_owned()));
    assert_eq!(names, changes.each_ref().map(clip_name));
    for change in &changes {
        check_clip(&folder.join(clip_name(change)), change.0);
    }
}

/// The changes of the element's decision, with these properties, as its buffers have them.
fn changes(video: &Path, properties: &str) -> Vec<(ClockTime, String)> {
    let uri = glib::filename_to_uri(video, None).expect("a URI");
    let line = format!(
        "uridecodebin uri={uri} ! resnet50 model=builtin:efficientnet-lite0 {properties} ! \
         appsink name=out sync=false"
    );
    let mut changes: Vec<(ClockTime, String)> = Vec::new();
    look(&line, |sample| {
        let buffer = sample.buffer().expect("a buffer");
        let decision = classification_of(buffer).and_then(|c| c.decision);
        let decision = decision.expect("a decision");
        if changes.last().is_none_or(|c| c.1 != decision.name()) {
            let time = buffer.pts().expect("a time");
            changes.push((time, decision.name().to_owned()));
        }
        false
    });
    // What is decided first is no change.
    changes.remove(0);
    changes
}

/// With a decision layer the clips are around the changes of the decision, which come later
/// than the cuts, be they for a class, for a group, or for nothing.
#[test]
fn record_events_follows_decisions() {
    let clip = source("demo/clip.webm");
    let sure = "smoothing=1000000000 enter-confidence=0.6 leave-confidence=0.4";
    let held = "groups=imagenet-groups smoothing=500000000 hold-time=4000000000";
    for (properties, labels) in [
        (sure, &["nothing", "espresso", "moped"][..]),
        (held, &["drink", "motorcycle"]),
    ] {
        let changes = changes(&clip, properties);
        for label in labels {
            assert!(changes.iter().any(|c| c.1 == *label), "{changes:?}");
        }
        if properties == held {
            let times = changes.windows(2).map(|c| c[1].0 - c[0].0);
            assert!(times.min() >= Some(ClockTime::from_seconds(4)));
        }
        let is_cut = |c: &&(ClockTime, String)| c.0.mseconds() % 3_600 < 40;
        assert_eq!(changes.iter().find(is_cut), None);

        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path().join("clips");
        let names = record(&clip, &folder, properties);
        let expected: Vec<_> = changes.iter().map(clip_name).collect();
        assert_eq!(names, expected, "{properties}");
        for change in &changes {
            check_clip(&folder.join(clip_name(change)), change.0);
        }
    }
}

/// A video that shows photographs for so many frames each, 25 a second.
fn write_video(file: &Path, (width, height): (u32, u32), parts: &[(&str, usize)]) {
    init();
    let line = &format!(
        "appsrc name=in format=time caps=video/x-raw,format=RGB,width={width},height={height},\
         framerate=25/1 ! videoconvert ! vp8enc deadline=1 cpu-used=8 \
         target-bitrate=2000000 ! webmmux ! filesink name=file"
    );
    let pipeline = gst::parse::launch(line).expect(line);
    let pipeline = Stopped(pipeline.downcast().expect("a pipeline"));
    let by_name = |name| pipeline.0.by_name(name).expect("it is named");
    by_name("file").set_property("location", file);
    let input = by_name("in").downcast::<gst_app::AppSrc>();
    let input = input.expect("an appsrc");
    pipeline.0.set_state(gst::State::Playing).expect(line);
    let frame = ClockTime::from_mseconds(40);
    let mut time = ClockTime::ZERO;
    for (name, count) in parts {
        let photo = support::photo(name);
        let filter = image::imageops::FilterType::Triangle;
        let photo = image::imageops::resize(&photo, width, height, filter).into_raw();
        for _ in 0..*count {
            let mut buffer = gst::Buffer::from_slice(photo.clone());
            let new = buffer.make_mut();
            new.set_pts(time);
            new.set_duration(frame);
            input.push_buffer(buffer).expect("it is taken");
            time += frame;
        }
    }
    input.end_of_stream().expect("it ends");
    let bus = pipeline.0.bus().expect("a bus");
    let wanted = [gst::MessageType::Eos, gst::MessageType::Error];
    let message = bus.timed_pop_filtered(TIMEOUT, &wanted);
    let message = message.expect("it comes to its end");
    assert_eq!(message.type_(), gst::MessageType::Eos, "{message:?}");
}

/// What flickers makes a clip each time, unless it is smoothed: then there is one, around the
/// change that lasts.
#[test]
fn record_events_of_a_flicker() {
    let folder = tempfile::tempdir().expect("a folder");
    let video = folder.path().join("flicker.webm");
    let (coffee, moped) = ("coffee.png", "motorcycle_left.png");
    let flicker = [(moped, 3), (coffee, 5)].repeat(3);
    write_video(
        &video,
        (320, 240),
        &[&[(coffee, 50)], &flicker[..], &[(moped, 50)]].concat(),
    );
    let plain = record(&video, &folder.path().join("plain"), "");
    assert_eq!(plain.len(), 7, "{plain:?}");
    let smooth = "smoothing=1000000000 enter-confidence=0.5 leave-confidence=0.2";
    let one = record(&video, &folder.path().join("smooth"), smooth);
    let changes = changes(&video, smooth);
    assert_eq!(one, changes.iter().map(clip_name).collect::<Vec<_>>());
    assert!(
        matches!(&*one, [name] if name.ends_with("_moped.webm")),
        "{one:?}"
    );
}

/// A change before the first frame has been encoded has its clip, too.
#[test]
fn record_events_from_the_first_frame() {
    let folder = tempfile::tempdir().expect("a folder");
    let video = folder.path().join("early.webm");
    // So large that the encoder is behind.
    let size = (3840, 2160);
    write_video(
        &video,
        size,
        &[("coffee.png", 1), ("motorcycle_left.png", 9)],
    );
    let names = record(&video, &folder.path().join("clips"), "");
    assert_eq!(names, ["0-00-00.040_moped.webm"]);
    let frames = frames(&folder.path().join("clips").join(&names[0]));
    assert_eq!(frames.len(), 10);
}

/// Files that are in the folder already stay as they are, whatever they are called, and the new
/// clips get names that are free.
#[test]
fn record_events_replaces_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let mine = [
        "0-00-03.600_espresso.webm",
        "0-00-03.600_espresso.webm.part",
    ];
    for name in mine {
        std::fs::write(folder.join(name), "mine").expect("written");
    }
    let clip = source("demo/clip.webm");
    let printed = run("record_events", &[&clip, Path::new("--folder"), folder]);
    let second = folder.join("0-00-03.600_espresso-2.webm");
    assert!(printed.lines().any(|l| Path::new(l) == second), "{printed}");
    check_clip(&second, ClockTime::from_mseconds(3_600));
    for name in mine {
        assert_eq!(std::fs::read(folder.join(name)).expect("there"), b"mine");
    }
    // Three clips, and what was there.
    assert_eq!(std::fs::read_dir(folder).expect("the folder").count(), 5);
}

/// Whoever ends it finds whole clips and nothing else.
#[test]
fn record_events_is_terminated() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let mut command = example::command("record_events");
    command
        .arg(source("demo/clip.webm"))
        .arg("--folder")
        .arg(folder);
    command.stdout(Stdio::null());
    let mut child = Running(command.spawn().expect("it runs"));
    let begun = std::time::Instant::now();
    while std::fs::read_dir(folder).expect("the folder").count() == 0 {
        assert!(begun.elapsed() < example::TIMEOUT, "there is no clip");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let id = child.0.id().to_string();
    let status = Command::new("kill").args(["-TERM", &id]).status();
    assert!(status.expect("kill").success());
    example::finish(&mut child.0);
    for file in std::fs::read_dir(folder).expect("the folder") {
        let file = file.expect("a file").path();
        assert!(file.extension().is_some_and(|e| e == "webm"), "{file:?}");
        assert!(!frames(&file).is_empty());
    }
}

/// The first error is told, with the input that it is of.
#[test]
fn record_events_of_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = example::command("record_events");
    let missing = "/nowhere/clip.webm";
    let text = fail(command.arg(missing).arg("--folder").arg(folder.path()));
    assert_eq!(text, format!("error: {missing}: Resource not found.\n"));
    let mut command = example::command("record_events");
    command.args(["rtsp://me:secret@127.0.0.1:1/camera?key=hidden", "--folder"]);
    let text = fail(command.arg(folder.path()));
    let begin = "error: rtsp://127.0.0.1:1/camera: ";
    assert!(text.starts_with(begin), "{text}");
    // It is not the input's fault if the model is missing.
    let mut command = example::command("record_events");
    command.arg(source("demo/clip.webm")).arg("--folder");
    command
        .arg(folder.path())
        .args(["--model", "/nowhere/model.onnx"]);
    let text = fail(&mut command);
    assert!(
        text.contains("/nowhere/model.onnx") && !text.contains("clip.webm"),
        "{text}"
    );
}
