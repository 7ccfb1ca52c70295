// SPDX-License-Identifier: MPL-2.0
//! What the program `gst-resnet50` says to people: whatever a file holds, on every terminal.
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use gst::prelude::*;
use gstresnet50::onnx::{Attribute, Model, Node, StringEntry, attribute_type};
use gstresnet50::resnet50::{Batch, Variant, synthetic_model};
use support::data;
use support::onnx::{self, Net, write};
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

/// The program with a home of its own, and the ONNX Runtime that the tests have.
fn command(home: &Path, args: &[&str]) -> Command {
    let library = gstresnet50::paths::data_dir().map(|dir| dir.join("libonnxruntime.so"));
    let library = std::env::var_os("ORT_DYLIB_PATH").or(library.map(Into::into));
    let mut command = support::program::command(home, args);
    command.env("ORT_DYLIB_PATH", library.expect("ONNX Runtime"));
    command
}

fn run(home: &Path, args: &[&str], model: &Path) -> Output {
    let model = model.to_str().expect("a path of text");
    let args: Vec<_> = args.iter().map(|a| a.replace("MODEL", model)).collect();
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    command(home, &args).output().expect("it runs")
}

/// Commands that say something of a model.
fn commands(photo: &str) -> Vec<Vec<&str>> {
    vec![
        vec!["model", "inspect", "MODEL"],
        vec!["model", "inspect", "MODEL", "--json"],
        vec!["model", "check", "MODEL", photo, "--frames", "1"],
        vec!["doctor", "--model", "MODEL"],
        vec!["classify", photo, "--model", "MODEL"],
        vec!["model", "quantize", "MODEL", "-o", "/nowhere/at/all.onnx"],
        vec!["model", "install", "--from", "MODEL"],
    ]
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

/// The commit, and the versions of both libraries, which are what a report of a fault needs.
#[test]
fn the_version_names_commit_and_libraries() {
    let home = tempfile::tempdir().expect("a folder");
    for option in ["--version", "-V"] {
        let output = command(home.path(), &[option]).output().expect("it runs");
        assert!(output.status.success(), "{output:?}");
        let text = stdout(&output);
        let version = env!("CARGO_PKG_VERSION");
        assert!(
            text.starts_with(&format!("gst-resnet50 {version} (")),
            "{text}"
        );
        assert!(
            text.contains("commit ") || text.contains("release"),
            "{text}"
        );
        let (major, minor, micro, _) = gst::version();
        assert!(
            text.contains(&format!("GStreamer {major}.{minor}.{micro}\n")),
            "{text}"
        );
        let runtime = text.split_once("ONNX Runtime ").expect("a line for it").1;
        assert!(runtime.starts_with(|c: char| c.is_ascii_digit()), "{text}");
    }
    // Without the library the rest is said.
    let mut without = command(home.path(), &["--version"]);
    let output = without
        .env("ORT_DYLIB_PATH", "/no/such/file")
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{output:?}");
    assert!(
        stdout(&output).contains("ONNX Runtime: not found"),
        "{output:?}"
    );
}

/// What the element would do is said in numbers, whether the model says it or not.
#[test]
fn the_doctor_says_what_is_in_effect() {
    let home = tempfile::tempdir().expect("a folder");
    let report = |net: Net| {
        let model = net.write(home.path(), "model.onnx");
        stdout(&run(home.path(), &["doctor", "--model", "MODEL"], &model))
    };
    let silent = report(Net::nchw(224, 224));
    for words in [
        "shorter side to 256",
        "224x224",
        "mean 0.485 0.456 0.406",
        "std 0.229 0.224 0.225",
    ] {
        assert!(silent.contains(words), "{words}: {silent}");
    }
    let contract = r#"{"fit":"stretch","mean":[0.5,0.25,0],"std":[1,0.5,0.125],"color":"bgr"}"#;
    let other = report(Net::nchw(48, 192).contract(contract));
    for words in [
        "stretched to 192x48",
        "mean 0.5 0.25 0, std 1 0.5 0.125",
        "BGR",
    ] {
        assert!(other.contains(words), "{words}: {other}");
    }
}

/// Where GStreamer has next to nothing, the doctor says what that means for the user.
#[test]
fn the_doctor_knows_what_is_missing() {
    let home = tempfile::tempdir().expect("a folder");
    let model = Net::color().write(home.path(), "model.onnx");
    let model = model.to_str().expect("a path of text");
    let mut doctor = command(home.path(), &["doctor", "--model", model]);
    let doctor = doctor
        .env("GST_PLUGIN_SYSTEM_PATH_1_0", home.path())
        .env("GST_PLUGIN_PATH_1_0", home.path())
        .env("GST_REGISTRY_1_0", home.path().join("registry.bin"));
    let report = stdout(&doctor.output().expect("it runs"));
    assert!(report.contains("- encoder "), "{report}");
    assert!(
        report.contains("vp8enc") && report.contains("gstreamer1.0-plugins-good"),
        "{report}"
    );
    assert!(report.contains("- overlay "), "{report}");
    if cfg!(target_arch = "x86_64") {
        assert!(report.contains("VNNI"), "{report}");
    }
}

/// `check` takes a file of names, and says of each source what it was taken for.
#[test]
fn check_shows_each_source_by_its_label() {
    let home = tempfile::tempdir().expect("a folder");
    let model = Net::color().write(home.path(), "model.onnx");
    let labels = home.path().join("names.txt");
    std::fs::write(&labels, "crimson\nemerald\nazure\n").expect("a file");
    let labels = labels.to_str().expect("a path of text");
    let photo = |name: &str| data("photos").join(name).to_string_lossy().into_owned();
    let (cat, coffee) = (photo("chelsea.png"), photo("coffee.png"));
    let args = ["model", "check", "MODEL", &cat, &coffee, "--labels", labels];
    let report = stdout(&run(home.path(), &args, &model));
    for name in [&cat, &coffee] {
        let line = report.lines().find(|l| l.starts_with(name.as_str()));
        let line = line.unwrap_or_else(|| panic!("{name}: {report}"));
        assert!(line.contains("crimson") && line.contains(" %"), "{line}");
    }
    let against = [&args[..], &["--against", "MODEL"]].concat();
    let report = stdout(&run(home.path(), &against, &model));
    assert_eq!(
        report.matches("1 of 1 ").count() + report.matches("1 of 1\n").count(),
        2,
        "{report}"
    );

    // The program's own photographs have names too.
    let report = stdout(&run(home.path(), &["model", "check", "MODEL"], &model));
    assert!(
        report.contains("astronaut (") && report.contains("rocket ("),
        "{report}"
    );

    std::fs::write(labels, "crimson\nemerald\n").expect("a file");
    let output = run(home.path(), &args, &model);
    assert!(
        stderr(&output).contains("has 2 names, and the model has 3 classes"),
        "{output:?}"
    );
}

/// At a terminal reports are as wide as it is and in colour, unless the user wants none; anywhere
/// else each fact is one line without any.
#[cfg(target_os = "linux")]
#[test]
fn reports_fit_the_terminal() {
    use support::pty;

    let home = tempfile::tempdir().expect("a folder");
    let model = Net::color().write(home.path(), "model.onnx");
    let model = model.to_str().expect("a path of text");
    let photo = data("photos/chelsea.png");
    let photo = photo.to_str().expect("a path of text");
    for args in [
        &["doctor", "--model", model][..],
        &["model", "inspect", model],
        &["model", "check", model, photo, photo],
    ] {
        let (_, text) = pty::run(&mut command(home.path(), args), 50);
        let (plain, has_colors) = pty::without_colors(&text);
        assert_eq!(has_colors, args[1] != "inspect", "{text:?}");
        // (The progress is drawn over itself.)
        for line in plain.lines().filter(|line| !line.contains('░')) {
            assert!(line.chars().count() <= 50, "{line:?} in {plain}");
        }
        let mut command = command(home.path(), args);
        let (_, text) = pty::run(command.env("NO_COLOR", "1"), 50);
        assert!(!pty::without_colors(&text).1, "{text:?}");
        let piped = command
            .env_remove("NO_COLOR")
            .stdout(Stdio::piped())
            .output();
        assert!(!stdout(&piped.expect("it runs")).contains('\x1b'));
    }
}

/// `bench` says what it is measuring, and prints at a terminal no more than fits; a pipe gets all
/// of it.
#[cfg(target_os = "linux")]
#[test]
fn bench_is_short_at_a_terminal() {
    use support::pty;

    let home = tempfile::tempdir().expect("a folder");
    let model = Net::color().write(home.path(), "model.onnx");
    let model = model.to_str().expect("a path of text");
    let args = ["bench", "--rounds", "1", "--compare", model];
    let (status, text) = pty::run(&mut command(home.path(), &args), 80);
    assert!(status.success(), "{text}");
    assert!(
        text.contains("measuring: variants and precisions"),
        "{text:?}"
    );
    let (plain, _) = pty::without_colors(&text);
    assert!(
        !plain.contains("Inferences of one picture") && !plain.contains("|---"),
        "{plain}"
    );
    assert!(plain.contains("images a second"), "{plain}");
    let output = command(home.path(), &args).output().expect("it runs");
    assert!(
        stdout(&output).contains("Inferences of one picture"),
        "{output:?}"
    );
    assert!(stdout(&output).contains("|---"), "{output:?}");
}

/// A model whose graph never ends is an error within a minute or so, and the program ends.
#[test]
fn endless_model_is_an_error() {
    let home = tempfile::tempdir().expect("a folder");
    let model = data("loop_forever.onnx");
    let model = model.to_str().expect("a path of UTF-8");
    let photo = data("photos/coffee.png");
    let photo = photo.to_str().expect("a path of UTF-8");
    let commands: [&[&str]; 3] = [
        &["model", "check", model],
        &["classify", "--model", model, photo],
        &["bench", "--compare", model, "--rounds", "1"],
    ];
    std::thread::scope(|scope| {
        for args in commands {
            let home = home.path();
            scope.spawn(move || {
                let output = command(home, args).output().expect("it runs");
                assert!(!output.status.success(), "{args:?}");
                let text = stderr(&output);
                assert!(text.contains("was cancelled"), "{args:?}: {text}");
            });
        }
    });
}

/// Weights in Constant nodes, where some exporters put all of them, are weights.
#[test]
fn inspect_counts_weights_in_constant_nodes() {
    let home = tempfile::tempdir().expect("a folder");
    let inspect = |model: &Path| {
        let output = run(home.path(), &["model", "inspect", "MODEL", "--json"], model);
        let report: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("JSON");
        let part = |name: &str| report[name].clone();
        [
            "parameters",
            "macs",
            "precision",
            "architecture",
            "evidence",
        ]
        .map(part)
    };
    // A matrix of 3 x 3, and a bias.
    let [parameters, macs, precision, ..] = inspect(&data("models/constant_nodes.onnx"));
    assert_eq!(
        (parameters, macs, precision),
        (12.into(), 9.into(), "fp32".into())
    );

    // The whole network says the same of itself, whichever way its weights are held.
    let mut model = synthetic_model(Variant::V1_5, Batch::Dynamic);
    let held = inspect(&write(&model, home.path(), "initializers.onnx"));
    let graph = model.graph.as_mut().expect("a graph");
    let nodes = std::mem::take(&mut graph.initializer)
        .into_iter()
        .map(|tensor| Node {
            output: vec![tensor.name.clone()],
            op_type: "Constant".into(),
            attribute: vec![Attribute {
                name: "value".into(),
                r#type: attribute_type::TENSOR,
                t: Some(tensor),
                ..Attribute::default()
            }],
            ..Node::default()
        });
    graph.node.splice(0..0, nodes);
    assert_eq!(inspect(&write(&model, home.path(), "nodes.onnx")), held);
    assert_eq!(held[3], "resnet50-v1.5");
}

/// `inspect` says whether the element takes a file and what it does with it, or why not, and says it
/// as the element does.
#[test]
fn inspect_says_whether_the_element_takes_it() {
    let home = tempfile::tempdir().expect("a folder");
    let inspect = |model: &Path| {
        let text = stdout(&run(home.path(), &["model", "inspect", "MODEL"], model));
        let output = run(home.path(), &["model", "inspect", "MODEL", "--json"], model);
        let report: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("JSON");
        (text, report["element"].clone())
    };
    let contract = r#"{"mean":[0.5,0.25,0],"std":[1,0.5,0.125],"output":"probabilities"}"#;
    let good = Net::nchw(4, 8)
        .contract(contract)
        .write(home.path(), "good.onnx");
    let (text, element) = inspect(&good);
    for words in [
        "element       takes it",
        "centre of 8x4",
        "mean 0.5 0.25 0, std 1 0.5 0.125",
        "96 classes in “y”: confidences as they are",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert_eq!(element["takes"], true);
    assert_eq!(
        (
            &element["contract"]["width"],
            &element["contract"]["height"]
        ),
        (&8.into(), &4.into())
    );
    assert_eq!(
        element["contract"]["mean"],
        serde_json::json!([0.5, 0.25, 0.0])
    );
    assert_eq!(element["contract"]["activation"], "none");

    for (model, words) in [
        (onnx::two_inputs(), "not an image classifier"),
        (onnx::no_classes(), "not an image classifier"),
        (onnx::unknown_operation(), "ONNX Runtime refuses"),
        (
            Net::color().contract(r#"{"std":[0,1,1]}"#).model(),
            "must be finite and above 0",
        ),
    ] {
        let file = write(&model, home.path(), "bad.onnx");
        let (text, answer) = inspect(&file);
        assert!(text.contains("element       does not take it: "), "{text}");
        assert_eq!(answer["takes"], false);
        let reason = answer["reason"].as_str().expect("a reason");
        assert!(reason.contains(words), "{reason}");
        // The same words as on the bus.
        support::init();
        let element = support::element::element(&file);
        let bus = gst::Bus::new();
        element.set_bus(Some(&bus));
        let _ = element.set_state(gst::State::Paused);
        let message =
            bus.timed_pop_filtered(support::element::PATIENCE, &[gst::MessageType::Error]);
        let message = message.expect("an error");
        let gst::MessageView::Error(error) = message.view() else {
            unreachable!("only errors were asked for");
        };
        assert_eq!(reason, error.error().message());
        element.set_state(gst::State::Null).expect("it stops");
        element.set_bus(None);
    }

    // Without a runtime nobody can tell.
    let mut without = command(
        home.path(),
        &["model", "inspect", good.to_str().expect("text")],
    );
    let output = without
        .env("ORT_DYLIB_PATH", "/no/such/file")
        .output()
        .expect("it runs");
    assert!(
        stdout(&output).contains("element       not tried: no usable ONNX Runtime"),
        "{output:?}"
    );
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
    let build = ["model", "build", "--init", "rule", "--precision", "int8"];
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
