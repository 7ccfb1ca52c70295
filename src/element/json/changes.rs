// SPDX-License-Identifier: MPL-2.0
//! What the last lines of the frame and of each object reported, to write a line only for a change.

use std::sync::Arc;

use crate::meta::{AnyClassification, Classification, Region};
use crate::postprocess::{Detection, ObjectTracker};
use crate::sync::Mutex;

/// What a line says about a frame or an object.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Reported {
    /// There was no classification.
    Unclassified,
    /// The label of the decision; `None` if the decision has none.
    Decision(Option<Arc<str>>),
    /// Without a decision, the best class; `None` if no class reached the threshold. Its index is
    /// unknown in the metadata of some other elements.
    Class(Option<(Option<i32>, Arc<str>)>),
}

impl Reported {
    fn of(classification: &AnyClassification) -> Self {
        match classification {
            AnyClassification::Own(own) => Self::of_own(own),
            AnyClassification::Foreign(foreign) => {
                let best = foreign.classes.first();
                Self::Class(best.map(|c| (c.index, Arc::clone(&c.label))))
            }
        }
    }

    fn of_own(classification: &Classification) -> Self {
        match &classification.decision {
            Some(decision) => Self::Decision(decision.label.clone()),
            None => Self::Class(
                classification
                    .top()
                    .map(|c| (Some(c.index), Arc::clone(&c.label))),
            ),
        }
    }
}

/// The last line of the frame and of each object, for as many objects as [`ObjectTracker`] keeps.
#[derive(Debug, Default)]
pub struct Changes {
    frame: Option<Reported>,
    objects: ObjectTracker<Arc<Mutex<Option<Reported>>>>,
}

impl Changes {
    /// Forgets everything, so that whatever comes next is a change.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// Retains the classifications of one buffer that differ from the last ones of the frame or of
    /// the same object.
    pub fn retain_changes(
        &mut self,
        classifications: &mut Vec<(Option<Region>, AnyClassification)>,
    ) {
        if self.frame == Some(Reported::Unclassified) {
            self.frame = None;
        }
        let regions = classifications
            .iter()
            .filter_map(|(region, found)| Some(detection(region.as_ref()?, found)));
        let detections = regions.collect();
        let mut objects = self.objects.see(detections, Arc::default).into_iter();
        classifications.retain(|(region, classification)| {
            let reported = Reported::of(classification);
            match region.as_ref().and_then(|_| objects.next()) {
                None => is_change(&mut self.frame, reported),
                Some(last) => is_change(&mut last.lock(), reported),
            }
        });
    }

    /// Whether a buffer without classification is a change. If so, everything after it is a change as
    /// well, including regions that were there before.
    pub fn is_unclassified_change(&mut self) -> bool {
        let is_change = is_change(&mut self.frame, Reported::Unclassified);
        if is_change {
            self.objects = ObjectTracker::default();
        }
        is_change
    }
}

/// Whether this differs from the last line, which it replaces.
fn is_change(last: &mut Option<Reported>, reported: Reported) -> bool {
    let reported = Some(reported);
    let is_change = *last != reported;
    *last = reported;
    is_change
}

