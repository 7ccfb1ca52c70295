// SPDX-License-Identifier: MPL-2.0
//! What goes wrong is said once, with a name and a remedy, and can be mended: the same element then
//! goes from NULL to PLAYING and classifies.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use glib::error::ErrorDomain;
use gst::prelude::*;
use gst_video::VideoFormat;
use gstresnet50::inference::{BUILTIN, Runtime};
use support::element::{
    PATIENCE, RED, Rig, answer, bare, element, plain, rgb, text, three, top, warnings,
};
use support::onnx::{self, Net};
use support::{data, source};

/// A folder with a model that works, and what to do with it.
struct Case {
    folder: tempfile::TempDir,
    good: PathBuf,
    element: gst::Element,
}

impl Case {
    fn new() -> Self {
        support::init();
        let folder = tempfile::tempdir().expect("a folder");
        let good = Net::color().write(folder.path(), "good.onnx");
        Self {
            element: element(&good),
            folder,
            good,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, contents).expect("a file");
        path
    }

    fn set_model(&self, path: &Path) {
        self.element.set_property("model", text(path));
    }

    /// The element does not start, says so once, with these words in the message; after `mend` it
    /// works.
    fn does_not_start<E: ErrorDomain + std::fmt::Debug>(
        &self,
        code: E,
        words: &[&str],
        mend: impl FnOnce(&gst::Element),
    ) {
        let rig = Rig::new(&self.element, &rgb(4, 4));
        assert!(rig.play().is_err(), "it must not start");
        check_one(&rig, code, words);
        rig.stop();
        mend(&self.element);
        works(&rig);
    }

    /// The same where the element starts, and a frame is what goes wrong.
    fn fails_at<E: ErrorDomain + std::fmt::Debug>(
        &self,
        frame: gst::Buffer,
        code: E,
        words: &[&str],
        mend: impl FnOnce(&gst::Element),
    ) {
        let rig = Rig::new(&self.element, &rgb(4, 4));
        rig.play().expect("it starts");
        rig.src.push_buffer(frame).expect("appsrc takes it");
        let error = rig
            .bus
            .timed_pop_filtered(PATIENCE, &[gst::MessageType::Error])
            .expect("an error");
        assert_eq!(error.src(), Some(self.element.upcast_ref()));
        // The source reports that its stream was stopped, which is its right; nothing comes after.
        rig.stop();
        rig.bus.post(error).expect("the bus takes it back");
        check_one(&rig, code, words);
        mend(&self.element);
        works(&rig);
    }
}

/// One error of the element is on the bus, with this code and these words.
fn check_one<E: ErrorDomain + std::fmt::Debug>(rig: &Rig, code: E, words: &[&str]) {
    let errors = rig.errors();
    assert_eq!(errors.len(), 1, "{errors:?}");
    let error = &errors[0];
    assert!(error.matches(code), "{code:?}, not {error:?}");
    for word in words {
        assert!(error.message().contains(word), "no “{word}” in: {error}");
    }
}

/// The element plays and classifies, without a word.
fn works(rig: &Rig) {
    rig.play().expect("it starts now");
    let buffer = rig.classify(plain(&rgb(4, 4), RED));
    assert_eq!(top(&buffer), 0);
    assert!(rig.errors().is_empty());
    rig.stop();
}

/// Files that cannot be read: none there, and a folder.
#[test]
fn model_file_cannot_be_read() {
    let case = Case::new();
    for path in [case.path("gone.onnx"), case.folder.path().to_owned()] {
        case.set_model(&path);
        let words = [text(&path), "cannot be read", "Check the path"];
        case.does_not_start(gst::ResourceError::NotFound, &words, |e| {
            e.set_property("model", text(&case.good));
        });
    }
}

