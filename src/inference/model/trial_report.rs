// SPDX-License-Identifier: MPL-2.0
//! What the trial inferences have found out about a model, beyond what its graph says.

use super::contract::OutputKind;
use crate::preprocess::Layout;

/// What is known about a model after its trial inferences.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialReport {
    /// Order of the input's dimensions.
    pub layout: Layout,
    /// The output that is read.
    pub output: String,
    /// The number of values for an image: one a class, or a single one for two classes.
    pub values: usize,
    /// The K of a graph that ends in `TopK`: only so many classes of an image have values.
    pub best: Option<usize>,
    /// What the values mean, from the graph and from the trial.
    pub kind: OutputKind,
    /// How that is known.
    pub evidence: Evidence,
    /// The minimum and maximum of the values in the trial.
    pub range: (f32, f32),
    /// Other outputs that may hold the classes as well.
    pub others: Vec<String>,
    /// The batch size that the graph is fixed to, although the model's input leaves it open.
    pub fixed_batch: Option<usize>,
}

/// How it is known what an output's values mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// It is not: they may be logits, or confidences of another kind.
    None,
    /// The values of every trial image were within 0..1 and summed to 1.
    Sum,
    /// The graph keeps them within 0..1.
    Graph,
    /// The values of a trial image were not all within 0..1.
    Range,
}
