// SPDX-License-Identifier: MPL-2.0
//! What comes in: frames and events of the sink pad.
//!
//! In mode exact they wait in the queue, in their order, for the task of the source pad. In mode
//! live they leave at once, from the thread that they came in with.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gst::prelude::*;

use super::super::flow;
use super::core::Core;
use super::job::FrameJob;
use super::log::CAT;
use super::settings::FrameSettings;
use super::stream::{PollInput, Request};
use super::values::Mode;
use crate::classifier::{Loaded, SharedConversion};
use crate::inference::Job;

impl Core {
    /// Takes a frame.
    pub fn chain(&self, buffer: gst::Buffer) -> Result<gst::FlowSuccess, gst::FlowError> {
        let arrived = Instant::now();
        self.check_process()?;
        let settings = self.frame_settings();
        let line = self.stream.stats().frame();
        if let Some(line) = line {
            gst::info!(CAT, obj = self.sink, "{line}");
        }
        match self.is_live(settings.mode) {
            true => self.pass_on(buffer, &settings, arrived),
            false => self.enqueue(buffer, &settings, arrived),
        }
    }

    /// Mode exact: waits for room in the queue, and puts the frame into it.
    fn enqueue(
        &self,
        buffer: gst::Buffer,
        settings: &FrameSettings,
        arrived: Instant,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        let in_flight = |loaded: &Loaded| {
            let engine = loaded.stream.engine();
            // As many wait as are being inferred, so that the next batch is full too.
            2 * engine.sessions() * engine.batch()
        };
        let mut state = self.stream.lock();
        let loaded = loop {
            match state.poll_exact(settings, in_flight, Instant::now()) {
                PollInput::Forward(loaded) => break loaded,
                PollInput::Refuse(error) => return Err(error),
                PollInput::Wait(until) => state = self.stream.wait_until(state, until),
                PollInput::PassOn => state = self.stream.wait(state),
            }
        };
        let request = state.request(&buffer, settings, arrived, false)?;
        self.count_skipped(&request);
        let jobs = self.jobs(&request, &buffer, &loaded, settings);
        let jobs: Vec<Box<dyn Job>> = jobs.map(|job| Box::new(job) as Box<dyn Job>).collect();
        state.enqueue(buffer, request, &loaded);
        let hint = state.results.tracks.hint.hint(settings, false);
        let warning = state.timing.flagged.warning();
        drop(state);
        self.stream.notify();
        if !jobs.is_empty() {
            loaded.stream.submit(jobs, settings.batch_timeout);
        }
        self.post_hint(hint);
        self.warn_of_flags(warning);
        Ok(gst::FlowSuccess::Ok)
    }

    /// The jobs of a frame: one for each part that is to be inferred.
    pub(super) fn jobs<'a>(
        &'a self,
        request: &'a Request,
        buffer: &'a gst::Buffer,
        loaded: &'a Loaded,
        settings: &'a FrameSettings,
    ) -> impl Iterator<Item = FrameJob> + 'a {
        let conversion = SharedConversion::for_frame(&request.info);
        request.targets.iter().filter_map(move |(target, ticket)| {
            Some(FrameJob {
                stream: Arc::clone(&self.stream),
                classifier: Arc::clone(&loaded.classifier),
                settings: settings.clone(),
                info: Arc::clone(&request.info),
                buffer: Some(buffer.clone()),
                conversion: conversion.clone(),
                ticket: (*ticket)?,
                target: target.clone(),
                is_flagged: request.is_flagged,
                preprocess: Duration::ZERO,
                is_delivered: false,
            })
        })
    }

    pub(super) fn count_skipped(&self, request: &Request) {
        if request.is_skipped {
            self.stream.stats().skipped += 1;
        }
    }

    /// Whether frames leave at once.
    pub fn is_live(&self, mode: Mode) -> bool {
        match mode {
            Mode::Live => return true,
            Mode::Exact => return false,
            Mode::Auto => {}
        }
        if let Some(is_live) = self.stream.lock().timing.is_live {
            return is_live;
        }
        let mut query = gst::query::Latency::new();
        let is_live = self.sink.peer_query(&mut query) && query.result().0;
        gst::debug!(
            CAT,
            obj = self.sink,
            "the pipeline is {}live",
            if is_live { "" } else { "not " }
        );
        self.stream.lock().timing.is_live = Some(is_live);
        is_live
    }

    /// Takes an event.
    pub fn sink_event(
        &self,
        pad: &gst::Pad,
        event: gst::Event,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        use gst::EventView;
        self.check_process()?;
        let kind = event.type_();
        let of_event = |is_taken| flow::event_result(&self.src, kind, is_taken);
        match event.view() {
            EventView::FlushStart(_) => return of_event(self.flush_start(event)),
            EventView::FlushStop(_) => return of_event(self.flush_stop(event)),
            EventView::Caps(caps) => {
                // The user has been told by the pad's accept-caps query.
                let Ok(info) = gst_video::VideoInfo::from_caps(caps.caps()) else {
                    gst::error!(CAT, obj = pad, "caps that are no video: {}", caps.caps());
                    return Err(gst::FlowError::NotNegotiated);
                };
                self.stream.lock().info = Some(Arc::new(picture_info(info)));
            }
            EventView::StreamStart(_) => self.stream.lock().stream_starts(),
            EventView::Segment(segment) => {
                self.stream.lock().segment_arrives(segment.segment());
            }
            EventView::Eos(_) => {
                let settings = self.frame_settings();
                let (hint, warning) = {
                    let mut state = self.stream.lock();
                    state.queue.set_eos(true);
                    let hint = state.results.tracks.hint.hint(&settings, true);
                    (hint, state.timing.flagged.end())
                };
                self.post_hint(hint);
                self.warn_of_flags(warning);
            }
            _ => {}
        }
        if !event.is_serialized() {
            let is_taken = gst::Pad::event_default(pad, self.element().as_ref(), event);
            return of_event(is_taken);
        }
        let event = {
            let mut state = self.stream.lock();
            if state.flushing {
                return Err(gst::FlowError::Flushing);
            }
            state.queue.push_event(event)
        };
        match event {
            Some(event) => of_event(self.forward_event(event)),
            None => {
                self.stream.notify();
                Ok(gst::FlowSuccess::Ok)
            }
        }
    }

    fn flush_start(&self, event: gst::Event) -> bool {
        self.stream.lock().flushing = true;
        self.stream.notify();
        let is_taken = self.src.push_event(event);
        // The task finishes what it is doing, which cannot block any more.
        let _ = self.src.pause_task();
        is_taken
    }

    fn flush_stop(&self, event: gst::Event) -> bool {
        let (items, loaded) = {
            let mut state = self.stream.lock();
            let items = state.flush();
            state.timing.flagged.reset_counters();
            state.flushing = false;
            (items, state.model.ready().cloned())
        };
        if let Some(loaded) = loaded {
            loaded.stream.clear();
        }
        let is_taken = self.src.push_event(event);
        self.keep_sticky(items);
        if let Err(error) = self.start_task() {
            error.log();
        }
        is_taken
    }
}

/// The format of the picture that is inferred. If buffers hold single fields, this is the first
/// field: half the lines, each twice as high.
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
