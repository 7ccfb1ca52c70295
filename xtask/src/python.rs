// SPDX-License-Identifier: MPL-2.0
//! What the programs of `tests/python` import: wheels in a folder of their own under the target
//! directory. Nothing is installed into a Python, and `cargo clean` takes them away.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::debian::Python;
use crate::process;
use crate::project::Project;
use crate::wheel;

/// Names each wheel with its version and hash; other ones are not installed.
const REQUIREMENTS: &str = "tests/python/requirements.txt";

/// Says where the wheels are, and to the tests that they must use them.
pub const VARIABLE: &str = "RESNET50_TEST_PYTHONPATH";

/// As much of Python as the tests need. Looks at what is there, without any network.
pub fn needed(project: &Project) -> Python {
    match folder(project) {
        Ok(folder) if folder.is_dir() => Python::Interpreter,
        _ => Python::Pip,
    }
}

/// Where the wheels are, or would be. Other requirements and another Python have another folder,
/// so that one that is there is always the right one.
pub fn folder(project: &Project) -> Result<PathBuf> {
    let requirements = project.root.join(REQUIREMENTS);
    let sha256 = wheel::sha256(&requirements)
        .with_context(|| format!("cannot read {}", requirements.display()))?;
    let name = format!("python-{}-{}", &sha256[..8], abi()?);
    Ok(project.target.join(name))
}

/// What the libraries in the wheels have to fit, such as `cpython-311-x86_64-linux-gnu`.
fn abi() -> Result<String> {
    let mut python = Command::new("python3");
    python.args([
        "-c",
        "import sysconfig; print(sysconfig.get_config_var('SOABI'))",
    ]);
    let output = process::output(&mut python)?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("`python3` does not work: {}", stderr.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Fetches the wheels unless they are there.
pub fn ensure(project: &Project) -> Result<()> {
    let folder = folder(project)?;
    if !folder.is_dir() {
        println!("python: fetching what {REQUIREMENTS} lists (about 50 MB) with pip");
        let requirements = project.root.join(REQUIREMENTS);
        create_whole(&folder, |scratch| install(&requirements, scratch)).with_context(remedy)?;
    }
    println!("python: the wheels are in {}", folder.display());
    Ok(())
}

/// Has `fill` make the folder's content under another name, so that the folder is there whole or
/// not at all.
fn create_whole(folder: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let place = || format!("cannot make {}", folder.display());
    let parent = folder.parent().context("no folder to put it into")?;
    fs::create_dir_all(parent).with_context(place)?;
    let scratch = tempfile::Builder::new()
        .prefix(".new-python-")
        .tempdir_in(parent)
        .with_context(place)?;
    fill(scratch.path())?;
    match fs::rename(scratch.path(), folder) {
        Ok(()) => {
            // Under its old name there is nothing left to remove.
            let _ = scratch.keep();
            Ok(())
        }
        // Somebody else's run was faster, with the same wheels.
        Err(_) if folder.is_dir() => Ok(()),
        Err(error) => Err(error).with_context(place),
    }
}

/// Installs into `folder` with whatever the user has configured for pip.
fn install(requirements: &Path, folder: &Path) -> Result<()> {
    let mut pip = Command::new("python3");
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--root-user-action=ignore",
    ])
    .args(["--require-hashes", "--only-binary=:all:", "--requirement"])
    .arg(requirements)
    .arg("--target")
    .arg(folder)
    // Configured by some users, and a contradiction to --target.
    .env("PIP_USER", "0");
    process::run(&mut pip)
}

/// What a person can do whose pip does not get the wheels.
fn remedy() -> String {
    format!(
        "pip could not install {REQUIREMENTS} (its own message is above).\n  \
         There are wheels for CPython 3.11 to 3.14: `python3 --version` tells yours.\n  \
         With a mirror or a proxy: set PIP_INDEX_URL or HTTPS_PROXY; pip's configuration is used.\n  \
         Without a network: run `python3 -m pip download --require-hashes -r {REQUIREMENTS}` \
         elsewhere, bring the files here and set PIP_NO_INDEX=1 and PIP_FIND_LINKS to their folder.\n  \
         All other tests run without them: `cargo test --features cli`.\n  \
         The cause"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builds;

    /// The folder gets its name when all is in it; its temporary one is gone.
    #[test]
    fn is_created_whole() -> Result<()> {
        let target = tempfile::tempdir()?;
        let folder = target.path().join("made/python");
        create_whole(&folder, |scratch| {
            assert!(!folder.exists());
            Ok(fs::write(scratch.join("a.py"), "")?)
        })?;
        assert!(folder.join("a.py").is_file());
        assert_eq!(fs::read_dir(target.path().join("made"))?.count(), 1);
        Ok(())
    }

    /// What has been begun and not finished leaves nothing, and can be tried again.
    #[test]
    fn a_failure_leaves_nothing() -> Result<()> {
        let target = tempfile::tempdir()?;
        let folder = target.path().join("python");
        let failed = create_whole(&folder, |scratch| {
            fs::write(scratch.join("a.py"), "")?;
            bail!("on purpose")
        });
        assert!(failed.is_err());
        assert_eq!(fs::read_dir(target.path())?.count(), 0);
        create_whole(&folder, |_| Ok(()))
    }

    /// A run beside ours that was faster is no failure, and what it has made stays.
    #[test]
    fn another_run_may_be_faster() -> Result<()> {
        let target = tempfile::tempdir()?;
        let folder = target.path().join("python");
        create_whole(&folder, |scratch| {
            fs::write(scratch.join("ours.py"), "")?;
            fs::create_dir(&folder)?;
            Ok(fs::write(folder.join("theirs.py"), "")?)
        })?;
        assert!(folder.join("theirs.py").is_file());
        assert_eq!(fs::read_dir(target.path())?.count(), 1);
        Ok(())
    }

    /// The reference is the same ONNX Runtime as the one that the plugin runs on.
    #[test]
    fn one_version_of_onnx_runtime() {
        let requirements = include_str!("../../tests/python/requirements.txt");
        let Some(build) = builds::find("cpu") else {
            return;
        };
        let line = format!("onnxruntime=={} \\", build.version);
        assert!(requirements.lines().any(|it| it == line), "no {line}");
    }
}
