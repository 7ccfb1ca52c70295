// SPDX-License-Identifier: MPL-2.0
//! The checks that each change must pass, in the order of what fails soonest.

use std::process::{Command, ExitCode};

use anyhow::{Result, bail};
use clap::ValueEnum;

use crate::check;
use crate::debian::{Purpose, Python};
use crate::project::{self, Project};
use crate::steps::{self, Skipped, Step};
use crate::systems::{BOOKWORM, SID, Suite, System, TRIXIE};
use crate::{aarch64, deny, features, gstreamer, process, python, setup};

/// Where tests run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Place {
    /// This machine, with every check
    Host,
    /// Debian 12, with GStreamer 1.22; by default only where this machine has a newer one
    Bookworm,
    /// Debian 13, with GStreamer 1.26
    Trixie,
    /// Debian's unstable release, with GStreamer 1.28 or newer
    Sid,
}

impl Place {
    fn system(self) -> Option<&'static System> {
        match self {
            Self::Host => None,
            Self::Bookworm => Some(&BOOKWORM),
            Self::Trixie => Some(&TRIXIE),
            Self::Sid => Some(&SID),
        }
    }
}

/// The places that were asked for, by default all; Debian 12 is as good as this machine where that
/// has the oldest GStreamer itself.
fn chosen(asked: &[Place], host_is_oldest: bool) -> Vec<Place> {
    let by_default = |place: &Place| *place != Place::Bookworm || !host_is_oldest;
    let all = Place::value_variants().iter().copied();
    all.filter(|place| match asked {
        [] => by_default(place),
        _ => asked.contains(place),
    })
    .collect()
}

/// Runs the checks in these places, by default in all.
pub fn run(places: &[Place], args: &[String]) -> Result<ExitCode> {
    let project = Project::find()?;
    let python = match deny::is_missing(&project) {
        true => Python::Pip,
        false => python::needed(&project),
    };
    setup::run(Purpose::Test, None, python)?;
    check::ensure_components(&project)?;
    let places = chosen(places, gstreamer::feature().is_none());
    let with_host = places.contains(&Place::Host);
    let steps = places.iter().flat_map(|place| match place.system() {
        None => steps(&project, args),
        Some(system) => vec![elsewhere(&project, system, with_host, args)],
    });
    Ok(match steps::all(&steps.collect::<Vec<_>>()) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn steps<'a>(project: &'a Project, args: &'a [String]) -> Vec<Step<'a>> {
    vec![
        check::fmt(project),
        check::imports(project),
        Step {
            name: "deny",
            hint: "read the reason above; what is allowed is in deny.toml",
            run: Box::new(|| deny::run(project)),
        },
        check::clippy(project),
        Step {
            name: "features",
            hint: "fix what the compiler names above: each feature must build by itself",
            run: Box::new(|| features::run(project)),
        },
        Step {
            name: "fuzz",
            hint: "fix what the compiler names above; with other dependencies, run `cargo update` in fuzz/",
            run: Box::new(|| features::fuzz(project)),
        },
        Step {
            name: "build",
            hint: "fix what the compiler names above; if a library is missing, see `cargo xtask setup`",
            run: Box::new(|| {
                process::run(project.cargo("build").args(project::plugin()))?;
                project.stage_plugin("debug", PLUGIN_FOLDER)?;
                Ok(())
            }),
        },
        Step {
            name: "python",
            hint: "do what is said above; the tests compare our models with ONNX's own tools",
            run: Box::new(|| python::ensure(project)),
        },
        Step {
            name: "test",
            hint: "run one test alone with `cargo xtask test -- NAME`",
            run: Box::new(move || {
                let mut test = project.cargo("test");
                test.args(project::workspace(gstreamer::feature()))
                    .arg("--no-fail-fast")
                    .args(args);
                test.env(python::VARIABLE, python::folder(project)?);
                process::run(with_plugin(&mut test, project))
            }),
        },
        Step {
            name: "aarch64",
            hint: "fix what the compiler or the test names above; it needs neither an ARM machine nor GStreamer's plugins",
            run: Box::new(|| aarch64::run(project)),
        },
        Step {
            name: "valgrind",
            hint: "fix the leak or the access named above; what is not ours and comes once belongs in tests/valgrind.supp",
            run: Box::new(|| valgrind(project)),
        },
        Step {
            name: "doc",
            hint: "fix the documentation comments named above",
            run: Box::new(|| {
                let mut doc = project.cargo("doc");
                doc.arg("--no-deps").args(project::plugin());
                process::run(doc.env("RUSTDOCFLAGS", "-D warnings"))
            }),
        },
        Step {
            name: "gst-inspect",
            hint: "GStreamer could not load the plugin: try again with GST_DEBUG=GST_PLUGIN_LOADING:5",
            run: Box::new(|| quietly(with_plugin(&mut inspect(), project))),
        },
    ]
}

/// The tests in another system. Where it cannot be made, that is said and no failure: not every
/// machine may mount, and an archive may be unreachable or half updated.
fn elsewhere<'a>(
    project: &'a Project,
    system: &'static System,
    with_plugin: bool,
    args: &'a [String],
) -> Step<'a> {
    Step {
        name: system.suite,
        hint: "run one test alone there with `cargo xtask test --in SYSTEM -- NAME`",
        run: Box::new(move || {
            let suite = Suite::prepare(project, system);
            let suite = suite.map_err(|error| Skipped(format!("{error:#}")))?;
            if with_plugin && !gstreamer::is_at_least(system.gstreamer) {
                suite.try_plugin(&project.target.join(PLUGIN_FOLDER))?;
            }
            suite.test(args)
        }),
    }
}

