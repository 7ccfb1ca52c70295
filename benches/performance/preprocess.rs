// SPDX-License-Identifier: MPL-2.0
//! Pre-processing: this plugin's against its portable loops, against what GStreamer's own
//! conversion takes for the same crop and size, and against fast_image_resize.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use gst_video::{VideoFormat, VideoFrame, VideoFrameRef, VideoInfo};
use gstresnet50::inference::Contract;
use gstresnet50::preprocess::{
    Backend, ElementType, Layout, Picture, Preprocessor, Rect, Slot, Target,
};

use super::fixtures::{frame, median, milliseconds};
use super::goal::Goal;
use super::{Result, announce, count};

const CASES: &[(VideoFormat, u32, u32)] = &[
    (VideoFormat::Nv12, 1920, 1080),
    (VideoFormat::I420, 1920, 1080),
    (VideoFormat::P01010le, 1920, 1080),
    (VideoFormat::Yuy2, 1920, 1080),
    (VideoFormat::Rgb, 1920, 1080),
    (VideoFormat::Bgrx, 1920, 1080),
    (VideoFormat::Nv12, 640, 480),
    (VideoFormat::Nv12, 3840, 2160),
];

/// Milliseconds that an NV12 frame of 1080p is to take less than.
const GOAL: f64 = 0.6;

/// Calls of each contestant in one round.
const CALLS: u32 = 40;

pub fn measure(rounds: u32) -> Result<String> {
    let mut table = String::from("## Pre-processing\n\n");
    writeln!(
        table,
        "Goal: under {GOAL} ms for an NV12 frame of 1920x1080.\n\nOne frame, one thread: crop, resize to 256, 224x224 out of the centre, normalized float32 NCHW. The baselines are measured in turn with it: its own portable loops, and GStreamer's converter (`GstVideoConverter`, linear, one thread) from the same crop to 224x224 RGB with the same normalization after it; and the crate `fast_image_resize`, which does the resampling alone, of the same planes with the same filter, without colour or normalization (a dash where it has no such pixels). Times and ratios are medians of {} of {CALLS} frames. Ratios are baseline over plugin: above 1 the plugin is faster.\n",
        count(rounds as usize, "round")
    )?;
    writeln!(
        table,
        "| frame | backend | ms a frame | goal | portable / plugin | GstVideoConverter / plugin | fast_image_resize / plugin |\n|---|---|---|---|---|---|---|"
    )?;
    for (format, width, height) in CASES {
        announce(&format!("pre-processing: {format} {width}x{height}"));
        let row = case(*format, *width, *height, rounds)?;
        writeln!(table, "{row}")?;
    }
    writeln!(
        table,
        "\nA region of an NV12 frame of 1920x1080, at odd coordinates, as a detector gives them: each is another, so windows and weights are made anew every time. The baseline is a GstVideoConverter that is made anew for the region in the same way.\n"
    )?;
    writeln!(
        table,
        "| region | ms a region | GstVideoConverter / plugin |\n|---|---|---|"
    )?;
    for side in [48, 160, 480, 960] {
        announce(&format!("pre-processing: a region of {side}x{side}"));
        writeln!(table, "{}", region(side, rounds)?)?;
    }
    Ok(table)
}

fn region(side: u32, rounds: u32) -> Result<String> {
    let info = VideoInfo::builder(VideoFormat::Nv12, 1920, 1080).build()?;
    let buffer = frame(&info);
    let part = Rect {
        x: 101,
        y: 77,
        width: side,
        height: side,
    };
    let target = target();
    let mut tensor = vec![0f32; target.elements()];
    let original = VideoFrame::from_buffer_readable(buffer, &info)
        .map_err(|_| "the frame cannot be mapped")?;
    let mut times: [Vec<Duration>; 2] = Default::default();
    let mut failed: Option<Box<dyn std::error::Error>> = None;
    for _ in 0..=rounds {
        times[0].push(time(|| {
            let mut plugin = Preprocessor::of_part(&info, part, &target);
            let picture = Picture::from_frame(&original);
            if let Err(error) = plugin.process(&picture, &mut Slot::F32(&mut tensor)) {
                failed = Some(error.into());
            }
        }));
        times[1].push(time(|| {
            let crop = centre(part);
            match Converter::new(&info, crop) {
                Ok(mut converter) => converter.process(&original, &mut tensor),
                Err(error) => failed = Some(error),
            }
        }));
    }
    if let Some(error) = failed {
        return Err(error);
    }
    let ratios = times[1].iter().zip(&times[0]).skip(1);
    let ratios = ratios.map(|(b, p)| b.as_secs_f64() / p.as_secs_f64());
    let ratio = median(&mut ratios.collect::<Vec<_>>());
    let ms = milliseconds(median(&mut times[0][1..]));
    Ok(format!("| {side}x{side} | {ms:.3} | {ratio:.2} |"))
}

