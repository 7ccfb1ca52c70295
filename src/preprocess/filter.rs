// SPDX-License-Identifier: MPL-2.0
//! The weights of a resize, in fixed point.
//!
//! Pillow's `Image.resize`, which torchvision's transforms call, filters horizontally, rounds to
//! the depth of the samples, and then filters vertically. Weights and rounding here follow its
//! `Resample.c` (`normalize_coeffs_8bpc`), as the windows do ([`Sampling`]). So the results for RGB
//! and grey pictures are bit-identical.

use super::geometry::Axis;
use super::interpolation::Sampling;

/// Rows of outputs are padded to a multiple of this length, for the kernels' widest loop.
pub(super) const LANES: usize = 16;

/// Samples of this depth are filtered exactly as in Pillow.
pub(super) const EXACT_DEPTH: u32 = 8;

/// The weights of one axis of one component.
#[derive(Debug)]
pub(super) struct Filter {
    /// The first sample of each output's window.
    pub first: Vec<u32>,
    /// How many samples each output's window has.
    pub count: Vec<u32>,
    /// Weights in fixed point: `taps` of them for each output, zero after the first `count`.
    pub weights: Vec<i32>,
    /// Weights of an output: the length of the longest window.
    pub taps: usize,
    /// Fractional bits of a weight.
    pub precision: u32,
    /// The bit at which [`Pairs`] splits a weight into two parts; 0 for no split.
    pub split: u32,
    /// Number of outputs without padding.
    pub len: usize,
    /// The samples that the windows cover together.
    pub span: std::ops::Range<usize>,
}

impl Filter {
    /// Weights for `axis`, whose input begins `start` luma samples into the picture.
    ///
    /// The plane is subsampled by `1 << sub`. Its first sample lies `shift` samples off the centre
    /// of the luma samples that it stands for (0.25 for chroma that is cosited with the even luma
    /// samples of a 2:1 plane). Samples that the input does not touch have no weight, as if the
    /// input had been cut out. `depth` is the number of bits of a sample.
    pub fn new(
        axis: &Axis,
        start: u32,
        sub: u32,
        shift: f64,
        depth: u32,
        sampling: Sampling,
    ) -> Self {
        let (precision, split) = if depth == EXACT_DEPTH {
            // Pillow's PRECISION_BITS: 32 bits hold a sample times a weight, with two bits to
            // spare. A weight is at most about 1, so that the high part has 11 bits and one more
            // for exactly 1. Weights of the cubic filter reach 1.2 at edges; their magnitudes add
            // up to less than 2.
            (32 - 2 - depth, 32 - 2 - depth - 11)
        } else {
            // There is no reference to be equal to, so weights are short enough for one
            // multiplication.
            (14, 0)
        };

        // The plane's first sample that the input touches. Coordinates count from there, so that an
        // input that begins at a whole sample has the same weights as one that was cut out.
        let base = start >> sub;
        let samples = (start + axis.input).div_ceil(1 << sub) - base;
        let shift = shift + f64::from(start - (base << sub)) / f64::from(1u32 << sub);

        let scale = f64::from(axis.input) / axis.scaled as f64;
        let scale = scale / f64::from(1u32 << sub);
        let mut windows = sampling.windows(axis, scale, shift, samples);
        for (first, _) in &mut windows {
            *first += base;
        }
        let len = windows.len();

        // Windows only move forward.
        let span = windows.first().map_or(0, |(first, _)| *first as usize)
            ..windows
                .last()
                .map_or(0, |(first, w)| *first as usize + w.len());
        // The kernels read what the windows say without looking.
        assert!(
            windows.iter().all(|(first, w)| {
                let first = *first as usize;
                span.start <= first && first + w.len() <= span.end
            }),
            "a window outside of the span"
        );
        let taps = windows.iter().map(|(_, w)| w.len()).max().unwrap_or(1);
        // The padding repeats the first window with zero weights.
        let padded = len.next_multiple_of(LANES);
        let mut filter = Self {
            first: vec![windows[0].0; padded],
            count: vec![0; padded],
            weights: vec![0; padded * taps],
            taps,
            precision,
            split,
            len,
            span,
        };
        for (i, (first, weights)) in windows.into_iter().enumerate() {
            filter.first[i] = first;
            filter.count[i] = weights.len() as u32;
            let one = f64::from(1u32 << precision);
            // In a long window the weights are so small that their rounding errors would add up.
            // Each error is carried over to the next weight.
            let is_long = weights.len() > 1 << (precision - 5);
            let mut rest = 0.0;
            let fixed = &mut filter.weights[i * taps..][..weights.len()];
            for (fixed, weight) in fixed.iter_mut().zip(weights) {
                let half = if weight < 0.0 { -0.5 } else { 0.5 };
                let exact = weight * one + rest;
                *fixed = (half + exact) as i32;
                if is_long {
                    *fixed = (exact + 0.5).floor() as i32;
                    rest = exact - f64::from(*fixed);
                }
            }
            if depth != EXACT_DEPTH && sampling.overshoots() {
                // With so many rounded weights a plain area would not keep its value.
                let rest = (1 << precision) - fixed.iter().sum::<i32>();
                if let Some(largest) = fixed.iter_mut().max() {
                    *largest += rest;
                }
            }
        }
        filter
    }

