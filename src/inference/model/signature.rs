// SPDX-License-Identifier: MPL-2.0
//! The input and outputs of a network, read from its graph.

use super::graph::{GraphIndex, TopK, TopKOutput};
use super::value_range::output_intervals;
use crate::onnx::{DimensionValue, Model, ValueInfo, data_type};
use crate::preprocess::{ElementType, Layout};
use crate::text;

/// The input and outputs of an image classifier, as far as its graph says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The input's name.
    pub input: String,
    /// Order of its dimensions; the more likely one if the graph does not say.
    pub layout: Layout,
    /// Whether the graph says the order.
    pub is_layout_known: bool,
    /// Type of its elements.
    pub element: ElementType,
    /// The batch size, if the model fixes it.
    pub batch: Option<u64>,
    /// Height of the input in pixels, if the model fixes it.
    pub height: Option<u64>,
    /// Width of the input in pixels, if the model fixes it.
    pub width: Option<u64>,
    /// All outputs, in the model's order. At least one of them may hold classes.
    pub outputs: Vec<GraphOutput>,
    /// Batch sizes that the graph seems to be made for, although its input leaves it open.
    pub likely_batches: Vec<u64>,
}

/// An output, as far as the graph says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphOutput {
    /// Its name.
    pub name: String,
    /// The number of its classes, if it can hold classes and the graph says how many.
    pub classes: Option<u64>,
    /// Whether its type and dimensions allow for one value a class.
    pub may_be_classes: bool,
    /// Whether its values are from 0 to 1 for every image: a softmax or a sigmoid was applied.
    pub is_unit: bool,
    /// Whether another output is computed from it.
    pub is_intermediate: bool,
    /// Whether it holds only the best values of each image, or their classes.
    pub(in crate::inference) top_k: Option<TopK>,
}

impl GraphOutput {
    /// The output with the classes of the values that this one holds, if it holds the values of a
    /// `TopK`.
    pub(in crate::inference) fn top_k_indices<'o>(&self, outputs: &'o [Self]) -> Option<&'o Self> {
        let top_k = self.top_k.as_ref()?;
        let is_indices =
            |other: &TopK| other.node == top_k.node && other.output == TopKOutput::Indices;
        let mut outputs = outputs.iter();
        let found = outputs.find(|o| o.top_k.as_ref().is_some_and(is_indices));
        found.filter(|_| top_k.output == TopKOutput::Values)
    }
}

/// The network is not an image classifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the model is not an image classifier: expected {expected}, found {found}")]
pub struct SignatureError {
    /// What an image classifier has.
    pub expected: &'static str,
    /// What this network has.
    pub found: String,
}

const INPUT: &str =
    "one input of shape [N, 3, H, W] or [N, H, W, 3] and type float32, float16 or uint8";
const OUTPUT: &str = "an output of shape [N, classes], float32 or float16";
const SCORES: &str =
    "an output with one value a class (export the model without its last ArgMax or TopK)";

/// The maximum number of outputs that are traced back to a `TopK`.
const MAX_TRACED: usize = 64;

/// An input's dimensions: their order, whether that is known, height and width.
type InputDimensions = (Layout, bool, Option<u64>, Option<u64>);

impl Signature {
    /// The signature of a model.
    ///
    /// # Errors
    /// [`SignatureError`] if the model is not an image classifier.
    pub fn of(model: &Model) -> Result<Self, SignatureError> {
        let refuse = |expected, values: &[&ValueInfo], what| SignatureError {
            expected,
            found: describe(values, what),
        };
        let Some(graph) = &model.graph else {
            return Err(refuse(INPUT, &[], "input"));
        };
        let inputs: Vec<_> = graph.inputs().collect();
        let bad_input = || refuse(INPUT, &inputs, "input");
        let &[input] = inputs.as_slice() else {
            return Err(bad_input());
        };
        let element = match input.element() {
            Some(data_type::FLOAT) => ElementType::F32,
            Some(data_type::FLOAT16) => ElementType::F16,
            Some(data_type::UINT8) => ElementType::U8,
            _ => return Err(bad_input()),
        };
        // Without dimensions it takes anything: only an inference tells whether it takes images.
        let dims = input.tensor().map(|(_, dims)| dims);
        let dimensions = match &dims {
            None => Some((Layout::Nchw, false, None, None)),
            Some(dims) => input_dimensions(dims, || dimension_names(input)),
        };
        let (layout, is_layout_known, height, width) = dimensions.ok_or_else(bad_input)?;

        let intervals = output_intervals(model);
        let index = GraphIndex::new(graph);
        let intermediate = index.intermediate_outputs();
        let outputs: Vec<_> = graph
            .output
            .iter()
            .zip(intervals)
            .enumerate()
            .map(|(i, (output, interval))| {
                let classes = classes(output);
                GraphOutput {
                    name: output.name.clone(),
                    classes: classes.flatten(),
                    may_be_classes: classes.is_some(),
                    is_unit: interval.is_unit(),
                    is_intermediate: intermediate.contains(output.name.as_str()),
                    top_k: (i < MAX_TRACED)
                        .then(|| index.top_k(&output.name))
                        .flatten(),
                }
            })
            .collect();
        let all: Vec<_> = graph.output.iter().collect();
        let is_candidate = |o: &GraphOutput| match &o.top_k {
            None => o.may_be_classes,
            Some(_) => o.may_be_classes && o.top_k_indices(&outputs).is_some(),
        };
        if !outputs.iter().any(is_candidate) {
            let is_top_k = outputs.iter().any(|o| o.top_k.is_some());
            let expected = if is_top_k { SCORES } else { OUTPUT };
            return Err(refuse(expected, &all, "output"));
        }
        let batch = dims.and_then(|dims| dims[0]);
        Ok(Self {
            input: input.name.clone(),
            layout,
            is_layout_known,
            element,
            batch,
            height,
            width,
            likely_batches: match batch {
                Some(_) => Vec::new(),
                None => index.likely_batches(),
            },
            outputs,
        })
    }
}

