// SPDX-License-Identifier: MPL-2.0
//! What a decision can be: groups and labels, selected by name.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::groups::{Groups, sum_of};
use super::labels::Labels;
use super::names::{Names, hint};
use crate::text;

/// The groups and labels that a decision can be. Built once for a model and its settings, and shared by
/// their streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Categories {
    categories: Vec<Category>,
    /// The classes of all categories, one category after the other.
    classes: Vec<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Category {
    name: Arc<str>,
    /// Its range in [`Categories::classes`].
    classes: Range<usize>,
}

/// Why there are no categories.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CategoriesError {
    /// A name in a list is neither a label nor a group.
    #[error(
        "{list}: “{}” is neither a label of the model nor a group{}",
        text::name(.name),
        hint(nearest.as_ref())
    )]
    Unknown {
        /// The list: `allow` or `deny`.
        list: &'static str,
        /// The name.
        name: String,
        /// A similar label or group.
        nearest: Option<Arc<str>>,
    },
    /// A list names a built-in group, and no groups are set.
    #[error(
        "{list}: “{}” is no label of the model; it is a group of imagenet-groups: set groups=imagenet-groups",
        text::name(.name)
    )]
    WithoutGroups {
        /// The list: `allow` or `deny`.
        list: &'static str,
        /// The group.
        name: String,
    },
    /// Everything is excluded.
    #[error("deny leaves nothing to decide for: it names all that allow names, or all there is")]
    Nothing,
}

/// What a name refers to.
#[derive(Debug, Clone, Copy)]
enum Named {
    Group(usize),
    Class(usize),
}

impl Categories {
    /// With groups, each group and each class outside of all groups is a category; without groups,
    /// each class. Groups and labels of the same name are one category with the sum of their classes.
    ///
    /// `allow` and `deny` are lists of names of groups and labels, separated by commas. Case is
    /// ignored unless there is an exact match. An empty list has no effect.
    /// - `allow`: only these are categories. A label in it is a category even if its class is in a
    ///   group.
    /// - `deny`: these do not count, neither alone nor in a group; denying a group denies all of its
    ///   classes. `deny` takes precedence over `allow`.
    ///
    /// # Errors
    /// [`CategoriesError::Unknown`] for an unknown name, [`CategoriesError::WithoutGroups`] if it is one
    /// of `imagenet-groups` and no groups are set, and [`CategoriesError::Nothing`] if no category is
    /// left.
    pub fn new(
        labels: &Labels,
        groups: Option<&Groups>,
        allow: &str,
        deny: &str,
    ) -> Result<Self, CategoriesError> {
        let labels = labels.names();
        let is_builtin = |name: &str| groups.is_none() && is_imagenet_group(name, labels.len());
        let groups: Vec<(Arc<str>, &[usize])> = groups
            .into_iter()
            .flat_map(|groups| (0..groups.len()).map(|i| (groups.name(i), groups.classes(i))))
            .collect();
        let group_names = groups.iter().enumerate();
        let group_names = group_names.map(|(i, (name, _))| (Arc::clone(name), Named::Group(i)));
        let label_names = labels.iter().cloned().enumerate();
        let label_names = label_names.map(|(i, name)| (name, Named::Class(i)));
        let names = Names::new(group_names.chain(label_names));
        let allowed = named("allow", allow, &names, is_builtin)?;
        let denied = named("deny", deny, &names, is_builtin)?;

        let mut is_denied = vec![false; labels.len()];
        for named in denied {
            match named {
                Named::Group(group) => groups[group].1.iter().for_each(|c| is_denied[*c] = true),
                Named::Class(class) => is_denied[class] = true,
            }
        }
        let mut is_grouped = vec![false; labels.len()];
        for class in groups.iter().flat_map(|(_, classes)| *classes) {
            is_grouped[*class] = true;
        }
        let chosen = if allowed.is_empty() {
            let alone = (0..labels.len()).filter(|class| !is_grouped[*class]);
            let groups = (0..groups.len()).map(Named::Group);
            groups.chain(alone.map(Named::Class)).collect()
        } else {
            allowed
        };

        let mut merged = Merged::default();
        for named in chosen {
            let (name, classes) = match &named {
                Named::Group(group) => (&groups[*group].0, groups[*group].1),
                Named::Class(class) => (&labels[*class], std::slice::from_ref(class)),
            };
            merged.add(name, classes.iter().copied().filter(|c| !is_denied[*c]));
        }
        merged.finish()
    }

    /// How many categories there are; at least one.
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        self.categories.len()
    }

    /// The name of a category. Groups come first, then labels in the order of the classes; with
    /// `allow`, they have its order.
    ///
    /// # Panics
    /// If there is no such category.
    pub fn name(&self, index: usize) -> Arc<str> {
        Arc::clone(&self.categories[index].name)
    }

    /// The indices of a category's classes, ascending, each once.
    ///
    /// # Panics
    /// If there is no such category.
    pub fn classes(&self, index: usize) -> &[usize] {
        &self.classes[self.categories[index].classes.clone()]
    }

    /// For each category the sum of the `confidences` of its classes.
    pub(super) fn sums(&self, confidences: &[f32]) -> impl Iterator<Item = f64> {
        self.categories
            .iter()
            .map(move |category| sum_of(&self.classes[category.classes.clone()], confidences))
    }
}

/// Whether this is the name of a built-in group for a model with so many classes.
fn is_imagenet_group(name: &str, classes: usize) -> bool {
    let name = name.to_lowercase();
    Groups::imagenet(classes)
        .is_ok_and(|groups| (0..groups.len()).any(|i| groups.name(i).to_lowercase() == name))
}

/// What the names of a list refer to. `is_builtin` tells whether a name is that of a built-in group.
fn named(
    list: &'static str,
    text: &str,
    names: &Names<Named>,
    is_builtin: impl Fn(&str) -> bool,
) -> Result<Vec<Named>, CategoriesError> {
    let mut all = Vec::new();
    for name in names.split(text) {
        let found = names.find(name);
        if found.is_empty() && is_builtin(name) {
            let name = name.into();
            return Err(CategoriesError::WithoutGroups { list, name });
        }
        if found.is_empty() {
            return Err(CategoriesError::Unknown {
                list,
                name: name.into(),
                nearest: names.nearest(name),
            });
        }
        all.extend(found);
    }
    Ok(all)
}

/// Categories under construction.
#[derive(Default)]
struct Merged {
    order: Vec<(Arc<str>, Vec<usize>)>,
    /// Indices into the order.
    places: HashMap<Arc<str>, usize>,
}

impl Merged {
    fn add(&mut self, name: &Arc<str>, classes: impl Iterator<Item = usize>) {
        let place = *self.places.entry(Arc::clone(name)).or_insert_with(|| {
            self.order.push((Arc::clone(name), Vec::new()));
            self.order.len() - 1
        });
        self.order[place].1.extend(classes);
    }

    fn finish(self) -> Result<Categories, CategoriesError> {
        let mut all = Categories {
            categories: Vec::new(),
            classes: Vec::new(),
        };
        for (name, mut classes) in self.order {
            classes.sort_unstable();
            classes.dedup();
            if classes.is_empty() {
                continue;
            }
            let begin = all.classes.len();
            all.classes.extend(classes);
            let classes = begin..all.classes.len();
            all.categories.push(Category { name, classes });
        }
        match all.categories.is_empty() {
            true => Err(CategoriesError::Nothing),
            false => Ok(all),
        }
    }
}

#[cfg(test)]
mod tests;
