// SPDX-License-Identifier: MPL-2.0
//! A tarball that works wherever it is unpacked.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::stage::{Stage, copy};
use crate::process;

/// A program that prints what a shell is to set: a script that is read by the shell itself could not
/// find out where it lies in every one of them.
const ENVIRONMENT: &str = r#"#!/bin/sh
# SPDX-License-Identifier: MPL-2.0
# Prints what to set for GStreamer and the shell to find what is in this folder:
#     eval "$(/path/to/this/folder/environment)"
set -eu
folder=$(cd -- "$(dirname -- "$0")" && pwd -P)
add() {
    value=$(printf '%s' "$2${3:+:$3}" | sed "s/'/'\\\\''/g")
    printf "export %s='%s'\n" "$1" "$value"
}
# Where the first is set, GStreamer ignores the second.
if [ -n "${GST_PLUGIN_PATH_1_0:-}" ]; then
    add GST_PLUGIN_PATH_1_0 "$folder/lib/gstreamer-1.0" "$GST_PLUGIN_PATH_1_0"
else
    add GST_PLUGIN_PATH "$folder/lib/gstreamer-1.0" "${GST_PLUGIN_PATH:-}"
fi
add GST_PRESET_PATH "$folder/share/gstreamer-1.0/presets" "${GST_PRESET_PATH:-}"
add PATH "$folder/bin" "$PATH"
# Nothing behind the colon stands for where manual pages are without it.
add MANPATH "$folder/share/man:${MANPATH:-}"
"#;

/// Its name without the ending, which is also that of the folder in it.
fn name(version: &str) -> String {
    let (arch, os) = (std::env::consts::ARCH, std::env::consts::OS);
    format!("gst-plugin-resnet50-{version}-{arch}-{os}")
}

pub fn make(stage: &Stage, folder: &Path) -> Result<PathBuf> {
    let scratch = tempfile::tempdir().context("cannot make a temporary folder")?;
    let name = name(&stage.version);
    let root = scratch.path().join(&name);
    for (entry, file) in stage.entries() {
        copy(file, &root.join(entry))?;
    }
    let environment = root.join("environment");
    fs::write(&environment, ENVIRONMENT)?;
    fs::set_permissions(&environment, fs::Permissions::from_mode(0o755))?;
    let to = folder.join(format!("{name}.tar.gz"));
    let mut tar = Command::new("tar");
    tar.args(["--create", "--gzip", "--sort=name", "--numeric-owner"])
        .args(["--owner=0", "--group=0", "--mode=go=rX,u+rw"])
        .arg(format!("--mtime=@{}", stage.date))
        .arg("--directory")
        .arg(scratch.path())
        .arg("--file")
        .args([to.as_os_str(), name.as_ref()]);
    process::run(&mut tar)?;
    Ok(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Wherever the folder is, and whatever is in its name, a shell that evaluates what the script prints
    /// has it in front of what was set before.
    #[test]
    fn the_environment_is_of_where_it_lies() -> Result<()> {
        let scratch = tempfile::tempdir()?;
        let folder = scratch.path().canonicalize()?.join("it's a $HOME");
        fs::create_dir(&folder)?;
        let script = folder.join("environment");
        fs::write(&script, ENVIRONMENT)?;
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
        let run = |plugins: Option<&str>| -> Result<String> {
            let mut sh = Command::new("sh");
            sh.args(["-euc", "set=$(\"$0\"); eval \"$set\"; env"])
                .arg(&script)
                .current_dir("/")
                .env_remove("GST_PLUGIN_PATH_1_0")
                .env_remove("MANPATH")
                .env("GST_PLUGIN_PATH", "/before")
                .env("GST_PRESET_PATH", "");
            if let Some(plugins) = plugins {
                sh.env("GST_PLUGIN_PATH_1_0", plugins);
            }
            let output = process::output(&mut sh)?;
            anyhow::ensure!(output.status.success(), "{output:?}");
            Ok(String::from_utf8(output.stdout)?)
        };
        let has = |text: &str, name: &str, rest: &str| {
            let line = format!("{name}={}/{rest}", folder.display());
            assert!(text.lines().any(|it| it == line), "no {line} in {text}");
        };
        let text = run(None)?;
        has(&text, "GST_PLUGIN_PATH", "lib/gstreamer-1.0:/before");
        has(&text, "GST_PRESET_PATH", "share/gstreamer-1.0/presets");
        has(&text, "MANPATH", "share/man:");
        has(
            &run(Some("/x"))?,
            "GST_PLUGIN_PATH_1_0",
            "lib/gstreamer-1.0:/x",
        );
        Ok(())
    }

    /// The name says what it is for.
    #[test]
    fn named_for_its_machine() {
        let name = name("1.2.3");
        assert!(name.starts_with("gst-plugin-resnet50-1.2.3-"), "{name}");
        assert!(name.ends_with(std::env::consts::OS), "{name}");
    }
}
