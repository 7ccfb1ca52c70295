// SPDX-License-Identifier: MPL-2.0
//! What `classify` takes: several inputs, folders of pictures, and the element's properties.

use std::path::Path;

use gstresnet50::inference::BUILTIN;
use serde_json::Value;

use super::{classify, command, fail, succeed, text};
use support::{data, lines, program, source};

/// The answers that a command gives as lines.
fn answers(command: &mut std::process::Command) -> Vec<Value> {
    lines::parse(&succeed(command.args(["--json", "-"])).stdout)
}

/// The numbers that stand before some words.
fn before<'a>(text: &'a str, words: &str) -> Vec<&'a str> {
    text.split(words)
        .filter_map(|part| part.rsplit([' ', '(']).next())
        .collect()
}

/// One picture is no rate: its time is told, and nothing about a second.
#[test]
fn one_picture_has_no_rate() {
    let photo = data("photos/coffee.png");
    let output = succeed(&mut command(&[
        "classify",
        "--model",
        BUILTIN,
        text(&photo),
    ]));
    let words = program::stdout(&output);
    assert!(words.contains("espresso"), "{words}");
    assert!(words.contains("1 frame in 0."), "{words}");
    assert!(!words.contains("a second"), "{words}");
    // A few frames have one that this machine can have: their time is that of all of them.
    let clip = source("demo/clip.webm");
    let few = [
        "classify",
        "--model",
        BUILTIN,
        "--max-frames",
        "2",
        text(&clip),
    ];
    let output = succeed(&mut command(&few));
    let words = program::stdout(&output);
    let rate: f64 = before(&words, " a second")[0].parse().expect("a number");
    assert!((0.01..5000.0).contains(&rate), "{words}");
}

/// Several inputs and folders: each has its answers, and a line says whose it is; what is neither
/// picture nor video is left out, and said to be.
#[test]
fn several_inputs_and_a_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir(path("deeper")).expect("a folder");
    for (from, to) in [
        ("coffee.png", "1.png"),
        ("motorcycle_left.png", "deeper/2.PNG"),
    ] {
        std::fs::copy(data("photos").join(from), path(to)).expect("copied");
    }
    std::fs::write(path("notes.txt"), "no picture").expect("written");
    let chelsea = data("photos/chelsea.png");
    let clip = source("demo/clip.webm");

    let mut command = command(&["classify", "--model", BUILTIN, "--max-frames", "3"]);
    command.args([text(&chelsea), text(folder.path()), text(&clip)]);
    command.args(["--json", "-"]);
    let output = succeed(&mut command);
    let seen: Vec<(String, String)> = lines::parse(&output.stdout)
        .iter()
        .map(|line| {
            let text = |value: &Value| value.as_str().expect("text").to_owned();
            (text(&line["source"]), text(&line["results"][0]["label"]))
        })
        .collect();
    let of = |path: &Path, label: &str| (text(path).to_owned(), label.to_owned());
    let cat = of(&clip, "Egyptian cat");
    let expected = [
        of(&chelsea, "tiger cat"),
        of(&path("1.png"), "espresso"),
        of(&path("deeper/2.PNG"), "moped"),
        cat.clone(),
        cat.clone(),
        cat,
    ];
    assert_eq!(seen, expected);
    let words = program::stderr(&output);
    assert!(words.contains("left out: 1 file"), "{words}");
    assert!(words.contains("6 frames of 4 inputs"), "{words}");
    let line = format!("{}  0:00:00.000  espresso", path("1.png").display());
    assert!(words.contains(&line), "{words}");
}

/// One input has lines without a source, as the element writes them.
#[test]
fn one_input_has_no_source() {
    let seen = answers(&mut classify(&[]));
    assert!(seen.iter().all(|line| line.get("source").is_none()));
}

/// One of several that cannot be read is told by its name, the others are classified, and the
/// program does not succeed.
#[test]
fn one_of_several_fails() {
    let folder = tempfile::tempdir().expect("a folder");
    let broken = folder.path().join("broken.png");
    std::fs::write(&broken, "no picture").expect("written");
    let (coffee, json) = (data("photos/coffee.png"), folder.path().join("seen.jsonl"));
    let mut command = command(&["classify", "--model", BUILTIN, text(&broken), text(&coffee)]);
    let words = fail(
        command.arg("--json").arg(&json),
        &["broken.png", "of 2 inputs 1"],
    );
    assert!(words.starts_with("error: "), "{words}");
    let seen = lines::parse(&std::fs::read(json).expect("the answers"));
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0]["results"][0]["label"], "espresso");
    // What is wrong with all of them is said once.
    let mut command = super::command(&["classify", "--model", BUILTIN, text(&coffee)]);
    command
        .arg(data("photos/chelsea.png"))
        .arg("--labels")
        .arg(source("Cargo.toml"));
    let words = fail(&mut command, &["Cargo.toml"]);
    assert_eq!(words.matches("error: ").count(), 1, "{words}");
}

