// SPDX-License-Identifier: MPL-2.0
//! The results are those of torchvision, Pillow and plain arithmetic.

use gst_video::{VideoChromaSite, VideoFormat, VideoInfo};
use gstresnet50::preprocess::*;

use super::target;
use support::{GOLDEN, GOLDEN_BICUBIC, golden_tensor, pack, photo};

fn rgb_picture(image: &image::RgbImage) -> Picture<'_> {
    let mut picture = Picture::default();
    picture.planes[0] = Plane {
        data: image.as_raw(),
        stride: image.width() as usize * 3,
    };
    picture
}

/// From RGB, every tensor of torchvision comes out equal to the last bit, on every backend, and so
/// does every one that was made with Pillow's bicubic filter.
#[test]
fn equal_to_torchvision() {
    support::init();
    let bilinear = GOLDEN.iter().map(|g| (Interpolation::Bilinear, g));
    let bicubic = GOLDEN_BICUBIC.iter().map(|g| (Interpolation::Bicubic, g));
    for (interpolation, (file, tensor, resize)) in bilinear.chain(bicubic) {
        let image = photo(file);
        let expected = golden_tensor(tensor);
        let info = VideoInfo::builder(VideoFormat::Rgb, image.width(), image.height())
            .build()
            .expect("video info");
        for backend in Backend::available() {
            let target = Target {
                interpolation,
                ..target(*resize)
            };
            let mut out = vec![0f32; target.elements()];
            Preprocessor::with_backend(&info, &target, *backend)
                .process(&rgb_picture(&image), &mut Slot::F32(&mut out))
                .expect("a whole picture");
            let differing = out.iter().zip(&expected).filter(|(a, b)| a != b).count();
            let worst = out
                .iter()
                .zip(&expected)
                .map(|(a, b)| (a - b).abs())
                .fold(0f32, f32::max);
            assert_eq!(differing, 0, "{tensor} {backend:?}: worst {worst}");
        }
    }
}

/// The bytes of the tensor of a photograph as RGB.
fn bytes_of(image: &image::RgbImage, target: &Target, backend: Backend) -> Vec<u8> {
    let info = VideoInfo::builder(VideoFormat::Rgb, image.width(), image.height())
        .build()
        .expect("video info");
    let mut out = vec![0; target.elements()];
    Preprocessor::with_backend(&info, target, backend)
        .process(&rgb_picture(image), &mut Slot::U8(&mut out))
        .expect("a whole picture");
    out
}

/// The nearest sample is Pillow's, at the borders of samples too, antialiased or not. The checksums
/// (64-bit FNV-1a of the bytes, channel by channel) are of Pillow 13's `resize((w, h), NEAREST)`
/// of the shorter side to 256, 235 and 225 and the centre of 224x224; where 300 or 400 rows become
/// 225, every third position lies on a border.
#[test]
fn nearest_is_pillows() {
    support::init();
    for (file, resize, expected) in [
        ("chelsea.png", 256, 0x3054_e797_ac66_1499u64),
        ("chelsea.png", 235, 0x7a39_06ff_9107_7d60),
        ("chelsea.png", 225, 0xfb11_7166_67ad_9438),
        ("rocket.png", 256, 0xc73c_9f9c_8dcd_9693),
        ("rocket.png", 235, 0xd167_acd7_1456_8235),
        ("rocket.png", 225, 0xba65_5332_4c12_a94c),
        ("coffee.png", 235, 0xe5a2_54d6_0406_0b06),
        ("coffee.png", 225, 0x57a5_70f9_314e_5cd3),
    ] {
        let image = photo(file);
        for (backend, antialias) in Backend::available()
            .iter()
            .flat_map(|b| [(*b, true), (*b, false)])
        {
            let target = Target {
                element: ElementType::U8,
                interpolation: Interpolation::Nearest,
                antialias,
                ..target(resize)
            };
            let bytes = bytes_of(&image, &target, backend);
            let found = bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
                (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
            });
            assert_eq!(found, expected, "{file} {resize} {backend:?}");
        }
    }
}

