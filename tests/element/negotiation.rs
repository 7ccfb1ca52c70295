// SPDX-License-Identifier: MPL-2.0
//! What caps the elements take, and what they say of those that they do not.

use gst::prelude::*;
use gst_app::AppSrc;
use gstresnet50::meta::classification_of;

use super::color;
use support::element::*;
use support::harness::{play, through};
use support::onnx::Net;

/// A model that tells red, green and blue apart, with the folder that it lies in.
fn model() -> (tempfile::TempDir, String) {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let model = Net::color().write(folder.path(), "color.onnx");
    let model = text(&model).to_owned();
    (folder, model)
}

/// What became of three buffers of these caps in a pipeline: the errors of `name`, all others, and
/// how many frames came out.
struct Outcome {
    own: Vec<glib::Error>,
    others: usize,
    frames: usize,
}

fn run(line: &str, caps: &str, data: &[u8]) -> Outcome {
    let line = format!("appsrc name=a format=time ! {line} ! appsink name=s sync=false");
    let pipeline = gst::parse::launch(&line).unwrap_or_else(|e| panic!("{line}: {e}"));
    let pipeline = pipeline.downcast::<gst::Pipeline>().expect("a pipeline");
    let source = pipeline.by_name("a").and_downcast::<AppSrc>().expect("it");
    let sink = pipeline.by_name("s").and_downcast::<gst_app::AppSink>();
    source.set_caps(Some(
        &caps.parse().unwrap_or_else(|e| panic!("{caps}: {e}")),
    ));
    let bus = pipeline.bus().expect("a bus");
    pipeline.set_state(gst::State::Playing).expect("it plays");
    for i in 0..3u64 {
        let mut buffer = gst::Buffer::from_slice(data.to_vec());
        buffer
            .make_mut()
            .set_pts(gst::ClockTime::from_mseconds(40 * i));
        // Refused where the stream has ended already.
        let _ = source.push_buffer(buffer);
    }
    let _ = source.end_of_stream();
    let sink = sink.expect("a sink");
    let mut outcome = Outcome {
        own: Vec::new(),
        others: 0,
        frames: 0,
    };
    let names = ["r", "o", "j"];
    loop {
        while sink.try_pull_sample(gst::ClockTime::ZERO).is_some() {
            outcome.frames += 1;
        }
        let message = bus.timed_pop_filtered(
            gst::ClockTime::from_mseconds(20),
            &[gst::MessageType::Error, gst::MessageType::Eos],
        );
        let Some(message) = message else { continue };
        let gst::MessageView::Error(error) = message.view() else {
            break;
        };
        match error
            .src()
            .is_some_and(|s| names.contains(&s.name().as_str()))
        {
            true => outcome.own.push(error.error()),
            // The source goes last.
            false => {
                outcome.others += 1;
                break;
            }
        }
    }
    pipeline.set_state(gst::State::Null).expect("it stops");
    outcome
}

/// The three elements, and what is needed of them.
fn lines(model: &str) -> [String; 3] {
    [
        format!("resnet50 name=r threads=1 mode=exact model={model}"),
        "resnet50overlay name=o".into(),
        "resnet50json name=j include-unclassified=true".into(),
    ]
}

/// Caps with all fields that video may have, or without a frame rate: as `videoconvert` takes
/// them. Behind an element that takes any, and behind one that wants a frame rate.
#[test]
fn caps_without_a_frame_rate() {
    let (_folder, model) = model();
    for fields in [
        "",
        "framerate=0/1",
        "framerate=0/1, max-framerate=30/1",
        "framerate=25/1, multiview-mode=mono, multiview-flags=0:ffffffff:/none",
        "multiview-mode=side-by-side, views=1",
        "interlace-mode=interleaved, field-order=bottom-field-first",
        "interlace-mode=mixed, chroma-site=mpeg2",
        "pixel-aspect-ratio=4/3, colorimetry=1:1:0:0",
    ] {
        let caps = format!("video/x-raw, format=RGB, width=32, height=32, {fields}");
        let caps = caps.trim_end_matches(", ");
        for line in lines(&model) {
            for behind in ["", " ! videoconvert"] {
                if line.contains("json") && !behind.is_empty() {
                    continue;
                }
                let outcome = run(&format!("{line}{behind}"), caps, &[200; 32 * 96]);
                assert!(outcome.own.is_empty(), "{caps}: {line}: {:?}", outcome.own);
                assert_eq!(
                    (outcome.others, outcome.frames),
                    (0, 3),
                    "{caps}: {line}{behind}"
                );
            }
        }
        let all = lines(&model).join(" ! ");
        let outcome = run(&all, caps, &[200; 32 * 96]);
        assert_eq!((outcome.others, outcome.frames), (0, 3), "{caps}: {all}");
    }
}

