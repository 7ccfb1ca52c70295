// SPDX-License-Identifier: MPL-2.0
//! The element as a neighbour in a pipeline: caps, events, times, flags, memory, states,
//! properties, messages, metadata.

mod support;

use gst::prelude::*;
use gst_check::Harness;
use gst_video::{VideoFormat, prelude::*};
use gstresnet50::inference::BUILTIN;
use gstresnet50::meta::{META_NAME, classification_of};
use support::element::*;
use support::onnx::Net;
use support::pack;

/// An element that tells red, green and blue apart, and the folder that its model lies in.
fn color() -> (gst::Element, tempfile::TempDir) {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let element = element(&Net::color().write(folder.path(), "color.onnx"));
    (element, folder)
}

/// All element messages of an element.
fn element_messages(bus: &gst::Bus, from: &gst::Element) -> Vec<gst::Structure> {
    messages(bus, from, gst::MessageType::Element)
        .iter()
        .filter_map(|m| m.structure().map(ToOwned::to_owned))
        .collect()
}

/// How many of this plugin's metas a buffer has.
fn metas(buffer: &gst::BufferRef) -> usize {
    buffer
        .iter_meta::<gst::Meta>()
        .filter(|m| {
            m.try_as_custom_meta()
                .is_some_and(|c| c.structure().name() == META_NAME)
        })
        .count()
}

/// The pixels of a buffer.
fn bytes(buffer: &gst::BufferRef) -> Vec<u8> {
    buffer.map_readable().expect("readable").to_vec()
}

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
            let answer = answer(&buffer);
            assert_eq!(
                answer.top().map(|c| c.index),
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

/// Corrupted, droppable and gap buffers are no pictures to judge by: they carry the last answer.
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
        // With no answer yet there is none to carry.
        let first = through(&mut harness, flagged(RED, 0));
        assert_eq!(metas(&first), 0);
        assert!(first.flags().contains(flag));
        assert!(answer(&through(&mut harness, timed(&info, GREEN, 40))).fresh);
        let carried = through(&mut harness, flagged(BLUE, 80));
        assert!(carried.flags().contains(flag));
        let carried = answer(&carried);
        assert!(!carried.fresh);
        assert_eq!(carried.age, Some(gst::ClockTime::from_mseconds(40)));
        assert_eq!(carried.top().map(|c| c.index), Some(1), "{flag:?}");
        let stats: gst::Structure = element.property("stats");
        assert_eq!(stats.get::<u64>("inferences"), Ok(1));
        assert_eq!(stats.get::<u64>("skipped"), Ok(2));
    }
}

/// The events that have come out of the element so far.
fn events(harness: &mut Harness) -> Vec<gst::EventType> {
    std::iter::from_fn(|| harness.try_pull_event())
        .map(|e| e.type_())
        .collect()
}

/// Events of all kinds come through, known or not, GAP and EOS among them.
#[test]
fn events_go_through() {
    let (element, _folder) = color();
    let info = rgb(8, 6);
    let (mut harness, _bus) = play(&element, &info);
    through(&mut harness, timed(&info, RED, 0));
    events(&mut harness);

    let mut tags = gst::TagList::new();
    let title = "a clip";
    tags.make_mut()
        .add::<gst::tags::Title>(&title, gst::TagMergeMode::Append);
    let custom = gst::Structure::new_empty("from-somewhere-else");
    let time = gst::ClockTime::from_mseconds(40);
    for event in [
        gst::event::Tag::new(tags),
        gst::event::Gap::builder(time).build(),
        gst::event::CustomDownstream::new(custom),
        gst::event::Eos::new(),
    ] {
        let kind = event.type_();
        assert!(harness.push_event(event), "{kind:?}");
        // While the buffer before it is still on its way, it waits for its turn.
        let event = harness.pull_event().expect("an event in a minute");
        assert_eq!(event.type_(), kind);
        assert_eq!(events(&mut harness), []);
    }

    let custom = gst::Structure::new_empty("back-from-there");
    assert!(harness.push_upstream_event(gst::event::CustomUpstream::new(custom)));
    let upstream = std::iter::from_fn(|| harness.try_pull_upstream_event());
    let custom = upstream.filter(|e| e.type_() == gst::EventType::CustomUpstream);
    assert_eq!(custom.count(), 1);
}

