// SPDX-License-Identifier: MPL-2.0
//! The vertical filter, straight from the rows of a plane.
//!
//! Where the rounding between the passes has no reference to be equal to, a picture that becomes
//! smaller is filtered vertically first. That leaves far fewer samples to deinterleave and to
//! filter horizontally. All samples of a row are treated alike, whatever components they belong to:
//! the components of a plane share its rows.

use super::super::filter::Filter;
use super::{Backend, dispatch};

/// The most rows in a window of [`vertical_first`].
pub(crate) const MAX_TAPS: usize = 64;

/// Bits of a sum below the 12 bits of a result.
const EXTRA_BITS: u32 = 4;

/// Columns that are filtered together.
const BLOCK: usize = 64;

/// A window of rows, and its weights.
#[derive(Debug, Clone)]
pub(crate) struct PlaneWindow<'a> {
    /// The plane, beginning with the first sample wanted of the window's first row.
    pub rows: &'a [u8],
    /// Bytes from one row to the next.
    pub stride: usize,
    /// Bits of a sample. 8 bits are one byte; more are a 16-bit word.
    pub depth: u32,
    /// Bits of a word below its sample.
    pub shift: u32,
    /// A weight for each row, at most [`MAX_TAPS`] of them. `1 << 16` is one.
    pub weights: &'a [u16],
    /// Rows to prefetch, counted from the window's first: those that a later window is the first
    /// to need.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
    pub prefetch: std::ops::Range<usize>,
}

impl PlaneWindow<'_> {
    /// How far a sample must be shifted up to fill its word.
    fn up(&self) -> u32 {
        16 - self.depth - self.shift
    }

    /// The initial value of the sums: half of a result's last bit, and half a unit for each
    /// product.
    fn round(&self) -> u16 {
        (1 << (EXTRA_BITS - 1)) + self.weights.len() as u16 / 2
    }
}

/// A filter's weights for [`PlaneWindow`], `filter.taps` for each output.
pub(crate) fn vertical_first_weights(filter: &Filter) -> Vec<u16> {
    let up = 16 - filter.precision;
    // One itself does not fit 16 bits.
    let weight = |w: &i32| (w << up).min(u16::MAX.into()) as u16;
    filter.weights.iter().map(weight).collect()
}

dispatch! {
    /// Filters as many columns as `out` holds. The results have 12 bits.
    ///
    /// Samples, and their products with the weights, are fractions of 16 bits. Each product loses
    /// half a unit on average, which the sums' initial value makes up for. The rounded weights may
    /// bring white above 1, so the sums saturate.
    vertical_first, vertical_first_plain, vertical_first_avx2, (window: PlaneWindow<'_>, out: &mut [i16])
}

fn vertical_first_plain(window: PlaneWindow<'_>, out: &mut [i16]) {
    if window.depth == 8 {
        columns::<1>(window, out, |byte| u16::from(byte[0]) << 8);
    } else {
        let up = window.up();
        columns::<2>(window, out, |word| u16::from_le_bytes(*word) << up);
    }
}

fn columns<const BYTES: usize>(
    window: PlaneWindow<'_>,
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
            *o = (sum >> EXTRA_BITS) as i16;
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn vertical_first_avx2(window: PlaneWindow<'_>, out: &mut [i16]) {
    if out.len() < BLOCK {
        vertical_first_plain(window, out);
    } else if window.depth == 8 {
        columns_avx2::<1>(window, out);
    } else {
        columns_avx2::<2>(window, out);
    }
}

/// As many columns at a time as four registers hold. The last block may overlap the one before it.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn columns_avx2<const BYTES: usize>(window: PlaneWindow<'_>, out: &mut [i16]) {
    use std::arch::x86_64::*;

    // These make the loads and stores below sound.
    let PlaneWindow { rows, stride, .. } = window;
    let len = out.len();
    assert!(len >= BLOCK && !window.weights.is_empty());
    assert!(rows.len() >= (window.weights.len() - 1) * stride + len * BYTES);

    let zero = _mm256_setzero_si256();
    let up = _mm_cvtsi32_si128(window.up() as i32);
    let round = _mm256_set1_epi16(window.round() as i16);
    for start in (0..len).step_by(BLOCK) {
        let start = start.min(len - BLOCK);
        let mut sums = [round; 4];
        for row in window.prefetch.clone() {
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
                // With a zero byte below it, a byte is multiplied by 256.
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
        let [a, b, c, d] = sums.map(|sum| _mm256_srli_epi16(sum, EXTRA_BITS as i32));
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
