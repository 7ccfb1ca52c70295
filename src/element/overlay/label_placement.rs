// SPDX-License-Identifier: MPL-2.0
//! Places the labels of regions: at their boxes, and without overlap where there is room.

use crate::rect::Rect;

/// The maximum number of rows of labels above a box, and below it.
const MAX_ROWS: u32 = 6;

/// Among so many labels around it, a label is moved along its box at most.
const MAX_NEIGHBOURS: usize = 32;

/// With more labels than that in the frame, none is moved: there is hardly any room, and the search
/// takes time.
const MAX_LABELS_MOVED: usize = 128;

/// Places the labels of a frame one after the other.
#[derive(Debug)]
pub struct LabelPlacer {
    /// Width and height of the frame.
    frame: (u32, u32),
    /// Pixels between labels, which would look like one label otherwise.
    gap: u32,
    /// The panel and the labels placed so far.
    taken: Vec<Rect>,
    /// The panel is drawn over the labels, so that none may lie under it.
    panel: Option<Rect>,
}

impl LabelPlacer {
    /// Starts a frame of this size. `panel` is the place of the frame's own classes.
    pub fn new(frame: (u32, u32), gap: u32, panel: Option<Rect>) -> Self {
        Self {
            frame,
            gap,
            taken: panel.into_iter().collect(),
            panel,
        }
    }

    /// Places a label of this size for a box and returns its upper left corner.
    ///
    /// The label is placed above, in or below the box, aligned with the box's left edge. If that is
    /// not free, it moves along the box or to a free place near it. If nothing is free, it goes
    /// where it covers the fewest pixels of other labels. `None` if the label is larger than the
    /// frame or would lie under the panel.
    pub fn place(&mut self, at: Rect, (width, height): (u32, u32)) -> Option<(u32, u32)> {
        let max = (
            self.frame.0.checked_sub(width)?,
            self.frame.1.checked_sub(height)?,
        );
        let label = |x, y| Rect {
            x,
            y,
            width,
            height,
        };
        let x = at.x.min(max.0);
        let rows = self.rows(at, height, max.1);
        let aligned = rows.iter().map(|y| label(x, *y));
        let place = aligned
            .clone()
            .find(|place| self.overlap(place) == 0)
            .or_else(|| {
                if self.taken.len() > MAX_LABELS_MOVED {
                    return None;
                }
                let best = label(x, *rows.first()?);
                let mut rows = rows.iter();
                rows.find_map(|y| self.along(at, label(x, *y), max.0))
                    .or_else(|| self.near(best, max))
            })
            .or_else(|| {
                let panel = self.panel;
                let hidden = |place: &Rect| panel.is_some_and(|p| place.common_area(&p) > 0);
                let places = aligned.filter(|place| !hidden(place));
                places.min_by_key(|place| self.overlap(place))
            })?;
        self.taken.push(place);
        Some((place.x, place.y))
    }

    /// Top edges for a label of this height, best first; at least one.
    fn rows(&self, at: Rect, height: u32, max: u32) -> Vec<u32> {
        let step = height + self.gap;
        let bottom = at.y + at.height;
        let above = |k: u32| at.y.checked_sub(height + k * step);
        let below = |k: u32| Some(bottom + k * step);
        // The gap leaves the box's own line visible.
        let inside = |k: u32| {
            let y = at.y + self.gap + k * step;
            (y + step <= bottom).then_some(y)
        };
        let mut rows = vec![above(0)];
        // In a low box, a label would hide the object.
        if at.height >= 2 * step {
            rows.extend([inside(0), Some(bottom - step)]);
        }
        rows.push(below(0));
        rows.extend((1..MAX_ROWS).flat_map(|k| [above(k), inside(k), below(k)]));
        let mut rows: Vec<u32> = rows.into_iter().flatten().filter(|y| *y <= max).collect();
        if rows.is_empty() || at.height < 2 * step {
            rows.push(at.y.min(max));
        }
        rows
    }

    /// The free place in the label's row that is nearest to the label and still at the box.
    fn along(&self, at: Rect, label: Rect, max: u32) -> Option<Rect> {
        let common = label.height.min(at.width);
        let first = (at.x + common).saturating_sub(label.width);
        let last = (at.x + at.width - common).min(max);
        let beside = self.taken.iter().flat_map(|there| {
            let left = there.x.checked_sub(self.gap + label.width);
            [left, Some(there.x + there.width + self.gap)]
        });
        let places = beside.flatten().filter(|x| (first..=last).contains(x));
        let places = places.map(|x| Rect { x, ..label });
        let free = places.filter(|place| self.overlap(place) == 0);
        free.min_by_key(|place| place.x.abs_diff(label.x))
    }