/// After EOS the element can be flushed and goes on.
#[test]
fn flush_after_eos() {
    let (element, _folder) = color();
    let info = rgb(8, 6);
    let (mut harness, bus) = play(&element, &info);
    through(&mut harness, timed(&info, RED, 0));
    assert!(harness.push_event(gst::event::Eos::new()));
    assert_eq!(
        harness.push(timed(&info, RED, 40)),
        Err(gst::FlowError::Eos)
    );
    assert!(harness.push_event(gst::event::FlushStart::new()));
    assert_eq!(
        harness.push(timed(&info, RED, 40)),
        Err(gst::FlowError::Flushing)
    );
    assert!(harness.push_event(gst::event::FlushStop::new(true)));
    let segment = gst::FormattedSegment::<gst::ClockTime>::new();
    assert!(harness.push_event(gst::event::Segment::new(&segment)));
    assert_eq!(top(&through(&mut harness, timed(&info, GREEN, 0))), 1);
    assert!(
        errors(&bus, &element).is_empty(),
        "none of this is an error"
    );
}

/// A flush, another segment and a new stream begin the interval anew: no answer is carried over.
/// The same segment again, as some sources send it, changes nothing.
#[test]
fn interval_begins_anew() {
    let (element, _folder) = color();
    element.set_property("interval", 10u32);
    let info = rgb(8, 6);
    let (mut harness, _bus) = play(&element, &info);
    assert!(answer(&through(&mut harness, timed(&info, RED, 0))).fresh);
    assert!(!answer(&through(&mut harness, timed(&info, GREEN, 40))).fresh);

    let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
    assert!(harness.push_event(gst::event::Segment::new(&segment)));
    let buffer = through(&mut harness, timed(&info, GREEN, 80));
    assert!(!answer(&buffer).fresh && top(&buffer) == 0, "the same");

    segment.set_base(gst::ClockTime::from_mseconds(120));
    assert!(harness.push_event(gst::event::Segment::new(&segment)));
    let buffer = through(&mut harness, timed(&info, GREEN, 0));
    assert!(answer(&buffer).fresh && top(&buffer) == 1, "segment");

    assert!(harness.push_event(gst::event::FlushStart::new()));
    assert!(harness.push_event(gst::event::FlushStop::new(true)));
    assert!(harness.push_event(gst::event::Segment::new(&segment)));
    let buffer = through(&mut harness, timed(&info, BLUE, 0));
    assert!(answer(&buffer).fresh && top(&buffer) == 2, "flush");

    assert!(!answer(&through(&mut harness, timed(&info, RED, 40))).fresh);
    assert!(harness.push_event(gst::event::StreamStart::new("another")));
    harness.set_src_caps(caps(&info));
    assert!(harness.push_event(gst::event::Segment::new(&segment)));
    let buffer = through(&mut harness, timed(&info, RED, 0));
    assert!(answer(&buffer).fresh && top(&buffer) == 0, "stream");
}

/// `interval`: every Nth frame is inferred; the others carry its answer and its age.
#[test]
fn interval() {
    let (element, _folder) = color();
    element.set_property("interval", 3u32);
    let info = rgb(8, 6);
    let (mut harness, _bus) = play(&element, &info);
    let colors = [RED, GREEN, BLUE, GREEN, RED, RED, BLUE, RED];
    let found: Vec<_> = colors
        .into_iter()
        .enumerate()
        .map(|(i, color)| {
            let buffer = through(&mut harness, timed(&info, color, 40 * i as u64));
            let answer = answer(&buffer);
            let age = answer.age.expect("all have a PTS").mseconds();
            (answer.fresh, age, top(&buffer))
        })
        .collect();
    let expected = [
        (true, 0, 0),
        (false, 40, 0),
        (false, 80, 0),
        (true, 0, 1),
        (false, 40, 1),
        (false, 80, 1),
        (true, 0, 2),
        (false, 40, 2),
    ];
    assert_eq!(found, expected);
}

