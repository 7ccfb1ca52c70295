// SPDX-License-Identifier: MPL-2.0
//! The components of one plane, resampled a group of rows at a time.

use std::ops::Range;

use super::filter::{Align, EXACT_DEPTH, Filter, Pairs};
use super::format::Component;
use super::frame::{Picture, Plane};
use super::kernel::{self, Backend, Fine, GROUP, PAIR, Packing, Rows};

/// How many output rows before its use a row of the plane is sent for. The parts of a frame that
/// are wanted lie so far apart in memory that the processor does not foresee them.
const AHEAD: usize = 4;

/// Resamples the components that lie in one plane. Only the rows that the next output rows need
/// are kept, so that the working set stays in the nearest caches whatever the size of the picture.
#[derive(Debug)]
pub(super) struct Resampler {
    source: Source,
    rows: Filter,
    order: Order,
    strands: Vec<Strand>,
    group: Group,
}

/// What is read of the plane.
#[derive(Debug)]
struct Source {
    plane: usize,
    /// How the first component's samples lie. Those of the others differ in their step alone.
    packing: Packing,
    /// The bytes of a row that the components' windows cover.
    span: Range<usize>,
}

/// Which way the filter goes first.
#[derive(Debug)]
enum Order {
    /// Along the rows, as Pillow does it; also where weights are below zero, which the other order
    /// has no room for.
    Across {
        /// The rows' weights.
        pairs: Pairs,
        /// Rows that a ring holds: those of the longest window, in whole groups.
        capacity: usize,
        /// Rows of the filter's span that have been read.
        read: usize,
    },
    /// Along the columns: when a picture is made smaller, far fewer samples are left to be sorted
    /// into components and filtered across. The result differs by rounding only.
    Down {
        /// The rows' weights, `rows.taps` an output.
        weights: Vec<u16>,
        /// A group of rows that have been filtered along their columns, with the samples of all
        /// components; where these are not mixed, there is no need of it.
        lines: Vec<i16>,
    },
}

/// One of the components.
#[derive(Debug)]
struct Strand {
    /// Bytes from the first one of the source's span to the first sample.
    start: usize,
    packing: Packing,
    columns: Filter,
    pairs: Pairs,
    /// Rows that wait for the filter along the columns ([`Order::Across`]).
    ring: Vec<i16>,
    /// The newest finished rows.
    out: Vec<i16>,
}

/// Rows of one component's samples that are to be filtered across together.
#[derive(Debug)]
struct Group {
    samples: Vec<i16>,
    stride: usize,
    /// Room for all samples, turned, and for a whole window behind the last.
    turned: Vec<i16>,
}

/// A plane that ends before its last row does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("plane {plane} ends after {found} bytes, and its row {row} needs {needed}")]
pub struct ShortPlane {
    /// Index of the plane.
    pub plane: usize,
    /// The row that is not all there.
    pub row: usize,
    /// Bytes that the plane would need to have at least.
    pub needed: usize,
    /// Bytes that it has.
    pub found: usize,
}

impl Resampler {
    /// For the components of one plane, each with the filter of its columns, and the filter of the
    /// rows that they share.
    pub fn new(components: Vec<(Component, Filter)>, rows: Filter) -> Self {
        let source = Source::new(&components);
        let packing = source.packing;
        let exact = packing.target == EXACT_DEPTH;
        let across_first =
            exact || rows.span.len() <= rows.len || rows.taps > kernel::LONGEST || rows.is_signed();
        let order = if across_first {
            Order::Across {
                pairs: Pairs::new(&rows, Align::Window),
                // A group may be read for the sake of its first row.
                capacity: (rows.taps + GROUP - 1).next_multiple_of(GROUP),
                read: 0,
            }
        } else {
            Order::Down {
                weights: kernel::fine_weights(&rows),
                lines: vec![0; GROUP * source.span.len() / packing.bytes()],
            }
        };
        let waiting = match order {
            Order::Across { capacity, .. } => capacity,
            Order::Down { .. } => 0,
        };
        let strands: Vec<Strand> = components
            .into_iter()
            .map(|(component, columns)| Strand {
                start: component.bytes(&columns.span).start - source.span.start,
                packing: component.packing,
                pairs: Pairs::new(&columns, Align::Even),
                ring: vec![0; waiting * columns.first.len()],
                out: vec![0; GROUP * columns.first.len()],
                columns,
            })
            .collect();
        Self {
            group: Group::new(&strands),
            source,
            rows,
            order,
            strands,
        }
    }

    /// Begins a new picture.
    pub fn reset(&mut self) {
        if let Order::Across { read, .. } = &mut self.order {
            *read = 0;
        }
    }

