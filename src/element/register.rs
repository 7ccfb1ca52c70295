// SPDX-License-Identifier: MPL-2.0
//! Registration of elements.

use glib::prelude::*;

/// Registers an element of the type `T`, whose name is `type_name`, as `name`.
///
/// A process may contain this code twice: linked into the program, and in a plugin file that
/// GStreamer loads. A type name is unique in a process, so the second one uses the type of the first.
///
/// # Errors
/// If GStreamer refuses the element.
pub(super) fn element<T: StaticType>(
    plugin: &gst::Plugin,
    name: &str,
    type_name: &str,
) -> Result<(), glib::BoolError> {
    let known = glib::Type::from_name(type_name);
    let kind = known.unwrap_or_else(T::static_type);
    // A second registration would free the factory that elements of this type refer to.
    if gst::ElementFactory::find(name).is_some_and(|factory| factory.element_type() == kind) {
        return Ok(());
    }
    gst::Element::register(Some(plugin), name, gst::Rank::NONE, kind)
}
