// SPDX-License-Identifier: MPL-2.0
//! Drawing on frames in the format that they have.
//!
//! A patch is turned once into what each sample of the frame's planes is multiplied with and what
//! is added to it. With that, drawing is one pass over the samples that are covered, the same for
//! all formats of whole bytes or words, and quick: GStreamer's own blending turns each row of the
//! frame into 4:4:4 and back, over its whole width, and the patch into the frame's colours at each
//! frame. It also has one matrix for all frames, BT.709's.

use std::ops::Range;
use std::sync::Arc;

use gst_video::{VideoFrameRef, VideoInfo};

use super::color::Weights;
use super::format::{Component, Layout, Sample};
use super::frame;
use super::kernel::{self, WHOLE_BYTE, WHOLE_WORD};
use super::layout::Rect;
use super::patch::Pixels;
use super::veil::Veil;

/// What is to be done to the samples of a plane, row after row, as [`kernel`] has it.
#[derive(Debug)]
enum Mix {
    Bytes {
        keep: Vec<u8>,
        add: Vec<u8>,
    },
    /// Four bytes a pixel, one of them the alpha.
    Pixels {
        alpha: usize,
        keep: Vec<u8>,
        add: Vec<u8>,
    },
    Words {
        keep: Vec<u16>,
        add: Vec<u32>,
    },
}

/// What is to be done to one plane.
#[derive(Debug)]
pub struct Plane {
    /// First row and first sample in it.
    pub top: usize,
    pub left: usize,
    /// Samples of a row.
    pub width: usize,
    /// Shared by the stamps of one patch at several places.
    mix: Arc<Mix>,
}

/// A patch for the frames of one format and size.
#[derive(Debug)]
pub struct Stamp {
    layout: Layout,
    planes: Vec<Plane>,
    /// For frames that are not opaque, unless [`kernel::pixels`] sees to them.
    veil: Option<Veil>,
}

impl Stamp {
    /// None for formats that need GStreamer's blending, see [`Layout::new`]. The place lies within
    /// the frame.
    pub fn new(info: &VideoInfo, place: Rect, pixels: &Pixels) -> Option<Self> {
        let layout = Layout::new(&info.format_info())?;
        let mut planes = Vec::new();
        for p in 0..info.n_planes() as usize {
            let mut plane = Plane::new(&layout, p, place)?;
            for (c, component) in layout.components.iter().enumerate() {
                if component.plane == p {
                    plane.fill(info, &layout, c, place, pixels);
                }
            }
            planes.push(plane);
        }
        let has_pixels = |plane: &Plane| matches!(*plane.mix, Mix::Pixels { .. });
        let veil = match layout.alpha() {
            Some(alpha) if !planes.iter().any(has_pixels) => {
                Some(Veil::new(info, &layout, *alpha, place, pixels))
            }
            _ => None,
        };
        Some(Self {
            layout,
            planes,
            veil,
        })
    }

    /// The same for the patch at another place, in no time; none where its samples are not those
    /// that it has here: where one is shared with pixels beside the patch, and on transparent
    /// frames.
    pub fn moved(&self, from: Rect, to: Rect) -> Option<Self> {
        let subs = self.layout.components.iter();
        let sub = subs.map(|c| c.w_sub.max(c.h_sub)).max()?;
        let edges = [from, to].map(|r| r.x | r.y | r.width | r.height);
        let is_apart = (edges[0] | edges[1]) & ((1 << sub) - 1) == 0;
        let is_same = (from.width, from.height) == (to.width, to.height);
        if !is_apart || !is_same || self.veil.is_some() {
            return None;
        }
        let planes = self.planes.iter().enumerate().map(|(p, plane)| {
            let (rows, left, width) = area(&self.layout, p, to)?;
            Some(Plane {
                top: rows.start,
                left,
                width,
                mix: Arc::clone(&plane.mix),
            })
        });
        Some(Self {
            layout: self.layout.clone(),
            planes: planes.collect::<Option<_>>()?,
            veil: None,
        })
    }

    /// Draws. Nothing outside of the patch is touched.
    pub fn apply(
        &self,
        frame: &mut VideoFrameRef<&mut gst::BufferRef>,
    ) -> Result<(), glib::BoolError> {
        if let Some(veil) = &self.veil
            && let Some(below) = veil.below(frame, &self.layout)?
        {
            return veil.apply(frame, &self.layout, &self.planes, &below);
        }
        for (p, plane) in self.planes.iter().enumerate() {
            plane.apply(&mut frame::Plane::new(frame, p), &self.layout)?;
        }
        Ok(())
    }
}

/// The rows of a plane that a place covers, the first sample of each, and how many there are.
fn area(layout: &Layout, plane: usize, place: Rect) -> Option<(Range<usize>, usize, usize)> {
    let members = || layout.components.iter().filter(|c| c.plane == plane);
    // All components of a plane have as many rows.
    let rows = span(place.y, place.height, members().next()?.h_sub);
    let samples = members().map(|c| {
        let columns = span(place.x, place.width, c.w_sub);
        columns.start * c.step..columns.end * c.step
    });
    let left = samples.clone().map(|s| s.start).min()?;
    let width = samples.map(|s| s.end).max()? - left;
    Some((rows, left, width))
}

