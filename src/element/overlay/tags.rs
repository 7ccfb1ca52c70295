// SPDX-License-Identifier: MPL-2.0
//! Where the labels of regions go: at their boxes, and outside each other where there is room.

use super::layout::Rect;

/// How many rows of labels there may be above a box, and below it.
const ROWS: u32 = 6;

/// Among so many labels around it, a label is put beside its box at most.
const CROWD: usize = 32;

/// With more labels than that, none is moved along its box: there is no room for them anyway, and
/// looking for it takes time.
const MANY: usize = 128;

/// The places that are taken in a frame of this size.
#[derive(Debug)]
pub struct Places {
    frame: (u32, u32),
    /// Between labels, which would look like one otherwise.
    gap: u32,
    taken: Vec<Rect>,
    /// What lies over the labels: one under it could not be read, nor could what is over it.
    avoided: Option<Rect>,
}

impl Places {
    /// Nothing is taken but what is to be avoided.
    pub fn new(frame: (u32, u32), gap: u32, avoided: Option<Rect>) -> Self {
        Self {
            frame,
            gap,
            taken: avoided.into_iter().collect(),
            avoided,
        }
    }

    /// Takes a place for the label of a box; none if the label is larger than the frame. It stands
    /// on the box, in it or below it, and begins where the box begins, if that is free; else it is
    /// at another place along the box, or not far from it. Where nothing is free, it covers as
    /// little of other labels as it can; there is none where it would lie under what is avoided.
    pub fn take(&mut self, at: Rect, (width, height): (u32, u32)) -> Option<(u32, u32)> {
        let most = (
            self.frame.0.checked_sub(width)?,
            self.frame.1.checked_sub(height)?,
        );
        let label = |x, y| Rect {
            x,
            y,
            width,
            height,
        };
        let x = at.x.min(most.0);
        let rows = self.rows(at, height, most.1);
        let aligned = rows.iter().map(|y| label(x, *y));
        let place = aligned
            .clone()
            .find(|place| self.covered(place) == 0)
            .or_else(|| {
                if self.taken.len() > MANY {
                    return None;
                }
                let best = label(x, *rows.first()?);
                let mut rows = rows.iter();
                rows.find_map(|y| self.along(at, label(x, *y), most.0))
                    .or_else(|| self.near(best, most))
            })
            .or_else(|| {
                let avoided = self.avoided;
                let hidden = |place: &Rect| avoided.is_some_and(|a| common(place, &a, 0) > 0);
                let places = aligned.filter(|place| !hidden(place));
                places.min_by_key(|place| self.covered(place))
            })?;
        self.taken.push(place);
        Some((place.x, place.y))
    }

    /// Upper edges of labels of this height, best first; there is at least one.
    fn rows(&self, at: Rect, height: u32, most: u32) -> Vec<u32> {
        let step = height + self.gap;
        let bottom = at.y + at.height;
        let above = |k: u32| at.y.checked_sub(height + k * step);
        let below = |k: u32| Some(bottom + k * step);
        // The gap leaves the box's own line to be seen.
        let inside = |k: u32| {
            let y = at.y + self.gap + k * step;
            (y + step <= bottom).then_some(y)
        };
        let mut rows = vec![above(0)];
        // A label is not to hide what is in a low box.
        if at.height >= 2 * step {
            rows.extend([inside(0), Some(bottom - step)]);
        }
        rows.push(below(0));
        rows.extend((1..ROWS).flat_map(|k| [above(k), inside(k), below(k)]));
        let mut rows: Vec<u32> = rows.into_iter().flatten().filter(|y| *y <= most).collect();
        if rows.is_empty() || at.height < 2 * step {
            rows.push(at.y.min(most));
        }
        rows
    }

    /// The free place of a row that is nearest to this one and still at the box.
    fn along(&self, at: Rect, label: Rect, most: u32) -> Option<Rect> {
        let common = label.height.min(at.width);
        let first = (at.x + common).saturating_sub(label.width);
        let last = (at.x + at.width - common).min(most);
        let beside = self.taken.iter().flat_map(|there| {
            let left = there.x.checked_sub(self.gap + label.width);
            [left, Some(there.x + there.width + self.gap)]
        });
        let places = beside.flatten().filter(|x| (first..=last).contains(x));
        let places = places.map(|x| Rect { x, ..label });
        let free = places.filter(|place| self.covered(place) == 0);
        free.min_by_key(|place| place.x.abs_diff(label.x))
    }

