// SPDX-License-Identifier: MPL-2.0
//! Association of regions with objects, from frame to frame.

use std::sync::Arc;

use crate::rect::Rect;

/// The minimum intersection over union of two regions without a tracker's id that show the same object:
/// the usual bound of detection benchmarks (PASCAL VOC).
const MIN_OVERLAP: f64 = 0.5;

/// After so many frames with regions, but without this object, an object without a tracker's id is
/// forgotten. It is more than 1 because detectors miss an object for a frame or two.
const MAX_MISSED_FRAMES: u64 = 5;

/// The maximum number of objects that are kept besides those of the newest frame. Trackers use new ids
/// all the time, so the objects that were not seen for the longest time are forgotten.
const MAX_OBJECTS: usize = 1024;

/// A region from a detector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detection {
    /// The id of the object from a tracker, if there is one.
    pub tracking_id: Option<i64>,
    /// The type from the detector. Regions of different types never show the same object.
    pub kind: Arc<str>,
    /// Where it is in the frame, in pixels.
    pub place: Rect,
}

/// An object.
#[derive(Debug)]
struct Object<T> {
    detection: Detection,
    /// The number of the last frame with this object.
    frame: u64,
    data: T,
}

/// The objects of a stream, each with data of the type `T`.
#[derive(Debug)]
pub struct ObjectTracker<T> {
    all: Vec<Object<T>>,
    /// Counts the frames with regions.
    frames: u64,
}

impl<T> Default for ObjectTracker<T> {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            frames: 0,
        }
    }
}

impl<T: Clone> ObjectTracker<T> {
    /// Takes the regions of the next frame and returns the data of the object of each. A region with a
    /// tracker's id shows the object of its type with this id. One without shows an object of its type
    /// with enough overlap: the one that was seen last, and of several the one with the most overlap.
    /// Each object is shown by at most one region. Other regions show a `new` object.
    pub fn see(&mut self, detections: Vec<Detection>, mut new: impl FnMut() -> T) -> Vec<T> {
        if detections.is_empty() {
            // The detector may not have run on this frame.
            return Vec::new();
        }
        self.frames += 1;
        let frame = self.frames;
        let known = self.associate(&detections);
        let seen = detections.into_iter().zip(known);
        let seen = seen.map(|(detection, known)| match known {
            Some(index) => {
                let object = &mut self.all[index];
                (object.detection, object.frame) = (detection, frame);
                object.data.clone()
            }
            None => {
                let data = new();
                self.all.push(Object {
                    detection,
                    frame,
                    data: data.clone(),
                });
                data
            }
        });
        let seen = seen.collect();
        self.drop_expired();
        seen
    }

    /// For each region the index of its object, if there is one.
    fn associate(&self, detections: &[Detection]) -> Vec<Option<usize>> {
        let mut known = vec![None; detections.len()];
        let mut free = vec![true; self.all.len()];
        let mut pairs = Vec::new();
        for (d, detection) in detections.iter().enumerate() {
            let same = self.all.iter().enumerate().filter(|(_, object)| {
                object.detection.tracking_id == detection.tracking_id
                    && object.detection.kind == detection.kind
            });
            if detection.tracking_id.is_some() {
                let object = same.map(|(o, _)| o).find(|o| free[*o]);
                object.into_iter().for_each(|o| free[o] = false);
                known[d] = object;
                continue;
            }
            pairs.extend(same.filter_map(|(o, object)| {
                let overlap = object.detection.place.iou(&detection.place);
                (overlap >= MIN_OVERLAP).then_some((object.frame, overlap, d, o))
            }));
        }
        // A fast object leaves stale objects behind; the one that was seen last is preferred.
        pairs.sort_by(|a, b| (b.0.cmp(&a.0)).then(b.1.total_cmp(&a.1)));
        for (_, _, d, o) in pairs {
            if known[d].is_none() && std::mem::take(&mut free[o]) {
                known[d] = Some(o);
            }
        }
        known
    }

