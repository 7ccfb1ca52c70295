// SPDX-License-Identifier: MPL-2.0
//! Records a clip around each change of what is seen: five seconds before it and five after.
//!
//!     cargo run --release --features cli --example record_events -- demo/clip.webm --folder clips
//!     cargo run --release --features cli --example record_events -- rtsp://camera/ \
//!         --properties 'smoothing=1000000000 enter-confidence=0.6'
//!
//! The encoded video goes through a ring in memory that holds the last seconds as whole groups of
//! pictures; a clip begins with what the ring holds and goes on with what comes. So nothing is
//! written while nothing happens. (splitmuxsink would have to write everything, for it cannot
//! know beforehand that a change will come, and its files would have to be joined afterwards.)
//! A clip can only begin at a keyframe, so it may be longer by up to one group.

use std::collections::VecDeque;
use std::fs::Permissions;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Parser;
use gst::ClockTime;
use gst::prelude::*;
use gstresnet50::meta::{Classification, Decision};
use tempfile::TempPath;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[derive(Debug, Parser)]
#[command(about = "Records a clip around each change of what is seen")]
struct Args {
    /// A file or a URI: /path/to/video.mp4, rtsp://…, v4l2:///dev/video0
    input: String,
    /// Where the clips go
    #[arg(long, default_value = "clips")]
    folder: PathBuf,
    /// ONNX file or builtin:efficientnet-lite0
    #[arg(long, default_value = "builtin:efficientnet-lite0")]
    model: String,
    /// More properties of resnet50, as for gst-launch-1.0; those that smooth its decision make
    /// one clip of a flicker
    #[arg(long, default_value = "", hide_default_value = true)]
    properties: String,
    /// Seconds before the change
    #[arg(long, default_value_t = 5)]
    before: u64,
    /// Seconds after it
    #[arg(long, default_value_t = 5)]
    after: u64,
}

/// How much longer than asked for the ring is, for in mode live an answer comes after its frame.
const MARGIN: ClockTime = ClockTime::from_seconds(2);

/// A frame of encoded video.
struct Frame {
    /// Running time.
    time: ClockTime,
    buffer: gst::Buffer,
}

impl Frame {
    fn is_key(&self) -> bool {
        !self.buffer.flags().contains(gst::BufferFlags::DELTA_UNIT)
    }
}

/// A clip that is being written.
struct Clip {
    pipeline: gst::Pipeline,
    input: gst_app::AppSrc,
    start: ClockTime,
    end: ClockTime,
    /// While it is not whole: it goes unless it becomes a clip.
    part: Option<TempPath>,
    path: PathBuf,
}

impl Clip {
    fn open(path: &Path, caps: &gst::Caps, start: ClockTime, end: ClockTime) -> Result<Self> {
        let folder = path.parent().ok_or("a clip is in a folder")?;
        let part = tempfile::Builder::new()
            .prefix(".")
            .suffix(".part")
            // Less what the user's umask forbids, as for any new file.
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder)
            .map_err(|e| format!("{} cannot be written: {e}", path.display()))?
            .into_temp_path();
        let input = gst_app::AppSrc::builder()
            .caps(caps)
            .format(gst::Format::Time)
            .build();
        let mux = gst::ElementFactory::make("webmmux").build()?;
        let file = gst::ElementFactory::make("filesink")
            .property("location", &*part)
            .build()?;
        let pipeline = gst::Pipeline::new();
        pipeline.add_many([input.upcast_ref(), &mux, &file])?;
        gst::Element::link_many([input.upcast_ref(), &mux, &file])?;
        let clip = Self {
            pipeline,
            input,
            start,
            end,
            part: Some(part),
            path: path.to_owned(),
        };
        if clip.pipeline.set_state(gst::State::Playing).is_err() {
            return Err(format!("{} cannot be written", path.display()).into());
        }
        Ok(clip)
    }

    fn push(&self, frame: &Frame) -> Result<()> {
        let mut buffer = frame.buffer.copy();
        let meta = buffer.make_mut();
        meta.set_pts(frame.time.checked_sub(self.start));
        meta.set_dts(None);
        self.input.push_buffer(buffer)?;
        Ok(())
    }

    /// Writes what is left, and gives the file its name.
    fn finish(mut self) -> Result<()> {
        self.input.end_of_stream()?;
        let bus = self.pipeline.bus().ok_or("a pipeline has a bus")?;
        let wanted = [gst::MessageType::Eos, gst::MessageType::Error];
        let message = bus.timed_pop_filtered(ClockTime::NONE, &wanted);
        if let Some(gst::MessageView::Error(e)) = message.as_ref().map(|m| m.view()) {
            return Err(format!("{}: {}", self.path.display(), e.error()).into());
        }
        self.pipeline.set_state(gst::State::Null)?;
        if let Some(part) = self.part.take() {
            println!("{}", name(part, &self.path)?.display());
        }
        Ok(())
    }
}

