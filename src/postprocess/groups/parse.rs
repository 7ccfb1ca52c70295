// SPDX-License-Identifier: MPL-2.0
//! The text of a file of groups.

use std::collections::HashSet;

use super::{Group, GroupsError};
use crate::postprocess::labels::Labels;
use crate::postprocess::names::{Names, hint};
use crate::text;

/// The name of a decision without a category, which no group may have.
pub(super) const NOTHING: &str = "nothing";

/// Reads the groups of a text, as [`Groups::parse`](super::Groups::parse) describes it.
pub(super) fn groups(
    text: &str,
    source_name: &str,
    labels: &Labels,
) -> Result<Vec<Group>, GroupsError> {
    let names = labels.names().iter().cloned().enumerate();
    let reader = Reader {
        names: Names::new(names.map(|(index, name)| (name, index))),
        classes: labels.names().len(),
    };
    let mut seen = HashSet::new();
    let mut groups = Vec::new();
    let lines = text.trim_start_matches('\u{feff}').lines().enumerate();
    for (index, line) in lines {
        let line = without_comment(line).trim();
        if line.is_empty() {
            continue;
        }
        let group = reader.group(line).and_then(|group| {
            if seen.insert(group.name.to_lowercase()) {
                return Ok(group);
            }
            let found = format!("a second group “{}”", text::name(&group.name));
            Err(Wrong::new(found, "each name once"))
        });
        groups.push(group.map_err(|wrong| GroupsError::Line {
            source_name: source_name.into(),
            line: index + 1,
            found: wrong.found,
            expected: wrong.expected,
        })?);
    }
    if groups.is_empty() {
        return Err(GroupsError::Empty(source_name.into()));
    }
    Ok(groups)
}

/// What is wrong with a line.
struct Wrong {
    found: String,
    expected: String,
}

impl Wrong {
    fn new(found: impl Into<String>, expected: impl Into<String>) -> Self {
        Self {
            found: found.into(),
            expected: expected.into(),
        }
    }
}

/// Reads lines for one model.
struct Reader {
    names: Names<usize>,
    /// How many classes the model has.
    classes: usize,
}

impl Reader {
    fn group(&self, line: &str) -> Result<Group, Wrong> {
        let Some((name, items)) = line.split_once(':') else {
            let expected = "a group as “name: classes”";
            return Err(Wrong::new(format!("“{}”", text::name(line)), expected));
        };
        let name = name.trim();
        if name.is_empty() {
            return Err(Wrong::new(
                "a group without a name",
                "a name before the colon",
            ));
        }
        if name.to_lowercase() == NOTHING {
            let expected = "another name: this one is what a decision for nothing is called";
            return Err(Wrong::new(
                format!("the group “{}”", text::name(name)),
                expected,
            ));
        }
        let mut classes = Vec::new();
        for item in self.names.split(items) {
            self.item(item, &mut classes)?;
        }
        if classes.is_empty() {
            let expected = "indices, ranges or labels after the colon";
            return Err(Wrong::new(
                format!("the group “{}” without classes", text::name(name)),
                expected,
            ));
        }
        classes.sort_unstable();
        classes.dedup();
        Ok(Group {
            name: name.into(),
            classes,
        })
    }

    fn item(&self, item: &str, classes: &mut Vec<usize>) -> Result<(), Wrong> {
        if is_number(item) {
            classes.push(self.index(item)?);
            return Ok(());
        }
        if let Some((first, last)) = item.split_once('-')
            && is_number(first.trim())
            && is_number(last.trim())
        {
            let (first, last) = (self.index(first.trim())?, self.index(last.trim())?);
            if first > last {
                let expected = format!("the lower end first, “{last}-{first}”");
                return Err(Wrong::new(
                    format!("the range “{}”", text::name(item)),
                    expected,
                ));
            }
            classes.extend(first..=last);
            return Ok(());
        }
        let found = self.names.find(item);
        if found.is_empty() {
            let hint = hint(self.names.nearest(item).as_ref());
            let expected = format!("an index, a range or a label of the model{hint}");
            return Err(Wrong::new(format!("“{}”", text::name(item)), expected));
        }
        classes.extend(found);
        Ok(())
    }

    fn index(&self, text: &str) -> Result<usize, Wrong> {
        match text.parse() {
            Ok(index) if index < self.classes => Ok(index),
            _ => Err(Wrong::new(
                format!("the index {}", text::name(text)),
                format!(
                    "one below {}, for the model has that many classes",
                    self.classes
                ),
            )),
        }
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// A line as far as its comment. A `#` within a word is part of the word.
fn without_comment(line: &str) -> &str {
    let begins = |(at, _): &(usize, &str)| {
        let before = line[..*at].chars().next_back();
        before.is_none_or(char::is_whitespace)
    };
    match line.match_indices('#').find(begins) {
        Some((at, _)) => &line[..at],
        None => line,
    }
}
