// SPDX-License-Identifier: MPL-2.0
//! Forms of labels files, as other programs write them.

use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Result<Vec<String>, String> {
    names(text, 3).map_err(|e| e.to_string())
}

const RGB: [&str; 3] = ["red", "green", "blue"];

/// Everything that is beyond doubt gives the three names in their order.
#[test]
fn forms_that_are_read() {
    for text in [
        // A name a line.
        "red\ngreen\nblue",
        "\u{feff}red\r\ngreen \r\nblue\r\n\r\n\n",
        // JSON and Python.
        r#"["red", "green", "blue"]"#,
        "[\"red\",\n\"green\",\n\"blue\"]\n",
        "\u{feff}[\r\n  \"red\",\r\n  \"green\",\r\n  \"blue\"\r\n]\r\n",
        "['red', 'green', 'blue',]",
        "('red', 'green', 'blue')",
        "[u'red', u\"green\", 'blue']",
        "classes = ['red', 'green', 'blue']",
        "const NAMES = [\n  'red',\n  'green',\n  'blue',\n];\n",
        "names: ['red', 'green', 'blue']",
        "['red',  # the first\n 'green', 'blue']",
        r#"{"0": "red", "1": "green", "2": "blue"}"#,
        r#"{"2": "blue", "0": "red", "1": "green"}"#,
        "{0: 'red',\n 1: 'green',\n 2: 'blue'}",
        r#"{"red": 0, "green": 1, "blue": 2}"#,
        "{'blue': 2, 'red': 0, 'green': 1}",
        r#"{"0": ["n00000001", "red"], "1": ["n00000002", "green"], "2": ["n00000003", "blue"]}"#,
        r#"[["n00000001", "red"], ["n00000002", "green"], ["n00000003", "blue"]]"#,
        "[(0, 'red'), (1, 'green'), (2, 'blue')]",
        r#"[{"id": 0, "name": "red"}, {"id": 1, "name": "green"}, {"id": 2, "name": "blue"}]"#,
        "{\"id\": 1, \"name\": \"green\"}\n{\"id\": 0, \"name\": \"red\"}\n{\"id\": 2, \"name\": \"blue\"}",
        r#"{"architectures": ["x"], "id2label": {"0": "red", "1": "green", "2": "blue"}, "label2id": {}}"#,
        r#"{"nc": 3, "names": ["red", "green", "blue"]}"#,
        // Numbers and names.
        "0:red\n1:green\n2:blue",
        "0: red\r\n1: green\r\n2: blue\r\n",
        "2: blue\n0: red\n\n1: green",
        "0 red\n1 green\n2 blue",
        "0\tred\n1\tgreen\n2\tblue",
        "000 red\n001 green\n002 blue",
        "0. red\n1. green\n2. blue",
        "0 - red\n1 - green\n2 - blue",
        "0: 'red',\n1: 'green',\n2: 'blue'",
        "0=red\n1=green\n2=blue",
        // Tables.
        "0,red\n1,green\n2,blue",
        "index,name\n0,red\n1,green\n2,blue",
        "id;label\r\n0;red\r\n1;green\r\n2;blue\r\n",
        "name,index\nred,0\ngreen,1\nblue,2",
        "red,0\ngreen,1\nblue,2",
        "index\tname\n2\tblue\n1\tgreen\n0\tred",
        "index,mid,display_name\n0,/m/1,red\n1,/m/2,\"green\"\n2,/m/3,blue",
        "\"index\",\"name\"\n\"0\",\"red\"\n\"1\",\"green\"\n\"2\",\"blue\"",
        // WordNet.
        "n00000001 red\nn00000002 green\nn00000003 blue",
        "n00000001\tred\nn00000002\tgreen\nn00000003\tblue",
        "0 n00000001 red\n1 n00000002 green\n2 n00000003 blue",
        "n00000009 2 blue\nn00000002 0 red\nn00000003 1 green",
        // One line, or a list that lost its brackets.
        "red;green;blue",
        "red, green, blue\n",
        "red\tgreen\tblue",
        "0:red,1:green,2:blue",
        "\"red\",\"green\",\"blue\"",
        "\"red\",\n\"green\",\n\"blue\"",
        "'red'\n'green'\n'blue'",
        "- red\n- green\n- blue",
        "red,\ngreen,\nblue",
    ] {
        match read(text) {
            Ok(names) => assert_eq!(names, RGB, "{text:?}"),
            Err(e) => panic!("{text:?}: {e}"),
        }
    }
}

/// Names with commas, colons, brackets and numbers in them are names, where nothing says
/// otherwise.
#[test]
fn names_that_stay() {
    for names in [
        [
            "tench, Tinca tinca",
            "goldfish, Carassius auratus",
            "great white shark, white shark",
        ],
        ["007 agent", "008 agent", "009 agent"],
        ["7 up", "3 musketeers", "1 o'clock"],
        ["1 star", "2 stars", "3 stars"],
        ["4:3", "16:9", "1:1"],
        ["0", "1", "2"],
        ["class 0", "class 1", "class 2"],
        ["room, 0", "room, 1", "room, 2"],
        ["cat [domestic]", "dog (small)", "{other}s"],
        ["001.ak47", "002.american-flag", "003.backpack"],
        ["n01440764", "n01443537", "n01484850"],
        ["time: day", "time: night", "place: indoors"],
        ["1,2-dichlorobenzene", "1,3-butadiene", "2,4-D"],
        ["crane", "maillot", "crane"],
        ["1984: a book", "2001: a film", "300: a film"],
        ["it's", "\"quoted\" partly", "a = b"],
        ["(other)", "cat", "dog"],
        ["", "cat", "dog"],
    ] {
        assert_eq!(
            read(&names.join("\n")),
            Ok(names.map(str::to_owned).to_vec())
        );
    }
    // The name of a single class.
    assert_eq!(
        names("tench, Tinca tinca\n", 1),
        Ok(vec!["tench, Tinca tinca".into()])
    );
}

