// SPDX-License-Identifier: MPL-2.0
//! Classifies a video in a program of one's own and reads the answer off each buffer.
//!
//!     cargo run --release --example read_meta -- demo/clip.webm

use gst::prelude::*;
use gstresnet50::meta::classification_of;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).ok_or("usage: read_meta VIDEO")?;
    let uri = glib::filename_to_uri(std::path::absolute(file)?, None)?;

    gst::init()?;
    // A program that links the plugin needs no plugin file.
    gstresnet50::plugin_register_static()?;

    let pipeline = gst::parse::launch(
        "uridecodebin name=source ! resnet50 model=builtin:efficientnet-lite0 ! \
         appsink name=frames sync=false",
    )?
    .downcast::<gst::Pipeline>()
    .map_err(|_| "several elements make a pipeline")?;
    let by_name = |name| pipeline.by_name(name).ok_or("the line names it");
    by_name("source")?.set_property("uri", &*uri);
    let frames = by_name("frames")?
        .downcast::<gst_app::AppSink>()
        .map_err(|_| "it is an appsink")?;

    pipeline.set_state(gst::State::Playing)?;
    while let Ok(sample) = frames.pull_sample() {
        let Some(buffer) = sample.buffer() else {
            continue;
        };
        if let Some(class) = classification_of(buffer).and_then(|c| c.top().cloned()) {
            let time = buffer.pts().unwrap_or_default();
            println!("{time:.3} {} {:.2}", class.label, class.confidence);
        }
    }
    // `pull_sample` ends at the end of the stream and at an error: the bus tells which.
    let bus = pipeline.bus().ok_or("a pipeline has a bus")?;
    let error = bus.pop_filtered(&[gst::MessageType::Error]);
    pipeline.set_state(gst::State::Null)?;
    match error.as_ref().map(|m| m.view()) {
        Some(gst::MessageView::Error(e)) => Err(e.error().to_string().into()),
        _ => Ok(()),
    }
}
