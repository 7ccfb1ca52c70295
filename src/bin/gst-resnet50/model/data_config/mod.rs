// SPDX-License-Identifier: MPL-2.0
//! What weights were published with: how pictures are prepared for them, and what their classes are
//! called.

mod config;
mod find;
mod image_processor;
mod sidecars;
mod timm;
mod transformers;
mod values;

pub use config::DataConfig;
pub use find::find;
pub use sidecars::{MAX_SIDECAR, Sidecars};
