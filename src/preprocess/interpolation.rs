// SPDX-License-Identifier: MPL-2.0
//! How the samples of a resized picture are computed from those of the picture.

use super::geometry::Axis;

/// An interpolation, by the name that training programs give it.
///
/// All of them sample at the centres of pixels. The option `antialias` that goes with it says
/// whether the window grows with the scale when a picture is made smaller, so that every sample
/// contributes to the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Interpolation {
    /// The sample whose area the centre lies in: Pillow's `NEAREST`, scikit-image's order 0,
    /// PyTorch's `nearest-exact`, OpenCV's `INTER_NEAREST_EXACT`. Antialiasing does not change it.
    Nearest,
    /// Linear interpolation along each axis. With antialiasing it is Pillow's `BILINEAR`, which
    /// torchvision's presets use. Without, it takes two samples along each axis, as PyTorch's
    /// `bilinear` and OpenCV's `INTER_LINEAR` do.
    #[default]
    Bilinear,
    /// Cubic convolution. With antialiasing it is Pillow's `BICUBIC` (a = -0.5), which timm and
    /// Hugging Face use with their ResNet50 weights. Without, it takes four samples along each axis
    /// with a = -0.75 and repeats the samples at the edge, as PyTorch's `bicubic` and OpenCV's
    /// `INTER_CUBIC` do.
    Bicubic,
}

impl Interpolation {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Nearest, Self::Bilinear, Self::Bicubic];

    /// Its name in a model's contract.
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
    /// The interpolation.
    pub interpolation: Interpolation,
    /// Whether it is antialiased.
    pub antialias: bool,
}

/// The first sample of an output's window, and the weights of its samples.
pub(super) type Window = (u32, Vec<f64>);

/// Up to this many positions, Pillow's additions are repeated one by one. No picture is larger.
const MAX_STEPS: u64 = 1 << 20;

impl Sampling {
    /// Whether weights may be negative, so that results may lie outside of the samples' range.
    pub fn overshoots(self) -> bool {
        self.interpolation == Interpolation::Bicubic
    }

    /// The windows of the wanted positions of `axis`. There are `samples` samples, `scale` of them
    /// to a position, and each lies `shift` samples to the right of where it would be.
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
/// where the picture becomes smaller. Samples outside of the picture have no weight.
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

/// `support` samples to each side of the centre, whatever the scale. The samples at the edge are
/// repeated beyond it.
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

/// Pillow's positions (`ImagingScaleAffine` of its `Geometry.c`). They are summed up step by step,
/// since the sum's rounding decides at the border between two samples.
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
    use super::super::geometry::tests::axis;
    use super::*;

    fn windows(interpolation: Interpolation, antialias: bool, input: u32, to: u32) -> Vec<Window> {
        let sampling = Sampling {
            interpolation,
            antialias,
        };
        let scale = f64::from(input) / f64::from(to);
        sampling.windows(&axis(input, to), scale, 0.0, input)
    }

    /// Half the size without antialiasing: the two samples in the middle of each window, and for
    /// the cubic filter their neighbours too, with the known weights at half a sample. At the edge
    /// the last sample replaces those that are missing.
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
