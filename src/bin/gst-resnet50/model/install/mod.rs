// SPDX-License-Identifier: MPL-2.0
//! `gst-resnet50 model install`: published weights become the ONNX file that the element finds.

mod args;
mod convert;
mod hints;
mod model_file;
mod url;

use std::process::ExitCode;

use gstresnet50::resnet50::weights;
use gstresnet50::{files, paths};

pub use args::Args;
use convert::convert;
use hints::{no_option, onnx_hint};
use model_file::write;

use super::data_config::Sidecars;
use super::source::Source;
use crate::output::{self, Output};

/// Runs the command.
///
/// # Errors
/// The message for the user, with the remedy.
pub fn run(args: &Args) -> crate::Result<ExitCode> {
    if let Some(stray) = args.stray.first() {
        return Err(no_option(stray).into());
    }
    let output = match &args.output {
        Some(file) => file.clone(),
        None => paths::installed_model()
            .ok_or("there is no home folder to install into: give --output FILE")?,
    };
    let source = Source::new(args.from.as_deref(), args.weights)?;
    let name = source.file_name();
    args.precision.check()?;
    let output = Output::new(&output)?;
    output.check_binary()?;
    let weights = match &source {
        Source::File(path) => Sidecars::paths(path),
        Source::Url(_) => Vec::new(),
    };
    let inputs = args.precision.calibration.files().chain(weights);
    output::check(&[&output], inputs.chain(args.labels.clone()))?;
    match &source {
        Source::File(path) => {
            let about =
                |e: &dyn std::fmt::Display| format!("{}: {e}", paths::quoted_with_folder(path));
            let file = files::read(path, weights::MAX_FILE).map_err(|e| about(&e))?;
            let installable = convert(file.into(), &name, &Sidecars::beside(path), args)
                .map_err(|e| format!("{}{}", about(&e), onnx_hint(path)))?;
            write(&output, &installable, args)?;
        }
        Source::Url(url) => url::install(url, &name, args, &output)?,
    }
    Ok(ExitCode::SUCCESS)
}
