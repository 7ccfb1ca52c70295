// SPDX-License-Identifier: MPL-2.0
//! `resnet50overlay`: what it draws, where, in each format, and what it leaves alone.
//!
//! What is drawn is looked at in the form in which a sink gets it that blends by itself: as ARGB
//! pixels. Those are compared with words that Pango draws here. The frames of each format are then
//! compared with these pixels over the original, mixed here in floating point.
#![cfg(feature = "overlay")]

mod support;

use std::str::FromStr as _;

use gst::prelude::*;
use gst_check::Harness;
use gst_video::{
    VideoChromaSite, VideoColorimetry, VideoFormat, VideoFormatInfo, VideoInfo,
    VideoOverlayCompositionMeta, VideoRegionOfInterestMeta,
};
use gstresnet50::element::overlay::{Position, Show};
use gstresnet50::meta::{self, Class, Classification, Decision};
use image::RgbImage;
use support::element::{PATIENCE, caps, info};
use support::pack;

const WIDTH: u32 = 320;
const HEIGHT: u32 = 240;

/// With `scale=0.1` and a height of 240.
const EM: f64 = 24.0;

/// Where the first text begins then, from the left and from above: half an em to the panel, and
/// half an em in it.
const START: u32 = 24;

/// An answer with these classes.
fn answer(classes: &[(&str, f32)]) -> Classification {
    let class = |(index, (label, confidence)): (usize, &(&str, f32))| Class {
        index: index as i32,
        label: (*label).into(),
        confidence: *confidence,
    };
    Classification {
        model: "model".into(),
        provider: "cpu".into(),
        fresh: true,
        age: Some(gst::ClockTime::ZERO),
        inference_time: gst::ClockTime::ZERO,
        results: classes.iter().enumerate().map(class).collect(),
        groups: Vec::new(),
        decision: None,
    }
}

/// The element with text of 24 pixels for frames of 240 lines.
fn overlay() -> gst::Element {
    support::init();
    gst::ElementFactory::make("resnet50overlay")
        .property("scale", 0.1f64)
        .property("font-desc", "DejaVu Sans")
        .build()
        .expect("the element")
}

/// The element with nothing but names, on nothing.
fn bare() -> gst::Element {
    let element = overlay();
    element.set_property("show", Show::LABEL);
    element.set_property("background-color", 0u32);
    element
}

/// Draws into the frames.
fn blending(element: &gst::Element, info: &VideoInfo) -> Harness {
    let mut harness = Harness::with_element(element, Some("sink"), Some("src"));
    harness.set_src_caps(caps(info));
    harness
}

/// Draws beside them.
fn attaching(element: &gst::Element, info: &VideoInfo) -> Harness {
    let mut harness = Harness::with_element(element, Some("sink"), Some("src"));
    harness.add_propose_allocation_meta(VideoOverlayCompositionMeta::meta_api(), None);
    harness.set_src_caps(caps(info));
    harness
}

fn rgb() -> VideoInfo {
    info(VideoFormat::Rgb, WIDTH, HEIGHT)
}

/// A frame of bytes that are nothing in particular, at a time.
fn noise(info: &VideoInfo, milliseconds: u64) -> gst::Buffer {
    // Samples of other widths have bits that must be 0.
    let is_free = info
        .format_info()
        .depth()
        .iter()
        .all(|d| matches!(d, 0 | 8));
    let byte = |i| {
        if is_free {
            (i * 31 + i / 7 * 5) as u8
        } else {
            0
        }
    };
    let bytes = (0..info.size()).map(byte);
    let mut buffer = gst::Buffer::from_slice(bytes.collect::<Vec<_>>());
    let new = buffer.make_mut();
    new.set_pts(gst::ClockTime::from_mseconds(milliseconds));
    buffer
}

fn with(mut buffer: gst::Buffer, answer: &Classification) -> gst::Buffer {
    meta::attach(buffer.make_mut(), answer);
    buffer
}

fn with_region(
    mut buffer: gst::Buffer,
    rect: (u32, u32, u32, u32),
    answer: Option<&Classification>,
) -> gst::Buffer {
    let mut roi = VideoRegionOfInterestMeta::add(buffer.make_mut(), "face", rect);
    if let Some(answer) = answer {
        meta::attach_region(&mut roi, answer);
    }
    buffer
}

