// SPDX-License-Identifier: MPL-2.0
//! Tells what many cameras see: one model for all, a JSON line for each classified frame on
//! standard output, a status line for each camera on standard error. A camera that goes away is
//! called again until it comes back, and harms no other.
//!
//!     cargo run --release --features cli --example rtsp_tagger -- rtsp://camera-1/ rtsp://camera-2/

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use clap::Parser;
use gst::prelude::*;
use gstresnet50::meta::{classification_of, json_line};
use serde::Serialize;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[derive(Debug, Parser)]
#[command(about = "Classifies the pictures of RTSP cameras, and prints JSON lines")]
struct Args {
    /// rtsp://…, or anything else that uridecodebin plays; a file ends at its end
    #[arg(required = true, value_parser = url)]
    urls: Vec<String>,
    /// ONNX file or builtin:efficientnet-lite0
    #[arg(long, default_value = "builtin:efficientnet-lite0")]
    model: String,
    /// Execution provider, or several separated by commas
    #[arg(long, default_value = "cpu")]
    provider: String,
    /// How frames are to come: tcp, udp, udp-mcast, http, tls, or several joined by +
    #[arg(long, default_value = "tcp+udp", value_parser = protocols)]
    protocols: String,
    /// Most frames that are classified of each camera in a second; 0: as many as can be
    #[arg(long, default_value_t = 0)]
    max_rate: u32,
    /// Print a line only where the best class is another than before
    #[arg(long)]
    changes: bool,
    /// A camera without a frame for this many seconds is gone
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    stall: u64,
    /// Longest wait before a camera is called again, in seconds; the first one is 1 s
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    retry: u64,
    /// Seconds between two status lines of a camera; 0: only changes are told
    #[arg(long, default_value_t = 5)]
    status: u32,
    /// End after this many seconds [default: Ctrl-C]
    #[arg(long)]
    seconds: Option<u32>,
}

/// A URL as it is; the URI of a file, which is what anything else must be.
fn url(text: &str) -> std::result::Result<String, String> {
    if text.contains("://") {
        return Ok(text.into());
    }
    if !Path::new(text).is_file() {
        return Err("it is neither a URL, such as rtsp://camera/stream, nor a file".into());
    }
    let path = std::path::absolute(text).map_err(|e| e.to_string())?;
    let uri = glib::filename_to_uri(path, None).map_err(|e| e.to_string())?;
    Ok(uri.into())
}

/// What rtspsrc takes as its `protocols`.
fn protocols(text: &str) -> std::result::Result<String, String> {
    const KNOWN: [&str; 5] = ["tcp", "udp", "udp-mcast", "http", "tls"];
    match text.split('+').find(|name| !KNOWN.contains(name)) {
        None => Ok(text.into()),
        Some(name) => Err(format!(
            "“{name}” is none of {}; several are joined by +",
            KNOWN.join(", ")
        )),
    }
}

/// A URL as it is shown, and what is not: the user, and the query. In both there may be a password.
fn shown(url: &str) -> (String, [&str; 2]) {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (rest, query) = rest.split_once(['?', '#']).unwrap_or((rest, ""));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    (format!("{scheme}://{host}{path}"), [user, query])
}

/// What is known of a camera.
#[derive(Debug)]
struct Camera {
    url: String,
    /// The URL as it is shown: without what may be a password, which is also in a query at times.
    name: String,
    /// What must not be shown.
    secrets: Vec<String>,
    seen: Mutex<Seen>,
}

/// What a line tells besides the answer; it comes first.
#[derive(Serialize)]
struct Heading<'a> {
    stream: &'a str,
    time: Option<String>,
    width: Option<i32>,
    height: Option<i32>,
}

#[derive(Debug)]
struct Seen {
    state: &'static str,
    /// Of this connection.
    newest: Option<Instant>,
    size: Option<(i32, i32)>,
    /// Since the last status line.
    frames: u32,
    since: Instant,
    top: Option<(i32, String)>,
}

