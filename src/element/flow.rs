// SPDX-License-Identifier: MPL-2.0
//! What upstream gets for an event.

use gst::prelude::*;

/// What becomes of the stream where an event was passed on through `src`, or was not. GStreamer
/// takes an event that a pad refuses for a fatal error, which nobody would have posted a reason
/// for; but most often the pad is only going down.
pub(super) fn of_event(
    src: &gst::Pad,
    kind: gst::EventType,
    is_taken: bool,
) -> Result<gst::FlowSuccess, gst::FlowError> {
    let flags = src.pad_flags();
    match () {
        () if is_taken => Ok(gst::FlowSuccess::Ok),
        () if flags.contains(gst::PadFlags::FLUSHING) => Err(gst::FlowError::Flushing),
        () if flags.contains(gst::PadFlags::EOS) => Err(gst::FlowError::Eos),
        () if !src.is_linked() => Err(gst::FlowError::NotLinked),
        () if kind == gst::EventType::Caps => Err(gst::FlowError::NotNegotiated),
        // What is behind has refused it, or is going down itself: the next frame tells which.
        () => Err(gst::FlowError::Flushing),
    }
}
