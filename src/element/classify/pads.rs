// SPDX-License-Identifier: MPL-2.0
//! The element as its neighbours see it: frames, events and queries.
//!
//! In mode live everything leaves from the thread it came in with. In mode exact it waits in a
//! queue, in its order, and a task of the source pad pushes it when its turn has come.

use std::ffi::c_void;
use std::sync::Arc;
use std::time::{Duration, Instant};

use glib::translate::from_glib_none;
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::error::Error;
use super::imp::{CAT, Resnet50};
use super::job::{FrameJob, Ticket};
use super::settings::{FrameSettings, Messages, Mode};
use super::stream::{Answered, Inner, Item, Model, Outcome, Topic, Wait};
use crate::meta::{self, Classification};

/// Most frames in the queue, whatever `interval` and `max-in-flight` ask for.
const MAX_QUEUED: usize = 64;

/// How often whoever waits for an answer looks whether a Run is stuck.
const LOOK: Duration = Duration::from_secs(1);

/// The shortest time between two QOS messages.
const QOS_SPACING: Duration = Duration::from_secs(1);

/// Takes what comes in.
pub fn sink(template: &gst::PadTemplate) -> gst::Pad {
    gst::Pad::builder_from_template(template)
        .chain_function(|_, parent, buffer| {
            Resnet50::catch_panic_pad_function(
                parent,
                || Err(gst::FlowError::Error),
                |this| this.chain(buffer),
            )
        })
        .event_function(|pad, parent, event| {
            Resnet50::catch_panic_pad_function(parent, || false, |this| this.sink_event(pad, event))
        })
        .query_function(|pad, parent, query| {
            Resnet50::catch_panic_pad_function(parent, || false, |this| this.sink_query(pad, query))
        })
        .activatemode_function(|_, parent, _, active| {
            Resnet50::catch_panic_pad_function(
                parent,
                || Err(gst::loggable_error!(CAT, "panic")),
                |this| {
                    this.activate(active);
                    Ok(())
                },
            )
        })
        .flags(gst::PadFlags::PROXY_CAPS | gst::PadFlags::PROXY_ALLOCATION)
        .build()
}

/// Sends what goes out.
pub fn src(template: &gst::PadTemplate) -> gst::Pad {
    gst::Pad::builder_from_template(template)
        .event_function(|pad, parent, event| {
            Resnet50::catch_panic_pad_function(parent, || false, |this| this.src_event(pad, event))
        })
        .query_function(|pad, parent, query| {
            Resnet50::catch_panic_pad_function(parent, || false, |this| this.src_query(pad, query))
        })
        .activatemode_function(|_, parent, _, active| {
            Resnet50::catch_panic_pad_function(
                parent,
                || Err(gst::loggable_error!(CAT, "panic")),
                |this| this.activate_task(active),
            )
        })
        .flags(gst::PadFlags::PROXY_CAPS | gst::PadFlags::PROXY_ALLOCATION)
        .build()
}

/// A turn of the source pad's task.
///
/// The bindings' own way takes a closure at each start, and where the task is there already, as
/// after each flush, GStreamer forgets to free it.
unsafe extern "C" fn turn(pad: glib::ffi::gpointer) {
    // SAFETY: it is what `start_task` has given, and it is alive as long as its task.
    let pad: gst::Pad = unsafe { from_glib_none(pad.cast::<gst::ffi::GstPad>()) };
    let pause = || drop(pad.pause_task());
    match pad.parent() {
        Some(parent) => {
            Resnet50::catch_panic_pad_function(Some(&parent), pause, Resnet50::push_next);
        }
        None => pause(),
    }
}

impl Resnet50 {
    fn activate(&self, active: bool) {
        let items = {
            let mut inner = self.stream.lock();
            inner.flushing = !active;
            inner.flush()
        };
        self.stream.notify();
        drop(items);
    }

    fn activate_task(&self, active: bool) -> Result<(), gst::LoggableError> {
        // The source pad is the first to be activated: a task that sees a flush pauses.
        self.activate(active);
        if active {
            return self.start_task();
        }
        self.src
            .stop_task()
            .map_err(|_| gst::loggable_error!(CAT, "the task does not stop"))
    }

    /// Starts the task, or goes on with it after a flush.
    fn start_task(&self) -> Result<(), gst::LoggableError> {
        let pad: *mut gst::ffi::GstPad = self.src.as_ptr();
        // SAFETY: `turn` takes the pad, which outlives its own task.
        let started =
            unsafe { gst::ffi::gst_pad_start_task(pad, Some(turn), pad.cast::<c_void>(), None) };
        match started {
            glib::ffi::GFALSE => Err(gst::loggable_error!(CAT, "the task does not start")),
            _ => Ok(()),
        }
    }

