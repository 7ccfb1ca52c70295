// SPDX-License-Identifier: MPL-2.0
//! `gst-resnet50 model install`, as a user runs it.
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use gstresnet50::resnet50::weights::Naming;
use serde_json::{Value, json};
use support::program::{command, program, stderr, stdout, weights, weights_of};

/// Weights become the file that the element takes when it is told of none; a file whose name
/// promises another checksum is refused, and one that is not there is named.
#[test]
fn install_from_a_file() {
    let home = tempfile::tempdir().expect("a folder");
    let file = home.path().join("weights.safetensors");
    std::fs::write(&file, weights()).expect("written");
    let from = file.to_str().expect("UTF-8");

    let output = program(home.path(), &["model", "install", "--from", from]);
    assert!(output.status.success(), "{output:?}");
    let installed = home.path().join("gst-resnet50/models/resnet50-v1.5.onnx");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains(installed.to_str().expect("UTF-8")), "{text}");
    assert!(text.contains("resize 256"), "{text}");

    let found = program(
        home.path(),
        &["model", "inspect", installed.to_str().expect("UTF-8")],
    );
    let text = String::from_utf8_lossy(&found.stdout).into_owned();
    assert!(text.contains("architecture  resnet50-v1.5"), "{text}");
    let doctor = program(home.path(), &["doctor"]);
    let text = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(text.contains("resnet50-v1.5: input"), "{text}");

    let named = home.path().join("resnet50-0676ba61.pth");
    std::fs::rename(&file, &named).expect("renamed");
    let before = std::fs::metadata(&installed)
        .expect("there")
        .modified()
        .expect("a date");
    let output = program(
        home.path(),
        &["model", "install", "--from", named.to_str().expect("UTF-8")],
    );
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("should begin with 0676ba61"), "{text}");
    let after = std::fs::metadata(&installed).expect("still there");
    assert_eq!(after.modified().expect("a date"), before);

    let output = program(home.path(), &["model", "install", "--from", "/nowhere.pth"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && text.contains("/nowhere.pth"),
        "{text}"
    );
    let left: Vec<_> = std::fs::read_dir(installed.parent().expect("a folder"))
        .expect("readable")
        .flatten()
        .collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

/// A file without `--from`, or a name of weights without `--weights`, is answered with the command
/// that was meant, an ONNX file with what is to be done with it; nothing is installed.
#[test]
fn names_the_option_that_is_missing() {
    let home = tempfile::tempdir().expect("a folder");
    for (argument, words) in [
        ("my/w.pth", "gst-resnet50 model install --from my/w.pth"),
        (
            "https://a.org/w.pth",
            "gst-resnet50 model install --from https://a.org/w.pth",
        ),
        (
            "torchvision-v1",
            "gst-resnet50 model install --weights torchvision-v1",
        ),
        ("my.onnx", "An ONNX file needs no installing"),
    ] {
        let output = program(home.path(), &["model", "install", argument]);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains(words), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
    let help = program(home.path(), &["model", "install", "--help"]);
    assert!(!stdout(&help).to_lowercase().contains("stray"));
    // (GStreamer's registry is there.)
    assert!(!home.path().join("gst-resnet50").exists());
}

/// The model that the program carries is inspected by its name, as text and as JSON; a name that
/// no model has is refused with the one that there is.
#[cfg(feature = "builtin-model")]
#[test]
fn inspects_the_builtin_model() {
    let home = tempfile::tempdir().expect("a folder");
    let name = gstresnet50::inference::BUILTIN;
    let output = program(home.path(), &["model", "inspect", name]);
    let text = stdout(&output);
    assert!(output.status.success(), "{output:?}");
    assert!(text.contains(&format!("file          {name}")), "{text}");
    assert!(text.contains("architecture  not a ResNet: "), "{text}");

    let output = program(home.path(), &["model", "inspect", "--json", name]);
    let report: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    assert_eq!(report["file"], name);
    assert_eq!(
        report["contract"]["architecture"], "efficientnet-lite0",
        "{report}"
    );

    let output = program(home.path(), &["model", "inspect", "builtin:vgg"]);
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("builtin:vgg") && text.contains(name),
        "{text}"
    );
}

/// Installs a file with some options. Returns what the program said, and what it says of the model.
fn install(home: &Path, from: &Path, options: &[&str]) -> (String, Value) {
    let model = home.join("model.onnx");
    let paths = [from, &model].map(|path| path.to_str().expect("UTF-8"));
    let args = [
        &["model", "install", "--from", paths[0], "--output", paths[1]],
        options,
    ];
    let output = program(home, &args.concat());
    assert!(output.status.success(), "{output:?}");
    let report = program(home, &["model", "inspect", "--json", paths[1]]);
    assert!(report.status.success(), "{report:?}");
    let report = serde_json::from_str(&stdout(&report)).expect("JSON");
    (stdout(&output), report)
}

/// A network of three classes behind a wrapper's prefix installs with the names of its classes in
/// the ONNX file, for pictures of another size; the element answers with them. Too few names, and
/// a resize below the crop, are refused.
#[test]
fn install_a_fine_tuned_network() {
    let home = tempfile::tempdir().expect("a folder");
    let file = home.path().join("tuned.safetensors");
    let name = |name: &str| match name.strip_prefix("fc.") {
        Some(rest) => format!("model.fc.1.{rest}"),
        None => format!("model.{name}"),
    };
    std::fs::write(&file, weights_of(3, name)).expect("written");
    let labels = home.path().join("labels.json");
    std::fs::write(&labels, r#"{"cat": 0, "dog": 1, "ox": 2}"#).expect("written");
    let labels = labels.to_str().expect("UTF-8");

    let options = [
        "--labels",
        labels,
        "--crop",
        "64",
        "--no-antialias",
        "--interpolation",
        "nearest",
    ];
    let (said, report) = install(home.path(), &file, &options);
    assert!(said.contains("3 classes, resize 73"), "{said}");
    assert!(
        said.contains("crop 64, nearest without antialiasing"),
        "{said}"
    );
    let contract = &report["contract"];
    assert_eq!(contract["labels"], json!(["cat", "dog", "ox"]));
    assert_eq!(contract["interpolation"], "nearest");
    assert_eq!(contract["antialias"], false);
    assert_eq!(report["inputs"][0]["shape"], json!([null, 3, 64, 64]));
    assert_eq!(report["outputs"][0]["shape"], json!([null, 3]));

    let model = home.path().join("model.onnx");
    let photo = support::data("photos/coffee.png");
    let paths = [&model, &photo].map(|path| path.to_str().expect("UTF-8"));
    let mut command = command(home.path(), &["model", "check", paths[0], paths[1]]);
    let library = gstresnet50::paths::data_dir().map(|dir| dir.join("libonnxruntime.so"));
    let library = std::env::var_os("ORT_DYLIB_PATH").or(library.map(Into::into));
    command.env("ORT_DYLIB_PATH", library.expect("ONNX Runtime"));
    let output = command.output().expect("it runs");
    let text = stdout(&output);
    assert!(output.status.success(), "{output:?}");
    assert!(
        ["cat", "dog", "ox"].iter().any(|name| text.contains(name)),
        "{text}"
    );

    let (said, report) = install(home.path(), &file, &[]);
    assert!(said.contains("3 classes have no names"), "{said}");
    assert_eq!(report["contract"]["labels"], Value::Null);
    assert_eq!(report["contract"]["interpolation"], "bilinear");
    assert_eq!(report["contract"]["resize"], 256);

    std::fs::write(labels, "cat\ndog\n").expect("written");
    let from = file.to_str().expect("UTF-8");
    for (options, words) in [
        (
            ["--labels", labels],
            "has 2 names, and the model has 3 classes",
        ),
        (
            ["--resize", "200"],
            "--resize 200 is less than the crop of 224",
        ),
    ] {
        let args = [&["model", "install", "--from", from], &options[..]].concat();
        let output = program(home.path(), &args);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains(words), "{text}");
    }
}

/// Weights in timm's form get the contract of the config.json beside them, and without one that of
/// timm's own ResNet50; options come before both, and what a file says of another network is an
/// error.
#[test]
fn install_from_timm() {
    let home = tempfile::tempdir().expect("a folder");
    let file = home.path().join("model.safetensors");
    std::fs::write(&file, weights()).expect("written");

    let (said, report) = install(home.path(), &file, &[]);
    assert!(
        said.contains("as timm's resnet50.a1_in1k (no config.json"),
        "{said}"
    );
    assert_eq!(report["contract"]["resize"], 235);
    assert_eq!(report["contract"]["interpolation"], "bicubic");

    let config = |architecture: &str| {
        let config = json!({
            "architecture": architecture,
            "num_classes": 1000,
            "pretrained_cfg": {
                "input_size": [3, 224, 224], "interpolation": "bicubic", "crop_pct": 0.875,
                "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25], "num_classes": 1000,
            },
        });
        std::fs::write(home.path().join("config.json"), config.to_string()).expect("written");
    };
    config("resnet50");
    let (said, report) = install(home.path(), &file, &[]);
    assert!(said.contains("resize 256, crop 224, bicubic"), "{said}");
    assert!(
        said.contains("as timm's config.json beside the weights"),
        "{said}"
    );
    let contract = &report["contract"];
    assert_eq!(contract["resize"], 256);
    assert_eq!(contract["interpolation"], "bicubic");
    assert_eq!(contract["mean"], json!([0.5, 0.5, 0.5]));
    assert_eq!(contract["std"], json!([0.25, 0.25, 0.25]));
    assert_eq!(contract["labels"], "imagenet-1k");

    let options = [
        "--resize",
        "232",
        "--interpolation",
        "bilinear",
        "--variant",
        "v1",
    ];
    let (_, report) = install(home.path(), &file, &options);
    assert_eq!(report["contract"]["resize"], 232);
    assert_eq!(report["contract"]["interpolation"], "bilinear");
    assert_eq!(report["architecture"], "resnet50-v1");

    config("resnetblur50");
    let from = file.to_str().expect("UTF-8");
    let output = program(home.path(), &["model", "install", "--from", from]);
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("“resnetblur50”, which is not ResNet50 v1.5"),
        "{text}"
    );
}

