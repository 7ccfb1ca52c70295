// SPDX-License-Identifier: MPL-2.0
//! Models that others have exported: whatever their last operations, outputs, sizes and batches, the
//! answer is right, or the user is told.

use std::path::{Path, PathBuf};

use gst::prelude::*;
use gstresnet50::meta::Classification;

use support::data;
use support::element::*;
use support::toy::Toy;

/// What became of one red, green or blue frame.
struct Outcome {
    answer: Classification,
    warnings: Vec<String>,
    info: gst::Structure,
}

impl Outcome {
    /// Classes and confidences, the confidences in thousandths.
    fn classes(&self) -> Vec<(i32, i32)> {
        let results = self.answer.results.iter();
        results
            .map(|c| (c.index, (c.confidence * 1000.0).round() as i32))
            .collect()
    }

    fn label(&self) -> &str {
        &self.answer.top().expect("a class").label
    }

    fn activation(&self) -> String {
        self.info.get("activation").expect("it is in model-info")
    }

    fn number(&self, field: &str) -> u32 {
        self.info.get(field).expect("it is in model-info")
    }

    /// Nothing was warned of.
    fn without_warning(self) -> Self {
        assert_eq!(self.warnings, Vec::<String>::new());
        self
    }

    /// One warning, with these words.
    fn warns(self, words: &[&str]) -> Self {
        let [warning] = &self.warnings[..] else {
            panic!(
                "one warning with {words:?}, and there are {:?}",
                self.warnings
            );
        };
        for word in words {
            assert!(warning.contains(word), "no “{word}” in: {warning}");
        }
        self
    }
}

/// Plays one frame of this colour through a model, white being 1.
fn classify(model: &Path, color: [u8; 3], set: impl FnOnce(&gst::Element)) -> Outcome {
    let element = element(model);
    element.set_property("mean", three([0.0; 3]));
    element.set_property("std", three([1.0; 3]));
    outcome(&element, color, set)
}

fn outcome(element: &gst::Element, color: [u8; 3], set: impl FnOnce(&gst::Element)) -> Outcome {
    set(element);
    let info = rgb(48, 40);
    let rig = Rig::new(element, &info);
    if rig.play().is_err() {
        panic!("it starts: {:?}", rig.errors());
    }
    let buffer = rig.classify(plain(&info, color));
    let outcome = Outcome {
        answer: answer(&buffer),
        warnings: warnings(&rig.bus, element)
            .iter()
            .map(|w| w.message().to_owned())
            .collect(),
        info: element.property("model-info"),
    };
    rig.stop();
    outcome
}

/// Why a model does not start.
fn refusal(model: &Path, set: impl FnOnce(&gst::Element)) -> glib::Error {
    let element = element(model);
    set(&element);
    let rig = Rig::new(&element, &rgb(48, 40));
    assert!(rig.play().is_err(), "it must not start");
    let mut errors = rig.errors();
    assert_eq!(errors.len(), 1, "{errors:?}");
    rig.stop();
    errors.remove(0)
}

fn case(name: &str) -> PathBuf {
    data("models").join(name)
}

fn nothing(_: &gst::Element) {}

/// Red, green and blue are told apart with the confidences that the graph gives, without a word.
fn is_right(model: &Path) {
    for (index, color) in [RED, GREEN, BLUE].into_iter().enumerate() {
        let outcome = classify(model, color, nothing).without_warning();
        let (class, confidence) = outcome.classes()[0];
        assert_eq!((class, confidence), (index as i32, 995), "{model:?}");
    }
}

