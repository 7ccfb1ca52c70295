// SPDX-License-Identifier: MPL-2.0
//! What was last said of a frame and of each region, to say only what has changed.

use std::sync::Arc;

use crate::meta::{Classification, Region};
use crate::postprocess::{Detection, Objects};
use crate::sync::Mutex;

/// What is said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Said {
    /// There was no classification.
    Unclassified,
    /// The decision's name, `None` for nothing.
    Decision(Option<Arc<str>>),
    /// Without a decision, the best class, `None` if no class was above the threshold.
    Class(Option<(i32, Arc<str>)>),
}

impl Said {
    fn of(seen: &Classification) -> Self {
        match &seen.decision {
            Some(decision) => Self::Decision(decision.label.clone()),
            None => Self::Class(seen.top().map(|c| (c.index, Arc::clone(&c.label)))),
        }
    }
}

/// What was last said of a frame or an object, if anything was.
type Last = Option<Said>;

/// Remembers what was said: of as many objects as [`Objects`] knows again.
#[derive(Debug, Default)]
pub struct Changes {
    frame: Last,
    objects: Objects<Arc<Mutex<Last>>>,
}

impl Changes {
    /// Forgets everything: what comes next is news.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// Keeps, of the answers of one buffer, those that say something else than the last time of
    /// the frame or of the same object.
    pub fn keep(&mut self, answers: &mut Vec<(Option<Region>, Classification)>) {
        if self.frame == Some(Said::Unclassified) {
            self.frame = None;
        }
        let regions = answers.iter().filter_map(|(region, _)| region.as_ref());
        let detections = regions.map(detection).collect();
        let mut objects = self.objects.see(detections, Arc::default).into_iter();
        answers.retain(|(region, seen)| {
            let said = Said::of(seen);
            match region.as_ref().and_then(|_| objects.next()) {
                None => is_news(&mut self.frame, said),
                Some(last) => is_news(&mut last.lock(), said),
            }
        });
    }

    /// Whether it is news that a buffer has no classification. If so, whatever comes after it is
    /// news again, the regions that there were before included.
    pub fn is_unclassified_news(&mut self) -> bool {
        let is_news = is_news(&mut self.frame, Said::Unclassified);
        if is_news {
            self.objects = Objects::default();
        }
        is_news
    }
}

fn is_news(last: &mut Last, said: Said) -> bool {
    let said = Some(said);
    let is_news = *last != said;
    *last = said;
    is_news
}

/// The region as what it shows is known again by. Its own id counts for nothing: most detectors
/// give all regions the same one, and others never give one twice.
fn detection(region: &Region) -> Detection {
    Detection {
        tracking_id: region.tracking_id,
        kind: Arc::clone(&region.kind),
        place: [region.x, region.y, region.width, region.height],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meta::{Class, Decision};

    fn seen(class: i32, decision: Option<Option<&str>>) -> Classification {
        Classification {
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
        }
    }

    /// A region of 8x8.
    fn region(kind: &str, id: i32, tracking_id: Option<i64>, x: u32) -> Option<Region> {
        Some(Region {
            id,
            tracking_id,
            kind: kind.into(),
            x,
            y: 0,
            width: 8,
            height: 8,
        })
    }

    /// How many of the answers are news.
    fn news(changes: &mut Changes, answers: Vec<(Option<Region>, Classification)>) -> usize {
        let mut answers = answers;
        changes.keep(&mut answers);
        answers.len()
    }

    /// The decision counts and not the class behind it; nothing is a decision, too.
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
            let answers = vec![(None, seen(class, decision))];
            assert_eq!(news(&mut changes, answers), expected, "step {step}");
        }
        changes.reset();
        assert_eq!(news(&mut changes, vec![(None, seen(4, None))]), 1);
    }

    /// A tracker's id tells whose region it is, wherever that is and whatever the detector's id.
    #[test]
    fn tracked() {
        let mut changes = Changes::default();
        let frame = |a, b, c| {
            vec![
                (region("face", 0, Some(7), 0), seen(a, None)),
                (region("face", 0, Some(8), 0), seen(b, None)),
                (region("person", 0, Some(7), 0), seen(c, None)),
            ]
        };
        assert_eq!(news(&mut changes, frame(1, 2, 3)), 3);
        assert_eq!(news(&mut changes, frame(1, 2, 3)), 0);
        assert_eq!(news(&mut changes, frame(9, 2, 3)), 1);
        assert_eq!(news(&mut changes, frame(9, 9, 9)), 2);
        let moved = vec![(region("face", 42, Some(7), 900), seen(9, None))];
        assert_eq!(news(&mut changes, moved), 0);
    }

    /// Without one it is the place, though the detector counts its regions and gives them in any
    /// order.
    #[test]
    fn untracked() {
        let mut changes = Changes::default();
        let mut id = 0;
        let mut at = |kind, x, class| {
            id += 1;
            (region(kind, id, None, x), seen(class, None))
        };
        let first = vec![at("face", 0, 1), at("face", 50, 2), at("person", 0, 3)];
        assert_eq!(news(&mut changes, first), 3);
        let swapped = vec![at("person", 1, 3), at("face", 51, 2), at("face", 2, 1)];
        assert_eq!(news(&mut changes, swapped), 0);
        let other = vec![at("face", 52, 2), at("face", 3, 4)];
        assert_eq!(news(&mut changes, other), 1);
        // In the place of one that has gone far away is the same class, and it is another object.
        let jumped = vec![at("face", 200, 2)];
        assert_eq!(news(&mut changes, jumped), 1);
    }

    /// A buffer without classification is news once, and so is the first one after it.
    #[test]
    fn unclassified() {
        let mut changes = Changes::default();
        assert!(changes.is_unclassified_news());
        assert!(!changes.is_unclassified_news());
        assert_eq!(news(&mut changes, vec![(None, seen(1, None))]), 1);
        assert!(changes.is_unclassified_news());
        assert_eq!(news(&mut changes, vec![(None, seen(1, None))]), 1);

        // Where only regions are classified, no region is what is between.
        let face = || vec![(region("face", 0, Some(7), 0), seen(1, None))];
        assert_eq!(news(&mut changes, face()), 1);
        assert_eq!(news(&mut changes, face()), 0);
        for _ in 0..2 {
            assert!(changes.is_unclassified_news());
            assert!(!changes.is_unclassified_news());
            assert_eq!(news(&mut changes, face()), 1);
        }
    }

    /// What is remembered stays small: of very many, the first are news again, and those that were
    /// seen a moment ago are not.
    #[test]
    fn bounded() {
        let mut changes = Changes::default();
        let one = |id| {
            vec![
                (region("face", 0, Some(id), 0), seen(1, None)),
                (None, seen(1, None)),
            ]
        };
        let last = 3000;
        for id in 0..=last {
            let expected = if id == 0 { 2 } else { 1 };
            assert_eq!(news(&mut changes, one(id)), expected);
        }
        assert_eq!(news(&mut changes, one(0)), 1, "forgotten");
        for id in last - 100..=last {
            assert_eq!(news(&mut changes, one(id)), 0, "{id} is remembered");
        }
    }
}
