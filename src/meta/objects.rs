// SPDX-License-Identifier: MPL-2.0
//! Objects of a detector that writes GStreamer's analytics metadata (GStreamer 1.24), and their
//! classifications.
//!
//! A GstAnalyticsClsMtd has labels and confidences only. Everything else that is known of an object's
//! classification lies in a GstCustomMeta of its own.

use glib::translate::IntoGlib;
use gst::buffer::BufferMetaForeachAction;
use gst::meta::CustomMeta;
use gst_analytics::prelude::*;
use gst_analytics::{AnalyticsODMtd, AnalyticsRelationMeta, AnalyticsTrackingMtd, RelTypes};

use std::ops::ControlFlow;

use super::Classification;
use super::analytics::{self, Earlier, MTD_FIELD};
use super::quark::quark_text;
use super::region::Region;
use crate::rect::Rect;

/// Name of the metadata that holds the classification of one object, and of its structure. It has the
/// fields of [`Classification::to_structure`], the id of the object's GstAnalyticsODMtd in `object`,
/// and that of the GstAnalyticsClsMtd in `mtd-id` (both guint). There is one for each object and each
/// element that has classified it; that of the last element comes last.
pub const OBJECT_META_NAME: &str = "Resnet50ObjectClassificationMeta";

/// The field with the id of the object.
const OBJECT_FIELD: &str = "object";

/// Registers the metadata. As the objects themselves do, it stays on every copy of the buffer.
pub(super) fn register() {
    if CustomMeta::is_registered(OBJECT_META_NAME) {
        return;
    }
    CustomMeta::register_with_transform(OBJECT_META_NAME, &[], |to, meta, _from, _kind| {
        let from = meta.structure();
        let Some(object) = object_of(from) else {
            return true;
        };
        remove(to, object, element_of(from));
        write(to, |new| {
            for (field, value) in from.iter() {
                new.set_value(field, value.clone());
            }
        });
        true
    });
}

/// The objects of a buffer in their order, each with the id of its GstAnalyticsODMtd.
///
/// A rotated box counts as the upright box around it. What lies left of the frame or above it is cut
/// off.
pub(super) fn objects(buffer: &gst::BufferRef) -> Vec<(u32, Region)> {
    let Some(meta) = buffer.meta::<AnalyticsRelationMeta>() else {
        return Vec::new();
    };
    let found = meta.iter::<AnalyticsODMtd>().filter_map(|object| {
        let place = object.location().ok()?;
        let kind = object.obj_type().map_or(0, IntoGlib::into_glib);
        let id = object.id();
        let mut tracking = meta.iter_direct_related::<AnalyticsTrackingMtd>(id, RelTypes::ANY);
        let region = Region {
            id: i32::try_from(id).ok()?,
            tracking_id: tracking.next().map(|tracking| tracking.info().0 as i64),
            kind: quark_text(kind),
            rect: rect((place.x, place.w), (place.y, place.h)),
        };
        Some((id, region))
    });
    found.collect()
}

/// A box without what lies left of the frame or above it.
fn rect((x, width): (i32, i32), (y, height): (i32, i32)) -> Rect {
    let span = |start: i32, length: i32| {
        let end = i64::from(start) + i64::from(length.max(0));
        let start = start.max(0);
        let length = (end - i64::from(start)).max(0);
        (
            start.unsigned_abs(),
            u32::try_from(length).unwrap_or(u32::MAX),
        )
    };
    let ((x, width), (y, height)) = (span(x, width), span(y, height));
    Rect {
        x,
        y,
        width,
        height,
    }
}

/// Attaches a classification to an object, after those of other elements. It replaces an earlier one
/// of the same element.
pub(super) fn attach(buffer: &mut gst::BufferRef, object: u32, classification: &Classification) {
    let earlier = remove(buffer, object, &classification.element);
    let mtd = analytics::attach(buffer, classification, Some(object), earlier.as_ref());
    write(buffer, |structure| {
        classification.write_to(structure);
        structure.set(OBJECT_FIELD, object);
        if let Some(mtd) = mtd {
            structure.set(MTD_FIELD, mtd);
        }
    });
}

/// Adds the metadata of one object.
fn write(buffer: &mut gst::BufferRef, write: impl FnOnce(&mut gst::StructureRef)) {
    // This fails only if the metadata is not registered, and each element registers it.
    if let Ok(mut meta) = CustomMeta::add(buffer, OBJECT_META_NAME) {
        write(meta.mut_structure());
    }
}

/// Removes the metadata of an object by an element, and returns what it says of the analytics
/// metadata.
fn remove(buffer: &mut gst::BufferRef, object: u32, element: &str) -> Option<Earlier> {
    let mut earlier = None;
    buffer.foreach_meta_mut(|meta| {
        let custom = meta.try_as_custom_meta();
        let structure = custom.map(|custom| custom.structure()).filter(|structure| {
            structure.name() == OBJECT_META_NAME
                && object_of(structure) == Some(object)
                && element_of(structure) == element
        });
        ControlFlow::Continue(match structure {
            None => BufferMetaForeachAction::Keep,
            Some(structure) => {
                earlier = Earlier::of(structure);
                BufferMetaForeachAction::Remove
            }
        })
    });
    earlier
}

fn object_of(structure: &gst::StructureRef) -> Option<u32> {
    structure.get(OBJECT_FIELD).ok()
}

fn element_of(structure: &gst::StructureRef) -> &str {
    structure.get("element").unwrap_or_default()
}

/// The parameters of a region with classifications, followed by the classifications of its object by
/// other elements. `metas` is all metadata of its buffer.
pub(super) fn with_structures<'a>(
    params: impl Iterator<Item = &'a gst::StructureRef>,
    metas: &'a [gst::MetaRef<'_, gst::Meta>],
    object: Option<u32>,
) -> impl Iterator<Item = &'a gst::StructureRef> {
    let mut all: Vec<_> = params.collect();
    let params = all.len();
    for meta in metas.iter().rev().filter(|_| object.is_some()) {
        if let Some(custom) = meta.try_as_custom_meta()
            && let structure = custom.structure()
            && structure.name() == OBJECT_META_NAME
            && object_of(structure) == object
        {
            let element = element_of(structure);
            let is_param = all[..params].iter().any(|p| element_of(p) == element);
            if !is_param {
                all.push(structure);
            }
        }
    }
    all.into_iter()
}
