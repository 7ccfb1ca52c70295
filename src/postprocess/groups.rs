// SPDX-License-Identifier: MPL-2.0
//! Groups of classes, whose confidences are summed: 118 breeds are one dog.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::labels::Labels;
use super::names::{Names, hint};
use crate::files::{self, FileError};
use crate::paths;
use crate::text;

/// Everyday groups of ImageNet-1k's classes.
const IMAGENET: &str = include_str!("../../plugin-meta/imagenet-groups.txt");

/// The decision that nothing is sure enough goes by this name, so that no group can.
const NOTHING: &str = "nothing";

/// Bytes of the largest file of groups that is read: the built-in ones have 3 kB.
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

/// Why groups could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GroupsError {
    /// The file cannot be read.
    #[error("groups file {} cannot be read: {error}", paths::looked_for(path))]
    Read {
        /// The file.
        path: PathBuf,
        /// What reading it gave.
        error: FileError,
    },
    /// It is not text.
    #[error("groups file “{}” is not UTF-8 text", paths::escaped(.0.as_os_str()))]
    NotText(PathBuf),
    /// A line is wrong.
    #[error("{source_name}, line {line}: found {found}, expected {expected}")]
    Line {
        /// Where the groups come from.
        source_name: String,
        /// The line, from 1.
        line: usize,
        /// What is there.
        found: String,
        /// What should be.
        expected: String,
    },
    /// There is no group at all.
    #[error("{0} has no group; expected a line each, such as “pet: tabby, 151-268”")]
    Empty(String),
    /// The built-in groups are asked for with another kind of model.
    #[error(
        "imagenet-groups are for a model of 1000 classes, or of 1001 with a background, and the model has {0}; write a file of groups for it"
    )]
    NotImagenet(usize),
}