/// Without PTS frames are inferred all the same; the age of a carried answer is then unknown.
#[test]
fn no_pts() {
    let (element, _folder) = color();
    element.set_property("interval", 2u32);
    let info = rgb(8, 6);
    let (mut harness, _bus) = play(&element, &info);
    let fresh = through(&mut harness, plain(&info, GREEN));
    assert_eq!(fresh.pts(), None);
    assert_eq!(answer(&fresh).age, Some(gst::ClockTime::ZERO));
    let carried = answer(&through(&mut harness, plain(&info, RED)));
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
        let behind = gst::Pad::builder(gst::PadDirection::Sink)
            .chain_function(move |_, _, _| Err(flow))
            .build();
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

/// Frames go in until one is refused: it is a later one than that which could not leave.
fn until_error(sink: &gst::Pad, info: &gst_video::VideoInfo) -> gst::FlowError {
    let flows = std::iter::repeat_with(|| sink.chain(plain(info, RED)));
    flows.take(1000).find_map(Result::err).expect("an error")
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
        let sample = sink.try_pull_sample(PATIENCE).expect("a sample");
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
    for offered in [true, false] {
        let behind = gst::Pad::builder(gst::PadDirection::Sink)
            .chain_function(|_, _, _| Ok(gst::FlowSuccess::Ok))
            .query_function(move |pad, parent, query| match query.view_mut() {
                gst::QueryViewMut::Allocation(query) => {
                    if offered {
                        query.add_allocation_meta::<gst_video::VideoMeta>(None);
                    }
                    true
                }
                _ => gst::Pad::query_default(pad, parent, query),
            })
            .build();
        let sink = play_before(&element, &behind, &info);
        assert_eq!(sink.chain(plain(&info, RED)), Ok(gst::FlowSuccess::Ok));
        let mut query = gst::query::Allocation::new(Some(&caps(&info)), true);
        let answered = sink.query(&mut query);
        let found = query.find_allocation_meta::<gst_video::VideoMeta>();
        assert_eq!(found.is_some(), offered, "answered: {answered}");
        stop_before(&element, &behind);
    }
}

/// Plays an element with `behind` on its source pad, and gives its sink pad, negotiated.
fn play_before(element: &gst::Element, behind: &gst::Pad, info: &gst_video::VideoInfo) -> gst::Pad {
    behind.set_active(true).expect("the pad is active");
    let src = element.static_pad("src").expect("a source pad");
    src.link(behind).expect("they link");
    element.set_state(gst::State::Playing).expect("it plays");
    let sink = element.static_pad("sink").expect("a sink pad");
    let segment = gst::FormattedSegment::<gst::ClockTime>::new();
    sink.send_event(gst::event::StreamStart::new("s"));
    sink.send_event(gst::event::Caps::new(&caps(info)));
    sink.send_event(gst::event::Segment::new(&segment));
    sink
}

fn stop_before(element: &gst::Element, behind: &gst::Pad) {
    element.set_state(gst::State::Null).expect("it stops");
    let src = element.static_pad("src").expect("a source pad");
    src.unlink(behind).expect("they were linked");
    behind.set_active(false).expect("the pad is inactive");
}

/// NULL, READY, PAUSED, PLAYING and all the way back, ten times; each time it classifies, and
/// counts from nothing.
#[test]
fn states_ten_times() {
    let (element, _folder) = color();
    let rig = Rig::new(&element, &rgb(8, 6));
    let states = [
        gst::State::Ready,
        gst::State::Paused,
        gst::State::Playing,
        gst::State::Paused,
        gst::State::Ready,
        gst::State::Null,
    ];
    let mut was_up = false;
    for i in 0..10 {
        for state in states {
            rig.pipeline.set_state(state).expect("every state");
            let (result, _, _) = rig.pipeline.state(PATIENCE);
            result.expect("every state is reached");
            if state == gst::State::Paused && !std::mem::replace(&mut was_up, true) {
                assert!(loaded(&rig.bus));
            }
            let provider = element.property::<Option<String>>("active-provider");
            let running = matches!(state, gst::State::Paused | gst::State::Playing);
            was_up &= running;
            assert_eq!(provider.is_some(), running, "{state:?}");
            if state == gst::State::Playing {
                let buffer = rig.classify(plain(&rgb(8, 6), [RED, GREEN, BLUE][i % 3]));
                assert_eq!(top(&buffer), (i % 3) as i32);
                let stats: gst::Structure = element.property("stats");
                assert_eq!(stats.get::<u64>("frames"), Ok(1));
            }
        }
    }
    assert!(rig.errors().is_empty());
}

/// Two elements with different models in one process do not disturb each other.
#[test]
fn two_elements_at_once() {
    let (first, folder) = color();
    let second = element(&Net::constant(vec![0.0, 9.0]).write(folder.path(), "two.onnx"));
    let info = rgb(8, 6);
    let run = |element: gst::Element, expected: [i32; 3]| {
        let rig = Rig::new(&element, &rgb(8, 6));
        rig.play().expect("it plays");
        for i in 0..60 {
            let color = [RED, GREEN, BLUE][i % 3];
            let buffer = rig.classify(timed(&info, color, 40 * i as u64));
            assert_eq!(top(&buffer), expected[i % 3]);
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| run(first, [0, 1, 2]));
        scope.spawn(|| run(second, [1, 1, 1]));
    });
}

