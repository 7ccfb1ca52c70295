// SPDX-License-Identifier: MPL-2.0
//! Words and bars into pixels, with Pango and cairo.

use std::f64::consts::{FRAC_PI_2, PI};

use super::content;
use super::layout::{self, Words};
use super::patch::{Patch, Pixels};
use super::settings::{Settings, Show};

/// Why nothing can be drawn.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cairo cannot make a picture of {width}x{height} pixels: {reason}")]
    Surface {
        width: u32,
        height: u32,
        reason: cairo::Error,
    },
    #[error("cairo cannot draw: {0}")]
    Draw(#[from] cairo::Error),
    #[error("what cairo has drawn cannot be read: {0}")]
    Read(#[from] cairo::BorrowError),
}

/// A font of a size. Pango's and cairo's objects stay in their thread, so that it is made where
/// it is needed; the fonts themselves are kept by Pango.
struct Pen {
    context: pango::Context,
    font: pango::FontDescription,
}

impl Pen {
    fn new(settings: &Settings, em: u32) -> Result<Self, Error> {
        // Words are measured without a picture to draw them in.
        let nowhere = Canvas::new(1, 1)?;
        let context = pangocairo::functions::create_context(&nowhere.context);
        let mut options = cairo::FontOptions::new()?;
        // Coloured fringes would need to know what is behind the text.
        options.set_antialias(cairo::Antialias::Gray);
        options.set_hint_style(cairo::HintStyle::None);
        options.set_hint_metrics(cairo::HintMetrics::Off);
        pangocairo::functions::context_set_font_options(&context, Some(&options));
        let mut font = pango::FontDescription::from_string(&settings.font);
        font.set_absolute_size(f64::from(em) * f64::from(pango::SCALE));
        Ok(Self { context, font })
    }

    /// A line of plain text: markup means nothing in it.
    fn line(&self, text: &str) -> Line {
        let layout = pango::Layout::new(&self.context);
        layout.set_font_description(Some(&self.font));
        layout.set_single_paragraph_mode(true);
        layout.set_ellipsize(pango::EllipsizeMode::End);
        layout.set_text(text);
        Line { layout }
    }

    /// Height of a line, and its baseline below the upper edge.
    fn height(&self) -> (u32, f64) {
        let line = self.line("Ag");
        (line.size().1, line.baseline())
    }
}

/// A line of text.
struct Line {
    layout: pango::Layout,
}

impl Line {
    /// Width and height.
    fn size(&self) -> (u32, u32) {
        let (width, height) = self.layout.size();
        let pixels = |units: i32| (units.max(0) as u32).div_ceil(pango::SCALE as u32);
        (pixels(width), pixels(height))
    }

    fn baseline(&self) -> f64 {
        f64::from(self.layout.baseline()) / f64::from(pango::SCALE)
    }

    /// Cut with an ellipsis where it is wider.
    fn cut(self, width: u32) -> Self {
        let width = i32::try_from(width).unwrap_or(i32::MAX);
        self.layout.set_width(width.saturating_mul(pango::SCALE));
        self
    }

    fn right_aligned(self) -> Self {
        self.layout.set_alignment(pango::Alignment::Right);
        self
    }
}

/// A picture that is drawn in.
struct Canvas {
    surface: cairo::ImageSurface,
    context: cairo::Context,
    size: (u32, u32),
}

impl Canvas {
    fn new(width: u32, height: u32) -> Result<Self, Error> {
        let size = |length| i32::try_from(length).unwrap_or(i32::MAX);
        let make = cairo::ImageSurface::create(cairo::Format::ARgb32, size(width), size(height));
        let surface = make.map_err(|reason| Error::Surface {
            width,
            height,
            reason,
        })?;
        let context = cairo::Context::new(&surface)?;
        Ok(Self {
            surface,
            context,
            size: (width, height),
        })
    }

    /// A colour 0xAARRGGBB, made more transparent.
    fn color(&self, argb: u32, opacity: f64) {
        let [a, r, g, b] = argb.to_be_bytes().map(|v| f64::from(v) / 255.0);
        self.context.set_source_rgba(r, g, b, a * opacity);
    }

    /// The outline of an area with round corners.
    fn round(&self, x: f64, y: f64, width: f64, height: f64, radius: f64) {
        let c = &self.context;
        let radius = radius.min(width / 2.0).min(height / 2.0);
        let (left, right) = (x + radius, x + width - radius);
        let (top, bottom) = (y + radius, y + height - radius);
        c.new_sub_path();
        c.arc(right, top, radius, -FRAC_PI_2, 0.0);
        c.arc(right, bottom, radius, 0.0, FRAC_PI_2);
        c.arc(left, bottom, radius, FRAC_PI_2, PI);
        c.arc(left, top, radius, PI, PI + FRAC_PI_2);
        c.close_path();
    }

    /// A bar with round ends, filled up to a fraction.
    fn bar(
        &self,
        (x, y, width, height): (f64, f64, f64, f64),
        fraction: f64,
        settings: &Settings,
    ) -> Result<(), Error> {
        let c = &self.context;
        c.save()?;
        self.round(x, y, width, height, height / 2.0);
        self.color(settings.color, 0.22);
        c.fill_preserve()?;
        // What is filled ends within the round end, however little it is.
        c.clip();
        c.rectangle(x, y, width * fraction, height);
        self.color(settings.accent, 1.0);
        c.fill()?;
        Ok(c.restore()?)
    }

    /// Writes a line whose baseline lies at `baseline`: lines with glyphs of another font are
    /// higher, and stand beside those without.
    fn text(&self, line: &Line, x: u32, baseline: f64) {
        self.context
            .move_to(f64::from(x), baseline - line.baseline());
        pangocairo::functions::show_layout(&self.context, &line.layout);
    }

    fn into_pixels(self) -> Result<Pixels, Error> {
        let Self {
            mut surface,
            context,
            size: (width, height),
        } = self;
        // It could not be read while something draws in it.
        drop(context);
        surface.flush();
        // Rows of 32 bits have no padding.
        let data = surface.data()?.to_vec().into();
        Ok(Pixels {
            width,
            height,
            data,
        })
    }
}

/// Draws what is shown for the whole frame; nothing if it has no place in it.
pub fn panel(
    content: &content::Panel,
    settings: &Settings,
    frame: (u32, u32),
) -> Result<Option<Patch>, Error> {
    let em = layout::em(settings.scale, frame);
    let pen = Pen::new(settings, em)?;
    let small = Pen::new(settings, layout::small(em))?;
    let (height, baseline) = pen.height();
    let footer = small.line(&content.footer);
    let has_labels = settings.show.contains(Show::LABEL) && !content.rows.is_empty();
    let has_bars = settings.show.contains(Show::BAR) && !content.rows.is_empty();
    let words = Words {
        labels: match has_labels {
            true => {
                let labels = content.rows.iter();
                labels.map(|row| pen.line(&row.label).size().0).collect()
            }
            false => Vec::new(),
        },
        rows: content.rows.len(),
        height,
        number: has_bars.then(|| pen.line(&content::percent_text(100)).size().0),
        footer: (!content.footer.is_empty()).then(|| footer.size()),
    };
    let Some(panel) = layout::panel(frame, em, &words, settings.position) else {
        return Ok(None);
    };

    let place = panel.place;
    let canvas = Canvas::new(place.width, place.height)?;
    canvas.color(settings.background, 1.0);
    let size = (f64::from(place.width), f64::from(place.height));
    canvas.round(0.0, 0.0, size.0, size.1, f64::from(panel.radius));
    canvas.context.fill()?;
    for (row, y) in content.rows.iter().zip(&panel.rows) {
        let baseline = f64::from(*y) + baseline;
        if let Some(column) = panel.label {
            canvas.color(settings.color, 1.0);
            let line = pen.line(&row.label).cut(column.width);
            canvas.text(&line, column.x, baseline);
        }
        let (Some(bar), Some(number), Some(percent)) = (panel.bar, panel.number, row.percent)
        else {
            continue;
        };
        // As high as a small letter and standing on the line with it, a little larger.
        let thick = (f64::from(em) * 0.5).round();
        let top = (baseline - f64::from(em) * 0.36 - thick / 2.0).round();
        let place = (f64::from(bar.x), top, f64::from(bar.width), thick);
        canvas.bar(place, f64::from(percent) / 100.0, settings)?;
        canvas.color(settings.color, 1.0);
        let line = pen
            .line(&content::percent_text(percent))
            .cut(number.width)
            .right_aligned();
        canvas.text(&line, number.x, baseline);
    }
    if let Some((x, y, room)) = panel.footer {
        canvas.color(settings.color, 0.75);
        let baseline = f64::from(y) + footer.baseline();
        canvas.text(&footer.cut(room), x, baseline);
    }
    Ok(Some(Patch::new(place.x, place.y, canvas.into_pixels()?)))
}

/// Draws the label of a region; nothing if there is no place for one in such a frame.
pub fn tag(
    row: &content::Row,
    settings: &Settings,
    frame: (u32, u32),
) -> Result<Option<Pixels>, Error> {
    let font = layout::small(layout::em(settings.scale, frame));
    let Some(room) = layout::tag_room(frame, font) else {
        return Ok(None);
    };
    let pen = Pen::new(settings, font)?;
    let (beside, above) = layout::tag_padding(font);
    let (height, baseline) = pen.height();
    let label = pen.line(&row.label);
    let number = row.percent.map(|p| pen.line(&content::percent_text(p)));
    let widths = (label.size().0, number.as_ref().map(|n| n.size().0));
    let (width, column) = layout::tag(room, font, widths.0, widths.1);
    // Where it is cut, what is left is seldom as wide as it might be.
    let label = label.cut(width);
    let less = width.saturating_sub(label.size().0);
    let (label, width) = (label.cut(width - less), width - less);
    let number_at = beside + column.map_or(0, |column| column.x - less);
    let inner = column.map_or(width, |column| column.x - less + column.width);
    // Even, as the box that it stands on.
    let size = |inner: u32, around: u32| (inner + 2 * around).next_multiple_of(2);
    let canvas = Canvas::new(size(inner, beside), size(height, above))?;
    canvas.color(settings.accent, 1.0);
    canvas.context.paint()?;
    canvas.color(contrast(settings.accent), 1.0);
    let baseline = f64::from(above) + baseline;
    canvas.text(&label, beside, baseline);
    if let Some(number) = number.filter(|_| column.is_some()) {
        canvas.text(&number, number_at, baseline);
    }
    Ok(Some(canvas.into_pixels()?))
}

/// Black or white, whichever can be read on a colour.
fn contrast(argb: u32) -> u32 {
    let [_, r, g, b] = argb.to_be_bytes().map(u32::from);
    let luma = 299 * r + 587 * g + 114 * b;
    if luma > 128_000 {
        0xff00_0000
    } else {
        0xffff_ffff
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text on a light colour is black, on a dark one white.
    #[test]
    fn contrasts() {
        assert_eq!(contrast(0xffff_ff00), 0xff00_0000);
        assert_eq!(contrast(0xff00_00ff), 0xffff_ffff);
    }
}
