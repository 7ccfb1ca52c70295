// SPDX-License-Identifier: MPL-2.0
//! Classifications that elements of others have attached.

use gst_video::VideoRegionOfInterestMeta;
use gstresnet50::meta::attach_region;
use serde_json::{Value, json};

use super::{count, element, harness, pull};
use gst::prelude::*;
use support::lines::{self, frame, seen};

/// Adds a region with parameters in DL Streamer's form.
fn region(buffer: &mut gst::Buffer, params: &[gst::Structure]) {
    let buffer = buffer.make_mut();
    let mut meta = VideoRegionOfInterestMeta::add(buffer, "car", (1, 2, 3, 4));
    for param in params {
        meta.add_param(param.clone());
    }
}

fn attribute(name: &str, label: &str) -> gst::Structure {
    gst::Structure::builder("layer")
        .field("attribute_name", name)
        .field("label", label)
        .field("label_id", 2i32)
        .field("confidence", 0.5f64)
        .field("model_name", "attributes")
        .field("element_id", "gvaclassify0")
        .build()
}

fn detection() -> gst::Structure {
    let detection = gst::Structure::builder("detection");
    detection
        .field("label_id", 1i32)
        .field("confidence", 0.9f64)
        .build()
}

/// Each attribute of a region has a line, with what the metadata says and null for the rest.
#[test]
fn attributes_of_regions() {
    let mut harness = harness(&[]);
    let mut buffer = frame(40);
    let params = [
        detection(),
        attribute("color", "white"),
        attribute("type", "van"),
    ];
    region(&mut buffer, &params);
    harness.push(buffer).expect("it goes through");
    let found = pull(&mut harness);
    assert_eq!(found.len(), 2);
    let expected = json!({
        "pts": 40_000_000u64,
        "stream_time": 40_000_000u64,
        "running_time": 40_000_000u64,
        "element": "gvaclassify0",
        "model": "attributes",
        "provider": null,
        "fresh": true,
        "age_ns": null,
        "inference_ns": null,
        "region": {"id": 0, "tracking_id": null, "type": "car", "x": 1, "y": 2, "width": 3, "height": 4},
        "results": [{"index": 2, "label": "white", "confidence": 0.5}],
        "groups": [],
        "decision": null,
        "decision_confidence": null,
        "decision_since": null,
        "by": "GstVideoRegionOfInterestMeta",
        "attribute": "color",
    });
    let mut first = found[0].clone();
    first["region"]["id"] = 0.into();
    assert_eq!(first, expected);
    assert_eq!(found[1]["attribute"], "type");
    let schema = lines::schema();
    for line in &found {
        assert!(schema.is_valid(line), "{line}");
        let mut ours = line.clone();
        ours.as_object_mut().expect("a line").remove("by");
        assert!(!schema.is_valid(&ours), "{ours}");
    }
}

/// `resnet50`'s own classification of a region goes before those of others, unless another one is
/// asked for by name. With only changes, each attribute counts by itself.
#[test]
fn own_first() {
    let mut harness = harness(&["only-changes"]);
    let buffer = |color: &str, own: bool| {
        let mut buffer = frame(0);
        region(
            &mut buffer,
            &[attribute("color", color), attribute("type", "van")],
        );
        if own {
            let mut regions = buffer
                .make_mut()
                .iter_meta_mut::<VideoRegionOfInterestMeta>();
            let mut meta = regions.next().expect("there is one");
            attach_region(&mut meta, &seen(2, "jersey"));
        }
        buffer
    };
    harness.push(buffer("red", true)).expect("it goes through");
    let found = pull(&mut harness);
    let labels: Vec<&Value> = found
        .iter()
        .map(|line| &line["results"][0]["label"])
        .collect();
    assert_eq!(labels, ["jersey"]);
    assert!(found[0].get("by").is_none());

    assert_eq!(count(&mut harness, buffer("red", false)), 2);
    assert_eq!(count(&mut harness, buffer("red", false)), 0);
    assert_eq!(count(&mut harness, buffer("blue", false)), 1);

    for name in ["gvaclassify0", "attributes"] {
        element(&harness).set_property("model-name", name);
        assert_eq!(count(&mut harness, buffer("red", true)), 2, "{name}");
    }
}

