// SPDX-License-Identifier: MPL-2.0
//! The state of a stream, and how each frame and event changes it, without pads.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::super::super::time::Timestamp;
use super::super::settings::FrameSettings;
use super::super::tracks::Target;
use super::flagged::FlagCheck;
use super::model_state::{Model, ModelState};
use super::queue::{JobResult, Next, Pending, PendingState, Queue, Queued, QueuedFrame};
use super::results::Results;
use super::timing::{FrameTime, Timing};
use crate::classifier::Loaded;

/// Maximum number of frames in the queue, whatever `interval` and `max-in-flight` ask for.
const MAX_QUEUED: usize = 64;

/// Identifies a job.
#[derive(Debug, Clone, Copy)]
pub struct Ticket {
    /// A flush and the like begin a new generation; results of an old one are ignored.
    pub generation: u64,
    /// Counts the jobs of the stream.
    pub number: u64,
    /// The time of its frame.
    pub when: Timestamp,
    /// When its frame arrived.
    pub arrived: Instant,
}

/// What the thread of the sink pad is to do with a frame.
#[derive(Debug)]
pub enum PollInput<M> {
    /// Classify it with this model.
    Forward(Arc<M>),
    /// Pass it on as it is: no model is loaded yet (mode live).
    PassOn,
    /// Wait for a change, but not beyond this time.
    Wait(Option<Instant>),
    /// Return this.
    Refuse(gst::FlowError),
}

/// What the task of the source pad is to do.
#[derive(Debug)]
pub enum PollOutput<M> {
    /// Push this item, then call [`State::pushed`]. With `is_over` a frame must not be pushed.
    Forward { item: Queued<M>, is_over: bool },
    /// Wait for a change.
    Wait,
    /// Wait for a change, and check about once a second whether the engine hangs.
    WaitForResult,
    /// Pause: the pad is flushing.
    Pause,
}

/// A frame that was taken: its parts, each with a ticket if it is to be inferred.
#[derive(Debug)]
pub struct Request {
    /// The parts.
    pub targets: Vec<(Target, Option<Ticket>)>,
    /// Its format and size.
    pub info: Arc<gst_video::VideoInfo>,
    /// Its time.
    pub when: Timestamp,
    /// It is flagged as damaged.
    pub is_flagged: bool,
    /// Nothing of it is inferred.
    pub is_skipped: bool,
}

/// What a delivered result requires of the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivered {
    /// Its frame has all results: the task must be woken.
    FrameIsReady,
    /// It was stored, and nobody has to be woken.
    Stored,
    /// It is of an earlier generation: it was ignored.
    Ignored,
}

/// Everything under the stream's lock. `M` is what runs the model.
#[derive(Debug)]
pub struct State<M = Loaded> {
    /// Whether the pads are flushing: no frame and no serialized event is accepted.
    pub flushing: bool,
    generation: u64,
    tickets: u64,
    /// Format and size of the pictures in the buffers; `None` before the first caps.
    pub info: Option<Arc<gst_video::VideoInfo>>,
    /// Frames and events that have not left yet (mode exact).
    pub queue: Queue<M>,
    /// The model in use, and what is being loaded.
    pub model: ModelState<M>,
    /// The results and their tracks.
    pub results: Results,
    /// The times of frames, segments and messages.
    pub timing: Timing,
}

impl<M> Default for State<M> {
    fn default() -> Self {
        Self {
            flushing: true,
            generation: 0,
            tickets: 0,
            info: None,
            queue: Queue::default(),
            model: ModelState::default(),
            results: Results::default(),
            timing: Timing::default(),
        }
    }
}

impl<M> State<M> {
    /// What to do with a frame in mode exact. `auto_in_flight` is how many frames keep a model
    /// busy, where `max-in-flight` is 0.
    pub fn poll_exact(
        &self,
        settings: &FrameSettings,
        auto_in_flight: impl Fn(&M) -> usize,
        now: Instant,
    ) -> PollInput<M> {
        if self.flushing {
            return PollInput::Refuse(gst::FlowError::Flushing);
        }
        if let Err(error) = self.queue.accepts() {
            return PollInput::Refuse(error);
        }
        // New names are for the frames that come after them.
        let names_due = self.model.names_due(now);
        match &self.model.model {
            Model::Ready(model) if names_due.is_none() => {
                let in_flight = match settings.max_in_flight as usize {
                    0 => auto_in_flight(model),
                    maximum => maximum,
                };
                match self.has_room(in_flight, settings) {
                    true => PollInput::Forward(Arc::clone(model)),
                    false => PollInput::Wait(None),
                }
            }
            Model::Ready(_) | Model::Loading => PollInput::Wait(names_due),
            Model::Failed => PollInput::Refuse(gst::FlowError::Error),
            Model::Stopped => PollInput::Refuse(gst::FlowError::Flushing),
        }
    }

