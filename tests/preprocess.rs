// SPDX-License-Identifier: MPL-2.0
//! Pre-processing against torchvision, against itself over all backends, and over all formats.

mod support;

use gst_video::{VideoChromaSite, VideoFormat, VideoInfo};
use gstresnet50::preprocess::*;
use proptest::prelude::*;
use support::{GOLDEN, golden_tensor, pack, photo};

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

/// From RGB, every tensor of torchvision comes out equal to the last bit, on every backend.
#[test]
fn equal_to_torchvision() {
    support::init();
    for (file, tensor, resize) in GOLDEN {
        let image = photo(file);
        let expected = golden_tensor(tensor);
        let info = VideoInfo::builder(VideoFormat::Rgb, image.width(), image.height())
            .build()
            .expect("video info");
        for backend in Backend::available() {
            let target = target(*resize);
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
    )
        .prop_map(
            |((width, height, resize), layout, element, order, fit)| Target {
                width,
                height,
                layout,
                element,
                order,
                fit,
                resize: Resize::Shorter(resize),
                mean: MEAN,
                std: STD,
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
    for format in [VideoFormat::Nv12, VideoFormat::P01010le, VideoFormat::Yuy2] {
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
                assert_eq!(apart, 0, "{format:?} {size:?} {value}");
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
