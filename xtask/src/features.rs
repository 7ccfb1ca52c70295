// SPDX-License-Identifier: MPL-2.0
//! What builds besides the defaults: the plugin with each feature by itself, and the fuzzers.

use std::process::Command;

use anyhow::Result;

use crate::process;
use crate::project::Project;

/// Sets of features, and the GStreamer that they need.
const SETS: [(&str, Option<&str>); 10] = [
    ("", None),
    ("builtin-model", None),
    ("overlay", None),
    ("cli", None),
    ("static", None),
    ("capi", None),
    ("doc", None),
    ("v1_24", Some("1.24")),
    ("v1_26", Some("1.26")),
    ("v1_28", Some("1.28")),
];

/// Lints the plugin with each feature by itself, and with none.
pub fn run(project: &Project) -> Result<()> {
    for (features, version) in SETS {
        if version.is_some_and(|version| !has_gstreamer(version)) {
            println!("features: {features} needs a newer GStreamer");
            continue;
        }
        let mut clippy = project.cargo("clippy");
        clippy
            .args(["--quiet", "--package", "gst-plugin-resnet50"])
            .args(["--no-default-features", "--features", features])
            .args(["--", "-D", "warnings"]);
        process::run(&mut clippy)?;
    }
    Ok(())
}

fn has_gstreamer(version: &str) -> bool {
    let argument = format!("--atleast-version={version}");
    process::succeeds(Command::new("pkg-config").args([&argument, "gstreamer-1.0"]))
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
