// SPDX-License-Identifier: MPL-2.0
//! String properties of any bytes. GObject's strings need not be UTF-8, and the getters of the
//! bindings panic if they are not.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use glib::translate::{ToGlibPtr as _, ToGlibPtrMut as _};
use gst::prelude::*;

use crate::paths;

/// The bytes of a string value; `None` for another type and for a null string.
pub fn bytes_of(value: &glib::Value) -> Option<OsString> {
    if !value.is_type(glib::Type::STRING) {
        return None;
    }
    // SAFETY: the value holds a string, which is null or ends with a zero byte and does not change
    // while the value is borrowed.
    let text = unsafe {
        let text = glib::gobject_ffi::g_value_get_string(value.to_glib_none().0);
        (!text.is_null()).then(|| CStr::from_ptr(text))
    };
    text.map(|text| OsString::from_vec(text.to_bytes().to_vec()))
}

/// A string value of these bytes, up to the first zero byte.
pub fn value_of(text: Option<&OsStr>) -> glib::Value {
    let mut value = glib::Value::from_type(glib::Type::STRING);
    let Some(text) = text else {
        return value;
    };
    let bytes = text.as_bytes().split(|byte| *byte == 0).next();
    let text = CString::new(bytes.unwrap_or_default()).unwrap_or_default();
    // SAFETY: the value is of this type, and GObject copies the string.
    unsafe {
        glib::gobject_ffi::g_value_set_string(value.to_glib_none_mut().0, text.as_ptr());
    }
    value
}

/// The name of an element, which may be of any bytes as well.
pub fn name_of(element: &gst::Element) -> String {
    String::from_utf8_lossy(element.name().as_bytes()).into_owned()
}

/// A value for a log.
pub fn shown(value: &glib::Value) -> String {
    match bytes_of(value) {
        Some(text) => format!("“{}”", paths::escaped(&text)),
        // Its fields may be of any bytes.
        None if value.is_type(gst::Structure::static_type()) => "a structure".into(),
        None => format!("{value:?}"),
    }
}

/// String properties that were set to bytes that are not UTF-8, with these bytes. Their previous value
/// stays in effect until the element has reported the error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NonUtf8(Vec<(&'static str, OsString)>);

impl NonUtf8 {
    /// Records the value of a property. Returns true if it is not UTF-8 and must not be used.
    pub fn take(&mut self, name: &'static str, value: &glib::Value) -> bool {
        self.0.retain(|(property, _)| *property != name);
        match bytes_of(value) {
            Some(text) if text.to_str().is_none() => {
                self.0.push((name, text));
                true
            }
            _ => false,
        }
    }

    /// The value of a property that is not UTF-8.
    pub fn get(&self, name: &str) -> Option<glib::Value> {
        let (_, text) = self.0.iter().find(|(property, _)| *property == name)?;
        Some(value_of(Some(text)))
    }

    /// The error for the first property that is not UTF-8.
    pub fn refusal(&self) -> Option<String> {
        let (property, found) = self.first()?;
        Some(format!(
            "property “{property}” is {found}, and must be UTF-8 text. Change the property or unset it."
        ))
    }

    /// The error for one property.
    pub fn refusal_of(&self, name: &str) -> Option<String> {
        let only = self.0.iter().filter(|(property, _)| *property == name);
        Self(only.cloned().collect()).refusal()
    }

    /// The first property that is not UTF-8, and its value for a message.
    pub fn first(&self) -> Option<(&'static str, String)> {
        let (name, text) = self.0.first()?;
        Some((name, format!("“{}”", paths::escaped(text))))
    }
}

/// Posts an error if a property is not UTF-8, and fails the state change. No lock may be held.
pub fn post_error(not_text: &NonUtf8, element: &gst::Element) -> Result<(), gst::StateChangeError> {
    let Some(refusal) = not_text.refusal() else {
        return Ok(());
    };
    gst::element_error!(element, gst::ResourceError::Settings, ("{}", refusal));
    Err(gst::StateChangeError)
}

/// Posts a warning if a property was set to bytes that are not UTF-8 while the element is running.
/// Before that, [`post_error`] posts an error. No lock may be held.
pub fn post_warning(refusal: Option<String>, element: &gst::Element) {
    if let Some(refusal) = refusal
        && element.current_state() > gst::State::Ready
    {
        let text = format!("the previous value stays: {refusal}");
        gst::element_warning!(element, gst::ResourceError::Settings, ("{}", text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes come back as they were set, whatever they are.
    #[test]
    fn strings_of_any_bytes() {
        for bytes in [&b""[..], b"a", b"caf\xc3\xa9", b"caf\xe9", b"\xff\xfe"] {
            let text = OsStr::from_bytes(bytes);
            let value = value_of(Some(text));
            assert_eq!(bytes_of(&value).as_deref(), Some(text));
        }
        assert_eq!(bytes_of(&value_of(None)), None);
        assert_eq!(bytes_of(&3.to_value()), None);
        let cut = value_of(Some(OsStr::new("a\0b")));
        assert_eq!(bytes_of(&cut).as_deref(), Some(OsStr::new("a")));
        assert_eq!(
            shown(&value_of(Some(OsStr::from_bytes(b"\xe9")))),
            "“\\xe9”"
        );
    }
}
