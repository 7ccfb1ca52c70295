// SPDX-License-Identifier: MPL-2.0
//! `gst-resnet50 classify`: plays videos and pictures and prints what is in them.

pub mod annotate;
mod branch;
mod inputs;
mod play;
mod report;
mod settings;

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use gst::prelude::*;
use gstresnet50::sync::Mutex;
use gstresnet50::text;
use indicatif::{ProgressBar, ProgressStyle};

use crate::output::{self, Output, Writer};
use crate::plugin;
use annotate::Container;
use inputs::Input;
use play::{ElementInfo, End, Player};
use report::Report;
use settings::Settings;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
FILE may be a FIFO, a device, a descriptor such as /dev/fd/3, or - for standard output; the words \
for people then go to standard error. The exit status is 0 only if something was classified in \
every input.")]
pub struct Args {
    /// Files, folders of pictures and videos, or URIs: video.mp4, photos/, rtsp://…,
    /// v4l2:///dev/video0
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<OsString>,
    #[command(flatten)]
    settings: Settings,
    /// Write one JSON line for each classified frame; with several inputs, each says its source
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the video with the labels on it and its sound; the name's ending says as what: .mp4 or
    /// .mov (H.264), .mkv or .webm (VP8)
    #[arg(long, value_name = "FILE")]
    annotate: Option<PathBuf>,
    /// Stop after this many frames of each input
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_frames: Option<u64>,
}

/// What the outputs are, for messages.
const RESULTS: &str = "the results, one JSON line each";
const ANNOTATED: &str = "the video with its labels";

pub fn run(args: &Args) -> crate::Result<ExitCode> {
    plugin::ensure()?;
    let inputs = inputs::expand(&args.inputs)?;
    if args.annotate.is_some() && inputs.len() > 1 {
        return Err(format!(
            "--annotate makes one video of one input, and these are {}: give the command once for each",
            inputs.len()
        )
        .into());
    }
    let json = args.json.as_deref().map(Output::new).transpose()?;
    let annotated = args.annotate.as_deref().map(Output::new).transpose()?;
    let container = args.annotate.as_deref().map(Container::of).transpose()?;
    let element = args.settings.element()?;
    let model = settings::ensure_model(&element)?;
    let outputs: Vec<_> = json.iter().chain(&annotated).collect();
    for output in &outputs {
        output.check_folder()?;
    }
    if let Some(annotated) = &annotated {
        annotated.check_binary()?;
    }
    let files = inputs.iter().filter_map(|input| input.file.clone());
    output::check(
        &outputs,
        files.chain(settings::files(&element, model.as_deref())),
    )?;

    let bar = ProgressBar::no_length().with_style(ProgressStyle::with_template(
        "{elapsed_precise} {wide_bar} {msg}",
    )?);
    let top_k = args.settings.top_k.map_or(1, |k| k as usize);
    let mut session = Session {
        args,
        is_one: inputs.len() == 1,
        json: json.as_ref().map(Output::create).transpose()?,
        annotated: annotated.as_ref().map(Output::create).transpose()?,
        container: container.unwrap_or(Container::WebM),
        report: Arc::new(Mutex::new(Report::new(bar.clone(), top_k))),
        bar,
        info: ElementInfo::default(),
        is_whole: true,
        is_hopeless: false,
    };
    let outcome = session.play(&inputs, element);
    session.bar.finish_and_clear();
    let report = session.report.lock();
    if report.classified == 0 {
        // Nothing was written, so the outputs are discarded.
        return Err(outcome
            .err()
            .unwrap_or_else(|| "stopped before anything was classified".into()));
    }
    let (results, video) = (session.json.zip(json), session.annotated.zip(annotated));
    let stats = session.info.stats.as_ref().filter(|_| session.is_one);
    report.summary(inputs.len(), session.info.model.as_ref(), stats);
    // Results from before an error are kept, but do not replace those of an earlier call.
    let is_partial = session.is_one && outcome.is_err();
    let is_video_of_use = session.is_whole || session.container.is_of_use_unfinished();
    for (written, what, is_of_use) in [
        (results, RESULTS, true),
        (video, ANNOTATED, is_video_of_use),
    ] {
        if let Some((writer, output)) = written {
            if !is_of_use {
                complain!("not kept: {what}, which has no end");
                continue;
            }
            close(writer, &output, what, is_partial)?;
        }
    }
    outcome.map(|()| ExitCode::SUCCESS)
}

