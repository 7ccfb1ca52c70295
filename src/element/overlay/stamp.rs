// SPDX-License-Identifier: MPL-2.0
//! Drawing on frames in the format that they have.
//!
//! A patch is turned once into what each byte of the frame's planes is multiplied with and what is
//! added to it. With that, drawing is one pass over the bytes that are covered, the same for all
//! formats, and quick: GStreamer's own blending turns each row of the frame into 4:4:4 and back,
//! over its whole width, and the patch into the frame's colours at each frame.

use gst_video::{VideoColorMatrix, VideoFormatFlags, VideoFrameExt, VideoFrameRef, VideoInfo};

use super::layout::Rect;
use super::patch::Pixels;

/// What is to be done to one plane.
#[derive(Debug)]
struct Plane {
    /// First row and first byte in it.
    top: usize,
    left: usize,
    /// Bytes of a row.
    width: usize,
    /// What each byte is multiplied with, in 255ths, row after row.
    keep: Vec<u8>,
    /// What is added then.
    add: Vec<u8>,
}

/// A patch for the frames of one format and size.
#[derive(Debug)]
pub struct Stamp {
    planes: Vec<Plane>,
}

impl Stamp {
    /// None for formats that are not made of opaque components of 8 bits. The place lies within the
    /// frame.
    pub fn new(info: &VideoInfo, place: Rect, pixels: &Pixels) -> Option<Self> {
        let format = info.format_info();
        let odd = VideoFormatFlags::ALPHA
            | VideoFormatFlags::PALETTE
            | VideoFormatFlags::COMPLEX
            | VideoFormatFlags::TILED;
        let components = format.n_components() as usize;
        // Where samples do not follow one another evenly, their distance is 0.
        let is_plain =
            |c| format.depth()[c] == 8 && format.shift()[c] == 0 && format.pixel_stride()[c] > 0;
        if format.flags().intersects(odd) || !(0..components).all(is_plain) {
            return None;
        }

        let mut planes = Vec::new();
        for p in 0..format.n_planes() {
            let mut plane: Option<Plane> = None;
            let members: Vec<usize> = (0..components)
                .filter(|c| format.plane()[*c] == p)
                .collect();
            // All components of a plane have as many rows.
            let rows = span(place.y, place.height, format.h_sub()[*members.first()?]);
            let bytes = members.iter().map(|c| {
                let columns = span(place.x, place.width, format.w_sub()[*c]);
                let step = format.pixel_stride()[*c] as usize;
                columns.start * step..columns.end * step
            });
            let left = bytes.clone().map(|b| b.start).min()?;
            let right = bytes.map(|b| b.end).max()?;
            for c in members {
                let plane = plane.get_or_insert_with(|| Plane {
                    top: rows.start,
                    left,
                    width: right - left,
                    keep: vec![255; (right - left) * rows.len()],
                    add: vec![0; (right - left) * rows.len()],
                });
                component(plane, info, c, place, pixels);
            }
            planes.extend(plane);
        }
        Some(Self { planes })
    }

    /// Draws. Nothing outside of the patch is touched.
    pub fn apply(
        &self,
        frame: &mut VideoFrameRef<&mut gst::BufferRef>,
    ) -> Result<(), glib::BoolError> {
        for (p, plane) in self.planes.iter().enumerate() {
            let stride = frame.plane_stride()[p] as usize;
            let data = frame.plane_data_mut(p as u32)?;
            let rows = plane.keep.chunks_exact(plane.width);
            for (y, (keep, add)) in rows.zip(plane.add.chunks_exact(plane.width)).enumerate() {
                let start = (plane.top + y) * stride + plane.left;
                let Some(row) = data.get_mut(start..start + plane.width) else {
                    return Err(glib::bool_error!(
                        "plane {p} has {} bytes, and row {} does not lie in them",
                        data.len(),
                        plane.top + y
                    ));
                };
                blend(row, keep, add);
            }
        }
        Ok(())
    }
}

/// The kernel; plain enough to become vector instructions.
fn blend(row: &mut [u8], keep: &[u8], add: &[u8]) {
    for ((value, keep), add) in row.iter_mut().zip(keep).zip(add) {
        // Exactly the product divided by 255 and rounded.
        let product = u16::from(*value) * u16::from(*keep) + 128;
        *value = (((product + (product >> 8)) >> 8) as u8).saturating_add(*add);
    }
}

/// The samples that cover these pixels.
fn span(start: u32, length: u32, sub: u32) -> std::ops::Range<usize> {
    let end = (start + length).div_ceil(1 << sub);
    (start >> sub) as usize..end as usize
}

