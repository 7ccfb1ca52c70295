// SPDX-License-Identifier: MPL-2.0
//! Classifications that elements of others have attached: GStreamer's analytics metadata (with the
//! feature `v1_24`), and the parameters that DL Streamer's elements add to regions.

#[cfg(feature = "v1_24")]
mod analytics;
mod params;

use std::sync::Arc;

use gst_video::VideoRegionOfInterestMeta;

use super::{Classification, Region, classification_by, find_regions, name_matches, regions_by};

/// Which metadata a classification was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// A GstAnalyticsClsMtd in the frame's GstAnalyticsRelationMeta.
    Analytics,
    /// A parameter of a GstVideoRegionOfInterestMeta.
    RegionParam,
}

impl Carrier {
    /// The name of the metadata's type in C.
    pub fn name(self) -> &'static str {
        match self {
            Self::Analytics => "GstAnalyticsClsMtd",
            Self::RegionParam => "GstVideoRegionOfInterestMeta",
        }
    }
}

/// A class of a [`ForeignClassification`].
#[derive(Debug, Clone, PartialEq)]
pub struct ForeignClass {
    /// Index in the model's output, if the metadata has it.
    pub index: Option<i32>,
    /// Its name, without surrounding blanks and cut where it is very long; never empty.
    pub label: Arc<str>,
    /// The confidence, if the metadata has it: finite, mostly from 0 to 1.
    pub confidence: Option<f32>,
}

/// A classification by an element that is not `resnet50`. It is taken to be of the frame that carries
/// it.
#[derive(Debug, Clone, PartialEq)]
pub struct ForeignClassification {
    /// Where it was read.
    pub carrier: Carrier,
    /// The element that classified, if the metadata has its name.
    pub element: Option<Arc<str>>,
    /// The model, if the metadata has its name.
    pub model: Option<Arc<str>>,
    /// What the classes are of ("color", "type"), if the metadata says.
    pub attribute: Option<Arc<str>>,
    /// The classes, best first: at least one, and at most [`Self::MAX_CLASSES`].
    pub classes: Vec<ForeignClass>,
}

impl ForeignClassification {
    /// The maximum number of classes that are read, as `top-k` of `resnet50` is by default.
    pub const MAX_CLASSES: usize = 5;

    /// One with the best of these classes; `None` if there are none.
    fn new(carrier: Carrier, mut classes: Vec<ForeignClass>) -> Option<Self> {
        // An unknown confidence comes last. All others are finite.
        let rank = |class: &ForeignClass| class.confidence.unwrap_or(f32::NEG_INFINITY);
        classes.sort_by(|a, b| rank(b).total_cmp(&rank(a)));
        classes.truncate(Self::MAX_CLASSES);
        (!classes.is_empty()).then_some(Self {
            carrier,
            element: None,
            model: None,
            attribute: None,
            classes,
        })
    }

    /// Whether it matches a name as in [`classification_by`].
    fn matches(&self, name: Option<&str>) -> bool {
        let element = self.element.as_deref().unwrap_or_default();
        let is_match = |name: &str| name_matches(element, self.model.as_deref(), name);
        name.is_none_or(is_match)
    }
}

/// A classification by `resnet50` or by an element of others.
#[derive(Debug, Clone, PartialEq)]
pub enum AnyClassification {
    /// By `resnet50`.
    Own(Classification),
    /// By an element of others.
    Foreign(ForeignClassification),
}

impl AnyClassification {
    /// Whether the result is of the frame that carries it, as far as is known.
    pub fn is_fresh(&self) -> bool {
        match self {
            Self::Own(own) => own.fresh,
            Self::Foreign(_) => true,
        }
    }

    /// The age of the result, as in [`Classification::age`].
    pub fn age(&self) -> Option<gst::ClockTime> {
        match self {
            Self::Own(own) => own.age,
            Self::Foreign(_) => None,
        }
    }
}

/// The classification of a frame: that of [`classification_by`], or if there is none, the last one by
/// an element of others.
pub fn any_of_frame(buffer: &gst::BufferRef, name: Option<&str>) -> Option<AnyClassification> {
    classification_by(buffer, name)
        .map(AnyClassification::Own)
        .or_else(|| foreign_of_frame(buffer, name).map(AnyClassification::Foreign))
}

/// The classifications of a buffer's regions, in the order of [`find_regions`]: that of
/// [`regions_by`], or if there is none, all by elements of others. Those are often of different
/// attributes.
pub fn any_of_regions(
    buffer: &gst::BufferRef,
    name: Option<&str>,
) -> Vec<(Region, Vec<AnyClassification>)> {
    let own = regions_by(buffer, name);
    if own.is_empty() {
        return Vec::new();
    }
    let mut foreign = Foreign::new(buffer, name);
    let any = own.into_iter().enumerate();
    let any = any.map(|(index, (region, own))| match own {
        Some(own) => (region, vec![AnyClassification::Own(own)]),
        None => (region, foreign.of_region(index)),
    });
    any.collect()
}

