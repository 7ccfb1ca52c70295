// SPDX-License-Identifier: MPL-2.0
//! ONNX models as text: values such as `x: float N,3,32,32`, and operations, one a line, such as
//! `y = Softmax(x) axis=1`.

use gstresnet50::onnx::{
    Attribute, Dimension, DimensionValue, Function, Graph, Model, Node, OperatorSet, Shape,
    StringEntry, Tensor, TensorType, Type, ValueInfo, attribute_type, data_type,
};

/// A model as text.
///
/// An operand such as `#0.5` or `#[1,2]` is a constant, of floats where it has a point, else of
/// integers. The attribute `@0` is the first [`graph`](Self::graph).
#[derive(Debug, Clone, Default)]
pub struct Text {
    inputs: Vec<String>,
    outputs: Vec<String>,
    nodes: String,
    /// Of the names that [`then`](Self::then) gives.
    count: usize,
    initializers: Vec<Tensor>,
    functions: Vec<(String, String)>,
    branches: Vec<Graph>,
    metadata: Vec<StringEntry>,
    opset: Option<i64>,
}

impl Text {
    /// The inputs, in place of those of before.
    pub fn inputs(mut self, inputs: &[&str]) -> Self {
        self.inputs = inputs.iter().map(|i| (*i).into()).collect();
        self
    }

    /// The outputs, in place of those of before.
    pub fn outputs(mut self, outputs: &[&str]) -> Self {
        self.outputs = outputs.iter().map(|o| (*o).into()).collect();
        self
    }

    /// Operations behind those of before.
    pub fn nodes(mut self, lines: &str) -> Self {
        self.add(lines);
        self
    }

    pub fn add(&mut self, lines: &str) {
        self.nodes.push_str(lines);
        self.nodes.push('\n');
    }

    /// Adds an operation, `Softmax(x) axis=1`. Returns the name of its result.
    pub fn then(&mut self, operation: &str) -> String {
        let name = format!("v{}", self.count);
        self.count += 1;
        self.add(&format!("{name} = {operation}"));
        name
    }

    /// Numbers by a name, as a constant has them.
    pub fn floats(&mut self, name: &str, dims: &[i64], values: &[f32]) {
        self.initializers.push(floats(name, dims, values));
    }

    /// The version of ONNX's operations; 13 without it.
    pub fn opset(mut self, opset: i64) -> Self {
        self.opset = Some(opset);
        self
    }

    pub fn metadata(mut self, key: &str, value: &str) -> Self {
        self.metadata.push(StringEntry {
            key: key.into(),
            value: value.into(),
        });
        self
    }

    /// An operation of the file's own, `own.NAME(a)`, which gives `b`.
    pub fn function(mut self, name: &str, nodes: &str) -> Self {
        self.functions.push((name.into(), nodes.into()));
        self
    }

    /// A graph for an attribute.
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
        let version = self.opset.unwrap_or(13);
        let mut initializer = self.initializers.clone();
        let node = parse(&self.nodes, &mut initializer, &self.branches);
        let mut opset_import = vec![opset("", version)];
        if !self.functions.is_empty() {
            opset_import.push(opset("own", 1));
        }
        if self.nodes.contains("com.microsoft.") {
            opset_import.push(opset("com.microsoft", 1));
        }
        let functions = self.functions.iter();
        Model {
            ir_version: 8,
            producer_name: "tests".into(),
            graph: Some(Graph {
                node,
                name: "net".into(),
                initializer,
                input: self.inputs.iter().map(|i| value(i)).collect(),
                output: self.outputs.iter().map(|o| value(o)).collect(),
                ..Graph::default()
            }),
            opset_import,
            metadata_props: self.metadata.clone(),
            functions: functions
                .map(|(name, nodes)| function(name, nodes, version))
                .collect(),
            ..Model::default()
        }
    }
}

fn function(name: &str, nodes: &str, version: i64) -> Function {
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
    Function {
        name: name.into(),
        input: vec!["a".into()],
        output: vec!["b".into()],
        node,
        opset_import: vec![opset("", version), opset("own", 1)],
        domain: "own".into(),
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
        name: format!("{op} {}", outputs.trim()),
        output: outputs.split(',').map(|o| o.trim().to_owned()).collect(),
        op_type: op.into(),
        domain: domain.into(),
        input,
        attribute: attributes
            .split_whitespace()
            .map(|a| attribute(a, graphs))
            .collect(),
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
