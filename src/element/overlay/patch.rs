// SPDX-License-Identifier: MPL-2.0
//! A drawn piece of picture and its place.

use std::sync::{Arc, OnceLock};

use gst_video::{VideoFormat, VideoFrameFlags, VideoMeta, VideoOverlayFormatFlags};
use gst_video::{VideoInfo, VideoOverlayRectangle};

use super::layout::Rect;
use super::stamp::Stamp;

/// Pixels as cairo and GStreamer's overlays have them: 32 bits in the machine's byte order, alpha
/// first, the colours multiplied with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Pixels {
    pub width: u32,
    pub height: u32,
    /// Row after row, without padding.
    pub data: Arc<[u8]>,
}

impl Pixels {
    /// A plain area of a colour 0xAARRGGBB.
    pub fn plain(width: u32, height: u32, color: u32) -> Self {
        let alpha = color >> 24;
        let multiplied = |shift: u32| ((color >> shift & 0xff) * alpha + 127) / 255;
        let pixel = alpha << 24 | multiplied(16) << 16 | multiplied(8) << 8 | multiplied(0);
        let count = width as usize * height as usize;
        Self {
            width,
            height,
            data: pixel.to_ne_bytes().repeat(count).into(),
        }
    }

    /// Alpha, red, green and blue of a pixel.
    pub fn argb(&self, x: u32, y: u32) -> [u8; 4] {
        let at = (y as usize * self.width as usize + x as usize) * 4;
        let bytes = [0, 1, 2, 3].map(|i| self.data[at + i]);
        u32::from_ne_bytes(bytes).to_be_bytes()
    }
}

/// The name that GStreamer has for the pixels.
const FORMAT: VideoFormat = if cfg!(target_endian = "little") {
    VideoFormat::Bgra
} else {
    VideoFormat::Argb
};

/// Pixels at their place in the frame, and in the forms that they are put there in.
#[derive(Debug)]
pub struct Patch {
    pub place: Rect,
    pub pixels: Pixels,
    rectangle: OnceLock<VideoOverlayRectangle>,
    stamp: OnceLock<Option<Stamp>>,
}

impl Patch {
    pub fn new(x: u32, y: u32, pixels: Pixels) -> Self {
        Self {
            place: Rect {
                x,
                y,
                width: pixels.width,
                height: pixels.height,
            },
            pixels,
            rectangle: OnceLock::new(),
            stamp: OnceLock::new(),
        }
    }

    /// The same at another place, with as much of what was made of it as can be used there.
    pub fn moved(&self, x: u32, y: u32) -> Self {
        let moved = Self::new(x, y, self.pixels.clone());
        let stamp = self.stamp.get().and_then(Option::as_ref);
        if let Some(stamp) = stamp.and_then(|s| s.moved(self.place, moved.place)) {
            // It is new, so there is none yet.
            let _ = moved.stamp.set(Some(stamp));
        }
        moved
    }

    /// For an overlay composition. It is made once: sinks know by it what they have uploaded.
    pub fn rectangle(&self) -> &VideoOverlayRectangle {
        self.rectangle.get_or_init(|| {
            let mut buffer = gst::Buffer::from_slice(Arc::clone(&self.pixels.data));
            let Rect {
                x,
                y,
                width,
                height,
            } = self.place;
            let new = buffer.make_mut();
            VideoMeta::add(new, VideoFrameFlags::empty(), FORMAT, width, height)
                .expect("the buffer has the size of its format");
            VideoOverlayRectangle::new_raw(
                &buffer,
                x as i32,
                y as i32,
                width,
                height,
                VideoOverlayFormatFlags::PREMULTIPLIED_ALPHA,
            )
        })
    }

    /// For frames of this kind, the same at each call; none if they need GStreamer's blending.
    pub fn stamp(&self, info: &VideoInfo) -> Option<&Stamp> {
        self.stamp
            .get_or_init(|| Stamp::new(info, self.place, &self.pixels))
            .as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Colours are multiplied with their alpha, and read back in their order.
    #[test]
    fn plain() {
        let pixels = Pixels::plain(3, 2, 0x80ff_4000);
        assert_eq!(pixels.data.len(), 24);
        assert_eq!(pixels.argb(2, 1), [0x80, 0x80, 0x20, 0]);
    }
}
