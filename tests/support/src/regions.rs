// SPDX-License-Identifier: MPL-2.0
//! Frames with the regions of a detector on them, and what became of these.

use gst::prelude::*;
use gst_video::{VideoInfo, VideoRegionOfInterestMeta};
use gstresnet50::meta::{Classification, Region, regions_of};

use crate::element::{element, text};
use crate::onnx::{FREE, Net};

/// Left, top, width and height in pixels.
pub type Rect = (u32, u32, u32, u32);

/// How detectors write the id of their tracker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spelling {
    /// A parameter `object_id` with a field `id`.
    ObjectId,
    /// A parameter `tracking` with a field `id`.
    Tracking,
    /// A field `tracking-id` of some parameter.
    Field,
}

/// An object in a picture: a rectangle of one colour, that a detector has found.
#[derive(Debug, Clone, Copy)]
pub struct Spot {
    pub rect: Rect,
    pub color: [u8; 3],
    pub kind: &'static str,
    pub tracking: Option<(Spelling, i64)>,
}

/// A "thing" without a tracker's id.
pub fn spot(rect: Rect, color: [u8; 3]) -> Spot {
    Spot {
        rect,
        color,
        kind: "thing",
        tracking: None,
    }
}

impl Spot {
    pub fn kind(mut self, kind: &'static str) -> Self {
        self.kind = kind;
        self
    }

    pub fn id(mut self, id: i64) -> Self {
        self.tracking = Some((Spelling::Tracking, id));
        self
    }

    pub fn spelled(mut self, spelling: Spelling, id: i64) -> Self {
        self.tracking = Some((spelling, id));
        self
    }

    pub fn color(mut self, color: [u8; 3]) -> Self {
        self.color = color;
        self
    }

    pub fn at(mut self, x: u32, y: u32) -> Self {
        (self.rect.0, self.rect.1) = (x, y);
        self
    }
}

/// Adds the regions to a frame, whatever is painted on it.
pub fn mark(buffer: &mut gst::Buffer, spots: &[Spot]) {
    for (i, spot) in spots.iter().enumerate() {
        let mut meta = VideoRegionOfInterestMeta::add(buffer.make_mut(), spot.kind, spot.rect);
        meta.set_id(100 + i as i32);
        // As detectors have it; it must stay.
        let detection = gst::Structure::builder("detection").field("confidence", 0.75f64);
        meta.add_param(detection.build());
        let Some((spelling, id)) = spot.tracking else {
            continue;
        };
        meta.add_param(match spelling {
            Spelling::ObjectId => gst::Structure::builder("object_id")
                .field("id", id as i32)
                .build(),
            Spelling::Tracking => gst::Structure::builder("tracking").field("id", id).build(),
            Spelling::Field => gst::Structure::builder("tracker")
                .field("tracking-id", id as u64)
                .build(),
        });
    }
}

/// A black frame with the objects painted on it, one over the other, and their regions; it has a
/// time in milliseconds and is 40 ms long.
pub fn scene(info: &VideoInfo, milliseconds: u64, spots: &[Spot]) -> gst::Buffer {
    let mut picture = crate::pack::plain(info.width(), info.height(), [0; 3]);
    for spot in spots {
        let (x, y, w, h) = spot.rect;
        for y in y..y.saturating_add(h).min(info.height()) {
            for x in x..x.saturating_add(w).min(info.width()) {
                picture.put_pixel(x, y, image::Rgb(spot.color));
            }
        }
    }
    let mut buffer = crate::pack::buffer(info, &picture);
    let b = buffer.make_mut();
    b.set_pts(gst::ClockTime::from_mseconds(milliseconds));
    b.set_duration(gst::ClockTime::from_mseconds(40));
    mark(&mut buffer, spots);
    buffer
}

/// An element that tells the colours of regions apart, and the folder that its model lies in.
pub fn colors() -> (gst::Element, tempfile::TempDir) {
    colors_by(Net::color().batch(FREE))
}

/// The same with a variant of the model.
pub fn colors_by(net: Net) -> (gst::Element, tempfile::TempDir) {
    crate::init();
    let folder = tempfile::tempdir().expect("a folder");
    let model = net.write(folder.path(), "color.onnx");
    let labels = folder.path().join("labels.txt");
    std::fs::write(&labels, "red\ngreen\nblue\n").expect("written");
    let element = element(&model);
    element.set_property("labels", text(&labels));
    element.set_property_from_str("region", "rois");
    (element, folder)
}

/// The results of the regions, in their order.
pub fn classifications(buffer: &gst::BufferRef) -> Vec<Option<Classification>> {
    regions_of(buffer).into_iter().map(|(_, a)| a).collect()
}

/// The regions that have been classified, with their results.
pub fn classified(buffer: &gst::BufferRef) -> Vec<(Region, Classification)> {
    let all = regions_of(buffer).into_iter();
    all.filter_map(|(region, classification)| Some((region, classification?)))
        .collect()
}

/// The best class of each region; none for those without a result.
pub fn classes(buffer: &gst::BufferRef) -> Vec<Option<i32>> {
    let all = classifications(buffer).into_iter();
    all.map(|classification| classification.map(|a| a.top().expect("a class").index))
        .collect()
}

/// The only region's best class, whether it is this frame's own, and its age in milliseconds.
pub fn single(buffer: &gst::BufferRef) -> Option<(i32, bool, u64)> {
    let mut all = classifications(buffer);
    assert_eq!(all.len(), 1, "one region");
    let classification = all.remove(0)?;
    let age = classification
        .age
        .expect("all frames have a time")
        .mseconds();
    let class = classification.top().expect("a class").index;
    assert!(!classification.fresh || age == 0, "fresh and {age} ms old");
    Some((class, classification.fresh, age))
}

/// The class of one of the three colours, as [`Net::color`] has it.
pub fn class_of(color: [u8; 3]) -> i32 {
    let best = (0..3).max_by_key(|c| color[*c]);
    best.expect("three channels") as i32
}

/// The element messages `resnet50` since the last call.
pub fn posted(bus: &gst::Bus, from: &gst::Element) -> Vec<gst::Structure> {
    let all = crate::element::messages(bus, from, gst::MessageType::Element);
    all.iter()
        .filter_map(|m| m.structure())
        .filter(|s| s.name() == "resnet50")
        .map(ToOwned::to_owned)
        .collect()
}
