// SPDX-License-Identifier: MPL-2.0
//! Results on a buffer.

use super::track::Target;
use crate::meta::{self, Classification};

/// Attaches the results of a frame's targets to its buffer. Without results the buffer is not
/// touched; otherwise its metadata is made writable, and its memory stays as it is.
pub fn attach(buffer: &mut gst::Buffer, results: &[(Target, Classification)]) {
    if results.is_empty() {
        return;
    }
    let buffer = buffer.make_mut();
    let mut regions = Vec::new();
    for (target, classification) in results {
        match &target.region {
            None => meta::attach(buffer, classification),
            Some(region) => regions.push((region.source, classification)),
        }
    }
    if !regions.is_empty() {
        meta::attach_regions(buffer, &regions);
    }
}