/// What is nearly in a form is refused with its name, the line and what is wrong with it.
#[test]
fn forms_that_are_refused() {
    for (text, words) in [
        ("[red, green, blue]", "line 1: a name in quotes is expected"),
        (
            "[\n\"red\",\n\"green\"\n\"blue\"\n]",
            "JSON or Python has it, but line 4: “,” or “]”",
        ),
        ("[\"red\",\n\"green\",\n\"blue\"", "line 3: “]” is missing"),
        ("[\"red\", 2, \"blue\"]", "element 2 is no name in quotes"),
        ("[\"red\"] and more", "line 1: something follows"),
        ("[]", "it is empty"),
        ("{'red', 'green', 'blue'}", "a set has no order"),
        (
            "{1: 'red', 2: 'green', 3: 'blue'}",
            "the numbers begin with 1",
        ),
        (
            "{\"0\": \"red\", \"0\": \"green\", \"2\": \"blue\"}",
            "number 0 is there twice",
        ),
        (
            "{\"0\": \"red\", \"1\": \"green\", \"4\": \"blue\"}",
            "number 4, and 3 names have the numbers 0 to 2",
        ),
        (
            "{\"a\": \"red\", \"b\": \"green\"}",
            "neither its keys nor its values",
        ),
        (
            "0:red\n1:green\nblue",
            "lines of “number:name” or “number name”, but line 3: it is not like",
        ),
        ("0 red\n1 green\nblue", "line 3: it is not like"),
        ("0:red\n1:green\n1:blue", "line 3: number 1 is there twice"),
        ("0 red\n0 green\n1 blue", "line 2: number 0 is there twice"),
        ("1:red\n2:green\n3:blue", "line 1: the numbers begin with 1"),
        ("0:red\n1:green\n3:blue", "line 3: number 3, and 3 names"),
        (
            "index,name\n0,red\n1,green\n1,blue",
            "a table (CSV), but line 4: number 1 is there twice",
        ),
        ("index,name\n0,red\ngreen\n1,blue", "line 3"),
        ("1,red\n2,green\n3,blue", "line 1: the numbers begin with 1"),
        (
            "n00000001 red\nn00000001 green\nn00000003 blue",
            "WordNet's numbers and names, but line 2",
        ),
        (
            "n00000001 red\ngreen\nn00000003 blue",
            "line 2: it is not like",
        ),
        (
            "n00000001 1 red\nn00000002 2 green\nn00000003 3 blue",
            "begin with 1",
        ),
        ("red;;blue", "nothing between two “;”"),
        (
            "item {\n  id: 1\n  name: 'red'\n}\n",
            "a label map of TensorFlow (pbtxt), but line 1",
        ),
        ("names:\n  0: red\n  1: green\n", "YAML"),
        ("<?xml version='1.0'?>\n<a/>", "XML"),
        ("red\ngreen\n]", "line 3: there is a bracket"),
        ("labels(\n  red\n)", "line 3: there is a bracket"),
        ("r\0e\0d\0", "UTF-16"),
    ] {
        let error = read(text).expect_err(text);
        assert!(error.contains(words), "{text:?}: {error}");
        assert!(error.ends_with("one name a line will do"), "{error}");
    }
    let utf16 = "red\ngreen".encode_utf16().flat_map(u16::to_le_bytes);
    let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain(utf16).collect();
    let error = super::utf16(&utf16).expect("a form").to_string();
    assert!(
        error.contains("UTF-16") && error.contains("save it as"),
        "{error}"
    );
}

/// What texts in these forms are made of.
fn pieces() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "0",
        "1",
        "2",
        "007",
        "red",
        "n01440764",
        " ",
        "\t",
        "\n",
        "\r\n",
        ":",
        "=",
        ",",
        ";",
        ".",
        "-",
        "\"",
        "'",
        "[",
        "]",
        "{",
        "}",
        "(",
        ")",
        "\\",
        "\\u00e9",
        "\\ud83d",
        "#",
        "index",
        "name",
        "names",
        "\u{feff}",
        "é",
        "\0",
    ]);
    prop::collection::vec(pieces, 0..24).prop_map(|p| p.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a file has in it, it is read or refused, and no message has a control character.
    #[test]
    fn any_text(text in pieces(), classes in 1usize..4) {
        if let Err(error) = names(&text, classes) {
            prop_assert!(!error.to_string().contains(char::is_control), "{error:?}");
        }
    }

    /// Names of letters, with spaces and commas in them, stay as they are.
    #[test]
    fn plain_lists_stay(lines in prop::collection::vec("[a-z][a-z ]{0,8}[a-z](, [a-z]{1,8})?", 2..8)) {
        let read = names(&lines.join("\n"), lines.len());
        prop_assert_eq!(read, Ok(lines));
    }
}
