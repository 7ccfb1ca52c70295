// SPDX-License-Identifier: MPL-2.0
//! What the pads and the engine's workers share of one stream.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::super::time::{Timeline, When};
use super::classifier::{Answer, Loaded};
use super::decide::Keywords;
use super::error::Error;
use super::job::Ticket;
use super::latency::Latency;
use super::loads::Loads;
use super::rate::Rate;
use super::settings::FrameSettings;
use super::stats::Stats;
use super::subject::{Part, Subjects};
use super::whole::Whole;
use crate::inference::{Home, RunTimes};
use crate::meta::Classification;

/// What became of a part of a frame.
#[derive(Debug)]
pub enum Outcome {
    Answer(Box<Answer>),
    /// It looks like the one before.
    Still,
    /// It does not hold a picture, and was not said to.
    Unusable,
    Failed(Error),
    /// A newer one took its place, or the engine has ended.
    Dropped,
}

/// Something that leaves the element in its turn (mode exact).
#[derive(Debug)]
pub enum Item {
    Event(gst::Event),
    Frame {
        buffer: gst::Buffer,
        /// When it began to wait, and when it need not have waited any longer.
        queued: Instant,
        ready: Option<Instant>,
        pieces: Vec<Piece>,
        when: When,
        /// Where the answers come from: the way there must stay open, though another model may
        /// have taken its place meanwhile.
        from: Option<Arc<Loaded>>,
    },
}

impl Item {
    /// Whether it waits for an answer.
    pub fn waits(&self) -> bool {
        match self {
            Self::Event(_) => false,
            Self::Frame { pieces, .. } => pieces.iter().any(|p| matches!(p.wait, Wait::Answer(_))),
        }
    }

    /// What waits for the answer of the ticket with this number.
    fn waiting(&mut self, number: u64) -> Option<&mut Wait> {
        match self {
            Self::Event(_) => None,
            Self::Frame { pieces, .. } => pieces.iter_mut().find_map(|piece| {
                let is_it = matches!(piece.wait, Wait::Answer(waiting) if waiting == number);
                is_it.then_some(&mut piece.wait)
            }),
        }
    }

    /// No answer will come any more.
    pub fn fail(&mut self, error: Error) {
        let Self::Frame { pieces, .. } = self else {
            return;
        };
        let mut error = Some(error);
        for piece in pieces {
            if let Wait::Answer(number) = piece.wait {
                // The user is told once.
                let outcome = error.take().map_or(Outcome::Dropped, Outcome::Failed);
                piece.wait = Wait::Ready(number, outcome);
            }
        }
    }

    fn revives(&self) -> bool {
        matches!(self, Self::Event(event) if revives(event))
    }
}

/// Whether frames may come after this event though those before it were beyond the end.
fn revives(event: &gst::Event) -> bool {
    use gst::EventType;
    matches!(event.type_(), EventType::StreamStart | EventType::Segment)
}

/// A part of a frame that waits.
#[derive(Debug)]
pub struct Piece {
    pub part: Part,
    pub wait: Wait,
}

/// What a part of a frame waits for.
#[derive(Debug)]
pub enum Wait {
    /// Nothing: it carries an earlier answer.
    Carry,
    /// The answer of the ticket with this number.
    Answer(u64),
    /// Nothing any more: this became of that ticket.
    Ready(u64, Outcome),
}

/// Where the model is.
#[derive(Debug, Default)]
pub enum Model {
    #[default]
    None,
    Loading,
    Ready(Arc<Loaded>),
    /// The user has been told.
    Failed,
}

/// What a message of a change is about.
#[derive(Debug, Clone, PartialEq)]
pub enum Topic {
    /// The decision; none for nothing.
    Decision(Option<Arc<str>>),
    /// The best class; none where none came above the threshold.
    Class(Option<i32>),
}

impl Topic {
    pub fn of(classification: &Classification) -> Self {
        match &classification.decision {
            Some(decision) => Self::Decision(decision.label.clone()),
            None => Self::Class(classification.top().map(|c| c.index)),
        }
    }
}

/// An answer that nobody was told of yet.
#[derive(Debug)]
pub struct News {
    pub classification: Classification,
    pub part: Part,
    pub pts: Option<gst::ClockTime>,
}

