// SPDX-License-Identifier: MPL-2.0
//! Quarks that others have written.

use std::sync::Arc;

/// The text of a quark that anybody may have written; empty if it is 0 or unknown.
pub(super) fn quark_text(quark: glib::ffi::GQuark) -> Arc<str> {
    // SAFETY: any number may be asked for, and the string of a quark is never freed.
    let text = unsafe {
        let text = glib::ffi::g_quark_to_string(quark);
        (!text.is_null()).then(|| std::ffi::CStr::from_ptr(text))
    };
    text.map_or_else(|| "".into(), |text| text.to_string_lossy().into())
}
