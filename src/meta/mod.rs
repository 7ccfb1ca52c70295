// SPDX-License-Identifier: MPL-2.0
//! A frame's classification, and how it rides on a buffer.

#[cfg(feature = "v1_24")]
mod analytics;
mod custom;
mod json;

pub use custom::{META_NAME, attach, classification_of, register};
pub use json::json_line;

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

/// What is known of a frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Classification {
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
}

impl Classification {
    /// The best class, if any came above the threshold.
    pub fn top(&self) -> Option<&Class> {
        self.results.first()
    }

    /// The fields of the metadata and of the bus message, in a structure of the given name:
    /// `model` and `provider` (strings), `fresh` (boolean), `age` and `inference-time` (guint64,
    /// nanoseconds; an unknown age is `GST_CLOCK_TIME_NONE`), `results` (GstValueArray of
    /// structures `class` with `index` (gint), `label` (string) and `confidence` (gfloat)).
    pub fn to_structure(&self, name: &str) -> gst::Structure {
        let results = self.results.iter().map(|c| {
            gst::Structure::builder("class")
                .field("index", c.index)
                .field("label", &*c.label)
                .field("confidence", c.confidence)
                .build()
        });
        gst::Structure::builder(name)
            .field("model", &*self.model)
            .field("provider", &*self.provider)
            .field("fresh", self.fresh)
            .field("age", self.age.map_or(u64::MAX, gst::ClockTime::nseconds))
            .field("inference-time", self.inference_time.nseconds())
            .field("results", gst::Array::new(results))
            .build()
    }

    /// Reads [`Self::to_structure`] back; nothing if a field is missing or of another type.
    pub fn from_structure(structure: &gst::StructureRef) -> Option<Self> {
        let results = structure.get::<gst::ArrayRef<'_>>("results").ok()?;
        let class = |value: &glib::SendValue| {
            let class = value.get::<gst::Structure>().ok()?;
            Some(Class {
                index: class.get("index").ok()?,
                label: class.get::<&str>("label").ok()?.into(),
                confidence: class.get("confidence").ok()?,
            })
        };
        let age: u64 = structure.get("age").ok()?;
        Some(Self {
            model: structure.get::<&str>("model").ok()?.into(),
            provider: structure.get::<&str>("provider").ok()?.into(),
            fresh: structure.get("fresh").ok()?,
            age: (age != u64::MAX).then(|| gst::ClockTime::from_nseconds(age)),
            inference_time: gst::ClockTime::from_nseconds(structure.get("inference-time").ok()?),
            results: results.iter().map(class).collect::<Option<_>>()?,
        })
    }
}
