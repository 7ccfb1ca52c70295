// SPDX-License-Identifier: MPL-2.0
//! Regions of real detectors: OpenCV's face detector of Debian's `gstreamer1.0-opencv`, with the
//! training of `opencv-data`, on a photograph with one face.

use std::path::Path;

use gst::prelude::*;
use gst_check::Harness;
use gst_video::prelude::*;
use gst_video::{VideoFormat, VideoInfo};
use gstresnet50::inference::BUILTIN;
use gstresnet50::meta::{Classification, Region, classification_of};
use support::element::{Rig, bare, caps, classification, element, info, stat, text};
use support::harness::{flush, play, through};
use support::onnx::Net;
use support::regions::{classified, mark, posted, spot};
use support::{lines, pack, photo};

/// The astronaut's face: left, top, right and bottom of what is surely in it, and of what it is
/// surely in, in the photograph's 512x512 pixels.
const INSIDE: [u32; 4] = [195, 85, 250, 140];
const OUTSIDE: [u32; 4] = [150, 40, 300, 190];

/// What the detector is trained with.
const PROFILE: &str = "/usr/share/opencv4/haarcascades/haarcascade_frontalface_default.xml";

/// The face detector, which draws nothing.
fn detector() -> gst::Element {
    support::init();
    assert!(
        Path::new(PROFILE).exists(),
        "{PROFILE} is missing: install Debian's opencv-data (`cargo xtask setup` does)"
    );
    let detector = gst::ElementFactory::make("facedetect")
        .property("display", false)
        .property("profile", PROFILE)
        .build();
    detector.expect(
        "the element facedetect is missing: install Debian's gstreamer1.0-opencv (`cargo xtask setup` does)",
    )
}

/// `appsrc ! facedetect ! …between… ! resnet50 ! …behind… ! appsink`, playing.
fn line(info: &VideoInfo, between: &str, classifier: &gst::Element, behind: &str) -> Rig {
    let bin = |description: &str| -> gst::Element {
        // Caps at the end of a description need something to stand before.
        let description = format!("{description} ! identity");
        let bin = gst::parse::bin_from_description(&description, true);
        bin.unwrap_or_else(|e| panic!("{description}: {e}"))
            .upcast()
    };
    let rig = Rig::among(
        &[detector(), bin(between)],
        classifier,
        &[bin(behind)],
        info,
    );
    rig.play().expect("it plays");
    rig
}

/// A frame with a time in milliseconds.
fn frame(info: &VideoInfo, picture: &image::RgbImage, milliseconds: u64) -> gst::Buffer {
    let mut frame = pack::buffer(info, picture);
    let new = frame.make_mut();
    new.set_pts(gst::ClockTime::from_mseconds(milliseconds));
    new.set_duration(gst::ClockTime::from_mseconds(40));
    frame
}

/// A classifier of the regions with the built-in model.
fn classifier() -> gst::Element {
    let classifier = bare();
    classifier.set_property("model", BUILTIN);
    classifier.set_property_from_str("region", "rois");
    classifier
}

fn astronaut() -> (VideoInfo, image::RgbImage) {
    support::init();
    let picture = photo("astronaut.png");
    assert_eq!(picture.dimensions(), (512, 512));
    (info(VideoFormat::Rgb, 512, 512), picture)
}

/// Whether a region of the photograph, in another size, is the face.
fn is_the_face(region: &Region, (width, height): (u32, u32)) -> bool {
    let place = |[left, top, right, bottom]: [u32; 4]| {
        [
            left * width / 512,
            top * height / 512,
            right * width / 512,
            bottom * height / 512,
        ]
    };
    let (inside, outside) = (place(INSIDE), place(OUTSIDE));
    let (right, bottom) = (
        region.rect.x + region.rect.width,
        region.rect.y + region.rect.height,
    );
    region.rect.x <= inside[0]
        && region.rect.y <= inside[1]
        && right >= inside[2]
        && bottom >= inside[3]
        && region.rect.x >= outside[0]
        && region.rect.y >= outside[1]
        && right <= outside[2]
        && bottom <= outside[3]
}

/// The one face of a frame and its answer.
fn the_face(buffer: &gst::BufferRef, size: (u32, u32)) -> (Region, Classification) {
    let mut all = classified(buffer);
    assert_eq!(all.len(), 1, "one face: {all:?}");
    let (region, classification) = all.remove(0);
    assert_eq!(&*region.kind, "face");
    assert!(is_the_face(&region, size), "{region:?}");
    (region, classification)
}

