// SPDX-License-Identifier: MPL-2.0
//! What is classified again and again: the whole frame, and each object that regions show.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::classifier::Answer;
use super::decide::Deciding;
use super::settings::FrameSettings;
use super::stream::Topic;
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
    asked: Option<(u64, Option<gst::ClockTime>)>,
    /// What was last posted of it with `messages=change`.
    pub topic: Option<Topic>,
}

/// An answer, with the number of its ticket and the time of its frame.
#[derive(Debug)]
struct Newest {
    classification: Classification,
    number: u64,
    pts: Option<gst::ClockTime>,
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
    /// Takes an answer, with the decision that comes of it, `time` being its frame's stream time.
    /// None if a newer one is there: workers may overtake each other.
    pub fn take(
        &mut self,
        answer: Answer,
        number: u64,
        pts: Option<gst::ClockTime>,
        time: Option<gst::ClockTime>,
    ) -> Option<Classification> {
        if self.newest.as_ref().is_some_and(|n| n.number >= number) {
            return None;
        }
        let sample = answer.sample.as_ref();
        let classification = Classification {
            decision: sample.and_then(|sample| self.deciding.take(sample, time)),
            ..answer.classification
        };
        self.newest = Some(Newest {
            classification: classification.clone(),
            number,
            pts,
        });
        Some(classification)
    }

    /// The newest answer for a frame that has none of its own.
    pub fn carried(&self, pts: Option<gst::ClockTime>) -> Option<Classification> {
        let newest = self.newest.as_ref()?;
        Some(Classification {
            fresh: false,
            age: pts
                .zip(newest.pts)
                .map(|(now, then)| now.saturating_sub(then)),
            ..newest.classification.clone()
        })
    }

    /// The job was not done: it counts as not made.
    pub fn dropped(&mut self, number: u64) {
        self.asked = self.asked.filter(|(asked, _)| *asked != number);
    }

    /// Whether this long has passed since a job was last made of it.
    fn is_due(&self, pts: Option<gst::ClockTime>, interval: gst::ClockTime) -> bool {
        let Some((_, asked)) = self.asked else {
            return true;
        };
        // Where the time has jumped back, nobody knows.
        let since = pts.zip(asked).and_then(|(now, then)| now.checked_sub(then));
        since.is_none_or(|since| since >= interval)
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
    /// Whether it is to be classified, if its frame is.
    pub fn is_due(&self, pts: Option<gst::ClockTime>, settings: &FrameSettings) -> bool {
        let tracking = self.place.as_ref().and_then(|p| p.region.tracking_id);
        tracking.is_none() || {
            let known = self.subject.known();
            known.is_due(pts, settings.reclassify_interval)
        }
    }

    /// A job is made of it.
    pub fn ask(&self, number: u64, pts: Option<gst::ClockTime>) {
        self.subject.known().asked = Some((number, pts));
    }
}

/// Frames without a region that counts, from the first on, after which the user is told.
const BARREN: u32 = 100;

/// Whether regions come at all, which nobody would see otherwise.
#[derive(Debug, Default)]
struct Watch {
    /// Frames that had none.
    frames: u32,
    /// The last region that did not count.
    refused: Option<Region>,
    /// There was one, or the user has been told.
    is_over: bool,
}

/// The subjects of a stream.
#[derive(Debug)]
pub struct Subjects {
    frame: Arc<Subject>,
    objects: Objects<Arc<Subject>>,
    count: u64,
    watch: Watch,
}

impl Watch {
    /// Takes a frame: whether a region of it counts, and one that does not.
    fn see(&mut self, counts: bool, refused: Option<Region>) {
        self.is_over |= counts;
        self.frames = self.frames.saturating_add(1);
        self.refused = refused.or(self.refused.take());
    }

    fn hint(&mut self, settings: &FrameSettings) -> Option<String> {
        if self.is_over || self.frames < BARREN {
            return None;
        }
        self.is_over = true;
        Some(match &self.refused {
            None => format!(
                "nothing is classified in regions: none of the first {BARREN} frames had one. Put \
                 a detector that attaches GstVideoRegionOfInterestMeta before this element, or set \
                 region=frame"
            ),
            Some(Region {
                kind,
                x,
                y,
                width,
                height,
                ..
            }) => format!(
                "nothing is classified in regions: none of those of the first {BARREN} frames \
                 counts. The last was of type “{kind}”, {width}x{height} at {x},{y}; roi-types is \
                 “{}”, roi-min-size is {}",
                settings.roi_types.text.as_deref().unwrap_or("any"),
                settings.roi_min_size
            ),
        })
    }
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

    /// What the user is to be told, once, if no region has come for long.
    pub fn hint(&mut self, settings: &FrameSettings) -> Option<String> {
        self.watch.hint(settings)
    }

    /// The parts of a frame of this size that count.
    pub fn parts(
        &mut self,
        buffer: &gst::BufferRef,
        size: (u32, u32),
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
            self.add_regions(&mut parts, buffer, size, settings);
        }
        parts
    }

    fn add_regions(
        &mut self,
        parts: &mut Vec<Part>,
        buffer: &gst::BufferRef,
        (width, height): (u32, u32),
        settings: &FrameSettings,
    ) {
        let mut refused = None;
        let regions = buffer.iter_meta::<gst_video::VideoRegionOfInterestMeta>();
        let places = regions.enumerate().filter_map(|(index, meta)| {
            let region = Region::from_meta(&meta);
            let rect = Rect {
                x: region.x,
                y: region.y,
                width: region.width,
                height: region.height,
            };
            let rect = rect.clip(width, height).filter(|rect| {
                settings.roi_types.contain(&region.kind)
                    && rect.width.min(rect.height) >= settings.roi_min_size
            });
            let Some(rect) = rect else {
                refused = Some(region);
                return None;
            };
            Some(Place {
                index,
                region,
                rect,
            })
        });
        let places: Vec<Place> = places.collect();
        self.watch.see(!places.is_empty(), refused);
        let detections = places.iter().map(|place| Detection {
            tracking_id: place.region.tracking_id,
            kind: Arc::clone(&place.region.kind),
            place: [
                place.rect.x,
                place.rect.y,
                place.rect.width,
                place.rect.height,
            ],
        });
        let count = &mut self.count;
        let subjects = self.objects.see(
            detections.collect(),
            buffer.pts().map(gst::ClockTime::nseconds),
            || {
                *count += 1;
                Subject::new(*count)
            },
        );
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
