// SPDX-License-Identifier: MPL-2.0
//! Frames that come in: they wait in the queue (mode exact), or leave at once (mode live).

use std::sync::Arc;
use std::time::{Duration, Instant};

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::classifier::Classifier;
use super::error::Error;
use super::imp::{CAT, Resnet50};
use super::job::{FrameJob, Ticket};
use super::messages::is_posted;
use super::settings::{FrameSettings, Mode};
use super::stream::{Answered, Inner, Item, Model, Wait};
use crate::inference::RunError;
use crate::meta;

/// Most frames in the queue, whatever `interval` and `max-in-flight` ask for.
const MAX_QUEUED: usize = 64;

impl Resnet50 {
    pub(super) fn chain(
        &self,
        mut buffer: gst::Buffer,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
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
    pub(super) fn pass(
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
    pub(super) fn is_chosen(
        &self,
        inner: &mut Inner,
        buffer: &gst::BufferRef,
        frame: &FrameSettings,
    ) -> bool {
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
    pub(super) fn job(
        &self,
        inner: &Inner,
        classifier: &Arc<Classifier>,
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

    /// Tells the user of an engine that is lost.
    pub(super) fn check(&self, engine: Result<(), RunError>) -> Result<(), gst::FlowError> {
        engine.map_err(|error| {
            self.post_error_message(Error::from(error).message());
            gst::FlowError::Error
        })
    }

    /// Whether frames leave at once.
    pub(super) fn is_live(&self, mode: Mode) -> bool {
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
