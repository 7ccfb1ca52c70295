// SPDX-License-Identifier: MPL-2.0
//! What the pads and the engine's workers share of one stream.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::classifier::{Answer, Loaded};
use super::decide::{Deciding, Keywords};
use super::error::Error;
use super::job::Ticket;
use super::latency::Latency;
use super::rate::Rate;
use super::stats::Stats;
use crate::inference::RunTimes;
use crate::meta::Classification;

/// What became of a frame.
#[derive(Debug)]
pub enum Outcome {
    Answer(Box<Answer>),
    /// It looks like the one before.
    Still,
    Failed(Error),
    /// A newer frame took its place, or the engine has ended.
    Dropped,
}

/// Something that leaves the element in its turn (mode exact).
#[derive(Debug)]
pub enum Item {
    Event(gst::Event),
    Frame {
        buffer: gst::Buffer,
        arrived: Instant,
        wait: Wait,
        /// Where the answer comes from: the way there must stay open, though another model may
        /// have taken its place meanwhile.
        from: Option<Arc<Loaded>>,
    },
}

impl Item {
    fn revives(&self) -> bool {
        matches!(self, Self::Event(event) if revives(event))
    }
}

/// Whether frames may come after this event though those before it were beyond the end.
fn revives(event: &gst::Event) -> bool {
    use gst::EventType;
    matches!(event.type_(), EventType::StreamStart | EventType::Segment)
}

/// What a frame waits for.
#[derive(Debug)]
pub enum Wait {
    /// Nothing: it carries an earlier answer.
    Carry,
    /// The answer of its ticket with this number.
    Answer(u64),
    /// Nothing any more.
    Ready(Outcome),
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

/// An answer and its frame.
#[derive(Debug, Clone)]
pub struct Answered {
    pub classification: Classification,
    pub ticket: Ticket,
}

/// Everything under the stream's lock.
#[derive(Debug)]
pub struct Inner {
    pub flushing: bool,
    pub generation: u64,
    /// Tickets that were given.
    pub number: u64,
    pub model: Model,
    /// Tells the loading that goes on from one that nobody waits for any more.
    pub load: u64,
    pub info: Option<Arc<gst_video::VideoInfo>>,
    pub rate: Rate,
    /// What has not left yet (mode exact).
    pub items: VecDeque<Item>,
    /// A worker of the task has the first of them in its hands.
    pub is_pushing: bool,
    /// What became of the last push of the task.
    pub flow: Result<gst::FlowSuccess, gst::FlowError>,
    pub is_eos: bool,
    /// The newest answer (mode live), or the one that was pushed last (mode exact).
    pub newest: Option<Answered>,
    /// Something went wrong with a frame that has left already (mode live).
    pub failure: Option<Error>,
    /// Of the newest answer that was posted.
    pub posted: Option<u64>,
    /// What was last posted with `messages=change`.
    pub posted_topic: Option<Topic>,
    pub segment: Option<gst::FormattedSegment<gst::ClockTime>>,
    pub latency: Latency,
    pub deciding: Deciding,
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
            model: Model::None,
            load: 0,
            info: None,
            rate: Rate::default(),
            items: VecDeque::new(),
            is_pushing: false,
            flow: Ok(gst::FlowSuccess::Ok),
            is_eos: false,
            newest: None,
            failure: None,
            posted: None,
            posted_topic: None,
            segment: None,
            latency: Latency::default(),
            deciding: Deciding::default(),
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

    /// Counts an inferred frame.
    pub fn record(&self, preprocess: Duration, run: RunTimes, total: Duration) {
        self.stats().record(preprocess, run, total);
    }

    /// Takes what became of a frame.
    pub fn deliver(&self, ticket: Ticket, outcome: Outcome) {
        let mut inner = self.lock();
        match &outcome {
            Outcome::Still => {
                let mut stats = self.stats();
                stats.still += 1;
                stats.skipped += 1;
            }
            Outcome::Failed(_) if ticket.generation == inner.generation => {
                self.stats().errors += 1;
            }
            Outcome::Failed(_) | Outcome::Answer(_) | Outcome::Dropped => {}
        }
        if ticket.generation != inner.generation {
            return;
        }
        let waiting = inner.items.iter_mut().find_map(|item| match item {
            Item::Frame { wait, .. } => match wait {
                Wait::Answer(number) if *number == ticket.number => Some(wait),
                _ => None,
            },
            Item::Event(_) => None,
        });
        if let Some(wait) = waiting {
            *wait = Wait::Ready(outcome);
            drop(inner);
            self.notify();
            return;
        }
        // The frame has left already.
        match outcome {
            Outcome::Answer(answer) => {
                let newest = inner.newest.as_ref().map(|n| n.ticket.number);
                // Workers may overtake each other.
                if newest.is_none_or(|newest| newest < ticket.number) {
                    let classification = inner.decide(*answer, ticket.pts);
                    inner.newest = Some(Answered {
                        classification,
                        ticket,
                    });
                }
            }
            Outcome::Failed(error) => inner.failure = Some(error),
            Outcome::Still | Outcome::Dropped => {}
        }
    }
}

impl Inner {
    /// Begins anew for the frames that come: the next one is inferred.
    pub fn restart(&mut self) {
        self.rate.reset();
        if let Model::Ready(loaded) = &self.model {
            loaded.classifier.reset();
        }
    }

    /// Begins anew for the frames that leave: no answer is carried over.
    pub fn forget(&mut self) {
        self.newest = None;
        self.failure = None;
        self.deciding.reset();
    }

    /// The classification of the next answer, in the order of the frames, with the decision that
    /// comes of it.
    pub fn decide(&mut self, answer: Answer, pts: Option<gst::ClockTime>) -> Classification {
        let time = self.segment.as_ref().and_then(|s| s.to_stream_time(pts));
        let sample = answer.sample.as_ref();
        Classification {
            decision: sample.and_then(|sample| self.deciding.take(sample, time)),
            ..answer.classification
        }
    }

    /// The tag event for a decision that the stream did not have yet.
    pub fn tags(
        &mut self,
        classification: Option<&Classification>,
        is_wanted: bool,
    ) -> Option<gst::Event> {
        let decision = classification?.decision.as_ref().filter(|_| is_wanted)?;
        self.keywords.add(decision)
    }

    /// Throws away what has not left; answers that are under way are nobody's.
    pub fn flush(&mut self) -> VecDeque<Item> {
        self.generation += 1;
        self.restart();
        self.forget();
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

    /// Frames that have not left.
    pub fn frames(&self) -> usize {
        let frames = self
            .items
            .iter()
            .filter(|i| matches!(i, Item::Frame { .. }));
        frames.count() + usize::from(self.is_pushing)
    }

    /// The newest answer for a frame that has none of its own.
    pub fn carried(&self, pts: Option<gst::ClockTime>) -> Option<Classification> {
        let newest = self.newest.as_ref()?;
        Some(Classification {
            fresh: false,
            age: pts
                .zip(newest.ticket.pts)
                .map(|(now, then)| now.saturating_sub(then)),
            ..newest.classification.clone()
        })
    }
}