    /// The free place nearest to the label, within reach.
    fn near(&self, label: Rect, max: (u32, u32)) -> Option<Rect> {
        let reach = (2 * label.width, MAX_ROWS * (label.height + self.gap));
        let left = label.x.saturating_sub(reach.0);
        let top = label.y.saturating_sub(reach.1);
        let window = Rect {
            x: left,
            y: top,
            width: label.x + label.width + reach.0 - left,
            height: label.y + label.height + reach.1 - top,
        };
        let around = self
            .taken
            .iter()
            .filter(|there| window.common_area(&there.grown(self.gap)) > 0);
        let around: Vec<Rect> = around.copied().collect();
        if around.len() > MAX_NEIGHBOURS {
            return None;
        }
        let beside = |start: u32, length: u32, own: u32| {
            let before = start.checked_sub(self.gap + own);
            before.into_iter().chain([start + length + self.gap])
        };
        let columns = around
            .iter()
            .flat_map(|r| beside(r.x, r.width, label.width));
        let columns = columns.chain([label.x]);
        let columns: Vec<u32> = columns
            .filter(|x| *x <= max.0 && x.abs_diff(label.x) <= reach.0)
            .collect();
        let rows = around
            .iter()
            .flat_map(|r| beside(r.y, r.height, label.height));
        let rows = rows.chain([label.y]);
        let is_free = |place: &Rect| {
            let mut around = around.iter();
            around.all(|r| place.common_area(&r.grown(self.gap)) == 0)
        };
        let mut best: Option<(u32, Rect)> = None;
        for y in rows.filter(|y| *y <= max.1 && y.abs_diff(label.y) <= reach.1) {
            for x in &columns {
                let far = x.abs_diff(label.x) + y.abs_diff(label.y);
                let place = Rect { x: *x, y, ..label };
                let is_nearer = best.is_none_or(|(best, _)| far < best);
                if is_nearer && is_free(&place) {
                    best = Some((far, place));
                }
            }
        }
        best.map(|(_, place)| place)
    }

    /// How many pixels of the taken places, with the gap around them, a label would cover.
    fn overlap(&self, label: &Rect) -> u64 {
        let taken = self.taken.iter();
        taken
            .map(|there| label.common_area(&there.grown(self.gap)))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HD: (u32, u32) = (1920, 1080);

    fn at(x: u32, y: u32) -> Rect {
        Rect {
            x,
            y,
            width: 50,
            height: 50,
        }
    }

    /// The only label of a frame is above its box, or in or below it where there is no room, and
    /// always within the frame.
    #[test]
    fn alone() {
        let alone = |frame, at, size| LabelPlacer::new(frame, 2, None).place(at, size);
        assert_eq!(alone(HD, at(10, 100), (80, 30)), Some((10, 70)));
        assert_eq!(alone(HD, at(10, 20), (80, 20)), Some((10, 0)));
        assert_eq!(alone(HD, at(10, 10), (80, 20)), Some((10, 12)));
        // It would hide a low box.
        assert_eq!(alone(HD, at(10, 20), (80, 30)), Some((10, 70)));
        assert_eq!(alone((80, 80), at(10, 20), (80, 30)), Some((0, 20)));
        assert_eq!(alone(HD, at(1900, 100), (80, 30)), Some((1840, 70)));
        assert_eq!(alone((60, 40), at(0, 0), (80, 30)), None);
        assert_eq!(alone((80, 20), at(0, 0), (80, 30)), None);
    }

    /// The panel stays free, and labels do not overlap wherever their boxes are.
    #[test]
    fn apart() {
        let panel = Rect {
            x: 20,
            y: 20,
            width: 400,
            height: 200,
        };
        let mut seed = 1u32;
        let mut random = |max: u32| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) % max
        };
        for round in 0..200 {
            let mut places = LabelPlacer::new(HD, 2, Some(panel));
            let mut labels = vec![panel];
            // Many of them over each other, all over the frame or around the panel.
            let spread = [100, 400, 1000][round % 3];
            for _ in 0..12 {
                let at = Rect {
                    x: 200 + 2 * random(spread / 2),
                    y: 200 + 2 * random(spread / 4),
                    width: 40 + 2 * random(100),
                    height: 40 + 2 * random(100),
                };
                let (width, height) = (60 + 2 * random(80), 30);
                let (x, y) = places.place(at, (width, height)).expect("it is small");
                assert!(x + width <= HD.0 && y + height <= HD.1);
                let label = Rect {
                    x,
                    y,
                    width,
                    height,
                };
                for there in &labels {
                    let apart = x >= there.x + there.width
                        || there.x >= x + width
                        || y >= there.y + there.height
                        || there.y >= y + height;
                    assert!(apart, "{round}: {label:?} on {there:?}");
                }
                labels.push(label);
            }
        }
    }

    /// The labels of boxes in one place are stacked, and each is still at its box.
    #[test]
    fn stacked() {
        let mut places = LabelPlacer::new(HD, 2, None);
        let size = (120, 30);
        let rows: Vec<_> = (0..5)
            .map(|_| places.place(at(100, 200), size).expect("room"))
            .collect();
        assert_eq!(
            rows,
            [(100, 170), (100, 250), (100, 138), (100, 282), (100, 106)]
        );
    }

    /// Without any room a label still gets a place, unless the panel would hide it.
    #[test]
    fn no_room() {
        let mut places = LabelPlacer::new((100, 40), 2, None);
        for _ in 0..300 {
            let (x, y) = places.place(at(20, 10), (60, 20)).expect("a place");
            assert!(x <= 40 && y <= 20, "{x}, {y}");
        }
        let panel = Rect {
            x: 4,
            y: 4,
            width: 92,
            height: 32,
        };
        let mut places = LabelPlacer::new((100, 40), 2, Some(panel));
        assert_eq!(places.place(at(20, 10), (60, 20)), None);
    }
}
