// SPDX-License-Identifier: MPL-2.0
//! The releases of Debian.

/// A release of Debian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct System {
    /// Its name in the archive.
    pub suite: &'static str,
    /// What people call it.
    pub name: &'static str,
    /// The GStreamer that it has at least.
    pub gstreamer: &'static str,
    /// The crate's feature for that GStreamer.
    pub feature: Option<&'static str>,
}

/// Debian 12.
pub const BOOKWORM: System = System {
    suite: "bookworm",
    name: "Debian 12",
    gstreamer: "1.22",
    feature: None,
};

/// Debian 13.
pub const TRIXIE: System = System {
    suite: "trixie",
    name: "Debian 13",
    gstreamer: "1.26",
    feature: Some("v1_26"),
};

/// The unstable release, which moves.
pub const SID: System = System {
    suite: "sid",
    name: "Debian sid",
    gstreamer: "1.28",
    feature: Some("v1_28"),
};