/// A softmax that another operation follows, that is written as exponentials, or that lies within a
/// function, a branch or a loop, is not applied again.
#[test]
fn softmax_in_the_graph_is_not_applied_again() {
    support::init();
    for name in [
        "softmax_clip",
        "softmax_concat",
        "softmax_decomposed",
        "softmax_function",
        "softmax_mean",
        "softmax_mul1",
        "plain",
        "constant_nodes",
    ] {
        is_right(&case(&format!("{name}.onnx")));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let softmax = "sm = Softmax(lg) axis=1\n";
    for (i, nodes) in [
        "y = Identity(sm)",
        "y = Cast(sm) to=1",
        "y = Reshape(sm, #[-1,3])",
        "u = Unsqueeze(sm, #[1])\ny = Squeeze(u, #[1])",
        "y = Slice(sm, #[0], #[3], #[1])",
        "y = Gather(sm, #[0,1,2]) axis=1",
        "t = Transpose(sm) perm=[1,0]\ny = Transpose(t) perm=[1,0]",
        "h = Cast(sm) to=10\ny = Cast(h) to=1",
        "a, b, c = Split(sm, #[1,1,1]) axis=1\ny = Concat(a, b, c) axis=1",
        "y = Mul(sm, #1.0)",
        "y = Div(sm, #1.0)",
        "y = Max(sm, #0.000001)",
        "y = Dropout(sm)",
        "s = ReduceSum(sm, #[1]) keepdims=1\ny = Div(sm, s)",
        "l = Log(sm)\ny = Exp(l)",
        "y = Where(#[true], sm, lg)",
    ]
    .into_iter()
    .enumerate()
    {
        let toy = Toy::new(&format!("{softmax}{nodes}"), &["y: float N,3"]);
        is_right(&toy.write(folder.path(), &format!("behind{i}.onnx")));
    }
    for (i, nodes) in [
        "y = LogSoftmax(lg) axis=1",
        "l = LogSoftmax(lg) axis=1\ny = Exp(l)",
        "s = ReduceLogSumExp(lg) axes=[1] keepdims=1\nd = Sub(lg, s)\ny = Exp(d)",
        "e = Exp(lg)\ns = ReduceSum(e, #[1]) keepdims=1\nr = Reciprocal(s)\ny = Mul(e, r)",
        "e = Exp(lg)\ns = ReduceSum(e, #[1]) keepdims=1\na = Add(s, #0.000001)\ny = Div(e, a)",
        "e = Exp(lg)\ny = LpNormalization(e) axis=1 p=1",
    ]
    .into_iter()
    .enumerate()
    {
        let toy = Toy::new(nodes, &["y: float N,3"]);
        is_right(&toy.write(folder.path(), &format!("written{i}.onnx")));
    }
}

/// The same in a branch, in a loop and in functions that call each other.
#[test]
fn softmax_within_others_is_not_applied_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let branch = Toy::new(
        "c = Greater(#2.0, #1.0)\ny = If(c) then_branch=@0 else_branch=@1",
        &["y: float N,3"],
    )
    .graph(&[], "a = Softmax(lg) axis=1", &["a: float N,3"])
    .graph(&[], "b = Softmax(lg) axis=-1", &["b: float N,3"]);
    is_right(&branch.write(folder.path(), "branch.onnx"));
    let body = Toy::new("y = Loop(#1, , lg) body=@0", &["y: float N,3"]).graph(
        &["i: i64", "c: bool", "v: float N,3"],
        "d = Identity(c)\nw = Softmax(v) axis=1",
        &["d: bool", "w: float N,3"],
    );
    is_right(&body.write(folder.path(), "loop.onnx"));
    let nested = Toy::new("y = own.outer(lg)", &["y: float N,3"])
        .function("inner", "b = Softmax(a) axis=1")
        .function("outer", "c = own.inner(a)\nb = Identity(c)");
    is_right(&nested.write(folder.path(), "nested.onnx"));
}