impl Camera {
    /// Several cameras may have one name, for those of a recorder differ in the query only.
    /// `names` are those before this one, and it gets a number then.
    fn new(url: &str, names: &mut Vec<String>) -> Result<Arc<Self>> {
        let (plain, secrets) = shown(url);
        let name = match names.iter().filter(|n| **n == plain).count() {
            0 => plain.clone(),
            before => format!("{plain}#{}", before + 1),
        };
        names.push(plain);
        let secrets = secrets.into_iter().filter(|s| !s.is_empty());
        let camera = Self {
            url: url.into(),
            name,
            secrets: secrets.map(str::to_owned).collect(),
            seen: Mutex::new(Seen {
                state: "connecting",
                newest: None,
                size: None,
                frames: 0,
                since: Instant::now(),
                top: None,
            }),
        };
        // What cannot be called now never will be.
        gst::Element::make_from_uri(gst::URIType::Src, url, None)
            .map_err(|e| format!("{}: {}", camera.name, camera.hide(e.message())))?;
        Ok(Arc::new(camera))
    }

    /// A text of others, in which there may be the URL or parts of it.
    fn hide(&self, text: &str) -> String {
        let text = text.replace(&self.url, &self.name);
        let hide = |text: String, secret: &String| text.replace(secret, "…");
        self.secrets.iter().fold(text, hide)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a state, and tells of it.
    fn enter(&self, state: &'static str, why: &str) {
        self.seen().state = state;
        eprintln!("{}: {state}{why}", self.name);
    }

    /// The line of the last few seconds.
    fn status(&self) -> String {
        let mut seen = self.seen();
        let seconds = std::mem::replace(&mut seen.since, Instant::now()).elapsed();
        let rate = f64::from(std::mem::take(&mut seen.frames)) / seconds.as_secs_f64();
        let (state, top) = (seen.state, seen.top.as_ref().map(|t| &*t.1));
        let top = top.unwrap_or("nothing yet");
        format!("{}: {state}, {rate:.1} frames/s, {top}", self.name)
    }

    /// Takes a frame, and prints what was seen in it.
    fn frame(&self, sample: &gst::Sample, args: &Args) -> Result<()> {
        let caps = sample.caps().and_then(|c| c.structure(0));
        let size = caps.and_then(|s| Some((s.get("width").ok()?, s.get("height").ok()?)));
        let first_of_size = {
            let mut seen = self.seen();
            seen.newest = Some(Instant::now());
            seen.frames += 1;
            size.filter(|_| std::mem::replace(&mut seen.size, size) != size)
        };
        if let Some((width, height)) = first_of_size {
            self.enter("playing", &format!(" {width}x{height}"));
        }
        let Some(buffer) = sample.buffer() else {
            return Ok(());
        };
        let Some(answer) = classification_of(buffer) else {
            return Ok(());
        };
        let top = answer.top().map(|c| {
            let text = format!("{} {:.0} %", c.label, c.confidence * 100.0);
            (c.index, text)
        });
        let is_change = {
            let mut seen = self.seen();
            let before = std::mem::replace(&mut seen.top, top.clone());
            before.map(|t| t.0) != top.map(|t| t.0)
        };
        if args.changes && !is_change {
            return Ok(());
        }
        let segment = sample.segment().and_then(|s| s.downcast_ref());
        let line = json_line(&answer, None, buffer.pts(), segment);
        // Running time begins anew with each connection; the clock on the wall does not.
        let time = glib::DateTime::now_utc().and_then(|now| now.format("%FT%T.%fZ"));
        let heading = serde_json::to_string(&Heading {
            stream: &self.name,
            time: time.ok().map(String::from),
            width: size.map(|s| s.0),
            height: size.map(|s| s.1),
        })?;
        // Two objects in one: the end of the one and the beginning of the other become a comma.
        let text = format!("{},{}", &heading[..heading.len() - 1], &line[1..]);
        // In one piece, for all cameras write here.
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes())?;
        Ok(out.flush()?)
    }
}

/// The classifier of a camera. All of them share one model, for their settings are equal.
fn classifier(args: &Args) -> Result<gst::Element> {
    // Its mode stays auto: a camera is live and waits for nothing, a file gets all its frames
    // classified.
    let element = gst::ElementFactory::make("resnet50")
        .property("model", &args.model)
        .property("provider", &args.provider)
        .property("max-rate", gst::Fraction::new(args.max_rate.try_into()?, 1))
        .build()?;
    Ok(element)
}

