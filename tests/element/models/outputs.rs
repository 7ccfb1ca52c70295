// SPDX-License-Identifier: MPL-2.0
//! Which output has the classes, and what its numbers are.

use std::path::Path;

use gst::prelude::*;

use super::{case, classify, is_right, nothing, refusal};
use support::element::*;
use support::onnx::Toy;

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
        let classification = classification(&rig.classify(plain(&info, RED)));
        classification.top().expect("a class").index
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
