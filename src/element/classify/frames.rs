// SPDX-License-Identifier: MPL-2.0
//! Frames that come in: they wait in the queue (mode exact), or leave at once (mode live).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::super::time::{Moment, When, duration_of};
use super::classifier::Loaded;
use super::convert::Shared;
use super::error::Error;
use super::imp::{CAT, Resnet50};
use super::job::{FrameJob, Ticket};
use super::messages::is_posted;
use super::settings::{FrameSettings, Mode};
use super::stream::{Inner, Item, Model, News, Piece, Wait};
use super::subject::{Part, attach};
use super::turns::in_turn;
use super::whole::{Length, Verdict};
use crate::inference::{Job, RunError};

/// Most frames in the queue, whatever `interval` and `max-in-flight` ask for.
const MAX_QUEUED: usize = 64;

/// A part of a frame that counts, with its job if it is to be classified.
type Asked = (Part, Option<Box<FrameJob>>);

impl Resnet50 {
    pub(super) fn chain(&self, buffer: gst::Buffer) -> Result<gst::FlowSuccess, gst::FlowError> {
        let arrived = Instant::now();
        self.is_here()?;
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
            let now = Instant::now();
            let names = inner.loads.names_due.filter(|due| *due > now);
            match &inner.model {
                // New names are for the frames that come after them.
                Model::Ready(_) if names.is_some() => {}
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
                    // A frame with many regions is much work.
                    let is_idle = inner.frames() == 0 || inner.waiting() < in_flight;
                    let has_room = is_idle || settings.max_in_flight > 0;
                    if inner.frames() < room && has_room {
                        break Arc::clone(loaded);
                    }
                }
                Model::Loading => {}
                Model::Failed => return Err(gst::FlowError::Error),
                // The element has stopped.
                Model::None => return Err(gst::FlowError::Flushing),
            }
            inner = match names {
                Some(due) => self.stream.wait_for(inner, due - now).0,
                None => self.stream.wait(inner),
            };
        };
        let (asked, when) = self.ask(&mut inner, &loaded, &buffer, &settings, arrived, false)?;
        let mut jobs: Vec<Box<dyn Job>> = Vec::new();
        let pieces = asked.into_iter().map(|(part, job)| {
            let wait = job
                .as_ref()
                .map_or(Wait::Carry, |job| Wait::Answer(job.ticket.number));
            jobs.extend(job.map(|job| job as Box<dyn Job>));
            Piece { part, wait }
        });
        let pieces = pieces.collect();
        inner.items.push_back(Item::Frame {
            buffer,
            // Not from its arrival: the time that it had to wait for room, because what is behind
            // takes nothing, or for the model, is none that this element needs for a frame.
            queued: Instant::now(),
            ready: None,
            pieces,
            when,
            from: (!jobs.is_empty()).then(|| Arc::clone(&loaded)),
        });
        let hint = inner.subjects.watch.hint(&settings, false);
        let flagged = inner.whole.news();
        drop(inner);
        self.stream.notify();
        if !jobs.is_empty() {
            loaded.port.push(jobs, settings.batch_timeout);
        }
        self.tell(hint);
        self.tell_of_flags(flagged);
        Ok(gst::FlowSuccess::Ok)
    }

    /// Mode live: the frame leaves at once, with the newest answer there is.
    fn pass(
        &self,
        mut buffer: gst::Buffer,
        settings: &FrameSettings,
        arrived: Instant,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        let ((asked, when), loaded) = {
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
                    let asked = self.ask(&mut inner, &loaded, &buffer, settings, arrived, true)?;
                    (asked, Some(loaded))
                }
                Model::Loading => ((Vec::new(), When::default()), None),
                Model::Failed => return Err(gst::FlowError::Error),
                // The element has stopped.
                Model::None => return Err(gst::FlowError::Flushing),
            }
        };
        let mut parts = Vec::with_capacity(asked.len());
        let mut jobs = Vec::new();
        for (part, job) in asked {
            jobs.extend(job);
            parts.push(part);
        }
        if let Some(loaded) = &loaded {
            if !jobs.is_empty() {
                let jobs = in_turn(jobs, self.stream.clock(), |job| job.part.turn());
                let jobs = jobs.into_iter();
                let jobs = jobs.map(|job| (job.part.subject.number, job as Box<dyn Job>));
                let overtaken = loaded.port.replace(jobs, settings.batch_timeout);
                if overtaken > 0 {
                    self.count_busy(overtaken, &buffer);
                }
            }
            self.check(loaded.port.engine().check())?;
        }

        let (seen, news, tags, hint, flagged, failure) = {
            let mut inner = self.stream.lock();
            let mut news = std::mem::take(&mut inner.news);
            news.retain(|news| {
                let News {
                    classification,
                    part,
                    ..
                } = news;
                is_posted(part, classification, settings.messages)
            });
            let seen = parts.into_iter().filter_map(|part| {
                let carried = part.subject.known().carried(when)?;
                Some((part, carried))
            });
            let seen: Vec<_> = seen.collect();
            let tags = inner.tags(&seen, settings);
            let hint = inner.subjects.watch.hint(settings, false);
            let flagged = inner.whole.news();
            (seen, news, tags, hint, flagged, inner.failure.take())
        };
        self.tell(hint);
        self.tell_of_flags(flagged);
        if let Some(error) = failure {
            self.post_error_message(error.message());
            return Err(gst::FlowError::Error);
        }
        for News {
            classification,
            part,
            pts,
        } in news
        {
            self.post(&classification, &part, pts, None);
        }
        if let Some(tags) = tags {
            // Whether anybody wants them or not, the frame follows.
            self.src.push_event(tags);
        }
        attach(&mut buffer, &seen);
        self.src.push(buffer)
    }

    /// The parts of a frame that count, with a job for each that is to be classified, and when the
    /// frame is.
    fn ask(
        &self,
        inner: &mut Inner,
        loaded: &Loaded,
        buffer: &gst::Buffer,
        settings: &FrameSettings,
        arrived: Instant,
        is_live: bool,
    ) -> Result<(Vec<Asked>, When), gst::FlowError> {
        // Without caps there is no video.
        let info = inner.info.clone().ok_or(gst::FlowError::NotNegotiated)?;
        let size = (info.width(), info.height());
        let pts = buffer.pts();
        let duration = duration_of(buffer, Some(&info));
        let moment = inner.timeline.see(pts, duration);
        let when = When {
            pts,
            steady: moment.map(|moment| moment.steady),
        };
        let length = Length {
            step: moment.map(|moment| moment.step),
            duration,
        };
        let verdict = inner.whole.see(buffer, length, arrived);
        let parts = inner.subjects.parts(buffer, size, moment, settings);
        let is_due = parts.iter().map(|p| p.is_due(moment, settings, is_live));
        let is_due: Vec<bool> = is_due.collect();
        let is_chosen = match is_due.contains(&true) {
            true => is_chosen(inner, verdict, moment, settings),
            false => {
                inner.rate.pass(settings.interval);
                false
            }
        };
        let shared = Shared::of(&info);
        if !is_chosen {
            self.stream.stats().skipped += 1;
        }
        let asked = parts.into_iter().zip(is_due).map(|(part, is_due)| {
            if !is_chosen || !is_due {
                return (part, None);
            }
            inner.number += 1;
            part.ask(inner.number, when.steady);
            let job = FrameJob {
                stream: Arc::clone(&self.stream),
                classifier: Arc::clone(&loaded.classifier),
                settings: settings.clone(),
                info: Arc::clone(&info),
                buffer: Some(buffer.clone()),
                shared: shared.clone(),
                ticket: Ticket {
                    generation: inner.generation,
                    number: inner.number,
                    when,
                    arrived,
                },
                part: part.clone(),
                is_flagged: verdict != Verdict::Whole,
                preprocess: Duration::ZERO,
                is_answered: false,
            };
            (part, Some(Box::new(job)))
        });
        Ok((asked.collect(), when))
    }

    /// Whether the stream began in this process. In a child of it, by `fork()`, none of the threads
    /// is there that it needs, and the locks may stay locked for ever.
    ///
    /// # Errors
    /// The user has been told.
    pub(super) fn is_here(&self) -> Result<(), gst::FlowError> {
        if !self.stream.home.is_elsewhere() {
            return Ok(());
        }
        if !self.is_told.swap(true, Ordering::Relaxed) {
            self.post_error_message(Error::from(RunError::Forked).message());
        }
        Err(gst::FlowError::Error)
    }

    /// Tells the user of an engine that is lost.
    fn check(&self, engine: Result<(), RunError>) -> Result<(), gst::FlowError> {
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

/// Whether the turn of this frame to be inferred has come.
fn is_chosen(
    inner: &mut Inner,
    verdict: Verdict,
    moment: Option<Moment>,
    settings: &FrameSettings,
) -> bool {
    let FrameSettings {
        interval, max_rate, ..
    } = *settings;
    let is_chosen = verdict != Verdict::Flagged && inner.rate.chooses(moment, interval, max_rate);
    if is_chosen && verdict == Verdict::Anyway {
        inner.whole.taken();
    }
    is_chosen
}
