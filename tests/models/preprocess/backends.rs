// SPDX-License-Identifier: MPL-2.0
//! All backends give the same results, for every format and shape.

use gst_video::{VideoChromaSite, VideoFormat, VideoInfo};
use gstresnet50::preprocess::*;
use proptest::prelude::*;

use super::{Frame, MEAN, STD, target, tensor};
use support::pack;

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
