// SPDX-License-Identifier: MPL-2.0
//! Drawing on frames that can be seen through, in formats whose alpha lies apart from the colours
//! or has more than 8 bits.
//!
//! Such frames are rare: nearly all that have an alpha are opaque where something is drawn, and
//! are drawn on as if they had none. This is exact and not made to be quick.

use gst_video::{VideoFrameRef, VideoInfo};

use super::format::{ALPHA, Component, Layout, Sample};
use super::frame;
use super::layout::Rect;
use super::patch::Pixels;
use super::stamp::{Plane, cell, span};

/// How much of each pixel a patch covers.
#[derive(Debug)]
pub struct Veil {
    info: VideoInfo,
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
            info: info.clone(),
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
            let alphas = row.chunks_exact(pixel).map(|p| read(&p[first..], layout));
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
    pub fn cover(
        &self,
        frame: &mut VideoFrameRef<&mut gst::BufferRef>,
        layout: &Layout,
        planes: &[Plane],
        below: &[f32],
    ) -> Result<(), glib::BoolError> {
        let bytes = layout.sample.bytes();
        for (c, component) in layout.components.iter().enumerate() {
            let plane = &planes[component.plane];
            let mut target = frame::Plane::new(frame, component.plane);
            for y in span(self.place.y, self.place.height, component.h_sub) {
                let row = target.row(y, plane.left * bytes, plane.width * bytes)?;
                for x in span(self.place.x, self.place.width, component.w_sub) {
                    let at = (x * component.step + component.first - plane.left) * bytes;
                    let before = f32::from(read(&row[at..], layout));
                    let (keep, add) = plane.mix(component, x, y);
                    let after = if c == ALPHA {
                        before * keep + add
                    } else {
                        let cell = cell(&self.info, component, x, y);
                        let (above, through) = self.shares(cell, below);
                        if above == 0.0 {
                            continue;
                        }
                        let count = (cell.width * cell.height) as f32;
                        (add * count + before * through) / (above + through)
                    };
                    let after = (after.round() as u16).min(layout.max());
                    write(&mut row[at..], layout, after);
                }
            }
        }
        Ok(())
    }

    /// How many of the cell's pixels the patch makes up, and how many of them the frame still does.
    fn shares(&self, cell: Rect, below: &[f32]) -> (f32, f32) {
        let (mut above, mut through) = (0.0, 0.0);
        for y in cell.y..cell.y + cell.height {
            for x in cell.x..cell.x + cell.width {
                let at = index(self.area, x, y);
                above += self.covered[at];
                through += below[at] * (1.0 - self.covered[at]);
            }
        }
        (above, through)
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

fn write(bytes: &mut [u8], layout: &Layout, value: u16) {
    let word = value << layout.shift;
    match layout.sample {
        Sample::Byte => bytes[0] = value as u8,
        Sample::Word { big_endian: true } => bytes[..2].copy_from_slice(&word.to_be_bytes()),
        Sample::Word { big_endian: false } => bytes[..2].copy_from_slice(&word.to_le_bytes()),
    }
}
