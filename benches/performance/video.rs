// SPDX-License-Identifier: MPL-2.0
//! The video that one core decodes: made of any other, and no easier to decode than a camera's.
//!
//! A clip that is enlarged and encoded again has smooth pictures that hardly move, and decoding
//! those costs next to nothing. So a window moves over the pictures, and noise as of a sensor lies
//! upon them: each frame has motion and detail everywhere, as many bits as a camera's has, and none
//! is the one before it.

use std::path::Path;

use gst::prelude::*;
use gst_video::prelude::*;
use gst_video::{VideoFormat, VideoFrameRef, VideoInfo};

use super::Result;
use super::fixtures::Scratch;

/// The frames, and the pictures that they are windows of.
const WIDTH: usize = 1920;
const HEIGHT: usize = 1080;
const LARGE: (usize, usize) = (2304, 1296);

/// What the window moves by from frame to frame. Even: there is one chroma sample for four pixels.
const STEP: (usize, usize) = (4, 2);

/// The greatest change of a luma sample, of 255.
const NOISE: i8 = 3;

/// How much noise there is: each frame takes it from another place on.
const SPARE: usize = 1 << 16;

const RATE: usize = 30;
const FRAMES: usize = 20 * RATE;

/// Kilobits a second, as a camera of this size sends.
const BITRATE: u32 = 6000;

/// How long any step may take.
const TIMEOUT: gst::ClockTime = gst::ClockTime::from_seconds(300);

/// A video that has been made.
pub struct Video {
    /// Its path.
    pub file: String,
    /// How it was made and what came of it, in words.
    pub description: String,
}

impl Video {
    /// Makes it of another, which is played again until there are frames enough.
    pub fn make(source: &Path, scratch: &Scratch) -> Result<Self> {
        let (encoder, bitrate) = [("x264enc", BITRATE), ("openh264enc", BITRATE * 1000)]
            .into_iter()
            .find(|(name, _)| gst::ElementFactory::find(name).is_some())
            .ok_or("there is no H.264 encoder: x264enc or openh264enc is needed")?;
        let file = scratch.file("video.mp4");
        let pipeline = parse(&format!(
            "appsrc name=frames format=time block=true max-bytes=20000000 ! {encoder} bitrate={bitrate} ! h264parse name=parser ! qtmux ! filesink name=sink"
        ))?;
        by_name(&pipeline, "sink")?.set_property("location", &file);
        let frames = by_name(&pipeline, "frames")?
            .downcast::<gst_app::AppSrc>()
            .map_err(|_| "not an appsrc")?;
        let info = info(WIDTH, HEIGHT)?;
        frames.set_caps(Some(&info.to_caps()?));
        pipeline.set_state(gst::State::Playing)?;
        let encoded = (|| {
            let mut count = 0;
            while count < FRAMES {
                let before = count;
                count = push(source, &frames, count)?;
                if count == before {
                    return Err(format!("“{}” has no pictures", source.display()).into());
                }
            }
            frames.end_of_stream()?;
            wait(&pipeline)?;
            let pad = by_name(&pipeline, "parser")?.static_pad("src");
            let caps = pad.and_then(|p| p.current_caps()).ok_or("no caps")?;
            let caps = caps.structure(0).ok_or("no caps")?;
            Ok::<_, Box<dyn std::error::Error>>(caps.get::<String>("profile")?)
        })();
        // What is wrong with the encoder says more than that it takes no more frames.
        let failed = error_of(&pipeline);
        pipeline.set_state(gst::State::Null)?;
        let profile = match (encoded, failed) {
            (Ok(profile), _) => profile,
            (Err(_), Some(error)) => return Err(error.into()),
            (Err(error), None) => return Err(error),
        };
        let seconds = FRAMES as f64 / RATE as f64;
        let megabits = std::fs::metadata(&file)?.len() as f64 * 8.0 / seconds / 1e6;
        let name = source.file_name().unwrap_or(source.as_ref());
        Ok(Self {
            description: format!(
                "The video was made for this of `{}` (the demo's clip, which is the usual one, pans over four photographs): its pictures, at {RATE} a second, are enlarged to {}x{}; a window of {WIDTH}x{HEIGHT} moves over them by {} columns and {} rows from frame to frame; and noise of up to {NOISE} of 255 lies upon the luma, as of a sensor, so that no frame is like another and all of it has to be decoded. {FRAMES} frames, H.264 from `{encoder}`, profile {profile}, {megabits:.1} Mbit/s.",
                name.to_string_lossy(),
                LARGE.0,
                LARGE.1,
                STEP.0,
                STEP.1,
            ),
            file: file.to_string_lossy().into_owned(),
        })
    }
}

