// SPDX-License-Identifier: MPL-2.0
//! Rectangles in whole pixels: crops, regions, and what is drawn.

/// A rectangle in pixels (or samples) of a frame. It need not lie within the frame.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Rect {
    /// Left edge.
    pub x: u32,
    /// Top edge.
    pub y: u32,
    /// Width.
    pub width: u32,
    /// Height.
    pub height: u32,
}

/// `x`, `y`, width and height, as `VideoRegionOfInterestMeta::rect` returns them.
impl From<(u32, u32, u32, u32)> for Rect {
    fn from((x, y, width, height): (u32, u32, u32, u32)) -> Self {
        Self {
            x,
            y,
            width,
            height,
        }
    }
}

impl Rect {
    /// All of a frame of this size.
    pub fn whole(width: u32, height: u32) -> Self {
        Self {
            x: 0,
            y: 0,
            width,
            height,
        }
    }

    /// The right edge: the first column beyond the rectangle.
    pub fn right(&self) -> u32 {
        self.x.saturating_add(self.width)
    }

    /// The bottom edge: the first row below the rectangle.
    pub fn bottom(&self) -> u32 {
        self.y.saturating_add(self.height)
    }

    /// The part that lies within a frame of this size, or `None` if that is empty.
    pub fn clip(&self, width: u32, height: u32) -> Option<Self> {
        let width = self.right().min(width);
        let height = self.bottom().min(height);
        Some(Self {
            width: width.checked_sub(self.x).filter(|w| *w > 0)?,
            height: height.checked_sub(self.y).filter(|h| *h > 0)?,
            ..*self
        })
    }

    /// The number of pixels.
    pub fn area(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// The number of pixels that both rectangles cover.
    pub fn common_area(&self, other: &Self) -> u64 {
        let common = |(a, a_length): (u32, u32), (b, b_length): (u32, u32)| {
            let end = |start: u32, length: u32| u64::from(start) + u64::from(length);
            end(a, a_length)
                .min(end(b, b_length))
                .saturating_sub(a.max(b).into())
        };
        common((self.x, self.width), (other.x, other.width))
            * common((self.y, self.height), (other.y, other.height))
    }

    /// Intersection over union, from 0 to 1; 0 if both are empty.
    pub fn iou(&self, other: &Self) -> f64 {
        let both = self.common_area(other) as f64;
        let either = self.area() as f64 + other.area() as f64 - both;
        if either > 0.0 { both / either } else { 0.0 }
    }

    /// The rectangle with `margin` more pixels on each side, cut off at the frame's left and top
    /// edges.
    pub fn grown(&self, margin: u32) -> Self {
        let (x, y) = (self.x.saturating_sub(margin), self.y.saturating_sub(margin));
        Self {
            x,
            y,
            width: self.right().saturating_add(margin) - x,
            height: self.bottom().saturating_add(margin) - y,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A rectangle is cut at the frame's edges; outside of the frame nothing is left.
    #[test]
    fn clips() {
        let rect = |x, y, width, height| Rect::from((x, y, width, height));
        let clip = |r: Rect| r.clip(100, 50);
        assert_eq!(clip(rect(10, 20, 30, 30)), Some(rect(10, 20, 30, 30)));
        assert_eq!(clip(rect(90, 40, 30, 30)), Some(rect(90, 40, 10, 10)));
        let max = u32::MAX;
        assert_eq!(clip(rect(99, 49, max, max)), Some(rect(99, 49, 1, 1)));
        for outside in [
            rect(100, 0, 5, 5),
            rect(0, 50, 5, 5),
            rect(max, max, max, max),
            rect(5, 5, 0, 5),
            rect(5, 5, 5, 0),
        ] {
            assert_eq!(clip(outside), None);
        }
    }

    /// Intersection over union, up to the largest rectangles.
    #[test]
    fn overlaps() {
        const MAX: u32 = u32::MAX;
        let cases = [
            ((0, 0, 10, 10), (0, 0, 10, 10), 1.0),
            ((0, 0, 10, 10), (5, 0, 10, 10), 50.0 / 150.0),
            ((0, 0, 10, 10), (2, 2, 5, 5), 0.25),
            ((0, 0, 10, 10), (10, 0, 10, 10), 0.0),
            ((0, 0, 0, 0), (0, 0, 0, 0), 0.0),
            ((0, 0, MAX, MAX), (0, 0, MAX, MAX), 1.0),
            ((MAX, 0, MAX, 1), (0, 0, 1, 1), 0.0),
        ];
        for (a, b, expected) in cases {
            let (a, b) = (Rect::from(a), Rect::from(b));
            assert!((a.iou(&b) - expected).abs() < 1e-12, "{a:?} {b:?}");
            assert!((b.iou(&a) - expected).abs() < 1e-12, "{b:?} {a:?}");
        }
    }

    /// Neighbours have nothing in common until one of them is grown.
    #[test]
    fn common_areas() {
        let (a, b) = (Rect::from((10, 10, 20, 10)), Rect::from((25, 5, 20, 10)));
        assert_eq!(a.common_area(&b), 25);
        assert_eq!(a.common_area(&a), a.area());
        let right = Rect::from((30, 10, 5, 10));
        assert_eq!(a.common_area(&right), 0);
        assert_eq!(a.common_area(&right.grown(2)), 20);
        assert_eq!(Rect::from((1, 1, 2, 2)).grown(3), Rect::from((0, 0, 6, 6)));
        let max = Rect::from((u32::MAX, u32::MAX, u32::MAX, u32::MAX));
        assert_eq!(max.common_area(&max.grown(1)), 0);
    }
}