/// A file that the user may not read. Root may read all, and then there is nothing to see.
#[test]
fn model_file_without_permission() {
    let case = Case::new();
    let path = Net::color().write(case.folder.path(), "secret.onnx");
    let mode = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode));
    mode(0).expect("it is ours");
    if fs::File::open(&path).is_ok() {
        eprintln!("skipped: this user may read everything");
        return;
    }
    case.set_model(&path);
    let words = [text(&path), "cannot be read", "permissions"];
    case.does_not_start(gst::ResourceError::NotFound, &words, |_| {
        mode(0o600).expect("it is ours");
    });
}

/// Files that are no models, among them the first half of one. The element's path stays, and the
/// file becomes a good one.
#[test]
fn model_file_is_no_model() {
    let builtin = fs::read(source("plugin-meta/efficientnet-lite0-int8.onnx")).expect("a model");
    let noise: Vec<u8> = (0u32..5000)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let png = fs::read(data("photos/chelsea.png")).expect("a picture");
    for (name, contents) in [
        ("empty", &[][..]),
        ("half", &builtin[..builtin.len() / 2]),
        ("noise", &noise),
        ("png", &png),
        (
            "text",
            b"This is not a model, but somebody called it one.\n",
        ),
    ] {
        let case = Case::new();
        let path = case.file(&format!("{name}.onnx"), contents);
        case.set_model(&path);
        let words = [
            text(&path),
            "not an ONNX model",
            "Check that the file is whole",
        ];
        case.does_not_start(gst::StreamError::WrongType, &words, |_| {
            fs::copy(&case.good, &path).expect("a copy");
        });
    }
}

/// Networks that are no image classifiers: the message says what they take or give.
#[test]
fn model_is_no_classifier() {
    for (name, model, found) in [
        (
            "two",
            onnx::two_inputs(),
            "2 inputs: “x” float32 [1, 3, 4, 4], “z”",
        ),
        ("rank", onnx::rank_two(), "“x” float32 [1, 48]"),
        ("rgba", onnx::four_channels(), "“x” float32 [1, 4, 4, 4]"),
        ("int", onnx::integers(), "“x” int64 [1, 3, 4, 4]"),
        ("picture", onnx::no_classes(), "“y” float32 [1, 3, 4, 4]"),
        ("boxes", onnx::boxes(), "“y” float32 [1, 3, 16]"),
    ] {
        let case = Case::new();
        let path = onnx::write(&model, case.folder.path(), &format!("{name}.onnx"));
        case.set_model(&path);
        let words = [text(&path), "expected", found, "image classifier"];
        case.does_not_start(gst::StreamError::WrongType, &words, |e| {
            e.set_property("model", text(&case.good));
        });
    }
}

/// Tensors beyond all measure: a side longer than any picture's, and a batch that no memory holds.
#[test]
fn model_is_too_large() {
    let case = Case::new();
    let good = case.good.clone();
    let mend = |e: &gst::Element| e.set_property("model", text(&good));
    let path = Net::nchw(4, 9000).write(case.folder.path(), "wide.onnx");
    case.set_model(&path);
    let words = [text(&path), "9000x4", "8192x8192"];
    case.does_not_start(gst::StreamError::WrongType, &words, mend);
    for (name, batch) in [("huge.onnx", 1 << 40), ("endless.onnx", i64::MAX)] {
        let path = Net::nchw(4, 4).batch(batch).write(case.folder.path(), name);
        case.set_model(&path);
        let words = [text(&path), "pictures", "a smaller input"];
        case.does_not_start(gst::StreamError::WrongType, &words, mend);
    }
}

/// A classifier by its looks that ONNX Runtime does not take.
#[test]
fn model_is_refused() {
    let case = Case::new();
    let path = onnx::write(&onnx::unknown_operation(), case.folder.path(), "odd.onnx");
    case.set_model(&path);
    let words = [text(&path), "Fluctuate", "Check that the file is whole"];
    case.does_not_start(gst::StreamError::WrongType, &words, |e| {
        e.set_property("model", text(&case.good));
    });
}

