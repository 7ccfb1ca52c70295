// SPDX-License-Identifier: MPL-2.0
//! Regions that a detector has found, and their classes.

use std::sync::Arc;

use glib::translate::IntoGlibPtr;
use gst_video::VideoRegionOfInterestMeta;

use super::Classification;
use super::select::select;

/// Name of the parameter of a GstVideoRegionOfInterestMeta that holds its classification, in the
/// fields of [`Classification::to_structure`]. There is one for each element that has classified
/// the region, the last one's first.
pub const PARAM_NAME: &str = "classification";

/// A part of a frame: a GstVideoRegionOfInterestMeta of any detector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// The metadata's own id, which its detector gave.
    pub id: i32,
    /// Which object it is over time, where a tracker says so.
    pub tracking_id: Option<i64>,
    /// What the detector calls it: "face", "person".
    pub kind: Arc<str>,
    /// Left edge in pixels of the frame.
    pub x: u32,
    /// Upper edge.
    pub y: u32,
    /// Width.
    pub width: u32,
    /// Height.
    pub height: u32,
}

impl Region {
    /// What the metadata says.
    ///
    /// A tracker's id is the field `id` of a parameter `object_id` (Intel's DL Streamer) or
    /// `tracking` (GstAnalytics' name for it), or a field `tracking-id` of any parameter.
    pub fn from_meta(meta: &VideoRegionOfInterestMeta) -> Self {
        let (x, y, width, height) = meta.rect();
        let tracking_id = meta.params().find_map(|param| {
            let field = match param.name().as_str() {
                "object_id" | "tracking" => "id",
                _ => "tracking-id",
            };
            integer(param, field)
        });
        Self {
            id: meta.id(),
            tracking_id,
            kind: kind_of(meta),
            x,
            y,
            width,
            height,
        }
    }

    /// The field `region` of a bus message: `id` (gint), `type` (string), `x`, `y`, `width` and
    /// `height` (guint), and `tracking-id` (gint64) where there is one.
    pub fn to_structure(&self) -> gst::Structure {
        gst::Structure::builder("region")
            .field("id", self.id)
            .field_if_some("tracking-id", self.tracking_id)
            .field("type", &*self.kind)
            .field("x", self.x)
            .field("y", self.y)
            .field("width", self.width)
            .field("height", self.height)
            .build()
    }
}

/// The region's type; empty where the detector gave none, or a number that stands for no text. The
/// bindings take both for text.
fn kind_of(meta: &VideoRegionOfInterestMeta) -> Arc<str> {
    let raw: *const VideoRegionOfInterestMeta = meta;
    // SAFETY: the binding's type is a transparent one around the C structure, and the text of a
    // quark lives for ever.
    let text = unsafe {
        let quark = (*raw.cast::<gst_video::ffi::GstVideoRegionOfInterestMeta>()).roi_type;
        let text = glib::ffi::g_quark_to_string(quark);
        (!text.is_null()).then(|| std::ffi::CStr::from_ptr(text))
    };
    text.map_or_else(|| "".into(), |text| text.to_string_lossy().into())
}

/// An integer of whatever type.
fn integer(structure: &gst::StructureRef, field: &str) -> Option<i64> {
    let value = structure.value(field).ok()?;
    value.transform::<i64>().ok()?.get().ok()
}

/// The regions of a buffer in their order, each with its classification by the last element that
/// has classified it, as far as there is one.
pub fn regions_of(buffer: &gst::BufferRef) -> Vec<(Region, Option<Classification>)> {
    regions_by(buffer, None)
}

/// The regions of a buffer in their order, each with its classification by one of the elements
/// that have classified it; `name` is that of
/// [`classification_by`](super::classification_by).
pub fn regions_by(
    buffer: &gst::BufferRef,
    name: Option<&str>,
) -> Vec<(Region, Option<Classification>)> {
    buffer
        .iter_meta::<VideoRegionOfInterestMeta>()
        .map(|meta| {
            let param = select(params(&meta), name);
            (
                Region::from_meta(&meta),
                param.and_then(Classification::from_structure),
            )
        })
        .collect()
}

/// The classifications of a region by all elements that have classified it, the last one's first.
pub fn region_answers_of(meta: &VideoRegionOfInterestMeta) -> Vec<Classification> {
    params(meta)
        .filter_map(Classification::from_structure)
        .collect()
}

/// The parameters of our name.
fn params(meta: &VideoRegionOfInterestMeta) -> impl Iterator<Item = &gst::StructureRef> {
    meta.params().filter(|param| param.name() == PARAM_NAME)
}

/// Puts classifications onto the regions of a buffer, each with its region's number among them.
pub fn attach_regions(buffer: &mut gst::BufferRef, seen: &[(usize, &Classification)]) {
    if seen.is_empty() {
        return;
    }
    let mut seen = seen.to_vec();
    seen.sort_by_key(|(region, _)| *region);
    let mut seen = seen.into_iter().peekable();
    let regions = buffer.iter_meta_mut::<VideoRegionOfInterestMeta>();
    for (index, mut meta) in regions.enumerate() {
        if let Some((_, classification)) = seen.next_if(|(region, _)| *region == index) {
            attach_region(&mut meta, classification);
        }
    }
}

/// Puts a classification onto a region, before those of other elements, and in the place of an
/// earlier one of the same element.
pub fn attach_region(meta: &mut VideoRegionOfInterestMeta, classification: &Classification) {
    remove_params(meta, |param| {
        let element = param.get::<&str>("element").unwrap_or_default();
        param.name() == PARAM_NAME && *element == *classification.element
    });
    insert_param(meta, classification.to_structure(PARAM_NAME));
}

/// Adds a parameter before the others of its name, for which there is no function:
/// `gst_video_region_of_interest_meta_get_param()` finds the first of a name.
fn insert_param(meta: &mut VideoRegionOfInterestMeta, param: gst::Structure) {
    let raw: *mut VideoRegionOfInterestMeta = meta;
    // SAFETY: the binding's type is a transparent one around the C structure, which is borrowed
    // for writing; it owns its list, and the list its structures.
    unsafe {
        let raw = raw.cast::<gst_video::ffi::GstVideoRegionOfInterestMeta>();
        let name = param.name();
        let mut next = (*raw).params;
        while !next.is_null() {
            let there = (*next).data.cast::<gst::ffi::GstStructure>();
            if gst::StructureRef::from_glib_borrow(there).name() == name {
                break;
            }
            next = (*next).next;
        }
        let param: *mut gst::ffi::GstStructure = param.into_glib_ptr();
        // At the end where there is none of its name.
        (*raw).params = glib::ffi::g_list_insert_before((*raw).params, next, param.cast());
    }
}

/// Takes parameters away, for which there is no function.
fn remove_params(
    meta: &mut VideoRegionOfInterestMeta,
    is_to_go: impl Fn(&gst::StructureRef) -> bool,
) {
    let raw: *mut VideoRegionOfInterestMeta = meta;
    // SAFETY: the binding's type is a transparent one around the C structure, which is borrowed
    // for writing; it owns its list, and the list its structures.
    unsafe {
        let raw = raw.cast::<gst_video::ffi::GstVideoRegionOfInterestMeta>();
        let mut node = (*raw).params;
        while !node.is_null() {
            let next = (*node).next;
            let param = (*node).data.cast::<gst::ffi::GstStructure>();
            if is_to_go(gst::StructureRef::from_glib_borrow(param)) {
                (*raw).params = glib::ffi::g_list_delete_link((*raw).params, node);
                gst::ffi::gst_structure_free(param);
            }
            node = next;
        }
    }
}
