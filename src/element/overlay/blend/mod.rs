// SPDX-License-Identifier: MPL-2.0
//! Blending onto frames in the format that they have.
//!
//! A bitmap is converted once into a factor and a summand for each sample of the frame's planes.
//! Blending is then one pass over the covered samples, the same for all formats of whole bytes or
//! words, and fast. GStreamer's own blending converts each row of the frame to 4:4:4 and back, over
//! its whole width, and the bitmap to the frame's colours at each frame. It also has one matrix for
//! all frames, BT.709's.

mod color;
mod format;
mod kernel;
mod plane;
mod prepared;
mod transparent;

pub use format::{all_formats, can_blend};
pub use prepared::PreparedBlend;
