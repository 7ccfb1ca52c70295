// SPDX-License-Identifier: MPL-2.0
//! Visits the nodes of a model and computes the interval of each value.

use std::collections::HashMap;

use super::interval::Interval;
use super::operators::output_interval;
use super::softmax::softmax_step;
use super::values::{Values, input};
use crate::onnx::{Function, Model, Node};

/// The analysis of one model.
struct Analysis<'a> {
    /// By domain and name.
    functions: HashMap<(&'a str, &'a str), &'a Function>,
    /// How many nodes may still be visited: functions that call each other could go on for ever.
    nodes_left: usize,
}

/// The interval of each output of a model, in their order.
pub fn output_intervals(model: &Model) -> Vec<Interval> {
    let Some(graph) = &model.graph else {
        return Vec::new();
    };
    let functions = model.functions.iter();
    let mut analysis = Analysis {
        functions: functions
            .map(|f| ((f.domain.as_str(), f.name.as_str()), f))
            .collect(),
        nodes_left: 100_000 + 8 * graph.node.len(),
    };
    let mut values = Values::default();
    values.add_constants(graph);
    analysis.visit(&graph.node, &mut values, 0);
    let outputs = graph.output.iter();
    outputs.map(|output| values.get(&output.name)).collect()
}

/// The maximum depth of functions, branches and loops within each other.
const MAX_DEPTH: usize = 16;

impl<'a> Analysis<'a> {
    /// Visits nodes in their order, in which each follows those that it depends on.
    fn visit(&mut self, nodes: &'a [Node], values: &mut Values<'a>, depth: usize) {
        for node in nodes {
            if self.nodes_left == 0 {
                return;
            }
            self.nodes_left -= 1;
            self.visit_node(node, values, depth);
        }
    }

    fn visit_node(&mut self, node: &'a Node, values: &mut Values<'a>, depth: usize) {
        let function = (node.domain.as_str(), node.op_type.as_str());
        if let Some(function) = self.functions.get(&function).copied() {
            if depth < MAX_DEPTH {
                self.visit_function(function, node, values, depth);
            }
            return;
        }
        if !matches!(node.domain.as_str(), "" | "ai.onnx" | "com.microsoft") {
            return;
        }
        match node.op_type.as_str() {
            "If" | "Loop" | "Scan" if depth < MAX_DEPTH => self.visit_nested(node, values, depth),
            "Split" => {
                let interval = input(node, values, 0);
                for output in &node.output {
                    values.intervals.insert(output, interval);
                }
            }
            _ => {
                let interval = match softmax_step(node, values) {
                    Some(interval) => interval,
                    None => output_interval(node, values),
                };
                if interval != Interval::ANY
                    && let Some(output) = node.output.first()
                {
                    values.intervals.insert(output, interval);
                }
            }
        }
    }

    /// Visits a node that calls a function of the model's own.
    fn visit_function(
        &mut self,
        function: &'a Function,
        node: &'a Node,
        values: &mut Values<'a>,
        depth: usize,
    ) {
        let mut inner = Values::default();
        for (name, input) in function.input.iter().zip(&node.input) {
            inner.intervals.insert(name, values.get(input));
        }
        self.visit(&function.node, &mut inner, depth + 1);
        for (name, output) in function.output.iter().zip(&node.output) {
            values.intervals.insert(output, inner.get(name));
        }
    }

    /// Visits a node with branches or a body. Names are unique in ONNX, so they share the values of
    /// the graph around them.
    fn visit_nested(&mut self, node: &'a Node, values: &mut Values<'a>, depth: usize) {
        let mut bodies = Vec::new();
        for graph in node.attribute.iter().filter_map(|a| a.g.as_deref()) {
            values.add_constants(graph);
            self.visit(&graph.node, values, depth + 1);
            let outputs = graph.output.iter().map(|o| values.get(&o.name));
            bodies.push(outputs.collect::<Vec<_>>());
        }
        for (i, output) in node.output.iter().enumerate() {
            let intervals: Vec<Interval> = match node.op_type.as_str() {
                "If" => bodies
                    .iter()
                    .map(|b| b.get(i).copied())
                    .collect::<Option<_>>(),
                "Loop" => {
                    let body = bodies.first().and_then(|b| b.get(i + 1)).copied();
                    let start = node.input.get(i + 2).map(|name| values.get(name));
                    // If the body runs at least once, the initial value does not count.
                    let runs_once = input(node, values, 0).low >= 1.0
                        && node.input.get(1).is_none_or(|c| {
                            c.is_empty() || values.get(c) == Interval::constant(1.0, 1.0)
                        });
                    let start = start.filter(|_| !runs_once);
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
            let interval = intervals.into_iter().reduce(Interval::or);
            values
                .intervals
                .insert(output, interval.unwrap_or(Interval::ANY));
        }
    }
}
