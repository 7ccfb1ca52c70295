// SPDX-License-Identifier: MPL-2.0
use super::output_intervals;
use crate::onnx::{
    Attribute, Function, Graph, Model, Node, Tensor, ValueInfo, attribute_type, data_type,
};

fn node(op: &str, inputs: &[&str], output: &str) -> Node {
    Node {
        op_type: op.into(),
        input: inputs.iter().map(|i| (*i).to_owned()).collect(),
        output: vec![output.into()],
        ..Node::default()
    }
}

fn scalar(name: &str, value: f32) -> Tensor {
    Tensor {
        name: name.into(),
        data_type: data_type::FLOAT,
        raw_data: value.to_le_bytes().to_vec().into(),
        ..Tensor::default()
    }
}

fn graph(nodes: Vec<Node>) -> Graph {
    let last = nodes.last().and_then(|n| n.output.first()).cloned();
    Graph {
        node: nodes,
        initializer: [
            ("0", 0.0),
            ("1", 1.0),
            ("half", 0.5),
            ("3", 3.0),
            ("6", 6.0),
            ("7", 7.0),
        ]
        .map(|(name, value)| scalar(name, value))
        .into(),
        output: vec![ValueInfo {
            name: last.unwrap_or_default(),
            r#type: None,
        }],
        ..Graph::default()
    }
}

fn is_unit(nodes: Vec<Node>) -> bool {
    let model = Model {
        graph: Some(graph(nodes)),
        ..Model::default()
    };
    output_intervals(&model)[0].is_unit()
}

/// A sigmoid in all the ways in which exporters write it.
#[test]
fn sigmoids() {
    assert!(is_unit(vec![node("Sigmoid", &["x"], "y")]));
    assert!(is_unit(vec![
        node("Neg", &["x"], "a"),
        node("Exp", &["a"], "b"),
        node("Add", &["b", "1"], "c"),
        node("Reciprocal", &["c"], "y"),
    ]));
    assert!(is_unit(vec![
        node("Neg", &["x"], "a"),
        node("Exp", &["a"], "b"),
        node("Add", &["1", "b"], "c"),
        node("Div", &["1", "c"], "y"),
    ]));
    assert!(is_unit(vec![
        node("Mul", &["x", "half"], "a"),
        node("Tanh", &["a"], "b"),
        node("Mul", &["b", "half"], "c"),
        node("Add", &["c", "half"], "y"),
    ]));
    assert!(is_unit(vec![
        node("Add", &["x", "3"], "a"),
        node("Clip", &["a", "0", "6"], "b"),
        node("Div", &["b", "6"], "y"),
    ]));
    assert!(is_unit(vec![
        node("Neg", &["x"], "a"),
        node("Softplus", &["a"], "b"),
        node("Neg", &["b"], "c"),
        node("Exp", &["c"], "y"),
    ]));
    assert!(is_unit(vec![
        node("LogSoftmax", &["x"], "a"),
        node("Exp", &["a"], "y"),
    ]));
}

/// A softmax that is built from single operations.
#[test]
fn softmaxes() {
    let exp = || {
        vec![
            node("ReduceMax", &["x"], "most"),
            node("Sub", &["x", "most"], "less"),
            node("Exp", &["less"], "exp"),
            node("ReduceSum", &["exp"], "sum"),
        ]
    };
    let with = |nodes: Vec<Node>| is_unit(exp().into_iter().chain(nodes).collect());
    assert!(with(vec![node("Div", &["exp", "sum"], "y")]));
    assert!(with(vec![
        node("Add", &["sum", "half"], "more"),
        node("Div", &["exp", "more"], "y"),
    ]));
    assert!(with(vec![
        node("Reciprocal", &["sum"], "one"),
        node("Mul", &["exp", "one"], "y"),
    ]));
    assert!(with(vec![
        node("Log", &["sum"], "log"),
        node("Sub", &["less", "log"], "small"),
        node("Exp", &["small"], "y"),
    ]));
    assert!(is_unit(vec![
        node("ReduceLogSumExp", &["x"], "log"),
        node("Sub", &["x", "log"], "small"),
        node("Exp", &["small"], "y"),
    ]));
    assert!(!is_unit(vec![
        node("ReduceSum", &["x"], "sum"),
        node("Div", &["x", "sum"], "y"),
    ]));
    assert!(!with(vec![node("Div", &["x", "sum"], "y")]));
}

