// SPDX-License-Identifier: MPL-2.0
//! Loads a library in a process of its own: one that crashes, or prints what nobody wants to read,
//! does so there.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use gstresnet50::inference::probe_library;
use gstresnet50::text;
use serde_json::{Value, json};

use crate::term;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The library's path, or its name for the system's loader
    library: PathBuf,
}

/// Runs the command, which prints JSON.
pub fn run(args: &Args) -> crate::Result<ExitCode> {
    let report = match probe_library(&args.library) {
        Ok(version) => json!({ "version": version }),
        Err(reason) => json!({ "reason": text::one_line(&reason) }),
    };
    term::say_json(report.to_string());
    Ok(ExitCode::SUCCESS)
}

/// The version of a library, which another process of this program loads.
///
/// # Errors
/// Why it cannot be used.
pub fn in_child(library: &Path) -> Result<String, String> {
    let run = || -> crate::Result<std::process::Output> {
        Ok(Command::new(std::env::current_exe()?)
            .args(["runtime", "probe"])
            .arg(library)
            .stdin(Stdio::null())
            .output()?)
    };
    let output = run().map_err(|e| format!("it cannot be tried: {e}"))?;
    let report: Option<Value> = serde_json::from_slice(&output.stdout).ok();
    let text = |key: &str| Some(report.as_ref()?.get(key)?.as_str()?.to_owned());
    match (text("version"), text("reason")) {
        (Some(version), _) => Ok(version),
        (None, Some(reason)) => Err(reason),
        (None, None) => Err(format!("loading it ends the process ({})", output.status)),
    }
}
