// SPDX-License-Identifier: MPL-2.0
//! What a network takes and gives, read from its graph.

use std::collections::HashMap;

use super::contract::OutputKind;
use crate::onnx::{Graph, Node, ValueInfo, data_type};
use crate::preprocess::{ElementType, Layout};
use crate::text;

/// The input and output of an image classifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The input's name.
    pub input: String,
    /// Order of its dimensions.
    pub layout: Layout,
    /// Type of its elements.
    pub element: ElementType,
    /// Pictures a Run, if the model says.
    pub batch: Option<u64>,
    /// Rows of a picture, if the model says.
    pub height: Option<u64>,
    /// Columns of a picture, if the model says.
    pub width: Option<u64>,
    /// The name of the output that holds the classes.
    pub output: String,
    /// How many classes it has, if the model says.
    pub classes: Option<u64>,
    /// What its values are, from the operation that makes them.
    pub kind: OutputKind,
}

/// A network that is no image classifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the model is not an image classifier: expected {expected}, found {found}")]
pub struct SignatureError {
    /// What a classifier has.
    pub expected: &'static str,
    /// What this network has.
    pub found: String,
}

const INPUT: &str =
    "one input of shape [N, 3, H, W] or [N, H, W, 3] and type float32, float16 or uint8";
const OUTPUT: &str =
    "an output of shape [N, classes], float32 or float16, with two classes or more";

impl Signature {
    /// Reads it off a graph.
    ///
    /// # Errors
    /// [`SignatureError`] if the graph is not that of an image classifier.
    pub fn of(graph: &Graph) -> Result<Self, SignatureError> {
        let inputs: Vec<_> = graph.inputs().collect();
        let refuse = |expected, values: &[&ValueInfo], what| SignatureError {
            expected,
            found: describe(values, what),
        };
        let bad_input = || refuse(INPUT, &inputs, "input");
        let &[input] = inputs.as_slice() else {
            return Err(bad_input());
        };
        let (elem_type, dims) = input.tensor().ok_or_else(bad_input)?;
        let element = match elem_type {
            data_type::FLOAT => ElementType::F32,
            data_type::FLOAT16 => ElementType::F16,
            data_type::UINT8 => ElementType::U8,
            _ => return Err(bad_input()),
        };
        let (layout, height, width) = match dims[..] {
            [_, Some(3), h, w] => (Layout::Nchw, h, w),
            [_, h, w, Some(3)] => (Layout::Nhwc, h, w),
            _ => return Err(bad_input()),
        };

        let outputs: Vec<_> = graph.output.iter().collect();
        let (output, classes) = outputs
            .iter()
            .find_map(|o| Some((*o, classes(o)?)))
            .ok_or_else(|| refuse(OUTPUT, &outputs, "output"))?;
        Ok(Self {
            input: input.name.clone(),
            layout,
            element,
            batch: dims[0],
            height,
            width,
            output: output.name.clone(),
            classes,
            kind: kind(graph, &output.name),
        })
    }
}

/// The number of classes of an output, `Some(None)` where only the first Run tells; `None` for an
/// output that holds no classes.
fn classes(output: &ValueInfo) -> Option<Option<u64>> {
    let tensor = output.r#type.as_ref()?.tensor_type.as_ref()?;
    if ![data_type::FLOAT, data_type::FLOAT16].contains(&tensor.elem_type) {
        return None;
    }
    let Some((_, dims)) = output.tensor() else {
        return Some(None);
    };
    let classes = match dims[..] {
        [_, classes] | [_, classes, Some(1), Some(1)] | [_, Some(1), Some(1), classes] => classes,
        [Some(classes)] => Some(classes),
        _ => return None,
    };
    classes.is_none_or(|c| c >= 2).then_some(classes)
}

/// Finds the operation that makes an output, behind those that only reshape or convert it.
fn kind(graph: &Graph, output: &str) -> OutputKind {
    const TRANSPARENT: &[&str] = &[
        "Cast",
        "DequantizeLinear",
        "Flatten",
        "Identity",
        "QuantizeLinear",
        "Reshape",
        "Squeeze",
        "Unsqueeze",
    ];
    // Of two that claim to make the same, the first.
    let nodes = graph.node.iter().rev();
    let producers: HashMap<&str, &Node> = nodes
        .flat_map(|n| n.output.iter().map(move |o| (o.as_str(), n)))
        .collect();
    let mut name = output;
    // Every step goes to an earlier node, so there are no more of them than nodes.
    for _ in 0..graph.node.len() {
        let Some(node) = producers.get(name) else {
            break;
        };
        match (node.op_type.as_str(), node.input.first()) {
            ("Softmax" | "Sigmoid" | "HardSigmoid" | "QLinearSoftmax" | "QLinearSigmoid", _) => {
                return OutputKind::Probabilities;
            }
            (op, Some(input)) if TRANSPARENT.contains(&op) => name = input,
            _ => break,
        }
    }
    OutputKind::Logits
}

/// Inputs or outputs that an error names.
const MOST_NAMED: usize = 5;

fn describe(values: &[&ValueInfo], what: &str) -> String {
    match values {
        [] => format!("no {what}"),
        [value] => format!("the {what} {value}"),
        values => {
            let named = text::list(values.iter(), MOST_NAMED);
            format!("{} {what}s: {named}", values.len())
        }
    }
}
