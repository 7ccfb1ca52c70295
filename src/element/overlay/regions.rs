// SPDX-License-Identifier: MPL-2.0
//! The boxes of regions with their labels, drawn: as far as possible those of the frame before.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::content::{Boxed, Row};
use super::layout::{self, Rect};
use super::patch::{Patch, Pixels};
use super::render::{self, Error};
use super::settings::Settings;
use super::tags::Places;

/// A label, which may move.
#[derive(Debug, Default)]
struct Tag {
    /// None where there is no place for one in such a frame.
    pixels: Option<Pixels>,
    /// Where it was drawn in the frame before, and where it is in this one.
    before: Vec<Arc<Patch>>,
    now: Vec<Arc<Patch>>,
}

impl Tag {
    fn new(row: &Row, settings: &Settings, frame: (u32, u32)) -> Result<Self, Error> {
        Ok(Self {
            pixels: render::tag(row, settings, frame)?,
            ..Self::default()
        })
    }

    /// Draws it for a box.
    fn draw(&mut self, at: Rect, places: &mut Places) -> Option<Arc<Patch>> {
        let pixels = self.pixels.as_ref()?;
        let (x, y) = places.take(at, (pixels.width, pixels.height))?;
        let is_there = |patch: &&Arc<Patch>| (patch.place.x, patch.place.y) == (x, y);
        let known = self.before.iter().find(is_there).cloned();
        let patch = known.unwrap_or_else(|| {
            Arc::new(match self.before.first() {
                Some(before) => before.moved(x, y),
                None => Patch::new(x, y, pixels.clone()),
            })
        });
        self.now.push(Arc::clone(&patch));
        Some(patch)
    }
}

/// What is drawn for the regions of a frame.
#[derive(Debug, Default)]
pub struct Regions {
    boxes: Vec<Boxed>,
    avoided: Option<Rect>,
    /// Of exactly those: the lines of all boxes, and over them the labels.
    patches: Vec<Arc<Patch>>,
    lines: HashMap<Rect, Vec<Arc<Patch>>>,
    tags: HashMap<Row, Tag>,
}

impl Regions {
    /// Draws boxes for a frame of this size, with labels that leave a place alone. Of equal boxes
    /// there is one.
    pub fn draw(
        &mut self,
        boxes: Vec<Boxed>,
        avoided: Option<Rect>,
        settings: &Settings,
        frame: (u32, u32),
    ) -> Result<&[Arc<Patch>], Error> {
        if self.boxes != boxes || self.avoided != avoided {
            self.redraw(&boxes, avoided, settings, frame)?;
            (self.boxes, self.avoided) = (boxes, avoided);
        }
        Ok(&self.patches)
    }

    fn redraw(
        &mut self,
        boxes: &[Boxed],
        avoided: Option<Rect>,
        settings: &Settings,
        frame: (u32, u32),
    ) -> Result<(), Error> {
        let em = layout::em(settings.scale, frame);
        let mut before = std::mem::take(self);
        let mut places = Places::new(frame, layout::thickness(em), avoided);
        let mut labels = Vec::new();
        let mut seen = HashSet::new();
        for boxed in boxes.iter().filter(|boxed| seen.insert(*boxed)) {
            let Some(at) = layout::clip(frame, boxed.place) else {
                continue;
            };
            let lines = self.lines.entry(at).or_insert_with(|| {
                let known = before.lines.remove(&at);
                known.unwrap_or_else(|| outline(em, at, settings.accent))
            });
            self.patches.extend(lines.iter().cloned());
            if !self.tags.contains_key(&boxed.row) {
                let tag = match before.tags.remove(&boxed.row) {
                    Some(tag) => tag,
                    None => Tag::new(&boxed.row, settings, frame)?,
                };
                self.tags.insert(boxed.row.clone(), tag);
            }
            let tag = self.tags.get_mut(&boxed.row);
            labels.extend(tag.and_then(|tag| tag.draw(at, &mut places)));
        }
        self.patches.append(&mut labels);
        for tag in self.tags.values_mut() {
            tag.before = std::mem::take(&mut tag.now);
        }
        Ok(())
    }
}

/// The lines of a box.
fn outline(em: u32, at: Rect, color: u32) -> Vec<Arc<Patch>> {
    let lines = layout::outline(em, at).into_iter().map(|line| {
        let pixels = Pixels::plain(line.width, line.height, color);
        Arc::new(Patch::new(line.x, line.y, pixels))
    });
    lines.collect()
}