/// Runs a test with the element's whole life under valgrind, which sees what no test does: memory
/// that nobody refers to any more, and accesses beside it.
fn valgrind(project: &Project) -> Result<()> {
    if !process::succeeds(Command::new("valgrind").arg("--version")) {
        bail!("valgrind is missing; install it");
    }
    let suppressions = project.root.join("tests/valgrind.supp");
    let runner = [
        "valgrind",
        "--quiet",
        "--leak-check=full",
        "--show-leak-kinds=definite",
        "--errors-for-leak-kinds=definite",
        "--error-exitcode=9",
        "--num-callers=40",
        &format!("--suppressions={}", suppressions.display()),
    ];
    let mut test = project.cargo("test");
    // A list of strings is written in TOML as in Rust.
    test.arg("--config")
        .arg(format!("target.'cfg(all())'.runner = {runner:?}"))
        .args(project::workspace(gstreamer::feature()))
        .args(["--test", "element", "--", "--exact", "leaks::short_life"]);
    // GLib's own pools would hide what is lost in them.
    process::run(with_plugin(&mut test, project).env("G_SLICE", "always-malloc"))
}

/// Apart from the release build's folder, so that a demo and a test do not undo each other.
const PLUGIN_FOLDER: &str = "gstreamer-1.0-debug";

/// Lets GStreamer find the plugin just built and nothing that the user has set up, and makes its
/// warnings fatal. The registry is our own, for the user's must not learn of a debug build.
fn with_plugin<'a>(command: &'a mut Command, project: &Project) -> &'a mut Command {
    let plugins = project.target.join(PLUGIN_FOLDER);
    command
        .env("G_DEBUG", "fatal-warnings")
        .env("GST_PLUGIN_PATH", &plugins)
        .env("GST_REGISTRY", project.target.join("gst-registry-test.bin"))
        .env("RESNET50_TEST_PLUGIN_DIR", &plugins)
        // Where these are set, GStreamer ignores the ones above.
        .env_remove("GST_PLUGIN_PATH_1_0")
        .env_remove("GST_REGISTRY_1_0")
}

fn inspect() -> Command {
    let mut inspect = Command::new("gst-inspect-1.0");
    inspect.arg("resnet50");
    inspect
}

/// Shows the output only if the command fails.
fn quietly(command: &mut Command) -> Result<()> {
    let output = process::output(command)?;
    if !output.status.success() {
        print!("{}", String::from_utf8_lossy(&output.stdout));
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
        bail!("`{}` failed ({})", process::line(command), output.status);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every version of GStreamer is tested once, and what is asked for by name always.
    #[test]
    fn chooses_places() {
        use Place::{Bookworm, Host, Sid, Trixie};
        assert_eq!(chosen(&[], true), [Host, Trixie, Sid]);
        assert_eq!(chosen(&[], false), [Host, Bookworm, Trixie, Sid]);
        assert_eq!(chosen(&[Sid, Bookworm], true), [Bookworm, Sid]);
        assert_eq!(chosen(&[Host], false), [Host]);
    }
}
