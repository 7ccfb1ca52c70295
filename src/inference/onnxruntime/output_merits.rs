// SPDX-License-Identifier: MPL-2.0
//! How likely an output is to hold the classes.

/// The evidence for an output, the most important first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Merits {
    /// The number of labels fits.
    pub has_labels: bool,
    pub is_confidences: bool,
    pub name_rank: u8,
    /// No other output is computed from it.
    pub is_last: bool,
    /// It has the values of all classes, not only the best ones.
    pub is_whole: bool,
    pub is_many: bool,
}

/// The minimum rank of a name that is usual for an output with classes.
const MIN_CLASSES_RANK: u8 = 2;

/// How likely an output with this name holds classes.
pub(super) fn name_rank(name: &str) -> u8 {
    let name = name.to_ascii_lowercase();
    // Exporters write “model/probs:0”.
    let name = name.split(':').next().unwrap_or_default();
    let name = name.rsplit('/').next().unwrap_or_default();
    // Parts of names for something else.
    const OTHERS: [&str; 8] = [
        "feat", "embed", "hidden", "pool", "atten", "aux", "mask", "box",
    ];
    match name {
        "probs" | "prob" | "probabilities" | "probability" => 4,
        "logits" | "scores" | "softmax" | "predictions" | "classes" => 3,
        "output" | "output0" | "output_0" | "out" => MIN_CLASSES_RANK,
        name if OTHERS.iter().any(|other| name.contains(other)) => 0,
        _ => 1,
    }
}

/// Whether there is clearly less evidence for the one output than for the other.
pub(super) fn is_worse(one: Merits, other: Merits) -> bool {
    let has_worse_name = other.name_rank >= MIN_CLASSES_RANK && other.name_rank > one.name_rank;
    match (other.is_confidences, one.is_confidences) {
        _ if other.has_labels && !one.has_labels => true,
        _ if other.is_whole && !one.is_whole => true,
        (true, false) => one.name_rank < MIN_CLASSES_RANK || has_worse_name,
        (false, true) => false,
        (true, true) | (false, false) => has_worse_name,
    }
}
