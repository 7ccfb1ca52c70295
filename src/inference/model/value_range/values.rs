// SPDX-License-Identifier: MPL-2.0
//! What is known of the values in a graph.

use std::collections::HashMap;

use super::constants::of_tensor;
use super::interval::Interval;
use crate::onnx::{Graph, Node, Tensor};

/// What is known of a graph's values so far. Those that are missing can be anything.
#[derive(Default)]
pub(super) struct Values<'a> {
    pub intervals: HashMap<&'a str, Interval>,
    constants: HashMap<&'a str, &'a Tensor>,
    pub relations: HashMap<&'a str, Relation<'a>>,
}

/// How one value is computed from another, where the two together have a smaller interval than each
/// by itself would suggest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation<'a> {
    /// The exponential of the named value.
    Exp(&'a str),
    /// The sum of the named value's elements, or a little more.
    Sum(&'a str),
    /// The reciprocal of that sum.
    OneBySum(&'a str),
    /// The maximum of the named value's elements, or the logarithm of the sum of their exponentials.
    Peak(&'a str),
}

impl<'a> Values<'a> {
    /// The interval of a value.
    pub fn get(&mut self, name: &str) -> Interval {
        if let Some(interval) = self.intervals.get(name) {
            return *interval;
        }
        let Some((name, tensor)) = self.constants.get_key_value(name) else {
            return Interval::ANY;
        };
        let (name, interval) = (*name, of_tensor(tensor));
        self.intervals.insert(name, interval);
        interval
    }

    /// Adds the constants of a graph.
    pub fn add_constants(&mut self, graph: &'a Graph) {
        let tensors = graph.initializer.iter();
        self.constants.extend(tensors.map(|t| (t.name.as_str(), t)));
    }
}

/// The interval of a node's input; one that is left out can be anything.
pub(super) fn input(node: &Node, values: &mut Values<'_>, index: usize) -> Interval {
    let name = node.input.get(index).filter(|name| !name.is_empty());
    name.map_or(Interval::ANY, |name| values.get(name))
}
