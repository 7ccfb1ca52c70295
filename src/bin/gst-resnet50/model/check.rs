// SPDX-License-Identifier: MPL-2.0
//! `gst-resnet50 model check`: a classifier, or two in turn, on the same frames.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use gst_video::VideoInfo;
use gstresnet50::classifier::{Classifier, Frame, NameOptions, Options, ResultOptions};
use gstresnet50::inference::{Model, Provider, Runtime, Session, SessionOptions, find_model};
use gstresnet50::meta::Class;
use gstresnet50::postprocess::DecisionSettings;
use gstresnet50::{paths, text};
use hdrhistogram::Histogram;

use super::count;
use super::precision::bar;
use crate::frames;
use crate::term::Table;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// ONNX file or builtin:efficientnet-lite0
    file: OsString,
    /// Another to compare it with
    #[arg(long, value_name = "FILE")]
    against: Option<OsString>,
    /// Videos and pictures, as files or URIs [default: four photographs of this program's]
    #[arg(value_name = "URI")]
    inputs: Vec<OsString>,
    /// Frames to run on, spread over all of them
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    frames: u32,
    /// File of class names, a line each [default: the model's own, else ImageNet's]
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Execution provider, or several separated by commas
    #[arg(long, default_value = "cpu")]
    provider: String,
    /// Threads of one inference [default: as many as there are cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

/// Inferences on each frame; the first warms up and does not count.
const RUNS: usize = 3;

/// Classes of which the best are compared.
const TOP: usize = 5;

/// A model at work.
struct LoadedModel {
    name: String,
    session: Session,
    classifier: Classifier,
    times: Histogram<u64>,
    best: Vec<Class>,
    /// What was best on the frames of each source, in their order.
    seen: Vec<Tally>,
}

/// The best classes of some frames.
#[derive(Debug, Default)]
struct Tally {
    /// For each class its frames, and the sum of its confidences on them.
    classes: HashMap<i32, (u32, f64)>,
}

impl Tally {
    fn add(&mut self, best: &Class) {
        let (frames, sum) = self.classes.entry(best.index).or_default();
        *frames += 1;
        *sum += f64::from(best.confidence);
    }

    /// The class that was best most often, the surer one of two, with its mean confidence.
    fn top(&self) -> Option<(i32, f64)> {
        let most = |(_, a): &(_, (u32, f64)), (_, b): &(_, (u32, f64))| {
            a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
        };
        let classes = self.classes.iter().map(|(class, seen)| (*class, *seen));
        let (class, (frames, sum)) = classes.max_by(most)?;
        Some((class, sum / f64::from(frames)))
    }
}

/// A video or picture, and what came of it.
#[derive(Debug)]
struct Seen {
    name: String,
    frames: usize,
    /// Frames on which both models say the same.
    agreed: usize,
}

