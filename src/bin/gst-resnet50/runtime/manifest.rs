// SPDX-License-Identifier: MPL-2.0
//! What is installed in a folder.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::builds::Build;
use crate::digest;

/// The manifest's file in the folder.
const FILE: &str = "runtime.json";

/// The build that was installed, and its files.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub name: String,
    pub package: String,
    pub version: String,
    /// Of the wheel.
    pub sha256: String,
    /// The SHA-256 of each library, by its name.
    pub libraries: BTreeMap<String, String>,
}

impl Manifest {
    pub fn new(build: &Build, libraries: BTreeMap<String, String>) -> Self {
        Self {
            name: build.name.into(),
            package: build.package.into(),
            version: build.version.into(),
            sha256: build.sha256.into(),
            libraries,
        }
    }

    /// The manifest of a folder, if it has one that can be read.
    pub fn read(folder: &Path) -> Option<Self> {
        let bytes = std::fs::read(folder.join(FILE)).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Writes it into a folder.
    pub fn write(&self, folder: &Path) -> crate::Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        std::fs::write(folder.join(FILE), text)?;
        Ok(())
    }

    /// Whether it is of this build.
    pub fn is_of(&self, build: &Build) -> bool {
        self.sha256 == build.sha256 && self.name == build.name
    }

    /// Whether all libraries in the folder are those that were installed.
    pub fn is_intact(&self, folder: &Path) -> bool {
        !self.libraries.is_empty()
            && self.libraries.iter().all(|(name, sha256)| {
                let actual = digest::sha256_of_file(&folder.join(name));
                actual.is_ok_and(|actual| actual == *sha256)
            })
    }
}
