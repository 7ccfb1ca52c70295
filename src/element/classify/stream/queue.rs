// SPDX-License-Identifier: MPL-2.0
//! The queue of frames and events that have not left the element yet (mode exact).

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::super::super::time::Timestamp;
use super::super::tracks::Target;
use crate::classifier::{Error, FrameResult};

/// How a job ended.
#[derive(Debug)]
pub enum JobResult {
    /// It was inferred.
    Result(Box<FrameResult>),
    /// It looks like the frame that was inferred last.
    Static,
    /// The frame is flagged, and does not hold a picture.
    Unusable,
    /// It cannot be classified.
    Failed(Error),
    /// A newer job replaced it, or the engine has ended.
    Dropped,
}

/// A part of a frame that is classified.
#[derive(Debug)]
pub struct Pending {
    /// Which part.
    pub target: Target,
    /// How far it is.
    pub state: PendingState,
}

/// What a part of a frame waits for.
#[derive(Debug)]
pub enum PendingState {
    /// Nothing: it carries an earlier result.
    Carry,
    /// The result of the job with this number.
    Waiting(u64),
    /// Nothing any more: this is the result of that job.
    Done(u64, JobResult),
}

/// A frame in the queue.
#[derive(Debug)]
pub struct QueuedFrame<M> {
    /// The frame.
    pub buffer: gst::Buffer,
    /// When it began to wait.
    pub queued: Instant,
    /// When its last result was there.
    pub ready: Option<Instant>,
    /// Its parts.
    pub pending: Vec<Pending>,
    /// Its time.
    pub when: Timestamp,
    /// The model that its results come from. It is kept until they are there, even if another model
    /// has replaced it.
    pub model: Option<Arc<M>>,
}

impl<M> QueuedFrame<M> {
    fn is_waiting(&self) -> bool {
        let mut pending = self.pending.iter();
        pending.any(|p| matches!(p.state, PendingState::Waiting(_)))
    }

    /// Replaces all results that are waited for by an error, which the first part gets.
    fn fail(&mut self, error: Error) {
        let mut error = Some(error);
        for pending in &mut self.pending {
            if let PendingState::Waiting(number) = pending.state {
                let result = error.take().map_or(JobResult::Dropped, JobResult::Failed);
                pending.state = PendingState::Done(number, result);
            }
        }
    }
}

/// An item of the queue.
#[derive(Debug)]
pub enum Queued<M> {
    /// A serialized event.
    Event(gst::Event),
    /// A frame.
    Frame(QueuedFrame<M>),
}

/// What is next.
#[derive(Debug)]
pub enum Next<M> {
    /// This item leaves now. With `is_over` a frame must not be pushed, because an earlier one failed.
    Forward { item: Queued<M>, is_over: bool },
    /// The first frame waits for a result.
    WaitForResult,
    /// There is nothing.
    Empty,
}

/// The queue between the sink pad and the task of the source pad.
#[derive(Debug)]
pub struct Queue<M> {
    items: VecDeque<Queued<M>>,
    /// The task is pushing what was first.
    is_pushing: bool,
    /// What the last push returned.
    flow: Result<gst::FlowSuccess, gst::FlowError>,
    /// EOS has come in.
    is_eos: bool,
}

impl<M> Default for Queue<M> {
    fn default() -> Self {
        Self {
            items: VecDeque::new(),
            is_pushing: false,
            flow: Ok(gst::FlowSuccess::Ok),
            is_eos: false,
        }
    }
}

