// SPDX-License-Identifier: MPL-2.0
//! `gst-resnet50`: classify a video, look for what is wrong, measure.

#[macro_use]
mod term;

mod bench;
mod classify;
mod contract;
mod digest;
mod doctor;
mod download;
mod frames;
mod generate;
mod model;
mod output;
mod plugin;
mod runtime;
mod source;
mod version;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser, Subcommand};

/// What every subcommand returns; the message is printed as it is.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[derive(Debug, Parser)]
#[command(
    name = "gst-resnet50",
    version,
    about = "Classifies video with ResNet50 v1.5 through GStreamer and ONNX Runtime"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Play a video and print what is seen in it
    Classify(classify::Args),
    /// Check the installation, a line for each thing, with the remedy where one is wrong
    Doctor(doctor::Args),
    /// Install, build, inspect, quantize and check model files
    #[command(subcommand)]
    Model(model::Command),
    /// Install ONNX Runtime, and show which libraries are found
    #[command(subcommand)]
    Runtime(runtime::Command),
    /// Measure pre-processing, the element, and ResNet50's variants and precisions on this machine
    Bench(bench::Args),
    /// Write manual pages and shell completions
    #[command(hide = true)]
    Generate(generate::Args),
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.kind() == ErrorKind::DisplayVersion => return version::run(),
        Err(error) => error.exit(),
    };
    match run(cli.command) {
        Ok(code) => code,
        Err(error) => {
            let error = error.to_string();
            complain!("error: {}", gstresnet50::text::message(&error));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    // ONNX Runtime can be installed before GStreamer is, and documents are written without it.
    if !matches!(command, Command::Runtime(_) | Command::Generate(_)) {
        gst::init().map_err(|error| format!("GStreamer does not start: {error}"))?;
    }
    match command {
        Command::Classify(args) => classify::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Model(command) => model::run(&command),
        Command::Runtime(command) => runtime::run(&command),
        Command::Bench(args) => plugin::ensure_linked().and_then(|()| bench::run(&args)),
        Command::Generate(args) => generate::run(&args, Cli::command()),
    }
}

#[cfg(test)]
#[path = "../../../tests/support/src/markdown.rs"]
mod markdown;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::error::ErrorKind;
    use clap::{CommandFactory as _, Parser as _};

    use super::markdown::documents;

    /// No name is used twice, and no argument contradicts another.
    #[test]
    fn the_command_line_is_sound() {
        super::Cli::command().debug_assert();
    }

    /// What the documents tell people to type is accepted. A sentence may leave out what belongs
    /// to an option.
    #[test]
    fn the_documents_name_what_there_is() {
        let mut found = 0;
        for document in documents(Path::new(env!("CARGO_MANIFEST_DIR"))) {
            for command in document.commands("gst-resnet50") {
                found += 1;
                let Err(error) = super::Cli::try_parse_from(&command.words) else {
                    continue;
                };
                let kind = error.kind();
                let is_unknown = matches!(
                    kind,
                    ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand
                );
                assert!(
                    kind == ErrorKind::DisplayVersion || !(command.is_complete || is_unknown),
                    "{}: {error}",
                    document.path.display()
                );
            }
        }
        assert!(found >= 20, "{found}");
    }
}
