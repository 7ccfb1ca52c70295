// SPDX-License-Identifier: MPL-2.0
//! The pixel formats that can be drawn on, and where their samples lie.

use std::sync::LazyLock;

use gst_video::{VideoFormat, VideoFormatFlags, VideoFormatInfo};

/// All raw formats: first those that can be blended onto, then those for which there is only an
/// overlay composition.
pub fn all_formats() -> &'static [VideoFormat] {
    static FORMATS: LazyLock<Vec<VideoFormat>> = LazyLock::new(|| {
        let (drawn, others): (Vec<_>, Vec<_>) =
            VideoFormat::iter_raw().partition(|f| can_blend(*f));
        [drawn, others].concat()
    });
    &FORMATS
}

/// Whether [`super::PreparedBlend`] or GStreamer's own blending can draw on frames of this format.
pub fn can_blend(format: VideoFormat) -> bool {
    // A palette has no colours but its own.
    !VideoFormatInfo::from_format(format)
        .flags()
        .contains(VideoFormatFlags::PALETTE)
}

/// Formats of whole words for which GStreamer 1.22 has the wrong places or the wrong byte order.
const WRONG_LAYOUT: [VideoFormat; 6] = [
    VideoFormat::V216,
    VideoFormat::Y210,
    VideoFormat::Y212Le,
    VideoFormat::Y212Be,
    VideoFormat::Y412Le,
    VideoFormat::Y412Be,
];

/// The index of the alpha, in formats with four components.
pub const ALPHA: usize = 3;

/// How a sample is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sample {
    /// In a byte.
    Byte,
    /// In a word of two bytes.
    Word {
        /// Whether the high byte comes first.
        big_endian: bool,
    },
}

impl Sample {
    /// Bytes of a sample.
    pub fn bytes(self) -> usize {
        match self {
            Self::Byte => 1,
            Self::Word { .. } => 2,
        }
    }
}

/// Where the samples of a component lie. Places are counted in samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Component {
    /// Index of the plane.
    pub plane: usize,
    /// The place of the first one in the plane's row.
    pub first: usize,
    /// The distance from one to the next.
    pub step: usize,
    /// Horizontal subsampling, as a power of two.
    pub w_sub: u32,
    /// Vertical subsampling, as a power of two.
    pub h_sub: u32,
}

/// The layout of a format whose samples are evenly spaced bytes or words of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleLayout {
    /// How samples are stored.
    pub sample: Sample,
    /// Bits of a sample.
    pub depth: u32,
    /// Bits of its word below it.
    pub shift: u32,
    /// Luma or red first. The fourth one, if there is one, is the alpha.
    pub components: Vec<Component>,
}

impl SampleLayout {
    /// `None` for formats with another layout: components that share a byte, tiles, or fewer than
    /// 8 bits.
    pub fn new(format: &VideoFormatInfo) -> Option<Self> {
        let odd = VideoFormatFlags::PALETTE | VideoFormatFlags::COMPLEX | VideoFormatFlags::TILED;
        let (depth, shift) = (*format.depth().first()?, *format.shift().first()?);
        let is_even = |numbers: &[u32], number| numbers.iter().all(|n| *n == number);
        let sample = match depth {
            8 if shift == 0 => Sample::Byte,
            9..=16 if depth + shift <= 16 => Sample::Word {
                big_endian: !format.flags().contains(VideoFormatFlags::LE),
            },
            _ => return None,
        };
        if format.flags().intersects(odd)
            || WRONG_LAYOUT.contains(&format.format())
            || !is_even(format.depth(), depth)
            || !is_even(format.shift(), shift)
        {
            return None;
        }
        let bytes = sample.bytes();
        let component = |c| {
            // GStreamer has a stride of 0 where samples are not evenly spaced.
            let step = usize::try_from(format.pixel_stride()[c]).ok()?;
            (step >= bytes && step.is_multiple_of(bytes)).then(|| Component {
                plane: format.plane()[c] as usize,
                first: match (format.format(), c) {
                    // GStreamer 1.22 has them the wrong way round.
                    (VideoFormat::Vyuy, 1) => 2,
                    (VideoFormat::Vyuy, 2) => 0,
                    // For the Cr of P010 it says byte 1, and means the second word.
                    _ => (format.poffset()[c] as usize).div_ceil(bytes),
                },
                step: step / bytes,
                w_sub: format.w_sub()[c],
                h_sub: format.h_sub()[c],
            })
        };
        let count = format.n_components() as usize;
        let components: Vec<Component> = (0..count).map(component).collect::<Option<_>>()?;
        // Components that share a word have the same place.
        let is_apart = |(i, a): (usize, &Component)| {
            let others = components[..i].iter();
            !others
                .into_iter()
                .any(|b| (a.plane, a.first) == (b.plane, b.first))
        };
        let is_apart = components.iter().enumerate().all(is_apart);
        is_apart.then_some(Self {
            sample,
            depth,
            shift,
            components,
        })
    }

