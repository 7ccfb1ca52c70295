// SPDX-License-Identifier: MPL-2.0
//! `resnet50overlay` between two test pads: what comes in, and what is drawn.

use gst::prelude::*;
use gst_check::Harness;
use gst_video::{VideoFormat, VideoInfo, VideoOverlayCompositionMeta, VideoRegionOfInterestMeta};
use gstresnet50::meta::{self, Class, Classification};

use crate::element::{bytes, caps, info};
use crate::harness::through;

pub const WIDTH: u32 = 320;

pub const HEIGHT: u32 = 240;

/// A result with these classes.
pub fn classification(classes: &[(&str, f32)]) -> Classification {
    let class = |(index, (label, confidence)): (usize, &(&str, f32))| Class {
        index: index as i32,
        label: (*label).into(),
        confidence: *confidence,
    };
    Classification {
        element: "classify".into(),
        model: "model".into(),
        provider: "cpu".into(),
        fresh: true,
        age: Some(gst::ClockTime::ZERO),
        inference_time: gst::ClockTime::ZERO,
        results: classes.iter().enumerate().map(class).collect(),
        groups: Vec::new(),
        decision: None,
    }
}

/// The element with text of 24 pixels for frames of 240 lines.
pub fn overlay() -> gst::Element {
    crate::init();
    gst::ElementFactory::make("resnet50overlay")
        .property("scale", 0.1f64)
        .property("font-desc", "DejaVu Sans")
        .build()
        .expect("the element")
}

/// Draws beside them.
pub fn attaching(element: &gst::Element, info: &VideoInfo) -> Harness {
    let mut harness = Harness::with_element(element, Some("sink"), Some("src"));
    harness.add_propose_allocation_meta(VideoOverlayCompositionMeta::meta_api(), None);
    harness.set_src_caps(caps(info));
    harness
}

pub fn rgb() -> VideoInfo {
    info(VideoFormat::Rgb, WIDTH, HEIGHT)
}

/// A frame of bytes that are nothing in particular, at a time.
pub fn noise(info: &VideoInfo, milliseconds: u64) -> gst::Buffer {
    // Samples of other widths have bits that must be 0.
    let is_free = info
        .format_info()
        .depth()
        .iter()
        .all(|d| matches!(d, 0 | 8));
    let byte = |i| {
        if is_free {
            (i * 31 + i / 7 * 5) as u8
        } else {
            0
        }
    };
    let bytes = (0..info.size()).map(byte);
    let mut buffer = gst::Buffer::from_slice(bytes.collect::<Vec<_>>());
    let new = buffer.make_mut();
    new.set_pts(gst::ClockTime::from_mseconds(milliseconds));
    buffer
}

pub fn with(mut buffer: gst::Buffer, classification: &Classification) -> gst::Buffer {
    meta::attach(buffer.make_mut(), classification);
    buffer
}

pub fn with_region(
    mut buffer: gst::Buffer,
    rect: (u32, u32, u32, u32),
    classification: Option<&Classification>,
) -> gst::Buffer {
    let mut roi = VideoRegionOfInterestMeta::add(buffer.make_mut(), "face", rect);
    if let Some(classification) = classification {
        meta::attach_region(&mut roi, classification);
    }
    buffer
}

/// A piece of what is drawn: place, and alpha, red, green, blue of each pixel, premultiplied.
#[derive(Debug)]
pub struct Piece {
    pub x: u32,
    pub y: u32,
    pub width: u32,
    pub height: u32,
    pub pixels: Vec<[u8; 4]>,
}

impl Piece {
    pub fn at(&self, x: u32, y: u32) -> [u8; 4] {
        self.pixels[(y * self.width + x) as usize]
    }

    pub fn covers(&self, x: u32, y: u32) -> bool {
        (self.x..self.x + self.width).contains(&x) && (self.y..self.y + self.height).contains(&y)
    }

    pub fn place(&self) -> (u32, u32, u32, u32) {
        (self.x, self.y, self.width, self.height)
    }
}

/// What hangs on a frame.
pub fn pieces(buffer: &gst::BufferRef) -> Vec<Piece> {
    let Some(meta) = buffer.meta::<VideoOverlayCompositionMeta>() else {
        return Vec::new();
    };
    let pieces = meta.overlay().iter().map(|rectangle| {
        let (x, y, width, height) = rectangle.render_rectangle();
        let flags = gst_video::VideoOverlayFormatFlags::PREMULTIPLIED_ALPHA;
        let buffer = rectangle.pixels_unscaled_argb(flags);
        let video = buffer
            .meta::<gst_video::VideoMeta>()
            .expect("a GstVideoMeta");
        assert_eq!((video.width(), video.height()), (width, height));
        assert_eq!(video.stride()[0] as u32, 4 * width);
        let pixels = bytes(&buffer)
            .chunks_exact(4)
            .map(|p| u32::from_ne_bytes([p[0], p[1], p[2], p[3]]).to_be_bytes())
            .collect();
        Piece {
            x: u32::try_from(x).expect("in the frame"),
            y: u32::try_from(y).expect("in the frame"),
            width,
            height,
            pixels,
        }
    });
    pieces.collect()
}

/// What is drawn on a frame of this size.
pub fn drawn(
    element: &gst::Element,
    info: &VideoInfo,
    prepare: impl Fn(gst::Buffer) -> gst::Buffer,
) -> Vec<Piece> {
    let mut harness = attaching(element, info);
    let frame = through(&mut harness, prepare(noise(info, 0)));
    pieces(&frame)
}
