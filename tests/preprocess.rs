// SPDX-License-Identifier: MPL-2.0
//! Pre-processing against torchvision, against itself over all backends, and over all formats.

mod support;

use gstresnet50::preprocess::*;
use support::{GOLDEN, golden_tensor, photo};

const MEAN: [f64; 3] = [0.485, 0.456, 0.406];
const STD: [f64; 3] = [0.229, 0.224, 0.225];

fn target(resize: u32) -> Target {
    Target {
        width: 224,
        height: 224,
        layout: Layout::Nchw,
        element: Element::F32,
        order: ColorOrder::Rgb,
        fit: Fit::Crop,
        resize,
        mean: MEAN,
        std: STD,
    }
}

fn init() {
    gst::init().expect("GStreamer");
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
    init();
    for (file, tensor, resize) in GOLDEN {
        let image = photo(file);
        let expected = golden_tensor(tensor);
        let info = gst_video::VideoInfo::builder(
            gst_video::VideoFormat::Rgb,
            image.width(),
            image.height(),
        )
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