/// Loads the model, which stays loaded as long as this element does: cameras come and go.
fn keeper(args: &Args) -> Result<gst::Element> {
    let element = classifier(args)?;
    let bus = gst::Bus::new();
    element.set_bus(Some(&bus));
    // If this fails, the bus says why.
    let _ = element.set_state(gst::State::Paused);
    let outcome = loop {
        let message = bus.timed_pop(gst::ClockTime::NONE);
        match message.as_ref().map(|m| m.view()) {
            Some(gst::MessageView::Error(e)) => break Err(e.error().to_string().into()),
            Some(gst::MessageView::Progress(p)) if p.get().0 == gst::ProgressType::Complete => {
                break Ok(());
            }
            Some(_) => {}
            None => break Err("the bus of the classifier was flushed".into()),
        }
    };
    if outcome.is_err() {
        element.set_state(gst::State::Null)?;
    }
    outcome.map(|()| element)
}

/// A pipeline of its own for each camera: what becomes of one does not become of the others.
fn pipeline(
    camera: &Arc<Camera>,
    args: &Arc<Args>,
    main: &glib::MainLoop,
) -> Result<gst::Pipeline> {
    let source = gst::ElementFactory::make("uridecodebin")
        .property("uri", &camera.url)
        .property(
            "caps",
            gst::Caps::builder("video/x-raw").any_features().build(),
        )
        // No sound, and nothing decoded that nobody looks at.
        .property("expose-all-streams", false)
        .build()?;
    let protocols = args.protocols.clone();
    source.connect("source-setup", false, move |values| {
        let source = values.get(1)?.get::<gst::Element>().ok()?;
        if source.has_property("protocols") {
            source.set_property_from_str("protocols", &protocols);
        }
        None
    });
    let element = classifier(args)?;
    let (weak, arguments, main) = (Arc::downgrade(camera), Arc::clone(args), main.clone());
    let sink = gst_app::AppSink::builder().sync(false).build();
    sink.set_callbacks(
        gst_app::AppSinkCallbacks::builder()
            .new_sample(move |sink| {
                let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                let camera = weak.upgrade().ok_or(gst::FlowError::Eos)?;
                camera.frame(&sample, &arguments).map_err(|_| {
                    // Nobody reads any more.
                    quit(&main);
                    gst::FlowError::Eos
                })?;
                Ok(gst::FlowSuccess::Ok)
            })
            .build(),
    );
    let pipeline = gst::Pipeline::new();
    pipeline.add_many([&source, &element, sink.upcast_ref()])?;
    element.link(&sink)?;
    let entry = element.static_pad("sink").ok_or("the element has a pad")?;
    source.connect_pad_added(move |_, pad| {
        // The first video is the one; a failure shows as an error of the source.
        if !entry.is_linked() {
            let _ = pad.link(&entry);
        }
    });
    Ok(pipeline)
}

/// What failed, and why.
fn explain(error: &gst::message::Error) -> String {
    let what = error.error().to_string();
    let what = what.trim_end_matches('.');
    // The first line of the debug text is a place in the code.
    let debug = error.debug().unwrap_or_default();
    match debug.lines().skip(1).last() {
        Some(why) => format!("{what}: {}", why.trim_end_matches('.')),
        None => what.into(),
    }
}

/// Why a camera's pipeline plays no longer.
enum End {
    /// The program ends.
    Stopped,
    /// It was a file.
    Complete,
    Gone(String),
}

/// Plays until something ends it.
fn play(pipeline: &gst::Pipeline, camera: &Camera, args: &Args, stopped: &Receiver<()>) -> End {
    let Some(bus) = pipeline.bus() else {
        return End::Gone("the pipeline has no bus".into());
    };
    let begun = Instant::now();
    // If this fails, the bus says why.
    let _ = pipeline.set_state(gst::State::Playing);
    loop {
        if stopped.try_recv() != Err(TryRecvError::Empty) {
            return End::Stopped;
        }
        let wanted = [gst::MessageType::Error, gst::MessageType::Eos];
        let message = bus.timed_pop_filtered(gst::ClockTime::from_mseconds(100), &wanted);
        match message.as_ref().map(|m| m.view()) {
            Some(gst::MessageView::Error(error)) => {
                return End::Gone(camera.hide(&explain(error)));
            }
            Some(_) if camera.url.starts_with("file:") => return End::Complete,
            Some(_) => return End::Gone("it has ended the stream".into()),
            None => {}
        }
        let newest = camera.seen().newest.unwrap_or(begun);
        if newest.elapsed() >= Duration::from_secs(args.stall) {
            return End::Gone(format!("no frame for {} s", args.stall));
        }
    }
}

