// SPDX-License-Identifier: MPL-2.0
//! Traces the outputs of a graph back to the nodes that compute them.

use std::collections::{HashMap, HashSet};

use crate::onnx::{Graph, Node, Tensor, ValueInfo, data_type};

/// An output of a `TopK` or `ArgMax` that is applied to one value a class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::inference) struct TopK {
    /// The number of the node in the graph.
    pub(super) node: usize,
    /// Which of its outputs.
    pub output: TopKOutput,
    /// The number of classes that it is applied to, if the graph says.
    pub classes: Option<u64>,
}

/// The two outputs of a `TopK`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::inference) enum TopKOutput {
    /// The best values, in descending order.
    Values,
    /// Their classes.
    Indices,
}

/// A graph with its nodes and values by name.
pub(super) struct GraphIndex<'a> {
    graph: &'a Graph,
    /// The number of the node that computes each value.
    producers: HashMap<&'a str, usize>,
    constants: HashMap<&'a str, &'a Tensor>,
    value_info: HashMap<&'a str, &'a ValueInfo>,
}

/// Operations whose output holds the elements of their first input, or a function of each.
const ELEMENTWISE: &[&str] = &[
    "Cast",
    "Clip",
    "DequantizeLinear",
    "Div",
    "Exp",
    "Flatten",
    "Gather",
    "Identity",
    "LogSoftmax",
    "Mul",
    "QuantizeLinear",
    "Reshape",
    "Sigmoid",
    "Slice",
    "Softmax",
    "Squeeze",
    "Unsqueeze",
];

/// Operations whose output has as many columns as their first input.
const SAME_WIDTH: &[&str] = &[
    "Add",
    "Cast",
    "Clip",
    "DequantizeLinear",
    "Div",
    "Exp",
    "Identity",
    "LogSoftmax",
    "Mul",
    "QuantizeLinear",
    "Relu",
    "Sigmoid",
    "Softmax",
    "Sub",
];

impl<'a> GraphIndex<'a> {
    /// The index of a graph.
    pub fn new(graph: &'a Graph) -> Self {
        let nodes = graph.node.iter().enumerate();
        let producers = nodes.flat_map(|(i, n)| n.output.iter().map(move |o| (o.as_str(), i)));
        let tensors = graph.initializer.iter().map(|t| (t.name.as_str(), t));
        let inline = graph.node.iter().filter(|n| n.op_type == "Constant");
        let inline = inline.filter_map(|n| {
            let value = n.attribute("value")?.t.as_ref()?;
            Some((n.output.first()?.as_str(), value))
        });
        Self {
            graph,
            producers: producers.collect(),
            constants: tensors.chain(inline).collect(),
            value_info: graph
                .value_info
                .iter()
                .map(|v| (v.name.as_str(), v))
                .collect(),
        }
    }

    fn producer(&self, value: &str) -> Option<(usize, &'a Node)> {
        let number = *self.producers.get(value)?;
        Some((number, &self.graph.node[number]))
    }

    /// The `TopK` or `ArgMax` that a value comes from, if it does.
    pub fn top_k(&self, output: &str) -> Option<TopK> {
        let mut name = output;
        // Every step goes to an earlier node.
        for _ in 0..=self.graph.node.len() {
            let (number, node) = self.producer(name)?;
            let of = node.input.first();
            let output = match node.op_type.as_str() {
                "TopK" if node.output.first().is_some_and(|o| o == name) => TopKOutput::Values,
                "TopK" | "ArgMax" | "ArgMin" => TopKOutput::Indices,
                op if ELEMENTWISE.contains(&op) => {
                    name = of?;
                    continue;
                }
                _ => return None,
            };
            return Some(TopK {
                node: number,
                output,
                classes: of.and_then(|of| self.columns(of)),
            });
        }
        None
    }

