// SPDX-License-Identifier: MPL-2.0
//! The loops that touch every sample, in a portable form and for AVX2.
//!
//! All arithmetic is in integers, so that every backend gives the same result to the last bit.

#[cfg(target_arch = "x86_64")]
use super::filter::BLOCK;
use super::filter::{Filter, LANES};

/// Which instructions the loops use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// Plain loops for the build's target (on aarch64 that includes NEON).
    Portable,
    /// AVX2 on x86-64.
    #[cfg(target_arch = "x86_64")]
    Avx2,
}

impl Backend {
    /// The best backend that this processor runs.
    pub fn detect() -> Self {
        *Self::available().last().unwrap_or(&Self::Portable)
    }

    /// Every backend that this processor runs, the best last.
    pub fn available() -> &'static [Self] {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            return &[Self::Portable, Self::Avx2];
        }
        &[Self::Portable]
    }
}

/// Gives a function with an AVX2 twin a common entry. The twin is compiled from the same loops
/// with the wider instructions allowed.
macro_rules! dispatch {
    ($(#[$doc:meta])* $name:ident, $plain:ident, $avx2:ident, ($($arg:ident: $ty:ty),*)) => {
        $(#[$doc])*
        pub(super) fn $name(backend: Backend, $($arg: $ty),*) {
            match backend {
                Backend::Portable => $plain($($arg),*),
                #[cfg(target_arch = "x86_64")]
                // SAFETY: a Preprocessor is made only with a backend that the processor runs.
                Backend::Avx2 => unsafe { $avx2($($arg),*) },
            }
        }
    };
}

/// How samples lie in a row of a plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packing {
    /// Bytes from one sample of the component to the next.
    pub step: usize,
    /// Bits of a sample, and how far it is shifted up in its 16-bit word; 8 bits are one byte.
    pub depth: u32,
    pub shift: u32,
    /// Bits that the sample is to have.
    pub target: u32,
}

impl Packing {
    /// Bytes that one sample takes.
    pub fn bytes(&self) -> usize {
        if self.depth > 8 { 2 } else { 1 }
    }
}

dispatch! {
    /// Takes every `packing.step`-th sample of `row` into `out`, at the target depth. `row` starts
    /// with the first sample wanted and may end with the last byte of the last one.
    unpack, unpack_plain, unpack_avx2, (row: &[u8], packing: Packing, out: &mut [i16])
}

#[inline(always)]
fn unpack_plain(row: &[u8], packing: Packing, out: &mut [i16]) {
    let Packing {
        depth,
        shift,
        target,
        ..
    } = packing;
    let (down, up) = (depth.saturating_sub(target), target.saturating_sub(depth));
    let mask = ((1u32 << depth) - 1) as u16;
    let byte = |p: &[u8]| i16::from(p[0]) << up;
    let word = |p: &[u8]| {
        let value = (u16::from_le_bytes([p[0], p[1]]) >> shift) & mask;
        ((value >> down) << up) as i16
    };
    // A constant step lets the compiler turn the loop into shuffles.
    match (packing.bytes(), packing.step) {
        (1, 1) => unpack_each::<1>(row, byte, out),
        (1, 2) => unpack_each::<2>(row, byte, out),
        (1, 3) => unpack_each::<3>(row, byte, out),
        (1, _) => unpack_each::<4>(row, byte, out),
        (_, 2) => unpack_each::<2>(row, word, out),
        (_, _) => unpack_each::<4>(row, word, out),
    }
}

#[inline(always)]
fn unpack_each<const STEP: usize>(row: &[u8], sample: impl Fn(&[u8]) -> i16, out: &mut [i16]) {
    // The last sample stands apart: its row may end before the step does.
    let Some((last, head)) = out.split_last_mut() else {
        return;
    };
    *last = sample(&row[head.len() * STEP..]);
    for (o, p) in head.iter_mut().zip(row.as_chunks::<STEP>().0) {
        *o = sample(p);
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn unpack_avx2(row: &[u8], packing: Packing, out: &mut [i16]) {
    unpack_plain(row, packing, out);
}

dispatch! {
    /// Filters one row of samples. `row` holds the samples of `filter.span` and room for
    /// `filter.taps` more. Writes `filter.first.len()` values from 0 to `max`.
    horizontal, horizontal_plain, horizontal_avx2,
    (row: &[i16], filter: &Filter, max: i16, out: &mut [i16])
}

fn horizontal_plain(row: &[i16], filter: &Filter, max: i16, out: &mut [i16]) {
    let round = 1i32 << (filter.precision - 1);
    for (x, o) in out.iter_mut().enumerate().take(filter.len) {
        let start = filter.first[x] as usize - filter.span.start;
        let count = filter.count[x] as usize;
        let weights = &filter.weights[x * filter.taps..][..count];
        let sum: i32 = row[start..start + count]
            .iter()
            .zip(weights)
            .map(|(p, w)| i32::from(*p) * *w)
            .sum();
        *o = (((sum + round) >> filter.precision).clamp(0, i32::from(max))) as i16;
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn horizontal_avx2(row: &[i16], filter: &Filter, max: i16, out: &mut [i16]) {
    // The usual windows have loops of their own that the compiler can unroll: counting to a
    // number that it does not know would be a quarter of the work.
    let run = match (filter.split > 0, filter.taps / BLOCK) {
        (true, 1) => horizontal_parts_avx2::<2, 1>,
        (true, 2) => horizontal_parts_avx2::<2, 2>,
        (true, 3) => horizontal_parts_avx2::<2, 3>,
        (true, _) => horizontal_parts_avx2::<2, 0>,
        (false, 1) => horizontal_parts_avx2::<1, 1>,
        (false, 2) => horizontal_parts_avx2::<1, 2>,
        (false, 3) => horizontal_parts_avx2::<1, 3>,
        (false, _) => horizontal_parts_avx2::<1, 0>,
    };
    run(row, filter, max, out);
}

/// Eight outputs at a time, two to a register: eight taps of each are multiplied with their
/// weights (`vpmaddwd`), high and low parts apart where there are two, and the sums folded
/// together. `BLOCKS` is the number of blocks a window has, or 0 for any number.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn horizontal_parts_avx2<const PARTS: usize, const BLOCKS: usize>(
    row: &[i16],
    filter: &Filter,
    max: i16,
    out: &mut [i16],
) {
    use std::arch::x86_64::*;

    // What makes the loads and stores below sound; that every window lies within `filter.span` is
    // how a Filter is made.
    let outputs = filter.first.len();
    let blocks = if BLOCKS > 0 {
        BLOCKS
    } else {
        filter.taps / BLOCK
    };
    assert!(outputs.is_multiple_of(8) && out.len() >= outputs);
    assert!(filter.taps == blocks * BLOCK && filter.parts.len() == outputs * filter.taps * PARTS);
    assert!(row.len() >= filter.span.len() + filter.taps);

    let split = _mm_cvtsi32_si128(filter.split as i32);
    let precision = _mm_cvtsi32_si128(filter.precision as i32);
    let round = _mm256_set1_epi32(1 << (filter.precision - 1));
    let (zero, max) = (_mm_setzero_si128(), _mm_set1_epi16(max));

    let first = |x: usize| {
        // SAFETY: the windows' starts lie within the span, whose samples `row` holds.
        unsafe {
            row.as_ptr()
                .add(*filter.first.get_unchecked(x) as usize - filter.span.start)
        }
    };
    // Four sums of two products each, of outputs `x` and `x + 1`.
    let sums = |x: usize| {
        let (a, b) = (first(x), first(x + 1));
        let mut high = _mm256_setzero_si256();
        let mut low = _mm256_setzero_si256();
        for block in 0..blocks {
            // SAFETY: a window and its padding are `filter.taps` long, for which `row` has room;
            // `parts` holds PARTS times two BLOCKs for each block of each pair.
            unsafe {
                let weights = filter
                    .parts
                    .as_ptr()
                    .add((x / 2 * blocks + block) * BLOCK * 2 * PARTS);
                let samples =
                    _mm256_loadu2_m128i(b.add(block * BLOCK).cast(), a.add(block * BLOCK).cast());
                let product = _mm256_madd_epi16(samples, _mm256_loadu_si256(weights.cast()));
                high = _mm256_add_epi32(high, product);
                if PARTS == 2 {
                    let weights = weights.add(BLOCK * 2);
                    let product = _mm256_madd_epi16(samples, _mm256_loadu_si256(weights.cast()));
                    low = _mm256_add_epi32(low, product);
                }
            }
        }
        if PARTS == 2 {
            _mm256_add_epi32(_mm256_sll_epi32(high, split), low)
        } else {
            high
        }
    };

    let mut x = 0;
    while x < outputs {
        // Even outputs end in the low half of the register, odd ones in the high half.
        let sums = _mm256_hadd_epi32(
            _mm256_hadd_epi32(sums(x), sums(x + 2)),
            _mm256_hadd_epi32(sums(x + 4), sums(x + 6)),
        );
        let values = _mm256_sra_epi32(_mm256_add_epi32(sums, round), precision);
        let even = _mm256_castsi256_si128(values);
        let odd = _mm256_extracti128_si256(values, 1);
        let values = _mm_packs_epi32(_mm_unpacklo_epi32(even, odd), _mm_unpackhi_epi32(even, odd));
        let values = _mm_max_epi16(_mm_min_epi16(values, max), zero);
        // SAFETY: `out` holds at least `outputs` values, and `x + 8 <= outputs`.
        unsafe { _mm_storeu_si128(out.as_mut_ptr().add(x).cast(), values) };
        x += 8;
    }
}

/// The rows of one window, in a ring.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows<'a> {
    /// Rows of `width` values each, row `r` of the picture at `r % (ring.len() / width)`.
    pub ring: &'a [i16],
    pub width: usize,
    pub filter: &'a Filter,
    /// The output, and so the window.
    pub y: usize,
    pub max: i16,
}

impl<'a> Rows<'a> {
    /// The window's rows in the order of its weights. It goes round the end of the ring at most
    /// once.
    fn iter(&self) -> impl Iterator<Item = &'a [i16]> + use<'a> {
        let capacity = self.ring.len() / self.width;
        let start = self.filter.first[self.y] as usize % capacity;
        let (ring, width) = (self.ring, self.width);
        let head = ring[start * width..].chunks_exact(width);
        head.chain(ring.chunks_exact(width))
            .take(self.filter.count[self.y] as usize)
    }
}

dispatch! {
    /// Filters the rows of one window into the first `rows.width` values of `out` (a multiple of
    /// [`LANES`]).
    vertical, vertical_plain, vertical_avx2, (rows: Rows<'_>, out: &mut [i16])
}

fn vertical_plain(rows: Rows<'_>, out: &mut [i16]) {
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

/// Sixteen columns at a time, two rows at a time: `vpmaddwd` multiplies both with their weights
/// and adds the products.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn vertical_avx2(rows: Rows<'_>, out: &mut [i16]) {
    use std::arch::x86_64::*;

    /// Windows with more rows go the portable way: they are those of pictures so large that the
    /// columns take nearly all of the time.
    const MOST: usize = 64;
    let count = rows.filter.count[rows.y] as usize;
    if count > MOST {
        return vertical_plain(rows, out);
    }
    assert!(rows.width.is_multiple_of(LANES) && out.len() >= rows.width);
    // An odd window ends in a pair with a weight of zero, for which any row will do.
    let mut pointers = [rows.ring.as_ptr(); MOST];
    for (pointer, row) in pointers.iter_mut().zip(rows.iter()) {
        *pointer = row.as_ptr();
    }
    let (pointers, _) = pointers[..count.next_multiple_of(2)].as_chunks::<2>();
    let (high, low) = rows.filter.pairs_of(rows.y);

    let split = _mm_cvtsi32_si128(rows.filter.split as i32);
    let precision = _mm_cvtsi32_si128(rows.filter.precision as i32);
    let round = _mm256_set1_epi32(1 << (rows.filter.precision - 1));
    let (zero, max) = (_mm256_setzero_si256(), _mm256_set1_epi16(rows.max));

    for x in (0..rows.width).step_by(LANES) {
        // Sums of columns 0 to 3 and 8 to 11, and of the others: as `vpunpck` leaves them and
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

/// Y'CbCr to R'G'B' in fixed point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Matrix {
    /// The value of black, and that of no colour.
    pub black: i32,
    pub neutral: i32,
    /// Weights, `1 << Self::PRECISION` is one.
    pub luma: i32,
    pub cr_to_red: i32,
    pub cb_to_green: i32,
    pub cr_to_green: i32,
    pub cb_to_blue: i32,
}

impl Matrix {
    /// Bits behind the binary point of the weights.
    pub const PRECISION: u32 = 20;
}

dispatch! {
    /// Converts one row from Y'CbCr to 8-bit R'G'B', rounded to nearest.
    to_rgb, to_rgb_plain, to_rgb_avx2,
    (matrix: &Matrix, yuv: [&[i16]; 3], rgb: [&mut [u8]; 3])
}

#[inline(always)]
fn to_rgb_plain(m: &Matrix, [y, u, v]: [&[i16]; 3], [r, g, b]: [&mut [u8]; 3]) {
    const HALF: i32 = 1 << (Matrix::PRECISION - 1);
    let len = r.len();
    let (y, u, v) = (&y[..len], &u[..len], &v[..len]);
    let (g, b) = (&mut g[..len], &mut b[..len]);
    let byte = |value: i32| (value >> Matrix::PRECISION).clamp(0, 255) as u8;
    for x in 0..len {
        let luma = (i32::from(y[x]) - m.black) * m.luma + HALF;
        let (cb, cr) = (i32::from(u[x]) - m.neutral, i32::from(v[x]) - m.neutral);
        r[x] = byte(luma + cr * m.cr_to_red);
        g[x] = byte(luma + cb * m.cb_to_green + cr * m.cr_to_green);
        b[x] = byte(luma + cb * m.cb_to_blue);
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn to_rgb_avx2(matrix: &Matrix, yuv: [&[i16]; 3], rgb: [&mut [u8]; 3]) {
    to_rgb_plain(matrix, yuv, rgb);
}
