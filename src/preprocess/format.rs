// SPDX-License-Identifier: MPL-2.0
//! Pixel formats as the resampler sees them: components, where their samples lie, their colours.

use std::ops::Range;

use gst_video::{VideoChromaSite, VideoColorMatrix, VideoColorRange, VideoFormat, VideoFormatInfo};

use super::filter::EXACT_DEPTH;
use super::kernel::{Matrix, Packing};

/// The formats that are read directly, without a conversion: those that cameras, decoders and
/// converters deliver. Frames of all others go through a [`super::Converter`].
pub const FORMATS: &[VideoFormat] = &[
    VideoFormat::Nv12,
    VideoFormat::I420,
    VideoFormat::Yv12,
    VideoFormat::Nv21,
    VideoFormat::Nv16,
    VideoFormat::Nv61,
    VideoFormat::Nv24,
    VideoFormat::Y42b,
    VideoFormat::Y444,
    VideoFormat::Yuy2,
    VideoFormat::Uyvy,
    VideoFormat::Yvyu,
    VideoFormat::Vyuy,
    VideoFormat::Ayuv,
    VideoFormat::Rgb,
    VideoFormat::Bgr,
    VideoFormat::Rgba,
    VideoFormat::Bgra,
    VideoFormat::Argb,
    VideoFormat::Abgr,
    VideoFormat::Rgbx,
    VideoFormat::Bgrx,
    VideoFormat::Xrgb,
    VideoFormat::Xbgr,
    VideoFormat::Gbr,
    VideoFormat::Gray8,
    VideoFormat::Gray16Le,
    VideoFormat::P01010le,
    VideoFormat::P012Le,
    VideoFormat::I42010le,
    VideoFormat::I42210le,
    VideoFormat::Y44410le,
    VideoFormat::I42012le,
    VideoFormat::I42212le,
    VideoFormat::Y44412le,
    VideoFormat::Gbra,
    VideoFormat::A420,
    VideoFormat::Vuya,
    VideoFormat::V308,
    VideoFormat::Iyu2,
    VideoFormat::A42010le,
    VideoFormat::A42210le,
    VideoFormat::A44410le,
    VideoFormat::P016Le,
    VideoFormat::Y44416le,
    VideoFormat::Gbr10le,
    VideoFormat::Gbra10le,
    VideoFormat::Gbr12le,
    VideoFormat::Gbra12le,
    VideoFormat::Y41b,
    VideoFormat::Yuv9,
    VideoFormat::Yvu9,
];

/// Bits of a sample in the resampler. Only 8-bit RGB and grey pictures keep their 8 bits, since
/// Pillow, whose results they must equal, rounds to 8 bits between its passes.
const FINE_DEPTH: u32 = 12;

/// One of the colour components of a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Component {
    /// Index of the plane.
    pub plane: usize,
    /// Bytes before the first sample of a row.
    pub offset: usize,
    /// How the samples lie in a row.
    pub packing: Packing,
    /// Horizontal subsampling, as a power of two.
    pub w_sub: u32,
    /// Vertical subsampling, as a power of two.
    pub h_sub: u32,
}

impl Component {
    /// The bytes of a row in which these samples lie.
    pub fn bytes(&self, samples: &Range<usize>) -> Range<usize> {
        let Packing { step, .. } = self.packing;
        let start = self.offset + samples.start * step;
        start..start + (samples.len() - 1) * step + self.packing.bytes()
    }
}

/// The components that carry colour: one for grey, else three (R, G, B or Y, U, V).
pub(super) fn components(info: &VideoFormatInfo) -> Vec<Component> {
    let count = if info.is_gray() { 1 } else { 3 };
    let exact = !info.is_yuv() && info.depth()[0] == 8;
    (0..count)
        .map(|c| {
            let packing = Packing {
                step: info.pixel_stride()[c] as usize,
                depth: info.depth()[c],
                shift: info.shift()[c],
                target: if exact { EXACT_DEPTH } else { FINE_DEPTH },
            };
            Component {
                plane: info.plane()[c] as usize,
                offset: match (info.format(), c) {
                    // GStreamer 1.22 has them the wrong way round.
                    (VideoFormat::Vyuy, 1) => 2,
                    (VideoFormat::Vyuy, 2) => 0,
                    // For the Cr of P010 it says byte 1, and means the second word.
                    _ => (info.poffset()[c] as usize).next_multiple_of(packing.bytes()),
                },
                packing,
                w_sub: info.w_sub()[c],
                h_sub: info.h_sub()[c],
            }
        })
        .collect()
}

/// How the components of a pixel become R'G'B'.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Color {
    /// They are R'G'B'.
    Rgb,
    /// They are grey or R'G'B' with other values for black and white, or with more than 8 bits.
    Levels { black: i32, white: i32 },
    /// They are luma and colour differences.
    Yuv(Matrix),
}

