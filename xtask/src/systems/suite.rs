// SPDX-License-Identifier: MPL-2.0
//! The tests in another system: the same checkout, toolchain and crates as on this machine, with a
//! target folder of its own.

use std::env::consts::ARCH;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::root::{self, Bind, Root};
use super::system::System;
use crate::project::{self, Project};
use crate::{debian, gstreamer, onnxruntime, process};

/// The test programs that use GStreamer, beside the tests in the library itself.
const PROGRAMS: [&str; 5] = ["element", "json", "overlay", "program", "system"];

/// A system that is ready for the tests.
#[derive(Debug)]
pub struct Suite<'a> {
    project: &'a Project,
    system: &'a System,
    root: Root,
    binds: Vec<Bind>,
    /// Where cargo and rustc are.
    toolchain: PathBuf,
    cargo_home: PathBuf,
    /// Takes the place of /tmp inside.
    scratch: tempfile::TempDir,
}

impl<'a> Suite<'a> {
    /// Makes the system, unless it is kept from an earlier run.
    pub fn prepare(project: &'a Project, system: &'a System) -> Result<Self> {
        let toolchain = toolchain()?;
        let cargo_home = home("CARGO_HOME", ".cargo")?;
        let root = Root::kept(system, &debian::packages_elsewhere())?;
        let scratch = tempfile::tempdir().context("cannot make a temporary folder")?;
        // Some servers do not run as root.
        fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o1777))?;
        let target = project.target.join("systems").join(system.suite);
        fs::create_dir_all(&target).with_context(|| format!("cannot make {}", target.display()))?;
        let mut binds = vec![
            Bind::read_only(&toolchain),
            Bind::writable(&cargo_home),
            Bind::writable(&project.root),
            // At the path of this machine's, so that what was copied from there is up to date.
            Bind::writable(target).at(&project.target),
            Bind::writable(scratch.path()).at("/tmp"),
        ];
        let programs = cargo_home.join("bin");
        if programs.is_dir() {
            // Cargo looks there first, and rustup's programs would not work.
            let none = scratch.path().join("none");
            fs::create_dir(&none)?;
            binds.push(Bind::read_only(none).at(programs));
        }
        let data = onnxruntime::data_dir(|name| std::env::var_os(name))?;
        if data.is_dir() {
            binds.push(Bind::read_only(data));
        }
        Ok(Self {
            project,
            system,
            root,
            binds,
            toolchain,
            cargo_home,
            scratch,
        })
    }

    /// Loads this machine's plugin there, which was built for an older GStreamer, and classifies
    /// some frames with it.
    pub fn try_plugin(&self, folder: &Path) -> Result<()> {
        // The system's target folder hides this machine's.
        let plugin = project::plugin_file();
        let copy = self.scratch.path().join("plugins").join(&plugin);
        project::copy_if_different(&folder.join(&plugin), &copy)?;
        let classify = "videotestsrc num-buffers=3 ! resnet50 model=builtin:efficientnet-lite0 \
                        mode=exact ! resnet50overlay ! videoconvert ! fakesink";
        let launch: Vec<&str> = ["-q"]
            .into_iter()
            .chain(classify.split_whitespace())
            .collect();
        for (program, args) in [
            ("gst-inspect-1.0", &["resnet50"][..]),
            ("gst-launch-1.0", &launch),
        ] {
            let mut command = self.command(program);
            command
                .args(args)
                .env("GST_PLUGIN_PATH", "/tmp/plugins")
                .env("GST_REGISTRY", "/tmp/registry.bin");
            root::quietly(&mut command)?;
        }
        Ok(())
    }

    /// Lints what differs by the version, and runs the tests.
    pub fn test(&self, args: &[String]) -> Result<()> {
        self.seed()?;
        // With all crates at hand, cargo needs neither network nor certificates in there.
        let mut fetch = self.project.cargo("fetch");
        fetch.args(["--quiet", "--locked", "--target"]);
        process::run(fetch.arg(format!("{ARCH}-unknown-linux-gnu")))?;
        if args.is_empty() {
            let lints = ["--lib", "--bins", "--", "-D", "warnings"];
            self.run(self.cargo("clippy").args(lints))?;
        }
        // No test program makes cargo build them.
        self.run(self.cargo("build").arg("--examples"))?;
        let mut test = self.cargo("test");
        test.args(["--no-fail-fast", "--lib"]);
        for program in PROGRAMS {
            test.args(["--test", program]);
        }
        self.run(test.args(args))
    }

    fn run(&self, command: &mut Command) -> Result<()> {
        let status = process::status(command)?;
        ensure!(
            status.success(),
            "`{}` failed in {} ({status})",
            root::line(command),
            self.system.name
        );
        Ok(())
    }

    /// Cargo on the whole workspace, with the features that the system's GStreamer can have.
    fn cargo(&self, subcommand: &str) -> Command {
        let mut cargo = self.command("cargo");
        cargo
            .arg(subcommand)
            .arg("--offline")
            .args(project::workspace(self.system.feature))
            .env("CARGO_HOME", &self.cargo_home)
            .env("CARGO_TARGET_DIR", &self.project.target)
            // Each build is made once.
            .env("CARGO_INCREMENTAL", "0");
        // What was copied from this machine is used only if it was built in the same way.
        for (name, value) in std::env::vars_os() {
            if name == "RUSTFLAGS" || name.to_string_lossy().starts_with("CARGO_PROFILE_") {
                cargo.env(name, value);
            }
        }
        cargo
    }

    fn command(&self, program: &str) -> Command {
        let mut command = self.root.command(&self.binds, &self.project.root, program);
        command
            .env("PATH", root::path_with(&self.toolchain.join("bin")))
            .env("G_DEBUG", "fatal-warnings");
        for name in ["XDG_DATA_HOME", "ORT_DYLIB_PATH", "RUST_BACKTRACE"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
    }

    /// Begins the system's target folder with a copy of this machine's dependencies. Those that
    /// have nothing to do with GStreamer need not be compiled again: an older glibc than the
    /// system's is as good.
    fn seed(&self) -> Result<()> {
        let host = self.project.target.join("debug");
        let to = self.project.target.join("systems").join(self.system.suite);
        if to.join("debug").exists()
            || !host.join("deps").is_dir()
            || gstreamer::is_at_least(self.system.gstreamer)
        {
            return Ok(());
        }
        let new = tempfile::Builder::new().prefix(".new-").tempdir_in(&to)?;
        // Without the programs, which are linked anew and of which there may be many.
        let mut copy = Command::new("sh");
        copy.args(["-euc", COPY, "sh"]).arg(&host).arg(new.path());
        process::run(&mut copy)?;
        fs::rename(new.path(), to.join("debug"))?;
        let _ = new.keep();
        Ok(())
    }
}

