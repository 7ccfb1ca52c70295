// SPDX-License-Identifier: MPL-2.0
//! Questions to a graph about what its outputs are made of.

use std::collections::{HashMap, HashSet};

use super::signature::GraphOutput;
use crate::onnx::{Graph, Node, Tensor, ValueInfo, data_type};

/// What a `TopK` or an `ArgMax` makes of one value a class: the best of them, or their classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Top {
    /// Which node it is.
    node: usize,
    pub part: Part,
    /// How many classes they are the best of, if the graph says.
    pub classes: Option<u64>,
}

/// One of the results of a `TopK`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The best values, in order.
    Values,
    /// Their classes.
    Classes,
}

impl Top {
    /// The output with the classes of these values.
    pub fn partner<'o>(&self, outputs: &'o [GraphOutput]) -> Option<&'o GraphOutput> {
        let is_partner = |top: &Top| top.node == self.node && top.part == Part::Classes;
        let mut outputs = outputs.iter();
        let found = outputs.find(|o| o.top.as_ref().is_some_and(is_partner));
        found.filter(|_| self.part == Part::Values)
    }

    /// Whether there is such an output.
    pub fn has_partner(&self, outputs: &[GraphOutput]) -> bool {
        self.partner(outputs).is_some()
    }
}

/// A graph with what has to be looked up in it.
pub(super) struct Index<'a> {
    graph: &'a Graph,
    /// By the name of each value, the number of the node that makes it.
    makers: HashMap<&'a str, usize>,
    constants: HashMap<&'a str, &'a Tensor>,
    said: HashMap<&'a str, &'a ValueInfo>,
}

/// Operations that give their first operand's values, or those that follow from them one by one.
const ONE_BY_ONE: &[&str] = &[
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

/// Operations whose result has as many columns as their first operand.
const AS_WIDE: &[&str] = &[
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

impl<'a> Index<'a> {
    pub fn new(graph: &'a Graph) -> Self {
        let nodes = graph.node.iter().enumerate();
        let makers = nodes.flat_map(|(i, n)| n.output.iter().map(move |o| (o.as_str(), i)));
        let tensors = graph.initializer.iter().map(|t| (t.name.as_str(), t));
        let inline = graph.node.iter().filter(|n| n.op_type == "Constant");
        let inline = inline.filter_map(|n| {
            let value = n.attribute("value")?.t.as_ref()?;
            Some((n.output.first()?.as_str(), value))
        });
        Self {
            graph,
            makers: makers.collect(),
            constants: tensors.chain(inline).collect(),
            said: graph
                .value_info
                .iter()
                .map(|v| (v.name.as_str(), v))
                .collect(),
        }
    }

    fn maker(&self, value: &str) -> Option<(usize, &'a Node)> {
        let number = *self.makers.get(value)?;
        Some((number, &self.graph.node[number]))
    }

    /// Goes back from a value to the `TopK` or `ArgMax` that it is a result of.
    pub fn top(&self, output: &str) -> Option<Top> {
        let mut name = output;
        // Every step goes to an earlier node.
        for _ in 0..=self.graph.node.len() {
            let (number, node) = self.maker(name)?;
            let of = node.input.first();
            let part = match node.op_type.as_str() {
                "TopK" if node.output.first().is_some_and(|o| o == name) => Part::Values,
                "TopK" | "ArgMax" | "ArgMin" => Part::Classes,
                op if ONE_BY_ONE.contains(&op) => {
                    name = of?;
                    continue;
                }
                _ => return None,
            };
            return Some(Top {
                node: number,
                part,
                classes: of.and_then(|of| self.columns(of)),
            });
        }
        None
    }

    /// The last dimension of a value, from what the graph says of it or from the weights before it.
    fn columns(&self, value: &str) -> Option<u64> {
        let said = |name: &str| *self.said.get(name)?.tensor()?.1.last()?;
        let mut name = value;
        for _ in 0..=self.graph.node.len() {
            if let Some(columns) = said(name) {
                return Some(columns);
            }
            let (_, node) = self.maker(name)?;
            let weights = || self.weights(node.input.get(1)?);
            let of_weights = match node.op_type.as_str() {
                "Gemm" => {
                    let is_transposed = node.attribute("transB").is_some_and(|a| a.i == 1);
                    *weights()?.get(usize::from(!is_transposed))?
                }
                "MatMul" => *weights()?.last()?,
                op if AS_WIDE.contains(&op) => {
                    name = node.input.first()?;
                    continue;
                }
                _ => return None,
            };
            return u64::try_from(of_weights).ok();
        }
        None
    }

    /// The dimensions of weights, which may be stored in integers.
    fn weights(&self, name: &str) -> Option<&'a [i64]> {
        if let Some(tensor) = self.constants.get(name) {
            return Some(&tensor.dims);
        }
        let (_, node) = self.maker(name)?;
        let is_stored = ["DequantizeLinear", "Cast", "Identity"].contains(&node.op_type.as_str());
        let stored = node.input.first().filter(|_| is_stored)?;
        Some(&self.constants.get(stored.as_str())?.dims)
    }

    /// The outputs that another one is computed from.
    pub fn on_the_way(&self) -> HashSet<&'a str> {
        /// Outputs that are gone back from.
        const MOST: usize = 16;
        let outputs = &self.graph.output;
        let names: HashSet<&str> = outputs.iter().map(|o| o.name.as_str()).collect();
        let mut found = HashSet::new();
        if outputs.len() < 2 {
            return found;
        }
        for output in outputs.iter().take(MOST) {
            let mut seen = HashSet::new();
            let mut next: Vec<usize> = self.maker(&output.name).map(|m| m.0).into_iter().collect();
            while let Some(number) = next.pop() {
                if !seen.insert(number) {
                    continue;
                }
                for name in &self.graph.node[number].input {
                    if *name != output.name && names.contains(name.as_str()) {
                        found.insert(name.as_str());
                    }
                    next.extend(self.makers.get(name.as_str()));
                }
            }
        }
        found
    }

    /// First dimensions that reshapes and outputs have in numbers, the commonest first: where the
    /// input leaves the number of pictures open, they tell what it was exported with.
    pub fn likely_batches(&self) -> Vec<u64> {
        /// More pictures than any export has.
        const MOST: u64 = 1024;
        let mut counts: HashMap<u64, usize> = HashMap::new();
        let mut count = |batch: u64| {
            if (2..=MOST).contains(&batch) {
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
