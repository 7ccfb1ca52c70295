// SPDX-License-Identifier: MPL-2.0
//! A stream with what the pads and the engine would hold, driven step by step.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use proptest::prelude::*;

use super::super::super::settings::FrameSettings;
use super::super::super::tracks::Target;
use super::super::model_state::Model;
use super::super::queue::{JobResult, Pending, PendingState, Queued};
use super::super::state::{PollInput, PollOutput, State, Ticket};
use crate::classifier::{Error, FrameResult};
use crate::meta::{Class, Classification};

/// What happens.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// A frame comes.
    Frame,
    /// A serialized event comes.
    Event,
    /// The job in flight with this index (modulo their number) ends.
    Deliver(usize, Ending),
    /// The task gets a turn.
    Output,
    /// The stream is flushed.
    Flush,
    /// Another model is used.
    NewModel,
}

/// How a job ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ending {
    Result,
    Static,
    Failed,
    Dropped,
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let ending = prop_oneof![
        8 => Just(Ending::Result),
        1 => Just(Ending::Static),
        1 => Just(Ending::Failed),
        1 => Just(Ending::Dropped),
    ];
    prop_oneof![
        8 => Just(Step::Frame),
        2 => Just(Step::Event),
        8 => (any::<usize>(), ending).prop_map(|(index, ending)| Step::Deliver(index, ending)),
        12 => Just(Step::Output),
        1 => Just(Step::Flush),
        1 => Just(Step::NewModel),
    ]
}

/// A stream with what the pads and the engine would hold.
pub(super) struct Machine {
    pub(super) state: State<()>,
    pub(super) settings: FrameSettings,
    /// Jobs in the engine.
    pub(super) in_flight: Vec<(Ticket, Target)>,
    /// Numbers of the frames and events that were taken and have not left, in their order.
    pub(super) expected: VecDeque<u64>,
    /// The next number.
    pub(super) number: u64,
    /// What left, for the tests to look at.
    pub(super) left: Vec<Left>,
}

/// Something that left.
#[derive(Debug)]
pub(super) struct Left {
    pub(super) number: u64,
    /// Of a frame: the states of its parts.
    pub(super) pending: Option<Vec<PendingState>>,
}

impl Machine {
    pub(super) fn new(settings: FrameSettings) -> Self {
        let mut state = State::default();
        state.start("classifier");
        state.model.model = Model::Ready(Arc::new(()));
        state.flushing = false;
        let info = gst_video::VideoInfo::builder(gst_video::VideoFormat::Rgb, 16, 16);
        state.info = Some(Arc::new(info.build().expect("a format")));
        Self {
            state,
            settings,
            in_flight: Vec::new(),
            expected: VecDeque::new(),
            number: 0,
            left: Vec::new(),
        }
    }

    /// The number of an item is in its offset or its name.
    pub(super) fn frame(number: u64) -> gst::Buffer {
        let mut buffer = gst::Buffer::from_slice([0u8; 3]);
        let writable = buffer.make_mut();
        writable.set_offset(number);
        writable.set_pts(gst::ClockTime::from_mseconds(40 * number));
        buffer
    }

    pub(super) fn event(number: u64) -> gst::Event {
        let structure = gst::Structure::builder("marker").field("number", number);
        gst::event::CustomDownstream::new(structure.build())
    }

    pub(super) fn number_of(item: &Queued<()>) -> u64 {
        match item {
            Queued::Frame(frame) => frame.buffer.offset(),
            Queued::Event(event) => event
                .structure()
                .and_then(|s| s.get("number").ok())
                .expect("a number"),
        }
    }

    /// A frame comes in mode exact. Returns whether it was taken: there may be no room.
    pub(super) fn take_frame(&mut self) -> bool {
        let now = Instant::now();
        let PollInput::Forward(model) = self.state.poll_exact(&self.settings, |()| 4, now) else {
            return false;
        };
        let buffer = Self::frame(self.number);
        let request = self.state.request(&buffer, &self.settings, now, false);
        let request = request.expect("there are caps");
        let jobs = request.targets.iter();
        let jobs = jobs.filter_map(|(target, ticket)| Some(((*ticket)?, target.clone())));
        self.in_flight.extend(jobs);
        self.state.enqueue(buffer, request, &model);
        self.expected.push_back(self.number);
        self.number += 1;
        true
    }

