// SPDX-License-Identifier: MPL-2.0
//! Whatever happens to a stream, each frame leaves once, in its turn and unharmed, or was flushed.

mod support;

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::time::Duration;

use gst::prelude::*;
use gst_video::VideoInfo;
use gstresnet50::meta::{classification_of, regions_of};
use proptest::prelude::*;
use support::element::{caps, element, plain, play, rgb, text, through};
use support::onnx::{FREE, Net, Whim};
use support::regions::{mark, spot};

/// After this long a stream is taken to stand still. Nothing here takes a tenth of it.
const PATIENCE: Duration = Duration::from_secs(60);

/// What happens to a stream.
#[derive(Debug, Clone)]
enum Step {
    Frames(u8),
    /// A frame without a picture of its own.
    Missing,
    Event,
    Gap,
    Segment,
    Caps(bool),
    Flush,
    Interval(u32),
    StillLimit(bool),
    Model(bool),
    /// What is classified: the frame, its objects or both; and whether those that a tracker knows
    /// each time or every third frame.
    Region(&'static str, bool),
    /// The end of the stream, and then the next: after a flush, or without one.
    Eos(bool),
    /// To NULL and back.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (1u8..12).prop_map(Step::Frames),
        1 => Just(Step::Missing),
        3 => Just(Step::Event),
        1 => Just(Step::Gap),
        1 => Just(Step::Segment),
        1 => any::<bool>().prop_map(Step::Caps),
        2 => Just(Step::Flush),
        1 => (1u32..4).prop_map(Step::Interval),
        1 => any::<bool>().prop_map(Step::StillLimit),
        1 => any::<bool>().prop_map(Step::Model),
        2 => (prop::sample::select(vec!["frame", "rois", "both"]), any::<bool>())
            .prop_map(|(region, often)| Step::Region(region, often)),
        1 => any::<bool>().prop_map(Step::Eos),
        1 => Just(Step::Restart),
    ]
}

/// What has come out: the numbers of frames and events, and whether it is the end.
#[derive(Debug, Default)]
struct Seen {
    numbers: Vec<u64>,
    is_eos: bool,
    wrong: Option<String>,
}

/// An element between two pads of the test's.
struct Bench {
    element: gst::Element,
    bus: gst::Bus,
    behind: gst::Pad,
    seen: Arc<(Mutex<Seen>, Condvar)>,
    info: VideoInfo,
    next: u64,
    /// All that went in.
    sent: Vec<u64>,
    /// What went in before this may have been flushed.
    flushed: u64,
}

/// The color of a frame: its number tells the class, and how long its Run takes with
/// [`Whim::Uneven`].
fn color(number: u64) -> [u8; 3] {
    let mut color = [0; 3];
    color[(number % 3) as usize] = 200 + (37 * number % 56) as u8;
    color
}

impl Bench {
    fn new(element: gst::Element) -> Self {
        let seen = Arc::new((Mutex::new(Seen::default()), Condvar::new()));
        // Without a template a pad takes no other caps than those that it has.
        let template = gst::PadTemplate::new(
            "sink",
            gst::PadDirection::Sink,
            gst::PadPresence::Always,
            &gst::Caps::new_any(),
        );
        let behind = gst::Pad::builder_from_template(&template.expect("a template"))
            .chain_function({
                let seen = Arc::clone(&seen);
                move |_, _, buffer| {
                    let number = buffer.offset();
                    let map = buffer.map_readable().expect("it can be read");
                    let mut seen = seen.0.lock().expect("not poisoned");
                    if map.chunks_exact(3).next() != Some(&color(number)) {
                        seen.wrong = Some(format!("frame {number} has other pixels"));
                    }
                    let (regions, answers): (Vec<_>, Vec<_>) =
                        regions_of(&buffer).into_iter().unzip();
                    if regions.len() as u64 != number % 3 {
                        seen.wrong = Some(format!("frame {number} has the regions {regions:?}"));
                    }
                    // What has an answer of its own has the right one, whichever of the models it
                    // is from.
                    for answer in answers
                        .into_iter()
                        .chain([classification_of(&buffer)])
                        .flatten()
                    {
                        let is_right = answer
                            .top()
                            .is_some_and(|c| [(number % 3) as i32, 3].contains(&c.index));
                        if answer.fresh && !is_right {
                            seen.wrong = Some(format!("frame {number} has {answer:?}"));
                        }
                    }
                    seen.numbers.push(number);
                    Ok(gst::FlowSuccess::Ok)
                }
            })
            .event_function({
                let seen = Arc::clone(&seen);
                move |pad, parent, event| {
                    let is_eos = event.type_() == gst::EventType::Eos;
                    let number = event.structure().and_then(|s| s.get::<u64>("number").ok());
                    {
                        let mut now = seen.0.lock().expect("not poisoned");
                        now.numbers.extend(number);
                        now.is_eos |= is_eos;
                    }
                    seen.1.notify_all();
                    gst::Pad::event_default(pad, parent, event)
                }
            })
            .build();
        behind.set_active(true).expect("the pad is active");
        let src = element.static_pad("src").expect("a source pad");
        src.link(&behind).expect("they link");
        let bus = gst::Bus::new();
        element.set_bus(Some(&bus));
        Self {
            element,
            bus,
            behind,
            seen,
            info: rgb(8, 6),
            next: 0,
            sent: Vec::new(),
            flushed: 0,
        }
    }