/// Plays the source once, and makes a frame of each picture, as long as some are wanted. Returns
/// how many there are then.
fn push(source: &Path, frames: &gst_app::AppSrc, first: usize) -> Result<usize> {
    let pipeline = parse(
        "uridecodebin name=source ! videoscale ! videoconvert ! appsink name=pictures sync=false max-buffers=4",
    )?;
    by_name(&pipeline, "source")?.set_property("uri", uri_of(source)?.as_str());
    let pictures = by_name(&pipeline, "pictures")?
        .downcast::<gst_app::AppSink>()
        .map_err(|_| "not an appsink")?;
    let info = info(LARGE.0, LARGE.1)?;
    let mut caps = info.to_caps()?;
    if let Some(structure) = caps.make_mut().structure_mut(0) {
        // Whatever it was: only the pictures count.
        structure.remove_field("framerate");
    }
    pictures.set_caps(Some(&caps));
    let noise = noise();
    pipeline.set_state(gst::State::Playing)?;
    let pushed = (|| {
        let mut count = first;
        while count < FRAMES
            && let Some(sample) = pictures.try_pull_sample(TIMEOUT)
        {
            let picture = sample.buffer().ok_or("a sample without a picture")?;
            let picture = VideoFrameRef::from_buffer_ref_readable(picture, &info)?;
            let mut frame = gst::Buffer::from_mut_slice(window(&picture, count, &noise)?);
            if let Some(frame) = frame.get_mut() {
                let time = |n: usize| gst::ClockTime::SECOND * n as u64 / RATE as u64;
                frame.set_pts(time(count));
                frame.set_duration(time(count + 1) - time(count));
            }
            frames.push_buffer(frame)?;
            count += 1;
        }
        Ok(count)
    })();
    let failed = error_of(&pipeline);
    pipeline.set_state(gst::State::Null)?;
    match failed {
        Some(error) => Err(error.into()),
        None => pushed,
    }
}

/// The window of a picture that is the nth frame, with noise: the planes of I420 one after another.
fn window<T>(picture: &VideoFrameRef<T>, n: usize, noise: &[i8]) -> Result<Vec<u8>> {
    let left = bounce(n * STEP.0, LARGE.0 - WIDTH);
    let top = bounce(n * STEP.1, LARGE.1 - HEIGHT);
    let mut frame = Vec::with_capacity(WIDTH * HEIGHT * 3 / 2);
    for (plane, sub) in [(0u32, 1), (1, 2), (2, 2)] {
        let stride = picture.plane_stride()[plane as usize] as usize;
        let data = picture.plane_data(plane)?;
        for y in (top / sub..).take(HEIGHT / sub) {
            frame.extend_from_slice(&data[y * stride + left / sub..][..WIDTH / sub]);
        }
    }
    // A large odd number: the places are far from each other.
    let place = n.wrapping_mul(40_503) % SPARE;
    for (sample, change) in frame[..WIDTH * HEIGHT].iter_mut().zip(&noise[place..]) {
        *sample = sample.saturating_add_signed(*change);
    }
    Ok(frame)
}

/// Where something is after so many steps that goes to and fro between 0 and `most`.
fn bounce(steps: usize, most: usize) -> usize {
    let place = steps % (2 * most);
    place.min(2 * most - place)
}

/// For any frame, from any place on: the same each time.
fn noise() -> Vec<i8> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let next = || {
        // Marsaglia's xorshift64.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let span = 2 * NOISE as u64 + 1;
        ((state >> 32) % span) as i8 - NOISE
    };
    std::iter::repeat_with(next)
        .take(WIDTH * HEIGHT + SPARE)
        .collect()
}

fn uri_of(file: &Path) -> Result<glib::GString> {
    Ok(glib::filename_to_uri(std::path::absolute(file)?, None)?)
}

fn info(width: usize, height: usize) -> Result<VideoInfo> {
    let info = VideoInfo::builder(VideoFormat::I420, width as u32, height as u32);
    Ok(info.fps(gst::Fraction::new(RATE as i32, 1)).build()?)
}

fn parse(description: &str) -> Result<gst::Pipeline> {
    let pipeline = gst::parse::launch(description)?;
    Ok(pipeline
        .downcast::<gst::Pipeline>()
        .map_err(|_| "not a pipeline")?)
}

