// SPDX-License-Identifier: MPL-2.0
//! The checks that each change must pass, in the order of what fails soonest.

use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Result, bail};

use crate::debian::Purpose;
use crate::project::{PLUGIN, Project};
use crate::{process, python, setup};

/// The whole workspace; the feature is written with its package because only that one has it.
const WORKSPACE: [&str; 3] = ["--workspace", "--features", "gst-plugin-resnet50/cli"];

/// One check.
struct Step<'a> {
    name: &'static str,
    /// What to do when it fails.
    hint: &'static str,
    run: Box<dyn Fn() -> Result<()> + 'a>,
}

pub fn run(args: &[String]) -> Result<ExitCode> {
    let project = Project::find()?;
    setup::run(Purpose::Test, None, python::needed(&project))?;
    for component in ["fmt", "clippy"] {
        if !process::succeeds(project.cargo(component).arg("--version")) {
            bail!("`cargo {component}` is missing; run: rustup component add rustfmt clippy");
        }
    }
    Ok(if all(&steps(&project, args)) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn steps<'a>(project: &'a Project, args: &'a [String]) -> Vec<Step<'a>> {
    vec![
        Step {
            name: "fmt",
            hint: "run `cargo fmt --all`",
            run: Box::new(|| process::run(project.cargo("fmt").args(["--all", "--check"]))),
        },
        Step {
            name: "clippy",
            hint: "mend what clippy names above, or allow it in place with a reason",
            run: Box::new(|| {
                let mut clippy = project.cargo("clippy");
                clippy.args(WORKSPACE).args(["--all-targets", "--"]);
                process::run(clippy.args(["-D", "warnings"]))
            }),
        },
        Step {
            name: "build",
            hint: "mend what the compiler names above; if a library is missing, see `cargo xtask setup`",
            run: Box::new(|| {
                process::run(project.cargo("build").args(PLUGIN))?;
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
                test.args(WORKSPACE).arg("--no-fail-fast").args(args);
                test.env(python::VARIABLE, python::folder(project)?);
                process::run(with_plugin(&mut test, project))
            }),
        },
        Step {
            name: "valgrind",
            hint: "mend the leak or the access named above; what is not ours and comes once belongs in tests/valgrind.supp",
            run: Box::new(|| valgrind(project)),
        },
        Step {
            name: "doc",
            hint: "mend the documentation comments named above",
            run: Box::new(|| {
                let mut doc = project.cargo("doc");
                doc.arg("--no-deps").args(PLUGIN);
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
        .args(WORKSPACE)
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

/// Runs the steps up to the first that fails; the last line printed sums up.
fn all(steps: &[Step]) -> bool {
    let mut summary = Vec::new();
    for step in steps {
        println!("==> {}", step.name);
        let started = Instant::now();
        let result = (step.run)();
        let seconds = started.elapsed().as_secs_f64();
        match result {
            Ok(()) => {
                println!("    {} ok, {seconds:.1} s", step.name);
                summary.push(format!("{} ok", step.name));
            }
            Err(error) => {
                println!("    {} failed, {seconds:.1} s: {error:#}", step.name);
                println!("    to mend it: {}", step.hint);
                summary.push(format!("{} FAILED", step.name));
                break;
            }
        }
    }
    let passed = summary.iter().all(|line| line.ends_with("ok"));
    let rest = steps.iter().skip(summary.len());
    summary.extend(rest.map(|step| format!("{} not run", step.name)));
    println!("{}", summary.join(", "));
    passed
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn step<'a>(name: &'static str, run: impl Fn() -> Result<()> + 'a) -> Step<'a> {
        Step {
            name,
            hint: "",
            run: Box::new(run),
        }
    }

    /// The first failure ends the run and decides it.
    #[test]
    fn stops_at_the_first_failure() {
        let reached = Cell::new(0);
        let count = || {
            reached.set(reached.get() + 1);
            Ok(())
        };
        let steps = [
            step("one", count),
            step("two", || bail!("on purpose")),
            step("three", count),
        ];
        assert!(!all(&steps));
        assert_eq!(reached.get(), 1);
    }

    /// Without a failure every step runs.
    #[test]
    fn passes_when_all_do() {
        let reached = Cell::new(0);
        let count = || {
            reached.set(reached.get() + 1);
            Ok(())
        };
        assert!(all(&[step("one", count), step("two", count)]));
        assert_eq!(reached.get(), 2);
    }
}
