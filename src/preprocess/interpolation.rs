// SPDX-License-Identifier: MPL-2.0
//! How the samples of a smaller or larger picture are made of those of the picture.

use super::geometry::Axis;

/// A way to resize, by the name that training programs give it.
///
/// Each of them samples at the centres of pixels. `antialias` beside it says whether a window grows
/// with the scale when a picture is made smaller, so that every sample has a part in the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Interpolation {
    /// The sample whose area the centre lies in: Pillow's `NEAREST`, scikit-image's order 0,
    /// PyTorch's `nearest-exact`, OpenCV's `INTER_NEAREST_EXACT`. Antialiasing makes no difference
    /// to it.
    Nearest,
    /// Straight lines between samples. Antialiased it is Pillow's `BILINEAR`, which torchvision's
    /// presets use. Without, it has two samples an axis, as PyTorch's `bilinear` and OpenCV's
    /// `INTER_LINEAR`.
    #[default]
    Bilinear,
    /// Cubic convolution. Antialiased it is Pillow's `BICUBIC` (a = -0.5), with which timm's and
    /// Hugging Face's weights of ResNet50 are used. Without, it has four samples an axis, a = -0.75
    /// and repeats the samples of the edge, as PyTorch's `bicubic` and OpenCV's `INTER_CUBIC`.
    Bicubic,
}

impl Interpolation {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Nearest, Self::Bilinear, Self::Bicubic];

    /// Its name in a contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nearest => "nearest",
            Self::Bilinear => "bilinear",
            Self::Bicubic => "bicubic",
        }
    }
}

impl std::fmt::Display for Interpolation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// An interpolation with or without antialiasing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sampling {
    pub interpolation: Interpolation,
    pub antialias: bool,
}

/// The first sample of an output's window, and the weights of its samples.
pub(super) type Window = (u32, Vec<f64>);

/// Up to this many positions Pillow's steps are followed one by one; no picture is so large.
const MAX_STEPS: u64 = 1 << 20;

impl Sampling {
    /// Whether weights may be below zero, and results outside of the range of the samples.
    pub fn overshoots(self) -> bool {
        self.interpolation == Interpolation::Bicubic
    }

    /// The windows of the wanted positions of `axis`, over `samples` samples that lie `scale` to a
    /// position, `shift` samples to the right of where they would be.
    pub fn windows(self, axis: &Axis, scale: f64, shift: f64, samples: u32) -> Vec<Window> {
        let center = |i: u32| ((axis.first + u64::from(i)) as f64 + 0.5) * scale + shift;
        match (self.interpolation, self.antialias) {
            (Interpolation::Nearest, _) => nearest(axis, scale, shift, samples),
            (Interpolation::Bilinear, true) => {
                let window = |i| antialiased(center(i), scale, samples, 1.0, triangle);
                (0..axis.len).map(window).collect()
            }
            (Interpolation::Bicubic, true) => {
                let window = |i| antialiased(center(i), scale, samples, 2.0, cubic::<-50>);
                (0..axis.len).map(window).collect()
            }
            (Interpolation::Bilinear, false) => {
                let window = |i| sampled(center(i), samples, 1, triangle);
                (0..axis.len).map(window).collect()
            }
            (Interpolation::Bicubic, false) => {
                let window = |i| sampled(center(i), samples, 2, cubic::<-75>);
                (0..axis.len).map(window).collect()
            }
        }
    }
}

/// Pillow's windows (`precompute_coeffs` of its `Resample.c`): `support` samples to each side, more
/// where the picture becomes smaller. What would lie outside has no part.
fn antialiased(
    center: f64,
    scale: f64,
    samples: u32,
    support: f64,
    filter: impl Fn(f64) -> f64,
) -> Window {
    let stretch = scale.max(1.0);
    let support = support * stretch;
    // The casts truncate towards zero, as the C casts of the original do.
    let low = ((center - support + 0.5) as i64).clamp(0, i64::from(samples) - 1);
    let high = ((center + support + 0.5) as i64).clamp(low + 1, i64::from(samples));
    let mut weights: Vec<f64> = (low..high)
        .map(|x| filter((x as f64 - center + 0.5) * (1.0 / stretch)))
        .collect();
    let sum: f64 = weights.iter().sum();
    if sum > 0.0 {
        weights.iter_mut().for_each(|w| *w /= sum);
    } else {
        let even = 1.0 / weights.len() as f64;
        weights.fill(even);
    }
    (low as u32, weights)
}