/// The conversion for a format with this range and matrix.
pub(super) fn color(
    info: &VideoFormatInfo,
    range: VideoColorRange,
    matrix: VideoColorMatrix,
) -> Color {
    let depth = info.depth()[0];
    let target = components(info)[0].packing.target;
    // A value of `depth` bits, at the depth that samples have in the resampler.
    let scaled = |value: i32| {
        if target >= depth {
            value << (target - depth)
        } else {
            value >> (depth - target)
        }
    };
    let limited = range == VideoColorRange::Range16_235;
    let (black, white) = if limited {
        (16 << (target - 8), 235 << (target - 8))
    } else {
        (0, scaled((1 << depth) - 1))
    };

    if !info.is_yuv() {
        return if (black, white, target) == (0, 255, 8) {
            Color::Rgb
        } else {
            Color::Levels { black, white }
        };
    }

    // Video whose matrix is unknown is taken as BT.601.
    let (kr, kb) = matrix.kr_kb().unwrap_or((0.299, 0.114));
    let kg = 1.0 - kr - kb;
    let chroma_span = if limited {
        f64::from(224 << (target - 8))
    } else {
        f64::from(white)
    };
    let fixed = |value: f64| (value * f64::from(1 << Matrix::PRECISION)).round() as i32;
    // The colour differences are Cb = (B - Y) / (2 (1 - Kb)) and Cr = (R - Y) / (2 (1 - Kr)).
    let (red, blue) = (2.0 * (1.0 - kr), 2.0 * (1.0 - kb));
    let chroma = 255.0 / chroma_span;
    Color::Yuv(Matrix {
        black,
        neutral: 128 << (target - 8),
        luma: fixed(255.0 / f64::from(white - black)),
        cr_to_red: fixed(chroma * red),
        cb_to_green: fixed(-chroma * blue * kb / kg),
        cr_to_green: fixed(-chroma * red * kr / kg),
        cb_to_blue: fixed(chroma * blue),
    })
}

/// How far the first chroma sample lies to the left of, and above, the centre of the luma samples
/// that it stands for, in chroma samples. Chroma that is cosited with the first luma sample of a
/// pair lies a quarter of a sample off.
pub(super) fn siting_shift(site: VideoChromaSite, w_sub: u32, h_sub: u32) -> (f64, f64) {
    // The centre of 2^n luma samples lies (2^n - 1) / 2 luma samples right of the first.
    let cosited = |sub: u32| f64::from((1u32 << sub) - 1) / f64::from(2u32 << sub);
    let of = |flag, sub| {
        if site.contains(flag) {
            cosited(sub)
        } else {
            0.0
        }
    };
    // NONE is the flag for centred chroma; UNKNOWN has no flags.
    if site.contains(VideoChromaSite::NONE) {
        return (0.0, 0.0);
    }
    (
        of(VideoChromaSite::H_COSITED, w_sub),
        of(VideoChromaSite::V_COSITED, h_sub),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(format: VideoFormat) -> VideoFormatInfo {
        gst::init().expect("GStreamer");
        VideoFormatInfo::from_format(format)
    }

    /// White and grey stay neutral in every matrix, range and depth.
    #[test]
    fn neutral_colours() {
        for format in [VideoFormat::I420, VideoFormat::I42010le, VideoFormat::Ayuv] {
            let info = info(format);
            let depth = info.depth()[0];
            for range in [VideoColorRange::Range0_255, VideoColorRange::Range16_235] {
                for matrix in [
                    VideoColorMatrix::Bt601,
                    VideoColorMatrix::Bt709,
                    VideoColorMatrix::Bt2020,
                    VideoColorMatrix::Smpte240m,
                    VideoColorMatrix::Fcc,
                ] {
                    let Color::Yuv(m) = color(&info, range, matrix) else {
                        panic!("{format:?} is Y'CbCr");
                    };
                    let white = if range == VideoColorRange::Range0_255 {
                        (1 << depth) - 1
                    } else {
                        235 << (depth - 8)
                    };
                    let value = ((white << (FINE_DEPTH - depth)) - m.black) * m.luma;
                    let half = 1 << (Matrix::PRECISION - 1);
                    assert_eq!(
                        (value + half) >> Matrix::PRECISION,
                        255,
                        "{format:?} {range:?}"
                    );
                    assert_eq!(m.neutral, 2048);
                }
            }
        }
    }

    /// Only cosited chroma is shifted, along the axes that are subsampled.
    #[test]
    fn siting() {
        use VideoChromaSite as S;
        assert_eq!(siting_shift(S::H_COSITED, 1, 1), (0.25, 0.0));
        assert_eq!(
            siting_shift(S::H_COSITED | S::V_COSITED, 1, 1),
            (0.25, 0.25)
        );
        assert_eq!(siting_shift(S::NONE, 1, 1), (0.0, 0.0));
        assert_eq!(siting_shift(S::H_COSITED, 0, 0), (0.0, 0.0));
        assert_eq!(siting_shift(S::H_COSITED, 2, 0), (0.375, 0.0));
    }

    /// The row kernels can read every format: no tiles, no palette, samples of whole bytes or
    /// words.
    #[test]
    fn formats_are_simple() {
        for format in FORMATS {
            let info = info(*format);
            assert!(!info.is_tiled() && !info.has_palette(), "{format:?}");
            for c in components(&info) {
                assert!((1..=4).contains(&c.packing.step), "{format:?} {c:?}");
                assert!(c.packing.depth <= 16 && c.packing.step >= c.packing.bytes());
            }
        }
    }
}
