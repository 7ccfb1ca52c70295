use gstresnet50::preprocess::*;
use std::time::Instant;
fn main() {
    gst::init().unwrap();
    for (format, w, h) in [
        (gst_video::VideoFormat::Nv12, 1920, 1080),
        (gst_video::VideoFormat::I420, 1920, 1080),
        (gst_video::VideoFormat::Rgb, 1920, 1080),
        (gst_video::VideoFormat::Rgba, 1920, 1080),
        (gst_video::VideoFormat::Yuy2, 1920, 1080),
        (gst_video::VideoFormat::P01010le, 1920, 1080),
        (gst_video::VideoFormat::Nv12, 640, 480),
        (gst_video::VideoFormat::Nv12, 3840, 2160),
    ] {
        if let Ok(o) = std::env::var("ONLY") {
            if format!("{format:?}{w}") != o {
                continue;
            }
        }
        let info = gst_video::VideoInfo::builder(format, w, h).build().unwrap();
        let buffer = gst::Buffer::from_mut_slice(vec![77u8; info.size()]);
        let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(&buffer, &info).unwrap();
        let target = Target {
            width: 224,
            height: 224,
            layout: Layout::Nchw,
            element: Element::F32,
            order: ColorOrder::Rgb,
            fit: Fit::Crop,
            resize: 256,
            mean: [0.485, 0.456, 0.406],
            std: [0.229, 0.224, 0.225],
        };
        let mut out = vec![0f32; target.elements()];
        for b in Backend::available() {
            let mut p = Preprocessor::with_backend(&info, &target, *b);
            let mut t = vec![];
            for _ in 0..1000 {
                let s = Instant::now();
                p.process(&Picture::from_frame(&frame), &mut Slot::F32(&mut out))
                    .unwrap();
                t.push(s.elapsed());
            }
            t.sort();
            println!("{format:?} {w}x{h} {b:?} {:?} min {:?}", t[500], t[0]);
        }
    }
}
