// SPDX-License-Identifier: MPL-2.0
//! `gst-resnet50 model check`: a classifier, or two in turn, on the same frames.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::builder::NonEmptyStringValueParser;
use gst_video::VideoInfo;
use gstresnet50::inference::{
    ContractLabels, Model, OutputKind, Provider, Runtime, Session, SessionOptions, find_model,
};
use gstresnet50::postprocess::{Activation, Labels, Score, top_k};
use gstresnet50::preprocess::{Picture, Preprocessor, Target};
use gstresnet50::text;
use hdrhistogram::Histogram;

use super::count;
use super::precision::bar;
use crate::frames;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// ONNX file or builtin:efficientnet-lite0
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    file: String,
    /// Another to compare it with
    #[arg(long, value_name = "FILE", value_parser = NonEmptyStringValueParser::new())]
    against: Option<String>,
    /// Videos and pictures, as files or URIs [default: four photographs of this program's]
    #[arg(value_name = "URI")]
    inputs: Vec<String>,
    /// Frames to run on, spread over all of them
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    frames: u32,
    /// Execution provider, or several separated by commas
    #[arg(long, default_value = "cpu")]
    provider: String,
    /// Threads of one Run [default: as many as there are cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

/// Runs on each frame; the first warms up and does not count.
const RUNS: usize = 3;

/// Classes of which the best are compared.
const TOP: usize = 5;

/// A model at work.
struct Contestant {
    name: String,
    session: Session,
    target: Target,
    activation: Activation,
    labels: Labels,
    prepared: Option<(VideoInfo, Preprocessor)>,
    times: Histogram<u64>,
    best: Vec<Score>,
}

pub fn run(args: &Args) -> crate::Result<ExitCode> {
    if let Some(model) = args.inputs.iter().find(|input| is_model(input)) {
        return Err(format!(
            "“{model}” is a model, not a video or picture: to compare with it, give --against {model}"
        )
        .into());
    }
    frames::check(&args.inputs)?;
    let names = std::iter::once(&args.file).chain(&args.against);
    let mut contestants = names
        .map(|name| Contestant::load(name, args))
        .collect::<crate::Result<Vec<_>>>()?;
    if let [a, b] = contestants.as_slice()
        && a.session.classes() != b.session.classes()
    {
        return Err(format!(
            "“{}” has {} classes and “{}” {}: they cannot be compared",
            a.name,
            a.session.classes(),
            b.name,
            b.session.classes()
        )
        .into());
    }
    let inputs = match args.inputs.as_slice() {
        [] => frames::photos(),
        named => named.to_vec(),
    };

    let mut agreement = Agreement::default();
    let mut frames = 0;
    let bar = bar("running", u64::from(args.frames))?;
    frames::take(&inputs, args.frames as usize, |info, buffer| {
        let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, info)?;
        let picture = Picture::from_frame(&frame);
        for contestant in &mut contestants {
            contestant.prepare(info, &picture)?;
        }
        // In turn, so that what else the machine does slows both.
        for run in 0..RUNS {
            for contestant in &mut contestants {
                contestant.run(run > 0)?;
            }
        }
        if let [a, b] = contestants.as_slice() {
            agreement.add(&a.best, &b.best);
        }
        frames += 1;
        bar.inc(1);
        Ok(())
    })?;
    bar.finish_and_clear();

    say!(
        "{} of {}",
        count(frames, "frame"),
        count(inputs.len().min(frames), "source")
    );
    for contestant in &contestants {
        contestant.report();
    }
    if let [a, b] = contestants.as_slice() {
        agreement.report(frames);
        let ratio = b.milliseconds(0.5) / a.milliseconds(0.5);
        say!(
            "speed             {} runs {ratio:.2} times as fast as {}",
            a.name,
            b.name
        );
    }
    Ok(ExitCode::SUCCESS)
}

