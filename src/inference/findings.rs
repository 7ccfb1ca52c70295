// SPDX-License-Identifier: MPL-2.0
//! What the trial inference finds out about a model, beside what its graph says: which output holds
//! the classes, how many they are, and what the values are.

use super::contract::OutputKind;
use super::graph::Part;
use super::session::RunError;
use super::signature::{GraphOutput, Signature};
use crate::preprocess::Layout;

/// What is known of a model once it has run.
#[derive(Debug, Clone, PartialEq)]
pub struct Findings {
    /// Order of the input's dimensions.
    pub layout: Layout,
    /// The output that is read.
    pub output: String,
    /// How many values it has for a picture: one a class, or a single one for two classes.
    pub values: usize,
    /// A graph that ends in `TopK` gives only so many of them; those of the others count as nothing.
    pub best: Option<usize>,
    /// What the values are, from the graph and from what they were.
    pub kind: OutputKind,
    /// Where that is known from, in words.
    pub evidence: Evidence,
    /// The least and the largest of the values that were seen.
    pub range: (f32, f32),
    /// Other outputs that might be meant as well.
    pub others: Vec<String>,
    /// The number of pictures that each Run takes, although the model's input leaves it open.
    pub baked_batch: Option<usize>,
}

/// What shows what an output's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// Nothing does: there may be logits, or confidences of another kind.
    None,
    /// The values of every trial picture were in 0..1 and summed to 1.
    Sum,
    /// The graph keeps them in 0..1.
    Graph,
    /// The values of a trial picture were not all in 0..1.
    Range,
}

/// What one output gave for the trial pictures of one Run.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub name: String,
    pub shape: Vec<i64>,
    pub data: Data,
}

/// An output's values.
#[derive(Debug, Clone)]
pub(super) enum Data {
    /// Of 16 bits each where `is_half`.
    Floats { values: Vec<f32>, is_half: bool },
    /// Of 64 bits each where `is_wide`, else of 32.
    Integers { values: Vec<i64>, is_wide: bool },
    /// Of a type that is not read.
    Other,
}

/// How many values a picture has in an output of this shape for so many pictures: one dimension
/// at most besides the batch is not 1.
pub(super) fn values_of(shape: &[i64], batch: usize) -> Option<usize> {
    let dims: Vec<usize> = shape
        .iter()
        .map(|d| usize::try_from(*d).ok())
        .collect::<Option<_>>()?;
    let rest = match dims[..] {
        [] if batch == 1 => return Some(1),
        // One value for each picture; or all of a single one, whose dimension was squeezed out.
        [n] if n == batch => return Some(1),
        [_] if batch == 1 => &dims[..],
        [first, ref rest @ ..] if first == batch => rest,
        _ if batch == 1 => &dims[..],
        _ => return None,
    };
    let mut large = rest.iter().filter(|d| **d != 1);
    let values = large.next().copied().unwrap_or(1);
    (values > 0 && large.next().is_none()).then_some(values)
}

/// An output that may be meant.
#[derive(Debug)]
struct Candidate<'s> {
    graph: &'s GraphOutput,
    seen: &'s Seen,
    /// The output with the classes of its values.
    classes: Option<&'s Seen>,
    values: usize,
    best: Option<usize>,
    numbers: &'s [f32],
    is_unit: bool,
    sums_to_one: bool,
}

impl Candidate<'_> {
    fn is_confidences(&self) -> bool {
        self.is_unit && (self.graph.is_unit || self.sums_to_one)
    }

    /// How much speaks for it, what speaks most first.
    fn merits(&self, labels: Option<usize>) -> Merits {
        let classes = if self.values == 1 { 2 } else { self.values };
        Merits {
            has_labels: labels == Some(classes),
            is_confidences: self.is_confidences() && self.values > 1,
            is_named: rank(&self.graph.name),
            is_last: !self.graph.is_on_the_way,
            is_whole: self.best.is_none(),
            is_many: self.values > 1,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Merits {
    /// There are as many labels.
    has_labels: bool,
    is_confidences: bool,
    is_named: u8,
    /// No other output is computed from it.
    is_last: bool,
    is_whole: bool,
    is_many: bool,
}

/// The least that a name that is one for classes speaks for them.
const NAMED: u8 = 2;

/// How much a name speaks for the classes.
fn rank(name: &str) -> u8 {
    let name = name.to_ascii_lowercase();
    // Exporters write “model/probs:0”.
    let name = name.split(':').next().unwrap_or_default();
    let name = name.rsplit('/').next().unwrap_or_default();
    // What has a name for something else.
    const OTHERS: [&str; 8] = [
        "feat", "embed", "hidden", "pool", "atten", "aux", "mask", "box",
    ];
    match name {
        "probs" | "prob" | "probabilities" | "probability" => 4,
        "logits" | "scores" | "softmax" | "predictions" | "classes" => 3,
        "output" | "output0" | "output_0" | "out" => NAMED,
        name if OTHERS.iter().any(|other| name.contains(other)) => 0,
        _ => 1,
    }
}

/// What is read of the outputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Read {
    /// The output with the values.
    pub output: String,
    pub shape: Shape,
    pub is_half: bool,
    /// Values that it has for a picture.
    pub given: usize,
    /// Values that a picture gets.
    pub values: usize,
    /// Where these are more than are given, the output with the classes of those.
    pub classes: Option<ClassesRead>,
    /// What those get that are not given.
    rest: Rest,
}

/// An output with the classes of the values in another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ClassesRead {
    pub output: String,
    pub shape: Shape,
    /// Of 64 bits, else of 32.
    pub is_wide: bool,
}