/// Everything under the stream's lock.
#[derive(Debug)]
pub struct Inner {
    pub flushing: bool,
    pub generation: u64,
    /// Tickets that were given.
    pub number: u64,
    /// Name of the element, which its answers have.
    pub element: Arc<str>,
    pub model: Model,
    pub loads: Loads,
    pub info: Option<Arc<gst_video::VideoInfo>>,
    /// The times of the frames that come, without jumps.
    pub timeline: Timeline,
    pub rate: Rate,
    /// Whether they hold pictures.
    pub whole: Whole,
    /// What has not left yet (mode exact).
    pub items: VecDeque<Item>,
    /// A worker of the task has the first of them in its hands.
    pub is_pushing: bool,
    /// What became of the last push of the task.
    pub flow: Result<gst::FlowSuccess, gst::FlowError>,
    pub is_eos: bool,
    pub subjects: Subjects,
    /// Answers that came after their frames had left (mode live).
    pub news: Vec<News>,
    /// Something went wrong with a frame that has left already (mode live).
    pub failure: Option<Error>,
    /// Of the frames that leave.
    pub segment: Option<gst::FormattedSegment<gst::ClockTime>>,
    /// Of the frames that come.
    pub arriving: Option<gst::Segment>,
    pub latency: Latency,
    pub keywords: Keywords,
    /// Whether the pipeline is live, as far as is known.
    pub is_live: Option<bool>,
    /// When a QOS message was posted.
    pub qos: Option<Instant>,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            flushing: true,
            generation: 0,
            number: 0,
            element: Arc::default(),
            model: Model::None,
            loads: Loads::default(),
            info: None,
            timeline: Timeline::default(),
            rate: Rate::default(),
            whole: Whole::default(),
            items: VecDeque::new(),
            is_pushing: false,
            flow: Ok(gst::FlowSuccess::Ok),
            is_eos: false,
            subjects: Subjects::default(),
            news: Vec::new(),
            failure: None,
            segment: None,
            arriving: None,
            latency: Latency::default(),
            keywords: Keywords::default(),
            is_live: None,
            qos: None,
        }
    }
}

/// A stream. Neither lock is held while something is pushed, posted or handed over.
#[derive(Debug, Default)]
pub struct Stream {
    inner: Mutex<Inner>,
    changed: Condvar,
    stats: Mutex<Stats>,
    /// Counts the jobs that workers have taken.
    clock: AtomicU64,
    /// The process that it goes on in.
    pub home: Home,
}

impl Stream {
    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        // A lock whose holder panicked still holds plain data: whatever became of the panic,
        // going on is better than a second one.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn stats(&self) -> MutexGuard<'_, Stats> {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a change.
    pub fn wait<'a>(&self, inner: MutexGuard<'a, Inner>) -> MutexGuard<'a, Inner> {
        self.changed
            .wait(inner)
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a change, or this long.
    pub fn wait_for<'a>(
        &self,
        inner: MutexGuard<'a, Inner>,
        time: Duration,
    ) -> (MutexGuard<'a, Inner>, bool) {
        let (inner, wait) = self
            .changed
            .wait_timeout(inner, time)
            .unwrap_or_else(PoisonError::into_inner);
        (inner, wait.timed_out())
    }

    /// Wakes all who wait.
    pub fn notify(&self) {
        self.changed.notify_all();
    }

    /// A worker has taken a job.
    pub fn taken(&self, ticket: Ticket, part: &Part) {
        let clock = self.clock.fetch_add(1, Ordering::Relaxed) + 1;
        part.subject.known().taken(ticket.number, clock);
    }

    /// How many jobs workers have taken.
    pub fn clock(&self) -> u64 {
        self.clock.load(Ordering::Relaxed)
    }

    /// Counts an inferred frame.
    pub fn record(&self, preprocess: Duration, run: RunTimes, total: Duration) {
        self.stats().record(preprocess, run, total);
    }

    /// Takes what became of a part of a frame.
    pub fn deliver(&self, ticket: Ticket, part: &Part, outcome: Outcome) {
        let mut inner = self.lock();
        match &outcome {
            Outcome::Still => {
                let mut stats = self.stats();
                stats.still += 1;
                stats.skipped += 1;
            }
            Outcome::Unusable => {
                self.stats().skipped += 1;
                // An object is due with the next frame.
                part.subject.known().dropped(ticket.number);
            }
            Outcome::Failed(_) if ticket.generation == inner.generation => {
                self.stats().errors += 1;
            }
            Outcome::Failed(_) | Outcome::Answer(_) | Outcome::Dropped => {}
        }
        if ticket.generation != inner.generation {
            return;
        }
        for item in &mut inner.items {
            let Some(wait) = item.waiting(ticket.number) else {
                continue;
            };
            *wait = Wait::Ready(ticket.number, outcome);
            // One of many regions is nothing to wake anybody for.
            let is_ready = !item.waits();
            if let (true, Item::Frame { ready, .. }) = (is_ready, item) {
                *ready = Some(Instant::now());
            }
            drop(inner);
            if is_ready {
                self.notify();
            }
            return;
        }
        // The frame has left already.
        match outcome {
            Outcome::Answer(answer) => {
                let classification = inner.take(*answer, part, ticket.number, ticket.when);
                inner.news.extend(classification.map(|classification| News {
                    classification,
                    part: part.clone(),
                    pts: ticket.when.pts,
                }));
            }
            Outcome::Failed(error) => {
                part.subject.known().dropped(ticket.number);
                inner.failure = Some(error);
            }
            Outcome::Dropped => part.subject.known().dropped(ticket.number),
            Outcome::Still | Outcome::Unusable => {}
        }
    }
}

