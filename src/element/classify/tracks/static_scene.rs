// SPDX-License-Identifier: MPL-2.0
//! Whether a frame looks like the one that was inferred last (`skip-still`).

use super::super::super::time::SteadyTime;
use crate::preprocess::{ColorOrder, ElementType, Layout, Slot, Target};

/// The tensor of the frame that was inferred last. Its memory is allocated once.
#[derive(Debug, Default)]
pub struct StaticScene {
    /// In the units of a float tensor; bytes are from 0 to 1.
    tensor: Vec<f32>,
    /// The number of its job: workers may overtake each other.
    number: u64,
    time: Option<SteadyTime>,
}

/// A frame that is compared.
#[derive(Debug, Clone, Copy)]
pub struct SceneFrame {
    /// The number of its job.
    pub number: u64,
    /// None where it has no time.
    pub time: Option<SteadyTime>,
}

impl StaticScene {
    /// Forgets the tensor.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whether a tensor differs from the last inferred one by less than `limit` (mean absolute
    /// difference, where white is 1), and that one is not older than `max_age`. If not, this
    /// tensor replaces it, unless a newer job has overtaken this one.
    pub fn is_static(
        &mut self,
        slot: &Slot<'_>,
        target: &Target,
        frame: SceneFrame,
        limit: f32,
        max_age: gst::ClockTime,
    ) -> bool {
        // An older frame must not be compared with a newer one.
        let is_next = frame.number >= self.number;
        let age = frame.time.zip(self.time).filter(|_| is_next);
        let age = age.map(|(now, then)| now.since(then));
        let is_recent = age.is_some_and(|age| age <= max_age);
        if is_recent && self.difference(slot, target).is_some_and(|d| d < limit) {
            return true;
        }
        if is_next {
            self.tensor.clear();
            match slot {
                Slot::F32(v) => self.tensor.extend_from_slice(v),
                Slot::F16(v) => self.tensor.extend(v.iter().map(|v| v.to_f32())),
                Slot::U8(v) => self.tensor.extend(v.iter().copied().map(level)),
            }
            self.number = frame.number;
            self.time = frame.time;
        }
        false
    }

    /// The mean absolute difference, where white is 1. None for a tensor of another size.
    fn difference(&self, slot: &Slot<'_>, target: &Target) -> Option<f32> {
        match slot {
            Slot::F32(v) => difference(&self.tensor, v, |v| v, target),
            Slot::F16(v) => difference(&self.tensor, v, half::f16::to_f32, target),
            Slot::U8(v) => difference(&self.tensor, v, level, target),
        }
    }
}

/// A byte, where white is 1.
fn level(byte: u8) -> f32 {
    f32::from(byte) / 255.0
}

/// The mean absolute difference of `a` and `b`, whose values `value` converts.
fn difference<T: Copy>(
    a: &[f32],
    b: &[T],
    value: impl Fn(T) -> f32,
    target: &Target,
) -> Option<f32> {
    if a.len() != b.len() {
        return None;
    }
    let mut std = target.std;
    if target.order == ColorOrder::Bgr {
        std.reverse();
    }
    if target.element == ElementType::U8 {
        std = [1.0; 3];
    }
    let plane = a.len() / 3;
    let mut sums = [0f64; 3];
    match target.layout {
        Layout::Nchw => {
            for (c, sum) in sums.iter_mut().enumerate() {
                let range = c * plane..(c + 1) * plane;
                let pairs = a[range.clone()].iter().zip(&b[range]);
                *sum = f64::from(pairs.map(|(a, b)| (a - value(*b)).abs()).sum::<f32>());
            }
        }
        Layout::Nhwc => {
            for (a, b) in a.chunks_exact(3).zip(b.chunks_exact(3)) {
                for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
                    *sum += f64::from((a - value(*b)).abs());
                }
            }
        }
    }
    let sum: f64 = sums.iter().zip(std).map(|(sum, std)| sum * std).sum();
    Some((sum / a.len() as f64) as f32)
}

#[cfg(test)]
mod tests {
    use super::super::super::super::time::Timeline;
    use super::*;
    use crate::preprocess::{Fit, Interpolation, Resize};