/// The shape of an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    dims: Vec<usize>,
    has_batch: bool,
}

/// What the values are that a graph does not give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// Confidences of 0.
    Zero,
    /// Logits that come to nothing in a softmax and in a sigmoid.
    Least,
}

impl Shape {
    fn new(shape: &[i64], batch: usize, given: usize) -> Self {
        let dims: Vec<_> = shape.iter().map(|d| *d as usize).collect();
        Self {
            has_batch: match dims[..] {
                [] => false,
                [n] => given == 1 && n == batch,
                [first, ..] => first == batch,
            },
            dims,
        }
    }

    /// For so many pictures. One without a dimension for them is always the same.
    pub fn of(&self, batch: usize) -> Vec<usize> {
        let mut dims = self.dims.clone();
        if let Some(first) = dims.first_mut().filter(|_| self.has_batch) {
            *first = batch;
        }
        dims
    }
}

impl Read {
    /// The values of each picture of a Run.
    ///
    /// # Errors
    /// [`RunError::Class`].
    pub fn scores(&self, run: &[Seen], batch: usize) -> Result<Vec<f32>, RunError> {
        let of = |name: &str| run.iter().find(|s| s.name == name).map(|s| &s.data);
        let Some(Data::Floats { values, .. }) = of(&self.output) else {
            return Ok(Vec::new());
        };
        let values = &values[..values.len().min(batch * self.given)];
        match self.classes.as_ref().map(|c| of(&c.output)) {
            Some(Some(Data::Integers {
                values: classes, ..
            })) => self.spread(values, classes),
            _ => Ok(values.to_vec()),
        }
    }

    /// Puts each value where its class is, picture after picture.
    ///
    /// # Errors
    /// [`RunError::Class`] for a class that there is not.
    pub fn spread(&self, given: &[f32], classes: &[i64]) -> Result<Vec<f32>, RunError> {
        let rest = match self.rest {
            Rest::Zero => 0.0,
            Rest::Least => -1e30,
        };
        let pictures = given.len() / self.given;
        let mut scores = vec![rest; pictures * self.values];
        for (i, (value, class)) in given.iter().zip(classes).enumerate() {
            let place = usize::try_from(*class).ok().filter(|c| *c < self.values);
            let place = place.ok_or(RunError::Class {
                class: *class,
                classes: self.values,
            })?;
            scores[i / self.given * self.values + place] = *value;
        }
        Ok(scores)
    }
}

/// What is asked for among the outputs.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Wish<'w> {
    pub output: Option<&'w str>,
    /// How many labels there are.
    pub labels: Option<usize>,
}

