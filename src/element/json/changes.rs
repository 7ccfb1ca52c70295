// SPDX-License-Identifier: MPL-2.0
//! What was last said of a frame and of each region, to say only what has changed.

use std::collections::HashMap;
use std::sync::Arc;

use crate::meta::{Classification, Region};

/// Regions that are remembered. Trackers count upwards for ever, so the ones that have not been
/// seen for the longest time are forgotten.
const MOST: usize = 1024;

/// What is spoken of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Subject {
    Frame,
    Tracked(Arc<str>, i64),
    /// By the detector's own id. Some detectors give all regions of a frame the same one, so the
    /// number of those before it counts as well.
    Detected(Arc<str>, i32, usize),
}

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

/// Remembers what was said.
#[derive(Debug, Default)]
pub struct Changes {
    /// With the number of the buffer that it was last seen on.
    said: HashMap<Subject, (Said, u64)>,
    buffers: u64,
}

impl Changes {
    /// Forgets everything: what comes next is news.
    pub fn reset(&mut self) {
        self.said.clear();
    }

    /// Keeps, of the answers of one buffer, those that say something else than the last time of
    /// the same frame or region.
    pub fn keep(&mut self, answers: &mut Vec<(Option<Region>, Classification)>) {
        self.buffers += 1;
        if let Some((Said::Unclassified, _)) = self.said.get(&Subject::Frame) {
            self.said.remove(&Subject::Frame);
        }
        let mut alike: HashMap<(Arc<str>, i32), usize> = HashMap::new();
        answers.retain(|(region, seen)| {
            let subject = match region {
                None => Subject::Frame,
                Some(region) => {
                    let kind = Arc::clone(&region.kind);
                    match region.tracking_id {
                        Some(id) => Subject::Tracked(kind, id),
                        None => {
                            let count = alike.entry((Arc::clone(&kind), region.id)).or_default();
                            *count += 1;
                            Subject::Detected(kind, region.id, *count)
                        }
                    }
                }
            };
            self.is_news(subject, Said::of(seen))
        });
        self.forget_old();
    }

    /// Whether it is news that a buffer has no classification. If so, whatever comes after it is
    /// news again, the regions that there were before included.
    pub fn is_unclassified_news(&mut self) -> bool {
        self.buffers += 1;
        let is_news = self.is_news(Subject::Frame, Said::Unclassified);
        if is_news {
            self.said.retain(|subject, _| *subject == Subject::Frame);
        }
        is_news
    }

    fn is_news(&mut self, subject: Subject, said: Said) -> bool {
        let now = (said, self.buffers);
        match self.said.get_mut(&subject) {
            Some(before) => {
                let is_news = before.0 != now.0;
                *before = now;
                is_news
            }
            None => {
                self.said.insert(subject, now);
                true
            }
        }
    }

    /// Half of them at once, so that it is seldom done. Those of the newest buffer stay, however
    /// many they are.
    fn forget_old(&mut self) {
        if self.said.len() <= MOST {
            return;
        }
        let mut ages: Vec<u64> = self.said.values().map(|(_, seen)| *seen).collect();
        ages.sort_unstable();
        let oldest = ages[ages.len() / 2];
        self.said.retain(|_, (_, seen)| *seen >= oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meta::{Class, Decision};

    fn seen(class: i32, decision: Option<Option<&str>>) -> Classification {
        Classification {
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

    fn region(kind: &str, id: i32, tracking_id: Option<i64>) -> Option<Region> {
        Some(Region {
            id,
            tracking_id,
            kind: kind.into(),
            x: 0,
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

    /// Regions are told apart by their tracker's id, by their detector's, by what they are, and
    /// in the end by their order.
    #[test]
    fn regions_apart() {
        let mut changes = Changes::default();
        let frame = |a, b, c, d, e| {
            vec![
                (region("face", 0, Some(7)), seen(a, None)),
                (region("face", 0, None), seen(b, None)),
                (region("face", 0, None), seen(c, None)),
                (region("person", 0, None), seen(d, None)),
                (region("face", 1, None), seen(e, None)),
            ]
        };
        assert_eq!(news(&mut changes, frame(1, 2, 3, 4, 5)), 5);
        assert_eq!(news(&mut changes, frame(1, 2, 3, 4, 5)), 0);
        assert_eq!(news(&mut changes, frame(9, 2, 3, 4, 5)), 1);
        assert_eq!(news(&mut changes, frame(9, 9, 9, 9, 9)), 4);
        // The tracker's id counts, whatever the detector says now.
        let moved = vec![(region("face", 42, Some(7)), seen(9, None))];
        assert_eq!(news(&mut changes, moved), 0);
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
        let face = || vec![(region("face", 0, Some(7)), seen(1, None))];
        assert_eq!(news(&mut changes, face()), 1);
        assert_eq!(news(&mut changes, face()), 0);
        for _ in 0..2 {
            assert!(changes.is_unclassified_news());
            assert!(!changes.is_unclassified_news());
            assert_eq!(news(&mut changes, face()), 1);
        }
    }

    /// What is remembered stays small, and what was seen a moment ago is still in it.
    #[test]
    fn bounded() {
        let mut changes = Changes::default();
        for id in 0..10 * MOST as i64 {
            let answers = vec![
                (region("face", 0, Some(id)), seen(1, None)),
                (None, seen(1, None)),
            ];
            let expected = if id == 0 { 2 } else { 1 };
            assert_eq!(news(&mut changes, answers), expected);
            assert!(changes.said.len() <= MOST);
        }
        // More on one buffer than are kept otherwise: all of them are.
        let crowd = || {
            (0..2 * MOST as i64)
                .map(|id| (region("car", 0, Some(id)), seen(1, None)))
                .collect()
        };
        assert_eq!(news(&mut changes, crowd()), 2 * MOST);
        assert_eq!(news(&mut changes, crowd()), 0);
    }
}
