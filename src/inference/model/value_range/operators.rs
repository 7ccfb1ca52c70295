// SPDX-License-Identifier: MPL-2.0
//! The interval of each operator's result, from those of its inputs.

use super::constants::of_attribute;
use super::interval::Interval;
use super::values::{Values, input};
use crate::onnx::Node;

/// The interval of the first output of a node.
pub(super) fn output_interval(node: &Node, values: &mut Values<'_>) -> Interval {
    let mut input = |index| input(node, values, index);
    match node.op_type.as_str() {
        "Softmax" | "Sigmoid" | "HardSigmoid" | "Hardmax" | "QLinearSoftmax" | "QLinearSigmoid"
        | "And" | "Or" | "Xor" | "Not" | "Equal" | "Greater" | "GreaterOrEqual" | "Less"
        | "LessOrEqual" | "IsNaN" | "IsInf" => Interval::UNIT,
        "LogSoftmax" => Interval::of(f64::NEG_INFINITY, 0.0),
        "Tanh" | "Erf" | "Softsign" | "Sin" | "Cos" => Interval::of(-1.0, 1.0),
        "ReduceL1" | "ReduceL2" | "ReduceSumSquare" => Interval::of(0.0, f64::INFINITY),
        // These move, select, repeat or convert values, or take their mean or one of them.
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
        // With padding by zeros.
        "AveragePool" | "QLinearAveragePool" => input(0).or(Interval::constant(0.0, 0.0)),
        "Pad" => {
            let padding = match node.input.get(2) {
                Some(name) if !name.is_empty() => input(2),
                _ => {
                    let value = node.attribute("value").map_or(0.0, |a| a.f.into());
                    Interval::constant(value, value)
                }
            };
            input(0).or(padding)
        }
        "Exp" => input(0).map_increasing(f64::exp),
        "Log" => match input(0) {
            interval if interval.low >= 0.0 => interval.map_increasing(f64::ln),
            _ => Interval::ANY,
        },
        "Sqrt" => match input(0) {
            interval if interval.low >= 0.0 => interval.map_increasing(f64::sqrt),
            _ => Interval::ANY,
        },
        "Softplus" => input(0).map_increasing(|v| if v > 50.0 { v } else { v.exp().ln_1p() }),
        "Relu" => input(0).map_increasing(|v| v.max(0.0)),
        "Floor" => input(0).map_increasing(f64::floor),
        "Ceil" => input(0).map_increasing(f64::ceil),
        "Round" => input(0).map_increasing(f64::round),
        "Abs" => input(0).absolute(),
        "Neg" => input(0).negated(),
        "Reciprocal" => input(0).reciprocal(),
        "Add" => input(0).plus(input(1)),
        "Sub" => input(0).plus(input(1).negated()),
        "Mul" => input(0).times(input(1)),
        "Div" => input(0).times(input(1).reciprocal()),
        "Pow" => match (input(0), input(1)) {
            (base, power) if base.low >= 0.0 && power.low >= 0.0 && power.low == power.high => {
                base.map_increasing(|v| v.powf(power.low))
            }
            (base, power) if power.is_constant && (power.low, power.high) == (2.0, 2.0) => {
                let base = base.absolute();
                base.times(base)
            }
            _ => Interval::ANY,
        },
        "Clip" => {
            let bound =
                |index: usize, name: &str, input: &mut dyn FnMut(usize) -> Interval| match node
                    .attribute(name)
                {
                    Some(a) => Interval::constant(a.f.into(), a.f.into()),
                    None => input(index),
                };
            let low = bound(1, "min", &mut input);
            let high = bound(2, "max", &mut input);
            input(0).clipped(low, high)
        }
        "Concat" | "Mean" => all_inputs(node, values, Interval::or),
        "Sum" => all_inputs(node, values, Interval::plus),
        "Min" => all_inputs(node, values, |a, b| Interval {
            is_constant: a.is_constant && b.is_constant,
            ..Interval::of(a.low.min(b.low), a.high.min(b.high))
        }),
        "Max" => all_inputs(node, values, |a, b| Interval {
            is_constant: a.is_constant && b.is_constant,
            ..Interval::of(a.low.max(b.low), a.high.max(b.high))
        }),
        "Where" => input(1).or(input(2)),
        "ReduceSum" => match input(0) {
            interval if interval.low >= 0.0 => interval.with_bounds(interval.low, f64::INFINITY),
            interval if interval.high <= 0.0 => {
                interval.with_bounds(f64::NEG_INFINITY, interval.high)
            }
            _ => Interval::ANY,
        },
        "ReduceProd" => match input(0) {
            interval if interval.low >= 0.0 && interval.high <= 1.0 => {
                interval.with_bounds(0.0, interval.high)
            }
            _ => Interval::ANY,
        },
        "Constant" => node.attribute.first().map_or(Interval::ANY, of_attribute),
        "ConstantOfShape" => match node.attribute("value") {
            Some(value) => of_attribute(value),
            None => Interval::constant(0.0, 0.0),
        },
        _ => Interval::ANY,
    }
}

/// The intervals of all inputs, joined.
fn all_inputs(
    node: &Node,
    values: &mut Values<'_>,
    join: impl Fn(Interval, Interval) -> Interval,
) -> Interval {
    let inputs = node.input.iter().map(|name| values.get(name));
    inputs.reduce(join).unwrap_or(Interval::ANY)
}