/// The region as [`ObjectTracker`] recognizes it. Its own id does not count: most detectors give all
/// regions the same id, and others never use an id twice. Each attribute counts as an object of its
/// own.
fn detection(region: &Region, classification: &AnyClassification) -> Detection {
    let attribute = match classification {
        AnyClassification::Own(_) => None,
        AnyClassification::Foreign(foreign) => foreign.attribute.as_deref(),
    };
    let kind = match attribute {
        None => Arc::clone(&region.kind),
        Some(attribute) => format!("{}\0{attribute}", region.kind).into(),
    };
    Detection {
        tracking_id: region.tracking_id,
        kind,
        place: region.rect,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meta::{Carrier, Class, Decision, ForeignClass, ForeignClassification};

    fn classification(class: i32, decision: Option<Option<&str>>) -> AnyClassification {
        AnyClassification::Own(Classification {
            element: "classify".into(),
            model: "m".into(),
            provider: "cpu".into(),
            fresh: true,
            age: None,
            inference_time: gst::ClockTime::ZERO,
            results: vec![Class {
                index: class,
                label: format!("class {class}").into(),
                confidence: 0.5,
            }],
            groups: Vec::new(),
            decision: decision.map(|label| Decision {
                label: label.map(Into::into),
                confidence: 0.5,
                since: None,
            }),
        })
    }

    /// A region of 8x8.
    fn region(kind: &str, id: i32, tracking_id: Option<i64>, x: u32) -> Option<Region> {
        Some(Region {
            id,
            tracking_id,
            kind: kind.into(),
            rect: (x, 0, 8, 8).into(),
        })
    }

    /// How many of the classifications are changes.
    fn count_changes(
        changes: &mut Changes,
        classifications: Vec<(Option<Region>, AnyClassification)>,
    ) -> usize {
        let mut classifications = classifications;
        changes.retain_changes(&mut classifications);
        classifications.len()
    }

    /// The decision counts and not the class; a decision without a label counts as well.
    #[test]
    fn decisions_before_classes() {
        let mut changes = Changes::default();
        let steps = [
            (1, Some(None), 1),
            (2, Some(None), 0),
            (2, Some(Some("cat")), 1),
            (3, Some(Some("cat")), 0),
            (3, Some(Some("dog")), 1),
            (3, Some(None), 1),
            (3, None, 1),
            (3, None, 0),
            (4, None, 1),
        ];
        for (step, (class, decision, expected)) in steps.into_iter().enumerate() {
            let classifications = vec![(None, classification(class, decision))];
            assert_eq!(
                count_changes(&mut changes, classifications),
                expected,
                "step {step}"
            );
        }
        changes.reset();
        assert_eq!(
            count_changes(&mut changes, vec![(None, classification(4, None))]),
            1
        );
    }

    /// With a tracker's id, neither the position nor the detector's id matters.
    #[test]
    fn tracked() {
        let mut changes = Changes::default();
        let frame = |a, b, c| {
            vec![
                (region("face", 0, Some(7), 0), classification(a, None)),
                (region("face", 0, Some(8), 0), classification(b, None)),
                (region("person", 0, Some(7), 0), classification(c, None)),
            ]
        };
        assert_eq!(count_changes(&mut changes, frame(1, 2, 3)), 3);
        assert_eq!(count_changes(&mut changes, frame(1, 2, 3)), 0);
        assert_eq!(count_changes(&mut changes, frame(9, 2, 3)), 1);
        assert_eq!(count_changes(&mut changes, frame(9, 9, 9)), 2);
        let moved = vec![(region("face", 42, Some(7), 900), classification(9, None))];
        assert_eq!(count_changes(&mut changes, moved), 0);
    }

    /// Without a tracker's id the position counts, whatever ids and order the detector uses.
    #[test]
    fn untracked() {
        let mut changes = Changes::default();
        let mut id = 0;
        let mut at = |kind, x, class| {
            id += 1;
            (region(kind, id, None, x), classification(class, None))
        };
        let first = vec![at("face", 0, 1), at("face", 50, 2), at("person", 0, 3)];
        assert_eq!(count_changes(&mut changes, first), 3);
        let swapped = vec![at("person", 1, 3), at("face", 51, 2), at("face", 2, 1)];
        assert_eq!(count_changes(&mut changes, swapped), 0);
        let other = vec![at("face", 52, 2), at("face", 3, 4)];
        assert_eq!(count_changes(&mut changes, other), 1);
        // The same class far away is another object.
        let jumped = vec![at("face", 200, 2)];
        assert_eq!(count_changes(&mut changes, jumped), 1);
    }

    /// A buffer without classification is a change once, and so is the first classified one after it.
    #[test]
    fn unclassified() {
        let mut changes = Changes::default();
        assert!(changes.is_unclassified_change());
        assert!(!changes.is_unclassified_change());
        assert_eq!(
            count_changes(&mut changes, vec![(None, classification(1, None))]),
            1
        );
        assert!(changes.is_unclassified_change());
        assert_eq!(
            count_changes(&mut changes, vec![(None, classification(1, None))]),
            1
        );

        // If only regions are classified, a frame without any is unclassified.
        let face = || vec![(region("face", 0, Some(7), 0), classification(1, None))];
        assert_eq!(count_changes(&mut changes, face()), 1);
        assert_eq!(count_changes(&mut changes, face()), 0);
        for _ in 0..2 {
            assert!(changes.is_unclassified_change());
            assert!(!changes.is_unclassified_change());
            assert_eq!(count_changes(&mut changes, face()), 1);
        }
    }

    /// Memory is bounded: of very many objects the oldest are forgotten, and recent ones are not.
    #[test]
    fn bounded() {
        let mut changes = Changes::default();
        let one = |id| {
            vec![
                (region("face", 0, Some(id), 0), classification(1, None)),
                (None, classification(1, None)),
            ]
        };
        let last = 3000;
        for id in 0..=last {
            let expected = if id == 0 { 2 } else { 1 };
            assert_eq!(count_changes(&mut changes, one(id)), expected);
        }
        assert_eq!(count_changes(&mut changes, one(0)), 1, "forgotten");
        for id in last - 100..=last {
            assert_eq!(
                count_changes(&mut changes, one(id)),
                0,
                "{id} is remembered"
            );
        }
    }

    /// The attributes that other elements find on one object change one by one.
    #[test]
    fn attributes() {
        let foreign = |attribute: &str, label: &str| {
            AnyClassification::Foreign(ForeignClassification {
                carrier: Carrier::RegionParam,
                element: None,
                model: None,
                attribute: Some(attribute.into()),
                classes: vec![ForeignClass {
                    index: None,
                    label: label.into(),
                    confidence: None,
                }],
            })
        };
        let mut changes = Changes::default();
        let frame = |color, kind| {
            vec![
                (region("car", 0, Some(7), 0), foreign("color", color)),
                (region("car", 0, Some(7), 0), foreign("type", kind)),
            ]
        };
        assert_eq!(count_changes(&mut changes, frame("red", "van")), 2);
        assert_eq!(count_changes(&mut changes, frame("red", "van")), 0);
        assert_eq!(count_changes(&mut changes, frame("blue", "van")), 1);
        assert_eq!(count_changes(&mut changes, frame("blue", "bus")), 1);
    }
}
