// SPDX-License-Identifier: MPL-2.0
//! `gst-resnet50 runtime list`: the libraries that are found, in the order in which they are tried.

use std::process::ExitCode;

use gstresnet50::inference::{
    LibraryCandidate, LibraryOrigin, MINIMUM_VERSION, library_candidates,
};
use gstresnet50::{paths, text};
use serde_json::json;

use super::probe;
use crate::plugin;
use crate::term::{self, Table};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A library that was tried.
struct Tried {
    candidate: LibraryCandidate,
    /// Its version, or why it cannot be used.
    outcome: Result<String, String>,
}

/// Runs the command.
pub fn run(args: &Args) -> crate::Result<ExitCode> {
    let candidates = library_candidates(None, &plugin::folders());
    let demand = candidates.iter().any(|it| it.origin.is_demand());
    let tried: Vec<_> = candidates
        .into_iter()
        // Where a library may be and is not, except where the user says that it is.
        .filter(|candidate| demand || !candidate.is_missing)
        .filter_map(Tried::new)
        .collect();
    let used = tried.iter().position(|it| it.outcome.is_ok());
    match args.json {
        true => print_json(&tried, used)?,
        false => print_table(&tried, used, demand),
    }
    Ok(ExitCode::SUCCESS)
}

impl Tried {
    /// Tries a library. Nothing where the system's loader knows no such name, which is not worth a
    /// line.
    fn new(candidate: LibraryCandidate) -> Option<Self> {
        let outcome = match &candidate.problem {
            Some(problem) => Err(text::one_line(problem)),
            None => probe::in_child(&candidate.path),
        };
        let is_unknown = candidate.origin == LibraryOrigin::Loader && outcome.is_err();
        (!is_unknown).then_some(Self { candidate, outcome })
    }

    fn path(&self) -> String {
        paths::escaped(self.candidate.path.as_os_str())
    }
}

fn print_table(tried: &[Tried], used: Option<usize>, demand: bool) {
    let mut table = Table::new(&["ONNX Runtime", "found", "library", "state"]);
    for (i, it) in tried.iter().enumerate() {
        let (version, state) = match &it.outcome {
            Ok(version) if Some(i) == used => (version.as_str(), "used"),
            Ok(version) => (version.as_str(), "usable"),
            Err(reason) => ("", reason.as_str()),
        };
        let origin = it.candidate.origin.to_string();
        table.row([version.into(), origin, it.path(), state.into()]);
    }
    if !tried.is_empty() {
        table.say();
    }
    if demand {
        say!("ORT_DYLIB_PATH is set, so nothing else is tried.");
    }
    if used.is_none() {
        let (major, minor) = MINIMUM_VERSION;
        say!(
            "There is no usable ONNX Runtime ({major}.{minor} or newer): install one with \
             “gst-resnet50 runtime install”, or set ORT_DYLIB_PATH to a libonnxruntime.so."
        );
    } else if !demand {
        say!(
            "They are tried in this order. To use another one: set ORT_DYLIB_PATH or the property \
             runtime-library to it."
        );
    }
}

fn print_json(tried: &[Tried], used: Option<usize>) -> crate::Result<()> {
    let (major, minor) = MINIMUM_VERSION;
    let libraries: Vec<_> = tried
        .iter()
        .enumerate()
        .map(|(i, it)| {
            json!({
                "path": it.path(),
                "origin": it.candidate.origin.to_string(),
                "version": it.outcome.as_ref().ok(),
                "usable": it.outcome.is_ok(),
                "reason": it.outcome.as_ref().err(),
                "used": Some(i) == used,
            })
        })
        .collect();
    let report = json!({
        "minimum": format!("{major}.{minor}"),
        "used": used.map(|i| tried[i].path()),
        "libraries": libraries,
    });
    term::say_json(serde_json::to_string_pretty(&report)?);
    Ok(())
}
