// SPDX-License-Identifier: MPL-2.0
//! The font's height and the layout of the panel, in whole pixels. Lengths are measured in the
//! font's height, "em", so that the drawing looks the same at any size.

use super::settings::Position;
use crate::rect::Rect;

/// The minimum height of the font in pixels, for legibility.
const MIN_FONT_HEIGHT: f64 = 6.0;

/// The height of the font for a frame of this size. It follows the shorter side, so that upright
/// frames have room for as much text as others.
pub fn em(scale: f64, (width, height): (u32, u32)) -> u32 {
    let side = f64::from(width.min(height));
    (scale * side).round().clamp(MIN_FONT_HEIGHT, 4096.0) as u32
}

/// The height of the smaller font, for the footer and the labels of regions.
pub fn small(em: u32) -> u32 {
    (em * 70 / 100).max(MIN_FONT_HEIGHT as u32)
}

/// The sizes of the texts in the panel, in pixels.
#[derive(Debug, Clone, Default)]
pub struct TextSizes {
    /// Widths of the labels; empty if none are shown.
    pub labels: Vec<u32>,
    /// Number of rows.
    pub rows: usize,
    /// Height of a row's text.
    pub height: u32,
    /// Width of the widest percentage, if bars are shown.
    pub number: Option<u32>,
    /// Width and height of the footer, if there is one.
    pub footer: Option<(u32, u32)>,
}

/// A column of the panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Left edge, from the panel's left edge.
    pub x: u32,
    /// Width.
    pub width: u32,
}

/// The layout of the panel. What it contains is relative to its upper left corner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Panel {
    /// Where it is in the frame.
    pub place: Rect,
    /// Radius of its corners.
    pub radius: u32,
    /// Top edges of the rows' texts.
    pub rows: Vec<u32>,
    /// The labels.
    pub label: Option<Column>,
    /// The bars.
    pub bar: Option<Column>,
    /// The percentages.
    pub number: Option<Column>,
    /// Left edge, top edge and maximum width of the footer.
    pub footer: Option<(u32, u32, u32)>,
}

/// A fraction of the font's height, at least one pixel.
pub fn part(em: u32, hundredths: u32) -> u32 {
    ((em * hundredths + 50) / 100).max(1)
}

/// The distance between the panel and the frame's edge. It is even, so that the panel covers whole
/// samples of subsampled chroma.
pub fn margin(em: u32) -> u32 {
    part(em, 50).next_multiple_of(2)
}

/// The distance between the panel's edge and its content.
pub fn padding(em: u32) -> u32 {
    part(em, 50)
}