/// A model whose description of itself is broken, within the file and beside it.
#[test]
fn model_with_a_broken_contract() {
    let case = Case::new();
    let good = case.good.clone();
    let mend = |e: &gst::Element| e.set_property("model", text(&good));
    for json in ["{", r#"{"fit":"squeeze"}"#, r#"{"std":[1,0,1]}"#] {
        let path = Net::color()
            .contract(json)
            .write(case.folder.path(), "contract.onnx");
        case.set_model(&path);
        let words = [text(&path), "contract", "Mend the description"];
        case.does_not_start(gst::StreamError::WrongType, &words, mend);
    }
    let path = Net::nchw(1, 1).write(case.folder.path(), "info.onnx");
    let info = case.file("info.modelinfo", "[x]\nranges=everything\n");
    case.set_model(&path);
    let words = [text(&info), "ranges=everything", "Mend the description"];
    case.does_not_start(gst::StreamError::WrongType, &words, mend);
}

/// A built-in model that there is not.
#[test]
fn unknown_builtin() {
    let case = Case::new();
    case.element.set_property("model", "builtin:alexnet");
    let words = ["“builtin:alexnet”", BUILTIN];
    case.does_not_start(gst::ResourceError::NotFound, &words, |e| {
        e.set_property("model", text(&case.good));
    });
}

/// Labels that cannot be had: no such file, too few, too many, not UTF-8, in a form that is nearly
/// one that is read or in none, and too few within the model.
#[test]
fn labels() {
    let case = Case::new();
    let unset = |e: &gst::Element| e.set_property("labels", None::<&str>);
    let gone = case.path("gone.txt");
    case.element.set_property("labels", text(&gone));
    let words = [text(&gone), "cannot be read", "Check the path"];
    case.does_not_start(gst::ResourceError::NotFound, &words, unset);

    for (contents, found) in [("a\nb\n", "2 names"), ("a\nb\nc\nd\n", "4 names")] {
        let path = case.file("labels.txt", contents);
        case.element.set_property("labels", text(&path));
        let words = [text(&path), found, "3 classes", "one name a line"];
        case.does_not_start(gst::ResourceError::Settings, &words, unset);
    }

    let path = case.file("latin1.txt", b"caf\xe9\nb\nc\n");
    case.element.set_property("labels", text(&path));
    let words = [text(&path), "not UTF-8"];
    case.does_not_start(gst::ResourceError::Settings, &words, unset);

    for (contents, line, form) in [
        ("[\"a\",\n\"b\"\n\"c\"]\n", "line 3", "JSON or Python"),
        ("0:a\n1:b\n1:c\n", "line 3", "number:name"),
        ("item {\n  name: 'a'\n}\n", "line 1", "pbtxt"),
    ] {
        let path = case.file("labels.json", contents);
        case.element.set_property("labels", text(&path));
        let words = [text(&path), "looks like", form, line, "Mend it"];
        case.does_not_start(gst::ResourceError::Settings, &words, unset);
    }

    let net = Net::color().contract(r#"{"labels":["one"]}"#);
    case.set_model(&net.write(case.folder.path(), "named.onnx"));
    let words = ["the model's own list of labels", "has 1 name,", "3 classes"];
    case.does_not_start(gst::ResourceError::Settings, &words, |e| {
        e.set_property("model", text(&case.good));
    });
}

/// `mean` and `std` that are not three numbers, or nothing that one can divide by.
#[test]
fn normalization() {
    let case = Case::new();
    for (property, value, found) in [
        ("mean", gst::Array::new([0.5f64, 0.5]), "2 numbers"),
        ("mean", gst::Array::new([0.5f64; 4]), "4 numbers"),
        ("mean", gst::Array::new(["red", "green", "blue"]), "finite"),
        ("mean", three([0.0, f64::INFINITY, 0.0]), "inf"),
        ("std", gst::Array::new([0.5f64]), "(1 number)"),
        ("std", three([0.2, 0.0, 0.2]), "above 0"),
        ("std", three([0.2, 0.2, -1.0]), "above 0"),
        ("std", three([f64::NAN, 0.2, 0.2]), "above 0"),
    ] {
        case.element.set_property(property, value);
        let named = format!("property “{property}”");
        let words = [&named, found, "must be", "Change the property"];
        case.does_not_start(gst::ResourceError::Settings, &words, |e| {
            // An empty array is how the property is unset.
            e.set_property(property, gst::Array::default());
        });
    }
}

/// A model of bytes normalizes by itself: `mean` would never be looked at.
#[test]
fn normalization_of_bytes() {
    let case = Case::new();
    let net = Net::nchw(1, 1).element(gstresnet50::onnx::data_type::UINT8);
    case.set_model(&net.write(case.folder.path(), "bytes.onnx"));
    case.element.set_property("mean", three([0.5; 3]));
    let words = ["property “mean”", "unset", "takes bytes"];
    case.does_not_start(gst::ResourceError::Settings, &words, |e| {
        e.set_property("mean", gst::Array::default());
    });
}

/// A `resize` that would leave the model's input unfilled.
#[test]
fn resize_too_small() {
    let case = Case::new();
    case.set_model(&Net::nchw(4, 4).write(case.folder.path(), "four.onnx"));
    case.element.set_property("resize", 3u32);
    let words = ["property “resize”", "is 3", "at least 4"];
    case.does_not_start(gst::ResourceError::Settings, &words, |e| {
        e.set_property("resize", 4u32);
        e.set_property("model", text(&case.good));
    });
}

/// Names that are none of a provider.
#[test]
fn unknown_provider() {
    let case = Case::new();
    for (list, named) in [("gpu", "“gpu”"), ("cpu,gpu", "“gpu”"), (",", "empty")] {
        case.element.set_property("provider", list);
        let words = [named, "tensorrt", "Change the property provider"];
        case.does_not_start(gst::LibraryError::Init, &words, |e| {
            e.set_property("provider", "cpu");
        });
    }
}

/// A provider that the library here does not have.
fn missing_provider() -> &'static str {
    support::init();
    let runtime = Runtime::load(None, &[]).expect("ONNX Runtime");
    let devices = runtime.devices();
    if devices.iter().any(|d| d.provider.starts_with("CUDA")) {
        "rocm"
    } else {
        "cuda"
    }
}

