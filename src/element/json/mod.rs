// SPDX-License-Identifier: MPL-2.0
/**
 * SECTION:element-resnet50json
 *
 * Turns classified video into lines of JSON: for each buffer that `resnet50` has classified, one
 * buffer of `application/x-json` with a line for the whole frame and one for each classified
 * region. `docs/json-line.schema.json` describes each field of a line. The element does not read the
 * pixels, so it takes frames in any memory.
 *
 * After several classifiers, the results of the last one become lines, or those of the one that
 * `model-name` names. The field `element` names the classifier.
 *
 * Where `resnet50` has no result for a frame or a region, the classifications of other elements are
 * read: GstAnalyticsClsMtd (in builds with GStreamer 1.24 or newer), and the parameters that DL
 * Streamer adds to regions.
 *
 * A buffer without a line becomes a GAP event, so that sinks know the position of the stream.
 *
 * ## Example pipelines
 * ```bash
 * gst-launch-1.0 -q uridecodebin uri=file:///path/to/video.mp4 ! resnet50 ! resnet50json ! fdsink
 * ```
 * prints a line for each frame, and nothing else.
 * ```bash
 * gst-launch-1.0 uridecodebin uri=rtsp://camera/stream ! resnet50 ! resnet50json only-changes=true ! tcpserversink port=5000
 * ```
 * sends a line for each change to all clients on this machine that are connected to port 5000. With
 * `host=0.0.0.0` everybody who can reach the machine may connect, without authentication.
 * ```bash
 * gst-launch-1.0 v4l2src ! decodebin ! resnet50 ! tee name=t ! queue ! videoconvert ! autovideosink  t. ! queue ! resnet50json ! filesink buffer-mode=unbuffered location=seen.jsonl
 * ```
 * shows a camera and writes its classifications to a file. By default `filesink` buffers 64 KiB;
 * unbuffered, each line is in the file at once.
 *
 * Since: plugins-resnet50-0.1.0
 */
mod changes;
mod imp;
mod settings;

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
