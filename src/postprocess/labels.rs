// SPDX-License-Identifier: MPL-2.0
//! Names of classes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::label_file::{self, FormError};
use crate::files::{self, FileError};
use crate::paths;

/// The 1000 categories of ImageNet-1k, in torchvision's order.
const IMAGENET: &str = include_str!("../../plugin-meta/imagenet-1k.txt");

/// The maximum size of a file of names in bytes; that of ImageNet-21k has 0.5 MB.
const MAX_FILE: u64 = 64 << 20;

/// The names of a model's classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    /// One name a class.
    names: Vec<Arc<str>>,
}

/// Why there are no names.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabelsError {
    /// The file cannot be read.
    #[error(
        "labels file {} cannot be read: {error}",
        paths::quoted_with_folder(path)
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// The error.
        error: FileError,
    },
    /// It is not UTF-8 text.
    #[error("labels file “{}” is not UTF-8 text", paths::escaped(.0.as_os_str()))]
    NotText(PathBuf),
    /// Its format is almost a known one, or one that is not supported.
    #[error("labels file “{}” {problem}", paths::escaped(path.as_os_str()))]
    Form {
        /// The file.
        path: PathBuf,
        /// The format, and what is wrong.
        problem: FormError,
    },
    /// The format of the names in the model.
    #[error("the model's own list of labels {0}")]
    Own(FormError),
    /// The number of names differs from the number of classes.
    #[error("{what} has {found} name{}, and the model has {expected} classes", if *.found == 1 { "" } else { "s" })]
    WrongLength {
        /// Where the names come from.
        what: String,
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: usize,
    },
}

impl Labels {
    /// ImageNet-1k's names for a model of 1000 classes, or of 1001 whose first is "background".
    ///
    /// # Errors
    /// [`LabelsError::WrongLength`] for any other number of classes.
    pub fn imagenet(classes: usize) -> Result<Self, LabelsError> {
        let background = (classes == 1001).then_some("background");
        let names: Vec<_> = background
            .into_iter()
            .chain(IMAGENET.lines())
            .map(Arc::from)
            .collect();
        Self::checked(names, classes, || "the list imagenet-1k".into())
    }

    /// [`Self::imagenet`] if the number of classes fits; otherwise `class 0`, `class 1` and so on.
    pub fn default_for(classes: usize) -> Self {
        Self::imagenet(classes).unwrap_or_else(|_| Self {
            names: (0..classes).map(|i| format!("class {i}").into()).collect(),
        })
    }

    /// Names that come with the model.
    ///
    /// # Errors
    /// [`LabelsError::WrongLength`] unless there is one for each class.
    pub fn from_names(names: Vec<String>, classes: usize) -> Result<Self, LabelsError> {
        let names = names.into_iter().map(Arc::from).collect();
        Self::checked(names, classes, || "the model's own list of labels".into())
    }

    /// Names that come with the model as a list or a dictionary that a program has printed.
    ///
    /// # Errors
    /// [`LabelsError`] if the text has an unknown format, or not one name for each class.
    pub fn from_text(text: &str, classes: usize) -> Result<Self, LabelsError> {
        let names = label_file::names(text, classes).map_err(LabelsError::Own)?;
        Self::from_names(names, classes)
    }

    /// How many names such a text has, if its format is known.
    pub fn count(text: &str) -> Option<usize> {
        Some(label_file::names(text, usize::MAX).ok()?.len())
    }

    /// Reads a file with one name a line. A byte-order mark, Windows line ends and empty lines at the
    /// end are ignored.
    ///
    /// Other formats are read if they are unambiguous: a list or dict of JSON or Python,
    /// lines of `number:name`, `number name` or `n01440764 name`, a table of numbers and names, and
    /// all names in one line with `;` or `,` between them.
    ///
    /// # Errors
    /// [`LabelsError`], for a file that cannot be read, is not UTF-8, is in another form, or does
    /// not have one name for each class.
    pub fn read(path: &Path, classes: usize) -> Result<Self, LabelsError> {
        Self::read_cancellable(path, classes, &|| false)
    }

    /// [`Self::read`], canceled as soon as `is_cancelled` returns true.
    ///
    /// # Errors
    /// [`LabelsError`].
    pub fn read_cancellable(
        path: &Path,
        classes: usize,
        is_cancelled: &dyn Fn() -> bool,
    ) -> Result<Self, LabelsError> {
        let bytes = files::read_cancellable(path, MAX_FILE, is_cancelled);
        let bytes = bytes.map_err(|error| LabelsError::Read {
            path: path.to_owned(),
            error,
        })?;
        Self::parse(path, bytes, classes)
    }

    /// The names in the contents of a file, as [`Self::read`] takes them; messages call it `path`.
    ///
    /// # Errors
    /// [`LabelsError`], as above.
    pub fn parse(path: &Path, bytes: Vec<u8>, classes: usize) -> Result<Self, LabelsError> {
        let refuse = |problem| LabelsError::Form {
            path: path.to_owned(),
            problem,
        };
        let text = String::from_utf8(bytes).map_err(|e| match label_file::utf16(e.as_bytes()) {
            Some(problem) => refuse(problem),
            None => LabelsError::NotText(path.to_owned()),
        })?;
        let names = label_file::names(&text, classes).map_err(refuse)?;
        let names = names.into_iter().map(Arc::from).collect();
        Self::checked(names, classes, || {
            format!("labels file “{}”", paths::escaped(path.as_os_str()))
        })
    }

    fn checked(
        names: Vec<Arc<str>>,
        classes: usize,
        what: impl FnOnce() -> String,
    ) -> Result<Self, LabelsError> {
        if names.len() != classes {
            return Err(LabelsError::WrongLength {
                what: what(),
                found: names.len(),
                expected: classes,
            });
        }
        Ok(Self { names })
    }

    /// All names, one for each class, in the order of the classes.
    pub fn names(&self) -> &[Arc<str>] {
        &self.names
    }

    /// The name of class `index`.
    pub fn name(&self, index: usize) -> Arc<str> {
        match self.names.get(index) {
            Some(name) => Arc::clone(name),
            None => format!("class {index}").into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imagenet() {
        let labels = Labels::default_for(1000);
        assert_eq!(&*labels.name(0), "tench");
        assert_eq!(&*labels.name(281), "tabby");
        assert_eq!(&*labels.name(999), "toilet tissue");
        let offset = Labels::default_for(1001);
        assert_eq!(&*offset.name(0), "background");
        assert_eq!(&*offset.name(282), "tabby");
        assert_eq!(&*Labels::default_for(7).name(3), "class 3");
    }

    #[test]
    fn files() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("labels.txt");
        std::fs::write(&path, "\u{feff}dog\r\ncat \r\n\r\n").expect("a file");
        let labels = Labels::read(&path, 2).expect("two names");
        assert_eq!(
            (labels.name(0), labels.name(1)),
            ("dog".into(), "cat".into())
        );
        let error = Labels::read(&path, 3).expect_err("one too few").to_string();
        assert!(
            error.contains("has 2 names, and the model has 3 classes"),
            "{error}"
        );
        std::fs::write(&path, [0xff, 0xfe]).expect("a file");
        assert!(matches!(
            Labels::read(&path, 2),
            Err(LabelsError::NotText(_))
        ));
        let gone = dir.path().join("gone.txt");
        assert!(matches!(
            Labels::read(&gone, 2),
            Err(LabelsError::Read { .. })
        ));
    }
}
