// SPDX-License-Identifier: MPL-2.0
//! What becomes of frames: caps, times, flags, memory, allocation, flow returns.

use gst::prelude::*;
use gst_video::{VideoFormat, prelude::*};

use super::{color, metas, play_before, stop_before, until_error};
use support::element::*;
use support::harness::{play, sink_pad, through};
use support::pack;

/// Size and format change in mid-stream, with and without a new aspect ratio of the pixels.
#[test]
fn caps_change() {
    let (element, _folder) = color();
    let first = rgb(64, 48);
    let (mut harness, _bus) = play(&element, &first);
    assert_eq!(top(&through(&mut harness, plain(&first, RED))), 0);
    for (format, w, h, color, class) in [
        (VideoFormat::Nv12, 320, 240, GREEN, 1),
        (VideoFormat::Nv12, 33, 17, BLUE, 2),
        (VideoFormat::Bgrx, 33, 17, RED, 0),
        (VideoFormat::I42010le, 1920, 2, GREEN, 1),
        (VideoFormat::Rgb, 1, 1, BLUE, 2),
    ] {
        let info = info(format, w, h);
        harness.set_src_caps(caps(&info));
        let buffer = through(&mut harness, plain(&info, color));
        assert_eq!(top(&buffer), class, "{info:?}");
        let out = harness.sinkpad().and_then(|p| p.current_caps());
        assert_eq!(out, Some(caps(&info)), "the caps go on as they are");
    }
}

/// Interlaced pictures (both fields in one frame) are accepted and classified.
#[test]
fn interlaced() {
    let (element, _folder) = color();
    for mode in [
        gst_video::VideoInterlaceMode::Interleaved,
        gst_video::VideoInterlaceMode::Mixed,
    ] {
        let info = gst_video::VideoInfo::builder(VideoFormat::I420, 720, 576)
            .fps(gst::Fraction::new(25, 1))
            .interlace_mode(mode)
            .par(gst::Fraction::new(16, 11))
            .build()
            .expect("video info");
        let (mut harness, _bus) = play(&element, &info);
        let mut buffer = plain(&info, GREEN);
        let flags = gst_video::VideoBufferFlags::INTERLACED | gst_video::VideoBufferFlags::TFF;
        buffer.make_mut().set_video_flags(flags);
        let buffer = through(&mut harness, buffer);
        assert_eq!(top(&buffer), 1);
        assert!(buffer.video_flags().contains(flags));
    }
}

/// Frames as long and as flat as the caps allow, and pixels of an absurd shape.
#[test]
fn extreme_shapes() {
    let (element, _folder) = color();
    for (w, h, par) in [
        (8192, 1, (1, 1)),
        (1, 8192, (1, 1)),
        (1, 1, (1, 1)),
        (16, 16, (1000, 1)),
        (16, 16, (1, 1000)),
        (8192, 1, (i32::MAX, 1)),
        (1, 8192, (1, i32::MAX)),
    ] {
        for fit in ["crop", "stretch", "letterbox"] {
            element.set_property_from_str("fit", fit);
            let info = gst_video::VideoInfo::builder(VideoFormat::Rgb, w, h)
                .par(gst::Fraction::new(par.0, par.1))
                .build()
                .expect("video info");
            let (mut harness, _bus) = play(&element, &info);
            let buffer = through(&mut harness, plain(&info, BLUE));
            let classification = classification(&buffer);
            assert_eq!(
                classification.top().map(|c| c.index),
                Some(2),
                "{w}x{h} {par:?} {fit}"
            );
        }
    }
}

