// SPDX-License-Identifier: MPL-2.0
//! Every raw format that this GStreamer knows is classified, those that pre-processing does not
//! read by way of a conversion in the element.

use gst::prelude::*;
use gst_check::Harness;
use gst_video::{
    VideoConverter, VideoConverterConfig, VideoFormat, VideoFormatFlags, VideoFormatInfo,
    VideoFrame, VideoInfo,
};
use gstresnet50::preprocess::is_read;

use support::element::*;
use support::harness::{play, through};
use support::onnx::{FREE, Net};
use support::pack;
use support::regions::{classifications, mark, spot};

/// Sides of the tensor.
const SIDE: i64 = 5;

/// An element whose results are its tensors, with values from 0 to 1.
fn identity() -> (gst::Element, tempfile::TempDir) {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let net = Net::nchw(SIDE, SIDE)
        .batch(FREE)
        .contract(r#"{"mean":[0,0,0],"std":[1,1,1],"fit":"stretch","output":"probabilities"}"#);
    let element = element(&net.write(folder.path(), "identity.onnx"));
    element.set_property("top-k", 3 * (SIDE * SIDE) as u32);
    (element, folder)
}

fn described(format: VideoFormat, (width, height): (u32, u32)) -> VideoInfo {
    let builder = VideoInfo::builder(format, width, height).fps(gst::Fraction::new(25, 1));
    let info = match VideoFormatInfo::from_format(format).is_yuv() {
        true => builder
            .colorimetry(&"2:4:0:0".parse().expect("a colorimetry"))
            .build(),
        false => builder.build(),
    };
    info.expect("video info")
}

/// A frame as GStreamer converts it.
fn convert(buffer: gst::Buffer, from: &VideoInfo, to: &VideoInfo) -> gst::Buffer {
    convert_with(buffer, from, to, None)
}

/// The same samples in another order.
fn repack(buffer: gst::Buffer, from: &VideoInfo, to: &VideoInfo) -> gst::Buffer {
    let mut config = VideoConverterConfig::new();
    config.set_dither_method(gst_video::VideoDitherMethod::None);
    config.set_chroma_mode(gst_video::VideoChromaMode::None);
    convert_with(buffer, from, to, Some(config))
}

fn convert_with(
    buffer: gst::Buffer,
    from: &VideoInfo,
    to: &VideoInfo,
    config: Option<VideoConverterConfig>,
) -> gst::Buffer {
    let converter = VideoConverter::new(from, to, config).expect("a converter");
    let source = VideoFrame::from_buffer_readable(buffer, from).expect("a frame");
    let target = gst::Buffer::with_size(to.size()).expect("memory");
    let mut target = VideoFrame::from_buffer_writable(target, to).expect("a frame");
    converter.frame(&source, &mut target);
    target.into_buffer()
}

/// A picture whose colours change slowly.
fn picture((width, height): (u32, u32)) -> image::RgbImage {
    image::RgbImage::from_fn(width, height, |x, y| {
        let level = |at: u32, of: u32| (40 + (6 * of).min(170) * at / of.max(1)) as u8;
        image::Rgb([level(x, width), level(y, height), level(width - x, width)])
    })
}

/// The picture in this format: by GStreamer's conversion, or by hand where there is none.
fn frame(info: &VideoInfo, picture: &image::RgbImage) -> gst::Buffer {
    let kind = info.format_info();
    if kind.flags().contains(VideoFormatFlags::PALETTE) {
        // Six levels a component: red changes slowest.
        let mut data = vec![0; info.size()];
        let stride = info.stride()[0] as usize;
        for (x, y, pixel) in picture.enumerate_pixels() {
            let [r, g, b] = pixel.0.map(|v| (u32::from(v) + 25) / 51);
            data[y as usize * stride + x as usize] = (36 * r + 6 * g + b) as u8;
        }
        for i in 0..216u32 {
            let argb = u32::from_be_bytes([
                255,
                51 * (i / 36) as u8,
                51 * (i / 6 % 6) as u8,
                51 * (i % 6) as u8,
            ]);
            let at = info.offset()[1] + 4 * i as usize;
            data[at..at + 4].copy_from_slice(&argb.to_ne_bytes());
        }
        return gst::Buffer::from_slice(data);
    }
    let rgb = described(VideoFormat::Rgb, picture.dimensions());
    convert(pack::buffer(&rgb, picture), &rgb, info)
}

/// The tensor of a frame, from 0 to 255.
fn tensor(harness: &mut Harness, info: &VideoInfo, buffer: gst::Buffer) -> Vec<f32> {
    harness.set_src_caps(caps(info));
    let out = through(harness, buffer);
    values(&out).into_iter().map(|v| v * 255.0).collect()
}

/// Of each format and at odd sizes the tensor is that of the frame which GStreamer converts to RGB,
/// as nearly as GStreamer's own conversion is exact.
#[test]
fn every_raw_format_is_right() {
    let (element, _folder) = identity();
    let first = described(VideoFormat::Rgb, (8, 6));
    let (mut harness, bus) = play(&element, &first);
    let mut converted = 0;
    for format in VideoFormat::iter_raw() {
        converted += usize::from(!is_read(format));
        for size in [(1u32, 1u32), (1, 9), (7, 5), (33, 21), (130, 67), (64, 48)] {
            // GStreamer 1.22 exchanges the last two colour differences of such a row.
            if format == VideoFormat::Vyuy && size.0 % 2 == 1 {
                continue;
            }
            // GStreamer 1.24 to 1.28 do not find the samples of a row that ends within a tile.
            if format.to_str().starts_with("MT2110") && !size.0.is_multiple_of(16) {
                continue;
            }
            let info = described(format, size);
            let buffer = frame(&info, &picture(size));
            let rgb = described(VideoFormat::Rgb, size);
            let expected = convert(buffer.copy(), &info, &rgb);
            let expected = tensor(&mut harness, &rgb, expected);
            let found = tensor(&mut harness, &info, buffer);
            let apart = found.iter().zip(&expected).map(|(a, b)| (a - b).abs());
            let (sum, worst) = apart.fold((0.0, 0f32), |(s, w), d| (s + d, w.max(d)));
            let mean = sum / found.len() as f32;
            // Of four pixels that share a colour GStreamer looks elsewhere for its middle.
            let (most, worse) = match info.format_info().w_sub().iter().max() {
                Some(2) => (8.0, 24.0),
                _ => (4.0, 16.0),
            };
            assert!(
                mean < most && worst < worse,
                "{format} {size:?}: {mean}, {worst}"
            );
        }
    }
    assert!(converted > 35, "{converted}");
    assert!(errors(&bus, &element).is_empty());
}

/// Where only the order of the bytes is another, the tensor is the same to the last bit.
#[test]
fn rare_formats_lose_nothing() {
    let (element, _folder) = identity();
    let first = described(VideoFormat::Rgb, (8, 6));
    let (mut harness, _bus) = play(&element, &first);
    for (rare, usual) in [
        (VideoFormat::I42010be, VideoFormat::I42010le),
        (VideoFormat::I42212be, VideoFormat::I42212le),
        (VideoFormat::Y44410be, VideoFormat::Y44410le),
        (VideoFormat::P01010be, VideoFormat::P01010le),
        (VideoFormat::Gbr10be, VideoFormat::Gbr10le),
        (VideoFormat::Gray16Be, VideoFormat::Gray16Le),
        (VideoFormat::Nv124l4, VideoFormat::Nv12),
        (VideoFormat::Nv1232l32, VideoFormat::Nv12),
        (VideoFormat::Rgbp, VideoFormat::Gbr),
        (VideoFormat::Av12, VideoFormat::Nv12),
        (VideoFormat::Iyu1, VideoFormat::Y41b),
    ] {
        for size in [(7, 5), (33, 21), (64, 48)] {
            let (rare, usual) = (described(rare, size), described(usual, size));
            let source = frame(&usual, &picture(size));
            let plain = tensor(&mut harness, &usual, source.copy());
            let same = repack(source, &usual, &rare);
            let found = tensor(&mut harness, &rare, same);
            assert_eq!(found, plain, "{} {size:?}", rare.format());
        }
    }
}

/// Regions of a frame that has to be converted, with rows further apart than they need be.
#[test]
fn regions_of_a_rare_format() {
    let (element, _folder) = identity();
    element.set_property_from_str("region", "both");
    let info = described(VideoFormat::Uyvp, (64, 48));
    let (mut harness, bus) = play(&element, &info);
    let rgb = described(VideoFormat::Rgb, (64, 48));
    let places = [
        (0, 0, 64, 48),
        (8, 8, 24, 16),
        (31, 7, 17, 30),
        (60, 40, 99, 99),
    ];
    let spots: Vec<_> = places.iter().map(|place| spot(*place, RED)).collect();
    for _ in 0..3 {
        let mut buffer = frame(&info, &picture((64, 48)));
        let mut expected = convert(buffer.copy(), &info, &rgb);
        mark(&mut buffer, &spots);
        mark(&mut expected, &spots);
        harness.set_src_caps(caps(&rgb));
        let expected = classifications(&through(&mut harness, expected));
        harness.set_src_caps(caps(&info));
        let found = classifications(&through(&mut harness, buffer));
        assert_eq!(found.len(), places.len());
        for (found, expected) in found.iter().zip(&expected) {
            let sorted = |classification: &Option<gstresnet50::meta::Classification>| {
                let classification = classification.as_ref().expect("it is classified");
                let mut values: Vec<_> = classification
                    .results
                    .iter()
                    .map(|c| (c.index, c.confidence))
                    .collect();
                values.sort_by_key(|(index, _)| *index);
                values
            };
            for ((_, a), (_, b)) in sorted(found).into_iter().zip(sorted(expected)) {
                assert!((a - b).abs() < 0.06, "{a}, not {b}");
            }
        }
    }
    assert!(errors(&bus, &element).is_empty());
    assert_eq!(stat(&element, "errors"), 0);
}

/// A frame whose GstVideoMeta describes more memory than there is, or strides that cannot be, is
/// an error, and nothing is read beside it.
#[test]
fn rare_frames_that_are_too_short() {
    let (width, height) = (64, 48);
    for format in [
        VideoFormat::Iyu1,
        VideoFormat::V210,
        VideoFormat::Nv124l4,
        VideoFormat::I42010be,
        VideoFormat::Rgb8p,
    ] {
        let info = described(format, (width, height));
        let strides: Vec<i32> = info.stride().iter().map(|s| s * 2).collect();
        for (offset, stride, size) in [
            (0, info.stride(), info.size() - 1),
            (0, &strides[..], info.size()),
            (info.size() / 2, info.stride(), info.size()),
        ] {
            let (element, _folder) = identity();
            let (mut harness, bus) = play(&element, &info);
            let mut buffer = gst::Buffer::with_size(size).expect("memory");
            let offsets: Vec<usize> = info.offset().iter().map(|o| o + offset).collect();
            let meta = gst_video::VideoMeta::add_full(
                buffer.make_mut(),
                gst_video::VideoFrameFlags::empty(),
                format,
                width,
                height,
                &offsets,
                stride,
            );
            if meta.is_err() {
                continue;
            }
            // The first one is taken before its result is there.
            let flows = std::iter::repeat_with(|| harness.push(buffer.copy()));
            let flow = flows.take(1000).find_map(Result::err);
            assert_eq!(flow, Some(gst::FlowError::Error), "{format} {offset}");
            let errors = errors(&bus, &element);
            assert_eq!(errors.len(), 1, "{format} {offset}: {errors:?}");
            assert!(errors[0].matches(gst::ResourceError::Read), "{errors:?}");
        }
    }
}

/// A frame as large as GStreamer has them, in one direction.
#[test]
fn very_long_frames() {
    let (element, _folder) = identity();
    let (mut harness, bus) = play(&element, &described(VideoFormat::Rgb, (8, 6)));
    for format in [
        VideoFormat::Gray8,
        VideoFormat::Gray16Be,
        VideoFormat::I420,
        VideoFormat::Iyu1,
    ] {
        for size in [(3_000_001, 1), (1, 300_001), (20_001, 3)] {
            let info = described(format, size);
            let data = vec![128u8; info.size()];
            let found = tensor(&mut harness, &info, gst::Buffer::from_slice(data));
            let apart = found.iter().map(|v| (v - 128.0).abs());
            let worst = apart.fold(0f32, f32::max);
            assert!(worst <= 4.0, "{format} {size:?}: {found:?}");
        }
    }
    assert!(errors(&bus, &element).is_empty());
}
