// SPDX-License-Identifier: MPL-2.0
//! Classifications that elements of others have attached.

use gst_video::VideoRegionOfInterestMeta;
use support::overlay::*;

/// A region with labels in DL Streamer's form, where the place may be anywhere.
fn with_labels(
    mut buffer: gst::Buffer,
    place: (u32, u32, u32, u32),
    labels: &[&str],
) -> gst::Buffer {
    let mut meta = VideoRegionOfInterestMeta::add(buffer.make_mut(), "car", place);
    for label in labels {
        let param = gst::Structure::builder("attribute");
        meta.add_param(
            param
                .field("label", *label)
                .field("confidence", 0.8f64)
                .build(),
        );
    }
    buffer
}

/// A box with a label for each attribute: the lines are drawn once.
#[test]
fn attributes_of_regions() {
    let element = overlay();
    let place = (100, 80, 120, 90);
    let drawn = |labels: &[&str]| drawn(&element, &rgb(), |b| with_labels(b, place, labels));
    let one = drawn(&["white"]);
    for (x, y) in [(160, 80), (160, 169), (100, 120), (219, 120)] {
        assert!(one.iter().any(|p| p.covers(x, y)), "{x}, {y}");
    }
    let two = drawn(&["white", "van"]);
    assert_eq!(two.len(), one.len() + 1);
    assert!(drawn(&[]).is_empty());
}

/// What cannot be drawn draws nothing, and no panic stops the stream.
#[test]
fn hostile() {
    let element = overlay();
    let long = "€\n".repeat(1 << 20);
    let nowhere = [(u32::MAX, u32::MAX, u32::MAX, u32::MAX), (9999, 0, 1, 1)];
    for place in nowhere {
        let pieces = drawn(&element, &rgb(), |b| with_labels(b, place, &["x"]));
        assert!(pieces.is_empty(), "{place:?}");
    }
    let everything = (0, 0, u32::MAX, u32::MAX);
    let pieces = drawn(&element, &rgb(), |b| with_labels(b, everything, &[&long]));
    assert!(pieces.iter().all(|p| p.width <= 2000), "{}", pieces.len());
    assert!(!pieces.is_empty());
    let pieces = drawn(&element, &rgb(), |b| {
        with_labels(b, everything, &["\u{1}\n"])
    });
    assert!(pieces.is_empty());
}

#[cfg(feature = "v1_24")]
mod analytics {
    use gst::prelude::*;
    use gst_analytics::AnalyticsRelationMeta;
    use gst_analytics::prelude::*;

    use super::*;

    /// What `classifiertensordecoder` attaches is drawn as ours is.
    #[test]
    fn of_the_frame() {
        let element = overlay();
        element.set_property_from_str("show", "label+bar");
        let theirs = drawn(&element, &rgb(), |mut buffer| {
            let mut meta = AnalyticsRelationMeta::add(buffer.make_mut());
            let label = glib::Quark::from_str("tabby");
            meta.add_one_cls_mtd(0.5, label).expect("there is room");
            drop(meta);
            buffer
        });
        let ours = drawn(&element, &rgb(), |b| {
            with(b, &classification(&[("tabby", 0.5)]))
        });
        let look = |pieces: &[Piece]| {
            let look = pieces.iter().map(|p| (p.place(), p.pixels.clone()));
            look.collect::<Vec<_>>()
        };
        assert_eq!(look(&theirs), look(&ours));
        assert_eq!(theirs.len(), 1);
    }
}
