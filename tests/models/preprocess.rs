// SPDX-License-Identifier: MPL-2.0
//! Pre-processing against torchvision, against itself over all backends, and over all formats.

use gst_video::{VideoChromaSite, VideoFormat, VideoInfo};
use gstresnet50::preprocess::*;
use proptest::prelude::*;
use support::{GOLDEN, GOLDEN_BICUBIC, golden_tensor, pack, photo};

const MEAN: [f64; 3] = [0.485, 0.456, 0.406];
const STD: [f64; 3] = [0.229, 0.224, 0.225];

fn target(resize: u32) -> Target {
    Target {
        width: 224,
        height: 224,
        layout: Layout::Nchw,
        element: ElementType::F32,
        order: ColorOrder::Rgb,
        fit: Fit::Crop,
        resize: Resize::Shorter(resize),
        interpolation: Interpolation::Bilinear,
        antialias: true,
        mean: MEAN,
        std: STD,
    }
}

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

/// A frame of any format, whose planes have rows further apart than they need and end with their
/// last sample.
struct Frame {
    info: VideoInfo,
    planes: Vec<(Vec<u8>, usize)>,
}

impl Frame {
    /// Fills it with noise.
    fn new(info: VideoInfo, padding: usize, mut seed: u64) -> Self {
        let format = info.format_info();
        let components = || 0..info.n_components() as usize;
        let bytes = |c: usize| if format.depth()[c] > 8 { 2 } else { 1 };
        let samples = |len: u32, sub: u32| len.div_ceil(1 << sub) as usize;
        // Bytes from the start of a row to the end of the component's last sample.
        let row = |c: usize| {
            let w = samples(info.width(), format.w_sub()[c]);
            let step = format.pixel_stride()[c] as usize;
            pack::offset_in_pixel(&format, c) + (w - 1) * step + bytes(c)
        };
        let mut planes = vec![(Vec::new(), 0); info.n_planes() as usize];
        for c in components() {
            let stride = &mut planes[format.plane()[c] as usize].1;
            *stride = (*stride).max(row(c) + padding);
        }
        for c in components() {
            let (data, stride) = &mut planes[format.plane()[c] as usize];
            let h = samples(info.height(), format.h_sub()[c]);
            let end = (h - 1) * *stride + row(c);
            data.resize(data.len().max(end), 0u8);
        }
        for byte in planes.iter_mut().flat_map(|(data, _)| data) {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            *byte = (seed >> 56) as u8;
        }
        Self { info, planes }
    }

    fn picture(&self) -> Picture<'_> {
        let mut picture = Picture::default();
        for (plane, (data, stride)) in picture.planes.iter_mut().zip(&self.planes) {
            *plane = Plane {
                data,
                stride: *stride,
            };
        }
        picture
    }
}

/// The bits of every element of the tensor of a frame.
fn tensor(frame: &Frame, target: &Target, backend: Backend) -> Vec<u32> {
    let mut preprocessor = Preprocessor::with_backend(&frame.info, target, backend);
    let n = target.elements();
    let picture = frame.picture();
    let mut fill = |slot: &mut Slot<'_>| {
        // Twice: what is left from one frame must not show in the next.
        for _ in 0..2 {
            preprocessor
                .process(&picture, slot)
                .expect("a whole picture");
        }
    };
    match target.element {
        ElementType::F32 => {
            let mut out = vec![f32::NAN; n];
            fill(&mut Slot::F32(&mut out));
            out.into_iter().map(f32::to_bits).collect()
        }
        ElementType::F16 => {
            let mut out = vec![half::f16::NAN; n];
            fill(&mut Slot::F16(&mut out));
            out.into_iter().map(|v| v.to_bits().into()).collect()
        }
        ElementType::U8 => {
            let mut out = vec![0x5a; n];
            fill(&mut Slot::U8(&mut out));
            out.into_iter().map(u32::from).collect()
        }
    }
}

