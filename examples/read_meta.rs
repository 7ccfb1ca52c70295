// SPDX-License-Identifier: MPL-2.0
//! Classifies a video in a program of one's own and reads the answer off each buffer.
//!
//!     cargo run --release --example read_meta -- demo/clip.webm

use std::process::ExitCode;

use gst::prelude::*;
use gstresnet50::meta::classification_of;

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args_os().nth(1);
    let file = file.ok_or("no video is given; usage: read_meta VIDEO")?;
    let uri = glib::filename_to_uri(std::path::absolute(&file)?, None)?;

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

    let bus = pipeline.bus().ok_or("a pipeline has a bus")?;
    // If this fails, the bus says why.
    let _ = pipeline.set_state(gst::State::Playing);
    let outcome = loop {
        if let Some(sample) = frames.try_pull_sample(gst::ClockTime::from_mseconds(100)) {
            let Some(buffer) = sample.buffer() else {
                continue;
            };
            if let Some(class) = classification_of(buffer).and_then(|c| c.top().cloned()) {
                let time = buffer.pts().unwrap_or_default();
                println!("{time:.3} {} {:.2}", class.label, class.confidence);
            }
        } else if frames.is_eos() {
            break Ok(());
        } else if let Some(message) = bus.pop_filtered(&[gst::MessageType::Error])
            && let gst::MessageView::Error(error) = message.view()
        {
            break Err(format!("{}: {}", file.display(), error.error()).into());
        }
    };
    // It can always stop, and there is nothing to be done if it cannot.
    let _ = pipeline.set_state(gst::State::Null);
    outcome
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
