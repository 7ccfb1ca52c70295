// SPDX-License-Identifier: MPL-2.0
//! Draws text and bars to bitmaps, with Pango and cairo.

use std::f64::consts::{FRAC_PI_2, PI};

use super::bitmap::Bitmap;
use super::content;
use super::layout::{self, TextSizes};
use super::region_layout;
use super::settings::{Settings, Show};
use super::sprite::Sprite;

/// Why a bitmap cannot be drawn.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Cairo cannot allocate a surface.
    #[error("cairo cannot make a picture of {width}x{height} pixels: {reason}")]
    Surface {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Cairo's reason.
        reason: cairo::Error,
    },
    /// A drawing operation failed.
    #[error("cairo cannot draw: {0}")]
    Draw(#[from] cairo::Error),
    /// The surface's memory is not accessible.
    #[error("what cairo has drawn cannot be read: {0}")]
    Read(#[from] cairo::BorrowError),
}

/// A font in a size. Pango's and cairo's objects must not change their thread, so it is created
/// where it is needed. Pango caches the fonts themselves.
struct Font {
    context: pango::Context,
    description: pango::FontDescription,
}

impl Font {
    fn new(settings: &Settings, em: u32) -> Result<Self, Error> {
        // Pango measures texts with a cairo context, on a surface of any size.
        let canvas = Canvas::new(1, 1)?;
        let context = pangocairo::functions::create_context(&canvas.context);
        let mut options = cairo::FontOptions::new()?;
        // Subpixel rendering would have to know the background.
        options.set_antialias(cairo::Antialias::Gray);
        options.set_hint_style(cairo::HintStyle::None);
        options.set_hint_metrics(cairo::HintMetrics::Off);
        pangocairo::functions::context_set_font_options(&context, Some(&options));
        let mut description = pango::FontDescription::from_string(&settings.font);
        description.set_absolute_size(f64::from(em) * f64::from(pango::SCALE));
        Ok(Self {
            context,
            description,
        })
    }

    /// A line of plain text, without markup.
    fn line(&self, text: &str) -> Line {
        let layout = pango::Layout::new(&self.context);
        layout.set_font_description(Some(&self.description));
        layout.set_single_paragraph_mode(true);
        layout.set_ellipsize(pango::EllipsizeMode::End);
        layout.set_text(text);
        Line { layout }
    }

    /// The height of a line, and the distance of its baseline from its top edge.
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
    /// Width and height in pixels.
    fn size(&self) -> (u32, u32) {
        let (width, height) = self.layout.size();
        let pixels = |units: i32| (units.max(0) as u32).div_ceil(pango::SCALE as u32);
        (pixels(width), pixels(height))
    }

    fn baseline(&self) -> f64 {
        f64::from(self.layout.baseline()) / f64::from(pango::SCALE)
    }

    /// Cuts the line with an ellipsis if it is wider.
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

/// A cairo surface to draw on.
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

    /// Sets the colour 0xAARRGGBB, with its alpha multiplied by an opacity.
    fn set_color(&self, argb: u32, opacity: f64) {
        let [a, r, g, b] = argb.to_be_bytes().map(|v| f64::from(v) / 255.0);
        self.context.set_source_rgba(r, g, b, a * opacity);
    }

    /// Adds an area with round corners to the path.
    fn rounded_rectangle(&self, x: f64, y: f64, width: f64, height: f64, radius: f64) {
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

    /// Draws a bar with round ends, filled up to a fraction.
    fn bar(
        &self,
        (x, y, width, height): (f64, f64, f64, f64),
        fraction: f64,
        settings: &Settings,
    ) -> Result<(), Error> {
        let c = &self.context;
        c.save()?;
        self.rounded_rectangle(x, y, width, height, height / 2.0);
        self.set_color(settings.color, 0.22);
        c.fill_preserve()?;
        // The filled part stays within the round end.
        c.clip();
        c.rectangle(x, y, width * fraction, height);
        self.set_color(settings.accent, 1.0);
        c.fill()?;
        Ok(c.restore()?)
    }

    /// Draws a line with its baseline at `baseline`. Lines with glyphs of a fallback font may be
    /// higher than others, and are aligned by their baselines.
    fn text(&self, line: &Line, x: u32, baseline: f64) {
        self.context
            .move_to(f64::from(x), baseline - line.baseline());
        pangocairo::functions::show_layout(&self.context, &line.layout);
    }

    fn into_bitmap(self) -> Result<Bitmap, Error> {
        let Self {
            mut surface,
            context,
            size: (width, height),
        } = self;
        // The surface cannot be read while a context refers to it.
        drop(context);
        surface.flush();
        // Cairo does not pad rows of 32-bit pixels.
        let data = surface.data()?.to_vec().into();
        Ok(Bitmap {
            width,
            height,
            data,
        })
    }
}

/// Draws the panel of the whole frame; `None` if the frame has no room for it.
///
/// # Errors
/// If cairo cannot draw.
pub fn panel(
    content: &content::Panel,
    settings: &Settings,
    frame: (u32, u32),
) -> Result<Option<Sprite>, Error> {
    let em = layout::em(settings.scale, frame);
    let font = Font::new(settings, em)?;
    let small = Font::new(settings, layout::small(em))?;
    let (height, baseline) = font.height();
    let footer = small.line(&content.footer);
    let has_labels = settings.show.contains(Show::LABEL) && !content.rows.is_empty();
    let has_bars = settings.show.contains(Show::BAR) && !content.rows.is_empty();
    let texts = TextSizes {
        labels: match has_labels {
            true => {
                let labels = content.rows.iter();
                labels.map(|row| font.line(&row.label).size().0).collect()
            }
            false => Vec::new(),
        },
        rows: content.rows.len(),
        height,
        number: has_bars.then(|| font.line(&content::percent_text(100)).size().0),
        footer: (!content.footer.is_empty()).then(|| footer.size()),
    };
    let Some(panel) = layout::panel(frame, em, &texts, settings.position) else {
        return Ok(None);
    };

    let place = panel.place;
    let canvas = Canvas::new(place.width, place.height)?;
    canvas.set_color(settings.background, 1.0);
    let size = (f64::from(place.width), f64::from(place.height));
    canvas.rounded_rectangle(0.0, 0.0, size.0, size.1, f64::from(panel.radius));
    canvas.context.fill()?;
    for (row, y) in content.rows.iter().zip(&panel.rows) {
        let baseline = f64::from(*y) + baseline;
        if let Some(column) = panel.label {
            canvas.set_color(settings.color, 1.0);
            let line = font.line(&row.label).cut(column.width);
            canvas.text(&line, column.x, baseline);
        }
        let (Some(bar), Some(number), Some(percent)) = (panel.bar, panel.number, row.percent)
        else {
            continue;
        };
        // A little larger than a lower-case letter, and centred on it.
        let thick = (f64::from(em) * 0.5).round();
        let top = (baseline - f64::from(em) * 0.36 - thick / 2.0).round();
        let place = (f64::from(bar.x), top, f64::from(bar.width), thick);
        canvas.bar(place, f64::from(percent) / 100.0, settings)?;
        canvas.set_color(settings.color, 1.0);
        let line = font
            .line(&content::percent_text(percent))
            .cut(number.width)
            .right_aligned();
        canvas.text(&line, number.x, baseline);
    }
    if let Some((x, y, room)) = panel.footer {
        canvas.set_color(settings.color, 0.75);
        let baseline = f64::from(y) + footer.baseline();
        canvas.text(&footer.cut(room), x, baseline);
    }
    Ok(Some(Sprite::new(place.x, place.y, canvas.into_bitmap()?)))
}

/// Draws the label of a region; `None` if a frame of this size has no room for one.
///
/// # Errors
/// If cairo cannot draw.
pub fn label(
    row: &content::Row,
    settings: &Settings,
    frame: (u32, u32),
) -> Result<Option<Bitmap>, Error> {
    let em = layout::small(layout::em(settings.scale, frame));
    let Some(room) = region_layout::label_room(frame, em) else {
        return Ok(None);
    };
    let font = Font::new(settings, em)?;
    let (beside, above) = region_layout::label_padding(em);
    let (height, baseline) = font.height();
    let label = font.line(&row.label);
    let number = row.percent.map(|p| font.line(&content::percent_text(p)));
    let widths = (label.size().0, number.as_ref().map(|n| n.size().0));
    let (width, column) = region_layout::label(room, em, widths.0, widths.1);
    // A text that has been cut is mostly narrower than its room.
    let label = label.cut(width);
    let less = width.saturating_sub(label.size().0);
    let (label, width) = (label.cut(width - less), width - less);
    let number_at = beside + column.map_or(0, |column| column.x - less);
    let inner = column.map_or(width, |column| column.x - less + column.width);
    // Even, as the box that it is at.
    let size = |inner: u32, around: u32| (inner + 2 * around).next_multiple_of(2);
    let canvas = Canvas::new(size(inner, beside), size(height, above))?;
    canvas.set_color(settings.accent, 1.0);
    canvas.context.paint()?;
    canvas.set_color(contrast(settings.accent), 1.0);
    let baseline = f64::from(above) + baseline;
    canvas.text(&label, beside, baseline);
    if let Some(number) = number.filter(|_| column.is_some()) {
        canvas.text(&number, number_at, baseline);
    }
    Ok(Some(canvas.into_bitmap()?))
}

/// Black or white, whichever is legible on a colour.
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
