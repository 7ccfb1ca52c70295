// SPDX-License-Identifier: MPL-2.0
//! Random sequences of what can happen to a stream, without pads, threads and a model.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use proptest::prelude::*;

use super::super::settings::{FrameSettings, Settings};
use super::super::tracks::Target;
use super::model_state::Model;
use super::queue::{JobResult, Pending, PendingState, Queued};
use super::state::{PollInput, PollOutput, State, Ticket};
use crate::classifier::{Error, FrameResult};
use crate::meta::{Class, Classification};

/// What happens.
#[derive(Debug, Clone, Copy)]
enum Step {
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
enum Ending {
    Result,
    Static,
    Failed,
    Dropped,
}

fn step() -> impl Strategy<Value = Step> {
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
struct Machine {
    state: State<()>,
    settings: FrameSettings,
    /// Jobs in the engine.
    in_flight: Vec<(Ticket, Target)>,
    /// Numbers of the frames and events that were taken and have not left, in their order.
    expected: VecDeque<u64>,
    /// The next number.
    number: u64,
    /// What left, for the tests to look at.
    left: Vec<Left>,
}

/// Something that left.
#[derive(Debug)]
struct Left {
    number: u64,
    /// Of a frame: the states of its parts.
    pending: Option<Vec<PendingState>>,
}

impl Machine {
    fn new(settings: FrameSettings) -> Self {
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
    fn frame(number: u64) -> gst::Buffer {
        let mut buffer = gst::Buffer::from_slice([0u8; 3]);
        let writable = buffer.make_mut();
        writable.set_offset(number);
        writable.set_pts(gst::ClockTime::from_mseconds(40 * number));
        buffer
    }

    fn event(number: u64) -> gst::Event {
        let structure = gst::Structure::builder("marker").field("number", number);
        gst::event::CustomDownstream::new(structure.build())
    }

    fn number_of(item: &Queued<()>) -> u64 {
        match item {
            Queued::Frame(frame) => frame.buffer.offset(),
            Queued::Event(event) => event
                .structure()
                .and_then(|s| s.get("number").ok())
                .expect("a number"),
        }
    }

    /// A frame comes in mode exact. Returns whether it was taken: there may be no room.
    fn take_frame(&mut self) -> bool {
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

    fn take_event(&mut self) {
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

    fn deliver(&mut self, index: usize, ending: Ending) {
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
    fn output(&mut self) -> bool {
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

    fn flush(&mut self) {
        let items = self.state.flush();
        let numbers: VecDeque<_> = items.iter().map(Self::number_of).collect();
        assert_eq!(numbers, self.expected, "what had not left is given back");
        self.expected.clear();
    }

    fn step(&mut self, step: Step) {
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
    fn drain(&mut self) {
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

fn settings() -> FrameSettings {
    gst::init().expect("GStreamer");
    Settings::default().frame
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    /// Whatever happens in whatever order: all leaves in its order, no frame leaves before its
    /// results are there, nothing is lost but by a flush, and the queue never has more frames than
    /// there is room for.
    #[test]
    fn order_and_loss(
        steps in prop::collection::vec(step(), 1..120),
        max_in_flight in 0u32..5,
        interval in 1u32..4,
    ) {
        let settings = FrameSettings { max_in_flight, interval, ..settings() };
        let mut machine = Machine::new(settings);
        let in_flight = if max_in_flight == 0 { 4 } else { max_in_flight as usize };
        for step in steps {
            machine.step(step);
            prop_assert!(machine.state.queue.frames() <= in_flight * interval as usize);
        }
        machine.drain();
        let numbers: Vec<u64> = machine.left.iter().map(|left| left.number).collect();
        prop_assert!(numbers.is_sorted(), "{:?}", numbers);
    }

    /// Each frame has what became of its own job: the results are never exchanged.
    #[test]
    fn own_results(order in prop::collection::vec(any::<usize>(), 1..60)) {
        let mut machine = Machine::new(FrameSettings { max_in_flight: 64, ..settings() });
        for index in order {
            machine.take_frame();
            machine.take_frame();
            machine.deliver(index, Ending::Result);
            machine.output();
        }
        machine.drain();
        for left in &machine.left {
            let states = left.pending.as_deref().expect("there are frames only");
            let [PendingState::Done(number, JobResult::Result(result))] = states else {
                panic!("one result: {states:?}");
            };
            // Each frame had a job, and the first job has the number 1.
            prop_assert_eq!(*number, left.number + 1);
            prop_assert_eq!(result.classification.results[0].index as u64, *number);
        }
    }

    /// In mode live a result is given to a later frame, once, and never one from before a flush.
    #[test]
    fn late_results(steps in prop::collection::vec((0u8..4, any::<usize>()), 1..100)) {
        let mut machine = Machine::new(settings());
        let mut oldest = 0;
        for (step, index) in steps {
            match step {
                0 | 1 => {
                    let PollInput::Forward(_) = machine.state.poll_live() else {
                        panic!("a frame never waits");
                    };
                    let buffer = Machine::frame(machine.number);
                    machine.number += 1;
                    let now = Instant::now();
                    let request = machine.state.request(&buffer, &machine.settings, now, true);
                    let targets = request.expect("there are caps").targets;
                    let jobs = targets.into_iter().filter_map(|(t, ticket)| Some((ticket?, t)));
                    machine.in_flight.extend(jobs);
                }
                2 => machine.deliver(index, Ending::Result),
                _ => {
                    machine.flush();
                    oldest = machine.number;
                }
            }
            let (late, failure) = machine.state.results.take_late();
            prop_assert!(failure.is_none());
            for late in late {
                let job = late.classification.results[0].index as u64;
                prop_assert!(job > oldest, "job {} is of before the flush", job);
                prop_assert_eq!(&*late.classification.element, "classifier");
            }
        }
    }
}

/// A push that failed refuses the frames that follow; the end of one stream does not refuse those
/// of the next.
#[test]
fn flow() {
    let mut machine = Machine::new(settings());
    let push = |machine: &mut Machine, flow| {
        machine.take_frame();
        machine.deliver(0, Ending::Result);
        assert!(matches!(
            machine.state.poll_output(),
            PollOutput::Forward { .. }
        ));
        machine.expected.clear();
        machine.state.pushed(Some(flow))
    };
    assert_eq!(push(&mut machine, Err(gst::FlowError::Eos)), None);
    let poll = |machine: &Machine| {
        machine
            .state
            .poll_exact(&machine.settings, |()| 4, Instant::now())
    };
    assert!(matches!(
        poll(&machine),
        PollInput::Refuse(gst::FlowError::Eos)
    ));
    assert!(matches!(
        machine.state.poll_live(),
        PollInput::Refuse(gst::FlowError::Eos)
    ));
    let segment = gst::FormattedSegment::<gst::ClockTime>::new();
    let segment = gst::event::Segment::new(&segment);
    assert!(machine.state.queue.push_event(segment).is_some());
    assert!(matches!(poll(&machine), PollInput::Forward(_)));
    // After EOS there is no frame to which an error could be returned.
    machine.state.queue.set_eos(true);
    let error = gst::FlowError::NotNegotiated;
    assert_eq!(push(&mut machine, Err(error)), Some(error));
    machine.flush();
    assert!(matches!(poll(&machine), PollInput::Forward(_)));
}

/// Without a model frames wait in mode exact and pass in mode live; a failed one refuses them, and
/// while the stream is flushing or the element has stopped they are flushed.
#[test]
fn models() {
    let mut machine = Machine::new(settings());
    let mut poll = |model: Model<()>| {
        machine.state.model.model = model;
        let exact = machine
            .state
            .poll_exact(&machine.settings, |()| 4, Instant::now());
        (exact, machine.state.poll_live())
    };
    assert!(matches!(
        poll(Model::Loading),
        (PollInput::Wait(None), PollInput::PassOn)
    ));
    let refused =
        |error| move |polled: PollInput<()>| matches!(polled, PollInput::Refuse(e) if e == error);
    let (exact, live) = poll(Model::Failed);
    assert!(
        [exact, live]
            .into_iter()
            .all(refused(gst::FlowError::Error))
    );
    let (exact, live) = poll(Model::Stopped);
    let is_flushing = refused(gst::FlowError::Flushing);
    assert!([exact, live].into_iter().all(is_flushing));
    machine.state.model.model = Model::Ready(Arc::new(()));
    machine.state.flushing = true;
    assert!(is_flushing(machine.state.poll_live()));
    assert!(matches!(machine.state.poll_output(), PollOutput::Pause));
}

/// A model that hangs fails the frames that wait for it: the first part with the error, so that the
/// user is told once.
#[test]
fn hanging_model() {
    let mut machine = Machine::new(FrameSettings {
        max_in_flight: 4,
        ..settings()
    });
    machine.take_frame();
    machine.take_frame();
    assert!(!machine.output());
    machine.state.queue.fail_waiting(|()| Some(Error::Lost));
    assert!(machine.output() && machine.output());
    for left in &machine.left {
        let states = left.pending.as_deref().expect("frames");
        assert!(matches!(
            states,
            [PendingState::Done(_, JobResult::Failed(Error::Lost))]
        ));
    }
}
