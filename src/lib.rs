// SPDX-License-Identifier: MPL-2.0
#![doc = include_str!("../docs/LIBRARY.md")]
#![deny(missing_docs)]

pub mod classifier;
pub mod element;
pub mod inference;
pub mod meta;
pub mod postprocess;
pub mod preprocess;
pub mod rect;
pub mod resnet50;

// Public for the program, the tests and the benchmarks of this package only.
#[doc(hidden)]
pub mod files;
#[doc(hidden)]
pub mod onnx;
#[doc(hidden)]
pub mod paths;
#[doc(hidden)]
pub mod sync;
#[doc(hidden)]
pub mod text;

mod planes;

/// Name of the element that classifies frames.
pub const CLASSIFIER: &str = "resnet50";

/// Name of the element that draws classifications.
#[cfg(feature = "overlay")]
pub const OVERLAY: &str = "resnet50overlay";

/// Name of the element that writes classifications as lines of JSON.
pub const JSON: &str = "resnet50json";

/// Registers the elements in this process, so that no plugin file is needed. Calling it twice, or with
/// an installed plugin file, is harmless.
///
/// # Errors
/// If GStreamer refuses an element.
pub fn plugin_register_static() -> Result<(), glib::BoolError> {
    plugin::plugin_register_static()
}

/// What GStreamer looks for in the plugin file.
mod plugin {
    use crate::element;

    fn plugin_init(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
        element::classify::register(plugin)?;
        element::json::register(plugin)?;
        #[cfg(feature = "overlay")]
        element::overlay::register(plugin)?;
        Ok(())
    }

    gst::plugin_define!(
        resnet50,
        env!("CARGO_PKG_DESCRIPTION"),
        plugin_init,
        concat!(env!("CARGO_PKG_VERSION"), "-", env!("COMMIT_ID")),
        "MPL-2.0",
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_REPOSITORY"),
        env!("BUILD_REL_DATE")
    );
}
