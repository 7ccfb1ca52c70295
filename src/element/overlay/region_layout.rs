// SPDX-License-Identifier: MPL-2.0
//! The layout of regions' boxes and labels, in whole pixels.

use super::layout::{Column, part};
use crate::rect::Rect;

/// The part of a region that lies within the frame; `None` if that is empty. Its edges are on even
/// pixels, so that it covers whole samples of subsampled chroma.
pub fn clip((width, height): (u32, u32), region: Rect) -> Option<Rect> {
    let cut = |start: u32, length: u32, size: u32| {
        let end = start.saturating_add(length).min(size);
        let start = (end > start).then_some(start & !1)?;
        Some((start, end.next_multiple_of(2).min(size) - start))
    };
    let (x, width) = cut(region.x, region.width, width)?;
    let (y, height) = cut(region.y, region.height, height)?;
    Some(Rect {
        x,
        y,
        width,
        height,
    })
}

/// The thickness of a box's lines.
pub fn thickness(em: u32) -> u32 {
    part(em, 10).next_multiple_of(2)
}

/// The lines of a box: inside of it, without overlap.
pub fn outline(em: u32, at: Rect) -> Vec<Rect> {
    let thick = thickness(em);
    if at.width <= 2 * thick || at.height <= 2 * thick {
        return vec![at];
    }
    let horizontal = |y| Rect {
        y,
        height: thick,
        ..at
    };
    let vertical = |x| Rect {
        x,
        y: at.y + thick,
        width: thick,
        height: at.height - 2 * thick,
    };
    vec![
        horizontal(at.y),
        horizontal(at.y + at.height - thick),
        vertical(at.x),
        vertical(at.x + at.width - thick),
    ]
}

/// The padding of a region's label: to the left and right, and above and below.
pub fn label_padding(em: u32) -> (u32, u32) {
    (part(em, 25), part(em, 10))
}

/// The maximum width of the text of a region's label; `None` if the frame has no room for one.
pub fn label_room((width, _): (u32, u32), em: u32) -> Option<u32> {
    let room = width.checked_sub(2 * label_padding(em).0)?;
    (room >= em).then_some(room.min(part(em, 1600)))
}

/// The width of a region's label text, and the column of its percentage if there is room for both.
pub fn label(room: u32, em: u32, label: u32, number: Option<u32>) -> (u32, Option<Column>) {
    let gap = part(em, 35);
    // A part of the text must stay legible.
    let number = number.filter(|number| label.min(3 * em) + gap + number <= room);
    let beside = number.map_or(0, |number| gap + number);
    let label = label.min(room - beside);
    let x = label + gap;
    (label, number.map(|width| Column { x, width }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HD: (u32, u32) = (1920, 1080);

    /// A box is cut at the frame's edges; outside of the frame nothing is left.
    #[test]
    fn clips() {
        let rect = |x, y, width, height| Rect {
            x,
            y,
            width,
            height,
        };
        assert_eq!(
            clip(HD, rect(1900, 0, 100, 10)),
            Some(rect(1900, 0, 20, 10))
        );
        assert_eq!(clip(HD, rect(1920, 0, 10, 10)), None);
        assert_eq!(clip(HD, rect(9, 9, u32::MAX, 0)), None);
        assert_eq!(
            clip(HD, rect(201, 151, 91, 67)),
            Some(rect(200, 150, 92, 68))
        );
        assert_eq!(clip((5, 5), rect(3, 4, 9, 1)), Some(rect(2, 4, 3, 1)));
        let all = rect(0, 0, u32::MAX, u32::MAX);
        assert_eq!(clip(HD, all), Some(rect(0, 0, 1920, 1080)));
    }

    /// The lines cover each pixel of the box's edge once.
    #[test]
    fn outlines() {
        for (width, height) in [(1, 1), (4, 9), (5, 5), (100, 60)] {
            let at = Rect {
                x: 7,
                y: 3,
                width,
                height,
            };
            let mut seen = vec![0u8; (width * height) as usize];
            for line in outline(20, at) {
                for y in line.y..line.y + line.height {
                    for x in line.x..line.x + line.width {
                        seen[((y - 3) * width + x - 7) as usize] += 1;
                    }
                }
            }
            for (i, count) in seen.into_iter().enumerate() {
                let (x, y) = (i as u32 % width, i as u32 / width);
                let edge = x.min(width - 1 - x).min(y).min(height - 1 - y) < 2;
                assert_eq!(count, u8::from(edge), "{width}x{height} at {x}, {y}");
            }
        }
    }

    /// The text is cut and the percentage stays whole. Where there is no room for both, the
    /// percentage is left out.
    #[test]
    fn labels() {
        let number = |x| Some(Column { x, width: 40 });
        assert_eq!(label(200, 20, 100, Some(40)), (100, number(107)));
        assert_eq!(label(200, 20, 190, Some(40)), (153, number(160)));
        assert_eq!(label(200, 20, 190, None), (190, None));
        assert_eq!(label(107, 20, 190, Some(40)), (60, number(67)));
        assert_eq!(label(106, 20, 190, Some(40)), (106, None));
        assert_eq!(label(60, 20, 10, Some(40)), (10, number(17)));
    }
}
