// SPDX-License-Identifier: MPL-2.0
//! A bitmap prepared for one plane.

use std::ops::Range;
use std::sync::Arc;

use gst_video::VideoInfo;

use super::super::bitmap::Bitmap;
use super::color::Weights;
use super::format::{Component, Sample, SampleLayout};
use super::kernel::{self, BYTE_ONE, WORD_ONE};
use crate::planes::PlaneMut;
use crate::rect::Rect;

/// What the samples of a plane are multiplied by (`keep`) and what is added to them (`add`), row
/// after row, in the units of [`kernel`].
#[derive(Debug)]
pub enum Coefficients {
    /// Bytes.
    Bytes { keep: Vec<u8>, add: Vec<u8> },
    /// Pixels of four bytes, of which byte `alpha` is the alpha.
    Pixels {
        alpha: usize,
        keep: Vec<u8>,
        add: Vec<u8>,
    },
    /// 16-bit words.
    Words { keep: Vec<u16>, add: Vec<u32> },
}

/// The samples of a plane that a bitmap covers.
#[derive(Debug, Clone, Copy)]
pub struct Covered {
    /// First row.
    pub top: usize,
    /// Number of rows.
    pub rows: usize,
    /// First sample of each row.
    pub left: usize,
    /// Samples of a row.
    pub width: usize,
}

/// A bitmap prepared for one plane.
#[derive(Debug)]
pub struct PlaneBlend {
    /// The samples that it changes.
    pub covered: Covered,
    /// Shared by the blends of one bitmap at several places.
    pub coefficients: Arc<Coefficients>,
}

/// The samples of plane `plane` that a place covers; `None` if the plane has no components.
pub fn covered_samples(layout: &SampleLayout, plane: usize, place: Rect) -> Option<Covered> {
    let components = || layout.components.iter().filter(|c| c.plane == plane);
    // All components of a plane have as many rows.
    let rows = samples_of(place.y, place.height, components().next()?.h_sub);
    let samples = components().map(|c| {
        let columns = samples_of(place.x, place.width, c.w_sub);
        columns.start * c.step..columns.end * c.step
    });
    let left = samples.clone().map(|s| s.start).min()?;
    Some(Covered {
        top: rows.start,
        rows: rows.len(),
        left,
        width: samples.map(|s| s.end).max()? - left,
    })
}

impl PlaneBlend {
    /// Prepares a bitmap at a place for plane `plane`; `None` if the plane has no components.
    pub fn new(
        info: &VideoInfo,
        layout: &SampleLayout,
        plane: usize,
        place: Rect,
        bitmap: &Bitmap,
    ) -> Option<Self> {
        let covered = covered_samples(layout, plane, place)?;
        let mut coefficients = Coefficients::neutral(layout, plane, covered);
        for (c, component) in layout.components.iter().enumerate() {
            if component.plane == plane {
                coefficients.fill(info, layout, c, covered, place, bitmap);
            }
        }
        Some(Self {
            covered,
            coefficients: Arc::new(coefficients),
        })
    }

    /// Blends one row of one component, from column `x` on, onto a frame that is not opaque. Each
    /// sample is multiplied by its own factor of `keep`, which replaces the prepared one, and the
    /// prepared summand by its own factor of `scale`.
    pub fn apply_row_transparent(
        &self,
        target: &mut PlaneMut,
        layout: &SampleLayout,
        component: &Component,
        (x, y): (usize, usize),
        (keep, scale): (&[f32], &[f32]),
    ) -> Result<(), glib::BoolError> {
        let Covered {
            top, left, width, ..
        } = self.covered;
        let bytes = layout.sample.bytes();
        let row = target.row(y, left * bytes, width * bytes)?;
        let start = self.covered.index(component, x, top);
        let row = &mut row[start * bytes..];
        let at = self.covered.index(component, x, y)..(y - top + 1) * width;
        match &*self.coefficients {
            Coefficients::Bytes { add, .. } | Coefficients::Pixels { add, .. } => {
                kernel::transparent_bytes(row, &add[at], component.step, keep, scale);
            }
            Coefficients::Words { add, .. } => {
                let words = match layout.sample {
                    Sample::Word { big_endian: true } => kernel::transparent_words::<true>,
                    _ => kernel::transparent_words::<false>,
                };
                let kind = (layout.shift, layout.max());
                words(row, &add[at], component.step, kind, keep, scale);
            }
        }
        Ok(())
    }

    /// Blends all rows onto an opaque frame, or onto one whose pixels hold their own alpha.
    pub fn apply(
        &self,
        plane: &mut PlaneMut,
        layout: &SampleLayout,
    ) -> Result<(), glib::BoolError> {
        let Covered {
            top,
            rows,
            left,
            width,
        } = self.covered;
        let bytes = layout.sample.bytes();
        for y in 0..rows {
            let row = plane.row(top + y, left * bytes, width * bytes)?;
            let at = y * width..(y + 1) * width;
            match &*self.coefficients {
                Coefficients::Bytes { keep, add } => {
                    kernel::bytes(row, &keep[at.clone()], &add[at]);
                }
                Coefficients::Pixels { alpha, keep, add } => {
                    let pixels = match alpha {
                        0 => kernel::pixels::<0>,
                        1 => kernel::pixels::<1>,
                        2 => kernel::pixels::<2>,
                        _ => kernel::pixels::<3>,
                    };
                    pixels(row, &keep[at.clone()], &add[at]);
                }
                Coefficients::Words { keep, add } => {
                    let words = match layout.sample {
                        Sample::Word { big_endian: true } => kernel::words::<true>,
                        _ => kernel::words::<false>,
                    };
                    words(row, &keep[at.clone()], &add[at], layout.shift);
                }
            }
        }
        Ok(())
    }
}