impl Groups {
    /// The built-in `imagenet-groups` for a model of ImageNet-1k's 1000 classes, or of 1001 whose
    /// first is "background". As with [`Labels::imagenet`], the number of classes is what tells.
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
        Self::read_unless(path, labels, &|| false)
    }

    /// [`Self::read`], given up as soon as `is_cancelled` says so.
    ///
    /// # Errors
    /// [`GroupsError`].
    pub fn read_unless(
        path: &Path,
        labels: &Labels,
        is_cancelled: &dyn Fn() -> bool,
    ) -> Result<Self, GroupsError> {
        let bytes = files::read_unless(path, MAX_FILE, is_cancelled);
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
    /// A class may be in several groups. The wider of two groups is then never less sure than the
    /// narrower, and a decision prefers it; leave it out with `deny`, or keep groups apart.
    ///
    /// `source_name` is how errors call the text.
    ///
    /// # Errors
    /// [`GroupsError::Line`] for a line without a colon, a group without a name or classes, one
    /// called "nothing" or as an earlier one (whatever the case), an unknown label, an index that
    /// the model does not have, a range whose end is before its beginning;
    /// [`GroupsError::Empty`] if there is no group.
    pub fn parse(text: &str, source_name: &str, labels: &Labels) -> Result<Self, GroupsError> {
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
        Ok(Self { groups })
    }

    /// How many groups there are; at least one.
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
    /// is at most 1, though more than one class may be right; a class that `confidences` does not
    /// have counts as 0.
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

/// The sum of the confidences of some classes, those missing as 0.
pub(super) fn sum_of(classes: &[usize], confidences: &[f32]) -> f64 {
    let known = classes.iter().filter_map(|class| confidences.get(*class));
    known.map(|confidence| f64::from(*confidence)).sum()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> Labels {
        let names = [
            "pug",
            "beagle",
            "tabby",
            "Cardigan",
            "cardigan",
            "7",
            "C#",
            "pot, flowerpot",
        ];
        Labels::from_names(names.map(String::from).to_vec(), 8).expect("a name each")
    }

    fn parse(text: &str) -> Result<Groups, GroupsError> {
        Groups::parse(text, "groups file “x”", &labels())
    }

    /// Every kind of item and of white space.
    #[test]
    fn items() {
        let text = "\u{feff}# comment\r\n\
            dog : pug, 1 ,\r\n\
            \r\n\
            number: 7#not-a-comment, \r\n";
        let error = parse(text)
            .expect_err("a # within a word is part of it")
            .to_string();
        assert!(error.contains("line 4: found “7#not-a-comment”"), "{error}");

        let text = "dog : pug, 1 , 0-1, # all of them\n\
            \t# more\n\
            numbers: 7, 2 - 3\n\
            Clothes:Cardigan\n\
            both: CARDIGAN\n\
            odd: C#, pot, flowerpot, tabby\r\n";
        let groups = parse(text).expect("groups");
        let found: Vec<_> = (0..groups.len())
            .map(|i| (groups.name(i).to_string(), groups.classes(i).to_vec()))
            .collect();
        let expected = [
            ("dog", vec![0, 1]),
            // A number is an index, even where a label is the same number.
            ("numbers", vec![2, 3, 7]),
            ("Clothes", vec![3]),
            ("both", vec![3, 4]),
            ("odd", vec![2, 6, 7]),
        ];
        assert_eq!(
            found,
            expected.map(|(name, classes)| (name.to_string(), classes))
        );
    }

    /// Each error names the file, the line, what is there and what should be.
    #[test]
    fn errors() {
        for (text, expected) in [
            (
                "a: 1\ndog 1",
                "line 2: found “dog 1”, expected a group as “name: classes”",
            ),
            (
                ": 1",
                "line 1: found a group without a name, expected a name before",
            ),
            (
                "Nothing: 1",
                "line 1: found the group “Nothing”, expected another name",
            ),
            (
                "a: # 1",
                "line 1: found the group “a” without classes, expected indices, ",
            ),
            (
                "a: 1\nb: 2\n\nA: 3",
                "line 4: found a second group “A”, expected each name once",
            ),
            ("a: 8", "line 1: found the index 8, expected one below 8"),
            ("a: 3-8", "line 1: found the index 8, expected one below 8"),
            (
                "a: 99999999999999999999999",
                "found the index 99999999999999999999999, expected",
            ),
            (
                "a: 3-2",
                "line 1: found the range “3-2”, expected the lower end first, “2-3”",
            ),
            (
                "a: pgu",
                "found “pgu”, expected an index, a range or a label of the model; did you mean “pug”?",
            ),
            (
                "a: -1",
                "line 1: found “-1”, expected an index, a range or a label",
            ),
            (
                "a: lion",
                "line 1: found “lion”, expected an index, a range or a label of the model",
            ),
        ] {
            let error = parse(text).expect_err(text).to_string();
            assert!(error.starts_with("groups file “x”, line "), "{error}");
            assert!(error.contains(expected), "{text}: {error}");
        }
        for text in ["", "\n# dog: 1\n"] {
            assert!(matches!(parse(text), Err(GroupsError::Empty(_))), "{text}");
        }
    }

    #[test]
    fn files() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("groups.txt");
        std::fs::write(&path, "dog: 0-1").expect("a file");
        let groups = Groups::read(&path, &labels()).expect("groups");
        assert_eq!(groups.classes(0), [0, 1]);
        std::fs::write(&path, "dog: 0-1\ncat: lion").expect("a file");
        let error = Groups::read(&path, &labels())
            .expect_err("no lion")
            .to_string();
        let expected = format!("groups file “{}”, line 2: found “lion”", path.display());
        assert!(error.starts_with(&expected), "{error}");
        std::fs::write(&path, [0xff, 0xfe]).expect("a file");
        let found = Groups::read(&path, &labels());
        assert!(matches!(found, Err(GroupsError::NotText(_))));
        let found = Groups::read(&dir.path().join("gone.txt"), &labels());
        assert!(matches!(found, Err(GroupsError::Read { .. })));
    }

    /// Sums are sorted, the first of equals first, and never above 1.
    #[test]
    fn sums() {
        let groups = parse("a: 0\nb: 1, 2\nc: 3-5\nd: 0\ne: 1-7").expect("groups");
        let mut sums = vec![(9, 9.0)];
        groups.sum(&[0.5, 0.25, 0.125, 0.5, 0.5, 0.5], &mut sums);
        // e has two classes more than there are confidences.
        assert_eq!(sums, [(4, 1.0), (2, 1.0), (0, 0.5), (3, 0.5), (1, 0.375)]);
    }

    /// What the built-in groups call what.
    #[test]
    fn imagenet() {
        let labels = Labels::default_for(1000);
        let groups = Groups::imagenet(1000).expect("built in");
        let find = |name: &str| {
            let found = (0..groups.len()).find(|i| *groups.name(*i) == *name);
            groups.classes(found.unwrap_or_else(|| panic!("no group {name}")))
        };
        assert!(find("dog").iter().copied().eq(151..=268));
        assert_eq!(find("cat"), [281, 282, 283, 284, 285]);
        for (group, members) in [
            (
                "dog",
                "Chihuahua,golden retriever,pug,Mexican hairless,Cardigan",
            ),
            ("wild dog", "timber wolf,dingo,African hunting dog"),
            ("wild cat", "cougar,lion,cheetah"),
            ("bear", "brown bear,giant panda"),
            ("elephant", "tusker,Indian elephant,African elephant"),
            ("primate", "orangutan,indri"),
            (
                "bird",
                "cock,great grey owl,black grouse,black swan,white stork,albatross",
            ),
            ("fish", "tench,stingray,barracouta,puffer"),
            ("salamander", "axolotl"),
            ("frog", "bullfrog,tailed frog"),
            ("turtle", "loggerhead,box turtle"),
            ("lizard", "banded gecko,Komodo dragon"),
            ("snake", "thunder snake,sidewinder"),
            ("spider", "black widow,wolf spider"),
            ("insect", "tiger beetle,damselfly"),
            ("butterfly", "admiral,lycaenid"),
            ("mushroom", "mushroom,bolete"),
            ("car", "beach wagon,cab,sports car"),
            ("truck", "pickup,trailer truck"),
            ("emergency vehicle", "ambulance,fire engine"),
            ("bus", "school bus,trolleybus"),
            ("train", "bullet train,streetcar"),
            ("bicycle", "mountain bike"),
            ("aircraft", "airliner,airship,warplane"),
            ("boat", "aircraft carrier,pirate,yawl"),
            ("food", "plate,pizza,ice cream,burrito"),
            ("fruit", "Granny Smith,banana,pomegranate"),
            ("vegetable", "broccoli,corn"),
            ("drink", "espresso,coffee mug,red wine"),
            ("furniture", "desk,studio couch,wardrobe"),
            ("kitchenware", "espresso maker,wok,refrigerator"),
            ("computer", "laptop,mouse,screen,space bar"),
            ("musical instrument", "acoustic guitar,upright,violin"),
            ("tool", "plane,hammer"),
            ("clothing", "cardigan,bow tie,trench coat"),
            ("weapon", "bow,rifle"),
            ("ball", "soccer ball,volleyball"),
            ("building", "castle,church"),
            ("landscape", "alp,volcano"),
            ("person", "ballplayer,groom,scuba diver"),
        ] {
            for member in members.split(',') {
                let index = labels.names().iter().position(|l| **l == *member);
                let index = index.unwrap_or_else(|| panic!("no label {member}"));
                assert!(find(group).contains(&index), "{group}: {member}");
            }
        }
    }

    /// No class is in two of the built-in groups, and none outside a group has its name.
    #[test]
    fn imagenet_is_distinct() {
        let labels = Labels::default_for(1000);
        let groups = Groups::imagenet(1000).expect("built in");
        let mut seen = HashSet::new();
        for group in 0..groups.len() {
            let name = groups.name(group).to_lowercase();
            for (class, label) in labels.names().iter().enumerate() {
                let is_in = groups.classes(group).contains(&class);
                assert!(is_in || label.to_lowercase() != name, "{name}");
                assert!(!is_in || seen.insert(class), "{label} is in two groups");
            }
        }
    }

    /// A background at 0 moves everything by one.
    #[test]
    fn imagenet_with_background() {
        let plain = Groups::imagenet(1000).expect("built in");
        let offset = Groups::imagenet(1001).expect("built in");
        assert_eq!(plain.len(), offset.len());
        for group in 0..plain.len() {
            let moved = plain.classes(group).iter().map(|class| class + 1);
            assert!(moved.eq(offset.classes(group).iter().copied()));
        }
        let error = Groups::imagenet(10).expect_err("no ImageNet").to_string();
        assert!(error.contains("the model has 10"), "{error}");
    }

    /// The name that is kept free is the one that the metadata uses.
    #[test]
    fn name_for_nothing() {
        assert_eq!(NOTHING, crate::meta::Decision::NOTHING);
    }
}
