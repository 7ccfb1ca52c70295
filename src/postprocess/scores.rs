// SPDX-License-Identifier: MPL-2.0
//! Activation and top-k.

/// The function that turns the model's output into confidences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `exp(x - max) / sum(exp(x - max))`: for models with exactly one correct class.
    Softmax,
    /// `1 / (1 + exp(-x))` for each class: for models with any number of correct classes.
    Sigmoid,
    /// None: the output already holds confidences.
    None,
}

/// A class and its confidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// The class's index in the model's output.
    pub index: usize,
    /// Its confidence, from 0 to 1 (as it comes from the model with [`Activation::None`]).
    pub confidence: f32,
}

/// The output of the model holds a value that is NaN or infinite, so there is no result.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("the model's output for class {index} is {value}")]
pub struct NotFinite {
    /// The first such class.
    pub index: usize,
    /// Its value.
    pub value: f32,
}

/// An activation with the values that it needs from the whole output.
#[derive(Debug, Clone, Copy)]
enum Function {
    Identity,
    Sigmoid,
    Softmax { max: f32, sum: f64 },
}

impl Function {
    fn new(activation: Activation, output: &[f32]) -> Self {
        match activation {
            Activation::None => Self::Identity,
            Activation::Sigmoid => Self::Sigmoid,
            Activation::Softmax => {
                // Without subtracting the maximum, a logit of 89 overflows.
                let max = output.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let sum = output.iter().map(|v| f64::from((v - max).exp())).sum();
                Self::Softmax { max, sum }
            }
        }
    }

    fn apply(self, value: f32) -> f32 {
        match self {
            Self::Identity => value,
            Self::Sigmoid => 1.0 / (1.0 + (-value).exp()),
            Self::Softmax { max, sum } => (f64::from((value - max).exp()) / sum) as f32,
        }
    }
}

fn check(output: &[f32]) -> Result<(), NotFinite> {
    match output.iter().position(|v| !v.is_finite()) {
        Some(index) => Err(NotFinite {
            index,
            value: output[index],
        }),
        None => Ok(()),
    }
}

/// The confidence of every class, in the order of `output`: from 0 to 1, as it comes from the
/// model with [`Activation::None`]. They are written into `confidences`, whose capacity is reused.
///
/// # Errors
/// [`NotFinite`] if any value of `output` is NaN or infinite; `confidences` is then empty.
pub fn confidences(
    output: &[f32],
    activation: Activation,
    confidences: &mut Vec<f32>,
) -> Result<(), NotFinite> {
    confidences.clear();
    check(output)?;
    let function = Function::new(activation, output);
    confidences.extend(output.iter().map(|v| function.apply(*v)));
    Ok(())
}

/// The at most `k` classes of `output` with the highest confidences, none of them below
/// `threshold` unless that is 0, best first; of equal ones the one with the lower index first. They are
/// written into `best`, whose capacity is reused.
///
/// # Errors
/// [`NotFinite`] if any value of `output` is NaN or infinite; `best` is then empty.
pub fn top_k(
    output: &[f32],
    activation: Activation,
    k: usize,
    threshold: f32,
    best: &mut Vec<Score>,
) -> Result<(), NotFinite> {
    best.clear();
    check(output)?;
    // All activations keep the order, so the best are found among the raw values.
    for (index, value) in output.iter().copied().enumerate() {
        if best.len() == k && best.last().is_none_or(|worst| value <= worst.confidence) {
            continue;
        }
        let place = best.partition_point(|s| s.confidence >= value);
        best.truncate(k.saturating_sub(1));
        best.insert(
            place,
            Score {
                index,
                confidence: value,
            },
        );
    }

    let function = Function::new(activation, output);
    for score in best.iter_mut() {
        score.confidence = function.apply(score.confidence);
    }
    // Zero means no threshold: without an activation, values may be negative.
    if threshold > 0.0 {
        best.retain(|s| s.confidence >= threshold);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run(output: &[f32], activation: Activation, k: usize, threshold: f32) -> Vec<(usize, f32)> {
        let mut best = Vec::new();
        top_k(output, activation, k, threshold, &mut best).expect("finite");
        best.iter().map(|s| (s.index, s.confidence)).collect()
    }

    /// Large logits do not overflow: softmax depends on differences only.
    #[test]
    fn softmax_of_large_logits() {
        let small = run(&[1.0, 2.0, 3.0], Activation::Softmax, 3, 0.0);
        let large = run(&[1001.0, 1002.0, 1003.0], Activation::Softmax, 3, 0.0);
        assert_eq!(small, large);
        assert!((small[0].1 - 0.665_240_9).abs() < 1e-6);
    }

    #[test]
    fn sigmoid_and_none() {
        assert_eq!(run(&[0.0, -2.0], Activation::Sigmoid, 1, 0.0), [(0, 0.5)]);
        assert_eq!(
            run(&[0.25, 0.75], Activation::None, 5, 0.0),
            [(1, 0.75), (0, 0.25)]
        );
    }

    /// Equal values keep the order of their indices, at the edge of the list too.
    #[test]
    fn ties() {
        let output = [1.0, 3.0, 3.0, 3.0, 2.0];
        assert_eq!(run(&output, Activation::None, 2, 0.0), [(1, 3.0), (2, 3.0)]);
    }

    #[test]
    fn threshold_is_inclusive() {
        assert_eq!(run(&[0.5, 0.25, 0.1], Activation::None, 5, 0.25).len(), 2);
        assert_eq!(run(&[0.5], Activation::None, 5, 0.75).len(), 0);
        assert_eq!(
            run(&[-3.0, -1.0], Activation::None, 5, 0.0),
            [(1, -1.0), (0, -3.0)]
        );
        assert_eq!(run(&[0.5, 0.1], Activation::None, 0, 0.0).len(), 0);
    }

    #[test]
    fn not_finite() {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut best = Vec::new();
            let error = top_k(&[0.0, value], Activation::Softmax, 1, 0.0, &mut best);
            assert_eq!(error.expect_err("not a number").index, 1);
            assert!(best.is_empty());
            let mut all = vec![1.0];
            let error = confidences(&[0.0, value], Activation::Sigmoid, &mut all);
            assert_eq!(error.expect_err("not a number").index, 1);
            assert!(all.is_empty());
        }
    }

    proptest! {
        /// The list is what sorting everything gives.
        #[test]
        fn like_a_full_sort(output in prop::collection::vec(-50f32..50.0, 1..200), k in 0usize..20) {
            let mut all: Vec<usize> = (0..output.len()).collect();
            all.sort_by(|a, b| output[*b].total_cmp(&output[*a]));
            all.truncate(k);
            let found = run(&output, Activation::Softmax, k, 0.0);
            prop_assert_eq!(found.iter().map(|f| f.0).collect::<Vec<_>>(), all);
            prop_assert!(found.iter().map(|f| f.1).sum::<f32>() <= 1.0001);
        }

        /// All confidences are those that the list has, and softmax's make 1.
        #[test]
        fn all_confidences(
            output in prop::collection::vec(-50f32..50.0, 1..200),
            activation in prop::sample::select(vec![
                Activation::Softmax,
                Activation::Sigmoid,
                Activation::None,
            ]),
        ) {
            let mut all = vec![7.0; 3];
            confidences(&output, activation, &mut all).expect("finite");
            prop_assert_eq!(all.len(), output.len());
            for (index, confidence) in run(&output, activation, output.len(), 0.0) {
                prop_assert_eq!(all[index], confidence);
            }
            if activation == Activation::Softmax {
                prop_assert!((all.iter().sum::<f32>() - 1.0).abs() < 1e-4);
            }
        }
    }
}
