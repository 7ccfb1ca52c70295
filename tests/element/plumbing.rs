// SPDX-License-Identifier: MPL-2.0
//! What reaches the model, seen through the element: the models here give their input back, so
//! every element of the tensor can be compared with what it should be.

use std::path::Path;

use gst::prelude::*;
use gst_video::VideoFormat;
use gstresnet50::onnx::data_type;
use half::f16;
use image::RgbImage;
use support::element::{answer, element, info, plain, rgb, text, three, values};
use support::harness::{play, through};
use support::onnx::{FREE, Net};
use support::{pack, pillow};

/// A picture whose values are all different from their neighbours'.
fn picture(width: u32, height: u32) -> RgbImage {
    let mut state = 0x2545_f491u32;
    RgbImage::from_fn(width, height, |_, _| {
        image::Rgb([(); 3].map(|()| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        }))
    })
}

/// One channel of a picture.
fn channel(picture: &RgbImage, c: usize) -> Vec<u8> {
    picture.pixels().map(|p| p.0[c]).collect()
}

/// The bytes of a picture in the order of the tensor.
fn ordered(picture: &RgbImage, nhwc: bool, bgr: bool) -> Vec<u8> {
    let order = if bgr { [2, 1, 0] } else { [0, 1, 2] };
    if nhwc {
        picture
            .pixels()
            .flat_map(|p| order.map(|c| p.0[c]))
            .collect()
    } else {
        order.iter().flat_map(|c| channel(picture, *c)).collect()
    }
}

/// Runs one frame through `element` and returns what the model saw.
fn seen(element: &gst::Element, picture: &RgbImage) -> Vec<f32> {
    element.set_property("top-k", u32::MAX);
    element.set_property_from_str("activation", "none");
    let info = rgb(picture.width(), picture.height());
    let (mut harness, _bus) = play(element, &info);
    values(&through(&mut harness, pack::buffer(&info, picture)))
}

/// An element whose model is `net`, with white as 1 and no crop.
fn unit(net: Net, folder: &Path) -> gst::Element {
    let element = element(&net.write(folder, "net.onnx"));
    element.set_property("mean", three([0.0; 3]));
    element.set_property("std", three([1.0; 3]));
    element.set_property_from_str("fit", "stretch");
    element
}

/// Bytes as they come out of a tensor of 32-bit floats where white is 1.
fn floats(bytes: Vec<u8>) -> Vec<f32> {
    bytes.into_iter().map(|v| f32::from(v) / 255.0).collect()
}

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

