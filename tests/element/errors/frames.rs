// SPDX-License-Identifier: MPL-2.0
//! Frames that cannot be classified.

use gst::prelude::*;
use gst_video::VideoFormat;

use super::Case;
use support::element::{RED, plain, rgb, text};
use support::onnx::{self, Net};

/// A model that gives no numbers, for one class or all, has no result.
#[test]
fn not_a_number() {
    for logits in [vec![f32::NAN; 3], vec![0.0, 1.0, f32::INFINITY]] {
        let case = Case::new();
        let path = Net::constant(logits).write(case.folder.path(), "nan.onnx");
        case.set_model(&path);
        let words = [
            text(&path),
            "the model's output for class",
            "no result",
            "mean, std",
        ];
        case.does_not_start(gst::StreamError::Failed, &words, |e| {
            e.set_property("model", text(&case.good));
        });
    }
}

/// The same where it depends on the picture.
#[test]
fn not_a_number_for_a_frame() {
    let case = Case::new();
    for most in [0.95, 1.0] {
        let path = onnx::write(&onnx::logarithm(most), case.folder.path(), "logarithm.onnx");
        case.set_model(&path);
        // The logarithm of nothing.
        let frame = plain(&rgb(4, 4), RED);
        let words = ["the model's output for class", "no result", "mean, std"];
        case.fails_at(frame, gst::StreamError::Failed, &words, |e| {
            e.set_property("model", text(&case.good));
        });
        let stats: gst::Structure = case.element.property("stats");
        assert_eq!(stats.get::<u64>("errors"), Ok(0), "it has begun anew");
    }
}

/// A buffer that is too short for its caps.
#[test]
fn short_buffer() {
    let case = Case::new();
    let frame = gst::Buffer::from_slice([0u8; 10]);
    let words = ["expected 48 bytes, found 10 bytes", "report it there"];
    case.fails_at(frame, gst::ResourceError::Read, &words, |_| {});
}

/// A GstVideoMeta that promises more than the memory has, by one byte of the last row.
#[test]
fn short_last_row() {
    let case = Case::new();
    // The crop would not look at the last row.
    case.element.set_property_from_str("fit", "stretch");
    let mut frame = gst::Buffer::from_slice([0u8; 3 * 40 + 11]);
    let flags = gst_video::VideoFrameFlags::empty();
    let b = frame.get_mut().expect("not shared yet");
    gst_video::VideoMeta::add_full(b, flags, VideoFormat::Rgb, 4, 4, &[0], &[40]).expect("meta");
    let words = [
        "plane 0 ends after 131 bytes",
        "row 3 needs 132",
        "report it there",
    ];
    case.fails_at(frame, gst::ResourceError::Read, &words, |_| {});
}

/// A GstVideoMeta that says another format than the caps is an error as well, and no warning of
/// GStreamer's: that would be fatal here, hence the process of its own.
#[test]
fn meta_of_another_format() {
    support::child::run(
        "errors::frames::meta_of_another_format",
        |_| {},
        meta_of_another_format_alone,
    );
}

fn meta_of_another_format_alone() {
    let case = Case::new();
    let mut frame = gst::Buffer::from_slice([0u8; 64]);
    let flags = gst_video::VideoFrameFlags::empty();
    let b = frame.get_mut().expect("not shared yet");
    gst_video::VideoMeta::add_full(b, flags, VideoFormat::Rgba, 4, 4, &[0], &[16]).expect("meta");
    let words = ["expected Rgb 4x4", "found Rgba 4x4"];
    case.fails_at(frame, gst::ResourceError::Read, &words, |_| {});
}

/// A GstVideoMeta that says a smaller picture than the caps: in a process of its own as well.
#[test]
fn meta_of_a_smaller_picture() {
    support::child::run(
        "errors::frames::meta_of_a_smaller_picture",
        |_| {},
        meta_of_a_smaller_picture_alone,
    );
}

fn meta_of_a_smaller_picture_alone() {
    let case = Case::new();
    let mut frame = gst::Buffer::from_slice([0u8; 64]);
    let flags = gst_video::VideoFrameFlags::empty();
    let b = frame.get_mut().expect("not shared yet");
    gst_video::VideoMeta::add_full(b, flags, VideoFormat::Rgb, 2, 4, &[0], &[12]).expect("meta");
    let words = ["expected Rgb 4x4", "found Rgb 2x4"];
    case.fails_at(frame, gst::ResourceError::Read, &words, |_| {});
}

/// A network whose batch turns out to be empty has classes and no values.
#[test]
fn empty_batch() {
    let case = Case::new();
    let path = onnx::write(&onnx::empty_batch(), case.folder.path(), "empty.onnx");
    case.set_model(&path);
    let words = ["[0, 48]", "one value a class"];
    case.does_not_start(gst::StreamError::WrongType, &words, |e| {
        e.set_property("model", text(&case.good));
    });
}
