// SPDX-License-Identifier: MPL-2.0
//! The GStreamer that is installed, and the crate's feature for it.

use std::process::Command;

use crate::process;

/// The module of the analytics library, which the features need.
pub const ANALYTICS: &str = "gstreamer-analytics-1.0";

/// The crate's features for a newer GStreamer than the oldest one that is supported, and the
/// version that each needs. Each includes those before it.
pub const VERSIONS: [(&str, &str); 3] = [("v1_24", "1.24"), ("v1_26", "1.26"), ("v1_28", "1.28")];

/// The newest of the features that can be built here. None without the analytics library.
pub fn feature() -> Option<&'static str> {
    let mut newest_first = VERSIONS.iter().rev();
    let found = newest_first.find(|(_, version)| is_at_least(version) && has_analytics(version));
    found.map(|(feature, _)| *feature)
}

/// Whether GStreamer's core is at least of this version.
pub fn is_at_least(version: &str) -> bool {
    has("gstreamer-1.0", version)
}

/// Whether the analytics library is at least of this version.
pub fn has_analytics(version: &str) -> bool {
    has(ANALYTICS, version)
}

fn has(module: &str, version: &str) -> bool {
    let argument = format!("--atleast-version={version}");
    process::succeeds(Command::new("pkg-config").args([&argument, module]))
}
