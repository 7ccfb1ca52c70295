// SPDX-License-Identifier: MPL-2.0
//! `resnet50overlay` on frames of each format: what it draws into them, and what it leaves alone.
use std::str::FromStr as _;

use gst::prelude::*;
use gst_video::{
    VideoChromaSite, VideoColorimetry, VideoFormat, VideoFormatInfo, VideoFrameFlags, VideoInfo,
    VideoMeta,
};
use support::element::{bytes, caps, info};
use support::harness::{between, through};
use support::overlay::*;
use support::pack;

/// The bytes of a frame that belong to a pixel that a piece covers.
fn covered(info: &VideoInfo, pieces: &[Piece]) -> Vec<bool> {
    let format = info.format_info();
    let mut covered = vec![false; info.size()];
    for piece in pieces {
        for c in 0..format.n_components() as usize {
            let plane = format.plane()[c] as usize;
            let step = format.pixel_stride()[c] as usize;
            let (ws, hs) = (format.w_sub()[c], format.h_sub()[c]);
            for y in piece.y >> hs..(piece.y + piece.height).div_ceil(1 << hs) {
                for x in piece.x >> ws..(piece.x + piece.width).div_ceil(1 << ws) {
                    let start = info.offset()[plane]
                        + y as usize * info.stride()[plane] as usize
                        + x as usize * step
                        + pack::offset_in_pixel(&format, c);
                    let bytes = format.depth()[c].div_ceil(8) as usize;
                    covered[start..start + bytes].fill(true);
                }
            }
        }
    }
    covered
}

/// The pieces over a picture, mixed in floating point as Porter and Duff have it: red, green, blue
/// and alpha from 0 to 1, the colours not multiplied with it.
fn mixed(width: u32, original: &[[f64; 4]], pieces: &[Piece]) -> Vec<[f64; 4]> {
    let mut mixed = original.to_vec();
    for (pixel, i) in mixed.iter_mut().zip(0..) {
        let (x, y) = (i % width, i / width);
        for piece in pieces.iter().filter(|p| p.covers(x, y)) {
            let [above, color @ ..] = piece
                .at(x - piece.x, y - piece.y)
                .map(|v| f64::from(v) / 255.0);
            let through = pixel[3] * (1.0 - above);
            let all = above + through;
            // Of what cannot be seen the colour stays.
            if all > 0.0 {
                for (value, color) in pixel.iter_mut().zip(color) {
                    *value = (color + *value * through) / all;
                }
            }
            pixel[3] = all;
        }
    }
    mixed
}

/// Classes, bars, footer and a region: all that can be drawn.
fn everything(buffer: gst::Buffer) -> gst::Buffer {
    let found = classification(&[("tabby", 0.61), ("tiger cat", 0.3)]);
    let region = classification(&[("pug", 0.9)]);
    with_region(with(buffer, &found), (201, 151, 91, 67), Some(&region))
}

/// Odd on both sides, so that the last samples of a colour belong to fewer pixels.
const ODD: (u32, u32) = (WIDTH + 1, HEIGHT + 1);

/// Frames of this kind become what the drawn pixels over them are, to `tolerance` of the smallest
/// steps of a sample, and each byte that lies outside of them stays as it was.
fn blends(info: &VideoInfo, original: &[[f64; 4]], pieces: &[Piece], tolerance: f64) {
    let name = format!("{} {}", info.format(), info.colorimetry());
    let caps = VideoInfo::from_caps(&caps(info)).expect("caps");
    assert_eq!(caps.colorimetry(), info.colorimetry(), "{name}");
    let mixed = mixed(info.width(), original, pieces);
    let before = pack::frame_of(info, original);
    let expected = pack::frame_of(info, &mixed);
    let frame = everything(gst::Buffer::from_mut_slice(before.clone()));
    let after = bytes(&through(&mut between(&overlay(), info), frame));
    assert_ne!(after, before, "{name}");
    let covered = covered(info, pieces);
    for i in 0..before.len() {
        assert!(covered[i] || after[i] == before[i], "{name}: byte {i}");
    }
    let format = info.format_info();
    for sample in pack::samples(info).filter(|s| covered[s.at]) {
        let [found, wanted] =
            [&after, &expected].map(|d| f64::from(pack::read(&format, &d[sample.at..])));
        // A colour counts as much as it is seen: where it hardly is, its number is one of a few.
        let seen = match sample.component {
            3 => 1.0,
            _ => alpha(info, sample, &mixed),
        };
        let off = (found - wanted).abs() * seen;
        assert!(
            off <= tolerance,
            "{name}: {found}, not {wanted}, seen {seen}: {sample:?}"
        );
    }
}