/// Weights in Hugging Face's form get the contract and the names of the files beside them, and
/// without those the ones of microsoft/resnet-50.
#[test]
fn install_from_hugging_face() {
    let home = tempfile::tempdir().expect("a folder");
    let file = home.path().join("model.safetensors");
    let names = |name: &str| Naming::Transformers.name(name);
    std::fs::write(&file, weights_of(2, names)).expect("written");

    let (said, report) = install(home.path(), &file, &[]);
    assert!(
        said.contains("as Hugging Face's microsoft/resnet-50 (no"),
        "{said}"
    );
    assert_eq!(report["contract"]["resize"], 256);
    assert_eq!(report["contract"]["interpolation"], "bicubic");

    let write = |name: &str, value: Value| {
        std::fs::write(home.path().join(name), value.to_string()).expect("written");
    };
    write(
        "config.json",
        json!({"model_type": "resnet", "id2label": {"0": "cat", "1": "dog"}}),
    );
    write(
        "preprocessor_config.json",
        json!({
            "crop_pct": 0.95, "image_processor_type": "ConvNextImageProcessor",
            "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5],
            "resample": 0, "size": {"shortest_edge": 224},
        }),
    );
    let (said, report) = install(home.path(), &file, &[]);
    assert!(
        said.contains("preprocessor_config.json beside the weights"),
        "{said}"
    );
    let contract = &report["contract"];
    assert_eq!(contract["resize"], 235);
    assert_eq!(contract["interpolation"], "nearest");
    assert_eq!(contract["mean"], json!([0.5, 0.5, 0.5]));
    assert_eq!(contract["labels"], json!(["cat", "dog"]));
}

