// SPDX-License-Identifier: MPL-2.0
//! Regions of formats with less colour than light, wherever they begin. A region that begins
//! between two samples of the colour is no frame's picture, so what it should be is computed here
//! from the frame's samples, in floating point.

use gst::prelude::*;
use gst_video::{VideoChromaSite, VideoFormat, VideoInfo};
use image::RgbImage;

use support::element::*;
use support::harness::{play, through};
use support::onnx::{FREE, Net};
use support::regions::*;
use support::{pack, photo};

/// Size of the tensor, and of the regions that are not to be scaled.
const SIZE: (usize, usize) = (13, 11);

const ELEMENTS: usize = 3 * SIZE.0 * SIZE.1;

/// How far a value may be off, of 255: what rounding the samples' weights and the result does.
const ROUNDING: f64 = 1.6;

const SITES: [VideoChromaSite; 4] = [
    VideoChromaSite::NONE,
    VideoChromaSite::H_COSITED,
    VideoChromaSite::V_COSITED,
    VideoChromaSite::COSITED,
];

const SUBSAMPLED: [VideoFormat; 14] = [
    VideoFormat::Nv12,
    VideoFormat::Nv21,
    VideoFormat::I420,
    VideoFormat::Yv12,
    VideoFormat::Y42b,
    VideoFormat::Nv16,
    VideoFormat::Nv61,
    VideoFormat::Yuy2,
    VideoFormat::Uyvy,
    VideoFormat::Vyuy,
    VideoFormat::P01010le,
    VideoFormat::I42010le,
    VideoFormat::I42210le,
    VideoFormat::I42012le,
];

/// An element that gives a region of [`SIZE`] back as it is, and others scaled to it.
fn identity() -> (gst::Element, tempfile::TempDir) {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let net = Net::nchw(SIZE.1 as i64, SIZE.0 as i64)
        .batch(FREE)
        .contract(r#"{"mean":[0,0,0],"std":[1,1,1],"output":"probabilities"}"#);
    let element = element(&net.write(folder.path(), "identity.onnx"));
    element.set_property("top-k", ELEMENTS as u32);
    element.set_property_from_str("fit", "stretch");
    element.set_property_from_str("region", "rois");
    (element, folder)
}

fn described(format: VideoFormat, picture: &RgbImage, site: VideoChromaSite) -> VideoInfo {
    let builder = VideoInfo::builder(format, picture.width(), picture.height())
        .fps(gst::Fraction::new(25, 1));
    let kind = gst_video::VideoFormatInfo::from_format(format);
    let info = match kind.is_yuv() {
        true => builder
            .colorimetry(&"2:4:0:0".parse().expect("a colorimetry"))
            .chroma_site(site)
            .build(),
        false => builder.build(),
    };
    info.expect("video info")
}

/// The tensors of these places as values from 0 to 255: red, green, blue, each row by row.
fn tensors(
    harness: &mut gst_check::Harness,
    info: &VideoInfo,
    data: Vec<u8>,
    places: &[Rect],
) -> Vec<Vec<f64>> {
    harness.set_src_caps(caps(info));
    let mut frame = gst::Buffer::from_slice(data);
    let spots: Vec<Spot> = places.iter().map(|rect| spot(*rect, RED)).collect();
    mark(&mut frame, &spots);
    let out = through(harness, frame);
    let found = classifications(&out).into_iter().map(|classification| {
        let classification = classification.expect("every region is classified");
        let mut values = vec![f64::NAN; ELEMENTS];
        for class in classification.results {
            values[class.index as usize] = f64::from(class.confidence) * 255.0;
        }
        assert!(values.iter().all(|v| !v.is_nan()), "an index came twice");
        values
    });
    found.collect()
}

/// A frame's samples, as numbers from 0 to 1, or from -0.5 to 0.5 for colour differences.
struct Samples<'a> {
    info: &'a VideoInfo,
    data: &'a [u8],
}

