// SPDX-License-Identifier: MPL-2.0
//! Mode live: a frame leaves at once, with the newest results there are.

use std::time::Instant;

use gst::prelude::*;

use super::super::time::Timestamp;
use super::core::Core;
use super::job::FrameJob;
use super::messages::is_posted;
use super::settings::FrameSettings;
use super::stream::{LateResult, PollInput};
use super::tracks::{attach, fair_order};
use crate::classifier::{Error, Loaded};
use crate::inference::Job;

impl Core {
    /// Hands a frame to the engine, and pushes it without waiting for its results.
    pub(super) fn pass_on(
        &self,
        mut buffer: gst::Buffer,
        settings: &FrameSettings,
        arrived: Instant,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        let (request, loaded) = {
            let mut state = self.stream.lock();
            loop {
                match state.poll_live() {
                    PollInput::Forward(loaded) => {
                        let request = state.request(&buffer, settings, arrived, true)?;
                        break (Some(request), Some(loaded));
                    }
                    PollInput::PassOn => break (None, None),
                    PollInput::Wait(until) => state = self.stream.wait_until(state, until),
                    PollInput::Refuse(error) => return Err(error),
                }
            }
        };
        let mut targets = Vec::new();
        let mut when = Timestamp::default();
        if let (Some(request), Some(loaded)) = (request, loaded) {
            self.count_skipped(&request);
            let jobs = self.jobs(&request, &buffer, &loaded, settings).collect();
            self.submit(jobs, &loaded, &buffer, settings);
            if let Err(error) = loaded.stream.engine().check() {
                self.error(&Error::from(error));
                return Err(gst::FlowError::Error);
            }
            when = request.when;
            targets = request.targets;
        }

        let (results, late, failure, tags, hint, warning) = {
            let mut state = self.stream.lock();
            // Under one lock, so that the frame carries what is posted before it.
            let (late, failure) = state.results.take_late();
            let results = targets.into_iter().filter_map(|(target, _)| {
                let carried = target.track.state().carried(when)?;
                Some((target, carried))
            });
            let results: Vec<_> = results.collect();
            let tags = settings.tags.then(|| state.results.tags(&results));
            let hint = state.results.tracks.hint.hint(settings, false);
            let warning = state.timing.flagged.warning();
            (results, late, failure, tags.flatten(), hint, warning)
        };
        self.post_hint(hint);
        self.warn_of_flags(warning);
        if let Some(error) = failure {
            self.error(&error);
            return Err(gst::FlowError::Error);
        }
        for late in late {
            let LateResult {
                classification,
                target,
                pts,
            } = late;
            if is_posted(&target, &classification, settings.messages) {
                self.post_result(&classification, &target, pts, None);
            }
        }
        if let Some(tags) = tags {
            // The frame follows, whether downstream takes tags or not.
            self.src.push_event(tags);
        }
        attach(&mut buffer, &results);
        self.src.push(buffer)
    }

    /// Hands jobs to the engine, where they replace waiting jobs of the same tracks.
    fn submit(
        &self,
        jobs: Vec<FrameJob>,
        loaded: &Loaded,
        buffer: &gst::BufferRef,
        settings: &FrameSettings,
    ) {
        if jobs.is_empty() {
            return;
        }
        let jobs = fair_order(jobs, self.stream.started_jobs(), |job| {
            job.target.last_service()
        });
        let jobs = jobs.into_iter();
        let jobs = jobs.map(|job| (job.target.track.number, Box::new(job) as Box<dyn Job>));
        let overtaken = loaded.stream.submit_latest(jobs, settings.batch_timeout);
        if overtaken > 0 {
            self.count_overtaken(overtaken, buffer);
        }
    }
}
