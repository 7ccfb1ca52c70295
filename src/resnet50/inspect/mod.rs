// SPDX-License-Identifier: MPL-2.0
//! What a network is, from its graph alone: its size, its work, its precision, and whether it is
//! ResNet50 v1.5.

mod architecture;
mod index;
mod precision;
mod size;

pub use architecture::{ArchitectureMatch, match_architecture};
pub use precision::precision;
pub use size::{Size, size};
