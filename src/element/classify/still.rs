// SPDX-License-Identifier: MPL-2.0
//! Whether a frame looks like the one that was inferred last.

use super::super::time::Steady;
use crate::preprocess::{ColorOrder, Layout, Slot, Target};

/// The tensor of the frame that was inferred last.
#[derive(Debug, Default)]
pub struct Still {
    tensor: Vec<f32>,
    /// Which subject's it is: with another begins a stream that knows of no answer.
    subject: u64,
    /// The number of its job: workers overtake each other.
    number: u64,
    time: Option<Steady>,
}

/// A frame that is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    /// The number of its subject.
    pub subject: u64,
    /// The number of its job.
    pub number: u64,
    /// None where it has no time.
    pub time: Option<Steady>,
}

impl Still {
    /// Whether a tensor differs from the last inferred one by less than `limit` (mean absolute
    /// difference, in units where white is 1), and that one is of the same subject and not older
    /// than `longest`. If not, this one takes its place, unless it is of an earlier subject or job.
    pub fn is_still(
        &mut self,
        slot: &Slot<'_>,
        target: &Target,
        seen: Seen,
        limit: f32,
        longest: gst::ClockTime,
    ) -> bool {
        let values: Vec<f32> = match slot {
            Slot::F32(v) => v.to_vec(),
            Slot::F16(v) => v.iter().map(|v| v.to_f32()).collect(),
            Slot::U8(v) => v.iter().map(|v| f32::from(*v) / 255.0).collect(),
        };
        // Where a worker has overtaken another, the earlier frame finds a later one here.
        let is_next = seen.number >= self.number;
        let age = seen.time.zip(self.time).filter(|_| is_next);
        let age = age.map(|(now, then)| now.since(then));
        let is_near = seen.subject == self.subject
            && age.is_some_and(|age| age <= longest)
            && self.tensor.len() == values.len();
        if is_near && difference(&self.tensor, &values, target) < limit {
            return true;
        }
        if (seen.subject, seen.number) >= (self.subject, self.number) {
            *self = Self {
                tensor: values,
                subject: seen.subject,
                number: seen.number,
                time: seen.time,
            };
        }
        false
    }
}

/// The mean absolute difference, where white is 1.
fn difference(a: &[f32], b: &[f32], target: &Target) -> f32 {
    let mut std = target.std;
    if target.order == ColorOrder::Bgr {
        std.reverse();
    }
    let plane = a.len() / 3;
    let mut sums = [0f64; 3];
    match target.layout {
        Layout::Nchw => {
            for (c, sum) in sums.iter_mut().enumerate() {
                let range = c * plane..(c + 1) * plane;
                let pairs = a[range.clone()].iter().zip(&b[range]);
                *sum = f64::from(pairs.map(|(a, b)| (a - b).abs()).sum::<f32>());
            }
        }
        Layout::Nhwc => {
            for (a, b) in a.chunks_exact(3).zip(b.chunks_exact(3)) {
                for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
                    *sum += f64::from((a - b).abs());
                }
            }
        }
    }
    if target.element == crate::preprocess::ElementType::U8 {
        std = [1.0; 3];
    }
    let sum: f64 = sums.iter().zip(std).map(|(sum, std)| sum * std).sum();
    (sum / a.len() as f64) as f32
}

#[cfg(test)]
mod tests {
    use super::super::super::time::Timeline;
    use super::*;
    use crate::preprocess::{ElementType, Fit, Interpolation, Resize};

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
            let found = difference(&zeros, &values, &target(layout));
            assert!((found - expected).abs() < 1e-6, "{found}");
        }
    }

    #[test]
    fn carries_over() {
        let target = target(Layout::Nchw);
        let mut timeline = Timeline::default();
        let mut time = |ms| {
            let moment = timeline.see(Some(gst::ClockTime::from_mseconds(ms)), None);
            moment.map(|moment| moment.steady)
        };
        let longest = gst::ClockTime::from_mseconds(100);
        let mut still = Still::default();
        let mut look_at = |value: f32, subject, number, time| {
            let mut values = [value; 6];
            let slot = Slot::F32(&mut values);
            let seen = Seen {
                subject,
                number,
                time,
            };
            still.is_still(&slot, &target, seen, 0.05, longest)
        };
        // What was under way when another began is not what that is compared with.
        let (first, second) = (time(1000), time(1001));
        assert!(!look_at(0.5, 0, 1, first));
        let (third, fourth) = (time(0), time(1));
        assert!(!look_at(0.5, 1, 3, third));
        assert!(!look_at(0.5, 0, 2, second));
        assert!(look_at(0.5, 1, 4, fourth));
        // Nor is an earlier one compared with a later one that has overtaken it.
        assert!(!look_at(0.5, 1, 2, second));
        let mut number = 4;
        let mut look = |value: f32, time| {
            number += 1;
            look_at(value, 2, number, time)
        };
        assert!(!look(0.5, time(0)));
        assert!(look(0.5, time(40)));
        assert!(look(0.55, time(80)));
        // Against the inferred one, not the last: slow changes are seen.
        assert!(!look(0.6, time(90)));
        assert!(look(0.6, time(100)));
        // It has been carried long enough.
        assert!(!look(0.6, time(191)));
        // One that is hours ahead has been carried long enough; those after it go on as before.
        assert!(!look(0.6, time(37_600_000)));
        assert!(look(0.6, time(230)));
        // Without a time nobody knows for how long.
        assert!(!look(0.6, None));
    }
}