/// Infos of all formats, sitings, ranges and matrices, with pixels that need not be square.
fn any_info(sizes: impl Strategy<Value = (u32, u32)>) -> impl Strategy<Value = VideoInfo> {
    support::init();
    let sites = vec![
        VideoChromaSite::NONE,
        VideoChromaSite::H_COSITED,
        VideoChromaSite::V_COSITED,
        VideoChromaSite::COSITED,
    ];
    (
        sizes,
        prop::sample::select(FORMATS),
        prop::sample::select(sites),
        // GStreamer's numbers: full and limited; FCC, BT.709, BT.601, SMPTE 240M, BT.2020.
        (1..=2, 2..=6),
        (1i32..4, 1i32..4),
    )
        .prop_map(|((w, h), format, site, (range, matrix), par)| {
            let rgb = gst_video::VideoFormatInfo::from_format(format).is_rgb();
            let matrix = if rgb { 1 } else { matrix };
            let colorimetry = format!("{range}:{matrix}:0:0");
            VideoInfo::builder(format, w, h)
                .chroma_site(site)
                .colorimetry(&colorimetry.parse().expect("a colorimetry"))
                .par(gst::Fraction::new(par.0, par.1))
                .build()
                .expect("video info")
        })
}

fn any_target() -> impl Strategy<Value = Target> {
    (
        (1u32..=40, 1u32..=40, 1u32..=48),
        prop::sample::select(vec![Layout::Nchw, Layout::Nhwc]),
        prop::sample::select(vec![ElementType::F32, ElementType::F16, ElementType::U8]),
        prop::sample::select(vec![ColorOrder::Rgb, ColorOrder::Bgr]),
        prop::sample::select(vec![Fit::Crop, Fit::Stretch, Fit::Letterbox]),
        (prop::sample::select(&Interpolation::ALL[..]), any::<bool>()),
    )
        .prop_map(
            |((width, height, resize), layout, element, order, fit, (interpolation, antialias))| {
                Target {
                    width,
                    height,
                    layout,
                    element,
                    order,
                    fit,
                    resize: Resize::Shorter(resize),
                    interpolation,
                    antialias,
                    mean: MEAN,
                    std: STD,
                }
            },
        )
}