/// How opaque the pixels are that share a sample.
fn alpha(info: &VideoInfo, sample: pack::Sample, pixels: &[[f64; 4]]) -> f64 {
    let format = info.format_info();
    let part = |at: u32, sub: u32, size: u32| (at << sub)..((at + 1) << sub).min(size);
    let c = sample.component;
    let columns = part(sample.x, format.w_sub()[c], info.width());
    let rows = part(sample.y, format.h_sub()[c], info.height());
    let count = f64::from(columns.end - columns.start) * f64::from(rows.end - rows.start);
    let alphas = rows.flat_map(|y| {
        let row = (y * info.width()) as usize;
        columns.clone().map(move |x| pixels[row + x as usize][3])
    });
    alphas.sum::<f64>() / count
}

/// A picture of one colour, as opaque as `alpha` says of a pixel.
fn picture(alpha: impl Fn(u32, u32) -> f64) -> Vec<[f64; 4]> {
    let [r, g, b] = [60.0, 110.0, 160.0].map(|v| v / 255.0);
    let row = |y| (0..ODD.0).map(move |x| (x, y));
    let pixels = (0..ODD.1).flat_map(row);
    pixels.map(|(x, y)| [r, g, b, alpha(x, y)]).collect()
}

fn frames(format: VideoFormat, colorimetry: Option<&str>) -> VideoInfo {
    let info = VideoInfo::builder(format, ODD.0, ODD.1).chroma_site(VideoChromaSite::NONE);
    let colorimetry = colorimetry.map(|name| VideoColorimetry::from_str(name).expect("known"));
    let info = match &colorimetry {
        Some(colorimetry) => info.colorimetry(colorimetry),
        None => info,
    };
    info.build().expect("video info")
}

/// Those that are drawn on without GStreamer's help, with the steps that a number may be away:
/// bytes are rounded twice for each piece, words once.
const EXACT: [(&[VideoFormat], f64); 3] = [
    (
        &[
            VideoFormat::Nv12,
            VideoFormat::Nv21,
            VideoFormat::Nv16,
            VideoFormat::Nv61,
            VideoFormat::Nv24,
            VideoFormat::I420,
            VideoFormat::Yv12,
            VideoFormat::Y42b,
            VideoFormat::Y444,
            VideoFormat::Yuy2,
            VideoFormat::Uyvy,
            VideoFormat::Yvyu,
            VideoFormat::Vyuy,
            VideoFormat::V308,
            VideoFormat::Rgb,
            VideoFormat::Bgr,
            VideoFormat::Rgbx,
            VideoFormat::Bgrx,
            VideoFormat::Xrgb,
            VideoFormat::Xbgr,
            VideoFormat::Gbr,
            VideoFormat::Rgbp,
            VideoFormat::Gray8,
            VideoFormat::Rgba,
            VideoFormat::Bgra,
            VideoFormat::Argb,
            VideoFormat::Abgr,
            VideoFormat::Gbra,
            VideoFormat::Ayuv,
            VideoFormat::Vuya,
            VideoFormat::A420,
            VideoFormat::Av12,
        ],
        2.0,
    ),
    (
        &[
            VideoFormat::P01010le,
            VideoFormat::P01010be,
            VideoFormat::P012Le,
            VideoFormat::I42010le,
            VideoFormat::I42010be,
            VideoFormat::I42210le,
            VideoFormat::Y44410le,
            VideoFormat::I42012le,
            VideoFormat::I42212le,
            VideoFormat::Y44412le,
            VideoFormat::Gbr10le,
            VideoFormat::Gbr12be,
            VideoFormat::A42010le,
            VideoFormat::A42210le,
            VideoFormat::A44410be,
            VideoFormat::Gbra12le,
        ],
        1.0,
    ),
    (
        &[
            VideoFormat::P016Le,
            VideoFormat::Y44416le,
            VideoFormat::Gray16Le,
            VideoFormat::Gray16Be,
            VideoFormat::Argb64,
            VideoFormat::Rgba64Le,
            VideoFormat::Bgra64Be,
            VideoFormat::Ayuv64,
        ],
        2.0,
    ),
];

/// In every common format the frame becomes what the drawn pixels over it are, in the numbers of
/// its own matrix and range.
#[test]
fn blends_in_each_format() {
    let pieces = everything_drawn();
    for (formats, tolerance) in EXACT {
        for format in formats {
            let about = VideoFormatInfo::from_format(*format);
            let colorimetries: &[Option<&str>] = if about.is_yuv() {
                &[Some("bt601"), Some("bt709"), Some("1:6:0:0")]
            } else if about.is_rgb() {
                &[None, Some("2:1:7:1")]
            } else {
                &[None]
            };
            for colorimetry in colorimetries {
                let info = frames(*format, *colorimetry);
                blends(&info, &picture(|_, _| 1.0), &pieces, tolerance);
            }
        }
    }
}

/// Frames that can be seen through stay so, and have the colours right where they can: in parts of
/// them, whose edges lie within samples of the colours, and where but a single row is.
#[test]
fn blends_on_transparent_frames() {
    let pieces = everything_drawn();
    let quarters = |x: u32, y: u32| f64::from((x / 5 + y / 3) % 5) / 4.0;
    let row = |_: u32, y: u32| if y == 30 { 0.2 } else { 1.0 };
    for (formats, tolerance) in EXACT {
        for format in formats {
            if VideoFormatInfo::from_format(*format).n_components() == 4 {
                let info = frames(*format, None);
                blends(&info, &picture(quarters), &pieces, tolerance);
                blends(&info, &picture(row), &pieces, tolerance);
                blends(&info, &picture(|_, _| 0.0), &pieces, tolerance);
            }
        }
    }
}

