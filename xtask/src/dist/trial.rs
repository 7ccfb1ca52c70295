// SPDX-License-Identifier: MPL-2.0
//! Tries packages as somebody would who has nothing: each in a fresh, minimal Debian.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::stage::copy;
use super::{Kind, Package, debian_package};
use crate::project::Project;
use crate::systems::{BOOKWORM, Bind, Root, SID, System, TRIXIE};
use crate::{debian, process};

/// What the scripts have in common, then one for each kind of package.
const COMMON: &str = include_str!("trial/common.sh");
const WHEEL: &str = include_str!("trial/wheel.sh");
const DEB: &str = include_str!("trial/deb.sh");
const TAR: &str = include_str!("trial/tar.sh");

/// The releases, from the oldest to the newest.
const SYSTEMS: [System; 3] = [BOOKWORM, TRIXIE, SID];

/// Where a trial finds its files.
const FOLDER: &str = "/trial";

/// Tries each package in each system that it is for; the first command that fails ends it.
pub fn run(project: &Project, packages: &[Package]) -> Result<()> {
    let own = debian_package::suite()?;
    let systems = SYSTEMS.iter().skip_while(|it| it.suite != own);
    let systems: Vec<_> = systems.collect();
    ensure!(
        !systems.is_empty(),
        "packages are tried on Debian 12, Debian 13 and the unstable release, not on {own}"
    );
    debian::install_missing(&["debootstrap"])?;
    for package in packages {
        let systems = match package.kind {
            // What it promises for the newer ones as well.
            Kind::Wheel => &systems[..],
            Kind::Deb | Kind::Tar => &systems[..1],
        };
        for system in systems {
            in_system(project, package, system)
                .with_context(|| format!("{} in {}", package.file.display(), system.name))?;
        }
    }
    Ok(())
}

fn in_system(project: &Project, package: &Package, system: &System) -> Result<()> {
    let scratch = tempfile::tempdir().context("cannot make a temporary folder")?;
    let name = package
        .file
        .file_name()
        .context("a package without a name")?;
    copy(&package.file, &scratch.path().join(name))?;
    let clip = project.root.join("demo/clip.webm");
    copy(&clip, &scratch.path().join("clip.webm"))?;
    // There may be a proxy between this machine and the archives, whose certificate it trusts.
    let certificates = certificates();
    if let Some(file) = &certificates {
        copy(file, &scratch.path().join("certificates"))?;
    }
    let script = match package.kind {
        Kind::Wheel => WHEEL,
        Kind::Deb => DEB,
        Kind::Tar => TAR,
    };
    fs::write(scratch.path().join("script"), format!("{COMMON}\n{script}"))?;

    let root = Root::fresh(system, &[])?;
    println!("dist: trying {} in {}", name.display(), system.name);
    let binds = [Bind::writable(scratch.path()).at(FOLDER)];
    let mut trial = root.command(&binds, Path::new(FOLDER), "sh");
    trial
        .args(["-eu", "script"])
        .env("HOME", "/root")
        .env("DEBIAN_FRONTEND", "noninteractive");
    if certificates.is_some() {
        let file = format!("{FOLDER}/certificates");
        trial.env("SSL_CERT_FILE", &file).env("PIP_CERT", &file);
    }
    let status = process::status(&mut trial)?;
    ensure!(status.success(), "the last command above failed ({status})");
    Ok(())
}

/// The file that `SSL_CERT_FILE` names.
fn certificates() -> Option<PathBuf> {
    let file: Option<OsString> = std::env::var_os("SSL_CERT_FILE");
    file.map(PathBuf::from).filter(|it| it.is_file())
}
