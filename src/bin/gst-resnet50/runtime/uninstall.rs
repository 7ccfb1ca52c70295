// SPDX-License-Identifier: MPL-2.0
//! `gst-resnet50 runtime uninstall`.

use std::fs;
use std::process::ExitCode;

use gstresnet50::paths;

use super::manifest::Manifest;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The build
    #[arg(value_name = "BUILD", value_parser = ["cpu", "openvino", "cuda"])]
    name: String,
}

/// Runs the command. Only what `runtime install` has installed is removed.
pub fn run(args: &Args) -> crate::Result<ExitCode> {
    let data = paths::data_dir().ok_or("there is no home folder, and nothing is installed")?;
    let folder = paths::runtimes_in(&data).join(&args.name);
    if Manifest::read(&folder).is_none() {
        return Err(format!(
            "“gst-resnet50 runtime install” has installed no {} in {}; “gst-resnet50 runtime list” \
             shows what is found, and where",
            args.name,
            folder.display()
        )
        .into());
    }
    fs::remove_dir_all(&folder)
        .map_err(|e| format!("{} cannot be removed: {e}", folder.display()))?;
    say!("removed {}", folder.display());
    Ok(ExitCode::SUCCESS)
}