fn through(harness: &mut Harness, buffer: gst::Buffer) -> gst::Buffer {
    harness.push(buffer).expect("the frame goes through");
    harness.pull().expect("the frame comes out")
}

fn bytes(buffer: &gst::BufferRef) -> Vec<u8> {
    buffer.map_readable().expect("readable").to_vec()
}

/// A piece of what is drawn: place, and alpha, red, green, blue of each pixel, premultiplied.
struct Piece {
    x: u32,
    y: u32,
    width: u32,
    height: u32,
    pixels: Vec<[u8; 4]>,
}

impl Piece {
    fn at(&self, x: u32, y: u32) -> [u8; 4] {
        self.pixels[(y * self.width + x) as usize]
    }

    fn covers(&self, x: u32, y: u32) -> bool {
        (self.x..self.x + self.width).contains(&x) && (self.y..self.y + self.height).contains(&y)
    }

    fn place(&self) -> (u32, u32, u32, u32) {
        (self.x, self.y, self.width, self.height)
    }
}

/// What hangs on a frame.
fn pieces(buffer: &gst::BufferRef) -> Vec<Piece> {
    let Some(meta) = buffer.meta::<VideoOverlayCompositionMeta>() else {
        return Vec::new();
    };
    let pieces = meta.overlay().iter().map(|rectangle| {
        let (x, y, width, height) = rectangle.render_rectangle();
        let flags = gst_video::VideoOverlayFormatFlags::PREMULTIPLIED_ALPHA;
        let buffer = rectangle.pixels_unscaled_argb(flags);
        let video = buffer
            .meta::<gst_video::VideoMeta>()
            .expect("a GstVideoMeta");
        assert_eq!((video.width(), video.height()), (width, height));
        assert_eq!(video.stride()[0] as u32, 4 * width);
        let pixels = bytes(&buffer)
            .chunks_exact(4)
            .map(|p| u32::from_ne_bytes([p[0], p[1], p[2], p[3]]).to_be_bytes())
            .collect();
        Piece {
            x: u32::try_from(x).expect("in the frame"),
            y: u32::try_from(y).expect("in the frame"),
            width,
            height,
            pixels,
        }
    });
    pieces.collect()
}

/// What is drawn on a frame of this size.
fn drawn(
    element: &gst::Element,
    info: &VideoInfo,
    prepare: impl Fn(gst::Buffer) -> gst::Buffer,
) -> Vec<Piece> {
    let mut harness = attaching(element, info);
    let frame = through(&mut harness, prepare(noise(info, 0)));
    pieces(&frame)
}

/// A line of text as Pango draws it at the upper left corner of a picture, as the alpha of its
/// pixels.
fn words(text: &str, size: f64, room: Option<u32>, (width, height): (u32, u32)) -> Vec<u8> {
    let format = cairo::Format::ARgb32;
    let mut surface =
        cairo::ImageSurface::create(format, width as i32, height as i32).expect("a surface");
    let context = cairo::Context::new(&surface).expect("a context");
    let layout = pangocairo::functions::create_layout(&context);
    let mut options = cairo::FontOptions::new().expect("options");
    options.set_antialias(cairo::Antialias::Gray);
    options.set_hint_style(cairo::HintStyle::None);
    options.set_hint_metrics(cairo::HintMetrics::Off);
    pangocairo::functions::context_set_font_options(&layout.context(), Some(&options));
    let mut font = pango::FontDescription::from_string("DejaVu Sans");
    font.set_absolute_size(size * f64::from(pango::SCALE));
    layout.set_font_description(Some(&font));
    layout.set_text(text);
    if let Some(room) = room {
        layout.set_width(room as i32 * pango::SCALE);
        layout.set_ellipsize(pango::EllipsizeMode::End);
    }
    context.set_source_rgb(1.0, 1.0, 1.0);
    // The element puts all lines of a font on one baseline, so that those with other fonts' glyphs
    // in them stand there too.
    let plain = layout.copy();
    plain.set_text("Ag");
    let scale = f64::from(pango::SCALE);
    let lift = f64::from(plain.baseline() - layout.baseline()) / scale;
    context.move_to(0.0, lift);
    pangocairo::functions::show_layout(&context, &layout);
    drop((context, layout, plain));
    surface.flush();
    let data = surface.data().expect("pixels");
    data.chunks_exact(4)
        .map(|p| u32::from_ne_bytes([p[0], p[1], p[2], p[3]]).to_be_bytes()[0])
        .collect()
}