/// What selects, joins, converts or scales the values of a sigmoid keeps them within 0..1.
#[test]
fn behind_a_sigmoid() {
    let with = |op: &str, inputs: &[&str]| {
        is_unit(vec![node("Sigmoid", &["x"], "s"), node(op, inputs, "y")])
    };
    for op in [
        "Identity",
        "Cast",
        "Squeeze",
        "Slice",
        "Gather",
        "Reshape",
        "ReduceMean",
    ] {
        assert!(with(op, &["s", "indices"]), "{op}");
    }
    assert!(with("Concat", &["s", "s"]));
    assert!(with("Mul", &["s", "1"]));
    assert!(with("Mul", &["s", "s"]));
    assert!(with("Sub", &["1", "s"]));
    assert!(with("Max", &["s", "0"]));
}

/// A value that can be anything, or does not depend on the image, is not a confidence.
#[test]
fn no_sigmoids() {
    assert!(!is_unit(vec![node("Relu", &["x"], "y")]));
    assert!(!is_unit(vec![node("Gemm", &["x", "1"], "y")]));
    assert!(!is_unit(vec![node("Identity", &["half"], "y")]));
    assert!(!is_unit(vec![
        node("Sigmoid", &["x"], "s"),
        node("Mul", &["x", "s"], "y")
    ]));
    assert!(!is_unit(vec![
        node("Sigmoid", &["x"], "s"),
        node("Add", &["s", "s"], "y")
    ]));
    assert!(!is_unit(vec![
        node("Sigmoid", &["x"], "s"),
        node("Concat", &["s", "x"], "y")
    ]));
    assert!(!is_unit(vec![
        node("Sigmoid", &["x"], "s"),
        node("Mul", &["s", "7"], "y")
    ]));
    let mut other = node("Sigmoid", &["x"], "y");
    other.domain = "somebody.else".into();
    assert!(!is_unit(vec![other]));
}

/// A sigmoid in a function, in both branches, in a loop.
#[test]
fn within_others() {
    let body = graph(vec![node("Sigmoid", &["x"], "inner")]);
    let nested = |op: &str, inputs: &[&str], graphs: &[Graph]| {
        let mut node = node(op, inputs, "y");
        node.attribute = graphs
            .iter()
            .map(|g| Attribute {
                g: Some(Box::new(g.clone())),
                r#type: attribute_type::GRAPH,
                ..Attribute::default()
            })
            .collect();
        node
    };
    let other = graph(vec![node("Neg", &["x"], "other")]);
    assert!(is_unit(vec![nested(
        "If",
        &["c"],
        &[body.clone(), body.clone()]
    )]));
    assert!(!is_unit(vec![nested("If", &["c"], &[body.clone(), other])]));
    let mut loops = body.clone();
    loops.output.insert(0, ValueInfo::default());
    assert!(is_unit(vec![nested(
        "Loop",
        &["1", "", "x"],
        std::slice::from_ref(&loops)
    )]));
    assert!(!is_unit(vec![nested("Loop", &["n", "", "x"], &[loops])]));

    let mut call = node("squash", &["x"], "y");
    call.domain = "own".into();
    let function = Function {
        name: "squash".into(),
        domain: "own".into(),
        input: vec!["a".into()],
        output: vec!["b".into()],
        node: vec![node("Sigmoid", &["a"], "b")],
        ..Function::default()
    };
    let model = |function: Function| Model {
        graph: Some(graph(vec![call.clone()])),
        functions: vec![function],
        ..Model::default()
    };
    assert!(output_intervals(&model(function.clone()))[0].is_unit());
    // The analysis of a function that calls itself ends.
    let mut endless = function;
    endless.node = vec![call.clone(), call.clone()];
    assert!(!output_intervals(&model(endless))[0].is_unit());
}
