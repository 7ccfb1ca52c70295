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

use super::frames::{Frame, NAMES, fault, frame, number_of, numbered, segment, video};
use super::steps::{Act, Change, Input, Step};
use support::element::{caps, errors, info, text};
use support::harness::{link, sink_pad, source_pad};

/// After this long a stream is taken to stand still. Nothing here takes a tenth of it.
pub const TIMEOUT: Duration = Duration::from_secs(60);

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
pub struct Driver {
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

impl Driver {
    pub fn new(element: gst::Element, files: Arc<Files>) -> Self {
        let log = Arc::new((Mutex::new(Log::default()), Condvar::new()));
        let before = source_pad().build();
        let behind = sink_pad()
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
            link(pad, &element);
        }
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
            let wait = self.log.1.wait_timeout(log, TIMEOUT);
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

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.element.set_state(gst::State::Null);
    }
}