/// Copies dependencies with their dates, by which cargo knows that they are up to date.
const COPY: &str = r#"
mkdir "$2/deps"
find "$1/deps" -maxdepth 1 -type f ! -name '*gst*resnet50*' \
    '(' -name '*.rlib' -o -name '*.rmeta' -o -name '*.so' -o -name '*.d' ')' \
    -exec cp --preserve=all --reflink=auto --target-directory="$2/deps" '{}' +
cp --archive --reflink=auto "$1/build" "$1/.fingerprint" "$2"
"#;

/// The folder of the Rust toolchain that runs us.
fn toolchain() -> Result<PathBuf> {
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    let output = process::output(rustc.args(["--print", "sysroot"]))?;
    let folder = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    if !folder.is_absolute() || folder == Path::new("/usr") {
        bail!("Rust must lie in a folder of its own to be used there, as rustup's toolchains do");
    }
    Ok(folder)
}

/// The folder that a variable names, by default one in the home folder.
fn home(variable: &str, default: &str) -> Result<PathBuf> {
    let named = std::env::var_os(variable).filter(|it: &OsString| !it.is_empty());
    match named {
        Some(folder) => Ok(std::path::absolute(folder)?),
        None => {
            let home = std::env::var_os("HOME").context("HOME is not set")?;
            Ok(Path::new(&home).join(default))
        }
    }
}
