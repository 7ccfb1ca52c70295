// SPDX-License-Identifier: MPL-2.0
//! What may happen to a stream, at random.

use proptest::prelude::*;

/// What the thread of the stream sends.
#[derive(Debug, Clone)]
pub enum Input {
    Frames(u8),
    /// A frame without a picture of its own.
    Missing,
    Event,
    Gap,
    /// One that is new, or that of before again.
    Segment(bool),
    /// Caps of large frames or of small ones.
    Caps(bool),
}

/// What any thread may do, also while frames come in.
#[derive(Debug, Clone)]
pub enum Act {
    Set(Change),
    /// To where a source goes on after a seek.
    Flush,
    /// To PAUSED and back.
    Pause,
    /// To NULL or READY and back, with another `max-in-flight`, which may change only there.
    Restart(bool, u32),
}

/// A property that may change while playing.
#[derive(Debug, Clone)]
pub enum Change {
    Interval(u32),
    /// In frames a second; 0 for no limit.
    MaxRate(i32),
    StillLimit(bool),
    Model(bool),
    /// Names for the classes, or none.
    Labels(bool),
    TopK(u32),
    /// In microseconds.
    BatchTimeout(u64),
    Messages(bool),
    /// Decisions, and the tags that come of them.
    Decisions(bool),
    /// What is classified: the frame, its objects or both; and whether those that a tracker knows
    /// each time or every third frame.
    Region(&'static str, bool),
}

#[derive(Debug, Clone)]
pub enum Step {
    Feed(Input),
    Do(Act),
    /// Another thread does things while this one feeds, each so many microseconds after the last.
    Both(Vec<Input>, Vec<(u64, Act)>),
    /// The end of the stream, and then the next: after a flush, or without one.
    Eos(bool),
}

fn input() -> impl Strategy<Value = Input> {
    prop_oneof![
        8 => (1u8..12).prop_map(Input::Frames),
        1 => Just(Input::Missing),
        3 => Just(Input::Event),
        2 => Just(Input::Gap),
        2 => any::<bool>().prop_map(Input::Segment),
        2 => any::<bool>().prop_map(Input::Caps),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        2 => (1u32..4).prop_map(Change::Interval),
        1 => prop::sample::select(vec![0, 5, 20]).prop_map(Change::MaxRate),
        1 => any::<bool>().prop_map(Change::StillLimit),
        2 => any::<bool>().prop_map(Change::Model),
        1 => any::<bool>().prop_map(Change::Labels),
        1 => (1u32..4).prop_map(Change::TopK),
        1 => (0u64..2000).prop_map(Change::BatchTimeout),
        1 => any::<bool>().prop_map(Change::Messages),
        1 => any::<bool>().prop_map(Change::Decisions),
        2 => (prop::sample::select(vec!["frame", "rois", "both"]), any::<bool>())
            .prop_map(|(region, often)| Change::Region(region, often)),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => change().prop_map(Act::Set),
        2 => Just(Act::Flush),
        1 => Just(Act::Pause),
        1 => (any::<bool>(), 0u32..6).prop_map(|(is_null, most)| Act::Restart(is_null, most)),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => input().prop_map(Step::Feed),
        5 => act().prop_map(Step::Do),
        4 => (
            prop::collection::vec(input(), 1..5),
            prop::collection::vec((0u64..1500, act()), 1..5),
        )
            .prop_map(|(inputs, acts)| Step::Both(inputs, acts)),
        1 => any::<bool>().prop_map(Step::Eos),
    ]
}

/// The life of a stream.
pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..20)
}
