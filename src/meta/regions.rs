// SPDX-License-Identifier: MPL-2.0
//! All regions of a buffer, whichever metadata they lie in, and their classifications.

use gst_video::VideoRegionOfInterestMeta;

use super::Classification;
use super::region::{Region, attach_region, params};
use super::select::select;

/// The metadata that a region lies in: at least one of the two.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RegionSource {
    /// Which GstVideoRegionOfInterestMeta of the buffer it is, from 0.
    pub roi: Option<usize>,
    /// The id of its GstAnalyticsODMtd. Always `None` without the feature `v1_24`.
    pub object: Option<u32>,
}

/// The regions of a buffer: first those with a GstVideoRegionOfInterestMeta in their order, then, with
/// the feature `v1_24`, the GstAnalyticsODMtd that none of those shows as well.
///
/// The two show the same object if they have the same type and nearly the same place, or the same id
/// and about the same place. It then has the tracker's id of either.
pub fn find_regions(buffer: &gst::BufferRef) -> Vec<(RegionSource, Region)> {
    let rois = buffer.iter_meta::<VideoRegionOfInterestMeta>().enumerate();
    let rois = rois.map(|(index, meta)| {
        let source = RegionSource {
            roi: Some(index),
            object: None,
        };
        (source, Region::from_meta(&meta))
    });
    #[cfg_attr(
        not(feature = "v1_24"),
        expect(unused_mut, reason = "no objects follow")
    )]
    let mut found: Vec<_> = rois.collect();
    #[cfg(feature = "v1_24")]
    add_objects(&mut found, super::objects::objects(buffer));
    found
}

/// Adds objects to regions, each once.
#[cfg(feature = "v1_24")]
fn add_objects(found: &mut Vec<(RegionSource, Region)>, objects: Vec<(u32, Region)>) {
    let rois = found.len();
    for (id, region) in objects {
        let free = found[..rois].iter_mut().filter(|(s, _)| s.object.is_none());
        let rated = free.filter_map(|both| {
            let overlap = both.1.rect.iou(&region.rect);
            let is_same = (overlap >= SAME_PLACE && both.1.kind == region.kind)
                || (overlap >= NEAR_PLACE && both.1.id == region.id);
            is_same.then_some((overlap, both))
        });
        match rated.max_by(|(a, _), (b, _)| a.total_cmp(b)) {
            Some((_, (source, roi))) => {
                source.object = Some(id);
                roi.tracking_id = roi.tracking_id.or(region.tracking_id);
            }
            None => {
                let source = RegionSource {
                    roi: None,
                    object: Some(id),
                };
                found.push((source, region));
            }
        }
    }
}

/// Minimum intersection over union of two boxes that are the same but for rounding.
#[cfg(feature = "v1_24")]
const SAME_PLACE: f64 = 0.9;

/// Minimum intersection over union of two boxes of the same id. One of them may have been clipped.
#[cfg(feature = "v1_24")]
const NEAR_PLACE: f64 = 0.5;

/// Whether the buffer has GStreamer's analytics metadata, which may hold objects, and this build cannot
/// read it, for want of the feature `v1_24`.
pub(crate) fn has_unreadable_objects(buffer: &gst::BufferRef) -> bool {
    let is_relation = |meta: gst::MetaRef<'_, gst::Meta>| {
        let name = meta.api().name();
        name == "GstAnalyticsRelationMetaAPI"
    };
    cfg!(not(feature = "v1_24")) && buffer.iter_meta::<gst::Meta>().any(is_relation)
}

/// Calls a function for each region with its classifications, the last element's first.
fn for_each_region<T>(
    buffer: &gst::BufferRef,
    mut take: impl FnMut(Region, &mut dyn Iterator<Item = &gst::StructureRef>) -> T,
) -> Vec<T> {
    let found = find_regions(buffer);
    if found.is_empty() {
        return Vec::new();
    }
    let metas_of_rois: Vec<_> = buffer.iter_meta::<VideoRegionOfInterestMeta>().collect();
    #[cfg(feature = "v1_24")]
    let metas: Vec<_> = buffer.iter_meta::<gst::Meta>().collect();
    let taken = found.into_iter().map(|(source, region)| {
        let rois = source.roi.into_iter();
        let params = rois.flat_map(|roi| params(&metas_of_rois[roi]));
        #[cfg(feature = "v1_24")]
        let params = super::objects::with_structures(params, &metas, source.object);
        let mut all = params;
        take(region, &mut all)
    });
    taken.collect()
}

