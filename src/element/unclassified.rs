// SPDX-License-Identifier: MPL-2.0
//! The message at the end of a stream if an element that reads classifications never got one.

use super::upstream;
use crate::meta::{any_classifications, regions_of};

/// Looks for classifications in the frames of a stream.
#[derive(Debug, Default)]
pub struct UnclassifiedCheck {
    /// There was one, so there is nothing to post.
    is_done: bool,
    /// Frames without classification.
    frames: u64,
    /// Whether one of these frames had a region of interest.
    has_regions: bool,
}

/// The stream has ended, and none of its frames was classified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unclassified {
    frames: u64,
    has_regions: bool,
}

impl UnclassifiedCheck {
    /// Takes the next frame.
    pub fn see(&mut self, frame: &gst::BufferRef) {
        if self.is_done {
            return;
        }
        self.is_done = !any_classifications(frame, None).is_empty();
        self.frames = self.frames.saturating_add(1);
        self.has_regions |= !regions_of(frame).is_empty();
    }

    /// The stream was flushed: its frames up to here do not count.
    pub fn flush(&mut self) {
        *self = Self {
            is_done: self.is_done,
            ..Self::default()
        };
    }

    /// The stream has ended. Only later frames count for the next end.
    pub fn end(&mut self) -> Option<Unclassified> {
        let Self {
            is_done,
            frames,
            has_regions,
        } = *self;
        self.flush();
        (!is_done && frames > 0).then_some(Unclassified {
            frames,
            has_regions,
        })
    }
}

impl Unclassified {
    /// Posts what to do: a warning if the pipeline is wrong, and an info message if the frames may
    /// have had nothing to classify. No lock may be held.
    pub fn post(self, element: &gst::Element, sink: &gst::Pad) {
        let place = Place::of_resnet50(sink);
        let text = self.text(place);
        match place {
            Place::Nowhere => {
                gst::element_warning!(element, gst::StreamError::Failed, ("{}", text));
            }
            Place::Further if self.has_regions => {
                gst::element_warning!(element, gst::StreamError::Failed, ("{}", text));
            }
            Place::Further | Place::Next => {
                // gst-launch shows only the debug text of an info message.
                gst::element_info!(
                    element,
                    gst::StreamError::Failed,
                    ("{}", text),
                    ["{}", text]
                );
            }
        }
    }

    fn text(self, place: Place) -> String {
        let what = match self.frames {
            1 => "the only frame carried no classification".to_owned(),
            frames => format!("none of the {frames} frames carried a classification"),
        };
        let converter = "a converter between resnet50 and this element leaves the regions' \
                         parameters behind: put this element directly behind resnet50";
        match (place, self.has_regions) {
            (Place::Nowhere, false) => format!("{what}: put resnet50 before this element"),
            (Place::Nowhere, true) => format!(
                "{what}, nor did any of their regions: put resnet50 before this element. If it is \
                 there, {converter}"
            ),
            (Place::Further, true) => format!(
                "{what}, nor did any of their regions: {converter}. If there is none, \
                 its roi-types and roi-min-size leave all regions out"
            ),
            (Place::Further, false) | (Place::Next, _) => format!(
                "{what}: resnet50 gave no result before the stream ended (see its mode), or \
                 found no region to classify (see its region, roi-types and roi-min-size)"
            ),
        }
    }
}

/// Where `resnet50` is, seen from an element downstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Not upstream of the element.
    Nowhere,
    /// Upstream, with other elements between.
    Further,
    /// Linked directly to the element.
    Next,
}

impl Place {
    fn of_resnet50(sink: &gst::Pad) -> Self {
        match upstream::classifiers(sink).next() {
            None => Self::Nowhere,
            Some(found) if found.is_next => Self::Next,
            Some(_) => Self::Further,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each case has its own remedy.
    #[test]
    fn texts() {
        let text = |frames, has_regions, place| {
            Unclassified {
                frames,
                has_regions,
            }
            .text(place)
        };
        assert_eq!(
            text(12, false, Place::Nowhere),
            "none of the 12 frames carried a classification: put resnet50 before this element"
        );
        let converter = "put this element directly behind resnet50";
        let nowhere = text(1, true, Place::Nowhere);
        assert!(nowhere.starts_with("the only frame carried no classification"));
        assert!(nowhere.contains("put resnet50 before this element"));
        assert!(nowhere.contains(converter));
        let further = text(2, true, Place::Further);
        assert!(further.contains(converter));
        assert!(!further.contains("before this element"), "it is there");
        for (has_regions, place) in [
            (false, Place::Further),
            (false, Place::Next),
            (true, Place::Next),
        ] {
            let nothing = text(2, has_regions, place);
            assert!(nothing.contains("gave no result"), "{nothing}");
            assert!(!nothing.contains("put "), "{nothing}");
        }
    }

    /// Only frames count, only since the last end or flush, and not after a classification.
    #[test]
    fn counts() {
        gst::init().expect("GStreamer");
        crate::meta::register();
        let frame = gst::Buffer::new();
        let mut check = UnclassifiedCheck::default();
        assert_eq!(check.end(), None);
        check.see(&frame);
        check.see(&frame);
        let found = check.end().expect("two frames");
        assert_eq!((found.frames, found.has_regions), (2, false));
        assert_eq!(check.end(), None, "it has been said");
        check.see(&frame);
        check.flush();
        assert_eq!(check.end(), None);

        let mut region = gst::Buffer::new();
        gst_video::VideoRegionOfInterestMeta::add(region.make_mut(), "face", (0, 0, 1, 1));
        check.see(&region);
        assert!(check.end().is_some_and(|found| found.has_regions));
        check.see(&frame);
        assert!(check.end().is_some_and(|found| !found.has_regions));
    }
}