/// Times, offsets and flags leave as they came, on inferred frames and on the others, and so do
/// the pixels.
#[test]
fn buffers_leave_as_they_came() {
    let (element, _folder) = color();
    element.set_property("interval", 2u32);
    let info = rgb(8, 6);
    let (mut harness, _bus) = play(&element, &info);
    // The first buffer of a stream is a discontinuity, and so the base class marks it.
    through(&mut harness, timed(&info, RED, 0));
    for i in 1..6u64 {
        let mut buffer = plain(&info, [i as u8, 2, 3]);
        let b = buffer.make_mut();
        b.set_pts((i != 3).then(|| gst::ClockTime::from_mseconds(40 * i)));
        b.set_dts((i != 4).then(|| gst::ClockTime::from_mseconds(40 * i - 7)));
        b.set_duration((i != 5).then(|| gst::ClockTime::from_mseconds(40 + i)));
        b.set_offset(100 + i);
        b.set_offset_end(200 + i);
        b.set_flags(match i {
            1 => gst::BufferFlags::DISCONT | gst::BufferFlags::MARKER,
            2 => gst::BufferFlags::LIVE | gst::BufferFlags::RESYNC,
            3 => gst::BufferFlags::CORRUPTED,
            4 => gst::BufferFlags::DROPPABLE | gst::BufferFlags::DELTA_UNIT,
            _ => gst::BufferFlags::HEADER,
        });
        let before = buffer.copy();
        let after = through(&mut harness, buffer);
        assert_eq!(after.pts(), before.pts());
        assert_eq!(after.dts(), before.dts());
        assert_eq!(after.duration(), before.duration());
        assert_eq!(after.offset(), before.offset());
        assert_eq!(after.offset_end(), before.offset_end());
        let inner = gst::BufferFlags::TAG_MEMORY;
        assert_eq!(after.flags() - inner, before.flags() - inner, "{i}");
        assert_eq!(bytes(&after), bytes(&before));
    }
}

/// Corrupted, droppable and gap buffers are no pictures to judge by: they carry the last result.
#[test]
fn flagged_buffers_are_not_inferred() {
    let (element, _folder) = color();
    let info = rgb(8, 6);
    for flag in [
        gst::BufferFlags::GAP,
        gst::BufferFlags::DROPPABLE,
        gst::BufferFlags::CORRUPTED,
    ] {
        let (mut harness, _bus) = play(&element, &info);
        let flagged = |color, ms| {
            let mut buffer = timed(&info, color, ms);
            buffer.make_mut().set_flags(flag);
            buffer
        };
        // With no result yet there is none to carry.
        let first = through(&mut harness, flagged(RED, 0));
        assert_eq!(metas(&first), 0);
        assert!(first.flags().contains(flag));
        assert!(classification(&through(&mut harness, timed(&info, GREEN, 40))).fresh);
        let carried = through(&mut harness, flagged(BLUE, 80));
        assert!(carried.flags().contains(flag));
        let carried = classification(&carried);
        assert!(!carried.fresh);
        assert_eq!(carried.age, Some(gst::ClockTime::from_mseconds(40)));
        assert_eq!(carried.top().map(|c| c.index), Some(1), "{flag:?}");
        let stats: gst::Structure = element.property("stats");
        assert_eq!(stats.get::<u64>("inferences"), Ok(1));
        assert_eq!(stats.get::<u64>("skipped"), Ok(2));
    }
}

/// Without PTS frames are inferred all the same; the age of a carried result is then unknown.
#[test]
fn no_pts() {
    let (element, _folder) = color();
    element.set_property("interval", 2u32);
    let info = rgb(8, 6);
    let (mut harness, _bus) = play(&element, &info);
    let fresh = through(&mut harness, plain(&info, GREEN));
    assert_eq!(fresh.pts(), None);
    assert_eq!(classification(&fresh).age, Some(gst::ClockTime::ZERO));
    let carried = classification(&through(&mut harness, plain(&info, RED)));
    assert_eq!((carried.fresh, carried.age), (false, None));
    assert_eq!(carried.top().map(|c| c.index), Some(1));
}

