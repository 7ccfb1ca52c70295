// SPDX-License-Identifier: MPL-2.0
//! What builds besides the defaults: the plugin with each feature by itself, and the fuzzers.

use anyhow::Result;

use crate::project::Project;
use crate::{gstreamer, process};

/// The features that any GStreamer can have, and none.
const FEATURES: [&str; 7] = [
    "",
    "builtin-model",
    "overlay",
    "cli",
    "static",
    "capi",
    "doc",
];

/// Lints the plugin with each feature by itself, and with none.
pub fn run(project: &Project) -> Result<()> {
    let versions = gstreamer::VERSIONS.iter();
    let (there, missing): (Vec<_>, Vec<_>) =
        versions.partition(|(_, version)| gstreamer::has_analytics(version));
    for (feature, version) in missing {
        println!("features: {feature} needs GStreamer {version} with its analytics library");
    }
    let there = there.iter().map(|(feature, _)| feature);
    for feature in FEATURES.iter().chain(there) {
        let mut clippy = project.cargo("clippy");
        clippy
            .args(["--quiet", "--package", "gst-plugin-resnet50"])
            .args(["--no-default-features", "--features", feature])
            .args(["--", "-D", "warnings"]);
        process::run(&mut clippy)?;
    }
    Ok(())
}

/// Checks the fuzzers without linking them, for which any compiler will do.
pub fn fuzz(project: &Project) -> Result<()> {
    let mut check = project.cargo("check");
    check
        .args(["--quiet", "--locked", "--manifest-path"])
        .arg(project.root.join("fuzz/Cargo.toml"))
        // Its own library is C++, which only linking needs: with a name it is not compiled.
        .env("CUSTOM_LIBFUZZER_PATH", project.target.join("libfuzzer.a"));
    process::run(&mut check)
}