/// Every backend gives what the portable one gives, to the last bit.
fn same_on_all_backends(info: VideoInfo, padding: usize, seed: u64, target: &Target) {
    let frame = Frame::new(info, padding, seed);
    let portable = tensor(&frame, target, Backend::Portable);
    for backend in Backend::available() {
        let other = tensor(&frame, target, *backend);
        let differing = portable.iter().zip(&other).filter(|(a, b)| a != b).count();
        assert_eq!(differing, 0, "{backend:?} {:?} {target:?}", frame.info);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    /// All formats, small odd sizes, rows with padding, all fits, layouts, types and orders.
    #[test]
    fn backends_agree(
        info in any_info((1u32..=67, 1u32..=67)),
        padding in 0usize..=40,
        seed in any::<u64>(),
        target in any_target(),
    ) {
        same_on_all_backends(info, padding, seed, &target);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    /// The same for larger frames, whose windows are long.
    #[test]
    fn backends_agree_on_larger_frames(
        info in any_info((200u32..=1300, 200u32..=800)),
        padding in 0usize..=40,
        seed in any::<u64>(),
        target in any_target(),
    ) {
        same_on_all_backends(info, padding, seed, &target);
    }
}

/// Pixels of an absurd aspect ratio: the windows still lie within the picture.
#[test]
fn extreme_pixel_aspect_ratios() {
    support::init();
    let most = i32::MAX;
    for par in [(most, 1), (1, most), (most, most - 1)] {
        for fit in [Fit::Crop, Fit::Stretch, Fit::Letterbox] {
            for (w, h) in [(640, 480), (1, 1), (8192, 3)] {
                let info = VideoInfo::builder(VideoFormat::I420, w, h)
                    .par(gst::Fraction::new(par.0, par.1))
                    .build()
                    .expect("video info");
                let target = Target { fit, ..target(256) };
                same_on_all_backends(info, 5, 0, &target);
            }
        }
    }
}

/// The most extreme shapes in every format and fit: nothing panics, all backends agree, and a
/// picture of one colour comes out as this colour.
#[test]
fn extreme_shapes() {
    support::init();
    for format in FORMATS {
        for (w, h) in [(1, 1), (1, 8192), (8192, 1), (2, 8191), (8191, 2)] {
            for fit in [Fit::Crop, Fit::Stretch, Fit::Letterbox] {
                let info = VideoInfo::builder(*format, w, h)
                    .build()
                    .expect("video info");
                let target = Target {
                    width: 8,
                    height: 6,
                    element: ElementType::U8,
                    fit,
                    resize: Resize::Shorter(8),
                    ..target(8)
                };
                same_on_all_backends(info.clone(), 3, 7, &target);

                let data = pack::frame(&info, &pack::plain(w, h, [90; 3]));
                let mut picture = Picture::default();
                for (p, plane) in picture
                    .planes
                    .iter_mut()
                    .enumerate()
                    .take(info.n_planes() as usize)
                {
                    *plane = Plane {
                        data: &data[info.offset()[p]..],
                        stride: info.stride()[p] as usize,
                    };
                }
                let mut out = vec![7; target.elements()];
                Preprocessor::new(&info, &target)
                    .process(&picture, &mut Slot::U8(&mut out))
                    .expect("a whole picture");
                let black = out.iter().filter(|v| **v == 0).count();
                let grey = out.iter().filter(|v| (89..=91).contains(*v)).count();
                assert_eq!(black + grey, out.len(), "{format:?} {w}x{h} {fit:?}");
                assert_eq!(black > 0, fit == Fit::Letterbox, "{format:?} {w}x{h}");
            }
        }
    }
}

/// However a picture of one colour is made smaller, the colour is what it is without: neither what
/// products lose nor how weights are rounded shows, in none of the levels.
#[test]
fn levels_stay() {
    support::init();
    let target = Target {
        element: ElementType::U8,
        ..target(224)
    };
    let kinds = Interpolation::ALL
        .into_iter()
        .flat_map(|i| [(i, true), (i, false)]);
    let formats = [VideoFormat::Nv12, VideoFormat::P01010le, VideoFormat::Yuy2];
    for (format, (interpolation, antialias)) in formats
        .into_iter()
        .flat_map(|f| kinds.clone().map(move |k| (f, k)))
    {
        let target = Target {
            interpolation,
            antialias,
            ..target.clone()
        };
        let level = |(w, h), level: u8| {
            let info = VideoInfo::builder(format, w, h)
                .colorimetry(&"bt709".parse().expect("a colorimetry"))
                .build()
                .expect("video info");
            let mut frame = Frame::new(info, 0, 0);
            for (plane, _) in &mut frame.planes {
                plane.fill(level);
                if format == VideoFormat::P01010le {
                    // The ten high bits of a word: white is all ones.
                    for word in plane.as_chunks_mut::<2>().0 {
                        word[0] &= 0xc0;
                    }
                }
            }
            tensor(&frame, &target, Backend::detect())
        };
        for value in (0..=255).step_by(3) {
            let expected = level((224, 224), value);
            // Windows of 3, 9 and 60 rows.
            for size in [(300, 301), (960, 1080), (224, 6600)] {
                let found = level(size, value);
                let apart = found.iter().zip(&expected).filter(|(a, b)| a != b).count();
                assert_eq!(
                    apart, 0,
                    "{format:?} {interpolation} {antialias} {size:?} {value}"
                );
            }
        }
    }
}

/// What is missing is said: a plane that ends one byte early, a slot of another size or type.
#[test]
fn short_planes_and_wrong_slots() {
    support::init();
    let info = VideoInfo::builder(VideoFormat::I420, 9, 7)
        .build()
        .expect("video info");
    let target = Target {
        fit: Fit::Stretch,
        ..target(256)
    };
    let mut out = vec![0f32; target.elements()];
    for plane in 0..3 {
        let mut frame = Frame::new(info.clone(), 5, 1);
        assert!(
            Preprocessor::new(&info, &target)
                .process(&frame.picture(), &mut Slot::F32(&mut out))
                .is_ok()
        );
        frame.planes[plane].0.pop();
        let error = Preprocessor::new(&info, &target)
            .process(&frame.picture(), &mut Slot::F32(&mut out))
            .expect_err("a byte is missing");
        let Error::ShortPlane(short) = error else {
            panic!("{error}");
        };
        assert_eq!((short.plane, short.needed - short.found), (plane, 1));
    }
    let frame = Frame::new(info.clone(), 5, 1);
    let mut bytes = vec![0u8; target.elements()];
    for slot in [&mut Slot::F32(&mut out[1..]), &mut Slot::U8(&mut bytes)] {
        let error = Preprocessor::new(&info, &target).process(&frame.picture(), slot);
        assert!(matches!(error, Err(Error::WrongSlot { .. })), "{error:?}");
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
