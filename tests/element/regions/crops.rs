// SPDX-License-Identifier: MPL-2.0
//! A region's tensor is that of a frame which consists of just this part of the picture, to the
//! last bit, in every format. `siting.rs` has what no frame can have: regions that begin between
//! two samples of the colour.

use gst::prelude::*;
use gst_check::Harness;
use gst_video::{VideoChromaSite, VideoFormat, VideoInfo, VideoMeta};
use gstresnet50::meta::Classification;
use gstresnet50::preprocess::FORMATS;
use image::RgbImage;

use support::element::*;
use support::harness::{play, through};
use support::onnx::{FREE, Net};
use support::regions::*;
use support::{pack, photo};

/// Sides of the tensor.
const SIDE: u32 = 6;

const ELEMENTS: u32 = 3 * SIDE * SIDE;

/// An element whose results are its tensors, with values from 0 to 1.
fn identity() -> (gst::Element, tempfile::TempDir) {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let net = Net::nchw(SIDE.into(), SIDE.into())
        .batch(FREE)
        .contract(r#"{"mean":[0,0,0],"std":[1,1,1],"output":"probabilities"}"#);
    let element = element(&net.write(folder.path(), "identity.onnx"));
    element.set_property("top-k", ELEMENTS);
    (element, folder)
}

/// The bits of a tensor.
fn tensor(classification: &Classification) -> Vec<u32> {
    assert_eq!(classification.results.len(), ELEMENTS as usize);
    let mut values = vec![None; ELEMENTS as usize];
    for class in &classification.results {
        values[class.index as usize] = Some(class.confidence.to_bits());
    }
    let all = values.into_iter().collect::<Option<_>>();
    all.expect("every index comes once")
}

/// A picture in which no pixel is like its neighbours.
fn noise(width: u32, height: u32) -> RgbImage {
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    RgbImage::from_fn(width, height, |_, _| {
        image::Rgb(std::array::from_fn(|_| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            (seed >> 32) as u8
        }))
    })
}

/// Caps that say everything: nothing is guessed from the size, which is another for a part.
fn described(format: VideoFormat, (width, height): (u32, u32), par: (i32, i32)) -> VideoInfo {
    let builder = VideoInfo::builder(format, width, height)
        .fps(gst::Fraction::new(25, 1))
        .par(gst::Fraction::new(par.0, par.1));
    let kind = gst_video::VideoFormatInfo::from_format(format);
    let info = match kind.is_yuv() {
        true => builder
            .colorimetry(&"2:4:0:0".parse().expect("a colorimetry"))
            .chroma_site(VideoChromaSite::H_COSITED)
            .build(),
        false => builder.build(),
    };
    info.expect("video info")
}

/// The part of a rectangle that lies in a picture of this size.
fn clip((x, y, w, h): Rect, (width, height): (u32, u32)) -> Rect {
    (x, y, w.min(width - x), h.min(height - y))
}

/// The very samples of this part of a frame, as a frame of its own.
fn cut(info: &VideoInfo, data: &[u8], (x, y, w, h): Rect, par: (i32, i32)) -> (VideoInfo, Vec<u8>) {
    let part = described(info.format(), (w, h), par);
    let format = info.format_info();
    let mut out = vec![0x77; part.size()];
    for c in 0..info.n_components() as usize {
        let (ws, hs) = (format.w_sub()[c], format.h_sub()[c]);
        assert!(x % (1 << ws) == 0 && y % (1 << hs) == 0, "between samples");
        let bytes = if format.depth()[c] > 8 { 2 } else { 1 };
        let plane = format.plane()[c] as usize;
        let step = format.pixel_stride()[c] as usize;
        let inside = pack::offset_in_pixel(&format, c);
        let place = |info: &VideoInfo, x: u32, y: u32| {
            let row = info.offset()[plane] + y as usize * info.stride()[plane] as usize;
            row + inside + x as usize * step
        };
        for j in 0..h.div_ceil(1 << hs) {
            for i in 0..w.div_ceil(1 << ws) {
                let from = place(info, (x >> ws) + i, (y >> hs) + j);
                let to = place(&part, i, j);
                out[to..to + bytes].copy_from_slice(&data[from..from + bytes]);
            }
        }
    }
    (part, out)
}

