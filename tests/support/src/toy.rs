// SPDX-License-Identifier: MPL-2.0
//! Toy classifiers that are written as text: the mean of each channel, six times as large, is the
//! logit of a class, so red is class 0 with 0.995, green is 1 and blue is 2. What comes behind the
//! logits, `lg`, is the test's.

use std::path::{Path, PathBuf};

use gstresnet50::onnx::{
    Attribute, Dimension, DimensionValue, Function, Graph, Model, Node, OperatorSet, Shape,
    StringEntry, Tensor, TensorType, Type, ValueInfo, attribute_type, data_type,
};

/// A model as text.
#[derive(Debug, Clone)]
pub struct Toy {
    input: String,
    /// Up to the logits.
    stem: String,
    nodes: String,
    outputs: Vec<String>,
    functions: Vec<Function>,
    branches: Vec<Graph>,
    metadata: Vec<(String, String)>,
    opset: i64,
    /// Logits of red, green and blue, each with so many classes in all.
    classes: usize,
}

impl Toy {
    /// With these operations behind the logits, one a line: `y = Softmax(lg) axis=1`. An operand
    /// such as `#0.5` or `#[1,2]` is a constant, of floats where it has a point, else of integers.
    pub fn new(nodes: &str, outputs: &[&str]) -> Self {
        Self {
            input: "x: float N,3,H,W".replace("H,W", "32,32"),
            stem: "gap = GlobalAveragePool(x)\nflat = Flatten(gap) axis=1\nlg = Gemm(flat, W, B)"
                .into(),
            nodes: nodes.into(),
            outputs: outputs.iter().map(|o| (*o).to_owned()).collect(),
            functions: Vec::new(),
            branches: Vec::new(),
            metadata: Vec::new(),
            opset: 13,
            classes: 3,
        }
    }

    /// With an input of another kind: `x: float N,3,h,w`, and how the means of its channels, `flat`,
    /// are made of it.
    pub fn input(mut self, input: &str, stem: &str) -> Self {
        self.input = input.into();
        self.stem = format!("{stem}\nlg = Gemm(flat, W, B)");
        self
    }

    /// With more classes, which are unlikely.
    pub fn classes(mut self, classes: usize) -> Self {
        self.classes = classes;
        self
    }

    pub fn opset(mut self, opset: i64) -> Self {
        self.opset = opset;
        self
    }

    pub fn metadata(mut self, key: &str, value: &str) -> Self {
        self.metadata.push((key.into(), value.into()));
        self
    }

    /// An operation of the file's own, `own.NAME(a)`, which gives `b`.
    pub fn function(mut self, name: &str, nodes: &str) -> Self {
        let mut constants = Vec::new();
        let mut node = parse(nodes, &mut constants, &[]);
        let inline = constants.into_iter().map(|tensor| Node {
            op_type: "Constant".into(),
            output: vec![tensor.name.clone()],
            attribute: vec![Attribute {
                name: "value".into(),
                t: Some(tensor),
                r#type: attribute_type::TENSOR,
                ..Attribute::default()
            }],
            ..Node::default()
        });
        node.splice(0..0, inline);
        self.functions.push(Function {
            name: name.into(),
            input: vec!["a".into()],
            output: vec!["b".into()],
            node,
            opset_import: vec![opset("", self.opset), opset("own", 1)],
            domain: "own".into(),
        });
        self
    }

    /// A graph for an attribute: `@0` is the first of them.
    pub fn graph(mut self, inputs: &[&str], nodes: &str, outputs: &[&str]) -> Self {
        let mut initializer = Vec::new();
        let node = parse(nodes, &mut initializer, &[]);
        self.branches.push(Graph {
            node,
            name: format!("graph{}", self.branches.len()),
            initializer,
            input: inputs.iter().map(|i| value(i)).collect(),
            output: outputs.iter().map(|o| value(o)).collect(),
            ..Graph::default()
        });
        self
    }

    pub fn model(&self) -> Model {
        let mut initializer = Vec::new();
        let text = format!("{}\n{}", self.stem, self.nodes);
        let node = parse(&text, &mut initializer, &self.branches);
        let n = self.classes;
        let weights = (0..3 * n).map(|i| if i % n == i / n { 6.0 } else { 0.0 });
        let biases = (0..n).map(|i| if i < 3 { 0.0 } else { -8.0 });
        initializer.push(floats("W", &[3, n as i64], &weights.collect::<Vec<_>>()));
        initializer.push(floats("B", &[n as i64], &biases.collect::<Vec<_>>()));
        let mut opset_import = vec![opset("", self.opset)];
        if !self.functions.is_empty() {
            opset_import.push(opset("own", 1));
        }
        if text.contains("com.microsoft.") {
            opset_import.push(opset("com.microsoft", 1));
        }
        Model {
            ir_version: 8,
            producer_name: "tests".into(),
            graph: Some(Graph {
                node,
                name: "toy".into(),
                initializer,
                input: vec![value(&self.input)],
                output: self.outputs.iter().map(|o| value(o)).collect(),
                ..Graph::default()
            }),
            opset_import,
            metadata_props: self
                .metadata
                .iter()
                .map(|(key, value)| StringEntry {
                    key: key.clone(),
                    value: value.clone(),
                })
                .collect(),
            functions: self.functions.clone(),
            ..Model::default()
        }
    }

    /// Writes it as `folder/name` and returns the path.
    pub fn write(&self, folder: &Path, name: &str) -> PathBuf {
        crate::onnx::write(&self.model(), folder, name)
    }
}

