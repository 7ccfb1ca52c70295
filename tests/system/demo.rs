// SPDX-License-Identifier: MPL-2.0
//! The demo's annotated video, as `cargo xtask demo` lets the program make it: at the times that
//! `demo/README.md` gives, its pictures show the labels that stand there, as `resnet50overlay` draws
//! them, and the lines of `resnet50json` say them.
//!
//! What a picture shows is found without reading: the overlay draws each label that could be meant
//! on the source's frame, with the confidences of the same run, and the label is the one whose
//! drawing is like what came out of the encoder.
use std::ops::Range;
use std::path::{Path, PathBuf};

use gst::prelude::*;
use gst_check::Harness;
use gst_video::prelude::*;
use gstresnet50::inference::BUILTIN;
use gstresnet50::meta::{Class, Classification, attach};
use serde_json::Value;
use support::element::TIMEOUT;
use support::{lines, program, source};

const CLIP: &str = "demo/clip.webm";

/// How like its drawing a label has to be: 1 is the same, VP8 takes away a little.
const ALIKE: f64 = 0.95;

/// By how much any other has to be less like it.
const MARGIN: f64 = 0.3;

/// A part of the clip that shows one thing.
#[derive(Debug)]
struct Shot {
    /// In seconds.
    time: Range<f64>,
    frames: Range<usize>,
    index: i64,
    label: String,
}

/// The table of `demo/README.md`.
fn shots() -> Vec<Shot> {
    let text = std::fs::read_to_string(source("demo/README.md")).expect("the demo's README");
    let rows = text.lines().skip_while(|l| !l.starts_with("| time |"));
    rows.skip(2)
        .take_while(|l| l.starts_with('|'))
        .map(|row| shot(row).unwrap_or_else(|| panic!("not a row of the table: {row}")))
        .collect()
}

/// `| 0.0 to 3.6 s | 0 to 89 | photograph | label (index) |`
fn shot(row: &str) -> Option<Shot> {
    let cells: Vec<_> = row.split('|').map(str::trim).collect();
    let &["", time, frames, _, class, ""] = &*cells else {
        return None;
    };
    let (begin, end) = time.strip_suffix(" s")?.split_once(" to ")?;
    let (first, last) = frames.split_once(" to ")?;
    let (label, index) = class.strip_suffix(')')?.rsplit_once(" (")?;
    Some(Shot {
        time: begin.parse().ok()?..end.parse().ok()?,
        frames: first.parse().ok()?..last.parse::<usize>().ok()? + 1,
        index: index.parse().ok()?,
        label: label.into(),
    })
}

/// What a run of the program leaves.
struct Run {
    annotated: PathBuf,
    answers: Vec<Value>,
}

/// What `cargo xtask demo` runs, and more arguments.
fn run(folder: &Path, more: &[&str]) -> Run {
    let (annotated, answers) = (folder.join("annotated.webm"), folder.join("answers.jsonl"));
    let mut command = program::command(folder, &["classify"]);
    // ONNX Runtime is in the user's own folder.
    command.env_remove("XDG_DATA_HOME");
    if let Some(home) = std::env::var_os("HOME") {
        command.env("HOME", home);
    }
    if let Some(data) = std::env::var_os("XDG_DATA_HOME") {
        command.env("XDG_DATA_HOME", data);
    }
    let output = command
        .arg(source(CLIP))
        .args(["--model", BUILTIN])
        .arg("--json")
        .arg(&answers)
        .arg("--annotate")
        .arg(&annotated)
        .args(more)
        // GStreamer says which elements are made.
        .env("GST_DEBUG", "GST_ELEMENT_FACTORY:4")
        .env("GST_DEBUG_NO_COLOR", "1")
        .env_remove("GST_DEBUG_FILE")
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{output:?}");
    let text = program::stderr(&output);
    for element in ["resnet50json", "resnet50overlay"] {
        let made = format!("creating element \"{element}\"");
        assert!(text.contains(&made), "no {element} in:\n{text}");
    }
    Run {
        annotated,
        answers: lines::parse(&std::fs::read(answers).expect("the answers")),
    }
}

/// A video, frame by frame.
struct Video {
    pipeline: gst::Pipeline,
    frames: gst_app::AppSink,
}

impl Video {
    fn open(file: &Path) -> Self {
        support::init();
        let uri = glib::filename_to_uri(file, None).expect("a URI");
        let line = format!(
            "uridecodebin uri={uri} ! videoconvert ! video/x-raw,format=I420 ! \
             appsink name=frames sync=false max-buffers=4"
        );
        let pipeline = gst::parse::launch(&line).expect(&line);
        let pipeline: gst::Pipeline = pipeline.downcast().expect("a pipeline");
        let frames = pipeline.by_name("frames").expect("it is named");
        let video = Self {
            frames: frames.downcast().expect("an appsink"),
            pipeline,
        };
        video.pipeline.set_state(gst::State::Playing).expect(&line);
        video
    }