    pub(super) fn take_event(&mut self) {
        let number = self.number;
        self.number += 1;
        match self.state.queue.push_event(Self::event(number)) {
            Some(_) => {
                assert!(self.expected.is_empty(), "it has overtaken something");
                self.left.push(Left {
                    number,
                    pending: None,
                });
            }
            None => self.expected.push_back(number),
        }
    }

    pub(super) fn deliver(&mut self, index: usize, ending: Ending) {
        if self.in_flight.is_empty() {
            return;
        }
        let (ticket, target) = self.in_flight.remove(index % self.in_flight.len());
        let result = match ending {
            Ending::Result => JobResult::Result(Box::new(result(ticket.number))),
            Ending::Static => JobResult::Static,
            Ending::Failed => JobResult::Failed(Error::Lost),
            Ending::Dropped => JobResult::Dropped,
        };
        self.state.deliver(ticket, &target, result);
    }

    /// The task gets a turn. Returns whether something left.
    pub(super) fn output(&mut self) -> bool {
        let item = match self.state.poll_output() {
            PollOutput::Forward { item, .. } => item,
            PollOutput::Wait => {
                assert!(
                    self.expected.is_empty(),
                    "it waits though there is something"
                );
                return false;
            }
            PollOutput::WaitForResult => {
                assert!(self.state.queue.waiting() > 0, "it waits for nothing");
                return false;
            }
            PollOutput::Pause => panic!("it is not flushing"),
        };
        let number = Self::number_of(&item);
        assert_eq!(Some(number), self.expected.pop_front(), "the order");
        let flow = match item {
            Queued::Event(_) => {
                self.left.push(Left {
                    number,
                    pending: None,
                });
                None
            }
            Queued::Frame(frame) => {
                let states = frame.pending.into_iter().map(|Pending { state, .. }| state);
                let states: Vec<_> = states.collect();
                let waits = |state: &PendingState| matches!(state, PendingState::Waiting(_));
                assert!(!states.iter().any(waits), "it left without its result");
                self.left.push(Left {
                    number,
                    pending: Some(states),
                });
                Some(Ok(gst::FlowSuccess::Ok))
            }
        };
        assert_eq!(self.state.pushed(flow), None);
        true
    }

    pub(super) fn flush(&mut self) {
        let items = self.state.flush();
        let numbers: VecDeque<_> = items.iter().map(Self::number_of).collect();
        assert_eq!(numbers, self.expected, "what had not left is given back");
        self.expected.clear();
    }

    pub(super) fn step(&mut self, step: Step) {
        match step {
            Step::Frame => {
                self.take_frame();
            }
            Step::Event => self.take_event(),
            Step::Deliver(index, ending) => self.deliver(index, ending),
            Step::Output => {
                self.output();
            }
            Step::Flush => self.flush(),
            Step::NewModel => self.state.model_changed(),
        }
    }

    /// Ends all jobs, and lets all leave that has not.
    pub(super) fn drain(&mut self) {
        while !self.in_flight.is_empty() {
            self.deliver(0, Ending::Result);
        }
        while self.output() {}
        assert!(
            self.expected.is_empty(),
            "nothing is lost: {:?}",
            self.expected
        );
        assert!(self.state.queue.is_empty());
    }
}

/// A result with the number of its job as its class.
fn result(number: u64) -> FrameResult {
    FrameResult {
        classification: Classification {
            element: Arc::default(),
            model: "model".into(),
            provider: "cpu".into(),
            fresh: true,
            age: Some(gst::ClockTime::ZERO),
            inference_time: gst::ClockTime::ZERO,
            results: vec![Class {
                index: number as i32,
                label: "label".into(),
                confidence: 1.0,
            }],
            groups: Vec::new(),
            decision: None,
        },
        sample: None,
    }
}
