// SPDX-License-Identifier: MPL-2.0
//! Queries of both pads, and events from downstream.

use std::time::Duration;

use gst::prelude::*;

use super::super::crop;
use super::core::Core;
use super::log::CAT;
use super::values::Mode;

impl Core {
    /// Answers a query from upstream.
    pub fn sink_query(&self, pad: &gst::Pad, query: &mut gst::QueryRef) -> bool {
        if self.stream.process.is_other_process() {
            return false;
        }
        if query.is_serialized() {
            // Its place is after the frames in the queue.
            let mut state = self.stream.lock();
            while !state.flushing && !state.queue.is_empty() {
                state = self.stream.wait(state);
            }
            if state.flushing {
                return false;
            }
        }
        let is_answered = gst::Pad::query_default(pad, self.element().as_ref(), query);
        crop::refuse(query);
        is_answered
    }

    /// Handles an event from downstream.
    pub fn src_event(&self, pad: &gst::Pad, event: gst::Event) -> bool {
        use gst::EventView;
        match event.view() {
            EventView::Qos(qos) => {
                // A sink with a throttle time sends only this kind; others never send it.
                let (kind, _, difference, _) = qos.get();
                let spacing = match kind {
                    gst::QOSType::Throttle => u64::try_from(difference).ok().filter(|d| *d > 0),
                    _ => None,
                };
                let spacing = spacing.map(gst::ClockTime::from_nseconds);
                gst::log!(
                    CAT,
                    obj = pad,
                    "downstream wants at most one frame per {spacing:?}"
                );
                self.stream.lock().timing.throttle(spacing);
            }
            EventView::Reconfigure(_) => self.stream.lock().queue.relink(),
            // The pipeline has distributed its latency: it may have become live.
            EventView::Latency(_) => self.stream.lock().timing.is_live = None,
            _ => {}
        }
        gst::Pad::event_default(pad, self.element().as_ref(), event)
    }

    /// Answers a query from downstream.
    pub fn src_query(&self, pad: &gst::Pad, query: &mut gst::QueryRef) -> bool {
        let gst::QueryViewMut::Latency(latency) = query.view_mut() else {
            return gst::Pad::query_default(pad, self.element().as_ref(), query);
        };
        let mut upstream = gst::query::Latency::new();
        if !self.sink.peer_query(&mut upstream) {
            return false;
        }
        let (is_live, min, max) = upstream.result();
        let mode = self.frame_settings().mode;
        let own = {
            let mut state = self.stream.lock();
            state.timing.is_live = Some(is_live);
            match mode {
                Mode::Live => Duration::ZERO,
                Mode::Auto if is_live => Duration::ZERO,
                Mode::Auto | Mode::Exact => state.timing.latency.bound(),
            }
        };
        let own = gst::ClockTime::try_from(own).unwrap_or(gst::ClockTime::ZERO);
        // The greatest time means that there is no maximum.
        let max = max.map(|max| max.saturating_add(own));
        latency.set(is_live, min.saturating_add(own), max);
        true
    }
}
