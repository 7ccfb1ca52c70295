// SPDX-License-Identifier: MPL-2.0
//! The inner loops of blending. Each takes a row of samples, a factor for each of them (`keep`),
//! and a summand (`add`). They are simple enough for the compiler to vectorize.

/// The factor 1 for bytes.
pub const BYTE_ONE: u8 = u8::MAX;
/// The factor 1 for words.
pub const WORD_ONE: u16 = u16::MAX;

/// Blends bytes. `keep` is in 255ths.
pub fn bytes(row: &mut [u8], keep: &[u8], add: &[u8]) {
    for ((value, keep), add) in row.iter_mut().zip(keep).zip(add) {
        // The product divided by 255 and rounded to nearest.
        let product = u16::from(*value) * u16::from(*keep) + 128;
        *value = (((product + (product >> 8)) >> 8) as u8).saturating_add(*add);
    }
}

/// Blends words with a sample of `16 - shift` bits or fewer above `shift` unused bits, which are
/// left alone. `keep` and `add` are in 65535ths, and `add` is at most `(65535 - keep) * 65535`.
pub fn words<const BIG_ENDIAN: bool>(row: &mut [u8], keep: &[u16], add: &[u32], shift: u32) {
    let (words, _) = row.as_chunks_mut::<2>();
    for ((word, keep), add) in words.iter_mut().zip(keep).zip(add) {
        change::<BIG_ENDIAN>(word, shift, |value| {
            // The sum divided by 65535 and rounded to nearest. It is at most 65535 * 65535, so
            // nothing overflows.
            let sum = u32::from(value) * u32::from(*keep) + *add + 0x8000;
            ((sum + (sum >> 16)) >> 16) as u16
        });
    }
}

/// Changes the sample of a word and leaves the bits below it alone.
#[inline(always)]
fn change<const BIG_ENDIAN: bool>(word: &mut [u8; 2], shift: u32, to: impl Fn(u16) -> u16) {
    let before = match BIG_ENDIAN {
        true => u16::from_be_bytes(*word),
        false => u16::from_le_bytes(*word),
    };
    let below = (1u16 << shift) - 1;
    let after = to(before >> shift) << shift | before & below;
    *word = match BIG_ENDIAN {
        true => after.to_be_bytes(),
        false => after.to_le_bytes(),
    };
}

/// Blends pixels of four bytes. Byte `ALPHA` is the alpha; the others are not premultiplied with
/// it. This is Porter and Duff's "over" for all four. `keep` is the same for the bytes of a pixel.
pub fn pixels<const ALPHA: usize>(row: &mut [u8], keep: &[u8], add: &[u8]) {
    // In opaque pixels all four bytes are blended in the same way.
    let all = row.as_chunks().0.iter();
    let all = all.fold(u32::MAX, |all, p| all & u32::from_ne_bytes(*p));
    if all.to_ne_bytes()[ALPHA] == u8::MAX {
        return bytes(row, keep, add);
    }
    let (pixels, rest) = row.as_chunks_mut::<BLOCK>();
    let (keeps, keep) = keep.as_chunks::<BLOCK>();
    let (adds, add) = add.as_chunks::<BLOCK>();
    for ((pixels, keep), add) in pixels.iter_mut().zip(keeps).zip(adds) {
        over::<ALPHA, BLOCK>(pixels, keep, add);
    }
    let rest = rest.as_chunks_mut::<4>().0.iter_mut();
    let (keep, add) = (keep.as_chunks::<4>().0, add.as_chunks::<4>().0);
    for ((pixel, keep), add) in rest.zip(keep).zip(add) {
        over::<ALPHA, 4>(pixel, keep, add);
    }
}

/// Bytes of the pixels that are blended together.
const BLOCK: usize = 32;

/// Blends a few pixels, of `BYTES` bytes in all.
#[inline(always)]
fn over<const ALPHA: usize, const BYTES: usize>(
    pixels: &mut [u8; BYTES],
    keep: &[u8; BYTES],
    add: &[u8; BYTES],
) {
    let (mut old, mut new) = ([0.0; BYTES], [0.0; BYTES]);
    for at in (0..BYTES).step_by(4) {
        let kept = f32::from(keep[at + ALPHA]);
        // What remains of the frame's alpha, and the reciprocal of the resulting alpha, both in
        // units of 255 * 255.
        let below = f32::from(pixels[at + ALPHA]) * kept;
        let share = 1.0 / (below + (255.0 - kept) * 255.0);
        // Where the bitmap is empty, the frame may be fully transparent, too.
        let (one, other) = match keep[at + ALPHA] {
            BYTE_ONE => (1.0, 0.0),
            _ => (below * share, 255.0 * 255.0 * share),
        };
        old[at..at + 4].fill(one);
        new[at..at + 4].fill(other);
        (old[at + ALPHA], new[at + ALPHA]) = (kept / 255.0, 1.0);
    }
    for i in 0..BYTES {
        let value = f32::from(pixels[i]) * old[i] + f32::from(add[i]) * new[i];
        // At most 255, since no more is added than was taken.
        pixels[i] = rounded(value) as u8;
    }
}

