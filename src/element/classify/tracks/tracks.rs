// SPDX-License-Identifier: MPL-2.0
//! The tracks of a stream, and which of them a frame shows.

use std::sync::Arc;

use super::super::super::time::TimelinePoint;
use super::super::log::CAT;
use super::super::settings::FrameSettings;
use super::region_hint::RegionHint;
use super::track::{Target, TargetRegion, Track};
use crate::meta;
use crate::postprocess::{Detection, ObjectTracker};

/// Maximum number of regions of a frame that are classified. A detector that finds more is broken.
const MAX_REGIONS: usize = 1024;

/// The whole frame, and the objects that regions show.
#[derive(Debug)]
pub struct Tracks {
    frame: Arc<Track>,
    objects: ObjectTracker<Arc<Track>>,
    count: u64,
    /// Whether there are regions to classify.
    pub hint: RegionHint,
}

impl Default for Tracks {
    fn default() -> Self {
        Self {
            frame: Track::new(0),
            objects: ObjectTracker::default(),
            count: 0,
            hint: RegionHint::default(),
        }
    }
}

impl Tracks {
    /// Forgets all results: nothing is known of the frames that follow.
    pub fn reset(&mut self) {
        self.count += 1;
        self.frame = Track::new(self.count);
        self.objects = ObjectTracker::default();
    }

    /// What is to be classified of a frame of this size.
    pub fn targets(
        &mut self,
        buffer: &gst::BufferRef,
        size: (u32, u32),
        moment: Option<TimelinePoint>,
        settings: &FrameSettings,
    ) -> Vec<Target> {
        let mut targets = Vec::new();
        if settings.region.has_frame() {
            targets.push(Target {
                track: Arc::clone(&self.frame),
                region: None,
            });
        }
        if settings.region.has_regions() {
            self.add_regions(&mut targets, buffer, size, moment, settings);
        }
        targets
    }

    fn add_regions(
        &mut self,
        targets: &mut Vec<Target>,
        buffer: &gst::BufferRef,
        (width, height): (u32, u32),
        moment: Option<TimelinePoint>,
        settings: &FrameSettings,
    ) {
        let mut found = Vec::new();
        for (source, region) in meta::find_regions(buffer) {
            let rect = region.rect.clip(width, height).filter(|rect| {
                settings.roi_types.contain(&region.kind)
                    && rect.width.min(rect.height) >= settings.roi_min_size
            });
            match rect {
                None => self.hint.ignored(&region.kind),
                Some(_) if found.len() == MAX_REGIONS => {
                    gst::log!(
                        CAT,
                        "more than {MAX_REGIONS} regions: the others are ignored"
                    );
                    break;
                }
                Some(rect) => found.push(TargetRegion {
                    source,
                    region,
                    rect,
                }),
            }
        }
        let step = moment.map(|moment| moment.step);
        self.hint.frame(!found.is_empty(), step);
        if found.is_empty() && meta::has_unreadable_objects(buffer) {
            self.hint.unreadable();
        }
        let detections = found.iter().map(|found| Detection {
            tracking_id: found.region.tracking_id,
            kind: Arc::clone(&found.region.kind),
            place: found.rect,
        });
        let count = &mut self.count;
        let tracks = self.objects.see(detections.collect(), || {
            *count += 1;
            Track::new(*count)
        });
        targets.extend(tracks.into_iter().zip(found).map(|(track, region)| Target {
            track,
            region: Some(region),
        }));
    }
}
