// SPDX-License-Identifier: MPL-2.0
//! The library's file names: `libonnxruntime.so`, and with a version behind it.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::inference::onnxruntime::runtime_error::MINIMUM_VERSION;

/// The library's file name, without a version.
pub(super) const LIBRARY: &str = "libonnxruntime.so";

/// The numbers of a version, such as 1.23.2, as far as they are known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(Vec<u32>);

impl Version {
    /// What is no number counts as 0.
    pub(super) fn parse(text: &str) -> Self {
        Self(text.split('.').map(|n| n.parse().unwrap_or(0)).collect())
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.0.iter().map(u32::to_string).collect();
        f.write_str(&numbers.join("."))
    }
}

/// Whether the library is older than the oldest one that can be used. Of a version that is not known
/// to the second number, that cannot be said.
pub(super) fn is_too_old(version: &Version) -> bool {
    match version.0.as_slice() {
        [] => false,
        [major] => *major < MINIMUM_VERSION.0,
        [major, minor, ..] => (*major, *minor) < MINIMUM_VERSION,
    }
}

/// Why a library of this version cannot be used.
pub(super) fn too_old(version: &str) -> String {
    let (major, minor) = MINIMUM_VERSION;
    format!("it is ONNX Runtime {version}, and {major}.{minor} is the oldest that is supported")
}

/// A library in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Library {
    /// Its path, which may be that of a link.
    pub path: PathBuf,
    /// The file itself, with all links followed.
    pub file: PathBuf,
    /// The version in the file's name, if there is one.
    pub version: Option<Version>,
}

/// The libraries in a folder: the one without a version in its name, which whoever keeps the folder
/// has chosen, then from the newest to the oldest. Several names of one file are one library.
pub(super) fn libraries_in(folder: &Path) -> Vec<Library> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries
        .filter_map(|entry| Some((version_in_name(&entry.path())?, entry.path())))
        .collect();
    names.sort_by(|(a, _), (b, _)| match (a, b) {
        (Some(a), Some(b)) => b.cmp(a),
        (a, b) => a.is_some().cmp(&b.is_some()),
    });
    let mut libraries: Vec<Library> = Vec::new();
    for (version, path) in names {
        let file = path.canonicalize().unwrap_or_else(|_| path.clone());
        if libraries.iter().all(|known| known.file != file) {
            let version = version_in_name(&file).flatten().or(version);
            libraries.push(Library {
                path,
                file,
                version,
            });
        }
    }
    libraries
}

/// The version behind a library's name; nothing at all if the file is called otherwise.
fn version_in_name(path: &Path) -> Option<Option<Version>> {
    let rest = path.file_name()?.to_str()?.strip_prefix(LIBRARY)?;
    if rest.is_empty() {
        return Some(None);
    }
    let numbers = rest.strip_prefix('.')?.split('.').map(|n| n.parse().ok());
    Some(Some(Version(numbers.collect::<Option<_>>()?)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// All names are found, in their order, and other files are not.
    #[test]
    fn order_in_a_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in [
            "libonnxruntime.so.1.9.0",
            "libonnxruntime.so.1.23",
            "libonnxruntime.so.1.22.1",
            "libonnxruntime.so.1",
            "libonnxruntime.so",
            "libonnxruntime.so.1.23.2.sig",
            "libonnxruntime.so.",
            "libonnxruntime_providers_shared.so",
            "libother.so.1.99",
        ] {
            std::fs::write(folder.path().join(name), "").expect("written");
        }
        let found = libraries_in(folder.path());
        let names: Vec<_> = found
            .iter()
            .map(|it| it.path.file_name().expect("a name"))
            .collect();
        assert_eq!(
            names,
            [
                "libonnxruntime.so",
                "libonnxruntime.so.1.23",
                "libonnxruntime.so.1.22.1",
                "libonnxruntime.so.1.9.0",
                "libonnxruntime.so.1",
            ]
        );
        assert!(libraries_in(&folder.path().join("none")).is_empty());
    }

    /// Links to one file are one library, whose version is the file's.
    #[test]
    fn links_are_one_library() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("libonnxruntime.so.1.21.0"), "").expect("written");
        for (link, to) in [
            ("libonnxruntime.so.1", "libonnxruntime.so.1.21.0"),
            ("libonnxruntime.so", "libonnxruntime.so.1"),
        ] {
            symlink(to, path(link)).expect("a link");
        }
        let found = libraries_in(folder.path());
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].path, path("libonnxruntime.so"));
        assert_eq!(found[0].version, Some(Version::parse("1.21.0")));
        assert!(found[0].version.as_ref().is_some_and(is_too_old));
    }

    /// The floor is compared by numbers, and only where they are known.
    #[test]
    fn floor() {
        for (version, expected) in [
            ("1.21.9", true),
            ("0.99", true),
            ("1.22.0", false),
            ("1.100", false),
            ("1", false),
            ("2", false),
        ] {
            assert_eq!(is_too_old(&Version::parse(version)), expected, "{version}");
        }
    }
}
