// SPDX-License-Identifier: MPL-2.0
//! What a user is told if `model-name` names no classifier whose answers come.

use std::sync::Arc;

use gst::prelude::*;

use super::{strings, upstream};
use crate::meta::{Classification, answers_by, classifications_of, is_meant, region_answers_of};
use crate::{paths, text};

/// The text of the property, for both elements that have it.
pub const BLURB: &str = "Whose answers count where several classifiers are before this element: the name of a resnet50 element, its model as in the metadata's field model, or the name of the model's file, with or without its extension. An element's name goes before a model's; of several that fit, the last one counts. Unset: for the frame, and for each region, the last classifier that has classified it";

/// Classifiers that are named.
const MOST_NAMED: usize = 8;

/// A value of the property: an empty one names nobody.
pub fn name(text: Option<&str>) -> Option<Arc<str>> {
    text.filter(|text| !text.is_empty()).map(Into::into)
}

/// Looks whether the classifier that is named has classified anything.
#[derive(Debug, Default)]
pub struct Chosen {
    name: Option<Arc<str>>,
    /// It has, or the user has been told that it has not.
    is_over: bool,
    /// Those that have, by their elements and models.
    others: Vec<(Arc<str>, Arc<str>)>,
}

/// Others have classified, and the one that is named has not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    name: Arc<str>,
    others: Vec<(Arc<str>, Arc<str>)>,
}

impl Chosen {
    /// Whether this is another name than that of the frames before; from now on it counts.
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

    /// Takes the next frame. Returns what may be missing the first time that there are only others'
    /// answers.
    pub fn see(&mut self, frame: &gst::BufferRef) -> Option<Missing> {
        let name = self.name.clone().filter(|_| !self.is_over)?;
        self.is_over = !answers_by(frame, Some(&name)).is_empty();
        if self.is_over || !self.others.is_empty() {
            return None;
        }
        self.others = all(frame);
        self.missing()
    }

    /// The stream is at its end: it is not worth waiting any more.
    pub fn end(&mut self) -> Option<Missing> {
        let missing = self.missing();
        self.is_over |= missing.is_some();
        missing
    }

    /// The user has been told.
    pub fn told(&mut self) {
        self.is_over = true;
    }

    fn missing(&self) -> Option<Missing> {
        let name = self.name.clone().filter(|_| !self.is_over)?;
        (!self.others.is_empty()).then(|| Missing {
            name,
            others: self.others.clone(),
        })
    }
}

/// All that have classified a frame or one of its regions, each once.
fn all(frame: &gst::BufferRef) -> Vec<(Arc<str>, Arc<str>)> {
    let regions = frame.iter_meta::<gst_video::VideoRegionOfInterestMeta>();
    let regions = regions.flat_map(|meta| region_answers_of(&meta));
    let mut all = Vec::new();
    for Classification { element, model, .. } in
        classifications_of(frame).into_iter().chain(regions)
    {
        let found = (element, model);
        if !all.contains(&found) {
            all.push(found);
        }
    }
    all
}

impl Missing {
    /// Whether the classifier is there all the same, and only has not answered yet. No lock may be
    /// held.
    pub fn is_upstream(&self, sink: &gst::Pad) -> bool {
        upstream::classifiers(sink).any(|found| {
            let element = found.element;
            let info = element.property::<Option<gst::Structure>>("model-info");
            let loaded = info.and_then(|info| info.get::<String>("model").ok());
            let set = || strings::bytes_of(&element.property_value("model"));
            let model = loaded.or_else(|| set().map(|model| paths::escaped(&model)));
            is_meant(
                &strings::name_of(element.upcast_ref()),
                model.as_deref(),
                &self.name,
            )
        })
    }

    /// Posts it as a warning. No lock may be held.
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
            text::list(others, MOST_NAMED)
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

    /// Others' answers make a hint at once and at the end, until it is given, the answer comes, or
    /// another name is set.
    #[test]
    fn once() {
        let (both, none) = (frame(&["a", "b"]), frame(&[]));
        let mut chosen = Chosen::default();
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
