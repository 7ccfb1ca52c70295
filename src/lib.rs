// SPDX-License-Identifier: MPL-2.0
#![doc = include_str!("../docs/LIBRARY.md")]

pub mod classifier;
pub mod element;
pub mod files;
pub mod inference;
pub mod meta;
pub mod onnx;
pub mod paths;
mod planes;
pub mod postprocess;
pub mod preprocess;
pub mod rect;
pub mod resnet50;
pub mod sync;
pub mod text;

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
