// SPDX-License-Identifier: MPL-2.0
//! `gst-resnet50 runtime install`: an official build of ONNX Runtime, from the Python package index.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use gstresnet50::paths;
use indicatif::DecimalBytes;

use super::builds::{self, Build};
use super::index::{self, IndexError};
use super::wheel::LINK;
use super::{pinned, pip, probe, wheel};
use crate::digest;
use crate::download::{self, DownloadError, Limits, Lock, Part};
use crate::runtime::manifest::Manifest;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Builds:
  cpu       the default
  openvino  has the provider openvino, for Intel's CPUs, GPUs and NPUs; x86-64 only
  cuda      has the providers cuda and tensorrt; needs NVIDIA's driver, CUDA 13 and cuDNN 9

Each is installed in a folder of its own, $XDG_DATA_HOME/gst-resnet50/runtime/NAME (by default in \
~/.local/share), and several may be there. Of these, cpu is used before openvino, and openvino before \
cuda (“gst-resnet50 runtime list” shows the whole order). To use another one, name it with the \
element's property runtime-library, or for a whole process with $ORT_DYLIB_PATH:

  ORT_DYLIB_PATH=~/.local/share/gst-resnet50/runtime/openvino/libonnxruntime.so gst-launch-1.0 …

The package index is that of --index-url, $PIP_INDEX_URL or pip's configuration files, else \
https://pypi.org/simple. Proxies are those of $https_proxy, $all_proxy and $no_proxy. Version and \
SHA-256 are part of this program, so a mirror need not be trusted. A download that was cut off goes \
on where it was when the same command is given again.")]
pub struct Args {
    /// The build
    #[arg(value_name = "BUILD", value_parser = ["cpu", "openvino", "cuda"], default_value = "cpu")]
    name: String,
    /// The package index [default: pip's]
    #[arg(long, value_name = "URL", conflicts_with = "wheel")]
    index_url: Option<String>,
    /// Take it from this wheel, which was fetched before
    #[arg(long, value_name = "FILE")]
    wheel: Option<PathBuf>,
    /// The longest wait for a byte of a download, in milliseconds
    #[arg(long, hide = true, default_value_t = 30_000)]
    idle_limit: u64,
    /// The wait before a connection that broke is made again, in milliseconds
    #[arg(long, hide = true, default_value_t = 1000)]
    pause: u64,
    /// A JSON file that describes the build, in place of the one that is part of this program
    #[arg(long, hide = true, value_name = "FILE")]
    build: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// The message for the user, with the remedy.
pub fn run(args: &Args) -> crate::Result<ExitCode> {
    let build = match &args.build {
        Some(file) => pinned::read(file)?,
        None => *builds::find(&args.name).ok_or_else(|| no_build(&args.name))?,
    };
    let data = paths::data_dir()
        .ok_or("there is no home folder to install into: set XDG_DATA_HOME to a folder")?;
    if is_installed(&build, &data) {
        return Ok(ExitCode::SUCCESS);
    }
    let downloads = data.join("downloads");
    let _lock = Lock::take(&downloads, || {
        complain!("another install is under way; waiting")
    })
    .map_err(|e| with_remedy(&e, &build))?;
    // The other install may have installed the same.
    if is_installed(&build, &data) {
        return Ok(ExitCode::SUCCESS);
    }
    match &args.wheel {
        Some(wheel) => {
            check(&build, wheel)
                .and_then(|()| install(&build, wheel, &data))
                .map_err(|e| format!("{}: {e}", paths::quoted_with_folder(wheel)))?;
        }
        None => {
            let part = fetch(&build, args, &downloads)?;
            check(&build, part.file()).map_err(|e| {
                part.discard();
                format!(
                    "what was downloaded cannot be used, and was removed: {e}. Give the command \
                     again, or another index with --index-url; {}",
                    by_hand(&build)
                )
            })?;
            // If this fails, the download stays, so that the next call does not fetch it again.
            install(&build, part.file(), &data)?;
            part.discard();
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Why there is no such build.
fn no_build(name: &str) -> String {
    let names: Vec<_> = builds::builds().iter().map(|build| build.name).collect();
    let others = match names.as_slice() {
        [] => String::new(),
        names => format!("there is {} for it; or ", names.join(" and ")),
    };
    format!(
        "no build of ONNX Runtime that is called {name} is known for this system: {others}install \
         ONNX Runtime yourself, and set ORT_DYLIB_PATH to its libonnxruntime.so"
    )
}

/// Whether this build is there, whole. It prints what it has found.
fn is_installed(build: &Build, data: &Path) -> bool {
    let folder = paths::runtimes_in(data).join(build.name);
    if let Some(manifest) = Manifest::read(&folder).filter(|it| it.is_of(build)) {
        if manifest.is_intact(&folder) {
            report("already installed", build, &folder);
            return true;
        }
        complain!("{} is damaged, and is installed again", folder.display());
    }
    // The one that `cargo xtask setup` has installed.
    let library = data.join(build.library);
    let is_there = digest::sha256_of_file(&library).is_ok_and(|it| it == build.library_sha256);
    if build.name == "cpu" && is_there {
        report("already installed", build, data);
        return true;
    }
    false
}

/// Fetches the wheel.
fn fetch(build: &Build, args: &Args, downloads: &Path) -> crate::Result<Part> {
    let limits = Limits {
        idle: Duration::from_millis(args.idle_limit),
        pause: Duration::from_millis(args.pause),
        size: build.size,
    };
    let index = args.index_url.clone().or_else(pip::index_url);
    let index = index.unwrap_or_else(|| index::PYPI.into());
    let url =
        index::locate(&index, build.package, &build.wheel(), &limits).map_err(|e| match &e {
            IndexError::Download(e) => with_remedy(e, build),
            IndexError::Url(_) | IndexError::NoFile { .. } => format!(
                "{e}. Name another index with --index-url, such as {}; {}",
                index::PYPI,
                by_hand(build)
            ),
        })?;
    Ok(download::fetch(&url, downloads, &limits).map_err(|e| with_remedy(&e, build))?)
}

/// Refuses another wheel than the one of this build.
fn check(build: &Build, wheel: &Path) -> crate::Result<()> {
    let actual = digest::sha256_of_file(wheel)?;
    match actual == build.sha256 {
        true => Ok(()),
        false => Err(format!(
            "it is not {}: its SHA-256 is {actual}, and should be {}",
            build.wheel(),
            build.sha256
        )
        .into()),
    }
}

/// What the names of folders begin with that are not whole yet. The search passes them over.
const UNFINISHED: &str = ".new-";

/// Unpacks the wheel into a new folder, tries the library, and gives the folder its name.
fn install(build: &Build, wheel: &Path, data: &Path) -> crate::Result<()> {
    let parent = paths::runtimes_in(data);
    let about = |e: std::io::Error| format!("{} cannot be written: {e}", parent.display());
    fs::create_dir_all(&parent).map_err(about)?;
    sweep(&parent);
    let scratch = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .tempdir_in(&parent)
        .map_err(about)?;
    let new = scratch.path().join(build.name);
    fs::create_dir(&new).map_err(about)?;
    let manifest = wheel::unpack(build, wheel, &new)?;
    manifest.write(&new)?;
    let probed = probe::in_child(&new.join(build.library));
    probed.map_err(|reason| {
        format!(
            "ONNX Runtime {} ({}) does not load on this system, and was not installed: {reason}. \
             It is built for {}; an ONNX Runtime of your own can be named with ORT_DYLIB_PATH",
            build.version, build.name, build.platform
        )
    })?;
    let folder = parent.join(build.name);
    if folder.exists() {
        // Whoever has loaded it keeps its files.
        fs::rename(&folder, scratch.path().join("old")).map_err(about)?;
    }
    fs::rename(&new, &folder).map_err(about)?;
    report("installed", build, &folder);
    Ok(())
}

/// Removes what an install that was killed has left. Only one is under way, the caller's.
fn sweep(parent: &Path) {
    for entry in parent.read_dir().into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            // The next one tries again.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Prints what is installed, and how it is used.
fn report(what: &str, build: &Build, folder: &Path) {
    say!(
        "{what}: ONNX Runtime {} ({}) in {}",
        build.version,
        build.name,
        folder.display()
    );
    match build.name {
        "cpu" => say!("“gst-resnet50 runtime list” shows which library is used."),
        _ => {
            say!(
                "To use it where there is another: set ORT_DYLIB_PATH or the property \
                 runtime-library to {}, and provider={}.",
                folder.join(LINK).display(),
                build.name
            );
        }
    }
    if build.name == "cuda" {
        say!("It needs NVIDIA's driver, CUDA 13 and cuDNN 9, which are not part of it.");
    }
}

/// How to install without a download by this program.
fn by_hand(build: &Build) -> String {
    format!(
        "or fetch {} from https://pypi.org/project/{}/{}/#files elsewhere, and install it with \
         “gst-resnet50 runtime install {} --wheel FILE”",
        build.wheel(),
        build.package,
        build.version,
        build.name
    )
}

/// The error and what can be done about it.
fn with_remedy(error: &DownloadError, build: &Build) -> String {
    let by_hand = by_hand(build);
    let remedy = match error {
        DownloadError::Unreachable { .. } => format!(
            "Check the network, and $https_proxy if there is a proxy; with a mirror, give \
             --index-url; {by_hand}"
        ),
        DownloadError::Status { .. } => {
            format!("Check the index in a browser; with a mirror, give --index-url; {by_hand}")
        }
        DownloadError::Interrupted { .. } => {
            format!("The same command goes on from there, if the server can; {by_hand}")
        }
        DownloadError::TooLarge { .. } => format!("It is not what is expected; {by_hand}"),
        DownloadError::Full { .. } => format!(
            "The download takes {}, and what is in it about twice as much. Free as much, or set \
             XDG_DATA_HOME to a folder on another disk; what has arrived is kept, and the same \
             command goes on from there",
            DecimalBytes(build.size)
        ),
        DownloadError::Io { .. } => {
            "Check its permissions, or set XDG_DATA_HOME to another folder".into()
        }
    };
    format!("{error}. {remedy}")
}