    fn sink(&self) -> gst::Pad {
        self.element.static_pad("sink").expect("a sink pad")
    }

    fn send(&self, event: impl Into<gst::Event>) {
        self.sink().send_event(event);
    }

    fn begin(&self) {
        self.element
            .set_state(gst::State::Playing)
            .expect("it plays");
        self.stream();
    }

    fn stream(&self) {
        self.send(gst::event::StreamStart::new("s"));
        self.send(gst::event::Caps::new(&caps(&self.info)));
        self.segment();
    }

    fn segment(&self) {
        let segment = gst::FormattedSegment::<gst::ClockTime>::new();
        self.send(gst::event::Segment::new(&segment));
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.sent.push(self.next);
        self.next
    }

    fn buffer(&self, number: u64) -> gst::Buffer {
        let mut buffer = plain(&self.info, color(number));
        // Two objects, of which a tracker knows one, come and go.
        let objects = [
            spot((0, 0, 8, 6), color(number)).id(7),
            spot((1, 2, 3, 4), color(number)),
        ];
        mark(&mut buffer, &objects[..(number % 3) as usize]);
        let b = buffer.make_mut();
        b.set_offset(number);
        b.set_pts(gst::ClockTime::from_mseconds(40 * number));
        buffer
    }

    fn frame(&mut self, is_missing: bool) {
        let number = self.number();
        let mut buffer = self.buffer(number);
        if is_missing {
            let b = buffer.make_mut();
            b.set_flags(gst::BufferFlags::GAP);
        }
        if let Err(flow) = self.sink().chain(buffer) {
            panic!(
                "{flow:?}: {:?}",
                support::element::errors(&self.bus, &self.element)
            );
        }
    }

    fn take(&mut self, step: &Step, models: [&Path; 2]) {
        match step {
            Step::Frames(count) => (0..*count).for_each(|_| self.frame(false)),
            Step::Missing => self.frame(true),
            Step::Event => {
                let number = self.number();
                assert!(self.sink().send_event(numbered(number)));
            }
            Step::Gap => {
                let pts = gst::ClockTime::from_mseconds(40 * self.next);
                self.send(gst::event::Gap::new(pts, None));
            }
            Step::Segment => self.segment(),
            Step::Caps(is_large) => {
                self.info = if *is_large { rgb(64, 48) } else { rgb(8, 6) };
                self.send(gst::event::Caps::new(&caps(&self.info)));
                let now = self.sink().current_caps();
                assert_eq!(now, Some(caps(&self.info)));
            }
            Step::Flush => {
                self.flush();
                self.flushed = self.next;
            }
            Step::Interval(n) => self.element.set_property("interval", *n),
            Step::StillLimit(on) => {
                self.element
                    .set_property("skip-still", if *on { 0.01f32 } else { 0.0 });
            }
            Step::Model(other) => {
                self.element
                    .set_property("model", text(models[usize::from(*other)]));
            }
            Step::Region(region, often) => {
                let interval: u64 = if *often { 0 } else { 120_000_000 };
                self.element.set_property_from_str("region", region);
                self.element.set_property("reclassify-interval", interval);
            }
            Step::Eos(is_flushed) => {
                self.end();
                // Nothing comes after the end but a flush or another stream.
                let late = self.next + 1;
                let flow = self.sink().chain(self.buffer(late));
                assert_eq!(flow, Err(gst::FlowError::Eos));
                assert!(!self.sink().send_event(numbered(late)));
                self.seen.0.lock().expect("not poisoned").is_eos = false;
                match is_flushed {
                    true => self.flush(),
                    false => self.stream(),
                }
            }
            Step::Restart => {
                self.element.set_state(gst::State::Null).expect("it stops");
                self.flushed = self.next;
                // Sticky events of before are over, also for the pad behind.
                self.behind.set_active(false).expect("inactive");
                self.behind.set_active(true).expect("active again");
                self.begin();
            }
        }
    }

