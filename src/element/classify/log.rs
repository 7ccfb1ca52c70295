// SPDX-License-Identifier: MPL-2.0
//! The element's debug category.

use std::sync::LazyLock;

/// `GST_DEBUG=resnet50:…`
pub static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "resnet50",
        gst::DebugColorFlags::empty(),
        Some("Video frame classifier"),
    )
});