impl Signature {
    /// The maximum of the numbers of classes that the graph says.
    pub fn classes(&self) -> Option<u64> {
        let top_k = self
            .outputs
            .iter()
            .filter_map(|o| o.top_k.as_ref()?.classes);
        let own = self.outputs.iter().filter_map(|o| o.classes);
        own.chain(top_k).max()
    }
}

/// The meaning of an input's dimensions; `None` if it does not take images.
fn input_dimensions(
    dims: &[Option<u64>],
    names: impl FnOnce() -> [String; 4],
) -> Option<InputDimensions> {
    let &[_, a, b, c] = dims else {
        return None;
    };
    let planes = |is_known| Some((Layout::Nchw, is_known, b, c));
    let pixels = |is_known| Some((Layout::Nhwc, is_known, a, b));
    match (a, b, c) {
        (Some(3), ..) => planes(true),
        (.., Some(3)) => pixels(true),
        // The channels are open: the position of the fixed sizes tells which they are.
        (None, _, Some(_)) => planes(true),
        (Some(_), _, None) => pixels(true),
        (None, Some(_), None) => planes(false).map(|(l, known, _, _)| (l, known, None, None)),
        (None, None, None) => {
            let [_, first, _, last] = names();
            let is_channels = |name: &str| {
                let name = name.to_ascii_lowercase();
                name.contains("chan") || name == "c" || name == "rgb"
            };
            match (is_channels(&first), is_channels(&last)) {
                (false, true) => pixels(false),
                _ => planes(false),
            }
        }
        _ => None,
    }
}

/// The names of an input's four dimensions, as far as they are open.
fn dimension_names(input: &ValueInfo) -> [String; 4] {
    let shape = input.r#type.as_ref().and_then(|t| t.tensor_type.as_ref());
    let shape = shape.and_then(|t| t.shape.as_ref());
    std::array::from_fn(|i| {
        let dim = shape.and_then(|s| s.dim.get(i)?.value.as_ref());
        match dim {
            Some(DimensionValue::Param(name)) => name.clone(),
            _ => String::new(),
        }
    })
}

/// The number of classes of an output; `Some(None)` if only the first inference tells, `None` for an
/// output that does not hold classes.
fn classes(output: &ValueInfo) -> Option<Option<u64>> {
    match output.element() {
        Some(data_type::FLOAT | data_type::FLOAT16) => {}
        // ONNX Runtime infers what the file leaves out.
        None | Some(data_type::UNDEFINED) => return Some(None),
        _ => return None,
    }
    let Some((_, dims)) = output.tensor() else {
        return Some(None);
    };
    if let [classes] = dims[..] {
        return Some(classes);
    }
    let rest = dims.get(1..).unwrap_or_default();
    let large = || rest.iter().filter(|d| d.is_some_and(|d| d > 1));
    let is_open = rest.iter().any(Option::is_none);
    match (large().count(), is_open) {
        (0, false) => Some(Some(1)),
        (0, true) => Some(None),
        (1, false) => Some(large().copied().next().flatten()),
        // If another dimension is open, only the first inference tells whether it is 1.
        (1, true) => Some(None),
        _ => None,
    }
}

/// The maximum number of inputs or outputs in an error's text.
const MAX_NAMED: usize = 5;

fn describe(values: &[&ValueInfo], what: &str) -> String {
    match values {
        [] => format!("no {what}"),
        [value] => format!("the {what} {value}"),
        values => {
            let named = text::list(values.iter(), MAX_NAMED);
            format!("{} {what}s: {named}", values.len())
        }
    }
}