    /// The next frame; none at the end, which must be a good one.
    fn next(&self) -> Option<gst::Sample> {
        let sample = self.frames.try_pull_sample(TIMEOUT);
        let bus = self.pipeline.bus().expect("a bus");
        let error = bus.pop_filtered(&[gst::MessageType::Error]);
        assert!(error.is_none(), "{error:?}");
        assert!(sample.is_some() || self.frames.is_eos(), "no frame comes");
        sample
    }
}

impl Drop for Video {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// The brightness of each pixel.
fn luma(sample: &gst::Sample) -> Vec<u8> {
    let info = sample.caps().map(gst_video::VideoInfo::from_caps);
    let info = info.expect("caps").expect("video");
    let buffer = sample.buffer().expect("a buffer");
    let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, &info);
    let frame = frame.expect("a frame");
    let stride = frame.plane_stride()[0] as usize;
    let plane = frame.plane_data(0).expect("a plane");
    let rows = plane.chunks(stride).take(info.height() as usize);
    rows.flat_map(|r| &r[..info.width() as usize])
        .copied()
        .collect()
}

/// The program's overlay, which draws one label wherever the network was surest.
struct Drawing<'a> {
    label: &'a str,
    harness: Harness,
}

impl<'a> Drawing<'a> {
    fn new(label: &'a str, caps: &gst::CapsRef) -> Self {
        let element = gst::ElementFactory::make("resnet50overlay")
            .property("max-labels", 3u32)
            .build()
            .expect("the element");
        let mut harness = Harness::with_element(&element, Some("sink"), Some("src"));
        harness.set_src_caps(caps.to_owned());
        Self { label, harness }
    }

    /// A frame of the source with an answer drawn on it. (All frames have to come, for the overlay
    /// counts the answers of the last seconds.)
    fn draw(&mut self, frame: &gst::Sample, answer: &Value) -> Vec<u8> {
        let mut answer = classification(answer);
        if let Some(top) = answer.results.first_mut() {
            top.label = self.label.into();
        }
        let mut buffer = frame.buffer_owned().expect("a buffer");
        attach(buffer.make_mut(), &answer);
        let drawn = support::harness::through(&mut self.harness, buffer);
        let caps = frame.caps_owned().expect("caps");
        luma(&gst::Sample::builder().caps(&caps).buffer(&drawn).build())
    }
}

/// A line of JSON, as the metadata that it was made of.
fn classification(line: &Value) -> Classification {
    let text = |value: &Value| value.as_str().expect("a string").into();
    let time = |value: &Value| value.as_u64().map(gst::ClockTime::from_nseconds);
    let class = |class: &Value| Class {
        index: class["index"].as_i64().expect("an integer") as i32,
        label: text(&class["label"]),
        confidence: class["confidence"].as_f64().expect("a number") as f32,
    };
    let results = line["results"].as_array().expect("a list");
    Classification {
        element: "classify".into(),
        model: text(&line["model"]),
        provider: text(&line["provider"]),
        fresh: line["fresh"] == true,
        age: time(&line["age_ns"]),
        inference_time: time(&line["inference_ns"]).unwrap_or_default(),
        results: results.iter().map(class).collect(),
        groups: Vec::new(),
        decision: None,
    }
}

/// Where drawings differ by more than the encoder does.
fn differing(drawings: &[Vec<u8>]) -> Vec<usize> {
    let spread = |i: usize| {
        let values = drawings.iter().map(|d| d[i]);
        let (low, high) = (values.clone().min(), values.max());
        high.zip(low).map_or(0, |(high, low)| high - low)
    };
    (0..drawings[0].len()).filter(|&i| spread(i) > 24).collect()
}

/// Pearson's correlation of two pictures in these pixels.
fn correlation(a: &[u8], b: &[u8], pixels: &[usize]) -> f64 {
    let n = pixels.len() as f64;
    let mean = |p: &[u8]| pixels.iter().map(|&i| f64::from(p[i])).sum::<f64>() / n;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for &i in pixels {
        let (a, b) = (f64::from(a[i]) - mean_a, f64::from(b[i]) - mean_b);
        (ab, aa, bb) = (ab + a * b, aa + a * a, bb + b * b);
    }
    ab / (aa * bb).sqrt().max(f64::MIN_POSITIVE)
}