impl Drop for Clip {
    fn drop(&mut self) {
        // It can always stop, and there is nothing to be done if it cannot.
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// The last seconds of video, and the clips that are being written of it.
struct Recorder {
    args: Args,
    caps: Option<gst::Caps>,
    ring: VecDeque<Frame>,
    clips: Vec<Clip>,
    /// Messages that came before there was anything to make a clip of: the encoder may be behind.
    early: Vec<gst::Structure>,
    /// What was seen last.
    label: Option<String>,
}

impl Recorder {
    /// Takes a message of the classifier, and opens a clip if something else is seen than before.
    /// What is seen first is no change.
    fn message(&mut self, structure: &gst::StructureRef) -> Result<()> {
        // A region is not what the whole picture shows.
        if structure.name() != "resnet50" || structure.has_field("region") {
            return Ok(());
        }
        let Some(caps) = &self.caps else {
            self.early.push(structure.to_owned());
            return Ok(());
        };
        let Some(answer) = Classification::from_structure(structure) else {
            return Ok(());
        };
        let label = match (&answer.decision, answer.top()) {
            (Some(decision), _) => decision.name(),
            (None, Some(class)) => &class.label,
            (None, None) => Decision::NOTHING,
        };
        let before = self.label.replace(label.to_owned());
        if before.is_none_or(|before| before == label) {
            return Ok(());
        }
        let Some(time) = structure.get("running-time")? else {
            return Ok(());
        };
        let wanted = ClockTime::saturating_sub(time, ClockTime::from_seconds(self.args.before));
        let end = time + ClockTime::from_seconds(self.args.after);
        // The last keyframe that is early enough, or the first there is.
        let is_start = |f: &Frame| f.is_key() && f.time <= wanted;
        let first = self.ring.iter().rposition(is_start).unwrap_or(0);
        let Some(start) = self.ring.get(first).map(|f| f.time) else {
            return Ok(());
        };
        let name = format!("{}_{}.webm", self.moment(structure)?, plain(label));
        let clip = Clip::open(&self.args.folder.join(name), caps, start, end)?;
        for frame in self.ring.range(first..).take_while(|f| f.time < end) {
            clip.push(frame)?;
        }
        self.clips.push(clip);
        Ok(())
    }

    /// When it was: in a file by its own time, else by the clock on the wall.
    fn moment(&self, structure: &gst::StructureRef) -> Result<String> {
        if is_file(&self.args.input) {
            let time = structure.get::<Option<ClockTime>>("stream-time")?;
            return Ok(format!("{:.3}", time.unwrap_or_default()).replace(':', "-"));
        }
        let now = glib::DateTime::now_local()?;
        Ok(now.format("%Y-%m-%d_%H-%M-%S.%f")?.into())
    }

    /// Takes a frame of encoded video.
    fn frame(&mut self, sample: &gst::Sample) -> Result<()> {
        let segment = sample.segment().and_then(|s| s.downcast_ref::<ClockTime>());
        let (Some(buffer), Some(segment)) = (sample.buffer_owned(), segment) else {
            return Ok(());
        };
        let Some(time) = segment.to_running_time(buffer.pts()) else {
            return Ok(());
        };
        if self.caps.as_deref() != sample.caps() {
            // Another size: a clip cannot go on with it.
            self.finish()?;
            self.ring.clear();
            self.caps = sample.caps_owned();
        }
        let frame = Frame { time, buffer };
        for clip in std::mem::take(&mut self.clips) {
            if time < clip.end {
                clip.push(&frame)?;
                self.clips.push(clip);
            } else {
                clip.finish()?;
            }
        }
        self.ring.push_back(frame);
        for structure in std::mem::take(&mut self.early) {
            self.message(&structure)?;
        }
        // A whole group goes once the next one reaches back far enough.
        let span = ClockTime::from_seconds(self.args.before) + MARGIN;
        while let Some(next) = self.ring.iter().skip(1).position(Frame::is_key)
            && self.ring[next + 1].time + span <= time
        {
            self.ring.drain(..=next);
        }
        Ok(())
    }

    /// Ends the clips that are open, all of them even if one fails; the file says how long they
    /// have become.
    fn finish(&mut self) -> Result<()> {
        let ends: Vec<_> = self.clips.drain(..).map(Clip::finish).collect();
        ends.into_iter().collect()
    }
}

fn is_file(input: &str) -> bool {
    !input.contains("://") || input.starts_with("file:")
}

/// Gives a clip its name, or the next one that is free: the clips of an earlier run stay.
fn name(mut part: TempPath, path: &Path) -> Result<PathBuf> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut free = path.to_owned();
    for number in 2.. {
        match part.persist_noclobber(&free) {
            Ok(()) => return Ok(free),
            Err(e) if e.error.kind() == ErrorKind::AlreadyExists => part = e.path,
            Err(e) => return Err(format!("{}: {}", free.display(), e.error).into()),
        }
        free = path.with_file_name(format!("{stem}-{number}.webm"));
    }
    Err("there is no free name".into())
}

/// A label as a part of a file's name.
fn plain(label: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || c == '-';
    label.replace(|c| !is_plain(c), "-")
}

/// The input as it is shown: without what may be a password.
fn shown(input: &str) -> String {
    if is_file(input) {
        return input.into();
    }
    let (scheme, rest) = input.split_once("://").unwrap_or(("", input));
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

fn run(args: Args) -> Result<()> {
    gst::init()?;
    // A program that links the plugin needs no plugin file.
    gstresnet50::plugin_register_static()?;
    std::fs::create_dir_all(&args.folder)
        .map_err(|e| format!("{} cannot be made: {e}", args.folder.display()))?;
    let uri = match args.input.contains("://") {
        true => args.input.clone(),
        false => glib::filename_to_uri(std::path::absolute(&args.input)?, None)?.into(),
    };
    // A keyframe at least every 25 frames keeps the beginnings of the clips exact.
    let pipeline = gst::parse::launch(&format!(
        "uridecodebin name=source ! resnet50 name=classify messages=change {} ! queue ! \
         videoconvert ! vp8enc deadline=1 cpu-used=8 keyframe-max-dist=25 target-bitrate=2000000 ! \
         appsink name=encoded sync=false max-buffers=25",
        args.properties
    ))?
    .downcast::<gst::Pipeline>()
    .map_err(|_| "several elements make a pipeline")?;
    let by_name = |name| pipeline.by_name(name).ok_or("the line names it");
    by_name("source")?.set_property("uri", uri);
    by_name("classify")?.set_property("model", &args.model);
    let encoded = by_name("encoded")?
        .downcast::<gst_app::AppSink>()
        .map_err(|_| "it is an appsink")?;

    let stopped = Arc::new(AtomicBool::new(false));
    let (interrupt, terminate) = (2, 15);
    for signal in [interrupt, terminate] {
        let stopped = Arc::clone(&stopped);
        glib_unix::unix_signal_add_local(signal, move || {
            stopped.store(true, Ordering::Relaxed);
            glib::ControlFlow::Continue
        });
    }
    let mut recorder = Recorder {
        args,
        caps: None,
        ring: VecDeque::new(),
        clips: Vec::new(),
        early: Vec::new(),
        label: None,
    };
    // If this fails, the bus says why.
    let _ = pipeline.set_state(gst::State::Playing);
    let outcome = record(&pipeline, &encoded, &mut recorder, &stopped);
    // It can always stop, and there is nothing to be done if it cannot.
    let _ = pipeline.set_state(gst::State::Null);
    // Clips that are open are kept as they are, whatever went wrong.
    let finished = recorder.finish();
    outcome.and(finished)
}

/// Takes frames and messages until the video ends, something fails, or the user stops it.
fn record(
    pipeline: &gst::Pipeline,
    encoded: &gst_app::AppSink,
    recorder: &mut Recorder,
    stopped: &AtomicBool,
) -> Result<()> {
    let bus = pipeline.bus().ok_or("a pipeline has a bus")?;
    let source = pipeline.by_name("source").ok_or("the line names it")?;
    let input = shown(&recorder.args.input);
    loop {
        let sample = encoded.try_pull_sample(ClockTime::from_mseconds(100));
        glib::MainContext::default().iteration(false);
        let is_over = sample.is_none() && encoded.is_eos() || stopped.load(Ordering::Relaxed);
        if let Some(sample) = sample {
            recorder.frame(&sample)?;
        }
        // A change is posted before its frame goes on to the encoder; that it is read after that
        // does no harm, for the frame is in the ring.
        let wanted = [gst::MessageType::Element, gst::MessageType::Error];
        while let Some(message) = bus.pop_filtered(&wanted) {
            match (message.view(), message.structure()) {
                // The first error is the cause of those after it.
                (gst::MessageView::Error(e), _) => {
                    let of_input = |s: &gst::Object| s == &source || s.has_as_ancestor(&source);
                    return Err(match e.src().is_some_and(of_input) {
                        true => format!("{input}: {}", e.error()).into(),
                        false => e.error().to_string().into(),
                    });
                }
                (_, Some(structure)) => recorder.message(structure)?,
                _ => {}
            }
        }
        if is_over {
            return Ok(());
        }
    }
}

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