/// Fills in one component.
fn component(plane: &mut Plane, info: &VideoInfo, c: usize, place: Rect, pixels: &Pixels) {
    let format = info.format_info();
    let (ws, hs) = (format.w_sub()[c], format.h_sub()[c]);
    let step = format.pixel_stride()[c] as usize;
    let offset = format.poffset()[c] as usize;
    let (weights, zero) = weights(info, c);
    let rows = span(place.y, place.height, hs);
    let columns = span(place.x, place.width, ws);
    for y in rows.clone() {
        for x in columns.clone() {
            let mut sum = [0u32; 4];
            let cell = cell(info, (x as u32) << ws, (y as u32) << hs, ws, hs);
            for (px, py) in inside(cell, place) {
                let argb = pixels.argb(px, py);
                for (sum, value) in sum.iter_mut().zip(argb) {
                    *sum += u32::from(value);
                }
            }
            if sum[0] == 0 {
                continue;
            }
            let count = (cell.width * cell.height) as f32;
            let [alpha, r, g, b] = sum.map(|s| s as f32 / count);
            let value = weights[0] * r + weights[1] * g + weights[2] * b + zero * alpha;
            let at = (y - rows.start) * plane.width + x * step + offset - plane.left;
            plane.keep[at] = 255 - alpha.round() as u8;
            plane.add[at] = value.round().clamp(0.0, 255.0) as u8;
        }
    }
}

/// The pixels of the frame that share a sample: fewer at the edge of a frame of odd size.
fn cell(info: &VideoInfo, x: u32, y: u32, ws: u32, hs: u32) -> Rect {
    Rect {
        x,
        y,
        width: (1 << ws).min(info.width() - x),
        height: (1 << hs).min(info.height() - y),
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

/// What a component is made of: weights of red, green and blue (each from 0 to 255), and what
/// stands for zero (for an alpha of 1).
fn weights(info: &VideoInfo, c: usize) -> ([f32; 3], f32) {
    let format = info.format_info();
    if format.is_rgb() {
        let mut weights = [0.0; 3];
        weights[c.min(2)] = 1.0;
        return (weights, 0.0);
    }
    let colorimetry = info.colorimetry();
    let matrix = match colorimetry.matrix() {
        VideoColorMatrix::Unknown | VideoColorMatrix::Rgb => VideoColorMatrix::Bt601,
        matrix => matrix,
    };
    let (kr, kb) = matrix.kr_kb().unwrap_or((0.299, 0.114));
    let luma = [kr, 1.0 - kr - kb, kb];
    let (offsets, scales) = format.range_offsets(colorimetry.range());
    let difference = |own: usize| {
        let size = 2.0 * (1.0 - luma[own]);
        let mut weights = luma.map(|w| -w / size);
        weights[own] = 0.5;
        weights
    };
    let weights = match c {
        0 => luma,
        1 => difference(2),
        _ => difference(0),
    };
    let scale = f64::from(scales[c]) / 255.0;
    // An alpha of 255 stands for the whole offset.
    let zero = f64::from(offsets[c]) / 255.0;
    (weights.map(|w| (w * scale) as f32), zero as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gst_video::VideoFormat;

    /// A byte that is kept whole is not changed, one that is covered is replaced, and between the
    /// two it is mixed to the nearest number.
    #[test]
    fn kernel() {
        for value in 0..=255u8 {
            for keep in 0..=255u8 {
                let mut row = [value];
                blend(&mut row, &[keep], &[0]);
                let exact = f64::from(value) * f64::from(keep) / 255.0;
                assert_eq!(row[0], exact.round() as u8, "{value} * {keep}");
            }
        }
        let mut row = [200];
        blend(&mut row, &[255], &[100]);
        assert_eq!(row[0], 255, "no overflow");
    }

    /// Samples that cover odd places.
    #[test]
    fn spans() {
        assert_eq!(span(3, 1, 0), 3..4);
        assert_eq!(span(3, 1, 1), 1..2);
        assert_eq!(span(3, 2, 1), 1..3);
        assert_eq!(span(2, 2, 1), 1..2);
    }

    /// Plain colours in the formats' own numbers.
    #[test]
    fn colors() -> Result<(), glib::BoolError> {
        gst::init().map_err(|e| glib::bool_error!("{e}"))?;
        let value = |info: &VideoInfo, c, rgb: [f32; 3]| {
            let (weights, zero) = weights(info, c);
            let sum: f32 = weights.iter().zip(rgb).map(|(w, v)| w * v).sum();
            (sum + zero * 255.0).round()
        };
        let (white, red) = ([255.0; 3], [255.0, 0.0, 0.0]);
        let sd = VideoInfo::builder(VideoFormat::I420, 320, 240).build()?;
        assert_eq!(
            [0, 1, 2].map(|c| value(&sd, c, white)),
            [235.0, 128.0, 128.0]
        );
        assert_eq!([0, 1, 2].map(|c| value(&sd, c, red)), [81.0, 90.0, 240.0]);
        let hd = VideoInfo::builder(VideoFormat::I420, 1920, 1080).build()?;
        assert_eq!([0, 1, 2].map(|c| value(&hd, c, red)), [63.0, 102.0, 240.0]);
        let rgb = VideoInfo::builder(VideoFormat::Bgrx, 320, 240).build()?;
        assert_eq!([0, 1, 2].map(|c| value(&rgb, c, red)), [255.0, 0.0, 0.0]);
        Ok(())
    }
}
