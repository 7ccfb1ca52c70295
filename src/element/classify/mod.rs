// SPDX-License-Identifier: MPL-2.0
/**
 * SECTION:element-resnet50
 *
 * Classifies video frames with ResNet50 v1.5 (or any other ONNX image classifier) through ONNX
 * Runtime. The video passes through untouched; each buffer leaves with a
 * `Resnet50ClassificationMeta` that holds the best classes.
 *
 * Frames of any size and of all raw formats are taken as they come: nothing has to be converted
 * or scaled before the element.
 *
 * Frames that are flagged as corrupted, droppable or gap are not inferred and carry the last
 * result, unless there has been nothing else for a second; a WARNING says so then.
 *
 * With `region=rois` or `region=both` the regions that a detector before the element has put onto
 * the buffer (`GstVideoRegionOfInterestMeta`) are classified as well, each as a picture of its own;
 * the result is a parameter `classification` of the region. Built for GStreamer 1.24, the element
 * classifies `GstAnalyticsODMtd` too, and relates a `GstAnalyticsClsMtd` to each.
 *
 * ## Example pipeline
 * ```bash
 * gst-launch-1.0 -m uridecodebin uri=file:///path/to/video.mp4 ! resnet50 messages=change ! videoconvert ! autovideosink
 * ```
 * With `messages=change` each change of the best class is posted as an element message
 * `resnet50`, which `gst-launch-1.0 -m` prints.
 *
 * Since: plugins-resnet50-0.1.0
 */
mod core;
mod imp;
mod input;
mod job;
mod live;
mod loader;
mod log;
mod messages;
mod model;
mod output;
mod properties;
mod provider_options;
mod queries;
mod settings;
mod stream;
mod tracks;
mod values;

#[cfg(feature = "doc")]
use gst::prelude::*;

pub use values::{ActivationSetting, ColorOrderSetting, FitSetting, Messages, Mode, RegionSetting};

glib::wrapper! {
    /// The element `resnet50`.
    pub struct Resnet50(ObjectSubclass<imp::Resnet50>)
        @extends gst::Element, gst::Object,
        @implements gst::Preset;
}

/// Registers the element and the metadata.
///
/// # Errors
/// If GStreamer refuses the element.
pub fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    crate::meta::register();
    #[cfg(feature = "doc")]
    for enumeration in [
        ActivationSetting::static_type(),
        ColorOrderSetting::static_type(),
        FitSetting::static_type(),
        Messages::static_type(),
        Mode::static_type(),
        RegionSetting::static_type(),
    ] {
        enumeration.mark_as_plugin_api(gst::PluginAPIFlags::empty());
    }
    super::register::element::<Resnet50>(plugin, "resnet50", "GstResnet50")
}
