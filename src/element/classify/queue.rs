// SPDX-License-Identifier: MPL-2.0
//! What leaves in its turn (mode exact).

use std::time::{Duration, Instant};

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::super::time::When;
use super::error::Error;
use super::imp::{CAT, Resnet50};
use super::messages::is_posted;
use super::stream::{Item, Outcome, Piece, Wait};
use super::subject::attach;

/// How often whoever waits for an answer looks whether a Run is stuck.
const LOOK: Duration = Duration::from_secs(1);

impl Resnet50 {
    /// A turn of the task: what is next in the queue leaves.
    pub(super) fn push_next(&self) {
        let mut inner = self.stream.lock();
        let item = loop {
            if inner.flushing {
                drop(inner);
                let _ = self.src.pause_task();
                return;
            }
            let waits = inner.items.front().is_some_and(Item::waits);
            if !waits && let Some(item) = inner.items.pop_front() {
                break item;
            }
            if !waits {
                inner = self.stream.wait(inner);
                continue;
            }
            let (guard, timed_out) = self.stream.wait_for(inner, LOOK);
            inner = guard;
            if timed_out {
                // One error is told, and all that wait for that engine go.
                for item in &mut inner.items {
                    if let Item::Frame {
                        from: Some(from), ..
                    } = item
                        && let Err(error) = from.port.engine().check()
                    {
                        item.fail(error.into());
                    }
                }
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
                queued,
                ready,
                pieces,
                when,
                from: _,
            } => {
                let ready = ready.unwrap_or(queued);
                Some(self.push(buffer, when, (queued, ready), pieces))
            }
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

    /// Pushes a frame with what became of its parts.
    fn push(
        &self,
        mut buffer: gst::Buffer,
        when: When,
        (queued, ready): (Instant, Instant),
        pieces: Vec<Piece>,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        let mut answered = Vec::new();
        let mut carrying = Vec::new();
        let (mut failed, mut lost) = (None, None);
        for Piece { part, wait } in pieces {
            match wait {
                Wait::Ready(number, Outcome::Answer(answer)) => {
                    answered.push((part, number, answer));
                }
                Wait::Ready(_, Outcome::Failed(error)) => failed = Some(error),
                Wait::Ready(_, Outcome::Dropped) => lost = Some(Error::Lost),
                Wait::Ready(_, Outcome::Still | Outcome::Unusable)
                | Wait::Carry
                | Wait::Answer(_) => {
                    carrying.push(part);
                }
            }
        }
        if let Some(error) = failed.or(lost) {
            self.post_error_message(error.message());
            return Err(gst::FlowError::Error);
        }

        let settings = self.frame_settings();
        let pts = when.pts;
        let mut seen = Vec::with_capacity(answered.len() + carrying.len());
        let mut posted = Vec::new();
        let (tags, segment, news) = {
            let mut inner = self.stream.lock();
            let news = match answered.is_empty() {
                true => None,
                false => inner.latency.leave(queued, ready),
            };
            for (part, number, answer) in answered {
                if let Some(answer) = inner.take(*answer, &part, number, when) {
                    if is_posted(&part, &answer, settings.messages) {
                        posted.push(seen.len());
                    }
                    seen.push((part, answer));
                }
            }
            seen.extend(carrying.into_iter().filter_map(|part| {
                let carried = part.subject.known().carried(when)?;
                Some((part, carried))
            }));
            let tags = inner.tags(&seen, &settings);
            (tags, inner.segment.clone(), news)
        };
        for (part, answer) in posted.into_iter().map(|index| &seen[index]) {
            self.post(answer, part, pts, Some((&buffer, segment.clone())));
        }
        if let Some(news) = news {
            self.announce_latency(news);
        }
        if let Some(tags) = tags {
            // Whether anybody wants them or not, the frame follows.
            self.src.push_event(tags);
        }
        gst::log!(CAT, imp = self, "{pts:?}: {seen:?}");
        attach(&mut buffer, &seen);
        self.src.push(buffer)
    }
}
