// SPDX-License-Identifier: MPL-2.0
//! Which object a region shows, from frame to frame.

use std::sync::Arc;

/// Two regions without a tracker's id, one after the other, show the same object if the part that
/// they share is at least this much of what they cover together: the usual bound of detection
/// benchmarks (PASCAL VOC).
const LEAST_OVERLAP: f64 = 0.5;

/// Objects without a tracker's id that have not been seen for so long, in nanoseconds, are
/// forgotten: what is found in their place is another.
const UNTRACKED_MEMORY: u64 = 1_000_000_000;

/// Most objects, unless one frame has more. Trackers count upwards for ever, so the ones that have
/// not been seen for the longest time are forgotten.
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
    /// When, in nanoseconds, where that is known.
    time: Option<u64>,
    /// On which frame.
    frame: u64,
    what: T,
}

/// The objects of a stream, each with what is known of it.
#[derive(Debug)]
pub struct Objects<T> {
    all: Vec<Object<T>>,
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
    /// Takes the regions of the next frame, which has the given time in nanoseconds, and returns
    /// the object of each. A region with a tracker's id is the object of its kind with this id;
    /// one without is the object of its kind, not taken by another region, that it overlaps most,
    /// as far as it does so enough. All others are `new`.
    pub fn see(
        &mut self,
        detections: Vec<Detection>,
        time: Option<u64>,
        mut new: impl FnMut() -> T,
    ) -> Vec<T> {
        self.frames += 1;
        self.forget(time);
        let taken = self.associate(&detections);
        let frame = self.frames;
        let seen = detections.into_iter().zip(taken);
        let seen = seen.map(|(detection, object)| match object {
            Some(index) => {
                let object = &mut self.all[index];
                let is_second = object.frame == frame;
                (object.detection, object.time, object.frame) = (detection, time, frame);
                // A tracker that gives two regions one id contradicts itself.
                match is_second {
                    true => new(),
                    false => object.what.clone(),
                }
            }
            None => {
                let what = new();
                self.all.push(Object {
                    detection,
                    time,
                    frame,
                    what: what.clone(),
                });
                what
            }
        });
        seen.collect()
    }

    /// For each region the index of its object, if it is one that was seen before.
    fn associate(&self, detections: &[Detection]) -> Vec<Option<usize>> {
        let mut taken = vec![None; detections.len()];
        let mut pairs = Vec::new();
        for (d, detection) in detections.iter().enumerate() {
            let same = self.all.iter().enumerate().filter(|(_, object)| {
                object.detection.kind == detection.kind
                    && object.detection.tracking_id == detection.tracking_id
            });
            if detection.tracking_id.is_some() {
                taken[d] = same.map(|(o, _)| o).next();
                continue;
            }
            pairs.extend(same.filter_map(|(o, object)| {
                let overlap = overlap(object.detection.place, detection.place);
                (overlap >= LEAST_OVERLAP).then_some((overlap, d, o))
            }));
        }
        pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut free = vec![true; self.all.len()];
        for (_, d, o) in pairs {
            if taken[d].is_none() && std::mem::take(&mut free[o]) {
                taken[d] = Some(o);
            }
        }
        taken
    }

    /// Forgets those that are not to be known again.
    fn forget(&mut self, time: Option<u64>) {
        self.all.retain(|object| {
            let age = time.zip(object.time).map(|(now, then)| now.abs_diff(then));
            object.detection.tracking_id.is_some() || age.is_none_or(|age| age <= UNTRACKED_MEMORY)
        });
        if self.all.len() > MOST {
            // Half of them at once, so that it is seldom done; but none of the last frame's, however
            // many it has.
            self.all
                .sort_by_key(|object| std::cmp::Reverse(object.frame));
            let last = self.frames - 1;
            let present = self.all.partition_point(|object| object.frame >= last);
            self.all.truncate(present.max(MOST / 2));
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

    /// Sees frames of 40 ms; objects are numbered as they are new.
    #[derive(Default)]
    struct Eye {
        objects: Objects<u32>,
        count: u32,
        time: u64,
    }

    impl Eye {
        fn see(&mut self, detections: &[Detection]) -> Vec<u32> {
            self.time += 40_000_000;
            self.objects.see(detections.to_vec(), Some(self.time), || {
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

    #[test]
    fn one_id_for_two_regions() {
        let mut eye = Eye::default();
        let one = region(Some(1), "face", [0, 0, 9, 9]);
        assert_eq!(eye.see(&[one.clone(), one.clone()]), [1, 2]);
        let again = eye.see(&[one.clone(), one.clone()]);
        assert_eq!(again[0], 1);
        assert_ne!(again[1], 1);
    }

    #[test]
    fn forgets() {
        let mut eye = Eye::default();
        let tracked = region(Some(1), "car", [0, 0, 9, 9]);
        assert_eq!(eye.see(&[face(0), tracked.clone()]), [1, 2]);
        eye.time += UNTRACKED_MEMORY - 40_000_000;
        assert_eq!(eye.see(&[face(0)]), [1], "just in time");
        eye.time += UNTRACKED_MEMORY;
        assert_eq!(eye.see(&[face(0), tracked]), [3, 2]);
    }

    /// Whatever comes, memory is bounded, and no two regions of a frame are one object.
    #[test]
    fn bounded() {
        let mut eye = Eye::default();
        for n in 0..10_000 {
            eye.see(&[region(Some(n), "car", [0, 0, 9, 9])]);
            assert!(eye.objects.all.len() <= MOST + 1);
        }
    }

    /// A frame may have more objects than are kept of the past: the next one knows them all.
    #[test]
    fn crowds() {
        let mut eye = Eye::default();
        let crowd = 3 * MOST as i64;
        let all: Vec<_> = (0..crowd)
            .map(|n| region(Some(n), "car", [0, 0, 9, 9]))
            .collect();
        let first = eye.see(&all);
        assert_eq!(eye.see(&all), first);
        // They have gone.
        for _ in 0..2 {
            eye.see(&[]);
        }
        assert!(eye.objects.all.len() <= MOST);
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