impl<M> Queue<M> {
    /// Whether everything has left.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty() && !self.is_pushing
    }

    /// Frames that have not left.
    pub fn frames(&self) -> usize {
        let frames = self.items.iter().filter(|i| matches!(i, Queued::Frame(_)));
        frames.count() + usize::from(self.is_pushing)
    }

    /// Results that frames wait for.
    pub fn waiting(&self) -> usize {
        let frames = self.items.iter().filter_map(|item| match item {
            Queued::Event(_) => None,
            Queued::Frame(frame) => Some(&frame.pending),
        });
        let waiting = frames
            .flatten()
            .filter(|p| matches!(p.state, PendingState::Waiting(_)));
        waiting.count()
    }

    /// Whether frames are taken.
    ///
    /// # Errors
    /// What became of an earlier frame. The end of one stream does not count for the next one, which
    /// begins with an event that is still queued.
    pub fn accepts(&self) -> Result<(), gst::FlowError> {
        let begins_anew = |item: &Queued<M>| matches!(item, Queued::Event(e) if restarts_flow(e));
        match self.flow {
            Err(gst::FlowError::Eos) if self.items.iter().any(begins_anew) => Ok(()),
            flow => flow.map(drop),
        }
    }

    /// Adds a frame.
    pub fn push_frame(&mut self, frame: QueuedFrame<M>) {
        self.items.push_back(Queued::Frame(frame));
    }

    /// Adds a serialized event. Gives it back if nothing is before it, so that it may leave at
    /// once.
    pub fn push_event(&mut self, event: gst::Event) -> Option<gst::Event> {
        if self.is_empty() {
            self.before_event(&event);
            return Some(event);
        }
        self.items.push_back(Queued::Event(event));
        None
    }

    /// Notes that EOS has come in, or that something has come after it.
    pub fn set_eos(&mut self, is_eos: bool) {
        self.is_eos = is_eos;
    }

    /// Takes what is first, if it need not wait. [`Self::finish`] must follow.
    pub fn next(&mut self) -> Next<M> {
        if let Some(Queued::Frame(frame)) = self.items.front()
            && frame.is_waiting()
        {
            return Next::WaitForResult;
        }
        let Some(item) = self.items.pop_front() else {
            return Next::Empty;
        };
        self.is_pushing = true;
        if let Queued::Event(event) = &item {
            self.before_event(event);
        }
        let is_over = self
            .flow
            .is_err_and(|e| matches!(e, gst::FlowError::Error | gst::FlowError::Eos));
        Next::Forward { item, is_over }
    }

    /// Takes the flow return of a pushed frame. Returns an error that must be posted: after EOS no
    /// frame comes to which it could be returned.
    pub fn finish(
        &mut self,
        flow: Option<Result<gst::FlowSuccess, gst::FlowError>>,
        is_flushing: bool,
    ) -> Option<gst::FlowError> {
        self.is_pushing = false;
        let flow = flow.filter(|_| !is_flushing)?;
        let is_new = self.flow != flow;
        self.flow = flow;
        flow.err().filter(|_| is_new && self.is_eos)
    }

    /// Gives a result to the frame that waits for it, and returns whether that frame waits for
    /// nothing else. Gives the result back if its frame has left.
    pub fn deliver(
        &mut self,
        number: u64,
        result: JobResult,
        now: Instant,
    ) -> Result<bool, JobResult> {
        for item in &mut self.items {
            let Queued::Frame(frame) = item else {
                continue;
            };
            let pending = frame
                .pending
                .iter_mut()
                .find(|p| matches!(p.state, PendingState::Waiting(waiting) if waiting == number));
            if let Some(pending) = pending {
                pending.state = PendingState::Done(number, result);
                let is_ready = !frame.is_waiting();
                if is_ready {
                    frame.ready = Some(now);
                }
                return Ok(is_ready);
            }
        }
        Err(result)
    }

    /// Fails the frames that wait for a model that has an error.
    pub fn fail_waiting(&mut self, error_of: impl Fn(&M) -> Option<Error>) {
        for item in &mut self.items {
            if let Queued::Frame(frame) = item
                && let Some(error) = frame.model.as_deref().and_then(&error_of)
            {
                frame.fail(error);
            }
        }
    }

    /// Notes that an event is about to leave: downstream may take frames again after it.
    fn before_event(&mut self, event: &gst::Event) {
        if restarts_flow(event) && self.flow == Err(gst::FlowError::Eos) {
            self.flow = Ok(gst::FlowSuccess::Ok);
        }
    }

    /// Notes that downstream may have been linked.
    pub fn relink(&mut self) {
        if self.flow == Err(gst::FlowError::NotLinked) {
            self.flow = Ok(gst::FlowSuccess::Ok);
        }
    }

    /// Takes all items out, and resets the flow return.
    pub fn flush(&mut self) -> VecDeque<Queued<M>> {
        self.flow = Ok(gst::FlowSuccess::Ok);
        self.is_eos = false;
        std::mem::take(&mut self.items)
    }
}

/// Whether frames may follow this event after downstream has returned EOS.
fn restarts_flow(event: &gst::Event) -> bool {
    use gst::EventType;
    matches!(event.type_(), EventType::StreamStart | EventType::Segment)
}