/// `interval`, `top-k` and `threshold` take effect with the next frame.
#[test]
fn settings_while_playing() {
    let (element, _folder) = color();
    let info = rgb(8, 6);
    let (mut harness, _bus) = play(&element, &info);
    let mut next = |color| answer(&through(&mut harness, plain(&info, color)));
    assert_eq!(next([255, 128, 64]).results.len(), 3);
    element.set_property("top-k", 2u32);
    assert_eq!(next([255, 128, 64]).results.len(), 2);
    element.set_property("threshold", 0.6f32);
    let answer = next([255, 128, 64]);
    assert_eq!(answer.results.len(), 1);
    assert_eq!(answer.results[0].confidence, 1.0);
    element.set_property("threshold", 0.0f32);
    assert_eq!(next([64, 128, 255]).results.len(), 2);
    element.set_property("interval", 3u32);
    let fresh: Vec<bool> = (0..6).map(|_| next(GREEN).fresh).collect();
    assert_eq!(fresh.iter().filter(|f| **f).count(), 2, "{fresh:?}");
    element.set_property("interval", 1u32);
    let fresh: Vec<bool> = (0..4).map(|_| next(GREEN).fresh).collect();
    assert_eq!(fresh[1..], [true; 3], "{fresh:?}");
}

/// A threshold that no class reaches leaves a classification without results.
#[test]
fn nothing_above_the_threshold() {
    let (element, _folder) = color();
    element.set_property("threshold", 0.9f32);
    let info = rgb(8, 6);
    let (mut harness, _bus) = play(&element, &info);
    let buffer = through(&mut harness, plain(&info, [100, 120, 140]));
    assert!(answer(&buffer).results.is_empty());
    assert!(answer(&buffer).fresh);
}

/// `labels` while playing: new names are used; wrong ones are a WARNING, and the old ones stay.
#[test]
fn labels_while_playing() {
    let (element, folder) = color();
    let info = rgb(8, 6);
    let (mut harness, bus) = play(&element, &info);
    let mut name = || {
        let answer = answer(&through(&mut harness, plain(&info, GREEN)));
        answer.top().expect("a class").label.to_string()
    };
    assert_eq!(name(), "class 1");
    let good = folder.path().join("good.txt");
    std::fs::write(&good, "rot\ngrün\nblau\n").expect("a file");
    element.set_property("labels", text(&good));
    assert_eq!(name(), "grün");
    element.set_property("labels", "/nowhere/labels.txt");
    assert_eq!(name(), "grün");
    assert_eq!(name(), "grün");
    let warnings = warnings(&bus, &element);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].message().contains("/nowhere/labels.txt"));
    element.set_property("labels", None::<&str>);
    assert_eq!(name(), "class 1");
    assert!(errors(&bus, &element).is_empty());
}

/// `model` while playing: the next frame has the new one's answer; a wrong one is a WARNING, the
/// old one goes on, and a right one after it is taken.
#[test]
fn model_while_playing() {
    let (element, folder) = color();
    let info = rgb(8, 6);
    let (mut harness, bus) = play(&element, &info);
    let mut class = || top(&through(&mut harness, plain(&info, RED)));
    assert_eq!(class(), 0);
    let other = Net::constant(vec![0.0, 0.0, 0.0, 9.0]).write(folder.path(), "other.onnx");
    element.set_property("model", text(&other));
    assert!(loaded(&bus));
    assert_eq!(class(), 3);
    let model: gst::Structure = element.property("model-info");
    assert_eq!(model.get::<&str>("model"), Ok(text(&other)));
    assert!(warnings(&bus, &element).is_empty());

    element.set_property("model", "/nowhere/model.onnx");
    assert_eq!(class(), 3);
    let warning = bus.timed_pop_filtered(PATIENCE, &[gst::MessageType::Warning]);
    let warning = warning.expect("a warning");
    let gst::MessageView::Warning(warning) = warning.view() else {
        unreachable!("only warnings were asked for");
    };
    assert!(warning.error().message().contains("/nowhere/model.onnx"));
    assert_eq!(class(), 3);
    let model: gst::Structure = element.property("model-info");
    assert_eq!(model.get::<&str>("model"), Ok(text(&other)));

    element.set_property("model", text(&folder.path().join("color.onnx")));
    assert!(loaded(&bus));
    assert_eq!(class(), 0);
    assert!(warnings(&bus, &element).is_empty());
    assert!(errors(&bus, &element).is_empty());
}

/// With `messages=change` a new model's first answer is a change, though its best class has the
/// number of the old one's.
#[test]
fn change_of_the_model_is_a_change() {
    let (element, folder) = color();
    element.set_property_from_str("messages", "change");
    let info = rgb(8, 6);
    let (mut harness, bus) = play(&element, &info);
    through(&mut harness, plain(&info, RED));
    through(&mut harness, plain(&info, RED));
    let other = Net::constant(vec![9.0, 0.0, 0.0]).write(folder.path(), "other.onnx");
    element.set_property("model", text(&other));
    assert!(loaded(&bus));
    through(&mut harness, plain(&info, RED));
    through(&mut harness, plain(&info, RED));
    // Besides that of the new model itself.
    assert_eq!(element_messages(&bus, &element).len(), 2 + 1);
}