/// Gives a file that was written its name, and prints it.
fn close(writer: Writer, output: &Output, what: &str, is_partial: bool) -> crate::Result<()> {
    let named = output.named().display();
    let about = |e: io::Error| format!("“{named}” cannot be written: {e}");
    if is_partial && output.file().is_none() {
        // Whoever reads it has it.
        return Ok(());
    }
    if is_partial && writer.replaces() {
        if let Some(file) = writer.keep_beside().map_err(about)? {
            say!("wrote {}: {what}, up to the error", file.display());
            say!("left {named} as it was");
        }
        return Ok(());
    }
    writer.finish().map_err(about)?;
    if !output.is_stdout() {
        let until = if is_partial { ", up to the error" } else { "" };
        say!("wrote {named}: {what}{until}");
    }
    Ok(())
}

/// The inputs, one after the other.
struct Session<'a> {
    args: &'a Args,
    is_one: bool,
    json: Option<Writer>,
    annotated: Option<Writer>,
    container: Container,
    report: Arc<Mutex<Report>>,
    bar: ProgressBar,
    info: ElementInfo,
    /// Whether the files have their ends.
    is_whole: bool,
    /// Whether the other inputs would fail as this one did.
    is_hopeless: bool,
}

impl Session<'_> {
    fn play(&mut self, inputs: &[Input], element: gst::Element) -> crate::Result<()> {
        if let [input] = inputs {
            return match self.input(input, &element) {
                Ok(End::Aborted) => Err(self.abort()),
                Ok(_) => Ok(()),
                Err(error) => Err(error),
            };
        }
        // It keeps the model loaded between the inputs, whose own elements post the same messages.
        let _ = element.set_state(gst::State::Paused);
        let outcome = self.inputs(inputs, element.property("model"));
        let _ = element.set_state(gst::State::Null);
        outcome
    }

    /// Plays several. One that fails is reported, and the others are played all the same.
    fn inputs(&mut self, inputs: &[Input], model: Option<PathBuf>) -> crate::Result<()> {
        let mut failed = 0;
        for input in inputs {
            let element = self.args.settings.element()?;
            element.set_property("model", &model);
            match self.input(input, &element) {
                Ok(End::Through) => {}
                Ok(End::Stopped) => break,
                Ok(End::Aborted) => return Err(self.abort()),
                Err(error) if self.is_hopeless => return Err(error),
                Err(error) => {
                    failed += 1;
                    self.bar
                        .suspend(|| complain!("error: {}: {error}", text::message(&input.name)));
                }
            }
        }
        match failed {
            0 => Ok(()),
            failed => Err(format!(
                "of {} inputs {failed} could not be classified: see the errors above",
                inputs.len()
            )
            .into()),
        }
    }

    /// Plays one. It is an error if nothing in it is classified.
    fn input(&mut self, input: &Input, element: &gst::Element) -> crate::Result<End> {
        let prefix = match self.is_one {
            true => String::new(),
            false => format!("{}  ", text::message(&input.name)),
        };
        self.report.lock().input(prefix);
        let mut branches = Vec::new();
        let mut sound = None;
        if let Some(writer) = &self.json {
            let source = (!self.is_one).then_some(&*input.name);
            branches.push(branch::json(writer, source)?);
        }
        if let Some(writer) = &self.annotated {
            let (branch, its_sound) = annotate::branch(writer, self.container)?;
            branches.push(branch);
            sound = Some(its_sound);
        } else {
            branches.push(branch::plain()?);
        }
        self.bar.unset_length();
        let player = Player::new(
            &input.uri,
            element,
            &branches,
            sound,
            &self.report,
            &self.bar,
            self.args.max_frames,
        )?;
        let outcome;
        (outcome, self.info) = player.play();
        let report = self.report.lock();
        let current = report.current();
        match outcome {
            Err(failure) => {
                self.is_whole = failure.is_whole;
                self.is_hopeless = failure.is_general;
                Err(failure.text.into())
            }
            Ok(End::Through) if current.frames == 0 => {
                Err(format!("{} has no video that could be decoded", input.name).into())
            }
            Ok(End::Through) if current.classified == 0 => {
                Err(format!("{}: {}", input.name, current.why_none(element)).into())
            }
            Ok(end) => Ok(end),
        }
    }

    /// After the second Ctrl-C nothing that was begun is kept.
    fn abort(&mut self) -> Box<dyn std::error::Error> {
        self.json = None;
        self.annotated = None;
        "stopped at once; nothing was written".into()
    }
}
