// SPDX-License-Identifier: MPL-2.0
//! A frame's classification, and how it rides on a buffer.

#[cfg(feature = "v1_24")]
mod analytics;
mod custom;
mod json;
mod region;
mod select;

pub use custom::{
    META_NAME, attach, classification_by, classification_of, classifications_of, register,
};
pub use json::{answers_by, answers_of, json_line, json_line_unclassified, json_lines};
pub use region::{
    PARAM_NAME, Region, attach_region, attach_regions, region_answers_of, regions_by, regions_of,
};
pub use select::is_meant;

use std::sync::Arc;

/// One of the classes that a model found.
#[derive(Debug, Clone, PartialEq)]
pub struct Class {
    /// Index in the model's output.
    pub index: i32,
    /// Name.
    pub label: Arc<str>,
    /// How sure the model is, from 0 to 1.
    pub confidence: f32,
}

/// The classes of a group together.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Name.
    pub label: Arc<str>,
    /// The sum of its classes' confidences, from 0 to 1.
    pub confidence: f32,
}

/// What is held to be in the picture, over time: an answer that does not flicker.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The class or group that was decided for; none if nothing is sure enough.
    pub label: Option<Arc<str>>,
    /// Its running average, from 0 to 1; 0 for nothing.
    pub confidence: f32,
    /// Stream time of the frame that it began with, none if that frame had no time.
    pub since: Option<gst::ClockTime>,
}

impl Decision {
    /// What stands for nothing in the metadata, in messages and in JSON. A class may have this name
    /// as well: its confidence is above 0.
    pub const NOTHING: &str = "nothing";

    /// The label, or [`Self::NOTHING`].
    pub fn name(&self) -> &str {
        self.label.as_deref().unwrap_or(Self::NOTHING)
    }
}

/// What is known of a frame, or of a region in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Classification {
    /// Name of the element that classified it, which tells the answers of several apart; empty
    /// where it is not known.
    pub element: Arc<str>,
    /// The model that was asked: its file or `builtin:` name.
    pub model: Arc<str>,
    /// The execution provider that ran it.
    pub provider: Arc<str>,
    /// Whether this very frame was inferred; otherwise the answer is an earlier frame's.
    pub fresh: bool,
    /// Time from the classified frame's PTS to this one's, none if one of them has no PTS.
    pub age: Option<gst::ClockTime>,
    /// How long the Run took.
    pub inference_time: gst::ClockTime,
    /// The best classes, best first.
    pub results: Vec<Class>,
    /// The groups that have a part in it, best first; empty where none were asked for.
    pub groups: Vec<Group>,
    /// The decision, where there is a decision layer.
    pub decision: Option<Decision>,
}

impl Classification {
    /// The best class, if any came above the threshold.
    pub fn top(&self) -> Option<&Class> {
        self.results.first()
    }

    /// The fields of the metadata and of the bus message, in a structure of the given name:
    /// `element`, `model` and `provider` (strings), `fresh` (boolean), `age` and `inference-time`
    /// (guint64, nanoseconds; an unknown age is `GST_CLOCK_TIME_NONE`), `results` (GstValueArray
    /// of structures `class` with `index` (gint), `label` (string) and `confidence` (gfloat)).
    /// With groups, `groups` (GstValueArray of structures `group` with `label` and `confidence`).
    /// With a decision, `decision` (string), `decision-confidence` (gfloat) and `decision-since`
    /// (guint64, nanoseconds of stream time; unknown is `GST_CLOCK_TIME_NONE`).
    ///
    /// The best class also stands flat in it, as `index`, `label` and `confidence`, and the best
    /// group as `group` and `group-confidence`: PyGObject does not copy a nested structure, which
    /// is gone together with the one around it. They are absent where there is no result or no
    /// group.
    pub fn to_structure(&self, name: &str) -> gst::Structure {
        let results = self.results.iter().map(|c| {
            gst::Structure::builder("class")
                .field("index", c.index)
                .field("label", &*c.label)
                .field("confidence", c.confidence)
                .build()
        });
        let mut structure = gst::Structure::builder(name)
            .field("element", &*self.element)
            .field("model", &*self.model)
            .field("provider", &*self.provider)
            .field("fresh", self.fresh)
            .field("age", nanoseconds(self.age))
            .field("inference-time", self.inference_time.nseconds())
            .field("results", gst::Array::new(results));
        if let Some(best) = self.top() {
            structure = structure
                .field("index", best.index)
                .field("label", &*best.label)
                .field("confidence", best.confidence);
        }
        if let Some(best) = self.groups.first() {
            let groups = self.groups.iter().map(|g| {
                gst::Structure::builder("group")
                    .field("label", &*g.label)
                    .field("confidence", g.confidence)
                    .build()
            });
            structure = structure
                .field("groups", gst::Array::new(groups))
                .field("group", &*best.label)
                .field("group-confidence", best.confidence);
        }
        if let Some(decision) = &self.decision {
            structure = structure
                .field("decision", decision.name())
                .field("decision-confidence", decision.confidence)
                .field("decision-since", nanoseconds(decision.since));
        }
        structure.build()
    }

    /// Reads [`Self::to_structure`] back; nothing if a field is missing or of another type. What
    /// an earlier version wrote has no `element`, and the flat fields are not looked at.
    pub fn from_structure(structure: &gst::StructureRef) -> Option<Self> {
        let class = |class: gst::Structure| {
            Some(Class {
                index: class.get("index").ok()?,
                label: class.get::<&str>("label").ok()?.into(),
                confidence: class.get("confidence").ok()?,
            })
        };
        let group = |group: gst::Structure| {
            Some(Group {
                label: group.get::<&str>("label").ok()?.into(),
                confidence: group.get("confidence").ok()?,
            })
        };
        let decision = match structure.get::<&str>("decision") {
            Ok(name) => {
                let confidence: f32 = structure.get("decision-confidence").ok()?;
                let is_nothing = name == Decision::NOTHING && confidence == 0.0;
                Some(Decision {
                    label: (!is_nothing).then(|| name.into()),
                    confidence,
                    since: time(structure.get("decision-since").ok()?),
                })
            }
            Err(_) => None,
        };
        Some(Self {
            element: structure.get::<&str>("element").unwrap_or_default().into(),
            model: structure.get::<&str>("model").ok()?.into(),
            provider: structure.get::<&str>("provider").ok()?.into(),
            fresh: structure.get("fresh").ok()?,
            age: time(structure.get("age").ok()?),
            inference_time: time(structure.get("inference-time").ok()?).unwrap_or_default(),
            results: list(structure, "results", class)?,
            groups: match structure.has_field("groups") {
                true => list(structure, "groups", group)?,
                false => Vec::new(),
            },
            decision,
        })
    }
}

/// A time as structures carry it.
fn nanoseconds(time: Option<gst::ClockTime>) -> u64 {
    time.map_or(u64::MAX, gst::ClockTime::nseconds)
}

/// The reverse of [`nanoseconds`].
fn time(nanoseconds: u64) -> Option<gst::ClockTime> {
    (nanoseconds != u64::MAX).then(|| gst::ClockTime::from_nseconds(nanoseconds))
}

/// An array of structures.
fn list<T>(
    structure: &gst::StructureRef,
    field: &str,
    item: impl Fn(gst::Structure) -> Option<T>,
) -> Option<Vec<T>> {
    let array = structure.get::<gst::ArrayRef<'_>>(field).ok()?;
    let items = array.iter().map(|value| item(value.get().ok()?));
    items.collect()
}