/// `messages=none` posts none, `all` one for each inferred frame, `change` one for each change of
/// the best class.
#[test]
fn messages_by_kind() {
    let colors = [RED, RED, GREEN, GREEN, BLUE, GREEN, GREEN, RED];
    for (kind, interval, expected) in [
        ("none", 1u32, vec![]),
        ("all", 1, vec![0, 0, 1, 1, 2, 1, 1, 0]),
        ("all", 3, vec![0, 1, 1]),
        ("change", 1, vec![0, 1, 2, 1, 0]),
        ("change", 3, vec![0, 1]),
    ] {
        let (element, _folder) = color();
        element.set_property_from_str("messages", kind);
        element.set_property("interval", interval);
        let info = rgb(8, 6);
        let (mut harness, bus) = play(&element, &info);
        for color in colors {
            through(&mut harness, plain(&info, color));
        }
        let found: Vec<i32> = element_messages(&bus, &element)
            .iter()
            .map(|m| {
                let results = m.get::<gst::Array>("results").expect("results");
                let best: gst::Structure = results[0].get().expect("a structure");
                best.get("index").expect("an index")
            })
            .collect();
        assert_eq!(found, expected, "{kind} {interval}");
    }
}

/// The message has the metadata's fields and the frame's times, by the segment that it lies in.
#[test]
fn message_fields() {
    let (element, folder) = color();
    element.set_property_from_str("messages", "all");
    let info = rgb(8, 6);
    let (mut harness, bus) = play(&element, &info);
    let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
    segment.set_start(gst::ClockTime::from_seconds(10));
    segment.set_time(gst::ClockTime::from_seconds(3));
    segment.set_base(gst::ClockTime::from_seconds(1));
    assert!(harness.push_event(gst::event::Segment::new(&segment)));
    through(&mut harness, timed(&info, GREEN, 10_500));

    let all = element_messages(&bus, &element);
    let [message] = all.as_slice() else {
        panic!("not one message: {all:?}");
    };
    assert_eq!(message.name(), "resnet50");
    let model = folder.path().join("color.onnx");
    assert_eq!(message.get::<&str>("model"), Ok(text(&model)));
    assert_eq!(message.get::<&str>("provider"), Ok("cpu"));
    assert_eq!(message.get::<bool>("fresh"), Ok(true));
    assert_eq!(message.get::<u64>("age"), Ok(0));
    assert!(message.get::<u64>("inference-time").is_ok_and(|t| t > 0));
    assert!(!message.has_field("region"), "the whole frame has none");
    for (field, milliseconds) in [
        ("timestamp", 10_500),
        ("stream-time", 3500),
        ("running-time", 1500),
        ("duration", 40),
    ] {
        let expected = milliseconds * 1_000_000;
        assert_eq!(message.get::<u64>(field), Ok(expected), "{field}");
    }
    let results = message.get::<gst::Array>("results").expect("results");
    assert_eq!(results.len(), 3);
    let best: gst::Structure = results[0].get().expect("a structure");
    assert_eq!(best.name(), "class");
    assert_eq!(best.get::<i32>("index"), Ok(1));
    assert_eq!(best.get::<&str>("label"), Ok("class 1"));
    assert_eq!(best.get::<f32>("confidence"), Ok(1.0));
}

/// The metadata has the fields of the contract, with their types, as any language would read them.
#[test]
fn meta_fields() {
    let (element, folder) = color();
    let info = rgb(8, 6);
    let (mut harness, _bus) = play(&element, &info);
    let buffer = through(&mut harness, timed(&info, BLUE, 0));
    let meta = gst::meta::CustomMeta::from_buffer(&buffer, META_NAME).expect("the meta");
    let structure = meta.structure();
    assert_eq!(structure.name(), "Resnet50ClassificationMeta");
    let model = folder.path().join("color.onnx");
    assert_eq!(structure.get::<&str>("model"), Ok(text(&model)));
    assert_eq!(structure.get::<&str>("provider"), Ok("cpu"));
    assert_eq!(structure.get::<bool>("fresh"), Ok(true));
    assert_eq!(structure.get::<u64>("age"), Ok(0));
    assert!(structure.get::<u64>("inference-time").is_ok());
    let results = structure.get::<gst::Array>("results").expect("results");
    let classes: Vec<(i32, f32)> = results
        .iter()
        .map(|v| v.get::<gst::Structure>().expect("a structure"))
        .map(|c| {
            (
                c.get("index").expect("gint"),
                c.get("confidence").expect("gfloat"),
            )
        })
        .collect();
    assert_eq!(classes, [(2, 1.0), (0, 0.0), (1, 0.0)]);
    assert!(!structure.has_field("decision"));
}

