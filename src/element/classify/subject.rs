// SPDX-License-Identifier: MPL-2.0
//! What is classified again and again: the whole frame, and each object that regions show.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::super::time::{Moment, Steady, When};
use super::classifier::Answer;
use super::decide::Deciding;
use super::imp::CAT;
use super::settings::FrameSettings;
use super::stream::Topic;
use super::turns::Turn;
use super::watch::Watch;
use crate::meta::{self, Classification, Region};
use crate::postprocess::{Detection, Objects};
use crate::preprocess::Rect;

/// One of them. Its lock is taken for a moment only, under the stream's.
#[derive(Debug)]
pub struct Subject {
    /// Tells it from the stream's others.
    pub number: u64,
    known: Mutex<Known>,
}

/// What is known of a subject.
#[derive(Debug, Default)]
pub struct Known {
    /// The newest answer.
    newest: Option<Newest>,
    deciding: Deciding,
    /// The job that was last made of it: its ticket's number, and its frame's time.
    asked: Option<(u64, Option<Steady>)>,
    /// The job of it that a worker last took: its ticket's number, and the stream's clock.
    taken: Option<(u64, u64)>,
    /// What was last posted of it with `messages=change`.
    pub topic: Option<Topic>,
}

/// An answer, with the number of its ticket and the time of its frame.
#[derive(Debug)]
struct Newest {
    classification: Classification,
    number: u64,
    when: When,
}

impl Subject {
    fn new(number: u64) -> Arc<Self> {
        Arc::new(Self {
            number,
            known: Mutex::default(),
        })
    }

    pub fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Takes an answer, with the decision that comes of it, `time` being its frame's stream time,
    /// which goes `speed` times as fast as its timestamps. None if a newer one is there: workers may
    /// overtake each other.
    pub fn take(
        &mut self,
        answer: Answer,
        number: u64,
        when: When,
        (time, speed): (Option<gst::ClockTime>, f64),
    ) -> Option<Classification> {
        if self.newest.as_ref().is_some_and(|n| n.number >= number) {
            return None;
        }
        let sample = answer.sample.as_ref();
        let classification = Classification {
            decision: sample
                .and_then(|sample| self.deciding.take(sample, (when.steady, speed), time)),
            ..answer.classification
        };
        self.newest = Some(Newest {
            classification: classification.clone(),
            number,
            when,
        });
        Some(classification)
    }

    /// The newest answer for a frame that has none of its own.
    pub fn carried(&self, when: When) -> Option<Classification> {
        let newest = self.newest.as_ref()?;
        Some(Classification {
            fresh: false,
            age: when.since(newest.when),
            ..newest.classification.clone()
        })
    }

    /// A worker has taken the job.
    pub fn taken(&mut self, number: u64, clock: u64) {
        self.taken = Some((number, clock));
    }

    /// The job was not done: it counts as not made.
    pub fn dropped(&mut self, number: u64) {
        self.asked = self.asked.filter(|(asked, _)| *asked != number);
    }

    /// Whether the job that was last made of it waits for a worker.
    fn waits(&self) -> bool {
        let taken = self.taken.map(|(number, _)| number);
        self.asked.is_some_and(|(number, _)| Some(number) > taken)
    }

    /// Whether this long has passed since a job was last made of it.
    fn is_due(&self, moment: Option<Moment>, interval: gst::ClockTime) -> bool {
        let Some((_, asked)) = self.asked else {
            return true;
        };
        let Some((now, then)) = moment.zip(asked) else {
            return true;
        };
        // Where the time has jumped back, another scene may have begun.
        now.is_anew || now.steady.since(then) >= interval
    }
}

/// A region of a frame.
#[derive(Debug, Clone)]
pub struct Place {
    /// Which of the buffer's regions it is.
    pub index: usize,
    pub region: Region,
    /// What of it lies within the frame.
    pub rect: Rect,
}

/// A part of a frame that counts: all of it, or a region.
#[derive(Debug, Clone)]
pub struct Part {
    pub subject: Arc<Subject>,
    /// None for the whole frame.
    pub place: Option<Place>,
}

