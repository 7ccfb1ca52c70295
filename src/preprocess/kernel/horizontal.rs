// SPDX-License-Identifier: MPL-2.0
//! The horizontal filter.
//!
//! The windows of one row's outputs begin anywhere and overlap, which suits no SIMD register. But
//! the same output of several rows has the same window and the same weights. So a strip of rows is
//! transposed first, and each lane is a row.

use super::super::filter::{Filter, Pairs};
use super::{Backend, dispatch};

/// Rows of a strip, which are filtered together: the 32-bit lanes of an AVX2 register.
pub(crate) const STRIP_ROWS: usize = 8;

/// Values of a transposed strip for each pair of neighbouring samples: the pair of every row.
pub(crate) const PAIR: usize = 2 * STRIP_ROWS;

dispatch! {
    /// Transposes a strip. `rows` holds [`STRIP_ROWS`] rows, `stride` values from one to the next.
    /// Pair `k` of the result is the samples `2 * k` and `2 * k + 1` of each row, one row after the
    /// other. `transposed` holds [`PAIR`] values for each pair, in a multiple of four pairs; a row
    /// has at least as many samples.
    transpose, transpose_plain, transpose_avx2, (rows: &[i16], stride: usize, transposed: &mut [i16])
}

fn transpose_plain(rows: &[i16], stride: usize, transposed: &mut [i16]) {
    let (pairs, _) = transposed.as_chunks_mut::<PAIR>();
    for (r, row) in rows.chunks(stride).take(STRIP_ROWS).enumerate() {
        for (pair, samples) in pairs.iter_mut().zip(row.as_chunks::<2>().0) {
            pair[2 * r..2 * r + 2].copy_from_slice(samples);
        }
    }
}

/// Four pairs at a time: a transposition of 32-bit values, four rows in each half of a register.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn transpose_avx2(rows: &[i16], stride: usize, transposed: &mut [i16]) {
    use std::arch::x86_64::*;

    let (quads, rest) = transposed.as_chunks_mut::<{ 4 * PAIR }>();
    assert!(rest.is_empty() && quads.len() * STRIP_ROWS <= stride);
    assert!(rows.len() >= (STRIP_ROWS - 1) * stride + quads.len() * STRIP_ROWS);
    for (q, quad) in quads.iter_mut().enumerate() {
        // Rows `r` and `r + 4`.
        let load = |r: usize| {
            // SAFETY: eight samples from `8 * q` on lie within each of the rows.
            unsafe {
                let low = rows.as_ptr().add(r * stride + q * STRIP_ROWS);
                let high = low.add(STRIP_ROWS / 2 * stride);
                _mm256_loadu2_m128i(high.cast(), low.cast())
            }
        };
        let (a, b, c, d) = (load(0), load(1), load(2), load(3));
        let (ab, cd) = (_mm256_unpacklo_epi32(a, b), _mm256_unpacklo_epi32(c, d));
        let (ef, gh) = (_mm256_unpackhi_epi32(a, b), _mm256_unpackhi_epi32(c, d));
        let pairs = [
            _mm256_unpacklo_epi64(ab, cd),
            _mm256_unpackhi_epi64(ab, cd),
            _mm256_unpacklo_epi64(ef, gh),
            _mm256_unpackhi_epi64(ef, gh),
        ];
        for (place, pair) in quad.as_chunks_mut::<PAIR>().0.iter_mut().zip(pairs) {
            // SAFETY: a place is as large as a register.
            unsafe { _mm256_storeu_si256(place.as_mut_ptr().cast(), pair) };
        }
    }
}

dispatch! {
    /// Filters a transposed strip. `transposed` holds all pairs of the filter's span, and as many
    /// beyond it as a window has. `pairs` are the filter's weights with [`Align::Even`]. Writes
    /// `filter.first.len()` values from 0 to `max` of each row to `out`, one row after the other.
    ///
    /// [`Align::Even`]: super::super::filter::Align::Even
    horizontal, horizontal_plain, horizontal_avx2,
    (transposed: &[i16], filter: &Filter, pairs: &Pairs, max: i16, out: &mut [i16])
}

