// SPDX-License-Identifier: MPL-2.0
//! The vertical filter, over rows that have been filtered horizontally.

use super::super::filter::{Filter, LANES, Pairs};
use super::{Backend, dispatch};

/// The rows of one window, in a ring buffer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RingWindow<'a> {
    /// Rows of `width` values each. Row `r` of the filter's span is at `r % (ring.len() / width)`.
    pub ring: &'a [i16],
    /// Values of a row.
    pub width: usize,
    /// The filter of the rows.
    pub filter: &'a Filter,
    /// Its weights, with `Align::Window`.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
    pub pairs: &'a Pairs,
    /// The output row, which has this window.
    pub y: usize,
    /// The largest value of a result.
    pub max: i16,
}

impl<'a> RingWindow<'a> {
    /// The window's rows in the order of its weights. The window wraps around the ring's end at
    /// most once.
    fn iter(&self) -> impl Iterator<Item = &'a [i16]> + use<'a> {
        let capacity = self.ring.len() / self.width;
        let first = self.filter.first[self.y] as usize - self.filter.span.start;
        let start = first % capacity;
        let (ring, width) = (self.ring, self.width);
        let head = ring[start * width..].chunks_exact(width);
        head.chain(ring.chunks_exact(width))
            .take(self.filter.count[self.y] as usize)
    }
}

dispatch! {
    /// Filters the rows of one window into the first `rows.width` values of `out` (a multiple of
    /// [`LANES`]).
    vertical, vertical_plain, vertical_avx2, (rows: RingWindow<'_>, out: &mut [i16])
}

fn vertical_plain(rows: RingWindow<'_>, out: &mut [i16]) {
    let Filter {
        precision, taps, ..
    } = *rows.filter;
    let weights = &rows.filter.weights[rows.y * taps..];
    let round = 1i32 << (precision - 1);
    let (blocks, _) = out[..rows.width].as_chunks_mut::<LANES>();
    for (b, block) in blocks.iter_mut().enumerate() {
        let mut sums = [round; LANES];
        for (row, weight) in rows.iter().zip(weights) {
            for (sum, sample) in sums.iter_mut().zip(&row[b * LANES..]) {
                *sum += i32::from(*sample) * *weight;
            }
        }
        for (o, sum) in block.iter_mut().zip(sums) {
            *o = (sum >> precision).clamp(0, i32::from(rows.max)) as i16;
        }
    }
}

/// Sixteen columns and two rows at a time. `vpmaddwd` multiplies both rows by their weights and
/// adds the products.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn vertical_avx2(rows: RingWindow<'_>, out: &mut [i16]) {
    use std::arch::x86_64::*;

    /// Windows with more rows take the portable path. They belong to pictures so large that the
    /// horizontal filter takes nearly all of the time.
    const MAX_ROWS: usize = 64;
    let count = rows.filter.count[rows.y] as usize;
    if count > MAX_ROWS {
        return vertical_plain(rows, out);
    }
    assert!(rows.width.is_multiple_of(LANES) && out.len() >= rows.width);
    // A window with an odd number of rows ends in a pair whose second weight is zero. Any row will
    // do for it.
    let mut pointers = [rows.ring.as_ptr(); MAX_ROWS];
    for (pointer, row) in pointers.iter_mut().zip(rows.iter()) {
        *pointer = row.as_ptr();
    }
    let (pointers, _) = pointers[..count.next_multiple_of(2)].as_chunks::<2>();
    let (high, low) = rows.pairs.of(rows.y);

    let split = _mm_cvtsi32_si128(rows.filter.split as i32);
    let precision = _mm_cvtsi32_si128(rows.filter.precision as i32);
    let round = _mm256_set1_epi32(1 << (rows.filter.precision - 1));
    let (zero, max) = (_mm256_setzero_si256(), _mm256_set1_epi16(rows.max));

    for x in (0..rows.width).step_by(LANES) {
        // One sum for columns 0 to 3 and 8 to 11, one for the others: as `vpunpck` leaves them and
        // `vpackssdw` takes them.
        let sums = |pairs: &[i32]| {
            let mut sums = [zero; 2];
            for ([a, b], pair) in pointers.iter().zip(pairs) {
                // SAFETY: every row is `rows.width` values long, and `x + LANES` is not more.
                let (a, b) = unsafe {
                    (
                        _mm256_loadu_si256(a.add(x).cast()),
                        _mm256_loadu_si256(b.add(x).cast()),
                    )
                };
                let weights = _mm256_set1_epi32(*pair);
                let (even, odd) = (_mm256_unpacklo_epi16(a, b), _mm256_unpackhi_epi16(a, b));
                sums[0] = _mm256_add_epi32(sums[0], _mm256_madd_epi16(even, weights));
                sums[1] = _mm256_add_epi32(sums[1], _mm256_madd_epi16(odd, weights));
            }
            sums
        };
        let mut totals = sums(high);
        if !low.is_empty() {
            let low = sums(low);
            for (total, low) in totals.iter_mut().zip(low) {
                *total = _mm256_add_epi32(_mm256_sll_epi32(*total, split), low);
            }
        }
        let [a, b] = totals.map(|t| _mm256_sra_epi32(_mm256_add_epi32(t, round), precision));
        let values = _mm256_packs_epi32(a, b);
        let values = _mm256_max_epi16(_mm256_min_epi16(values, max), zero);
        // SAFETY: `out` holds `rows.width` values.
        unsafe { _mm256_storeu_si256(out.as_mut_ptr().add(x).cast(), values) };
    }
}
