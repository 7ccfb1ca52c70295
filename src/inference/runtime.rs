// SPDX-License-Identifier: MPL-2.0
//! Finding and loading the ONNX Runtime library.

use std::ffi::CStr;
use std::fmt;
use std::path::{Path, PathBuf};

use once_cell::sync::OnceCell;

use super::log;
use super::process::Home;
use super::provider::Provider;
use crate::{files, paths};

/// The oldest ONNX Runtime whose C API this plugin can use, as (major, minor).
pub const MINIMUM_VERSION: (u32, u32) = (1, ort::sys::ORT_API_VERSION);

/// The library's file name, without a version.
const LIBRARY: &str = "libonnxruntime.so";

/// A place that was looked at, and why no library came of it.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Where: a path, or the name that the system's loader was given.
    pub place: String,
    /// Why not.
    pub reason: String,
}

/// Why there is no ONNX Runtime.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// No usable library anywhere.
    #[error("no usable ONNX Runtime library (1.{minimum} or newer); tried: {}", list(.tried), minimum = MINIMUM_VERSION.1)]
    NotFound {
        /// Where it was looked for.
        tried: Vec<Attempt>,
    },
    /// The process was forked while it loaded the library: the rest of that never comes.
    #[error(
        "this process was forked while ONNX Runtime was being loaded, which it can neither go on with nor begin anew"
    )]
    Forked,
    /// The library was loaded but would not start.
    #[error("ONNX Runtime {version} (“{}”) would not start: {message}", paths::escaped(path.as_os_str()))]
    Start {
        /// Its file.
        path: PathBuf,
        /// Its version.
        version: String,
        /// What it said.
        message: String,
    },
}

fn list(tried: &[Attempt]) -> String {
    tried
        .iter()
        .map(|a| format!("{} ({})", a.place, a.reason))
        .collect::<Vec<_>>()
        .join("; ")
}

/// A device that a provider of the loaded library offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The provider's own name, `CPUExecutionProvider` for example.
    pub provider: String,
    /// The device's vendor and kind.
    pub description: String,
}

/// The loaded library, once a process: ONNX Runtime cannot be unloaded or exchanged.
pub struct Runtime {
    environment: ort::environment::Environment,
    path: PathBuf,
    version: String,
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

/// Where it is being loaded.
static LOADING: Home = Home::new();

impl Runtime {
    /// The library, loaded at the first call that finds it. It is looked for in this order:
    /// `library`; `$ORT_DYLIB_PATH`; each of `folders`; the user's data directory; the system's
    /// loader. The first two are demands: if one is set and not usable, nothing else is tried.
    ///
    /// Once loaded, the library stays for the life of the process, and later calls return it
    /// whatever they ask for: compare [`Self::path`].
    ///
    /// # Errors
    /// [`RuntimeError`]; a later call tries again.
    pub fn load(
        library: Option<&Path>,
        folders: &[PathBuf],
    ) -> Result<&'static Self, RuntimeError> {
        let runtime = match RUNTIME.get() {
            Some(runtime) => runtime,
            // A child would wait for a thread of its parent.
            None if LOADING.is_elsewhere() => return Err(RuntimeError::Forked),
            None => {
                // Files are looked at before others have to wait: a mount may hang.
                let candidates = candidates(library, folders);
                RUNTIME.get_or_try_init(|| {
                    LOADING.settle();
                    let loaded =
                        choose(candidates).and_then(|(path, version)| start(path, version));
                    LOADING.leave();
                    loaded
                })?
            }
        };
        runtime.environment.set_log_level(log::level());
        Ok(runtime)
    }

    /// The library's file, or the name that the system's loader found it by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its version, `1.32.0` for example.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The names of the providers that the library was built with. One of them may still lack
    /// what it depends on.
    pub fn providers(&self) -> Vec<&'static str> {
        Provider::ALL
            .iter()
            .filter(|(provider, _)| provider.is_built_in())
            .map(|(_, name)| *name)
            .collect()
    }

    /// What its providers can run on.
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

    pub(super) fn environment(&self) -> &ort::environment::Environment {
        &self.environment
    }
}

fn start(path: PathBuf, version: String) -> Result<Runtime, RuntimeError> {
    let failed = |message: String| RuntimeError::Start {
        path: path.clone(),
        version: version.clone(),
        message,
    };
    let environment = ort::init_from(&path)
        .map_err(|e| failed(e.to_string()))?
        .with_name("gst-plugin-resnet50")
        .with_telemetry(false)
        .with_logger(log::logger())
        .build()
        .map_err(|e| failed(e.message().to_owned()))?;
    // ort makes the logger at VERBOSE.
    environment.set_log_level(log::level());
    Ok(Runtime {
        environment,
        path,
        version,
    })
}

/// A library that may be used.
struct Candidate {
    path: PathBuf,
    /// Where it comes from, for messages.
    place: String,
    /// Why it cannot be used, as far as that is known without loading it.
    problem: Option<String>,
}

