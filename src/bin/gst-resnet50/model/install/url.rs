// SPDX-License-Identifier: MPL-2.0
//! Weights from the network.

use bytes::Bytes;
use gstresnet50::inference::Contract;
use gstresnet50::resnet50::weights;
use gstresnet50::{files, onnx, paths};
use indicatif::DecimalBytes;

use super::args::Args;
use super::convert::{DEFAULT_VARIANT, convert};
use super::model_file::write;
use crate::download::{self, DownloadError, Lock, Url};
use crate::model::data_config::{DataConfig, MAX_SIDECAR, Sidecars};
use crate::model::source::{is_hub_name, promised_digits};
use crate::output::Output;

/// The size of the ONNX file in bytes, for messages.
const MODEL_SIZE: u64 = 102_500_000;

/// Installs the weights at a URL, unless they are installed already.
pub(super) fn install(url: &Url, name: &str, args: &Args, output: &Output) -> crate::Result<()> {
    if is_installed(output, name, args) {
        return Ok(());
    }
    let downloads = paths::data_dir()
        .ok_or("there is no home folder to download into: set XDG_DATA_HOME to a folder")?
        .join("downloads");
    let _lock = Lock::take(&downloads, || {
        complain!("another install is under way; waiting")
    })
    .map_err(|e| with_remedy(&e))?;
    // The other install may have installed the same.
    if is_installed(output, name, args) {
        return Ok(());
    }

    let limits = &args.limits();
    // They come first, for they are small, and where they cannot be fetched the weights are not either.
    let sidecars = match is_hub_name(name) {
        true => Sidecars::read(|file| match url.beside(file) {
            Some(url) => download::small(&url, MAX_SIDECAR, limits).map_err(|e| e.to_string()),
            None => Ok(None),
        }),
        false => Sidecars::default(),
    };
    let part = download::fetch(url, &downloads, limits).map_err(|e| with_remedy(&e))?;
    let file = Bytes::from(files::read(part.file(), weights::MAX_FILE)?);
    let is_page = file.trim_ascii_start().starts_with(b"<");
    let installable = convert(file, name, &sidecars, args).map_err(|e| {
        part.discard();
        let page = match is_page {
            true => " It is a web page, such as a network shows before one has logged in.",
            false => "",
        };
        format!(
            "what came from {url} cannot be used, and was removed: {e}.{page} The same command \
             downloads it anew; if that does not help, fetch it with another program and give it \
             with --from FILE"
        )
    })?;
    // If this fails, the download stays, so that the next call does not fetch it again.
    write(output, &installable, args)?;
    part.discard();
    Ok(())
}

/// Whether `output` already is what the weights of this file name would become, which it then says.
fn is_installed(output: &Output, name: &str, args: &Args) -> bool {
    let Some(digits) = promised_digits(name).map(str::to_ascii_lowercase) else {
        return false;
    };
    let Some(file) = output.file() else {
        return false;
    };
    let mut expected = DataConfig::by_name(&digits, name, None, None);
    // The names of classes are not compared.
    if args.labels.is_some() || args.apply(&mut expected).is_err() {
        return false;
    }
    let variant = expected.variant.unwrap_or(DEFAULT_VARIANT);
    // A file that cannot be read, or is no model, is to be replaced.
    let is_equal = onnx::Model::read(file).is_ok_and(|model| {
        let contract = contract_of(&model);
        let sha256 = contract.weights_sha256.unwrap_or_default();
        contract.resize == Some(expected.resize)
            && contract.crop == Some(expected.crop.into())
            && contract.interpolation.unwrap_or_default() == expected.interpolation
            && contract.antialias.unwrap_or(true) == expected.antialias
            && contract.architecture.as_deref() == Some(variant.architecture())
            && sha256.starts_with(&digits)
            && args.precision.made(&model)
    });
    if is_equal {
        say!(
            "already installed: {} has the weights of {name} in {}, resize {}",
            file.display(),
            args.precision.precision,
            expected.resize
        );
    }
    is_equal
}

/// The error and what can be done about it.
fn with_remedy(error: &DownloadError) -> String {
    let elsewhere = "fetch it with another program, or on a machine that has network, and install \
                     the file with “gst-resnet50 model install --from FILE”";
    let remedy = match error {
        DownloadError::Unreachable { .. } => {
            format!("Check the network, and $https_proxy if there is a proxy; or {elsewhere}")
        }
        DownloadError::Status { .. } => format!("Check the URL in a browser; or {elsewhere}"),
        DownloadError::Interrupted { .. } => {
            format!("The same command goes on from there, if the server can; or {elsewhere}")
        }
        DownloadError::TooLarge { .. } => "These are no weights of ResNet50".into(),
        DownloadError::Full { missing, .. } => {
            let missing = missing.map_or("the rest".into(), |m| DecimalBytes(m).to_string());
            format!(
                "{missing} of the download and {} of the model are still to be written. Free as \
                 much, or set XDG_DATA_HOME to a folder on another disk; what has arrived is kept, \
                 and the same command goes on from there",
                DecimalBytes(MODEL_SIZE)
            )
        }
        DownloadError::Io { .. } => {
            "Check its permissions, or set XDG_DATA_HOME to another folder".into()
        }
    };
    format!("{error}. {remedy}")
}

/// A model's contract, empty if it has none.
fn contract_of(model: &onnx::Model) -> Contract {
    let contract = model.metadata(onnx::CONTRACT_KEY);
    contract
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}