/// Whether the clip with labels on it shows the known ones at the known times, and these answers
/// say them. As many frames as the answers are for are looked at, all of them. One frame in twenty
/// of a shot may be answered otherwise, for the last digits depend on the processor.
fn check(annotated: &Path, answers: &[Value]) -> Result<(), String> {
    let shots = shots();
    let (original, annotated) = (Video::open(&source(CLIP)), Video::open(annotated));
    let mut drawings: Vec<Drawing<'_>> = Vec::new();
    let mut otherwise = vec![0; shots.len()];
    for (n, answer) in answers.iter().enumerate() {
        let shot = shots.iter().position(|s| s.frames.contains(&n));
        let shot = shot.ok_or(format!("the clip has no frame {n}"))?;
        let known = &shots[shot];
        let plain = original.next().ok_or(format!("the clip ends at {n}"))?;
        let shown = annotated.next();
        let shown = shown.ok_or(format!("the annotated video ends at frame {n}"))?;

        // A container of milliseconds rounds.
        for pts in [shown.buffer().and_then(|b| b.pts()), pts(answer)] {
            let seconds = pts.ok_or("no time")?.nseconds() as f64 / 1e9 + 0.001;
            if !known.time.contains(&seconds) {
                let time = &known.time;
                return Err(format!("frame {n} is at {seconds} s, not in {time:?}"));
            }
        }
        if drawings.is_empty() {
            let caps = plain.caps().ok_or("no caps")?;
            let labels = shots.iter().map(|s| &*s.label);
            drawings = labels.map(|label| Drawing::new(label, caps)).collect();
        }
        let pictures: Vec<_> = drawings
            .iter_mut()
            .map(|d| d.draw(&plain, answer))
            .collect();
        let top = &answer["results"][0];
        if top["label"] != *known.label || top["index"] != known.index {
            otherwise[shot] += 1;
            continue;
        }
        let pixels = differing(&pictures);
        let picture = luma(&shown);
        let like = |drawing: &[u8]| correlation(&picture, drawing, &pixels);
        let right = like(&pictures[shot]);
        let others = (0..shots.len()).filter(|i| *i != shot);
        let nearest = others
            .map(|i| (like(&pictures[i]), &*shots[i].label))
            .chain([(like(&luma(&plain)), "no label")])
            .max_by(|a, b| a.0.total_cmp(&b.0));
        let (near, name) = nearest.ok_or("there are several shots")?;
        if right < ALIKE || right < near + MARGIN {
            return Err(format!(
                "frame {n} is like “{}” by {right:.3}, and like “{name}” by {near:.3}",
                known.label
            ));
        }
    }
    if annotated.next().is_some() {
        return Err(format!("there is no answer for frame {}", answers.len()));
    }
    for (shot, otherwise) in shots.iter().zip(otherwise) {
        if otherwise * 20 > shot.frames.len() {
            return Err(format!("“{}” is not said {otherwise} times", shot.label));
        }
    }
    Ok(())
}

fn pts(answer: &Value) -> Option<gst::ClockTime> {
    answer["pts"].as_u64().map(gst::ClockTime::from_nseconds)
}

/// Every frame of the video shows the label of its time.
#[test]
fn shows_the_known_labels_at_the_known_times() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = run(folder.path(), &[]);
    let frames = shots().last().expect("shots").frames.end;
    assert_eq!(run.answers.len(), frames);
    check(&run.annotated, &run.answers).expect("the demo");
}

/// The comparison is one that fails: for a video with another label on its pictures, for one with
/// none, and for answers that say something else.
#[test]
fn tells_a_wrong_video() {
    let shots = shots();
    // Beyond the first cut.
    let frames = shots[0].frames.end + 10;
    let count = frames.to_string();
    let folder = tempfile::tempdir().expect("a folder");
    let right = run(folder.path(), &["--max-frames", &count]);
    check(&right.annotated, &right.answers).expect("the demo's beginning");

    let names = source("plugin-meta/imagenet-1k.txt");
    let names = std::fs::read_to_string(names).expect("the class names");
    let mut names: Vec<_> = names.lines().collect();
    names.swap(shots[0].index as usize, shots[1].index as usize);
    let folder = tempfile::tempdir().expect("a folder");
    let labels = folder.path().join("labels.txt");
    std::fs::write(&labels, names.join("\n")).expect("written");
    let labels = labels.to_str().expect("UTF-8");
    let swapped = run(folder.path(), &["--max-frames", &count, "--labels", labels]);
    let error = check(&swapped.annotated, &right.answers).expect_err("other labels");
    assert!(error.starts_with("frame 0 is like"), "{error}");
    let error = check(&right.annotated, &swapped.answers).expect_err("other answers");
    assert!(error.contains("is not said 90 times"), "{error}");
    let error = check(&source(CLIP), &right.answers).expect_err("no labels");
    assert!(error.starts_with("frame 0 is like"), "{error}");
}