/// No lock is held while something is posted or pushed: whoever gets it may ask the element for
/// anything, set anything and send it an event, from where it stands.
#[test]
fn no_lock_while_posting_or_pushing() {
    let (element, folder) = color();
    element.set_property_from_str("messages", "all");
    let visit = |element: &gst::Element| {
        let stats: gst::Structure = element.property("stats");
        assert!(stats.has_field("frames"));
        for property in element.list_properties() {
            element.property_value(property.name());
        }
        element.set_property("top-k", 3u32);
        let sink = element.static_pad("sink").expect("a sink pad");
        let tags = gst::TagList::new();
        assert!(sink.send_event(gst::event::Tag::new(tags)));
        assert!(sink.send_event(gst::event::StreamStart::new("visited")));
    };
    let behind = gst::Pad::builder(gst::PadDirection::Sink)
        .chain_function({
            let element = element.clone();
            move |_, _, _| {
                visit(&element);
                Ok(gst::FlowSuccess::Ok)
            }
        })
        .build();
    let bus = gst::Bus::new();
    let (sender, receiver) = std::sync::mpsc::channel();
    bus.set_sync_handler({
        let element = element.clone();
        move |_, message| {
            let kind = message.type_();
            if matches!(kind, gst::MessageType::Element | gst::MessageType::Warning) {
                visit(&element);
            }
            if kind == gst::MessageType::Error {
                // The stream is over; the properties are still to be had.
                let _: gst::Structure = element.property("stats");
            }
            let _ = sender.send(kind);
            gst::BusSyncReply::Drop
        }
    });
    element.set_bus(Some(&bus));
    let info = rgb(8, 6);
    let sink = play_before(&element, &behind, &info);
    let mut posted = Vec::new();
    let until = |kind, posted: &mut Vec<_>| {
        let patience = std::time::Duration::from_secs(60);
        while posted.last() != Some(&kind) {
            posted.push(receiver.recv_timeout(patience).expect("a message"));
        }
    };
    assert!(sink.chain(timed(&info, RED, 0)).is_ok());
    until(gst::MessageType::Element, &mut posted);
    element.set_property("model", "/nowhere/model.onnx");
    until(gst::MessageType::Warning, &mut posted);
    assert!(sink.chain(timed(&info, RED, 40)).is_ok());
    until(gst::MessageType::Element, &mut posted);
    let other = Net::constant(vec![f32::NAN; 3]).write(folder.path(), "nan.onnx");
    element.set_property("model", text(&other));
    until(gst::MessageType::Progress, &mut posted);
    until(gst::MessageType::Element, &mut posted);
    assert_eq!(until_error(&sink, &info), gst::FlowError::Error);
    stop_before(&element, &behind);
    element.set_bus(None);
    posted.extend(receiver.try_iter());
    for (kind, count) in [
        // Two answers, and that the model was exchanged.
        (gst::MessageType::Element, 3),
        (gst::MessageType::Warning, 1),
        (gst::MessageType::Error, 1),
    ] {
        assert_eq!(
            posted.iter().filter(|k| **k == kind).count(),
            count,
            "{kind:?}"
        );
    }
}

/// A model whose contract says that its weights are not trained is used, with a WARNING.
#[test]
fn untrained_model() {
    let (element, folder) = color();
    let net = Net::nchw(1, 1).contract(r#"{"trained":false}"#);
    element.set_property("model", text(&net.write(folder.path(), "untrained.onnx")));
    let info = rgb(8, 6);
    let (mut harness, bus) = play(&element, &info);
    through(&mut harness, plain(&info, RED));
    let warnings = warnings(&bus, &element);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].message().contains("untrained.onnx"));
}

/// `stats` counts and measures, and begins anew with each start.
#[test]
fn stats() {
    let (element, _folder) = color();
    element.set_property("interval", 2u32);
    let info = rgb(8, 6);
    let (mut harness, _bus) = play(&element, &info);
    for i in 0..5 {
        through(&mut harness, timed(&info, RED, 40 * i));
    }
    let stats: gst::Structure = element.property("stats");
    for (field, expected) in [
        ("frames", 5),
        ("inferences", 3),
        ("batches", 3),
        ("skipped", 2),
        ("errors", 0),
    ] {
        assert_eq!(stats.get::<u64>(field), Ok(expected), "{field}");
    }
    for name in ["preprocess", "queue", "inference", "total"] {
        let latency: gst::Structure = stats.get(name).expect(name);
        let [p50, p95, p99] = ["p50", "p95", "p99"].map(|p| latency.get::<u64>(p).expect(p));
        assert!(p50 <= p95 && p95 <= p99, "{latency}");
        assert!(p99 > 0, "{name}: {latency}");
    }
    let short = gst::Buffer::from_slice([0u8; 3]);
    element.set_property("interval", 1u32);
    through(&mut harness, timed(&info, RED, 200));
    harness.push(short).expect("it is looked at later");
    let pad = element.static_pad("sink").expect("a sink pad");
    assert_eq!(until_error(&pad, &info), gst::FlowError::Error);
    let stats: gst::Structure = element.property("stats");
    assert_eq!(stats.get::<u64>("errors"), Ok(1));
}