/// `--top-k` and `--threshold` hold for the lines and for what is shown.
#[test]
fn top_k_and_threshold() {
    let photo = data("photos/coffee.png");
    let classify = |args: &[&str]| {
        let mut command = command(&["classify", "--model", BUILTIN, text(&photo)]);
        command.args(args);
        command
    };
    let results = |args: &[&str]| {
        let seen = answers(&mut classify(args));
        seen[0]["results"].as_array().expect("results").len()
    };
    assert_eq!(results(&[]), 5);
    assert_eq!(results(&["--top-k", "2"]), 2);
    assert_eq!(results(&["--top-k", "7"]), 7);
    assert_eq!(results(&["--threshold", "0.5"]), 1);
    assert_eq!(results(&["--threshold", "1"]), 0);
    let words = program::stdout(&succeed(&mut classify(&["--top-k", "2"])));
    let line = words.lines().next().expect("a line");
    assert!(
        line.contains("espresso 9") && line.contains(" %, "),
        "{line}"
    );
    let words = program::stdout(&succeed(&mut classify(&["--threshold", "1"])));
    assert!(words.contains("nothing"), "{words}");
    for wrong in [
        ["--threshold", "1.5"],
        ["--threshold", "x"],
        ["--top-k", "0"],
    ] {
        let output = classify(&wrong).output().expect("it runs");
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
    }
}

/// With `--groups` what is told is the group.
#[test]
fn groups() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("groups.txt");
    std::fs::write(&file, "pet: 281-285\n").expect("written");
    let output = succeed(&mut classify(&["--groups", text(&file)]));
    let words = program::stdout(&output);
    assert!(words.contains("0:00:00.000  pet "), "{words}");
    assert!(words.contains("% of frames  pet"), "{words}");
    let seen = answers(&mut classify(&["--groups", text(&file)]));
    assert!(seen.iter().all(|line| line["decision"] == "pet"));
}

/// `--set` sets any property as gst-launch-1.0 does, also one for which there is an option.
#[test]
fn any_property_can_be_set() {
    let seen = answers(&mut classify(&["--top-k", "4", "--set", "top-k=3"]));
    assert!(
        seen.iter()
            .all(|l| l["results"].as_array().expect("results").len() == 3)
    );
    let seen = answers(&mut classify(&[
        "--set",
        "interval=4",
        "--set",
        "mode=exact",
    ]));
    let fresh: Vec<_> = seen.iter().map(|l| l["fresh"] == true).collect();
    assert_eq!(fresh, (0..8).map(|i| i % 4 == 0).collect::<Vec<_>>());
    // Numbers, arrays, fractions, booleans, structures and names with blanks.
    let folder = tempfile::tempdir().expect("a folder");
    let labels = folder.path().join("my labels.txt");
    std::fs::copy(source("plugin-meta/imagenet-1k.txt"), &labels).expect("copied");
    answers(&mut classify(&[
        "--set",
        "mean=<0.5,0.5,0.5>",
        "--set",
        "std=<0.25, 0.25, 0.25>",
        "--set",
        "max-rate=5/1",
        "--set",
        "share=false",
        "--set",
        "smoothing=1000000000",
        "--set",
        "threshold=0.01",
        "--set",
        &format!("labels={}", labels.display()),
    ]));
}

/// What cannot be set is refused with what can be.
#[test]
fn what_cannot_be_set_is_told() {
    for (set, words) in [
        (
            "nonsense=1",
            &["no property “nonsense”", "top-k", "smoothing"][..],
        ),
        ("top-k", &["NAME=VALUE"]),
        ("top-k=0", &["“top-k”", "from 1 to"]),
        ("top-k=-1", &["“top-k”", "from 1 to"]),
        ("top-k=many", &["“top-k”", "from 1 to"]),
        ("threshold=2", &["“threshold”", "from 0 to 1"]),
        ("mode=fast", &["“mode”", "auto, exact, live"]),
        ("share=maybe", &["“share”", "true or false"]),
        ("max-rate=-5/1", &["“max-rate”", "a fraction"]),
        ("stats=x", &["“stats”", "can only be read"]),
    ] {
        fail(&mut classify(&["--set", set]), words);
    }
}

/// A video of which nothing is classified is no success: the program says why, and leaves what it
/// would have replaced.
#[test]
fn nothing_classified_is_no_success() {
    let folder = tempfile::tempdir().expect("a folder");
    let json = folder.path().join("seen.jsonl");
    std::fs::write(&json, "old").expect("written");
    let mut command = classify(&["--set", "region=rois", "--json", text(&json)]);
    fail(
        &mut command,
        &["8 frames, 0 of them classified", "region=rois"],
    );
    assert_eq!(std::fs::read(&json).expect("there"), b"old");
    assert_eq!(super::names(folder.path()), ["seen.jsonl"]);
}

/// Of several inputs, one in which nothing is classified is told; the program does not succeed.
#[test]
fn nothing_classified_in_one_of_several() {
    let (photo, clip) = (data("photos/coffee.png"), source("demo/clip.webm"));
    let mut command = command(&["classify", "--model", BUILTIN, "--max-frames", "4"]);
    command.args([text(&photo), text(&clip), "--set", "region=rois"]);
    let words = fail(
        &mut command,
        &["coffee.png: 1 frame, 0 of them", "clip.webm: 4 frames, 0"],
    );
    assert!(words.contains("of 2 inputs 2"), "{words}");
}