/// The exporters' shapes: with ones behind the classes, before them, or without a batch; in halves;
/// in the opsets from 7 on.
#[test]
fn shapes_types_and_opsets() {
    let folder = tempfile::tempdir().expect("a folder");
    for (i, (nodes, output)) in [
        (
            "u = Unsqueeze(lg, #[2,3])\ny = Identity(u)",
            "y: float N,3,1,1",
        ),
        (
            "u = Unsqueeze(lg, #[1,2])\ny = Softmax(u) axis=3",
            "y: float N,1,1,3",
        ),
        ("y = Unsqueeze(lg, #[1])", "y: float N,1,3"),
        ("y = Squeeze(lg, #[0])", "y: float 3"),
        ("s = Softmax(lg) axis=1\ny = Squeeze(s)", "y: float ?"),
        ("y = Cast(lg) to=10", "y: half N,3"),
        ("s = Softmax(lg) axis=1\ny = Cast(s) to=10", "y: half N,3"),
        ("y = Identity(lg)", "y: float batch_size,classes"),
        ("y = Identity(lg)", "y: float _,_"),
    ]
    .into_iter()
    .enumerate()
    {
        let path = Toy::new(nodes, &[output]).write(folder.path(), &format!("shape{i}.onnx"));
        is_right(&path);
    }
    for opset in [7, 9, 11, 12, 13, 15, 17, 19, 21] {
        let toy = Toy::new("y = Softmax(lg) axis=1", &["y: float N,3"]).opset(opset);
        is_right(&toy.write(folder.path(), &format!("opset{opset}.onnx")));
    }
    for (name, input, stem) in [
        (
            "pixels",
            "x: float N,32,32,3",
            "flat = ReduceMean(x) axes=[1,2] keepdims=0",
        ),
        (
            "halves",
            "x: half N,3,32,32",
            "f = Cast(x) to=1\ng = GlobalAveragePool(f)\nflat = Flatten(g) axis=1",
        ),
    ] {
        let toy = Toy::new("y = Softmax(lg) axis=1", &["y: float N,3"]).input(input, stem);
        is_right(&toy.write(folder.path(), &format!("{name}.onnx")));
    }
    // Bytes: the graph makes 1 of white itself.
    let stem = "f = Cast(x) to=1\ng = ReduceMean(f) axes=[1,2] keepdims=0\nflat = Div(g, #255.0)";
    let toy = Toy::new("y = Softmax(lg) axis=1", &["y: float N,3"]).input("x: u8 N,32,32,3", stem);
    let path = toy.write(folder.path(), "bytes.onnx");
    let outcome = outcome(&element(&path), GREEN, nothing).without_warning();
    assert_eq!(outcome.classes()[0], (1, 995));
}

/// Each class by itself: a sigmoid in the graph, however it is written, is not applied again, and no
/// softmax is made of it.
#[test]
fn sigmoid_in_the_graph_is_not_applied_again() {
    let outcome = classify(&case("multilabel35.onnx"), RED, nothing).without_warning();
    assert_eq!(outcome.classes()[..2], [(0, 953), (1, 953)]);
    assert_eq!(outcome.activation(), "none");

    let folder = tempfile::tempdir().expect("a folder");
    // 6 becomes 0.953, 0 becomes 0.047.
    let shifted = "l = Sub(lg, #3.0)\n";
    for (i, nodes) in [
        "y = Sigmoid(l)",
        "s = Sigmoid(l)\ny = Clip(s, #0.0000001, #0.9999999)",
        "n = Neg(l)\ne = Exp(n)\na = Add(e, #1.0)\ny = Reciprocal(a)",
        "n = Neg(l)\ne = Exp(n)\na = Add(#1.0, e)\ny = Div(#1.0, a)",
        "h = Mul(l, #0.5)\nt = Tanh(h)\na = Add(t, #1.0)\ny = Mul(a, #0.5)",
        "n = Neg(l)\ns = Softplus(n)\nm = Neg(s)\ny = Exp(m)",
        "s = Sigmoid(l)\na, b, c = Split(s, #[1,1,1]) axis=1\ny = Concat(a, b, c) axis=1",
        "s = Sigmoid(l)\nu = Unsqueeze(s, #[1])\nc = Concat(u, u) axis=1\ny = ReduceMean(c) axes=[1] keepdims=0",
    ]
    .into_iter()
    .enumerate()
    {
        let toy = Toy::new(&format!("{shifted}{nodes}"), &["y: float N,3"]);
        let path = toy.write(folder.path(), &format!("sigmoid{i}.onnx"));
        let outcome = classify(&path, GREEN, nothing).without_warning();
        assert_eq!(outcome.classes(), [(1, 953), (0, 47), (2, 47)], "{nodes}");
    }
    let toy = Toy::new(&format!("{shifted}y = own.squash(l)"), &["y: float N,3"]).function(
        "squash",
        "n = Neg(a)\ne = Exp(n)\np = Add(e, #1.0)\nb = Reciprocal(p)",
    );
    let outcome = classify(&toy.write(folder.path(), "own.onnx"), RED, nothing).without_warning();
    assert_eq!(outcome.classes()[0], (0, 953));
}

/// A softmax of which a part is taken away no longer sums to 1, and is one all the same.
#[test]
fn a_part_of_a_softmax_is_not_applied_again() {
    let folder = tempfile::tempdir().expect("a folder");
    for (i, nodes) in [
        "y = Slice(sm, #[0], #[3], #[1])",
        "y = Gather(sm, #[0,1,2]) axis=1",
    ]
    .into_iter()
    .enumerate()
    {
        let nodes =
            format!("z = Mul(lg, #0.0)\nc = Concat(lg, z) axis=1\nsm = Softmax(c) axis=1\n{nodes}");
        let toy = Toy::new(&nodes, &["y: float N,3"]);
        let path = toy.write(folder.path(), &format!("part{i}.onnx"));
        let outcome = classify(&path, RED, nothing).without_warning();
        // e^6 / (e^6 + 5)
        assert_eq!(outcome.classes()[0], (0, 988), "{nodes}");
    }
}

