// SPDX-License-Identifier: MPL-2.0
//! The element in a pipeline against a bare loop of ONNX Runtime.

use std::fmt::Write as _;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use gst::prelude::*;
use gst_video::{VideoFormat, VideoInfo};
use gstresnet50::inference::{
    BUILTIN, Model, Provider, Runtime, Session, SessionOptions, find_model,
};
use gstresnet50::resnet50::{Batch, Variant, model_by_rule};

use super::{Args, Result, Scratch, frame, median};

/// How long one contestant runs in one round.
const ROUND: Duration = Duration::from_millis(1500);

pub fn measure(args: &Args) -> Result<String> {
    let mut text = String::from("## The element against a bare loop\n\n");
    writeln!(
        text,
        "Frames a second of `appsrc ! resnet50 ! fakesink` with NV12 frames from memory, against a loop that does nothing but run the same model with ONNX Runtime, with as many threads; in turn, in one process. The difference is all that the element does besides: pre-processing, the classes, the metadata, GStreamer itself. The element classifies one frame at a time, so its pre-processing is not hidden behind the Run: it weighs more the quicker the model is.\n"
    )?;
    writeln!(
        text,
        "| model | threads | frame | bare loop, Runs a second | element, frames a second | element / bare |\n|---|---|---|---|---|---|"
    )?;
    let scratch = Scratch::new()?;
    let untrained = scratch.write(
        "resnet50-v1.5",
        &model_by_rule(Variant::V1_5, Batch::Dynamic),
    )?;
    let models = if args.model.is_empty() {
        vec![BUILTIN.to_owned(), untrained]
    } else {
        args.model.clone()
    };
    let cores = std::thread::available_parallelism()?.get();
    for model in &models {
        for threads in if cores > 1 { vec![1, cores] } else { vec![1] } {
            for (width, height) in [(640, 480), (1920, 1080)] {
                let row = case(model, threads, width, height, args.rounds)?;
                writeln!(text, "{row}")?;
            }
        }
    }
    Ok(text)
}

fn case(name: &str, threads: usize, width: u32, height: u32, rounds: u32) -> Result<String> {
    let runtime = Runtime::load(None, &[])?;
    let model = Model::read(find_model(Some(name))?)?;
    let options = SessionOptions {
        providers: vec![Provider::Cpu],
        provider_options: Vec::new(),
        device: 0,
        threads,
    };
    let (mut session, _) = Session::load(runtime, &model, &options)?;
    let pipeline = Pipeline::start(name, threads, width, height)?;

    let mut bare = Vec::new();
    let mut element = Vec::new();
    for round in 0..=rounds {
        let in_loop = bare_loop(&mut session)?;
        let in_pipeline = pipeline.rate()?;
        // The first round warms up.
        if round > 0 {
            bare.push(in_loop);
            element.push(in_pipeline);
        }
    }
    let mut ratios: Vec<_> = element.iter().zip(&bare).map(|(e, b)| e / b).collect();
    let file = model
        .contract
        .architecture
        .as_deref()
        .unwrap_or(name)
        .to_owned();
    Ok(format!(
        "| {file} | {threads} | {width}x{height} | {:.1} | {:.1} | {:.3} |",
        median(&mut bare),
        median(&mut element),
        median(&mut ratios)
    ))
}

/// Runs a second.
fn bare_loop(session: &mut Session) -> Result<f64> {
    let begun = Instant::now();
    let mut runs = 0u32;
    while begun.elapsed() < ROUND {
        session.run()?;
        runs += 1;
    }
    Ok(f64::from(runs) / begun.elapsed().as_secs_f64())
}

/// `appsrc ! resnet50 ! fakesink`, standing still except while it is measured.
struct Pipeline {
    pipeline: gst::Pipeline,
    source: gst_app::AppSrc,
    frame: gst::Buffer,
    done: mpsc::Receiver<()>,
}

impl Pipeline {
    fn start(model: &str, threads: usize, width: u32, height: u32) -> Result<Self> {
        let info = VideoInfo::builder(VideoFormat::Nv12, width, height)
            .fps(gst::Fraction::new(30, 1))
            .build()?;
        let source = gst_app::AppSrc::builder()
            .caps(&info.to_caps()?)
            .format(gst::Format::Time)
            .build();
        let element = gst::ElementFactory::make("resnet50")
            .property("model", model)
            .property("threads", threads as u32)
            .build()?;
        let sink = gst::ElementFactory::make("fakesink")
            .property("sync", false)
            .build()?;
        let pipeline = gst::Pipeline::new();
        pipeline.add_many([source.upcast_ref(), &element, &sink])?;
        gst::Element::link_many([source.upcast_ref(), &element, &sink])?;
        let (classified, done) = mpsc::channel();
        let pad = element
            .static_pad("src")
            .ok_or("the element has a source pad")?;
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            let _ = classified.send(());
            gst::PadProbeReturn::Ok
        });
        pipeline.set_state(gst::State::Playing)?;
        Ok(Self {
            pipeline,
            source,
            frame: frame(&info),
            done,
        })
    }

    /// Frames a second. Two are in the queue before the element, as with any real source.
    fn rate(&self) -> Result<f64> {
        let push = || self.source.push_buffer(self.frame.copy());
        push()?;
        push()?;
        self.wait()?;
        let begun = Instant::now();
        let mut frames = 0u32;
        while begun.elapsed() < ROUND {
            push()?;
            self.wait()?;
            frames += 1;
        }
        let rate = f64::from(frames) / begun.elapsed().as_secs_f64();
        self.wait()?;
        Ok(rate)
    }

    fn wait(&self) -> Result<()> {
        let error = || {
            let message = self
                .pipeline
                .bus()?
                .pop_filtered(&[gst::MessageType::Error])?;
            match message.view() {
                gst::MessageView::Error(e) => Some(e.error().to_string()),
                _ => None,
            }
        };
        self.done
            .recv_timeout(Duration::from_secs(60))
            .map_err(|_| {
                error()
                    .unwrap_or_else(|| "the pipeline stands still".into())
                    .into()
            })
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        // To NULL it always goes.
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}