    // What comes in

    fn chain(&self, mut buffer: gst::Buffer) -> Result<gst::FlowSuccess, gst::FlowError> {
        let arrived = Instant::now();
        let settings = self.frame_settings();
        let line = self.stream.stats().frame();
        if let Some(line) = line {
            gst::info!(CAT, imp = self, "{line}");
        }
        if self.is_live(settings.mode) {
            return self.pass(buffer, &settings, arrived);
        }

        let mut inner = self.stream.lock();
        let loaded = loop {
            if inner.flushing {
                return Err(gst::FlowError::Flushing);
            }
            inner.accepts()?;
            match &inner.model {
                Model::Ready(loaded) => {
                    let in_flight = match settings.max_in_flight as usize {
                        0 => {
                            let engine = loaded.port.engine();
                            // As many wait as are run, so that the next batch is full too.
                            2 * engine.sessions() * engine.batch()
                        }
                        most => most,
                    };
                    let interval = settings.interval as usize;
                    let room = in_flight
                        .saturating_mul(interval)
                        .min(MAX_QUEUED.max(in_flight));
                    if inner.frames() < room {
                        break Arc::clone(loaded);
                    }
                }
                Model::Loading => {}
                Model::Failed | Model::None => return Err(gst::FlowError::Error),
            }
            inner = self.stream.wait(inner);
        };
        let (job, wait) = if self.is_chosen(&mut inner, &buffer, &settings) {
            let ticket = ticket(&mut inner, &buffer, arrived);
            let job = self.job(&inner, &loaded.classifier, &buffer, &settings, ticket);
            (job, Wait::Answer(ticket.number))
        } else {
            (None, Wait::Carry)
        };
        let wait = match (&job, wait) {
            // Without caps there is no video.
            (None, Wait::Answer(_)) => return Err(gst::FlowError::NotNegotiated),
            (_, wait) => wait,
        };
        inner.items.push_back(Item::Frame {
            buffer: std::mem::take(&mut buffer),
            arrived,
            from: job.is_some().then(|| Arc::clone(&loaded)),
            wait,
        });
        drop(inner);
        self.stream.notify();
        if let Some(job) = job {
            loaded.port.push(job, settings.batch_timeout);
        }
        Ok(gst::FlowSuccess::Ok)
    }

    /// Mode live: the frame leaves at once, with the newest answer there is.
    fn pass(
        &self,
        mut buffer: gst::Buffer,
        settings: &FrameSettings,
        arrived: Instant,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        let (job, loaded) = {
            let mut inner = self.stream.lock();
            // What is left of mode exact goes first.
            while inner.frames() > 0 && !inner.flushing {
                inner = self.stream.wait(inner);
            }
            if inner.flushing {
                return Err(gst::FlowError::Flushing);
            }
            inner.accepts()?;
            match &inner.model {
                Model::Ready(loaded) => {
                    let loaded = Arc::clone(loaded);
                    let job = self.is_chosen(&mut inner, &buffer, settings).then(|| {
                        let ticket = ticket(&mut inner, &buffer, arrived);
                        self.job(&inner, &loaded.classifier, &buffer, settings, ticket)
                            .ok_or(gst::FlowError::NotNegotiated)
                    });
                    (job.transpose()?, Some(loaded))
                }
                Model::Loading => (None, None),
                Model::Failed | Model::None => return Err(gst::FlowError::Error),
            }
        };
        if let Some(loaded) = &loaded {
            let overtaken = job.is_some_and(|job| loaded.port.replace(job, settings.batch_timeout));
            if overtaken {
                self.count_busy(&buffer);
            }
            self.check(loaded.port.engine().check())?;
        }

        let (carried, news, tags, failure) = {
            let mut inner = self.stream.lock();
            let news = inner
                .newest
                .clone()
                .filter(|n| inner.posted != Some(n.ticket.number));
            let news = news.filter(|news| {
                inner.posted = Some(news.ticket.number);
                is_posted(&mut inner, &news.classification, settings.messages)
            });
            let carried = inner.carried(buffer.pts());
            let tags = inner.tags(carried.as_ref(), settings.tags);
            (carried, news, tags, inner.failure.take())
        };
        if let Some(error) = failure {
            self.post_error_message(error.message());
            return Err(gst::FlowError::Error);
        }
        if let Some(Answered {
            classification,
            ticket,
        }) = news
        {
            self.post(&classification, ticket.pts, None);
        }
        if let Some(tags) = tags {
            // Whether anybody wants them or not, the frame follows.
            self.src.push_event(tags);
        }
        if let Some(carried) = carried {
            meta::attach(buffer.make_mut(), &carried);
        }
        self.src.push(buffer)
    }

