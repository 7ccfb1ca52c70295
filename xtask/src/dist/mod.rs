// SPDX-License-Identifier: MPL-2.0
//! Packages for the running system: a Python wheel, a Debian package, and a tarball that works
//! wherever it is unpacked. All hold what one release build made.

mod debian_package;
mod elf;
mod notices;
mod python_wheel;
mod stage;
mod tarball;
mod trial;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::debian::{Purpose, Python};
use crate::project::Project;
use crate::{process, setup};
use stage::Stage;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to make [default: all that the running system can]
    #[arg(value_enum)]
    kinds: Vec<Kind>,
    /// Try each: install it in a fresh Debian, made with debootstrap, of the release that it is for, and
    /// classify the demo's clip (as root, some minutes)
    #[arg(long = "try")]
    tries: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// For pip, on every distribution whose C library is not older
    Wheel,
    /// For this release of Debian or of a distribution made from it
    Deb,
    /// To be unpacked anywhere
    Tar,
}

/// A package that was made.
#[derive(Debug)]
struct Package {
    kind: Kind,
    file: PathBuf,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let project = Project::find()?;
    let kinds = kinds(&args.kinds, debian_package::is_possible());
    setup::run(Purpose::Demo, None, Python::Nothing)?;
    if kinds.contains(&Kind::Deb) {
        debian_package::ensure_tools()?;
    }
    let folder = project.target.join("dist");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let stage = Stage::build(&project)?;
    let mut packages = Vec::new();
    for kind in kinds {
        let file = match kind {
            Kind::Wheel => python_wheel::make(&project, &stage, &folder)?,
            Kind::Deb => debian_package::make(&stage, &folder)?,
            Kind::Tar => tarball::make(&stage, &folder)?,
        };
        let size = fs::metadata(&file)?.len() as f64 / 1e6;
        println!("dist: {} ({size:.1} MB)", file.display());
        packages.push(Package { kind, file });
    }
    if args.tries {
        trial::run(&project, &packages)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Those that are asked for; without any, all but what needs another system.
fn kinds(wanted: &[Kind], has_dpkg: bool) -> Vec<Kind> {
    if !wanted.is_empty() {
        return wanted.to_vec();
    }
    let all = [Kind::Wheel, Kind::Deb, Kind::Tar].into_iter();
    all.filter(|kind| *kind != Kind::Deb || has_dpkg).collect()
}

/// The time of the commit, or what `SOURCE_DATE_EPOCH` says, in seconds since 1970: all files of a
/// package get it, so that the same source makes the same package.
fn date(project: &Project) -> Result<u64> {
    if let Some(date) = std::env::var_os("SOURCE_DATE_EPOCH") {
        let date = date.to_str().and_then(|it| it.parse().ok());
        return date.context("SOURCE_DATE_EPOCH is not a number of seconds");
    }
    let mut git = std::process::Command::new("git");
    git.args(["log", "-1", "--format=%ct"])
        .current_dir(&project.root);
    let output = process::output(&mut git)?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim()
        .parse()
        .context("git does not tell the time of the commit: set SOURCE_DATE_EPOCH")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is asked for is made; by default a Debian package only where there is dpkg.
    #[test]
    fn chooses() {
        use Kind::{Deb, Tar, Wheel};
        assert_eq!(kinds(&[], true), [Wheel, Deb, Tar]);
        assert_eq!(kinds(&[], false), [Wheel, Tar]);
        assert_eq!(kinds(&[Deb], false), [Deb]);
    }
}
