// SPDX-License-Identifier: MPL-2.0
//! How frames lie in memory, and which dimensions the input of the model has.

use gst::prelude::*;
use gst_video::VideoFormat;
use support::element::{info, plain, rgb, values};
use support::harness::{play, through};
use support::onnx::{FREE, Net};

use super::{floats, ordered, picture, seen, unit};

/// Free dimensions of the batch and the picture, and a batch of two that cannot be changed.
#[test]
fn free_and_fixed_dimensions() {
    let folder = tempfile::tempdir().expect("a folder");
    let picture = picture(4, 4);
    let expected = floats(ordered(&picture, false, false));
    let free_size = |mut net: Net| {
        net.dims[2] = FREE;
        net.dims[3] = FREE;
        net.contract(r#"{"crop":4}"#)
    };
    for net in [
        Net::nchw(4, 4).batch(FREE),
        Net::nchw(4, 4).batch(2),
        free_size(Net::nchw(4, 4)),
        free_size(Net::nchw(4, 4).batch(FREE)),
    ] {
        let dims = net.dims.clone();
        assert_eq!(
            seen(&unit(net, folder.path()), &picture),
            expected,
            "{dims:?}"
        );
    }
}

/// Rows that are further apart than GStreamer would lay them, and that begin somewhere in the
/// memory, as a GstVideoMeta says; the last row ends with its last pixel.
#[test]
fn strides_offsets_and_a_tight_end() {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let picture = picture(5, 4);
    let expected = floats(ordered(&picture, false, false));
    let (stride, offset) = (29, 7);
    let mut bytes = vec![0xee; offset + 3 * stride + 15];
    for (y, row) in picture.as_raw().chunks_exact(15).enumerate() {
        bytes[offset + y * stride..][..15].copy_from_slice(row);
    }
    let mut buffer = gst::Buffer::from_slice(bytes);
    add_meta(
        &mut buffer,
        VideoFormat::Rgb,
        (5, 4),
        &[offset],
        &[stride as i32],
    );

    let element = unit(Net::nchw(4, 5), folder.path());
    element.set_property("top-k", u32::MAX);
    element.set_property_from_str("activation", "none");
    let (mut harness, _bus) = play(&element, &rgb(5, 4));
    assert_eq!(values(&through(&mut harness, buffer)), expected);
}

/// The planes of one frame in memories of their own, with strides of their own.
#[test]
fn planes_in_several_memories() {
    let folder = tempfile::tempdir().expect("a folder");
    let element = unit(Net::nchw(2, 4), folder.path());
    element.set_property("top-k", u32::MAX);
    element.set_property_from_str("activation", "none");
    let info = info(VideoFormat::Nv12, 4, 2);
    let (mut harness, _bus) = play(&element, &info);

    // Luma 81, Cb 90, Cr 240 in limited BT.601 is red: (254, 0, 0) in 8 bits.
    let mut buffer = gst::Buffer::new();
    {
        let b = buffer.get_mut().expect("not shared yet");
        b.append_memory(gst::Memory::from_slice([
            81, 81, 81, 81, 9, 9, 9, 81, 81, 81, 81,
        ]));
        b.append_memory(gst::Memory::from_slice([9, 9, 90, 240, 90, 240]));
    }
    add_meta(
        &mut buffer,
        VideoFormat::Nv12,
        (4, 2),
        &[0, 11 + 2],
        &[7, 6],
    );
    let separate = values(&through(&mut harness, buffer));
    let together = values(&through(&mut harness, plain(&info, [254, 0, 0])));
    assert_eq!(separate, together);
    assert_eq!(separate, [[254.0 / 255.0; 8], [0.0; 8], [0.0; 8]].concat());
}

fn add_meta(
    buffer: &mut gst::Buffer,
    format: VideoFormat,
    (width, height): (u32, u32),
    offset: &[usize],
    stride: &[i32],
) {
    let buffer = buffer.get_mut().expect("not shared yet");
    let flags = gst_video::VideoFrameFlags::empty();
    gst_video::VideoMeta::add_full(buffer, flags, format, width, height, offset, stride)
        .expect("a GstVideoMeta");
}
