// SPDX-License-Identifier: MPL-2.0
//! From a video frame to the model's input tensor.
//!
//! The reference is the transform of torchvision's classification presets: resize the shorter side
//! with Pillow's antialiased bilinear filter, cut out the centre, divide by 255, subtract the mean,
//! divide by the standard deviation. For RGB and grey frames the result is bit-identical, with
//! Pillow's bicubic and nearest filters too ([`Interpolation`]).
//!
//! Only the part of the picture that the tensor needs is read, and no frame is converted as a
//! whole. Every component is resampled as it lies in its plane (`filter`, `resample`, `kernel`),
//! eight rows of the tensor at a time. One pass then does colour conversion, normalization and
//! layout for each finished row (`tensor`). All arithmetic up to the table of normalized values is
//! in integers, so every [`Backend`] gives bit-identical results.
//!
//! This module knows pixel formats and memory, but no pads, caps or models.

mod convert;
mod filter;
mod format;
mod geometry;
mod interpolation;
mod kernel;
mod resample;
mod tensor;

pub use crate::planes::{Picture, Plane};
pub use crate::rect::Rect;
pub use convert::{ConvertError, Converter, all_formats, is_read};
pub use format::FORMATS;
pub use geometry::{Axis, Fit, Geometry, Resize};
pub use interpolation::Interpolation;
pub use kernel::Backend;
pub use resample::ShortPlane;
pub use tensor::{ColorOrder, ElementType, Layout, Slot, is_valid_mean, is_valid_std};

use filter::Filter;
use format::{Color, Component};
use interpolation::Sampling;
use kernel::STRIP_ROWS;
use resample::Resampler;
use tensor::{Tables, Writer};

/// The input that the model expects.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// Columns of the tensor.
    pub width: u32,
    /// Rows of the tensor.
    pub height: u32,
    /// Order of its dimensions.
    pub layout: Layout,
    /// Type of its elements.
    pub element: ElementType,
    /// Order of its channels.
    pub order: ColorOrder,
    /// How a picture becomes as large as the tensor.
    pub fit: Fit,
    /// The picture's size before the crop.
    pub resize: Resize,
    /// How the picture is resized.
    pub interpolation: Interpolation,
    /// Whether every sample contributes when a picture becomes smaller; see [`Interpolation`].
    pub antialias: bool,
    /// Mean of red, green and blue, in units where white is 1.
    pub mean: [f64; 3],
    /// Standard deviation of red, green and blue, in the same units.
    pub std: [f64; 3],
}

impl Target {
    /// The number of elements of one picture's tensor.
    pub fn elements(&self) -> usize {
        3 * self.width as usize * self.height as usize
    }
}

/// Why a picture could not be processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The frame has fewer bytes than its caps say.
    #[error(transparent)]
    ShortPlane(#[from] ShortPlane),
    /// The slot has not the size or the type of the model's tensor.
    #[error(
        "the slot holds {found} elements of type {element:?}, and the tensor needs {expected} of type {wanted:?}"
    )]
    WrongSlot {
        /// Elements of the slot.
        found: usize,
        /// Type of the slot's elements.
        element: ElementType,
        /// Elements of the tensor.
        expected: usize,
        /// Type of the tensor's elements.
        wanted: ElementType,
    },
}

/// Pre-processing for one kind of frame, one crop of it and one model: windows, weights, tables and
/// buffers, which stay the same from frame to frame.
#[derive(Debug)]
pub struct Preprocessor {
    target: Target,
    geometry: Geometry,
    /// One for each plane that carries colour.
    resamplers: Vec<Resampler>,
    /// For each component, the index of its resampler and its index there.
    components: Vec<(usize, usize)>,
    color: Color,
    writer: Writer,
    rgb: [Vec<u8>; 3],
    /// A black row of the tensor.
    black: Vec<u8>,
    backend: Backend,
}

impl Preprocessor {
    /// Prepares for frames of `info`, whose format must be one of [`FORMATS`].
    pub fn new(info: &gst_video::VideoInfo, target: &Target) -> Self {
        Self::with_backend(info, target, Backend::detect())
    }

    /// Prepares for a part of such frames. The tensor is the same as if the part were cut out
    /// first: nothing beside it contributes. Where the part begins between two chroma samples,
    /// these keep their places.
    ///
    /// # Panics
    /// If `part` is not within the frame, or empty ([`Rect::clip`] sees to both).
    pub fn of_part(info: &gst_video::VideoInfo, part: Rect, target: &Target) -> Self {
        Self::prepare(info, part, target, Backend::detect())
    }

    /// As [`Self::new`], with a given backend, to compare backends.
    ///
    /// # Panics
    /// If `backend` is not one of [`Backend::available`].
    pub fn with_backend(info: &gst_video::VideoInfo, target: &Target, backend: Backend) -> Self {
        let whole = Rect::whole(info.width(), info.height());
        Self::prepare(info, whole, target, backend)
    }