    /// Resamples output rows `y` to `y + GROUP`, as far as there are so many. Groups must be asked
    /// for from the first on.
    pub fn group(
        &mut self,
        backend: Backend,
        picture: &Picture<'_>,
        y: usize,
    ) -> Result<(), ShortPlane> {
        let plane = &picture.planes[self.source.plane];
        let outputs = y..self.rows.len.min(y + GROUP);
        match self.order {
            Order::Across { .. } => self.across_first(backend, plane, outputs),
            Order::Down { .. } => self.down_first(backend, plane, outputs),
        }
    }

    /// Row `i` of the newest group of component `strand`, at its target depth.
    pub fn row(&self, strand: usize, i: usize) -> &[i16] {
        let Strand { columns, out, .. } = &self.strands[strand];
        let width = columns.first.len();
        &out[i * width..][..width]
    }

    /// [`Self::group`] with [`Order::Across`].
    fn across_first(
        &mut self,
        backend: Backend,
        plane: &Plane<'_>,
        outputs: Range<usize>,
    ) -> Result<(), ShortPlane> {
        let Order::Across {
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
                let new = from..rows.span.end.min(from + GROUP);
                let bytes = self.source.rows(plane, new.clone())?;
                for strand in &mut self.strands {
                    for r in 0..new.len() {
                        let samples = self.group.row(r, strand.columns.span.len());
                        let row = &bytes[r * plane.stride + strand.start..];
                        kernel::unpack(backend, row, strand.packing, samples);
                    }
                    let width = strand.columns.first.len();
                    let place = *read % *capacity * width;
                    let out = &mut strand.ring[place..][..GROUP * width];
                    self.group
                        .across(backend, &strand.columns, &strand.pairs, max, out);
                }
                *read += GROUP;
            }
            for strand in &mut self.strands {
                let width = strand.columns.first.len();
                let window = Rows {
                    ring: &strand.ring,
                    width,
                    filter: rows,
                    pairs,
                    y,
                    max,
                };
                kernel::down(backend, window, &mut strand.out[i * width..][..width]);
            }
        }
        Ok(())
    }

    /// [`Self::group`] with [`Order::Down`].
    fn down_first(
        &mut self,
        backend: Backend,
        plane: &Plane<'_>,
        outputs: Range<usize>,
    ) -> Result<(), ShortPlane> {
        let Order::Down { weights, lines } = &mut self.order else {
            return Ok(());
        };
        let packing = self.source.packing;
        let bytes = packing.bytes();
        let width = self.source.span.len() / bytes;
        let is_mixed = packing.step > bytes;
        // The last row of a window, counted from a row.
        let last = |y: usize, from: usize| self.rows.window(y.min(self.rows.len - 1)).end - from;
        for (i, y) in outputs.clone().enumerate() {
            let window = self.rows.window(y);
            let fine = Fine {
                stride: plane.stride,
                depth: packing.depth,
                shift: packing.shift,
                weights: &weights[y * self.rows.taps..][..window.len()],
                ahead: last(y + AHEAD - 1, window.start)..last(y + AHEAD, window.start),
                rows: self.source.rows(plane, window)?,
            };
            let line = if is_mixed {
                &mut lines[i * width..][..width]
            } else {
                self.group.row(i, width)
            };
            kernel::down_fine(backend, fine, line);
        }
        for strand in &mut self.strands {
            if is_mixed {
                let (start, step) = (strand.start / bytes, strand.packing.step / bytes);
                for (i, line) in lines.chunks_exact(width).enumerate() {
                    let samples = self.group.row(i, strand.columns.span.len());
                    kernel::pick(backend, &line[start..], step, samples);
                }
            }
            let (columns, pairs, out) = (&strand.columns, &strand.pairs, &mut strand.out);
            self.group
                .across(backend, columns, pairs, packing.max(), out);
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

    /// The span of some rows: from the first one's first byte to the last one's last.
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

impl Group {
    fn new(strands: &[Strand]) -> Self {
        let samples = strands.iter().map(|s| s.columns.span.len()).max();
        let window = strands.iter().map(|s| s.pairs.count).max();
        let stride = samples.unwrap_or(0).next_multiple_of(GROUP);
        Self {
            samples: vec![0; GROUP * stride],
            stride,
            turned: vec![0; (stride / 2 + window.unwrap_or(0)) * PAIR],
        }
    }

    /// The first `len` samples of row `r`.
    fn row(&mut self, r: usize, len: usize) -> &mut [i16] {
        &mut self.samples[r * self.stride..][..len]
    }

    /// Filters the rows across.
    fn across(
        &mut self,
        backend: Backend,
        columns: &Filter,
        pairs: &Pairs,
        max: i16,
        out: &mut [i16],
    ) {
        let len = columns.span.len().next_multiple_of(GROUP) / 2 * PAIR;
        kernel::turn(backend, &self.samples, self.stride, &mut self.turned[..len]);
        kernel::across(backend, &self.turned, columns, pairs, max, out);
    }
}
