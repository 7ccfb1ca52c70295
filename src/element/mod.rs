// SPDX-License-Identifier: MPL-2.0
//! The elements: the only place that knows GObject and pads.

mod chosen;
pub mod classify;
mod crop;
mod flow;
pub mod json;
#[cfg(feature = "overlay")]
pub mod overlay;
mod refused;
mod register;
pub mod strings;
mod time;
mod unclassified;
mod upstream;
