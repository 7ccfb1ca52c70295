// SPDX-License-Identifier: MPL-2.0
//! Pixels with an alpha, as cairo draws them.

use std::sync::Arc;

use gst_video::VideoFormat;

/// A picture in the format of cairo and of GStreamer's overlays: 32 bits a pixel in native byte
/// order, alpha in the highest byte, colours premultiplied.
#[derive(Debug, Clone, PartialEq)]
pub struct Bitmap {
    /// Pixels of a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Row after row, without padding.
    pub data: Arc<[u8]>,
}

impl Bitmap {
    /// GStreamer's name of the format.
    pub const FORMAT: VideoFormat = if cfg!(target_endian = "little") {
        VideoFormat::Bgra
    } else {
        VideoFormat::Argb
    };

    /// A plain area of a colour 0xAARRGGBB, which is not premultiplied.
    pub fn plain(width: u32, height: u32, color: u32) -> Self {
        let alpha = color >> 24;
        let premultiplied = |shift: u32| ((color >> shift & 0xff) * alpha + 127) / 255;
        let pixel =
            alpha << 24 | premultiplied(16) << 16 | premultiplied(8) << 8 | premultiplied(0);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Colours are premultiplied, and read back in their order.
    #[test]
    fn plain() {
        let bitmap = Bitmap::plain(3, 2, 0x80ff_4000);
        assert_eq!(bitmap.data.len(), 24);
        assert_eq!(bitmap.argb(2, 1), [0x80, 0x80, 0x20, 0]);
    }
}
