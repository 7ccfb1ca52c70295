// SPDX-License-Identifier: MPL-2.0
//! Samples out of a row of a plane, as contiguous 16-bit values.

use super::{Backend, dispatch};

/// How the samples of a component lie in a row of a plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Packing {
    /// Bytes from one sample of the component to the next.
    pub step: usize,
    /// Bits of a sample. 8 bits are one byte; more are a 16-bit word.
    pub depth: u32,
    /// Bits of a word below its sample.
    pub shift: u32,
    /// Bits that samples have in the resampler.
    pub target: u32,
}

impl Packing {
    /// Bytes of a sample.
    pub fn bytes(&self) -> usize {
        if self.depth > 8 { 2 } else { 1 }
    }

    /// The maximum value at the target depth.
    pub fn max(&self) -> i16 {
        ((1i32 << self.target) - 1) as i16
    }
}

dispatch! {
    /// Copies every `packing.step`-th sample of `row` to `out`, at the target depth. `row` starts
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
    // The last sample is read by itself: its row may end before the step does.
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
    /// Copies every `step`-th of `values` to `out`. They start with the first one wanted and may
    /// end with the last one.
    deinterleave, deinterleave_plain, deinterleave_avx2, (values: &[i16], step: usize, out: &mut [i16])
}

#[inline(always)]
fn deinterleave_plain(values: &[i16], step: usize, out: &mut [i16]) {
    match step {
        1 => out.copy_from_slice(&values[..out.len()]),
        2 => deinterleave_each::<2>(values, out),
        3 => deinterleave_each::<3>(values, out),
        _ => deinterleave_each::<4>(values, out),
    }
}

#[inline(always)]
fn deinterleave_each<const STEP: usize>(values: &[i16], out: &mut [i16]) {
    let Some((last, head)) = out.split_last_mut() else {
        return;
    };
    *last = values[head.len() * STEP];
    for (o, v) in head.iter_mut().zip(values.as_chunks::<STEP>().0) {
        *o = v[0];
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn deinterleave_avx2(values: &[i16], step: usize, out: &mut [i16]) {
    deinterleave_plain(values, step, out);
}
