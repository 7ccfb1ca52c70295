// SPDX-License-Identifier: MPL-2.0
//! Where this project keeps its things, and how its plugin is built.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};

use crate::{gstreamer, process};

/// Selects the plugin's package with its command-line program, and with what the installed
/// GStreamer can have.
pub fn plugin() -> Vec<String> {
    let mut features = "cli".to_owned();
    if let Some(feature) = gstreamer::feature() {
        features = format!("{features},{feature}");
    }
    ["--package", "gst-plugin-resnet50", "--features", &features]
        .map(str::to_owned)
        .into()
}

/// Selects the whole workspace with the command-line program and a feature for GStreamer's
/// version. Features are written with their package because only that one has them.
pub fn workspace(feature: Option<&str>) -> Vec<String> {
    let features = ["cli"].into_iter().chain(feature);
    let features: Vec<String> = features
        .map(|it| format!("gst-plugin-resnet50/{it}"))
        .collect();
    ["--workspace", "--features", &features.join(",")]
        .map(str::to_owned)
        .into()
}

/// The workspace, as cargo sees it.
#[derive(Debug)]
pub struct Project {
    pub root: PathBuf,
    /// `target/`, or wherever the user's configuration puts it.
    pub target: PathBuf,
}

impl Project {
    pub fn find() -> Result<Self> {
        let mut metadata = cargo_program();
        metadata.args(["metadata", "--no-deps", "--format-version", "1"]);
        let output = process::output(&mut metadata)?;
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr);
            bail!("`{}` failed: {}", process::line(&metadata), stderr.trim());
        }
        let json: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        let path = |key: &str| {
            let value = json[key].as_str().map(PathBuf::from);
            value.ok_or_else(|| anyhow!("`cargo metadata` names no {key}"))
        };
        Ok(Self {
            root: path("workspace_root")?,
            target: path("target_directory")?,
        })
    }

    /// A cargo that works on this workspace, wherever the user called us from.
    pub fn cargo(&self, subcommand: &str) -> Command {
        let mut cargo = cargo_program();
        cargo
            .arg(subcommand)
            .current_dir(&self.root)
            // A relative CARGO_TARGET_DIR would mean another folder from the root.
            .env("CARGO_TARGET_DIR", &self.target)
            // It would put what is built into a folder of its own, and the tests run here anyway.
            .env_remove("CARGO_BUILD_TARGET");
        cargo
    }

    /// Copies the plugin that was built in `profile` into a folder of its own under the target
    /// directory, and returns that folder: GStreamer's scanner looks at each file under
    /// `GST_PLUGIN_PATH`, so the target directory itself must not be on it.
    pub fn stage_plugin(&self, profile: &str, folder: &str) -> Result<PathBuf> {
        let library = plugin_file();
        let folder = self.target.join(folder);
        copy_if_different(
            &self.target.join(profile).join(&library),
            &folder.join(&library),
        )?;
        Ok(folder)
    }
}

/// The plugin's file name, by which GStreamer knows it.
pub fn plugin_file() -> String {
    format!("{DLL_PREFIX}gstresnet50{DLL_SUFFIX}")
}

/// The cargo that runs us, for another version would build everything anew.
fn cargo_program() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
}

/// Leaves an equal copy alone: its date tells GStreamer that its registry is up to date. A new
/// one takes the old one's place in one step, for a pipeline may have the old one mapped, and may
/// be run by whoever may run the original.
pub fn copy_if_different(from: &Path, to: &Path) -> Result<()> {
    let content = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    if fs::read(to).is_ok_and(|old| old == content) {
        return Ok(());
    }
    let place = || format!("cannot write {}", to.display());
    let folder = to.parent().context("no folder to copy to")?;
    fs::create_dir_all(folder).with_context(place)?;
    let mut file = new_file(folder).with_context(place)?;
    file.write_all(&content).with_context(place)?;
    let permissions = fs::metadata(from).with_context(place)?.permissions();
    file.as_file()
        .set_permissions(permissions)
        .with_context(place)?;
    file.persist(to).with_context(place)?;
    Ok(())
}

/// A file in `folder` that vanishes unless it is persisted under its final name. Everybody may
/// read it, as is usual for libraries.
pub fn new_file(folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    use std::os::unix::fs::PermissionsExt;
    tempfile::Builder::new()
        .prefix(".new-")
        .permissions(fs::Permissions::from_mode(0o644))
        .tempfile_in(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An equal copy keeps its date; a different one is replaced, and nothing else is left over.
    #[test]
    fn copies_only_what_differs() -> Result<()> {
        let scratch = tempfile::tempdir()?;
        let (from, to) = (scratch.path().join("a.so"), scratch.path().join("out/a.so"));
        let long_ago = std::time::SystemTime::UNIX_EPOCH;
        fs::write(&from, "one")?;
        copy_if_different(&from, &to)?;
        fs::File::options()
            .write(true)
            .open(&to)?
            .set_modified(long_ago)?;

        copy_if_different(&from, &to)?;
        assert_eq!(fs::metadata(&to)?.modified()?, long_ago);

        fs::write(&from, "two")?;
        copy_if_different(&from, &to)?;
        assert_eq!(fs::read_to_string(&to)?, "two");
        assert_eq!(fs::read_dir(scratch.path().join("out"))?.count(), 1);
        Ok(())
    }

    /// What is published has all that a build needs and nothing that only a checkout is for, and is not
    /// more than the registry takes.
    #[test]
    fn what_is_published() -> Result<()> {
        let project = Project::find()?;
        let mut package = project.cargo("package");
        package.args(["--list", "--allow-dirty", "--offline"]);
        let output = process::output(package.args(["--package", "gst-plugin-resnet50"]))?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "{stderr}");
        let list = String::from_utf8(output.stdout)?;
        let files: Vec<_> = list.lines().collect();
        for file in [
            "LICENSE",
            "README.md",
            "build.rs",
            "docs/LIBRARY.md",
            "plugin-meta/efficientnet-lite0-int8.onnx",
            "plugin-meta/licenses/Apache-2.0.txt",
            "plugin-meta/presets/GstResnet50.prs",
            "src/lib.rs",
        ] {
            assert!(files.contains(&file), "no {file}");
        }
        for folder in [
            ".cargo/", ".ci/", "demo/", "fuzz/", "python/", "tests/", "xtask/",
        ] {
            let found = files.iter().find(|file| file.starts_with(folder));
            assert_eq!(found, None);
        }
        // Files that cargo writes itself are not there.
        let sizes = files
            .iter()
            .filter_map(|file| project.root.join(file).metadata().ok());
        let size: u64 = sizes.map(|it| it.len()).sum();
        assert!(size < 10_000_000, "{size} bytes");
        Ok(())
    }

    /// A build that made no library is an error that names the file.
    #[test]
    fn names_the_file_that_is_missing() {
        let error = copy_if_different(Path::new("/nowhere/a.so"), Path::new("/nowhere/b.so"));
        let text = format!("{:#}", error.expect_err("there is nothing to copy"));
        assert!(text.contains("/nowhere/a.so"), "{text}");
    }
}
