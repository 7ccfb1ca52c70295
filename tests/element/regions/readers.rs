// SPDX-License-Identifier: MPL-2.0
//! Elements behind that use the results of regions.

use gst::prelude::*;
use gst_check::Harness;
#[cfg(feature = "overlay")]
use gst_video::VideoFormat;
use serde_json::Value;
use support::element::*;
#[cfg(feature = "overlay")]
use support::harness::between;
use support::harness::{play, through};
use support::lines;
use support::onnx::Net;
use support::regions::*;

/// `resnet50json` writes a line for each region that `resnet50` has classified, after the frame's.
#[test]
fn lines_of_json() {
    let (element, _folder) = colors();
    element.set_property_from_str("region", "both");
    element.set_property("roi-types", "person, face");
    element.set_property("enter-confidence", 0.5f32);
    let info = rgb(64, 48);
    let (mut harness, _bus) = play(&element, &info);
    let mut json = Harness::new("resnet50json");
    json.set_src_caps(caps(&info));
    let spots = [
        spot((0, 0, 64, 48), BLUE).kind("car"),
        spot((1, 2, 9, 7), GREEN).kind("person").id(12),
        spot((20, 3, 8, 8), [80, 60, 40]).kind("face"),
    ];
    let out = through(&mut harness, scene(&info, 40, &spots));
    json.push(out).expect("it takes the frame");
    let buffer = json.try_pull().expect("lines");
    let found = lines::parse(&buffer.map_readable().expect("readable"));
    let [frame, person, face] = &found[..] else {
        panic!("{found:?}");
    };
    assert_eq!(frame["region"], Value::Null);
    assert_eq!(frame["decision"], "blue");
    assert_eq!(
        person["region"],
        serde_json::json!({
            "id": 101, "tracking_id": 12, "type": "person",
            "x": 1, "y": 2, "width": 9, "height": 7,
        })
    );
    assert_eq!(person["results"][0]["label"], "green");
    assert_eq!(person["decision"], "green");
    assert_eq!(face["region"]["tracking_id"], Value::Null);
    assert_eq!(face["results"][0]["label"], "red");
    assert_eq!(face["decision"], "nothing");
    for line in [frame, person, face] {
        assert_eq!(line["pts"], 40_000_000);
        assert_eq!(line["fresh"], true);
        assert_eq!(line["age_ns"], 0);
        assert_eq!(line["provider"], "cpu");
    }
}

/// `resnet50overlay` draws a box round a region that `resnet50` has classified, and none round
/// one that it has left alone.
#[cfg(feature = "overlay")]
#[test]
fn boxes_of_the_overlay() {
    let (element, _folder) = colors();
    element.set_property("roi-types", "face");
    let info = info(VideoFormat::Rgb, 320, 240);
    let (mut harness, _bus) = play(&element, &info);
    let overlay = gst::ElementFactory::make("resnet50overlay")
        .property("accent-color", 0xffff_00ffu32)
        .build()
        .expect("the element");
    let mut overlay = between(&overlay, &info);
    let spots = [
        spot((60, 100, 80, 70), GREEN).kind("face"),
        spot((200, 100, 80, 70), GREEN).kind("car"),
    ];
    let out = through(&mut harness, scene(&info, 0, &spots));
    let before = out.map_readable().expect("readable").to_vec();
    overlay.push(out).expect("it takes the frame");
    let after = overlay.pull().expect("it gives it back");
    let after = after.map_readable().expect("readable").to_vec();
    let stride = info.stride()[0] as usize;
    let at = |x: usize, y: usize| &after[y * stride + 3 * x..][..3];
    for (x, y) in [
        (60, 140),
        (139, 140),
        (100, 100),
        (100, 169),
        (60, 100),
        (139, 169),
    ] {
        assert_eq!(at(x, y), [255, 0, 255], "{x}, {y}");
    }
    let changed = |x: usize, y: usize| {
        let place = y * stride + 3 * x;
        before[place..place + 3] != after[place..place + 3]
    };
    for y in 0..240 {
        for x in 190..320 {
            assert!(!changed(x, y), "{x}, {y}: round the car");
        }
    }
    assert!((70..130).all(|x| !changed(x, 140)), "in the face");
}

/// A second `resnet50` puts its own results before the first one's, and leaves those, what the
/// detector wrote, and the regions that are not its own.
#[test]
fn second_element_keeps_the_answers() {
    let (first, _folder) = colors();
    let (second, _folder) = colors_by(Net::constant(vec![0.0, 9.0, 0.0]));
    second.set_property_from_str("roi-types", "person");
    let info = rgb(64, 48);
    let (mut one, _bus) = play(&first, &info);
    let (mut two, _bus) = play(&second, &info);
    let spots = [
        spot((1, 2, 9, 7), BLUE).kind("person").id(7),
        spot((20, 3, 8, 8), GREEN).kind("car"),
    ];
    let between = through(&mut one, scene(&info, 0, &spots));
    let kept = between.clone();
    let out = through(&mut two, between);
    assert_eq!(classes(&out), [Some(1), Some(1)]);
    assert_eq!(classifications(&out).iter().flatten().count(), 2);
    let names: Vec<Vec<_>> = out
        .iter_meta::<gst_video::VideoRegionOfInterestMeta>()
        .map(|meta| meta.params().map(|p| p.name().to_string()).collect())
        .collect();
    assert_eq!(
        names[0],
        ["detection", "tracking", "classification", "classification"]
    );
    assert_eq!(names[1], ["detection", "classification"]);
    assert_eq!(
        classes(&kept),
        [Some(2), Some(1)],
        "the buffer between is not touched"
    );
}
