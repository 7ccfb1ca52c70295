// SPDX-License-Identifier: MPL-2.0
//! Names from files and folders, whatever bytes they have.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use gstresnet50::onnx::{Model, StringEntry};

use super::{command, commands, run};
use support::data;
use support::onnx::{Net, write};
use support::program::{stderr, stdout};

/// Turns the text red, clears the screen in two ways and names the window.
const HOSTILE: &str = "cat\x1b[31m\u{9b}2J\x1b]0;title\x07\r\n\u{202e}dog\u{7f}";

/// How it is shown.
const SHOWN: &str = r"cat\u{1b}[31m\u{9b}2J\u{1b}]0;title\u{7}\r\n\u{202e}dog\u{7f}";

/// Whether a terminal would do anything else with it than print it, line by line.
fn is_harmful(text: &str) -> bool {
    text.contains(|c: char| c.is_control() && c != '\n') || text.contains('\u{202e}')
}

/// A classifier of three classes with such a name wherever a file can have one, three times as
/// long as `repeat` says.
fn hostile(repeat: usize) -> Model {
    let name = HOSTILE.repeat(repeat);
    let mut model = Net::color().model();
    let graph = model.graph.as_mut().expect("a graph");
    graph.input[0].name.clone_from(&name);
    graph.output[0].name = format!("{name}y");
    for node in &mut graph.node {
        node.name.clone_from(&name);
        for input in &mut node.input {
            if input == "x" {
                input.clone_from(&name);
            }
        }
        for output in &mut node.output {
            if output == "y" {
                *output = format!("{name}y");
            }
        }
    }
    model.producer_name.clone_from(&name);
    let contract = serde_json::json!({
        "architecture": name,
        "mean": [0, 0, 0],
        "std": [1, 1, 1],
        "output": "probabilities",
        "labels": [name, name, name],
        "source": name,
        "weights_sha256": name,
    });
    model.metadata_props = vec![StringEntry {
        key: "resnet50.contract".into(),
        value: contract.to_string(),
    }];
    model
}

/// No name in a file reaches the terminal as it is: a terminal would obey it.
#[test]
fn names_of_a_file_are_escaped_in_the_terminal() {
    let home = tempfile::tempdir().expect("a folder");
    let good = write(&hostile(1), home.path(), "good.onnx");
    let mut bad = hostile(1);
    let graph = bad.graph.as_mut().expect("a graph");
    graph.output[0].r#type = None;
    graph.node[0].op_type = HOSTILE.into();
    let bad = write(&bad, home.path(), "bad.onnx");
    let mut wrong = hostile(1);
    wrong.metadata_props[0].value = serde_json::json!({ "fit": HOSTILE }).to_string();
    let wrong = write(&wrong, home.path(), "wrong.onnx");

    let photo = data("photos/chelsea.png");
    let photo = photo.to_str().expect("a path of text");
    for model in [&good, &bad, &wrong] {
        for args in commands(photo) {
            let output = run(home.path(), &args, model);
            let (out, err) = (stdout(&output), stderr(&output));
            assert!(!is_harmful(&out), "{args:?} {model:?}: {out:?}");
            assert!(!is_harmful(&err), "{args:?} {model:?}: {err:?}");
        }
    }
    let inspected = stdout(&run(home.path(), &["model", "inspect", "MODEL"], &good));
    assert!(inspected.contains(SHOWN), "{inspected}");
    let args = ["classify", photo, "--model", "MODEL"];
    let output = run(home.path(), &args, &good);
    assert!(stdout(&output).contains(SHOWN), "{output:?}");
}

/// JSON is harmless in a terminal too, and has the names as the file has them.
#[test]
fn json_has_the_true_names() {
    let home = tempfile::tempdir().expect("a folder");
    let model = write(&hostile(1), home.path(), "model.onnx");
    let output = run(
        home.path(),
        &["model", "inspect", "MODEL", "--json"],
        &model,
    );
    let report: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    assert_eq!(report["inputs"][0]["name"], HOSTILE);
    assert_eq!(report["contract"]["labels"][0], HOSTILE);

    let lines = home.path().join("lines.jsonl");
    let photo = data("photos/chelsea.png");
    let photo = photo.to_str().expect("a path of text");
    let file = lines.to_str().expect("a path of text");
    let args = ["classify", photo, "--model", "MODEL", "--json", file];
    run(home.path(), &args, &model);
    let text = std::fs::read_to_string(&lines).expect("the lines");
    assert!(!is_harmful(&text), "{text:?}");
    let line: serde_json::Value = serde_json::from_str(text.trim_end()).expect("one line of JSON");
    assert_eq!(line["results"][0]["label"], HOSTILE);
}

