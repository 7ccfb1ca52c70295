// SPDX-License-Identifier: MPL-2.0
/**
 * SECTION:element-resnet50overlay
 *
 * Draws what `resnet50` has found into the picture: the decision or the best classes with their
 * confidences, how old the answer is, how many inferences a second there are, and a box with its
 * label for each classified region.
 *
 * Where the sink can blend an overlay itself (`meta:GstVideoOverlayComposition`), the pixels stay
 * as they are and the drawing goes beside them. Elsewhere it is blended into the frame, in the
 * format, the matrix and the range that the frame has; a frame that can be seen through stays so.
 * A frame that nothing is to be drawn on passes as it came.
 *
 * The font follows the frame's shorter side, and there are as many classes as have room. The labels
 * of regions lie over all boxes, at their own one and outside of each other where there is room.
 * Behind several classifiers, the last one's answers are drawn, or those of the one that
 * `model-name` names.
 *
 * All formats whose samples are bytes or words of their own are drawn on directly, in well under a
 * millisecond a 1080p frame as long as what is shown does not change. (Those with an alpha that
 * lies in a plane of its own or has more than 8 bits take longer where the frame is not opaque.)
 * The rest is left to GStreamer's blending, which takes a few milliseconds and knows no matrix but
 * BT.709's: formats whose samples share bytes (v210, UYVP, r210, RGB10A2, Y410, RGB16, RGB15 and
 * the like), 4:2:2 and 4:4:4 in packed words (v216, Y210, Y212, Y412), IYU1 and tiles. On frames
 * with a palette (RGB8P), which has no colours for it, nothing is drawn but beside the pixels, and a
 * WARNING says so.
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
mod last_answer;
mod layout;
mod painter;
mod region_boxes;
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
