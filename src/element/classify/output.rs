// SPDX-License-Identifier: MPL-2.0
//! What goes out: in mode exact a task of the source pad pushes frames and events from the queue, in
//! their order.

use std::collections::VecDeque;
use std::ffi::c_void;
use std::time::Duration;

use gst::EventType;
use gst::prelude::*;

use super::core::Core;
use super::log::CAT;
use super::messages::is_posted;
use super::stream::{JobResult, Pending, PendingState, PollOutput, Queued, QueuedFrame};
use super::tracks::attach;
use crate::classifier::{Error, Loaded};

/// How often the task looks whether the engine hangs, while it waits for a result.
const HANG_CHECK_INTERVAL: Duration = Duration::from_secs(1);

impl Core {
    /// Activates or deactivates the sink pad's part of the stream.
    pub fn activate(&self, active: bool) {
        let items = {
            let mut state = self.stream.lock();
            state.flushing = !active;
            state.flush()
        };
        self.stream.notify();
        drop(items);
    }

    /// Activates or deactivates the source pad and its task.
    ///
    /// # Errors
    /// If the task cannot be started or stopped.
    pub fn activate_task(&self, active: bool) -> Result<(), gst::LoggableError> {
        // The source pad is activated first: a task that finds the stream flushing pauses.
        self.activate(active);
        if active {
            return self.start_task();
        }
        self.src
            .stop_task()
            .map_err(|_| gst::loggable_error!(CAT, "the task does not stop"))
    }

    /// Starts the task, or resumes it after a flush.
    ///
    /// The bindings take a closure at each start. GStreamer does not free it if the task exists
    /// already, as it does after each flush, so this calls the C function.
    pub(super) fn start_task(&self) -> Result<(), gst::LoggableError> {
        let pad: *mut gst::ffi::GstPad = self.src.as_ptr();
        // SAFETY: the task function takes the pad, which outlives its own task.
        let started = unsafe {
            gst::ffi::gst_pad_start_task(pad, Some(self.task), pad.cast::<c_void>(), None)
        };
        match started {
            glib::ffi::GFALSE => Err(gst::loggable_error!(CAT, "the task does not start")),
            _ => Ok(()),
        }
    }

    /// One iteration of the task: pushes the next item of the queue.
    pub fn push_next(&self) {
        let mut state = self.stream.lock();
        let (item, is_over) = loop {
            match state.poll_output() {
                PollOutput::Forward { item, is_over } => break (item, is_over),
                PollOutput::Wait => state = self.stream.wait(state),
                PollOutput::WaitForResult => {
                    let (guard, is_timeout) = self.stream.wait_for(state, HANG_CHECK_INTERVAL);
                    state = guard;
                    if is_timeout {
                        let error = |loaded: &Loaded| loaded.stream.engine().check().err();
                        state
                            .queue
                            .fail_waiting(|loaded| error(loaded).map(Into::into));
                    }
                }
                PollOutput::Pause => {
                    drop(state);
                    let _ = self.src.pause_task();
                    return;
                }
            }
        };
        drop(state);
        let flow = match item {
            Queued::Event(event) => {
                self.forward_event(event);
                None
            }
            Queued::Frame(_) if is_over => None,
            Queued::Frame(frame) => Some(self.push_frame(frame)),
        };
        let unreported = self.stream.lock().pushed(flow);
        self.stream.notify();
        if let Some(flow @ (gst::FlowError::NotLinked | gst::FlowError::NotNegotiated)) = unreported
            && let Some(element) = self.element()
        {
            gst::element_error!(
                element,
                gst::StreamError::Failed,
                ("the frames cannot be passed on: {}", flow)
            );
        }
    }

