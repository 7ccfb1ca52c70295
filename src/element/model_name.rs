// SPDX-License-Identifier: MPL-2.0
//! The warning if `model-name` names no classifier upstream.

use std::sync::Arc;

use gst::prelude::*;

use super::{strings, upstream};
use crate::meta::{
    Classification, all_regions, any_classifications, frame_classifications, name_matches,
};
use crate::{paths, text};

/// The blurb of the property, for both elements that have it.
pub const BLURB: &str = "Which classifier upstream to take results from: the name of a resnet50 element, its model as in the metadata's field model, or the name of the model's file with or without extension, in this order of precedence and the last of equal matches (unset: for the frame and for each region, the last element that has classified it)";

/// The most classifiers that the warning lists.
const MAX_LISTED: usize = 8;

/// The value of the property; an empty string is the same as none.
pub fn name(text: Option<&str>) -> Option<Arc<str>> {
    text.filter(|text| !text.is_empty()).map(Into::into)
}

/// Checks whether the named classifier has classified anything.
#[derive(Debug, Default)]
pub struct ModelNameCheck {
    name: Option<Arc<str>>,
    /// It has, or the warning is posted.
    is_done: bool,
    /// Element and model of those that have.
    others: Vec<(Arc<str>, Arc<str>)>,
}

/// Other classifiers have classified, and the named one has not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    name: Arc<str>,
    others: Vec<(Arc<str>, Arc<str>)>,
}

impl ModelNameCheck {
    /// Sets the name. Returns whether it differs from the name before.
    pub fn changes(&mut self, name: Option<&Arc<str>>) -> bool {
        let changes = self.name.as_ref() != name;
        if changes {
            *self = Self {
                name: name.cloned(),
                ..Self::default()
            };
        }
        changes
    }

    /// Takes the next frame. Returns what is missing on the first frame that only other classifiers
    /// have classified.
    pub fn see(&mut self, frame: &gst::BufferRef) -> Option<Missing> {
        let name = self.name.clone().filter(|_| !self.is_done)?;
        self.is_done = !any_classifications(frame, Some(&name)).is_empty();
        if self.is_done || !self.others.is_empty() {
            return None;
        }
        self.others = all(frame);
        self.missing()
    }

    /// The stream has ended, so waiting for the classifier is over.
    pub fn end(&mut self) -> Option<Missing> {
        let missing = self.missing();
        self.is_done |= missing.is_some();
        missing
    }

    /// The warning is posted.
    pub fn told(&mut self) {
        self.is_done = true;
    }

    fn missing(&self) -> Option<Missing> {
        let name = self.name.clone().filter(|_| !self.is_done)?;
        (!self.others.is_empty()).then(|| Missing {
            name,
            others: self.others.clone(),
        })
    }
}

/// Element and model of all that have classified a frame or one of its regions, each once.
fn all(frame: &gst::BufferRef) -> Vec<(Arc<str>, Arc<str>)> {
    let regions = all_regions(frame).into_iter().flat_map(|(_, all)| all);
    let mut all = Vec::new();
    for Classification { element, model, .. } in
        frame_classifications(frame).into_iter().chain(regions)
    {
        let found = (element, model);
        if !all.contains(&found) {
            all.push(found);
        }
    }
    all
}

impl Missing {
    /// Whether the classifier is upstream and has not classified anything yet. No lock may be held.
    pub fn is_upstream(&self, sink: &gst::Pad) -> bool {
        upstream::classifiers(sink).any(|found| {
            let element = found.element;
            let info = element.property::<Option<gst::Structure>>("model-info");
            let loaded = info.and_then(|info| info.get::<String>("model").ok());
            let set = || strings::bytes_of(&element.property_value("model"));
            let model = loaded.or_else(|| set().map(|model| paths::escaped(&model)));
            name_matches(
                &strings::name_of(element.upcast_ref()),
                model.as_deref(),
                &self.name,
            )
        })
    }

    /// Posts the warning. No lock may be held.
    pub fn post(&self, element: &gst::Element) {
        let text = self.text();
        gst::element_warning!(element, gst::LibraryError::Settings, ("{}", text));
    }

    fn text(&self) -> String {
        let others = self.others.iter().map(|(element, model)| {
            format!(
                "“{}” (model “{}”)",
                text::name(element),
                text::message(model)
            )
        });
        format!(
            "model-name is “{}”, but the frames are classified by {}: set model-name to one of \
             these names or models, or leave it unset for the last classifier",
            text::message(&self.name),
            text::list(others, MAX_LISTED)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meta::attach;

    fn frame(elements: &[&str]) -> gst::Buffer {
        gst::init().expect("GStreamer");
        crate::meta::register();
        let mut buffer = gst::Buffer::new();
        for element in elements {
            let answer = Classification {
                element: (*element).into(),
                model: "plain.onnx".into(),
                provider: "cpu".into(),
                fresh: true,
                age: None,
                inference_time: gst::ClockTime::ZERO,
                results: Vec::new(),
                groups: Vec::new(),
                decision: None,
            };
            attach(buffer.make_mut(), &answer);
        }
        buffer
    }

    /// Only other classifiers' results give a warning, at once and at the end, until it is posted, the
    /// named classifier's result comes, or another name is set.
    #[test]
    fn once() {
        let (both, none) = (frame(&["a", "b"]), frame(&[]));
        let mut chosen = ModelNameCheck::default();
        assert!(!chosen.changes(None));
        assert_eq!(chosen.see(&both), None, "no name is set");
        assert_eq!(chosen.end(), None);

        let name: Arc<str> = "c".into();
        assert!(chosen.changes(Some(&name)));
        assert!(!chosen.changes(Some(&name)));
        assert_eq!(chosen.see(&none), None, "nobody has classified");
        let missing = chosen.see(&both).expect("others have");
        assert_eq!(
            missing.text(),
            "model-name is “c”, but the frames are classified by “b” (model “plain.onnx”), “a” \
             (model “plain.onnx”): set model-name to one of these names or models, or leave it \
             unset for the last classifier"
        );
        assert_eq!(chosen.see(&both), None, "that was said");
        assert_eq!(chosen.end(), Some(missing));
        assert_eq!(chosen.end(), None);

        let name: Arc<str> = "d".into();
        assert!(chosen.changes(Some(&name)));
        assert!(chosen.see(&both).is_some());
        chosen.told();
        assert_eq!(chosen.end(), None);

        let name: Arc<str> = "a".into();
        assert!(chosen.changes(Some(&name)));
        assert_eq!(chosen.see(&both), None);
        assert_eq!(chosen.see(&frame(&["b"])), None, "once is enough");
        assert_eq!(chosen.end(), None);
    }
}