/// `support` samples to each side of the centre, whatever the scale; where the picture ends, its
/// last sample goes on.
fn sampled(center: f64, samples: u32, support: i64, filter: impl Fn(f64) -> f64) -> Window {
    let first = (center - 0.5).floor() as i64 - (support - 1);
    let within = |x: i64| x.clamp(0, i64::from(samples) - 1);
    let low = within(first);
    let mut weights = vec![0.0; (within(first + 2 * support - 1) - low + 1) as usize];
    for x in first..first + 2 * support {
        weights[(within(x) - low) as usize] += filter(x as f64 + 0.5 - center);
    }
    (low as u32, weights)
}

/// Pillow's positions (`ImagingScaleAffine` of its `Geometry.c`), which are summed up step by step:
/// at the border between two samples it is the sum's rounding that decides.
fn nearest(axis: &Axis, scale: f64, shift: f64, samples: u32) -> Vec<Window> {
    let mut center = 0.5 * scale;
    let mut skip = axis.first;
    if axis.scaled > MAX_STEPS {
        center += axis.first as f64 * scale;
        skip = 0;
    }
    for _ in 0..skip {
        center += scale;
    }
    (0..axis.len)
        .map(|_| {
            let sample = ((center + shift) as i64).clamp(0, i64::from(samples) - 1);
            center += scale;
            (sample as u32, vec![1.0])
        })
        .collect()
}

fn triangle(x: f64) -> f64 {
    let x = x.abs();
    if x < 1.0 { 1.0 - x } else { 0.0 }
}

/// The cubic convolution kernel (R. Keys, *Cubic Convolution Interpolation for Digital Image
/// Processing*, 1981) with `a` in hundredths.
fn cubic<const A: i32>(x: f64) -> f64 {
    let a = f64::from(A) / 100.0;
    let x = x.abs();
    if x < 1.0 {
        ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * a
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(input: u32, scaled: u32) -> Axis {
        Axis {
            input,
            scaled: scaled.into(),
            first: 0,
            len: scaled,
            dest: 0,
        }
    }

    fn windows(interpolation: Interpolation, antialias: bool, input: u32, to: u32) -> Vec<Window> {
        let sampling = Sampling {
            interpolation,
            antialias,
        };
        let scale = f64::from(input) / f64::from(to);
        sampling.windows(&axis(input, to), scale, 0.0, input)
    }

    /// Half the size without antialiasing: the two samples in the middle of each window, and of
    /// the cubic their neighbours, whose weights at half a sample are known; at the edge the last
    /// sample stands for those that are missing.
    #[test]
    fn without_antialiasing() {
        let w = windows(Interpolation::Bilinear, false, 8, 2);
        assert_eq!(w, [(1, vec![0.5, 0.5]), (5, vec![0.5, 0.5])]);
        let w = windows(Interpolation::Bicubic, false, 8, 2);
        let cubic = vec![-0.09375, 0.59375, 0.59375, -0.09375];
        assert_eq!(w, [(0, cubic.clone()), (4, cubic)]);
        let w = windows(Interpolation::Bicubic, false, 2, 1);
        assert_eq!(w, [(0, vec![0.5, 0.5])]);
    }

    /// The position in the middle of each area, and the one to the right where it is the border.
    #[test]
    fn nearest_samples() {
        let of = |input, to| {
            let windows = windows(Interpolation::Nearest, true, input, to);
            windows.into_iter().map(|w| w.0).collect::<Vec<_>>()
        };
        assert_eq!(of(8, 2), [2, 6]);
        assert_eq!(of(3, 6), [0, 0, 1, 1, 2, 2]);
        assert_eq!(of(7, 3), [1, 3, 5]);
        assert_eq!(of(1, 3), [0, 0, 0]);
    }
}
