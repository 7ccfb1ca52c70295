// SPDX-License-Identifier: MPL-2.0
//! Groups of classes, whose confidences are summed: 118 breeds are one dog.

mod parse;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::labels::Labels;
use crate::files::{self, FileError};
use crate::paths;

/// Everyday groups of ImageNet-1k's classes.
const IMAGENET: &str = include_str!("../../../plugin-meta/imagenet-groups.txt");

/// The maximum size of a file of groups in bytes; the built-in ones have 3 kB.
const MAX_FILE: u64 = 64 << 20;

/// Named groups of a model's classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Groups {
    groups: Vec<Group>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    name: Arc<str>,
    /// Indices of its classes, ascending, each once.
    classes: Vec<usize>,
}

/// Why there are no groups.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GroupsError {
    /// The file cannot be read.
    #[error(
        "groups file {} cannot be read: {error}",
        paths::quoted_with_folder(path)
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// The error.
        error: FileError,
    },
    /// It is not UTF-8 text.
    #[error("groups file “{}” is not UTF-8 text", paths::escaped(.0.as_os_str()))]
    NotText(PathBuf),
    /// A line is wrong.
    #[error("{source_name}, line {line}: found {found}, expected {expected}")]
    Line {
        /// Where the groups come from.
        source_name: String,
        /// The line, from 1.
        line: usize,
        /// What was found.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// There is no group.
    #[error("{0} has no group; expected a line each, such as “pet: tabby, 151-268”")]
    Empty(String),
    /// The built-in groups do not fit the model.
    #[error(
        "imagenet-groups are for a model of 1000 classes, or of 1001 with a background, and the model has {0}; write a file of groups for it"
    )]
    NotImagenet(usize),
}

impl Groups {
    /// The built-in `imagenet-groups` for a model of ImageNet-1k's 1000 classes, or of 1001 whose
    /// first is "background". As with [`Labels::imagenet`], only the number of classes counts.
    ///
    /// # Errors
    /// [`GroupsError::NotImagenet`] for any other number of classes.
    pub fn imagenet(classes: usize) -> Result<Self, GroupsError> {
        let offset = match classes {
            1000 => 0,
            1001 => 1,
            _ => return Err(GroupsError::NotImagenet(classes)),
        };
        let labels = Labels::default_for(1000);
        let mut groups = Self::parse(IMAGENET, "the list imagenet-groups", &labels)?;
        for group in &mut groups.groups {
            for class in &mut group.classes {
                *class += offset;
            }
        }
        Ok(groups)
    }

    /// Reads a file of groups; see [`Self::parse`].
    ///
    /// # Errors
    /// [`GroupsError`], for a file that cannot be read, is not UTF-8 or has a wrong line.
    pub fn read(path: &Path, labels: &Labels) -> Result<Self, GroupsError> {
        Self::read_cancellable(path, labels, &|| false)
    }

    /// [`Self::read`], canceled as soon as `is_cancelled` returns true.
    ///
    /// # Errors
    /// [`GroupsError`].
    pub fn read_cancellable(
        path: &Path,
        labels: &Labels,
        is_cancelled: &dyn Fn() -> bool,
    ) -> Result<Self, GroupsError> {
        let bytes = files::read_cancellable(path, MAX_FILE, is_cancelled);
        let bytes = bytes.map_err(|error| GroupsError::Read {
            path: path.to_owned(),
            error,
        })?;
        let text = String::from_utf8(bytes).map_err(|_| GroupsError::NotText(path.to_owned()))?;
        let source_name = format!("groups file “{}”", paths::escaped(path.as_os_str()));
        Self::parse(&text, &source_name, labels)
    }

    /// Groups from text, a line each: `name: items`. The items are separated by commas; each is
    /// the index of a class from 0 (`281`), a range with both ends (`151-268`) or a label of the
    /// model, whatever its case. A number is always an index, even where labels are numbers. A
    /// label that several classes have means all of them, and so does one that several have in
    /// other cases, unless one is written exactly so. `#` begins a comment at the beginning of a
    /// line or after a space.
    ///
    /// A class may be in several groups. The wider of two groups then never has less confidence than
    /// the narrower one, so a decision prefers it; exclude it with `deny`, or use disjoint groups.
    ///
    /// `source_name` is the name of the text in errors.
    ///
    /// # Errors
    /// [`GroupsError::Line`] for a line without a colon, a group without a name or classes, one
    /// called "nothing" or as an earlier one (whatever the case), an unknown label, an index that
    /// the model does not have, a range whose end is before its beginning;
    /// [`GroupsError::Empty`] if there is no group.
    pub fn parse(text: &str, source_name: &str, labels: &Labels) -> Result<Self, GroupsError> {
        let groups = parse::groups(text, source_name, labels)?;
        Ok(Self { groups })
    }

    /// The number of groups; at least one.
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// The name of group `index`, in the order of the text.
    ///
    /// # Panics
    /// If there is no such group.
    pub fn name(&self, index: usize) -> Arc<str> {
        Arc::clone(&self.groups[index].name)
    }

    /// The indices of the classes of group `index`, ascending, each once.
    ///
    /// # Panics
    /// If there is no such group.
    pub fn classes(&self, index: usize) -> &[usize] {
        &self.groups[index].classes
    }

    /// For each group its index and the sum of its classes' `confidences`, best first, of equal
    /// ones the lower index first. They are written into `sums`, whose capacity is reused. A sum
    /// is at most 1, even if several classes are correct. A class missing in `confidences` counts as 0.
    pub fn sum(&self, confidences: &[f32], sums: &mut Vec<(usize, f32)>) {
        sums.clear();
        let groups = self.groups.iter().enumerate();
        sums.extend(groups.map(|(i, group)| (i, sum_of(&group.classes, confidences) as f32)));
        sums.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        for (_, sum) in sums.iter_mut() {
            *sum = sum.min(1.0);
        }
    }
}

/// The sum of the confidences of some classes; missing ones count as 0.
pub(super) fn sum_of(classes: &[usize], confidences: &[f32]) -> f64 {
    let known = classes.iter().filter_map(|class| confidences.get(*class));
    known.map(|confidence| f64::from(*confidence)).sum()
}

#[cfg(test)]
mod tests;