/// Whatever others write, each line is valid.
#[test]
fn hostile() {
    let mut harness = harness(&[]);
    let mut buffer = frame(0);
    let label = |label: String| {
        let param = gst::Structure::builder("x");
        param
            .field("label", label)
            .field("confidence", 1e30f32)
            .build()
    };
    let nan = gst::Structure::builder("x")
        .field("label", "nan")
        .field("confidence", f64::NAN);
    let params = [
        label("a\n\u{1}\"\u{2028}b".into()),
        label("€".repeat(1 << 20)),
        label(String::new()),
        label("\n".into()),
        nan.build(),
        gst::Structure::new_empty("y"),
    ];
    region(&mut buffer, &params);
    harness.push(buffer).expect("it goes through");
    let found = pull(&mut harness);
    assert_eq!(found.len(), 2);
    let schema = lines::schema();
    for line in &found {
        assert!(schema.is_valid(line), "{line}");
        let label = line["results"][0]["label"].as_str().expect("a label");
        assert!((1..=1000).contains(&label.len()));
    }
}

#[cfg(feature = "v1_24")]
mod analytics {
    use gst_analytics::prelude::*;
    use gst_analytics::{AnalyticsRelationMeta, RelTypes};
    use gstresnet50::meta::attach;

    use super::*;

    fn quark(label: &str) -> glib::Quark {
        glib::Quark::from_str(label)
    }

    /// The frame's classification and those of objects, but no list of classes.
    #[test]
    fn frame_and_objects() {
        let mut harness = harness(&[]);
        let mut buffer = frame(0);
        {
            let mut meta = AnalyticsRelationMeta::add(buffer.make_mut());
            let names = [quark("car"), quark("bus"), quark("van")];
            let list = meta
                .add_cls_mtd(&[0.0; 3], &names)
                .expect("there is room")
                .id();
            let object = meta.add_od_mtd(quark("car"), -10, 20, 30, 40, 0.9);
            let object = object.expect("there is room").id();
            let part = meta
                .add_one_cls_mtd(0.75, quark("white"))
                .expect("there is room")
                .id();
            for (relation, to) in [(RelTypes::RELATE_TO, list), (RelTypes::CONTAIN, part)] {
                meta.set_relation(relation, object, to)
                    .expect("both are there");
            }
            meta.add_one_cls_mtd(0.5, quark("first"))
                .expect("there is room");
            let classes = [quark("b"), quark("a"), quark("c")];
            meta.add_cls_mtd(&[0.25, 0.5, f32::NAN], &classes)
                .expect("there is room");
        }
        harness.push(buffer.clone()).expect("it goes through");
        let found = pull(&mut harness);
        let schema = lines::schema();
        for line in &found {
            assert!(schema.is_valid(line), "{line}");
            assert_eq!(line["by"], "GstAnalyticsClsMtd");
        }
        let [of_frame, of_object] = &found[..] else {
            panic!("{found:?}");
        };
        let class = |label: &str, confidence: f32| json!({"index": null, "label": label, "confidence": confidence});
        assert_eq!(
            of_frame["results"],
            json!([class("a", 0.5), class("b", 0.25)])
        );
        assert_eq!(of_object["results"], json!([class("white", 0.75)]));
        let region = &of_object["region"];
        assert_eq!(region["type"], "car");
        let place = ["x", "y", "width", "height"].map(|f| region[f].as_u64());
        assert_eq!(place, [Some(0), Some(20), Some(20), Some(40)]);

        // Ours goes before it, once.
        attach(buffer.make_mut(), &seen(1, "street"));
        harness.push(buffer).expect("it goes through");
        let found = pull(&mut harness);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0]["results"][0]["label"], "street");
    }
}
