// SPDX-License-Identifier: MPL-2.0
//! The filter along the columns, straight from the rows of a plane.
//!
//! Where no rounding between the passes has to equal another's, a picture that becomes smaller is
//! filtered along its columns first: that leaves far fewer samples to be sorted into components
//! and filtered across. All samples of a row are treated alike, whatever components they belong
//! to, since those of one plane share its rows.

use super::super::filter::Filter;
use super::{Backend, dispatch};

/// The longest window that [`down_fine`] takes.
pub(crate) const LONGEST: usize = 64;

/// Bits that a sum has and a result, of 12 bits, has not.
const SPARE: u32 = 4;

/// Columns that are filtered at once.
const BLOCK: usize = 64;

/// A window of rows, and its weights.
#[derive(Debug, Clone)]
pub(crate) struct Fine<'a> {
    /// The plane, from the first sample wanted of the window's first row on.
    pub rows: &'a [u8],
    /// Bytes from one row to the next.
    pub stride: usize,
    /// Bits of a sample: one byte, or a word of 16 bits with the sample in its low or high bits.
    pub depth: u32,
    /// How far a word's sample is shifted up already.
    pub shift: u32,
    /// A weight for each row, at most [`LONGEST`], where `1 << 16` is one.
    pub weights: &'a [u16],
    /// Rows, counted from the window's first, that a later window will be the first to need.
    pub ahead: std::ops::Range<usize>,
}

impl Fine<'_> {
    /// How far a word's sample is to be shifted up to fill it.
    fn up(&self) -> u32 {
        16 - self.depth - self.shift
    }

    /// What the sums begin with: half of a result's last bit, and half a unit for each product.
    fn round(&self) -> u16 {
        (1 << (SPARE - 1)) + self.weights.len() as u16 / 2
    }
}

/// A filter's weights as [`Fine`] has them, `filter.taps` an output.
pub(crate) fn fine_weights(filter: &Filter) -> Vec<u16> {
    let up = 16 - filter.precision;
    // One itself is more than 16 bits hold.
    let weight = |w: &i32| (w << up).min(u16::MAX.into()) as u16;
    filter.weights.iter().map(weight).collect()
}

dispatch! {
    /// Filters as many columns as `out` holds. The results have 12 bits.
    ///
    /// A sample is taken as a fraction of 16 bits, and so is its product with a weight: each
    /// product loses half a unit on average, which is given back. White may come to more than 1 by
    /// the rounding of the weights: the sums saturate.
    down_fine, down_fine_plain, down_fine_avx2, (window: Fine<'_>, out: &mut [i16])
}

fn down_fine_plain(window: Fine<'_>, out: &mut [i16]) {
    if window.depth == 8 {
        columns::<1>(window, out, |byte| u16::from(byte[0]) << 8);
    } else {
        let up = window.up();
        columns::<2>(window, out, |word| u16::from_le_bytes(*word) << up);
    }
}

fn columns<const BYTES: usize>(
    window: Fine<'_>,
    out: &mut [i16],
    sample: impl Fn(&[u8; BYTES]) -> u16,
) {
    for (b, block) in out.chunks_mut(BLOCK).enumerate() {
        let mut sums = [window.round(); BLOCK];
        for (r, weight) in window.weights.iter().enumerate() {
            let row = &window.rows[r * window.stride + b * BLOCK * BYTES..];
            let (samples, _) = row[..block.len() * BYTES].as_chunks::<BYTES>();
            for (sum, s) in sums.iter_mut().zip(samples) {
                let product = (u32::from(sample(s)) * u32::from(*weight)) >> 16;
                *sum = sum.saturating_add(product as u16);
            }
        }
        for (o, sum) in block.iter_mut().zip(sums) {
            *o = (sum >> SPARE) as i16;
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn down_fine_avx2(window: Fine<'_>, out: &mut [i16]) {
    if out.len() < BLOCK {
        down_fine_plain(window, out);
    } else if window.depth == 8 {
        columns_avx2::<1>(window, out);
    } else {
        columns_avx2::<2>(window, out);
    }
}

/// As many columns at a time as four registers hold; the last block may overlap the one before it.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn columns_avx2<const BYTES: usize>(window: Fine<'_>, out: &mut [i16]) {
    use std::arch::x86_64::*;

    // What makes the loads and stores below sound.
    let Fine { rows, stride, .. } = window;
    let len = out.len();
    assert!(len >= BLOCK && !window.weights.is_empty());
    assert!(rows.len() >= (window.weights.len() - 1) * stride + len * BYTES);

    let zero = _mm256_setzero_si256();
    let up = _mm_cvtsi32_si128(window.up() as i32);
    let round = _mm256_set1_epi16(window.round() as i16);
    for start in (0..len).step_by(BLOCK) {
        let start = start.min(len - BLOCK);
        let mut sums = [round; 4];
        for row in window.ahead.clone() {
            let place = rows.as_ptr().wrapping_add(row * stride + start * BYTES);
            for line in 0..BYTES {
                _mm_prefetch::<_MM_HINT_T0>(place.wrapping_add(64 * line).cast());
            }
        }
        for (r, weight) in window.weights.iter().enumerate() {
            let weight = _mm256_set1_epi16(*weight as i16);
            // SAFETY: BLOCK samples from here on lie within row `r`.
            let load = |i: usize| unsafe {
                let row = rows.as_ptr().add(r * stride + start * BYTES);
                _mm256_loadu_si256(row.add(i * 32).cast())
            };
            let samples = if BYTES == 1 {
                // A byte above a zero is the byte times 256.
                let (a, b) = (load(0), load(1));
                [
                    _mm256_unpacklo_epi8(zero, a),
                    _mm256_unpackhi_epi8(zero, a),
                    _mm256_unpacklo_epi8(zero, b),
                    _mm256_unpackhi_epi8(zero, b),
                ]
            } else {
                [0, 1, 2, 3].map(|i| _mm256_sll_epi16(load(i), up))
            };
            for (sum, s) in sums.iter_mut().zip(samples) {
                *sum = _mm256_adds_epu16(*sum, _mm256_mulhi_epu16(s, weight));
            }
        }
        let [a, b, c, d] = sums.map(|sum| _mm256_srli_epi16(sum, SPARE as i32));
        let results = if BYTES == 1 {
            [
                _mm256_permute2x128_si256(a, b, 0x20),
                _mm256_permute2x128_si256(a, b, 0x31),
                _mm256_permute2x128_si256(c, d, 0x20),
                _mm256_permute2x128_si256(c, d, 0x31),
            ]
        } else {
            [a, b, c, d]
        };
        for (i, result) in results.into_iter().enumerate() {
            // SAFETY: `out` holds BLOCK values from `start` on.
            unsafe { _mm256_storeu_si256(out.as_mut_ptr().add(start + 16 * i).cast(), result) };
        }
    }
}