    /// The maximum value of a sample.
    pub fn max(&self) -> u16 {
        u16::MAX >> (16 - self.depth)
    }

    /// The alpha, if the format has one.
    pub fn alpha(&self) -> Option<&Component> {
        self.components.get(ALPHA)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(format: VideoFormat) -> Option<SampleLayout> {
        SampleLayout::new(&VideoFormatInfo::from_format(format))
    }

    /// The words of P010, which GStreamer's table has wrong, and the bytes of ARGB.
    #[test]
    fn places() {
        gst::init().expect("GStreamer");
        let p010 = layout(VideoFormat::P01010le).expect("whole words");
        assert_eq!(p010.sample, Sample::Word { big_endian: false });
        assert_eq!((p010.depth, p010.shift, p010.max()), (10, 6, 1023));
        let cr = Component {
            plane: 1,
            first: 1,
            step: 2,
            w_sub: 1,
            h_sub: 1,
        };
        assert_eq!(p010.components[2], cr);
        assert_eq!(p010.alpha(), None);
        let argb = layout(VideoFormat::Argb).expect("whole bytes");
        assert_eq!(argb.alpha().map(|a| (a.first, a.step)), Some((0, 4)));
        let grey = layout(VideoFormat::Gray16Be).expect("whole words");
        assert_eq!(grey.sample, Sample::Word { big_endian: true });
        assert_eq!(grey.max(), u16::MAX);
    }

    /// Parts of the names of all formats without such a layout, up to those of GStreamer 1.28.
    const OTHERS: [&str; 28] = [
        "v210",
        "v216",
        "UYVP",
        "IYU1",
        "r210",
        "Y210",
        "Y212",
        "Y410",
        "Y412",
        "RGB15",
        "RGB16",
        "BGR15",
        "BGR16",
        "10A2",
        "_10LE32",
        "GRAY10_LE32",
        "_10LE40",
        "NV12_",
        "Z32",
        "L128",
        "RGB8P",
        // Since 1.24: GStreamer's table has one and the same place for all components, as for
        // those of fewer bits above.
        "Y216",
        "Y416",
        // Tiles.
        "MT2110",
        "NV12_10LE40_4L4",
        // Since 1.28: components that share a word.
        "BGR10x2",
        "RGB10x2",
        "NV16_10LE40",
    ];

    /// The formats without such a layout are the known ones. A newer GStreamer may bring others,
    /// which are left to its own blending until somebody has looked at them.
    #[test]
    fn others() {
        gst::init().expect("GStreamer");
        let is_newer = |f: VideoFormat| matches!(f, VideoFormat::__Unknown(_));
        for format in all_formats().iter().filter(|f| !is_newer(**f)) {
            let name = format.to_str();
            let is_known = OTHERS.iter().any(|p| name.contains(p));
            assert!(is_known || layout(*format).is_some(), "{name}");
        }
    }

    /// What there is of a format's layout is whole, for every GStreamer: components that overlap
    /// nobody can draw on one by one.
    #[test]
    fn components_are_apart() {
        gst::init().expect("GStreamer");
        for format in all_formats() {
            let Some(layout) = layout(*format) else {
                continue;
            };
            let bits = 8 * layout.sample.bytes() as u32;
            assert!(layout.depth + layout.shift <= bits, "{format:?}");
            for (i, a) in layout.components.iter().enumerate() {
                assert!(a.first < a.step, "{format:?} {i}");
                for b in layout.components[..i].iter().filter(|b| a.plane == b.plane) {
                    // The places of the one never meet those of the other.
                    let step = a.step.min(b.step);
                    assert_ne!(a.first % step, b.first % step, "{format:?} {i}");
                }
            }
        }
    }
}
