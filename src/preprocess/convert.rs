// SPDX-License-Identifier: MPL-2.0
//! Converts frames in formats that the kernels do not read to one that they do.

use gst_video::{
    VideoChromaMode, VideoConverter, VideoConverterConfig, VideoDitherMethod, VideoFormat,
    VideoFormatFlags, VideoFormatInfo, VideoFrameRef, VideoInfo, VideoResamplerMethod,
};

use crate::planes::Picture;

/// Why a frame could not be converted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConvertError {
    /// GStreamer has no conversion.
    #[error("GStreamer cannot convert {from} to {to}: {reason}")]
    Unknown {
        /// The frame's format.
        from: VideoFormat,
        /// The format to convert to.
        to: VideoFormat,
        /// GStreamer's reason.
        reason: String,
    },
    /// The frame has fewer bytes than its caps say.
    #[error("plane {plane} of {format} has {found} bytes, and needs {needed}")]
    Short {
        /// Index of the plane.
        plane: usize,
        /// The frame's format.
        format: VideoFormat,
        /// Bytes that the plane needs at least.
        needed: usize,
        /// Bytes that it has.
        found: usize,
    },
    /// No memory could be allocated for the result.
    #[error("no memory for a frame of {0} bytes")]
    Memory(usize),
}

/// Every raw format that this GStreamer knows: first those that are read directly, in the order of
/// [`super::FORMATS`], then those that are converted.
pub fn all_formats() -> Vec<VideoFormat> {
    let read = super::FORMATS.iter().copied();
    let others = VideoFormat::iter_raw().filter(|format| !is_read(*format));
    read.chain(others).collect()
}

/// Whether frames of this format are read directly, without a conversion.
pub fn is_read(format: VideoFormat) -> bool {
    super::FORMATS.contains(&format)
}

/// The directly read format that this one is converted to: of the same kind, with the same
/// subsampling if there is one, and with as many bits, up to the resampler's 12.
fn conversion_target(format: &VideoFormatInfo) -> VideoFormat {
    let depth = format.depth()[0];
    if format.is_gray() {
        return match depth {
            ..=8 => VideoFormat::Gray8,
            _ => VideoFormat::Gray16Le,
        };
    }
    if !format.is_yuv() {
        return match depth {
            ..=8 => VideoFormat::Rgb,
            9..=10 => VideoFormat::Gbr10le,
            _ => VideoFormat::Gbr12le,
        };
    }
    match (format.w_sub()[1], format.h_sub()[1], depth) {
        (2, 0, ..=8) => VideoFormat::Y41b,
        (2, 2, ..=8) => VideoFormat::Yuv9,
        (1, 1, ..=8) => VideoFormat::I420,
        (1, 1, 9..=10) => VideoFormat::I42010le,
        (1, 1, _) => VideoFormat::I42012le,
        (1, 0, ..=8) => VideoFormat::Y42b,
        (1, 0, 9..=10) => VideoFormat::I42210le,
        (1, 0, _) => VideoFormat::I42212le,
        (_, _, ..=8) => VideoFormat::Y444,
        (_, _, 9..=10) => VideoFormat::Y44410le,
        (_, _, _) => VideoFormat::Y44412le,
    }
}

/// Converts frames of one format and size. It owns the frame that it converts into.
#[derive(Debug)]
pub struct Converter {
    converter: VideoConverter,
    from: VideoInfo,
    to: VideoInfo,
    frame: gst::Buffer,
}

impl Converter {
    /// Prepares for frames of `info`.
    ///
    /// # Errors
    /// [`ConvertError::Unknown`] or [`ConvertError::Memory`].
    pub fn new(info: &VideoInfo) -> Result<Self, ConvertError> {
        let format = info.format_info();
        let to = conversion_target(&format);
        // Keep the samples as they are as far as the format allows: the same colours, no dither,
        // the same places.
        let is_same = {
            let to = VideoFormatInfo::from_format(to);
            let sub = |format: &VideoFormatInfo| {
                let subs = format.w_sub().iter().chain(format.h_sub());
                subs.copied().max()
            };
            sub(&format) == sub(&to)
        };
        let mut config = VideoConverterConfig::new();
        config.set_dither_method(VideoDitherMethod::None);
        config.set_chroma_resampler_method(VideoResamplerMethod::Linear);
        config.set_chroma_mode(match is_same {
            true => VideoChromaMode::None,
            false => VideoChromaMode::Full,
        });
        config.set_threads(1);
        let unknown = |reason: glib::BoolError| ConvertError::Unknown {
            from: info.format(),
            to,
            reason: reason.message.to_string(),
        };
        let of = |format| {
            let builder = VideoInfo::builder(format, info.width(), info.height())
                .colorimetry(&info.colorimetry())
                .par(info.par());
            // Grey and RGB have no chroma site.
            match info.format_info().is_yuv() {
                true => builder.chroma_site(info.chroma_site()),
                false => builder,
            }
            .build()
            .map_err(unknown)
        };
        // Interlaced frames are converted like progressive ones.
        let (from, to) = (of(info.format())?, of(to)?);
        let converter = VideoConverter::new(&from, &to, Some(config)).map_err(unknown)?;
        let frame = gst::Buffer::with_size(to.size());
        Ok(Self {
            converter,
            frame: frame.map_err(|_| ConvertError::Memory(to.size()))?,
            from,
            to,
        })
    }

    /// Format and size of the converted frames.
    pub fn info(&self) -> &VideoInfo {
        &self.to
    }

