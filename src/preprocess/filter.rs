// SPDX-License-Identifier: MPL-2.0
//! Pillow's antialiased triangle filter, as fixed-point weights.
//!
//! `Image.resize(…, BILINEAR)` of Pillow, which torchvision's transforms call, is a triangle
//! filter whose support grows with the scale. It goes over the rows first, rounds to the depth of
//! the samples, then over the columns. Windows, weights and rounding here follow its
//! `Resample.c` (`precompute_coeffs`, `normalize_coeffs_8bpc`), so that RGB and grey pictures come
//! out equal to the last bit.

use super::geometry::Axis;

/// Rows of outputs are padded to a multiple of this many, for the kernels' widest loop.
pub(super) const LANES: usize = 16;

/// Samples of this depth are filtered exactly as Pillow does it.
pub(super) const EXACT_DEPTH: u32 = 8;

/// Windows are padded to a multiple of this many taps, for the horizontal kernel.
pub(super) const BLOCK: usize = 8;

/// The weights of one axis of one component.
#[derive(Debug)]
pub(super) struct Filter {
    /// The first sample of each output's window.
    pub first: Vec<u32>,
    /// How many samples each output's window has.
    pub count: Vec<u32>,
    /// Weights in fixed point, `taps` of them an output, zero after `count`.
    pub weights: Vec<i32>,
    /// The same for the horizontal SIMD kernel, in parts that fit 16 bits. Each pair of outputs
    /// has, for each [`BLOCK`] of taps, the weights of the first and of the second output; where a
    /// weight has more than 16 bits (`split > 0`) these are the high parts, the low parts of both
    /// follow, and `weight = (high << split) + low`.
    pub parts: Vec<i16>,
    /// The same for the vertical SIMD kernel: for each output `taps / 2` pairs of neighbouring
    /// weights, the first in the low 16 bits, then as many pairs of low parts if `split > 0`.
    pub pairs: Vec<i32>,
    /// Weights an output: the longest window, rounded up to [`BLOCK`].
    pub taps: usize,
    /// Bits behind the binary point of a weight.
    pub precision: u32,
    /// Where `parts` divides a weight; 0 where it does not.
    pub split: u32,
    /// Outputs that are wanted, without padding.
    pub len: usize,
    /// The samples that all windows together cover.
    pub span: std::ops::Range<usize>,
}

impl Filter {
    /// Weights for `axis`, whose input begins `start` luma samples into the picture, over a plane
    /// that is subsampled by `1 << sub` and whose first sample lies `shift` samples off the centre
    /// of the luma samples it stands for (0.25 for chroma that is cosited with the even luma
    /// samples of a 2:1 plane). No sample beyond those that the input touches has a part in it, as
    /// if it had been cut out. `depth` is the number of bits of a sample.
    pub fn new(axis: &Axis, start: u32, sub: u32, shift: f64, depth: u32) -> Self {
        let (precision, split) = if depth == EXACT_DEPTH {
            // Pillow's PRECISION_BITS: 32 bits hold a sample times a weight, with two to spare. A
            // weight is at most 1, which is 11 bits and the one for exactly 1 in the high part.
            (32 - 2 - depth, 32 - 2 - depth - 11)
        } else {
            // Nothing to be equal to, so a weight may be short enough for one multiplication.
            (14, 0)
        };

        // The plane's first sample that the input touches: coordinates count from there, so that
        // an input at a whole sample has the very weights of one that was cut out.
        let base = start >> sub;
        let samples = (start + axis.input).div_ceil(1 << sub) - base;
        let shift = shift + f64::from(start - (base << sub)) / f64::from(1u32 << sub);

        let scale = f64::from(axis.input) / axis.scaled as f64;
        let scale = scale / f64::from(1u32 << sub);
        let stretch = scale.max(1.0);
        let support = stretch;

        let len = axis.len as usize;
        let mut windows = Vec::with_capacity(len);
        for i in 0..axis.len {
            let center = ((axis.first + u64::from(i)) as f64 + 0.5) * scale + shift;
            // The casts truncate towards zero, as the C casts of the original do.
            let low = ((center - support + 0.5) as i64).clamp(0, i64::from(samples) - 1);
            let high = ((center + support + 0.5) as i64).clamp(low + 1, i64::from(samples));
            let mut weights: Vec<f64> = (low..high)
                .map(|x| triangle((x as f64 - center + 0.5) * (1.0 / stretch)))
                .collect();
            let sum: f64 = weights.iter().sum();
            if sum > 0.0 {
                weights.iter_mut().for_each(|w| *w /= sum);
            } else {
                let even = 1.0 / weights.len() as f64;
                weights.fill(even);
            }
            windows.push((base + low as u32, weights));
        }

        // Windows only ever move forward.
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
        let longest = windows.iter().map(|(_, w)| w.len()).max().unwrap_or(1);
        let taps = longest.next_multiple_of(BLOCK);
        // Outputs beyond the wanted ones repeat the first window with zero weights.
        let padded = len.next_multiple_of(LANES);
        let mut filter = Self {
            first: vec![windows[0].0; padded],
            count: vec![0; padded],
            weights: vec![0; padded * taps],
            parts: vec![0; padded * taps * part_count(split)],
            pairs: vec![0; padded * taps / 2 * part_count(split)],
            taps,
            precision,
            split,
            len,
            span,
        };
        for (i, (first, weights)) in windows.into_iter().enumerate() {
            filter.first[i] = first;
            filter.count[i] = weights.len() as u32;
            for (t, weight) in weights.into_iter().enumerate() {
                let fixed = (0.5 + weight * f64::from(1u32 << precision)) as i32;
                filter.weights[i * taps + t] = fixed;
                let (high, low) = (fixed >> split, fixed & ((1 << split) - 1));
                let place = parts_of(i, t, taps, split);
                let pair = i * taps / 2 * part_count(split) + t / 2;
                let half = t % 2 * 16;
                filter.parts[place.0] = high as i16;
                filter.pairs[pair] |= high << half;
                if split > 0 {
                    filter.parts[place.1] = low as i16;
                    filter.pairs[pair + taps / 2] |= low << half;
                }
            }
        }
        filter
    }