/// A single provider is a demand: where it cannot be had, the processor does not step in.
#[test]
fn missing_provider_is_an_error() {
    let case = Case::new();
    let provider = missing_provider();
    case.element.set_property("provider", provider);
    let words = [provider, "no provider can run the model", "add cpu"];
    case.does_not_start(gst::LibraryError::Init, &words, |e| {
        e.set_property("provider", format!("{provider},cpu"));
    });
}

/// In a list the next provider steps in, with a warning that names both.
#[test]
fn fallback_is_a_warning() {
    let case = Case::new();
    let provider = missing_provider();
    case.element
        .set_property("provider", format!("{provider},cpu"));
    let rig = Rig::new(&case.element, &rgb(4, 4));
    rig.play().expect("it starts");
    let warnings = warnings(&rig.bus, &case.element);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].message().contains(provider) && warnings[0].message().contains("cpu"));
    let active: Option<String> = case.element.property("active-provider");
    assert_eq!(active.as_deref(), Some("cpu"));
    let buffer = rig.classify(plain(&rgb(4, 4), RED));
    assert_eq!(&*answer(&buffer).provider, "cpu");
    assert!(rig.errors().is_empty());
}

/// No model named and none installed.
#[test]
fn no_model() {
    support::init();
    let installed = std::env::var_os("RESNET50_MODEL").is_some()
        || gstresnet50::inference::find_model(None).is_ok();
    if installed {
        eprintln!("skipped: a model is installed here");
        return;
    }
    let case = Case::new();
    case.element.set_property("model", None::<&str>);
    let words = ["no model", "$RESNET50_MODEL", BUILTIN];
    case.does_not_start(gst::ResourceError::NotFound, &words, |e| {
        e.set_property("model", text(&case.good));
    });
}

