// SPDX-License-Identifier: MPL-2.0
//! Resamples the components of one plane, a strip of rows at a time.

use std::ops::Range;

use super::filter::{Align, EXACT_DEPTH, Filter, Pairs};
use super::format::Component;
use super::kernel::{self, Backend, PAIR, Packing, PlaneWindow, RingWindow, STRIP_ROWS};
use crate::planes::{Picture, Plane};

/// How many output rows before its use a row of the plane is prefetched. The wanted parts of a
/// frame's rows lie so far apart that the CPU's own prefetcher does not see the pattern.
const PREFETCH_ROWS: usize = 4;

/// Resamples the components that lie in one plane. It keeps only the rows that the next output
/// rows need, so that the working set fits the nearest caches whatever the size of the picture.
#[derive(Debug)]
pub(super) struct Resampler {
    source: Source,
    rows: Filter,
    order: Order,
    channels: Vec<Channel>,
    strip: Strip,
}

/// The part of the plane that is read.
#[derive(Debug)]
struct Source {
    plane: usize,
    /// How the first component's samples lie. The other components differ in their step alone.
    packing: Packing,
    /// The bytes of a row that the components' windows cover.
    span: Range<usize>,
}

/// Which of the two filters runs first.
#[derive(Debug)]
enum Order {
    /// The horizontal one, as in Pillow. Also where weights are negative, which the other order
    /// does not support.
    HorizontalFirst {
        /// The rows' weights.
        pairs: Pairs,
        /// Rows that a ring holds: those of the longest window, in whole strips.
        capacity: usize,
        /// How many rows of the filter's span have been read.
        read: usize,
    },
    /// The vertical one: when a picture is made smaller, far fewer samples are left to deinterleave
    /// and to filter horizontally. The result differs by rounding only.
    VerticalFirst {
        /// The rows' weights, `rows.taps` for each output.
        weights: Vec<u16>,
        /// A strip of vertically filtered rows with the samples of all components. Unused where
        /// the samples are not interleaved.
        lines: Vec<i16>,
    },
}

/// The horizontal filter of one component.
#[derive(Debug)]
struct Channel {
    /// Bytes from the start of the source's span to the first sample.
    start: usize,
    packing: Packing,
    columns: Filter,
    pairs: Pairs,
    /// Horizontally filtered rows for the vertical filter ([`Order::HorizontalFirst`]).
    ring: Vec<i16>,
    /// The newest strip of finished rows.
    out: Vec<i16>,
}

/// Rows of one component's samples, to be filtered horizontally together.
#[derive(Debug)]
struct Strip {
    samples: Vec<i16>,
    stride: usize,
    /// The samples transposed, with room for a whole window behind the last one.
    transposed: Vec<i16>,
}

/// A plane that ends before its last row does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("plane {plane} ends after {found} bytes, and its row {row} needs {needed}")]
pub struct ShortPlane {
    /// Index of the plane.
    pub plane: usize,
    /// The row that is incomplete.
    pub row: usize,
    /// Bytes that the plane needs at least.
    pub needed: usize,
    /// Bytes that it has.
    pub found: usize,
}

