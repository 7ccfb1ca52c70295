// SPDX-License-Identifier: MPL-2.0
//! An element between two pads of the test's: one thread or several drive it, and whatever comes
//! out is compared with what went in.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use gst::prelude::*;
use gst_video::VideoInfo;
use gstresnet50::meta::{classification_of, regions_of};

use crate::steps::{Act, Change, Input, Step};
use crate::support::element::{caps, errors, info, plain, text};
use crate::support::regions::{mark, spot};

/// After this long a stream is taken to stand still. Nothing here takes a tenth of it.
pub const PATIENCE: Duration = Duration::from_secs(60);

const NAMES: [&str; 3] = ["red", "green", "blue"];

/// The files that properties name.
#[derive(Debug)]
pub struct Files {
    pub models: [PathBuf; 2],
    pub labels: PathBuf,
}

impl Files {
    pub fn new(folder: PathBuf, models: [PathBuf; 2]) -> Self {
        let labels = folder.join("labels.txt");
        std::fs::write(&labels, NAMES.join("\n")).expect("a file");
        Self { models, labels }
    }
}

/// What a frame was sent with. It tells all of the frame.
#[derive(Debug, Clone)]
struct Frame {
    info: VideoInfo,
    segment: gst::FormattedSegment<gst::ClockTime>,
    is_missing: bool,
}

/// Everything that goes in one after the other has a number: frames, events, gaps, caps, segments.
#[derive(Debug, Default)]
struct Log {
    /// All that went in; of frames, with what.
    sent: BTreeMap<u64, Option<Frame>>,
    /// What has come out.
    numbers: Vec<u64>,
    is_eos: bool,
    wrong: Option<String>,
}

impl Log {
    fn wrong(&mut self, what: String) {
        self.wrong.get_or_insert(what);
    }
}

/// What the thread knows that sends.
#[derive(Debug)]
struct Feed {
    info: VideoInfo,
    segment: gst::FormattedSegment<gst::ClockTime>,
    next: u64,
    /// What went in up to this may have been flushed.
    flushed: u64,
}

impl Feed {
    /// What the next frame is sent with.
    fn what(&self, is_missing: bool) -> Frame {
        Frame {
            info: self.info.clone(),
            segment: self.segment.clone(),
            is_missing,
        }
    }
}

/// Set until this goes, also where a check fails meanwhile: otherwise nobody would see why.
struct Seeking<'a>(&'a AtomicBool);

impl<'a> Seeking<'a> {
    fn new(flag: &'a AtomicBool) -> Self {
        flag.store(true, Ordering::SeqCst);
        Self(flag)
    }
}

impl Drop for Seeking<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

/// An element between two pads of the test's.
pub struct Bench {
    element: gst::Element,
    bus: gst::Bus,
    before: gst::Pad,
    behind: gst::Pad,
    log: Arc<(Mutex<Log>, Condvar)>,
    /// Held while something is sent, as a source's stream lock is.
    feed: Mutex<Feed>,
    /// Another thread flushes or stops the stream, and goes on with it then.
    is_seeking: AtomicBool,
    files: Arc<Files>,
}

/// The color of a frame: its number tells the class, and how long its Run takes with
/// [`crate::support::onnx::Whim::Uneven`].
fn color(number: u64) -> [u8; 3] {
    let mut color = [0; 3];
    color[(number % 3) as usize] = 200 + (37 * number % 56) as u8;
    color
}

/// Small frames or large ones, whose frame rate is the number of the caps.
fn video(is_large: bool, number: u64) -> VideoInfo {
    let (width, height) = if is_large { (64, 48) } else { (8, 6) };
    let rate = gst::Fraction::new(number as i32, 1);
    let video = VideoInfo::builder(gst_video::VideoFormat::Rgb, width, height).fps(rate);
    video.build().expect("video info")
}

/// The segment with this number.
fn segment(number: u64) -> gst::FormattedSegment<gst::ClockTime> {
    let mut segment = gst::FormattedSegment::new();
    segment.set_time(gst::ClockTime::from_nseconds(number));
    segment
}

