// SPDX-License-Identifier: MPL-2.0
//! Classifications, and the metadata that carries them on a buffer.
//!
//! [`Classification::from_buffer`] reads everything that is attached to a buffer. The element
//! attaches with [`attach`] and [`attach_regions`].

#[cfg(feature = "v1_24")]
mod analytics;
mod classification;
mod custom;
mod foreign;
mod json;
#[cfg(feature = "v1_24")]
mod objects;
#[cfg(feature = "v1_24")]
mod own;
mod quark;
mod reader;
mod region;
mod regions;
mod select;

pub use classification::{Class, Classification, Decision, Group};
pub use custom::{
    META_NAME, attach, classification_by, classification_of, frame_classifications, register,
};
pub use foreign::{
    AnyClassification, Carrier, ForeignClass, ForeignClassification, any_classifications,
    any_of_frame, any_of_regions,
};
pub use json::{json_line, json_line_of_any, json_line_unclassified, json_lines};
#[cfg(feature = "v1_24")]
pub use objects::OBJECT_META_NAME;
#[cfg(feature = "v1_24")]
pub use own::own_classes;
pub use reader::classifications_by;
pub use region::{PARAM_NAME, Region, attach_region, region_classifications};
pub(crate) use regions::has_unreadable_objects;
pub use regions::{
    RegionSource, all_regions, attach_regions, find_regions, regions_by, regions_of,
};
pub use select::name_matches;
