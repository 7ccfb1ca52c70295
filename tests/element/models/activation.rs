// SPDX-License-Identifier: MPL-2.0
//! Whether a model applies softmax or sigmoid itself.

use gst::prelude::*;

use super::{case, classify, is_right, nothing, outcome};
use support::element::*;
use support::onnx::Toy;

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
