// SPDX-License-Identifier: MPL-2.0
//! What a model says of its input, in its contract or in a `.modelinfo` file.

use gst::prelude::*;
use support::element::{element, rgb, values};
use support::harness::{play, through};
use support::onnx::{FREE, Net};
use support::{pack, pillow};

use super::{channel, floats, picture, seen, unit};

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