/// Regions of a frame of 37x29: even and odd everywhere, at all edges, from one pixel to the
/// whole, and over the right and the lower edge.
const PLACES: [Rect; 22] = [
    (0, 0, 37, 29),
    (0, 0, 1, 1),
    (36, 28, 1, 1),
    (36, 0, 1, 29),
    (0, 28, 37, 1),
    (4, 6, 8, 8),
    (4, 6, 7, 9),
    (4, 6, 1, 1),
    (4, 6, 2, 1),
    (10, 2, 26, 3),
    (30, 20, 7, 9),
    (30, 20, 100, 100),
    (2, 26, 9, 50),
    (3, 6, 8, 8),
    (4, 5, 8, 8),
    (7, 9, 11, 13),
    (9, 11, 1, 1),
    (35, 27, 2, 2),
    (35, 27, 60, 60),
    (1, 1, 36, 28),
    (17, 0, 3, 29),
    (0, 13, 37, 5),
];

/// Those of the places that begin on a sample of every component.
fn on_samples(info: &VideoInfo) -> Vec<Rect> {
    let format = info.format_info();
    let sub = |subs: &[u32]| 1 << subs.iter().max().copied().unwrap_or(0);
    let (w, h) = (sub(format.w_sub()), sub(format.h_sub()));
    let places = PLACES.iter().copied();
    places
        .filter(|(x, y, ..)| x % w == 0 && y % h == 0)
        .collect()
}

/// The tensors of the regions of a frame that says `region=rois`.
fn of_regions(
    harness: &mut Harness,
    element: &gst::Element,
    mut frame: gst::Buffer,
    places: &[Rect],
) -> Vec<Vec<u32>> {
    element.set_property_from_str("region", "rois");
    let spots: Vec<Spot> = places.iter().map(|rect| spot(*rect, RED)).collect();
    mark(&mut frame, &spots);
    let out = through(harness, frame);
    let found = classifications(&out).into_iter();
    found
        .map(|classification| tensor(&classification.expect("every region is classified")))
        .collect()
}

/// The tensor of a frame of its own.
fn alone(
    harness: &mut Harness,
    element: &gst::Element,
    info: &VideoInfo,
    data: Vec<u8>,
) -> Vec<u32> {
    element.set_property_from_str("region", "frame");
    harness.set_src_caps(caps(info));
    let out = through(harness, gst::Buffer::from_slice(data));
    tensor(&classification(&out))
}

/// All formats, all places, one fit and shape of the pixels.
fn all_formats(fit: &str, par: (i32, i32)) {
    let (element, _folder) = identity();
    element.set_property_from_str("fit", fit);
    let picture = noise(37, 29);
    let size = picture.dimensions();
    let (mut harness, bus) = play(&element, &described(FORMATS[0], size, par));
    let mut odd = 0;
    for format in FORMATS {
        let info = described(*format, size, par);
        let data = pack::frame(&info, &picture);
        let places = on_samples(&info);
        harness.set_src_caps(caps(&info));
        let frame = gst::Buffer::from_slice(data.clone());
        let found = of_regions(&mut harness, &element, frame, &places);
        let mut different = std::collections::HashSet::new();
        for (place, found) in places.iter().zip(found) {
            let (part, samples) = cut(&info, &data, clip(*place, size), par);
            let expected = alone(&mut harness, &element, &part, samples);
            let differing = found.iter().zip(&expected).filter(|(a, b)| a != b).count();
            assert_eq!(differing, 0, "{format:?} {place:?} {fit} {par:?}");
            odd += usize::from(place.0 % 2 == 1 || place.1 % 2 == 1);
            different.insert(expected);
        }
        // Two of the places are the same when they are cut to the frame, in all formats.
        assert!(different.len() + 3 >= places.len(), "{format:?}: all alike");
    }
    assert!(odd > 100, "formats without subsampling are cut anywhere");
    assert!(errors(&bus, &element).is_empty());
}

#[test]
fn exact_with_crop() {
    all_formats("crop", (1, 1));
}

#[test]
fn exact_with_stretch() {
    all_formats("stretch", (1, 1));
}

#[test]
fn exact_with_letterbox() {
    all_formats("letterbox", (1, 1));
}

/// A part has pixels of the shape that the frame's have.
#[test]
fn exact_with_wide_pixels() {
    all_formats("crop", (16, 11));
    all_formats("letterbox", (5, 12));
}