fn everything_drawn() -> Vec<Piece> {
    let pieces = drawn(
        &overlay(),
        &info(VideoFormat::Rgb, ODD.0, ODD.1),
        everything,
    );
    assert_eq!(pieces.len(), 6, "a panel, four lines and a label");
    pieces
}

/// A plane that ends before its meta says is an error and not written beyond.
#[test]
fn short_plane() {
    let info = info(VideoFormat::P01010le, WIDTH, HEIGHT);
    let element = overlay();
    let mut harness = between(&element, &info);
    let bus = gst::Bus::new();
    element.set_bus(Some(&bus));
    // Longer than what the frame is said to have: what follows must stay as it is.
    let mut frame = gst::Buffer::with_size(info.size()).expect("memory");
    let new = frame.make_mut();
    let (format, flags) = (info.format(), VideoFrameFlags::empty());
    VideoMeta::add(new, flags, format, WIDTH, HEIGHT).expect("a meta");
    let end = info.offset()[1] + 20 * info.stride()[1] as usize;
    new.set_size(end);
    let frame = with(frame, &classification(&[("tabby", 0.6)]));
    assert_eq!(harness.push(frame), Err(gst::FlowError::Error));
    let errors = support::element::errors(&bus, &element);
    assert_eq!(errors.len(), 1);
    assert!(errors[0].message().contains("plane 1 has"), "{errors:?}");
    element.set_bus(None);
}

/// Every format that the element promises is drawn on, and none is harmed outside of what is drawn.
#[test]
fn every_promised_format() {
    let element = overlay();
    let template = element
        .pad_template("sink")
        .expect("a template")
        .caps()
        .clone();
    let formats = template
        .structure(0)
        .expect("caps")
        .get::<gst::List>("format");
    let formats = formats.expect("a list");
    assert!(formats.len() > 80, "{}", formats.len());
    for format in formats.iter() {
        let name: &str = format.get().expect("a string");
        let info = info(VideoFormat::from_string(name), WIDTH, HEIGHT);
        if info.format_info().has_palette() {
            // `overlay_stream.rs` has what becomes of them.
            continue;
        }
        let pieces = drawn(&element, &info, |b| {
            with(b, &classification(&[("tabby", 0.5)]))
        });
        assert_eq!(pieces.len(), 1, "{name}");
        let mut harness = between(&element, &info);
        let original = noise(&info, 0);
        let before = bytes(&original);
        let after = bytes(&through(
            &mut harness,
            with(original, &classification(&[("tabby", 0.5)])),
        ));
        assert_ne!(before, after, "{name}");
        let format = info.format_info();
        // Where a sample lies in these cannot be told from their description.
        let is_even = (0..format.n_components() as usize).all(|c| format.pixel_stride()[c] > 0);
        if format.is_complex() || format.is_tiled() || !is_even {
            continue;
        }
        // By whole pixels: GStreamer's tables of some formats name the wrong bytes in them.
        let mut covered = covered(&info, &pieces);
        for c in 0..format.n_components() as usize {
            let step = format.pixel_stride()[c] as usize;
            let plane = format.plane()[c] as usize;
            let (start, stride) = (info.offset()[plane], info.stride()[plane] as usize);
            let end = info.offset().get(plane + 1).copied().filter(|e| *e > start);
            for row in covered[start..end.unwrap_or(info.size())].chunks_mut(stride) {
                for pixel in row.chunks_mut(step.max(1)) {
                    let any = pixel.contains(&true);
                    pixel.fill(any);
                }
            }
        }
        let touched = (0..before.len()).find(|i| !covered[*i] && before[*i] != after[*i]);
        assert_eq!(touched, None, "{name}");
    }
}

/// Frames that are too small for a word, even of a single pixel, pass in every way of drawing.
#[test]
fn tiny_frames() {
    let element = overlay();
    let sizes = [(1, 1), (2, 2), (7, 5), (1, 400), (400, 1), (33, 20)];
    for (width, height) in sizes {
        for format in [
            VideoFormat::Nv12,
            VideoFormat::Yuy2,
            VideoFormat::Rgb,
            VideoFormat::Rgba,
        ] {
            let info = info(format, width, height);
            let found = classification(&[("tabby", 0.6)]);
            let prepare =
                |buffer| with_region(with(buffer, &found), (0, 0, width, height), Some(&found));
            let out = through(&mut between(&element, &info), prepare(noise(&info, 0)));
            assert_eq!(out.size(), info.size());
            for piece in drawn(&element, &info, prepare) {
                assert!(piece.x + piece.width <= width && piece.y + piece.height <= height);
            }
        }
    }
}
