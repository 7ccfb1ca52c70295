// SPDX-License-Identifier: MPL-2.0
//! Chooses the output that holds the classes, and tells what its values mean.

use super::output_layout::{IndicesLayout, MissingValue, OutputLayout, OutputShape};
use super::output_merits::{Merits, is_worse, name_rank};
use super::output_tensor::{OutputData, OutputTensor};
use crate::inference::error::InferenceError;
use crate::inference::model::{
    Evidence, GraphOutput, OutputKind, Signature, TopKOutput, TrialReport,
};

/// An output that may hold the classes.
#[derive(Debug)]
struct Candidate<'s> {
    graph: &'s GraphOutput,
    tensor: &'s OutputTensor,
    /// The output with the classes of its values, if they come from a `TopK`.
    indices: Option<&'s OutputTensor>,
    /// The number of values for an image.
    values: usize,
    /// The K of the `TopK`.
    best: Option<usize>,
    elements: &'s [f32],
    is_unit: bool,
    sums_to_one: bool,
}

impl Candidate<'_> {
    fn is_confidences(&self) -> bool {
        self.is_unit && (self.graph.is_unit || self.sums_to_one)
    }

    /// The evidence that it holds the classes.
    fn merits(&self, labels: Option<usize>) -> Merits {
        let classes = if self.values == 1 { 2 } else { self.values };
        Merits {
            has_labels: labels == Some(classes),
            is_confidences: self.is_confidences() && self.values > 1,
            name_rank: name_rank(&self.graph.name),
            is_last: !self.graph.is_intermediate,
            is_whole: self.best.is_none(),
            is_many: self.values > 1,
        }
    }
}

/// What is known about the output to choose.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct OutputRequest<'r> {
    /// The name that the user has set.
    pub output: Option<&'r str>,
    /// The number of labels.
    pub labels: Option<usize>,
}

/// Chooses the output that holds the classes, from the outputs of one or more inferences on different
/// images.
///
/// # Errors
/// [`InferenceError`] if no output does.
pub(super) fn choose(
    signature: &Signature,
    request: OutputRequest<'_>,
    runs: &[Vec<OutputTensor>],
    batch: usize,
) -> Result<(TrialReport, OutputLayout), InferenceError> {
    let first = runs.first().map(Vec::as_slice).unwrap_or_default();
    let candidates: Vec<_> = (0..signature.outputs.len())
        .filter_map(|index| candidate(index, signature, request, runs, batch))
        .collect();
    let chosen = match request.output {
        Some(name) => candidates.iter().find(|c| {
            c.graph.name == name || c.indices.is_some_and(|indices| indices.name == name)
        }),
        // The first of equal ones: `max_by_key` returns the last.
        None => candidates
            .iter()
            .rev()
            .max_by_key(|c| c.merits(request.labels)),
    };
    let Some(chosen) = chosen else {
        return Err(no_output(signature, request, first, batch));
    };
    let merits = chosen.merits(request.labels);
    let evidence = match chosen {
        c if c.is_unit && c.graph.is_unit => Evidence::Graph,
        c if c.is_unit && c.sums_to_one => Evidence::Sum,
        c if c.is_unit => Evidence::None,
        _ => Evidence::Range,
    };
    let others = candidates.iter().filter(|c| {
        let is_other = !std::ptr::eq(*c, chosen);
        // Logits and their softmax are the same result.
        let is_same = c.values == chosen.values && c.graph.is_intermediate;
        is_other
            && !(is_same && merits.is_confidences)
            && !is_worse(c.merits(request.labels), merits)
    });
    let others = match request.output {
        Some(_) => Vec::new(),
        None => others.map(|c| c.graph.name.clone()).collect(),
    };
    let (low, high) = chosen
        .elements
        .iter()
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), v| {
            (low.min(*v), high.max(*v))
        });
    let is_confidences = chosen.is_confidences();
    let report = TrialReport {
        layout: signature.layout,
        output: chosen.graph.name.clone(),
        values: chosen.values,
        best: chosen.best,
        kind: match is_confidences {
            true => OutputKind::Probabilities,
            false => OutputKind::Logits,
        },
        evidence,
        range: (low, high),
        others,
        fixed_batch: None,
    };
    let given = chosen.best.unwrap_or(chosen.values);
    let read = OutputLayout {
        output: chosen.tensor.name.clone(),
        shape: OutputShape::new(&chosen.tensor.shape, batch, given),
        is_half: matches!(chosen.tensor.data, OutputData::Floats { is_half: true, .. }),
        given,
        values: chosen.values,
        indices: chosen.indices.map(|tensor| IndicesLayout {
            output: tensor.name.clone(),
            shape: OutputShape::new(&tensor.shape, batch, given),
            is_wide: matches!(tensor.data, OutputData::Integers { is_wide: true, .. }),
        }),
        missing: if is_confidences {
            MissingValue::Zero
        } else {
            MissingValue::VeryNegative
        },
    };
    Ok((report, read))
}