/// Rows that are further apart than they need be, and planes in other places, as a GstVideoMeta
/// has them.
#[test]
fn strides_of_the_buffer() {
    let (element, _folder) = identity();
    let picture = noise(37, 29);
    let size = picture.dimensions();
    let (mut harness, _bus) = play(&element, &described(VideoFormat::Rgb, size, (1, 1)));
    for format in [VideoFormat::Rgb, VideoFormat::Nv12, VideoFormat::I42010le] {
        let info = described(format, size, (1, 1));
        let tight = pack::frame(&info, &picture);
        harness.set_src_caps(caps(&info));
        let places = on_samples(&info);
        let plain = gst::Buffer::from_slice(tight.clone());
        let expected = of_regions(&mut harness, &element, plain, &places);

        // Every plane begins 11 bytes after the end of the one before, with rows of 22 more.
        let planes = info.n_planes() as usize;
        let (mut offsets, mut strides) = (Vec::new(), Vec::new());
        let mut wide = vec![0xee; 64];
        for p in 0..planes {
            let from = info.offset()[p];
            let to = info.offset()[p + 1..planes].first();
            let to = to.copied().unwrap_or(tight.len());
            offsets.push(wide.len());
            strides.push(info.stride()[p] + 22);
            for row in tight[from..to].chunks(info.stride()[p] as usize) {
                wide.extend_from_slice(row);
                wide.extend([0xee; 22]);
            }
            wide.extend([0xee; 11]);
        }
        let mut buffer = gst::Buffer::from_slice(wide);
        let flags = gst_video::VideoFrameFlags::empty();
        VideoMeta::add_full(
            buffer.make_mut(),
            flags,
            format,
            size.0,
            size.1,
            &offsets,
            &strides,
        )
        .expect("a GstVideoMeta");
        let found = of_regions(&mut harness, &element, buffer, &places);
        assert!(found == expected, "{format:?}");
    }
}

/// The same with a photograph and regions of many sizes, made much smaller and much larger, in a
/// format that is cut anywhere, one with half the colour on both axes, and one with 10 bits.
#[test]
fn photographs() {
    let (element, _folder) = identity();
    let picture = photo("chelsea.png");
    let size = picture.dimensions();
    let first = described(VideoFormat::Rgb, size, (1, 1));
    let (mut harness, _bus) = play(&element, &first);
    let places: Vec<Rect> = (0..24u32)
        .map(|i| {
            let (w, h) = (1 + i * i * 7 % 300, 1 + i * i * 11 % 200);
            (i * 37 % (size.0 - w), i * 53 % (size.1 - h), w, h)
        })
        .collect();
    for format in [
        VideoFormat::Rgb,
        VideoFormat::Gray8,
        VideoFormat::Nv12,
        VideoFormat::P01010le,
        VideoFormat::Yuy2,
    ] {
        let info = described(format, size, (1, 1));
        let is_sub = info.format_info().w_sub().iter().any(|s| *s > 0);
        let places: Vec<Rect> = places
            .iter()
            .map(|(x, y, w, h)| match is_sub {
                true => (x & !1, y & !1, *w, *h),
                false => (*x, *y, *w, *h),
            })
            .collect();
        let data = pack::frame(&info, &picture);
        harness.set_src_caps(caps(&info));
        let frame = gst::Buffer::from_slice(data.clone());
        let found = of_regions(&mut harness, &element, frame, &places);
        for (place, found) in places.iter().zip(found) {
            let (part, samples) = cut(&info, &data, *place, (1, 1));
            let expected = alone(&mut harness, &element, &part, samples);
            assert!(found == expected, "{format:?} {place:?}");
        }
    }
}

/// Regions of the same size at other places, on frames of other sizes and formats, one after the
/// other: nothing is left of the one before.
#[test]
fn nothing_is_left_of_the_last() {
    let (element, _folder) = identity();
    let small = described(VideoFormat::Rgb, (20, 20), (1, 1));
    let large = described(VideoFormat::Bgrx, (31, 40), (1, 1));
    let (mut harness, _bus) = play(&element, &small);
    let mut again = Vec::new();
    for turn in 0..2 {
        for info in [&small, &large] {
            let picture = noise(info.width(), info.height());
            let data = pack::frame(info, &picture);
            for place in [(3, 4, 9, 9), (8, 1, 9, 9), (3, 4, 9, 9), (5, 5, 2, 13)] {
                harness.set_src_caps(caps(info));
                let frame = gst::Buffer::from_slice(data.clone());
                let found = of_regions(&mut harness, &element, frame, &[place]);
                let (part, samples) = cut(info, &data, place, (1, 1));
                let expected = alone(&mut harness, &element, &part, samples);
                assert!(found[0] == expected, "{turn} {info:?} {place:?}");
                again.push(expected);
            }
        }
    }
    assert!(again[..8] == again[8..]);
}
