// SPDX-License-Identifier: MPL-2.0
//! The custom metadata, which every language reads with `gst_buffer_get_custom_meta()`.
//!
//! A buffer has one for each element that has classified it. That of the last element comes first,
//! because that function finds the first one.

use gst::meta::CustomMeta;

use super::Classification;
#[cfg(feature = "v1_24")]
use super::analytics::{self, Earlier};
use super::select::select;

/// Name of the metadata and of its structure.
pub const META_NAME: &str = "Resnet50ClassificationMeta";

/// Registers the metadata with GStreamer; does nothing the second time.
///
/// Its transform function keeps it on every copy of the buffer (copies, scaling, conversion), because
/// what a frame shows does not depend on its size or format. `videoscale` and similar elements drop
/// custom metadata without such a function.
pub fn register() {
    #[cfg(feature = "v1_24")]
    super::objects::register();
    if CustomMeta::is_registered(META_NAME) {
        return;
    }
    CustomMeta::register_with_transform(META_NAME, &[], |to, meta, _from, _kind| {
        copy(to, meta.structure());
        true
    });
}

/// Attaches a classification to a buffer, before those of other elements. It replaces an earlier one
/// of the same element.
pub fn attach(buffer: &mut gst::BufferRef, classification: &Classification) {
    let (mut index, mut is_there) = (0, false);
    #[cfg(feature = "v1_24")]
    let mut earlier = None;
    visit(buffer, |there| {
        is_there = element(there) == &*classification.element;
        index += usize::from(!is_there);
        #[cfg(feature = "v1_24")]
        if is_there {
            earlier = Earlier::of(there);
        }
        is_there
    });
    #[cfg(feature = "v1_24")]
    let mtd = analytics::attach(buffer, classification, None, earlier.as_ref());
    // This fails only if the metadata is not registered, and each element registers it.
    if is_there || CustomMeta::add(buffer, META_NAME).is_ok() {
        move_to_front(buffer, index);
        visit(buffer, |first| {
            // Optional fields of the earlier one must not stay.
            first.remove_all_fields();
            classification.write_to(first);
            #[cfg(feature = "v1_24")]
            if let Some(mtd) = mtd {
                first.set(analytics::MTD_FIELD, mtd);
            }
            true
        });
    }
}

/// The classification of a buffer by the last element that has classified it.
pub fn classification_of(buffer: &gst::BufferRef) -> Option<Classification> {
    classification_by(buffer, None)
}

/// The classification of a buffer by one of the elements that have classified it: by the last
/// one, or by the last of those that match the name best. The name is that of an element, of a model
/// as in [`Classification::model`], or of a model's file, with or without its extension.
pub fn classification_by(buffer: &gst::BufferRef, name: Option<&str>) -> Option<Classification> {
    let metas = metas(buffer);
    Classification::from_structure(select(structures(&metas), name)?)
}

/// The classifications of a buffer by all elements that have classified it, the last one's first.
pub fn frame_classifications(buffer: &gst::BufferRef) -> Vec<Classification> {
    structures(&metas(buffer))
        .filter_map(Classification::from_structure)
        .collect()
}

/// The buffer's metadata of all kinds.
fn metas(buffer: &gst::BufferRef) -> Vec<gst::MetaRef<'_, gst::Meta>> {
    buffer.iter_meta::<gst::Meta>().collect()
}

/// The structures of our metadata among them.
fn structures<'a>(
    metas: &'a [gst::MetaRef<'_, gst::Meta>],
) -> impl Iterator<Item = &'a gst::StructureRef> {
    let custom = metas.iter().filter_map(|meta| meta.try_as_custom_meta());
    let structures = custom.map(|meta| meta.structure());
    structures.filter(|structure| structure.name() == META_NAME)
}

/// Name of the element that attached it.
fn element(structure: &gst::StructureRef) -> &str {
    structure.get::<&str>("element").unwrap_or_default()
}

/// Calls the function with the structure of each of our metadata until it returns true.
fn visit(buffer: &mut gst::BufferRef, mut visit: impl FnMut(&mut gst::StructureRef) -> bool) {
    for mut meta in buffer.iter_meta_mut::<gst::Meta>() {
        if let Some(meta) = meta.try_as_mut_custom_meta()
            && meta.structure().name() == META_NAME
            && visit(meta.mut_structure())
        {
            return;
        }
    }
}

/// Makes the structure at an index the first of ours; those before it move back by one. Metadata can
/// only be added at the end.
fn move_to_front(buffer: &mut gst::BufferRef, index: usize) {
    if index == 0 {
        return;
    }
    let metas = buffer.iter_meta_mut::<gst::Meta>();
    let ours = metas.filter_map(|mut meta| {
        let custom = meta.try_as_mut_custom_meta()?;
        let is_ours = custom.structure().name() == META_NAME;
        is_ours.then(|| meta.as_mut_ptr().cast::<gst::ffi::GstCustomMeta>())
    });
    let ours: Vec<_> = ours.take(index + 1).collect();
    for pair in ours.windows(2).rev() {
        // SAFETY: both are custom metadata of this buffer, which is borrowed for writing. Their
        // structures have the same parent, the buffer, so each may own the other's.
        unsafe { std::ptr::swap(&raw mut (*pair[0]).structure, &raw mut (*pair[1]).structure) };
    }
}

/// Copies a structure onto a buffer. It replaces one of the same element, and otherwise comes after the
/// others: copies of a buffer have the order of the original.
fn copy(buffer: &mut gst::BufferRef, from: &gst::StructureRef) {
    let mut is_there = false;
    visit(buffer, |there| {
        is_there = element(there) == element(from);
        if is_there {
            copy_fields(there, from);
        }
        is_there
    });
    // This fails only if the metadata is not registered.
    if !is_there && let Ok(mut meta) = CustomMeta::add(buffer, META_NAME) {
        copy_fields(meta.mut_structure(), from);
    }
}

/// Replaces all fields: the other structure may lack some of them.
fn copy_fields(to: &mut gst::StructureRef, from: &gst::StructureRef) {
    to.remove_all_fields();
    for (field, value) in from.iter() {
        to.set_value(field, value.clone());
    }
}
