// SPDX-License-Identifier: MPL-2.0
//! The metadata that Ultralytics' exporter writes into models: `names`, `imgsz` and `task`, as
//! Python prints them.

use super::contract::{Contract, ContractLabels, MAX_SIDE, Sides};
use crate::onnx::Model;
use crate::preprocess::Fit;
use crate::text;

/// The metadata as a contract, and notes on what of it is invalid and ignored.
pub(super) fn contract(model: &Model) -> (Contract, Vec<String>) {
    let mut notes = Vec::new();
    let names = model.metadata("names").map(str::trim);
    let names = names.filter(|names| names.starts_with(['{', '[', '(']));
    let size = model.metadata("imgsz");
    let crop = size.and_then(sides);
    if let (Some(size), None) = (size, crop) {
        notes.push(format!(
            "its metadata “imgsz” is “{}”, and neither one length from 1 to {MAX_SIDE} nor two: \
             it does not count",
            text::name(size)
        ));
    }
    let is_classifier = match model.metadata("task") {
        Some(task) => task.trim() == "classify",
        None => names.is_some() && size.is_some(),
    };
    let mut contract = Contract {
        labels: names.map(|names| ContractLabels::Text(names.into())),
        crop,
        ..Contract::default()
    };
    if is_classifier {
        // The image is resized to the size of the crop itself, and white is 1.
        contract.resize = crop;
        contract.fit = Some(Fit::Crop);
        contract.mean = Some([0.0; 3]);
        contract.std = Some([1.0; 3]);
    }
    (contract, notes)
}

/// `224`, `[224, 224]` or `(48, 192)`: height and width.
fn sides(text: &str) -> Option<Sides> {
    let text = text.trim().trim_matches(['[', ']', '(', ')']);
    let numbers = text.trim_end_matches(',').split(',');
    let numbers: Option<Vec<u32>> = numbers.map(|n| n.trim().parse().ok()).collect();
    let numbers = numbers?;
    if !numbers.iter().all(|side| (1..=MAX_SIDE).contains(side)) {
        return None;
    }
    match numbers[..] {
        [side] => Some(Sides::One(side)),
        [height, width] if height == width => Some(Sides::One(height)),
        [height, width] => Some(Sides::Both([height, width])),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::StringEntry;

    fn of(entries: &[(&str, &str)]) -> (Contract, Vec<String>) {
        contract(&Model {
            metadata_props: entries
                .iter()
                .map(|(key, value)| StringEntry {
                    key: (*key).into(),
                    value: (*value).into(),
                })
                .collect(),
            ..Model::default()
        })
    }

    /// A classifier's images are cropped to the size of its input, and normalized to 0..1.
    #[test]
    fn classifiers() {
        let names = "{0: 'red', 1: 'green'}";
        for entries in [
            &[
                ("task", "classify"),
                ("imgsz", "[64, 64]"),
                ("names", names),
            ][..],
            &[("imgsz", "64"), ("names", names)],
        ] {
            let (contract, notes) = of(entries);
            assert!(notes.is_empty(), "{notes:?}");
            assert_eq!(contract.crop, Some(Sides::One(64)));
            assert_eq!(contract.resize, Some(Sides::One(64)));
            assert_eq!(
                (contract.mean, contract.std),
                (Some([0.0; 3]), Some([1.0; 3]))
            );
            let labels = ContractLabels::Text(names.into());
            assert_eq!(contract.labels, Some(labels));
        }
        let (contract, _) = of(&[("task", "classify"), ("imgsz", "(48, 192)")]);
        assert_eq!(contract.crop, Some(Sides::Both([48, 192])));
    }

    /// Metadata of other programs under the same names is not mistaken for Ultralytics'.
    #[test]
    fn others() {
        assert_eq!(of(&[]), (Contract::default(), vec![]));
        let (contract, notes) = of(&[("names", "nobody"), ("task", "detect"), ("imgsz", "large")]);
        assert_eq!(contract, Contract::default());
        assert!(notes[0].contains("“imgsz” is “large”"), "{notes:?}");
        for wrong in ["", "0", "[1, 2, 3]", "9000", "-1", "[64 64]"] {
            assert_eq!(sides(wrong), None, "{wrong}");
        }
    }
}
