// SPDX-License-Identifier: MPL-2.0
//! The checks that take a minute or two, while one works. The first ones of `test` are among them.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::debian::{Purpose, Python};
use crate::project::{self, Project};
use crate::steps::{self, Step};
use crate::{circles, gstreamer, process, setup};

pub fn run() -> Result<ExitCode> {
    let project = Project::find()?;
    setup::run(Purpose::Use, None, Python::Nothing)?;
    ensure_components(&project)?;
    let steps = [
        fmt(&project),
        imports(&project),
        clippy(&project),
        unit_tests(&project),
        links(&project),
    ];
    Ok(match steps::all(&steps) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// The whole workspace, with what the installed GStreamer can have.
fn workspace() -> Vec<String> {
    project::workspace(gstreamer::feature())
}

/// Fails if rustfmt or clippy is not installed.
pub fn ensure_components(project: &Project) -> Result<()> {
    for component in ["fmt", "clippy"] {
        if !process::succeeds(project.cargo(component).arg("--version")) {
            bail!("`cargo {component}` is missing; run: rustup component add rustfmt clippy");
        }
    }
    Ok(())
}

pub fn fmt(project: &Project) -> Step<'_> {
    Step {
        name: "fmt",
        hint: "run `cargo fmt --all`",
        run: Box::new(|| process::run(project.cargo("fmt").args(["--all", "--check"]))),
    }
}

/// The folders of crates whose modules must not import each other in circles.
const CRATES: [&str; 4] = [
    "src",
    "src/bin/gst-resnet50",
    "benches/performance",
    "xtask/src",
];

pub fn imports(project: &Project) -> Step<'_> {
    Step {
        name: "imports",
        hint: "move what both need into a module of its own, or hand it over as a value",
        run: Box::new(|| {
            let mut crates = CRATES.iter();
            crates.try_for_each(|it| circles::check(&project.root.join(it)))
        }),
    }
}

pub fn clippy(project: &Project) -> Step<'_> {
    Step {
        name: "clippy",
        hint: "fix what clippy names above, or allow it in place with a reason",
        run: Box::new(|| {
            let mut clippy = project.cargo("clippy");
            clippy.args(workspace()).args(["--all-targets", "--"]);
            process::run(clippy.args(["-D", "warnings"]))
        }),
    }
}

/// The tests beside the code, which need no plugin file.
fn unit_tests(project: &Project) -> Step<'_> {
    Step {
        name: "unit tests",
        hint: "run one alone with `cargo test --features cli --lib NAME`",
        run: Box::new(|| {
            let mut test = project.cargo("test");
            test.args(workspace()).args(["--lib", "--bins"]);
            test.env("G_DEBUG", "fatal-warnings");
            process::run(&mut test)
        }),
    }
}

/// The links in the documents, which another part of the tests checks with all else.
fn links(project: &Project) -> Step<'_> {
    Step {
        name: "links",
        hint: "correct the links named above",
        run: Box::new(|| {
            let mut test = project.cargo("test");
            test.args(workspace()).args(["--test", "system", "--"]);
            process::run(test.args(["--exact", "documents::links_lead_somewhere"]))
        }),
    }
}
