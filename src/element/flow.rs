// SPDX-License-Identifier: MPL-2.0
//! The flow return for an event.

use gst::prelude::*;

/// The flow return of a sink pad for an event that was pushed on through `src`. GStreamer takes a
/// refused event for a fatal error, without a message that says why. Most often the pad is only being
/// deactivated.
pub(super) fn event_result(
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
        // Downstream refused it or is being deactivated; the next buffer's flow return tells which.
        () => Err(gst::FlowError::Flushing),
    }
}