/// Plays a camera again and again, until the other end of `stopped` is dropped.
fn follow(camera: &Arc<Camera>, args: &Arc<Args>, main: &glib::MainLoop, stopped: &Receiver<()>) {
    let first = Duration::from_secs(1);
    let mut wait = first;
    loop {
        {
            let mut seen = camera.seen();
            (seen.newest, seen.size, seen.top) = (None, None, None);
        }
        camera.enter("connecting", "");
        let begun = Instant::now();
        let end = match pipeline(camera, args, main) {
            Ok(pipeline) => {
                let end = play(&pipeline, camera, args, stopped);
                // It can always stop, and there is nothing to be done if it cannot.
                let _ = pipeline.set_state(gst::State::Null);
                end
            }
            Err(error) => End::Gone(error.to_string()),
        };
        let why = match end {
            End::Stopped => return,
            End::Complete => return camera.enter("complete", ""),
            End::Gone(why) => why,
        };
        // One that is back for a moment only is not called every second.
        let newest = camera.seen().newest;
        if newest.is_some_and(|newest| newest - begun > wait) {
            wait = first;
        }
        camera.enter(
            "gone",
            &format!(": {why}; next call in {} s", wait.as_secs()),
        );
        if stopped.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) {
            return;
        }
        wait = (wait * 2).min(Duration::from_secs(args.retry));
    }
}

/// Ends the program, also where the loop does not run yet.
fn quit(main: &glib::MainLoop) {
    let main = main.clone();
    glib::idle_add_once(move || main.quit());
}

fn run(args: &Arc<Args>) -> Result<()> {
    gst::init()?;
    // A program that links the plugin needs no plugin file.
    gstresnet50::plugin_register_static()?;
    let mut names = Vec::new();
    let cameras = args.urls.iter().map(|url| Camera::new(url, &mut names));
    let cameras = cameras.collect::<Result<Vec<_>>>()?;
    let keeper = keeper(args)?;

    let main = glib::MainLoop::new(None, false);
    let (interrupt, terminate) = (2, 15);
    for signal in [interrupt, terminate] {
        let main = main.clone();
        glib_unix::unix_signal_add_local(signal, move || {
            main.quit();
            glib::ControlFlow::Continue
        });
    }
    if let Some(seconds) = args.seconds {
        let main = main.clone();
        glib::timeout_add_seconds_local_once(seconds, move || main.quit());
    }
    if args.status > 0 {
        let cameras = cameras.clone();
        glib::timeout_add_seconds_local(args.status, move || {
            cameras.iter().for_each(|c| eprintln!("{}", c.status()));
            glib::ControlFlow::Continue
        });
    }

    let playing = Arc::new(AtomicUsize::new(cameras.len()));
    let mut threads = Vec::new();
    for camera in cameras {
        let (stop, stopped) = channel::<()>();
        let (args, main, playing) = (Arc::clone(args), main.clone(), Arc::clone(&playing));
        let thread = std::thread::spawn(move || {
            follow(&camera, &args, &main, &stopped);
            if playing.fetch_sub(1, Ordering::Relaxed) == 1 {
                quit(&main);
            }
        });
        threads.push((stop, thread));
    }
    main.run();
    // Drops the senders first, so that all end at the same time.
    let threads: Vec<_> = threads.into_iter().map(|(_, thread)| thread).collect();
    for thread in threads {
        let _ = thread.join();
    }
    keeper.set_state(gst::State::Null)?;
    Ok(())
}

fn main() -> ExitCode {
    match run(&Arc::new(Args::parse())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