    fn prepare(info: &gst_video::VideoInfo, part: Rect, target: &Target, backend: Backend) -> Self {
        assert_eq!(
            part.clip(info.width(), info.height()),
            Some(part),
            "the part lies within the frame"
        );
        assert!(
            Backend::available().contains(&backend),
            "this CPU does not run {backend:?}"
        );
        let par = info.par();
        let geometry = Geometry::new(
            target.fit,
            (part.width, part.height),
            (par.numer().max(1) as u32, par.denom().max(1) as u32),
            (target.width, target.height),
            target.resize,
        );
        let format = info.format_info();
        let sampling = Sampling {
            interpolation: target.interpolation,
            antialias: target.antialias,
        };
        let filters = |c: &Component| {
            let (dx, dy) = format::siting_shift(info.chroma_site(), c.w_sub, c.h_sub);
            let depth = c.packing.target;
            (
                Filter::new(&geometry.x, part.x, c.w_sub, dx, depth, sampling),
                Filter::new(&geometry.y, part.y, c.h_sub, dy, depth, sampling),
            )
        };
        let mut planes: Vec<Vec<Component>> = Vec::new();
        let mut places = Vec::new();
        for component in format::components(&format) {
            let known = planes.iter().position(|p| p[0].plane == component.plane);
            let index = known.unwrap_or(planes.len());
            if known.is_none() {
                planes.push(Vec::new());
            }
            places.push((index, planes[index].len()));
            planes[index].push(component);
        }
        let resamplers = planes
            .into_iter()
            .map(|plane| {
                let (_, rows) = filters(&plane[0]);
                let columns = plane.into_iter().map(|c| (c, filters(&c).0));
                Resampler::new(columns.collect(), rows)
            })
            .collect();
        let colorimetry = info.colorimetry();
        Self {
            geometry,
            resamplers,
            components: places,
            color: format::color(&format, colorimetry.range(), colorimetry.matrix()),
            writer: Writer {
                layout: target.layout,
                order: target.order,
                width: target.width as usize,
                height: target.height as usize,
                tables: Tables::new(target.element, target.mean, target.std),
            },
            rgb: std::array::from_fn(|_| vec![0; geometry.x.len as usize]),
            black: vec![0; target.width as usize],
            backend,
            target: target.clone(),
        }
    }

    /// Which part of the picture goes where in the tensor.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Fills `slot` with the tensor of `picture`.
    ///
    /// # Errors
    /// [`Error::WrongSlot`] if `slot` is not of the target's type and size, [`Error::ShortPlane`]
    /// if the picture's memory ends too early. The slot's contents are then unspecified.
    pub fn process(&mut self, picture: &Picture<'_>, slot: &mut Slot<'_>) -> Result<(), Error> {
        if slot.len() != self.target.elements() || slot.element() != self.target.element {
            return Err(Error::WrongSlot {
                found: slot.len(),
                element: slot.element(),
                expected: self.target.elements(),
                wanted: self.target.element,
            });
        }
        let (x, y) = (self.geometry.x, self.geometry.y);
        if x.len < self.target.width || y.len < self.target.height {
            self.fill_black(slot);
        }

        self.resamplers.iter_mut().for_each(Resampler::reset);
        let rows = y.len as usize;
        for first in (0..rows).step_by(STRIP_ROWS) {
            for resampler in &mut self.resamplers {
                resampler.strip(self.backend, picture, first)?;
            }
            for i in 0..STRIP_ROWS.min(rows - first) {
                self.rgb_row(i);
                let rgb = self.rgb.each_ref().map(Vec::as_slice);
                let row = y.dest as usize + first + i;
                self.writer.row(slot, row, x.dest as usize, rgb);
            }
        }
        Ok(())
    }

    /// Converts row `i` of the newest strip to 8-bit R'G'B' in `self.rgb`.
    fn rgb_row(&mut self, i: usize) {
        let mut rows: [&[i16]; 3] = [&[]; 3];
        for (row, (resampler, channel)) in rows.iter_mut().zip(&self.components) {
            *row = self.resamplers[*resampler].row(*channel, i);
        }
        if self.components.len() == 1 {
            rows = [rows[0]; 3];
        }
        match &self.color {
            Color::Rgb => {
                for (out, row) in self.rgb.iter_mut().zip(rows) {
                    out.iter_mut().zip(row).for_each(|(o, v)| *o = *v as u8);
                }
            }
            Color::Levels { black, white } => {
                let range = white - black;
                for (out, row) in self.rgb.iter_mut().zip(rows) {
                    for (o, v) in out.iter_mut().zip(row) {
                        let level = (i32::from(*v) - black).clamp(0, range);
                        *o = ((level * 255 + range / 2) / range) as u8;
                    }
                }
            }
            Color::Yuv(matrix) => {
                let rgb = self.rgb.each_mut().map(Vec::as_mut_slice);
                kernel::to_rgb(self.backend, matrix, rows, rgb);
            }
        }
    }

    /// Fills the bars of [`Fit::Letterbox`] with black.
    fn fill_black(&self, slot: &mut Slot<'_>) {
        let (x, y) = (self.geometry.x, self.geometry.y);
        let (left, top) = (x.dest as usize, y.dest as usize);
        let (right, bottom) = (left + x.len as usize, top + y.len as usize);
        for row in 0..self.target.height as usize {
            if (top..bottom).contains(&row) {
                self.writer.row(slot, row, 0, [&self.black[..left]; 3]);
                self.writer.row(slot, row, right, [&self.black[right..]; 3]);
            } else {
                self.writer.row(slot, row, 0, [&self.black; 3]);
            }
        }
    }
}
