// SPDX-License-Identifier: MPL-2.0
/**
 * SECTION:element-resnet50json
 *
 * Turns classified video into lines of JSON: for each buffer that `resnet50` has classified, one
 * buffer of `application/x-json` with a line for the whole frame and one for each classified
 * region. `docs/json-line.schema.json` describes a line, field by field. The pictures are never
 * looked at, so frames in any memory are taken.
 *
 * Behind several classifiers the last one's answers become lines, or those of the one that
 * `model-name` names; the field `element` says whose they are.
 *
 * A buffer that there is nothing to say of becomes a GAP event, so that sinks know how far the
 * stream has come.
 *
 * ## Example pipelines
 * ```bash
 * gst-launch-1.0 -q uridecodebin uri=file:///path/to/video.mp4 ! resnet50 ! resnet50json ! fdsink
 * ```
 * prints a line for each frame, and nothing else.
 * ```bash
 * gst-launch-1.0 uridecodebin uri=rtsp://camera/stream ! resnet50 ! resnet50json only-changes=true ! tcpserversink port=5000
 * ```
 * sends a line for each change to all that have connected to port 5000 from this machine. With
 * `host=0.0.0.0` everyone who can reach the machine may connect, and nobody is asked who they are.
 * ```bash
 * gst-launch-1.0 v4l2src ! decodebin ! resnet50 ! tee name=t ! queue ! videoconvert ! autovideosink  t. ! queue ! resnet50json ! filesink buffer-mode=unbuffered location=seen.jsonl
 * ```
 * shows a camera and writes down what is seen. `filesink` would keep the first lines to itself
 * until they are 64 KiB; unbuffered, each is in the file at once.
 *
 * Since: plugins-resnet50-0.1.0
 */
mod changes;
mod imp;

glib::wrapper! {
    /// The element `resnet50json`.
    pub struct Resnet50Json(ObjectSubclass<imp::Resnet50Json>)
        @extends gst_base::BaseTransform, gst::Element, gst::Object;
}

/// Registers the element and the metadata that it reads.
///
/// # Errors
/// If GStreamer refuses the element.
pub fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    crate::meta::register();
    super::register::element::<Resnet50Json>(plugin, "resnet50json", "GstResnet50Json")
}