    /// Whether a weight is negative.
    pub fn is_signed(&self) -> bool {
        self.weights.iter().any(|w| *w < 0)
    }

    /// The samples of output `i`'s window.
    pub fn window(&self, i: usize) -> std::ops::Range<usize> {
        let first = self.first[i] as usize;
        first..first + self.count[i] as usize
    }
}

/// Where the pairs of [`Pairs`] begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    /// With the first sample of each window.
    Window,
    /// With every second sample of the filter's span.
    Even,
}

/// A filter's weights for `vpmaddwd`, which multiplies two neighbouring 16-bit samples by a weight
/// each and adds the products. The portable loops do not read it.
#[derive(Debug)]
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
pub(super) struct Pairs {
    /// The first pair of each output, counted from the start of the span ([`Align::Even`]).
    pub first: Vec<u32>,
    /// For each output [`Self::count`] pairs of weights, the first weight in the low 16 bits. For
    /// weights of more than 16 bits (`Filter::split > 0`) these are the high parts, followed by as
    /// many pairs of low parts: `weight = (high << split) + low`.
    pub weights: Vec<i32>,
    /// Pairs of an output.
    pub count: usize,
    /// Parts of a weight: 1 or 2.
    pub parts: usize,
}

impl Pairs {
    /// The weights of `filter` in pairs.
    pub fn new(filter: &Filter, align: Align) -> Self {
        let odd = |first: u32| match align {
            Align::Window => 0,
            Align::Even => (first as usize - filter.span.start) % 2,
        };
        let windows = || filter.first.iter().zip(&filter.count);
        let count = windows()
            .map(|(first, count)| (odd(*first) + *count as usize).div_ceil(2))
            .max()
            .unwrap_or(1);
        let parts = if filter.split > 0 { 2 } else { 1 };
        let mut weights = vec![0; filter.first.len() * count * parts];
        for (i, (first, taps)) in windows().enumerate() {
            let output = &mut weights[i * count * parts..][..count * parts];
            for t in 0..*taps as usize {
                let weight = filter.weights[i * filter.taps + t];
                let place = odd(*first) + t;
                let (pair, half) = (place / 2, place % 2 * 16);
                output[pair] |= ((weight >> filter.split) & 0xffff) << half;
                if parts == 2 {
                    output[count + pair] |= (weight & ((1 << filter.split) - 1)) << half;
                }
            }
        }
        let start = filter.span.start;
        Self {
            first: filter
                .first
                .iter()
                .map(|first| ((*first as usize - start) / 2) as u32)
                .collect(),
            weights,
            count,
            parts,
        }
    }