/// A model that gives no numbers, for one class or all, has no answer.
#[test]
fn not_a_number() {
    for logits in [vec![f32::NAN; 3], vec![0.0, 1.0, f32::INFINITY]] {
        let case = Case::new();
        let path = Net::constant(logits).write(case.folder.path(), "nan.onnx");
        case.set_model(&path);
        let words = [
            text(&path),
            "the model's output for class",
            "no answer",
            "mean, std",
        ];
        case.does_not_start(gst::StreamError::Failed, &words, |e| {
            e.set_property("model", text(&case.good));
        });
    }
}

/// The same where it depends on the picture.
#[test]
fn not_a_number_for_a_frame() {
    let case = Case::new();
    for most in [0.95, 1.0] {
        let path = onnx::write(&onnx::logarithm(most), case.folder.path(), "logarithm.onnx");
        case.set_model(&path);
        // The logarithm of nothing.
        let frame = plain(&rgb(4, 4), RED);
        let words = ["the model's output for class", "no answer", "mean, std"];
        case.fails_at(frame, gst::StreamError::Failed, &words, |e| {
            e.set_property("model", text(&case.good));
        });
        let stats: gst::Structure = case.element.property("stats");
        assert_eq!(stats.get::<u64>("errors"), Ok(0), "it has begun anew");
    }
}

/// A model whose graph never ends, and one with more classes than there is room for in a batch.
#[test]
fn models_without_bounds() {
    let case = Case::new();
    case.element
        .set_property("model", text(&data("loop_forever.onnx")));
    let words = ["loop_forever.onnx", "was cancelled", "compute for ever"];
    case.does_not_start(gst::StreamError::Failed, &words, |e| {
        e.set_property("model", text(&case.good));
    });
    case.element
        .set_property("model", text(&data("out_10M.onnx")));
    case.element.set_property("batch-size", 1024u32);
    let words = ["out_10M.onnx", "1024 pictures", "GB", "batch-size"];
    case.does_not_start(gst::ResourceError::Settings, &words, |e| {
        e.set_property("model", text(&case.good));
        e.set_property("batch-size", 1u32);
    });
}

/// A buffer that is too short for its caps.
#[test]
fn short_buffer() {
    let case = Case::new();
    let frame = gst::Buffer::from_slice([0u8; 10]);
    let words = ["expected 48 bytes, found 10 bytes", "report it there"];
    case.fails_at(frame, gst::ResourceError::Read, &words, |_| {});
}

/// A GstVideoMeta that promises more than the memory has, by one byte of the last row.
#[test]
fn short_last_row() {
    let case = Case::new();
    // The crop would not look at the last row.
    case.element.set_property_from_str("fit", "stretch");
    let mut frame = gst::Buffer::from_slice([0u8; 3 * 40 + 11]);
    let flags = gst_video::VideoFrameFlags::empty();
    let b = frame.get_mut().expect("not shared yet");
    gst_video::VideoMeta::add_full(b, flags, VideoFormat::Rgb, 4, 4, &[0], &[40]).expect("meta");
    let words = [
        "plane 0 ends after 131 bytes",
        "row 3 needs 132",
        "report it there",
    ];
    case.fails_at(frame, gst::ResourceError::Read, &words, |_| {});
}

/// A GstVideoMeta that says another format than the caps is an error as well, and no warning of
/// GStreamer's: that would be fatal here, hence the process of its own.
#[test]
fn meta_of_another_format() {
    support::child::run(
        "errors::meta_of_another_format",
        |_| {},
        meta_of_another_format_alone,
    );
}

