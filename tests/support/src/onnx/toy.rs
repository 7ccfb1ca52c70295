// SPDX-License-Identifier: MPL-2.0
//! Toy classifiers: the mean of each channel, six times as large, is the logit of a class, so red
//! is class 0 with 0.995, green is 1 and blue is 2. What comes behind the logits, `lg`, is the
//! test's.

use std::path::{Path, PathBuf};

use gstresnet50::onnx::Model;

use super::text::Text;

/// A toy classifier. Its operations are written as `Text` has them.
#[derive(Debug, Clone)]
pub struct Toy {
    input: String,
    /// Up to the means of the channels, `flat`.
    stem: String,
    nodes: String,
    /// All but the inputs and operations.
    rest: Text,
    /// Logits of red, green and blue, each with so many classes in all.
    classes: usize,
}

impl Toy {
    /// With these operations behind the logits.
    pub fn new(nodes: &str, outputs: &[&str]) -> Self {
        Self {
            input: "x: float N,3,32,32".into(),
            stem: "gap = GlobalAveragePool(x)\nflat = Flatten(gap) axis=1".into(),
            nodes: nodes.into(),
            rest: Text::default().outputs(outputs),
            classes: 3,
        }
    }

    /// With an input of another kind: `x: float N,3,h,w`, and how the means of its channels, `flat`,
    /// are made of it.
    pub fn input(mut self, input: &str, stem: &str) -> Self {
        self.input = input.into();
        self.stem = stem.into();
        self
    }

    /// With more classes, which are unlikely.
    pub fn classes(mut self, classes: usize) -> Self {
        self.classes = classes;
        self
    }

    pub fn opset(mut self, opset: i64) -> Self {
        self.rest = self.rest.opset(opset);
        self
    }

    pub fn metadata(mut self, key: &str, value: &str) -> Self {
        self.rest = self.rest.metadata(key, value);
        self
    }

    /// An operation of the file's own, `own.NAME(a)`, which gives `b`.
    pub fn function(mut self, name: &str, nodes: &str) -> Self {
        self.rest = self.rest.function(name, nodes);
        self
    }

    /// A graph for an attribute: `@0` is the first of them.
    pub fn graph(mut self, inputs: &[&str], nodes: &str, outputs: &[&str]) -> Self {
        self.rest = self.rest.graph(inputs, nodes, outputs);
        self
    }

    pub fn model(&self) -> Model {
        let n = self.classes;
        let weights = (0..3 * n).map(|i| if i % n == i / n { 6.0 } else { 0.0 });
        let biases = (0..n).map(|i| if i < 3 { 0.0 } else { -8.0 });
        let mut text = self.rest.clone().inputs(&[&self.input]);
        text.add(&self.stem);
        text.add("lg = Gemm(flat, W, B)");
        text.add(&self.nodes);
        text.floats("W", &[3, n as i64], &weights.collect::<Vec<_>>());
        text.floats("B", &[n as i64], &biases.collect::<Vec<_>>());
        text.model()
    }

    /// Writes it as `folder/name` and returns the path.
    pub fn write(&self, folder: &Path, name: &str) -> PathBuf {
        super::write(&self.model(), folder, name)
    }
}