impl Candidate {
    fn new(path: PathBuf, how: &str) -> Self {
        let name = match is_name(&path) {
            true => format!("“{}”", paths::escaped(path.as_os_str())),
            false => paths::looked_for(&path),
        };
        // The system's loader would open whatever it is, and a FIFO waits for a writer.
        let problem = match files::check(&path, u64::MAX) {
            _ if is_name(&path) => None,
            Ok(()) => None,
            Err(error) if error.is_not_found() => Some("no such file".into()),
            Err(error) => Some(error.to_string()),
        };
        Self {
            place: format!("{how} {name}").trim_start().to_owned(),
            path,
            problem,
        }
    }
}

/// Whether it is no path, but a name that the system's loader is to find.
fn is_name(path: &Path) -> bool {
    path.components().count() == 1 && !path.is_absolute() && !path.exists()
}

/// The libraries that may be meant, in the order of preference.
fn candidates(library: Option<&Path>, folders: &[PathBuf]) -> Vec<Candidate> {
    let variable = std::env::var_os("ORT_DYLIB_PATH").filter(|p| !p.is_empty());
    // The path of a file, if relative, is not where ort looks; a bare name is for the loader.
    let absolute = |path: &Path| match std::path::absolute(path) {
        Ok(absolute) if path.exists() => absolute,
        _ => path.to_owned(),
    };
    if let Some(path) = library {
        return vec![Candidate::new(absolute(path), "runtime-library")];
    }
    if let Some(variable) = variable {
        let path = absolute(&paths::named(&variable));
        return vec![Candidate::new(path, "ORT_DYLIB_PATH")];
    }
    let mut found = Vec::new();
    let data = paths::data_dir();
    for folder in folders.iter().chain(&data) {
        let libraries = libraries_in(folder);
        let none = libraries.is_empty().then(|| folder.join(LIBRARY));
        let all = libraries.into_iter().chain(none);
        found.extend(all.map(|path| Candidate::new(path, "")));
    }
    let system = [LIBRARY.into(), format!("{LIBRARY}.1").into()];
    let system = system.into_iter().map(|path: PathBuf| Candidate {
        place: format!("the system's “{}”", path.display()),
        path,
        problem: None,
    });
    found.extend(system);
    found
}

/// The first usable library, and its version.
fn choose(candidates: Vec<Candidate>) -> Result<(PathBuf, String), RuntimeError> {
    let mut tried = Vec::new();
    for Candidate {
        path,
        place,
        problem,
    } in candidates
    {
        let version = match problem {
            Some(problem) => Err(problem),
            None => version_of(&path),
        };
        match version {
            Ok(version) => return Ok((path, version)),
            Err(reason) => tried.push(Attempt { place, reason }),
        }
    }
    Err(RuntimeError::NotFound { tried })
}

/// The libraries of a folder: the one without a version first, then the newest.
fn libraries_in(folder: &Path) -> Vec<PathBuf> {
    let version = |path: &Path| -> Option<Vec<u32>> {
        let name = path.file_name()?.to_str()?.strip_prefix(LIBRARY)?;
        match name.strip_prefix('.') {
            None => name.is_empty().then(|| vec![u32::MAX]),
            Some(numbers) => numbers.split('.').map(|n| n.parse().ok()).collect(),
        }
    };
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((version(&entry.path())?, entry.path())))
        .collect();
    found.sort_by(|a, b| b.0.cmp(&a.0));
    found.into_iter().map(|(_, path)| path).collect()
}

/// The version of the library at `path`, if it is an ONNX Runtime that can be used.
///
/// `ort` panics on a library whose API table it cannot get, and such a library prints to stderr
/// when asked for one that it does not have: so the version is asked for first.
fn version_of(path: &Path) -> Result<String, String> {
    // SAFETY: loading runs the library's initializers. It is the user who named it, or it lies
    // where only an ONNX Runtime should lie.
    let library = unsafe { libloading::Library::new(path) }.map_err(|e| {
        let cause = std::error::Error::source(&e);
        cause.map_or_else(|| e.to_string(), ToString::to_string)
    })?;
    // SAFETY: this is the C API's one exported symbol, with this signature since version 1.0.
    let base = unsafe {
        let get: libloading::Symbol<'_, unsafe extern "C" fn() -> *const ort::sys::OrtApiBase> =
            library
                .get(b"OrtGetApiBase")
                .map_err(|_| "it is not ONNX Runtime: it has no OrtGetApiBase")?;
        get().as_ref()
    };
    let base = base.ok_or("its OrtGetApiBase gives nothing")?;
    // SAFETY: a static string of the library.
    let version = unsafe { CStr::from_ptr((base.GetVersionString)()) }
        .to_string_lossy()
        .into_owned();
    let mut numbers = version.split('.').map(|n| n.parse::<u32>().unwrap_or(0));
    let (major, minor) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let (least_major, least_minor) = MINIMUM_VERSION;
    if (major, minor) < MINIMUM_VERSION {
        return Err(format!(
            "it is ONNX Runtime {version}, and {least_major}.{least_minor} is the oldest that is supported"
        ));
    }
    // SAFETY: the version says that the table exists.
    if unsafe { (base.GetApi)(ort::sys::ORT_API_VERSION) }.is_null() {
        return Err(format!(
            "it is ONNX Runtime {version} and does not offer its C API {least_minor}"
        ));
    }
    Ok(version)
}
