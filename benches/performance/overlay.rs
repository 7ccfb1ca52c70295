// SPDX-License-Identifier: MPL-2.0
//! The overlay: what drawing an unchanged result costs a frame, against GStreamer's textoverlay
//! with as many lines.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gst::prelude::*;
use gst_video::{VideoFormat, VideoInfo};
use gstresnet50::meta::{self, Class, Classification};
use gstresnet50::sync::Mutex;

use super::fixtures::{frame, median, milliseconds};
use super::goal::Goal;
use super::{Result, announce, count};

/// Format, size, and how opaque the frames are that can be seen through.
const CASES: &[(VideoFormat, u32, u32, u8)] = &[
    (VideoFormat::Nv12, 1920, 1080, OPAQUE),
    (VideoFormat::I420, 1920, 1080, OPAQUE),
    (VideoFormat::Bgrx, 1920, 1080, OPAQUE),
    (VideoFormat::Bgra, 1920, 1080, OPAQUE),
    (VideoFormat::Rgba, 1920, 1080, OPAQUE),
    (VideoFormat::Rgba, 1920, 1080, 128),
    (VideoFormat::Ayuv, 1920, 1080, OPAQUE),
    (VideoFormat::A420, 1920, 1080, OPAQUE),
    (VideoFormat::A420, 1920, 1080, 128),
    (VideoFormat::P01010le, 1920, 1080, OPAQUE),
    (VideoFormat::I42010le, 1920, 1080, OPAQUE),
    (VideoFormat::I42210le, 1920, 1080, OPAQUE),
    (VideoFormat::Y44412le, 1920, 1080, OPAQUE),
    (VideoFormat::Gray16Le, 1920, 1080, OPAQUE),
    (VideoFormat::V210, 1920, 1080, OPAQUE),
    (VideoFormat::Nv12, 640, 480, OPAQUE),
    (VideoFormat::Nv12, 3840, 2160, OPAQUE),
];

const OPAQUE: u8 = u8::MAX;

/// Milliseconds that a frame of 1080p is to take less than.
const GOAL: f64 = 1.0;

/// Frames of each contestant in one round.
const FRAMES: u32 = 40;

const LABELS: [&str; 5] = [
    "espresso",
    "coffee mug",
    "cup",
    "consomme",
    "chocolate sauce",
];

pub fn measure(rounds: u32) -> Result<String> {
    let mut table = String::from("## Overlay\n\n");
    writeln!(
        table,
        "Goal: under {GOAL} ms a 1080p frame.\n\nOne frame through `resnet50overlay`, which draws five classes with their bars into it, the same ones on each frame; and, in turn with it, through `identity`, which does nothing, and through GStreamer's `textoverlay` with the same five lines at the same size. Times are medians of {} of {FRAMES} frames. Ratio: textoverlay over resnet50overlay, above 1 this one is faster; a dash where textoverlay does not take the format.\n",
        count(rounds as usize, "round")
    )?;
    writeln!(
        table,
        "| frame | ms a frame | goal | identity, ms | textoverlay, ms | textoverlay / resnet50overlay |\n|---|---|---|---|---|---|"
    )?;
    for (format, width, height, alpha) in CASES {
        announce(&format!("overlay: {format} {width}x{height}"));
        let info = VideoInfo::builder(*format, *width, *height).build()?;
        let (ours, nothing, theirs) = case(&info, *alpha, rounds)?;
        writeln!(
            table,
            "| {format} {width}x{height}{} | {:.3} | {} | {:.3} | {} |",
            if *alpha == OPAQUE {
                ""
            } else {
                ", half transparent"
            },
            milliseconds(ours),
            match (width, height) {
                (1920, 1080) => Goal::Under(GOAL).verdict(milliseconds(ours)),
                _ => "–",
            },
            milliseconds(nothing),
            theirs.map_or("– | –".to_owned(), |theirs| format!(
                "{:.3} | {:.2}",
                milliseconds(theirs),
                theirs.as_secs_f64() / ours.as_secs_f64()
            )),
        )?;
    }
    Ok(table)
}

