// SPDX-License-Identifier: MPL-2.0
//! A bitmap prepared for the frames of one format and size.

use std::sync::Arc;

use gst_video::{VideoFrameRef, VideoInfo};

use super::super::bitmap::Bitmap;
use super::format::SampleLayout;
use super::plane::{Coefficients, PlaneBlend, covered_samples};
use super::transparent::TransparentBlend;
use crate::planes::PlaneMut;
use crate::rect::Rect;

/// A bitmap at a place, prepared for the frames of one format and size.
#[derive(Debug)]
pub struct PreparedBlend {
    layout: SampleLayout,
    planes: Vec<PlaneBlend>,
    /// For frames that are not opaque. `None` for formats without an alpha, and where
    /// [`Coefficients::Pixels`] takes care of it.
    transparent: Option<TransparentBlend>,
}

impl PreparedBlend {
    /// Prepares a bitmap, whose place lies within the frame. `None` for formats that need
    /// GStreamer's blending, see [`SampleLayout::new`].
    pub fn new(info: &VideoInfo, place: Rect, bitmap: &Bitmap) -> Option<Self> {
        let layout = SampleLayout::new(&info.format_info())?;
        let planes = 0..info.n_planes() as usize;
        let planes = planes.map(|p| PlaneBlend::new(info, &layout, p, place, bitmap));
        let planes: Vec<PlaneBlend> = planes.collect::<Option<_>>()?;
        let has_pixels = planes
            .iter()
            .any(|plane| matches!(*plane.coefficients, Coefficients::Pixels { .. }));
        let transparent = match layout.alpha() {
            Some(alpha) if !has_pixels => {
                Some(TransparentBlend::new(info, &layout, *alpha, place, bitmap))
            }
            _ => None,
        };
        Some(Self {
            layout,
            planes,
            transparent,
        })
    }

    /// The same bitmap at another place, which costs next to nothing. `None` where the samples
    /// differ from those at the old place: where one is shared with pixels beside the bitmap, and
    /// for transparent frames.
    pub fn moved(&self, from: Rect, to: Rect) -> Option<Self> {
        let subs = self.layout.components.iter();
        let sub = subs.map(|c| c.w_sub.max(c.h_sub)).max()?;
        let edges = [from, to].map(|r| r.x | r.y | r.width | r.height);
        let shares_no_sample = (edges[0] | edges[1]) & ((1 << sub) - 1) == 0;
        let has_same_size = (from.width, from.height) == (to.width, to.height);
        if !shares_no_sample || !has_same_size || self.transparent.is_some() {
            return None;
        }
        let planes = self.planes.iter().enumerate().map(|(p, plane)| {
            let covered = covered_samples(&self.layout, p, to)?;
            Some(PlaneBlend {
                covered,
                coefficients: Arc::clone(&plane.coefficients),
            })
        });
        Some(Self {
            layout: self.layout.clone(),
            planes: planes.collect::<Option<_>>()?,
            transparent: None,
        })
    }

    /// Blends the bitmap onto a frame. Nothing outside of its place is changed.
    ///
    /// # Errors
    /// If a plane ends before the rows that the bitmap covers.
    pub fn apply(
        &self,
        frame: &mut VideoFrameRef<&mut gst::BufferRef>,
    ) -> Result<(), glib::BoolError> {
        if let Some(transparent) = &self.transparent
            && let Some(alphas) = transparent.alphas(frame, &self.layout)?
        {
            return transparent.apply(frame, &self.layout, &self.planes, &alphas);
        }
        for (p, plane) in self.planes.iter().enumerate() {
            plane.apply(&mut PlaneMut::new(frame, p), &self.layout)?;
        }
        Ok(())
    }
}
