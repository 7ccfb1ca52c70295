// SPDX-License-Identifier: MPL-2.0
//! Reading all classifications of a buffer.

use super::{
    Classification, Region, all_regions, classification_by, frame_classifications, regions_by,
};

impl Classification {
    /// Iterates over all classifications of a buffer: first those of the whole frame (without a
    /// region), then those of each region in the order of the regions. If several elements have
    /// classified the same frame or region, the last element comes first.
    ///
    /// ```
    /// use gstresnet50::meta::{self, Class, Classification};
    ///
    /// gst::init()?;
    /// meta::register();
    /// // The element `resnet50` does this.
    /// let mut buffer = gst::Buffer::new();
    /// let classification = Classification {
    ///     element: "resnet50-0".into(),
    ///     model: "/models/resnet50.onnx".into(),
    ///     provider: "cpu".into(),
    ///     fresh: true,
    ///     age: Some(gst::ClockTime::ZERO),
    ///     inference_time: gst::ClockTime::from_mseconds(12),
    ///     results: vec![Class {
    ///         index: 281,
    ///         label: "tabby".into(),
    ///         confidence: 0.83,
    ///     }],
    ///     groups: Vec::new(),
    ///     decision: None,
    /// };
    /// meta::attach(buffer.make_mut(), &classification);
    ///
    /// // An application does this, in a pad probe or with a buffer of an appsink.
    /// for (region, classification) in Classification::from_buffer(&buffer) {
    ///     if let Some(best) = classification.top() {
    ///         match region {
    ///             None => println!("{} ({:.0} %)", best.label, best.confidence * 100.0),
    ///             Some(region) => println!("{} at {}, {}", best.label, region.rect.x, region.rect.y),
    ///         }
    ///     }
    /// }
    /// # let all: Vec<_> = Classification::from_buffer(&buffer).collect();
    /// # assert_eq!(all, [(None, classification)]);
    /// # Ok::<(), glib::Error>(())
    /// ```
    pub fn from_buffer(
        buffer: &gst::BufferRef,
    ) -> impl Iterator<Item = (Option<Region>, Classification)> {
        let frame = frame_classifications(buffer).into_iter();
        let regions = all_regions(buffer).into_iter();
        let regions = regions.flat_map(|(region, all)| {
            let all = all.into_iter();
            all.map(move |classification| (Some(region.clone()), classification))
        });
        frame
            .map(|classification| (None, classification))
            .chain(regions)
    }
}

/// The classifications of a buffer by one of the elements that have classified it: of the whole
/// frame first (without a region), then of the regions in their order. Without a `name`, that of
/// the last element for the frame and for each region; otherwise `name` is as in
/// [`classification_by`].
pub fn classifications_by(
    buffer: &gst::BufferRef,
    name: Option<&str>,
) -> Vec<(Option<Region>, Classification)> {
    let frame = classification_by(buffer, name).map(|classification| (None, classification));
    let regions = regions_by(buffer, name).into_iter();
    let regions = regions.filter_map(|(region, found)| Some((Some(region), found?)));
    frame.into_iter().chain(regions).collect()
}

#[cfg(test)]
mod tests {
    use gst_video::VideoRegionOfInterestMeta;

    use super::*;
    use crate::meta::{Class, attach, attach_region, register};

    fn by(element: &str) -> Classification {
        Classification {
            element: element.into(),
            model: "m".into(),
            provider: "cpu".into(),
            fresh: true,
            age: None,
            inference_time: gst::ClockTime::ZERO,
            results: vec![Class {
                index: 1,
                label: "class".into(),
                confidence: 0.5,
            }],
            groups: Vec::new(),
            decision: None,
        }
    }

    /// The frame comes before the regions, and the last element before the others.
    #[test]
    fn order() {
        gst::init().expect("GStreamer");
        register();
        let mut buffer = gst::Buffer::new();
        let new = buffer.make_mut();
        for element in ["a", "b", "c", "b"] {
            attach(new, &by(element));
        }
        VideoRegionOfInterestMeta::add(new, "face", (0, 0, 1, 1));
        let mut car = VideoRegionOfInterestMeta::add(new, "car", (2, 0, 1, 1));
        for element in ["a", "c"] {
            attach_region(&mut car, &by(element));
        }
        let found: Vec<_> = Classification::from_buffer(&buffer)
            .map(|(region, found)| {
                let region = region.map(|region| region.kind.to_string());
                (region, found.element.to_string())
            })
            .collect();
        let frame = ["b", "c", "a"].map(|element| (None, element.to_owned()));
        let regions = ["c", "a"].map(|element| (Some("car".to_owned()), element.to_owned()));
        assert_eq!(found, [&frame[..], &regions[..]].concat());
    }
}
