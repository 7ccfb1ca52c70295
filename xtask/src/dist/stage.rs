// SPDX-License-Identifier: MPL-2.0
//! What goes into the packages, in a folder that is laid out like `/usr`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::elf::Needs;
use super::{date, notices};
use crate::process;
use crate::project::{Project, plugin, plugin_file};

/// Where things lie in the stage.
pub const PROGRAM: &str = "bin/gst-resnet50";
pub const PLUGINS: &str = "lib/gstreamer-1.0";
pub const PRESETS: &str = "share/gstreamer-1.0/presets";
pub const MAN: &str = "share/man/man1";
pub const ZSH: &str = "share/zsh/site-functions";
pub const DOCUMENTS: &str = "share/doc/gst-plugin-resnet50";

/// Documents, by their names in the repository.
const TEXTS: [&str; 4] = ["README.md", "CHANGELOG.md", "LICENSE", "SECURITY.md"];
const FOLDERS: [&str; 2] = ["docs", "plugin-meta/licenses"];

/// A release build with all that belongs to it.
#[derive(Debug)]
pub struct Stage {
    /// The folder.
    pub root: PathBuf,
    /// The files in it, sorted.
    pub files: Vec<PathBuf>,
    pub version: String,
    /// The time that each file of a package gets, in seconds since 1970.
    pub date: u64,
    /// What plugin and program need of the system.
    pub needs: Needs,
}

impl Stage {
    /// Builds for release, and fills the folder anew.
    pub fn build(project: &Project) -> Result<Self> {
        println!("dist: building the plugin and its program");
        process::run(project.cargo("build").arg("--release").args(plugin()))?;
        let release = project.target.join("release");
        let root = project.target.join("dist/stage");
        if root.exists() {
            fs::remove_dir_all(&root)
                .with_context(|| format!("cannot empty {}", root.display()))?;
        }
        let plugin = format!("{PLUGINS}/{}", plugin_file());
        strip(&release.join(plugin_file()), &root.join(&plugin))?;
        strip(&release.join("gst-resnet50"), &root.join(PROGRAM))?;
        fs::set_permissions(root.join(&plugin), fs::Permissions::from_mode(0o644))?;
        let mut stage = Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            date: date(project)?,
            needs: Needs::read(&root.join(&plugin))?.and(Needs::read(&root.join(PROGRAM))?),
            files: Vec::new(),
            root,
        };
        stage.presets(project)?;
        stage.generated(&release)?;
        stage.documents(project)?;
        stage.files = files_under(&stage.root)?;
        Ok(stage)
    }

    /// A file of the stage.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The names of the files in it, with their paths.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Path)> {
        self.files.iter().filter_map(|file| {
            let name = file.strip_prefix(&self.root).ok()?.to_str()?;
            Some((name, file.as_path()))
        })
    }

    fn presets(&self, project: &Project) -> Result<()> {
        for file in files_under(&project.root.join("plugin-meta/presets"))? {
            let name = file.file_name().context("a file without a name")?;
            copy(&file, &self.path(PRESETS).join(name))?;
        }
        Ok(())
    }

    /// What the program writes about itself.
    fn generated(&self, release: &Path) -> Result<()> {
        let scratch = tempfile::tempdir().context("cannot make a temporary folder")?;
        let mut generate = Command::new(release.join("gst-resnet50"));
        process::run(generate.arg("generate").arg(scratch.path()))?;
        for file in files_under(&scratch.path().join("man"))? {
            let name = file.file_name().context("a page without a name")?;
            copy(&file, &self.path(MAN).join(name))?;
        }
        let completions = scratch.path().join("completions");
        for (from, to) in [
            (
                "gst-resnet50.bash",
                "share/bash-completion/completions/gst-resnet50",
            ),
            (
                "gst-resnet50.fish",
                "share/fish/vendor_completions.d/gst-resnet50.fish",
            ),
            ("_gst-resnet50", &format!("{ZSH}/_gst-resnet50")),
        ] {
            copy(&completions.join(from), &self.path(to))?;
        }
        Ok(())
    }

    fn documents(&self, project: &Project) -> Result<()> {
        let folder = self.path(DOCUMENTS);
        for name in TEXTS {
            copy(&project.root.join(name), &folder.join(name))?;
        }
        for name in FOLDERS {
            let from = project.root.join(name);
            for file in files_under(&from)? {
                let rest = file.strip_prefix(&project.root)?;
                copy(&file, &folder.join(rest))?;
            }
        }
        let text = notices::collect(project, &plugin()[2..])?;
        let file = folder.join(notices::FILE);
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))
    }
}

/// Copies without the symbols that only a debugger reads: they are more than the code.
fn strip(from: &Path, to: &Path) -> Result<()> {
    copy(from, to)?;
    process::run(Command::new("strip").arg("--strip-unneeded").arg(to))
}

/// Copies what a release build or the repository has, for everybody to read, and to run if it could be
/// run before.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    let place = || format!("cannot copy {} to {}", from.display(), to.display());
    let folder = to.parent().context("no folder to copy to")?;
    fs::create_dir_all(folder).with_context(place)?;
    fs::copy(from, to).with_context(place)?;
    let is_program = from.metadata().with_context(place)?.permissions().mode() & 0o100 != 0;
    let mode = if is_program { 0o755 } else { 0o644 };
    fs::set_permissions(to, fs::Permissions::from_mode(mode)).with_context(place)
}

/// All files in a folder and those in it, sorted.
pub fn files_under(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder);
        for entry in entries.with_context(|| format!("cannot read {}", folder.display()))? {
            let entry = entry?;
            match entry.file_type()?.is_dir() {
                true => folders.push(entry.path()),
                false => files.push(entry.path()),
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files in folders are found, in an order that does not depend on the machine; copies can be read by
    /// everybody, and run if the original can.
    #[test]
    fn files_and_their_modes() -> Result<()> {
        let scratch = tempfile::tempdir()?;
        let (from, to) = (scratch.path().join("from"), scratch.path().join("to"));
        for (name, mode) in [("b", 0o700), ("a/d", 0o600), ("a/c", 0o640)] {
            let file = from.join(name);
            fs::create_dir_all(file.parent().context("a folder")?)?;
            fs::write(&file, name)?;
            fs::set_permissions(&file, fs::Permissions::from_mode(mode))?;
        }
        let found = files_under(&from)?;
        assert_eq!(found, [from.join("a/c"), from.join("a/d"), from.join("b")]);
        for (file, mode) in found.iter().zip([0o644, 0o644, 0o755]) {
            let copied = to.join(file.strip_prefix(&from)?);
            copy(file, &copied)?;
            assert_eq!(copied.metadata()?.permissions().mode() & 0o7777, mode);
        }
        Ok(())
    }
}