impl Contestant {
    fn load(name: &str, args: &Args) -> crate::Result<Self> {
        let model = Model::read(find_model(Some(name.as_ref()))?)?;
        let runtime = Runtime::load(None, &[])?;
        let options = SessionOptions {
            providers: Provider::parse_list(&args.provider)?,
            provider_options: Vec::new(),
            device: 0,
            threads: args.threads.map_or(0, usize::from),
        };
        let (session, passed) = Session::load(runtime, &model, &options)?;
        for fallback in passed {
            complain!(
                "warning: {} does not run “{name}”: {}",
                fallback.provider,
                fallback.reason
            );
        }
        let classes = session.classes();
        let labels = match &model.contract.labels {
            Some(ContractLabels::Names(names)) => Labels::from_names(names.clone(), classes)?,
            Some(ContractLabels::Known(_)) => Labels::imagenet(classes)?,
            None => Labels::default_for(classes),
        };
        Ok(Self {
            name: name.to_owned(),
            target: model.target(),
            activation: match model.output_kind() {
                OutputKind::Logits => Activation::Softmax,
                OutputKind::Probabilities => Activation::None,
            },
            session,
            labels,
            prepared: None,
            times: Histogram::new(3)?,
            best: Vec::new(),
        })
    }

    fn prepare(&mut self, info: &VideoInfo, picture: &Picture<'_>) -> crate::Result<()> {
        if self.prepared.as_ref().is_none_or(|(of, _)| of != info) {
            self.prepared = Some((info.clone(), Preprocessor::new(info, &self.target)));
        }
        if let Some((_, preprocessor)) = &mut self.prepared {
            preprocessor.process(picture, &mut self.session.slot())?;
        }
        Ok(())
    }

    fn run(&mut self, counts: bool) -> crate::Result<()> {
        let begun = Instant::now();
        let output = self.session.run()?;
        let time = begun.elapsed().as_nanos() as u64;
        if counts {
            self.times.record(time)?;
        }
        top_k(output, self.activation, TOP, 0.0, &mut self.best)?;
        Ok(())
    }

    /// Time of a Run, by its quantile.
    fn milliseconds(&self, quantile: f64) -> f64 {
        Duration::from_nanos(self.times.value_at_quantile(quantile)).as_secs_f64() * 1e3
    }

    fn report(&self) {
        let [median, p95] = [0.5, 0.95].map(|q| self.milliseconds(q));
        say!(
            "{}\n  {:.1} images/s: a Run takes {median:.2} ms (p95 {p95:.2}) on {} with {}",
            self.name,
            1e3 / median,
            self.session.provider(),
            count(self.session.threads(), "thread"),
        );
        if let Some(best) = self.best.first() {
            say!(
                "  the last frame: {} {:.1} %",
                text::name(&self.labels.name(best.index)),
                best.confidence * 100.0
            );
        }
    }
}

/// How often two models say the same.
#[derive(Debug, Default)]
struct Agreement {
    top_1: usize,
    shared: usize,
    largest: f32,
}

impl Agreement {
    fn add(&mut self, a: &[Score], b: &[Score]) {
        let index = |scores: &[Score]| scores.first().map(|s| s.index);
        self.top_1 += usize::from(index(a) == index(b));
        for score in a {
            if let Some(other) = b.iter().find(|s| s.index == score.index) {
                self.shared += 1;
                let difference = (score.confidence - other.confidence).abs();
                self.largest = self.largest.max(difference);
            }
        }
    }

    fn report(&self, frames: usize) {
        let share = self.top_1 as f64 * 100.0 / frames as f64;
        say!(
            "top-1 agreement   {} of {frames} ({share:.1} %)",
            self.top_1
        );
        say!(
            "top-{TOP} in common   {:.2} of {TOP}; confidences differ by up to {:.3}",
            self.shared as f64 / frames as f64,
            self.largest
        );
    }
}

/// Whether it looks like a model and no video.
fn is_model(input: &str) -> bool {
    input.starts_with("builtin:") || input.ends_with(".onnx")
}
