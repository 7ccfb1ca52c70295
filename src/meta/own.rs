// SPDX-License-Identifier: MPL-2.0
//! Which analytics metadata is this plugin's own.

use gst_analytics::AnalyticsRelationMeta;

use super::analytics::{Earlier, is_label, parts};
use super::custom::META_NAME;
use super::objects::OBJECT_META_NAME;

/// The ids of all GstAnalyticsClsMtd of the buffer that this plugin has attached: of the frame and of
/// objects, with those of their groups and decisions. All others are of other elements.
pub fn own_classes(buffer: &gst::BufferRef) -> Vec<u32> {
    let Some(meta) = buffer.meta::<AnalyticsRelationMeta>() else {
        return Vec::new();
    };
    let mut own = Vec::new();
    for structure in buffer.iter_meta::<gst::Meta>() {
        let Some(custom) = structure.try_as_custom_meta() else {
            continue;
        };
        let structure = custom.structure();
        let is_ours = [META_NAME, OBJECT_META_NAME].contains(&structure.name().as_str());
        if let Some(found) = Earlier::of(structure).filter(|_| is_ours)
            && is_label(&meta, found.id, &found.label)
        {
            own.push(found.id);
            own.extend(parts(&meta, found.id));
        }
    }
    own
}