fn opset(domain: &str, version: i64) -> OperatorSet {
    OperatorSet {
        domain: domain.into(),
        version,
    }
}

fn floats(name: &str, dims: &[i64], values: &[f32]) -> Tensor {
    Tensor {
        dims: dims.to_vec(),
        data_type: data_type::FLOAT,
        name: name.into(),
        raw_data: values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        ..Tensor::default()
    }
}

/// `x: float N,3,32,32`, `y: float ?` for one of no known rank, or `y: float` for a scalar.
fn value(text: &str) -> ValueInfo {
    let (name, rest) = text.split_once(':').expect("a name and a type");
    let mut words = rest.split_whitespace();
    let elem_type = match words.next().expect("a type") {
        "undefined" => data_type::UNDEFINED,
        "float" => data_type::FLOAT,
        "half" => data_type::FLOAT16,
        "u8" => data_type::UINT8,
        "i64" => data_type::INT64,
        "i32" => data_type::INT32,
        "bool" => data_type::BOOL,
        other => panic!("no type {other}"),
    };
    let dims = words.next().unwrap_or_default();
    let dim = dims
        .split(',')
        .filter(|d| !d.is_empty())
        .map(|d| Dimension {
            value: match d.parse() {
                Ok(number) => Some(DimensionValue::Value(number)),
                Err(_) if d == "_" => None,
                Err(_) => Some(DimensionValue::Param(d.into())),
            },
        });
    ValueInfo {
        name: name.trim().into(),
        r#type: Some(Type {
            tensor_type: Some(TensorType {
                elem_type,
                shape: (dims != "?").then(|| Shape { dim: dim.collect() }),
            }),
        }),
    }
}

fn parse(text: &str, constants: &mut Vec<Tensor>, graphs: &[Graph]) -> Vec<Node> {
    let lines = text.lines().map(str::trim).filter(|l| !l.is_empty());
    lines.map(|line| node(line, constants, graphs)).collect()
}

fn node(line: &str, constants: &mut Vec<Tensor>, graphs: &[Graph]) -> Node {
    let (outputs, rest) = line.split_once('=').expect("results");
    let (op, rest) = rest.split_once('(').expect("an operation");
    let (operands, attributes) = rest.split_once(')').expect("operands");
    let op = op.trim();
    let (domain, op) = op.rsplit_once('.').unwrap_or(("", op));
    // A list is one operand.
    let mut input = Vec::new();
    let mut depth = 0;
    let mut operand = String::new();
    for c in operands.chars().chain([',']) {
        depth += i32::from(c == '[') - i32::from(c == ']');
        match c {
            ',' if depth == 0 => input.push(std::mem::take(&mut operand).trim().to_owned()),
            c => operand.push(c),
        }
    }
    if input == [""] {
        input.clear();
    }
    for operand in &mut input {
        let Some(literal) = operand.strip_prefix('#') else {
            continue;
        };
        let name = format!("constant {literal}");
        if !constants.iter().any(|t| t.name == name) {
            constants.push(constant(&name, literal));
        }
        *operand = name;
    }
    Node {
        output: outputs.split(',').map(|o| o.trim().to_owned()).collect(),
        op_type: op.into(),
        domain: domain.into(),
        input,
        attribute: attributes
            .split_whitespace()
            .map(|a| attribute(a, graphs))
            .collect(),
        ..Node::default()
    }
}

fn constant(name: &str, literal: &str) -> Tensor {
    let is_list = literal.starts_with('[');
    let items = literal.trim_matches(['[', ']']).split(',').map(str::trim);
    let items: Vec<_> = items.filter(|i| !i.is_empty()).collect();
    let dims = if is_list {
        vec![items.len() as i64]
    } else {
        vec![]
    };
    if let ["true"] = items[..] {
        return Tensor {
            dims,
            data_type: data_type::BOOL,
            name: name.into(),
            raw_data: vec![1].into(),
            ..Tensor::default()
        };
    }
    if literal.contains('.') {
        let values: Vec<f32> = items.iter().map(|i| i.parse().expect("a float")).collect();
        return floats(name, &dims, &values);
    }
    let values = items.iter().map(|i| i.parse::<i64>().expect("an integer"));
    Tensor {
        dims,
        data_type: data_type::INT64,
        name: name.into(),
        raw_data: values.flat_map(i64::to_le_bytes).collect(),
        ..Tensor::default()
    }
}

fn attribute(text: &str, graphs: &[Graph]) -> Attribute {
    let (name, value) = text.split_once('=').expect("a value");
    let mut attribute = Attribute {
        name: name.into(),
        ..Attribute::default()
    };
    if let Some(number) = value.strip_prefix('@') {
        let number: usize = number.parse().expect("the number of a graph");
        attribute.g = Some(Box::new(graphs[number].clone()));
        attribute.r#type = attribute_type::GRAPH;
    } else if let Some(list) = value.strip_prefix('[') {
        let items = list.trim_end_matches(']').split(',');
        attribute.ints = items.map(|i| i.parse().expect("an integer")).collect();
        attribute.r#type = attribute_type::INTS;
    } else if value.contains('.') {
        attribute.f = value.parse().expect("a float");
        attribute.r#type = attribute_type::FLOAT;
    } else {
        attribute.i = value.parse().expect("an integer");
        attribute.r#type = attribute_type::INT;
    }
    attribute
}
