// SPDX-License-Identifier: MPL-2.0
//! Classifications in GStreamer's analytics metadata (GStreamer 1.24), such as those of
//! `classifiertensordecoder`.

use std::collections::HashSet;

use glib::translate::IntoGlib;
use gst_analytics::prelude::*;
use gst_analytics::{
    AnalyticsClassificationMtd as Classes, AnalyticsODMtd, AnalyticsRelationMeta, RelTypes, ffi,
};

use super::super::own::own_classes;
use super::super::quark::quark_text;
use super::{Carrier, ForeignClass, ForeignClassification, text};

type RelationMeta<'a> = gst::MetaRef<'a, AnalyticsRelationMeta>;

/// Whatever lies behind these is not read: a detector finds a few hundred objects at most.
const MAX_ENTRIES: usize = 4096;

/// The last classification of the whole frame, which is one that belongs to no object and to no mask.
pub(super) fn of_frame(buffer: &gst::BufferRef) -> Option<ForeignClassification> {
    let meta = buffer.meta::<AnalyticsRelationMeta>()?;
    let mut all: Vec<u32> = classes(&meta).collect();
    if all.is_empty() {
        return None;
    }
    let mut parts: HashSet<u32> = own_classes(buffer).into_iter().collect();
    for whole in meta.iter::<AnalyticsODMtd>().take(MAX_ENTRIES) {
        parts.extend(related(&meta, whole.id(), RelTypes::ANY));
    }
    all.retain(|id| !parts.contains(id) && !has_whole(&meta, *id));
    all.into_iter().rev().find_map(|id| read(&meta, id))
}

/// The classifications of an object by others, in their order. `own` are ours.
pub(super) fn of_object(
    buffer: &gst::BufferRef,
    object: u32,
    own: &[u32],
) -> Vec<ForeignClassification> {
    let Some(meta) = buffer.meta::<AnalyticsRelationMeta>() else {
        return Vec::new();
    };
    // DL Streamer's results are contained, and what is related otherwise lists its classes.
    let mut ids = related(&meta, object, RelTypes::CONTAIN);
    if ids.is_empty() {
        ids = related(&meta, object, RelTypes::RELATE_TO);
    }
    // Some only say that the classification is part of the object.
    for id in classes(&meta) {
        let relation = meta.relation(id, object);
        if relation.intersects(RelTypes::IS_PART_OF) && !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids.retain(|id| !own.contains(id));
    ids.into_iter().filter_map(|id| read(&meta, id)).collect()
}

/// The ids of all classifications.
fn classes(meta: &RelationMeta<'_>) -> impl Iterator<Item = u32> {
    meta.iter::<Classes>().take(MAX_ENTRIES).map(|mtd| mtd.id())
}

/// The ids of the classifications that are directly related to an entry.
fn related(meta: &RelationMeta<'_>, whole: u32, relation: RelTypes) -> Vec<u32> {
    let found = meta.iter_direct_related::<Classes>(whole, relation);
    found.take(MAX_ENTRIES).map(|mtd| mtd.id()).collect()
}

/// Whether a classification is related to an object, or names the parts of a segmentation mask.
fn has_whole(meta: &RelationMeta<'_>, id: u32) -> bool {
    // SAFETY: the metadata is borrowed, and the id is one of its entries. The function only reads.
    let is_related = |kind| unsafe {
        let mut found = std::mem::zeroed();
        let any = RelTypes::ANY.into_glib();
        let state = std::ptr::null_mut();
        let raw = meta.as_mut_ptr();
        let answer = ffi::gst_analytics_relation_meta_get_direct_related;
        answer(raw, id, any, kind, state, &raw mut found) != glib::ffi::GFALSE
    };
    // SAFETY: the functions have no preconditions.
    let kinds = unsafe {
        [
            ffi::gst_analytics_od_mtd_get_mtd_type(),
            ffi::gst_analytics_segmentation_mtd_get_mtd_type(),
        ]
    };
    kinds.into_iter().any(is_related)
}

/// The classes of a classification. `None` if none has a name and a finite confidence, or if it only
/// lists the classes that a model knows.
fn read(meta: &RelationMeta<'_>, id: u32) -> Option<ForeignClassification> {
    let mtd = meta.mtd::<Classes>(id)?;
    let length = mtd.len();
    let level = |index| mtd.level(index);
    let is_list = length > 1 && (1..length).all(|index| level(index) == level(0));
    if is_list {
        return None;
    }
    let classes = (0..length).filter_map(|index| {
        let confidence = Some(level(index)).filter(|level| level.is_finite())?;
        // SAFETY: the metadata is borrowed, and the index is below the length. The binding does not
        // expect a quark of 0.
        let quark = unsafe {
            let mtd = ffi::GstAnalyticsMtd {
                id,
                meta: meta.as_mut_ptr(),
            };
            ffi::gst_analytics_cls_mtd_get_quark((&raw const mtd).cast(), index)
        };
        // The index in this list is not that in the model's output.
        Some(ForeignClass {
            index: None,
            label: text(&quark_text(quark))?,
            confidence: Some(confidence),
        })
    });
    ForeignClassification::new(Carrier::Analytics, classes.collect())
}
