// SPDX-License-Identifier: MPL-2.0
//! One component of a picture, resampled row by row.

use super::filter::{EXACT_DEPTH, Filter, LANES};
use super::format::Component;
use super::frame::Plane;
use super::kernel::{self, Backend, Rows};

/// Which way the filter goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// Along the rows, as Pillow does it.
    Horizontal,
    /// Along the columns: when a picture is made smaller, far fewer rows are left to be filtered
    /// along, which is the costlier way. The result differs by rounding only.
    Vertical,
}

/// Resamples one component of a picture. Only the rows that the next output row needs are kept,
/// so that the working set stays in the first-level cache whatever the size of the picture.
#[derive(Debug)]
pub(super) struct Resampler {
    component: Component,
    columns: Filter,
    rows: Filter,
    order: Order,
    /// The samples of one row that the columns' windows cover, and room for a whole window of
    /// taps behind the last.
    samples: Vec<i16>,
    /// Rows that wait for the vertical filter, `width` values each.
    ring: Vec<i16>,
    width: usize,
    /// The row of the plane that is read next.
    next: usize,
    /// The newest output row.
    out: Vec<i16>,
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
    pub fn new(component: Component, columns: Filter, rows: Filter) -> Self {
        let exact = component.packing.target == EXACT_DEPTH;
        let order = if exact || rows.span.len() <= rows.len {
            Order::Horizontal
        } else {
            Order::Vertical
        };
        let outputs = columns.first.len();
        let inputs = columns.span.len().next_multiple_of(LANES);
        let width = match order {
            Order::Horizontal => outputs,
            Order::Vertical => inputs,
        };
        Self {
            samples: vec![0; inputs + columns.taps],
            ring: vec![0; width * rows.longest()],
            out: vec![0; outputs],
            order,
            width,
            next: 0,
            component,
            columns,
            rows,
        }
    }

    /// Begins a new picture.
    pub fn reset(&mut self) {
        self.next = 0;
    }

    /// Output row `y`, at the component's target depth. Rows must be asked for from the first on.
    pub fn row(
        &mut self,
        backend: Backend,
        plane: &Plane<'_>,
        y: usize,
    ) -> Result<&[i16], ShortPlane> {
        let max = ((1i32 << self.component.packing.target) - 1) as i16;
        let first = self.rows.first[y] as usize;
        let count = self.rows.count[y] as usize;

        for row in self.next.max(first)..first + count {
            self.read_row(backend, plane, row, max)?;
        }
        self.next = first + count;

        let rows = Rows {
            ring: &self.ring,
            width: self.width,
            filter: &self.rows,
            y,
            max,
        };
        match self.order {
            Order::Horizontal => kernel::vertical(backend, rows, &mut self.out),
            Order::Vertical => {
                kernel::vertical(backend, rows, &mut self.samples);
                kernel::horizontal(backend, &self.samples, &self.columns, max, &mut self.out);
            }
        }
        Ok(&self.out)
    }

    /// Reads one row of the plane into the ring, through the horizontal filter if that is first.
    fn read_row(
        &mut self,
        backend: Backend,
        plane: &Plane<'_>,
        row: usize,
        max: i16,
    ) -> Result<(), ShortPlane> {
        let Component {
            packing, offset, ..
        } = self.component;
        let span = &self.columns.span;
        let start = row * plane.stride + offset + span.start * packing.step;
        let end = start + (span.len() - 1) * packing.step + packing.bytes();
        let bytes = plane.data.get(start..end).ok_or(ShortPlane {
            plane: self.component.plane,
            row,
            needed: end,
            found: plane.data.len(),
        })?;
        let place = row % (self.ring.len() / self.width) * self.width;
        let slot = &mut self.ring[place..place + self.width];
        match self.order {
            Order::Horizontal => {
                kernel::unpack(backend, bytes, packing, &mut self.samples[..span.len()]);
                kernel::horizontal(backend, &self.samples, &self.columns, max, slot);
            }
            Order::Vertical => kernel::unpack(backend, bytes, packing, &mut slot[..span.len()]),
        }
        Ok(())
    }
}