    /// Whether another frame may be queued while this many are in flight.
    fn has_room(&self, in_flight: usize, settings: &FrameSettings) -> bool {
        let interval = settings.interval as usize;
        let room = in_flight
            .saturating_mul(interval)
            .min(MAX_QUEUED.max(in_flight));
        let frames = self.queue.frames();
        // A frame with many regions keeps the engine busy by itself. The user's own limit counts
        // frames only.
        let is_busy = settings.max_in_flight == 0 && frames > 0;
        frames < room && !(is_busy && self.queue.waiting() >= in_flight)
    }

    /// What to do with a frame in mode live.
    pub fn poll_live(&self) -> PollInput<M> {
        if self.flushing {
            return PollInput::Refuse(gst::FlowError::Flushing);
        }
        // Frames that are left from mode exact leave first.
        if self.queue.frames() > 0 {
            return PollInput::Wait(None);
        }
        if let Err(error) = self.queue.accepts() {
            return PollInput::Refuse(error);
        }
        match &self.model.model {
            Model::Ready(model) => PollInput::Forward(Arc::clone(model)),
            Model::Loading => PollInput::PassOn,
            Model::Failed => PollInput::Refuse(gst::FlowError::Error),
            Model::Stopped => PollInput::Refuse(gst::FlowError::Flushing),
        }
    }

    /// Takes a frame that came at `arrived`, and chooses what of it is inferred.
    ///
    /// # Errors
    /// `NotNegotiated` without caps.
    pub fn request(
        &mut self,
        buffer: &gst::BufferRef,
        settings: &FrameSettings,
        arrived: Instant,
        is_live: bool,
    ) -> Result<Request, gst::FlowError> {
        let info = self.info.clone().ok_or(gst::FlowError::NotNegotiated)?;
        let time = self.timing.frame(buffer, &info, arrived);
        let FrameTime {
            moment,
            when,
            flag_check,
        } = time;
        let size = (info.width(), info.height());
        let tracks = &mut self.results.tracks;
        let targets = tracks.targets(buffer, size, moment, settings);
        let due = targets.iter().map(|t| t.is_due(moment, settings, is_live));
        let due: Vec<bool> = due.collect();
        let is_chosen = match due.contains(&true) {
            true => self.timing.chooses(time, settings),
            false => {
                self.timing.skip(settings);
                false
            }
        };
        let targets = targets.into_iter().zip(due).map(|(target, is_due)| {
            let ticket = (is_chosen && is_due).then(|| {
                self.tickets += 1;
                target.track.state().requested(self.tickets, when.steady);
                Ticket {
                    generation: self.generation,
                    number: self.tickets,
                    when,
                    arrived,
                }
            });
            (target, ticket)
        });
        Ok(Request {
            targets: targets.collect(),
            info,
            when,
            is_flagged: flag_check != FlagCheck::Unflagged,
            is_skipped: !is_chosen,
        })
    }

    /// Puts a frame into the queue (mode exact). `model` is what its results come from.
    pub fn enqueue(&mut self, buffer: gst::Buffer, request: Request, model: &Arc<M>) {
        let pending = request.targets.into_iter().map(|(target, ticket)| Pending {
            target,
            state: match ticket {
                Some(ticket) => PendingState::Waiting(ticket.number),
                None => PendingState::Carry,
            },
        });
        let pending: Vec<_> = pending.collect();
        let waits = pending
            .iter()
            .any(|p| matches!(p.state, PendingState::Waiting(_)));
        self.queue.push_frame(QueuedFrame {
            buffer,
            // Not its arrival: waiting for room in the queue, or for the model, is not part of the
            // latency that this element adds.
            queued: Instant::now(),
            ready: None,
            pending,
            when: request.when,
            model: waits.then(|| Arc::clone(model)),
        });
    }

