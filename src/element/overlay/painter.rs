// SPDX-License-Identifier: MPL-2.0
//! What has been drawn, kept as long as it can be used, and how it comes onto frames.

use std::sync::Arc;

use gst_video::{VideoFrameRef, VideoInfo, VideoOverlayComposition, VideoOverlayCompositionMeta};

use super::content::{self, Content};
use super::format;
use super::patch::Patch;
use super::regions::Regions;
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
    regions: Regions,
    composition: Option<(Vec<Arc<Patch>>, VideoOverlayComposition)>,
}

impl Painter {
    pub fn new(info: VideoInfo, attach: bool, settings: Arc<Settings>) -> Self {
        Self {
            info,
            attach,
            settings,
            panel: None,
            regions: Regions::default(),
            composition: None,
        }
    }

    /// What the frames are.
    pub fn info(&self) -> &VideoInfo {
        &self.info
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
        if !self.attach && !format::can_be_drawn_on(self.info.format()) {
            return Ok(());
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
        let avoided = panel.as_ref().map(|panel| panel.place);
        let boxes = content.boxes;
        let regions = self.regions.draw(boxes, avoided, &self.settings, size)?;
        // The classes of the frame lie over its regions.
        let patches = regions.iter().cloned().chain(panel);
        Ok(patches.collect())
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
