// SPDX-License-Identifier: MPL-2.0
//! Pictures of any pixel format, from RGB, by the book and in floating point.

use gst_video::{
    VideoChromaSite, VideoColorMatrix, VideoColorRange, VideoFormat, VideoFormatFlags,
    VideoFormatInfo, VideoInfo,
};

/// Converts an RGB picture to the format, size, colorimetry and chroma siting of `info`.
pub fn frame(info: &VideoInfo, rgb: &image::RgbImage) -> Vec<u8> {
    assert_eq!((info.width(), info.height()), rgb.dimensions());
    let pixels = rgb.pixels().map(|p| {
        let [r, g, b] = p.0.map(|v| f64::from(v) / 255.0);
        [r, g, b, 1.0]
    });
    frame_of(info, &pixels.collect::<Vec<_>>())
}

/// The same of pixels of red, green, blue and alpha, each from 0 to 1, the colours not multiplied
/// with the alpha. Of pixels that share a sample each counts as much as it is opaque.
pub fn frame_of(info: &VideoInfo, pixels: &[[f64; 4]]) -> Vec<u8> {
    let format = info.format_info();
    let (w, h) = (info.width() as usize, info.height() as usize);
    assert_eq!(pixels.len(), w * h);
    let full = info.colorimetry().range() != VideoColorRange::Range16_235;

    // Every component as numbers from 0 to 1, or -0.5 to 0.5 for colour differences.
    let (kr, kb) = coefficients(info.colorimetry().matrix());
    let luma = |p: &[f64; 4]| kr * p[0] + (1.0 - kr - kb) * p[1] + kb * p[2];
    let mut data = vec![0x5a; info.size()];
    for c in 0..format.n_components() as usize {
        let depth = format.depth()[c];
        let alpha = c == 3 || (c == 1 && format.is_gray());
        let chroma = format.is_yuv() && (c == 1 || c == 2);
        let component = |p: &[f64; 4]| match c {
            _ if alpha => p[3],
            _ if format.is_gray() => luma(p),
            _ if !format.is_yuv() => p[c],
            0 => luma(p),
            1 => (p[2] - luma(p)) / (2.0 * (1.0 - kb)),
            _ => (p[0] - luma(p)) / (2.0 * (1.0 - kr)),
        };
        let sub = (format.w_sub()[c] as usize, format.h_sub()[c] as usize);
        let mean = |value: &dyn Fn(&[f64; 4]) -> f64| {
            subsample(
                pixels.iter().map(value).collect(),
                (w, h),
                sub,
                info.chroma_site(),
            )
        };
        let mut values = mean(&component);
        if !alpha && pixels.iter().any(|p| p[3] < 1.0) {
            let weighted = mean(&|p| component(p) * p[3]);
            let weights = mean(&|p| p[3]);
            let pairs = weighted.iter().zip(&weights);
            for (value, (sum, weight)) in values.iter_mut().zip(pairs) {
                if *weight > 0.0 {
                    *value = sum / weight;
                }
            }
        }
        let (white, scale) = (
            f64::from((1u32 << depth) - 1),
            f64::from(1u32 << (depth - 8)),
        );
        let level = |v: f64| match (chroma, full || alpha) {
            (false, true) => v * white,
            (false, false) => (16.0 + v * 219.0) * scale,
            (true, true) => 128.0 * scale + v * white,
            (true, false) => (128.0 + v * 224.0) * scale,
        };
        let samples = samples(info).filter(|s| s.component == c);
        for (sample, value) in samples.zip(values) {
            let value = level(value).round().clamp(0.0, white) as u16;
            write(&format, &mut data[sample.at..], value);
        }
    }
    data
}

/// One number of a frame.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    pub component: usize,
    /// Among the samples of its component.
    pub x: u32,
    pub y: u32,
    /// Its first byte in a frame without padding.
    pub at: usize,
}

/// All of a frame, component by component and row by row.
pub fn samples(info: &VideoInfo) -> impl Iterator<Item = Sample> {
    let format = info.format_info();
    (0..format.n_components() as usize).flat_map(move |component| {
        let plane = format.plane()[component] as usize;
        let (stride, step) = (
            info.stride()[plane] as usize,
            format.pixel_stride()[component] as usize,
        );
        let start = info.offset()[plane] + offset_in_pixel(&format, component);
        let width = info.width().div_ceil(1 << format.w_sub()[component]);
        let height = info.height().div_ceil(1 << format.h_sub()[component]);
        (0..height).flat_map(move |y| {
            (0..width).map(move |x| Sample {
                component,
                x,
                y,
                at: start + y as usize * stride + x as usize * step,
            })
        })
    })
}

