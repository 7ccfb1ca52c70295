// SPDX-License-Identifier: MPL-2.0
//! What there is of a download, kept between calls.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::{DownloadError, Url};
use crate::digest::sha256;

/// The partial file of a URL, and beside it the server's name for the version that it is of.
#[derive(Debug)]
pub struct Part {
    file: PathBuf,
    validator: PathBuf,
}

/// The beginning of a file that a download can go on from.
#[derive(Debug)]
pub struct Held {
    /// Bytes.
    pub length: u64,
    /// The server's name for the version: an ETag or a date, as `If-Range` takes it.
    pub validator: String,
}

impl Part {
    /// The part of `url` in `folder`. It bears the name of the file, for people, and a digest of
    /// the URL, so that files of the same name do not mix.
    pub fn of(url: &Url, folder: &Path) -> Self {
        let name: String = url
            .file_name()
            .trim_start_matches('.')
            .chars()
            .take(80)
            .map(|c| match c {
                'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '.' => c,
                _ => '_',
            })
            .collect();
        let digest = sha256(url.to_string().as_bytes());
        let name = format!("{name}.{}", &digest[..8]);
        Self {
            file: folder.join(format!("{name}.part")),
            validator: folder.join(format!("{name}.version")),
        }
    }

    /// The file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Its length in bytes, 0 where there is none.
    pub fn length(&self) -> u64 {
        std::fs::metadata(&self.file).map_or(0, |m| m.len())
    }

    /// What can be gone on from: without the version's name nobody knows what the bytes are of.
    pub fn held(&self) -> Option<Held> {
        let validator = std::fs::read_to_string(&self.validator).ok()?;
        let held = Held {
            length: self.length(),
            validator,
        };
        (held.length > 0 && !held.validator.is_empty()).then_some(held)
    }

    /// Begins a version, which `validator` names if it can be gone on from.
    pub fn restart(&self, validator: Option<&str>) -> Result<File, DownloadError> {
        // In this order: whenever the program is ended, the name is that of the bytes, or there
        // is none.
        match std::fs::remove_file(&self.validator) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                return Err(DownloadError::file(&self.validator, None, e));
            }
            _ => {}
        }
        let file =
            File::create(&self.file).map_err(|e| DownloadError::file(&self.file, None, e))?;
        if let Some(validator) = validator {
            std::fs::write(&self.validator, validator)
                .map_err(|e| DownloadError::file(&self.validator, None, e))?;
        }
        Ok(file)
    }

    /// Goes on with the version that there is.
    pub fn append(&self) -> Result<File, DownloadError> {
        OpenOptions::new()
            .append(true)
            .open(&self.file)
            .map_err(|e| DownloadError::file(&self.file, None, e))
    }

    /// Removes it. What cannot be removed is begun anew by the next download, for it has lost its
    /// version's name, or cannot be used either.
    pub fn discard(&self) {
        let _ = std::fs::remove_file(&self.validator);
        let _ = std::fs::remove_file(&self.file);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(url: &str) -> Part {
        Part::of(&url.parse().expect(url), Path::new("/downloads"))
    }

    /// Two URLs with the same file name have parts of their own, and no name leaves the folder.
    #[test]
    fn names() {
        let one = part("https://a.org/resnet50-11ad3fa6.pth");
        let other = part("https://b.org/resnet50-11ad3fa6.pth");
        assert_ne!(one.file, other.file);
        let name = one.file.file_name().and_then(|n| n.to_str()).expect("text");
        assert!(name.starts_with("resnet50-11ad3fa6.pth."), "{name}");
        assert!(name.ends_with(".part"), "{name}");
        let odd = part("https://a.org/..%2f..%2fetc");
        assert_eq!(odd.file.parent(), Some(Path::new("/downloads")));
        let long = part(&format!("https://a.org/{}", "x".repeat(5000)));
        assert!(long.file.as_os_str().len() < 255);
    }
}
