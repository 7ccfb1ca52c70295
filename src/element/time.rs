// SPDX-License-Identifier: MPL-2.0
//! Times as properties have them.

/// A time of any length: the greatest number is GStreamer's "none", and one less is as long.
pub(super) fn clock_time(nanoseconds: u64) -> gst::ClockTime {
    gst::ClockTime::from_nseconds(nanoseconds.min(gst::ClockTime::MAX.nseconds()))
}
