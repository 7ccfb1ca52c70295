// SPDX-License-Identifier: MPL-2.0
//! Measuring. The benchmark writes its table itself, so that no number is typed by hand.

use std::process::ExitCode;

use anyhow::Result;

use crate::debian::{Purpose, Python};
use crate::project::{self, Project};
use crate::{process, setup};

pub fn run(args: &[String]) -> Result<ExitCode> {
    setup::run(Purpose::Use, None, Python::Nothing)?;
    let project = Project::find()?;
    let mut bench = project.cargo("bench");
    bench
        .args(project::plugin())
        .args(["--bench", "performance", "--"]);
    let status = process::status(bench.args(args))?;
    Ok(process::exit_code(status))
}
