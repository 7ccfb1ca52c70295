// SPDX-License-Identifier: MPL-2.0
//! The custom metadata, which every language reads with `gst_buffer_get_custom_meta()`.
//!
//! A buffer has one for each element that has classified it. The last element's comes first: that
//! function finds the first one.

use gst::meta::CustomMeta;

use super::Classification;
use super::select::select;

/// Name of the metadata and of its structure.
pub const META_NAME: &str = "Resnet50ClassificationMeta";

/// Registers the metadata with GStreamer; does nothing the second time.
///
/// Its transform function lets it survive every transformation of the buffer (copies, scaling,
/// conversion), for what is seen in a picture does not change with its size or format. Custom
/// metadata without one is dropped by `videoscale` and its like.
pub fn register() {
    if CustomMeta::is_registered(META_NAME) {
        return;
    }
    CustomMeta::register_with_transform(META_NAME, &[], |to, meta, _from, _kind| {
        copy(to, meta.structure());
        true
    });
}

/// Puts a classification onto a buffer, before those of other elements, and in the place of an
/// earlier one of the same element.
pub fn attach(buffer: &mut gst::BufferRef, classification: &Classification) {
    put_first(buffer, classification.to_structure(META_NAME));
    #[cfg(feature = "v1_24")]
    super::analytics::attach(buffer, classification);
}

/// The classification of a buffer by the last element that has classified it.
pub fn classification_of(buffer: &gst::BufferRef) -> Option<Classification> {
    classification_by(buffer, None)
}

/// The classification of a buffer by one of the elements that have classified it: by the last
/// one, or by the last of those that fit the name best. A name is that of an element, of a model as
/// [`Classification::model`] has it, or of a model's file, with or without its extension.
pub fn classification_by(buffer: &gst::BufferRef, name: Option<&str>) -> Option<Classification> {
    let metas = metas(buffer);
    Classification::from_structure(select(structures(&metas), name)?)
}

/// The classifications of a buffer by all elements that have classified it, the last one's first.
pub fn classifications_of(buffer: &gst::BufferRef) -> Vec<Classification> {
    structures(&metas(buffer))
        .filter_map(Classification::from_structure)
        .collect()
}

/// The buffer's metadata of all kinds.
fn metas(buffer: &gst::BufferRef) -> Vec<gst::MetaRef<'_, gst::Meta>> {
    buffer.iter_meta::<gst::Meta>().collect()
}

/// What ours among them hold.
fn structures<'a>(
    metas: &'a [gst::MetaRef<'_, gst::Meta>],
) -> impl Iterator<Item = &'a gst::StructureRef> {
    let custom = metas.iter().filter_map(|meta| meta.try_as_custom_meta());
    let structures = custom.map(|meta| meta.structure());
    structures.filter(|structure| structure.name() == META_NAME)
}

/// What tells the elements' metadata apart.
fn element(structure: &gst::StructureRef) -> &str {
    structure.get::<&str>("element").unwrap_or_default()
}

/// Calls the function with the structure of each of our metadata, until it has had enough.
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

/// Adds a structure before the others. Metadata can be added last only, so each structure takes the
/// place of the one behind it; one of the same element falls out.
fn put_first(buffer: &mut gst::BufferRef, structure: gst::Structure) {
    let ours = element(&structure).to_owned();
    let mut next = Some(structure);
    visit(buffer, |there| {
        let is_ours = element(there) == ours;
        if let Some(structure) = next.take() {
            if !is_ours {
                next = Some(there.to_owned());
            }
            fill(there, &structure);
        }
        is_ours
    });
    if let Some(structure) = next {
        add(buffer, &structure);
    }
}

/// Copies a structure, in the place of one of the same element or behind the others: copies of a
/// buffer have the order of the original.
fn copy(buffer: &mut gst::BufferRef, from: &gst::StructureRef) {
    let mut is_there = false;
    visit(buffer, |there| {
        is_there = element(there) == element(from);
        if is_there {
            fill(there, from);
        }
        is_there
    });
    if !is_there {
        add(buffer, from);
    }
}

fn add(buffer: &mut gst::BufferRef, structure: &gst::StructureRef) {
    // It fails only where the metadata is not registered, which the elements see to.
    if let Ok(mut meta) = CustomMeta::add(buffer, META_NAME) {
        fill(meta.mut_structure(), structure);
    }
}

/// Nothing of what was there stays: some of its fields the other may not have.
fn fill(to: &mut gst::StructureRef, from: &gst::StructureRef) {
    to.remove_all_fields();
    for (field, value) in from.iter() {
        to.set_value(field, value.clone());
    }
}