impl Resampler {
    /// Prepares for the components of one plane, each with the filter of its columns, and for the
    /// filter of the rows that they share.
    pub fn new(components: Vec<(Component, Filter)>, rows: Filter) -> Self {
        let source = Source::new(&components);
        let packing = source.packing;
        let exact = packing.target == EXACT_DEPTH;
        let horizontal_first = exact
            || rows.span.len() <= rows.len
            || rows.taps > kernel::MAX_TAPS
            || rows.is_signed();
        let order = if horizontal_first {
            Order::HorizontalFirst {
                pairs: Pairs::new(&rows, Align::Window),
                // A strip may be read for its first row alone.
                capacity: (rows.taps + STRIP_ROWS - 1).next_multiple_of(STRIP_ROWS),
                read: 0,
            }
        } else {
            Order::VerticalFirst {
                weights: kernel::vertical_first_weights(&rows),
                lines: vec![0; STRIP_ROWS * source.span.len() / packing.bytes()],
            }
        };
        let ring_rows = match order {
            Order::HorizontalFirst { capacity, .. } => capacity,
            Order::VerticalFirst { .. } => 0,
        };
        let channels: Vec<Channel> = components
            .into_iter()
            .map(|(component, columns)| Channel {
                start: component.bytes(&columns.span).start - source.span.start,
                packing: component.packing,
                pairs: Pairs::new(&columns, Align::Even),
                ring: vec![0; ring_rows * columns.first.len()],
                out: vec![0; STRIP_ROWS * columns.first.len()],
                columns,
            })
            .collect();
        Self {
            strip: Strip::new(&channels),
            source,
            rows,
            order,
            channels,
        }
    }

    /// Starts a new picture.
    pub fn reset(&mut self) {
        if let Order::HorizontalFirst { read, .. } = &mut self.order {
            *read = 0;
        }
    }

    /// Resamples output rows `y` to `y + STRIP_ROWS`, or as many as there are. Strips must be
    /// requested in order, from the first one on.
    pub fn strip(
        &mut self,
        backend: Backend,
        picture: &Picture<'_>,
        y: usize,
    ) -> Result<(), ShortPlane> {
        let plane = &picture.planes[self.source.plane];
        let outputs = y..self.rows.len.min(y + STRIP_ROWS);
        match self.order {
            Order::HorizontalFirst { .. } => self.horizontal_first(backend, plane, outputs),
            Order::VerticalFirst { .. } => self.vertical_first(backend, plane, outputs),
        }
    }

    /// Row `i` of the newest strip of component `channel`, at its target depth.
    pub fn row(&self, channel: usize, i: usize) -> &[i16] {
        let Channel { columns, out, .. } = &self.channels[channel];
        let width = columns.first.len();
        &out[i * width..][..width]
    }

    /// [`Self::strip`] with [`Order::HorizontalFirst`].
    fn horizontal_first(
        &mut self,
        backend: Backend,
        plane: &Plane<'_>,
        outputs: Range<usize>,
    ) -> Result<(), ShortPlane> {
        let Order::HorizontalFirst {
            pairs,
            capacity,
            read,
        } = &mut self.order
        else {
            return Ok(());
        };
        let (rows, max) = (&self.rows, self.source.packing.max());
        for (i, y) in outputs.enumerate() {
            let needed = rows.window(y).end - rows.span.start;
            while *read < needed {
                let from = rows.span.start + *read;
                let new = from..rows.span.end.min(from + STRIP_ROWS);
                let bytes = self.source.rows(plane, new.clone())?;
                for channel in &mut self.channels {
                    for r in 0..new.len() {
                        let samples = self.strip.row(r, channel.columns.span.len());
                        let row = &bytes[r * plane.stride + channel.start..];
                        kernel::unpack(backend, row, channel.packing, samples);
                    }
                    let width = channel.columns.first.len();
                    let place = *read % *capacity * width;
                    let out = &mut channel.ring[place..][..STRIP_ROWS * width];
                    self.strip
                        .filter(backend, &channel.columns, &channel.pairs, max, out);
                }
                *read += STRIP_ROWS;
            }
            for channel in &mut self.channels {
                let width = channel.columns.first.len();
                let window = RingWindow {
                    ring: &channel.ring,
                    width,
                    filter: rows,
                    pairs,
                    y,
                    max,
                };
                kernel::vertical(backend, window, &mut channel.out[i * width..][..width]);
            }
        }
        Ok(())
    }