/// Frames before any caps are not negotiated, which is no error of the element's.
#[test]
fn no_caps() {
    let (element, _folder) = color();
    let bus = gst::Bus::new();
    element.set_bus(Some(&bus));
    element.set_state(gst::State::Playing).expect("it plays");
    let pad = element.static_pad("sink").expect("a sink pad");
    pad.send_event(gst::event::StreamStart::new("without caps"));
    pad.send_event(gst::event::Segment::new(&gst::FormattedSegment::<
        gst::ClockTime,
    >::new()));
    let flow = pad.chain(plain(&rgb(8, 6), RED));
    assert_eq!(flow, Err(gst::FlowError::NotNegotiated));
    assert!(errors(&bus, &element).is_empty());
    element.set_state(gst::State::Null).expect("it stops");
    element.set_bus(None);
}

/// What the elements behind say to a buffer goes back upstream, and is no error of this element's.
#[test]
fn flow_returns_go_upstream() {
    let (element, _folder) = color();
    for flow in [
        gst::FlowError::Flushing,
        gst::FlowError::Eos,
        gst::FlowError::NotNegotiated,
        gst::FlowError::CustomError,
    ] {
        let behind = sink_pad().chain_function(move |_, _, _| Err(flow)).build();
        let bus = gst::Bus::new();
        element.set_bus(Some(&bus));
        let info = rgb(8, 6);
        let sink = play_before(&element, &behind, &info);
        assert_eq!(until_error(&sink, &info), flow);
        assert!(errors(&bus, &element).is_empty(), "{flow:?}");
        stop_before(&element, &behind);
        element.set_bus(None);
    }
}

/// Behind a `tee`: the pixels of the shared buffer are not copied, and the other branch's buffer
/// has no classification.
#[test]
fn shared_buffers() {
    let (element, _folder) = color();
    let info = rgb(8, 6);
    let (mut harness, _bus) = play(&element, &info);
    let shared = timed(&info, GREEN, 0);
    let other_branch = shared.clone();
    let memory = shared.peek_memory(0).as_ptr();
    let out = through(&mut harness, shared);
    assert_eq!(top(&out), 1);
    assert_eq!(out.peek_memory(0).as_ptr(), memory, "the very same memory");
    assert_ne!(out.as_ptr(), other_branch.as_ptr());
    assert_eq!(metas(&other_branch), 0);

    // One that nobody else has is not even a new buffer.
    drop(other_branch);
    let own = timed(&info, RED, 40);
    let buffer = own.as_ptr();
    assert_eq!(through(&mut harness, own).as_ptr(), buffer);
}

/// The same with the real `tee`.
#[test]
fn tee() {
    let (element, _folder) = color();
    let pipeline = gst::Pipeline::new();
    let src = gst_app::AppSrc::builder()
        .caps(&caps(&rgb(8, 6)))
        .format(gst::Format::Time)
        .build();
    let make = |name| {
        gst::ElementFactory::make(name)
            .build()
            .expect("a core element")
    };
    let (tee, a, b) = (make("tee"), make("queue"), make("queue"));
    let sink = || gst_app::AppSink::builder().sync(false).build();
    let (with, without) = (sink(), sink());
    pipeline
        .add_many([
            src.upcast_ref(),
            &tee,
            &a,
            &b,
            &element,
            with.upcast_ref(),
            without.upcast_ref(),
        ])
        .expect("they go in");
    gst::Element::link_many([src.upcast_ref(), &tee, &a, &element, with.upcast_ref()])
        .expect("links");
    gst::Element::link_many([&tee, &b, without.upcast_ref()]).expect("links");
    pipeline.set_state(gst::State::Playing).expect("plays");
    let frame = timed(&rgb(8, 6), BLUE, 0);
    let memory = frame.peek_memory(0).as_ptr();
    src.push_buffer(frame).expect("appsrc takes it");
    let pull = |sink: &gst_app::AppSink| {
        let sample = sink.try_pull_sample(TIMEOUT).expect("a sample");
        sample.buffer_owned().expect("a buffer")
    };
    let (with, without) = (pull(&with), pull(&without));
    pipeline.set_state(gst::State::Null).expect("stops");
    assert_eq!((metas(&with), metas(&without)), (1, 0));
    assert_eq!(with.peek_memory(0).as_ptr(), memory);
    assert_eq!(without.peek_memory(0).as_ptr(), memory);
}

