// SPDX-License-Identifier: MPL-2.0
//! What a network is, from its graph alone: its size, its work, and whether it is ResNet50 v1.5.

use std::collections::{BTreeSet, HashMap};

use super::Variant;
use crate::onnx::{Graph, Node, Tensor, data_type};
use crate::text;

/// What the graph says of the architecture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// ResNet50, with the layer whose stride tells which of the two.
    ResNet50(Variant, String),
    /// A ResNet of another depth.
    ResNet(u32),
    /// Something else, and what speaks against a ResNet.
    NotAResNet(String),
}

/// What a network holds and takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Numbers in the weights, biases, and scales and offsets of batch norms.
    pub parameters: u64,
    /// Multiplications with an addition for one picture, in convolutions and matrix products;
    /// none where the graph's shapes do not follow from its input's.
    pub macs: Option<u64>,
}

/// One convolution of a graph.
#[derive(Debug, Clone)]
struct Conv {
    name: String,
    outputs: i64,
    kernel: [i64; 2],
    stride: i64,
    groups: i64,
}

/// One residual block: the convolutions of its longer branch, in the order of the computation.
#[derive(Debug)]
struct Block<'a> {
    convs: Vec<Conv>,
    input: &'a str,
}

/// The most dimensions of a shape that means anything here. A file may give a value as many as it
/// likes, and each node that only passes the value on has the same.
const MOST_DIMENSIONS: usize = 8;

/// The most convolutions of a way that are looked at: no block has as many.
const MOST_CONVS: usize = 16;

/// A graph with what has to be looked up in it. Everything here takes time in proportion to the
/// file, for that may be anything.
struct Index<'a> {
    graph: &'a Graph,
    producers: HashMap<&'a str, &'a Node>,
    /// Shapes.
    constants: HashMap<&'a str, Vec<i64>>,
    /// From where operations of one operand lead to a value; each value has one.
    ways: HashMap<&'a str, Way<'a>>,
}

/// The way back from a value through operations of one operand, to the value that is none's: a sum,
/// a pool, an input. That may be the value itself.
#[derive(Debug, Clone, Copy)]
struct Way<'a> {
    /// Where it ends: one value is always the same piece of memory here, for names may be long.
    from: &'a str,
    /// The last convolution on it, and the value that this takes.
    conv: Option<(&'a Node, &'a str)>,
}

