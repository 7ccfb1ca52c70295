// SPDX-License-Identifier: MPL-2.0
//! How far the values of a network can reach, from its graph alone.
//!
//! A softmax or a sigmoid is written in many ways: as one node, as an exponential and a quotient,
//! through a hyperbolic tangent, within a function, a branch or a loop, with others behind it that
//! clip, scale, join or pick. What all of them have in common is that their values cannot leave
//! 0..1, whatever the picture is. So each value gets the least and the most that it can be, from
//! those that it is made of.

use std::collections::HashMap;

use half::f16;

use crate::onnx::{Attribute, Function, Graph, Model, Node, Tensor, data_type};

/// The least and the most that a value can be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Reach {
    low: f64,
    high: f64,
    /// It is the same for every picture.
    is_constant: bool,
}

impl Reach {
    const ANY: Self = Self::of(f64::NEG_INFINITY, f64::INFINITY);
    const UNIT: Self = Self::of(0.0, 1.0);

    const fn of(low: f64, high: f64) -> Self {
        Self {
            low,
            high,
            is_constant: false,
        }
    }

    fn constant(low: f64, high: f64) -> Self {
        Self {
            is_constant: true,
            ..Self::of(low, high)
        }
    }

    /// Whether it depends on the picture and yet never leaves 0..1.
    pub fn is_unit(self) -> bool {
        // A factor such as 0.166667, and the rounding of what is added up.
        const ABOUT: f64 = 1e-5;
        !self.is_constant && self.low >= -ABOUT && self.high <= 1.0 + ABOUT
    }

    /// What either of two can be.
    fn or(self, other: Self) -> Self {
        Self {
            low: self.low.min(other.low),
            high: self.high.max(other.high),
            is_constant: self.is_constant && other.is_constant,
        }
    }

    /// What a function that never falls makes of it.
    fn rising(self, function: impl Fn(f64) -> f64) -> Self {
        self.made(function(self.low), function(self.high))
    }

    fn made(self, low: f64, high: f64) -> Self {
        // An infinity less an infinity, say.
        let (low, high) = match low.is_nan() || high.is_nan() {
            true => (f64::NEG_INFINITY, f64::INFINITY),
            false => (low, high),
        };
        Self { low, high, ..self }
    }

    fn negated(self) -> Self {
        self.made(-self.high, -self.low)
    }

    fn plus(self, other: Self) -> Self {
        Self {
            is_constant: self.is_constant && other.is_constant,
            ..self.made(self.low + other.low, self.high + other.high)
        }
    }

    fn times(self, other: Self) -> Self {
        // Nothing times anything is nothing, however large that can be.
        let product = |a: f64, b: f64| if a == 0.0 || b == 0.0 { 0.0 } else { a * b };
        let products = [
            product(self.low, other.low),
            product(self.low, other.high),
            product(self.high, other.low),
            product(self.high, other.high),
        ];
        Self {
            is_constant: self.is_constant && other.is_constant,
            ..self.made(
                products.into_iter().fold(f64::INFINITY, f64::min),
                products.into_iter().fold(f64::NEG_INFINITY, f64::max),
            )
        }
    }

    fn reciprocal(self) -> Self {
        match (self.low, self.high) {
            (low, high) if low > 0.0 || high < 0.0 => self.made(1.0 / high, 1.0 / low),
            (0.0, high) => self.made(1.0 / high, f64::INFINITY),
            _ => self.made(f64::NEG_INFINITY, f64::INFINITY),
        }
    }

    fn absolute(self) -> Self {
        let most = self.low.abs().max(self.high.abs());
        let least = if self.low <= 0.0 && self.high >= 0.0 {
            0.0
        } else {
            self.low.abs().min(self.high.abs())
        };
        self.made(least, most)
    }

    fn clipped(self, low: Self, high: Self) -> Self {
        // Where a bound is not known, it does not bound.
        self.made(
            self.low.max(low.low).min(high.high),
            self.high.min(high.high).max(low.low),
        )
    }
}

/// What is looked up in a model.
struct Network<'a> {
    functions: HashMap<(&'a str, &'a str), &'a Function>,
    /// Nodes that may still be looked at: functions that call each other could go on for ever.
    left: usize,
}

