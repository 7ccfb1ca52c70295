// SPDX-License-Identifier: MPL-2.0
//! Shows a camera in a window, with what is seen in it written into the picture.
//!
//!     cargo run --release --features cli --example webcam
//!     cargo run --release --features cli --example webcam -- --file demo/clip.webm

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use gst::prelude::*;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[derive(Debug, Parser)]
#[command(about = "Shows a camera in a window, with what is seen in it")]
struct Args {
    /// The camera, such as /dev/video1 [default: the one that GStreamer finds]
    #[arg(long, group = "source")]
    device: Option<String>,
    /// A video in the place of a camera
    #[arg(long, group = "source")]
    file: Option<PathBuf>,
    /// A test picture in the place of a camera
    #[arg(long, group = "source")]
    test: bool,
    /// ONNX file or builtin:efficientnet-lite0
    #[arg(long, default_value = "builtin:efficientnet-lite0")]
    model: String,
    /// Properties of the overlay, as for gst-launch-1.0: “position=bottom-left max-labels=3”
    #[arg(long, default_value = "", hide_default_value = true)]
    overlay: String,
    /// The element that shows the window
    #[arg(long, default_value = "autovideosink")]
    sink: String,
    /// End after this many seconds [default: when the window is closed, or Ctrl-C]
    #[arg(long)]
    seconds: Option<u64>,
}

fn run(args: &Args) -> Result<()> {
    gst::init()?;
    // A program that links the plugin needs no plugin file.
    gstresnet50::plugin_register_static()?;

    let source = match args {
        Args {
            device: Some(_), ..
        } => "v4l2src name=source ! decodebin",
        Args { file: Some(_), .. } => "uridecodebin name=source",
        Args { test: true, .. } => "videotestsrc is-live=true ! video/x-raw,width=640,height=480",
        _ => "autovideosrc ! decodebin",
    };
    // In mode live the picture never waits for the model, whatever it comes from. The overlay draws
    // into every format; only what the window cannot show is converted, and that comes last.
    let pipeline = gst::parse::launch(&format!(
        "{source} ! resnet50 name=classify mode=live ! resnet50overlay {} ! videoconvert ! {}",
        args.overlay, args.sink
    ))?
    .downcast::<gst::Pipeline>()
    .map_err(|_| "several elements make a pipeline")?;
    let by_name = |name| pipeline.by_name(name).ok_or("the line names it");
    by_name("classify")?.set_property("model", &args.model);
    if let Some(device) = &args.device {
        by_name("source")?.set_property("device", device);
    }
    if let Some(file) = &args.file {
        let uri = glib::filename_to_uri(std::path::absolute(file)?, None)?;
        by_name("source")?.set_property("uri", &*uri);
    }

    let outcome = play(&pipeline, args);
    // It can always stop, and there is nothing to be done if it cannot.
    let _ = pipeline.set_state(gst::State::Null);
    outcome
}

/// Plays until the window is closed, the video ends or something fails.
fn play(pipeline: &gst::Pipeline, args: &Args) -> Result<()> {
    let bus = pipeline.bus().ok_or("a pipeline has a bus")?;
    // If this fails, the bus says why. The devices are opened here; where there is none,
    // autovideosrc takes a test picture, which is not what was asked for.
    let is_ready = pipeline.set_state(gst::State::Ready).is_ok();
    if pipeline.by_name("fake-auto-video-src").is_some() {
        return Err("no camera was found; name one with --device, or try --file or --test".into());
    }
    if is_ready {
        let _ = pipeline.set_state(gst::State::Playing);
    }
    let wanted = [gst::MessageType::Error, gst::MessageType::Eos];
    let time = args.seconds.map(gst::ClockTime::from_seconds);
    let message = bus.timed_pop_filtered(time, &wanted);
    match message.as_ref().map(|m| m.view()) {
        Some(gst::MessageView::Error(error)) if is_closing(error) => Ok(()),
        Some(gst::MessageView::Error(error)) => match &args.file {
            Some(file) => Err(format!("{}: {}", file.display(), error.error()).into()),
            None => Err(error.error().to_string().into()),
        },
        _ => Ok(()),
    }
}

/// Whether a sink says that its window was closed, which comes as an error. Nothing but the text
/// tells it from a window that could not be opened.
fn is_closing(message: &gst::message::Error) -> bool {
    let error = message.error();
    let sender = message.src().and_then(|s| s.downcast_ref::<gst::Element>());
    sender.is_some_and(|e| e.element_flags().contains(gst::ElementFlags::SINK))
        && error.matches(gst::ResourceError::NotFound)
        && error.message().contains("closed")
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