impl<'a> Index<'a> {
    fn new(graph: &'a Graph) -> Self {
        let producers = graph
            .node
            .iter()
            .flat_map(|n| n.output.iter().map(move |o| (o.as_str(), n)))
            .collect();
        let is_short = |dims: &[i64]| dims.len() <= MOST_DIMENSIONS;
        let tensors: HashMap<&str, &Tensor> = tensors(graph).collect();
        let mut constants: HashMap<&str, Vec<i64>> = tensors
            .iter()
            .filter(|(_, t)| is_short(&t.dims))
            .map(|(name, t)| (*name, t.dims.clone()))
            .collect();
        // Weights may be dequantized, or (in files that only show a network) made on the spot.
        for node in &graph.node {
            let (Some(input), Some(output)) = (node.input.first(), node.output.first()) else {
                continue;
            };
            let dims = match node.op_type.as_str() {
                "DequantizeLinear" | "Cast" | "Identity" => constants.get(input.as_str()).cloned(),
                "ConstantOfShape" => tensors
                    .get(input.as_str())
                    .filter(|t| t.int64_data.len() <= MOST_DIMENSIONS)
                    .filter(|t| t.raw_data.len() <= size_of::<i64>() * MOST_DIMENSIONS)
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
            ways: ways(graph),
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
        // Some writers name their nodes, some only their weights.
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

    /// Goes back from a value on its [`Way`]. Returns the convolutions on it, the last one first,
    /// and where it ends.
    fn trace(&self, value: &'a str) -> (Vec<Conv>, &'a str) {
        let way = |value: &'a str| self.ways.get(value);
        let from = way(value).map_or(value, |way| way.from);
        let mut convs = Vec::new();
        let mut next = way(value).and_then(|way| way.conv);
        for _ in 0..MOST_CONVS {
            let Some((node, input)) = next else {
                break;
            };
            convs.extend(self.conv(node));
            next = way(input).and_then(|way| way.conv);
        }
        (convs, from)
    }

    /// The sums whose two branches part at one value, in the order of the computation.
    fn blocks(&self) -> Vec<Block<'a>> {
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
fn tensors(graph: &Graph) -> impl Iterator<Item = (&str, &Tensor)> {
    let initializers = graph.initializer.iter().map(|t| (t.name.as_str(), t));
    let nodes = graph.node.iter().filter(|n| n.op_type == "Constant");
    let held = nodes.filter_map(|node| {
        let value = node.attribute.iter().find(|a| a.name == "value")?;
        Some((node.output.first()?.as_str(), value.t.as_ref()?))
    });
    initializers.chain(held)
}

/// The ways of all values that nodes take. The nodes are in the order of the computation.
fn ways(graph: &Graph) -> HashMap<&str, Way<'_>> {
    let mut ways: HashMap<&str, Way<'_>> = HashMap::new();
    for node in &graph.node {
        for input in &node.input {
            let from = input.as_str();
            ways.entry(from).or_insert(Way { from, conv: None });
        }
        let (Some(input), Some(output)) = (node.input.first(), node.output.first()) else {
            continue;
        };
        let before = ways[input.as_str()];
        let conv = match node.op_type.as_str() {
            "Relu" | "Clip" | "BatchNormalization" | "Cast" | "Identity" | "QuantizeLinear"
            | "DequantizeLinear" => before.conv,
            "Conv" | "FusedConv" => Some((node, input.as_str())),
            _ => continue,
        };
        ways.insert(output, Way { conv, ..before });
    }
    ways
}

/// Says what a graph is.
pub fn verdict(graph: &Graph) -> Verdict {
    let index = Index::new(graph);
    match examine(&index) {
        Ok(verdict) => verdict,
        Err(reason) => Verdict::NotAResNet(text::message(&reason).to_string()),
    }
}

fn examine(index: &Index<'_>) -> Result<Verdict, String> {
    let blocks = index.blocks();
    let first = blocks.first().ok_or("it has no residual blocks")?;
    let kernels: BTreeSet<Vec<i64>> = blocks
        .iter()
        .map(|b| b.convs.iter().map(|c| c.kernel[0]).collect())
        .collect();
    let kernels: Vec<_> = kernels.into_iter().collect();
    let per_block = match kernels.as_slice() {
        [k] if *k == [1, 3, 1] => 3,
        [k] if *k == [3, 3] => 2,
        _ => {
            return Err(format!(
                "its residual blocks have kernels of {kernels:?}, not 1, 3, 1 or 3, 3"
            ));
        }
    };
    if let Some(conv) = blocks.iter().flat_map(|b| &b.convs).find(|c| c.groups != 1) {
        return Err(format!(
            "“{}” has {} groups: it is a ResNeXt or the like",
            conv.name, conv.groups
        ));
    }
    stem(index, first)?;

    // A stage is a run of blocks with one number of channels.
    let mut stages: Vec<(i64, Vec<&Block<'_>>)> = Vec::new();
    for block in &blocks {
        let channels = block.convs.last().map_or(0, |c| c.outputs);
        match stages.last_mut() {
            Some((same, run)) if *same == channels => run.push(block),
            _ => stages.push((channels, vec![block])),
        }
    }
    let counts: Vec<usize> = stages.iter().map(|(_, run)| run.len()).collect();
    let channels: Vec<i64> = stages.iter().map(|(c, _)| *c).collect();
    let widths: Vec<i64> = blocks.iter().map(|b| b.convs[0].outputs).collect();
    let expected = if per_block == 3 {
        [256, 512, 1024, 2048]
    } else {
        [64, 128, 256, 512]
    };
    if channels != expected {
        return Err(format!(
            "its stages have {channels:?} channels, not {expected:?}"
        ));
    }
    if per_block == 3
        && stages
            .iter()
            .zip(&[64, 128, 256, 512])
            .any(|((_, run), w)| run[0].convs[0].outputs != *w)
    {
        return Err(format!(
            "its bottlenecks are {widths:?} wide: it is a wide ResNet"
        ));
    }
    let depth = 2 + per_block * blocks.len();
    match (per_block, counts.as_slice()) {
        (3, [3, 4, 6, 3]) => variant(&stages),
        (3, [3, 4, 23, 3] | [3, 8, 36, 3]) | (2, [2, 2, 2, 2] | [3, 4, 6, 3]) => {
            Ok(Verdict::ResNet(depth as u32))
        }
        _ => Err(format!(
            "its stages have {counts:?} blocks, which is no published depth"
        )),
    }
}

/// The one 7x7 convolution of stride 2 and the pool before the first block.
fn stem(index: &Index<'_>, first: &Block<'_>) -> Result<(), String> {
    let pool = index.producers.get(first.input);
    let pool = pool
        .filter(|n| n.op_type == "MaxPool")
        .ok_or("there is no max pool before its first block")?;
    let (convs, _) = index.trace(pool.input.first().map_or("", String::as_str));
    match convs.as_slice() {
        [conv] if conv.kernel == [7, 7] && conv.stride == 2 => Ok(()),
        convs => {
            let found: Vec<_> = convs
                .iter()
                .map(|c| format!("{}x{}/{}", c.kernel[0], c.kernel[1], c.stride))
                .collect();
            Err(format!(
                "it begins with {}, not with one 7x7/2 convolution",
                found.join(", ")
            ))
        }
    }
}

/// Where the first blocks of the stages have their stride.
fn variant(stages: &[(i64, Vec<&Block<'_>>)]) -> Result<Verdict, String> {
    let mut found = BTreeSet::new();
    let mut telling = String::new();
    for (_, run) in &stages[1..] {
        let [first, second, third] = run[0].convs.as_slice() else {
            return Err("a bottleneck has not three convolutions".into());
        };
        let strides = [first.stride, second.stride, third.stride];
        let conv = if first.stride == 2 { first } else { second };
        if telling.is_empty() {
            telling = format!(
                "{}, {}x{}, has stride 2",
                conv.name, conv.kernel[0], conv.kernel[1]
            );
        }
        found.insert(strides);
    }
    match found.into_iter().collect::<Vec<_>>().as_slice() {
        [[1, 2, 1]] => Ok(Verdict::ResNet50(Variant::V1_5, telling)),
        [[2, 1, 1]] => Ok(Verdict::ResNet50(Variant::V1, telling)),
        other => Err(format!(
            "its downsampling bottlenecks have strides of {other:?}"
        )),
    }
}

/// Counts a graph's parameters and operations for a picture of `side` x `side` where the input's
/// size is free.
pub fn size(graph: &Graph, side: u64) -> Size {
    let index = Index::new(graph);
    let mut shapes = HashMap::new();
    for input in graph.inputs() {
        if let Some((_, dims)) = input.tensor()
            && dims.len() <= MOST_DIMENSIONS
        {
            let free = |(i, d): (usize, Option<u64>)| if i == 0 { 1 } else { d.unwrap_or(side) };
            let shape: Vec<u64> = dims.into_iter().enumerate().map(free).collect();
            shapes.insert(input.name.as_str(), shape);
        }
    }

    let mut counted = BTreeSet::new();
    let mut parameters = 0;
    let mut macs = Some(0);
    for node in &graph.node {
        let learned: &[usize] = match node.op_type.as_str() {
            "Conv" | "FusedConv" | "Gemm" | "MatMul" | "BatchNormalization" => &[1, 2],
            _ => &[],
        };
        for name in learned.iter().filter_map(|i| node.input.get(*i)) {
            if let Some(dims) = index.constants.get(name.as_str())
                && counted.insert(name)
            {
                parameters = u64::saturating_add(parameters, elements(dims));
            }
        }
        let (shape, work) = infer(&index, node, &shapes);
        macs = macs.zip(work).map(|(a, b)| u64::saturating_add(a, b));
        if let (Some(shape), Some(output)) = (shape, node.output.first()) {
            shapes.insert(output, shape);
        }
    }
    Size { parameters, macs }
}

/// The numbers that a network computes with, `fp32`, `fp16`, `bf16` or `int8`, from the types of the
/// weights of its convolutions and matrix products; several if they differ.
pub fn precision(graph: &Graph) -> String {
    let index = Index::new(graph);
    let types: HashMap<&str, i32> = tensors(graph)
        .map(|(name, t)| (name, t.data_type))
        .collect();
    let mut found = BTreeSet::new();
    for node in &graph.node {
        let place = match node.op_type.as_str() {
            "Conv" | "FusedConv" | "Gemm" | "MatMul" | "ConvInteger" | "MatMulInteger" => 1,
            "QLinearConv" | "QLinearMatMul" | "QGemm" => 3,
            _ => continue,
        };
        let Some(mut name) = node.input.get(place) else {
            continue;
        };
        // What is only dequantized on the way counts as it is stored.
        if let Some(source) = index.producers.get(name.as_str())
            && source.op_type == "DequantizeLinear"
            && let Some(input) = source.input.first()
        {
            name = input;
        }
        found.insert(match types.get(name.as_str()).copied() {
            Some(data_type::FLOAT) => "fp32",
            Some(data_type::FLOAT16) => "fp16",
            Some(data_type::BFLOAT16) => "bf16",
            Some(data_type::INT8 | data_type::UINT8) => "int8",
            _ => "unknown",
        });
    }
    found.into_iter().collect::<Vec<_>>().join(", ")
}

/// The number of elements of a constant; a file may claim anything.
fn elements(dims: &[i64]) -> u64 {
    product(dims.iter().map(|d| u64::try_from(*d).unwrap_or(0)))
}

fn product(factors: impl Iterator<Item = u64>) -> u64 {
    factors.fold(1, u64::saturating_mul)
}

/// The shape of a node's result, and its multiplications: none where its work is not known.
fn infer(
    index: &Index<'_>,
    node: &Node,
    shapes: &HashMap<&str, Vec<u64>>,
) -> (Option<Vec<u64>>, Option<u64>) {
    let input = node.input.first().and_then(|i| shapes.get(i.as_str()));
    let input = input.filter(|shape| shape.len() >= 2);
    let constant = |i: usize| {
        node.input
            .get(i)
            .and_then(|n| index.constants.get(n.as_str()))
    };
    match node.op_type.as_str() {
        "Conv" | "FusedConv" => {
            let (Some(input), Some([outputs, kernel @ ..])) =
                (input, constant(1).map(Vec::as_slice))
            else {
                return (None, None);
            };
            let mut shape = windowed(node, input, kernel.get(1..).unwrap_or_default());
            shape[1] = u64::try_from(*outputs).unwrap_or(0);
            let values = product(shape[1..].iter().copied());
            (Some(shape), Some(values.saturating_mul(elements(kernel))))
        }
        "Gemm" | "MatMul" => {
            let (Some(input), Some(&[first, last])) = (input, constant(1).map(Vec::as_slice))
            else {
                return (None, None);
            };
            let transposed = int(node, "transB") == Some(1);
            let columns = if transposed { first } else { last };
            let mut shape = input.clone();
            let depth = shape.pop().unwrap_or(0);
            let rows = product(shape.iter().copied());
            shape.push(u64::try_from(columns).unwrap_or(0));
            let work = product([rows, depth, shape[shape.len() - 1]].into_iter());
            (Some(shape), Some(work))
        }
        "MaxPool" | "AveragePool" => {
            let shape = input.map(|i| windowed(node, i, &ints(node, "kernel_shape")));
            (shape, Some(0))
        }
        "GlobalAveragePool" | "GlobalMaxPool" | "ReduceMean" => {
            let shape = input.filter(|i| i.len() == 4);
            (shape.map(|i| vec![i[0], i[1], 1, 1]), Some(0))
        }
        "Flatten" | "Reshape" | "Squeeze" => {
            let flat = |i: &Vec<u64>| vec![i[0], product(i[1..].iter().copied())];
            (input.map(flat), Some(0))
        }
        "Transpose" => {
            let order = ints(node, "perm");
            let shape = input.and_then(|i| {
                let place = |p: &i64| i.get(usize::try_from(*p).ok()?).copied();
                order.iter().map(place).collect()
            });
            (shape, Some(0))
        }
        // Element by element; the largest operand's shape.
        _ => {
            let operands = node.input.iter().filter_map(|i| shapes.get(i.as_str()));
            let largest = operands.max_by_key(|s| product(s.iter().copied()));
            (largest.cloned(), Some(0))
        }
    }
}

/// The shape behind a convolution or pool, its channels unchanged.
fn windowed(node: &Node, input: &[u64], kernel: &[i64]) -> Vec<u64> {
    let (strides, pads, dilations) = (
        ints(node, "strides"),
        ints(node, "pads"),
        ints(node, "dilations"),
    );
    let mut shape = input.to_vec();
    let axes = kernel.len();
    for (axis, (size, kernel)) in shape.iter_mut().skip(2).zip(kernel).enumerate() {
        // 128 bits, for a file may claim anything.
        let at = |list: &[i64], i: usize, default: i64| {
            i128::from(list.get(i).copied().unwrap_or(default))
        };
        let stride = at(&strides, axis, 1).max(1);
        let reach = (i128::from(*kernel) - 1) * at(&dilations, axis, 1) + 1;
        let padded = i128::from(*size) + at(&pads, axis, 0) + at(&pads, axis + axes, 0);
        *size = u64::try_from((padded - reach) / stride + 1).unwrap_or(0);
    }
    shape
}

fn ints(node: &Node, name: &str) -> Vec<i64> {
    let mut attributes = node.attribute.iter();
    attributes
        .find(|a| a.name == name)
        .map(|a| a.ints.clone())
        .unwrap_or_default()
}

fn int(node: &Node, name: &str) -> Option<i64> {
    node.attribute.iter().find(|a| a.name == name).map(|a| a.i)
}
