// SPDX-License-Identifier: MPL-2.0
//! Tells the user that there are no regions to classify, which would go unnoticed otherwise.

use std::fmt::Write as _;
use std::sync::Arc;

use super::super::settings::FrameSettings;
use crate::text;

/// How long there may be no region before the user is told.
const TIME_WITHOUT_REGION: gst::ClockTime = gst::ClockTime::from_seconds(10);

/// Maximum time that one frame counts for, so that a jump of the timestamps does not trigger it.
const MAX_STEP: gst::ClockTime = gst::ClockTime::from_seconds(5);

/// How many frames there may be without a region, where they have no timestamps.
const FRAMES_WITHOUT_REGION: u64 = 300;

/// Maximum number of types that are named.
const MAX_TYPES: usize = 8;

/// What the user is to be told.
#[derive(Debug, PartialEq, Eq)]
pub enum Hint {
    /// It may be as it should be.
    Info(String),
    /// It is probably a mistake.
    Warning(String),
}

/// Counts regions from the start, or from a change of the settings, until one is classified or the
/// user has been told that none is.
#[derive(Debug, Default)]
pub struct RegionHint {
    frames: u64,
    /// Time since the first frame with a timestamp.
    time: Option<gst::ClockTime>,
    /// Types of the regions that were ignored, and the number of each.
    ignored: Vec<(Arc<str>, u64)>,
    /// There was analytics metadata, which this build cannot read.
    has_unreadable: bool,
    is_over: bool,
}

impl RegionHint {
    /// Notes that the last frame had GStreamer's analytics metadata, which this build cannot read.
    pub fn unreadable(&mut self) {
        self.has_unreadable = true;
    }

    /// Counts a region that is not classified.
    pub fn ignored(&mut self, kind: &Arc<str>) {
        if self.is_over {
            return;
        }
        if let Some((_, count)) = self.ignored.iter_mut().find(|(known, _)| known == kind) {
            *count += 1;
        } else if self.ignored.len() < MAX_TYPES {
            self.ignored.push((Arc::clone(kind), 1));
        }
    }

    /// Counts a frame: whether one of its regions is classified, and the time since the frame before,
    /// none where it has no timestamp.
    pub fn frame(&mut self, has_region: bool, step: Option<gst::ClockTime>) {
        self.is_over |= has_region;
        self.frames += 1;
        if let Some(step) = step {
            let step = step.min(MAX_STEP);
            // The first timestamp starts the clock.
            let time = self.time.map(|time| time.saturating_add(step));
            self.time = Some(time.unwrap_or(gst::ClockTime::ZERO));
        }
    }

    /// What the user is to be told now. At the end of the stream it does not wait any longer.
    pub fn hint(&mut self, settings: &FrameSettings, is_end: bool) -> Option<Hint> {
        let is_long = match self.time {
            Some(time) => time >= TIME_WITHOUT_REGION,
            None => self.frames >= FRAMES_WITHOUT_REGION,
        };
        if self.is_over || self.frames == 0 || !(is_long || is_end) {
            return None;
        }
        self.is_over = true;
        if self.ignored.is_empty() {
            let none = match self.frames {
                1 => "the only frame had no region to classify".to_owned(),
                frames => format!("none of {frames} frames had a region to classify"),
            };
            if self.has_unreadable {
                return Some(Hint::Warning(format!(
                    "{none}, but there was GStreamer's analytics metadata, where detectors of \
                     GStreamer 1.24 and later put their boxes (GstAnalyticsODMtd). This build of \
                     the plugin cannot read it: build it with the feature v1_24, or use a detector \
                     that attaches GstVideoRegionOfInterestMeta"
                )));
            }
            let metas = match cfg!(feature = "v1_24") {
                true => "GstVideoRegionOfInterestMeta or GstAnalyticsODMtd",
                false => "GstVideoRegionOfInterestMeta",
            };
            return Some(Hint::Info(format!(
                "{none}. If nothing was in view, all is well; else put a detector that attaches \
                 {metas} before resnet50, or set region=frame"
            )));
        }
        let mut types = String::new();
        for (kind, count) in &self.ignored {
            let comma = if types.is_empty() { "" } else { ", " };
            // Writing to a string cannot fail.
            let _ = write!(types, "{comma}“{}” ({count})", text::name(kind));
        }
        let wanted = match &settings.roi_types.text {
            Some(types) => format!("roi-types is “{}”", text::message(types)),
            None => "roi-types is unset, which takes all".into(),
        };
        let frames = match self.frames {
            1 => "the only frame".to_owned(),
            frames => format!("{frames} frames"),
        };
        Some(Hint::Warning(format!(
            "none of the regions of {frames} is classified. There were regions of type \
             {types}; {wanted}, roi-min-size is {}, and what lies outside of the frame does not \
             count",
            settings.roi_min_size
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::settings::Settings;
    use super::super::super::values::RoiTypes;
    use super::*;

    fn settings() -> Settings {
        gst::init().expect("GStreamer");
        Settings::default()
    }

    fn time(seconds: u64) -> Option<gst::ClockTime> {
        Some(gst::ClockTime::from_seconds(seconds))
    }

    #[test]
    fn nothing_for_long() {
        let settings = settings().frame;
        let mut hint = RegionHint::default();
        assert_eq!(hint.hint(&settings, true), None, "nothing has come");
        for _ in 5..15 {
            hint.frame(false, time(1));
            assert_eq!(hint.hint(&settings, false), None);
        }
        hint.frame(false, time(1));
        assert!(matches!(hint.hint(&settings, false), Some(Hint::Info(_))));
        hint.frame(false, time(85));
        assert_eq!(hint.hint(&settings, true), None, "it was said");
    }

    /// One time that lies hours ahead is not yet for long.
    #[test]
    fn a_jump_is_not_long() {
        let settings = settings().frame;
        let mut hint = RegionHint::default();
        hint.frame(false, time(0));
        for step in [1, 36_000, 1, 1] {
            hint.frame(false, time(step));
            assert_eq!(hint.hint(&settings, false), None);
        }
    }

    #[test]
    fn ends_early() {
        let settings = settings().frame;
        let mut hint = RegionHint::default();
        hint.frame(false, None);
        let Some(Hint::Info(text)) = hint.hint(&settings, true) else {
            panic!("an information");
        };
        assert!(text.starts_with("the only frame had no region"), "{text}");
    }

    /// Boxes that this build may have missed are a reason to warn.
    #[test]
    fn unreadable() {
        let settings = settings().frame;
        let mut hint = RegionHint::default();
        hint.frame(false, None);
        hint.unreadable();
        let Some(Hint::Warning(text)) = hint.hint(&settings, true) else {
            panic!("a warning");
        };
        assert!(text.contains("v1_24"), "{text}");
    }

    #[test]
    fn names_what_came() {
        let mut settings = settings();
        settings.frame.roi_types = RoiTypes::new(Some("fase".into()));
        let mut hint = RegionHint::default();
        for _ in 0..3 {
            hint.ignored(&"face".into());
            hint.frame(false, None);
        }
        let Some(Hint::Warning(text)) = hint.hint(&settings.frame, true) else {
            panic!("a warning");
        };
        assert!(
            text.contains("“face” (3)") && text.contains("“fase”"),
            "{text}"
        );
    }

    #[test]
    fn content() {
        let settings = settings().frame;
        let mut hint = RegionHint::default();
        hint.ignored(&"face".into());
        hint.frame(true, time(0));
        hint.frame(false, time(100));
        assert_eq!(hint.hint(&settings, true), None);
    }
}
