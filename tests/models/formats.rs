// SPDX-License-Identifier: MPL-2.0
//! The same photographs in every pixel format, converted by the book in `support::pack`, come out
//! as torchvision's tensors of the RGB originals.

use gst::prelude::*;
use gst_video::{VideoChromaSite, VideoFormat, VideoFormatInfo, VideoInfo};
use gstresnet50::inference::BUILTIN;
use gstresnet50::preprocess::*;
use image::RgbImage;
use support::element::{bare, classification};
use support::harness::{play, through};
use support::{golden_tensor, pack, photo, pillow};

/// Natural photographs; their tensors are those with the shorter side at 256.
const PHOTOS: [&str; 4] = ["chelsea", "coffee", "rocket", "motorcycle_left"];

fn open(name: &str) -> RgbImage {
    photo(&format!("{name}.png"))
}

/// The golden tensor of a photograph as values from 0 to 255.
fn golden(name: &str) -> Vec<f64> {
    levels(&format!("{name}_resize256"))
}

fn levels(tensor: &str) -> Vec<f64> {
    let (mean, std) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    golden_tensor(tensor)
        .into_iter()
        .enumerate()
        .map(|(i, v)| {
            let c = i / (224 * 224);
            (f64::from(v) * std[c] + mean[c]) * 255.0
        })
        .collect()
}

/// The tensor of a picture in the format of `info`.
fn tensor(info: &VideoInfo, picture: &RgbImage) -> Vec<f64> {
    tensor_of(info, &planes(info, &pack::frame(info, picture)))
}

/// The planes of a frame that GStreamer's defaults lay out.
fn planes<'a>(info: &VideoInfo, data: &'a [u8]) -> Picture<'a> {
    let mut picture = Picture::default();
    for p in 0..info.n_planes() as usize {
        picture.planes[p] = Plane {
            data: &data[info.offset()[p]..],
            stride: info.stride()[p] as usize,
        };
    }
    picture
}

/// The tensor of a frame, `[3, 224, 224]` with values from 0 to 255.
fn tensor_of(info: &VideoInfo, frame: &Picture<'_>) -> Vec<f64> {
    tensor_by(info, frame, Interpolation::Bilinear)
}

fn tensor_by(info: &VideoInfo, frame: &Picture<'_>, interpolation: Interpolation) -> Vec<f64> {
    let target = Target {
        width: 224,
        height: 224,
        layout: Layout::Nchw,
        element: ElementType::U8,
        order: ColorOrder::Rgb,
        fit: Fit::Crop,
        resize: Resize::Shorter(256),
        interpolation,
        antialias: true,
        mean: [0.0; 3],
        std: [1.0; 3],
    };
    let mut out = vec![0u8; target.elements()];
    Preprocessor::new(info, &target)
        .process(frame, &mut Slot::U8(&mut out))
        .expect("a whole picture");
    out.into_iter().map(f64::from).collect()
}

/// How far two tensors are apart on average.
fn difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let sum: f64 = a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum();
    sum / a.len() as f64
}

fn builder(format: VideoFormat, picture: &RgbImage) -> gst_video::VideoInfoBuilder<'static> {
    VideoInfo::builder(format, picture.width(), picture.height())
}

fn kind(format: VideoFormat) -> VideoFormatInfo {
    VideoFormatInfo::from_format(format)
}

/// The test's own Pillow is Pillow: without this the grey formats below would prove nothing.
#[test]
fn the_reference_is_torchvisions() {
    for name in PHOTOS {
        let picture = open(name);
        let size = (picture.width() as usize, picture.height() as usize);
        let golden = golden(name);
        for c in 0..3 {
            let channel: Vec<u8> = picture.pixels().map(|p| p.0[c]).collect();
            let found = pillow::transform(&channel, size, 256, 224);
            for (f, g) in found.iter().zip(&golden[c * 224 * 224..]) {
                assert!((f64::from(*f) - g).abs() < 1e-3, "{name}: {f}, not {g}");
            }
        }
    }
}

/// RGB of 8 bits in any order is exact.
#[test]
fn rgb_is_exact() {
    support::init();
    let formats = FORMATS.iter().filter(|f| kind(**f).is_rgb());
    let formats = formats.filter(|f| kind(**f).depth()[0] == 8);
    let mut count = 0;
    for name in PHOTOS {
        let (picture, golden) = (open(name), golden(name));
        for format in formats.clone() {
            let info = builder(*format, &picture).build().expect("video info");
            for (f, g) in tensor(&info, &picture).iter().zip(&golden) {
                assert!((f - g).abs() < 1e-3, "{format:?} {name}: {f}, not {g}");
            }
            count += 1;
        }
    }
    assert_eq!(count, 4 * 12, "all RGB formats");
}

