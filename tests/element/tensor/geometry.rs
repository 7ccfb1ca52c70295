// SPDX-License-Identifier: MPL-2.0
//! Size, crop, layout and the order of the channels.

use gst::prelude::*;
use gstresnet50::onnx::data_type;
use half::f16;
use support::element::{element, three};
use support::onnx::Net;
use support::pillow;

use super::{channel, floats, ordered, picture, seen, unit};

/// A frame of the model's own size arrives unchanged, in each layout, type and colour order.
#[test]
fn own_size_is_unchanged() {
    let folder = tempfile::tempdir().expect("a folder");
    // Not square, so that rows and columns cannot be mixed up unseen.
    let picture = picture(5, 2);
    for nhwc in [false, true] {
        for kind in [data_type::FLOAT, data_type::FLOAT16, data_type::UINT8] {
            for bgr in [false, true] {
                let net = if nhwc {
                    Net::nhwc(2, 5)
                } else {
                    Net::nchw(2, 5)
                };
                let element = element(&net.element(kind).write(folder.path(), "net.onnx"));
                if kind != data_type::UINT8 {
                    element.set_property("mean", three([0.0; 3]));
                    element.set_property("std", three([1.0; 3]));
                }
                element.set_property_from_str("fit", "stretch");
                element.set_property_from_str("color-order", if bgr { "bgr" } else { "rgb" });
                let bytes = ordered(&picture, nhwc, bgr);
                let expected: Vec<f32> = match kind {
                    data_type::UINT8 => bytes.into_iter().map(f32::from).collect(),
                    data_type::FLOAT16 => bytes
                        .into_iter()
                        .map(|v| f16::from_f32(f32::from(v) / 255.0).to_f32())
                        .collect(),
                    _ => floats(bytes),
                };
                let found = seen(&element, &picture);
                assert_eq!(found, expected, "nhwc {nhwc}, type {kind}, bgr {bgr}");
            }
        }
    }
}

/// `stretch` resizes both sides on their own, larger and smaller.
#[test]
fn stretch() {
    let folder = tempfile::tempdir().expect("a folder");
    for size in [(8, 8), (7, 5), (3, 11), (1, 1), (2, 9)] {
        let picture = picture(size.0, size.1);
        let from = (size.0 as usize, size.1 as usize);
        let expected = (0..3).flat_map(|c| pillow::resize(&channel(&picture, c), from, (4, 4)));
        let found = seen(&unit(Net::nchw(4, 4), folder.path()), &picture);
        assert_eq!(found, floats(expected.collect()), "{size:?}");
    }
}

/// `letterbox` keeps the shape of the picture and puts it, centred, onto black: wide and high.
#[test]
fn letterbox() {
    let folder = tempfile::tempdir().expect("a folder");
    for (size, inner) in [((12, 6), (4, 2)), ((6, 12), (2, 4)), ((4, 4), (4, 4))] {
        let picture = picture(size.0, size.1);
        let from = (size.0 as usize, size.1 as usize);
        let (x0, y0) = ((4 - inner.0) / 2, (4 - inner.1) / 2);
        let expected = (0..3).flat_map(|c| {
            let small = pillow::resize(&channel(&picture, c), from, inner);
            let mut out = vec![0u8; 16];
            for y in 0..inner.1 {
                for x in 0..inner.0 {
                    out[(y0 + y) * 4 + x0 + x] = small[y * inner.0 + x];
                }
            }
            out
        });
        let element = unit(Net::nchw(4, 4), folder.path());
        element.set_property_from_str("fit", "letterbox");
        assert_eq!(
            seen(&element, &picture),
            floats(expected.collect()),
            "{size:?}"
        );
    }
}

/// The bars beside a letterboxed picture are black after normalization too, not the number zero.
#[test]
fn bars_are_black() {
    let folder = tempfile::tempdir().expect("a folder");
    let element = unit(Net::nchw(4, 4), folder.path());
    element.set_property_from_str("fit", "letterbox");
    element.set_property("mean", three([-0.5, -1.0, -2.0]));
    let found = seen(&element, &picture(12, 6));
    for (c, black) in [0.5, 1.0, 2.0].into_iter().enumerate() {
        for row in [0, 3] {
            assert_eq!(found[c * 16 + row * 4..][..4], [black; 4]);
        }
    }
}

/// `crop` resizes the shorter side to `resize` and cuts out the centre; without `resize` it is 256
/// to the model's 224, so 5 for a model of 4.
#[test]
fn crop() {
    let folder = tempfile::tempdir().expect("a folder");
    for (size, resize) in [((8, 4), 4u32), ((9, 7), 6), ((10, 20), 7), ((12, 10), 0)] {
        let picture = picture(size.0, size.1);
        let from = (size.0 as usize, size.1 as usize);
        let side = if resize == 0 { 5 } else { resize as usize };
        let expected = (0..3).flat_map(|c| pillow::transform(&channel(&picture, c), from, side, 4));
        let element = unit(Net::nchw(4, 4), folder.path());
        element.set_property_from_str("fit", "crop");
        element.set_property("resize", resize);
        let expected = floats(expected.collect());
        assert_eq!(seen(&element, &picture), expected, "{size:?} {resize}");
    }
}
