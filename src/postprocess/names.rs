// SPDX-License-Identifier: MPL-2.0
//! Look-up of labels and groups by the names that users type.

use std::collections::HashMap;
use std::sync::Arc;

use crate::text;

/// The longest name, in characters, for which another is suggested.
const MAX_TYPED: usize = 100;

/// The most commas of a name in a list: the name may end at each of them.
const MAX_COMMAS: usize = 64;

/// Items by name.
#[derive(Debug)]
pub(super) struct Names<T> {
    /// By the name in lower case.
    lowercase: HashMap<String, Vec<(Arc<str>, T)>>,
    /// The maximum number of commas in a name.
    commas: usize,
}

impl<T: Copy> Names<T> {
    /// Takes items with their names; several may have the same name.
    pub fn new(named: impl IntoIterator<Item = (Arc<str>, T)>) -> Self {
        let mut lowercase: HashMap<String, Vec<(Arc<str>, T)>> = HashMap::new();
        let mut commas = 0;
        for (name, thing) in named {
            commas = commas.max(name.matches(',').count());
            let alike = lowercase.entry(name.to_lowercase()).or_default();
            alike.push((name, thing));
        }
        Self { lowercase, commas }
    }

    /// All items of this name; without an exact match, those whose name differs only in case. ImageNet
    /// has both a Cardigan (a dog) and a cardigan.
    pub fn find(&self, name: &str) -> Vec<T> {
        let alike = self.lowercase.get(&name.to_lowercase());
        let alike = alike.map_or(&[][..], Vec::as_slice);
        let is_exact = |(known, _): &&(Arc<str>, T)| **known == *name;
        let exact: Vec<T> = alike.iter().filter(is_exact).map(|(_, t)| *t).collect();
        match exact.is_empty() {
            true => alike.iter().map(|(_, thing)| *thing).collect(),
            false => exact,
        }
    }

    /// The names in a list separated by commas, without empty ones. A known name that contains commas,
    /// such as "tench, Tinca tinca", is one name.
    pub fn split<'t>(&self, list: &'t str) -> Vec<&'t str> {
        let mut items = Vec::new();
        let mut rest = list;
        while !rest.is_empty() {
            let commas = rest.match_indices(',').map(|(at, _)| at);
            let end = commas
                .chain([rest.len()])
                .take(self.commas.min(MAX_COMMAS) + 1)
                .enumerate()
                .filter(|(more, end)| *more == 0 || !self.find(rest[..*end].trim()).is_empty())
                .last()
                .map_or(rest.len(), |(_, end)| end);
            let item = rest[..end].trim();
            if !item.is_empty() {
                items.push(item);
            }
            rest = rest[end..].strip_prefix(',').unwrap_or_default();
        }
        items
    }

    /// The known name that is most similar to an unknown one, if it is similar enough. Each
    /// character that is inserted, deleted, replaced or swapped with its neighbor counts as one
    /// difference; a third of the characters may differ.
    pub fn nearest(&self, name: &str) -> Option<Arc<str>> {
        let name = name.to_lowercase();
        let length = name.chars().take(MAX_TYPED + 1).count();
        // Nobody types more, and the comparison would take long.
        if length > MAX_TYPED {
            return None;
        }
        let max_distance = (length / 3).max(1);
        let is_near = |part: &&str| {
            let part = part.chars().take(2 * MAX_TYPED).count();
            part.abs_diff(length) <= max_distance
        };
        self.lowercase
            .iter()
            .map(|(lowercase, alike)| {
                // A list of synonyms contains commas; users type one of them.
                let parts = lowercase
                    .split(',')
                    .map(str::trim)
                    .chain([lowercase.as_str()]);
                let distance = parts
                    .filter(is_near)
                    .map(|part| strsim::osa_distance(&name, part))
                    .min();
                (distance.unwrap_or(usize::MAX), &alike[0].0)
            })
            .filter(|(distance, _)| *distance <= max_distance)
            .min()
            .map(|(_, known)| Arc::clone(known))
    }
}

/// “; did you mean …?”, or nothing.
pub(super) fn hint(nearest: Option<&Arc<str>>) -> String {
    nearest.map_or_else(String::new, |name| {
        format!("; did you mean “{}”?", text::name(name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Names<usize> {
        let named = names.iter().enumerate();
        Names::new(named.map(|(index, name)| (Arc::from(*name), index)))
    }

    /// The exact name comes first; other cases count only where there is none.
    #[test]
    fn case() {
        let names = names(&["Cardigan", "cardigan", "tabby", "tabby"]);
        assert_eq!(names.find("Cardigan"), [0]);
        assert_eq!(names.find("cardigan"), [1]);
        assert_eq!(names.find("CARDIGAN"), [0, 1]);
        assert_eq!(names.find("Tabby"), [2, 3]);
        assert!(names.find("tab").is_empty());
    }

    #[test]
    fn lists() {
        let plain = names(&["dog", "cat"]);
        assert_eq!(plain.split(" dog ,, cat,"), ["dog", "cat"]);
        assert!(plain.split(" , ").is_empty());
        let synonyms = names(&["tench, Tinca tinca", "a, b, c", "a"]);
        assert_eq!(
            synonyms.split("tench, Tinca,a, b,Tench, Tinca tinca , a, b, c"),
            ["tench", "Tinca", "a", "b", "Tench, Tinca tinca", "a, b, c"]
        );
    }

    #[test]
    fn suggestions() {
        let names = names(&["dog", "golden retriever", "tench, Tinca tinca"]);
        let nearest = |name| names.nearest(name).map(|n| n.to_string());
        assert_eq!(nearest("god"), None, "two letters of three are wrong");
        assert_eq!(nearest("odg").as_deref(), Some("dog"));
        assert_eq!(nearest("dogs").as_deref(), Some("dog"));
        let golden = Some("golden retriever");
        assert_eq!(nearest("Golden Retreiver").as_deref(), golden);
        assert_eq!(nearest("golden-retriver").as_deref(), golden);
        let tench = Some("tench, Tinca tinca");
        assert_eq!(nearest("tench").as_deref(), tench);
        assert_eq!(nearest("helicopter"), None);
    }

    /// Nothing that is long is compared with what is long, and a name with many commas does not
    /// make each item of a list a search of its own: that would take for ever.
    #[test]
    fn long_names() {
        let long = "name".repeat(100_000);
        let commas = ",".repeat(100_000);
        let names = names(&["dog", &long, &commas]);
        assert_eq!(names.nearest(&long.replace('n', "m")), None);
        assert_eq!(names.nearest("dgo").as_deref(), Some("dog"));
        let list = "dog,".repeat(10_000);
        assert_eq!(names.split(&list).len(), 10_000);
    }
}