/// What is left of a picture by resizing its shorter side to 256 and cutting 224x224 out.
fn centre(picture: Rect) -> Rect {
    let side = picture.width.min(picture.height) * 224 / 256;
    Rect {
        x: picture.x + (picture.width - side) / 2,
        y: picture.y + (picture.height - side) / 2,
        width: side,
        height: side,
    }
}

/// Torchvision's transform, which a contract that says nothing stands for.
fn target() -> Target {
    Contract::default().target(224, 224, Layout::Nchw, ElementType::F32)
}

fn case(format: VideoFormat, width: u32, height: u32, rounds: u32) -> Result<String> {
    let info = VideoInfo::builder(format, width, height).build()?;
    let buffer = frame(&info);
    let mapped = VideoFrameRef::from_buffer_ref_readable(&buffer, &info)?;
    let target = target();
    let mut tensor = vec![0f32; target.elements()];
    let backend = Backend::detect();
    let mut plugin = Preprocessor::with_backend(&info, &target, backend);
    let mut portable = Preprocessor::with_backend(&info, &target, Backend::Portable);
    let mut converter = Converter::new(&info, centre(Rect::whole(width, height)))?;
    let mut planes = Planes::new(&info)?;
    let original = VideoFrame::from_buffer_readable(buffer.clone(), &info)
        .map_err(|_| "the frame cannot be mapped")?;

    let mut times: [Vec<Duration>; 4] = Default::default();
    let mut failed = None;
    for _ in 0..=rounds {
        let mut process = |p: &mut Preprocessor| {
            let result = p.process(&Picture::from_frame(&mapped), &mut Slot::F32(&mut tensor));
            failed = failed.take().or(result.err());
        };
        times[0].push(time(|| process(&mut plugin)));
        times[1].push(time(|| process(&mut portable)));
        times[2].push(time(|| converter.process(&original, &mut tensor)));
        times[3].push(time(|| planes.resample(&Picture::from_frame(&mapped))));
    }
    if let Some(error) = failed {
        return Err(error.into());
    }
    // The first round warms up.
    let ratio = |n: usize| {
        let ratios = times[n].iter().zip(&times[0]).skip(1);
        median(
            &mut ratios
                .map(|(b, p)| b.as_secs_f64() / p.as_secs_f64())
                .collect::<Vec<_>>(),
        )
    };
    let (portable, converter) = (ratio(1), ratio(2));
    let resize = if planes.is_supported() {
        format!("{:.2}", ratio(3))
    } else {
        "–".into()
    };
    let ms = milliseconds(median(&mut times[0][1..]));
    let goal = match (format, width, height) {
        (VideoFormat::Nv12, 1920, 1080) => Goal::Under(GOAL).verdict(ms),
        _ => "–",
    };
    Ok(format!(
        "| {format} {width}x{height} | {} | {ms:.3} | {goal} | {portable:.2} | {converter:.2} | {resize} |",
        name(backend)
    ))
}

/// The instructions' own name.
fn name(backend: Backend) -> String {
    match backend {
        Backend::Portable => "portable".into(),
        kernels => format!("{kernels:?}").to_uppercase(),
    }
}

fn time(mut f: impl FnMut()) -> Duration {
    let begun = Instant::now();
    for _ in 0..CALLS {
        f();
    }
    begun.elapsed() / CALLS
}

