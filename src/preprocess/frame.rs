// SPDX-License-Identifier: MPL-2.0
//! The planes of a mapped video frame, with their true bounds.

use gst_video::{prelude::*, video_frame::IsVideoFrame};

/// One plane: its bytes as far as they are mapped, and the distance between its rows.
#[derive(Debug, Clone, Copy, Default)]
pub struct Plane<'a> {
    /// From the first byte of the first row on. The last row may be shorter than the stride.
    pub data: &'a [u8],
    /// Bytes from one row to the next.
    pub stride: usize,
}

/// The planes of a picture.
#[derive(Debug, Clone, Copy, Default)]
pub struct Picture<'a> {
    /// As many as the format has.
    pub planes: [Plane<'a>; 4],
}

impl<'a> Picture<'a> {
    /// The planes of a frame that is mapped for reading. Strides and offsets are the frame's own
    /// (GstVideoMeta).
    ///
    /// `VideoFrameRef::plane_data` is not used: it takes every plane to be `stride * height` bytes
    /// long, which reads past the end of a buffer whose last row is tight, and believes a meta
    /// that claims more than there is. Here each plane ends where its mapped memory ends. A plane
    /// with a negative stride, or outside its memory, comes out empty.
    pub fn from_frame<T: IsVideoFrame>(frame: &'a T) -> Self {
        let mut planes = [Plane::default(); 4];
        let raw = frame.as_raw();
        let count = frame.n_planes() as usize;
        for (i, plane) in planes.iter_mut().enumerate().take(count) {
            // With a GstVideoMeta each plane has a map of its own; without, the first has all and
            // the others were never written.
            let map = &raw.map[if raw.meta.is_null() { 0 } else { i }];
            let (start, end) = (map.data as usize, map.data as usize + map.size);
            let first = raw.data[i] as usize;
            let stride = raw.info.stride[i];
            if first < start || first > end || stride < 0 {
                continue;
            }
            // SAFETY: `first..end` lies within this map, which is readable as long as `frame` is.
            let data = unsafe { std::slice::from_raw_parts(raw.data[i] as *const u8, end - first) };
            *plane = Plane {
                data,
                stride: stride as usize,
            };
        }
        Self { planes }
    }
}
