// SPDX-License-Identifier: MPL-2.0
//! The folders in which the system's loader looks for libraries.

use std::env::consts::ARCH;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Files that include each other are followed this far.
const MAX_DEPTH: usize = 8;

/// The absolute folders of `$LD_LIBRARY_PATH`. The loader takes an empty or relative one as the
/// current folder, or one in it, where anybody may have put a library.
pub(super) fn library_path(variable: Option<&OsStr>) -> Vec<PathBuf> {
    let folders = std::env::split_paths(variable.unwrap_or_default());
    folders.filter(|folder| folder.is_absolute()).collect()
}

/// The folders of all users, as `etc/ld.so.conf` under `root` lists them, then those that the loader
/// knows by itself and those that distributions use. Only those that are there, each once.
pub(super) fn folders(root: &Path) -> Vec<PathBuf> {
    let mut listed = Vec::new();
    configured(root, &root.join("etc/ld.so.conf"), MAX_DEPTH, &mut listed);
    let multiarch = format!("{ARCH}-linux-gnu");
    let known = [
        format!("usr/local/lib/{multiarch}"),
        "usr/local/lib64".into(),
        "usr/local/lib".into(),
        format!("usr/lib/{multiarch}"),
        format!("lib/{multiarch}"),
        "usr/lib64".into(),
        "lib64".into(),
        "usr/lib".into(),
        "lib".into(),
    ];
    listed.extend(known.map(|folder| root.join(folder)));
    // On most systems /lib is /usr/lib.
    let mut seen = Vec::new();
    listed.retain(|folder| match folder.canonicalize() {
        Ok(real) if real.is_dir() && !seen.contains(&real) => {
            seen.push(real);
            true
        }
        _ => false,
    });
    listed
}

/// Adds the folders that a configuration file of the loader lists, and those of the files that it
/// includes.
fn configured(root: &Path, file: &Path, depth: usize, folders: &mut Vec<PathBuf>) {
    let Ok(text) = std::fs::read_to_string(file) else {
        return;
    };
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        let mut words = line.split_whitespace();
        match words.next() {
            Some("include") if depth > 0 => {
                for pattern in words {
                    let beside = file.parent().unwrap_or(root);
                    for included in matching(&in_root(root, beside, pattern)) {
                        configured(root, &included, depth - 1, folders);
                    }
                }
            }
            Some("include" | "hwcap") | None => {}
            // A folder's name may have spaces in it; old files have a type behind a “=”.
            Some(_) => {
                let folder = line.split('=').next().unwrap_or_default();
                if folder.starts_with('/') {
                    folders.push(in_root(root, root, folder));
                }
            }
        }
    }
}

/// An absolute path below `root`, or a relative one beside a file.
fn in_root(root: &Path, beside: &Path, path: &str) -> PathBuf {
    match path.strip_prefix('/') {
        Some(path) => root.join(path),
        None => beside.join(path),
    }
}

/// The files that a pattern stands for, in the order of their names. It may have a `*` in its last
/// part, as all that distributions ship have.
fn matching(pattern: &Path) -> Vec<PathBuf> {
    let name = pattern.file_name().unwrap_or_default().to_string_lossy();
    let Some((before, after)) = name.split_once('*') else {
        return vec![pattern.to_owned()];
    };
    let folder = pattern.parent().unwrap_or(Path::new("/"));
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let is_match = |name: &str| {
        let rest = name.strip_prefix(before);
        !name.starts_with('.') && rest.is_some_and(|rest| rest.ends_with(after))
    };
    let mut files: Vec<_> = entries
        .filter(|entry| entry.file_name().to_str().is_some_and(is_match))
        .map(|entry| entry.path())
        .collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The configuration's folders come first, in its order, and each only once, whatever includes
    /// what.
    #[test]
    fn configuration() {
        let root = tempfile::tempdir().expect("a folder");
        let path = |name: &str| root.path().join(name);
        for folder in [
            "etc/ld.so.conf.d",
            "opt/a b/lib",
            "opt/b",
            "usr/lib64",
            "usr/lib",
        ] {
            std::fs::create_dir_all(path(folder)).expect("a folder");
        }
        std::os::unix::fs::symlink("usr/lib", path("lib")).expect("a link");
        let write = |name: &str, text: &str| std::fs::write(path(name), text).expect("written");
        write(
            "etc/ld.so.conf",
            "include /etc/ld.so.conf.d/*.conf\n/opt/b # ours\n",
        );
        write(
            "etc/ld.so.conf.d/b.conf",
            "/opt/b\nhwcap 1 x\ninclude ../ld.so.conf\n",
        );
        write(
            "etc/ld.so.conf.d/a.conf",
            "# first\n/opt/a b/lib\nrelative\n/opt/none\n",
        );
        write("etc/ld.so.conf.d/c.other", "/usr\n");
        let folders = folders(root.path());
        assert_eq!(
            folders,
            ["opt/a b/lib", "opt/b", "usr/lib64", "usr/lib"].map(path)
        );
    }

    /// Without a configuration the usual folders are looked at.
    #[test]
    fn no_configuration() {
        let root = tempfile::tempdir().expect("a folder");
        assert!(folders(root.path()).is_empty());
        let multiarch = root.path().join(format!("usr/lib/{ARCH}-linux-gnu"));
        std::fs::create_dir_all(&multiarch).expect("a folder");
        assert_eq!(
            folders(root.path()),
            [multiarch, root.path().join("usr/lib")]
        );
    }

    /// Of the variable only absolute folders are taken.
    #[test]
    fn variable() {
        let folders = library_path(Some(OsStr::new("/opt/a::lib:./x:/opt/b:")));
        assert_eq!(folders, ["/opt/a", "/opt/b"].map(PathBuf::from));
        assert!(library_path(None).is_empty());
    }
}