/// The classifications of a buffer: of the whole frame first (without a region), then of its regions.
pub fn any_classifications(
    buffer: &gst::BufferRef,
    name: Option<&str>,
) -> Vec<(Option<Region>, AnyClassification)> {
    let frame = any_of_frame(buffer, name).map(|found| (None, found));
    let regions = any_of_regions(buffer, name).into_iter();
    let regions = regions.flat_map(|(region, all)| {
        let all = all.into_iter();
        all.map(move |found| (Some(region.clone()), found))
    });
    frame.into_iter().chain(regions).collect()
}

#[cfg(feature = "v1_24")]
fn foreign_of_frame(buffer: &gst::BufferRef, name: Option<&str>) -> Option<ForeignClassification> {
    // They have no name that could match.
    analytics::of_frame(buffer).filter(|found| found.matches(name))
}

#[cfg(not(feature = "v1_24"))]
fn foreign_of_frame(_: &gst::BufferRef, _: Option<&str>) -> Option<ForeignClassification> {
    None
}

/// Reads the classifications of regions by others, only if they are needed.
struct Foreign<'a> {
    buffer: &'a gst::BufferRef,
    name: Option<&'a str>,
    found: Option<Vec<Vec<ForeignClassification>>>,
}

impl<'a> Foreign<'a> {
    fn new(buffer: &'a gst::BufferRef, name: Option<&'a str>) -> Self {
        Self {
            buffer,
            name,
            found: None,
        }
    }

    /// Those of the region with this index.
    fn of_region(&mut self, index: usize) -> Vec<AnyClassification> {
        let (buffer, name) = (self.buffer, self.name);
        let found = self.found.get_or_insert_with(|| read_regions(buffer, name));
        let found = found.get_mut(index).map(std::mem::take);
        let found = found.unwrap_or_default().into_iter();
        found.map(AnyClassification::Foreign).collect()
    }
}

/// The classifications of all regions by others.
fn read_regions(buffer: &gst::BufferRef, name: Option<&str>) -> Vec<Vec<ForeignClassification>> {
    let metas: Vec<_> = buffer.iter_meta::<VideoRegionOfInterestMeta>().collect();
    #[cfg(feature = "v1_24")]
    let own = super::own_classes(buffer);
    let regions = find_regions(buffer).into_iter().map(|(source, _)| {
        let meta = source.roi.and_then(|roi| metas.get(roi));
        let mut all: Vec<_> = meta.map(|meta| params::of_region(meta)).unwrap_or_default();
        #[cfg(feature = "v1_24")]
        if let Some(object) = source.object {
            for found in analytics::of_object(buffer, object, &own) {
                // DL Streamer writes the same classification as a parameter as well.
                let label = &found.classes[0].label;
                if !all.iter().any(|there| there.classes[0].label == *label) {
                    all.push(found);
                }
            }
        }
        all.retain(|found| found.matches(name));
        all
    });
    regions.collect()
}

/// The maximum length of a label or a name in bytes.
const MAX_TEXT: usize = 1000;

/// Somebody's text without surrounding blanks, cut at [`MAX_TEXT`]; `None` if it is empty.
fn text(text: &str) -> Option<Arc<str>> {
    let text = text.trim_matches(|c: char| c.is_whitespace() || c.is_control());
    let mut end = text.len().min(MAX_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    (end > 0).then(|| text[..end].into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Labels are cut at whole characters, and blank ones are none.
    #[test]
    fn texts() {
        assert_eq!(text(" tabby\r\n").as_deref(), Some("tabby"));
        for blank in ["", " ", "\n\t\0"] {
            assert_eq!(text(blank), None);
        }
        let long = text(&"ä€".repeat(1000)).expect("a text");
        assert!((MAX_TEXT - 3..=MAX_TEXT).contains(&long.len()));
    }

    /// The best classes come first, and one without a confidence last.
    #[test]
    fn order() {
        let class = |(label, confidence): (&str, Option<f32>)| ForeignClass {
            index: None,
            label: label.into(),
            confidence,
        };
        let classes = [
            ("a", None),
            ("b", Some(0.1)),
            ("c", Some(-3.0)),
            ("d", Some(0.9)),
        ];
        let found = ForeignClassification::new(
            Carrier::Analytics,
            classes.into_iter().map(class).collect(),
        );
        let found = found.expect("it has classes").classes;
        let labels: String = found.iter().map(|class| &*class.label).collect();
        assert_eq!(labels, "dbca");
        assert_eq!(
            ForeignClassification::new(Carrier::Analytics, Vec::new()),
            None
        );
        let many = vec![class(("x", Some(0.5))); 1000];
        let many = ForeignClassification::new(Carrier::Analytics, many).expect("classes");
        assert_eq!(many.classes.len(), ForeignClassification::MAX_CLASSES);
    }
}
