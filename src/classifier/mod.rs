// SPDX-License-Identifier: MPL-2.0
//! What is done with a model, without pads: for the element, the program and the benchmarks alike.

mod plan;

pub use plan::{Plan, count_labels};