impl Samples<'_> {
    fn at(&self, c: usize, x: usize, y: usize) -> f64 {
        let (info, format) = (self.info, self.info.format_info());
        let plane = format.plane()[c] as usize;
        let row = info.offset()[plane] + y * info.stride()[plane] as usize;
        let at = row + pack::offset_in_pixel(&format, c) + x * format.pixel_stride()[c] as usize;
        let depth = format.depth()[c];
        let raw = match depth {
            8 => u16::from(self.data[at]),
            _ => u16::from_le_bytes([self.data[at], self.data[at + 1]]) >> format.shift()[c],
        };
        let level = f64::from(raw) / f64::from(1u32 << (depth - 8));
        match c {
            0 => (level - 16.0) / 219.0,
            _ => (level - 128.0) / 224.0,
        }
    }

    /// The colour difference at a place of the light, between the samples around it. `moved` is
    /// how many luma columns and rows it is looked for too far to the right and down.
    fn chroma(&self, c: usize, (x, y): (usize, usize), moved: (f64, f64)) -> f64 {
        let format = self.info.format_info();
        let site = self.info.chroma_site();
        let cosited = |flag| !site.contains(VideoChromaSite::NONE) && site.contains(flag);
        let taps = |at: usize, moved: f64, sub: u32, cosited: bool, len: u32| {
            let count = len.div_ceil(1 << sub) as usize;
            let luma = at as f64 + moved;
            // In samples of the colour, of which the first lies at 0.
            let place = match (sub, cosited) {
                (0, _) => luma,
                (_, true) => luma / 2.0,
                (_, false) => (luma - 0.5) / 2.0,
            };
            let place = place.clamp(0.0, (count - 1) as f64);
            let first = (place.floor() as usize).min(count.saturating_sub(2));
            let second = (first + 1).min(count - 1);
            let part = place - first as f64;
            [(first, 1.0 - part), (second, part)]
        };
        let (ws, hs) = (format.w_sub()[c], format.h_sub()[c]);
        let h = cosited(VideoChromaSite::H_COSITED);
        let v = cosited(VideoChromaSite::V_COSITED);
        let columns = taps(x, moved.0, ws, h, self.info.width());
        let rows = taps(y, moved.1, hs, v, self.info.height());
        let mut sum = 0.0;
        for (y, wy) in rows {
            for (x, wx) in columns {
                sum += wy * wx * self.at(c, x, y);
            }
        }
        sum
    }

    /// What the tensor of a place of [`SIZE`] should be.
    fn tensor(&self, (x0, y0, ..): Rect, moved: (f64, f64)) -> Vec<f64> {
        let (kr, kb) = pack::coefficients(self.info.colorimetry().matrix());
        let mut out = vec![0.0; ELEMENTS];
        for y in 0..SIZE.1 {
            for x in 0..SIZE.0 {
                let place = (x0 as usize + x, y0 as usize + y);
                let luma = self.at(0, place.0, place.1);
                let [cb, cr] = [1, 2].map(|c| self.chroma(c, place, moved));
                let red = luma + 2.0 * (1.0 - kr) * cr;
                let blue = luma + 2.0 * (1.0 - kb) * cb;
                let green = (luma - kr * red - kb * blue) / (1.0 - kr - kb);
                for (c, value) in [red, green, blue].into_iter().enumerate() {
                    out[(c * SIZE.1 + y) * SIZE.0 + x] = value.clamp(0.0, 1.0) * 255.0;
                }
            }
        }
        out
    }
}

/// The greatest and the mean difference, with so many pixels left out all round.
fn difference(a: &[f64], b: &[f64], border: usize) -> (f64, f64) {
    let inside = |i: &usize| {
        let (x, y) = (i % SIZE.0, i / SIZE.0 % SIZE.1);
        (border..SIZE.0 - border).contains(&x) && (border..SIZE.1 - border).contains(&y)
    };
    let all: Vec<f64> = (0..ELEMENTS)
        .filter(inside)
        .map(|i| (a[i] - b[i]).abs())
        .collect();
    let worst = all.iter().copied().fold(0.0, f64::max);
    (worst, all.iter().sum::<f64>() / all.len() as f64)
}

/// Even and odd in both directions, and at all edges of a frame of 41x33.
const PLACES: [Rect; 12] = [
    (4, 6, 13, 11),
    (5, 6, 13, 11),
    (4, 7, 13, 11),
    (5, 7, 13, 11),
    (11, 9, 13, 11),
    (14, 15, 13, 11),
    (0, 0, 13, 11),
    (1, 1, 13, 11),
    (28, 22, 13, 11),
    (27, 21, 13, 11),
    (1, 22, 13, 11),
    (28, 1, 13, 11),
];

/// Colours that change much from one sample of them to the next, and a light that does not clip
/// them.
fn patches() -> RgbImage {
    let mut seed = 12_345u32;
    let patches: Vec<[u8; 3]> = (0..21 * 17)
        .map(|_| {
            std::array::from_fn(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                64 + (seed >> 25) as u8
            })
        })
        .collect();
    RgbImage::from_fn(41, 33, |x, y| {
        image::Rgb(patches[(y / 2 * 21 + x / 2) as usize])
    })
}