/// The tensor of an output. ONNX Runtime returns them in the model's order.
fn tensor_of<'s>(
    run: &'s [OutputTensor],
    output: &GraphOutput,
    index: usize,
) -> Option<&'s OutputTensor> {
    let tensor = run.get(index).filter(|t| t.name == output.name);
    tensor.or_else(|| run.iter().find(|t| t.name == output.name))
}

/// The output at this position, if it may hold the classes.
fn candidate<'s>(
    index: usize,
    signature: &'s Signature,
    request: OutputRequest<'_>,
    runs: &'s [Vec<OutputTensor>],
    batch: usize,
) -> Option<Candidate<'s>> {
    let graph = &signature.outputs[index];
    let first = runs.first()?;
    let tensor = tensor_of(first, graph, index)?;
    let given = tensor.values_per_image(batch)?;
    let OutputData::Floats {
        values: elements, ..
    } = &tensor.data
    else {
        return None;
    };
    let (values, best, indices) = match &graph.top_k {
        None => (given, None, None),
        Some(top_k) if top_k.output == TopKOutput::Values => {
            let indices = graph.top_k_indices(&signature.outputs)?;
            let indices = first.iter().find(|t| t.name == indices.name)?;
            let OutputData::Integers { .. } = indices.data else {
                return None;
            };
            let is_pair = indices.values_per_image(batch) == Some(given);
            let all = top_k.classes.and_then(|c| usize::try_from(c).ok());
            let all = all
                .or(request.labels)
                .filter(|all| *all >= given && is_pair)?;
            (all, Some(given), Some(indices))
        }
        Some(_) => return None,
    };
    // For the rounding of `f16`.
    const UNIT_TOLERANCE: f32 = 1e-3;
    const SUM_TOLERANCE: f32 = 1e-2;
    let mut is_unit = true;
    let mut sums_to_one = given == values && values > 1;
    for run in runs {
        let Some(OutputTensor {
            data: OutputData::Floats {
                values: elements, ..
            },
            ..
        }) = tensor_of(run, graph, index)
        else {
            continue;
        };
        is_unit &= elements
            .iter()
            .all(|v| (-UNIT_TOLERANCE..=1.0 + UNIT_TOLERANCE).contains(v));
        let mut sums = elements.chunks(given).map(|c| c.iter().sum::<f32>());
        sums_to_one &= sums.all(|sum| (sum - 1.0).abs() < SUM_TOLERANCE);
    }
    Some(Candidate {
        graph,
        tensor,
        indices,
        values,
        best,
        elements,
        is_unit,
        sums_to_one,
    })
}

/// Whether more images are to be tried: an output looks like confidences by its values alone, which
/// may be chance.
pub(super) fn is_in_doubt(signature: &Signature, runs: &[Vec<OutputTensor>], batch: usize) -> bool {
    (0..signature.outputs.len())
        .filter_map(|index| candidate(index, signature, OutputRequest::default(), runs, batch))
        .any(|c| c.is_unit && c.sums_to_one && !c.graph.is_unit)
}

