// SPDX-License-Identifier: MPL-2.0
//! The minimum and maximum of a network's outputs, from its graph alone.
//!
//! A softmax or a sigmoid can be written in many ways: as one node, as an exponential and a quotient,
//! with a hyperbolic tangent, in a function, a branch or a loop, followed by nodes that clip, scale,
//! join or select. In all of them the values stay within 0..1 for every image. So the analysis
//! computes an interval for each value, from those of the values that it is computed from.

mod analysis;
mod constants;
mod interval;
mod operators;
mod softmax;
#[cfg(test)]
mod tests;
mod values;

pub(super) use analysis::output_intervals;