/// The nearest integer, for values from 0 to 2^16 - 1. Cheaper than a checked conversion: from 2^23
/// on, a float has no fractional bits, and its lowest bits are the integer.
fn rounded(value: f32) -> u16 {
    (value + 8_388_608.0).to_bits() as u16
}

/// Blends samples that lie `step` bytes apart: each is multiplied by its factor of `keep`, and its
/// summand by its factor of `scale`. The result is at most 255, which magnified rounding errors may
/// exceed.
pub fn transparent_bytes(row: &mut [u8], add: &[u8], step: usize, keep: &[f32], scale: &[f32]) {
    let values = row.iter_mut().zip(add).step_by(step);
    for ((value, add), (keep, scale)) in values.zip(keep.iter().zip(scale)) {
        *value = rounded((f32::from(*value) * keep + f32::from(*add) * scale).min(255.0)) as u8;
    }
}

/// As [`transparent_bytes`], for the words of [`words`] with samples up to `max`.
pub fn transparent_words<const BIG_ENDIAN: bool>(
    row: &mut [u8],
    add: &[u32],
    step: usize,
    (shift, max): (u32, u16),
    keep: &[f32],
    scale: &[f32],
) {
    let words = row.as_chunks_mut::<2>().0.iter_mut();
    let words = words.zip(add).step_by(step);
    for ((word, add), (keep, scale)) in words.zip(keep.iter().zip(scale)) {
        change::<BIG_ENDIAN>(word, shift, |value| {
            let sum = f32::from(value) * keep + *add as f32 / 65535.0 * scale;
            rounded(sum.min(f32::from(max)))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes are multiplied exactly, rounded to nearest, and saturate.
    #[test]
    fn mixes_bytes() {
        for value in 0..=255u8 {
            for keep in 0..=255u8 {
                let mut row = [value];
                bytes(&mut row, &[keep], &[0]);
                let exact = f64::from(value) * f64::from(keep) / 255.0;
                assert_eq!(row[0], exact.round() as u8, "{value} * {keep}");
            }
        }
        let mut row = [200];
        bytes(&mut row, &[255], &[100]);
        assert_eq!(row[0], 255, "no overflow");
    }

    /// Words are multiplied exactly, in both byte orders and over their whole range.
    #[test]
    fn mixes_words() {
        let numbers = || (0..=u16::MAX).step_by(771);
        for value in numbers() {
            for keep in numbers() {
                for add in [0, 1, 30_000, 65_535].map(|c| c * u32::from(u16::MAX - keep)) {
                    let sum = f64::from(value) * f64::from(keep) + f64::from(add);
                    let exact = (sum / 65535.0).round() as u16;
                    let mut row = value.to_le_bytes();
                    words::<false>(&mut row, &[keep], &[add], 0);
                    assert_eq!(u16::from_le_bytes(row), exact, "{value} * {keep} + {add}");
                    let mut row = value.to_be_bytes();
                    words::<true>(&mut row, &[keep], &[add], 0);
                    assert_eq!(u16::from_be_bytes(row), exact, "{value} * {keep} + {add}");
                }
            }
        }
    }

    /// Bits below a sample are left alone, and a sample with the factor 1 keeps its value.
    #[test]
    fn leaves_bits() {
        for word in 0..=u16::MAX {
            let mut row = word.to_le_bytes();
            words::<false>(&mut row, &[WORD_ONE], &[0], 6);
            assert_eq!(u16::from_le_bytes(row), word);
        }
        let mut row = 0xffffu16.to_le_bytes();
        words::<false>(&mut row, &[0], &[5 * 65535], 6);
        assert_eq!(u16::from_le_bytes(row), 5 << 6 | 0x3f);
    }

    /// Pixels are blended by Porter and Duff's "over", for every pair of alphas. Where the bitmap
    /// is empty, they stay as they are.
    #[test]
    fn covers_pixels() {
        for below in 0..=255u8 {
            for above in 0..=255u8 {
                covers::<0>(below, above);
                covers::<3>(below, above);
            }
        }
    }

    fn covers<const ALPHA: usize>(below: u8, above: u8) {
        let (mut before, mut add) = ([0; 4], [0; 4]);
        // Premultiplied: full, half, nothing.
        let colors = [(200, above), (10, above / 2), (90, 0)];
        for (i, (old, new)) in (ALPHA + 1..).zip(colors) {
            (before[i % 4], add[i % 4]) = (old, new);
        }
        (before[ALPHA], add[ALPHA]) = (below, above);
        let mut row = before;
        pixels::<ALPHA>(&mut row, &[255 - above; 4], &add);
        if above == 0 {
            assert_eq!(row, before);
            return;
        }
        let (a, b) = (f64::from(above) / 255.0, f64::from(below) / 255.0);
        let all = a + b * (1.0 - a);
        for i in 0..4 {
            let wanted = match i == ALPHA {
                true => all * 255.0,
                false => (f64::from(add[i]) + f64::from(before[i]) * b * (1.0 - a)) / all,
            };
            let off = (f64::from(row[i]) - wanted).abs();
            assert!(off <= 0.501, "{below} {above}: {row:?}, {wanted} at {i}");
        }
    }
}