/// Why there is no output with classes.
fn no_output(
    signature: &Signature,
    request: OutputRequest<'_>,
    tensors: &[OutputTensor],
    batch: usize,
) -> InferenceError {
    let is_requested = |o: &&GraphOutput| request.output.is_none_or(|name| o.name == name);
    let mut outputs = signature.outputs.iter().filter(is_requested);
    let top_k = outputs
        .clone()
        .find_map(|o| o.top_k.as_ref().map(|top_k| (o, top_k)));
    if let Some((output, top_k)) = top_k {
        let of = |name: &str| tensors.iter().find(|s| s.name == name);
        let given = of(&output.name).and_then(|t| t.values_per_image(batch));
        if let (None, Some(best), true) = (
            top_k.classes,
            given,
            output.top_k_indices(&signature.outputs).is_some(),
        ) {
            return InferenceError::TopKWithoutClasses {
                name: output.name.clone(),
                best,
            };
        }
        return InferenceError::IncompleteTopK {
            name: output.name.clone(),
        };
    }
    let name = outputs.next().map_or_else(String::new, |o| o.name.clone());
    let shape = tensors.iter().find(|s| s.name == name);
    InferenceError::OutputShape {
        shape: shape.map(|s| s.shape.clone()).unwrap_or_default(),
        name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preprocess::{ElementType, Layout};

    fn output(name: &str) -> GraphOutput {
        GraphOutput {
            name: name.into(),
            classes: None,
            may_be_classes: true,
            is_unit: false,
            is_intermediate: false,
            top_k: None,
        }
    }

    fn signature(outputs: &[GraphOutput]) -> Signature {
        Signature {
            input: "x".into(),
            layout: Layout::Nchw,
            is_layout_known: true,
            element: ElementType::F32,
            batch: None,
            height: None,
            width: None,
            outputs: outputs.to_vec(),
            likely_batches: Vec::new(),
        }
    }

    fn tensor(name: &str, values: &[f32]) -> OutputTensor {
        OutputTensor {
            name: name.into(),
            shape: vec![1, values.len() as i64],
            data: OutputData::Floats {
                values: values.to_vec(),
                is_half: false,
            },
        }
    }

    fn chosen(outputs: &[(GraphOutput, &[f32])], labels: Option<usize>) -> (String, Vec<String>) {
        let all: Vec<_> = outputs.iter().map(|(o, _)| o.clone()).collect();
        let signature = signature(&all);
        let run = outputs.iter().map(|(o, values)| tensor(&o.name, values));
        let request = OutputRequest {
            output: None,
            labels,
        };
        let (report, _) = choose(&signature, request, &[run.collect()], 1).expect("one of them");
        (report.output, report.others)
    }

    /// The criteria: a softmax, the names, the number of labels, and which output is computed last.
    #[test]
    fn choice() {
        let features = || (output("features"), &[0.5f32, 3.0, -1.0, 2.0][..]);
        let named = |name| (output(name), &[3.0f32, -1.0, 2.0][..]);
        let none = Vec::<String>::new;
        let probs = (output("y"), &[0.2f32, 0.3, 0.5][..]);
        assert_eq!(chosen(&[features(), probs], None), ("y".into(), none()));
        for name in ["probs", "prob", "logits", "output"] {
            let outputs = [features(), named(name)];
            assert_eq!(chosen(&outputs, None), (name.into(), none()));
        }
        let outputs = [features(), named("y")];
        assert_eq!(chosen(&outputs, Some(3)), ("y".into(), none()));
        let both = || vec!["features".to_owned()];
        assert_eq!(chosen(&outputs, None), ("y".into(), both()));
        let mut before = (output("z"), features().1);
        before.0.is_intermediate = true;
        let outputs = [before, named("y")];
        assert_eq!(chosen(&outputs, None), ("y".into(), vec!["z".into()]));
    }

    /// Values that sum to 1 for one image and not for the next are logits.
    #[test]
    fn sums_by_chance() {
        let signature = signature(&[output("y")]);
        let run = |values: &[f32]| vec![tensor("y", values)];
        let kind = |runs: &[Vec<OutputTensor>]| {
            let (report, _) =
                choose(&signature, OutputRequest::default(), runs, 1).expect("it is y");
            report.kind
        };
        let first = run(&[0.2, 0.3, 0.5]);
        assert!(is_in_doubt(&signature, std::slice::from_ref(&first), 1));
        assert_eq!(
            kind(std::slice::from_ref(&first)),
            OutputKind::Probabilities
        );
        let others = [first, run(&[0.1, 0.3, 0.5]), run(&[0.3, 0.3, 0.5])];
        assert_eq!(kind(&others), OutputKind::Logits);
        assert!(!is_in_doubt(&signature, &[run(&[0.2, 0.3, 0.6])], 1));
    }

    /// Two equally likely heads are both named; logits with their softmax are not.
    #[test]
    fn heads() {
        let head = |name| (output(name), &[0.25f32, 0.75][..]);
        let (name, others) = chosen(&[head("age"), head("mood")], None);
        assert_eq!((name.as_str(), others), ("age", vec!["mood".to_owned()]));
        let mut logits = (output("logits"), &[3.0f32, -1.0][..]);
        logits.0.is_intermediate = true;
        let (name, others) = chosen(&[logits, head("probs")], None);
        assert_eq!((name.as_str(), others), ("probs", vec![]));
    }
}
