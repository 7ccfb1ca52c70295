// SPDX-License-Identifier: MPL-2.0
//! Random sequences of what can happen to a stream, without pads, threads and a model.

mod machine;

use std::sync::Arc;
use std::time::Instant;

use proptest::prelude::*;

use machine::{Ending, Machine, step};

use super::super::settings::{FrameSettings, Settings};
use super::model_state::Model;
use super::queue::{JobResult, PendingState};
use super::state::{PollInput, PollOutput};
use crate::classifier::Error;

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