    /// Drops objects that were not seen for long.
    fn drop_expired(&mut self) {
        let frame = self.frames;
        self.all.retain(|object| {
            let age = frame - object.frame;
            object.detection.tracking_id.is_some() || age <= MAX_MISSED_FRAMES
        });
        let seen_now = self.all.iter().filter(|o| o.frame == frame).count();
        if self.all.len() > MAX_OBJECTS + seen_now {
            // Half of them at once, so that the sort is rare.
            self.all
                .sort_by_key(|object| std::cmp::Reverse(object.frame));
            self.all.truncate(MAX_OBJECTS / 2 + seen_now);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn region(tracking_id: Option<i64>, kind: &str, [x, y, width, height]: [u32; 4]) -> Detection {
        Detection {
            tracking_id,
            kind: kind.into(),
            place: (x, y, width, height).into(),
        }
    }

    fn face(x: u32) -> Detection {
        region(None, "face", [x, 0, 100, 100])
    }

    /// Numbers objects as they are new.
    #[derive(Default)]
    struct Eye {
        objects: ObjectTracker<u32>,
        count: u32,
    }

    impl Eye {
        fn see(&mut self, detections: &[Detection]) -> Vec<u32> {
            self.objects.see(detections.to_vec(), || {
                self.count += 1;
                self.count
            })
        }
    }

    #[test]
    fn follows_what_moves_slowly() {
        let mut eye = Eye::default();
        for x in (0..1000).step_by(20) {
            assert_eq!(eye.see(&[face(x)]), [1]);
        }
        assert_eq!(eye.see(&[face(500)]), [2], "it has jumped");
    }

    #[test]
    fn best_overlap_wins() {
        let mut eye = Eye::default();
        assert_eq!(eye.see(&[face(0), face(40)]), [1, 2]);
        // The first overlaps both objects, the second one of them better.
        assert_eq!(eye.see(&[face(30), face(5)]), [2, 1]);
        // There is one object for one region.
        assert_eq!(eye.see(&[face(5), face(6), face(30)]), [1, 3, 2]);
    }

    #[test]
    fn kinds_and_ids_differ() {
        let mut eye = Eye::default();
        let place = [0, 0, 50, 50];
        let all = [
            region(None, "face", place),
            region(None, "person", place),
            region(Some(7), "face", place),
            region(Some(7), "person", place),
        ];
        assert_eq!(eye.see(&all), [1, 2, 3, 4]);
        // A tracker is believed wherever the object is.
        let far = region(Some(7), "face", [900, 900, 5, 5]);
        assert_eq!(eye.see(&[far, all[1].clone()]), [3, 2]);
    }

    /// A tracker that contradicts itself: there is an object for each all the same.
    #[test]
    fn one_id_for_two_regions() {
        let mut eye = Eye::default();
        let one = region(Some(1), "face", [0, 0, 9, 9]);
        assert_eq!(eye.see(&[one.clone(), one.clone()]), [1, 2]);
        assert_eq!(eye.see(&[one.clone(), one]), [1, 2]);
    }

    #[test]
    fn forgets() {
        let mut eye = Eye::default();
        let tracked = region(Some(1), "car", [0, 0, 9, 9]);
        let other = region(None, "car", [500, 0, 9, 9]);
        assert_eq!(eye.see(&[face(0), tracked.clone()]), [1, 2]);
        for _ in 0..MAX_MISSED_FRAMES {
            // A frame without any region says nothing.
            eye.see(&[]);
            eye.see(std::slice::from_ref(&other));
        }
        assert_eq!(eye.see(&[face(0)]), [1], "just in time");
        for _ in 0..=MAX_MISSED_FRAMES {
            eye.see(std::slice::from_ref(&other));
        }
        assert_eq!(eye.see(&[face(0), tracked]), [4, 2]);
    }

    /// The place where something was before counts less than the place where it was last.
    #[test]
    fn trails_are_cold() {
        let mut eye = Eye::default();
        assert_eq!(eye.see(&[face(0)]), [1]);
        assert_eq!(eye.see(&[face(60)]), [2], "too fast to be followed");
        assert_eq!(eye.see(&[face(62), face(1)]), [2, 1]);

        let mut eye = Eye::default();
        assert_eq!(eye.see(&[face(30)]), [1]);
        assert_eq!(eye.see(&[face(64)]), [2]);
        // It overlaps the first place more, and the second enough.
        assert_eq!(eye.see(&[face(40)]), [2]);
    }

    /// Whatever comes, memory is bounded, and no two regions of a frame are one object.
    #[test]
    fn bounded() {
        let mut eye = Eye::default();
        for n in 0..10_000 {
            eye.see(&[region(Some(n), "car", [0, 0, 9, 9])]);
            assert!(eye.objects.all.len() <= MAX_OBJECTS + 1);
        }
        // Those that are seen stay, however many they are.
        let many = (0..3000).map(|n| region(Some(-1 - n), "car", [0; 4]));
        let many: Vec<_> = many.collect();
        assert_eq!(eye.see(&many), eye.see(&many));
    }

    proptest! {
        #[test]
        fn no_object_twice(
            frames in prop::collection::vec(
                prop::collection::vec((prop::option::of(0i64..4), 0u32..60, 0u32..60, 0u32..40), 0..8),
                1..12,
            ),
        ) {
            let mut eye = Eye::default();
            for frame in frames {
                let regions = frame.into_iter();
                let regions = regions.map(|(id, x, y, side)| region(id, "a", [x, y, side, side]));
                let mut seen = eye.see(&regions.collect::<Vec<_>>());
                let count = seen.len();
                seen.sort_unstable();
                seen.dedup();
                prop_assert_eq!(seen.len(), count);
            }
        }
    }
}
