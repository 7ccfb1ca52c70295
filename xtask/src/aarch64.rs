// SPDX-License-Identifier: MPL-2.0
//! The plugin for 64-bit ARM: a cross build, and the tests of pre-processing under emulation.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::process;
use crate::project::Project;
use crate::steps::Skipped;

const TARGET: &str = "aarch64-unknown-linux-gnu";
const LINKER: &str = "aarch64-linux-gnu-gcc";

/// Debian's packages and Debian's user emulator; `qemu-user-static` has the second name.
const EMULATORS: [&str; 2] = ["qemu-aarch64", "qemu-aarch64-static"];

/// Where Debian's multiarch packages put what pkg-config reads.
const PKG_CONFIG: &str = "/usr/lib/aarch64-linux-gnu/pkgconfig";

/// A library of each `-dev` package that the plugin is built with.
const LIBRARIES: [&str; 3] = ["gstreamer-video-1.0", "cairo", "pangocairo"];

/// Builds the plugin for aarch64 and runs the tests of pre-processing, whose loops are compiled
/// for each processor. Does nothing where the toolchain, the libraries or the emulator are missing.
pub fn run(project: &Project) -> Result<()> {
    let emulator = EMULATORS.into_iter().find(|name| is_there(name));
    let emulator = match (missing(), emulator) {
        (None, Some(emulator)) => emulator,
        (missing, _) => {
            let missing = missing.unwrap_or_else(|| format!("{} (qemu-user)", EMULATORS[0]));
            return Err(Skipped(format!("{missing} is not installed")).into());
        }
    };
    let mut build = cross(project, "build", emulator);
    process::run(build.args(["--package", "gst-plugin-resnet50", "--lib"]))?;
    let mut test = cross(project, "test", emulator);
    test.args(["--package", "gst-plugin-resnet50", "--features", "cli"])
        .args(["--lib", "--test", "models", "--", "preprocess::"])
        // These compare the loops of one processor with each other, of which aarch64 has one kind,
        // and take minutes in an emulator.
        .args(["--skip", "preprocess::backends"]);
    process::run(&mut test)
}

/// The first piece of the toolchain that this machine lacks.
fn missing() -> Option<String> {
    if !has_std() {
        return Some(format!("Rust's standard library for {TARGET}"));
    }
    if !is_there(LINKER) {
        return Some(LINKER.to_owned());
    }
    let library = LIBRARIES.iter().map(|name| format!("{name}.pc"));
    let library = library
        .into_iter()
        .find(|name| !Path::new(PKG_CONFIG).join(name).exists());
    library.map(|name| format!("{PKG_CONFIG}/{name}"))
}

fn is_there(program: &str) -> bool {
    process::succeeds(Command::new(program).arg("--version"))
}

/// Whether this compiler has a standard library for the target.
fn has_std() -> bool {
    let mut print = Command::new("rustc");
    print.args(["--print", "target-libdir", "--target", TARGET]);
    process::output(&mut print).is_ok_and(|output| {
        let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        output.status.success() && Path::new(&folder).is_dir()
    })
}

/// A cargo that builds for the target, and runs what it has built in the emulator.
fn cross(project: &Project, subcommand: &str, emulator: &str) -> Command {
    let mut cargo = project.cargo(subcommand);
    cargo
        .args(["--target", TARGET])
        .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", LINKER)
        .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", emulator)
        .env("PKG_CONFIG_ALLOW_CROSS", "1")
        .env(
            "PKG_CONFIG_LIBDIR_aarch64_unknown_linux_gnu",
            // The second has descriptions of what is the same for all processors.
            format!("{PKG_CONFIG}:/usr/share/pkgconfig"),
        )
        // These tests need no plugins, and the scanner of the other architecture does not start.
        .env("GST_PLUGIN_SYSTEM_PATH_1_0", "")
        .env(
            "GST_REGISTRY_1_0",
            project.target.join("gst-registry-aarch64.bin"),
        );
    cargo
}