/// The time of a frame: with the overlay, with nothing, with textoverlay where it takes the format.
fn case(
    info: &VideoInfo,
    alpha: u8,
    rounds: u32,
) -> Result<(Duration, Duration, Option<Duration>)> {
    let ours = gst::ElementFactory::make("resnet50overlay").build()?;
    let nothing = gst::ElementFactory::make("identity").build()?;
    let theirs = gst::ElementFactory::make("textoverlay")
        .property("text", LABELS.join("\n"))
        .property("font-desc", "Sans 26")
        .property("shaded-background", true)
        .property_from_str("halignment", "left")
        .property_from_str("valignment", "top")
        .build()?;
    let mut loops = vec![
        FrameLoop::new(&ours, "sink", info, alpha)?,
        FrameLoop::new(&nothing, "sink", info, alpha)?,
    ];
    let theirs = FrameLoop::new(&theirs, "video_sink", info, alpha)?;
    // Its template has formats that it only passes on, so that the first frame has to tell.
    if theirs.push().is_ok() {
        loops.push(theirs);
    }
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); loops.len()];
    for round in 0..=rounds {
        for (frames, times) in loops.iter().zip(&mut times) {
            let mut time = Duration::ZERO;
            for _ in 0..FRAMES {
                // What was drawn before is opaque.
                if alpha != OPAQUE {
                    frames.set_alpha(alpha)?;
                }
                let begun = Instant::now();
                frames.push()?;
                time += begun.elapsed();
            }
            // The first round draws what the others use.
            if round > 0 {
                times.push(time / FRAMES);
            }
        }
    }
    let median = |index: usize| times.get(index).map(|times| median(&mut times.clone()));
    let all = median(0).zip(median(1)).ok_or("both were measured")?;
    Ok((all.0, all.1, median(2)))
}

/// An element between two pads, with a frame that goes round.
struct FrameLoop {
    element: gst::Element,
    src: gst::Pad,
    /// Keeps what the element pushes to.
    _sink: gst::Pad,
    frame: Arc<Mutex<Option<gst::Buffer>>>,
    info: VideoInfo,
}

impl FrameLoop {
    fn new(element: &gst::Element, input: &str, info: &VideoInfo, alpha: u8) -> Result<Self> {
        let mut buffer = frame(info);
        meta::attach(buffer.make_mut(), &classification());
        let frame = Arc::new(Mutex::new(Some(buffer)));
        let back = Arc::clone(&frame);
        // Without a template a pad would take no other caps than its first.
        let (direction, any) = (gst::PadDirection::Sink, gst::Caps::new_any());
        let template = gst::PadTemplate::new("sink", direction, gst::PadPresence::Always, &any)?;
        let sink = gst::Pad::builder_from_template(&template)
            .chain_function(move |_, _, buffer| {
                *back.lock() = Some(buffer);
                Ok(gst::FlowSuccess::Ok)
            })
            .build();
        let src = gst::Pad::builder(gst::PadDirection::Src).build();
        let pad = |name| {
            element
                .static_pad(name)
                .ok_or("the element has no such pad")
        };
        src.link(&pad(input)?)?;
        pad("src")?.link(&sink)?;
        sink.set_active(true)?;
        element.set_state(gst::State::Playing)?;
        src.set_active(true)?;
        let segment = gst::FormattedSegment::<gst::ClockTime>::new();
        for event in [
            gst::event::StreamStart::new("bench"),
            gst::event::Caps::new(&info.to_caps()?),
            gst::event::Segment::new(&segment),
        ] {
            src.push_event(event);
        }
        let frames = Self {
            element: element.clone(),
            src,
            _sink: sink,
            frame,
            info: info.clone(),
        };
        frames.set_alpha(alpha)?;
        Ok(frames)
    }

    /// Makes the frame as opaque as that, where it has an alpha.
    fn set_alpha(&self, value: u8) -> Result<()> {
        let format = self.info.format_info();
        let (Some(step), Some(plane)) = (format.pixel_stride().get(3), format.plane().get(3))
        else {
            return Ok(());
        };
        let first = self.info.offset()[*plane as usize] + format.poffset()[3] as usize;
        let mut frame = self.frame.lock();
        let frame = frame.as_mut().ok_or("the frame has not come out")?;
        let mut data = frame.make_mut().map_writable()?;
        for alpha in data[first..].iter_mut().step_by(*step as usize) {
            *alpha = value;
        }
        Ok(())
    }

    fn push(&self) -> Result<()> {
        let frame = self.frame.lock().take();
        let mut frame = frame.ok_or("the frame has not come out")?;
        frame.make_mut().set_pts(gst::ClockTime::ZERO);
        self.src.push(frame)?;
        Ok(())
    }
}

impl Drop for FrameLoop {
    fn drop(&mut self) {
        let _ = self.src.set_active(false);
        let _ = self.element.set_state(gst::State::Null);
    }
}

fn classification() -> Classification {
    let class = |(index, label): (usize, &&str)| Class {
        index: index as i32,
        label: (*label).into(),
        confidence: 0.5 / (index + 1) as f32,
    };
    Classification {
        element: "classify".into(),
        model: "bench".into(),
        provider: "cpu".into(),
        fresh: true,
        age: Some(gst::ClockTime::ZERO),
        inference_time: gst::ClockTime::ZERO,
        results: LABELS.iter().enumerate().map(class).collect(),
        groups: Vec::new(),
        decision: None,
    }
}
