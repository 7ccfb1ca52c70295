// SPDX-License-Identifier: MPL-2.0
//! The loaded ONNX Runtime library.

use std::fmt;
use std::path::{Path, PathBuf};

use once_cell::sync::OnceCell;

use super::library::{Choice, choose, library_candidates};
use super::logger;
use super::providers::is_available;
use super::runtime_error::{Attempt, RuntimeError};
use crate::inference::process::OwnerProcess;
use crate::inference::provider::Provider;

/// A device that a provider of the loaded library can use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The provider's own name, `CPUExecutionProvider` for example.
    pub provider: String,
    /// The device's vendor and kind.
    pub description: String,
}

/// The loaded library. There is one in a process, because ONNX Runtime cannot be unloaded.
pub struct Runtime {
    environment: ort::environment::Environment,
    path: PathBuf,
    version: String,
    skipped: Vec<Attempt>,
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime")
            .field("path", &self.path)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

static RUNTIME: OnceCell<Runtime> = OnceCell::new();

/// The process that is loading it.
static LOADING: OwnerProcess = OwnerProcess::new();

impl Runtime {
    /// Loads the first of the [`library_candidates`] that can be used: `library`, `$ORT_DYLIB_PATH`,
    /// one in `folders`, in the user's data directory, or the system's. If one of the first two is
    /// set, nothing else is tried.
    ///
    /// The library stays for the life of the process: later calls return it, whatever they ask for.
    /// [`Self::path`] tells which one it is.
    ///
    /// # Errors
    /// [`RuntimeError`]. A later call tries again.
    pub fn load(
        library: Option<&Path>,
        folders: &[PathBuf],
    ) -> Result<&'static Self, RuntimeError> {
        let runtime = match RUNTIME.get() {
            Some(runtime) => runtime,
            // A child would wait for a thread that only its parent has.
            None if LOADING.is_other_process() => return Err(RuntimeError::Forked),
            None => {
                // Files are checked before other threads have to wait, because a mount may hang.
                let candidates = library_candidates(library, folders);
                RUNTIME.get_or_try_init(|| {
                    LOADING.claim();
                    let loaded = choose(candidates).and_then(start);
                    LOADING.release();
                    loaded
                })?
            }
        };
        runtime.environment.set_log_level(logger::level());
        Ok(runtime)
    }

    /// The library's file, or the name by which the system's loader has found it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its version, `1.32.0` for example.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Libraries that came before it and cannot be used, with the reasons.
    pub fn skipped(&self) -> &[Attempt] {
        &self.skipped
    }

    /// The names of the providers that the library was built with. Libraries that they depend on
    /// may still be missing.
    pub fn providers(&self) -> Vec<&'static str> {
        Provider::ALL
            .iter()
            .filter(|(provider, _)| is_available(*provider))
            .map(|(_, name)| *name)
            .collect()
    }

    /// The devices that its providers can use.
    pub fn devices(&self) -> Vec<Device> {
        self.environment
            .devices()
            .filter_map(|device| {
                let hardware = device.hardware_device();
                Some(Device {
                    provider: device.ep().ok()?.to_owned(),
                    description: format!(
                        "{} {:?}",
                        hardware.vendor().unwrap_or("unknown"),
                        hardware.ty()
                    ),
                })
            })
            .collect()
    }

    /// The environment that sessions are made in.
    pub(super) fn environment(&self) -> &ort::environment::Environment {
        &self.environment
    }
}

/// Starts the library.
fn start(choice: Choice) -> Result<Runtime, RuntimeError> {
    let Choice {
        path,
        version,
        skipped,
        handle,
    } = choice;
    let failed = |message: String| RuntimeError::Start {
        path: path.clone(),
        version: version.clone(),
        message,
    };
    let environment = ort::init_from(&path)
        .map_err(|e| failed(e.to_string()))?
        .with_name("gst-plugin-resnet50")
        .with_telemetry(false)
        .with_logger(logger::logger())
        .build()
        .map_err(|e| failed(e.message().to_owned()))?;
    // ort has a handle of its own.
    drop(handle);
    // ort creates the logger with the level VERBOSE.
    environment.set_log_level(logger::level());
    Ok(Runtime {
        environment,
        path,
        version,
        skipped,
    })
}
