// SPDX-License-Identifier: MPL-2.0
//! Classifiers whose output is their input, so that a test sees every element of the tensor.

use std::path::{Path, PathBuf};

use gstresnet50::onnx::{Model, data_type};

use super::text::Text;
use super::{FREE, Whim};

/// A classifier with a class for each element of its input.
#[derive(Debug, Clone)]
pub struct Net {
    /// The input's shape, with [`FREE`] dimensions.
    pub dims: Vec<i64>,
    /// The input's type ([`data_type`]).
    pub element: i32,
    /// The output is this instead, whatever the input is.
    pub constant: Option<Vec<f32>>,
    /// An operation behind everything else: `Softmax`, `Sigmoid`.
    pub last: Option<&'static str>,
    /// Sums of a million numbers that are made before the output is.
    pub busy: usize,
    /// What else happens before the output is there, for some pictures.
    pub whim: Option<Whim>,
    /// Megabytes of weights that every inference uses, and that change nothing.
    pub weights: usize,
    /// Metadata: the contract's JSON.
    pub contract: Option<String>,
}

impl Net {
    /// Of shape `[1, 3, height, width]`, 32-bit floats.
    pub fn nchw(height: i64, width: i64) -> Self {
        Self {
            dims: vec![1, 3, height, width],
            element: data_type::FLOAT,
            constant: None,
            last: None,
            busy: 0,
            whim: None,
            weights: 0,
            contract: None,
        }
    }

    /// Of shape `[1, height, width, 3]`, 32-bit floats.
    pub fn nhwc(height: i64, width: i64) -> Self {
        Self {
            dims: vec![1, height, width, 3],
            ..Self::nchw(height, width)
        }
    }

    /// Three classes: how red, green and blue the picture is.
    pub fn color() -> Self {
        Self::nchw(1, 1).contract(r#"{"mean":[0,0,0],"std":[1,1,1],"output":"probabilities"}"#)
    }

    /// Gives these logits for every picture.
    pub fn constant(logits: Vec<f32>) -> Self {
        Self {
            constant: Some(logits),
            ..Self::nchw(4, 4)
        }
    }

    pub fn batch(mut self, batch: i64) -> Self {
        self.dims[0] = batch;
        self
    }

    pub fn element(mut self, element: i32) -> Self {
        self.element = element;
        self
    }

    pub fn last(mut self, operation: &'static str) -> Self {
        self.last = Some(operation);
        self
    }

    /// Takes a millisecond or two for each step, and ends between two when it is told to.
    pub fn busy(mut self, steps: usize) -> Self {
        self.busy = steps;
        self
    }

    pub fn whim(mut self, whim: Whim) -> Self {
        self.whim = Some(whim);
        self
    }

    pub fn weights(mut self, megabytes: usize) -> Self {
        self.weights = megabytes;
        self
    }

    pub fn contract(mut self, json: &str) -> Self {
        self.contract = Some(json.into());
        self
    }

    /// The ONNX model.
    pub fn model(&self) -> Model {
        let mut text = Text::default();
        let mut value = "x".to_owned();
        let mut element = self.element;
        if element == data_type::UINT8 {
            value = text.then("Cast(x) to=1");
            element = data_type::FLOAT;
        }
        let mut classes = self.dims[1..].iter().product::<i64>();
        if self.dims[1..].contains(&FREE) {
            classes = FREE;
        }
        value = match &self.constant {
            None => text.then(&format!("Flatten({value}) axis=1")),
            Some(logits) => {
                classes = logits.len() as i64;
                element = data_type::FLOAT;
                text = Text::default();
                text.floats("logits", &[1, classes], logits);
                text.then("Identity(logits)")
            }
        };
        if self.busy > 0 {
            // From the input, so that nothing can be computed before there is one.
            let mut sum = text.then(&format!("ReduceMax({value}) keepdims=0"));
            for _ in 0..self.busy {
                let nothing = text.then(&format!("Mul({sum}, #0.0)"));
                let limit = text.then(&format!("Add({nothing}, #1000000.0)"));
                let range = text.then(&format!("Range(#0.0, {limit}, #1.0)"));
                sum = text.then(&format!("ReduceSum({range}) keepdims=0"));
            }
            let nothing = text.then(&format!("Mul({sum}, #0.0)"));
            value = text.then(&format!("Add({value}, {nothing})"));
        }
        let features = self.dims[1..].iter().product::<i64>();
        if let Some(whim) = self.whim {
            let nothing = whim.add(&mut text, &value, features as usize);
            value = text.then(&format!("Add({value}, {nothing})"));
        }
        if self.weights > 0 {
            let (middle, last) = (1024, 256 * self.weights as i64);
            for (name, rows, columns) in [("few", features, middle), ("many", middle, last)] {
                let values = vec![1.0; (rows * columns) as usize];
                text.floats(name, &[rows, columns], &values);
            }
            let wide = text.then(&format!("MatMul({value}, few)"));
            let wider = text.then(&format!("MatMul({wide}, many)"));
            let widest = text.then(&format!("ReduceMax({wider}) keepdims=0"));
            let nothing = text.then(&format!("Mul({widest}, #0.0)"));
            value = text.then(&format!("Add({value}, {nothing})"));
        }
        if let Some(op) = self.last {
            text.then(&format!("{op}({value})"));
        }
        if let Some(json) = &self.contract {
            text = text.metadata("resnet50.contract", json);
        }
        let mut model = text
            .inputs(&[&describe("x", self.element, &self.dims)])
            .outputs(&[&describe("y", element, &[self.dims[0], classes])])
            .model();
        // The last result is the output.
        let nodes = model.graph.as_mut().map(|graph| &mut graph.node);
        if let Some(last) = nodes.and_then(|nodes| nodes.last_mut()) {
            last.output = vec!["y".into()];
        }
        model
    }

    /// Writes it as `folder/name` and returns the path.
    pub fn write(&self, folder: &Path, name: &str) -> PathBuf {
        super::write(&self.model(), folder, name)
    }
}

/// A value as text.
fn describe(name: &str, element: i32, dims: &[i64]) -> String {
    let element = match element {
        data_type::FLOAT => "float",
        data_type::FLOAT16 => "half",
        data_type::UINT8 => "u8",
        other => panic!("no input of type {other}"),
    };
    let dims = dims.iter().enumerate().map(|(i, dim)| match *dim {
        FREE => format!("d{i}"),
        dim => dim.to_string(),
    });
    format!("{name}: {element} {}", dims.collect::<Vec<_>>().join(","))
}
