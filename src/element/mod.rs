// SPDX-License-Identifier: MPL-2.0
//! The elements: the only place that knows GObject and pads.

mod chosen;
/// The element `resnet50`, which classifies video.
pub mod classify;
mod crop;
mod flow;
/// The element `resnet50json`, which writes classifications as JSON.
pub mod json;
/// The element `resnet50overlay`, which draws classifications.
#[cfg(feature = "overlay")]
pub mod overlay;
mod property;
mod refused;
mod register;
pub mod strings;
mod time;
mod unclassified;
mod upstream;
