// SPDX-License-Identifier: MPL-2.0
//! Draws the boxes of regions with their labels, and reuses those of the frame before.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::bitmap::Bitmap;
use super::content::{RegionBox, Row};
use super::label_placement::LabelPlacer;
use super::layout;
use super::region_layout;
use super::render::{self, Error};
use super::settings::Settings;
use super::sprite::Sprite;
use crate::rect::Rect;

/// A label with one text, at all places where it is drawn.
#[derive(Debug, Default)]
struct LabelCache {
    /// `None` where a frame of this size has no room for a label.
    bitmap: Option<Bitmap>,
    /// Where it was drawn in the frame before.
    before: Vec<Arc<Sprite>>,
    /// Where it is in this frame.
    now: Vec<Arc<Sprite>>,
}

impl LabelCache {
    fn new(row: &Row, settings: &Settings, frame: (u32, u32)) -> Result<Self, Error> {
        Ok(Self {
            bitmap: render::label(row, settings, frame)?,
            ..Self::default()
        })
    }

    /// Draws it at a box; `None` where there is no room.
    fn draw(&mut self, at: Rect, placer: &mut LabelPlacer) -> Option<Arc<Sprite>> {
        let bitmap = self.bitmap.as_ref()?;
        let (x, y) = placer.place(at, (bitmap.width, bitmap.height))?;
        let is_there = |sprite: &&Arc<Sprite>| (sprite.place.x, sprite.place.y) == (x, y);
        let known = self.before.iter().find(is_there).cloned();
        let sprite = known.unwrap_or_else(|| {
            Arc::new(match self.before.first() {
                Some(before) => before.moved(x, y),
                None => Sprite::new(x, y, bitmap.clone()),
            })
        });
        self.now.push(Arc::clone(&sprite));
        Some(sprite)
    }
}

/// The boxes and labels of a frame's regions.
#[derive(Debug, Default)]
pub struct RegionBoxes {
    boxes: Vec<RegionBox>,
    panel: Option<Rect>,
    /// The sprites of exactly those boxes: first all lines, then all labels.
    sprites: Vec<Arc<Sprite>>,
    /// The lines by their box.
    lines: HashMap<Rect, Vec<Arc<Sprite>>>,
    /// The labels by their text.
    cache: HashMap<Row, LabelCache>,
}

impl RegionBoxes {
    /// Draws boxes for a frame of this size, with labels that avoid the panel. Equal boxes are
    /// drawn once.
    ///
    /// # Errors
    /// If cairo cannot draw.
    pub fn draw(
        &mut self,
        boxes: Vec<RegionBox>,
        panel: Option<Rect>,
        settings: &Settings,
        frame: (u32, u32),
    ) -> Result<&[Arc<Sprite>], Error> {
        if self.boxes != boxes || self.panel != panel {
            self.redraw(&boxes, panel, settings, frame)?;
            (self.boxes, self.panel) = (boxes, panel);
        }
        Ok(&self.sprites)
    }

    fn redraw(
        &mut self,
        boxes: &[RegionBox],
        panel: Option<Rect>,
        settings: &Settings,
        frame: (u32, u32),
    ) -> Result<(), Error> {
        let em = layout::em(settings.scale, frame);
        let mut before = std::mem::take(self);
        let mut placer = LabelPlacer::new(frame, region_layout::thickness(em), panel);
        let mut labels = Vec::new();
        let mut seen = HashSet::new();
        for region in boxes.iter().filter(|region| seen.insert(*region)) {
            let Some(at) = region_layout::clip(frame, region.place) else {
                continue;
            };
            // A region with several labels has one box.
            if let Entry::Vacant(entry) = self.lines.entry(at) {
                let known = before.lines.remove(&at);
                let lines = known.unwrap_or_else(|| outline(em, at, settings.accent));
                self.sprites.extend(entry.insert(lines).iter().cloned());
            }
            if !self.cache.contains_key(&region.row) {
                let label = match before.cache.remove(&region.row) {
                    Some(label) => label,
                    None => LabelCache::new(&region.row, settings, frame)?,
                };
                self.cache.insert(region.row.clone(), label);
            }
            let label = self.cache.get_mut(&region.row);
            labels.extend(label.and_then(|label| label.draw(at, &mut placer)));
        }
        self.sprites.append(&mut labels);
        for label in self.cache.values_mut() {
            label.before = std::mem::take(&mut label.now);
        }
        Ok(())
    }
}

/// The lines of a box.
fn outline(em: u32, at: Rect, color: u32) -> Vec<Arc<Sprite>> {
    let lines = region_layout::outline(em, at).into_iter().map(|line| {
        let bitmap = Bitmap::plain(line.width, line.height, color);
        Arc::new(Sprite::new(line.x, line.y, bitmap))
    });
    lines.collect()
}
