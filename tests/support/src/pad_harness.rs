// SPDX-License-Identifier: MPL-2.0
//! An element between two pads of the test's own, so that the test is both neighbours: it sees
//! each flow return, and decides what comes back from behind.

use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use gst::prelude::*;
use gst::{FlowError, FlowSuccess};
use gst_video::VideoInfo;

use crate::element::{errors, loaded, rgb, stat, timed};
use crate::harness::{self, beginning, link, sink_pad};

/// How long a test waits for what must come.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// What is behind the element.
#[derive(Debug)]
pub struct Behind {
    /// What has come out.
    pub frames: Vec<gst::Buffer>,
    pub is_eos: bool,
    /// What a frame gets back.
    pub flow: Result<FlowSuccess, FlowError>,
    /// Frames do not come back for now.
    pub is_blocked: bool,
    /// Frames that do not come back for now.
    pub held: usize,
}

/// The element, playing.
#[derive(Debug)]
pub struct PadHarness {
    pub element: gst::Element,
    pub bus: gst::Bus,
    pub info: VideoInfo,
    pad: gst::Pad,
    behind: Arc<(Mutex<Behind>, Condvar)>,
}

impl PadHarness {
    pub fn new(element: &gst::Element) -> Self {
        let behind = Arc::new((
            Mutex::new(Behind {
                frames: Vec::new(),
                is_eos: false,
                flow: Ok(FlowSuccess::Ok),
                is_blocked: false,
                held: 0,
            }),
            Condvar::new(),
        ));
        let pad = sink_pad()
            .chain_function({
                let behind = Arc::clone(&behind);
                move |_, _, buffer| {
                    let (lock, changed) = &*behind;
                    let mut now = lock.lock().expect("not poisoned");
                    now.held += 1;
                    changed.notify_all();
                    while now.is_blocked {
                        now = changed.wait(now).expect("not poisoned");
                    }
                    now.held -= 1;
                    if now.flow.is_ok() {
                        now.frames.push(buffer);
                    }
                    let flow = now.flow;
                    drop(now);
                    changed.notify_all();
                    flow
                }
            })
            .event_function({
                let behind = Arc::clone(&behind);
                move |pad, parent, event| {
                    if event.type_() == gst::EventType::Eos {
                        behind.0.lock().expect("not poisoned").is_eos = true;
                        behind.1.notify_all();
                    }
                    gst::Pad::event_default(pad, parent, event)
                }
            })
            .build();
        link(&pad, element);
        let bus = gst::Bus::new();
        element.set_bus(Some(&bus));
        Self {
            element: element.clone(),
            bus,
            info: rgb(8, 6),
            pad,
            behind,
        }
    }

    /// A playing element in this mode.
    pub fn playing(element: &gst::Element, mode: &str) -> Self {
        element.set_property_from_str("mode", mode);
        let harness = Self::new(element);
        assert!(harness.play(), "{:?}", harness.errors());
        harness
    }

    /// Plays. False if the model cannot be loaded.
    pub fn play(&self) -> bool {
        let began = self.element.set_state(gst::State::Playing).is_ok();
        if began {
            self.stream();
        }
        began && loaded(&self.bus)
    }

    /// Begins a stream.
    pub fn stream(&self) {
        for event in beginning(&self.info) {
            self.send(event);
        }
    }

    pub fn send(&self, event: gst::Event) -> bool {
        self.sink().send_event(event)
    }

    pub fn sink(&self) -> gst::Pad {
        harness::sink(&self.element)
    }

    /// A frame of this color at this time.
    pub fn push(&self, color: [u8; 3], milliseconds: u64) -> Result<FlowSuccess, FlowError> {
        self.sink().chain(timed(&self.info, color, milliseconds))
    }

    /// Asks what is before: a query from behind.
    pub fn ask(&self, query: &mut gst::QueryRef) -> bool {
        self.pad.peer_query(query)
    }

    pub fn behind(&self) -> MutexGuard<'_, Behind> {
        self.behind.0.lock().expect("not poisoned")
    }

    /// Changes what is behind.
    pub fn set(&self, change: impl FnOnce(&mut Behind)) {
        change(&mut self.behind());
        self.behind.1.notify_all();
    }

    /// Waits until what is behind is so.
    pub fn until(&self, what: &str, is_so: impl Fn(&Behind) -> bool) {
        let mut now = self.behind();
        while !is_so(&now) {
            let wait = self.behind.1.wait_timeout(now, TIMEOUT);
            let (guard, wait) = wait.expect("not poisoned");
            assert!(!wait.timed_out(), "{what}: {guard:?}");
            now = guard;
        }
    }

    /// The times of the frames that have come out, in milliseconds.
    pub fn times(&self) -> Vec<u64> {
        let behind = self.behind();
        let times = behind.frames.iter().map(|b| b.pts().expect("a time"));
        times.map(gst::ClockTime::mseconds).collect()
    }

    /// The errors of the element since the last call.
    pub fn errors(&self) -> Vec<glib::Error> {
        errors(&self.bus, &self.element)
    }

    /// A counter of the element.
    pub fn stat(&self, field: &str) -> u64 {
        stat(&self.element, field)
    }

    /// Stops, and forgets what has come out. What is behind lets go first.
    pub fn stop(&self) {
        self.stop_at(gst::State::Null);
    }

    /// The same, on the way to READY or NULL.
    pub fn stop_at(&self, state: gst::State) {
        self.set(|behind| behind.is_blocked = false);
        self.element.set_state(state).expect("it stops");
        self.set(|behind| {
            behind.frames.clear();
            behind.is_eos = false;
            behind.flow = Ok(FlowSuccess::Ok);
        });
        // The sticky events of the stream that is over.
        self.pad.set_active(false).expect("inactive");
        self.pad.set_active(true).expect("active again");
    }
}

impl Drop for PadHarness {
    fn drop(&mut self) {
        // Not with `set`, for this may be a panic on its way.
        if let Ok(mut behind) = self.behind.0.lock() {
            behind.is_blocked = false;
        }
        self.behind.1.notify_all();
        let _ = self.element.set_state(gst::State::Null);
        // The element may be used again.
        if let Some(src) = self.element.static_pad("src") {
            let _ = src.unlink(&self.pad);
        }
        let _ = self.pad.set_active(false);
        self.element.set_bus(None);
    }
}