/// An `activation` that contradicts what was found is done as it is asked for, and warned of; so is
/// a contract's.
#[test]
fn an_activation_that_contradicts_the_model_is_warned_of() {
    let activation =
        |value: &'static str| move |e: &gst::Element| e.set_property_from_str("activation", value);
    for name in ["softmax_decomposed.onnx", "softmax_clip.onnx"] {
        for value in ["softmax", "sigmoid"] {
            let words = [&format!("activation={value}"), "already", "activation=none"];
            let outcome = classify(&case(name), RED, activation(value)).warns(&words);
            assert_eq!(outcome.activation(), value);
            assert!(outcome.classes()[0].1 < 800);
        }
        classify(&case(name), RED, activation("none")).without_warning();
    }
    let words = ["activation=none", "no confidences", "activation=softmax"];
    classify(&case("plain.onnx"), RED, activation("none")).warns(&words);
    for value in ["softmax", "sigmoid"] {
        classify(&case("plain.onnx"), RED, activation(value)).without_warning();
    }
    let folder = tempfile::tempdir().expect("a folder");
    for (nodes, contract, words) in [
        ("y = Softmax(lg) axis=1", "logits", ["“logits”", "already"]),
        (
            "y = Mul(lg, #2.0)",
            "probabilities",
            ["“probabilities”", "no confidences"],
        ),
    ] {
        let toy = Toy::new(nodes, &["y: float N,3"]).metadata(
            "resnet50.contract",
            &format!(r#"{{"output":"{contract}"}}"#),
        );
        classify(&toy.write(folder.path(), "contract.onnx"), RED, nothing).warns(&words);
    }
}

/// Of several outputs the one is read that holds the classes: a softmax, a name, as many as there
/// are labels.
#[test]
fn the_output_with_the_classes_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    is_right(&case("features_then_probs.onnx"));
    let features = "features: float N,6";
    let wide = "features = Concat(flat, flat) axis=1\n";
    for (i, (nodes, outputs)) in [
        ("logits = Identity(lg)", [features, "logits: float N,3"]),
        ("output = Identity(lg)", [features, "output: float N,3"]),
        (
            "probs = Softmax(lg) axis=1\nlogits = Identity(lg)",
            ["logits: float N,3", "probs: float N,3"],
        ),
        (
            "y = Softmax(lg) axis=1\nb = ArgMax(lg) axis=1",
            ["b: i64 N,1", "y: float N,3"],
        ),
        (
            "y = Softmax(lg) axis=1\nm = Identity(x)",
            ["m: float N,3,32,32", "y: float N,3"],
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let toy = Toy::new(&format!("{wide}{nodes}"), &outputs);
        is_right(&toy.write(folder.path(), &format!("outputs{i}.onnx")));
    }
    let toy = Toy::new(
        &format!("{wide}y = Identity(lg)"),
        &[features, "y: float N,3"],
    );
    let path = toy.write(folder.path(), "labels.onnx");
    let labels = folder.path().join("labels.txt");
    std::fs::write(&labels, "red\ngreen\nblue\n").expect("a file");
    let set = |e: &gst::Element| e.set_property("labels", text(&labels));
    let outcome = classify(&path, BLUE, set).without_warning();
    assert_eq!((outcome.classes()[0], outcome.label()), ((2, 995), "blue"));
    let outcome = classify(&path, BLUE, nothing).warns(&["“y”", "“features”", "property output"]);
    assert_eq!(outcome.classes()[0], (2, 995));
}

/// Two heads: the first is read, the other is named in a WARNING, and `output` chooses without one.
#[test]
fn the_property_output_chooses() {
    let folder = tempfile::tempdir().expect("a folder");
    let nodes = "a = Softmax(lg) axis=1\nn = Neg(lg)\nb = Softmax(n) axis=1";
    let toy = Toy::new(nodes, &["a: float N,3", "b: float N,3"]);
    let path = toy.write(folder.path(), "heads.onnx");
    let outcome = classify(&path, RED, nothing).warns(&["“a” is read", "“b”", "property output"]);
    assert_eq!(outcome.classes()[0], (0, 995));
    for (name, class) in [("a", (0, 995)), ("b", (1, 499))] {
        let outcome = classify(&path, RED, |e| e.set_property("output", name)).without_warning();
        assert_eq!(outcome.classes()[0], class);
        let read: String = outcome.info.get("output").expect("it is in model-info");
        assert_eq!(read, name);
    }
    let error = refusal(&path, |e| e.set_property("output", "c"));
    assert!(error.matches(gst::ResourceError::Settings), "{error:?}");
    for word in ["output", "“c”", "“a”, “b”"] {
        assert!(error.message().contains(word), "no {word} in: {error}");
    }
    // One that is none.
    let toy = Toy::new(
        "y = Softmax(lg) axis=1\nm = Identity(x)",
        &["y: float N,3", "m: float N,3,32,32"],
    );
    let path = toy.write(folder.path(), "picture.onnx");
    let error = refusal(&path, |e| e.set_property("output", "m"));
    assert!(error.message().contains("“m” has the shape"), "{error}");
}

/// Elements that ask for different outputs of one model have an engine each, and those that ask for
/// the same share one.
#[test]
fn outputs_are_shared_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let nodes = "a = Softmax(lg) axis=1\nn = Neg(lg)\nb = Softmax(n) axis=1";
    let toy = Toy::new(nodes, &["a: float N,3", "b: float N,3"]);
    let path = toy.write(folder.path(), "heads.onnx");
    let info = rgb(48, 40);
    let rigs = ["a", "b"].map(|name| {
        let element = element(&path);
        element.set_property("output", name);
        let rig = Rig::new(&element, &info);
        rig.play().expect("it starts");
        rig
    });
    let tops = rigs.each_ref().map(|rig| {
        let answer = answer(&rig.classify(plain(&info, RED)));
        answer.top().expect("a class").index
    });
    assert_eq!(tops[0], 0);
    assert_ne!(tops[1], 0);
    rigs.iter().for_each(Rig::stop);
}

