// SPDX-License-Identifier: MPL-2.0
//! The element `resnet50`: between pads of the tests' own, and in small pipelines.
//!
//! Many tests share this process. One that depends on what a process has only once (environment,
//! tracers, threads, memory, `fork`) runs itself again in a child: see `support::child`.

mod allocations;
#[cfg(feature = "v1_24")]
mod analytics;
mod decision;
mod engine;
mod errors;
mod events;
mod faults;
mod files;
mod flagged;
mod frames;
mod leaks;
mod limits;
mod live;
mod meta;
mod models;
mod negotiation;
mod order;
mod properties;
mod rare_formats;
mod regions;
mod results;
mod settings;
mod states;
mod tensor;
mod times;

use gst::prelude::*;
use gstresnet50::meta::META_NAME;
use support::element::*;
use support::harness;
use support::onnx::Net;

/// An element that tells red, green and blue apart, and the folder that its model lies in.
fn color() -> (gst::Element, tempfile::TempDir) {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let element = element(&Net::color().write(folder.path(), "color.onnx"));
    (element, folder)
}

/// All element messages of an element.
fn element_messages(bus: &gst::Bus, from: &gst::Element) -> Vec<gst::Structure> {
    messages(bus, from, gst::MessageType::Element)
        .iter()
        .filter_map(|m| m.structure().map(ToOwned::to_owned))
        .collect()
}

/// How many of this plugin's metas a buffer has.
fn metas(buffer: &gst::BufferRef) -> usize {
    buffer
        .iter_meta::<gst::Meta>()
        .filter(|m| {
            m.try_as_custom_meta()
                .is_some_and(|c| c.structure().name() == META_NAME)
        })
        .count()
}

/// Plays an element with `behind` on its source pad, and gives its sink pad, negotiated.
fn play_before(element: &gst::Element, behind: &gst::Pad, info: &gst_video::VideoInfo) -> gst::Pad {
    harness::link(behind, element);
    element.set_state(gst::State::Playing).expect("it plays");
    let sink = harness::sink(element);
    for event in harness::beginning(info) {
        sink.send_event(event);
    }
    sink
}

fn stop_before(element: &gst::Element, behind: &gst::Pad) {
    element.set_state(gst::State::Null).expect("it stops");
    harness::unlink(behind, element);
}

/// Frames go in until one is refused: it is a later one than that which could not leave.
fn until_error(sink: &gst::Pad, info: &gst_video::VideoInfo) -> gst::FlowError {
    let flows = std::iter::repeat_with(|| sink.chain(plain(info, RED)));
    flows.take(1000).find_map(Result::err).expect("an error")
}