/// What any answer of the built-in model has.
fn is_sane(classification: &Classification) {
    assert_eq!(&*classification.model, BUILTIN);
    assert_eq!(classification.results.len(), 5);
    assert!(
        classification
            .results
            .is_sorted_by(|a, b| a.confidence >= b.confidence)
    );
    let sum: f32 = classification.results.iter().map(|c| c.confidence).sum();
    assert!(sum > 0.0 && sum <= 1.0001, "{sum}");
    for class in &classification.results {
        assert!((0..1000).contains(&class.index), "{class:?}");
        assert!(!class.label.is_empty());
    }
}

/// The classes with their confidences, which equal pictures share to the last bit.
fn scores(classification: &Classification) -> Vec<(i32, u32)> {
    let all = classification.results.iter();
    all.map(|c| (c.index, c.confidence.to_bits())).collect()
}

/// What the classifier says of a part of the photograph that is a frame of its own.
fn alone(picture: &image::RgbImage, region: &Region) -> Vec<(i32, u32)> {
    let (x, y, w, h) = (
        region.rect.x,
        region.rect.y,
        region.rect.width,
        region.rect.height,
    );
    let part = image::imageops::crop_imm(picture, x, y, w, h).to_image();
    let info = info(VideoFormat::Rgb, w, h);
    let classifier = classifier();
    classifier.set_property_from_str("region", "frame");
    let (mut harness, _bus) = play(&classifier, &info);
    let out = through(&mut harness, pack::buffer(&info, &part));
    scores(&classification(&out))
}

/// The face that OpenCV finds is classified, and nothing else is; the answer is that of the face
/// as a picture of its own.
#[test]
fn face() {
    let (info, picture) = astronaut();
    let classifier = classifier();
    let rig = line(&info, "identity", &classifier, "identity");
    let out = rig.classify(frame(&info, &picture, 0));
    let (region, classification) = the_face(&out, (512, 512));
    is_sane(&classification);
    assert!(classification.fresh);
    assert_eq!(classification_of(&out), None);
    assert_eq!(stat(&classifier, "inferences"), 1);
    assert_eq!(scores(&classification), alone(&picture, &region));
}

/// A photograph without a face: nothing is classified, and nothing is run.
#[test]
fn no_face() {
    support::init();
    let picture = photo("chelsea.png");
    let info = info(VideoFormat::Rgb, picture.width(), picture.height());
    let classifier = classifier();
    let rig = line(&info, "identity", &classifier, "identity");
    let out = rig.classify(frame(&info, &picture, 0));
    assert!(classified(&out).is_empty());
    assert_eq!(classification_of(&out), None);
    assert_eq!(stat(&classifier, "inferences"), 0);
    drop(rig);

    // With `both` the cat is seen, and that it has no human face is no matter.
    let classifier = self::classifier();
    classifier.set_property_from_str("region", "both");
    let rig = line(&info, "identity", &classifier, "identity");
    let out = rig.classify(frame(&info, &picture, 0));
    assert!(classified(&out).is_empty());
    let top = classification(&out).top().expect("a class").index;
    // ImageNet's five kinds of cats.
    assert!((281..=285).contains(&top), "{top}");
}

/// A frame as GStreamer converts it to RGB.
fn in_rgb(info: &VideoInfo, frame: &gst::BufferRef) -> image::RgbImage {
    let mut convert = Harness::new_parse("videoconvert ! capsfilter caps=video/x-raw,format=RGB");
    convert.set_src_caps(caps(info));
    let frame = frame.copy();
    convert.push(frame).expect("it is converted");
    let out = convert.pull().expect("it comes out");
    let (width, height) = (info.width(), info.height());
    let rgb = support::element::rgb(width, height);
    let frame = gst_video::VideoFrame::from_buffer_readable(out, &rgb).expect("a frame");
    let data = frame.plane_data(0).expect("one plane");
    let stride = frame.plane_stride()[0] as usize;
    image::RgbImage::from_fn(width, height, |x, y| {
        let at = y as usize * stride + 3 * x as usize;
        image::Rgb([data[at], data[at + 1], data[at + 2]])
    })
}