/// What a file has in abundance is not printed in abundance: names of megabytes, inputs by the
/// thousand.
#[test]
fn long_names_and_lists_are_cut() {
    let home = tempfile::tempdir().expect("a folder");
    let long = write(&hostile(10_000), home.path(), "long.onnx");
    let mut many = hostile(1);
    let graph = many.graph.as_mut().expect("a graph");
    let input = graph.input[0].clone();
    graph.input.extend((0..10_000).map(|i| {
        let mut input = input.clone();
        input.name = format!("{i}");
        input
    }));
    let many = write(&many, home.path(), "many.onnx");

    let photo = data("photos/chelsea.png");
    let photo = photo.to_str().expect("a path of text");
    for model in [&long, &many] {
        for args in commands(photo) {
            if args.contains(&"--json") {
                continue;
            }
            let output = run(home.path(), &args, model);
            for text in [stdout(&output), stderr(&output)] {
                assert!(!is_harmful(&text), "{args:?}: {text:?}");
                assert!(text.len() < 10_000, "{args:?}: {} bytes", text.len());
            }
        }
    }
    let inspected = stdout(&run(home.path(), &["model", "inspect", "MODEL"], &many));
    assert!(inspected.contains("more"), "{inspected}");
}

/// Nothing but ASCII is printed where the locale has nothing else, neither signs of ours nor names.
#[test]
fn a_locale_without_utf8_gets_ascii() {
    let home = tempfile::tempdir().expect("a folder");
    let model = Net::color().contract(
        r#"{"mean":[0,0,0],"std":[1,1,1],"output":"probabilities","labels":["Käse","猫","é"]}"#,
    );
    let model = model.write(home.path(), "model.onnx");
    let model = model.to_str().expect("a path of text");
    let photo = data("photos/chelsea.png");
    let photo = photo.to_str().expect("a path of text");
    for args in [
        vec!["doctor", "--model", model],
        vec!["doctor", "--model", "/no/such/file.onnx"],
        vec!["model", "inspect", model],
        vec!["model", "inspect", photo],
        vec!["model", "check", model, photo, "--frames", "1"],
        vec!["classify", photo, "--model", model],
    ] {
        let output = command(home.path(), &args).env("LC_ALL", "C").output();
        let output = output.expect("it runs");
        assert!(output.stdout.is_ascii(), "{args:?}: {}", stdout(&output));
        assert!(output.stderr.is_ascii(), "{args:?}: {}", stderr(&output));
        let output = command(home.path(), &args).output().expect("it runs");
        let both = [output.stdout, output.stderr].concat();
        assert!(!both.is_ascii() || args[1] == "inspect", "{args:?}");
    }
}

/// Models and pictures may have names of any bytes, and a FIFO is no source of frames: it would be
/// waited for.
#[test]
fn names_of_any_bytes() {
    let home = tempfile::tempdir().expect("a folder");
    let at = |name: &[u8]| home.path().join(OsStr::from_bytes(name));
    let (model, picture) = (at(b"caf\xe9.onnx"), at(b"\xff.png"));
    std::fs::rename(Net::color().write(home.path(), "color.onnx"), &model).expect("renamed");
    std::fs::copy(data("photos/chelsea.png"), &picture).expect("a copy");
    let run = |args: &[&str], names: &[&OsStr]| {
        let mut command = command(home.path(), args);
        let command = command.args(names).current_dir(home.path());
        command.output().expect("it runs")
    };
    let names = [model.as_os_str(), picture.as_os_str()];
    let output = run(&["model", "check", "--frames", "1"], &names);
    assert!(output.status.success(), "{output:?}");
    let text = stdout(&output);
    assert!(text.contains("caf\\xe9.onnx"), "{text}");
    let output = run(&["classify", "--model"], &names);
    assert!(output.status.success(), "{output:?}");
    // It may say that something else is wrong here.
    let output = run(&["doctor", "--model"], &names[..1]);
    let text = stdout(&output);
    assert!(text.contains("caf\\xe9.onnx"), "{text}");
    let output = run(&["model", "check"], &[OsStr::new("")]);
    assert!(!output.status.success() && stderr(&output).contains("empty"));

    let fifo = support::hanging::fifo(&at(b"fifo"));
    let uri = glib::filename_to_uri(&fifo, None).expect("a URI");
    let uri = OsStr::new(uri.as_str());
    let build = [
        "model",
        "build",
        "--init",
        "synthetic",
        "--precision",
        "int8",
    ];
    let quantize = ["model", "quantize", "caf.onnx"];
    let calibrate = ["-o", "new.onnx", "--calibrate"];
    for output in [
        run(&["model", "check"], &[names[0], uri]),
        run(&[&build[..], &calibrate].concat(), &[uri]),
        run(&[&quantize[..], &calibrate].concat(), &[uri]),
    ] {
        assert!(!output.status.success(), "{output:?}");
        let text = stderr(&output);
        assert!(text.contains("a FIFO (named pipe)"), "{text}");
    }
}
