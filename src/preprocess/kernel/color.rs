// SPDX-License-Identifier: MPL-2.0
//! Y'CbCr to R'G'B'.

use super::{Backend, dispatch};

/// Y'CbCr to R'G'B' in fixed point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Matrix {
    /// The luma of black.
    pub black: i32,
    /// The colour difference of grey.
    pub neutral: i32,
    /// Weight of luma. As in the other weights, `1 << Self::PRECISION` is one.
    pub luma: i32,
    /// Weight of Cr in red.
    pub cr_to_red: i32,
    /// Weight of Cb in green.
    pub cb_to_green: i32,
    /// Weight of Cr in green.
    pub cr_to_green: i32,
    /// Weight of Cb in blue.
    pub cb_to_blue: i32,
}

impl Matrix {
    /// Fractional bits of the weights.
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
