// SPDX-License-Identifier: MPL-2.0
//! Tracks: the whole frame over time, or one object that regions show.

use std::sync::Arc;

use super::super::super::time::{SteadyTime, TimelinePoint, Timestamp};
use super::super::settings::FrameSettings;
use super::decision::TrackDecision;
use super::fairness::LastService;
use super::static_scene::StaticScene;
use crate::classifier::FrameResult;
use crate::meta::{Classification, Region, RegionSource};
use crate::rect::Rect;
use crate::sync::{Mutex, MutexGuard};

/// The whole frame over time, or one object that regions show.
///
/// Lock order: the stream's state, then `state`. `scene` is locked by itself, by the worker that
/// fills the tensor.
#[derive(Debug)]
pub struct Track {
    /// Tells it from the stream's other tracks; later ones have higher numbers.
    pub number: u64,
    /// Held only for a moment.
    state: Mutex<TrackState>,
    /// The tensor that `skip-still` compares with.
    pub scene: Mutex<StaticScene>,
}

/// What is known of a track.
#[derive(Debug, Default)]
pub struct TrackState {
    newest: Option<NewestResult>,
    decision: TrackDecision,
    /// The newest job: its ticket's number, and its frame's time.
    requested: Option<(u64, Option<SteadyTime>)>,
    /// The job that a worker started last: its ticket's number, and the stream's count of started
    /// jobs.
    started: Option<(u64, u64)>,
    /// What was last posted with `messages=change`.
    posted: Option<Topic>,
}

/// A result with the number of its ticket and the time of its frame.
#[derive(Debug)]
struct NewestResult {
    classification: Classification,
    number: u64,
    when: Timestamp,
}

/// What a message of a change is about.
#[derive(Debug, Clone, PartialEq)]
enum Topic {
    /// The decision; none for "nothing".
    Decision(Option<Arc<str>>),
    /// The best class; none where none is above the threshold.
    Class(Option<i32>),
}

impl Topic {
    fn of(classification: &Classification) -> Self {
        match &classification.decision {
            Some(decision) => Self::Decision(decision.label.clone()),
            None => Self::Class(classification.top().map(|c| c.index)),
        }
    }
}

impl Track {
    pub(super) fn new(number: u64) -> Arc<Self> {
        Arc::new(Self {
            number,
            state: Mutex::default(),
            scene: Mutex::default(),
        })
    }

    /// Locks what is known of it.
    pub fn state(&self) -> MutexGuard<'_, TrackState> {
        self.state.lock()
    }
}

impl TrackState {
    /// Takes the result of the job with this number, and returns it with the decision that follows
    /// from it. `time` is its frame's stream time, which advances `speed` times as fast as its
    /// timestamps. None if there is a newer result: workers may overtake each other.
    pub fn take(
        &mut self,
        result: FrameResult,
        number: u64,
        when: Timestamp,
        (time, speed): (Option<gst::ClockTime>, f64),
    ) -> Option<Classification> {
        if self.newest.as_ref().is_some_and(|n| n.number >= number) {
            return None;
        }
        let sample = result.sample.as_ref();
        let classification = Classification {
            decision: sample
                .and_then(|sample| self.decision.take(sample, (when.steady, speed), time)),
            ..result.classification
        };
        self.newest = Some(NewestResult {
            classification: classification.clone(),
            number,
            when,
        });
        Some(classification)
    }

    /// The newest result for a frame that has none of its own.
    pub fn carried(&self, when: Timestamp) -> Option<Classification> {
        let newest = self.newest.as_ref()?;
        Some(Classification {
            fresh: false,
            age: when.since(newest.when),
            ..newest.classification.clone()
        })
    }

    /// Notes that a job of it waits for a worker.
    pub fn requested(&mut self, number: u64, steady: Option<SteadyTime>) {
        self.requested = Some((number, steady));
    }

    /// Notes that a worker has started the job with this number.
    pub fn started(&mut self, number: u64, count: u64) {
        self.started = Some((number, count));
    }

    /// Forgets a job that was dropped, so that the next frame is due.
    pub fn dropped(&mut self, number: u64) {
        self.requested = self.requested.filter(|(requested, _)| *requested != number);
    }

    /// Whether a result differs from the one that was posted last in its decision or class. It then
    /// counts as posted.
    pub fn is_change(&mut self, classification: &Classification) -> bool {
        let topic = Some(Topic::of(classification));
        let is_change = self.posted != topic;
        self.posted = topic;
        is_change
    }

    /// Whether its newest job waits for a worker.
    fn is_waiting(&self) -> bool {
        let started = self.started.map(|(number, _)| number);
        self.requested
            .is_some_and(|(number, _)| Some(number) > started)
    }

    /// Whether this long has passed since its newest job.
    fn is_due(&self, moment: Option<TimelinePoint>, interval: gst::ClockTime) -> bool {
        let Some((_, requested)) = self.requested else {
            return true;
        };
        let Some((now, then)) = moment.zip(requested) else {
            return true;
        };
        // After a jump back, another scene may have begun.
        now.has_jumped_back || now.steady.since(then) >= interval
    }
}

/// A region of a frame that is classified.
#[derive(Debug, Clone)]
pub struct TargetRegion {
    /// The metadata that it lies in.
    pub source: RegionSource,
    /// What its detector says of it.
    pub region: Region,
    /// Its part within the frame.
    pub rect: Rect,
}

/// A part of one frame that is classified: all of it, or a region.
#[derive(Debug, Clone)]
pub struct Target {
    /// What it shows.
    pub track: Arc<Track>,
    /// None for the whole frame.
    pub region: Option<TargetRegion>,
}

impl Target {
    /// Whether it is to be inferred if its frame is. In mode live a newer picture replaces one that
    /// waits for a worker.
    pub fn is_due(
        &self,
        moment: Option<TimelinePoint>,
        settings: &FrameSettings,
        is_live: bool,
    ) -> bool {
        let tracking = self.region.as_ref().and_then(|r| r.region.tracking_id);
        tracking.is_none() || {
            let state = self.track.state();
            (is_live && state.is_waiting()) || state.is_due(moment, settings.reclassify_interval)
        }
    }

    /// When it was last served.
    pub fn last_service(&self) -> LastService {
        LastService {
            served: self.track.state().started.map(|(_, count)| count),
            number: self.track.number,
        }
    }
}
