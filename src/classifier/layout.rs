// SPDX-License-Identifier: MPL-2.0
//! The memory that a frame is in.

use super::error::Error;
use crate::preprocess::is_read;
use crate::rect::Rect;

/// Compares a buffer with its caps. If a buffer contradicts them, GStreamer fails to map it with a
/// CRITICAL or without a reason.
pub(super) fn check_layout(
    buffer: &gst::BufferRef,
    info: &gst_video::VideoInfo,
) -> Result<(), Error> {
    let wrong = |expected: String, found: String| Error::Layout { expected, found };
    let Some(meta) = buffer.meta::<gst_video::VideoMeta>() else {
        if buffer.size() < info.size() {
            let bytes = |size: usize| format!("{size} bytes");
            return Err(wrong(bytes(info.size()), bytes(buffer.size())));
        }
        return Ok(());
    };
    let fits = meta.format() == info.format()
        && meta.n_planes() == info.n_planes()
        && meta.width() >= info.width()
        && meta.height() >= info.height();
    if !fits {
        let text = |format, width, height, planes| {
            format!("{format:?} {width}x{height} in {planes} planes")
        };
        return Err(wrong(
            text(info.format(), info.width(), info.height(), info.n_planes()),
            text(meta.format(), meta.width(), meta.height(), meta.n_planes()),
        ));
    }
    Ok(())
}

/// A buffer's memory as a frame of its own, and where in it this part of the frame lies, if the
/// frame is only a part of it. The element does not announce support for GstVideoCropMeta, but some
/// elements attach it anyway. Without one, the frame lies in the upper left of what a GstVideoMeta
/// describes, and only a converter needs to be told.
pub(super) fn uncropped(
    buffer: &gst::BufferRef,
    info: &gst_video::VideoInfo,
    part: Option<Rect>,
) -> Option<(gst_video::VideoInfo, Rect)> {
    let memory = buffer.meta::<gst_video::VideoMeta>()?;
    let is_larger = (memory.width(), memory.height()) != (info.width(), info.height());
    let (left, top) = match buffer.meta::<gst_video::VideoCropMeta>() {
        Some(crop) => (crop.rect().0, crop.rect().1),
        None if is_larger && !is_read(info.format()) => (0, 0),
        None => return None,
    };
    let whole = gst_video::VideoInfo::builder(info.format(), memory.width(), memory.height())
        .colorimetry(&info.colorimetry())
        .chroma_site(info.chroma_site())
        .par(info.par())
        .build();
    let part = part.unwrap_or(Rect::whole(info.width(), info.height()));
    let place = Rect {
        x: part.x.checked_add(left)?,
        y: part.y.checked_add(top)?,
        ..part
    };
    // A crop rectangle that is not within the memory is ignored.
    let fits = place.clip(memory.width(), memory.height()) == Some(place);
    Some((whole.ok().filter(|_| fits)?, place))
}
