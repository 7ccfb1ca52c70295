// SPDX-License-Identifier: MPL-2.0
//! Running other programs, with errors that name the command line.

use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus, Output};

use anyhow::{Context, Result, bail};

/// The command as one would type it, for messages: the program without its folder.
pub fn line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    let mut line = name.to_string_lossy().into_owned();
    for arg in command.get_args() {
        line.push(' ');
        line.push_str(&arg.to_string_lossy());
    }
    line
}

/// Runs with our own input and output.
pub fn status(command: &mut Command) -> Result<ExitStatus> {
    let status = command.status();
    status.with_context(|| format!("cannot start `{}`", line(command)))
}

/// Runs with our own input and output; a failure is an error.
pub fn run(command: &mut Command) -> Result<()> {
    let status = status(command)?;
    if !status.success() {
        bail!("`{}` failed ({status})", line(command));
    }
    Ok(())
}

/// Runs without input and keeps the output, whatever the exit status.
pub fn output(command: &mut Command) -> Result<Output> {
    let output = command.output();
    output.with_context(|| format!("cannot start `{}`", line(command)))
}

/// Whether the command can be started and succeeds; nothing is shown.
pub fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// The exit code to leave with when `status` is that of the program that did the work.
pub fn exit_code(status: ExitStatus) -> ExitCode {
    match status.code().map(u8::try_from) {
        Some(Ok(code)) => ExitCode::from(code),
        // Ended by a signal.
        _ => ExitCode::FAILURE,
    }
}
