// SPDX-License-Identifier: MPL-2.0
//! What reaches the model, seen through the element: the models here return their input, so that every
//! value of the tensor can be compared with what it should be.

mod contract;
mod geometry;
mod memory;
mod normalization;
mod output;

use std::path::Path;

use gst::prelude::*;
use image::RgbImage;
use support::element::{element, rgb, three, values};
use support::harness::{play, through};
use support::onnx::Net;
use support::pack;

/// A picture whose values are all different from their neighbours'.
fn picture(width: u32, height: u32) -> RgbImage {
    let mut state = 0x2545_f491u32;
    RgbImage::from_fn(width, height, |_, _| {
        image::Rgb([(); 3].map(|()| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        }))
    })
}

/// One channel of a picture.
fn channel(picture: &RgbImage, c: usize) -> Vec<u8> {
    picture.pixels().map(|p| p.0[c]).collect()
}

/// The bytes of a picture in the order of the tensor.
fn ordered(picture: &RgbImage, nhwc: bool, bgr: bool) -> Vec<u8> {
    let order = if bgr { [2, 1, 0] } else { [0, 1, 2] };
    if nhwc {
        picture
            .pixels()
            .flat_map(|p| order.map(|c| p.0[c]))
            .collect()
    } else {
        order.iter().flat_map(|c| channel(picture, *c)).collect()
    }
}

/// Runs one frame through `element` and returns what the model saw.
fn seen(element: &gst::Element, picture: &RgbImage) -> Vec<f32> {
    element.set_property("top-k", u32::MAX);
    element.set_property_from_str("activation", "none");
    let info = rgb(picture.width(), picture.height());
    let (mut harness, _bus) = play(element, &info);
    values(&through(&mut harness, pack::buffer(&info, picture)))
}

/// An element whose model is `net`, with white as 1 and no crop.
fn unit(net: Net, folder: &Path) -> gst::Element {
    let element = element(&net.write(folder, "net.onnx"));
    element.set_property("mean", three([0.0; 3]));
    element.set_property("std", three([1.0; 3]));
    element.set_property_from_str("fit", "stretch");
    element
}

/// Bytes as they come out of a tensor of 32-bit floats where white is 1.
fn floats(bytes: Vec<u8>) -> Vec<f32> {
    bytes.into_iter().map(|v| f32::from(v) / 255.0).collect()
}
