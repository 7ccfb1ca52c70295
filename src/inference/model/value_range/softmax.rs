// SPDX-License-Identifier: MPL-2.0
//! A softmax that is built from single operations.

use super::interval::Interval;
use super::values::{Relation, Values, input};
use crate::onnx::Node;

/// The interval of a quotient by the sum, or of a difference from the maximum: the steps of a softmax
/// that is built from single operations. Also notes the relations that later steps depend on.
pub(super) fn softmax_step<'a>(node: &'a Node, values: &mut Values<'a>) -> Option<Interval> {
    let name = |index: usize| node.input.get(index).map(String::as_str);
    let (first, second) = (name(0)?, name(1));
    let relation = |name: Option<&str>, values: &Values<'a>| values.relations.get(name?).copied();
    let op = node.op_type.as_str();
    let new = match op {
        "Exp" => Some(Relation::Exp(first)),
        "ReduceSum" | "ReduceL1" => Some(Relation::Sum(first)),
        "ReduceMax" | "ReduceLogSumExp" => Some(Relation::Peak(first)),
        "Log" => match relation(Some(first), values) {
            Some(Relation::Sum(of)) => match relation(Some(of), values) {
                Some(Relation::Exp(of)) => Some(Relation::Peak(of)),
                _ => None,
            },
            _ => None,
        },
        "Reciprocal" => match relation(Some(first), values) {
            Some(Relation::Sum(of)) => Some(Relation::OneBySum(of)),
            _ => None,
        },
        // Still at least as large: a little is added so that nothing is divided by zero.
        "Add" if input(node, values, 1).low >= 0.0 => relation(Some(first), values),
        "Max" | "Identity" | "Cast" | "Expand" | "Reshape" | "Unsqueeze" | "Squeeze" => {
            relation(Some(first), values)
        }
        "Clip" if input(node, values, 2).high == f64::INFINITY => relation(Some(first), values),
        _ => None,
    };
    if let (Some(new), Some(output)) = (new, node.output.first()) {
        values.relations.insert(output, new);
    }
    let is_positive = |name: &str, values: &mut Values<'a>| values.get(name).low >= 0.0;
    match (op, relation(second, values)) {
        ("Div", Some(Relation::Sum(of))) | ("Mul", Some(Relation::OneBySum(of)))
            if of == first && is_positive(first, values) =>
        {
            Some(Interval::UNIT)
        }
        ("Sub", Some(Relation::Peak(of))) if of == first => {
            Some(Interval::of(f64::NEG_INFINITY, 0.0))
        }
        _ => None,
    }
}
