// SPDX-License-Identifier: MPL-2.0
//! Histogram of a tensor's values, and the range for quantization.

use std::fmt;
use std::str::FromStr;

/// The method that determines the range of an activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// From the minimum to the maximum: nothing is clipped, but one outlier makes all steps coarse.
    MinMax,
    /// Without the outermost 0.001 % of the values at each end.
    #[default]
    Percentile,
    /// The range whose 256 values lose the least information, by Kullback and Leibler's measure
    /// (S. Migacz, *8-bit Inference with TensorRT*, 2017).
    Entropy,
}

impl Method {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::MinMax => "minmax",
            Self::Percentile => "percentile",
            Self::Entropy => "entropy",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Method {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::MinMax, Self::Percentile, Self::Entropy]
            .into_iter()
            .find(|m| m.name() == text)
            .ok_or_else(|| "minmax, percentile or entropy".into())
    }
}

/// The share of the values that [`Method::Percentile`] leaves out at each end.
const TAIL: f64 = 1e-5;

/// Bins on each side of 0. The outermost bin in use is in the outer half, so that at least half of
/// them carry the values of one sign.
const SIDE: usize = 4096;

/// The counts of values in bins of equal width around 0. If a value exceeds the range, the width
/// doubles by merging pairs of bins, so values need not be kept.
#[derive(Debug, Clone)]
pub struct Histogram {
    /// Values of `[i - SIDE, i - SIDE + 1)` widths; exact zeros are not in it.
    counts: Vec<u64>,
    zeros: u64,
    /// The absolute limit of the range; 0 before the first value.
    limit: f32,
    min: f32,
    max: f32,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: vec![0; 2 * SIDE],
            zeros: 0,
            limit: 0.0,
            min: f32::INFINITY,
            max: f32::NEG_INFINITY,
        }
    }
}

impl Histogram {
    /// Counts values. Returns false, and counts none of them, if one is not finite.
    pub fn observe(&mut self, values: &[f32]) -> bool {
        if values.is_empty() || values.iter().map(|v| v * 0.0).sum::<f32>() != 0.0 {
            return values.is_empty();
        }
        let min = values.iter().fold(f32::INFINITY, |m, v| m.min(*v));
        let max = values.iter().fold(f32::NEG_INFINITY, |m, v| m.max(*v));
        self.min = self.min.min(min);
        self.max = self.max.max(max);
        let largest = max.max(-min);
        if largest > 0.0 && self.limit == 0.0 {
            self.limit = largest;
        }
        while self.limit < largest {
            self.widen();
        }
        if self.limit == 0.0 {
            self.zeros += values.len() as u64;
            return true;
        }
        let bins = SIDE as f32 / self.limit;
        for value in values {
            if *value == 0.0 {
                self.zeros += 1;
            } else {
                let bin = (value * bins).floor() as i32 + SIDE as i32;
                self.counts[bin.clamp(0, 2 * SIDE as i32 - 1) as usize] += 1;
            }
        }
        true
    }

    /// Merges pairs of bins, from the middle outwards.
    fn widen(&mut self) {
        let mut wider = vec![0; 2 * SIDE];
        for (i, count) in self.counts.iter().enumerate() {
            wider[SIDE / 2 + i / 2] += count;
        }
        self.counts = wider;
        self.limit *= 2.0;
    }

    /// The range to cover; `None` if nothing was counted.
    pub fn range(&self, method: Method) -> Option<(f32, f32)> {
        (self.min <= self.max).then(|| match method {
            Method::MinMax => (self.min, self.max),
            Method::Percentile => self.percentile(),
            Method::Entropy => self.entropy(),
        })
    }

    /// The width of a bin.
    fn width(&self) -> f32 {
        self.limit / SIDE as f32
    }

    fn percentile(&self) -> (f32, f32) {
        let total = self.zeros + self.counts.iter().sum::<u64>();
        let tail = (total as f64 * TAIL) as u64;
        let edge = |bin: usize| (bin as f32 - SIDE as f32) * self.width();
        // If no value is on one side of 0, no bin is found there.
        let low = beyond(self.counts[..SIDE].iter(), tail).map_or(0.0, edge);
        let high = beyond(self.counts[SIDE..].iter().rev(), tail)
            .map_or(0.0, |from_end| edge(2 * SIDE - from_end));
        (low.max(self.min.min(0.0)), high.min(self.max.max(0.0)))
    }

    fn entropy(&self) -> (f32, f32) {
        // Both signs together. With only one sign it has all levels.
        let (above, below) = (&self.counts[SIDE..], self.counts[..SIDE].iter().rev());
        let counts: Vec<f64> = above
            .iter()
            .zip(below)
            .map(|(a, b)| (a + b) as f64)
            .collect();
        let levels = if self.min < 0.0 && self.max > 0.0 {
            128
        } else {
            256
        };
        let used = counts
            .iter()
            .rposition(|c| *c > 0.0)
            .map_or(0, |last| last + 1);
        let best = (levels..=used)
            .step_by(8)
            .chain([used])
            .map(|bins| (divergence(&counts, bins, levels), bins))
            .min_by(|(a, _), (b, _)| a.total_cmp(b));
        let threshold = best.map_or(0.0, |(_, bins)| bins as f32 * self.width());
        (self.min.max(-threshold), self.max.min(threshold))
    }
}

