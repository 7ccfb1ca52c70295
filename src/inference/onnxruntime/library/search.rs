// SPDX-License-Identifier: MPL-2.0
//! Where ONNX Runtime is looked for, and in which order.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::candidate::{LibraryCandidate, LibraryOrigin};
use super::file_name::{LIBRARY, Library, libraries_in};
use super::system;
use crate::paths;

/// The folder of the Python package that this plugin is distributed in.
const OUR_PYTHON_PACKAGE: &str = "gst_plugin_resnet50";

/// The folder of the library in the Python packages onnxruntime, onnxruntime-openvino and
/// onnxruntime-gpu, beside ours.
const ONNXRUNTIME_IN_PYTHON: &str = "onnxruntime/capi";

/// What `gst-resnet50 runtime install` may have installed, in the order of preference. The first has
/// no other provider than the default one; what is not named here comes last.
const PREFERRED: [&str; 3] = ["cpu", "openvino", "cuda"];

/// The places of this process and this system.
#[derive(Debug)]
pub(super) struct Places {
    /// `$ORT_DYLIB_PATH`, if it is set to something.
    pub variable: Option<OsString>,
    /// The user's data folder for this project.
    pub data: Option<PathBuf>,
    /// The folders of `$LD_LIBRARY_PATH`.
    pub library_path: Vec<PathBuf>,
    /// The system's folders.
    pub system: Vec<PathBuf>,
}

impl Places {
    /// Those that the environment and the system's configuration name.
    pub(super) fn new() -> Self {
        let variable = |name| std::env::var_os(name);
        Self {
            variable: variable("ORT_DYLIB_PATH").filter(|path| !path.is_empty()),
            data: paths::data_dir(),
            library_path: system::library_path(variable("LD_LIBRARY_PATH").as_deref()),
            system: system::folders(Path::new("/")),
        }
    }

    /// The libraries to try, in the order of preference. `library` is the user's own choice;
    /// `folders` are those of the plugin and the program.
    pub(super) fn candidates(
        &self,
        library: Option<&Path>,
        folders: &[PathBuf],
    ) -> Vec<LibraryCandidate> {
        // ort looks for relative paths elsewhere; a bare name is for the loader.
        let absolute = |path: &Path| match std::path::absolute(path) {
            Ok(absolute) if path.exists() => absolute,
            _ => path.to_owned(),
        };
        if let Some(path) = library {
            let path = absolute(path);
            return vec![LibraryCandidate::new(path, LibraryOrigin::Property)];
        }
        if let Some(variable) = &self.variable {
            let path = absolute(&paths::from_path_or_uri(variable));
            return vec![LibraryCandidate::new(path, LibraryOrigin::Variable)];
        }
        let mut found = Vec::new();
        for folder in folders {
            found.extend(in_folder_or_missing(folder, LibraryOrigin::Plugin));
        }
        for folder in python_folders(folders) {
            found.extend(in_folder(&folder, LibraryOrigin::PythonPackage));
        }
        if let Some(data) = &self.data {
            found.extend(in_folder_or_missing(data, LibraryOrigin::DataFolder));
            for folder in installed_folders(data) {
                found.extend(in_folder(&folder, LibraryOrigin::DataFolder));
            }
        }
        for folder in &self.library_path {
            found.extend(in_folder(folder, LibraryOrigin::LibraryPath));
        }
        found.extend(in_system(&self.system));
        // For loaders that look elsewhere.
        let names = [LIBRARY.to_owned(), format!("{LIBRARY}.1")];
        found.extend(names.iter().map(|name| LibraryCandidate::loader(name)));
        found
    }
}

fn in_folder(folder: &Path, origin: LibraryOrigin) -> Vec<LibraryCandidate> {
    let libraries = libraries_in(folder).into_iter();
    libraries
        .map(|library| LibraryCandidate::in_folder(library, origin))
        .collect()
}

/// The same, or the library that should be there.
fn in_folder_or_missing(folder: &Path, origin: LibraryOrigin) -> Vec<LibraryCandidate> {
    let mut found = in_folder(folder, origin);
    if found.is_empty() {
        found.push(LibraryCandidate::new(folder.join(LIBRARY), origin));
    }
    found
}

