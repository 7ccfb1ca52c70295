// SPDX-License-Identifier: MPL-2.0
//! Events and queries of both pads.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use gst::EventType;
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::super::{crop, flow};
use super::imp::{CAT, Resnet50};
use super::settings::Mode;
use super::stream::{Item, Model};

/// What the pictures in the buffers of a stream are. Where a buffer holds single fields, that is
/// the first of them: a picture of half the lines, which are twice as high.
fn picture_info(info: gst_video::VideoInfo) -> gst_video::VideoInfo {
    use gst_video::VideoInterlaceMode as Mode;
    if !matches!(info.interlace_mode(), Mode::Fields | Mode::Alternate) {
        return info;
    }
    let (numer, denom) = (info.par().numer().max(1), info.par().denom().max(1));
    let par = match denom.checked_mul(2) {
        Some(denom) => gst::Fraction::new(numer, denom),
        None => gst::Fraction::new((numer / 2).max(1), denom),
    };
    let field =
        gst_video::VideoInfo::builder(info.format(), info.width(), info.height().div_ceil(2))
            .colorimetry(&info.colorimetry())
            .chroma_site(info.chroma_site())
            .fps(info.fps())
            .par(par)
            .build();
    field.unwrap_or(info)
}

impl Resnet50 {
    pub(super) fn sink_event(
        &self,
        pad: &gst::Pad,
        event: gst::Event,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        use gst::EventView;
        self.is_here()?;
        let kind = event.type_();
        let of_event = |is_taken| flow::of_event(&self.src, kind, is_taken);
        match event.view() {
            EventView::FlushStart(_) => {
                self.stream.lock().flushing = true;
                self.stream.notify();
                let forwarded = self.src.push_event(event);
                // The task ends its present turn, which cannot block any more.
                let _ = self.src.pause_task();
                return of_event(forwarded);
            }
            EventView::FlushStop(_) => {
                let (items, loaded) = {
                    let mut inner = self.stream.lock();
                    let items = inner.flush();
                    inner.whole.restart();
                    inner.flushing = false;
                    let loaded = match &inner.model {
                        Model::Ready(loaded) => Some(Arc::clone(loaded)),
                        _ => None,
                    };
                    (items, loaded)
                };
                if let Some(loaded) = loaded {
                    loaded.port.clear();
                }
                let forwarded = self.src.push_event(event);
                self.keep_sticky(items);
                if let Err(error) = self.start_task() {
                    error.log();
                }
                return of_event(forwarded);
            }
            EventView::Caps(caps) => {
                // The user has been told.
                let Ok(info) = gst_video::VideoInfo::from_caps(caps.caps()) else {
                    gst::error!(CAT, imp = self, "caps that are no video: {}", caps.caps());
                    return Err(gst::FlowError::NotNegotiated);
                };
                self.stream.lock().info = Some(Arc::new(picture_info(info)));
            }
            EventView::StreamStart(_) => {
                let mut inner = self.stream.lock();
                inner.restart();
                inner.arriving = None;
                inner.whole.restart();
                inner.is_live = None;
                inner.is_eos = false;
            }
            EventView::Segment(segment) => {
                let mut inner = self.stream.lock();
                // Some sources send the same one again and again.
                if inner.arriving.as_ref() != Some(segment.segment()) {
                    inner.restart();
                    let is_backward = segment.segment().rate() < 0.0;
                    inner.timeline.set_backward(is_backward);
                    inner.arriving = Some(segment.segment().clone());
                }
                inner.is_live = None;
                inner.is_eos = false;
            }
            EventView::Eos(_) => {
                let settings = self.frame_settings();
                let (hint, flagged) = {
                    let mut inner = self.stream.lock();
                    inner.is_eos = true;
                    let hint = inner.subjects.watch.hint(&settings, true);
                    (hint, inner.whole.end())
                };
                self.tell(hint);
                self.tell_of_flags(flagged);
            }
            _ => {}
        }
        if !event.is_serialized() {
            return of_event(gst::Pad::event_default(pad, Some(&*self.obj()), event));
        }
        {
            let mut inner = self.stream.lock();
            if inner.flushing {
                return Err(gst::FlowError::Flushing);
            }
            let is_queued = !inner.items.is_empty() || inner.is_pushing;
            if is_queued {
                inner.items.push_back(Item::Event(event));
                drop(inner);
                self.stream.notify();
                return Ok(gst::FlowSuccess::Ok);
            }
            inner.revive(&event);
        }
        of_event(self.forward(event))
    }

