// SPDX-License-Identifier: MPL-2.0
//! The planes of a frame that is drawn on, with their true bounds.

use gst_video::VideoFrameRef;
use gst_video::video_frame::IsVideoFrame as _;

/// One plane: its bytes as far as they are mapped, and the distance between its rows.
pub struct Plane<'a> {
    index: usize,
    data: &'a mut [u8],
    stride: usize,
}

impl<'a> Plane<'a> {
    /// `VideoFrameRef::plane_data_mut` is not used: it takes every plane to be `stride * height`
    /// bytes long, also where the last row is shorter or a meta claims more than there is. Here
    /// each plane ends where its mapped memory ends. A plane with a negative stride, or outside of
    /// its memory, comes out empty.
    pub fn new(frame: &'a mut VideoFrameRef<&mut gst::BufferRef>, index: usize) -> Self {
        let raw = frame.as_raw();
        // With a GstVideoMeta each plane has a map of its own; without, the first has all and the
        // others were never written.
        let map = &raw.map[if raw.meta.is_null() { 0 } else { index }];
        let (start, end) = (map.data as usize, map.data as usize + map.size);
        let first = raw.data[index] as usize;
        let mut plane = Self {
            index,
            data: &mut [],
            stride: 0,
        };
        if let Ok(stride) = usize::try_from(raw.info.stride[index])
            && (start..=end).contains(&first)
        {
            plane.stride = stride;
            // SAFETY: `first..end` lies within this map, which is writable, and which nothing else
            // can be reached through as long as the frame is borrowed.
            plane.data =
                unsafe { std::slice::from_raw_parts_mut(raw.data[index].cast(), end - first) };
        }
        plane
    }

    /// Bytes `start..start + length` of a row.
    pub fn row(
        &mut self,
        y: usize,
        start: usize,
        length: usize,
    ) -> Result<&mut [u8], glib::BoolError> {
        let (size, start) = (self.data.len(), y * self.stride + start);
        self.data.get_mut(start..start + length).ok_or_else(|| {
            glib::bool_error!(
                "plane {} has {size} bytes, and row {y} does not lie in them",
                self.index
            )
        })
    }
}
