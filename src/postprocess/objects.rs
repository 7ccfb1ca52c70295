// SPDX-License-Identifier: MPL-2.0
//! Which object a region shows, from frame to frame.

use std::sync::Arc;

/// Two regions without a tracker's id, one after the other, show the same object if the part that
/// they share is at least this much of what they cover together: the usual bound of detection
/// benchmarks (PASCAL VOC).
const LEAST_OVERLAP: f64 = 0.5;

/// An object without a tracker's id that was not seen on so many frames (that had any region) is
/// forgotten: what is found in its place is another. Detectors lose an object for a frame or two.
const UNTRACKED_MEMORY: u64 = 5;

/// Objects that are remembered, beside those of the newest frame. Trackers count upwards for ever,
/// so the ones that have not been seen for the longest time are forgotten.
const MOST: usize = 1024;

/// A region that a detector has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detection {
    /// Which object it is, where a tracker says so.
    pub tracking_id: Option<i64>,
    /// What the detector calls it. Objects of different kinds are never the same.
    pub kind: Arc<str>,
    /// Left edge, upper edge, width and height.
    pub place: [u32; 4],
}

/// An object that was seen.
#[derive(Debug)]
struct Object<T> {
    detection: Detection,
    /// The frame that it was last seen on.
    frame: u64,
    what: T,
}

/// The objects of a stream, each with what is known of it.
#[derive(Debug)]
pub struct Objects<T> {
    all: Vec<Object<T>>,
    /// Counts the frames with regions.
    frames: u64,
}

impl<T> Default for Objects<T> {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            frames: 0,
        }
    }
}

impl<T: Clone> Objects<T> {
    /// Takes the regions of the next frame and returns the object of each. A region with a
    /// tracker's id is the object of its kind with this id; one without is the object of its kind
    /// that it overlaps enough, of several the one seen last, of those the one it overlaps most.
    /// No two regions are one object. All others are `new`.
    pub fn see(&mut self, detections: Vec<Detection>, mut new: impl FnMut() -> T) -> Vec<T> {
        if detections.is_empty() {
            // The detector may not have looked.
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
                object.what.clone()
            }
            None => {
                let what = new();
                self.all.push(Object {
                    detection,
                    frame,
                    what: what.clone(),
                });
                what
            }
        });
        let seen = seen.collect();
        self.forget();
        seen
    }

    /// For each region the index of its object, if it is one that was seen before.
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
                let overlap = overlap(object.detection.place, detection.place);
                (overlap >= LEAST_OVERLAP).then_some((object.frame, overlap, d, o))
            }));
        }
        // What moves fast leaves a trail of objects behind, which are not to be taken for others.
        pairs.sort_by(|a, b| (b.0.cmp(&a.0)).then(b.1.total_cmp(&a.1)));
        for (_, _, d, o) in pairs {
            if known[d].is_none() && std::mem::take(&mut free[o]) {
                known[d] = Some(o);
            }
        }
        known
    }

    /// Forgets those that are not to be known again.
    fn forget(&mut self) {
        let frame = self.frames;
        self.all.retain(|object| {
            let age = frame - object.frame;
            object.detection.tracking_id.is_some() || age <= UNTRACKED_MEMORY
        });
        let seen_now = self.all.iter().filter(|o| o.frame == frame).count();
        if self.all.len() > MOST + seen_now {
            // Half of them at once, so that it is seldom done.
            self.all
                .sort_by_key(|object| std::cmp::Reverse(object.frame));
            self.all.truncate(MOST / 2 + seen_now);
        }
    }
}

/// Intersection over union of two rectangles, from 0 to 1.
fn overlap(a: [u32; 4], b: [u32; 4]) -> f64 {
    let shared = |axis: usize| {
        let end = |r: [u32; 4]| u64::from(r[axis]) + u64::from(r[axis + 2]);
        end(a)
            .min(end(b))
            .saturating_sub(a[axis].max(b[axis]).into())
    };
    let area = |r: [u32; 4]| f64::from(r[2]) * f64::from(r[3]);
    let both = shared(0) as f64 * shared(1) as f64;
    let either = area(a) + area(b) - both;
    if either > 0.0 { both / either } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn region(tracking_id: Option<i64>, kind: &str, place: [u32; 4]) -> Detection {
        Detection {
            tracking_id,
            kind: kind.into(),
            place,
        }
    }

    fn face(x: u32) -> Detection {
        region(None, "face", [x, 0, 100, 100])
    }

    /// Numbers objects as they are new.
    #[derive(Default)]
    struct Eye {
        objects: Objects<u32>,
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
    fn overlaps() {
        let cases = [
            ([0, 0, 10, 10], [0, 0, 10, 10], 1.0),
            ([0, 0, 10, 10], [5, 0, 10, 10], 50.0 / 150.0),
            ([0, 0, 10, 10], [2, 2, 5, 5], 0.25),
            ([0, 0, 10, 10], [10, 0, 10, 10], 0.0),
            ([0, 0, 0, 0], [0, 0, 0, 0], 0.0),
            ([0, 0, u32::MAX, u32::MAX], [0, 0, u32::MAX, u32::MAX], 1.0),
            ([u32::MAX, 0, u32::MAX, 1], [0, 0, 1, 1], 0.0),
        ];
        for (a, b, expected) in cases {
            assert!((overlap(a, b) - expected).abs() < 1e-12, "{a:?} {b:?}");
            assert!((overlap(b, a) - expected).abs() < 1e-12, "{b:?} {a:?}");
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
        for _ in 0..UNTRACKED_MEMORY {
            // A frame without any region says nothing.
            eye.see(&[]);
            eye.see(std::slice::from_ref(&other));
        }
        assert_eq!(eye.see(&[face(0)]), [1], "just in time");
        for _ in 0..=UNTRACKED_MEMORY {
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
            assert!(eye.objects.all.len() <= MOST + 1);
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