    fn flush(&self) {
        self.send(gst::event::FlushStart::new());
        self.send(gst::event::FlushStop::new(true));
        self.segment();
    }

    /// Ends the stream and checks what has come out before the end.
    fn end(&self) {
        self.send(gst::event::Eos::new());
        let (seen, changed) = &*self.seen;
        let mut now = seen.lock().expect("not poisoned");
        while !now.is_eos {
            let (guard, wait) = changed.wait_timeout(now, PATIENCE).expect("not poisoned");
            now = guard;
            assert!(
                !wait.timed_out(),
                "it stands still: {:?} of {:?}",
                now.numbers,
                self.sent
            );
        }
        assert_eq!(now.wrong, None);
        // Each once and in order.
        let numbers = &now.numbers;
        assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
        // What is missing was flushed.
        let missing = self.sent.iter().filter(|n| !numbers.contains(n));
        let last = missing.max().copied().unwrap_or_default();
        assert!(
            last <= self.flushed,
            "{last} is missing, of those after {}",
            self.flushed
        );
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = self.element.set_state(gst::State::Null);
    }
}

/// A serialized event that can be told from others.
fn numbered(number: u64) -> gst::Event {
    let structure = gst::Structure::builder("numbered").field("number", number);
    gst::event::CustomDownstream::new(structure.build())
}

/// Does something in a thread of its own and waits for it. What stands still cannot be ended, nor
/// can the test go on: the program ends, and says what was done.
fn watched(what: &dyn std::fmt::Debug, body: impl FnOnce() + Send + 'static) {
    // Closes when the thread ends, be it with a panic.
    let (end, ended) = mpsc::channel::<()>();
    let thread = std::thread::spawn(move || {
        let _end = end;
        body();
    });
    if ended.recv_timeout(2 * PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
        // Not with `eprintln!`, which is kept until the test has ended.
        let _ = writeln!(std::io::stderr(), "it stands still: {what:#?}");
        std::process::abort();
    }
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        // Each try takes as long as the failure did.
        max_shrink_time: 60_000,
        ..ProptestConfig::default()
    })]

    /// Two elements on one engine, in the same mode or not, each with a thread that drives it. How
    /// long a Run takes depends on its frames, so that they overtake each other.
    #[test]
    fn nothing_is_lost_or_out_of_order(
        steps in prop::array::uniform2(prop::collection::vec(step(), 1..20)),
        modes in prop::array::uniform2(prop::sample::select(vec!["exact", "live"])),
        sessions in 1u32..4,
        batch in 1u32..4,
        in_flight in 0u32..6,
    ) {
        support::init();
        let case = (modes, sessions, batch, in_flight, steps.clone());
        watched(&case, move || {
            let folder = tempfile::tempdir().expect("a folder");
            let net = Net::color().batch(FREE);
            let uneven = net.clone().whim(Whim::Uneven(4));
            let uneven = uneven.write(folder.path(), "uneven.onnx");
            let quick = net.write(folder.path(), "quick.onnx");
            std::thread::scope(|scope| {
                for (mode, steps) in modes.iter().zip(&steps) {
                    let models = [&*uneven, &*quick];
                    scope.spawn(move || {
                        let element = element(models[0]);
                        element.set_property_from_str("mode", mode);
                        element.set_property("sessions", sessions);
                        element.set_property("batch-size", batch);
                        element.set_property("max-in-flight", in_flight);
                        let mut bench = Bench::new(element);
                        bench.begin();
                        for step in steps {
                            bench.take(step, models);
                        }
                        bench.end();
                    });
                }
            });
        });
    }
}

/// What the test above relies on: ONNX Runtime does not see through the network whose Runs take
/// as long as the frames have it.
#[test]
fn time_depends_on_the_frames() {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let net = Net::color().batch(FREE).whim(Whim::Uneven(8));
    let element = element(&net.write(folder.path(), "uneven.onnx"));
    let info = rgb(8, 6);
    let (mut harness, _bus) = play(&element, &info);
    // The shortest of some: whatever else the machine does only makes them longer.
    let mut shortest = |color| {
        let times = (0..10).map(|_| {
            let out = through(&mut harness, plain(&info, color));
            support::element::answer(&out).inference_time
        });
        times.min().expect("ten of them")
    };
    // What 40 times these numbers, of 255, have after the point is 0.16 and 0.94.
    let (short, long) = (shortest([205, 0, 0]), shortest([210, 0, 0]));
    assert!(long > 2 * short, "{short} {long}");
}