    /// Whether this frame is one to be inferred.
    fn is_chosen(&self, inner: &mut Inner, buffer: &gst::BufferRef, frame: &FrameSettings) -> bool {
        use gst::BufferFlags as F;
        // These do not hold a picture of their own, or only a part of it.
        let is_whole = !buffer
            .flags()
            .intersects(F::GAP | F::DROPPABLE | F::CORRUPTED);
        let chosen = is_whole
            && inner
                .rate
                .chooses(buffer.pts(), frame.interval, frame.max_rate);
        if !chosen {
            self.stream.stats().skipped += 1;
        }
        chosen
    }

    /// A job for the engine; none where there were no caps.
    fn job(
        &self,
        inner: &Inner,
        classifier: &Arc<super::classifier::Classifier>,
        buffer: &gst::Buffer,
        settings: &FrameSettings,
        ticket: Ticket,
    ) -> Option<Box<FrameJob>> {
        Some(Box::new(FrameJob {
            stream: Arc::clone(&self.stream),
            classifier: Arc::clone(classifier),
            settings: *settings,
            info: Arc::clone(inner.info.as_ref()?),
            buffer: Some(buffer.clone()),
            ticket,
            preprocess: Duration::ZERO,
            is_answered: false,
        }))
    }

    /// Counts a frame that a newer one has overtaken, and says so now and then.
    fn count_busy(&self, buffer: &gst::BufferRef) {
        let (inferred, busy) = {
            let mut stats = self.stream.stats();
            stats.busy += 1;
            stats.skipped += 1;
            (stats.inferences, stats.busy)
        };
        let segment = {
            let mut inner = self.stream.lock();
            if inner.qos.is_some_and(|last| last.elapsed() < QOS_SPACING) {
                return;
            }
            inner.qos = Some(Instant::now());
            inner.segment.clone()
        };
        let obj = self.obj();
        let pts = buffer.pts();
        let message = gst::message::Qos::builder(true)
            .src(&*obj)
            .running_time(segment.as_ref().and_then(|s| s.to_running_time(pts)))
            .stream_time(segment.as_ref().and_then(|s| s.to_stream_time(pts)))
            .timestamp(pts)
            .duration(buffer.duration())
            .stats(
                gst::GenericFormattedValue::from(gst::format::Buffers::from_u64(inferred)),
                gst::GenericFormattedValue::from(gst::format::Buffers::from_u64(busy)),
            )
            .build();
        // Fails only where nobody listens.
        let _ = obj.post_message(message);
    }

    /// Tells the user of an engine that is lost.
    fn check(&self, engine: Result<(), crate::inference::RunError>) -> Result<(), gst::FlowError> {
        engine.map_err(|error| {
            self.post_error_message(Error::from(error).message());
            gst::FlowError::Error
        })
    }

    /// Whether frames leave at once.
    fn is_live(&self, mode: Mode) -> bool {
        match mode {
            Mode::Live => return true,
            Mode::Exact => return false,
            Mode::Auto => {}
        }
        if let Some(is_live) = self.stream.lock().is_live {
            return is_live;
        }
        let mut query = gst::query::Latency::new();
        let is_live = self.sink.peer_query(&mut query) && query.result().0;
        gst::debug!(
            CAT,
            imp = self,
            "the pipeline is {}live",
            if is_live { "" } else { "not " }
        );
        self.stream.lock().is_live = Some(is_live);
        is_live
    }