/// RGB of more bits is within a step, and nearly exact on the average.
#[test]
fn rgb_of_many_bits_is_close() {
    support::init();
    let formats = FORMATS.iter().filter(|f| kind(**f).is_rgb());
    let formats = formats.filter(|f| kind(**f).depth()[0] > 8);
    let mut count = 0;
    for name in PHOTOS {
        let (picture, golden) = (open(name), golden(name));
        for format in formats.clone() {
            let info = builder(*format, &picture).build().expect("video info");
            let found = tensor(&info, &picture);
            let worst = found.iter().zip(&golden).map(|(a, b)| (a - b).abs());
            let worst = worst.fold(0.0, f64::max);
            assert!(worst <= 1.001, "{format:?} {name}: {worst}");
            assert!(difference(&found, &golden) < 0.5, "{format:?} {name}");
            count += 1;
        }
    }
    assert_eq!(count, 4 * 4, "all such formats");
}

/// How far a tensor may be off on average: of a colour that four pixels of a row share more is lost.
fn lost(format: VideoFormat) -> f64 {
    let kind = kind(format);
    match (kind.w_sub()[1], kind.h_sub()[1]) {
        (2, _) => 2.0,
        _ => 1.0,
    }
}

/// Y'CbCr in every format, as GStreamer describes it by default, is nearly exact.
#[test]
fn yuv_is_close() {
    support::init();
    let formats = FORMATS.iter().filter(|f| kind(**f).is_yuv());
    let mut count = 0;
    for name in PHOTOS {
        let (picture, golden) = (open(name), golden(name));
        for format in formats.clone() {
            let info = builder(*format, &picture).build().expect("video info");
            let apart = difference(&tensor(&info, &picture), &golden);
            assert!(apart < lost(*format), "{format:?} {name}: {apart} of 255");
            count += 1;
        }
    }
    assert_eq!(count, 4 * 34, "all Y'CbCr formats");
}

/// The same with the bicubic filter, and nearer to it than what the bilinear one makes.
#[test]
fn bicubic_yuv_is_close() {
    support::init();
    for name in ["chelsea", "coffee"] {
        let (picture, golden) = (open(name), levels(&format!("{name}_bicubic256")));
        let bilinear = difference(&self::golden(name), &golden);
        for format in FORMATS.iter().filter(|f| kind(**f).is_yuv()) {
            let info = builder(*format, &picture).build().expect("video info");
            let data = pack::frame(&info, &picture);
            let out = tensor_by(&info, &planes(&info, &data), Interpolation::Bicubic);
            let apart = difference(&out, &golden);
            assert!(apart < lost(*format), "{format:?} {name}: {apart} of 255");
            if lost(*format) == 1.0 {
                assert!(apart < bilinear, "{format:?} {name}: {apart}, {bilinear}");
            }
        }
    }
}

/// Every matrix, range and chroma siting, for formats of 8, 10 and 12 bits with all kinds of
/// subsampling.
#[test]
fn colorimetry_is_respected() {
    support::init();
    // Saturated enough that a wrong matrix shows.
    let name = "coffee";
    let (picture, golden) = (open(name), golden(name));
    for format in [
        VideoFormat::I420,
        VideoFormat::Nv12,
        VideoFormat::Yuy2,
        VideoFormat::Y444,
        VideoFormat::P01010le,
        VideoFormat::P012Le,
        VideoFormat::I42210le,
        VideoFormat::Y44412le,
    ] {
        // Range (1 full, 2 limited) and matrix (3 BT.709, 4 BT.601, 6 BT.2020).
        for colorimetry in [
            "2:4:0:0", "1:4:0:0", "2:3:0:0", "1:3:0:0", "2:6:0:0", "1:6:0:0",
        ] {
            for site in [
                VideoChromaSite::NONE,
                VideoChromaSite::H_COSITED,
                VideoChromaSite::COSITED,
            ] {
                let info = builder(format, &picture)
                    .colorimetry(&colorimetry.parse().expect("a colorimetry"))
                    .chroma_site(site)
                    .build()
                    .expect("video info");
                let apart = difference(&tensor(&info, &picture), &golden);
                assert!(apart < 1.0, "{format:?} {colorimetry} {site:?}: {apart}");
            }
        }
    }
}