    /// Converts a frame. It replaces the one converted before.
    ///
    /// # Errors
    /// [`ConvertError::Short`] if the frame has fewer bytes than its caps say, or
    /// [`ConvertError::Memory`].
    pub fn convert(&mut self, frame: &VideoFrameRef<&gst::BufferRef>) -> Result<(), ConvertError> {
        self.check(frame)?;
        let memory = ConvertError::Memory(self.to.size());
        let target = self.frame.get_mut().ok_or_else(|| memory.clone())?;
        let mut target =
            VideoFrameRef::from_buffer_ref_writable(target, &self.to).map_err(|_| memory)?;
        self.converter.frame_ref(frame, &mut target);
        Ok(())
    }

    /// The frame that was converted last, mapped for reading.
    ///
    /// # Errors
    /// [`ConvertError::Memory`].
    pub fn frame(&self) -> Result<VideoFrameRef<&gst::BufferRef>, ConvertError> {
        VideoFrameRef::from_buffer_ref_readable(&self.frame, &self.to)
            .map_err(|_| ConvertError::Memory(self.to.size()))
    }

    /// Checks that each plane is complete: GStreamer's converter does not.
    fn check(&self, frame: &VideoFrameRef<&gst::BufferRef>) -> Result<(), ConvertError> {
        let format = self.from.format_info();
        let picture = Picture::from_frame(frame);
        for (plane, memory) in picture.planes.iter().enumerate() {
            if plane >= self.from.n_planes() as usize {
                break;
            }
            let found = memory.data.len();
            let needed = needed(&self.from, &format, plane, memory.stride);
            if needed.is_none_or(|needed| found < needed) {
                return Err(ConvertError::Short {
                    plane,
                    format: self.from.format(),
                    needed: needed.unwrap_or(usize::MAX),
                    found,
                });
            }
        }
        Ok(())
    }
}

/// The bytes that a plane needs with this stride; `None` if that is unknown or the stride is too
/// small.
fn needed(
    info: &VideoInfo,
    format: &VideoFormatInfo,
    plane: usize,
    stride: usize,
) -> Option<usize> {
    let usual = usize::try_from(info.stride()[plane]).ok()?;
    let flags = format.flags();
    if flags.contains(VideoFormatFlags::PALETTE) && plane == 1 {
        return Some(256 * 4);
    }
    let start = info.offset()[plane];
    let end = info.offset().get(plane + 1).copied();
    let end = end.filter(|_| plane + 1 < info.n_planes() as usize);
    let size = end.unwrap_or(info.size()).checked_sub(start)?;
    if flags.contains(VideoFormatFlags::TILED) {
        // The stride of a tiled plane holds two numbers: tiles in a row, and rows of tiles.
        let tiles = |stride: usize| (stride & 0xffff, stride >> 16);
        let ((columns, rows), (min_columns, min_rows)) = (tiles(stride), tiles(usual));
        if columns < min_columns || rows < min_rows || min_columns * min_rows == 0 {
            return None;
        }
        return columns
            .checked_mul(rows)?
            .checked_mul(size / (min_columns * min_rows));
    }
    let component =
        (0..format.n_components() as usize).find(|c| format.plane()[*c] as usize == plane)?;
    let sub = |length: u32, sub: u32| (length as usize).div_ceil(1 << sub);
    let rows = sub(info.height(), format.h_sub()[component]);
    // Where the places of the pixels are known, the row ends with the last one. Elsewhere its usual
    // padding is part of it.
    let row = match format.pixel_stride()[component] {
        step if step > 0 && !flags.contains(VideoFormatFlags::COMPLEX) => {
            let members = (0..format.n_components() as usize)
                .filter(|c| format.plane()[*c] as usize == plane);
            let ends = members
                .map(|c| sub(info.width(), format.w_sub()[c]) * format.pixel_stride()[c] as usize);
            ends.max()?.min(usual)
        }
        _ => usual,
    };
    (stride >= row).then_some(())?;
    stride.checked_mul(rows - 1)?.checked_add(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every raw format has a target that is read directly, with as many bits as are used and the
    /// same subsampling.
    #[test]
    fn every_format_is_read_in_some_way() {
        gst::init().expect("GStreamer");
        let all = all_formats();
        assert_eq!(all.len(), VideoFormat::iter_raw().len());
        for format in VideoFormat::iter_raw() {
            assert!(all.contains(&format), "{format}");
            let info = VideoFormatInfo::from_format(format);
            let to = VideoFormatInfo::from_format(conversion_target(&info));
            assert!(is_read(to.format()), "{format}");
            assert!(to.depth()[0] >= info.depth()[0].min(12), "{format}");
            assert_eq!(info.is_gray(), to.is_gray(), "{format}");
            assert_eq!(info.is_yuv(), to.is_yuv(), "{format}");
            if info.is_yuv() {
                assert_eq!(info.w_sub()[1], to.w_sub()[1], "{format}");
                assert_eq!(info.h_sub()[1], to.h_sub()[1], "{format}");
            }
        }
    }

    /// At any size, a complete frame needs no more bytes than GStreamer's own layout has.
    #[test]
    fn needs_no_more_than_there_is() {
        gst::init().expect("GStreamer");
        for format in VideoFormat::iter_raw() {
            for (width, height) in [(1, 1), (7, 5), (64, 48), (1921, 1)] {
                let info = VideoInfo::builder(format, width, height)
                    .build()
                    .expect("an info");
                for plane in 0..info.n_planes() as usize {
                    let stride = info.stride()[plane] as usize;
                    let needed = needed(&info, &info.format_info(), plane, stride);
                    let needed = needed.unwrap_or_else(|| panic!("{format} {plane}"));
                    assert!(needed > 0, "{format} {plane}");
                    assert!(
                        info.offset()[plane] + needed <= info.size(),
                        "{format} {width}x{height}: plane {plane} needs {needed} of {}",
                        info.size()
                    );
                }
            }
        }
    }
}
