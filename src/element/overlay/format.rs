// SPDX-License-Identifier: MPL-2.0
//! The pixel formats that can be drawn on.

use std::sync::LazyLock;

use gst_video::{VideoFormat, VideoFormatFlags, VideoFormatInfo};

/// The formats that [`super::stamp`] or GStreamer's own blending can draw on.
pub fn all() -> &'static [VideoFormat] {
    static FORMATS: LazyLock<Vec<VideoFormat>> = LazyLock::new(|| {
        VideoFormat::iter_raw()
            .filter(|f| can_be_drawn_on(*f))
            .collect()
    });
    &FORMATS
}

fn can_be_drawn_on(format: VideoFormat) -> bool {
    // A palette has no colours but its own.
    !VideoFormatInfo::from_format(format)
        .flags()
        .contains(VideoFormatFlags::PALETTE)
}
