// SPDX-License-Identifier: MPL-2.0
//! Models that others have exported: whatever their last operations, outputs, sizes and batches, the
//! result is right, or the user is told.

mod activation;
mod inputs;
mod outputs;

use std::path::{Path, PathBuf};

use gst::prelude::*;
use gstresnet50::meta::Classification;

use support::data;
use support::element::*;

/// What became of one red, green or blue frame.
struct Outcome {
    classification: Classification,
    warnings: Vec<String>,
    info: gst::Structure,
}

impl Outcome {
    /// Classes and confidences, the confidences in thousandths.
    fn classes(&self) -> Vec<(i32, i32)> {
        let results = self.classification.results.iter();
        results
            .map(|c| (c.index, (c.confidence * 1000.0).round() as i32))
            .collect()
    }

    fn label(&self) -> &str {
        &self.classification.top().expect("a class").label
    }

    fn activation(&self) -> String {
        self.info.get("activation").expect("it is in model-info")
    }

    fn number(&self, field: &str) -> u32 {
        self.info.get(field).expect("it is in model-info")
    }

    /// Nothing was warned of.
    fn without_warning(self) -> Self {
        assert_eq!(self.warnings, Vec::<String>::new());
        self
    }

    /// One warning, with these words.
    fn warns(self, words: &[&str]) -> Self {
        let [warning] = &self.warnings[..] else {
            panic!(
                "one warning with {words:?}, and there are {:?}",
                self.warnings
            );
        };
        for word in words {
            assert!(warning.contains(word), "no “{word}” in: {warning}");
        }
        self
    }
}

/// Plays one frame of this colour through a model, white being 1.
fn classify(model: &Path, color: [u8; 3], set: impl FnOnce(&gst::Element)) -> Outcome {
    let element = element(model);
    element.set_property("mean", three([0.0; 3]));
    element.set_property("std", three([1.0; 3]));
    outcome(&element, color, set)
}

fn outcome(element: &gst::Element, color: [u8; 3], set: impl FnOnce(&gst::Element)) -> Outcome {
    set(element);
    let info = rgb(48, 40);
    let rig = Rig::new(element, &info);
    if rig.play().is_err() {
        panic!("it starts: {:?}", rig.errors());
    }
    let buffer = rig.classify(plain(&info, color));
    let outcome = Outcome {
        classification: classification(&buffer),
        warnings: warnings(&rig.bus, element)
            .iter()
            .map(|w| w.message().to_owned())
            .collect(),
        info: element.property("model-info"),
    };
    rig.stop();
    outcome
}

/// Why a model does not start.
fn refusal(model: &Path, set: impl FnOnce(&gst::Element)) -> glib::Error {
    let element = element(model);
    set(&element);
    let rig = Rig::new(&element, &rgb(48, 40));
    assert!(rig.play().is_err(), "it must not start");
    let mut errors = rig.errors();
    assert_eq!(errors.len(), 1, "{errors:?}");
    rig.stop();
    errors.remove(0)
}

fn case(name: &str) -> PathBuf {
    data("models").join(name)
}

fn nothing(_: &gst::Element) {}

/// Red, green and blue are told apart with the confidences that the graph gives, without a word.
fn is_right(model: &Path) {
    for (index, color) in [RED, GREEN, BLUE].into_iter().enumerate() {
        let outcome = classify(model, color, nothing).without_warning();
        let (class, confidence) = outcome.classes()[0];
        assert_eq!((class, confidence), (index as i32, 995), "{model:?}");
    }
}
