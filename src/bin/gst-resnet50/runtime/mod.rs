// SPDX-License-Identifier: MPL-2.0
//! `gst-resnet50 runtime`: ONNX Runtime libraries.

mod builds;
mod index;
mod install;
mod list;
mod manifest;
mod pinned;
mod pip;
mod probe;
mod uninstall;
mod wheel;

use std::process::ExitCode;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Download an official build of ONNX Runtime, and install it for this user
    Install(install::Args),
    /// Show the libraries that are found, in the order in which they are tried, and which is used
    List(list::Args),
    /// Remove what install has installed
    Uninstall(uninstall::Args),
    /// Load a library, and print its version
    #[command(hide = true)]
    Probe(probe::Args),
}

pub fn run(command: &Command) -> crate::Result<ExitCode> {
    match command {
        Command::Install(args) => install::run(args),
        Command::List(args) => list::run(args),
        Command::Uninstall(args) => uninstall::run(args),
        Command::Probe(args) => probe::run(args),
    }
}
