// SPDX-License-Identifier: MPL-2.0
//! How a model is used: from its own description, the findings of its trial inference and the user's
//! options.

use std::borrow::Cow;

use crate::inference::{ContractLabels, Evidence, Model, OutputKind, SizeSource, TrialReport};
use crate::postprocess::{Activation, Labels, LabelsError};
use crate::preprocess::Target;
use crate::text;

/// How a loaded model is used, and the warnings about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What pre-processing makes of a picture.
    pub target: Target,
    /// The output that is read.
    pub output: String,
    /// How many classes there are.
    pub classes: usize,
    /// Maximum number of classes in a result. It is less than `classes` if the graph ends in `TopK`.
    pub max_results: usize,
    /// What turns the output into confidences.
    pub activation: Activation,
    /// Guesses and contradictions that the user is warned of, a sentence each.
    pub warnings: Vec<String>,
    /// The output is a single value: that of the second of two classes.
    is_single: bool,
}

/// Names of the two classes of a single value, for a model without labels.
const BINARY_LABELS: [&str; 2] = ["negative", "positive"];

impl Plan {
    /// `target` is [`Model::target`] with the user's options applied; `activation` is the user's, if
    /// it is set.
    pub fn new(
        model: &Model,
        findings: &TrialReport,
        target: Target,
        activation: Option<Activation>,
    ) -> Self {
        let is_single = findings.values == 1;
        let classes = if is_single { 2 } else { findings.values };
        let default = match (model.contract.output.unwrap_or(findings.kind), is_single) {
            (OutputKind::Probabilities, _) => Activation::None,
            (OutputKind::Logits, true) => Activation::Sigmoid,
            (OutputKind::Logits, false) => Activation::Softmax,
        };
        let wanted = match activation {
            // The softmax of a single value is always 1.
            Some(Activation::Softmax) if is_single => Activation::Sigmoid,
            wanted => wanted.unwrap_or(default),
        };
        let mut plan = Self {
            target: Target {
                layout: findings.layout,
                ..target
            },
            output: findings.output.clone(),
            classes,
            max_results: findings.best.unwrap_or(classes),
            activation: wanted,
            warnings: Vec::new(),
            is_single,
        };
        plan.warn_of_size(model);
        plan.warn_of_target(model);
        plan.warn_of_output(model, findings);
        plan.warn_of_activation(model, findings, activation);
        let notes = model.notes.iter();
        let notes = notes.map(|note| format!("model “{}”: {note}.", model.source));
        plan.warnings.extend(notes);
        plan
    }

    fn warn_of_size(&mut self, model: &Model) {
        if model.size == SizeSource::Assumed {
            self.warnings.push(format!(
                "model “{}” does not say how large its pictures are: {}x{} is a guess. Set the \
                 properties width and height.",
                model.source, model.width, model.height
            ));
        }
    }

    fn warn_of_target(&mut self, model: &Model) {
        let target = &self.target;
        if target.mean.iter().chain(&target.std).any(|v| *v > 2.0) {
            self.warnings.push(format!(
                "mean {:?} and std {:?} are large for numbers where white is 1: divide those for \
                 bytes by 255",
                target.mean, target.std
            ));
        }
        if model.contract.trained == Some(false) {
            self.warnings.push(format!(
                "the weights of model “{}” are not trained: its results mean nothing",
                model.source
            ));
        }
    }

    fn warn_of_output(&mut self, model: &Model, findings: &TrialReport) {
        if !findings.others.is_empty() {
            let others = findings.others.iter();
            let others = others.map(|name| format!("“{}”", text::name(name)));
            self.warnings.push(format!(
                "model “{}” has several outputs that may be its classes: “{}” is read, and not {}. \
                 Set the property output to the one that is meant.",
                model.source,
                text::name(&findings.output),
                text::list(others, 8),
            ));
        }
        if let Some(batch) = findings.fixed_batch {
            self.warnings.push(format!(
                "the graph of model “{}” runs with {} and no other number, although its input \
                 leaves it open: each inference takes so many. Export it with a batch that is free.",
                model.source,
                pictures(batch),
            ));
        }
        if findings.best.is_some() && findings.kind == OutputKind::Logits {
            self.warnings.push(format!(
                "the graph of model “{}” gives its {} best values before the activation: their \
                 confidences are shares of these alone. Export it with its softmax, or without its \
                 TopK.",
                model.source, self.max_results
            ));
        }
    }

