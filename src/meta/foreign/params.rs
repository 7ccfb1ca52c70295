// SPDX-License-Identifier: MPL-2.0
//! Classifications as parameters of a GstVideoRegionOfInterestMeta, in the form of Intel's DL Streamer.
//!
//! Each is a structure of any name with a string `label`, and mostly `confidence` (gdouble),
//! `label_id` (gint), `attribute_name`, `model_name` and `element_id` (strings). The structure
//! `detection` says where the region comes from, and `object_id` is a tracker's.

use gst_video::VideoRegionOfInterestMeta;

use super::super::{Classification, PARAM_NAME};
use super::{Carrier, ForeignClass, ForeignClassification, text};

/// The classifications of a region in the order of its parameters.
pub(super) fn of_region(meta: &VideoRegionOfInterestMeta) -> Vec<ForeignClassification> {
    meta.params().filter_map(of_param).collect()
}

fn of_param(param: &gst::StructureRef) -> Option<ForeignClassification> {
    if matches!(
        param.name().as_str(),
        "detection" | "object_id" | "tracking"
    ) || is_own(param)
    {
        return None;
    }
    let string = |field| param.get::<&str>(field).ok().and_then(text);
    let class = ForeignClass {
        index: integer(param, "label_id"),
        label: string("label")?,
        confidence: number(param, "confidence")?,
    };
    Some(ForeignClassification {
        element: string("element_id"),
        model: string("model_name"),
        // The name of the structure is that of the attribute, or of the model's layer.
        attribute: string("attribute_name").or_else(|| text(param.name().as_str())),
        ..ForeignClassification::new(Carrier::RegionParam, vec![class])?
    })
}

/// Whether `resnet50` wrote it, maybe for another name than the one that is looked for.
fn is_own(param: &gst::StructureRef) -> bool {
    param.name() == PARAM_NAME && Classification::from_structure(param).is_some()
}

/// An index, which is not negative.
fn integer(param: &gst::StructureRef, field: &str) -> Option<i32> {
    let value = param.value(field).ok()?.transform::<i64>().ok()?;
    i32::try_from(value.get::<i64>().ok()?)
        .ok()
        .filter(|index| *index >= 0)
}

/// A number of any type: `Some(None)` if there is none, `None` if it is not finite.
fn number(param: &gst::StructureRef, field: &str) -> Option<Option<f32>> {
    let value = param.value(field).ok();
    let number = value.and_then(|value| value.transform::<f64>().ok()?.get::<f64>().ok());
    match number.map(|number| number as f32) {
        Some(number) if !number.is_finite() => None,
        number => Some(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(param: gst::structure::Builder) -> Option<ForeignClassification> {
        of_param(&param.build())
    }

    /// All fields, and the least that a classification has.
    #[test]
    fn fields() {
        gst::init().expect("GStreamer");
        let all = gst::Structure::builder("color-layer")
            .field("label", "white")
            .field("label_id", 3i32)
            .field("confidence", 0.75f64)
            .field("attribute_name", "color")
            .field("model_name", "vehicle-attributes")
            .field("element_id", "classify");
        let found = read(all).expect("a classification");
        assert_eq!(found.carrier, Carrier::RegionParam);
        assert_eq!(found.element.as_deref(), Some("classify"));
        assert_eq!(found.model.as_deref(), Some("vehicle-attributes"));
        assert_eq!(found.attribute.as_deref(), Some("color"));
        let class = &found.classes[0];
        assert_eq!((class.index, &*class.label), (Some(3), "white"));
        assert_eq!(class.confidence, Some(0.75));

        let least = gst::Structure::builder("age").field("label", "35");
        let found = read(least).expect("a classification");
        assert_eq!(found.attribute.as_deref(), Some("age"));
        assert_eq!(
            (found.classes[0].index, found.classes[0].confidence),
            (None, None)
        );
    }

    /// What is no classification, or has no valid values, is left out.
    #[test]
    fn others() {
        gst::init().expect("GStreamer");
        let builder = gst::Structure::builder;
        let detection = builder("detection")
            .field("label", "car")
            .field("confidence", 0.9f64);
        assert_eq!(read(detection), None);
        assert_eq!(read(builder("object_id").field("id", 3i32)), None);
        for wrong in [f64::NAN, f64::INFINITY, 1e300] {
            let param = builder("x").field("label", "y").field("confidence", wrong);
            assert_eq!(read(param), None, "{wrong}");
        }
        assert_eq!(read(builder("x").field("label", 7i32)), None);
        assert_eq!(read(builder("x").field("label", " \n")), None);
        let negative = read(builder("x").field("label", "y").field("label_id", -1i32));
        assert_eq!(negative.expect("a classification").classes[0].index, None);
        // Ours by its name, but of another form.
        let named = read(builder(PARAM_NAME).field("label", "y"));
        assert!(named.is_some());
    }
}