/// Whether a piece shows this text at the place for the first text, with its own font and colours.
fn shows(
    piece: &Piece,
    text: &str,
    size: f64,
    room: Option<u32>,
    opacity: f64,
) -> Result<(), String> {
    let inside = START - piece.x;
    let (width, height) = (piece.width - inside, piece.height - inside);
    let expected = words(text, size, room, (width, height));
    let ink = expected.iter().filter(|a| **a > 200).count();
    if ink < 5 {
        return Err(format!("{text}: the reference is empty"));
    }
    for y in 0..height {
        for x in 0..width {
            let found = f64::from(piece.at(inside + x, inside + y)[0]);
            let wanted = f64::from(expected[(y * width + x) as usize]) * opacity;
            if (found - wanted).abs() > 2.0 {
                return Err(format!("{text}: at {x}, {y} {found}, not {wanted}"));
            }
        }
    }
    Ok(())
}

/// Names come out as Pango draws them, each character for itself: markup, line ends, emoji and
/// names without an end included.
#[test]
fn draws_what_pango_draws() {
    let element = bare();
    let room = WIDTH - 2 * START;
    let long = "a name that does not end ".repeat(40);
    let cases: [(&str, &str, Option<u32>); 7] = [
        ("tabby", "tabby", None),
        ("<b>&", "<b>&", None),
        ("</span>&amp;", "</span>&amp;", None),
        ("two\nlines\r\there\u{2028}", "two lines  here ", None),
        ("Grüße 你好 😀", "Grüße 你好 😀", None),
        (&long, &long[..200], Some(room)),
        ("i", "i", None),
    ];
    for (label, text, room) in cases {
        let pieces = drawn(&element, &rgb(), |b| with(b, &answer(&[(label, 0.5)])));
        assert_eq!(pieces.len(), 1, "{label:?}");
        if let Err(error) = shows(&pieces[0], text, EM, room, 1.0) {
            panic!("{label:?}: {error}");
        }
    }
    let pieces = drawn(&element, &rgb(), |b| with(b, &answer(&[("tabby", 0.5)])));
    let wrong = shows(&pieces[0], "tubby", EM, None, 1.0);
    assert!(wrong.is_err(), "the comparison tells words apart");
}

/// The footer says how old an answer is and how often there is one.
#[test]
fn footer() {
    let element = bare();
    element.set_property("show", Show::AGE | Show::RATE);
    let mut harness = attaching(&element, &rgb());
    let mut last = Vec::new();
    // Live answers, five a second, each of a frame 1.2 s before.
    for frame in 0..40u64 {
        let mut answer = answer(&[("a", 0.5)]);
        answer.fresh = false;
        answer.age = Some(gst::ClockTime::from_mseconds(1200 + frame % 5 * 40));
        let buffer = with(noise(&rgb(), 2000 + frame * 40), &answer);
        last = pieces(&through(&mut harness, buffer));
    }
    assert_eq!(last.len(), 1);
    // 70 hundredths of 24 pixels.
    shows(&last[0], "5.0/s · 1.3 s old", 16.0, None, 0.75).expect("the footer");

    element.set_property("show", Show::AGE);
    let young = with(noise(&rgb(), 4000), &answer(&[("a", 0.5)]));
    assert!(pieces(&through(&mut harness, young)).is_empty());
}

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

/// The pieces over a picture, mixed in floating point.
fn mixed(original: &RgbImage, pieces: &[Piece]) -> RgbImage {
    let mut mixed = original.clone();
    for (x, y, pixel) in mixed.enumerate_pixels_mut() {
        for piece in pieces.iter().filter(|p| p.covers(x, y)) {
            let [alpha, color @ ..] = piece.at(x - piece.x, y - piece.y);
            let keep = 1.0 - f64::from(alpha) / 255.0;
            for (value, color) in pixel.0.iter_mut().zip(color) {
                *value = (f64::from(*value) * keep + f64::from(color)).round() as u8;
            }
        }
    }
    mixed
}

/// Classes, bars, footer and a region: all that can be drawn.
fn everything(buffer: gst::Buffer) -> gst::Buffer {
    let found = answer(&[("tabby", 0.61), ("tiger cat", 0.3)]);
    let region = answer(&[("pug", 0.9)]);
    with_region(with(buffer, &found), (201, 151, 91, 67), Some(&region))
}

