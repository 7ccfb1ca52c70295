// SPDX-License-Identifier: MPL-2.0
//! A bitmap at its place in the frame, in the forms in which it gets there.

use std::sync::{Arc, OnceLock};

use gst_video::VideoOverlayRectangle;
use gst_video::{VideoFrameFlags, VideoInfo, VideoMeta, VideoOverlayFormatFlags};

use super::bitmap::Bitmap;
use super::blend::PreparedBlend;
use crate::rect::Rect;

/// A bitmap at its place in the frame.
#[derive(Debug)]
pub struct Sprite {
    /// Where it is. It lies within the frame.
    pub place: Rect,
    bitmap: Bitmap,
    rectangle: OnceLock<VideoOverlayRectangle>,
    blend: OnceLock<Option<PreparedBlend>>,
}

impl Sprite {
    /// Puts the bitmap's upper left corner at `x`, `y`.
    pub fn new(x: u32, y: u32, bitmap: Bitmap) -> Self {
        Self {
            place: Rect {
                x,
                y,
                width: bitmap.width,
                height: bitmap.height,
            },
            bitmap,
            rectangle: OnceLock::new(),
            blend: OnceLock::new(),
        }
    }

    /// The same bitmap at another place. It keeps the prepared blend where that is possible.
    pub fn moved(&self, x: u32, y: u32) -> Self {
        let moved = Self::new(x, y, self.bitmap.clone());
        let blend = self.blend.get().and_then(Option::as_ref);
        if let Some(blend) = blend.and_then(|b| b.moved(self.place, moved.place)) {
            // It is new, so nothing has been set yet.
            let _ = moved.blend.set(Some(blend));
        }
        moved
    }

    /// The sprite in an overlay composition. It is the same object at each call: sinks recognize
    /// by it what they have uploaded.
    pub fn rectangle(&self) -> &VideoOverlayRectangle {
        self.rectangle.get_or_init(|| {
            let mut buffer = gst::Buffer::from_slice(Arc::clone(&self.bitmap.data));
            let Rect {
                x,
                y,
                width,
                height,
            } = self.place;
            let flags = VideoFrameFlags::empty();
            VideoMeta::add(buffer.make_mut(), flags, Bitmap::FORMAT, width, height)
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

    /// The sprite prepared for frames of this kind, which is the same at each call; `None` for
    /// formats that need GStreamer's blending.
    pub fn blend(&self, info: &VideoInfo) -> Option<&PreparedBlend> {
        self.blend
            .get_or_init(|| PreparedBlend::new(info, self.place, &self.bitmap))
            .as_ref()
    }
}
