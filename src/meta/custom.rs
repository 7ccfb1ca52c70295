// SPDX-License-Identifier: MPL-2.0
//! The custom metadata, which every language reads with `gst_buffer_get_custom_meta()`.

use gst::meta::CustomMeta;

use super::Classification;

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
        replace(to, |structure| {
            for (field, value) in meta.structure().iter() {
                structure.set_value(field, value.clone());
            }
        });
        true
    });
}

/// Puts a classification onto a buffer, in the place of an earlier one.
pub fn attach(buffer: &mut gst::BufferRef, classification: &Classification) {
    let from = classification.to_structure(META_NAME);
    replace(buffer, |structure| {
        for (field, value) in from.iter() {
            structure.set_value(field, value.clone());
        }
    });
    #[cfg(feature = "v1_24")]
    super::analytics::attach(buffer, classification);
}

/// The classification on a buffer.
pub fn classification_of(buffer: &gst::BufferRef) -> Option<Classification> {
    // Asking for an unregistered metadata is a warning of GStreamer's.
    if !CustomMeta::is_registered(META_NAME) {
        return None;
    }
    let meta = CustomMeta::from_buffer(buffer, META_NAME).ok()?;
    Classification::from_structure(meta.structure())
}

/// Nothing of an earlier classification stays: some of its fields the next one may not have.
fn replace(buffer: &mut gst::BufferRef, fill: impl FnOnce(&mut gst::StructureRef)) {
    if let Ok(mut meta) = CustomMeta::from_mut_buffer(buffer, META_NAME) {
        let structure = meta.mut_structure();
        structure.remove_all_fields();
        fill(structure);
    } else if let Ok(mut meta) = CustomMeta::add(buffer, META_NAME) {
        fill(meta.mut_structure());
    }
}
