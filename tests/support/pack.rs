// SPDX-License-Identifier: MPL-2.0
//! Pictures of any pixel format, from RGB, by the book and in floating point.

use gst_video::{VideoChromaSite, VideoColorMatrix, VideoColorRange, VideoInfo};

/// Converts an RGB picture to the format, size, colorimetry and chroma siting of `info`.
pub fn frame(info: &VideoInfo, rgb: &image::RgbImage) -> Vec<u8> {
    assert_eq!((info.width(), info.height()), rgb.dimensions());
    let format = info.format_info();
    let (w, h) = (info.width() as usize, info.height() as usize);
    let pixels: Vec<[f64; 3]> = rgb
        .pixels()
        .map(|p| p.0.map(|v| f64::from(v) / 255.0))
        .collect();
    let full = info.colorimetry().range() != VideoColorRange::Range16_235;

    // Every component as numbers from 0 to 1, or -0.5 to 0.5 for colour differences.
    let (kr, kb) = coefficients(info.colorimetry().matrix());
    let luma = |p: &[f64; 3]| kr * p[0] + (1.0 - kr - kb) * p[1] + kb * p[2];
    let mut data = vec![0x5a; info.size()];
    for c in 0..format.n_components() as usize {
        let depth = format.depth()[c];
        let alpha = c == 3 || (c == 1 && format.is_gray());
        let chroma = format.is_yuv() && (c == 1 || c == 2);
        let component: Vec<f64> = pixels
            .iter()
            .map(|p| match c {
                _ if alpha => 1.0,
                _ if format.is_gray() => luma(p),
                _ if !format.is_yuv() => p[c],
                0 => luma(p),
                1 => (p[2] - luma(p)) / (2.0 * (1.0 - kb)),
                _ => (p[0] - luma(p)) / (2.0 * (1.0 - kr)),
            })
            .collect();
        let (ws, hs) = (format.w_sub()[c] as usize, format.h_sub()[c] as usize);
        let component = subsample(component, (w, h), (ws, hs), info.chroma_site());
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
        let (cw, ch) = (w.div_ceil(1 << ws), h.div_ceil(1 << hs));
        let plane = format.plane()[c] as usize;
        let (stride, step) = (
            info.stride()[plane] as usize,
            format.pixel_stride()[c] as usize,
        );
        let start = info.offset()[plane] + offset_in_pixel(&format, c);
        for y in 0..ch {
            for x in 0..cw {
                let value = level(component[y * cw + x]).round().clamp(0.0, white) as u16;
                let at = start + y * stride + x * step;
                if depth > 8 {
                    let word = (value << format.shift()[c]).to_le_bytes();
                    data[at..at + 2].copy_from_slice(&word);
                } else {
                    data[at] = value as u8;
                }
            }
        }
    }
    data
}

/// Bytes before the first sample of a component in its row. Of P010 and P012 GStreamer 1.22 says
/// that Cr begins one byte after Cb, where it means one sample.
pub fn offset_in_pixel(format: &gst_video::VideoFormatInfo, c: usize) -> usize {
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

/// Averages the samples round the place of each chroma sample: two of them where it lies between
/// two, three (weighted 1:2:1) where it lies on one.
fn subsample(
    samples: Vec<f64>,
    (w, h): (usize, usize),
    (ws, hs): (usize, usize),
    site: VideoChromaSite,
) -> Vec<f64> {
    assert!(ws <= 1 && hs <= 1, "only halves");
    let cosited = |flag| !site.contains(VideoChromaSite::NONE) && site.contains(flag);
    let taps = |sub, cosited| match (sub, cosited) {
        (0, _) => vec![(0isize, 1.0)],
        (_, true) => vec![(-1, 0.25), (0, 0.5), (1, 0.25)],
        (_, false) => vec![(0, 0.5), (1, 0.5)],
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
