// SPDX-License-Identifier: MPL-2.0
//! What goes in, by its number, and how it has to come out.

use gst::prelude::*;
use gst_video::VideoInfo;
use gstresnet50::meta::{classification_of, regions_of};

use support::element::{caps, plain};
use support::regions::{mark, spot};

/// Of the classes.
pub const NAMES: [&str; 3] = ["red", "green", "blue"];

/// What a frame was sent with. It tells all of the frame.
#[derive(Debug, Clone)]
pub struct Frame {
    pub info: VideoInfo,
    pub segment: gst::FormattedSegment<gst::ClockTime>,
    pub is_missing: bool,
}

/// The color of a frame: its number tells the class, and how long its inference takes with
/// [`support::onnx::Whim::Uneven`].
fn color(number: u64) -> [u8; 3] {
    let mut color = [0; 3];
    color[(number % 3) as usize] = 200 + (37 * number % 56) as u8;
    color
}

/// Small frames or large ones, whose frame rate is the number of the caps.
pub fn video(is_large: bool, number: u64) -> VideoInfo {
    let (width, height) = if is_large { (64, 48) } else { (8, 6) };
    let rate = gst::Fraction::new(number as i32, 1);
    let video = VideoInfo::builder(gst_video::VideoFormat::Rgb, width, height).fps(rate);
    video.build().expect("video info")
}

/// The segment with this number.
pub fn segment(number: u64) -> gst::FormattedSegment<gst::ClockTime> {
    let mut segment = gst::FormattedSegment::new();
    segment.set_time(gst::ClockTime::from_nseconds(number));
    segment
}

/// The frame with this number, as it goes in and has to come out.
pub fn frame(number: u64, frame: &Frame) -> gst::Buffer {
    use gst::BufferFlags as F;
    let mut buffer = plain(&frame.info, color(number));
    // Two objects, of which a tracker knows one, come and go.
    let objects = [
        spot((0, 0, 8, 6), color(number)).id(7),
        spot((1, 2, 3, 4), color(number)),
    ];
    mark(&mut buffer, &objects[..(number % 3) as usize]);
    let b = buffer.make_mut();
    {
        // So that no two frames are the same to the last pixel.
        let mut map = b.map_writable().expect("it can be written");
        let last = map.len() - 3;
        map[last..].copy_from_slice(&number.to_le_bytes()[..3]);
    }
    b.set_offset(number);
    b.set_offset_end(number + 1000);
    b.set_pts(gst::ClockTime::from_mseconds(40 * number));
    b.set_dts(gst::ClockTime::from_mseconds(40 * number).saturating_sub(gst::ClockTime::SECOND));
    b.set_duration(gst::ClockTime::from_mseconds(30 + number % 10));
    let flags = [F::DISCONT, F::MARKER, F::DELTA_UNIT, F::RESYNC, F::HEADER];
    b.set_flags(flags[(number % 5) as usize]);
    match number % 11 {
        _ if frame.is_missing => b.set_flags(F::GAP),
        7 => b.set_flags(F::CORRUPTED),
        9 => b.set_flags(F::DROPPABLE),
        _ => {}
    }
    buffer
}

/// A serialized event that can be told from others.
pub fn numbered(number: u64) -> gst::Event {
    let structure = gst::Structure::builder("numbered").field("number", number);
    gst::event::CustomDownstream::new(structure.build())
}

/// The number of an event that has one, and whether GStreamer may send it again by itself.
pub fn number_of(event: &gst::EventRef) -> Option<(u64, bool)> {
    use gst::EventView;
    match event.view() {
        EventView::CustomDownstream(custom) => {
            Some((custom.structure()?.get("number").ok()?, false))
        }
        EventView::Gap(gap) => Some((gap.get().1?.nseconds(), false)),
        EventView::Caps(caps) => {
            let info = VideoInfo::from_caps(caps.caps()).expect("video");
            Some((info.fps().numer() as u64, true))
        }
        EventView::Segment(segment) => {
            let segment = segment.segment().downcast_ref::<gst::ClockTime>();
            Some((segment?.time()?.nseconds(), true))
        }
        _ => None,
    }
}

/// What is wrong with a frame that has come out at this pad.
pub fn fault(pad: &gst::Pad, buffer: &gst::BufferRef, number: u64, sent: &Frame) -> Option<String> {
    // Whose caps it is seen with, and where in time.
    let (now, then) = (pad.current_caps(), caps(&sent.info));
    if now.as_ref() != Some(&then) {
        return Some(format!("has the caps {now:?} instead of {then:?}"));
    }
    let event = pad.sticky_event::<gst::event::Segment>(0);
    let now = event.as_ref().map(|e| e.segment());
    if now.and_then(|s| s.downcast_ref()) != Some(&sent.segment) {
        return Some(format!("has the segment {now:?}, not {:?}", sent.segment));
    }

    let original = frame(number, sent);
    let times = |b: &gst::BufferRef| (b.pts(), b.dts(), b.duration());
    let rest = |b: &gst::BufferRef| (b.offset_end(), b.flags() - gst::BufferFlags::TAG_MEMORY);
    if times(buffer) != times(&original) {
        return Some(format!("has the times {:?}", times(buffer)));
    }
    if rest(buffer) != rest(&original) {
        let (now, then) = (rest(buffer), rest(&original));
        return Some(format!("has {now:?} instead of {then:?}"));
    }
    let maps = (buffer.map_readable(), original.map_readable());
    let (map, pixels) = (maps.0.expect("readable"), maps.1.expect("readable"));
    if map[..] != pixels[..] {
        return Some(format!("has other pixels ({} bytes)", map.len()));
    }

    let (regions, classifications): (Vec<_>, Vec<_>) = regions_of(buffer).into_iter().unzip();
    if regions.len() as u64 != number % 3 {
        return Some(format!("has the regions {regions:?}"));
    }
    // What has a result of its own has the right one, whichever of the models it is from.
    let classifications = classifications
        .into_iter()
        .chain([classification_of(buffer)]);
    classifications.flatten().find_map(|classification| {
        let top = classification.top()?;
        let index = top.index as usize;
        let is_named = [NAMES[index], &format!("class {index}")].contains(&&*top.label);
        let is_right = !classification.fresh || index as u64 == number % 3;
        (!is_named || !is_right).then(|| format!("has {classification:?}"))
    })
}