/// What PyTorch's `interpolate(align_corners=False, antialias=False)` and OpenCV's resize compute,
/// in floating point: 2 or 4 samples an axis about the centre, the edge repeated.
fn sampled(image: &image::RgbImage, x: f64, y: f64, cubic: bool) -> [f64; 3] {
    let weight = |d: f64| match (d.abs(), cubic) {
        (d, false) => (1.0 - d).max(0.0),
        (d, true) if d < 1.0 => 1.25 * d.powi(3) - 2.25 * d.powi(2) + 1.0,
        (d, true) if d < 2.0 => -0.75 * (d.powi(3) - 5.0 * d.powi(2) + 8.0 * d - 4.0),
        _ => 0.0,
    };
    let (fx, fy) = (x.floor() as i64, y.floor() as i64);
    let mut sum = [0.0; 3];
    for j in fy - 1..=fy + 2 {
        for i in fx - 1..=fx + 2 {
            let pixel = image.get_pixel(
                i.clamp(0, i64::from(image.width()) - 1) as u32,
                j.clamp(0, i64::from(image.height()) - 1) as u32,
            );
            let w = weight(i as f64 - x) * weight(j as f64 - y);
            for (sum, value) in sum.iter_mut().zip(pixel.0) {
                *sum += w * f64::from(value);
            }
        }
    }
    sum.map(|v| v.clamp(0.0, 255.0))
}

/// Without antialiasing the result is PyTorch's and OpenCV's within the rounding between the
/// passes, and so it is not with it; from Y'CbCr too, as far as that is close at all.
#[test]
fn without_antialiasing() {
    support::init();
    let image = photo("coffee.png");
    let (w, h) = image.dimensions();
    let info = VideoInfo::builder(VideoFormat::Y444, w, h)
        .build()
        .expect("video info");
    let data = pack::frame(&info, &image);
    let mut yuv = Picture::default();
    for (p, plane) in yuv.planes.iter_mut().enumerate().take(3) {
        *plane = Plane {
            data: &data[info.offset()[p]..],
            stride: info.stride()[p] as usize,
        };
    }
    for (interpolation, cubic) in [
        (Interpolation::Bilinear, false),
        (Interpolation::Bicubic, true),
    ] {
        for (width, height) in [(224, 224), (97, 61), (700, 500)] {
            let target = |antialias| Target {
                width,
                height,
                fit: Fit::Stretch,
                element: ElementType::U8,
                interpolation,
                antialias,
                ..target(256)
            };
            let (sx, sy) = (
                f64::from(w) / f64::from(width),
                f64::from(h) / f64::from(height),
            );
            let mut expected = vec![0.0; target(false).elements()];
            for y in 0..height {
                for x in 0..width {
                    let at = |i: u32, scale: f64| (f64::from(i) + 0.5) * scale - 0.5;
                    let pixel = sampled(&image, at(x, sx), at(y, sy), cubic);
                    for (c, value) in pixel.into_iter().enumerate() {
                        let place = (c as u32 * height + y) * width + x;
                        expected[place as usize] = value;
                    }
                }
            }
            let apart = |found: &[u8]| {
                let apart = found.iter().zip(&expected);
                let apart: Vec<f64> = apart.map(|(f, e)| (f64::from(*f) - e).abs()).collect();
                let mean = apart.iter().sum::<f64>() / apart.len() as f64;
                (mean, apart.into_iter().fold(0.0, f64::max))
            };
            for backend in Backend::available() {
                let (mean, worst) = apart(&bytes_of(&image, &target(false), *backend));
                assert!(mean < 0.5, "{interpolation} {width}x{height}: {mean}");
                // Between the passes the cubic's overshoot is cut off, which sharp edges show.
                assert!(
                    worst < 1.6 || cubic,
                    "{interpolation} {width}x{height}: {worst}"
                );
            }
            let mut out = vec![0; expected.len()];
            Preprocessor::new(&info, &target(false))
                .process(&yuv, &mut Slot::U8(&mut out))
                .expect("a whole picture");
            let (mean, _) = apart(&out);
            assert!(mean < 1.0, "{interpolation} {width}x{height}: {mean}");
            if width < w {
                let (mean, _) = apart(&bytes_of(&image, &target(true), Backend::detect()));
                assert!(mean > 1.0, "{interpolation} {width}x{height}: {mean}");
            }
        }
    }
}