/// What a program does that has GStreamer convert and scale, and normalizes the result.
struct Converter {
    converter: gst_video::VideoConverter,
    small: Option<VideoFrame<gst_video::video_frame::Writable>>,
}

impl Converter {
    fn new(info: &VideoInfo, part: Rect) -> Result<Self> {
        let small = VideoInfo::builder(VideoFormat::Rgb, 224, 224).build()?;
        let mut config = gst_video::VideoConverterConfig::new();
        config.set_src_x(part.x as i32);
        config.set_src_y(part.y as i32);
        config.set_src_width(Some(part.width as i32));
        config.set_src_height(Some(part.height as i32));
        config.set_resampler_method(gst_video::VideoResamplerMethod::Linear);
        config.set_threads(1);
        let buffer = gst::Buffer::with_size(small.size())?;
        let frame = VideoFrame::from_buffer_writable(buffer, &small)
            .map_err(|_| "a new buffer is writable")?;
        Ok(Self {
            converter: gst_video::VideoConverter::new(info, &small, Some(config))?,
            small: Some(frame),
        })
    }

    fn process(
        &mut self,
        original: &VideoFrame<gst_video::video_frame::Readable>,
        tensor: &mut [f32],
    ) {
        let Some(small) = &mut self.small else { return };
        self.converter.frame(original, small);
        let picture = Picture::from_frame(small);
        let plane = &picture.planes[0];
        let (mean, std) = ([0.485f32, 0.456, 0.406], [0.229f32, 0.224, 0.225]);
        for (y, row) in plane.data.chunks(plane.stride).take(224).enumerate() {
            for (x, pixel) in row.as_chunks::<3>().0.iter().take(224).enumerate() {
                for c in 0..3 {
                    let value = f32::from(pixel[c]) / 255.0;
                    tensor[(c * 224 + y) * 224 + x] = (value - mean[c]) / std[c];
                }
            }
        }
    }
}

/// fast_image_resize on each plane by itself.
struct Planes {
    resizer: Resizer,
    /// For each plane: its pixels, its size, and what becomes of it.
    planes: Vec<(PixelType, u32, u32, Image<'static>)>,
}

impl Planes {
    fn new(info: &VideoInfo) -> Result<Self> {
        let pixels: &[PixelType] = match info.format() {
            VideoFormat::Nv12 => &[PixelType::U8, PixelType::U8x2],
            VideoFormat::I420 => &[PixelType::U8; 3],
            VideoFormat::Rgb => &[PixelType::U8x3],
            VideoFormat::Bgrx => &[PixelType::U8x4],
            _ => &[],
        };
        let planes = pixels.iter().enumerate().map(|(i, pixel)| {
            let sub = u32::from(i > 0);
            let (width, height) = (info.width() >> sub, info.height() >> sub);
            (*pixel, width, height, Image::new(224, 224, *pixel))
        });
        Ok(Self {
            resizer: Resizer::new(),
            planes: planes.collect(),
        })
    }

    fn is_supported(&self) -> bool {
        !self.planes.is_empty()
    }

    fn resample(&mut self, picture: &Picture<'_>) {
        for ((pixel, width, height, small), plane) in self.planes.iter_mut().zip(&picture.planes) {
            let size = plane.stride * *height as usize;
            // The planes of these cases have no padding.
            let Ok(image) = ImageRef::new(*width, *height, &plane.data[..size], *pixel) else {
                continue;
            };
            let side = f64::from(*width.min(height)) * 224.0 / 256.0;
            let (x, y) = (
                (f64::from(*width) - side) / 2.0,
                (f64::from(*height) - side) / 2.0,
            );
            let options = ResizeOptions::new()
                .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
                .crop(x, y, side, side)
                .use_alpha(false);
            let _ = self.resizer.resize(&image, small, &options);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names are those that GStreamer and CPU vendors use.
    #[test]
    fn names() {
        assert_eq!(VideoFormat::Nv12.to_string(), "NV12");
        assert_eq!(VideoFormat::P01010le.to_string(), "P010_10LE");
        assert_eq!(name(Backend::Portable), "portable");
        #[cfg(target_arch = "x86_64")]
        assert_eq!(name(Backend::Avx2), "AVX2");
    }
}