/// The output that holds the classes, of what several Runs of different pictures gave.
///
/// # Errors
/// [`RunError`] if none does.
pub(super) fn choose(
    signature: &Signature,
    wish: Wish<'_>,
    runs: &[Vec<Seen>],
    batch: usize,
) -> Result<(Findings, Read), RunError> {
    let first = runs.first().map(Vec::as_slice).unwrap_or_default();
    let candidates: Vec<_> = (0..signature.outputs.len())
        .filter_map(|place| candidate(place, signature, wish, runs, batch))
        .collect();
    let chosen = match wish.output {
        Some(name) => candidates.iter().find(|c| {
            c.graph.name == name || c.classes.is_some_and(|classes| classes.name == name)
        }),
        // Of equal ones the first.
        None => candidates
            .iter()
            .rev()
            .max_by_key(|c| c.merits(wish.labels)),
    };
    let Some(chosen) = chosen else {
        return Err(none_of(signature, wish, first, batch));
    };
    let merits = chosen.merits(wish.labels);
    let evidence = match chosen {
        c if c.is_unit && c.graph.is_unit => Evidence::Graph,
        c if c.is_unit && c.sums_to_one => Evidence::Sum,
        c if c.is_unit => Evidence::None,
        _ => Evidence::Range,
    };
    let others = candidates.iter().filter(|c| {
        let is_other = !std::ptr::eq(*c, chosen);
        // Logits and what a softmax makes of them are one answer.
        let is_same = c.values == chosen.values && c.graph.is_on_the_way;
        is_other && !(is_same && merits.is_confidences) && !is_worse(c.merits(wish.labels), merits)
    });
    let others = match wish.output {
        Some(_) => Vec::new(),
        None => others.map(|c| c.graph.name.clone()).collect(),
    };
    let (low, high) = chosen
        .numbers
        .iter()
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), v| {
            (low.min(*v), high.max(*v))
        });
    let is_confidences = chosen.is_confidences();
    let findings = Findings {
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
        baked_batch: None,
    };
    let given = chosen.best.unwrap_or(chosen.values);
    let read = Read {
        output: chosen.seen.name.clone(),
        shape: Shape::new(&chosen.seen.shape, batch, given),
        is_half: matches!(chosen.seen.data, Data::Floats { is_half: true, .. }),
        given,
        values: chosen.values,
        classes: chosen.classes.map(|seen| ClassesRead {
            output: seen.name.clone(),
            shape: Shape::new(&seen.shape, batch, given),
            is_wide: matches!(seen.data, Data::Integers { is_wide: true, .. }),
        }),
        rest: if is_confidences {
            Rest::Zero
        } else {
            Rest::Least
        },
    };
    Ok((findings, read))
}

/// Whether what speaks for the one is plainly less than what speaks for the other.
fn is_worse(one: Merits, other: Merits) -> bool {
    let has_worse_name = other.is_named >= NAMED && other.is_named > one.is_named;
    match (other.is_confidences, one.is_confidences) {
        _ if other.has_labels && !one.has_labels => true,
        _ if other.is_whole && !one.is_whole => true,
        (true, false) => one.is_named < NAMED || has_worse_name,
        (false, true) => false,
        (true, true) | (false, false) => has_worse_name,
    }
}

/// What an output gave in a Run. ONNX Runtime gives them in the model's order.
fn seen_of<'s>(run: &'s [Seen], output: &GraphOutput, place: usize) -> Option<&'s Seen> {
    let there = run.get(place).filter(|seen| seen.name == output.name);
    there.or_else(|| run.iter().find(|seen| seen.name == output.name))
}

fn candidate<'s>(
    place: usize,
    signature: &'s Signature,
    wish: Wish<'_>,
    runs: &'s [Vec<Seen>],
    batch: usize,
) -> Option<Candidate<'s>> {
    let graph = &signature.outputs[place];
    let first = runs.first()?;
    let seen = seen_of(first, graph, place)?;
    let given = values_of(&seen.shape, batch)?;
    let Data::Floats {
        values: numbers, ..
    } = &seen.data
    else {
        return None;
    };
    let (values, best, classes) = match &graph.top {
        None => (given, None, None),
        Some(top) if top.part == Part::Values => {
            let partner = top.partner(&signature.outputs)?;
            let classes = first.iter().find(|s| s.name == partner.name)?;
            let Data::Integers { .. } = classes.data else {
                return None;
            };
            let is_pair = values_of(&classes.shape, batch) == Some(given);
            let all = top.classes.and_then(|c| usize::try_from(c).ok());
            let all = all.or(wish.labels).filter(|all| *all >= given && is_pair)?;
            (all, Some(given), Some(classes))
        }
        Some(_) => return None,
    };
    // As far as rounding goes, in 16 bits too.
    const ABOUT: f32 = 1e-3;
    const SUM: f32 = 1e-2;
    let mut is_unit = true;
    let mut sums_to_one = given == values && values > 1;
    for run in runs {
        let Some(Seen {
            data: Data::Floats {
                values: numbers, ..
            },
            ..
        }) = seen_of(run, graph, place)
        else {
            continue;
        };
        is_unit &= numbers.iter().all(|v| (-ABOUT..=1.0 + ABOUT).contains(v));
        let mut sums = numbers.chunks(given).map(|c| c.iter().sum::<f32>());
        sums_to_one &= sums.all(|sum| (sum - 1.0).abs() < SUM);
    }
    Some(Candidate {
        graph,
        seen,
        classes,
        values,
        best,
        numbers,
        is_unit,
        sums_to_one,
    })
}

