// SPDX-License-Identifier: MPL-2.0
//! Frames that show only a part of the picture in their memory (GstVideoCropMeta).

/// Removes that metadata from downstream's answer to an ALLOCATION query. Otherwise upstream would
/// leave the cropping to downstream, and the elements of this plugin, which do not crop, would see
/// the whole picture.
pub(super) fn refuse(query: &mut gst::QueryRef) {
    if let gst::QueryViewMut::Allocation(allocation) = query.view_mut() {
        while let Some(index) = allocation.find_allocation_meta::<gst_video::VideoCropMeta>() {
            allocation.remove_nth_allocation_meta(index);
        }
    }
}
