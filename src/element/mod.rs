// SPDX-License-Identifier: MPL-2.0
//! The elements: the only place that knows GObject and pads.

pub mod classify;
pub mod json;
#[cfg(feature = "overlay")]
pub mod overlay;
mod unclassified;