    fn sink_event(&self, pad: &gst::Pad, event: gst::Event) -> bool {
        use gst::EventView;
        match event.view() {
            EventView::FlushStart(_) => {
                self.stream.lock().flushing = true;
                self.stream.notify();
                let forwarded = self.src.push_event(event);
                // The task ends its present turn, which cannot block any more.
                let _ = self.src.pause_task();
                return forwarded;
            }
            EventView::FlushStop(_) => {
                let (items, loaded) = {
                    let mut inner = self.stream.lock();
                    let items = inner.flush();
                    inner.flushing = false;
                    let loaded = match &inner.model {
                        Model::Ready(loaded) => Some(Arc::clone(loaded)),
                        _ => None,
                    };
                    (items, loaded)
                };
                drop(items);
                if let Some(loaded) = loaded {
                    loaded.port.clear();
                }
                let forwarded = self.src.push_event(event);
                if let Err(error) = self.start_task() {
                    error.log();
                }
                return forwarded;
            }
            EventView::Caps(caps) => {
                let Ok(info) = gst_video::VideoInfo::from_caps(caps.caps()) else {
                    gst::error!(CAT, imp = self, "caps that are no video: {}", caps.caps());
                    return false;
                };
                self.stream.lock().info = Some(Arc::new(info));
            }
            EventView::StreamStart(_) | EventView::Segment(_) => {
                let mut inner = self.stream.lock();
                inner.restart();
                inner.is_live = None;
                inner.is_eos = false;
            }
            EventView::Eos(_) => self.stream.lock().is_eos = true,
            _ => {}
        }
        if !event.is_serialized() {
            return gst::Pad::event_default(pad, Some(&*self.obj()), event);
        }
        {
            let mut inner = self.stream.lock();
            if inner.flushing {
                return false;
            }
            let is_queued = !inner.items.is_empty() || inner.is_pushing;
            if is_queued {
                inner.items.push_back(Item::Event(event));
                drop(inner);
                self.stream.notify();
                return true;
            }
            inner.revive(&event);
        }
        self.forward(event)
    }

    /// Sends a serialized event on, in its turn.
    fn forward(&self, mut event: gst::Event) -> bool {
        {
            let mut inner = self.stream.lock();
            match event.view() {
                gst::EventView::Segment(segment) => {
                    inner.segment = segment.segment().downcast_ref().cloned();
                    inner.forget();
                    // Late answers are for a time that is over, unless they have their frames.
                    if inner.frames() == 0 {
                        inner.generation += 1;
                    }
                }
                gst::EventView::StreamStart(_) => {
                    inner.forget();
                    inner.keywords.reset();
                }
                gst::EventView::Tag(_) => event = inner.keywords.merge(event),
                _ => {}
            }
        }
        self.src.push_event(event)
    }

    fn sink_query(&self, pad: &gst::Pad, query: &mut gst::QueryRef) -> bool {
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
        gst::Pad::query_default(pad, Some(&*self.obj()), query)
    }

    // What goes out