/// In every common format the frame becomes what the drawn pixels over it are, and each byte that
/// lies outside of them stays as it was.
#[test]
fn blends_in_each_format() {
    // How far a value may be away, in 255ths. GStreamer blends those with an alpha or with more
    // than 8 bits, by coarser arithmetic and always with BT.709's matrix.
    let cases = [
        (VideoFormat::Nv12, 2),
        (VideoFormat::Nv21, 2),
        (VideoFormat::I420, 2),
        (VideoFormat::Yv12, 2),
        (VideoFormat::Y42b, 2),
        (VideoFormat::Y444, 2),
        (VideoFormat::Yuy2, 2),
        (VideoFormat::Uyvy, 2),
        (VideoFormat::Rgb, 2),
        (VideoFormat::Bgr, 2),
        (VideoFormat::Bgrx, 2),
        (VideoFormat::Xrgb, 2),
        (VideoFormat::Gbr, 2),
        (VideoFormat::Gray8, 2),
        (VideoFormat::Rgba, 4),
        (VideoFormat::Bgra, 4),
        (VideoFormat::Ayuv, 4),
        (VideoFormat::P01010le, 4),
        (VideoFormat::I42010le, 4),
    ];
    // Odd on both sides, so that the last samples of a colour belong to fewer pixels.
    let (width, height) = (WIDTH + 1, HEIGHT + 1);
    let original = pack::plain(width, height, [60, 110, 160]);
    let element = overlay();
    let rgb = info(VideoFormat::Rgb, width, height);
    let pieces = drawn(&element, &rgb, everything);
    assert_eq!(pieces.len(), 6, "a panel, four lines and a label");
    for (format, tolerance) in cases {
        let info = VideoInfo::builder(format, width, height).chroma_site(VideoChromaSite::NONE);
        let bt709 = VideoColorimetry::from_str("bt709").expect("a colorimetry");
        let is_coarse = tolerance > 2 && VideoFormatInfo::from_format(format).is_yuv();
        let info = if is_coarse {
            info.colorimetry(&bt709)
        } else {
            info
        };
        let info = info.build().expect("video info");
        let before = pack::frame(&info, &original);
        let expected = pack::frame(&info, &mixed(&original, &pieces));
        let covered = covered(&info, &pieces);
        let mut harness = blending(&element, &info);
        let frame = everything(gst::Buffer::from_mut_slice(before.clone()));
        let after = bytes(&through(&mut harness, frame));
        let depth = info.format_info().depth()[0];
        let mut most = 0.0f64;
        for i in 0..before.len() {
            if !covered[i] {
                assert_eq!(after[i], before[i], "{format:?}: byte {i} is outside");
            }
        }
        let pairs: Vec<(f64, f64)> = match depth {
            8 => pair(&after, &expected, 1),
            // Of two pixels that share a colour, GStreamer's blending takes the first one's alpha:
            // only luma is as exact as that.
            _ => pair(&after[..info.offset()[1]], &expected, 2),
        };
        let white = match (depth, format) {
            (8, _) => 255.0,
            (_, VideoFormat::P01010le) => 65535.0,
            _ => 1023.0,
        };
        for (found, wanted) in pairs {
            most = most.max((found - wanted).abs() / white * 255.0);
        }
        assert!(most <= f64::from(tolerance), "{format:?}: off by {most}");
        assert_ne!(after, before, "{format:?}");
    }
}

