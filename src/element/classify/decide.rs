// SPDX-License-Identifier: MPL-2.0
//! What is decided from a model's answers, one subject's.

use std::sync::Arc;

use super::super::time::Steady;
use super::error::Error;
use super::settings::Settings;
use crate::inference::Cancel;
use crate::meta::{Decision, Group};
use crate::paths;
use crate::postprocess::{Candidates, Decider, Groups, Labels, Policy};
use crate::text;

/// The property `groups` for the built-in ones.
pub const IMAGENET_GROUPS: &str = "imagenet-groups";

/// What can be decided for, by a model's labels and the properties `groups`, `allow` and `deny`.
#[derive(Debug)]
pub struct Choice {
    candidates: Arc<Candidates>,
    groups: Option<Arc<Groups>>,
}

/// Reads the groups that the property `groups` names, if it names any.
pub fn groups(
    settings: &Settings,
    labels: &Labels,
    cancel: &Cancel,
) -> Result<Option<Arc<Groups>>, Error> {
    let groups = match &settings.groups {
        None => return Ok(None),
        Some(name) if name.as_os_str() == IMAGENET_GROUPS => {
            Groups::imagenet(labels.names().len())?
        }
        Some(name) => {
            let path = paths::named(name.as_os_str());
            Groups::read_unless(&path, labels, &|| cancel.is_cancelled())?
        }
    };
    Ok(Some(Arc::new(groups)))
}

impl Choice {
    /// None where no property asks for a decision.
    pub fn new(
        settings: &Settings,
        labels: &Labels,
        groups: Option<Arc<Groups>>,
    ) -> Result<Option<Self>, Error> {
        if !settings.decides() {
            return Ok(None);
        }
        let list = |list: &Option<String>| list.clone().unwrap_or_default();
        let (allow, deny) = (list(&settings.allow), list(&settings.deny));
        let candidates = Candidates::new(labels, groups.as_deref(), &allow, &deny)?;
        Ok(Some(Self {
            candidates: Arc::new(candidates),
            groups,
        }))
    }

    /// The `most` best groups of an answer, as far as they are not below `threshold`.
    pub fn groups(&self, confidences: &[f32], most: usize, threshold: f32) -> Vec<Group> {
        let Some(groups) = &self.groups else {
            return Vec::new();
        };
        let mut sums = Vec::new();
        groups.sum(confidences, &mut sums);
        let sums = sums.into_iter().take(most);
        sums.filter(|(_, confidence)| *confidence >= threshold)
            .map(|(index, confidence)| Group {
                label: groups.name(index),
                confidence,
            })
            .collect()
    }
}

/// What an answer adds to its subject's decision.
#[derive(Debug)]
pub struct Sample {
    pub choice: Arc<Choice>,
    pub confidences: Vec<f32>,
    pub policy: Policy,
}

/// A subject's decision. It takes the answers in the order of their frames.
#[derive(Debug, Default)]
pub struct Deciding {
    decider: Option<Decider>,
    /// Stream time of the frame that the decision began with.
    since: Option<gst::ClockTime>,
    clock: Clock,
}

/// When the samples are: in stream time, in nanoseconds, without its jumps.
#[derive(Debug, Default)]
struct Clock {
    now: u64,
    /// Of the newest sample that had a time.
    last: Option<Steady>,
    /// From one sample to the next.
    step: u64,
}

/// What a sample without a time counts for at most.
const LONGEST_STEP: u64 = 1_000_000_000;

impl Clock {
    /// Takes the next sample, which is `speed` times as far from the one before in stream time as
    /// in its steady one. None where no sample had a time so far.
    fn see(&mut self, steady: Option<Steady>, speed: f64) -> Option<u64> {
        let step = match (self.last, steady) {
            (None, None) => return None,
            (None, Some(_)) => 0,
            // It goes on as before.
            (Some(_), None) => self.step,
            (Some(last), Some(now)) => {
                let step = now.since(last).nseconds();
                // Without rounding where it can be.
                let step = match speed == 1.0 {
                    true => step,
                    false => (step as f64 * speed) as u64,
                };
                self.step = step.min(LONGEST_STEP);
                step
            }
        };
        self.last = steady.or(self.last);
        // A decision begins anew where this begins anew, after hundreds of years.
        self.now = self.now.wrapping_add(step);
        Some(self.now)
    }
}

impl Deciding {
    /// Takes the answer of the frame with this steady time, which is `speed` times as fast in the
    /// stream, and this stream time.
    pub fn take(
        &mut self,
        sample: &Sample,
        (steady, speed): (Option<Steady>, f64),
        time: Option<gst::ClockTime>,
    ) -> Option<Decision> {
        let candidates = &sample.choice.candidates;
        let decider = match &mut self.decider {
            Some(decider) if Arc::ptr_eq(decider.candidates(), candidates) => decider,
            other => other.insert(Decider::new(Arc::clone(candidates))),
        };
        let now = self.clock.see(steady, speed);
        if decider.update(&sample.confidences, now, &sample.policy) {
            self.since = time;
        }
        decider.decision().map(|decided| Decision {
            label: decided.label,
            confidence: decided.confidence,
            since: self.since,
        })
    }
}

/// The keywords of a stream: what was decided for so far.
#[derive(Debug, Default)]
pub struct Keywords {
    words: Vec<Arc<str>>,
    /// The tags that came with the stream: a tag event takes the place of the one before.
    upstream: Option<gst::TagList>,
    /// The same of those of the whole file, whose events are others.
    upstream_global: Option<gst::TagList>,
}

impl Keywords {
    /// Begins anew, as for a new stream.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// Adds a decision. Returns the event to send if it is a new one.
    pub fn add(&mut self, decision: &Decision) -> Option<gst::Event> {
        let label = decision.label.as_ref()?;
        if self.words.contains(label) {
            return None;
        }
        self.words.push(Arc::clone(label));
        Some(gst::event::Tag::new(self.list()))
    }

    /// Adds the keywords to a tag event from upstream.
    pub fn merge(&mut self, event: gst::Event) -> gst::Event {
        let gst::EventView::Tag(tag) = event.view() else {
            return event;
        };
        // Those of the whole file stand beside the stream's.
        if tag.tag().scope() != gst::TagScope::Stream {
            self.upstream_global = Some(tag.tag_owned());
            return event;
        }
        self.upstream = Some(tag.tag_owned());
        if self.words.is_empty() {
            return event;
        }
        gst::event::Tag::builder(self.list())
            .seqnum(event.seqnum())
            .build()
    }

    /// All of them as tags of the whole file, for the end of the stream: of the stream's tags a
    /// muxer keeps those that it was told first.
    pub fn whole(&self) -> Option<gst::Event> {
        if self.words.is_empty() {
            return None;
        }
        let mut list = self.with(self.upstream_global.clone());
        list.make_mut().set_scope(gst::TagScope::Global);
        Some(gst::event::Tag::new(list))
    }

    fn list(&self) -> gst::TagList {
        self.with(self.upstream.clone())
    }

    /// These tags and the keywords.
    fn with(&self, list: Option<gst::TagList>) -> gst::TagList {
        let mut list = list.unwrap_or_default();
        let tags = list.make_mut();
        for word in &self.words {
            // Players and gst-launch print tags as they are.
            let word = text::name(word).to_string();
            tags.add::<gst::tags::Keywords>(&word.as_str(), gst::TagMergeMode::Append);
        }
        list
    }
}
