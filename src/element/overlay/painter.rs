// SPDX-License-Identifier: MPL-2.0
//! Draws on frames, and keeps what it has drawn as long as it can be used.

use std::sync::Arc;

use gst_video::{VideoFrameRef, VideoInfo, VideoOverlayComposition, VideoOverlayCompositionMeta};

use super::blend;
use super::content::{self, Content};
use super::region_boxes::RegionBoxes;
use super::render;
use super::settings::Settings;
use super::sprite::Sprite;

/// Why a frame cannot be drawn on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Text or bars cannot be drawn.
    #[error(transparent)]
    Render(#[from] render::Error),
    /// The frame's memory does not fit its caps, or cannot be written.
    #[error("a frame cannot be mapped for writing: {0}")]
    Map(String),
    /// Blending failed.
    #[error("a frame cannot be drawn on: {0}")]
    Blend(glib::BoolError),
}

/// Draws on the frames of one format and size.
#[derive(Debug)]
pub struct Painter {
    info: VideoInfo,
    /// Whether the drawing is attached as an overlay composition, and not blended into the pixels.
    attach: bool,
    settings: Arc<Settings>,
    /// The panel drawn last; no sprite where the frame has no room for it.
    panel: Option<(content::Panel, Option<Arc<Sprite>>)>,
    regions: RegionBoxes,
    /// The composition made last, and its sprites.
    composition: Option<(Vec<Arc<Sprite>>, VideoOverlayComposition)>,
}

impl Painter {
    /// Prepares for frames of `info`.
    pub fn new(info: VideoInfo, attach: bool, settings: Arc<Settings>) -> Self {
        Self {
            info,
            attach,
            settings,
            panel: None,
            regions: RegionBoxes::default(),
            composition: None,
        }
    }

    /// Format and size of the frames.
    pub fn info(&self) -> &VideoInfo {
        &self.info
    }

    /// Whether the drawing is attached as an overlay composition.
    pub fn is_attaching(&self) -> bool {
        self.attach
    }

    /// Draws on a frame. A frame with nothing to draw stays as it is, even if it is shared.
    ///
    /// # Errors
    /// If text cannot be drawn, or the frame's memory does not fit its caps.
    pub fn draw(
        &mut self,
        buffer: &mut gst::Buffer,
        content: Content,
        settings: &Arc<Settings>,
    ) -> Result<(), Error> {
        if !Arc::ptr_eq(&self.settings, settings) {
            *self = Self::new(self.info.clone(), self.attach, Arc::clone(settings));
        }
        if !self.attach && !blend::can_blend(self.info.format()) {
            return Ok(());
        }
        let sprites = self.sprites(content)?;
        if sprites.is_empty() {
            return Ok(());
        }
        if self.attach {
            self.attach(buffer, sprites);
            return Ok(());
        }
        self.blend(buffer, &sprites)
    }

    fn size(&self) -> (u32, u32) {
        (self.info.width(), self.info.height())
    }

    /// The sprites for this content. Those of the frame before are reused as far as possible.
    fn sprites(&mut self, content: Content) -> Result<Vec<Arc<Sprite>>, Error> {
        let size = self.size();
        let panel = match content.panel {
            None => None,
            Some(panel) => match &self.panel {
                Some((same, drawn)) if *same == panel => drawn.clone(),
                _ => {
                    let drawn = render::panel(&panel, &self.settings, size)?;
                    let drawn = drawn.map(Arc::new);
                    self.panel = Some((panel, drawn.clone()));
                    drawn
                }
            },
        };
        let place = panel.as_ref().map(|panel| panel.place);
        let boxes = content.boxes;
        let regions = self.regions.draw(boxes, place, &self.settings, size)?;
        // The panel is drawn over the regions.
        let sprites = regions.iter().cloned().chain(panel);
        Ok(sprites.collect())
    }

    /// Attaches the sprites. The frame's memory is neither changed nor copied.
    fn attach(&mut self, buffer: &mut gst::Buffer, sprites: Vec<Arc<Sprite>>) {
        let composition = self.composition(sprites);
        let buffer = buffer.make_mut();
        // Another overlay came before: this one goes on top of it.
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

    fn composition(&mut self, sprites: Vec<Arc<Sprite>>) -> VideoOverlayComposition {
        let is_same = |before: &[Arc<Sprite>]| {
            let pairs = before.iter().zip(&sprites);
            before.len() == sprites.len() && pairs.into_iter().all(|(a, b)| Arc::ptr_eq(a, b))
        };
        match &self.composition {
            Some((before, composition)) if is_same(before) => composition.clone(),
            _ => {
                let rectangles = sprites.iter().map(|p| p.rectangle());
                let composition =
                    VideoOverlayComposition::new(rectangles).expect("there are rectangles");
                self.composition = Some((sprites, composition.clone()));
                composition
            }
        }
    }

    /// Blends the sprites into the pixels, in the frame's own format.
    fn blend(&mut self, buffer: &mut gst::Buffer, sprites: &[Arc<Sprite>]) -> Result<(), Error> {
        let composition = match sprites.iter().all(|p| p.blend(&self.info).is_some()) {
            true => None,
            false => Some(self.composition(sprites.to_vec())),
        };
        let found = buffer.size();
        let mut frame = VideoFrameRef::from_buffer_ref_writable(buffer.make_mut(), &self.info)
            .map_err(|_| unmappable(&self.info, found))?;
        if let Some(composition) = composition {
            return composition.blend(&mut frame).map_err(Error::Blend);
        }
        for sprite in sprites {
            if let Some(blend) = sprite.blend(&self.info) {
                blend.apply(&mut frame).map_err(Error::Blend)?;
            }
        }
        Ok(())
    }
}

/// Why a frame of `found` bytes cannot be mapped.
fn unmappable(info: &VideoInfo, found: usize) -> Error {
    let (format, width, height) = (info.format(), info.width(), info.height());
    let expected = info.size();
    Error::Map(match found < expected {
        true => format!(
            "{format} of {width}x{height} takes {expected} bytes, and the frame has {found}; the \
             element upstream sends frames that are smaller than its caps say"
        ),
        false => format!(
            "{format} of {width}x{height} takes {expected} bytes, and the frame has {found}; the \
             CPU cannot write to its memory, or its GstVideoMeta does not fit the memory"
        ),
    })
}
