// SPDX-License-Identifier: MPL-2.0
//! Where this project's files are on the user's machine, and how users name theirs.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::text;

/// The user's data directory of this project: `$XDG_DATA_HOME/gst-resnet50`, by default
/// `~/.local/share/gst-resnet50`. `None` if the user has no home directory.
pub fn data_dir() -> Option<PathBuf> {
    let data = Some(glib::user_data_dir()).filter(|data| data.is_absolute());
    // GLib takes a relative XDG_DATA_HOME, which the XDG specification says to ignore.
    let data = data.unwrap_or_else(|| glib::home_dir().join(".local/share"));
    data.is_absolute().then(|| data.join("gst-resnet50"))
}

/// The folder in which ONNX Runtime libraries are installed, each in a folder of its own name, below
/// the data directory `data`.
pub fn runtimes_in(data: &Path) -> PathBuf {
    data.join("runtime")
}

/// The path of the installed ResNet50 v1.5, which is used if the property `model` is not set.
pub fn installed_model() -> Option<PathBuf> {
    data_dir().map(|dir| dir.join("models").join("resnet50-v1.5.onnx"))
}

/// The path of a file that the user has named by its path or its `file:///` URI. Everything else than
/// such a URI is a path, of any bytes.
pub fn from_path_or_uri(name: &OsStr) -> PathBuf {
    let is_uri = |text: &&str| {
        let scheme = text.get(..6);
        scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("file:/"))
    };
    let uri = name.to_str().filter(is_uri);
    match uri.map(glib::filename_from_uri) {
        // A file on another machine is not one here.
        Some(Ok((path, host))) if host.as_deref().is_none_or(|host| host == "localhost") => path,
        _ => name.into(),
    }
}

/// A name as one line of text: control characters and bytes that are not UTF-8 are escaped.
pub fn escaped(name: &OsStr) -> String {
    let mut shown = String::new();
    for chunk in name.as_encoded_bytes().utf8_chunks() {
        // Writing to a string does not fail.
        let _ = write!(shown, "{}", text::message(chunk.valid()));
        for byte in chunk.invalid() {
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    shown
}

/// A path in quotation marks, for messages about a file that cannot be read. A relative one comes with
/// the folder in which it was looked for, which is often not the one that the user expects.
pub fn quoted_with_folder(path: &Path) -> String {
    format!("“{}”{}", escaped(path.as_os_str()), searched_folder(path))
}

/// The folder in which a relative path was looked for, in parentheses; empty for an absolute one.
pub fn searched_folder(path: &Path) -> String {
    match std::env::current_dir() {
        Ok(folder) if path.is_relative() => {
            format!(
                " (looked for in the folder “{}”)",
                escaped(folder.as_os_str())
            )
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    /// The URI of a file becomes a path, in whatever case its scheme is; everything else is a path.
    #[test]
    fn uris_of_files_are_paths() {
        let is = |name: &str, path: &str| {
            assert_eq!(from_path_or_uri(OsStr::new(name)), Path::new(path))
        };
        is("file:///a%20b/c.onnx", "/a b/c.onnx");
        is("FILE:///a/c.onnx", "/a/c.onnx");
        is("file://localhost/a/c.onnx", "/a/c.onnx");
        is("file:/a/c.onnx", "/a/c.onnx");
        for path in [
            "/a%20b",
            "a",
            "",
            "file",
            "file:a",
            "file://other/a",
            "fi\u{2019}e:/",
        ] {
            is(path, path);
        }
        let bytes = OsStr::from_bytes(b"/caf\xe9");
        assert_eq!(from_path_or_uri(bytes).as_os_str(), bytes);
    }

    /// Names become one line of text, whatever their bytes are.
    #[test]
    fn names_are_escaped() {
        let name = OsStr::from_bytes(b"caf\xe9 caf\xc3\xa9\n\x1b[2J");
        assert_eq!(escaped(name), "caf\\xe9 café\\n\\u{1b}[2J");
        assert_eq!(quoted_with_folder(Path::new("/a/b")), "“/a/b”");
        let folder = std::env::current_dir().expect("a folder");
        let relative = quoted_with_folder(Path::new("b"));
        assert!(relative.starts_with("“b” (looked for in the folder “/"));
        assert!(relative.contains(&*folder.to_string_lossy()));
    }
}