    /// The pairs of output `i`: the high parts, and the low parts if there are any.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
    pub fn of(&self, i: usize) -> (&[i32], &[i32]) {
        let stride = self.count * self.parts;
        self.weights[i * stride..][..stride].split_at(self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::super::geometry::tests::axis;
    use super::super::interpolation::Interpolation;
    use super::*;

    const BILINEAR: Sampling = Sampling {
        interpolation: Interpolation::Bilinear,
        antialias: true,
    };

    fn all() -> impl Iterator<Item = Sampling> {
        Interpolation::ALL.into_iter().flat_map(|interpolation| {
            [true, false].map(|antialias| Sampling {
                interpolation,
                antialias,
            })
        })
    }

    /// Without a change of size, every output is the sample at its place.
    #[test]
    fn identity() {
        for sampling in all() {
            let f = Filter::new(&axis(20, 20), 0, 0, 0.0, 8, sampling);
            for i in 0..20 {
                let window = &f.weights[i * f.taps..][..f.count[i] as usize];
                let first = f.first[i] as usize;
                for (t, w) in window.iter().enumerate() {
                    assert_eq!(*w, if first + t == i { 1 << 22 } else { 0 });
                }
            }
        }
    }

    /// Weights sum to one within a rounding step each.
    #[test]
    fn weights_sum_to_one() {
        for (input, scaled) in [(1, 224), (451, 384), (1080, 256), (8192, 7), (3, 8192)] {
            for (depth, sampling) in [8, 12].into_iter().flat_map(|d| all().map(move |s| (d, s))) {
                let f = Filter::new(&axis(input, scaled), 0, 0, 0.0, depth, sampling);
                for i in 0..f.len {
                    let weights = f.weights[i * f.taps..][..f.taps].iter();
                    let sum: i64 = weights.clone().map(|w| i64::from(*w)).sum();
                    assert!((sum - (1 << f.precision)).abs() <= i64::from(f.count[i]));
                    // What 32 bits hold of them times 8-bit samples, and 16 bits of each part.
                    let magnitude: i64 = weights.clone().map(|w| i64::from(w.abs())).sum();
                    assert!(
                        magnitude < 2 << f.precision,
                        "{sampling:?} {input} {scaled}"
                    );
                    assert!(weights.clone().all(|w| i16::try_from(w >> f.split).is_ok()));
                }
            }
        }
    }

    /// The pairs hold the weights, each at its sample.
    #[test]
    fn pairs() {
        for (input, scaled) in [(1, 224), (451, 384), (1080, 256), (600, 7), (3, 800)] {
            let kinds = [(8, Align::Even), (8, Align::Window), (12, Align::Even)];
            for ((depth, align), sampling) in
                kinds.into_iter().flat_map(|k| all().map(move |s| (k, s)))
            {
                let f = Filter::new(&axis(input, scaled), 5, 0, 0.0, depth, sampling);
                let pairs = Pairs::new(&f, align);
                for i in 0..f.len {
                    let start = match align {
                        Align::Window => f.first[i] as usize,
                        Align::Even => f.span.start + 2 * pairs.first[i] as usize,
                    };
                    let before = f.first[i] as usize - start;
                    let mut expected = vec![0; before];
                    expected.extend(&f.weights[i * f.taps..][..f.count[i] as usize]);
                    expected.resize(2 * pairs.count, 0);
                    let (high, low) = pairs.of(i);
                    let part = |pairs: &[i32], t: usize| match pairs.get(t / 2) {
                        Some(pair) => (pair >> (t % 2 * 16)) as i16 as i32,
                        None => 0,
                    };
                    for (t, weight) in expected.into_iter().enumerate() {
                        assert_eq!((part(high, t) << f.split) + part(low, t), weight);
                    }
                }
            }
        }
    }

    /// An input that begins at a whole sample of the plane has the weights of one that was cut out.
    #[test]
    fn starts_elsewhere() {
        for (sub, start) in [(0, 7), (1, 6), (2, 8)] {
            let cut = Filter::new(&axis(90, 37), 0, sub, 0.1, 12, BILINEAR);
            let moved = Filter::new(&axis(90, 37), start, sub, 0.1, 12, BILINEAR);
            assert_eq!(cut.weights, moved.weights);
            assert_eq!(cut.count, moved.count);
            let base = start >> sub;
            let first: Vec<u32> = cut.first.iter().map(|f| f + base).collect();
            assert_eq!(first, moved.first);
            assert_eq!(moved.span.start, cut.span.start + base as usize);
            assert_eq!(moved.span.len(), cut.span.len());
        }
    }

    /// One that begins between two chroma samples: luma columns 3 to 6 of a centred 2:1 plane lie
    /// a quarter left and right of chroma samples 1 to 3.
    #[test]
    fn starts_between() {
        let f = Filter::new(&axis(4, 4), 3, 1, 0.0, 8, BILINEAR);
        let centre = |i: usize| {
            let weights = &f.weights[i * f.taps..][..f.count[i] as usize];
            let places = (f.first[i]..).map(f64::from);
            let sum: f64 = places.zip(weights).map(|(p, w)| p * f64::from(*w)).sum();
            sum / f64::from(1 << 22)
        };
        // Beyond the outermost samples there is nothing to interpolate with.
        let expected = [1.25, 1.75, 2.25, 2.75];
        for (i, expected) in expected.into_iter().enumerate() {
            assert!((centre(i) - expected).abs() < 1e-6, "{i}: {}", centre(i));
        }
    }

    /// A chroma plane that is cosited with the even luma columns: at full size the outputs of
    /// even columns are the chroma samples themselves, the odd ones lie half-way.
    #[test]
    fn cosited_chroma() {
        let f = Filter::new(&axis(8, 8), 0, 1, 0.25, 8, BILINEAR);
        let at = |i: usize| {
            let window = &f.weights[i * f.taps..][..f.count[i] as usize];
            window
                .iter()
                .enumerate()
                .filter(|(_, w)| **w != 0)
                .map(|(t, w)| (f.first[i] as usize + t, f64::from(*w) / f64::from(1 << 22)))
                .collect::<Vec<_>>()
        };
        assert_eq!(at(0), [(0, 1.0)]);
        assert_eq!(at(1), [(0, 0.5), (1, 0.5)]);
        assert_eq!(at(2), [(1, 1.0)]);
        assert_eq!(at(7), [(3, 1.0)]);
    }
}