/// A graph that ends in `TopK` is read through its indices: its classes, and no more of them than it
/// gives.
#[test]
fn top_k_is_read_through_its_indices() {
    let results = |path: &Path| classify(path, GREEN, nothing).without_warning().classes();
    let expected = [(1, 995), (0, 2), (2, 2)];
    assert_eq!(results(&case("topk_in_graph.onnx")), expected);
    let folder = tempfile::tempdir().expect("a folder");
    let softmax = "p = Softmax(lg) axis=1\n";
    for (i, (nodes, outputs)) in [
        // In the other order, of 32 bits, all classes, or unsorted.
        (
            "v, i = TopK(p, #[3]) axis=1",
            ["i: i64 N,3", "v: float N,3"],
        ),
        (
            "v, j = TopK(p, #[3]) axis=1\ni = Cast(j) to=6",
            ["v: float N,3", "i: i32 N,3"],
        ),
        (
            "v, i = TopK(p, #[3]) axis=-1 sorted=0",
            ["v: float N,3", "i: i64 N,3"],
        ),
        (
            "w, i = TopK(p, #[3]) axis=1\nv = Cast(w) to=10",
            ["v: half N,3", "i: i64 N,3"],
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let toy = Toy::new(&format!("{softmax}{nodes}"), &outputs).classes(5);
        let path = toy.write(folder.path(), &format!("top{i}.onnx"));
        assert_eq!(results(&path), expected, "{nodes}");
    }
    // Of logits: the shares of the best alone, which is said.
    let toy = Toy::new(
        "v, i = TopK(lg, #[2]) axis=1",
        &["v: float N,2", "i: i64 N,2"],
    )
    .classes(5);
    let path = toy.write(folder.path(), "logits.onnx");
    let outcome = classify(&path, BLUE, nothing).warns(&["2 best values before the activation"]);
    assert_eq!(outcome.classes(), [(2, 998), (0, 2)]);
    // Beside all of them, these are read.
    let toy = Toy::new(
        &format!("{softmax}v, i = TopK(p, #[1]) axis=1"),
        &["v: float N,1", "i: i64 N,1", "p: float N,3"],
    );
    is_right(&toy.write(folder.path(), "both.onnx"));
}

/// What cannot be read is refused, with what to do: values without their classes, classes alone, and
/// a `TopK` of nobody knows how many classes, unless labels tell.
#[test]
fn top_k_that_cannot_be_read_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let softmax = "p = Softmax(lg) axis=1\n";
    for (nodes, outputs) in [
        ("v, i = TopK(p, #[3]) axis=1", &["v: float N,3"][..]),
        ("v, i = TopK(p, #[3]) axis=1", &["i: i64 N,3"]),
        ("i = ArgMax(p) axis=1", &["i: i64 N,1"]),
        ("j = ArgMax(p) axis=1\ni = Cast(j) to=1", &["i: float N,1"]),
    ] {
        let toy = Toy::new(&format!("{softmax}{nodes}"), outputs).classes(5);
        let error = refusal(&toy.write(folder.path(), "no.onnx"), nothing);
        assert!(error.matches(gst::StreamError::WrongType), "{error:?}");
        assert!(error.message().contains("without its"), "{error}");
    }
    let nodes = "q = Tile(lg, #[1,1])\nv, i = TopK(q, #[3]) axis=1";
    let toy = Toy::new(nodes, &["v: float N,3", "i: i64 N,3"]).classes(5);
    let path = toy.write(folder.path(), "unknown.onnx");
    let error = refusal(&path, nothing);
    assert!(
        error.message().contains("set the property labels"),
        "{error}"
    );
    let labels = folder.path().join("labels.txt");
    std::fs::write(&labels, "a\nb\nc\nd\ne\n").expect("a file");
    let outcome = classify(&path, RED, |e| e.set_property("labels", text(&labels)));
    assert_eq!(outcome.number("classes"), 5);
}

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