/// Whether more pictures are to be run: an output looks like confidences by its values alone, and
/// chance may have decided.
pub(super) fn is_in_doubt(signature: &Signature, runs: &[Vec<Seen>], batch: usize) -> bool {
    (0..signature.outputs.len())
        .filter_map(|place| candidate(place, signature, Wish::default(), runs, batch))
        .any(|c| c.is_unit && c.sums_to_one && !c.graph.is_unit)
}

/// Why no output can be read.
fn none_of(signature: &Signature, wish: Wish<'_>, seen: &[Seen], batch: usize) -> RunError {
    let is_wished = |o: &&GraphOutput| wish.output.is_none_or(|name| o.name == name);
    let mut outputs = signature.outputs.iter().filter(is_wished);
    let top = outputs
        .clone()
        .find_map(|o| o.top.as_ref().map(|top| (o, top)));
    if let Some((output, top)) = top {
        let of = |name: &str| seen.iter().find(|s| s.name == name);
        let given = of(&output.name).and_then(|s| values_of(&s.shape, batch));
        if let (None, Some(best), true) = (top.classes, given, top.has_partner(&signature.outputs))
        {
            return RunError::TopOfUnknown {
                name: output.name.clone(),
                best,
            };
        }
        return RunError::OnlyTop {
            name: output.name.clone(),
        };
    }
    let name = outputs.next().map_or_else(String::new, |o| o.name.clone());
    let shape = seen.iter().find(|s| s.name == name);
    RunError::Output {
        shape: shape.map(|s| s.shape.clone()).unwrap_or_default(),
        name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preprocess::ElementType;

    #[test]
    fn values_of_shapes() {
        for (shape, batch, values) in [
            (&[1i64, 1000][..], 1, Some(1000)),
            (&[4, 1000], 4, Some(1000)),
            (&[4, 1000], 1, None),
            (&[1, 1000, 1, 1], 1, Some(1000)),
            (&[2, 1, 1, 7], 2, Some(7)),
            (&[1000], 1, Some(1000)),
            (&[1000], 2, None),
            (&[2], 2, Some(1)),
            (&[2, 1], 2, Some(1)),
            (&[1], 1, Some(1)),
            (&[], 1, Some(1)),
            (&[], 2, None),
            (&[1, 84, 8400], 1, None),
            (&[0, 48], 1, None),
            (&[1, 0], 1, None),
        ] {
            assert_eq!(values_of(shape, batch), values, "{shape:?} of {batch}");
        }
    }

    fn output(name: &str) -> GraphOutput {
        GraphOutput {
            name: name.into(),
            classes: None,
            may_be_classes: true,
            is_unit: false,
            is_on_the_way: false,
            top: None,
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

    fn seen(name: &str, values: &[f32]) -> Seen {
        Seen {
            name: name.into(),
            shape: vec![1, values.len() as i64],
            data: Data::Floats {
                values: values.to_vec(),
                is_half: false,
            },
        }
    }

    fn chosen(outputs: &[(GraphOutput, &[f32])], labels: Option<usize>) -> (String, Vec<String>) {
        let all: Vec<_> = outputs.iter().map(|(o, _)| o.clone()).collect();
        let signature = signature(&all);
        let run = outputs.iter().map(|(o, values)| seen(&o.name, values));
        let wish = Wish {
            output: None,
            labels,
        };
        let (findings, _) = choose(&signature, wish, &[run.collect()], 1).expect("one of them");
        (findings.output, findings.others)
    }

    /// A softmax, the names, the number of labels, and what is computed last.
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
        before.0.is_on_the_way = true;
        let outputs = [before, named("y")];
        assert_eq!(chosen(&outputs, None), ("y".into(), vec!["z".into()]));
    }

    /// Chance does not decide: what sums to 1 for one picture and not for the next is logits.
    #[test]
    fn sums_by_chance() {
        let signature = signature(&[output("y")]);
        let run = |values: &[f32]| vec![seen("y", values)];
        let kind = |runs: &[Vec<Seen>]| {
            let (findings, _) = choose(&signature, Wish::default(), runs, 1).expect("it is y");
            findings.kind
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

    /// Two heads of equal merit are named, logits beside their softmax are not.
    #[test]
    fn heads() {
        let head = |name| (output(name), &[0.25f32, 0.75][..]);
        let (name, others) = chosen(&[head("age"), head("mood")], None);
        assert_eq!((name.as_str(), others), ("age", vec!["mood".to_owned()]));
        let mut logits = (output("logits"), &[3.0f32, -1.0][..]);
        logits.0.is_on_the_way = true;
        let (name, others) = chosen(&[logits, head("probs")], None);
        assert_eq!((name.as_str(), others), ("probs", vec![]));
    }
}
