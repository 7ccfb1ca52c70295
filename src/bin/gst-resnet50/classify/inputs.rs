// SPDX-License-Identifier: MPL-2.0
//! What is to be classified: videos, pictures, URIs, and folders of them.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::source::{file_of, shown, uri_of};

/// One video, picture or stream.
#[derive(Debug)]
pub struct Input {
    /// What people read, without a password.
    pub name: String,
    pub uri: String,
    /// The file that it is, if it is one.
    pub file: Option<PathBuf>,
}

/// The endings of pictures and videos, in lower case: nothing else of a folder is tried.
const ENDINGS: &str = "avif bmp gif heic heif jp2 jpe jpeg jpg pbm pgm png pnm ppm tga tif tiff webp \
    3gp asf avi flv h264 h265 ivf m2ts m4v mjpeg mjpg mkv mov mp4 mpeg mpg mts mxf ogm ogv qt ts vob \
    webm wmv y4m";

/// The inputs in the order in which they are named; a folder is what is in it and in its folders, in
/// the order of their names.
///
/// # Errors
/// The first name that stands for nothing, or for a folder without pictures and videos.
pub fn expand(named: &[OsString]) -> crate::Result<Vec<Input>> {
    let mut inputs = Vec::new();
    let mut others = 0;
    for name in named {
        // By a URI or by its path.
        match file_of(name).filter(|path| path.is_dir()) {
            None => inputs.push(Input::new(name)?),
            Some(folder) => {
                let mut files = Vec::new();
                walk(&folder, &mut files, &mut others)?;
                if files.is_empty() {
                    return Err(format!(
                        "“{}” is a folder without pictures and videos",
                        shown(name)
                    )
                    .into());
                }
                for file in files {
                    inputs.push(Input::new(file.as_os_str())?);
                }
            }
        }
    }
    if others > 0 {
        let (is, it) = if others == 1 {
            ("is", "it")
        } else {
            ("are", "them")
        };
        complain!(
            "left out: {} that by the ending {is} neither picture nor video; name {it} to have {it} tried",
            crate::model::count(others, "file"),
        );
    }
    Ok(inputs)
}

/// Adds the pictures and videos of a folder, and counts what else there is. Links to folders are not
/// followed, for they may lead back; hidden files are not meant.
fn walk(folder: &Path, files: &mut Vec<PathBuf>, others: &mut usize) -> crate::Result<()> {
    let about = |e: std::io::Error| format!("“{}”: {e}", folder.display());
    let mut entries = folder
        .read_dir()
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(about)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if is_hidden {
            continue;
        }
        if entry.file_type().map_err(about)?.is_dir() {
            walk(&path, files, others)?;
        } else if path.is_file() {
            match has_ending(&path) {
                true => files.push(path),
                false => *others += 1,
            }
        }
    }
    Ok(())
}

fn has_ending(path: &Path) -> bool {
    let ending = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    let ending = ending.to_ascii_lowercase();
    !ending.is_empty() && ENDINGS.split_ascii_whitespace().any(|e| e == ending)
}

impl Input {
    fn new(named: &OsStr) -> crate::Result<Self> {
        Ok(Self {
            name: shown(named),
            uri: uri_of(named)?,
            file: file_of(named),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Folders are looked through in the order of the names, to the bottom; what is no picture and
    /// no video by its ending, and what is hidden, is left out.
    #[test]
    fn folders() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(path("b/c")).expect("a folder");
        for name in [
            "z.JPG",
            "a.png",
            "b/c/d.webm",
            "b/e.txt",
            ".hidden.png",
            "b/noending",
        ] {
            std::fs::write(path(name), "").expect("written");
        }
        std::os::unix::fs::symlink(folder.path(), path("b/again")).expect("a link");
        let inputs = expand(&[folder.path().into()]).expect("inputs");
        let files: Vec<_> = inputs.into_iter().filter_map(|input| input.file).collect();
        assert_eq!(files, ["a.png", "b/c/d.webm", "z.JPG"].map(path));
        let error = expand(&[path("b/c/").into(), path("none").into()]).expect_err("nothing");
        assert!(error.to_string().contains("neither a file"), "{error}");
        std::fs::create_dir(path("empty")).expect("a folder");
        let error = expand(&[path("empty").into()]).expect_err("nothing");
        assert!(error.to_string().contains("without pictures"), "{error}");
    }
}