    fn src_event(&self, pad: &gst::Pad, event: gst::Event) -> bool {
        use gst::EventView;
        match event.view() {
            EventView::Qos(qos) => {
                let (kind, _, difference, _) = qos.get();
                if kind == gst::QOSType::Throttle {
                    let spacing = u64::try_from(difference).ok().filter(|d| *d > 0);
                    let spacing = spacing.map(gst::ClockTime::from_nseconds);
                    gst::debug!(
                        CAT,
                        imp = self,
                        "asked for a frame each {spacing:?} at most"
                    );
                    self.stream.lock().rate.throttle(spacing);
                }
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

    fn src_query(&self, pad: &gst::Pad, query: &mut gst::QueryRef) -> bool {
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
        latency.set(is_live, min + own, max.map(|max| max + own));
        true
    }

    /// A turn of the task: what is next in the queue leaves.
    fn push_next(&self) {
        let mut inner = self.stream.lock();
        let item = loop {
            if inner.flushing {
                drop(inner);
                let _ = self.src.pause_task();
                return;
            }
            let waits = matches!(
                inner.items.front(),
                Some(Item::Frame {
                    wait: Wait::Answer(_),
                    ..
                })
            );
            if !waits && let Some(item) = inner.items.pop_front() {
                break item;
            }
            if !waits {
                inner = self.stream.wait(inner);
                continue;
            }
            let (guard, timed_out) = self.stream.wait_for(inner, LOOK);
            inner = guard;
            if timed_out
                && let Some(Item::Frame {
                    wait,
                    from: Some(from),
                    ..
                }) = inner.items.front_mut()
                && let Err(error) = from.port.engine().check()
            {
                *wait = Wait::Ready(Outcome::Failed(error.into()));
            }
        };
        inner.is_pushing = true;
        if let Item::Event(event) = &item {
            inner.revive(event);
        }
        let is_over = inner
            .flow
            .is_err_and(|e| matches!(e, gst::FlowError::Error | gst::FlowError::Eos));
        drop(inner);
        let flow = match item {
            Item::Event(event) => {
                self.forward(event);
                None
            }
            // Nothing can follow the frame that failed, or that was beyond the end.
            Item::Frame { .. } if is_over => None,
            Item::Frame {
                buffer,
                arrived,
                wait,
                from: _,
            } => Some(self.push(buffer, arrived, wait)),
        };
        let mut inner = self.stream.lock();
        inner.is_pushing = false;
        let mut lonely = None;
        if let Some(flow) = flow {
            let is_new = inner.flow != flow;
            if !inner.flushing {
                inner.flow = flow;
            }
            // Nobody comes any more to whom it could be returned.
            lonely = flow
                .err()
                .filter(|_| is_new && inner.is_eos && !inner.flushing);
        }
        drop(inner);
        self.stream.notify();
        if let Some(flow @ (gst::FlowError::NotLinked | gst::FlowError::NotNegotiated)) = lonely {
            gst::element_imp_error!(
                self,
                gst::StreamError::Failed,
                ("the frames cannot be passed on: {}", flow)
            );
        }
    }

    /// Pushes a frame with what became of it.
    fn push(
        &self,
        mut buffer: gst::Buffer,
        arrived: Instant,
        wait: Wait,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        let FrameSettings { messages, tags, .. } = self.frame_settings();
        let pts = buffer.pts();
        let outcome = match wait {
            Wait::Ready(outcome) => outcome,
            Wait::Carry | Wait::Answer(_) => Outcome::Still,
        };
        let answer = match outcome {
            Outcome::Answer(answer) => {
                let (answer, tags, is_posted, segment, is_news) = {
                    let mut inner = self.stream.lock();
                    let answer = inner.decide(*answer, pts);
                    inner.newest = Some(Answered {
                        classification: answer.clone(),
                        ticket: Ticket {
                            generation: inner.generation,
                            number: inner.number,
                            pts,
                            arrived,
                        },
                    });
                    let is_news = inner.latency.observe(arrived.elapsed());
                    let is_posted = is_posted(&mut inner, &answer, messages);
                    let tags = inner.tags(Some(&answer), tags);
                    (answer, tags, is_posted, inner.segment.clone(), is_news)
                };
                if is_posted {
                    self.post(&answer, pts, Some((&buffer, segment)));
                }
                if is_news {
                    self.announce_latency();
                }
                if let Some(tags) = tags {
                    // Whether anybody wants them or not, the frame follows.
                    self.src.push_event(tags);
                }
                Some(answer)
            }
            Outcome::Still => self.stream.lock().carried(pts),
            Outcome::Failed(error) => {
                self.post_error_message(error.message());
                return Err(gst::FlowError::Error);
            }
            Outcome::Dropped => {
                self.post_error_message(Error::Lost.message());
                return Err(gst::FlowError::Error);
            }
        };
        if let Some(answer) = answer {
            gst::log!(CAT, imp = self, "{pts:?}: {:?}", answer.top());
            meta::attach(buffer.make_mut(), &answer);
        }
        self.src.push(buffer)
    }

    fn announce_latency(&self) {
        let obj = self.obj();
        let message = gst::message::Latency::builder().src(&*obj).build();
        // Fails only where nobody listens.
        let _ = obj.post_message(message);
    }

    /// Posts the element message `resnet50`: the metadata's fields and the frame's times, by the
    /// names that `level` and `cutter` have for them.
    fn post(
        &self,
        answer: &Classification,
        pts: Option<gst::ClockTime>,
        frame: Option<(
            &gst::BufferRef,
            Option<gst::FormattedSegment<gst::ClockTime>>,
        )>,
    ) {
        let obj = self.obj();
        let (duration, segment) = match frame {
            Some((buffer, segment)) => (buffer.duration(), segment),
            None => (None, self.stream.lock().segment.clone()),
        };
        let mut structure = answer.to_structure("resnet50");
        for (name, time) in [
            ("timestamp", pts),
            (
                "stream-time",
                segment.as_ref().and_then(|s| s.to_stream_time(pts)),
            ),
            (
                "running-time",
                segment.as_ref().and_then(|s| s.to_running_time(pts)),
            ),
            ("duration", duration),
        ] {
            structure.set(name, time);
        }
        let message = gst::message::Element::builder(structure).src(&*obj).build();
        // Fails only where nobody listens.
        let _ = obj.post_message(message);
    }
}

/// The next ticket.
fn ticket(inner: &mut Inner, buffer: &gst::BufferRef, arrived: Instant) -> Ticket {
    inner.number += 1;
    Ticket {
        generation: inner.generation,
        number: inner.number,
        pts: buffer.pts(),
        arrived,
    }
}

/// Whether this answer is to be posted.
fn is_posted(inner: &mut Inner, answer: &Classification, messages: Messages) -> bool {
    match messages {
        Messages::None => false,
        Messages::All => true,
        Messages::Change => {
            let topic = Some(Topic::of(answer));
            std::mem::replace(&mut inner.posted_topic, topic.clone()) != topic
        }
    }
}