impl Plane {
    /// One that changes nothing.
    fn new(layout: &Layout, plane: usize, place: Rect) -> Option<Self> {
        let (rows, left, width) = area(layout, plane, place)?;
        let count = width * rows.len();
        let is_pixel =
            |c: &Component| c.plane == plane && c.step == 4 && (c.w_sub, c.h_sub) == (0, 0);
        let mix = match (layout.sample, layout.alpha()) {
            (Sample::Byte, Some(alpha)) if layout.components.iter().all(is_pixel) => Mix::Pixels {
                alpha: alpha.first,
                keep: vec![WHOLE_BYTE; count],
                add: vec![0; count],
            },
            (Sample::Byte, _) => Mix::Bytes {
                keep: vec![WHOLE_BYTE; count],
                add: vec![0; count],
            },
            (Sample::Word { .. }, _) => Mix::Words {
                keep: vec![WHOLE_WORD; count],
                add: vec![0; count],
            },
        };
        Some(Self {
            top: rows.start,
            left,
            width,
            mix: Arc::new(mix),
        })
    }

    /// Fills in one component.
    fn fill(&mut self, info: &VideoInfo, layout: &Layout, c: usize, place: Rect, pixels: &Pixels) {
        let component = layout.components[c];
        let weights = Weights::new(info, c);
        let (top, left, width) = (self.top, self.left, self.width);
        let mix = Arc::get_mut(&mut self.mix).expect("nobody has it before it is filled in");
        for y in span(place.y, place.height, component.h_sub) {
            for x in span(place.x, place.width, component.w_sub) {
                let mut sum = [0u32; 4];
                let cell = cell(info, &component, x, y);
                for (px, py) in inside(cell, place) {
                    let argb = pixels.argb(px, py);
                    for (sum, value) in sum.iter_mut().zip(argb) {
                        *sum += u32::from(value);
                    }
                }
                if sum[0] == 0 {
                    continue;
                }
                let count = f64::from(cell.width * cell.height);
                let argb = sum.map(|s| f64::from(s) / count);
                let at = (y - top) * width + x * component.step + component.first - left;
                mix.set(at, argb[0], weights.of(argb), layout.max());
            }
        }
    }

    /// Where what is to be done to a sample is kept.
    fn at(&self, component: &Component, x: usize, y: usize) -> usize {
        (y - self.top) * self.width + x * component.step + component.first - self.left
    }

    /// Draws one component's row of samples from column `x` on, each of them multiplied with its
    /// own of `old` in the place of what it is on opaque frames, and what is added with that of
    /// `new`.
    pub fn veil(
        &self,
        target: &mut frame::Plane,
        layout: &Layout,
        component: &Component,
        (x, y): (usize, usize),
        (old, new): (&[f32], &[f32]),
    ) -> Result<(), glib::BoolError> {
        let bytes = layout.sample.bytes();
        let row = target.row(y, self.left * bytes, self.width * bytes)?;
        let start = self.at(component, x, self.top);
        let row = &mut row[start * bytes..];
        let at = self.at(component, x, y)..(y - self.top + 1) * self.width;
        match &*self.mix {
            Mix::Bytes { add, .. } | Mix::Pixels { add, .. } => {
                kernel::veiled_bytes(row, &add[at], component.step, old, new);
            }
            Mix::Words { add, .. } => {
                let words = match layout.sample {
                    Sample::Word { big_endian: true } => kernel::veiled_words::<true>,
                    _ => kernel::veiled_words::<false>,
                };
                let kind = (layout.shift, layout.max());
                words(row, &add[at], component.step, kind, old, new);
            }
        }
        Ok(())
    }

    fn apply(&self, plane: &mut frame::Plane, layout: &Layout) -> Result<(), glib::BoolError> {
        let bytes = layout.sample.bytes();
        let rows = match &*self.mix {
            Mix::Bytes { keep, .. } | Mix::Pixels { keep, .. } => keep.len(),
            Mix::Words { keep, .. } => keep.len(),
        } / self.width;
        for y in 0..rows {
            let row = plane.row(self.top + y, self.left * bytes, self.width * bytes)?;
            let at = y * self.width..(y + 1) * self.width;
            match &*self.mix {
                Mix::Bytes { keep, add } => kernel::bytes(row, &keep[at.clone()], &add[at]),
                Mix::Pixels { alpha, keep, add } => {
                    let pixels = match alpha {
                        0 => kernel::pixels::<0>,
                        1 => kernel::pixels::<1>,
                        2 => kernel::pixels::<2>,
                        _ => kernel::pixels::<3>,
                    };
                    pixels(row, &keep[at.clone()], &add[at]);
                }
                Mix::Words { keep, add } => {
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

impl Mix {
    /// Alpha and value are multiplied with the alpha, which goes from 0 to 255.
    fn set(&mut self, at: usize, alpha: f64, value: f64, max: u16) {
        match self {
            Self::Bytes { keep, add } | Self::Pixels { keep, add, .. } => {
                keep[at] = WHOLE_BYTE - alpha.round() as u8;
                add[at] = value.round() as u8;
            }
            Self::Words { keep, add } => {
                let taken = (alpha * 257.0).round() as u16;
                keep[at] = WHOLE_WORD - taken;
                // The kernel counts on it.
                let most = f64::from(max) * f64::from(taken);
                add[at] = (value * 65535.0).round().clamp(0.0, most) as u32;
            }
        }
    }
}

/// The samples that cover these pixels.
pub fn span(start: u32, length: u32, sub: u32) -> Range<usize> {
    let end = (start + length).div_ceil(1 << sub);
    (start >> sub) as usize..end as usize
}

/// The pixels of the frame that share a sample: fewer at the edge of a frame of odd size.
fn cell(info: &VideoInfo, component: &Component, x: usize, y: usize) -> Rect {
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

/// Those of them that the patch covers, as places in the patch.
fn inside(cell: Rect, place: Rect) -> impl Iterator<Item = (u32, u32)> {
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
    fn spans() {
        assert_eq!(span(3, 1, 0), 3..4);
        assert_eq!(span(3, 1, 1), 1..2);
        assert_eq!(span(3, 2, 1), 1..3);
        assert_eq!(span(2, 2, 1), 1..2);
    }
}
