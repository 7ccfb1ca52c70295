// SPDX-License-Identifier: MPL-2.0
//! Pre-processing against torchvision, against itself over all backends, and over all formats.

mod backends;
mod reference;

use gst_video::VideoInfo;
use gstresnet50::preprocess::*;

use support::pack;

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