/// Where the cubic overshoots, at the edges of black and white, the result stays black and white
/// instead of going round: in RGB, in grey, and in Y'CbCr of both ranges and several depths.
#[test]
fn bicubic_overshoot_is_clipped() {
    support::init();
    let image = image::RgbImage::from_fn(96, 96, |x, y| {
        image::Rgb([if (x / 24 + y / 24) % 2 == 0 { 0 } else { 255 }; 3])
    });
    for format in FORMATS {
        for range in ["1", "2"] {
            let kind = gst_video::VideoFormatInfo::from_format(*format);
            let matrix = if kind.is_yuv() { 3 } else { 1 };
            let colorimetry = format!("{range}:{matrix}:0:0");
            let info = VideoInfo::builder(*format, 96, 96)
                .colorimetry(&colorimetry.parse().expect("a colorimetry"))
                .build()
                .expect("video info");
            let data = pack::frame(&info, &image);
            let mut picture = Picture::default();
            let planes = picture.planes.iter_mut().enumerate();
            for (p, plane) in planes.take(info.n_planes() as usize) {
                *plane = Plane {
                    data: &data[info.offset()[p]..],
                    stride: info.stride()[p] as usize,
                };
            }
            for (side, antialias) in [(40, true), (41, false), (200, true), (201, false)] {
                for backend in Backend::available() {
                    let target = Target {
                        width: side,
                        height: side,
                        fit: Fit::Stretch,
                        element: ElementType::U8,
                        interpolation: Interpolation::Bicubic,
                        antialias,
                        ..target(256)
                    };
                    let mut out = vec![7; target.elements()];
                    Preprocessor::with_backend(&info, &target, *backend)
                        .process(&picture, &mut Slot::U8(&mut out))
                        .expect("a whole picture");
                    // The middles of the squares, with the overshoot next to their edges.
                    let side = side as usize;
                    for square in 0..16 {
                        let (x, y) = (square % 4, square / 4);
                        let at = |i: usize| (2 * i + 1) * side / 8;
                        let far = side / 16;
                        for (dx, dy) in [(0, 0), (far, 0), (0, far), (far, far)] {
                            let value = out[(at(y) + dy) * side + at(x) + dx];
                            let expected = if (x + y) % 2 == 0 { 0 } else { 255 };
                            assert_eq!(
                                value, expected,
                                "{format:?} {range} {backend:?} {side} {antialias} {x} {y}"
                            );
                        }
                    }
                }
            }
        }
    }
}

/// A hard vertical edge between two chroma samples: chroma that is cosited with the even luma
/// columns lies half a luma column further left than chroma that is centred, and so does the edge.
/// The same for rows.
#[test]
fn chroma_siting_moves_the_edge() {
    support::init();
    let redness = |site: VideoChromaSite, vertical: bool| -> Vec<f64> {
        let info = VideoInfo::builder(VideoFormat::Y444, 16, 16)
            .build()
            .expect("video info");
        let info = VideoInfo::builder(VideoFormat::I420, 16, 16)
            .chroma_site(site)
            .colorimetry(&info.colorimetry())
            .build()
            .expect("video info");
        let (luma, neutral) = (vec![126u8; 256], vec![128u8; 64]);
        // From sample 4 on Cr is high: to the right of, or below, the edge at luma column 8.
        let cr: Vec<u8> = (0..64)
            .map(|i| {
                let at = if vertical { i % 8 } else { i / 8 };
                if at < 4 { 128 } else { 168 }
            })
            .collect();
        let mut picture = Picture::default();
        for (plane, (data, stride)) in
            picture
                .planes
                .iter_mut()
                .zip([(&luma, 16), (&neutral, 8), (&cr, 8)])
        {
            *plane = Plane { data, stride };
        }
        let target = Target {
            width: 16,
            height: 16,
            element: ElementType::U8,
            fit: Fit::Stretch,
            ..target(16)
        };
        let mut out = vec![0u8; target.elements()];
        Preprocessor::new(&info, &target)
            .process(&picture, &mut Slot::U8(&mut out))
            .expect("a whole picture");
        (0..16)
            .map(|i| f64::from(out[if vertical { 5 * 16 + i } else { i * 16 + 5 }]))
            .collect()
    };
    for (vertical, cosited) in [
        (true, VideoChromaSite::H_COSITED),
        (false, VideoChromaSite::V_COSITED),
    ] {
        let centred = redness(VideoChromaSite::NONE, vertical);
        let cosited = redness(cosited, vertical);
        let (low, high) = (centred[0], centred[15]);
        assert!(high - low > 40.0, "there is an edge");
        assert_eq!((cosited[0], cosited[15]), (low, high));
        // How many columns the edge lies before the end.
        let length = |row: &[f64]| row.iter().map(|v| (v - low) / (high - low)).sum::<f64>();
        let moved = length(&cosited) - length(&centred);
        assert!((moved - 0.5).abs() < 0.05, "moved by {moved}");
        assert!((length(&centred) - 8.0).abs() < 0.05, "{centred:?}");
    }
}