    /// The free place that is nearest to this one, and not too far from it.
    fn near(&self, label: Rect, most: (u32, u32)) -> Option<Rect> {
        let reach = (2 * label.width, ROWS * (label.height + self.gap));
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
            .filter(|there| common(&window, there, self.gap) > 0);
        let around: Vec<Rect> = around.copied().collect();
        if around.len() > CROWD {
            return None;
        }
        let beside = |start: u32, length: u32, own: u32| {
            let before = start.checked_sub(self.gap + own);
            before.into_iter().chain([start + length + self.gap])
        };
        let across = around
            .iter()
            .flat_map(|r| beside(r.x, r.width, label.width));
        let across = across.chain([label.x]);
        let across: Vec<u32> = across
            .filter(|x| *x <= most.0 && x.abs_diff(label.x) <= reach.0)
            .collect();
        let down = around
            .iter()
            .flat_map(|r| beside(r.y, r.height, label.height));
        let down = down.chain([label.y]);
        let mut best: Option<(u32, Rect)> = None;
        for y in down.filter(|y| *y <= most.1 && y.abs_diff(label.y) <= reach.1) {
            for x in &across {
                let far = x.abs_diff(label.x) + y.abs_diff(label.y);
                let place = Rect { x: *x, y, ..label };
                let is_nearer = best.is_none_or(|(best, _)| far < best);
                if is_nearer && around.iter().all(|r| common(&place, r, self.gap) == 0) {
                    best = Some((far, place));
                }
            }
        }
        best.map(|(_, place)| place)
    }

    /// How many pixels of what is taken, with the gap around it, a label would cover.
    fn covered(&self, label: &Rect) -> u64 {
        let taken = self.taken.iter();
        taken.map(|there| common(label, there, self.gap)).sum()
    }
}

/// How many pixels are common to a place and to another one with a gap around it.
fn common(place: &Rect, other: &Rect, gap: u32) -> u64 {
    let length = |start: u32, length: u32, other: u32, size: u32| {
        let end = (start + length).min(other + size + gap);
        u64::from(end.saturating_sub(start.max(other.saturating_sub(gap))))
    };
    length(place.x, place.width, other.x, other.width)
        * length(place.y, place.height, other.y, other.height)
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

    /// The only label of a frame stands on its box, inside or below where there is no room, and
    /// always within the frame.
    #[test]
    fn alone() {
        let tag = |frame, at, size| Places::new(frame, 2, None).take(at, size);
        assert_eq!(tag(HD, at(10, 100), (80, 30)), Some((10, 70)));
        assert_eq!(tag(HD, at(10, 20), (80, 20)), Some((10, 0)));
        assert_eq!(tag(HD, at(10, 10), (80, 20)), Some((10, 12)));
        // Of a low box nothing would be left to see.
        assert_eq!(tag(HD, at(10, 20), (80, 30)), Some((10, 70)));
        assert_eq!(tag((80, 80), at(10, 20), (80, 30)), Some((0, 20)));
        assert_eq!(tag(HD, at(1900, 100), (80, 30)), Some((1840, 70)));
        assert_eq!(tag((60, 40), at(0, 0), (80, 30)), None);
        assert_eq!(tag((80, 20), at(0, 0), (80, 30)), None);
    }

    /// What is avoided stays free, and labels lie apart however their boxes lie.
    #[test]
    fn apart() {
        let panel = Rect {
            x: 20,
            y: 20,
            width: 400,
            height: 200,
        };
        let mut seed = 1u32;
        let mut random = |most: u32| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) % most
        };
        for round in 0..200 {
            let mut places = Places::new(HD, 2, Some(panel));
            let mut labels = vec![panel];
            // Many of them upon each other, all over the frame or round the panel.
            let spread = [100, 400, 1000][round % 3];
            for _ in 0..12 {
                let at = Rect {
                    x: 200 + 2 * random(spread / 2),
                    y: 200 + 2 * random(spread / 4),
                    width: 40 + 2 * random(100),
                    height: 40 + 2 * random(100),
                };
                let (width, height) = (60 + 2 * random(80), 30);
                let (x, y) = places.take(at, (width, height)).expect("it is small");
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

    /// Boxes in one place have their labels in a pile, and each is still at its box.
    #[test]
    fn a_pile() {
        let mut places = Places::new(HD, 2, None);
        let size = (120, 30);
        let rows: Vec<_> = (0..5)
            .map(|_| places.take(at(100, 200), size).expect("room"))
            .collect();
        assert_eq!(
            rows,
            [(100, 170), (100, 250), (100, 138), (100, 282), (100, 106)]
        );
    }

    /// Where there is no room at all, there is a place all the same, unless it is hidden.
    #[test]
    fn no_room() {
        let mut places = Places::new((100, 40), 2, None);
        for _ in 0..300 {
            let (x, y) = places.take(at(20, 10), (60, 20)).expect("a place");
            assert!(x <= 40 && y <= 20, "{x}, {y}");
        }
        let panel = Rect {
            x: 4,
            y: 4,
            width: 92,
            height: 32,
        };
        let mut places = Places::new((100, 40), 2, Some(panel));
        assert_eq!(places.take(at(20, 10), (60, 20)), None);
    }
}
