// SPDX-License-Identifier: MPL-2.0
//! An output that is an input is refused before anything is written, by whatever names the two go.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use gstresnet50::inference::BUILTIN;

use super::{command, fail, names, text};
use support::{data, program, source};

/// A folder with an input in it, and its other names.
struct Names {
    folder: tempfile::TempDir,
    file: PathBuf,
    content: Vec<u8>,
}

impl Names {
    fn new(name: &str, content: Vec<u8>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join(name);
        std::fs::write(&file, &content).expect("written");
        std::fs::hard_link(&file, folder.path().join("hard")).expect("a link");
        symlink(&file, folder.path().join("soft")).expect("a link");
        symlink(".", folder.path().join("again")).expect("a link");
        Self {
            folder,
            file,
            content,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// All names of the file.
    fn all(&self) -> Vec<PathBuf> {
        let name = self.file.file_name().expect("a name");
        let names = [Path::new(name), "hard".as_ref(), "soft".as_ref()];
        let mut names: Vec<_> = names
            .iter()
            .map(|name| self.folder.path().join(name))
            .collect();
        names.push(self.path("again").join("again").join(name));
        names
    }

    /// Its name with a percent escape in it.
    fn uri(&self) -> String {
        let (folder, name) = (text(self.folder.path()), self.file.file_name());
        let name = name.and_then(|n| n.to_str()).expect("UTF-8");
        format!("file://{folder}/%{:02x}{}", name.as_bytes()[0], &name[1..])
    }

    /// Nothing has become of it.
    fn check(&self) {
        let now = std::fs::read(&self.file).expect("readable");
        assert!(now == self.content, "{} has changed", self.file.display());
        assert_eq!(names(self.folder.path()).len(), 4);
    }
}

const WORDS: [&str; 2] = ["would be overwritten", "name another file"];

/// The video, by its path, a URI with escapes, an open descriptor; the lines and the annotated
/// video.
#[test]
fn the_video_is_not_overwritten() {
    let clip = std::fs::read(source("demo/clip.webm")).expect("the clip");
    let video = Names::new("x.webm", clip);
    for output in video.all() {
        for option in ["--json", "--annotate"] {
            for input in [text(&video.file), &video.uri(), text(&video.path("soft"))] {
                let args = ["classify", input, "--model", BUILTIN, option, text(&output)];
                fail(&mut command(&args), &WORDS);
                video.check();
            }
        }
    }
    let open = std::fs::File::open(&video.file).expect("readable");
    let mut of_descriptor = command(&["classify", "fd://0", "--model", BUILTIN]);
    fail(
        of_descriptor.stdin(open).arg("--json").arg(&video.file),
        &WORDS,
    );
    video.check();
    // One of several.
    let photo = data("photos/coffee.png");
    let args = [
        "classify",
        text(&photo),
        text(&video.file),
        "--model",
        BUILTIN,
    ];
    fail(command(&args).arg("--json").arg(video.path("hard")), &WORDS);
    // A relative name.
    let mut relative = command(&["classify", "x.webm", "--model", BUILTIN, "--json", "./soft"]);
    fail(relative.current_dir(video.folder.path()), &WORDS);
    video.check();
}

/// An output may be named by its URI as well.
#[test]
fn an_output_by_its_uri() {
    let clip = std::fs::read(source("demo/clip.webm")).expect("the clip");
    let video = Names::new("x.webm", clip);
    let uri = video.uri();
    let args = [
        "classify",
        text(&video.file),
        "--model",
        BUILTIN,
        "--json",
        &uri,
    ];
    fail(&mut command(&args), &WORDS);
    video.check();
}

/// A picture in a folder that is classified.
#[test]
fn a_picture_of_a_folder_is_not_overwritten() {
    let photo = std::fs::read(data("photos/coffee.png")).expect("a photograph");
    let picture = Names::new("x.png", photo);
    let folder = text(picture.folder.path());
    let args = ["classify", folder, "--model", BUILTIN, "--json"];
    fail(command(&args).arg(picture.path("hard")), &WORDS);
    picture.check();
}

/// Whatever the element reads: labels and groups, as options and as properties.
#[test]
fn labels_and_groups_are_not_overwritten() {
    let clip = source("demo/clip.webm");
    let labels = std::fs::read(source("plugin-meta/imagenet-1k.txt")).expect("labels");
    let labels = Names::new("labels.txt", labels);
    let groups = Names::new("groups.txt", b"cat: 281-285\n".to_vec());
    for (names, name) in [(&labels, "labels"), (&groups, "groups")] {
        let file = text(&names.file);
        let uri = names.uri();
        for given in [
            [&format!("--{name}"), file],
            [&format!("--{name}"), &uri],
            ["--set", &format!("{name}={file}")],
        ] {
            let mut args = vec!["classify", text(&clip), "--model", BUILTIN];
            args.extend(given);
            for output in names.all() {
                fail(command(&args).arg("--json").arg(&output), &WORDS);
                names.check();
            }
        }
    }
}

/// The model: as an option, from the environment, and its external data, which only the model
/// names.
#[test]
fn the_model_and_its_data_are_not_overwritten() {
    let clip = source("demo/clip.webm");
    let light = std::fs::read(data("light_resnet50.onnx")).expect("a model");
    let model = Names::new("model.onnx", light);
    let classify = ["classify", text(&clip), "--json"];
    for output in model.all() {
        fail(
            command(&classify)
                .arg(&output)
                .arg("--model")
                .arg(&model.file),
            &WORDS,
        );
        let mut from_environment = command(&classify);
        from_environment
            .arg(&output)
            .env("RESNET50_MODEL", &model.file);
        fail(&mut from_environment, &WORDS);
        model.check();
    }

    let uri = model.uri();
    let quantize = ["model", "quantize", &uri, "-o"];
    for mut command in [
        {
            let mut by_uri = command(&classify);
            by_uri.arg(model.path("hard")).args(["--model", &uri]);
            by_uri
        },
        {
            let mut by_uri = command(&quantize);
            by_uri.arg(model.path("hard"));
            by_uri
        },
    ] {
        fail(&mut command, &WORDS);
        model.check();
    }

    let weights = Names::new("weights.data", vec![0; 64]);
    // TensorProto's field 13 with an entry location=weights.data, and field 14, which says that it is
    // outside.
    let entry = field(1, b"location")
        .into_iter()
        .chain(field(2, b"weights.data"));
    let mut tensor = field(13, &entry.collect::<Vec<_>>());
    tensor.extend([14 << 3, 1]);
    let file = field(7, &field(5, &tensor));
    let dir = tempfile::tempdir().expect("a folder");
    let model = dir.path().join("model.onnx");
    std::fs::write(&model, file).expect("written");
    symlink(&weights.file, dir.path().join("weights.data")).expect("a link");
    for output in weights.all() {
        fail(
            command(&classify).arg(&output).arg("--model").arg(&model),
            &WORDS,
        );
        weights.check();
    }
    let bench = ["bench", "--compare", text(&model), "--write"];
    fail(command(&bench).arg(weights.path("hard")), &WORDS);
    weights.check();
    let bench = ["bench", "--model", text(&model), "--write"];
    fail(command(&bench).arg(weights.path("soft")), &WORDS);
    weights.check();
    let quantize = ["model", "quantize", text(&model), "-o"];
    fail(command(&quantize).arg(weights.path("soft")), &WORDS);
    weights.check();
}

/// A field of protobuf that has a length.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).expect("short");
    [&[number << 3 | 2, length], content].concat()
}

/// What a model is made of: frames to calibrate on, weights, another model.
#[test]
fn what_models_are_made_of_is_not_overwritten() {
    let photo = std::fs::read(data("photos/coffee.png")).expect("a photograph");
    let photo = Names::new("x.png", photo);
    let weights = Names::new("weights.safetensors", program::weights().to_vec());
    let uri = photo.uri();
    for output in photo.all() {
        let build = [
            "model",
            "build",
            "--init",
            "synthetic",
            "--precision",
            "int8",
            "-o",
        ];
        let calibrate = ["--calibrate", &uri];
        fail(command(&build).arg(&output).args(calibrate), &WORDS);
        let light = data("light_resnet50.onnx");
        let quantize = ["model", "quantize", text(&light), "-o"];
        fail(command(&quantize).arg(&output).args(calibrate), &WORDS);
        photo.check();
    }
    for output in weights.all() {
        for from in [text(&weights.file), &weights.uri()] {
            let install = ["model", "install", "--from", from, "-o"];
            fail(command(&install).arg(&output), &WORDS);
            weights.check();
        }
    }
}

/// Two outputs that are one file, and an output into which standard output goes already.
#[test]
fn two_outputs_are_two_files() {
    let clip = source("demo/clip.webm");
    let old = Names::new("out.webm", b"old".to_vec());
    let args = ["classify", text(&clip), "--model", BUILTIN, "--json"];
    for output in old.all() {
        fail(
            command(&args).arg(&output).arg("--annotate").arg(&old.file),
            &["twice"],
        );
        old.check();
    }
    // They are not there yet.
    let (new, again) = (old.path("new.webm"), old.path("again/new.webm"));
    fail(
        command(&args).arg(&new).arg("--annotate").arg(&again),
        &["twice"],
    );
    fail(
        command(&args).args(["-", "--annotate", "/dev/stdout"]),
        &["twice"],
    );
    old.check();
    let append = std::fs::File::options().append(true).open(&old.file);
    let mut onto_itself = command(&args);
    onto_itself.arg(&old.file).stdout(append.expect("writable"));
    fail(&mut onto_itself, &["standard output"]);
    old.check();
}
