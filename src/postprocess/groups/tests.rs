// SPDX-License-Identifier: MPL-2.0
use std::collections::HashSet;

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
    assert_eq!(parse::NOTHING, crate::meta::Decision::NOTHING);
}
