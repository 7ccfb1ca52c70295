// SPDX-License-Identifier: MPL-2.0
//! Parameters and operations of a graph.

use std::collections::{BTreeSet, HashMap};

use super::index::{Index, MAX_DIMENSIONS, int, ints};
use crate::onnx::{Graph, Node};

/// The number of parameters and operations of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// The number of weights, biases, and scales and offsets of batch norms.
    pub parameters: u64,
    /// Multiply-accumulate operations for one image, in convolutions and matrix products; `None` if the
    /// shapes cannot be inferred.
    pub macs: Option<u64>,
}

/// Counts a graph's parameters and operations for a picture of `side` x `side` where the input's
/// size is free.
pub fn size(graph: &Graph, side: u64) -> Size {
    let index = Index::new(graph);
    let mut shapes = HashMap::new();
    for input in graph.inputs() {
        if let Some((_, dims)) = input.tensor()
            && dims.len() <= MAX_DIMENSIONS
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

/// The number of elements of a constant; a file may claim any size.
fn elements(dims: &[i64]) -> u64 {
    product(dims.iter().map(|d| u64::try_from(*d).unwrap_or(0)))
}

fn product(factors: impl Iterator<Item = u64>) -> u64 {
    factors.fold(1, u64::saturating_mul)
}

/// The shape of a node's output, and its multiply-accumulate operations; `None` if unknown.
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

/// The output shape of a convolution or pool, with unchanged channels.
fn windowed(node: &Node, input: &[u64], kernel: &[i64]) -> Vec<u64> {
    let (strides, pads, dilations) = (
        ints(node, "strides"),
        ints(node, "pads"),
        ints(node, "dilations"),
    );
    let mut shape = input.to_vec();
    let axes = kernel.len();
    for (axis, (size, kernel)) in shape.iter_mut().skip(2).zip(kernel).enumerate() {
        // 128 bits, for a file may claim any size.
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