/// After conversion and scaling the region is where GStreamer has moved it to, and the answer is
/// of what lies there.
#[test]
fn converted_and_scaled() {
    let (info, picture) = astronaut();
    for (between, size) in [
        ("videoconvert ! video/x-raw,format=NV12", (512, 512)),
        ("videoconvert ! video/x-raw,format=I420_10LE", (512, 512)),
        ("videoscale ! video/x-raw,width=256,height=256", (256, 256)),
        (
            "videoscale add-borders=false ! videoconvert ! video/x-raw,format=I420,width=731,height=401,pixel-aspect-ratio=1/1",
            (731, 401),
        ),
    ] {
        let classifier = classifier();
        let rig = line(&info, between, &classifier, "identity");
        let out = rig.classify(frame(&info, &picture, 0));
        let (region, found) = the_face(&out, size);
        is_sane(&found);
        assert_eq!(stat(&classifier, "inferences"), 1);
        let pad = classifier.static_pad("src").expect("a source pad");
        let here = VideoInfo::from_caps(&pad.current_caps().expect("caps")).expect("video");
        assert_eq!((here.width(), here.height()), size, "{between}");

        // GStreamer's conversion differs a little from what the classifier does itself.
        let expected = alone(&in_rgb(&here, &out), &region);
        let (class, confidence) = scores(&found)[0];
        let place = expected.iter().position(|(other, _)| *other == class);
        assert!(
            place.is_some_and(|p| p < 3),
            "{between}: {found:?}, not {expected:?}"
        );
        let expected = f32::from_bits(expected[place.expect("it is among them")].1);
        let confidence = f32::from_bits(confidence);
        assert!(
            (confidence - expected).abs() < 0.15,
            "{between}: {confidence}, not {expected}"
        );
    }
}

/// From the detector to lines of JSON, each by the schema, and to messages, over several frames
/// between which the picture moves: the face is followed without a tracker.
#[test]
fn followed_into_json() {
    let (info, picture) = astronaut();
    let classifier = classifier();
    classifier.set_property("interval", 4u32);
    classifier.set_property("roi-types", "Face");
    classifier.set_property_from_str("messages", "all");
    let rig = line(
        &info,
        "videoconvert ! video/x-raw,format=NV12",
        &classifier,
        "resnet50json",
    );
    for i in 0..8u32 {
        // Three pixels to the left and two up, each time.
        let moved = image::RgbImage::from_fn(512, 512, |x, y| {
            *picture.get_pixel((x + 3 * i).min(511), (y + 2 * i).min(511))
        });
        let frame = frame(&info, &moved, 40 * u64::from(i));
        rig.src.push_buffer(frame).expect("it goes in");
    }
    rig.src.end_of_stream().expect("it ends");
    let mut places = Vec::new();
    let mut kept = None;
    for i in 0..8u64 {
        let buffer = rig.pull();
        let found = lines::parse(&buffer.map_readable().expect("readable"));
        assert_eq!(found.len(), 1, "{i}: {found:?}");
        let found = &found[0];
        assert_eq!(found["pts"], 40_000_000 * i);
        assert_eq!(found["region"]["type"], "face");
        assert_eq!(found["fresh"], i % 4 == 0, "{i}");
        assert_eq!(found["age_ns"], 40_000_000 * (i % 4));
        if i % 4 == 0 {
            kept = Some(found["results"].clone());
        }
        assert_eq!(Some(&found["results"]), kept.as_ref(), "{i}");
        places.push(found["region"]["x"].as_u64().expect("a place"));
    }
    assert!(places[7] < places[0], "the face has moved: {places:?}");
    assert_eq!(stat(&rig.element, "inferences"), 2);
    let told = posted(&rig.bus, &classifier);
    assert_eq!(told.len(), 2);
    for message in told {
        let region: gst::Structure = message.get("region").expect("a region");
        assert_eq!(region.get::<&str>("type"), Ok("face"));
    }
}

/// Two classifiers in a row: what one has found of the face does not keep the other from it.
#[test]
fn two_classifiers() {
    let (info, picture) = astronaut();
    let folder = tempfile::tempdir().expect("a folder");
    let constant = Net::constant(vec![0.0, 9.0]).write(folder.path(), "two.onnx");
    let first = element(&constant);
    first.set_property_from_str("region", "rois");
    let rig = line(&info, "identity", &first, "identity");
    let out = rig.classify(frame(&info, &picture, 0));
    let (region, classification) = the_face(&out, (512, 512));
    assert_eq!(
        classification.model.as_ref(),
        text(&folder.path().join("two.onnx"))
    );
    let (mut harness, _bus) = play(&classifier(), &info);
    let out = through(&mut harness, out);
    let (same, classification) = the_face(&out, (512, 512));
    assert_eq!(same, region);
    is_sane(&classification);
    assert_eq!(scores(&classification), alone(&picture, &region));
    // And once more, after a flush.
    flush(&mut harness);
    let mut bare = out
        .copy_region(gst::BufferCopyFlags::MEMORY, ..)
        .expect("a copy without regions");
    mark(
        &mut bare,
        &[spot(
            (
                region.rect.x,
                region.rect.y,
                region.rect.width,
                region.rect.height,
            ),
            [0; 3],
        )],
    );
    let out = through(&mut harness, bare);
    assert_eq!(scores(&classified(&out)[0].1), scores(&classification));
}