    /// The last dimension of a value, from its value info or from the weights that it is computed
    /// with.
    fn columns(&self, value: &str) -> Option<u64> {
        let declared = |name: &str| *self.value_info.get(name)?.tensor()?.1.last()?;
        let mut name = value;
        for _ in 0..=self.graph.node.len() {
            if let Some(columns) = declared(name) {
                return Some(columns);
            }
            let (_, node) = self.producer(name)?;
            let weights = || self.weights(node.input.get(1)?);
            let of_weights = match node.op_type.as_str() {
                "Gemm" => {
                    let is_transposed = node.attribute("transB").is_some_and(|a| a.i == 1);
                    *weights()?.get(usize::from(!is_transposed))?
                }
                "MatMul" => *weights()?.last()?,
                op if SAME_WIDTH.contains(&op) => {
                    name = node.input.first()?;
                    continue;
                }
                _ => return None,
            };
            return u64::try_from(of_weights).ok();
        }
        None
    }

    /// The dimensions of weights, which may be quantized or stored in another type.
    fn weights(&self, name: &str) -> Option<&'a [i64]> {
        if let Some(tensor) = self.constants.get(name) {
            return Some(&tensor.dims);
        }
        let (_, node) = self.producer(name)?;
        let is_stored = ["DequantizeLinear", "Cast", "Identity"].contains(&node.op_type.as_str());
        let stored = node.input.first().filter(|_| is_stored)?;
        Some(&self.constants.get(stored.as_str())?.dims)
    }

    /// The outputs that another output is computed from.
    pub fn intermediate_outputs(&self) -> HashSet<&'a str> {
        /// The maximum number of outputs that are traced back.
        const MAX_TRACED: usize = 16;
        let outputs = &self.graph.output;
        let names: HashSet<&str> = outputs.iter().map(|o| o.name.as_str()).collect();
        let mut found = HashSet::new();
        if outputs.len() < 2 {
            return found;
        }
        for output in outputs.iter().take(MAX_TRACED) {
            let mut seen = HashSet::new();
            let mut next: Vec<usize> = self
                .producer(&output.name)
                .map(|m| m.0)
                .into_iter()
                .collect();
            while let Some(number) = next.pop() {
                if !seen.insert(number) {
                    continue;
                }
                for name in &self.graph.node[number].input {
                    if *name != output.name && names.contains(name.as_str()) {
                        found.insert(name.as_str());
                    }
                    next.extend(self.producers.get(name.as_str()));
                }
            }
        }
        found
    }

    /// The fixed first dimensions of reshapes and outputs, the most frequent first. If the input
    /// leaves the batch size open, they tell the one that the model was exported with.
    pub fn likely_batches(&self) -> Vec<u64> {
        /// The maximum batch size that a model is exported with.
        const MAX_BATCH: u64 = 1024;
        let mut counts: HashMap<u64, usize> = HashMap::new();
        let mut count = |batch: u64| {
            if (2..=MAX_BATCH).contains(&batch) {
                *counts.entry(batch).or_default() += 1;
            }
        };
        for output in &self.graph.output {
            if let Some((_, dims)) = output.tensor()
                && let Some(Some(batch)) = dims.first()
            {
                count(*batch);
            }
        }
        for node in &self.graph.node {
            if !["Reshape", "Expand"].contains(&node.op_type.as_str()) {
                continue;
            }
            let shape = node
                .input
                .get(1)
                .and_then(|i| self.constants.get(i.as_str()));
            let first = match shape {
                Some(shape) if shape.data_type == data_type::INT64 => {
                    shape.integers().first().copied()
                }
                // Before opset 5 it was an attribute.
                _ => node
                    .attribute("shape")
                    .and_then(|a| a.ints.first().copied()),
            };
            if let Some(Ok(batch)) = first.map(u64::try_from) {
                count(batch);
            }
        }
        let mut batches: Vec<_> = counts.into_iter().collect();
        batches.sort_unstable_by_key(|(batch, count)| (std::cmp::Reverse(*count), *batch));
        batches.truncate(4);
        batches.into_iter().map(|(batch, _)| batch).collect()
    }
}
