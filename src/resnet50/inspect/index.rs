// SPDX-License-Identifier: MPL-2.0
//! A graph with look-up tables.

use std::collections::HashMap;

use crate::onnx::{Graph, Node, Tensor};
use crate::text;

/// The maximum rank of shapes that matter here. A file may claim any rank, and nodes that only pass a
/// value on repeat it.
pub(super) const MAX_DIMENSIONS: usize = 8;

/// The maximum number of convolutions on a path; no block has as many.
const MAX_CONVS: usize = 16;

/// One convolution of a graph.
#[derive(Debug, Clone)]
pub(super) struct Conv {
    pub(super) name: String,
    pub(super) outputs: i64,
    pub(super) kernel: [i64; 2],
    pub(super) stride: i64,
    pub(super) groups: i64,
}

/// One residual block: the convolutions of its longer branch, in the order of the computation.
#[derive(Debug)]
pub(super) struct Block<'a> {
    pub(super) convs: Vec<Conv>,
    pub(super) input: &'a str,
}

/// A graph with look-up tables. Everything takes time linear in the size of the file, which may be
/// hostile.
pub(super) struct Index<'a> {
    graph: &'a Graph,
    pub(super) producers: HashMap<&'a str, &'a Node>,
    /// Shapes of constants.
    pub(super) constants: HashMap<&'a str, Vec<i64>>,
    /// The path back from each value.
    paths: HashMap<&'a str, Path<'a>>,
}

/// The path back from a value through unary operations, to a value that has another origin: a sum, a
/// pool, an input. That may be the value itself.
#[derive(Debug, Clone, Copy)]
struct Path<'a> {
    /// Its start. Equal values have equal pointers, because comparing long names is slow.
    from: &'a str,
    /// The last convolution on it, and the input of that convolution.
    conv: Option<(&'a Node, &'a str)>,
}

impl<'a> Index<'a> {
    pub(super) fn new(graph: &'a Graph) -> Self {
        let producers = graph
            .node
            .iter()
            .flat_map(|n| n.output.iter().map(move |o| (o.as_str(), n)))
            .collect();
        let is_short = |dims: &[i64]| dims.len() <= MAX_DIMENSIONS;
        let tensors: HashMap<&str, &Tensor> = tensors(graph).collect();
        let mut constants: HashMap<&str, Vec<i64>> = tensors
            .iter()
            .filter(|(_, t)| is_short(&t.dims))
            .map(|(name, t)| (*name, t.dims.clone()))
            .collect();
        // Weights may be dequantized, or computed (in files that only show an architecture).
        for node in &graph.node {
            let (Some(input), Some(output)) = (node.input.first(), node.output.first()) else {
                continue;
            };
            let dims = match node.op_type.as_str() {
                "DequantizeLinear" | "Cast" | "Identity" => constants.get(input.as_str()).cloned(),
                "ConstantOfShape" => tensors
                    .get(input.as_str())
                    .filter(|t| t.int64_data.len() <= MAX_DIMENSIONS)
                    .filter(|t| t.raw_data.len() <= size_of::<i64>() * MAX_DIMENSIONS)
                    .map(|t| t.integers()),
                _ => None,
            };
            if let Some(dims) = dims {
                constants.insert(output, dims);
            }
        }
        Self {
            graph,
            producers,
            constants,
            paths: paths(graph),
        }
    }

    fn conv(&self, node: &Node) -> Option<Conv> {
        if !matches!(node.op_type.as_str(), "Conv" | "FusedConv") {
            return None;
        }
        let weight = node.input.get(1)?;
        let &[outputs, _, height, width] = self.constants.get(weight.as_str())?.as_slice() else {
            return None;
        };
        // Some exporters name nodes, others only weights.
        let weight = text::name(weight);
        let name = match node.name.as_str() {
            "" => weight.to_string(),
            name => format!("{} ({weight})", text::name(name)),
        };
        Some(Conv {
            name,
            outputs,
            kernel: [height, width],
            stride: ints(node, "strides").first().copied().unwrap_or(1),
            groups: int(node, "group").unwrap_or(1),
        })
    }

    /// Follows the [`Path`] back from a value. Returns its convolutions, the last one first, and its
    /// start.
    pub(super) fn trace(&self, value: &'a str) -> (Vec<Conv>, &'a str) {
        let path = |value: &'a str| self.paths.get(value);
        let from = path(value).map_or(value, |path| path.from);
        let mut convs = Vec::new();
        let mut next = path(value).and_then(|path| path.conv);
        for _ in 0..MAX_CONVS {
            let Some((node, input)) = next else {
                break;
            };
            convs.extend(self.conv(node));
            next = path(input).and_then(|path| path.conv);
        }
        (convs, from)
    }

    /// The sums whose two branches start at one value, in the order of the computation.
    pub(super) fn blocks(&self) -> Vec<Block<'a>> {
        let sums = self.graph.node.iter();
        let sums = sums.filter(|n| matches!(n.op_type.as_str(), "Add" | "Sum"));
        sums.filter_map(|node| {
            let [a, b] = node.input.as_slice() else {
                return None;
            };
            let ((a, from_a), (b, from_b)) = (self.trace(a), self.trace(b));
            let (mut long, short) = if a.len() >= b.len() { (a, b) } else { (b, a) };
            long.reverse();
            let is_same = std::ptr::eq(from_a, from_b);
            (long.len() >= 2 && short.len() <= 1 && is_same).then_some(Block {
                convs: long,
                input: from_a,
            })
        })
        .collect()
    }
}

/// The constants of a graph by the names of their values: initializers, and tensors that nodes hold,
/// as some exporters write all weights.
pub(super) fn tensors(graph: &Graph) -> impl Iterator<Item = (&str, &Tensor)> {
    let initializers = graph.initializer.iter().map(|t| (t.name.as_str(), t));
    let nodes = graph.node.iter().filter(|n| n.op_type == "Constant");
    let held = nodes.filter_map(|node| {
        let value = node.attribute.iter().find(|a| a.name == "value")?;
        Some((node.output.first()?.as_str(), value.t.as_ref()?))
    });
    initializers.chain(held)
}

/// The paths of all inputs of nodes. The nodes are in the order of the computation.
fn paths(graph: &Graph) -> HashMap<&str, Path<'_>> {
    let mut paths: HashMap<&str, Path<'_>> = HashMap::new();
    for node in &graph.node {
        for input in &node.input {
            let from = input.as_str();
            paths.entry(from).or_insert(Path { from, conv: None });
        }
        let (Some(input), Some(output)) = (node.input.first(), node.output.first()) else {
            continue;
        };
        let before = paths[input.as_str()];
        let conv = match node.op_type.as_str() {
            "Relu" | "Clip" | "BatchNormalization" | "Cast" | "Identity" | "QuantizeLinear"
            | "DequantizeLinear" => before.conv,
            "Conv" | "FusedConv" => Some((node, input.as_str())),
            _ => continue,
        };
        paths.insert(output, Path { conv, ..before });
    }
    paths
}

/// The integers of an attribute; empty if the node does not have it.
pub(super) fn ints(node: &Node, name: &str) -> Vec<i64> {
    let mut attributes = node.attribute.iter();
    attributes
        .find(|a| a.name == name)
        .map(|a| a.ints.clone())
        .unwrap_or_default()
}

/// The integer of an attribute.
pub(super) fn int(node: &Node, name: &str) -> Option<i64> {
    node.attribute.iter().find(|a| a.name == name).map(|a| a.i)
}