/// The regions of a buffer in the order of [`find_regions`], each with its classification by the last
/// element that has classified it; `None` if no element has.
pub fn regions_of(buffer: &gst::BufferRef) -> Vec<(Region, Option<Classification>)> {
    regions_by(buffer, None)
}

/// The regions of a buffer in the order of [`find_regions`], each with its classification by one of the
/// elements that have classified it. `name` is as in
/// [`classification_by`](super::classification_by).
pub fn regions_by(
    buffer: &gst::BufferRef,
    name: Option<&str>,
) -> Vec<(Region, Option<Classification>)> {
    for_each_region(buffer, |region, all| {
        let structure = select(all, name);
        (region, structure.and_then(Classification::from_structure))
    })
}

/// The regions of a buffer in the order of [`find_regions`], each with its classifications by all
/// elements that have classified it, the last element first.
pub fn all_regions(buffer: &gst::BufferRef) -> Vec<(Region, Vec<Classification>)> {
    for_each_region(buffer, |region, all| {
        let all = all.filter_map(Classification::from_structure);
        (region, all.collect())
    })
}

/// Attaches classifications to regions of a buffer: to the GstVideoRegionOfInterestMeta of each, and to
/// its GstAnalyticsODMtd, as far as it has them.
pub fn attach_regions(buffer: &mut gst::BufferRef, seen: &[(RegionSource, &Classification)]) {
    let rois = seen
        .iter()
        .filter_map(|(source, c)| Some((source.roi?, *c)));
    let mut rois: Vec<_> = rois.collect();
    if !rois.is_empty() {
        rois.sort_by_key(|(roi, _)| *roi);
        let mut rois = rois.into_iter().peekable();
        let metas = buffer.iter_meta_mut::<VideoRegionOfInterestMeta>();
        for (index, mut meta) in metas.enumerate() {
            if let Some((_, classification)) = rois.next_if(|(roi, _)| *roi == index) {
                attach_region(&mut meta, classification);
            }
        }
    }
    #[cfg(feature = "v1_24")]
    for (source, classification) in seen {
        if let Some(object) = source.object {
            super::objects::attach(buffer, object, classification);
        }
    }
}

#[cfg(all(test, not(feature = "v1_24")))]
mod tests {
    use glib::translate::IntoGlib;

    use super::*;

    unsafe extern "C" fn init(
        _meta: *mut gst::ffi::GstMeta,
        _params: glib::ffi::gpointer,
        _buffer: *mut gst::ffi::GstBuffer,
    ) -> glib::ffi::gboolean {
        true.into_glib()
    }

    /// Metadata of the kind that GStreamer 1.24 has is noticed.
    #[test]
    fn unreadable_objects() {
        gst::init().expect("GStreamer");
        let mut buffer = gst::Buffer::new();
        VideoRegionOfInterestMeta::add(buffer.make_mut(), "face", (0, 0, 1, 1));
        assert!(!has_unreadable_objects(&buffer));
        let mut tags = [std::ptr::null()];
        // SAFETY: the names and the list end with a zero, the metadata has nothing to initialize beyond
        // its first part, and the buffer is writable.
        unsafe {
            let api = gst::ffi::gst_meta_api_type_register(
                c"GstAnalyticsRelationMetaAPI".as_ptr(),
                tags.as_mut_ptr(),
            );
            let info = gst::ffi::gst_meta_register(
                api,
                c"TestRelationMeta".as_ptr(),
                size_of::<gst::ffi::GstMeta>(),
                Some(init),
                None,
                None,
            );
            let buffer = buffer.make_mut().as_mut_ptr();
            assert!(!gst::ffi::gst_buffer_add_meta(buffer, info, std::ptr::null_mut()).is_null());
        }
        assert!(has_unreadable_objects(&buffer));
    }
}