/// Samples of one or two bytes, side by side.
fn pair(a: &[u8], b: &[u8], size: usize) -> Vec<(f64, f64)> {
    let value = |bytes: &[u8]| {
        let number = bytes.iter().rev().fold(0u32, |n, b| n << 8 | u32::from(*b));
        f64::from(number)
    };
    let pairs = a.chunks_exact(size).zip(b.chunks_exact(size));
    pairs.map(|(a, b)| (value(a), value(b))).collect()
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
        let pieces = drawn(&element, &info, |b| with(b, &answer(&[("tabby", 0.5)])));
        assert_eq!(pieces.len(), 1, "{name}");
        let mut harness = blending(&element, &info);
        let original = noise(&info, 0);
        let before = bytes(&original);
        let after = bytes(&through(
            &mut harness,
            with(original, &answer(&[("tabby", 0.5)])),
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

/// A frame without anything to be drawn on it is the very same one, also while someone else has it.
#[test]
fn leaves_frames_alone() {
    let element = overlay();
    let mut harness = blending(&element, &rgb());
    let weak = answer(&[("tabby", 0.2)]);
    element.set_property("min-confidence", 0.5f32);
    let frames = [
        noise(&rgb(), 0),
        with(noise(&rgb(), 40), &weak),
        with_region(noise(&rgb(), 80), (10, 10, 50, 50), None),
        with_region(noise(&rgb(), 120), (10, 10, 50, 50), Some(&weak)),
        with(noise(&rgb(), 160), &answer(&[])),
    ];
    for frame in frames {
        let kept = frame.clone();
        let out = through(&mut harness, frame);
        assert_eq!(out.as_ptr(), kept.as_ptr());
    }
}

/// A frame that someone else has too is drawn on as a copy.
#[test]
fn does_not_draw_on_others_frames() {
    let element = overlay();
    let mut harness = blending(&element, &rgb());
    let frame = with(noise(&rgb(), 0), &answer(&[("tabby", 0.5)]));
    let (kept, before) = (frame.clone(), bytes(&frame));
    let out = through(&mut harness, frame);
    assert_eq!(bytes(&kept), before);
    assert_ne!(bytes(&out), before);
    assert_eq!(out.pts(), kept.pts());
    assert!(meta::classification_of(&out).is_some());
}

/// A sink that blends gets the drawing beside pixels that nobody has touched or copied, and the
/// same rectangle as long as nothing changes.
#[test]
fn attaches() {
    let element = overlay();
    let mut harness = attaching(&element, &rgb());
    let found = answer(&[("tabby", 0.5)]);
    let mut rectangles = Vec::new();
    for time in [0, 40, 80] {
        let frame = with(noise(&rgb(), time), &found);
        let (kept, before) = (frame.clone(), bytes(&frame));
        let out = through(&mut harness, frame);
        assert_eq!(out.peek_memory(0).as_ptr(), kept.peek_memory(0).as_ptr());
        assert_eq!(bytes(&out), before);
        let meta = out.meta::<VideoOverlayCompositionMeta>().expect("attached");
        rectangles.push(meta.overlay().rectangle(0).expect("one").seqnum());
    }
    assert_eq!(rectangles[1], rectangles[2]);
    let caps = harness
        .sinkpad()
        .and_then(|p| p.current_caps())
        .expect("caps");
    let feature = gst_video::CAPS_FEATURE_META_GST_VIDEO_OVERLAY_COMPOSITION;
    assert!(
        caps.features(0).is_some_and(|f| f.contains(feature)),
        "{caps}"
    );
}

/// A sink that takes anything but says nothing of overlays gets drawn frames.
#[test]
fn does_not_attach_in_vain() {
    let element = overlay();
    let mut harness = blending(&element, &rgb());
    let out = through(
        &mut harness,
        with(noise(&rgb(), 0), &answer(&[("tabby", 0.5)])),
    );
    assert!(out.meta::<VideoOverlayCompositionMeta>().is_none());
    let caps = harness.sinkpad().and_then(|p| p.current_caps());
    assert_eq!(caps, Some(support::element::caps(&rgb())));
}

/// What an overlay before this one has attached stays, below.
#[test]
fn adds_to_other_overlays() {
    let (first, second) = (overlay(), overlay());
    second.set_property("position", Position::BottomRight);
    let bin = gst::Bin::new();
    bin.add_many([&first, &second]).expect("a bin");
    first.link(&second).expect("links");
    for (element, name) in [(&first, "sink"), (&second, "src")] {
        let target = element.static_pad(name).expect("a pad");
        let ghost = gst::GhostPad::with_target(&target).expect("a pad");
        bin.add_pad(&ghost).expect("a pad");
    }
    let mut harness = attaching(bin.upcast_ref(), &rgb());
    let out = through(
        &mut harness,
        with(noise(&rgb(), 0), &answer(&[("tabby", 0.5)])),
    );
    let pieces = pieces(&out);
    assert_eq!(pieces.len(), 2);
    assert!(pieces[0].y < pieces[1].y);
    assert_eq!(out.iter_meta::<VideoOverlayCompositionMeta>().count(), 1);
}

/// An answer is drawn on frames without one as long as `hold` says, and not after a flush.
#[test]
fn holds() {
    let element = overlay();
    element.set_property("hold", 100_000_000u64);
    let mut harness = attaching(&element, &rgb());
    let mut is_drawn = |frame| !pieces(&through(&mut harness, frame)).is_empty();
    assert!(!is_drawn(noise(&rgb(), 0)));
    assert!(is_drawn(with(
        noise(&rgb(), 40),
        &answer(&[("tabby", 0.5)])
    )));
    assert!(is_drawn(noise(&rgb(), 80)));
    assert!(is_drawn(noise(&rgb(), 139)));
    assert!(!is_drawn(noise(&rgb(), 140)));
    assert!(is_drawn(with(
        noise(&rgb(), 180),
        &answer(&[("tabby", 0.5)])
    )));
    harness.push_event(gst::event::FlushStart::new());
    harness.push_event(gst::event::FlushStop::new(true));
    let segment = gst::FormattedSegment::<gst::ClockTime>::new();
    harness.push_event(gst::event::Segment::new(&segment));
    let out = through(&mut harness, noise(&rgb(), 200));
    assert!(pieces(&out).is_empty());
}

/// A classified region has a box of the accent colour along its edge and a label; what is in it is
/// not touched, and a region without an answer has nothing.
#[test]
fn regions() {
    let element = overlay();
    element.set_property("accent-color", 0xffff_0000u32);
    let found = answer(&[("pug", 0.9)]);
    let (x, y, width, height) = (100, 80, 120, 90);
    let info = rgb();
    let mut harness = blending(&element, &info);
    let frame = with_region(noise(&info, 0), (x, y, width, height), Some(&found));
    let frame = with_region(frame, (10, 200, 30, 30), None);
    let before = bytes(&frame);
    let after = bytes(&through(&mut harness, frame));
    let at = |x: u32, y: u32| {
        let at = y as usize * info.stride()[0] as usize + x as usize * 3;
        (
            [after[at], after[at + 1], after[at + 2]],
            after[at..at + 3] == before[at..at + 3],
        )
    };
    let red = [255, 0, 0];
    for i in 0..width {
        assert_eq!(at(x + i, y).0, red);
        assert_eq!(at(x + i, y + height - 1).0, red);
    }
    for i in 0..height {
        assert_eq!(at(x, y + i).0, red);
        assert_eq!(at(x + width - 1, y + i).0, red);
    }
    for i in 0..WIDTH {
        for j in 0..HEIGHT {
            let inside =
                (x + 2..x + width - 2).contains(&i) && (y + 2..y + height - 2).contains(&j);
            let outside = !(x..x + width).contains(&i) || j >= y + height || j + 40 < y;
            if inside || outside {
                assert!(at(i, j).1, "{i}, {j}");
            }
        }
    }
    // The label begins above the box's corner, and has something in it besides red.
    assert_eq!(at(x, y - 1).0, red);
    let ink = (x..x + 40).filter(|i| at(*i, y - 12).0[1] > 150).count();
    assert!(ink > 0);
}

/// Regions beyond the frame's edge, and answers on them, do no harm and stay inside.
#[test]
fn regions_beyond_the_edge() {
    let element = overlay();
    let found = answer(&[("pug", 0.9)]);
    for rect in [
        (300, 220, 500, 500),
        (0, 0, u32::MAX, u32::MAX),
        (u32::MAX, 5, 10, 10),
        (5, 5, 0, 10),
        (319, 239, 1, 1),
    ] {
        for piece in drawn(&element, &rgb(), |b| with_region(b, rect, Some(&found))) {
            assert!(piece.x + piece.width <= WIDTH, "{:?}", piece.place());
            assert!(piece.y + piece.height <= HEIGHT, "{:?}", piece.place());
        }
    }
}

/// Every property that is set while frames flow counts from the next frame on.
#[test]
fn changes_while_playing() {
    let element = overlay();
    element.set_property("show", Show::LABEL | Show::BAR);
    let mut harness = attaching(&element, &rgb());
    let found = answer(&[("tabby", 0.6), ("tiger cat", 0.3)]);
    let mut look = || {
        let pieces = pieces(&through(&mut harness, with(noise(&rgb(), 0), &found)));
        pieces.into_iter().next()
    };
    let first = look().expect("drawn");
    assert_eq!((first.x, first.y), (12, 12));

    element.set_property("position", Position::BottomRight);
    let moved = look().expect("drawn");
    assert_eq!(
        (moved.x + moved.width, moved.y + moved.height),
        (WIDTH - 12, HEIGHT - 12)
    );
    assert!(moved.pixels == first.pixels, "the same at another place");
    element.set_property("position", Position::TopLeft);

    let least = |name: &str| -> Piece {
        let piece = look().unwrap_or_else(|| panic!("{name}: nothing is drawn"));
        assert!(piece.pixels != first.pixels, "{name} changes nothing");
        piece
    };
    let mut least = least;
    element.set_property("max-labels", 1u32);
    assert!(least("max-labels").height < first.height);
    element.set_property("max-labels", 5u32);
    element.set_property("min-confidence", 0.5f32);
    assert!(least("min-confidence").height < first.height);
    element.set_property("min-confidence", 0.0f32);
    element.set_property("show", Show::LABEL);
    assert!(least("show").width < first.width);
    element.set_property("show", Show::LABEL | Show::BAR);
    element.set_property("background-color", 0xff00_00ffu32);
    let blue = least("background-color");
    assert_eq!(blue.at(blue.width / 2, 2), [255, 0, 0, 255]);
    element.set_property("background-color", 0xb010_1418u32);
    element.set_property("color", 0xff00_ff00u32);
    least("color");
    element.set_property("color", 0xffff_ffffu32);
    element.set_property("accent-color", 0xffff_0000u32);
    least("accent-color");
    element.set_property("accent-color", 0xff3d_dc97u32);
    element.set_property("font-desc", "DejaVu Serif Bold 99");
    least("font-desc");
    element.set_property("font-desc", "DejaVu Sans");
    element.set_property("scale", 0.05f64);
    assert!(least("scale").height < first.height);
    element.set_property("scale", 0.1f64);
    assert!(look().is_some_and(|piece| piece.pixels == first.pixels));
    element.set_property("show", Show::empty());
    assert!(look().is_none());
}

/// Bars are as long as the confidences.
#[test]
fn bars() {
    let element = overlay();
    element.set_property("show", Show::BAR);
    element.set_property("accent-color", 0xffff_0000u32);
    let red = |confidence| {
        let pieces = drawn(&element, &rgb(), |b| with(b, &answer(&[("a", confidence)])));
        let is_red = |p: &&[u8; 4]| p[1] > 200 && p[2] < 60 && p[3] < 60;
        let row = |y| (0..pieces[0].width).map(move |x| (x, y));
        let count = |y| {
            row(y)
                .filter(|(x, y)| is_red(&&pieces[0].at(*x, *y)))
                .count()
        };
        (0..pieces[0].height).map(count).max().unwrap_or(0)
    };
    assert_eq!(red(0.0), 0);
    // Four ems are 96 pixels; the ends are round.
    for percent in [25, 50, 100] {
        let (found, wanted) = (red(percent as f32 / 100.0), 96 * percent / 100);
        assert!(
            found.abs_diff(wanted) <= 2,
            "{percent}%: {found}, not {wanted}"
        );
    }
}

/// A decision is drawn in the place of the classes.
#[test]
fn decision() {
    let element = bare();
    let mut found = answer(&[("tabby", 0.6)]);
    for (label, text) in [(Some("cat"), "cat"), (None, "nothing")] {
        found.decision = Some(Decision {
            label: label.map(Into::into),
            confidence: 0.9,
            since: None,
        });
        let pieces = drawn(&element, &rgb(), |b| with(b, &found));
        shows(&pieces[0], text, EM, None, 1.0).expect("the decision");
    }
}

/// Every property may be set while playing, has a text with its unit, and begins with its default.
#[test]
fn properties() {
    support::init();
    let element = gst::ElementFactory::make("resnet50overlay")
        .build()
        .expect("the element");
    let mut names = Vec::new();
    for pspec in element.list_properties() {
        if pspec.owner_type() != element.type_() {
            continue;
        }
        let name = pspec.name();
        let playing = glib::ParamFlags::from_bits_retain(gst::PARAM_FLAG_MUTABLE_PLAYING.bits());
        assert!(pspec.flags().contains(playing), "{name}");
        assert!(
            pspec.flags().contains(glib::ParamFlags::READWRITE),
            "{name}"
        );
        assert!(pspec.blurb().is_some_and(|b| b.len() > 10), "{name}");
        let (value, default) = (element.property_value(name), pspec.default_value());
        assert_eq!(format!("{value:?}"), format!("{default:?}"), "{name}");
        names.push(name.to_owned());
    }
    names.sort();
    assert_eq!(
        names,
        [
            "accent-color",
            "background-color",
            "color",
            "font-desc",
            "hold",
            "max-labels",
            "min-confidence",
            "position",
            "scale",
            "show",
        ]
    );
    element.set_property_from_str("show", "label+age");
    assert_eq!(element.property::<Show>("show"), Show::LABEL | Show::AGE);
    element.set_property_from_str("position", "bottom-left");
    assert_eq!(
        element.property::<Position>("position"),
        Position::BottomLeft
    );
    element.set_property("hold", u64::MAX);
    assert!(element.property::<u64>("hold") >= u64::MAX - 1);
    element.set_property("font-desc", None::<&str>);
    assert_eq!(element.property::<String>("font-desc"), "Sans");
}

/// The picture looks the same after its size and format have changed in mid-stream.
#[test]
fn caps_change() {
    let element = overlay();
    let mut harness = attaching(&element, &rgb());
    let found = answer(&[("tabby", 0.6)]);
    let small = pieces(&through(&mut harness, with(noise(&rgb(), 0), &found)));
    let large = info(VideoFormat::Nv12, 2 * WIDTH, 2 * HEIGHT);
    harness.set_src_caps(caps(&large));
    // The answer that is held is drawn anew.
    let large = pieces(&through(&mut harness, noise(&large, 40)));
    let (a, b) = (small[0].place(), large[0].place());
    assert_eq!((2 * a.0, 2 * a.1), (b.0, b.1));
    assert!(
        (2 * a.2).abs_diff(b.2) <= 8 && (2 * a.3).abs_diff(b.3) <= 8,
        "{a:?} {b:?}"
    );
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
            let found = answer(&[("tabby", 0.6)]);
            let prepare =
                |buffer| with_region(with(buffer, &found), (0, 0, width, height), Some(&found));
            let out = through(&mut blending(&element, &info), prepare(noise(&info, 0)));
            assert_eq!(out.size(), info.size());
            for piece in drawn(&element, &info, prepare) {
                assert!(piece.x + piece.width <= width && piece.y + piece.height <= height);
            }
        }
    }
}

/// A frame with less in it than its caps promise is one error that says so.
#[test]
fn short_frame() {
    let element = overlay();
    let mut harness = blending(&element, &rgb());
    let bus = gst::Bus::new();
    element.set_bus(Some(&bus));
    let frame = with(
        gst::Buffer::from_mut_slice(vec![0u8; 100]),
        &answer(&[("a", 0.6)]),
    );
    assert_eq!(harness.push(frame), Err(gst::FlowError::Error));
    let errors = support::element::errors(&bus, &element);
    assert_eq!(errors.len(), 1);
    assert!(errors[0].matches(gst::StreamError::Failed), "{errors:?}");
    assert!(errors[0].message().contains("mapped"), "{errors:?}");
    element.set_bus(None);
}

/// It links and plays between elements that know nothing of it, with and without a base transform
/// behind it.
#[test]
fn plays() {
    support::init();
    for rest in [
        "fakesink",
        "identity ! fakesink",
        "queue ! videoconvert ! video/x-raw,format=RGB ! fakesink",
        "textoverlay text=x ! fakesink",
    ] {
        let line = format!(
            "videotestsrc num-buffers=5 ! video/x-raw,format=NV12 ! resnet50overlay name=o ! {rest}"
        );
        let pipeline = gst::parse::launch(&line).expect("a pipeline");
        let pipeline = pipeline.downcast::<gst::Pipeline>().expect("a pipeline");
        let element = pipeline.by_name("o").expect("the element");
        let pad = element.static_pad("sink").expect("a pad");
        pad.add_probe(gst::PadProbeType::BUFFER, |_, probe| {
            if let Some(buffer) = probe.buffer_mut() {
                meta::attach(buffer.make_mut(), &answer(&[("tabby", 0.6)]));
            }
            gst::PadProbeReturn::Ok
        });
        let bus = pipeline.bus().expect("a bus");
        pipeline.set_state(gst::State::Playing).expect("plays");
        let ends = [gst::MessageType::Eos, gst::MessageType::Error];
        let message = bus.timed_pop_filtered(PATIENCE, &ends).expect("an end");
        pipeline.set_state(gst::State::Null).expect("stops");
        assert_eq!(
            message.type_(),
            gst::MessageType::Eos,
            "{rest}: {message:?}"
        );
    }
}