fn horizontal_plain(
    transposed: &[i16],
    filter: &Filter,
    _pairs: &Pairs,
    max: i16,
    out: &mut [i16],
) {
    let outputs = filter.first.len();
    let round = 1i32 << (filter.precision - 1);
    let (transposed, _) = transposed.as_chunks::<PAIR>();
    for x in 0..filter.len {
        let start = filter.first[x] as usize - filter.span.start;
        let weights = &filter.weights[x * filter.taps..][..filter.count[x] as usize];
        let mut sums = [round; STRIP_ROWS];
        for (t, weight) in (start..).zip(weights) {
            let (samples, _) = transposed[t / 2].as_chunks::<2>();
            for (sum, sample) in sums.iter_mut().zip(samples) {
                *sum += i32::from(sample[t % 2]) * *weight;
            }
        }
        for (r, sum) in sums.into_iter().enumerate() {
            out[r * outputs + x] = (sum >> filter.precision).clamp(0, i32::from(max)) as i16;
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn horizontal_avx2(transposed: &[i16], filter: &Filter, pairs: &Pairs, max: i16, out: &mut [i16]) {
    match pairs.parts {
        2 => horizontal_parts_avx2::<2>(transposed, filter, pairs, max, out),
        _ => horizontal_parts_avx2::<1>(transposed, filter, pairs, max, out),
    }
}

/// Eight outputs of eight rows at a time. `vpmaddwd` multiplies a pair of samples of every row
/// by their weights, and the block is transposed back.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn horizontal_parts_avx2<const PARTS: usize>(
    transposed: &[i16],
    filter: &Filter,
    pairs: &Pairs,
    max: i16,
    out: &mut [i16],
) {
    use std::arch::x86_64::*;

    // These make the loads and stores below sound. `Filter::new` sees to it that every window lies
    // within `filter.span`.
    let outputs = filter.first.len();
    let count = pairs.count;
    assert!(outputs.is_multiple_of(STRIP_ROWS) && out.len() >= STRIP_ROWS * outputs);
    assert!(pairs.parts == PARTS && pairs.first.len() == outputs);
    assert!(pairs.weights.len() == outputs * count * PARTS);
    assert!(transposed.len() >= (filter.span.len().div_ceil(2) + count) * PAIR);

    let split = _mm_cvtsi32_si128(filter.split as i32);
    let precision = _mm_cvtsi32_si128(filter.precision as i32);
    let round = _mm256_set1_epi32(1 << (filter.precision - 1));
    let (zero, max) = (_mm256_setzero_si256(), _mm256_set1_epi16(max));
    // Output `x` of each row.
    let output = |x: usize| {
        // SAFETY: `x < outputs`; a window's first pair lies within the span, and `count` pairs
        // from there on within `transposed`.
        let (samples, weights) = unsafe {
            let first = *pairs.first.get_unchecked(x) as usize;
            let weights = pairs.weights.as_ptr().add(x * count * PARTS);
            (transposed.as_ptr().add(first * PAIR), weights)
        };
        let mut high = if PARTS == 2 {
            _mm256_setzero_si256()
        } else {
            round
        };
        let mut low = round;
        for k in 0..count {
            // SAFETY: as above.
            unsafe {
                let samples = _mm256_loadu_si256(samples.add(k * PAIR).cast());
                let weight = _mm256_set1_epi32(*weights.add(k));
                high = _mm256_add_epi32(high, _mm256_madd_epi16(samples, weight));
                if PARTS == 2 {
                    let weight = _mm256_set1_epi32(*weights.add(count + k));
                    low = _mm256_add_epi32(low, _mm256_madd_epi16(samples, weight));
                }
            }
        }
        let sums = if PARTS == 2 {
            _mm256_add_epi32(_mm256_sll_epi32(high, split), low)
        } else {
            high
        };
        _mm256_sra_epi32(sums, precision)
    };

    for x in (0..outputs).step_by(STRIP_ROWS) {
        // Two outputs to a register: of rows 0 to 3 in its low half, of rows 4 to 7 in the high.
        let both = |a: usize, b: usize| _mm256_packs_epi32(output(x + a), output(x + b));
        let (a, b, c, d) = (both(0, 2), both(1, 3), both(4, 6), both(5, 7));
        let (a, b) = (_mm256_unpacklo_epi16(a, b), _mm256_unpackhi_epi16(a, b));
        let (c, d) = (_mm256_unpacklo_epi16(c, d), _mm256_unpackhi_epi16(c, d));
        let (a, b) = (_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
        let (c, d) = (_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d));
        // Rows `r` and `r + 4`.
        let rows = [
            _mm256_unpacklo_epi64(a, c),
            _mm256_unpackhi_epi64(a, c),
            _mm256_unpacklo_epi64(b, d),
            _mm256_unpackhi_epi64(b, d),
        ];
        for (r, values) in rows.into_iter().enumerate() {
            let values = _mm256_max_epi16(_mm256_min_epi16(values, max), zero);
            // SAFETY: `out` holds STRIP_ROWS rows of `outputs` values, and `x + STRIP_ROWS` is not
            // more.
            unsafe {
                let low = out.as_mut_ptr().add(r * outputs + x);
                let high = low.add(STRIP_ROWS / 2 * outputs);
                _mm256_storeu2_m128i(high.cast(), low.cast(), values);
            }
        }
    }
}