impl Covered {
    /// The index of a component's sample among the coefficients.
    fn index(&self, component: &Component, x: usize, y: usize) -> usize {
        (y - self.top) * self.width + x * component.step + component.first - self.left
    }
}

impl Coefficients {
    /// Coefficients that change nothing.
    fn neutral(layout: &SampleLayout, plane: usize, covered: Covered) -> Self {
        let count = covered.width * covered.rows;
        let is_pixel =
            |c: &Component| c.plane == plane && c.step == 4 && (c.w_sub, c.h_sub) == (0, 0);
        match (layout.sample, layout.alpha()) {
            (Sample::Byte, Some(alpha)) if layout.components.iter().all(is_pixel) => Self::Pixels {
                alpha: alpha.first,
                keep: vec![BYTE_ONE; count],
                add: vec![0; count],
            },
            (Sample::Byte, _) => Self::Bytes {
                keep: vec![BYTE_ONE; count],
                add: vec![0; count],
            },
            (Sample::Word { .. }, _) => Self::Words {
                keep: vec![WORD_ONE; count],
                add: vec![0; count],
            },
        }
    }

    /// Fills in those of component `c`.
    fn fill(
        &mut self,
        info: &VideoInfo,
        layout: &SampleLayout,
        c: usize,
        covered: Covered,
        place: Rect,
        bitmap: &Bitmap,
    ) {
        let component = layout.components[c];
        let weights = Weights::new(info, c);
        for y in samples_of(place.y, place.height, component.h_sub) {
            for x in samples_of(place.x, place.width, component.w_sub) {
                let mut sum = [0u32; 4];
                let cell = pixels_of(info, &component, x, y);
                for (px, py) in bitmap_pixels(cell, place) {
                    let argb = bitmap.argb(px, py);
                    for (sum, value) in sum.iter_mut().zip(argb) {
                        *sum += u32::from(value);
                    }
                }
                if sum[0] == 0 {
                    continue;
                }
                let count = f64::from(cell.width * cell.height);
                let argb = sum.map(|s| f64::from(s) / count);
                let at = covered.index(&component, x, y);
                self.set(at, argb[0], weights.of(argb), layout.max());
            }
        }
    }

    /// Sets one sample's, from an alpha from 0 to 255 and a value premultiplied with it.
    fn set(&mut self, at: usize, alpha: f64, value: f64, max: u16) {
        match self {
            Self::Bytes { keep, add } | Self::Pixels { keep, add, .. } => {
                keep[at] = BYTE_ONE - alpha.round() as u8;
                add[at] = value.round() as u8;
            }
            Self::Words { keep, add } => {
                let taken = (alpha * 257.0).round() as u16;
                keep[at] = WORD_ONE - taken;
                // The kernel relies on this maximum.
                let max = f64::from(max) * f64::from(taken);
                add[at] = (value * 65535.0).round().clamp(0.0, max) as u32;
            }
        }
    }
}

/// The samples that cover `length` pixels from `start` on, at a subsampling of `1 << sub`.
pub fn samples_of(start: u32, length: u32, sub: u32) -> Range<usize> {
    let end = (start + length).div_ceil(1 << sub);
    (start >> sub) as usize..end as usize
}

/// The pixels of the frame that share a sample: fewer at the edge of a frame of odd size.
fn pixels_of(info: &VideoInfo, component: &Component, x: usize, y: usize) -> Rect {
    let part = |at: usize, sub: u32, size: u32| {
        let start = (at as u32) << sub;
        (start, (1 << sub).min(size - start))
    };
    let (x, width) = part(x, component.w_sub, info.width());
    let (y, height) = part(y, component.h_sub, info.height());
    Rect {
        x,
        y,
        width,
        height,
    }
}

/// Those of the pixels that a bitmap at this place covers, in the bitmap's coordinates.
fn bitmap_pixels(cell: Rect, place: Rect) -> impl Iterator<Item = (u32, u32)> {
    let range = |start: u32, length: u32, place: u32, size: u32| {
        start.max(place)..(start + length).min(place + size)
    };
    let xs = range(cell.x, cell.width, place.x, place.width);
    let ys = range(cell.y, cell.height, place.y, place.height);
    ys.flat_map(move |y| xs.clone().map(move |x| (x - place.x, y - place.y)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples that cover odd places.
    #[test]
    fn covers_odd_places() {
        assert_eq!(samples_of(3, 1, 0), 3..4);
        assert_eq!(samples_of(3, 1, 1), 1..2);
        assert_eq!(samples_of(3, 2, 1), 1..3);
        assert_eq!(samples_of(2, 2, 1), 1..2);
    }
}