fn meta_of_another_format_alone() {
    let case = Case::new();
    let mut frame = gst::Buffer::from_slice([0u8; 64]);
    let flags = gst_video::VideoFrameFlags::empty();
    let b = frame.get_mut().expect("not shared yet");
    gst_video::VideoMeta::add_full(b, flags, VideoFormat::Rgba, 4, 4, &[0], &[16]).expect("meta");
    let words = ["expected Rgb 4x4", "found Rgba 4x4"];
    case.fails_at(frame, gst::ResourceError::Read, &words, |_| {});
}

/// A GstVideoMeta that says a smaller picture than the caps: in a process of its own as well.
#[test]
fn meta_of_a_smaller_picture() {
    support::child::run(
        "errors::meta_of_a_smaller_picture",
        |_| {},
        meta_of_a_smaller_picture_alone,
    );
}

fn meta_of_a_smaller_picture_alone() {
    let case = Case::new();
    let mut frame = gst::Buffer::from_slice([0u8; 64]);
    let flags = gst_video::VideoFrameFlags::empty();
    let b = frame.get_mut().expect("not shared yet");
    gst_video::VideoMeta::add_full(b, flags, VideoFormat::Rgb, 2, 4, &[0], &[12]).expect("meta");
    let words = ["expected Rgb 4x4", "found Rgb 2x4"];
    case.fails_at(frame, gst::ResourceError::Read, &words, |_| {});
}

/// A network whose batch turns out to be empty has classes and no values.
#[test]
fn empty_batch() {
    let case = Case::new();
    let path = onnx::write(&onnx::empty_batch(), case.folder.path(), "empty.onnx");
    case.set_model(&path);
    let words = ["[0, 48]", "one value a class"];
    case.does_not_start(gst::StreamError::WrongType, &words, |e| {
        e.set_property("model", text(&case.good));
    });
}

/// The processor's provider has no options: one that is set is not passed over.
#[test]
fn options_without_a_taker() {
    let case = Case::new();
    case.set_model(&case.good);
    let options = gst::Structure::builder("options")
        .field("speed", "high")
        .build();
    case.element.set_property("provider-options", options);
    let words = ["“cpu” takes no options", "unset provider-options"];
    case.does_not_start(gst::LibraryError::Init, &words, |e| {
        e.set_property("provider-options", None::<gst::Structure>);
    });
}

/// A contract that refers to a list of names that there is not, or that does not fit.
#[test]
fn labels_of_the_contract() {
    let case = Case::new();
    for (json, code, word) in [
        (r#"{"labels":"coco-80"}"#, "type", "coco-80"),
        (
            r#"{"labels":"imagenet-1k"}"#,
            "settings",
            "has 1000 names, and the model has 48",
        ),
        (
            r#"{"labels":["a","b"]}"#,
            "settings",
            "has 2 names, and the model has 48",
        ),
    ] {
        let path = Net::nchw(4, 4)
            .contract(json)
            .write(case.folder.path(), "named.onnx");
        case.set_model(&path);
        let mend = |e: &gst::Element| e.set_property("model", text(&case.good));
        if code == "type" {
            case.does_not_start(gst::StreamError::WrongType, &[word], mend);
        } else {
            case.does_not_start(gst::ResourceError::Settings, &[word], mend);
        }
    }
}

/// Several things wrong at once are still one error, and each that is mended shows the next.
#[test]
fn one_at_a_time() {
    let element = bare();
    element.set_property("model", "/nowhere/model.onnx");
    element.set_property("labels", "/nowhere/labels.txt");
    element.set_property("provider", "gpu");
    let rig = Rig::new(&element, &rgb(4, 4));
    for word in ["gpu", "model.onnx", "labels.txt"] {
        assert!(rig.play().is_err(), "it must not start");
        let errors = rig.errors();
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].message().contains(word), "{errors:?}");
        rig.stop();
        match word {
            "gpu" => element.set_property("provider", "cpu"),
            "model.onnx" => element.set_property("model", BUILTIN),
            _ => element.set_property("labels", None::<&str>),
        }
    }
    rig.play().expect("it starts now");
    let buffer = rig.classify(plain(&rgb(4, 4), RED));
    assert_eq!(&*answer(&buffer).model, BUILTIN);
}

