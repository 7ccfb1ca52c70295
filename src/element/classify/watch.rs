// SPDX-License-Identifier: MPL-2.0
//! Whether there are regions to classify at all, which nobody would see otherwise.

use std::fmt::Write as _;
use std::sync::Arc;

use super::settings::FrameSettings;
use crate::text;

/// How long the user is not bothered.
const PATIENCE: gst::ClockTime = gst::ClockTime::from_seconds(10);

/// A frame after a longer gap does not count for more.
const LONGEST_STEP: gst::ClockTime = gst::ClockTime::from_seconds(5);

/// The same in frames, where they have no times.
const PATIENCE_FRAMES: u64 = 300;

/// Types that are named.
const MOST_TYPES: usize = 8;

/// What the user is to be told.
#[derive(Debug, PartialEq, Eq)]
pub enum Hint {
    /// It may be as it should be.
    Info(String),
    /// It is a mistake in all likelihood.
    Warning(String),
}

/// Watches the regions from the start on, or from a change of the settings on, until one counts or
/// the user has been told that none does.
#[derive(Debug, Default)]
pub struct Watch {
    frames: u64,
    /// Up to now, from the first one with a time on.
    time: Option<gst::ClockTime>,
    /// Types of the regions that did not count, and how many these were.
    refused: Vec<(Arc<str>, u64)>,
    is_over: bool,
}

impl Watch {
    /// Takes a region that does not count.
    pub fn refuse(&mut self, kind: &Arc<str>) {
        if self.is_over {
            return;
        }
        if let Some((_, count)) = self.refused.iter_mut().find(|(known, _)| known == kind) {
            *count += 1;
        } else if self.refused.len() < MOST_TYPES {
            self.refused.push((Arc::clone(kind), 1));
        }
    }

    /// Takes a frame: whether a region of it counts, and how long after the one before it is, none
    /// where it has no time.
    pub fn see(&mut self, counts: bool, step: Option<gst::ClockTime>) {
        self.is_over |= counts;
        self.frames += 1;
        if let Some(step) = step {
            let step = step.min(LONGEST_STEP);
            // What was before the first one is of no concern.
            let time = self.time.map(|time| time.saturating_add(step));
            self.time = Some(time.unwrap_or(gst::ClockTime::ZERO));
        }
    }

    /// What the user is to be told now; at the end of the stream there is nothing to wait for.
    pub fn hint(&mut self, settings: &FrameSettings, is_end: bool) -> Option<Hint> {
        let is_long = match self.time {
            Some(time) => time >= PATIENCE,
            None => self.frames >= PATIENCE_FRAMES,
        };
        if self.is_over || self.frames == 0 || !(is_long || is_end) {
            return None;
        }
        self.is_over = true;
        if self.refused.is_empty() {
            let none = match self.frames {
                1 => "the only frame had no region to classify".to_owned(),
                frames => format!("none of {frames} frames had a region to classify"),
            };
            return Some(Hint::Info(format!(
                "{none}. If nothing was in view, all is \
                 well; else put a detector that attaches GstVideoRegionOfInterestMeta before \
                 resnet50, or set region=frame"
            )));
        }
        let mut types = String::new();
        for (kind, count) in &self.refused {
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
    use super::*;
    use crate::element::classify::settings::Settings;

    fn time(seconds: u64) -> Option<gst::ClockTime> {
        Some(gst::ClockTime::from_seconds(seconds))
    }

    #[test]
    fn nothing_for_long() {
        let settings = Settings::default().frame;
        let mut watch = Watch::default();
        assert_eq!(watch.hint(&settings, true), None, "nothing has come");
        for _ in 5..15 {
            watch.see(false, time(1));
            assert_eq!(watch.hint(&settings, false), None);
        }
        watch.see(false, time(1));
        assert!(matches!(watch.hint(&settings, false), Some(Hint::Info(_))));
        watch.see(false, time(85));
        assert_eq!(watch.hint(&settings, true), None, "it was said");
    }

    /// One time that lies hours ahead is not yet for long.
    #[test]
    fn a_jump_is_not_long() {
        let settings = Settings::default().frame;
        let mut watch = Watch::default();
        watch.see(false, time(0));
        for step in [1, 36_000, 1, 1] {
            watch.see(false, time(step));
            assert_eq!(watch.hint(&settings, false), None);
        }
    }

    #[test]
    fn ends_early() {
        let settings = Settings::default().frame;
        let mut watch = Watch::default();
        watch.see(false, None);
        let Some(Hint::Info(text)) = watch.hint(&settings, true) else {
            panic!("an information");
        };
        assert!(text.starts_with("the only frame had no region"), "{text}");
    }

    #[test]
    fn names_what_came() {
        let mut settings = Settings::default();
        settings.set("roi-types", &"fase".to_value());
        let mut watch = Watch::default();
        for _ in 0..3 {
            watch.refuse(&"face".into());
            watch.see(false, None);
        }
        let Some(Hint::Warning(text)) = watch.hint(&settings.frame, true) else {
            panic!("a warning");
        };
        assert!(
            text.contains("“face” (3)") && text.contains("“fase”"),
            "{text}"
        );
    }

    #[test]
    fn content() {
        let settings = Settings::default().frame;
        let mut watch = Watch::default();
        watch.refuse(&"face".into());
        watch.see(true, time(0));
        watch.see(false, time(100));
        assert_eq!(watch.hint(&settings, true), None);
    }

    use glib::prelude::ToValue;
}
