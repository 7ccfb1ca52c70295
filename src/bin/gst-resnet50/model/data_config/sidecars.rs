// SPDX-License-Identifier: MPL-2.0
//! The files that timm and Hugging Face put beside weights.

use std::path::{Path, PathBuf};

use gstresnet50::{files, text};
use serde_json::Value;

/// Their names, in the order of the fields of [`Sidecars`].
const FILES: [&str; 2] = ["config.json", "preprocessor_config.json"];

/// The maximum size of each in bytes: the names of 20 thousand classes take 2 MB.
pub const MAX_SIDECAR: u64 = 16 << 20;

/// The content of the files that are there.
#[derive(Debug, Default)]
pub struct Sidecars {
    pub(super) config: Option<Value>,
    pub(super) preprocessor: Option<Value>,
    /// Files that cannot be used, and why.
    pub(super) notes: Vec<String>,
}

impl Sidecars {
    /// The paths of the weights and of all files that are read with them.
    pub fn paths(weights: &Path) -> Vec<PathBuf> {
        let beside = FILES.iter().map(|name| weights.with_file_name(name));
        beside.chain([weights.to_owned()]).collect()
    }

    /// Reads those in the folder of a file of weights.
    pub fn beside(weights: &Path) -> Self {
        let folder = weights.parent().unwrap_or(Path::new("."));
        Self::read(|name| match files::read(&folder.join(name), MAX_SIDECAR) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.is_not_found() => Ok(None),
            Err(e) => Err(e.to_string()),
        })
    }

    /// Reads each with `get`, which takes its name and returns nothing if there is no such file.
    pub fn read(get: impl Fn(&str) -> Result<Option<Vec<u8>>, String>) -> Self {
        let mut notes = Vec::new();
        let [config, preprocessor] = FILES.map(|name| {
            let parsed = match get(name) {
                Ok(None) => return None,
                Ok(Some(bytes)) => serde_json::from_slice(&bytes).map_err(|e| e.to_string()),
                Err(e) => Err(e),
            };
            match parsed {
                Ok(value) => Some(value),
                Err(e) => {
                    let e = text::one_line(&e);
                    notes.push(format!("{name} beside the weights is not used: {e}"));
                    None
                }
            }
        });
        Self {
            config,
            preprocessor,
            notes,
        }
    }
}