    /// Warns if the user or the contract contradicts the findings of the trial.
    fn warn_of_activation(
        &mut self,
        model: &Model,
        findings: &TrialReport,
        activation: Option<Activation>,
    ) {
        let name = text::name(&findings.output);
        let output = format!("output “{name}” of model “{}”", model.source);
        let is = match (findings.evidence, model.contract.output) {
            (Evidence::Graph, _) => Some("its graph keeps them in 0..1".to_owned()),
            (Evidence::Sum, _) => Some("they are in 0..1 and sum to 1".to_owned()),
            (Evidence::None, Some(OutputKind::Probabilities)) => {
                Some("its contract says so".into())
            }
            _ => None,
        };
        let (low, high) = findings.range;
        let is_not = (findings.evidence == Evidence::Range)
            .then(|| format!("its values go from {low:.3} to {high:.3}"));
        let said = match (activation, model.contract.output) {
            (Some(activation), _) => {
                let said = format!("activation={}", name_of(activation));
                (activation != Activation::None, said)
            }
            (None, Some(kind)) => {
                let is_logits = kind == OutputKind::Logits;
                let what = if is_logits { "logits" } else { "probabilities" };
                (is_logits, format!("the contract says “{what}”"))
            }
            (None, None) => return,
        };
        match (said, is, is_not) {
            ((true, said), Some(why), _) => self.warnings.push(format!(
                "{said}, but the values of {output} are confidences already: {why}. What is \
                 applied to them again makes them wrong; activation=none takes them as they are."
            )),
            ((false, said), _, Some(why)) => self.warnings.push(format!(
                "{said}, but {output} holds no confidences: {why}. activation=softmax or \
                 activation=sigmoid makes some of them."
            )),
            _ if self.is_single && activation == Some(Activation::Softmax) => {
                self.warnings.push(format!(
                    "activation=softmax, but {output} has a single value, of which a softmax is \
                     always 1: it is read as sigmoid."
                ));
            }
            _ => {}
        }
    }

    /// One value for each class of a picture, from the model's values for it: a single value becomes
    /// two.
    pub fn scores<'s>(&self, values: &'s [f32]) -> Cow<'s, [f32]> {
        match (values, self.is_single) {
            (&[value], true) => Cow::Owned(match self.activation {
                // The sigmoids of these two sum to 1.
                Activation::Sigmoid | Activation::Softmax => vec![-value, value],
                Activation::None => vec![1.0 - value, value],
            }),
            _ => Cow::Borrowed(values),
        }
    }

    /// The names of the classes if the user sets no file: the model's own, else ImageNet's if the
    /// number of classes fits. Also returns a warning if the names are made up.
    ///
    /// # Errors
    /// [`LabelsError`] if the model has not as many names as classes.
    pub fn labels(&self, model: &Model) -> Result<(Labels, Option<String>), LabelsError> {
        let classes = self.classes;
        let labels = match &model.contract.labels {
            Some(ContractLabels::Names(names)) => Labels::from_names(names.clone(), classes)?,
            Some(ContractLabels::Text(text)) => Labels::from_text(text, classes)?,
            // There is one known list; the contract says that it is this model's.
            Some(ContractLabels::Known(_)) => Labels::imagenet(classes)?,
            None if self.is_single => {
                let names = BINARY_LABELS.map(str::to_owned).to_vec();
                let [no, yes] = BINARY_LABELS;
                let warning = format!(
                    "model “{}” has a single output value, and does not say what it stands for: \
                     its classes are “{no}” and “{yes}”. Set the property labels to a file with \
                     two names, the one for high values in the second line.",
                    model.source
                );
                return Ok((Labels::from_names(names, classes)?, Some(warning)));
            }
            None => Labels::default_for(classes),
        };
        Ok((labels, None))
    }
}

/// The number of labels that a model itself has, if any.
pub fn count_labels(model: &Model) -> Option<usize> {
    match model.contract.labels.as_ref()? {
        ContractLabels::Names(names) => Some(names.len()),
        ContractLabels::Text(text) => Labels::count(text),
        ContractLabels::Known(_) => None,
    }
}

fn name_of(activation: Activation) -> &'static str {
    match activation {
        Activation::Softmax => "softmax",
        Activation::Sigmoid => "sigmoid",
        Activation::None => "none",
    }
}

fn pictures(count: usize) -> String {
    match count {
        1 => "1 picture".into(),
        count => format!("{count} pictures"),
    }
}
