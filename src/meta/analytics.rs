// SPDX-License-Identifier: MPL-2.0
//! The classification as GStreamer's own analytics metadata (GStreamer 1.24).

use gst_analytics::prelude::*;

use super::Classification;

/// Adds one GstAnalyticsClsMtd with all classes to the buffer's relation metadata, which is made
/// if it is not there yet.
pub(super) fn attach(buffer: &mut gst::BufferRef, classification: &Classification) {
    if classification.results.is_empty() {
        return;
    }
    let classes = &classification.results;
    let levels: Vec<f32> = classes.iter().map(|c| c.confidence).collect();
    let labels: Vec<glib::Quark> = classes
        .iter()
        .map(|c| glib::Quark::from_str(&*c.label))
        .collect();
    let mut meta = gst_analytics::AnalyticsRelationMeta::add(buffer);
    // This fails only if the metadata is full. The custom metadata still has everything then.
    let _ = meta.add_cls_mtd(&levels, &labels);
}
