// SPDX-License-Identifier: MPL-2.0
//! The elements: the only place that knows GObject and pads.

mod caps_error;
/// The element `resnet50`, which classifies video.
pub mod classify;
mod crop;
mod flow;
/// The element `resnet50json`, which writes classifications as JSON.
pub mod json;
mod model_name;
/// The element `resnet50overlay`, which draws classifications.
#[cfg(feature = "overlay")]
pub mod overlay;
mod property;
mod register;
pub mod strings;
mod time;
mod unclassified;
mod upstream;