    /// The pairs of output `y`: high parts and low parts.
    pub fn pairs_of(&self, y: usize) -> (&[i32], &[i32]) {
        let stride = self.taps / 2 * part_count(self.split);
        self.pairs[y * stride..][..stride].split_at(self.taps / 2)
    }

    /// The longest window.
    pub fn longest(&self) -> usize {
        self.count.iter().copied().max().unwrap_or(1) as usize
    }
}

/// How many parts a weight has.
fn part_count(split: u32) -> usize {
    if split > 0 { 2 } else { 1 }
}

/// Where in [`Filter::parts`] the high and the low part of tap `t` of output `i` stand.
fn parts_of(i: usize, t: usize, taps: usize, split: u32) -> (usize, usize) {
    let count = part_count(split);
    let pair = i / 2 * taps * 2 * count;
    let high = pair + t / BLOCK * BLOCK * 2 * count + i % 2 * BLOCK + t % BLOCK;
    (high, high + BLOCK * 2)
}

fn triangle(x: f64) -> f64 {
    let x = x.abs();
    if x < 1.0 { 1.0 - x } else { 0.0 }
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

    /// Without a change of size every output is its own sample.
    #[test]
    fn identity() {
        let f = Filter::new(&axis(20, 20), 0, 0, 0.0, 8);
        for i in 0..20 {
            let window = &f.weights[i * f.taps..][..f.count[i] as usize];
            let first = f.first[i] as usize;
            for (t, w) in window.iter().enumerate() {
                assert_eq!(*w, if first + t == i { 1 << 22 } else { 0 });
            }
        }
    }

    /// Weights sum to one within a rounding step each, and the halves are the weights.
    #[test]
    fn weights_sum_to_one() {
        for (input, scaled) in [(1, 224), (451, 384), (1080, 256), (8192, 7), (3, 8192)] {
            for depth in [8, 12] {
                let f = Filter::new(&axis(input, scaled), 0, 0, 0.0, depth);
                for i in 0..f.len {
                    let sum: i64 = f.weights[i * f.taps..][..f.taps]
                        .iter()
                        .map(|w| i64::from(*w))
                        .sum();
                    assert!((sum - (1 << f.precision)).abs() <= i64::from(f.count[i]));
                    for t in 0..f.taps {
                        let (high, low) = parts_of(i, t, f.taps, f.split);
                        let mut weight = i32::from(f.parts[high]) << f.split;
                        if f.split > 0 {
                            weight += i32::from(f.parts[low]);
                        }
                        assert_eq!(weight, f.weights[i * f.taps + t]);
                    }
                }
            }
        }
    }

    /// An input that begins at a whole sample of the plane has the weights of one that was cut out.
    #[test]
    fn starts_elsewhere() {
        for (sub, start) in [(0, 7), (1, 6), (2, 8)] {
            let cut = Filter::new(&axis(90, 37), 0, sub, 0.1, 12);
            let moved = Filter::new(&axis(90, 37), start, sub, 0.1, 12);
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
        let f = Filter::new(&axis(4, 4), 3, 1, 0.0, 8);
        let centre = |i: usize| {
            let weights = &f.weights[i * f.taps..][..f.count[i] as usize];
            let places = (f.first[i]..).map(f64::from);
            let sum: f64 = places.zip(weights).map(|(p, w)| p * f64::from(*w)).sum();
            sum / f64::from(1 << 22)
        };
        // Beyond the outermost samples there is nothing to lean on.
        let expected = [1.25, 1.75, 2.25, 2.75];
        for (i, expected) in expected.into_iter().enumerate() {
            assert!((centre(i) - expected).abs() < 1e-6, "{i}: {}", centre(i));
        }
    }

    /// A chroma plane that is cosited with the even luma columns: at full size the outputs of
    /// even columns are the chroma samples themselves, the odd ones lie half-way.
    #[test]
    fn cosited_chroma() {
        let f = Filter::new(&axis(8, 8), 0, 1, 0.25, 8);
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
