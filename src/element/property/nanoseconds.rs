// SPDX-License-Identifier: MPL-2.0
//! Times of properties in nanoseconds.

use std::time::Duration;

use super::super::time::clock_time;

/// A time as a field of settings.
pub trait Nanoseconds {
    /// From a property.
    fn from_nanoseconds(nanoseconds: u64) -> Self;
    /// To a property.
    fn to_nanoseconds(&self) -> u64;
}

impl Nanoseconds for u64 {
    fn from_nanoseconds(nanoseconds: u64) -> Self {
        nanoseconds
    }

    fn to_nanoseconds(&self) -> u64 {
        *self
    }
}

impl Nanoseconds for gst::ClockTime {
    fn from_nanoseconds(nanoseconds: u64) -> Self {
        clock_time(nanoseconds)
    }

    fn to_nanoseconds(&self) -> u64 {
        self.nseconds()
    }
}

impl Nanoseconds for Duration {
    fn from_nanoseconds(nanoseconds: u64) -> Self {
        Self::from_nanos(nanoseconds)
    }

    fn to_nanoseconds(&self) -> u64 {
        u64::try_from(self.as_nanos()).unwrap_or(u64::MAX)
    }
}
