// SPDX-License-Identifier: MPL-2.0
//! The result of a classifier, and its form as a GstStructure.

use std::sync::Arc;

/// A class that the model found.
#[derive(Debug, Clone, PartialEq)]
pub struct Class {
    /// Index in the model's output.
    pub index: i32,
    /// Its name.
    pub label: Arc<str>,
    /// The model's confidence, from 0 to 1.
    pub confidence: f32,
}

/// A group of classes.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Its name.
    pub label: Arc<str>,
    /// The sum of its classes' confidences, from 0 to 1.
    pub confidence: f32,
}

/// The stable result over time: what the stream is held to show, without flicker.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The class or group; `None` if none is confident enough.
    pub label: Option<Arc<str>>,
    /// The running average of its confidence, from 0 to 1; 0 without a label.
    pub confidence: f32,
    /// Stream time of the first frame of this decision; `None` if that frame had no time.
    pub since: Option<gst::ClockTime>,
}

impl Decision {
    /// The name of a decision without a label in the metadata, in messages and in JSON. A class of
    /// this name has a confidence above 0.
    pub const NOTHING: &str = "nothing";

    /// The label, or [`Self::NOTHING`].
    pub fn name(&self) -> &str {
        self.label.as_deref().unwrap_or(Self::NOTHING)
    }
}

/// The result of one classifier for a frame, or for a region of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Classification {
    /// Name of the element that classified it, to distinguish several classifiers; empty if
    /// unknown.
    pub element: Arc<str>,
    /// The model: its file or its `builtin:` name.
    pub model: Arc<str>,
    /// The execution provider that the inference ran on.
    pub provider: Arc<str>,
    /// Whether the result is of this frame; otherwise it is the result of an earlier one.
    pub fresh: bool,
    /// Time from the PTS of the frame that was inferred to the PTS of this one; `None` if one of
    /// them has no PTS.
    pub age: Option<gst::ClockTime>,
    /// How long the inference took.
    pub inference_time: gst::ClockTime,
    /// The classes with the highest confidence, best first.
    pub results: Vec<Class>,
    /// The groups, best first; empty if the element has no groups.
    pub groups: Vec<Group>,
    /// The decision; `None` if the element makes none.
    pub decision: Option<Decision>,
}

impl Classification {
    /// The best class; `None` if none reached the threshold.
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
    /// The best class is also in the flat fields `index`, `label` and `confidence`, and the best
    /// group in `group` and `group-confidence`: PyGObject does not copy nested structures, which
    /// are freed with the outer one. These fields are absent without a result or without a group.
    pub fn to_structure(&self, name: &str) -> gst::Structure {
        let mut structure = gst::Structure::new_empty(name);
        self.write_to(&mut structure);
        structure
    }

    /// Writes the fields of [`Self::to_structure`] into an empty structure.
    pub(super) fn write_to(&self, structure: &mut gst::StructureRef) {
        let results = self.results.iter().map(|c| {
            gst::Structure::builder("class")
                .field("index", c.index)
                .field("label", &*c.label)
                .field("confidence", c.confidence)
                .build()
        });
        structure.set("element", &*self.element);
        structure.set("model", &*self.model);
        structure.set("provider", &*self.provider);
        structure.set("fresh", self.fresh);
        structure.set("age", nanoseconds(self.age));
        structure.set("inference-time", self.inference_time.nseconds());
        structure.set("results", gst::Array::new(results));
        if let Some(best) = self.top() {
            structure.set("index", best.index);
            structure.set("label", &*best.label);
            structure.set("confidence", best.confidence);
        }
        if let Some(best) = self.groups.first() {
            let groups = self.groups.iter().map(|g| {
                gst::Structure::builder("group")
                    .field("label", &*g.label)
                    .field("confidence", g.confidence)
                    .build()
            });
            structure.set("groups", gst::Array::new(groups));
            structure.set("group", &*best.label);
            structure.set("group-confidence", best.confidence);
        }
        if let Some(decision) = &self.decision {
            structure.set("decision", decision.name());
            structure.set("decision-confidence", decision.confidence);
            structure.set("decision-since", nanoseconds(decision.since));
        }
    }

    /// Reads what [`Self::to_structure`] wrote. `None` if a field is missing or of another type.
    /// `element` may be missing, as earlier versions did not write it. The flat fields are not
    /// read.
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

/// A time as a field of a structure.
fn nanoseconds(time: Option<gst::ClockTime>) -> u64 {
    time.map_or(u64::MAX, gst::ClockTime::nseconds)
}

/// The reverse of [`nanoseconds`].
fn time(nanoseconds: u64) -> Option<gst::ClockTime> {
    (nanoseconds != u64::MAX).then(|| gst::ClockTime::from_nseconds(nanoseconds))
}

/// Reads an array of structures.
fn list<T>(
    structure: &gst::StructureRef,
    field: &str,
    item: impl Fn(gst::Structure) -> Option<T>,
) -> Option<Vec<T>> {
    let array = structure.get::<gst::ArrayRef<'_>>(field).ok()?;
    let items = array.iter().map(|value| item(value.get().ok()?));
    items.collect()
}
