// SPDX-License-Identifier: MPL-2.0
//! What has been drawn, kept as long as it can be used, and how it comes onto frames.

use std::collections::HashMap;
use std::sync::Arc;

use gst_video::{VideoFrameRef, VideoInfo, VideoOverlayComposition, VideoOverlayCompositionMeta};

use super::content::{self, Boxed, Content};
use super::layout::{self, Rect};
use super::patch::{Patch, Pixels};
use super::render;
use super::settings::Settings;

/// Why a frame cannot be drawn on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Render(#[from] render::Error),
    #[error("a frame cannot be mapped for writing: {0}")]
    Map(String),
    #[error("a frame cannot be drawn on: {0}")]
    Blend(glib::BoolError),
}

/// Draws on the frames of one kind.
#[derive(Debug)]
pub struct Painter {
    info: VideoInfo,
    /// Whether the drawing goes beside the pixels.
    attach: bool,
    settings: Arc<Settings>,
    panel: Option<(content::Panel, Option<Arc<Patch>>)>,
    boxes: Vec<(Boxed, Vec<Arc<Patch>>)>,
    /// The labels of regions, which may move.
    tags: HashMap<String, Option<Pixels>>,
    composition: Option<(Vec<Arc<Patch>>, VideoOverlayComposition)>,
}

impl Painter {
    pub fn new(info: VideoInfo, attach: bool, settings: Arc<Settings>) -> Self {
        Self {
            info,
            attach,
            settings,
            panel: None,
            boxes: Vec::new(),
            tags: HashMap::new(),
            composition: None,
        }
    }

    pub fn is_attaching(&self) -> bool {
        self.attach
    }

    /// Draws on a frame. Where there is nothing to draw, it stays as it is and shared.
    pub fn draw(
        &mut self,
        buffer: &mut gst::Buffer,
        content: Content,
        settings: &Arc<Settings>,
    ) -> Result<(), Error> {
        if !Arc::ptr_eq(&self.settings, settings) {
            *self = Self::new(self.info.clone(), self.attach, Arc::clone(settings));
        }
        let patches = self.patches(content)?;
        if patches.is_empty() {
            return Ok(());
        }
        if self.attach {
            self.attach(buffer, patches);
            return Ok(());
        }
        self.blend(buffer, &patches)
    }

    fn size(&self) -> (u32, u32) {
        (self.info.width(), self.info.height())
    }

    /// What is shown, drawn: as far as possible that of the frame before.
    fn patches(&mut self, content: Content) -> Result<Vec<Arc<Patch>>, Error> {
        let mut patches = Vec::new();
        let mut before = std::mem::take(&mut self.boxes);
        let mut tags = HashMap::new();
        for boxed in content.boxes {
            let same = before.iter().position(|(b, _)| *b == boxed);
            let drawn = match same {
                Some(i) => {
                    if let Some(tag) = self.tags.remove(&boxed.text) {
                        tags.insert(boxed.text.clone(), tag);
                    }
                    before.swap_remove(i).1
                }
                None => self.draw_box(&boxed, &mut tags)?,
            };
            patches.extend(drawn.iter().cloned());
            self.boxes.push((boxed, drawn));
        }
        self.tags = tags;
        // The classes of the frame lie over its regions.
        if let Some(panel) = content.panel {
            let drawn = match &self.panel {
                Some((same, drawn)) if *same == panel => drawn.clone(),
                _ => {
                    let drawn = render::panel(&panel, &self.settings, self.size())?;
                    let drawn = drawn.map(Arc::new);
                    self.panel = Some((panel, drawn.clone()));
                    drawn
                }
            };
            patches.extend(drawn);
        }
        Ok(patches)
    }