/// The first bin up to which there are more than `tail` values.
fn beyond<'a>(mut bins: impl Iterator<Item = &'a u64>, tail: u64) -> Option<usize> {
    let mut sum = 0;
    bins.position(|count| {
        sum += count;
        sum > tail
    })
}

/// Kullback and Leibler's divergence of the values, those beyond `bins` clipped to the last one,
/// from what is left of them in `levels` steps.
fn divergence(counts: &[f64], bins: usize, levels: usize) -> f64 {
    let bins = bins.min(counts.len());
    let (inside, outside) = counts.split_at(bins);
    let clipped: f64 = outside.iter().sum();
    let total: f64 = inside.iter().sum();
    if total == 0.0 {
        return f64::INFINITY;
    }
    // Values clipped into an empty bin are unexpected there, but not impossible.
    let unexpected = 0.5 / total;
    let mut sum = 0.0;
    for level in 0..levels {
        let (from, to) = (level * bins / levels, (level + 1) * bins / levels);
        let group = &inside[from..to];
        let occupied = group.iter().filter(|c| **c > 0.0).count();
        // The values of a step are not distinguished: each counts as their mean.
        let mean = group.iter().sum::<f64>() / occupied.max(1) as f64 / total;
        for (i, count) in group.iter().enumerate() {
            let last = from + i + 1 == bins;
            let p = (count + if last { clipped } else { 0.0 }) / (total + clipped);
            let q = if *count > 0.0 { mean } else { unexpected };
            if p > 0.0 {
                sum += p * (p / q).ln();
            }
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of a bell curve, the same on every machine.
    fn bell(count: usize) -> Vec<f32> {
        let mut state = 1u64;
        let mut uniform = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 40) as f32 / (1u32 << 24) as f32
        };
        // Twelve uniform numbers have the variance 1 (Irwin and Hall).
        (0..count)
            .map(|_| (0..12).map(|_| uniform()).sum::<f32>() - 6.0)
            .collect()
    }

    #[test]
    fn minmax() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.range(Method::MinMax), None);
        assert!(histogram.observe(&[0.0; 9]));
        assert_eq!(histogram.range(Method::MinMax), Some((0.0, 0.0)));
        assert!(histogram.observe(&[-2.0, 0.5, 7.0]));
        assert_eq!(histogram.range(Method::MinMax), Some((-2.0, 7.0)));
        for wrong in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert!(!histogram.observe(&[1.0, wrong, 100.0]));
        }
        assert_eq!(histogram.range(Method::MinMax), Some((-2.0, 7.0)));
    }

    /// One outlier in a million does not stretch the range, and neither do several; the ranges of
    /// clean values are nearly the whole.
    #[test]
    fn outliers() {
        for sign in [1.0, -1.0] {
            let mut values: Vec<f32> = bell(1_000_000).iter().map(|v| v.abs() * sign).collect();
            values.extend([100.0 * sign, 90.0 * sign]);
            // In parts and growing, so that the bins have to.
            values.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
            let mut histogram = Histogram::default();
            for part in values.chunks(1000) {
                assert!(histogram.observe(part));
            }
            for method in [Method::Percentile, Method::Entropy] {
                let (low, high) = histogram.range(method).expect("values");
                let (near, far) = if sign > 0.0 {
                    (low, high)
                } else {
                    (-high, -low)
                };
                assert!(near.abs() < 0.1, "{method}: {low} {high}");
                // (The outliers made the bins coarse: 256 of them reach to 10.)
                assert!((2.0..12.0).contains(&far), "{method}: {low} {high}");
            }
            let (low, high) = histogram.range(Method::MinMax).expect("values");
            assert!((high - low - 100.0).abs() < 0.1);
        }
    }

    /// The bins' growth loses nothing: a percentile is that of the sorted values.
    #[test]
    fn percentile_of_sorted_values() {
        let mut values = bell(400_000);
        let mut histogram = Histogram::default();
        for (i, part) in values.chunks_mut(50_000).enumerate() {
            part.iter_mut().for_each(|v| *v *= (i + 1) as f32);
            assert!(histogram.observe(part));
        }
        values.sort_by(f32::total_cmp);
        let (low, high) = histogram.range(Method::Percentile).expect("values");
        let width = histogram.width();
        let tail = (values.len() as f64 * TAIL) as usize;
        assert!((low - values[tail]).abs() <= width, "{low}");
        assert!(
            (high - values[values.len() - 1 - tail]).abs() <= width,
            "{high}"
        );
    }

    /// What lies on the steps already loses nothing, so nothing is clipped.
    #[test]
    fn entropy_keeps_even_values() {
        let values: Vec<f32> = (0..256).flat_map(|i| vec![i as f32; 100]).collect();
        let mut histogram = Histogram::default();
        assert!(histogram.observe(&values));
        let (low, high) = histogram.range(Method::Entropy).expect("values");
        assert_eq!(low, 0.0);
        assert!(high >= 254.0, "{high}");
    }
}
