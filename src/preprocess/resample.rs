// SPDX-License-Identifier: MPL-2.0
//! One component of a picture, resampled row by row.

use super::filter::{Filter, LANES};
use super::format::Component;
use super::frame::Plane;
use super::kernel::{self, Backend, Rows};

/// Resamples one component of a picture. Only the rows that the next output row needs are kept,
/// so that the working set stays in the first-level cache whatever the size of the picture.
#[derive(Debug)]
pub(super) struct Resampler {
    component: Component,
    columns: Filter,
    rows: Filter,
    /// The samples of one row that the columns' windows cover, and room for a whole window of
    /// taps behind the last.
    samples: Vec<i16>,
    /// Rows that have been filtered horizontally, `width` values each.
    ring: Vec<i16>,
    width: usize,
    /// The row of the plane that is filtered next.
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
        let width = columns.first.len();
        Self {
            samples: vec![0; columns.span.len() + columns.taps],
            ring: vec![0; width * rows.longest()],
            out: vec![0; width.next_multiple_of(LANES)],
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
            self.filter_row(backend, plane, row, max)?;
        }
        self.next = first + count;

        let rows = Rows {
            ring: &self.ring,
            width: self.width,
            filter: &self.rows,
            y,
            max,
        };
        kernel::vertical(backend, rows, &mut self.out);
        Ok(&self.out)
    }

    fn filter_row(
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
        kernel::unpack(backend, bytes, packing, &mut self.samples[..span.len()]);
        let slot = row % (self.ring.len() / self.width) * self.width;
        let out = &mut self.ring[slot..slot + self.width];
        kernel::horizontal(backend, &self.samples, &self.columns, max, out);
        Ok(())
    }
}