/// Lays the panel out; `None` if the frame has no room for it. In a small frame, bars are left out
/// before labels are, and the last rows before the first.
pub fn panel(
    (width, height): (u32, u32),
    em: u32,
    texts: &TextSizes,
    position: Position,
) -> Option<Panel> {
    let (margin, padding, gap) = (margin(em), padding(em), part(em, 60));
    let around = 2 * (margin + padding);
    let (room, tall) = (width.checked_sub(around)?, height.checked_sub(around)?);

    let has_labels = !texts.labels.is_empty();
    let near = part(em, 30);
    let widest = texts.labels.iter().copied().max().unwrap_or(0);
    let widest = widest.min(part(em, 1600));
    // A bar is shorter where a label would be cut otherwise.
    let bar_width = {
        let others = texts.number.unwrap_or(0) + near + if has_labels { widest + gap } else { 0 };
        let left = room.saturating_sub(others);
        left.clamp(part(em, 200), part(em, 400))
    };
    let bars = texts.number.map(|number| bar_width + near + number);
    let min = if has_labels { part(em, 300) + gap } else { 0 };
    let bars = bars.filter(|bars| min + bars <= room);
    let label_width = has_labels.then(|| {
        let room = bars.map_or(room, |bars| room - bars - gap);
        // An ellipsis alone would tell nothing.
        if room < widest.min(part(em, 100)) {
            return None;
        }
        // A minimum width keeps the bars in their place when the labels change.
        let min = if bars.is_some() { part(em, 700) } else { 0 };
        Some(widest.max(min).min(room))
    });
    let label_width = label_width.flatten();

    let pitch = texts.height + part(em, 20);
    let fits = (tall + part(em, 20)) / pitch.max(1);
    let rows = match label_width.is_some() || bars.is_some() {
        true => texts.rows.min(fits as usize),
        false => 0,
    };
    let rows: Vec<u32> = (0..rows as u32).map(|i| padding + i * pitch).collect();
    let mut bottom = rows.last().map_or(padding, |y| y + texts.height);
    let footer = texts.footer.and_then(|(width, height)| {
        let y = bottom + if rows.is_empty() { 0 } else { part(em, 35) };
        (y + height <= padding + tall && room >= part(em, 100)).then(|| {
            bottom = y + height;
            (padding, y, width.min(room))
        })
    });
    if rows.is_empty() && footer.is_none() {
        return None;
    }

    let label = label_width.map(|width| Column { x: padding, width });
    let bars_at = label.map_or(padding, |l| l.x + l.width + gap);
    let bar = bars.map(|_| Column {
        x: bars_at,
        width: bar_width,
    });
    let number = bars.map(|bars| Column {
        x: bars_at + bar_width + near,
        width: bars - bar_width - near,
    });
    let ends = [
        label.filter(|_| !rows.is_empty()).map(|l| l.x + l.width),
        number.filter(|_| !rows.is_empty()).map(|n| n.x + n.width),
        footer.map(|(x, _, width)| x + width),
    ];
    let right = ends.into_iter().flatten().max().unwrap_or(padding);
    let size = |inner: u32, room: u32| (inner + padding).next_multiple_of(2).min(room);
    let (w, h) = (
        size(right, width - 2 * margin),
        size(bottom, height - 2 * margin),
    );
    let (left, top) = match position {
        Position::TopLeft => (true, true),
        Position::TopRight => (false, true),
        Position::BottomLeft => (true, false),
        Position::BottomRight => (false, false),
    };
    Some(Panel {
        place: Rect {
            x: if left { margin } else { width - margin - w },
            y: if top { margin } else { height - margin - h },
            width: w,
            height: h,
        },
        radius: part(em, 30).min(w / 2).min(h / 2),
        rows,
        label,
        bar,
        number,
        footer,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HD: (u32, u32) = (1920, 1080);

    fn texts() -> TextSizes {
        TextSizes {
            labels: vec![100, 310],
            rows: 2,
            height: 50,
            number: Some(90),
            footer: Some((120, 30)),
        }
    }

    /// The panel stays inside of the frame, and its parts inside of the panel, at any size.
    #[test]
    fn fits() {
        let positions = [
            Position::TopLeft,
            Position::TopRight,
            Position::BottomLeft,
            Position::BottomRight,
        ];
        let mut count = 0;
        for width in (1..900).step_by(13) {
            for height in (1..500).step_by(7) {
                for position in positions {
                    let Some(p) = panel((width, height), 40, &texts(), position) else {
                        continue;
                    };
                    count += 1;
                    let place = p.place;
                    assert!(
                        place.x >= 20 && place.x + place.width + 20 <= width,
                        "{p:?}"
                    );
                    assert!(
                        place.y >= 20 && place.y + place.height + 20 <= height,
                        "{p:?}"
                    );
                    for column in [p.label, p.bar, p.number].into_iter().flatten() {
                        assert!(column.x + column.width <= place.width || p.rows.is_empty());
                    }
                    for y in &p.rows {
                        assert!(y + 50 <= place.height, "{p:?}");
                    }
                }
            }
        }
        assert!(count > 1000, "{count}");
    }

    /// The panel is placed in each corner.
    #[test]
    fn corners() {
        let at = |position| panel(HD, 40, &texts(), position).expect("room").place;
        let (a, d) = (at(Position::TopLeft), at(Position::BottomRight));
        assert_eq!((a.x, a.y), (20, 20));
        assert_eq!((d.x + d.width, d.y + d.height), (1900, 1060));
        let (b, c) = (at(Position::TopRight), at(Position::BottomLeft));
        assert_eq!((b.x, b.y, c.x, c.y), (d.x, a.y, a.x, d.y));
    }

    /// Bars are left out in a narrow frame, the last rows in a low one, and in the end the panel.
    #[test]
    fn gives_way() {
        let narrow = panel((340, 1080), 40, &texts(), Position::TopLeft).expect("room");
        assert_eq!((narrow.bar, narrow.number), (None, None));
        assert!(narrow.label.is_some());
        let low = panel((1920, 140), 40, &texts(), Position::TopLeft).expect("room");
        assert_eq!((low.rows.len(), low.footer), (1, None));
        assert_eq!(panel((1920, 100), 40, &texts(), Position::TopLeft), None);
        assert_eq!(panel((1, 1), 6, &texts(), Position::TopLeft), None);
    }

    /// Long labels shorten the bars, down to half their length.
    #[test]
    fn bars_are_shorter_beside_long_labels() {
        let look = |width| {
            let texts = TextSizes {
                labels: vec![400],
                ..texts()
            };
            let panel = panel((width, 1080), 40, &texts, Position::TopLeft).expect("room");
            (
                panel.label.expect("labels").width,
                panel.bar.expect("bars").width,
            )
        };
        assert_eq!(look(1920), (400, 160));
        // 80 around, 24 and 12 between, 90 for the number.
        assert_eq!(look(766), (400, 160));
        assert_eq!(look(706), (400, 100));
        assert_eq!(look(686), (400, 80));
        assert_eq!(look(646), (360, 80));
    }

    /// Bars stay in place when labels of usual length change.
    #[test]
    fn bars_stay() {
        let bar = |labels| {
            let texts = TextSizes { labels, ..texts() };
            panel(HD, 40, &texts, Position::TopLeft).expect("room").bar
        };
        assert_eq!(bar(vec![30, 60]), bar(vec![250, 10]));
    }

    /// The font follows the shorter side and has a minimum height.
    #[test]
    fn font() {
        assert_eq!(em(0.04, HD), 43);
        assert_eq!(em(0.04, (720, 1280)), em(0.04, (1280, 720)));
        assert_eq!(em(0.04, (64, 48)), 6);
        assert_eq!((small(43), small(6)), (30, 6));
    }
}
