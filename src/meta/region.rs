// SPDX-License-Identifier: MPL-2.0
//! Regions of a detector, and their classifications.

use std::sync::Arc;

use glib::translate::IntoGlibPtr;
use gst_video::VideoRegionOfInterestMeta;

use super::Classification;
use super::quark::quark_text;
use crate::rect::Rect;

/// Name of the parameter of a GstVideoRegionOfInterestMeta that holds its classification, in the
/// fields of [`Classification::to_structure`]. There is one for each element that has classified
/// the region; that of the last element comes first.
pub const PARAM_NAME: &str = "classification";

/// A region of a frame: a GstVideoRegionOfInterestMeta of any detector, or, built with the feature
/// `v1_24`, a GstAnalyticsODMtd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// The id of the metadata, from the detector; of a GstAnalyticsODMtd, its id in the buffer's
    /// relation metadata.
    pub id: i32,
    /// The id of the object from a tracker, if there is one.
    pub tracking_id: Option<i64>,
    /// The type of the region: "face", "person".
    pub kind: Arc<str>,
    /// Where it is in the frame, in pixels. It need not lie within the frame.
    pub rect: Rect,
}

impl Region {
    /// Reads the metadata.
    ///
    /// The id of a tracker is the field `id` of a parameter `object_id` (Intel's DL Streamer) or
    /// `tracking` (GstAnalytics), or the field `tracking-id` of any parameter.
    pub fn from_meta(meta: &VideoRegionOfInterestMeta) -> Self {
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
            rect: meta.rect().into(),
        }
    }

    /// The field `region` of a bus message: `id` (gint), `type` (string), `x`, `y`, `width` and
    /// `height` (guint), and `tracking-id` (gint64) where there is one.
    pub fn to_structure(&self) -> gst::Structure {
        gst::Structure::builder("region")
            .field("id", self.id)
            .field_if_some("tracking-id", self.tracking_id)
            .field("type", &*self.kind)
            .field("x", self.rect.x)
            .field("y", self.rect.y)
            .field("width", self.rect.width)
            .field("height", self.rect.height)
            .build()
    }
}

/// The region's type; empty if it is unset or an unknown quark, which the bindings do not expect.
fn kind_of(meta: &VideoRegionOfInterestMeta) -> Arc<str> {
    let raw: *const VideoRegionOfInterestMeta = meta;
    // SAFETY: the type of the bindings is a transparent wrapper of the C structure.
    let quark = unsafe { (*raw.cast::<gst_video::ffi::GstVideoRegionOfInterestMeta>()).roi_type };
    quark_text(quark)
}

/// An integer field of any integer type.
fn integer(structure: &gst::StructureRef, field: &str) -> Option<i64> {
    let value = structure.value(field).ok()?;
    value.transform::<i64>().ok()?.get().ok()
}

/// The classifications of a region by all elements that have classified it, the last element first.
pub fn region_classifications(meta: &VideoRegionOfInterestMeta) -> Vec<Classification> {
    params(meta)
        .filter_map(Classification::from_structure)
        .collect()
}

/// The parameters with classifications.
pub(super) fn params(meta: &VideoRegionOfInterestMeta) -> impl Iterator<Item = &gst::StructureRef> {
    meta.params().filter(|param| param.name() == PARAM_NAME)
}

/// Attaches a classification to a region, before those of other elements. It replaces an earlier one of
/// the same element.
pub fn attach_region(meta: &mut VideoRegionOfInterestMeta, classification: &Classification) {
    remove_params(meta, |param| {
        let element = param.get::<&str>("element").unwrap_or_default();
        param.name() == PARAM_NAME && *element == *classification.element
    });
    insert_param(meta, classification.to_structure(PARAM_NAME));
}

/// Inserts a parameter before others of its name, because
/// `gst_video_region_of_interest_meta_get_param()` returns the first one. GStreamer has no function for
/// it.
fn insert_param(meta: &mut VideoRegionOfInterestMeta, param: gst::Structure) {
    let raw: *mut VideoRegionOfInterestMeta = meta;
    // SAFETY: the type of the bindings is a transparent wrapper of the C structure, which is borrowed
    // for writing. It owns the list, and the list owns its structures.
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
        // At the end if there is none of its name.
        (*raw).params = glib::ffi::g_list_insert_before((*raw).params, next, param.cast());
    }
}

/// Removes parameters. GStreamer has no function for it.
fn remove_params(
    meta: &mut VideoRegionOfInterestMeta,
    is_removed: impl Fn(&gst::StructureRef) -> bool,
) {
    let raw: *mut VideoRegionOfInterestMeta = meta;
    // SAFETY: the type of the bindings is a transparent wrapper of the C structure, which is borrowed
    // for writing. It owns the list, and the list owns its structures.
    unsafe {
        let raw = raw.cast::<gst_video::ffi::GstVideoRegionOfInterestMeta>();
        let mut node = (*raw).params;
        while !node.is_null() {
            let next = (*node).next;
            let param = (*node).data.cast::<gst::ffi::GstStructure>();
            if is_removed(gst::StructureRef::from_glib_borrow(param)) {
                (*raw).params = glib::ffi::g_list_delete_link((*raw).params, node);
                gst::ffi::gst_structure_free(param);
            }
            node = next;
        }
    }
}