/// Away from a region's edge every value is what lies at its place in the frame; one luma column
/// or row too far, where a region that begins on an odd one would be put by halving, is noticed.
#[test]
fn colour_at_its_place() {
    let (element, _folder) = identity();
    let picture = patches();
    let first = described(VideoFormat::Rgb, &picture, VideoChromaSite::NONE);
    let (mut harness, bus) = play(&element, &first);
    for format in SUBSAMPLED {
        for site in SITES {
            let info = described(format, &picture, site);
            let data = pack::frame(&info, &picture);
            let found = tensors(&mut harness, &info, data.clone(), &PLACES);
            let samples = Samples {
                info: &info,
                data: &data,
            };
            let sub = info.format_info().h_sub()[1] > 0;
            for (place, found) in PLACES.iter().zip(found) {
                let at = |moved| samples.tensor(*place, moved);
                let (worst, mean) = difference(&found, &at((0.0, 0.0)), 2);
                assert!(
                    worst <= ROUNDING && mean < 0.7,
                    "{format:?} {site:?} {place:?}: up to {worst}, {mean} on the average"
                );
                for moved in [(1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)] {
                    if moved.1 != 0.0 && !sub {
                        continue;
                    }
                    let (worst, mean) = difference(&found, &at(moved), 2);
                    assert!(
                        worst > 5.0 * ROUNDING && mean > 1.5,
                        "{format:?} {site:?} {place:?}: {moved:?} is only {worst}, {mean} off"
                    );
                }
            }
        }
    }
    assert!(errors(&bus, &element).is_empty());
}

/// With colours that change slowly every value is right up to the edge, where a region may or may
/// not look at the frame's samples beside it.
#[test]
fn gradients_up_to_the_edge() {
    let (element, _folder) = identity();
    let picture = RgbImage::from_fn(41, 33, |x, y| {
        image::Rgb([60 + 3 * x as u8, 200 - 3 * y as u8, 70 + x as u8 + y as u8])
    });
    let first = described(VideoFormat::Rgb, &picture, VideoChromaSite::NONE);
    let (mut harness, _bus) = play(&element, &first);
    for format in SUBSAMPLED {
        for site in SITES {
            let info = described(format, &picture, site);
            let data = pack::frame(&info, &picture);
            let found = tensors(&mut harness, &info, data.clone(), &PLACES);
            let samples = Samples {
                info: &info,
                data: &data,
            };
            for (place, found) in PLACES.iter().zip(found) {
                let expected = samples.tensor(*place, (0.0, 0.0));
                // A sample of the colour further is 2 luma steps of 3, and red twice of it.
                let (worst, mean) = difference(&found, &expected, 0);
                assert!(
                    worst <= 7.0 && mean < 1.2,
                    "{format:?} {site:?} {place:?}: up to {worst}, {mean} on the average"
                );
                let (worst, _) = difference(&found, &expected, 2);
                assert!(
                    worst <= ROUNDING,
                    "{format:?} {site:?} {place:?}: {worst} inside"
                );
            }
        }
    }
}

/// Regions of a photograph, made smaller and larger, are nearly those of the photograph in RGB,
/// wherever they begin; the same region a few pixels aside is not.
#[test]
fn nearly_as_in_rgb() {
    let (element, _folder) = identity();
    let picture = photo("coffee.png");
    let rgb = described(VideoFormat::Rgb, &picture, VideoChromaSite::NONE);
    let (mut harness, _bus) = play(&element, &rgb);
    let places: Vec<Rect> = (0..30u32)
        .map(|i| {
            let (w, h) = (26 + i * i * 7 % 300, 22 + i * i * 11 % 200);
            (i * 37 % 290, i * 53 % 190, w, h)
        })
        .collect();
    let aside: Vec<Rect> = places.iter().map(|p| (p.0 + 6, p.1, p.2, p.3)).collect();
    let all: Vec<Rect> = places.iter().chain(&aside).copied().collect();
    let data = pack::frame(&rgb, &picture);
    let mut expected = tensors(&mut harness, &rgb, data, &all);
    let aside = expected.split_off(places.len());
    let apart = |a: &[Vec<f64>], b: &[Vec<f64>]| {
        let each = a.iter().zip(b).map(|(a, b)| difference(a, b, 0).1);
        each.collect::<Vec<_>>()
    };
    let moved: f64 = apart(&expected, &aside).iter().sum::<f64>() / 30.0;
    assert!(moved > 4.0, "the comparison says nothing: {moved}");
    for format in SUBSAMPLED {
        let info = described(format, &picture, VideoChromaSite::H_COSITED);
        let data = pack::frame(&info, &picture);
        let found = tensors(&mut harness, &info, data, &places);
        for (place, apart) in places.iter().zip(apart(&found, &expected)) {
            assert!(apart < 2.5, "{format:?} {place:?}: {apart} of 255");
        }
    }
}