/// Bytes that a sample lies in.
pub fn bytes_of_sample(format: &VideoFormatInfo) -> usize {
    format.depth()[0].div_ceil(8) as usize
}

fn write(format: &VideoFormatInfo, bytes: &mut [u8], value: u16) {
    if bytes_of_sample(format) == 1 {
        bytes[0] = value as u8;
        return;
    }
    let word = value << format.shift()[0];
    let word = match format.flags().contains(VideoFormatFlags::LE) {
        true => word.to_le_bytes(),
        false => word.to_be_bytes(),
    };
    bytes[..2].copy_from_slice(&word);
}

/// The number that begins here.
pub fn read(format: &VideoFormatInfo, bytes: &[u8]) -> u16 {
    if bytes_of_sample(format) == 1 {
        return u16::from(bytes[0]);
    }
    let word = [bytes[0], bytes[1]];
    let word = match format.flags().contains(VideoFormatFlags::LE) {
        true => u16::from_le_bytes(word),
        false => u16::from_be_bytes(word),
    };
    word >> format.shift()[0]
}

/// Bytes before the first sample of a component in its row. Of P010 and P012 GStreamer 1.22 says
/// that Cr begins one byte after Cb, where it means one sample; of VYUY that Cb comes first, and
/// converts it as its name says.
pub fn offset_in_pixel(format: &VideoFormatInfo, c: usize) -> usize {
    match (format.format(), c) {
        (VideoFormat::Vyuy, 1) => return 2,
        (VideoFormat::Vyuy, 2) => return 0,
        _ => {}
    }
    let bytes = if format.depth()[c] > 8 { 2 } else { 1 };
    (format.poffset()[c] as usize).next_multiple_of(bytes)
}

/// A buffer of it, without a GstVideoMeta.
pub fn buffer(info: &VideoInfo, rgb: &image::RgbImage) -> gst::Buffer {
    gst::Buffer::from_slice(frame(info, rgb))
}

/// A picture of one colour.
pub fn plain(width: u32, height: u32, rgb: [u8; 3]) -> image::RgbImage {
    image::RgbImage::from_pixel(width, height, image::Rgb(rgb))
}

/// Weights of red and blue in luma.
pub fn coefficients(matrix: VideoColorMatrix) -> (f64, f64) {
    match matrix {
        VideoColorMatrix::Bt709 => (0.2126, 0.0722),
        VideoColorMatrix::Bt2020 => (0.2627, 0.0593),
        _ => (0.299, 0.114),
    }
}

/// Averages the samples round the place of each chroma sample: as many as share it where it lies
/// between two, one more (the outermost with half of the weight) where it lies on one.
fn subsample(
    samples: Vec<f64>,
    (w, h): (usize, usize),
    (ws, hs): (usize, usize),
    site: VideoChromaSite,
) -> Vec<f64> {
    let cosited = |flag| !site.contains(VideoChromaSite::NONE) && site.contains(flag);
    let taps = |sub: usize, cosited| {
        let count = 1isize << sub;
        let one = 1.0 / count as f64;
        let half = count / 2;
        let taps: Vec<(isize, f64)> = match (sub, cosited) {
            (0, _) => vec![(0, 1.0)],
            (_, true) => (-half..=half)
                .map(|at| (at, if at.abs() == half { one / 2.0 } else { one }))
                .collect(),
            (_, false) => (0..count).map(|at| (at, one)).collect(),
        };
        taps
    };
    let columns = taps(ws, cosited(VideoChromaSite::H_COSITED));
    let rows = taps(hs, cosited(VideoChromaSite::V_COSITED));
    let (cw, ch) = (w.div_ceil(1 << ws), h.div_ceil(1 << hs));
    let near = |at: usize, d: isize, len: usize| at.saturating_add_signed(d).min(len - 1);
    let mut out = Vec::with_capacity(cw * ch);
    for y in 0..ch {
        for x in 0..cw {
            let mut sum = 0.0;
            for (dy, wy) in &rows {
                for (dx, wx) in &columns {
                    sum += wx * wy * samples[near(y << hs, *dy, h) * w + near(x << ws, *dx, w)];
                }
            }
            out.push(sum);
        }
    }
    out
}