    /// What the task of the source pad is to do.
    pub fn poll_output(&mut self) -> PollOutput<M> {
        if self.flushing {
            return PollOutput::Pause;
        }
        match self.queue.next() {
            Next::Forward { item, is_over } => PollOutput::Forward { item, is_over },
            Next::WaitForResult => PollOutput::WaitForResult,
            Next::Empty => PollOutput::Wait,
        }
    }

    /// Takes the flow return of a pushed frame; `None` for an event. Returns an error that must be
    /// posted.
    pub fn pushed(
        &mut self,
        flow: Option<Result<gst::FlowSuccess, gst::FlowError>>,
    ) -> Option<gst::FlowError> {
        self.queue.finish(flow, self.flushing)
    }

    /// Whether results with this ticket still count.
    pub fn is_current(&self, ticket: Ticket) -> bool {
        ticket.generation == self.generation
    }

    /// Takes the result of a job.
    pub fn deliver(&mut self, ticket: Ticket, target: &Target, result: JobResult) -> Delivered {
        if matches!(result, JobResult::Unusable) {
            // Its track is due with the next frame.
            target.track.state().dropped(ticket.number);
        }
        if !self.is_current(ticket) {
            return Delivered::Ignored;
        }
        let result = match self.queue.deliver(ticket.number, result, Instant::now()) {
            // While other regions of the frame are waiting, nobody has to be woken.
            Ok(is_ready) if is_ready => return Delivered::FrameIsReady,
            Ok(_) => return Delivered::Stored,
            Err(result) => result,
        };
        // The frame has left already.
        match result {
            JobResult::Result(result) => {
                let segment = self.timing.leaving.as_ref();
                let (number, when) = (ticket.number, ticket.when);
                let result = self.results.take(*result, target, number, when, segment);
                if let Some(classification) = result {
                    self.results.add_late(classification, target, when);
                }
            }
            JobResult::Failed(error) => {
                target.track.state().dropped(ticket.number);
                self.results.fail_late(error);
            }
            JobResult::Dropped => target.track.state().dropped(ticket.number),
            JobResult::Static | JobResult::Unusable => {}
        }
        Delivered::Stored
    }

    /// Resets tracks and schedule: the next frame is inferred and carries no earlier result.
    pub fn reset_history(&mut self) {
        self.timing.reset_schedule();
        self.results.tracks.reset();
    }

    /// Handles STREAM_START.
    pub fn stream_starts(&mut self) {
        self.reset_history();
        self.timing.clear_segment();
        self.timing.flagged.reset_counters();
        self.timing.is_live = None;
        self.queue.set_eos(false);
    }

    /// Takes the segment of the frames that come.
    pub fn segment_arrives(&mut self, segment: &gst::Segment) {
        if self.timing.arrives(segment) {
            self.results.tracks.reset();
        }
        self.queue.set_eos(false);
    }

    /// Takes the segment of the frames that leave.
    pub fn segment_leaves(&mut self, segment: &gst::Segment) {
        if self.timing.leaves(segment) {
            self.results.drop_late();
            self.ignore_late();
        }
    }

    /// Drops what has not left and returns it, to be freed without the lock. Results of jobs that
    /// are in flight are ignored.
    pub fn flush(&mut self) -> VecDeque<Queued<M>> {
        self.generation += 1;
        self.reset_history();
        self.results.drop_late();
        self.timing.clear_segment();
        self.queue.flush()
    }

    /// Resets the results for another model or other names. Results in flight are ignored unless their
    /// frames wait for them, and an inference that ends together with its engine is not an error.
    pub fn model_changed(&mut self) {
        self.reset_history();
        self.results.drop_late();
        self.ignore_late();
    }

    /// Ignores results in flight whose frames have left.
    fn ignore_late(&mut self) {
        if self.queue.frames() == 0 {
            self.generation += 1;
        }
    }

    /// Starts in READY to PAUSED. `element` is the element's name, which cannot change while it is in
    /// a pipeline.
    pub fn start(&mut self, element: &str) {
        self.model.model = Model::Loading;
        self.results.element = element.into();
        self.results.tracks = Default::default();
        self.timing = Timing::default();
    }
}
