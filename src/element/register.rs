// SPDX-License-Identifier: MPL-2.0
//! Making an element known to GStreamer.

use glib::prelude::*;

/// Registers an element of the type `T`, whose name is `type_name`, as `name`.
///
/// A process may have this code twice: linked into the program, and in a plugin file that
/// GStreamer loads. There is one type of a name in a process, so the second takes the first's.
///
/// # Errors
/// If GStreamer refuses it.
pub(super) fn element<T: StaticType>(
    plugin: &gst::Plugin,
    name: &str,
    type_name: &str,
) -> Result<(), glib::BoolError> {
    let known = glib::Type::from_name(type_name);
    let kind = known.unwrap_or_else(T::static_type);
    // GStreamer would free the factory that elements of this type already refer to.
    if gst::ElementFactory::find(name).is_some_and(|factory| factory.element_type() == kind) {
        return Ok(());
    }
    gst::Element::register(Some(plugin), name, gst::Rank::NONE, kind)
}
