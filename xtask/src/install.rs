// SPDX-License-Identifier: MPL-2.0
//! The plugin, its program and its presets, where GStreamer and the shell look for those of the
//! user who runs this.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::debian::{Purpose, Python};
use crate::project::{self, Project, copy_if_different, new_file, plugin_file};
use crate::{onnxruntime, presets, process, setup};

const PROGRAM: &str = "gst-resnet50";
const PRESETS: &str = "GstResnet50.prs";

/// Where each thing lies when it is installed.
#[derive(Debug)]
struct Places {
    plugin: PathBuf,
    presets: PathBuf,
    program: PathBuf,
    /// ONNX Runtime and models, which other commands put there.
    data: PathBuf,
}

impl Places {
    fn find() -> Result<Self> {
        let variable = |name: &str| std::env::var_os(name);
        let gstreamer = onnxruntime::user_data_dir(variable)?.join("gstreamer-1.0");
        let home = variable("HOME").map(PathBuf::from);
        let home = home.filter(|it| it.is_absolute());
        Ok(Self {
            plugin: gstreamer.join("plugins").join(plugin_file()),
            presets: gstreamer.join("presets").join(PRESETS),
            program: home
                .context("HOME is not an absolute path: set it")?
                .join(".local/bin")
                .join(PROGRAM),
            data: onnxruntime::data_dir(variable)?,
        })
    }
}

pub fn install() -> Result<ExitCode> {
    let project = Project::find()?;
    let places = Places::find()?;
    setup::run(Purpose::Use, None, Python::Nothing)?;
    println!("install: building the plugin and its program");
    process::run(
        project
            .cargo("build")
            .arg("--release")
            .args(project::plugin()),
    )?;

    let release = project.target.join("release");
    copy_if_different(&release.join(plugin_file()), &places.plugin)?;
    println!("install: the plugin is {}", places.plugin.display());
    let ours = our_presets(&project)?;
    let users = read_if_there(&places.presets)?.unwrap_or_default();
    replace(&places.presets, &presets::merge(&users, &ours))?;
    println!("install: the presets are {}", places.presets.display());
    copy_if_different(&release.join(PROGRAM), &places.program)?;
    println!("install: the program is {}", places.program.display());
    let folder = places.program.parent().context("no folder")?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    if !std::env::split_paths(&path).any(|it| it == folder) {
        println!(
            "install: {} is not in $PATH: add it, or give the program's whole path",
            folder.display()
        );
    }
    println!(
        "install: done; try “gst-inspect-1.0 resnet50” and “{PROGRAM} doctor”, and “cargo xtask \
         uninstall” to undo it"
    );
    Ok(ExitCode::SUCCESS)
}

pub fn uninstall() -> Result<ExitCode> {
    let project = Project::find()?;
    let places = Places::find()?;
    for file in [&places.plugin, &places.program] {
        match fs::remove_file(file) {
            Ok(()) => println!("uninstall: removed {}", file.display()),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                println!("uninstall: there was no {}", file.display());
            }
            Err(error) => {
                return Err(error).with_context(|| format!("cannot remove {}", file.display()));
            }
        }
    }
    remove_presets(&places.presets, &our_presets(&project)?)?;
    if places.data.is_dir() {
        println!(
            "uninstall: ONNX Runtime and the installed models stay in {}; remove that folder if \
             nothing else uses them",
            places.data.display()
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn our_presets(project: &Project) -> Result<String> {
    let file = project.root.join("plugin-meta/presets").join(PRESETS);
    fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))
}

/// Takes our presets out of the user's file, and removes the file where nothing else is in it.
fn remove_presets(file: &Path, ours: &str) -> Result<()> {
    let Some(users) = read_if_there(file)? else {
        println!("uninstall: there was no {}", file.display());
        return Ok(());
    };
    match presets::without(&users, ours) {
        Some(rest) => {
            replace(file, &rest)?;
            println!("uninstall: your own presets stay in {}", file.display());
        }
        None => {
            fs::remove_file(file).with_context(|| format!("cannot remove {}", file.display()))?;
            println!("uninstall: removed {}", file.display());
        }
    }
    Ok(())
}

fn read_if_there(file: &Path) -> Result<Option<String>> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
}

/// Writes the file in one step, so that it is never half there. It is the user's: where it is a link,
/// what it leads to is replaced, and its mode is kept.
fn replace(file: &Path, text: &str) -> Result<()> {
    let place = || format!("cannot write {}", file.display());
    let file = &file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let folder = file.parent().context("no folder to write to")?;
    fs::create_dir_all(folder).with_context(place)?;
    let mut new = new_file(folder).with_context(place)?;
    new.write_all(text.as_bytes()).with_context(place)?;
    if let Ok(old) = file.metadata() {
        new.as_file()
            .set_permissions(old.permissions())
            .with_context(place)?;
    }
    new.persist(file).with_context(place)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The user's file may be a link, and private: it stays both.
    #[test]
    fn replaces_what_a_link_leads_to() -> Result<()> {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir()?;
        let (file, link) = (folder.path().join("a"), folder.path().join("link"));
        fs::write(&file, "old")?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
        symlink("a", &link)?;
        replace(&link, "new")?;
        assert_eq!(fs::read_to_string(&file)?, "new");
        assert!(link.is_symlink());
        assert_eq!(file.metadata()?.permissions().mode() & 0o7777, 0o600);
        Ok(())
    }

    /// Our presets go with the file, or leave the user's own alone in it.
    #[test]
    fn removes_only_what_is_ours() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("presets").join(PRESETS);
        let ours = our_presets(&Project::find()?)?;
        remove_presets(&file, &ours)?;

        replace(&file, &presets::merge("", &ours))?;
        remove_presets(&file, &ours)?;
        assert!(!file.exists());

        let users = format!("{ours}\n[mine]\ntop-k=3\n");
        replace(&file, &users)?;
        remove_presets(&file, &ours)?;
        let rest = fs::read_to_string(&file)?;
        assert!(
            rest.contains("[mine]") && !rest.contains("[low-power]"),
            "{rest}"
        );
        Ok(())
    }
}
