// SPDX-License-Identifier: MPL-2.0
//! Drawing on frames that can be seen through, in formats whose alpha lies apart from the colours
//! or has more than 8 bits.
//!
//! Such frames are rare: nearly all that have an alpha are opaque where something is drawn, and
//! are drawn on as if they had none.

use std::ops::Range;

use gst_video::{VideoFrameRef, VideoInfo};

use super::format::{ALPHA, Component, Layout, Sample};
use super::frame;
use super::layout::Rect;
use super::patch::Pixels;
use super::stamp::{Plane, span};

/// How much of each pixel a patch covers.
#[derive(Debug)]
pub struct Veil {
    /// That of the frame.
    size: (u32, u32),
    alpha: Component,
    place: Rect,
    /// The place with all pixels that share a sample with it.
    area: Rect,
    /// Of the area's pixels, row after row: from 0 to 1.
    covered: Vec<f32>,
}

impl Veil {
    pub fn new(
        info: &VideoInfo,
        layout: &Layout,
        alpha: Component,
        place: Rect,
        pixels: &Pixels,
    ) -> Self {
        let most = |sub: fn(&Component) -> u32| layout.components.iter().map(sub).max();
        let out = |start: u32, length: u32, sub: u32, size: u32| {
            let samples = span(start, length, sub);
            let start = (samples.start as u32) << sub;
            (start, ((samples.end as u32) << sub).min(size) - start)
        };
        let (w_sub, h_sub) = (most(|c| c.w_sub), most(|c| c.h_sub));
        let (x, width) = out(place.x, place.width, w_sub.unwrap_or(0), info.width());
        let (y, height) = out(place.y, place.height, h_sub.unwrap_or(0), info.height());
        let area = Rect {
            x,
            y,
            width,
            height,
        };
        let mut covered = vec![0.0; width as usize * height as usize];
        for py in 0..place.height {
            for px in 0..place.width {
                let at = index(area, place.x + px, place.y + py);
                covered[at] = f32::from(pixels.argb(px, py)[0]) / 255.0;
            }
        }
        Self {
            size: (info.width(), info.height()),
            alpha,
            place,
            area,
            covered,
        }
    }

    /// How opaque the frame is at the area's pixels, from 0 to 1; none if it is so everywhere.
    pub fn below(
        &self,
        frame: &mut VideoFrameRef<&mut gst::BufferRef>,
        layout: &Layout,
    ) -> Result<Option<Vec<f32>>, glib::BoolError> {
        let mut plane = frame::Plane::new(frame, self.alpha.plane);
        let pixel = self.alpha.step * layout.sample.bytes();
        let first = self.alpha.first * layout.sample.bytes();
        let max = layout.max();
        let (left, width) = (self.area.x as usize, self.area.width as usize);
        let mut below = Vec::new();
        for y in 0..self.area.height as usize {
            let row = plane.row(self.area.y as usize + y, left * pixel, width * pixel)?;
            let alphas = row
                .chunks_exact(pixel)
                .map(|p| read(&p[first..], layout) & max);
            if below.is_empty() {
                if alphas.clone().fold(max, |all, alpha| all & alpha) == max {
                    continue;
                }
                below.reserve_exact(self.covered.len());
                below.resize(y * width, 1.0);
            }
            below.extend(alphas.map(|alpha| f32::from(alpha) / f32::from(max)));
        }
        Ok((!below.is_empty()).then_some(below))
    }

