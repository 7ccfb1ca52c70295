// SPDX-License-Identifier: MPL-2.0
//! `cargo xtask`: everything that a checkout needs beyond `cargo build`.
//!
//! Each command begins with as much of `setup` as it needs, so that a fresh clone needs one line to
//! reach its goal; a `setup` with nothing to do asks no network and takes a moment.

mod aarch64;
mod bench;
#[path = "../../src/bin/gst-resnet50/runtime/builds.rs"]
#[allow(dead_code, reason = "only the build cpu is needed here")]
mod builds;
mod check;
mod circles;
mod debian;
mod demo;
mod deny;
mod dist;
mod features;
mod gstreamer;
mod install;
mod onnxruntime;
mod presets;
mod process;
mod project;
mod python;
mod race;
mod setup;
mod steps;
mod systems;
mod test;
mod wheel;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::debian::{Purpose, Python};

#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask", about, max_term_width = 100)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Install what building and using the plugin need: system packages and ONNX Runtime
    Setup {
        /// Install what the tests need as well
        #[arg(long)]
        tests: bool,
        /// Take ONNX Runtime from this wheel instead of the package index
        #[arg(long, value_name = "FILE")]
        wheel: Option<PathBuf>,
    },
    /// Classify a video, and write the results and a copy with the labels drawn in
    Demo(demo::Args),
    /// Build the plugin and its program, and put them in place for the user who runs this
    Install,
    /// Remove what `install` has put in place
    Uninstall,
    /// Make packages: a wheel for pip, one for Debian, a tarball
    Dist(dist::Args),
    /// The quick part of `test`: formatting, imports, lints, unit tests, links
    Check,
    /// Check formatting, lints, dependencies and features, run all tests, build the documentation;
    /// then run the tests in other releases of Debian, each with its GStreamer
    Test {
        /// Only there: on this machine, or in a release of Debian. May be repeated
        #[arg(long = "in", value_name = "SYSTEM")]
        places: Vec<test::Place>,
        /// Arguments for `cargo test`
        #[arg(last = true, value_name = "ARGS")]
        args: Vec<String>,
    },
    /// Measure, and write docs/PERFORMANCE.md
    Bench {
        /// Arguments for the benchmark, such as --only preprocess (--help lists them)
        #[arg(last = true, value_name = "ARGS")]
        args: Vec<String>,
    },
    /// Measure beside GStreamer's own ONNX element, in Debian sid, and write the result into
    /// docs/PERFORMANCE.md
    Race(race::Args),
}

fn main() -> ExitCode {
    let result = match Args::parse().command {
        Command::Setup { tests, wheel } => {
            let purpose = if tests { Purpose::Test } else { Purpose::Use };
            setup::run(purpose, wheel.as_deref(), Python::Nothing).map(|()| ExitCode::SUCCESS)
        }
        Command::Demo(args) => demo::run(&args),
        Command::Install => install::install(),
        Command::Uninstall => install::uninstall(),
        Command::Dist(args) => dist::run(&args),
        Command::Check => check::run(),
        Command::Test { places, args } => test::run(&places, &args),
        Command::Bench { args } => bench::run(&args),
        Command::Race(args) => race::run(&args),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

#[cfg(test)]
#[path = "../../tests/support/src/markdown.rs"]
mod markdown;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::Parser as _;
    use clap::error::ErrorKind;

    use super::Args;
    use super::markdown::documents;

    /// What the documents tell people to type is accepted. A sentence may leave out what belongs
    /// to an option.
    #[test]
    fn the_documents_name_what_there_is() {
        let mut found = 0;
        for document in documents(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..")) {
            for command in document.commands("cargo xtask") {
                found += 1;
                let Err(error) = Args::try_parse_from(&command.words[1..]) else {
                    continue;
                };
                let is_unknown = matches!(
                    error.kind(),
                    ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand
                );
                assert!(
                    !(command.is_complete || is_unknown),
                    "{}: {error}",
                    document.path.display()
                );
            }
        }
        assert!(found >= 10, "{found}");
    }
}
