// SPDX-License-Identifier: MPL-2.0
//! The planes of mapped video frames, with their true bounds.
//!
//! `VideoFrameRef::plane_data` and its mutable form are not used. They take every plane to be
//! `stride * height` bytes long, which reads past the end of a buffer whose last row is tight, and
//! trust a GstVideoMeta that claims more memory than there is. Here each plane ends where its
//! mapped memory ends.

#[cfg(feature = "overlay")]
use gst_video::VideoFrameRef;
use gst_video::{prelude::*, video_frame::IsVideoFrame};

/// A plane that can be read: its mapped bytes and the distance between its rows.
#[derive(Debug, Clone, Copy, Default)]
pub struct Plane<'a> {
    /// From the first byte of the first row on. The last row may be shorter than the stride.
    pub data: &'a [u8],
    /// Bytes from one row to the next.
    pub stride: usize,
}

/// The planes of a frame that is mapped for reading.
#[derive(Debug, Clone, Copy, Default)]
pub struct Picture<'a> {
    /// As many as the format has. Those beyond are empty.
    pub planes: [Plane<'a>; 4],
}

impl<'a> Picture<'a> {
    /// The planes of a frame. Strides and offsets are the frame's own (GstVideoMeta). A plane with
    /// a negative stride, or outside of its memory, is empty.
    pub fn from_frame<T: IsVideoFrame>(frame: &'a T) -> Self {
        let mut planes = [Plane::default(); 4];
        let count = frame.n_planes() as usize;
        for (i, plane) in planes.iter_mut().enumerate().take(count) {
            if let Some(bounds) = Bounds::new(frame.as_raw(), i) {
                // SAFETY: these bytes lie within the frame's map, which is readable as long as
                // `frame` is borrowed.
                let data = unsafe { std::slice::from_raw_parts(bounds.first, bounds.len) };
                *plane = Plane {
                    data,
                    stride: bounds.stride,
                };
            }
        }
        Self { planes }
    }
}

/// A plane that can be written.
#[cfg(feature = "overlay")]
#[derive(Debug)]
pub struct PlaneMut<'a> {
    index: usize,
    data: &'a mut [u8],
    stride: usize,
}

#[cfg(feature = "overlay")]
impl<'a> PlaneMut<'a> {
    /// Plane `index` of a frame. A plane with a negative stride, or outside of its memory, is
    /// empty.
    pub fn new(frame: &'a mut VideoFrameRef<&mut gst::BufferRef>, index: usize) -> Self {
        let (data, stride) = match Bounds::new(frame.as_raw(), index) {
            // SAFETY: these bytes lie within the frame's map, which is writable, and which nothing
            // else can reach as long as the frame is borrowed mutably.
            Some(bounds) => unsafe {
                let data = std::slice::from_raw_parts_mut(bounds.first, bounds.len);
                (data, bounds.stride)
            },
            None => (Default::default(), 0),
        };
        Self {
            index,
            data,
            stride,
        }
    }

    /// Bytes `start..start + length` of row `y`.
    ///
    /// # Errors
    /// If they do not all lie in the plane's memory.
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

/// Where a plane lies in memory.
struct Bounds {
    first: *mut u8,
    len: usize,
    stride: usize,
}

impl Bounds {
    /// From the plane's first byte to the end of its mapped memory; `None` for a negative stride
    /// and for a plane that begins outside of its memory.
    fn new(raw: &gst_video::ffi::GstVideoFrame, plane: usize) -> Option<Self> {
        // With a GstVideoMeta each plane has a map of its own. Without, the first map has all
        // planes, and the others were never written.
        let map = &raw.map[if raw.meta.is_null() { 0 } else { plane }];
        let (start, end) = (map.data as usize, map.data as usize + map.size);
        let first = raw.data[plane] as usize;
        let stride = usize::try_from(raw.info.stride[plane]).ok()?;
        (start..=end).contains(&first).then(|| Self {
            first: raw.data[plane].cast(),
            len: end - first,
            stride,
        })
    }
}