    /// Leaves the sticky events among what was flushed to the source pad, which sends them before
    /// the next frame: upstream takes them for delivered, and nobody would send them again.
    fn keep_sticky(&self, items: VecDeque<Item>) {
        for item in items {
            let Item::Event(event) = item else {
                continue;
            };
            // A flush is the end of these two.
            let is_over = matches!(event.type_(), EventType::Segment | EventType::Eos);
            if event.is_sticky() && !is_over {
                let event = self.note(event);
                if let Err(error) = self.src.store_sticky_event(&event) {
                    gst::debug!(CAT, imp = self, "{event:?} is not kept: {error}");
                }
            }
        }
    }

    /// Sends a serialized event on, in its turn.
    pub(super) fn forward(&self, event: gst::Event) -> bool {
        if event.type_() == EventType::Eos {
            let keywords = self.stream.lock().keywords.whole();
            if let Some(tags) = keywords {
                // Whether anybody wants them or not, the end follows.
                self.src.push_event(tags);
            }
        }
        let event = self.note(event);
        self.src.push_event(event)
    }

    /// Takes notice of a serialized event whose turn has come, and gives what is to be sent.
    fn note(&self, event: gst::Event) -> gst::Event {
        let mut inner = self.stream.lock();
        match event.view() {
            gst::EventView::Segment(segment) => {
                let segment = segment.segment().downcast_ref().cloned();
                let is_new = inner.segment != segment;
                inner.segment = segment;
                if is_new {
                    inner.forget();
                    // Late answers are for a time that is over, unless they have their frames.
                    if inner.frames() == 0 {
                        inner.generation += 1;
                    }
                }
            }
            gst::EventView::StreamStart(_) => {
                inner.forget();
                inner.keywords.reset();
            }
            gst::EventView::Tag(_) => return inner.keywords.merge(event),
            _ => {}
        }
        event
    }

    pub(super) fn sink_query(&self, pad: &gst::Pad, query: &mut gst::QueryRef) -> bool {
        if self.stream.home.is_elsewhere() {
            return false;
        }
        if query.is_serialized() {
            // It is for what comes after the frames that are waiting.
            let mut inner = self.stream.lock();
            while !inner.flushing && (!inner.items.is_empty() || inner.is_pushing) {
                inner = self.stream.wait(inner);
            }
            if inner.flushing {
                return false;
            }
        }
        let is_answered = gst::Pad::query_default(pad, Some(&*self.obj()), query);
        crop::refuse(query);
        is_answered
    }

    pub(super) fn src_event(&self, pad: &gst::Pad, event: gst::Event) -> bool {
        use gst::EventView;
        match event.view() {
            EventView::Qos(qos) => {
                // A sink with a throttle time sends nothing else, and one without never sends it.
                let (kind, _, difference, _) = qos.get();
                let spacing = match kind {
                    gst::QOSType::Throttle => u64::try_from(difference).ok().filter(|d| *d > 0),
                    _ => None,
                };
                let spacing = spacing.map(gst::ClockTime::from_nseconds);
                gst::log!(
                    CAT,
                    imp = self,
                    "asked for a frame each {spacing:?} at most"
                );
                self.stream.lock().rate.throttle(spacing);
            }
            // What was not linked may be linked now.
            EventView::Reconfigure(_) => {
                let mut inner = self.stream.lock();
                if inner.flow == Err(gst::FlowError::NotLinked) {
                    inner.flow = Ok(gst::FlowSuccess::Ok);
                }
            }
            // The pipeline has asked anew for its latency: it may have become live.
            EventView::Latency(_) => self.stream.lock().is_live = None,
            _ => {}
        }
        gst::Pad::event_default(pad, Some(&*self.obj()), event)
    }

    pub(super) fn src_query(&self, pad: &gst::Pad, query: &mut gst::QueryRef) -> bool {
        let gst::QueryViewMut::Latency(latency) = query.view_mut() else {
            return gst::Pad::query_default(pad, Some(&*self.obj()), query);
        };
        let mut upstream = gst::query::Latency::new();
        if !self.sink.peer_query(&mut upstream) {
            return false;
        }
        let (is_live, min, max) = upstream.result();
        let mode = self.frame_settings().mode;
        let own = {
            let mut inner = self.stream.lock();
            inner.is_live = Some(is_live);
            match mode {
                Mode::Live => Duration::ZERO,
                Mode::Auto if is_live => Duration::ZERO,
                Mode::Auto | Mode::Exact => inner.latency.bound(),
            }
        };
        let own = gst::ClockTime::try_from(own).unwrap_or(gst::ClockTime::ZERO);
        // Whoever says the most that there is means that there is no end.
        let max = max.map(|max| max.saturating_add(own));
        latency.set(is_live, min.saturating_add(own), max);
        true
    }
}
