// SPDX-License-Identifier: MPL-2.0
//! What a network takes and gives, read from its graph.

use super::graph::{Index, Top};
use super::reach;
use crate::onnx::{DimensionValue, Model, ValueInfo, data_type};
use crate::preprocess::{ElementType, Layout};
use crate::text;

/// The input and the outputs of an image classifier, as far as its graph says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The input's name.
    pub input: String,
    /// Order of its dimensions; the likelier one where the graph does not say.
    pub layout: Layout,
    /// Whether the graph says the order.
    pub is_layout_known: bool,
    /// Type of its elements.
    pub element: ElementType,
    /// Pictures a Run, if the model says.
    pub batch: Option<u64>,
    /// Rows of a picture, if the model says.
    pub height: Option<u64>,
    /// Columns of a picture, if the model says.
    pub width: Option<u64>,
    /// All outputs, in the model's order. One of them at least may hold classes.
    pub outputs: Vec<GraphOutput>,
    /// Numbers of pictures that the graph seems to be made for, although its input leaves it open.
    pub likely_batches: Vec<u64>,
}

/// What the graph says of an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphOutput {
    /// Its name.
    pub name: String,
    /// How many classes it has, if it can hold classes at all and says how many.
    pub classes: Option<u64>,
    /// Whether it can hold one value a class, by its type and dimensions.
    pub may_be_classes: bool,
    /// Whether its values cannot leave 0..1, whatever the picture: a softmax or a sigmoid has been
    /// applied.
    pub is_unit: bool,
    /// Whether another output is computed from it.
    pub is_on_the_way: bool,
    /// It holds the best values of each picture, or their classes.
    pub(super) top: Option<Top>,
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
const OUTPUT: &str = "an output of shape [N, classes], float32 or float16";
const SCORES: &str =
    "an output with one value a class (export the model without its last ArgMax or TopK)";

/// Outputs whose makers are looked for.
const MOST_TRACED: usize = 64;

/// An input's dimensions: order, whether that is known, height and width.
type Places = (Layout, bool, Option<u64>, Option<u64>);

impl Signature {
    /// Reads it off a model.
    ///
    /// # Errors
    /// [`SignatureError`] if it is not that of an image classifier.
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
        // Without dimensions it takes any: whether pictures are among them, only a Run tells.
        let dims = input.tensor().map(|(_, dims)| dims);
        let places = match &dims {
            None => Some((Layout::Nchw, false, None, None)),
            Some(dims) => places(dims, || dimension_names(input)),
        };
        let (layout, is_layout_known, height, width) = places.ok_or_else(bad_input)?;

        let reaches = reach::of_outputs(model);
        let index = Index::new(graph);
        let way = index.on_the_way();
        let outputs: Vec<_> = graph
            .output
            .iter()
            .zip(reaches)
            .enumerate()
            .map(|(i, (output, reach))| {
                let classes = classes(output);
                GraphOutput {
                    name: output.name.clone(),
                    classes: classes.flatten(),
                    may_be_classes: classes.is_some(),
                    is_unit: reach.is_unit(),
                    is_on_the_way: way.contains(output.name.as_str()),
                    top: (i < MOST_TRACED).then(|| index.top(&output.name)).flatten(),
                }
            })
            .collect();
        let all: Vec<_> = graph.output.iter().collect();
        let is_candidate = |o: &GraphOutput| match &o.top {
            None => o.may_be_classes,
            Some(top) => o.may_be_classes && top.has_partner(&outputs),
        };
        if !outputs.iter().any(is_candidate) {
            let is_top = outputs.iter().any(|o| o.top.is_some());
            let expected = if is_top { SCORES } else { OUTPUT };
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
    /// The most classes that the graph says of an output.
    pub fn classes(&self) -> Option<u64> {
        let top = self.outputs.iter().filter_map(|o| o.top.as_ref()?.classes);
        let own = self.outputs.iter().filter_map(|o| o.classes);
        own.chain(top).max()
    }
}

/// Which of an input's dimensions is what; nothing if it takes no pictures.
fn places(dims: &[Option<u64>], names: impl FnOnce() -> [String; 4]) -> Option<Places> {
    let &[_, a, b, c] = dims else {
        return None;
    };
    let planes = |is_known| Some((Layout::Nchw, is_known, b, c));
    let pixels = |is_known| Some((Layout::Nhwc, is_known, a, b));
    match (a, b, c) {
        (Some(3), ..) => planes(true),
        (.., Some(3)) => pixels(true),
        // The channels are open, and the place of the sizes shows which they are.
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

/// The names that an input's four dimensions have where they are open.
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

/// The number of classes of an output, `Some(None)` where only the first Run tells; `None` for an
/// output that holds no classes.
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
        // Where another is open, only the first Run tells whether it is 1.
        (1, true) => Some(None),
        _ => None,
    }
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
