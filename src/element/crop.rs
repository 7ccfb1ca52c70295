// SPDX-License-Identifier: MPL-2.0
//! Frames that are a part of what their memory holds (GstVideoCropMeta).

/// Takes that metadata out of what downstream says in an ALLOCATION query that it understands:
/// what is upstream would leave frames uncropped for it, and between them nobody would know.
pub(super) fn refuse(query: &mut gst::QueryRef) {
    if let gst::QueryViewMut::Allocation(allocation) = query.view_mut() {
        while let Some(index) = allocation.find_allocation_meta::<gst_video::VideoCropMeta>() {
            allocation.remove_nth_allocation_meta(index);
        }
    }
}