/// The values of a graph that are known so far; of all others nothing is.
#[derive(Default)]
struct Values<'a> {
    known: HashMap<&'a str, Reach>,
    constants: HashMap<&'a str, &'a Tensor>,
    kin: HashMap<&'a str, Kin<'a>>,
}

/// What a value is to another, where together they cannot be what each can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kin<'a> {
    /// The exponential.
    Exp(&'a str),
    /// The sum of its elements, or somewhat more.
    Sum(&'a str),
    /// One divided by that.
    OneBySum(&'a str),
    /// The largest of its elements, or the logarithm of the sum of their exponentials.
    Peak(&'a str),
}

impl<'a> Values<'a> {
    fn get(&mut self, name: &str) -> Reach {
        if let Some(reach) = self.known.get(name) {
            return *reach;
        }
        let Some((name, tensor)) = self.constants.get_key_value(name) else {
            return Reach::ANY;
        };
        let (name, reach) = (*name, of_tensor(tensor));
        self.known.insert(name, reach);
        reach
    }

    fn declare(&mut self, graph: &'a Graph) {
        let tensors = graph.initializer.iter();
        self.constants.extend(tensors.map(|t| (t.name.as_str(), t)));
    }
}

/// How far each output of a model can reach, in their order.
pub(super) fn of_outputs(model: &Model) -> Vec<Reach> {
    let Some(graph) = &model.graph else {
        return Vec::new();
    };
    let functions = model.functions.iter();
    let mut network = Network {
        functions: functions
            .map(|f| ((f.domain.as_str(), f.name.as_str()), f))
            .collect(),
        left: 100_000 + 8 * graph.node.len(),
    };
    let mut values = Values::default();
    values.declare(graph);
    network.follow(&graph.node, &mut values, 0);
    let outputs = graph.output.iter();
    outputs.map(|output| values.get(&output.name)).collect()
}

/// Functions, branches and loops within each other.
const DEPTH: usize = 16;

impl<'a> Network<'a> {
    /// Goes through nodes, each of which stands after those that it depends on.
    fn follow(&mut self, nodes: &'a [Node], values: &mut Values<'a>, depth: usize) {
        for node in nodes {
            if self.left == 0 {
                return;
            }
            self.left -= 1;
            self.node(node, values, depth);
        }
    }

    fn node(&mut self, node: &'a Node, values: &mut Values<'a>, depth: usize) {
        let function = (node.domain.as_str(), node.op_type.as_str());
        if let Some(function) = self.functions.get(&function).copied() {
            if depth < DEPTH {
                self.function(function, node, values, depth);
            }
            return;
        }
        if !matches!(node.domain.as_str(), "" | "ai.onnx" | "com.microsoft") {
            return;
        }
        match node.op_type.as_str() {
            "If" | "Loop" | "Scan" if depth < DEPTH => self.nested(node, values, depth),
            "Split" => {
                let reach = operand(node, values, 0);
                for output in &node.output {
                    values.known.insert(output, reach);
                }
            }
            _ => {
                let reach = match share(node, values) {
                    Some(reach) => reach,
                    None => result(node, values),
                };
                if reach != Reach::ANY
                    && let Some(output) = node.output.first()
                {
                    values.known.insert(output, reach);
                }
            }
        }
    }

    /// A node that stands for a function of the file's own.
    fn function(
        &mut self,
        function: &'a Function,
        node: &'a Node,
        values: &mut Values<'a>,
        depth: usize,
    ) {
        let mut inner = Values::default();
        for (name, operand) in function.input.iter().zip(&node.input) {
            inner.known.insert(name, values.get(operand));
        }
        self.follow(&function.node, &mut inner, depth + 1);
        for (name, output) in function.output.iter().zip(&node.output) {
            values.known.insert(output, inner.get(name));
        }
    }

    /// A node with branches or a body. Names are never used twice, so all of them share the values
    /// of the graph around them.
    fn nested(&mut self, node: &'a Node, values: &mut Values<'a>, depth: usize) {
        let mut bodies = Vec::new();
        for graph in node.attribute.iter().filter_map(|a| a.g.as_deref()) {
            values.declare(graph);
            self.follow(&graph.node, values, depth + 1);
            let outputs = graph.output.iter().map(|o| values.get(&o.name));
            bodies.push(outputs.collect::<Vec<_>>());
        }
        for (i, output) in node.output.iter().enumerate() {
            let reaches: Vec<Reach> = match node.op_type.as_str() {
                "If" => bodies
                    .iter()
                    .map(|b| b.get(i).copied())
                    .collect::<Option<_>>(),
                "Loop" => {
                    let body = bodies.first().and_then(|b| b.get(i + 1)).copied();
                    let start = node.input.get(i + 2).map(|name| values.get(name));
                    // It is gone through once at least, and then the start does not count.
                    let is_run = operand(node, values, 0).low >= 1.0
                        && node.input.get(1).is_none_or(|c| {
                            c.is_empty() || values.get(c) == Reach::constant(1.0, 1.0)
                        });
                    let start = start.filter(|_| !is_run);
                    body.map(|body| [body].into_iter().chain(start).collect())
                }
                _ => {
                    let body = bodies.first();
                    let state = node
                        .attribute("num_scan_inputs")
                        .and_then(|a| node.input.len().checked_sub(usize::try_from(a.i).ok()?))
                        .filter(|states| i < *states)
                        .and_then(|_| node.input.get(i))
                        .map(|name| values.get(name));
                    let body = body.and_then(|b| b.get(i)).copied();
                    body.map(|body| [body].into_iter().chain(state).collect())
                }
            }
            .unwrap_or_default();
            let reach = reaches.into_iter().reduce(Reach::or);
            values.known.insert(output, reach.unwrap_or(Reach::ANY));
        }
    }
}

/// An operand; one that is left out can be anything.
fn operand(node: &Node, values: &mut Values<'_>, place: usize) -> Reach {
    let name = node.input.get(place).filter(|name| !name.is_empty());
    name.map_or(Reach::ANY, |name| values.get(name))
}

/// What a quotient by the sum, or a difference from the largest, can be: the steps of a softmax
/// that is written out. Keeps what later steps have to know of this one.
fn share<'a>(node: &'a Node, values: &mut Values<'a>) -> Option<Reach> {
    let name = |place: usize| node.input.get(place).map(String::as_str);
    let (first, second) = (name(0)?, name(1));
    let kin = |name: Option<&str>, values: &Values<'a>| values.kin.get(name?).copied();
    let op = node.op_type.as_str();
    let new = match op {
        "Exp" => Some(Kin::Exp(first)),
        "ReduceSum" | "ReduceL1" => Some(Kin::Sum(first)),
        "ReduceMax" | "ReduceLogSumExp" => Some(Kin::Peak(first)),
        "Log" => match kin(Some(first), values) {
            Some(Kin::Sum(of)) => match kin(Some(of), values) {
                Some(Kin::Exp(of)) => Some(Kin::Peak(of)),
                _ => None,
            },
            _ => None,
        },
        "Reciprocal" => match kin(Some(first), values) {
            Some(Kin::Sum(of)) => Some(Kin::OneBySum(of)),
            _ => None,
        },
        // As large at least: a little is added so that nothing is divided by zero.
        "Add" if operand(node, values, 1).low >= 0.0 => kin(Some(first), values),
        "Max" | "Identity" | "Cast" | "Expand" | "Reshape" | "Unsqueeze" | "Squeeze" => {
            kin(Some(first), values)
        }
        "Clip" if operand(node, values, 2).high == f64::INFINITY => kin(Some(first), values),
        _ => None,
    };
    if let (Some(new), Some(output)) = (new, node.output.first()) {
        values.kin.insert(output, new);
    }
    let is_positive = |name: &str, values: &mut Values<'a>| values.get(name).low >= 0.0;
    match (op, kin(second, values)) {
        ("Div", Some(Kin::Sum(of))) | ("Mul", Some(Kin::OneBySum(of)))
            if of == first && is_positive(first, values) =>
        {
            Some(Reach::UNIT)
        }
        ("Sub", Some(Kin::Peak(of))) if of == first => Some(Reach::of(f64::NEG_INFINITY, 0.0)),
        _ => None,
    }
}

/// What the first result of an operation can be.
fn result(node: &Node, values: &mut Values<'_>) -> Reach {
    let mut input = |place| operand(node, values, place);
    match node.op_type.as_str() {
        "Softmax" | "Sigmoid" | "HardSigmoid" | "Hardmax" | "QLinearSoftmax" | "QLinearSigmoid"
        | "And" | "Or" | "Xor" | "Not" | "Equal" | "Greater" | "GreaterOrEqual" | "Less"
        | "LessOrEqual" | "IsNaN" | "IsInf" => Reach::UNIT,
        "LogSoftmax" => Reach::of(f64::NEG_INFINITY, 0.0),
        "Tanh" | "Erf" | "Softsign" | "Sin" | "Cos" => Reach::of(-1.0, 1.0),
        "ReduceL1" | "ReduceL2" | "ReduceSumSquare" => Reach::of(0.0, f64::INFINITY),
        // These move, pick, repeat or convert values, or take the mean or one of them.
        "Identity"
        | "Cast"
        | "CastLike"
        | "Reshape"
        | "Flatten"
        | "Squeeze"
        | "Unsqueeze"
        | "Transpose"
        | "Slice"
        | "Gather"
        | "GatherElements"
        | "GatherND"
        | "Compress"
        | "Expand"
        | "Tile"
        | "Dropout"
        | "DepthToSpace"
        | "SpaceToDepth"
        | "TopK"
        | "QuantizeLinear"
        | "DequantizeLinear"
        | "ReduceMean"
        | "ReduceMax"
        | "ReduceMin"
        | "GlobalAveragePool"
        | "GlobalMaxPool"
        | "MaxPool"
        | "QLinearGlobalAveragePool"
        | "QLinearReduceMean" => input(0),
        // With zeros around them.
        "AveragePool" | "QLinearAveragePool" => input(0).or(Reach::constant(0.0, 0.0)),
        "Pad" => {
            let around = match node.input.get(2) {
                Some(name) if !name.is_empty() => input(2),
                _ => {
                    let value = node.attribute("value").map_or(0.0, |a| a.f.into());
                    Reach::constant(value, value)
                }
            };
            input(0).or(around)
        }
        "Exp" => input(0).rising(f64::exp),
        "Log" => match input(0) {
            reach if reach.low >= 0.0 => reach.rising(f64::ln),
            _ => Reach::ANY,
        },
        "Sqrt" => match input(0) {
            reach if reach.low >= 0.0 => reach.rising(f64::sqrt),
            _ => Reach::ANY,
        },
        "Softplus" => input(0).rising(|v| if v > 50.0 { v } else { v.exp().ln_1p() }),
        "Relu" => input(0).rising(|v| v.max(0.0)),
        "Floor" => input(0).rising(f64::floor),
        "Ceil" => input(0).rising(f64::ceil),
        "Round" => input(0).rising(f64::round),
        "Abs" => input(0).absolute(),
        "Neg" => input(0).negated(),
        "Reciprocal" => input(0).reciprocal(),
        "Add" => input(0).plus(input(1)),
        "Sub" => input(0).plus(input(1).negated()),
        "Mul" => input(0).times(input(1)),
        "Div" => input(0).times(input(1).reciprocal()),
        "Pow" => match (input(0), input(1)) {
            (base, power) if base.low >= 0.0 && power.low >= 0.0 && power.low == power.high => {
                base.rising(|v| v.powf(power.low))
            }
            (base, power) if power.is_constant && (power.low, power.high) == (2.0, 2.0) => {
                let base = base.absolute();
                base.times(base)
            }
            _ => Reach::ANY,
        },
        "Clip" => {
            let bound = |place: usize, name: &str, input: &mut dyn FnMut(usize) -> Reach| match node
                .attribute(name)
            {
                Some(a) => Reach::constant(a.f.into(), a.f.into()),
                None => input(place),
            };
            let low = bound(1, "min", &mut input);
            let high = bound(2, "max", &mut input);
            input(0).clipped(low, high)
        }
        "Concat" | "Mean" => all(node, values, Reach::or),
        "Sum" => all(node, values, Reach::plus),
        "Min" => all(node, values, |a, b| Reach {
            is_constant: a.is_constant && b.is_constant,
            ..Reach::of(a.low.min(b.low), a.high.min(b.high))
        }),
        "Max" => all(node, values, |a, b| Reach {
            is_constant: a.is_constant && b.is_constant,
            ..Reach::of(a.low.max(b.low), a.high.max(b.high))
        }),
        "Where" => input(1).or(input(2)),
        "ReduceSum" => match input(0) {
            reach if reach.low >= 0.0 => reach.made(reach.low, f64::INFINITY),
            reach if reach.high <= 0.0 => reach.made(f64::NEG_INFINITY, reach.high),
            _ => Reach::ANY,
        },
        "ReduceProd" => match input(0) {
            reach if reach.low >= 0.0 && reach.high <= 1.0 => reach.made(0.0, reach.high),
            _ => Reach::ANY,
        },
        "Constant" => node.attribute.first().map_or(Reach::ANY, of_attribute),
        "ConstantOfShape" => match node.attribute("value") {
            Some(value) => of_attribute(value),
            None => Reach::constant(0.0, 0.0),
        },
        _ => Reach::ANY,
    }
}

fn all(node: &Node, values: &mut Values<'_>, join: impl Fn(Reach, Reach) -> Reach) -> Reach {
    let inputs = node.input.iter().map(|name| values.get(name));
    inputs.reduce(join).unwrap_or(Reach::ANY)
}

fn of_attribute(attribute: &Attribute) -> Reach {
    match attribute.name.as_str() {
        "value_float" => Reach::constant(attribute.f.into(), attribute.f.into()),
        "value_int" => Reach::constant(attribute.i as f64, attribute.i as f64),
        "value_floats" => among(attribute.floats.iter().map(|v| f64::from(*v))),
        "value_ints" => among(attribute.ints.iter().map(|v| *v as f64)),
        _ => attribute.t.as_ref().map_or(Reach::ANY, of_tensor),
    }
}

/// A constant's least and largest number. Of large ones, which are weights, nothing is known.
fn of_tensor(tensor: &Tensor) -> Reach {
    const MOST: usize = 1 << 16;
    let raw = &tensor.raw_data[..];
    if raw.len() > 8 * MOST || tensor.float_data.len() > MOST || tensor.int64_data.len() > MOST {
        return Reach::ANY;
    }
    match tensor.data_type {
        data_type::FLOAT if raw.is_empty() => {
            among(tensor.float_data.iter().map(|v| f64::from(*v)))
        }
        data_type::FLOAT => among(
            raw.as_chunks()
                .0
                .iter()
                .map(|b| f32::from_le_bytes(*b).into()),
        ),
        data_type::DOUBLE => among(raw.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b))),
        data_type::FLOAT16 => among(
            raw.as_chunks()
                .0
                .iter()
                .map(|b| f16::from_le_bytes(*b).to_f64()),
        ),
        data_type::INT64 => among(tensor.integers().into_iter().map(|v| v as f64)),
        data_type::INT32 => among(
            raw.as_chunks()
                .0
                .iter()
                .map(|b| i32::from_le_bytes(*b).into()),
        ),
        data_type::BOOL | data_type::UINT8 => among(raw.iter().map(|b| f64::from(*b))),
        _ => Reach::ANY,
    }
}

fn among(numbers: impl Iterator<Item = f64>) -> Reach {
    let mut reach: Option<Reach> = None;
    for number in numbers {
        if number.is_nan() {
            return Reach::ANY;
        }
        let one = Reach::constant(number, number);
        reach = Some(reach.map_or(one, |r| r.or(one)));
    }
    // Empty, or stored in a way that is not read here.
    reach.unwrap_or(Reach::ANY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::{ValueInfo, attribute_type};

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
        of_outputs(&model)[0].is_unit()
    }

    /// A sigmoid in all the ways that it is written in.
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

    /// A softmax that is written out.
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

    /// What picks, joins, converts or scales it keeps it what it is.
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

    /// What can be anything, or does not depend on the picture, is none.
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

    /// In a function, in both branches, in a loop.
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
        assert!(of_outputs(&model(function.clone()))[0].is_unit());
        // One that calls itself comes to an end.
        let mut endless = function;
        endless.node = vec![call.clone(), call.clone()];
        assert!(!of_outputs(&model(endless))[0].is_unit());
    }
}