pub fn run(args: &Args) -> crate::Result<ExitCode> {
    if let Some(model) = args.inputs.iter().find(|input| is_model(input)) {
        return Err(format!(
            "“{model}” is a model, not a video or picture: to compare with it, give --against {model}",
            model = paths::escaped(model)
        )
        .into());
    }
    frames::check(&args.inputs)?;
    let names = std::iter::once(&args.file).chain(&args.against);
    if names.clone().any(|name| name.is_empty()) {
        return Err(
            "a model's name is empty: name an ONNX file, or builtin:efficientnet-lite0".into(),
        );
    }
    let mut models = names
        .map(|name| LoadedModel::load(name, args))
        .collect::<crate::Result<Vec<_>>>()?;
    if let [a, b] = models.as_slice()
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
    let mut sources: Vec<Seen> = Vec::new();
    let bar = bar("running", u64::from(args.frames))?;
    frames::take(&inputs, args.frames as usize, |name, info, buffer| {
        for model in &mut models {
            model.prepare(info, buffer)?;
        }
        // In turn, so that what else the machine does slows both.
        for run in 0..RUNS {
            for model in &mut models {
                model.run(run > 0)?;
            }
        }
        if sources.last().is_none_or(|source| source.name != name) {
            sources.push(Seen {
                name: name.to_owned(),
                frames: 0,
                agreed: 0,
            });
            for model in &mut models {
                model.seen.push(Tally::default());
            }
        }
        for model in &mut models {
            model.count();
        }
        let source = sources.last_mut().ok_or("there is a source")?;
        source.frames += 1;
        if let [a, b] = models.as_slice() {
            agreement.add(&a.best, &b.best);
            source.agreed += usize::from(a.top() == b.top());
        }
        frames += 1;
        bar.inc(1);
        Ok(())
    })?;
    bar.finish_and_clear();

    say!(
        "{} of {}",
        count(frames, "frame"),
        count(sources.len(), "source")
    );
    report(&sources, &models);
    for model in &models {
        model.report();
    }
    if let [a, b] = models.as_slice() {
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

/// Sources that are listed.
const MAX_SOURCES: usize = 100;

/// What each source was taken for.
fn report(sources: &[Seen], models: &[LoadedModel]) {
    let mut titles = vec!["source", "frames>", "best class", "confidence>"];
    if models.len() > 1 {
        titles.extend(["best class of the other", "confidence>", "agreement>"]);
    }
    let mut table = Table::new(&titles);
    for (i, source) in sources.iter().take(MAX_SOURCES).enumerate() {
        let mut cells = vec![
            text::name(&source.name).to_string(),
            source.frames.to_string(),
        ];
        cells.extend(models.iter().flat_map(|c| c.cells(i)));
        if models.len() > 1 {
            cells.push(format!("{} of {}", source.agreed, source.frames));
        }
        table.row(cells);
    }
    table.say();
    if sources.len() > MAX_SOURCES {
        say!("and {} more", sources.len() - MAX_SOURCES);
    }
}

impl LoadedModel {
    fn load(named: &OsStr, args: &Args) -> crate::Result<Self> {
        let model = Model::read(find_model(Some(named))?)?;
        let name = paths::escaped(named);
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
        let options = Options {
            names: NameOptions {
                labels: args.labels.clone(),
                ..NameOptions::default()
            },
            ..Options::default()
        };
        let provider = session.provider();
        let (classifier, warnings) =
            Classifier::for_session(&options, &model, session.trial_report(), provider)?;
        for warning in warnings {
            eprintln!("warning: {warning}");
        }
        Ok(Self {
            name,
            classifier,
            session,
            times: Histogram::new(3)?,
            best: Vec::new(),
            seen: Vec::new(),
        })
    }

    fn prepare(&mut self, info: &VideoInfo, buffer: &gst::BufferRef) -> crate::Result<()> {
        let frame = Frame {
            buffer,
            info,
            rect: None,
            conversion: None,
        };
        self.classifier.fill(frame, &mut self.session.slot())?;
        Ok(())
    }

    fn run(&mut self, counts: bool) -> crate::Result<()> {
        let output = self.session.run()?;
        let options = ResultOptions {
            top_k: TOP,
            threshold: 0.0,
            policy: DecisionSettings::default(),
        };
        let result = self.classifier.result(output, options, Duration::ZERO)?;
        self.best = result.classification.results;
        if counts {
            let time = self.session.run_time().as_nanos() as u64;
            self.times.record(time)?;
        }
        Ok(())
    }

    /// The best class of the newest frame.
    fn top(&self) -> Option<i32> {
        self.best.first().map(|score| score.index)
    }

    /// What a class is called.
    fn label(&self, class: i32) -> Arc<str> {
        self.classifier.names().labels.name(class as usize)
    }

    /// Counts the newest frame among those of its source.
    fn count(&mut self) {
        if let (Some(tally), Some(best)) = (self.seen.last_mut(), self.best.first()) {
            tally.add(best);
        }
    }

    /// The class that a source mostly is, and how sure of it the model is.
    fn cells(&self, source: usize) -> [String; 2] {
        match self.seen.get(source).and_then(Tally::top) {
            Some((class, confidence)) => [
                text::name(&self.label(class)).to_string(),
                format!("{:.1} %", confidence * 100.0),
            ],
            None => Default::default(),
        }
    }

    /// Time of an inference, by its quantile.
    fn milliseconds(&self, quantile: f64) -> f64 {
        Duration::from_nanos(self.times.value_at_quantile(quantile)).as_secs_f64() * 1e3
    }

    fn report(&self) {
        let [median, p95] = [0.5, 0.95].map(|q| self.milliseconds(q));
        say!(
            "{}\n  {:.1} images/s: an inference takes {median:.2} ms (p95 {p95:.2}) on {} with {}",
            self.name,
            1e3 / median,
            self.session.provider(),
            count(self.session.threads(), "thread"),
        );
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
    fn add(&mut self, a: &[Class], b: &[Class]) {
        let index = |scores: &[Class]| scores.first().map(|s| s.index);
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
fn is_model(input: &OsStr) -> bool {
    let input = input.as_encoded_bytes();
    input.starts_with(b"builtin:") || input.ends_with(b".onnx")
}