/// Where the elements do not take the caps, or what is behind them does not, there is exactly one
/// error of theirs, which names the caps and what to put where.
#[test]
fn an_error_names_the_caps_that_are_refused() {
    let (_folder, model) = model();
    let size = "width=32, height=32, framerate=25/1";
    for (caps, words, takes_json) in [
        (
            "video/x-raw(memory:GLMemory), format=RGBA",
            "Put gldownload before",
            true,
        ),
        (
            "video/x-raw(memory:CUDAMemory), format=NV12",
            "Put cudadownload before",
            true,
        ),
        (
            "video/x-raw(memory:NVMM), format=NV12",
            "Put nvvideoconvert",
            true,
        ),
        (
            "video/x-raw(memory:Unheard), format=NV12",
            "memory:Unheard",
            true,
        ),
        (
            "video/x-raw(meta:Unheard), format=RGB",
            "without meta:Unheard",
            true,
        ),
        (
            "video/x-raw, format=UNHEARD",
            "Put videoconvert before",
            true,
        ),
        (
            "video/x-h264, stream-format=byte-stream",
            "Put decodebin before",
            false,
        ),
        ("audio/x-raw, format=S16LE", "found audio/x-raw", false),
    ] {
        let caps = format!("{caps}, {size}");
        for line in lines(&model) {
            if line.contains("json") && takes_json {
                continue;
            }
            let outcome = run(&line, &caps, &[1; 64]);
            assert_eq!(outcome.own.len(), 1, "{line}: {caps}: {:?}", outcome.own);
            let error = &outcome.own[0];
            assert!(error.matches(gst::CoreError::Negotiation), "{error}");
            let start: String = caps.chars().take_while(|c| *c != ',').collect();
            assert!(error.message().contains(&start), "{error}");
            assert!(error.message().contains(words), "{error}");
        }
    }
    let large = "video/x-raw, format=RGBA, width=2147483647, height=2147483647, framerate=1/1";
    let behind = "capsfilter name=narrow caps=video/x-raw,format=GRAY8";
    for line in &lines(&model)[..2] {
        let outcome = run(line, large, &[1; 64]);
        assert_eq!(outcome.own.len(), 1, "{line}: {:?}", outcome.own);
        assert!(outcome.own[0].message().contains("width=(int)2147483647"));
        let outcome = run(
            &format!("{line} ! {behind}"),
            &format!("video/x-raw, format=RGB, {size}"),
            &[1; 32 * 96],
        );
        assert_eq!(outcome.own.len(), 1, "{line}: {:?}", outcome.own);
        let text = outcome.own[0].message().to_owned();
        assert!(text.contains("by narrow behind this element"), "{text}");
        assert!(text.contains("format=(string)RGB"), "{text}");
    }
}

/// Other caps in the midst of a stream that are not taken are told of as well, each time that they
/// come after others.
#[test]
fn caps_that_are_refused_later() {
    let (element, _folder) = color();
    let info = rgb(8, 6);
    let (mut harness, bus) = play(&element, &info);
    let wrong: gst::Caps =
        "video/x-raw(memory:GLMemory), format=RGBA, width=8, height=6, framerate=1/1"
            .parse()
            .expect("caps");
    for _ in 0..2 {
        assert!(classification(&through(&mut harness, plain(&info, RED))).fresh);
        for _ in 0..3 {
            harness.push_event(gst::event::Caps::new(&wrong));
        }
        assert_eq!(errors(&bus, &element).len(), 1);
        assert!(harness.push_event(gst::event::Caps::new(&caps(&info))));
    }
}

/// Of buffers that hold single fields, as `interlace-mode` says, the first field is the picture.
#[test]
fn single_fields() {
    let (element, _folder) = color();
    let (width, height) = (8, 10);
    let field = rgb(width, height / 2);
    for (caps, fields) in [
        (
            "video/x-raw(format:Interlaced), interlace-mode=alternate, field-order=top-field-first",
            1,
        ),
        ("video/x-raw, interlace-mode=fields", 2),
    ] {
        let (mut harness, bus) = play(&element, &rgb(8, 6));
        let caps: gst::Caps = format!(
            "{caps}, format=RGB, width={width}, height={height}, framerate=25/1, \
             pixel-aspect-ratio=1/1"
        )
        .parse()
        .expect("caps");
        assert!(harness.push_event(gst::event::Caps::new(&caps)));
        for (color, class) in [(RED, 0), (BLUE, 2)] {
            let mut buffer = gst::Buffer::new();
            let b = buffer.make_mut();
            // The other field is another picture.
            for color in [color, GREEN].into_iter().take(fields) {
                let memory = plain(&field, color);
                b.append_memory(memory.memory(0).expect("one"));
            }
            // The bindings cannot number them, so that there is only the first one's.
            let meta = gst_video::VideoMeta::add_full(
                b,
                gst_video::VideoFrameFlags::empty(),
                field.format(),
                width,
                height / 2,
                field.offset(),
                field.stride(),
            );
            meta.expect("a meta");
            let out = through(&mut harness, buffer);
            assert_eq!(top(&out), class, "{caps}");
        }
        assert!(errors(&bus, &element).is_empty());
    }
    assert!(classification_of(&gst::Buffer::new()).is_none());
}
