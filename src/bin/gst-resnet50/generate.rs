// SPDX-License-Identifier: MPL-2.0
//! `gst-resnet50 generate`: manual pages and shell completions, for those who make packages.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap_complete::Shell;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder to write to: manual pages to man/, completions to completions/
    folder: PathBuf,
}

/// The shells that distributions have folders for.
const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Fish, Shell::Zsh];

/// Writes what describes `cli` to others.
pub fn run(args: &Args, mut cli: clap::Command) -> crate::Result<ExitCode> {
    let (man, completions) = (args.folder.join("man"), args.folder.join("completions"));
    for folder in [&man, &completions] {
        fs::create_dir_all(folder)
            .map_err(|e| format!("“{}” cannot be made: {e}", folder.display()))?;
    }
    let about = |e| format!("“{}” cannot be written: {e}", args.folder.display());
    clap_mangen::generate_to(cli.clone(), &man).map_err(about)?;
    let name = cli.get_name().to_owned();
    for shell in SHELLS {
        clap_complete::generate_to(shell, &mut cli, &name, &completions).map_err(about)?;
    }
    Ok(ExitCode::SUCCESS)
}
