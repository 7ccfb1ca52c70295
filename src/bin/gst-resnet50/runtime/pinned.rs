// SPDX-License-Identifier: MPL-2.0
//! The description of a build in a file, for tests.

use std::path::Path;

use serde_json::Value;

use super::builds::Build;

/// Reads it.
///
/// # Errors
/// If it cannot be read, or has not all fields.
pub fn read(file: &Path) -> crate::Result<Build> {
    let value: Value = serde_json::from_slice(&std::fs::read(file)?)?;
    let text = |key: &str| -> Result<&'static str, String> {
        let text = value.get(key).and_then(Value::as_str);
        let text = text.ok_or_else(|| format!("{}: no {key}", file.display()))?;
        // A build's texts live as long as the program, and there is one build.
        Ok(text.to_owned().leak())
    };
    Ok(Build {
        name: text("name")?,
        package: text("package")?,
        version: text("version")?,
        platform: text("platform")?,
        sha256: text("sha256")?,
        size: value.get("size").and_then(Value::as_u64).unwrap_or(1 << 20),
        library: text("library")?,
        library_sha256: text("library_sha256")?,
    })
}