fn by_name(pipeline: &gst::Pipeline, name: &str) -> Result<gst::Element> {
    Ok(pipeline.by_name(name).ok_or("it was named so")?)
}

/// Until the end of the stream.
fn wait(pipeline: &gst::Pipeline) -> Result<()> {
    let bus = pipeline.bus().ok_or("a pipeline has a bus")?;
    let ends = [gst::MessageType::Eos, gst::MessageType::Error];
    let end = bus.timed_pop_filtered(TIMEOUT, &ends);
    match end.as_ref().map(|m| m.view()) {
        Some(gst::MessageView::Eos(_)) => Ok(()),
        Some(gst::MessageView::Error(e)) => Err(e.error().into()),
        _ => Err("the pipeline does not end".into()),
    }
}

/// What went wrong, if anything did.
fn error_of(pipeline: &gst::Pipeline) -> Option<glib::Error> {
    let message = pipeline.bus()?.pop_filtered(&[gst::MessageType::Error])?;
    match message.view() {
        gst::MessageView::Error(e) => Some(e.error()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The window stays within the picture, never stands still, and is where whole chroma samples
    /// are.
    #[test]
    fn window_moves() {
        let place = |n: usize| {
            (
                bounce(n * STEP.0, LARGE.0 - WIDTH),
                bounce(n * STEP.1, LARGE.1 - HEIGHT),
            )
        };
        for n in 0..2 * FRAMES {
            let ((x, y), (next_x, next_y)) = (place(n), place(n + 1));
            assert!(x + WIDTH <= LARGE.0 && y + HEIGHT <= LARGE.1, "{n}");
            assert_eq!((x % 2, y % 2), (0, 0), "{n}");
            assert_eq!(x.abs_diff(next_x), STEP.0, "{n}");
            assert_eq!(y.abs_diff(next_y), STEP.1, "{n}");
        }
    }

    /// Noise is what it is said to be: both ways, no more than its limit, and of all sizes.
    #[test]
    fn noise_is_even() {
        let noise = noise();
        for value in -NOISE..=NOISE {
            let share = noise.iter().filter(|n| **n == value).count() as f64 / noise.len() as f64;
            let expected = 1.0 / (2.0 * f64::from(NOISE) + 1.0);
            assert!((share - expected).abs() < 0.01, "{value}: {share}");
        }
        assert!(noise.iter().all(|n| n.abs() <= NOISE));
    }

    /// A frame is that part of the picture: luma but for the noise, chroma to the last bit. The
    /// same picture makes another frame the next time.
    #[test]
    fn window_of_a_picture() {
        gst::init().expect("GStreamer");
        let info = info(LARGE.0, LARGE.1).expect("a size");
        let buffer = super::super::fixtures::frame(&info);
        let picture = VideoFrameRef::from_buffer_ref_readable(&buffer, &info).expect("mapped");
        let noise = noise();
        let n = 3;
        let frame = window(&picture, n, &noise).expect("a frame");
        assert_eq!(frame.len(), WIDTH * HEIGHT * 3 / 2);
        let (left, top) = (n * STEP.0, n * STEP.1);
        let sample = |plane: u32, x: usize, y: usize| {
            let stride = picture.plane_stride()[plane as usize] as usize;
            picture.plane_data(plane).expect("a plane")[y * stride + x]
        };
        for (x, y) in [(0, 0), (WIDTH - 1, 0), (7, 501), (WIDTH - 1, HEIGHT - 1)] {
            let found = frame[y * WIDTH + x];
            let expected = sample(0, left + x, top + y);
            assert!(found.abs_diff(expected) <= NOISE as u8, "{x} {y}");
        }
        let (width, height) = (WIDTH / 2, HEIGHT / 2);
        for (plane, start) in [(1, WIDTH * HEIGHT), (2, WIDTH * HEIGHT + width * height)] {
            for (x, y) in [(0, 0), (width - 1, 0), (5, 77), (width - 1, height - 1)] {
                let expected = sample(plane, left / 2 + x, top / 2 + y);
                assert_eq!(frame[start + y * width + x], expected, "{plane} {x} {y}");
            }
        }
        // As far from the start as before, on the way back: only the noise is another.
        let again = 2 * (LARGE.0 - WIDTH) / STEP.0 * (LARGE.1 - HEIGHT) + n;
        let other = window(&picture, again, &noise).expect("a frame");
        assert_eq!(frame[WIDTH * HEIGHT..], other[WIDTH * HEIGHT..]);
        assert_ne!(frame[..WIDTH * HEIGHT], other[..WIDTH * HEIGHT]);
    }
}
