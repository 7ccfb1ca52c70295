// SPDX-License-Identifier: MPL-2.0
//! Classifications, and the metadata that carries them on a buffer.
//!
//! [`Classification::from_buffer`] reads everything that is attached to a buffer. The element
//! attaches with [`attach`] and [`attach_regions`].

#[cfg(feature = "v1_24")]
mod analytics;
mod classification;
mod custom;
mod json;
mod reader;
mod region;
mod select;

pub use classification::{Class, Classification, Decision, Group};
pub use custom::{
    META_NAME, attach, classification_by, classification_of, frame_classifications, register,
};
pub use json::{json_line, json_line_unclassified, json_lines};
pub use reader::classifications_by;
pub use region::{
    PARAM_NAME, Region, attach_region, attach_regions, region_classifications, regions_by,
    regions_of,
};
pub use select::name_matches;