/// `model-info` and `active-provider` are there while a model is loaded, and not otherwise.
#[test]
fn model_info() {
    let (element, folder) = color();
    assert_eq!(element.property::<Option<String>>("active-provider"), None);
    assert!(
        element
            .property::<Option<gst::Structure>>("model-info")
            .is_none()
    );
    let json = r#"{"architecture":"a","source":"b","weights_sha256":"c","color":"bgr"}"#;
    let path = Net::nhwc(6, 5)
        .contract(json)
        .write(folder.path(), "m.onnx");
    element.set_property("model", text(&path));
    let harness = play(&element, &rgb(8, 6));
    let provider: Option<String> = element.property("active-provider");
    assert_eq!(provider.as_deref(), Some("cpu"));
    let info: gst::Structure = element.property("model-info");
    for (field, expected) in [
        ("model", text(&path)),
        ("provider", "cpu"),
        ("input", "x"),
        ("output", "y"),
        ("layout", "nhwc"),
        ("type", "float32"),
        ("fit", "crop"),
        ("color-order", "bgr"),
        ("activation", "softmax"),
        ("architecture", "a"),
        ("source", "b"),
        ("weights-sha256", "c"),
    ] {
        assert_eq!(info.get::<&str>(field), Ok(expected), "{field}");
    }
    for (field, expected) in [
        ("width", 5u32),
        ("height", 6),
        ("classes", 90),
        ("resize", 6),
        ("threads", 1),
    ] {
        assert_eq!(info.get::<u32>(field), Ok(expected), "{field}");
    }
    let mean = info.get::<gst::Array>("mean").expect("the mean");
    let mean: Vec<f64> = mean.iter().map(|v| v.get().expect("a double")).collect();
    assert_eq!(mean, [0.485, 0.456, 0.406]);
    drop(harness);
    assert_eq!(element.property::<Option<String>>("active-provider"), None);
}

/// The classification survives scaling, conversion and copies of the buffer.
#[test]
fn meta_survives() {
    let (element, _folder) = color();
    let info = rgb(8, 6);
    let (mut harness, _bus) = play(&element, &info);
    let buffer = through(&mut harness, timed(&info, GREEN, 0));
    let before = answer(&buffer);
    let copies = [
        buffer.copy(),
        buffer.copy_deep().expect("a deep copy"),
        buffer
            .copy_region(gst::BufferCopyFlags::all(), ..)
            .expect("a region"),
    ];
    for copy in copies {
        assert_eq!(answer(&copy), before);
    }
    for launch in [
        "videoscale ! capsfilter caps=video/x-raw,width=20,height=30",
        "videoconvert ! capsfilter caps=video/x-raw,format=NV12",
        "videoconvert ! videoscale ! capsfilter caps=video/x-raw,format=I420,width=4,height=4",
    ] {
        let mut after = Harness::new_parse(launch);
        after.set_src_caps(caps(&info));
        after.push(buffer.clone()).expect("it goes through");
        let converted = after.pull().expect("a buffer");
        assert_ne!(converted.size(), buffer.size(), "{launch} has done nothing");
        assert_eq!(answer(&converted), before, "{launch}");
        assert_eq!(metas(&converted), 1, "{launch}");
    }
}

/// A second `resnet50` puts its own answer in the place of the first one's.
#[test]
fn second_element_replaces_the_meta() {
    let (first, folder) = color();
    let second = element(&Net::constant(vec![0.0, 9.0]).write(folder.path(), "two.onnx"));
    let info = rgb(8, 6);
    let (mut one, _bus) = play(&first, &info);
    let (mut two, _bus) = play(&second, &info);
    let between = through(&mut one, timed(&info, BLUE, 0));
    let kept = between.clone();
    let buffer = through(&mut two, between);
    assert_eq!(metas(&buffer), 1);
    let answer = answer(&buffer);
    assert!(answer.model.ends_with("two.onnx"));
    assert_eq!(answer.results.len(), 2);
    assert_eq!(top(&kept), 2, "the buffer between is not touched");
}

/// A buffer that nobody has classified has no classification.
#[test]
fn no_meta_of_its_own() {
    support::init();
    assert_eq!(classification_of(&plain(&rgb(8, 6), RED)), None);
}

