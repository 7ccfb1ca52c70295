// SPDX-License-Identifier: MPL-2.0
//! The classification as GStreamer's own analytics metadata (GStreamer 1.24).
//!
//! A classification is a GstAnalyticsClsMtd of the classes, best first. With groups or a decision, it
//! has a GstAnalyticsClsMtd of its own for each, which that of the classes contains.

use gst_analytics::prelude::*;
use gst_analytics::{
    AnalyticsClassificationMtd as Classes, AnalyticsRelationMeta, RelTypes, ffi as analytics_ffi,
};

use super::Classification;
use super::quark::quark_text;

/// The field of our structures with the id of the GstAnalyticsClsMtd of the classes (guint). It is
/// absent where there are no classes.
pub(super) const MTD_FIELD: &str = "mtd-id";

/// What was attached earlier by the same element: the id, and the best class, by which it is known to
/// be this element's.
#[derive(Debug)]
pub(super) struct Earlier {
    pub(super) id: u32,
    pub(super) label: String,
}

impl Earlier {
    /// Reads it from a structure of ours. `None` if that has no classes in the analytics metadata.
    pub(super) fn of(structure: &gst::StructureRef) -> Option<Self> {
        Some(Self {
            id: structure.get(MTD_FIELD).ok()?,
            label: structure.get("label").ok()?,
        })
    }
}

/// Adds a classification of the frame, or of one object, to the buffer's relation metadata, which is
/// made if it is not there yet. `object` is the id of a GstAnalyticsODMtd. Returns the id of the
/// GstAnalyticsClsMtd of the classes; `None` if there are no classes, or if the metadata is full.
pub(super) fn attach(
    buffer: &mut gst::BufferRef,
    classification: &Classification,
    object: Option<u32>,
    earlier: Option<&Earlier>,
) -> Option<u32> {
    if let Some(earlier) = earlier {
        detach(buffer, object, earlier);
    }
    let classes = &classification.results;
    if classes.is_empty() {
        return None;
    }
    let mut meta = AnalyticsRelationMeta::add(buffer);
    let classes = classes.iter().map(|c| (&*c.label, c.confidence));
    let id = add(&mut meta, classes)?;
    if let Some(object) = object {
        // GStreamer's overlay looks for one relation, DL Streamer for the other.
        relate(
            &mut meta,
            object,
            id,
            RelTypes::CONTAIN | RelTypes::RELATE_TO,
        );
    }
    let groups = &classification.groups;
    if !groups.is_empty() {
        let groups = groups.iter().map(|g| (&*g.label, g.confidence));
        add(&mut meta, groups).inspect(|part| relate(&mut meta, id, *part, RelTypes::CONTAIN));
    }
    if let Some(decision) = &classification.decision {
        let decision = [(decision.name(), decision.confidence)];
        add(&mut meta, decision.into_iter())
            .inspect(|part| relate(&mut meta, id, *part, RelTypes::CONTAIN));
    }
    Some(id)
}

type RelationMeta<'a> = gst::MetaRefMut<'a, AnalyticsRelationMeta, gst::meta::Standalone>;

/// Adds one GstAnalyticsClsMtd. `None` if the metadata is full; the custom metadata still has
/// everything then.
fn add<'a>(
    meta: &mut RelationMeta<'_>,
    classes: impl Iterator<Item = (&'a str, f32)>,
) -> Option<u32> {
    let (labels, levels): (Vec<_>, Vec<_>) = classes
        .map(|(label, level)| (glib::Quark::from_str(label), level))
        .unzip();
    Some(meta.add_cls_mtd(&levels, &labels).ok()?.id())
}

/// Relates a whole to its part, and the part to the whole.
fn relate(meta: &mut RelationMeta<'_>, whole: u32, part: u32, relation: RelTypes) {
    // Both fail for unknown ids only.
    let _ = meta.set_relation(relation, whole, part);
    let _ = meta.set_relation(RelTypes::IS_PART_OF, part, whole);
}

/// Takes back what the same element attached earlier. GStreamer cannot remove a GstAnalyticsMtd: if
/// there is nothing else, all of the relation metadata goes; if an object has it, the object is no
/// longer related to it; otherwise it stays, and the custom metadata names the newer one.
fn detach(buffer: &mut gst::BufferRef, object: Option<u32>, earlier: &Earlier) {
    let Some(meta) = buffer.meta::<AnalyticsRelationMeta>() else {
        return;
    };
    if !is_label(&meta, earlier.id, &earlier.label) {
        return;
    }
    let is_all = meta.len() == 1 + parts(&meta, earlier.id).len();
    let Some(mut meta) = buffer.meta_mut::<AnalyticsRelationMeta>() else {
        return;
    };
    if let Some(object) = object {
        let _ = meta.set_relation(RelTypes::NONE, object, earlier.id);
        let _ = meta.set_relation(RelTypes::NONE, earlier.id, object);
    } else if is_all {
        // It is not locked.
        let _ = meta.remove();
    }
}

/// The ids of what a GstAnalyticsClsMtd of ours contains.
pub(super) fn parts(meta: &gst::MetaRef<'_, AnalyticsRelationMeta>, id: u32) -> Vec<u32> {
    let parts = meta.iter_direct_related::<Classes>(id, RelTypes::CONTAIN);
    parts.map(|part| part.id()).collect()
}

/// Whether there is a GstAnalyticsClsMtd with this id and this first class.
pub(super) fn is_label(
    meta: &gst::MetaRef<'_, AnalyticsRelationMeta>,
    id: u32,
    label: &str,
) -> bool {
    if id as usize >= meta.len() {
        return false;
    }
    let Some(classes) = meta.mtd::<Classes>(id).filter(|mtd| !mtd.is_empty()) else {
        return false;
    };
    // SAFETY: the metadata is borrowed, and the id is that of a GstAnalyticsClsMtd with a class. The
    // binding does not expect a quark of 0, which others may have written.
    let quark = unsafe {
        let mtd = analytics_ffi::GstAnalyticsMtd {
            id: classes.id(),
            meta: meta.as_mut_ptr(),
        };
        analytics_ffi::gst_analytics_cls_mtd_get_quark((&raw const mtd).cast(), 0)
    };
    quark_text(quark).as_ref() == label
}
