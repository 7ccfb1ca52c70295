// SPDX-License-Identifier: MPL-2.0
//! What leaves in its turn (mode exact).

use std::time::{Duration, Instant};

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::error::Error;
use super::imp::{CAT, Resnet50};
use super::job::Ticket;
use super::messages::is_posted;
use super::settings::FrameSettings;
use super::stream::{Answered, Item, Outcome, Wait};
use crate::meta;

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
    pub(super) fn push(
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
}
