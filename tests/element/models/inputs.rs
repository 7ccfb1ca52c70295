// SPDX-License-Identifier: MPL-2.0
//! Inputs of any size and batch, and what exporters say of them.

use gst::prelude::*;

use super::{case, classify, nothing, outcome, refusal};
use support::element::*;
use support::onnx::Toy;

/// Where the graph leaves height and width open, the properties say them, and a guess is warned of.
#[test]
fn sizes_that_are_open() {
    let path = case("dynamic_hw.onnx");
    let outcome = classify(&path, RED, nothing).warns(&["224x224 is a guess", "width and height"]);
    assert_eq!(
        (outcome.number("width"), outcome.number("height")),
        (224, 224)
    );
    assert_eq!(outcome.classes()[0], (0, 995));
    let outcome = classify(&path, RED, |e| {
        e.set_property("width", 192u32);
        e.set_property("height", 48u32);
    });
    let outcome = outcome.without_warning();
    assert_eq!(
        (outcome.number("width"), outcome.number("height")),
        (192, 48)
    );
    assert_eq!(outcome.classes()[0], (0, 995));
    let outcome = classify(&path, RED, |e| e.set_property("width", 64u32));
    let outcome = outcome.warns(&["64x64 is a guess"]);
    assert_eq!(
        (outcome.number("width"), outcome.number("height")),
        (64, 64)
    );
    // What the graph says is not to be changed.
    for (property, words) in [
        ("width", ["“width” is 300", "224"]),
        ("height", ["“height” is 300", "224"]),
    ] {
        let error = refusal(&case("plain.onnx"), |e| e.set_property(property, 300u32));
        assert!(error.matches(gst::ResourceError::Settings), "{error:?}");
        for word in words {
            assert!(error.message().contains(word), "no {word} in: {error}");
        }
    }
    classify(&case("plain.onnx"), RED, |e| {
        e.set_property("width", 224u32)
    })
    .without_warning();
}