impl Inner {
    /// Begins anew for the frames that come: the next one is inferred, and no answer is carried
    /// over from those before.
    pub fn restart(&mut self) {
        self.timeline.restart();
        self.rate.reset();
        self.subjects.reset();
    }

    /// What frames that have left already have to say is of a time that is over.
    pub fn forget(&mut self) {
        self.news.clear();
        self.failure = None;
    }

    /// The classification that an answer is, with the decision that comes of it. None if its
    /// subject has a newer one.
    pub fn take(
        &mut self,
        mut answer: Answer,
        part: &Part,
        number: u64,
        when: When,
    ) -> Option<Classification> {
        answer.classification.element = Arc::clone(&self.element);
        let segment = self.segment.as_ref();
        let time = segment.and_then(|s| s.to_stream_time(when.pts));
        let speed = segment.map_or(1.0, |s| s.applied_rate().abs());
        part.subject
            .known()
            .take(answer, number, when, (time, speed))
    }

    /// The tag event for those decisions that the stream did not have yet.
    pub fn tags(
        &mut self,
        seen: &[(Part, Classification)],
        settings: &FrameSettings,
    ) -> Option<gst::Event> {
        let seen = seen.iter().filter(|_| settings.tags);
        let decisions = seen.filter_map(|(_, seen)| seen.decision.as_ref());
        // Each has all that are before it.
        let events = decisions.filter_map(|decision| self.keywords.add(decision));
        events.last()
    }

    /// Throws away what has not left; answers that are under way are nobody's.
    pub fn flush(&mut self) -> VecDeque<Item> {
        self.generation += 1;
        self.restart();
        self.forget();
        self.arriving = None;
        self.flow = Ok(gst::FlowSuccess::Ok);
        self.is_eos = false;
        std::mem::take(&mut self.items)
    }

    /// Whether frames are taken, as far as those before them can tell. One that comes behind a new
    /// stream or segment is not to suffer for the end of the last.
    ///
    /// # Errors
    /// What became of an earlier frame.
    pub fn accepts(&self) -> Result<(), gst::FlowError> {
        match self.flow {
            Err(gst::FlowError::Eos) if self.items.iter().any(Item::revives) => Ok(()),
            flow => flow.map(drop),
        }
    }

    /// What is behind is asked again where this event, which is about to leave, begins anew.
    pub fn revive(&mut self, event: &gst::Event) {
        if revives(event) && self.flow == Err(gst::FlowError::Eos) {
            self.flow = Ok(gst::FlowSuccess::Ok);
        }
    }

    /// Begins anew altogether, as with another model: answers that are under way are nobody's,
    /// unless they have their frames; and a Run that ends with an old engine is no error.
    pub fn renew(&mut self) {
        self.restart();
        self.forget();
        if self.frames() == 0 {
            self.generation += 1;
        }
    }

    /// Answers that frames wait for.
    pub fn waiting(&self) -> usize {
        let items = self.items.iter();
        let pieces = items.map(|item| match item {
            Item::Event(_) => 0,
            Item::Frame { pieces, .. } => {
                let waiting = pieces.iter().filter(|p| matches!(p.wait, Wait::Answer(_)));
                waiting.count()
            }
        });
        pieces.sum()
    }

    /// Frames that have not left.
    pub fn frames(&self) -> usize {
        let frames = self
            .items
            .iter()
            .filter(|i| matches!(i, Item::Frame { .. }));
        frames.count() + usize::from(self.is_pushing)
    }
}