/// Every property may be changed in the state that the contract names, has a blurb, and the
/// default that the contract names.
#[test]
fn properties() {
    support::init();
    let element = gst::ElementFactory::make("resnet50").build();
    let element = element.expect("the element");
    let (ready, playing) = (
        gst::PARAM_FLAG_MUTABLE_READY,
        gst::PARAM_FLAG_MUTABLE_PLAYING,
    );
    let null = glib::ParamFlags::empty();
    let text = |value: &glib::Value| {
        if let Ok(text) = value.get::<Option<String>>() {
            text.unwrap_or_else(|| "unset".into())
        } else if let Ok(structure) = value.get::<Option<gst::Structure>>() {
            structure.map_or_else(|| "unset".into(), |s| s.to_string())
        } else {
            value.serialize().expect("text").to_string()
        }
    };
    for (name, mutable, default) in [
        ("model", playing, "unset"),
        ("labels", playing, "unset"),
        ("provider", ready, "cpu"),
        ("provider-options", ready, "unset"),
        ("device-id", ready, "0"),
        ("threads", ready, "0"),
        ("interval", playing, "1"),
        ("top-k", playing, "5"),
        ("threshold", playing, "0"),
        ("activation", ready, "auto"),
        ("fit", ready, "auto"),
        ("resize", ready, "0"),
        ("mean", ready, "<  >"),
        ("std", ready, "<  >"),
        ("color-order", ready, "auto"),
        ("messages", playing, "none"),
        ("runtime-library", null, "unset"),
        ("active-provider", null, "unset"),
        ("model-info", null, "unset"),
    ] {
        let property = element.find_property(name).expect(name);
        let all = ready | playing | gst::PARAM_FLAG_MUTABLE_PAUSED;
        assert_eq!(property.flags() & all, mutable, "{name}");
        let read_only = matches!(name, "active-provider" | "model-info");
        let writable = property.flags().contains(glib::ParamFlags::WRITABLE);
        assert_eq!(writable, !read_only, "{name}");
        assert!(property.blurb().is_some_and(|b| b.len() > 20), "{name}");
        assert_eq!(text(&element.property_value(name)), default, "{name}");
    }
    let stats = element.find_property("stats").expect("stats");
    assert!(!stats.flags().contains(glib::ParamFlags::WRITABLE));
}

/// Every property gives back what was set, and can be set from text as gst-launch does.
#[test]
fn properties_from_text() {
    let element = bare();
    for (name, value) in [
        ("model", BUILTIN),
        ("labels", "/some/labels.txt"),
        ("provider", "tensorrt,cuda,cpu"),
        ("device-id", "1"),
        ("threads", "3"),
        ("interval", "4"),
        ("top-k", "7"),
        ("threshold", "0.25"),
        ("activation", "sigmoid"),
        ("fit", "letterbox"),
        ("resize", "232"),
        ("color-order", "bgr"),
        ("messages", "change"),
        ("runtime-library", "/some/libonnxruntime.so"),
    ] {
        element.set_property_from_str(name, value);
        let found = element.property_value(name);
        let found = found.get::<Option<String>>().map_or_else(
            |_| {
                element
                    .property_value(name)
                    .serialize()
                    .expect("text")
                    .to_string()
            },
            Option::unwrap_or_default,
        );
        assert_eq!(found, value, "{name}");
    }
    element.set_property_from_str("mean", "<0.1, 0, 1>");
    let mean: gst::Array = element.property("mean");
    let mean: Vec<f64> = mean.iter().map(|v| v.get().expect("a double")).collect();
    assert_eq!(mean, [0.1, 0.0, 1.0]);
    element.set_property_from_str("provider-options", "options,trt_fp16_enable=1");
    let options: gst::Structure = element.property("provider-options");
    assert_eq!(options.get::<i32>("trt_fp16_enable"), Ok(1));
}

/// The element is a filter for analysis that nobody plugs unasked, and its pads take exactly the
/// formats that pre-processing knows.
#[test]
fn factory() {
    support::init();
    let factory = gst::ElementFactory::find("resnet50").expect("the factory");
    assert_eq!(factory.rank(), gst::Rank::NONE);
    assert_eq!(factory.metadata("klass"), Some("Filter/Analyzer/Video"));
    for template in factory.static_pad_templates() {
        let caps = template.caps();
        for format in gstresnet50::preprocess::FORMATS {
            let info = info(*format, 8192, 8192);
            assert!(self::caps(&info).is_subset(&caps), "{format:?}");
        }
        let unknown = gst_video::VideoCapsBuilder::new()
            .format(VideoFormat::Rgb16)
            .build();
        assert!(!caps.can_intersect(&unknown));
    }
}
