// SPDX-License-Identifier: MPL-2.0
//! Classifies an application's own pictures: they go in through an appsrc and come out of an
//! appsink with their classes.
//!
//!     cargo run --release --example app -- tests/data/photos/coffee.png tests/data/photos/rocket.png

use std::path::PathBuf;
use std::process::ExitCode;

use gst::prelude::*;
use gst_video::{VideoFormat, VideoInfo};
use gstresnet50::meta::{Class, classification_of};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// A classifier as a function from a picture to its classes.
struct Classifier {
    pipeline: gst::Pipeline,
    input: gst_app::AppSrc,
    output: gst_app::AppSink,
}

impl Classifier {
    fn new(model: &str) -> Result<Self> {
        let input = gst_app::AppSrc::builder().format(gst::Format::Time).build();
        let element = gst::ElementFactory::make("resnet50")
            .property("model", model)
            // One picture at a time, with all cores for it.
            .property("max-in-flight", 1u32)
            .build()?;
        let output = gst_app::AppSink::builder().sync(false).build();
        let pipeline = gst::Pipeline::new();
        pipeline.add_many([input.upcast_ref(), &element, output.upcast_ref()])?;
        gst::Element::link_many([input.upcast_ref(), &element, output.upcast_ref()])?;
        // If this fails, the bus says why, and `classify` reads it.
        let _ = pipeline.set_state(gst::State::Playing);
        Ok(Self {
            pipeline,
            input,
            output,
        })
    }

    /// The best classes of a picture, best first. Each may have another size.
    fn classify(&self, picture: image::RgbImage) -> Result<Vec<Class>> {
        let info =
            VideoInfo::builder(VideoFormat::Rgb, picture.width(), picture.height()).build()?;
        let buffer = gst::Buffer::from_slice(padded(&picture, info.stride()[0] as usize));
        let sample = gst::Sample::builder()
            .buffer(&buffer)
            .caps(&info.to_caps()?)
            .build();
        self.input.push_sample(&sample)?;
        let bus = self.pipeline.bus().ok_or("a pipeline has a bus")?;
        loop {
            let patience = gst::ClockTime::from_mseconds(100);
            if let Some(sample) = self.output.try_pull_sample(patience) {
                let buffer = sample.buffer().ok_or("a sample has a buffer")?;
                let answer = classification_of(buffer).ok_or("the frame was not classified")?;
                return Ok(answer.results);
            }
            let message = bus.pop_filtered(&[gst::MessageType::Error]);
            if let Some(gst::MessageView::Error(e)) = message.as_ref().map(|m| m.view()) {
                return Err(e.error().to_string().into());
            }
        }
    }
}

impl Drop for Classifier {
    fn drop(&mut self) {
        // It can always stop, and there is nothing to be done if it cannot.
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// The picture with rows of `stride` bytes: GStreamer's are as long as a multiple of four.
fn padded(picture: &image::RgbImage, stride: usize) -> Vec<u8> {
    let row = 3 * picture.width() as usize;
    let mut bytes = Vec::with_capacity(stride * picture.height() as usize);
    for pixels in picture.as_raw().chunks_exact(row) {
        bytes.extend_from_slice(pixels);
        bytes.resize(bytes.len() + stride - row, 0);
    }
    bytes
}

fn run() -> Result<()> {
    // Their names need not be UTF-8.
    let files: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if files.is_empty() {
        return Err("no picture is given; usage: app PICTURE…".into());
    }
    gst::init()?;
    // A program that links the plugin needs no plugin file.
    gstresnet50::plugin_register_static()?;
    let classifier = Classifier::new("builtin:efficientnet-lite0")?;
    for file in files {
        let picture = image::open(&file).map_err(|e| format!("{}: {e}", file.display()))?;
        let classes = classifier.classify(picture.to_rgb8())?;
        let best: Vec<_> = classes
            .iter()
            .take(3)
            .map(|c| format!("{} {:.0} %", c.label, c.confidence * 100.0))
            .collect();
        println!("{}: {}", file.display(), best.join(", "));
    }
    Ok(())
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