/// Inputs whose dimensions are all open, or that have none, are classifiers if they run as one, in
/// either order of their dimensions.
#[test]
fn inputs_without_dimensions() {
    let set = |e: &gst::Element| {
        e.set_property("width", 32u32);
        e.set_property("height", 32u32);
    };
    for name in ["optimum_all_dynamic.onnx", "no_shape_at_all.onnx"] {
        for (index, color) in [RED, GREEN, BLUE].into_iter().enumerate() {
            let outcome = classify(&case(name), color, nothing).warns(&["224x224 is a guess"]);
            assert_eq!(outcome.classes()[0], (index as i32, 995), "{name}");
            classify(&case(name), color, set).without_warning();
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    let planes = "g = GlobalAveragePool(x)\nflat = Flatten(g) axis=1";
    let pixels = "flat = ReduceMean(x) axes=[1,2] keepdims=0";
    for (i, (input, stem, layout)) in [
        ("x: float b,c,h,w", planes, "nchw"),
        ("x: float _,_,_,_", planes, "nchw"),
        ("x: float N,channels,32,32", planes, "nchw"),
        ("x: float N,32,32,channels", pixels, "nhwc"),
        ("x: float b,height,width,channels", pixels, "nhwc"),
        ("x: float b,h,w,k", pixels, "nhwc"),
        ("x: float ?", pixels, "nhwc"),
    ]
    .into_iter()
    .enumerate()
    {
        let toy = Toy::new("y = Softmax(lg) axis=1", &["y: float N,3"]).input(input, stem);
        let path = toy.write(folder.path(), &format!("open{i}.onnx"));
        for (index, color) in [RED, GREEN, BLUE].into_iter().enumerate() {
            let outcome = classify(&path, color, set).without_warning();
            assert_eq!(outcome.classes()[0], (index as i32, 995), "{input}");
            let found: String = outcome.info.get("layout").expect("it is in model-info");
            assert_eq!(found, layout, "{input}");
        }
    }
}

/// The metadata of a widely used exporter is its contract: names, size, and no normalization.
#[test]
fn metadata_of_an_exporter() {
    support::init();
    for (color, class, label) in [(RED, 0, "red"), (GREEN, 1, "green"), (BLUE, 2, "blue")] {
        let element = element(&case("ultralytics_cls.onnx"));
        let outcome = outcome(&element, color, nothing).without_warning();
        assert_eq!(
            (outcome.classes()[0], outcome.label()),
            ((class, 995), label)
        );
        assert_eq!(
            (outcome.number("width"), outcome.number("height")),
            (64, 64)
        );
        assert_eq!(outcome.number("resize"), 64);
        let mean = outcome.info.get::<gst::Array>("mean").expect("a mean");
        assert!(mean.iter().all(|v| v.get::<f64>() == Ok(0.0)));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let toy = |size: &str, names: &str| {
        Toy::new("y = Softmax(lg) axis=1", &["y: float N,3"])
            .input(
                "x: float N,3,h,w",
                "g = GlobalAveragePool(x)\nflat = Flatten(g) axis=1",
            )
            .metadata("names", names)
            .metadata("imgsz", size)
            .metadata("task", "classify")
            .write(folder.path(), "exported.onnx")
    };
    let path = toy("(48, 192)", "[\"it's red\", 'green', 'blue']");
    let outcome = outcome(&element(&path), RED, nothing).without_warning();
    assert_eq!(outcome.label(), "it's red");
    assert_eq!(
        (outcome.number("width"), outcome.number("height")),
        (192, 48)
    );
    assert_eq!(outcome.number("resize-width"), 192);
    // What is not understood is said, and does not count.
    let path = toy("large", "{0: 'a', 1: 'b', 2: 'c'}");
    let outcome = self::outcome(&element(&path), RED, |e| {
        e.set_property("width", 32u32);
        e.set_property("height", 32u32);
    });
    outcome.warns(&["“imgsz” is “large”"]);
    // Properties come before it.
    let outcome = classify(&case("ultralytics_cls.onnx"), RED, |e| {
        e.set_property("width", 32u32);
        e.set_property("height", 32u32);
    });
    assert_eq!(outcome.without_warning().number("width"), 32);
}

/// A batch that is baked into the graph: the engine runs as many as it takes, and says so.
#[test]
fn a_batch_that_is_baked_in() {
    let of = |batch: u32| move |e: &gst::Element| e.set_property("batch-size", batch);
    let path = case("reshape_fixed_1.onnx");
    classify(&path, RED, nothing).without_warning();
    let words = ["batch-size=4", "one picture at a time"];
    let outcome = classify(&path, GREEN, of(4)).warns(&words);
    assert_eq!(outcome.classes()[0], (1, 995));
    assert_eq!(outcome.number("batch-size"), 1);

    let folder = tempfile::tempdir().expect("a folder");
    for (i, nodes) in [
        "y = Reshape(lg, #[4,3])",
        "r = Reshape(lg, #[4,-1])\ny = Softmax(r) axis=1",
        "a, b, c, d = Split(lg, #[1,1,1,1]) axis=0\ny = Concat(a, b, c, d) axis=0",
    ]
    .into_iter()
    .enumerate()
    {
        let toy = Toy::new(nodes, &["y: float N,3"]);
        let path = toy.write(folder.path(), &format!("four{i}.onnx"));
        for batch in [1, 4, 8] {
            let words = ["runs with 4 pictures and no other number"];
            let outcome = classify(&path, BLUE, of(batch)).warns(&words);
            assert_eq!(outcome.classes()[0], (2, 995), "{nodes}");
            assert_eq!(outcome.number("batch-size"), 4);
        }
    }
}

/// A graph whose pictures have a part in each other's results, or whose output has no place for
/// more, runs one at a time.
#[test]
fn a_batch_that_is_not_one_for_each() {
    let folder = tempfile::tempdir().expect("a folder");
    for (i, nodes) in [
        "m = ReduceMean(lg) axes=[0] keepdims=1\ny = Add(lg, m)",
        "r = Reshape(lg, #[1,-1])\ny = Slice(r, #[0], #[3], #[1])",
        "y = Squeeze(lg)",
    ]
    .into_iter()
    .enumerate()
    {
        let toy = Toy::new(nodes, &["y: float ?"]);
        let path = toy.write(folder.path(), &format!("mixed{i}.onnx"));
        let outcome = classify(&path, GREEN, |e| e.set_property("batch-size", 4u32));
        let outcome = outcome.warns(&["batch-size=4", "one picture at a time"]);
        assert_eq!(outcome.classes()[0].0, 1, "{nodes}");
        assert_eq!(outcome.number("batch-size"), 1);
    }
    // One that is free is used, without a word.
    let outcome = classify(&case("plain.onnx"), GREEN, |e| {
        e.set_property("batch-size", 4u32)
    });
    assert_eq!(outcome.without_warning().number("batch-size"), 4);
}