/// Names that a file brings along are shown and not obeyed, and never make a message of a megabyte:
/// in errors, in `model-info` and in tags alike. The metadata has them as they are.
#[test]
fn names_of_a_file_are_escaped_and_cut() {
    const HOSTILE: &str = "in\nput\r\x1b[31mred\u{9b}2J\u{202e}";
    let is_harmless = |text: &str| {
        let is_harmful = |c: char| c.is_control() || c == '\u{202e}';
        assert!(!text.contains(is_harmful), "{text:?}");
        assert!(text.len() < 10_000, "{} bytes", text.len());
    };
    let case = Case::new();
    for repeat in [1, 10_000] {
        let name = HOSTILE.repeat(repeat);
        let rename = |model: &mut gstresnet50::onnx::Model, to: &str| {
            let graph = model.graph.as_mut().expect("a graph");
            graph.input[0].name = to.into();
            let inputs = graph.node.iter_mut().flat_map(|n| &mut n.input);
            inputs.filter(|i| *i == "x").for_each(|i| *i = to.into());
        };
        let mut models = Vec::new();
        for mut model in [
            onnx::two_inputs(),
            onnx::rank_two(),
            onnx::no_classes(),
            onnx::unknown_operation(),
        ] {
            rename(&mut model, &name);
            let graph = model.graph.as_mut().expect("a graph");
            graph.node[0].name.clone_from(&name);
            models.push(model);
        }
        for contract in [
            serde_json::json!({ "fit": name }),
            serde_json::json!({ "labels": name }),
            serde_json::json!({ "mean": name }),
        ] {
            models.push(Net::color().contract(&contract.to_string()).model());
        }
        for (i, model) in models.iter().enumerate() {
            let file = onnx::write(model, case.folder.path(), "hostile.onnx");
            case.set_model(&file);
            let rig = Rig::new(&case.element, &rgb(4, 4));
            assert!(rig.play().is_err(), "model {i}");
            let errors = rig.errors();
            assert_eq!(errors.len(), 1, "model {i}");
            is_harmless(errors[0].message());
            rig.stop();
        }

        let contract = serde_json::json!({
            "architecture": name, "source": name, "labels": [name, "b", "c"],
            "mean": [0, 0, 0], "std": [1, 1, 1], "output": "probabilities",
        });
        let mut model = Net::color().contract(&contract.to_string()).model();
        rename(&mut model, &name);
        let file = onnx::write(&model, case.folder.path(), "works.onnx");
        case.set_model(&file);
        let rig = Rig::new(&case.element, &rgb(4, 4));
        rig.play().expect("it starts");
        let answer = answer(&rig.classify(plain(&rgb(4, 4), RED)));
        assert_eq!(*answer.results[0].label, *name);
        let info = case.element.property::<gst::Structure>("model-info");
        for field in ["input", "output", "architecture", "source"] {
            is_harmless(&info.get::<String>(field).expect(field));
        }
        rig.stop();
        drop(rig);

        let file = case.file("groups.txt", format!("pet: {}", name.replace('\n', "")));
        case.set_model(&case.good);
        for (property, value) in [("groups", text(&file)), ("allow", name.as_str())] {
            case.element.set_property(property, value);
            let rig = Rig::new(&case.element, &rgb(4, 4));
            assert!(rig.play().is_err(), "{property}");
            is_harmless(rig.errors()[0].message());
            rig.stop();
            case.element.set_property(property, None::<String>);
        }
    }
}
