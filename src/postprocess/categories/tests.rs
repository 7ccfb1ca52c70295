// SPDX-License-Identifier: MPL-2.0

use super::*;

fn labels(names: &[&str]) -> Labels {
    let names: Vec<_> = names.iter().map(ToString::to_string).collect();
    let classes = names.len();
    Labels::from_names(names, classes).expect("a name each")
}

/// Each category as `name: classes`.
fn shown(categories: &Categories) -> Vec<String> {
    let show = |i| format!("{}: {:?}", categories.name(i), categories.classes(i));
    (0..categories.len()).map(show).collect()
}

/// The categories for lists and groups.
#[test]
fn table() {
    let labels = labels(&["pug", "beagle", "tabby", "lion", "boat", "boat", "Pug"]);
    let text = "dog: 0-1, 6\ncat: 2-3\nlarge cat: 3";
    let groups = Groups::parse(text, "test", &labels).expect("groups");
    let with = Some(&groups);
    let table: [(Option<&Groups>, &str, &str, &[&str]); 14] = [
        // Without groups; one name is one category.
        (
            None,
            "",
            "",
            &[
                "pug: [0]",
                "beagle: [1]",
                "tabby: [2]",
                "lion: [3]",
                "boat: [4, 5]",
                "Pug: [6]",
            ],
        ),
        (None, "lion,boat", "", &["lion: [3]", "boat: [4, 5]"]),
        (None, "Lion", "", &["lion: [3]"]),
        (None, "pug,lion", "LION", &["pug: [0]"]),
        (None, "PUG", "", &["pug: [0]", "Pug: [6]"]),
        (
            None,
            "",
            "pug,boat",
            &["beagle: [1]", "tabby: [2]", "lion: [3]", "Pug: [6]"],
        ),
        // With them; classes in no group stay by themselves.
        (
            with,
            "",
            "",
            &[
                "dog: [0, 1, 6]",
                "cat: [2, 3]",
                "large cat: [3]",
                "boat: [4, 5]",
            ],
        ),
        (with, "cat", "", &["cat: [2, 3]"]),
        (with, "cat, Cat ,cat", "", &["cat: [2, 3]"]),
        // A label of a group by itself, beside the group.
        (with, "beagle", "", &["beagle: [1]"]),
        (with, "dog,beagle", "", &["dog: [0, 1, 6]", "beagle: [1]"]),
        // What is denied does not count within a group either.
        (
            with,
            "",
            "beagle, boat",
            &["dog: [0, 6]", "cat: [2, 3]", "large cat: [3]"],
        ),
        (
            with,
            "",
            "large cat",
            &["dog: [0, 1, 6]", "cat: [2]", "boat: [4, 5]"],
        ),
        (with, "", "cat", &["dog: [0, 1, 6]", "boat: [4, 5]"]),
    ];
    for (groups, allow, deny, expected) in table {
        let found = Categories::new(&labels, groups, allow, deny).expect("categories");
        assert_eq!(shown(&found), expected, "allow={allow} deny={deny}");
    }
}

/// A group and a label of one name are one thing, each class counted once.
#[test]
fn a_group_that_is_called_like_a_label() {
    let labels = labels(&["mushroom", "agaric", "toadstool"]);
    let inside = Groups::parse("mushroom: 0-1", "test", &labels).expect("groups");
    let found = Categories::new(&labels, Some(&inside), "mushroom", "").expect("one");
    assert_eq!(shown(&found), ["mushroom: [0, 1]"]);
    let beside = Groups::parse("mushroom: 1-2", "test", &labels).expect("groups");
    let found = Categories::new(&labels, Some(&beside), "", "").expect("one");
    assert_eq!(shown(&found), ["mushroom: [0, 1, 2]"]);
    let found = Categories::new(&labels, Some(&beside), "", "mushroom");
    assert_eq!(found, Err(CategoriesError::Nothing));
}

/// Labels that have commas need no quotes.
#[test]
fn synonyms() {
    let labels = labels(&["tench, Tinca tinca", "goldfish, Carassius auratus"]);
    let found = Categories::new(&labels, None, "tench, Tinca tinca", "").expect("one");
    assert_eq!(shown(&found), ["tench, Tinca tinca: [0]"]);
    let error = Categories::new(&labels, None, "", "goldfish").expect_err("a part of a label");
    assert_eq!(
        error.to_string(),
        "deny: “goldfish” is neither a label of the model nor a group; did you mean “goldfish, Carassius auratus”?"
    );
}

#[test]
fn errors() {
    let labels = labels(&["pug", "tabby"]);
    let groups = Groups::parse("dog: 0", "test", &labels).expect("groups");
    let error = |allow, deny| {
        let found = Categories::new(&labels, Some(&groups), allow, deny);
        found.expect_err("wrong").to_string()
    };
    assert_eq!(
        error("dog, taby", ""),
        "allow: “taby” is neither a label of the model nor a group; did you mean “tabby”?"
    );
    assert_eq!(
        error("", "dgo"),
        "deny: “dgo” is neither a label of the model nor a group; did you mean “dog”?"
    );
    assert_eq!(
        error("", "helicopter"),
        "deny: “helicopter” is neither a label of the model nor a group"
    );
    assert!(error("dog", "pug").contains("nothing to decide for"));
    assert!(error("", "dog,tabby").contains("nothing to decide for"));
}

/// A built-in group that is named without groups is not a label that is written wrong.
#[test]
fn a_builtin_group_without_groups() {
    let without = |list: &'static str, name: &str| CategoriesError::WithoutGroups {
        list,
        name: name.into(),
    };
    for classes in [1000, 1001] {
        let labels = Labels::default_for(classes);
        let found = Categories::new(&labels, None, "tabby, Dog", "");
        assert_eq!(found, Err(without("allow", "Dog")));
        let found = Categories::new(&labels, None, "", "dog");
        assert_eq!(found, Err(without("deny", "dog")));
        let own = Groups::parse("cats: 281-285", "test", &labels).expect("groups");
        let found = Categories::new(&labels, Some(&own), "dog", "");
        assert!(matches!(found, Err(CategoriesError::Unknown { .. })));
    }
    let text = without("allow", "dog").to_string();
    assert!(text.ends_with("set groups=imagenet-groups"), "{text}");
    // The groups are of no use to another model.
    let found = Categories::new(&labels(&["pug", "tabby"]), None, "dog", "");
    assert!(matches!(found, Err(CategoriesError::Unknown { .. })));
}

/// The built-in groups leave each class in one category.
#[test]
fn imagenet() {
    for classes in [1000, 1001] {
        let labels = Labels::default_for(classes);
        let groups = Groups::imagenet(classes).expect("built in");
        let found = Categories::new(&labels, Some(&groups), "", "").expect("categories");
        let mut all = found.classes.clone();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..classes));
        assert_eq!(&*found.name(0), "dog");
    }
}