    /// Draws where the frame is as opaque as `below` says.
    pub fn apply(
        &self,
        frame: &mut VideoFrameRef<&mut gst::BufferRef>,
        layout: &Layout,
        planes: &[Plane],
        below: &[f32],
    ) -> Result<(), glib::BoolError> {
        let components = || layout.components.iter().enumerate();
        let (mut old, mut new) = (Vec::new(), Vec::new());
        let (mut rest, mut one) = (Vec::new(), Vec::new());
        for (c, first) in components() {
            let is_same = |o: &Component| (o.w_sub, o.h_sub) == (first.w_sub, first.h_sub);
            // All whose samples stand for the same pixels are done at once.
            if layout.components[..c].iter().any(is_same) {
                continue;
            }
            let columns = span(self.place.x, self.place.width, first.w_sub);
            one.resize(columns.len(), 1.0);
            for y in span(self.place.y, self.place.height, first.h_sub) {
                self.sum(first, &columns, y, below, &mut old, &mut new);
                // Alphas are just added up, and are never shared by pixels.
                rest.clear();
                rest.extend(new.iter().map(|above| 1.0 - above));
                self.divide(first, &columns, y, &mut old, &mut new);
                for (c, component) in components().filter(|(_, o)| is_same(o)) {
                    let mut target = frame::Plane::new(frame, component.plane);
                    let at = (columns.start, y);
                    let mix: (&[f32], &[f32]) = match c {
                        ALPHA => (&rest, &one),
                        _ => (&old, &new),
                    };
                    planes[component.plane].veil(&mut target, layout, component, at, mix)?;
                }
            }
        }
        Ok(())
    }

    /// Of each sample of a row: how many of its pixels the frame still makes up, and how many of
    /// them the patch does.
    fn sum(
        &self,
        component: &Component,
        columns: &Range<usize>,
        y: usize,
        below: &[f32],
        through: &mut Vec<f32>,
        above: &mut Vec<f32>,
    ) {
        for sums in [&mut *through, &mut *above] {
            sums.clear();
            sums.resize(columns.len(), 0.0);
        }
        let (xs, ys) = self.pixels(component, columns, y);
        for y in ys {
            let row = index(self.area, xs.start, y)..index(self.area, xs.end, y);
            let (covered, below) = (&self.covered[row.clone()], &below[row]);
            let sums = through.iter_mut().zip(above.iter_mut());
            // The same as below, with vector instructions.
            if component.w_sub == 0 {
                for ((through, above), (covered, below)) in sums.zip(covered.iter().zip(below)) {
                    *through += below * (1.0 - covered);
                    *above += covered;
                }
                continue;
            }
            let several = 1 << component.w_sub;
            let pixels = covered.chunks(several).zip(below.chunks(several));
            for ((through, above), (covered, below)) in sums.zip(pixels) {
                for (covered, below) in covered.iter().zip(below) {
                    *through += below * (1.0 - covered);
                    *above += covered;
                }
            }
        }
    }

    /// Makes of both sums what each sample is to be multiplied with and what is to be added to it.
    fn divide(
        &self,
        component: &Component,
        columns: &Range<usize>,
        y: usize,
        through: &mut [f32],
        above: &mut [f32],
    ) {
        let (xs, ys) = self.pixels(component, columns, y);
        for (x, (through, above)) in through.iter_mut().zip(above).enumerate() {
            // Where nothing comes on top there may be nothing at all.
            if *above == 0.0 {
                *through = 1.0;
                continue;
            }
            let width = (xs.len() - (x << component.w_sub)).min(1 << component.w_sub);
            let all = *through + *above;
            (*through, *above) = (*through / all, (width * ys.len()) as f32 / all);
        }
    }

    /// The pixels that these samples of a row stand for: fewer at the edge of a frame of odd size.
    fn pixels(
        &self,
        component: &Component,
        columns: &Range<usize>,
        y: usize,
    ) -> (Range<u32>, Range<u32>) {
        let part = |samples: Range<usize>, sub: u32, size: u32| {
            (samples.start as u32) << sub..((samples.end as u32) << sub).min(size)
        };
        let xs = part(columns.clone(), component.w_sub, self.size.0);
        (xs, part(y..y + 1, component.h_sub, self.size.1))
    }
}

/// Where a pixel of the frame is found among those of an area.
fn index(area: Rect, x: u32, y: u32) -> usize {
    (y - area.y) as usize * area.width as usize + (x - area.x) as usize
}

fn read(bytes: &[u8], layout: &Layout) -> u16 {
    let word = || [bytes[0], bytes[1]];
    match layout.sample {
        Sample::Byte => u16::from(bytes[0]),
        Sample::Word { big_endian: true } => u16::from_be_bytes(word()) >> layout.shift,
        Sample::Word { big_endian: false } => u16::from_le_bytes(word()) >> layout.shift,
    }
}