/// The comparison above would notice a wrong matrix, a wrong range and a wrong siting.
#[test]
fn the_comparison_is_sharp() {
    support::init();
    let picture = open("coffee");
    let golden = golden("coffee");
    let info = |colorimetry: &str, site| {
        builder(VideoFormat::I420, &picture)
            .colorimetry(&colorimetry.parse().expect("a colorimetry"))
            .chroma_site(site)
            .build()
            .expect("video info")
    };
    let true_info = info("2:4:0:0", VideoChromaSite::NONE);
    let data = pack::frame(&true_info, &picture);
    let right = difference(&tensor(&true_info, &picture), &golden);
    for (colorimetry, site) in [
        ("2:3:0:0", VideoChromaSite::NONE),
        ("1:4:0:0", VideoChromaSite::NONE),
        ("2:4:0:0", VideoChromaSite::COSITED),
    ] {
        let wrong = info(colorimetry, site);
        let out = tensor_of(&wrong, &planes(&wrong, &data));
        let wrong = difference(&out, &golden);
        assert!(
            wrong > right * 1.1,
            "{colorimetry} {site:?}: {wrong}, right is {right}"
        );
    }
}

/// RGB of limited range (16 is black, 235 is white) is brought to the full one.
#[test]
fn limited_rgb() {
    support::init();
    let (picture, golden) = (open("rocket"), golden("rocket"));
    for format in [VideoFormat::Rgb, VideoFormat::Bgrx, VideoFormat::Gbr] {
        let info = builder(format, &picture)
            .colorimetry(&"2:1:0:0".parse().expect("a colorimetry"))
            .build()
            .expect("video info");
        let apart = difference(&tensor(&info, &picture), &golden);
        assert!(apart < 1.0, "{format:?}: {apart}");
    }
}

/// Grey of 8 bits is exactly Pillow's on each channel, grey of 16 bits within one step.
#[test]
fn grey() {
    support::init();
    for name in PHOTOS {
        let picture = open(name);
        let size = (picture.width() as usize, picture.height() as usize);
        let info = builder(VideoFormat::Gray8, &picture)
            .build()
            .expect("video info");
        let data = pack::frame(&info, &picture);
        let stride = info.stride()[0] as usize;
        let plane: Vec<u8> = data
            .chunks(stride)
            .flat_map(|row| &row[..size.0])
            .copied()
            .collect();
        let grey = pillow::transform(&plane, size, 256, 224);
        let expected: Vec<f64> = grey.iter().map(|v| f64::from(*v)).collect();
        let expected = [&expected[..]; 3].concat();
        assert_eq!(tensor(&info, &picture), expected, "{name}");

        let info = builder(VideoFormat::Gray16Le, &picture)
            .build()
            .expect("video info");
        let fine = tensor(&info, &picture);
        let worst = fine
            .iter()
            .zip(&expected)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f64::max);
        assert!(worst <= 1.0, "{name}: {worst}");
        assert!(difference(&fine, &expected) < 0.5, "{name}");
    }
}

/// One picture in every format has the same best class, through the element and a real model.
#[test]
fn same_answer_in_every_format() {
    let element = bare();
    element.set_property("model", BUILTIN);
    let picture = open("coffee");
    let first = builder(FORMATS[0], &picture).build().expect("video info");
    let (mut harness, _bus) = play(&element, &first);
    for format in FORMATS {
        let info = builder(*format, &picture).build().expect("video info");
        harness.set_src_caps(support::element::caps(&info));
        let buffer = through(&mut harness, pack::buffer(&info, &picture));
        let classification = classification(&buffer);
        let top = classification.top().expect("a class");
        assert_eq!((top.index, &*top.label), (967, "espresso"), "{format:?}");
    }
}

/// GStreamer's own videoconvert makes frames that are understood: its pictures come out as the
/// photograph within its own error.
#[test]
fn frames_of_videoconvert() {
    support::init();
    let (picture, golden) = (open("chelsea"), golden("chelsea"));
    let rgb = builder(VideoFormat::Rgb, &picture)
        .fps(gst::Fraction::new(25, 1))
        .build()
        .expect("video info");
    for format in [
        VideoFormat::I420,
        VideoFormat::Nv12,
        VideoFormat::Nv21,
        VideoFormat::Yuy2,
        VideoFormat::Uyvy,
        VideoFormat::Ayuv,
        VideoFormat::P01010le,
        VideoFormat::Bgra,
    ] {
        let mut convert = gst_check::Harness::new("videoconvert");
        let info = builder(format, &picture)
            .fps(gst::Fraction::new(25, 1))
            .build()
            .expect("video info");
        convert.set_src_caps(support::element::caps(&rgb));
        convert.set_sink_caps(support::element::caps(&info));
        convert
            .push(pack::buffer(&rgb, &picture))
            .expect("it converts");
        let buffer = convert.pull().expect("a buffer");
        let frame = gst_video::VideoFrame::from_buffer_readable(buffer, &info).expect("a frame");
        let out = tensor_of(&info, &Picture::from_frame(&frame));
        let apart = difference(&out, &golden);
        assert!(apart < 2.0, "{format:?}: {apart}");
    }
}