/// Without properties the contract in the file counts: normalization, fit, resize, colour order.
#[test]
fn contract() {
    let folder = tempfile::tempdir().expect("a folder");
    let picture = picture(9, 7);
    let from = (9, 7);
    let net = |json: &str| {
        element(
            &Net::nchw(4, 4)
                .contract(json)
                .write(folder.path(), "c.onnx"),
        )
    };

    let found = seen(
        &net(r#"{"mean":[0,-1,-2],"std":[1,1,1],"fit":"crop","resize":6,"color":"bgr"}"#),
        &picture,
    );
    let mut expected = Vec::new();
    for c in [2, 1, 0] {
        let bytes = pillow::transform(&channel(&picture, c), from, 6, 4);
        expected.extend(bytes.into_iter().map(|v| f32::from(v) / 255.0 + c as f32));
    }
    assert_eq!(found, expected);

    let found = seen(
        &net(r#"{"mean":[0,0,0],"std":[1,1,1],"fit":"stretch"}"#),
        &picture,
    );
    let expected = (0..3).flat_map(|c| pillow::resize(&channel(&picture, c), from, (4, 4)));
    assert_eq!(found, floats(expected.collect()));
}

/// A contract's sizes may be height and width: both sides to 4x6, whatever that does to the aspect
/// ratio, then the centre of 2x4, which is also the size of an input that the graph leaves open.
#[test]
fn contract_with_both_sides() {
    let folder = tempfile::tempdir().expect("a folder");
    let picture = picture(9, 7);
    let json = r#"{"mean":[0,0,0],"std":[1,1,1],"resize":[4,6],"crop":[2,4]}"#;
    let net = Net::nchw(FREE, FREE).contract(json);
    let element = element(&net.write(folder.path(), "both.onnx"));
    let mut expected = Vec::new();
    for c in 0..3 {
        let bytes = pillow::resize(&channel(&picture, c), (9, 7), (6, 4));
        for row in [1, 2] {
            expected.extend_from_slice(&bytes[row * 6 + 1..][..4]);
        }
    }
    element.set_property("top-k", u32::MAX);
    element.set_property_from_str("activation", "none");
    let frames = rgb(9, 7);
    let (mut harness, _bus) = play(&element, &frames);
    let found = values(&through(&mut harness, pack::buffer(&frames, &picture)));
    assert_eq!(found, floats(expected));
    let info = element.property::<gst::Structure>("model-info");
    for (field, value) in [
        ("width", 4u32),
        ("height", 2),
        ("resize", 4),
        ("resize-width", 6),
        ("resize-height", 4),
    ] {
        assert_eq!(info.get(field), Ok(value), "{field}");
    }
}

/// A contract says how pictures are resized, and `model-info` shows it.
#[test]
fn contract_interpolation() {
    let folder = tempfile::tempdir().expect("a folder");
    let (from, to) = ((9, 8), (4, 4));
    let picture = picture(9, 8);
    let nearest = |samples: &[u8]| -> Vec<u8> {
        let at = |i: usize, from: usize, to: usize| (2 * i + 1) * from / (2 * to);
        (0..16)
            .map(|i| samples[at(i / 4, 8, 4) * 9 + at(i % 4, 9, 4)])
            .collect()
    };
    let bicubic = |samples: &[u8]| pillow::bicubic(samples, from, to);
    let bilinear = |samples: &[u8]| pillow::resize(samples, from, to);
    // The four samples about each centre: columns 0.625, 2.875, 5.125 and 7.375, rows half-way.
    let sampled = |samples: &[u8]| -> Vec<u8> {
        let row = |y: usize, x: usize| {
            let at = (x as f64 + 0.5) * 2.25 - 0.5;
            let (first, part) = (at.floor() as usize, at.fract());
            let [a, b] = [0, 1].map(|i| f64::from(samples[y * 9 + first + i]));
            (a * (1.0 - part) + b * part + 0.5).floor()
        };
        (0..16)
            .map(|i| (i / 4 * 2, i % 4))
            .map(|(y, x)| ((row(y, x) + row(y + 1, x)) / 2.0 + 0.5).floor() as u8)
            .collect()
    };
    type Resize<'a> = &'a dyn Fn(&[u8]) -> Vec<u8>;
    let cases: [(&str, &str, bool, Resize<'_>); 5] = [
        ("", "bilinear", true, &bilinear),
        (
            r#","interpolation":"bilinear""#,
            "bilinear",
            true,
            &bilinear,
        ),
        (r#","interpolation":"bicubic""#, "bicubic", true, &bicubic),
        (r#","interpolation":"nearest""#, "nearest", true, &nearest),
        (r#","antialias":false"#, "bilinear", false, &sampled),
    ];
    for (fields, interpolation, antialias, resize) in cases {
        let json = format!(r#"{{"mean":[0,0,0],"std":[1,1,1],"fit":"stretch"{fields}}}"#);
        let net = Net::nchw(4, 4).contract(&json);
        let element = element(&net.write(folder.path(), "c.onnx"));
        element.set_property("top-k", u32::MAX);
        element.set_property_from_str("activation", "none");
        let frames = rgb(9, 8);
        let (mut harness, _bus) = play(&element, &frames);
        let found = values(&through(&mut harness, pack::buffer(&frames, &picture)));
        let expected: Vec<u8> = (0..3).flat_map(|c| resize(&channel(&picture, c))).collect();
        assert_eq!(found, floats(expected), "{json}");
        let info = element.property::<gst::Structure>("model-info");
        assert_eq!(info.get("interpolation"), Ok(interpolation), "{json}");
        assert_eq!(info.get("antialias"), Ok(antialias), "{json}");
    }
}

/// Properties come before the contract.
#[test]
fn properties_override_the_contract() {
    let folder = tempfile::tempdir().expect("a folder");
    let json = r#"{"mean":[0.5,0.5,0.5],"std":[9,9,9],"fit":"letterbox","color":"bgr"}"#;
    let element = unit(Net::nchw(4, 4).contract(json), folder.path());
    element.set_property_from_str("color-order", "rgb");
    let picture = picture(7, 5);
    let expected = (0..3).flat_map(|c| pillow::resize(&channel(&picture, c), (7, 5), (4, 4)));
    assert_eq!(seen(&element, &picture), floats(expected.collect()));
}

/// Without a contract a `.modelinfo` beside the file gives the ranges of the channels.
#[test]
fn modelinfo() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = Net::nchw(4, 4).write(folder.path(), "net.onnx");
    let ranges = "[x]\ndir=input\nranges=0.0,1.0;0.0,255.0;1.0,3.0\n";
    std::fs::write(folder.path().join("net.onnx.modelinfo"), ranges).expect("a file");
    let element = element(&path);
    element.set_property_from_str("fit", "stretch");
    let picture = picture(4, 4);
    let found = seen(&element, &picture);
    for (c, (low, high)) in [(0.0, 1.0), (0.0, 255.0), (1.0, 3.0)]
        .into_iter()
        .enumerate()
    {
        for (i, v) in channel(&picture, c).into_iter().enumerate() {
            let expected = f64::from(v) / 255.0 * (high - low) + low;
            let found = f64::from(found[c * 16 + i]);
            assert!(
                (found - expected).abs() <= high * 1e-6,
                "{found}, not {expected}"
            );
        }
    }
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

/// Free dimensions of the batch and the picture, and a batch of two that cannot be changed.
#[test]
fn free_and_fixed_dimensions() {
    let folder = tempfile::tempdir().expect("a folder");
    let picture = picture(4, 4);
    let expected = floats(ordered(&picture, false, false));
    let free_size = |mut net: Net| {
        net.dims[2] = FREE;
        net.dims[3] = FREE;
        net.contract(r#"{"crop":4}"#)
    };
    for net in [
        Net::nchw(4, 4).batch(FREE),
        Net::nchw(4, 4).batch(2),
        free_size(Net::nchw(4, 4)),
        free_size(Net::nchw(4, 4).batch(FREE)),
    ] {
        let dims = net.dims.clone();
        assert_eq!(
            seen(&unit(net, folder.path()), &picture),
            expected,
            "{dims:?}"
        );
    }
}

/// Rows that are further apart than GStreamer would lay them, and that begin somewhere in the
/// memory, as a GstVideoMeta says; the last row ends with its last pixel.
#[test]
fn strides_offsets_and_a_tight_end() {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let picture = picture(5, 4);
    let expected = floats(ordered(&picture, false, false));
    let (stride, offset) = (29, 7);
    let mut bytes = vec![0xee; offset + 3 * stride + 15];
    for (y, row) in picture.as_raw().chunks_exact(15).enumerate() {
        bytes[offset + y * stride..][..15].copy_from_slice(row);
    }
    let mut buffer = gst::Buffer::from_slice(bytes);
    add_meta(
        &mut buffer,
        VideoFormat::Rgb,
        (5, 4),
        &[offset],
        &[stride as i32],
    );

    let element = unit(Net::nchw(4, 5), folder.path());
    element.set_property("top-k", u32::MAX);
    element.set_property_from_str("activation", "none");
    let (mut harness, _bus) = play(&element, &rgb(5, 4));
    assert_eq!(values(&through(&mut harness, buffer)), expected);
}

/// The planes of one frame in memories of their own, with strides of their own.
#[test]
fn planes_in_several_memories() {
    let folder = tempfile::tempdir().expect("a folder");
    let element = unit(Net::nchw(2, 4), folder.path());
    element.set_property("top-k", u32::MAX);
    element.set_property_from_str("activation", "none");
    let info = info(VideoFormat::Nv12, 4, 2);
    let (mut harness, _bus) = play(&element, &info);

    // Luma 81, Cb 90, Cr 240 in limited BT.601 is red: (254, 0, 0) in 8 bits.
    let mut buffer = gst::Buffer::new();
    {
        let b = buffer.get_mut().expect("not shared yet");
        b.append_memory(gst::Memory::from_slice([
            81, 81, 81, 81, 9, 9, 9, 81, 81, 81, 81,
        ]));
        b.append_memory(gst::Memory::from_slice([9, 9, 90, 240, 90, 240]));
    }
    add_meta(
        &mut buffer,
        VideoFormat::Nv12,
        (4, 2),
        &[0, 11 + 2],
        &[7, 6],
    );
    let separate = values(&through(&mut harness, buffer));
    let together = values(&through(&mut harness, plain(&info, [254, 0, 0])));
    assert_eq!(separate, together);
    assert_eq!(separate, [[254.0 / 255.0; 8], [0.0; 8], [0.0; 8]].concat());
}

fn add_meta(
    buffer: &mut gst::Buffer,
    format: VideoFormat,
    (width, height): (u32, u32),
    offset: &[usize],
    stride: &[i32],
) {
    let buffer = buffer.get_mut().expect("not shared yet");
    let flags = gst_video::VideoFrameFlags::empty();
    gst_video::VideoMeta::add_full(buffer, flags, format, width, height, offset, stride)
        .expect("a GstVideoMeta");
}

/// The activation is the property's, else the contract's, else what the graph ends with.
#[test]
fn activation() {
    let folder = tempfile::tempdir().expect("a folder");
    let logits = vec![1.0f32, 3.0, 2.0];
    let exp: Vec<f64> = logits.iter().map(|v| f64::from(*v).exp()).collect();
    let softmax: Vec<f64> = exp.iter().map(|v| v / exp.iter().sum::<f64>()).collect();
    let sigmoid: Vec<f64> = exp.iter().map(|v| v / (1.0 + v)).collect();
    let raw: Vec<f64> = logits.iter().map(|v| f64::from(*v)).collect();
    let net = Net::constant(logits);
    let probabilities = r#"{"output":"probabilities"}"#;
    for (net, property, expected) in [
        (net.clone(), "auto", &softmax),
        (net.clone(), "softmax", &softmax),
        (net.clone(), "sigmoid", &sigmoid),
        (net.clone(), "none", &raw),
        (net.clone().last("Softmax"), "auto", &softmax),
        (net.clone().last("Sigmoid"), "auto", &sigmoid),
        (net.clone().contract(probabilities), "auto", &raw),
        (net.contract(r#"{"output":"logits"}"#), "auto", &softmax),
    ] {
        let what = format!("{:?} {:?} {property}", net.last, net.contract);
        let element = element(&net.write(folder.path(), "net.onnx"));
        element.set_property_from_str("activation", property);
        let info = rgb(4, 4);
        let (mut harness, _bus) = play(&element, &info);
        let found = values(&through(&mut harness, plain(&info, [0; 3])));
        assert_eq!(found.len(), 3, "{what}");
        for (f, e) in found.iter().zip(expected) {
            assert!((f64::from(*f) - e).abs() < 1e-6, "{what}: {found:?}");
        }
    }
}

/// Names of the classes: ImageNet's for 1000, one further on for 1001, the model's own, a file's.
#[test]
fn class_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let name = |net: Net, labels: Option<&Path>| {
        let element = element(&net.write(folder.path(), "net.onnx"));
        element.set_property("labels", labels.map(text));
        let info = rgb(4, 4);
        let (mut harness, _bus) = play(&element, &info);
        let buffer = through(&mut harness, plain(&info, [0; 3]));
        answer(&buffer).top().expect("a class").label.to_string()
    };
    let peak = |classes: usize, at: usize| {
        let mut logits = vec![0.0; classes];
        logits[at] = 9.0;
        Net::constant(logits)
    };
    assert_eq!(name(peak(1000, 281), None), "tabby");
    assert_eq!(name(peak(1001, 282), None), "tabby");
    assert_eq!(name(peak(1001, 0), None), "background");
    assert_eq!(name(peak(5, 3), None), "class 3");
    let own = peak(2, 1).contract(r#"{"labels":["left","right"]}"#);
    assert_eq!(name(own.clone(), None), "right");
    let file = folder.path().join("labels.txt");
    std::fs::write(&file, "links\nrechts\n").expect("a file");
    assert_eq!(name(own, Some(&file)), "rechts");
}