    /// Pushes a frame with the results of its parts.
    fn push_frame(&self, frame: QueuedFrame<Loaded>) -> Result<gst::FlowSuccess, gst::FlowError> {
        let QueuedFrame {
            mut buffer,
            queued,
            ready,
            pending,
            when,
            model: _,
        } = frame;
        let mut results = Vec::with_capacity(pending.len());
        let mut carrying = Vec::new();
        let (mut failed, mut lost) = (None, None);
        for Pending { target, state } in pending {
            match state {
                PendingState::Done(number, JobResult::Result(result)) => {
                    results.push((target, number, result));
                }
                PendingState::Done(_, JobResult::Failed(error)) => failed = Some(error),
                PendingState::Done(_, JobResult::Dropped) => lost = Some(Error::Lost),
                PendingState::Done(_, JobResult::Static | JobResult::Unusable)
                | PendingState::Carry
                | PendingState::Waiting(_) => carrying.push(target),
            }
        }
        if let Some(error) = failed.or(lost) {
            self.error(&error);
            return Err(gst::FlowError::Error);
        }

        let settings = self.frame_settings();
        let mut attached = Vec::with_capacity(results.len() + carrying.len());
        let mut posted = Vec::new();
        let (tags, segment, latency) = {
            let mut state = self.stream.lock();
            let state = &mut *state;
            let latency = match results.is_empty() {
                true => None,
                false => state.timing.latency.leave(queued, ready.unwrap_or(queued)),
            };
            let segment = state.timing.leaving.clone();
            for (target, number, result) in results {
                let results = &mut state.results;
                let result = results.take(*result, &target, number, when, segment.as_ref());
                if let Some(classification) = result {
                    if is_posted(&target, &classification, settings.messages) {
                        posted.push(attached.len());
                    }
                    attached.push((target, classification));
                }
            }
            attached.extend(carrying.into_iter().filter_map(|target| {
                let carried = target.track.state().carried(when)?;
                Some((target, carried))
            }));
            let tags = settings.tags.then(|| state.results.tags(&attached));
            (tags.flatten(), segment, latency)
        };
        for (target, classification) in posted.into_iter().map(|index| &attached[index]) {
            let frame = Some((&*buffer, segment.clone()));
            self.post_result(classification, target, when.pts, frame);
        }
        if let Some(change) = latency {
            self.announce_latency(change);
        }
        if let Some(tags) = tags {
            // The frame follows, whether downstream accepts tags or not.
            self.src.push_event(tags);
        }
        gst::log!(CAT, obj = self.src, "{:?}: {attached:?}", when.pts);
        attach(&mut buffer, &attached);
        self.src.push(buffer)
    }

    /// Pushes a serialized event at its place among the frames.
    pub(super) fn forward_event(&self, event: gst::Event) -> bool {
        if event.type_() == EventType::Eos {
            let keywords = self.stream.lock().results.keywords.global();
            if let Some(tags) = keywords {
                // EOS follows, whether downstream accepts tags or not.
                self.src.push_event(tags);
            }
        }
        let event = self.note_event(event);
        self.src.push_event(event)
    }

    /// Updates the state for a serialized event that is about to leave. Returns the event to push.
    fn note_event(&self, event: gst::Event) -> gst::Event {
        let mut state = self.stream.lock();
        match event.view() {
            gst::EventView::Segment(segment) => state.segment_leaves(segment.segment()),
            gst::EventView::StreamStart(_) => {
                state.results.drop_late();
                state.results.keywords.reset();
            }
            gst::EventView::Tag(_) => return state.results.keywords.merge(event),
            _ => {}
        }
        event
    }

    /// Stores the sticky events of a flushed queue on the source pad, which sends them before the
    /// next frame. Upstream considers them delivered, so nobody would send them again.
    pub(super) fn keep_sticky(&self, items: VecDeque<Queued<Loaded>>) {
        for item in items {
            let Queued::Event(event) = item else {
                continue;
            };
            // A flush removes these two.
            let is_flushed = matches!(event.type_(), EventType::Segment | EventType::Eos);
            if event.is_sticky() && !is_flushed {
                let event = self.note_event(event);
                if let Err(error) = self.src.store_sticky_event(&event) {
                    gst::debug!(CAT, obj = self.src, "{event:?} is not kept: {error}");
                }
            }
        }
    }
}
