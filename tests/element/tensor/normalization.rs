// SPDX-License-Identifier: MPL-2.0
//! Mean and standard deviation.

use gst::prelude::*;
use support::element::{element, plain, rgb, three, values};
use support::harness::{play, through};
use support::onnx::Net;
use support::pack;

use super::{channel, picture, seen, unit};

/// `mean` and `std` are those of red, green and blue, whatever the order of the channels.
#[test]
fn normalization_by_property() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mean, std) = ([-0.25, -0.5, -1.0], [0.5, 0.25, 2.0]);
    let picture = picture(4, 4);
    for bgr in [false, true] {
        let element = unit(Net::nchw(4, 4), folder.path());
        element.set_property("mean", three(mean));
        element.set_property("std", three(std));
        element.set_property_from_str("color-order", if bgr { "bgr" } else { "rgb" });
        let order = if bgr { [2, 1, 0] } else { [0, 1, 2] };
        // All numbers here are powers of two, so that only one rounding is left.
        let expected = order.into_iter().flat_map(|c| {
            let normalize = move |v| (f32::from(v) / 255.0 - mean[c] as f32) / std[c] as f32;
            channel(&picture, c).into_iter().map(normalize)
        });
        assert_eq!(seen(&element, &picture), expected.collect::<Vec<_>>());
    }
}

/// Arrays of integers, as gst-launch makes of `<0, 0, 0>`, are numbers as well.
#[test]
fn normalization_by_integers() {
    let folder = tempfile::tempdir().expect("a folder");
    let element = unit(Net::nchw(4, 4), folder.path());
    element.set_property("mean", gst::Array::new([-1i32, -2, -3]));
    element.set_property_from_str("std", "<1, 2, 4>");
    let found = seen(&element, &pack::plain(4, 4, [0; 3]));
    let expected: Vec<f32> = [1.0, 1.0, 0.75].into_iter().flat_map(|v| [v; 16]).collect();
    assert_eq!(found, expected);
}

/// Without anything the normalization is ImageNet's and the fit is the crop.
#[test]
fn defaults() {
    let folder = tempfile::tempdir().expect("a folder");
    let element = element(&Net::nchw(4, 4).write(folder.path(), "net.onnx"));
    element.set_property("top-k", u32::MAX);
    element.set_property_from_str("activation", "none");
    let info = rgb(8, 6);
    let (mut harness, _bus) = play(&element, &info);
    let found = values(&through(&mut harness, plain(&info, [255; 3])));
    for (c, (mean, std)) in [(0.485, 0.229), (0.456, 0.224), (0.406, 0.225)]
        .into_iter()
        .enumerate()
    {
        for v in &found[c * 16..][..16] {
            assert!((f64::from(*v) - (1.0 - mean) / std).abs() < 1e-6, "{v}");
        }
    }
    let info: gst::Structure = element.property("model-info");
    assert_eq!(info.get::<&str>("fit"), Ok("crop"));
    assert_eq!(info.get::<u32>("resize"), Ok(5));
}