/// Memory that can only be read is enough.
#[test]
fn read_only_memory() {
    let (element, _folder) = color();
    let info = rgb(8, 6);
    let (mut harness, _bus) = play(&element, &info);
    let frame = gst::Buffer::from_slice(pack::frame(&info, &pack::plain(8, 6, BLUE)));
    let memory = frame.peek_memory(0);
    assert!(memory.flags().contains(gst::MemoryFlags::READONLY));
    let memory = memory.as_ptr();
    let out = through(&mut harness, frame);
    assert_eq!(top(&out), 2);
    assert_eq!(out.peek_memory(0).as_ptr(), memory);
}

/// What the elements behind can take is what the elements before learn: GstVideoMeta is offered if
/// and only if they take it, for the buffers go on to them.
#[test]
fn allocation_query() {
    let (element, _folder) = color();
    let info = rgb(8, 6);
    let overlay = gst::ElementFactory::make("resnet50overlay").build();
    let overlay = overlay.expect("the element");
    for (element, offered) in [(&element, true), (&element, false), (&overlay, true)] {
        let behind = sink_pad()
            .chain_function(|_, _, _| Ok(gst::FlowSuccess::Ok))
            .query_function(move |pad, parent, query| match query.view_mut() {
                gst::QueryViewMut::Allocation(query) => {
                    if offered {
                        query.add_allocation_meta::<gst_video::VideoMeta>(None);
                        query.add_allocation_meta::<gst_video::VideoCropMeta>(None);
                    }
                    true
                }
                _ => gst::Pad::query_default(pad, parent, query),
            })
            .build();
        let sink = play_before(element, &behind, &info);
        assert_eq!(sink.chain(plain(&info, RED)), Ok(gst::FlowSuccess::Ok));
        let mut query = gst::query::Allocation::new(Some(&caps(&info)), true);
        let answered = sink.query(&mut query);
        let found = query.find_allocation_meta::<gst_video::VideoMeta>();
        assert_eq!(found.is_some(), offered, "answered: {answered}");
        // Cropping is not to be left to what is behind: here the whole would be looked at.
        let crop = query.find_allocation_meta::<gst_video::VideoCropMeta>();
        assert_eq!(crop, None, "{}", element.name());
        stop_before(element, &behind);
    }
}

/// A frame that is a part of what its memory holds is looked at, and no more: with an element
/// before that leaves the cropping to others, and with regions.
#[test]
fn cropped_by_others() {
    let (element, _folder) = color();
    element.set_property_from_str("region", "both");
    let (memory, info) = (rgb(16, 12), rgb(8, 6));
    let (mut harness, _bus) = play(&element, &info);
    let mut frame = pack::buffer(&memory, &pack::plain(16, 12, RED));
    let new = frame.make_mut();
    {
        let mut map = new.map_writable().expect("writable");
        let stride = memory.stride()[0] as usize;
        for (y, row) in map.chunks_mut(stride).enumerate() {
            for (x, pixel) in row[..48].chunks_mut(3).enumerate() {
                // The lower right corner is green, and its own lower right corner blue.
                if x >= 5 && y >= 4 {
                    pixel.copy_from_slice(if x >= 11 && y >= 8 { &BLUE } else { &GREEN });
                }
            }
        }
    }
    let (w, h) = (memory.width(), memory.height());
    let flags = gst_video::VideoFrameFlags::empty();
    gst_video::VideoMeta::add(new, flags, VideoFormat::Rgb, w, h).expect("the meta");
    gst_video::VideoCropMeta::add(new, (5, 4, 8, 6));
    gst_video::VideoRegionOfInterestMeta::add(new, "thing", (6, 4, 2, 2));
    let out = through(&mut harness, frame);
    assert_eq!(top(&out), 1, "green");
    let regions = gstresnet50::meta::regions_of(&out);
    let region = regions[0]
        .1
        .as_ref()
        .and_then(|classification| classification.top());
    assert_eq!(region.map(|class| class.index), Some(2), "blue");
}
