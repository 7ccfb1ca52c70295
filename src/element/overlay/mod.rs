// SPDX-License-Identifier: MPL-2.0
/**
 * SECTION:element-resnet50overlay
 *
 * Draws the results of `resnet50` onto the video: the decision or the best classes with their
 * confidences, the age of the result, the number of inferences per second, and a box with a label
 * for each classified region.
 *
 * If the sink can blend an overlay itself (`meta:GstVideoOverlayComposition`), the drawing is
 * attached to the buffer and the pixels stay as they are. Otherwise it is blended into the frame,
 * in the frame's own format, matrix and range. Transparent frames stay transparent. A frame with
 * nothing to draw passes unchanged.
 *
 * The size of the font follows the frame's shorter side, and there are as many classes as there is
 * room for. The labels of regions are drawn over all boxes, each at its own box, and do not overlap
 * where there is room. After several classifiers, the results of the last one are drawn, or those
 * of the one that `model-name` names.
 *
 * Where `resnet50` has no result for a frame or a region, the classifications of other elements are
 * read: GstAnalyticsClsMtd (in builds with GStreamer 1.24 or newer), and the parameters that DL
 * Streamer adds to regions.
 *
 * On all formats whose samples are single bytes or words the element draws itself. A 1080p frame
 * takes well under a millisecond as long as the text does not change. (If the frame is not opaque,
 * formats whose alpha has a plane of its own or more than 8 bits take longer.) All other formats
 * are left to GStreamer's blending, which takes a few milliseconds and knows no matrix but BT.709's:
 * formats whose samples share bytes (v210, UYVP, r210, RGB10A2, Y410, RGB16, RGB15 and the like),
 * 4:2:2 and 4:4:4 in packed words (v216, Y210, Y212, Y412), IYU1, and tiled formats. Frames with a
 * palette (RGB8P) have no colours for the drawing. Nothing is blended into them, and a WARNING says
 * so.
 *
 * ## Example pipelines
 * ```bash
 * gst-launch-1.0 uridecodebin uri=file:///path/to/video.mp4 ! resnet50 ! resnet50overlay ! videoconvert ! autovideosink
 * ```
 * ```bash
 * gst-launch-1.0 v4l2src ! resnet50 ! resnet50overlay position=bottom-right max-labels=1 show=label+bar scale=0.06 ! videoconvert ! autovideosink
 * ```
 *
 * Since: plugins-resnet50-0.1.0
 */
mod bitmap;
mod blend;
mod caps;
mod content;
mod imp;
mod inference_rate;
mod label_placement;
mod last_classification;
mod layout;
mod painter;
mod region_boxes;
mod region_layout;
mod render;
mod settings;
mod sprite;
mod stream;

#[cfg(feature = "doc")]
use gst::prelude::*;

pub use settings::{Position, Show};

glib::wrapper! {
    /// The element `resnet50overlay`.
    pub struct Resnet50Overlay(ObjectSubclass<imp::Resnet50Overlay>)
        @extends gst::Element, gst::Object;
}

/// Registers the element and the metadata that it reads.
///
/// # Errors
/// If GStreamer refuses the element.
pub fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    crate::meta::register();
    #[cfg(feature = "doc")]
    for kind in [Position::static_type(), Show::static_type()] {
        kind.mark_as_plugin_api(gst::PluginAPIFlags::empty());
    }
    super::register::element::<Resnet50Overlay>(plugin, "resnet50overlay", "GstResnet50Overlay")
}