    /// [`Self::strip`] with [`Order::VerticalFirst`].
    fn vertical_first(
        &mut self,
        backend: Backend,
        plane: &Plane<'_>,
        outputs: Range<usize>,
    ) -> Result<(), ShortPlane> {
        let Order::VerticalFirst { weights, lines } = &mut self.order else {
            return Ok(());
        };
        let packing = self.source.packing;
        let bytes = packing.bytes();
        let width = self.source.span.len() / bytes;
        let is_mixed = packing.step > bytes;
        // The end of output row `y`'s window, counted from row `from`.
        let end = |y: usize, from: usize| self.rows.window(y.min(self.rows.len - 1)).end - from;
        for (i, y) in outputs.clone().enumerate() {
            let rows = self.rows.window(y);
            let window = PlaneWindow {
                stride: plane.stride,
                depth: packing.depth,
                shift: packing.shift,
                weights: &weights[y * self.rows.taps..][..rows.len()],
                prefetch: end(y + PREFETCH_ROWS - 1, rows.start)
                    ..end(y + PREFETCH_ROWS, rows.start),
                rows: self.source.rows(plane, rows)?,
            };
            let line = if is_mixed {
                &mut lines[i * width..][..width]
            } else {
                self.strip.row(i, width)
            };
            kernel::vertical_first(backend, window, line);
        }
        for channel in &mut self.channels {
            if is_mixed {
                let (start, step) = (channel.start / bytes, channel.packing.step / bytes);
                for (i, line) in lines.chunks_exact(width).enumerate() {
                    let samples = self.strip.row(i, channel.columns.span.len());
                    kernel::deinterleave(backend, &line[start..], step, samples);
                }
            }
            let (columns, pairs, out) = (&channel.columns, &channel.pairs, &mut channel.out);
            self.strip
                .filter(backend, columns, pairs, packing.max(), out);
        }
        Ok(())
    }
}

impl Source {
    fn new(components: &[(Component, Filter)]) -> Self {
        let Component { plane, packing, .. } = components[0].0;
        let bytes = components.iter().map(|(c, f)| c.bytes(&f.span));
        Self {
            plane,
            packing,
            span: bytes
                .reduce(|a, b| a.start.min(b.start)..a.end.max(b.end))
                .unwrap_or(0..0),
        }
    }

    /// The span of some rows, from the first byte of the first row to the last byte of the last.
    fn rows<'a>(&self, plane: &Plane<'a>, rows: Range<usize>) -> Result<&'a [u8], ShortPlane> {
        let start = |row: usize| row * plane.stride + self.span.start;
        let end = |row: usize| row * plane.stride + self.span.end;
        let found = plane.data.len();
        plane
            .data
            .get(start(rows.start)..end(rows.end - 1))
            .ok_or_else(|| {
                let row = rows.clone().find(|row| end(*row) > found);
                let row = row.unwrap_or(rows.start);
                ShortPlane {
                    plane: self.plane,
                    row,
                    needed: end(row),
                    found,
                }
            })
    }
}

impl Strip {
    fn new(channels: &[Channel]) -> Self {
        let samples = channels.iter().map(|s| s.columns.span.len()).max();
        let window = channels.iter().map(|s| s.pairs.count).max();
        let stride = samples.unwrap_or(0).next_multiple_of(STRIP_ROWS);
        Self {
            samples: vec![0; STRIP_ROWS * stride],
            stride,
            transposed: vec![0; (stride / 2 + window.unwrap_or(0)) * PAIR],
        }
    }

    /// The first `len` samples of row `r`.
    fn row(&mut self, r: usize, len: usize) -> &mut [i16] {
        &mut self.samples[r * self.stride..][..len]
    }

    /// Filters the rows horizontally.
    fn filter(
        &mut self,
        backend: Backend,
        columns: &Filter,
        pairs: &Pairs,
        max: i16,
        out: &mut [i16],
    ) {
        let len = columns.span.len().next_multiple_of(STRIP_ROWS) / 2 * PAIR;
        kernel::transpose(
            backend,
            &self.samples,
            self.stride,
            &mut self.transposed[..len],
        );
        kernel::horizontal(backend, &self.transposed, columns, pairs, max, out);
    }
}