impl Part {
    /// Whether it is to be classified, if its frame is. In mode live a newer picture takes the
    /// place of one that waits.
    pub fn is_due(&self, moment: Option<Moment>, settings: &FrameSettings, is_live: bool) -> bool {
        let tracking = self.place.as_ref().and_then(|p| p.region.tracking_id);
        tracking.is_none() || {
            let known = self.subject.known();
            (is_live && known.waits()) || known.is_due(moment, settings.reclassify_interval)
        }
    }

    /// When it last had its turn.
    pub fn turn(&self) -> Turn {
        Turn {
            taken: self.subject.known().taken.map(|(_, clock)| clock),
            number: self.subject.number,
        }
    }

    /// A job is made of it.
    pub fn ask(&self, number: u64, steady: Option<Steady>) {
        self.subject.known().asked = Some((number, steady));
    }
}

/// Most regions of a frame that are classified. A detector that finds more has lost its senses.
const MOST_REGIONS: usize = 1024;

/// The subjects of a stream.
#[derive(Debug)]
pub struct Subjects {
    frame: Arc<Subject>,
    objects: Objects<Arc<Subject>>,
    count: u64,
    /// Whether regions come at all.
    pub watch: Watch,
}

impl Default for Subjects {
    fn default() -> Self {
        Self {
            frame: Subject::new(0),
            objects: Objects::default(),
            count: 0,
            watch: Watch::default(),
        }
    }
}

impl Subjects {
    /// Begins anew: nothing is known of the frames that come.
    pub fn reset(&mut self) {
        self.count += 1;
        self.frame = Subject::new(self.count);
        self.objects = Objects::default();
    }

    /// The parts of a frame of this size that count.
    pub fn parts(
        &mut self,
        buffer: &gst::BufferRef,
        size: (u32, u32),
        moment: Option<Moment>,
        settings: &FrameSettings,
    ) -> Vec<Part> {
        let mut parts = Vec::new();
        if settings.region.has_frame() {
            parts.push(Part {
                subject: Arc::clone(&self.frame),
                place: None,
            });
        }
        if settings.region.has_regions() {
            self.add_regions(&mut parts, buffer, size, moment, settings);
        }
        parts
    }

    fn add_regions(
        &mut self,
        parts: &mut Vec<Part>,
        buffer: &gst::BufferRef,
        (width, height): (u32, u32),
        moment: Option<Moment>,
        settings: &FrameSettings,
    ) {
        let mut places = Vec::new();
        let regions = buffer.iter_meta::<gst_video::VideoRegionOfInterestMeta>();
        for (index, meta) in regions.enumerate() {
            let region = Region::from_meta(&meta);
            let rect = region.rect.clip(width, height).filter(|rect| {
                settings.roi_types.contain(&region.kind)
                    && rect.width.min(rect.height) >= settings.roi_min_size
            });
            match rect {
                None => self.watch.refuse(&region.kind),
                Some(_) if places.len() == MOST_REGIONS => {
                    gst::log!(
                        CAT,
                        "more than {MOST_REGIONS} regions: the others are left alone"
                    );
                    break;
                }
                Some(rect) => places.push(Place {
                    index,
                    region,
                    rect,
                }),
            }
        }
        let step = moment.map(|moment| moment.step);
        self.watch.see(!places.is_empty(), step);
        let detections = places.iter().map(|place| Detection {
            tracking_id: place.region.tracking_id,
            kind: Arc::clone(&place.region.kind),
            place: place.rect,
        });
        let count = &mut self.count;
        let subjects = self.objects.see(detections.collect(), || {
            *count += 1;
            Subject::new(*count)
        });
        let seen = subjects.into_iter().zip(places);
        parts.extend(seen.map(|(subject, place)| Part {
            subject,
            place: Some(place),
        }));
    }
}

/// Puts what is known of a frame's parts onto its buffer. Only where there is something, the
/// buffer is made writable, and of it nothing but the metadata.
pub fn attach(buffer: &mut gst::Buffer, seen: &[(Part, Classification)]) {
    if seen.is_empty() {
        return;
    }
    let buffer = buffer.make_mut();
    let mut regions = Vec::new();
    for (part, classification) in seen {
        match &part.place {
            None => meta::attach(buffer, classification),
            Some(place) => regions.push((place.index, classification)),
        }
    }
    meta::attach_regions(buffer, &regions);
}