/// Weights are read from a regular file up to a limit, whatever its name: a FIFO would be waited
/// for, and what is too large for weights is not read.
#[test]
fn weights_from_other_than_a_file() {
    let home = tempfile::tempdir().expect("a folder");
    let at = |name: &[u8]| home.path().join(OsStr::from_bytes(name));
    let install = |from: &OsStr| {
        let mut command = command(home.path(), &["model", "install", "--from"]);
        command.arg(from).output().expect("it runs")
    };
    let fifo = support::hanging::fifo(&at(b"fifo"));
    let huge = at(b"huge.pth");
    let file = std::fs::File::create(&huge).expect("a file");
    file.set_len(1 << 40).expect("a hole");
    for (path, words) in [
        (&fifo, ["a FIFO (named pipe)", "not a regular file"]),
        (&huge, ["1099511627776", "4294967296"]),
    ] {
        let output = install(path.as_os_str());
        assert!(!output.status.success(), "{output:?}");
        let text = stderr(&output);
        for word in words {
            assert!(text.contains(word), "no “{word}” in: {text}");
        }
    }
    let named = at(b"caf\xe9.safetensors");
    std::fs::write(&named, weights()).expect("written");
    let output = install(named.as_os_str());
    assert!(output.status.success(), "{output:?}");
}

/// A model is inspected by its path of any bytes or by its URI; what is not there is shown with its
/// folder, and the model that the plugin carries by its right name.
#[test]
fn inspected_by_any_name() {
    let home = tempfile::tempdir().expect("a folder");
    let named = home.path().join(OsStr::from_bytes(b"caf\xe9.onnx"));
    let model = support::source("plugin-meta/efficientnet-lite0-int8.onnx");
    std::fs::copy(&model, &named).expect("a copy");
    let inspect = |name: &OsStr| {
        let mut command = command(home.path(), &["model", "inspect", "--json"]);
        command.arg(name).output().expect("it runs")
    };
    let uri = glib::filename_to_uri(&named, None).expect("a URI");
    for name in [named.as_os_str(), OsStr::new(uri.as_str())] {
        let output = inspect(name);
        assert!(output.status.success(), "{output:?}");
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert!(report["parameters"].as_u64().is_some_and(|n| n > 1_000_000));
    }
    let output = inspect(OsStr::new("efficientnet-lite0"));
    assert!(!output.status.success(), "{output:?}");
    let text = stderr(&output);
    for word in [
        "looked for in the folder",
        "did you mean “builtin:efficientnet-lite0”",
    ] {
        assert!(text.contains(word), "no “{word}” in: {text}");
    }
}