    fn target(layout: Layout) -> Target {
        Target {
            width: 2,
            height: 1,
            layout,
            element: ElementType::F32,
            order: ColorOrder::Rgb,
            fit: Fit::Stretch,
            resize: Resize::Shorter(2),
            interpolation: Interpolation::Bilinear,
            antialias: true,
            mean: [0.0; 3],
            std: [0.5, 0.25, 1.0],
        }
    }

    #[test]
    fn differences() {
        let zeros = [0.0; 6];
        // Red and green of one pixel: 1 and 2 in units of their deviations, 0.5 and 0.5 in levels.
        let planes = [1.0, 0.0, 2.0, 0.0, 0.0, 0.0];
        let pixels = [1.0, 2.0, 0.0, 0.0, 0.0, 0.0];
        let expected = 1.0 / 6.0;
        for (layout, values) in [(Layout::Nchw, planes), (Layout::Nhwc, pixels)] {
            let found = difference(&zeros, &values, |v| v, &target(layout));
            let found = found.expect("of one size");
            assert!((found - expected).abs() < 1e-6, "{found}");
        }
    }

    /// A frame is compared with the last inferred one of its track, as long as that is not too old.
    #[test]
    fn carries_over() {
        let target = target(Layout::Nchw);
        let mut timeline = Timeline::default();
        let mut time = |ms| {
            let moment = timeline.see(Some(gst::ClockTime::from_mseconds(ms)), None);
            moment.map(|moment| moment.steady)
        };
        let max_age = gst::ClockTime::from_mseconds(100);
        let mut scene = StaticScene::default();
        let mut look_at = |value: f32, number, time| {
            let mut values = [value; 6];
            let slot = Slot::F32(&mut values);
            let frame = SceneFrame { number, time };
            scene.is_static(&slot, &target, frame, 0.05, max_age)
        };
        let (first, second, third) = (time(0), time(1), time(2));
        assert!(!look_at(0.5, 1, first));
        assert!(!look_at(0.9, 3, third));
        // An older frame is not compared with a newer one that has overtaken it, nor replaces it.
        assert!(!look_at(0.9, 2, second));
        assert!(!look_at(0.5, 2, second));
        assert!(look_at(0.9, 4, third));
        let mut number = 4;
        let mut look = |value: f32, time| {
            number += 1;
            look_at(value, number, time)
        };
        assert!(!look(0.5, time(100)));
        assert!(look(0.5, time(140)));
        assert!(look(0.55, time(180)));
        // Compared with the inferred frame, not with the last one: slow changes are seen.
        assert!(!look(0.6, time(190)));
        assert!(look(0.6, time(200)));
        // Too old.
        assert!(!look(0.6, time(291)));
        // A timestamp hours ahead makes it too old; the frames after it go on as before.
        assert!(!look(0.6, time(37_600_000)));
        assert!(look(0.6, time(330)));
        // Without a time its age is unknown.
        assert!(!look(0.6, None));
    }

    /// All element types are compared in the same units, and nothing is compared with a tensor of
    /// another size.
    #[test]
    fn element_types() {
        let none = SceneFrame {
            number: 1,
            time: None,
        };
        let whole = Target {
            element: ElementType::U8,
            ..target(Layout::Nhwc)
        };
        let mut scene = StaticScene::default();
        let mut bytes = [0u8; 6];
        scene.is_static(
            &Slot::U8(&mut bytes),
            &whole,
            none,
            1.0,
            gst::ClockTime::MAX,
        );
        let mut bytes = [51u8; 6];
        let found = scene
            .difference(&Slot::U8(&mut bytes), &whole)
            .expect("of one size");
        assert!((found - 0.2).abs() < 1e-6, "{found}");
        let mut halves = [half::f16::from_f32(1.0); 6];
        let found = scene.difference(&Slot::F16(&mut halves), &target(Layout::Nchw));
        let expected = (0.5 + 0.25 + 1.0) / 3.0;
        assert!((found.expect("of one size") - expected).abs() < 1e-6);
        let mut other = [0f32; 12];
        assert_eq!(
            scene.difference(&Slot::F32(&mut other), &target(Layout::Nchw)),
            None
        );
    }
}