/// The frame with this number, as it goes in and has to come out.
fn frame(number: u64, frame: &Frame) -> gst::Buffer {
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
fn numbered(number: u64) -> gst::Event {
    let structure = gst::Structure::builder("numbered").field("number", number);
    gst::event::CustomDownstream::new(structure.build())
}

/// The number of an event that has one, and whether GStreamer may send it again by itself.
fn number_of(event: &gst::EventRef) -> Option<(u64, bool)> {
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
fn fault(pad: &gst::Pad, buffer: &gst::BufferRef, number: u64, sent: &Frame) -> Option<String> {
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

    let (regions, answers): (Vec<_>, Vec<_>) = regions_of(buffer).into_iter().unzip();
    if regions.len() as u64 != number % 3 {
        return Some(format!("has the regions {regions:?}"));
    }
    // What has an answer of its own has the right one, whichever of the models it is from.
    let answers = answers.into_iter().chain([classification_of(buffer)]);
    answers.flatten().find_map(|answer| {
        let top = answer.top()?;
        let index = top.index as usize;
        let is_named = [NAMES[index], &format!("class {index}")].contains(&&*top.label);
        let is_right = !answer.fresh || index as u64 == number % 3;
        (!is_named || !is_right).then(|| format!("has {answer:?}"))
    })
}

impl Bench {
    pub fn new(element: gst::Element, files: Arc<Files>) -> Self {
        let log = Arc::new((Mutex::new(Log::default()), Condvar::new()));
        // Without a template a pad takes no other caps than those that it has.
        let template = |name, direction| {
            let any = gst::Caps::new_any();
            let template = gst::PadTemplate::new(name, direction, gst::PadPresence::Always, &any);
            template.expect("a template")
        };
        let before = template("src", gst::PadDirection::Src);
        let before = gst::Pad::builder_from_template(&before).build();
        let behind = template("sink", gst::PadDirection::Sink);
        let behind = gst::Pad::builder_from_template(&behind)
            .chain_function({
                let log = Arc::clone(&log);
                move |pad, _, buffer| {
                    let number = buffer.offset();
                    let mut log = log.0.lock().expect("not poisoned");
                    let fault = match log.sent.get(&number) {
                        Some(Some(sent)) => fault(pad, &buffer, number, sent),
                        _ => Some("was never sent".into()),
                    };
                    if let Some(fault) = fault {
                        log.wrong(format!("frame {number} {fault}"));
                    }
                    log.numbers.push(number);
                    Ok(gst::FlowSuccess::Ok)
                }
            })
            .event_function({
                let log = Arc::clone(&log);
                move |pad, parent, event| {
                    {
                        let mut log = log.0.lock().expect("not poisoned");
                        if let Some((number, may_repeat)) = number_of(&event)
                            && !(may_repeat && log.numbers.contains(&number))
                        {
                            log.numbers.push(number);
                        }
                        log.is_eos |= event.type_() == gst::EventType::Eos;
                    }
                    log.1.notify_all();
                    gst::Pad::event_default(pad, parent, event)
                }
            })
            .build();
        for pad in [&before, &behind] {
            pad.set_active(true).expect("the pad is active");
        }
        let pad = |name| element.static_pad(name).expect("both are always there");
        before.link(&pad("sink")).expect("they link");
        pad("src").link(&behind).expect("they link");
        let bus = gst::Bus::new();
        element.set_bus(Some(&bus));
        Self {
            element,
            bus,
            before,
            behind,
            log,
            feed: Mutex::new(Feed {
                info: info(gst_video::VideoFormat::Rgb, 8, 6),
                segment: gst::FormattedSegment::new(),
                next: 0,
                flushed: 0,
            }),
            is_seeking: AtomicBool::new(false),
            files,
        }
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.0.lock().expect("not poisoned")
    }

    fn feed(&self) -> MutexGuard<'_, Feed> {
        self.feed.lock().expect("not poisoned")
    }

    /// To PLAYING, and the stream begins.
    pub fn begin(&self) {
        self.play();
        self.stream(&mut self.feed());
    }

    fn play(&self) {
        let playing = self.element.set_state(gst::State::Playing);
        playing.unwrap_or_else(|e| panic!("{e}: {:?}", errors(&self.bus, &self.element)));
    }

    /// A number for what is about to go in.
    fn number(&self, feed: &mut Feed, frame: Option<Frame>) -> u64 {
        feed.next += 1;
        self.log().sent.insert(feed.next, frame);
        feed.next
    }

    fn stream(&self, feed: &mut Feed) {
        self.before.push_event(gst::event::StreamStart::new("s"));
        self.caps(feed, feed.info.width() == 64);
        self.segment(feed);
    }

    fn caps(&self, feed: &mut Feed, is_large: bool) {
        let number = self.number(feed, None);
        feed.info = video(is_large, number);
        // If it is refused in a flush, the pad before sends it again before the next frame.
        self.before
            .push_event(gst::event::Caps::new(&caps(&feed.info)));
    }

    fn segment(&self, feed: &mut Feed) {
        let number = self.number(feed, None);
        feed.segment = segment(number);
        self.before
            .push_event(gst::event::Segment::new(&feed.segment));
    }

    fn frame(&self, is_missing: bool) {
        let mut feed = self.feed();
        let sent = feed.what(is_missing);
        let number = self.number(&mut feed, Some(sent.clone()));
        match self.before.push(frame(number, &sent)) {
            Ok(_) => {}
            // Whoever flushes cannot have come to the end of it, for which it needs the feed.
            Err(gst::FlowError::Flushing) if self.is_seeking.load(Ordering::SeqCst) => {}
            Err(flow) => panic!("{flow:?}: {:?}", errors(&self.bus, &self.element)),
        }
    }

    fn event(&self, event: impl FnOnce(u64) -> gst::Event) {
        let mut feed = self.feed();
        let number = self.number(&mut feed, None);
        let was_taken = self.before.push_event(event(number));
        assert!(was_taken || self.is_seeking.load(Ordering::SeqCst));
    }

    fn put(&self, input: &Input) {
        // As a source does in a seek: what it sends now goes nowhere.
        let rest = || {
            while self.is_seeking.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
        };
        rest();
        match input {
            Input::Frames(count) => (0..*count).for_each(|_| {
                rest();
                self.frame(false);
            }),
            Input::Missing => self.frame(true),
            Input::Event => self.event(numbered),
            Input::Gap => self.event(|number| {
                let pts = gst::ClockTime::from_mseconds(40 * number);
                let gap = gst::event::Gap::builder(pts);
                gap.duration(gst::ClockTime::from_nseconds(number)).build()
            }),
            Input::Segment(true) => self.segment(&mut self.feed()),
            Input::Segment(false) => {
                let feed = self.feed();
                self.before
                    .push_event(gst::event::Segment::new(&feed.segment));
            }
            Input::Caps(is_large) => self.caps(&mut self.feed(), *is_large),
        }
    }

    /// Interrupts the stream, whoever is in the midst of sending, and goes on with it.
    fn seek(&self, interrupt: impl FnOnce(), go_on: impl FnOnce(&mut Feed)) {
        // It ends before the feed is let go.
        let mut feed;
        let _seeking = Seeking::new(&self.is_seeking);
        interrupt();
        // Who sends has been sent away.
        feed = self.feed();
        feed.flushed = feed.next;
        go_on(&mut feed);
    }

    fn flush(&self) {
        self.seek(
            || {
                self.before.push_event(gst::event::FlushStart::new());
            },
            |feed| {
                self.before.push_event(gst::event::FlushStop::new(true));
                self.segment(feed);
            },
        );
    }

    fn set(&self, change: &Change) {
        let element = &self.element;
        match change {
            Change::Interval(n) => element.set_property("interval", *n),
            Change::MaxRate(rate) => {
                element.set_property("max-rate", gst::Fraction::new(*rate, 1));
            }
            Change::StillLimit(on) => {
                element.set_property("skip-still", if *on { 0.01f32 } else { 0.0 });
            }
            Change::Model(other) => {
                element.set_property("model", text(&self.files.models[usize::from(*other)]));
            }
            Change::Labels(on) => {
                element.set_property("labels", on.then(|| text(&self.files.labels)));
            }
            Change::TopK(k) => element.set_property("top-k", *k),
            Change::BatchTimeout(us) => element.set_property("batch-timeout", 1000 * us),
            Change::Messages(on) => {
                element.set_property_from_str("messages", if *on { "all" } else { "none" });
            }
            Change::Decisions(on) => {
                element.set_property("smoothing", if *on { 50_000_000u64 } else { 0 });
                element.set_property("tags", on);
            }
            Change::Region(region, often) => {
                let interval: u64 = if *often { 0 } else { 120_000_000 };
                element.set_property_from_str("region", region);
                element.set_property("reclassify-interval", interval);
            }
        }
    }

    fn act(&self, act: &Act) {
        match act {
            Act::Set(change) => self.set(change),
            Act::Flush => self.flush(),
            Act::Pause => {
                let paused = self.element.set_state(gst::State::Paused);
                paused.expect("it pauses");
                self.play();
            }
            Act::Restart(is_null, most) => self.seek(
                || {
                    let state = if *is_null {
                        gst::State::Null
                    } else {
                        gst::State::Ready
                    };
                    self.element.set_state(state).expect("it stops");
                },
                |feed| {
                    self.element.set_property("max-in-flight", *most);
                    // The sticky events of before are over, also for the neighbours.
                    for pad in [&self.before, &self.behind] {
                        pad.set_active(false).expect("inactive");
                        pad.set_active(true).expect("active again");
                    }
                    self.play();
                    self.stream(feed);
                },
            ),
        }
    }

    pub fn take(&self, step: &Step) {
        match step {
            Step::Feed(input) => self.put(input),
            Step::Do(act) => self.act(act),
            Step::Both(inputs, acts) => std::thread::scope(|scope| {
                scope.spawn(|| {
                    for (microseconds, act) in acts {
                        std::thread::sleep(Duration::from_micros(*microseconds));
                        self.act(act);
                    }
                });
                inputs.iter().for_each(|input| self.put(input));
            }),
            Step::Eos(is_flushed) => {
                self.end();
                // Nothing comes after the end but a flush or another stream.
                let late = self.feed().what(false);
                let flow = self.before.push(frame(1_000_000, &late));
                assert_eq!(flow, Err(gst::FlowError::Eos));
                assert!(!self.before.push_event(numbered(1_000_000)));
                self.log().is_eos = false;
                match is_flushed {
                    true => self.flush(),
                    false => self.stream(&mut self.feed()),
                }
            }
        }
    }

    /// Ends the stream and checks what has come out before the end.
    pub fn end(&self) {
        self.before.push_event(gst::event::Eos::new());
        let flushed = self.feed().flushed;
        let mut log = self.log();
        while !log.is_eos {
            let wait = self.log.1.wait_timeout(log, PATIENCE);
            let (guard, wait) = wait.expect("not poisoned");
            log = guard;
            assert!(!wait.timed_out(), "it stands still: {log:?}");
        }
        assert_eq!(log.wrong, None);
        let told = errors(&self.bus, &self.element);
        assert!(told.is_empty(), "{told:?}");
        // Each once and in order.
        let numbers = &log.numbers;
        assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
        // What is missing was flushed.
        let missing = log.sent.keys().filter(|n| !numbers.contains(n));
        let last = missing.max().copied().unwrap_or_default();
        assert!(
            last <= flushed,
            "{last} is missing, of those after {flushed}"
        );
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = self.element.set_state(gst::State::Null);
    }
}