/// A graph whose pictures have a part in each other's answers, or whose output has no place for
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

/// A single logit is a sigmoid's, with two classes.
#[test]
fn one_logit_is_two_classes() {
    let folder = tempfile::tempdir().expect("a folder");
    let labels = folder.path().join("labels.txt");
    std::fs::write(&labels, "not red\nred\n").expect("a file");
    // 3 for red, -3 for others: 0.953 and 0.047.
    let one = "s = Slice(lg, #[0], #[1], #[1])\nl = Sub(s, #3.0)\n";
    for (i, (nodes, output, activation)) in [
        ("y = Identity(l)", "y: float N,1", "sigmoid"),
        ("y = Sigmoid(l)", "y: float N,1", "none"),
        (
            "n = Neg(l)\ne = Exp(n)\na = Add(e, #1.0)\ny = Div(#1.0, a)",
            "y: float N,1",
            "none",
        ),
        ("y = Squeeze(l, #[1])", "y: float N", "sigmoid"),
        ("y = Unsqueeze(l, #[2,3])", "y: float N,1,1,1", "sigmoid"),
        ("y = Squeeze(l)", "y: float", "sigmoid"),
    ]
    .into_iter()
    .enumerate()
    {
        let path = Toy::new(&format!("{one}{nodes}"), &[output])
            .write(folder.path(), &format!("one{i}.onnx"));
        for (color, expected) in [(RED, [(1, 953), (0, 47)]), (BLUE, [(0, 953), (1, 47)])] {
            let outcome = classify(&path, color, |e| e.set_property("labels", text(&labels)));
            let outcome = outcome.without_warning();
            assert_eq!(outcome.classes(), expected, "{nodes}");
            assert_eq!(outcome.number("classes"), 2);
            assert_eq!(outcome.activation(), activation);
        }
        let outcome = classify(&path, RED, nothing).warns(&["“negative” and “positive”", "labels"]);
        assert_eq!(outcome.label(), "positive");
    }
    let toy = Toy::new(&format!("{one}y = Identity(l)"), &["y: float N,1"])
        .metadata("resnet50.contract", r#"{"labels":["other","red"]}"#);
    let path = toy.write(folder.path(), "named.onnx");
    let outcome = classify(&path, RED, nothing).without_warning();
    assert_eq!(outcome.label(), "red");
    let softmax = |e: &gst::Element| e.set_property_from_str("activation", "softmax");
    let outcome = classify(&path, RED, softmax).warns(&["activation=softmax", "single value"]);
    assert_eq!(
        (outcome.classes()[0], outcome.activation().as_str()),
        ((1, 953), "sigmoid")
    );
    // Several at a time, too.
    let outcome = classify(&path, BLUE, |e| e.set_property("batch-size", 4u32)).without_warning();
    assert_eq!(outcome.number("batch-size"), 4);
    assert_eq!(outcome.classes()[0], (0, 953));
}