/// The folders of the Python packages beside the one that a plugin or a program lies in.
fn python_folders(folders: &[PathBuf]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in folders {
        let ours = folder
            .ancestors()
            .find(|folder| folder.file_name() == Some(OsStr::new(OUR_PYTHON_PACKAGE)));
        if let Some(packages) = ours.and_then(Path::parent) {
            let folder = packages.join(ONNXRUNTIME_IN_PYTHON);
            if !found.contains(&folder) {
                found.push(folder);
            }
        }
    }
    found
}

/// The folders of the libraries that `gst-resnet50 runtime install` has installed.
fn installed_folders(data: &Path) -> Vec<PathBuf> {
    let folder = paths::runtimes_in(data);
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name());
    let mut names: Vec<_> = names
        // What is being installed.
        .filter(|name| !name.as_encoded_bytes().starts_with(b"."))
        .collect();
    let rank = |name: &OsString| PREFERRED.iter().position(|it| *it == name.as_os_str());
    names.sort_by_key(|name| (rank(name).unwrap_or(PREFERRED.len()), name.clone()));
    let folder = paths::runtimes_in(data);
    names.iter().map(|name| folder.join(name)).collect()
}

/// The libraries in all the system's folders, the newest first. One whose name tells no version may
/// be any, and has been put there by hand: it is tried before.
fn in_system(folders: &[PathBuf]) -> Vec<LibraryCandidate> {
    let mut libraries: Vec<Library> = Vec::new();
    for library in folders.iter().flat_map(|folder| libraries_in(folder)) {
        if libraries.iter().all(|known| known.file != library.file) {
            libraries.push(library);
        }
    }
    // Those of equal versions stay in the order of the folders.
    libraries.sort_by(|a, b| match (&a.version, &b.version) {
        (Some(a), Some(b)) => b.cmp(a),
        (a, b) => a.is_some().cmp(&b.is_some()),
    });
    libraries
        .into_iter()
        .map(|library| LibraryCandidate::in_folder(library, LibraryOrigin::System))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A made-up machine: a folder in which libraries are empty files.
    struct Machine(tempfile::TempDir);

    impl Machine {
        fn new(libraries: &[&str]) -> Self {
            let machine = Self(tempfile::tempdir().expect("a folder"));
            for library in libraries {
                let path = machine.path(library);
                std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
                std::fs::write(path, "").expect("written");
            }
            machine
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn places(&self) -> Places {
            Places {
                variable: None,
                data: Some(self.path("data")),
                library_path: vec![self.path("opt")],
                system: system::folders(self.0.path()),
            }
        }

        /// What is tried, relative to the machine, with the reason where it is known already.
        fn tried(&self, folders: &[&str]) -> Vec<(String, LibraryOrigin, Option<String>)> {
            let folders: Vec<_> = folders.iter().map(|it| self.path(it)).collect();
            let candidates = self.places().candidates(None, &folders);
            let found = candidates.into_iter().filter(|it| !it.is_missing);
            found
                .map(|it| {
                    let path = it.path.strip_prefix(self.0.path()).unwrap_or(&it.path);
                    (path.display().to_string(), it.origin, it.problem)
                })
                .collect()
        }
    }

    /// The whole order: the plugin's folder, its Python neighbour, the data folder and what was
    /// installed there, the variable's folders, the system's from the newest to the oldest, and the
    /// loader.
    #[test]
    fn order() {
        use LibraryOrigin::{DataFolder, LibraryPath, Loader, Plugin, PythonPackage, System};
        let machine = Machine::new(&[
            "py/gst_plugin_resnet50/plugins/libonnxruntime.so.1.22.0",
            "py/onnxruntime/capi/libonnxruntime.so.1.32.0",
            "py/onnxruntime/capi/onnxruntime_pybind11_state.so",
            "data/libonnxruntime.so.1.30.0",
            "data/runtime/zoo/libonnxruntime.so.1.31.0",
            "data/runtime/cuda/libonnxruntime.so.1.31.1",
            "data/runtime/openvino/libonnxruntime.so.1.24.1",
            "data/runtime/cpu/libonnxruntime.so.1.32.0",
            "data/runtime/.new-cpu/libonnxruntime.so.1.99.0",
            "opt/libonnxruntime.so.1.25.0",
            "usr/local/lib/libonnxruntime.so.1.22.1",
            "usr/lib64/libonnxruntime.so.1.23",
            "usr/lib/libonnxruntime.so.1.21.0",
        ]);
        let folders = [
            "py/gst_plugin_resnet50/plugins",
            "py/gst_plugin_resnet50/bin",
        ];
        let tried = machine.tried(&folders);
        let found: Vec<_> = tried.iter().map(|it| (it.0.as_str(), it.1)).collect();
        assert_eq!(
            found,
            [
                (
                    "py/gst_plugin_resnet50/plugins/libonnxruntime.so.1.22.0",
                    Plugin
                ),
                (
                    "py/onnxruntime/capi/libonnxruntime.so.1.32.0",
                    PythonPackage
                ),
                ("data/libonnxruntime.so.1.30.0", DataFolder),
                ("data/runtime/cpu/libonnxruntime.so.1.32.0", DataFolder),
                ("data/runtime/openvino/libonnxruntime.so.1.24.1", DataFolder),
                ("data/runtime/cuda/libonnxruntime.so.1.31.1", DataFolder),
                ("data/runtime/zoo/libonnxruntime.so.1.31.0", DataFolder),
                ("opt/libonnxruntime.so.1.25.0", LibraryPath),
                ("usr/lib64/libonnxruntime.so.1.23", System),
                ("usr/local/lib/libonnxruntime.so.1.22.1", System),
                ("usr/lib/libonnxruntime.so.1.21.0", System),
                ("libonnxruntime.so", Loader),
                ("libonnxruntime.so.1", Loader),
            ]
        );
        // One that is too old is not loaded, and the reason is kept.
        let old = tried.iter().find(|it| it.0.ends_with("1.21.0"));
        let reason = old.and_then(|it| it.2.as_deref()).expect("a reason");
        assert!(
            reason.contains("1.21.0") && reason.contains("1.22"),
            "{reason}"
        );
        assert_eq!(tried.iter().filter(|it| it.2.is_some()).count(), 1);
    }

    /// Debian's names: the soname is a link to the file, of which no other name is tried. A library
    /// without a version in any name may be the newest.
    #[test]
    fn names_of_systems() {
        let machine = Machine::new(&[
            "usr/lib/libonnxruntime.so.1.23.2",
            "usr/lib64/libonnxruntime.so",
        ]);
        for link in ["libonnxruntime.so.1.23", "libonnxruntime.so"] {
            let path = machine.path("usr/lib").join(link);
            symlink("libonnxruntime.so.1.23.2", path).expect("a link");
        }
        symlink("usr/lib", machine.path("lib")).expect("a link");
        let tried = machine.tried(&[]);
        let system = tried.iter().filter(|it| it.1 == LibraryOrigin::System);
        let system: Vec<_> = system.map(|it| it.0.as_str()).collect();
        assert_eq!(
            system,
            ["usr/lib64/libonnxruntime.so", "usr/lib/libonnxruntime.so"]
        );
    }

    /// A library that the user names is the only one, and one that is not there is missed.
    #[test]
    fn demands() {
        let machine = Machine::new(&["data/libonnxruntime.so", "mine/libonnxruntime.so.1.20"]);
        let mut places = machine.places();
        places.variable = Some(machine.path("none.so").into());
        let found = places.candidates(None, &[]);
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].origin, found[0].is_missing),
            (LibraryOrigin::Variable, true)
        );
        // Its name is not held against it.
        let mine = machine.path("mine/libonnxruntime.so.1.20");
        let found = places.candidates(Some(&mine), &[]);
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].origin, found[0].problem.as_deref()),
            (LibraryOrigin::Property, None)
        );
    }

    /// The Python package is looked for beside ours only.
    #[test]
    fn python() {
        let folders = |folder: &str| python_folders(&[folder.into()]);
        let expected = PathBuf::from("/v/lib/python3.13/site-packages/onnxruntime/capi");
        for folder in ["plugins", "bin", ""] {
            let ours = format!("/v/lib/python3.13/site-packages/gst_plugin_resnet50/{folder}");
            assert_eq!(folders(&ours), std::slice::from_ref(&expected));
        }
        assert!(folders("/usr/lib/gstreamer-1.0").is_empty());
    }
}