    fn draw_box(
        &mut self,
        boxed: &Boxed,
        tags: &mut HashMap<String, Option<Pixels>>,
    ) -> Result<Vec<Arc<Patch>>, Error> {
        let size = self.size();
        let at = Rect {
            x: boxed.x,
            y: boxed.y,
            width: boxed.width,
            height: boxed.height,
        };
        let Some(at) = layout::clip(size, at) else {
            return Ok(Vec::new());
        };
        let em = layout::em(self.settings.scale, size.1);
        let lines = layout::outline(em, at).into_iter().map(|line| {
            let pixels = Pixels::plain(line.width, line.height, self.settings.accent);
            Arc::new(Patch::new(line.x, line.y, pixels))
        });
        let mut patches: Vec<_> = lines.collect();
        let known = tags.get(&boxed.text).cloned();
        let tag = match known.or_else(|| self.tags.remove(&boxed.text)) {
            Some(tag) => tag,
            None => render::tag(&boxed.text, &self.settings, size)?,
        };
        tags.insert(boxed.text.clone(), tag.clone());
        if let Some(tag) = tag
            && let Some((x, y)) = layout::tag(size, at, (tag.width, tag.height))
        {
            patches.push(Arc::new(Patch::new(x, y, tag)));
        }
        Ok(patches)
    }

    /// The pixels stay where they are, and are shared with whoever has them too.
    fn attach(&mut self, buffer: &mut gst::Buffer, patches: Vec<Arc<Patch>>) {
        let composition = self.composition(patches);
        let buffer = buffer.make_mut();
        // Another overlay has been here: ours goes on top of it.
        if let Some(mut meta) = buffer.meta_mut::<VideoOverlayCompositionMeta>() {
            let below = meta.overlay_owned();
            let both = below.iter().chain(composition.iter());
            let both: Vec<_> = both.collect();
            if let Ok(both) = VideoOverlayComposition::new(&both) {
                meta.set_overlay(&both);
            }
            return;
        }
        VideoOverlayCompositionMeta::add(buffer, &composition);
    }

    fn composition(&mut self, patches: Vec<Arc<Patch>>) -> VideoOverlayComposition {
        let is_same = |before: &[Arc<Patch>]| {
            let pairs = before.iter().zip(&patches);
            before.len() == patches.len() && pairs.into_iter().all(|(a, b)| Arc::ptr_eq(a, b))
        };
        match &self.composition {
            Some((before, composition)) if is_same(before) => composition.clone(),
            _ => {
                let rectangles = patches.iter().map(|p| p.rectangle());
                let composition =
                    VideoOverlayComposition::new(rectangles).expect("there are rectangles");
                self.composition = Some((patches, composition.clone()));
                composition
            }
        }
    }

    /// Into the pixels, in the frame's own format.
    fn blend(&mut self, buffer: &mut gst::Buffer, patches: &[Arc<Patch>]) -> Result<(), Error> {
        let composition = match patches.iter().all(|p| p.stamp(&self.info).is_some()) {
            true => None,
            false => Some(self.composition(patches.to_vec())),
        };
        let found = buffer.size();
        let mut frame = VideoFrameRef::from_buffer_ref_writable(buffer.make_mut(), &self.info)
            .map_err(|_| unmappable(&self.info, found))?;
        if let Some(composition) = composition {
            return composition.blend(&mut frame).map_err(Error::Blend);
        }
        for patch in patches {
            if let Some(stamp) = patch.stamp(&self.info) {
                stamp.apply(&mut frame).map_err(Error::Blend)?;
            }
        }
        Ok(())
    }
}

/// Why a frame of so many bytes cannot be.
fn unmappable(info: &VideoInfo, found: usize) -> Error {
    let (format, width, height) = (info.format(), info.width(), info.height());
    let expected = info.size();
    Error::Map(match found < expected {
        true => format!(
            "{format} of {width}x{height} takes {expected} bytes, and it has {found}; the element \
             before this one gives frames that are smaller than its caps say"
        ),
        false => format!(
            "{format} of {width}x{height} takes {expected} bytes, and it has {found}; it lies \
             where the processor cannot write, or its GstVideoMeta does not fit them"
        ),
    })
}
