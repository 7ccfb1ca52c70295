// SPDX-License-Identifier: MPL-2.0
//! `gst-resnet50 classify`: play a video and tell what is seen in it.

mod watch;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use gst::prelude::*;
use gstresnet50::inference::{BUILTIN, ModelError, find_model};
use indicatif::{ProgressBar, ProgressStyle};

use crate::plugin;
use crate::source::{describe, link_video, uri_of};
use watch::Watch;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A file or a URI: /path/to/video.mp4, rtsp://…, v4l2:///dev/video0
    input: String,
    /// ONNX file or builtin:efficientnet-lite0 [default: as the element's property]
    #[arg(long)]
    model: Option<String>,
    /// File of class names, a line each, or a JSON or Python list or dict
    #[arg(long)]
    labels: Option<String>,
    /// Execution provider, or several separated by commas
    #[arg(long, default_value = "cpu")]
    provider: String,
    /// Infer every Nth frame
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    interval: u32,
    /// Write one JSON line for each classified frame
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the video with the labels on it, as VP8 in WebM
    #[arg(long, value_name = "FILE")]
    annotate: Option<PathBuf>,
    /// Stop after this many frames
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_frames: Option<u64>,
}

pub fn run(args: &Args) -> crate::Result<ExitCode> {
    plugin::ensure()?;
    let uri = uri_of(&args.input)?;
    let model = model(args.model.as_deref())?;
    check_outputs(args)?;

    let element = gst::ElementFactory::make("resnet50")
        .property("provider", &args.provider)
        .property("interval", args.interval)
        .property("labels", &args.labels)
        .property("model", &model)
        .build()?;
    // Written beside and renamed in the end: a run that fails leaves the last one's results alone.
    let json = args.json.as_deref().map(partial);
    let annotated = args.annotate.as_deref().map(partial);
    let mut outputs = Vec::new();
    if let Some(file) = &json {
        outputs.push(json_output(file)?);
    }
    outputs.push(match &annotated {
        Some(file) => annotating_output(file)?,
        None => plain_output()?,
    });
    let pipeline = gst::Pipeline::new();
    let source = gst::ElementFactory::make("uridecodebin")
        .property("uri", &uri)
        .build()?;
    let tee = gst::ElementFactory::make("tee").build()?;
    pipeline.add_many([&source, &element, &tee])?;
    element.link(&tee)?;
    for output in &outputs {
        pipeline.add(&output.element)?;
        tee.link(&output.element)?;
    }
    link_video(&pipeline, &source, &element);
    post_end(outputs.iter().map(|output| &output.last));

    let bar = ProgressBar::no_length().with_style(ProgressStyle::with_template(
        "{elapsed_precise} {wide_bar} {msg}",
    )?);
    let watch = Arc::new(Mutex::new(Watch::new(bar.clone())));
    watch_frames(&element, &watch, args.max_frames);

    let outcome = play(&pipeline, &element, &bar);
    let shown_model = element.property::<Option<gst::Structure>>("model-info");
    let stats = element.property::<gst::Structure>("stats");
    pipeline.set_state(gst::State::Null)?;
    bar.finish_and_clear();

    let watch = watch.lock().unwrap_or_else(PoisonError::into_inner);
    let partials = [&json, &annotated].into_iter().flatten();
    if watch.frames == 0 {
        // Nothing is in them; one that cannot be removed was not made.
        partials.for_each(|file| drop(std::fs::remove_file(file)));
        outcome?;
        return Err(format!("{} has no video that could be decoded", args.input).into());
    }
    // What was seen before an error is worth having, too.
    watch.summary(shown_model, &stats);
    for (what, from, to) in [
        ("the answers, a line of JSON each", &json, &args.json),
        ("the video with its labels", &annotated, &args.annotate),
    ] {
        if let (Some(from), Some(to)) = (from, to) {
            std::fs::rename(from, to).map_err(|e| format!("{}: {e}", to.display()))?;
            say!("wrote {}: {what}", to.display());
        }
    }
    outcome?;
    Ok(ExitCode::SUCCESS)
}

/// The name of a file that is not whole yet.
fn partial(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

/// The model to use: without one, the small one, and the user is told.
fn model(named: Option<&str>) -> crate::Result<Option<String>> {
    match find_model(named.map(str::as_ref)) {
        Err(ModelError::None(place)) => {
            let place = place.map_or("(no home folder)".into(), |p| p.display().to_string());
            say!(
                "No ResNet50 v1.5 is installed ({place}), so this uses the built-in \
                 EfficientNet-Lite0. To get ResNet50 (103 MB): `gst-resnet50 model install`."
            );
            Ok(Some(BUILTIN.to_owned()))
        }
        Err(error) => Err(error.into()),
        Ok(_) => Ok(named.map(str::to_owned)),
    }
}

/// Refuses to write over the video, or two things into one file.
fn check_outputs(args: &Args) -> crate::Result<()> {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut taken = vec![real(args.input.as_ref())];
    for output in [&args.json, &args.annotate].into_iter().flatten() {
        let file = real(output);
        if taken.contains(&file) {
            return Err(format!(
                "{} would be overwritten: name another file",
                output.display()
            )
            .into());
        }
        taken.push(file);
    }
    Ok(())
}

/// Sees to it that a file can be written, before a pipeline is built that would say less clearly
/// that it cannot.
fn create(path: &Path) -> crate::Result<()> {
    File::create(path).map_err(|e| format!("{} cannot be written: {e}", path.display()))?;
    Ok(())
}

/// Somewhere that the classified video goes.
struct Output {
    element: gst::Element,
    /// The pad at which the stream ends.
    last: gst::Pad,
}

fn plain_output() -> crate::Result<Output> {
    let element = gst::ElementFactory::make("fakesink")
        .property("sync", false)
        .build()?;
    Ok(Output {
        last: element.static_pad("sink").ok_or("a sink has a pad")?,
        element,
    })
}

/// Writes a line of JSON for each answer to a file.
fn json_output(file: &Path) -> crate::Result<Output> {
    create(file)?;
    // It is not waited for at the start: a live stream may be unclassified for long.
    let description = "resnet50json ! filesink name=file sync=false async=false";
    file_output(description, file).map_err(|e| format!("the JSON lines need filesink: {e}").into())
}

/// Draws the classes on the video and writes it to a file.
fn annotating_output(file: &Path) -> crate::Result<Output> {
    create(file)?;
    let description = "videoconvert ! \
         videoscale ! video/x-raw,width=[16,16383],height=[16,16383] ! \
         resnet50overlay max-labels=3 ! videoconvert ! \
         vp8enc deadline=1 cpu-used=8 threads=1 target-bitrate=2000000 keyframe-max-dist=50 ! \
         webmmux ! filesink name=file sync=false";
    file_output(description, file).map_err(|e| {
        format!("the annotated video needs resnet50overlay (the plugin's feature overlay), vp8enc and webmmux (Debian: gstreamer1.0-plugins-good): {e}").into()
    })
}

/// A bin with a thread of its own, in which the element `file` writes to this file.
fn file_output(description: &str, file: &Path) -> crate::Result<Output> {
    let queue = "queue name=in max-size-buffers=4 max-size-bytes=0 max-size-time=0";
    let bin = gst::parse::bin_from_description(&format!("{queue} ! {description}"), false)?;
    let by_name = |name| bin.by_name(name).ok_or("the description names it");
    let sink = by_name("file")?;
    sink.set_property("location", file.as_os_str().to_string_lossy().as_ref());
    let pad = by_name("in")?
        .static_pad("sink")
        .ok_or("a queue has a sink pad")?;
    bin.add_pad(&gst::GhostPad::with_target(&pad)?)?;
    Ok(Output {
        element: bin.upcast(),
        last: sink.static_pad("sink").ok_or("a sink has a pad")?,
    })
}

/// Posts a message when the stream is through at all of these pads, for the pipeline's own waits
/// for the sound that is thrown away as well.
fn post_end<'a>(pads: impl ExactSizeIterator<Item = &'a gst::Pad>) {
    let left = Arc::new(AtomicUsize::new(pads.len()));
    for pad in pads {
        let left = Arc::clone(&left);
        pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |pad, info| {
            let event = info.event();
            if event.is_some_and(|e| e.type_() == gst::EventType::Eos)
                && left.fetch_sub(1, Ordering::AcqRel) == 1
                && let Some(element) = pad.parent_element()
            {
                post(&element, THROUGH);
            }
            gst::PadProbeReturn::Ok
        });
    }
}

/// Application messages: the last frame has left the pipeline; enough frames have been seen.
const THROUGH: &str = "through";
const ENOUGH: &str = "enough";

fn post(element: &gst::Element, name: &str) {
    let structure = gst::Structure::new_empty(name);
    let message = gst::message::Application::builder(structure)
        .src(element)
        .build();
    // Fails only where nobody listens.
    let _ = element.post_message(message);
}

/// Looks at each buffer that leaves the element.
fn watch_frames(element: &gst::Element, watch: &Arc<Mutex<Watch>>, max_frames: Option<u64>) {
    let Some(pad) = element.static_pad("src") else {
        return;
    };
    let watch = Arc::clone(watch);
    let element = element.downgrade();
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        let Some(buffer) = info.buffer() else {
            return gst::PadProbeReturn::Ok;
        };
        let segment = pad
            .sticky_event::<gst::event::Segment>(0)
            .and_then(|e| e.segment().downcast_ref::<gst::ClockTime>().cloned());
        let mut watch = watch.lock().unwrap_or_else(PoisonError::into_inner);
        if max_frames.is_some_and(|max| watch.frames >= max) {
            return gst::PadProbeReturn::Drop;
        }
        watch.frame(buffer, segment.as_ref());
        if max_frames == Some(watch.frames)
            && let Some(element) = element.upgrade()
        {
            // The main loop ends the stream: from here it would wait for itself.
            post(&element, ENOUGH);
        }
        gst::PadProbeReturn::Ok
    });
}

/// Plays until the end, an error or Ctrl-C, which ends the stream so that the files are whole.
fn play(pipeline: &gst::Pipeline, element: &gst::Element, bar: &ProgressBar) -> crate::Result<()> {
    let main = glib::MainLoop::new(None, false);
    let outcome: Arc<Mutex<Option<String>>> = Arc::default();
    let end = {
        let sink = element
            .static_pad("sink")
            .ok_or("the element has a sink pad")?;
        move || {
            // Here and not at the source, behind which seconds of video may be waiting.
            sink.send_event(gst::event::Eos::new());
        }
    };

    const SIGINT: i32 = 2;
    let _interrupt = glib_unix::unix_signal_add_local(SIGINT, {
        let (end, main, bar) = (end.clone(), main.clone(), bar.clone());
        let mut before = false;
        move || {
            if std::mem::replace(&mut before, true) {
                main.quit();
            } else {
                bar.suspend(|| complain!("stopping; Ctrl-C again to stop at once"));
                end();
            }
            glib::ControlFlow::Continue
        }
    });
    let bus = pipeline.bus().ok_or("a pipeline has a bus")?;
    let _watch = bus.add_watch_local({
        let (main, outcome, bar) = (main.clone(), Arc::clone(&outcome), bar.clone());
        move |_, message| {
            use gst::MessageView;
            match message.view() {
                MessageView::Eos(_) => main.quit(),
                MessageView::Error(error) => {
                    let name = error
                        .src()
                        .map(|s| s.name().to_string())
                        .unwrap_or_default();
                    let mut first = outcome.lock().unwrap_or_else(PoisonError::into_inner);
                    first.get_or_insert_with(|| describe(&name, &error.error(), error.debug()));
                    main.quit();
                }
                MessageView::Warning(warning) => {
                    bar.suspend(|| complain!("warning: {}", warning.error()));
                }
                MessageView::Application(message) => {
                    match message.structure().map(|s| s.name().as_str()) {
                        Some(ENOUGH) => end(),
                        Some(THROUGH) => main.quit(),
                        _ => {}
                    }
                }
                _ => {}
            }
            glib::ControlFlow::Continue
        }
    })?;
    let ticker = glib::timeout_add_local(std::time::Duration::from_millis(200), {
        let (pipeline, bar) = (pipeline.downgrade(), bar.clone());
        move || {
            if bar.length().is_none()
                && let Some(pipeline) = pipeline.upgrade()
                && let Some(duration) = pipeline.query_duration::<gst::ClockTime>()
            {
                bar.set_length(duration.mseconds());
            }
            glib::ControlFlow::Continue
        }
    });

    // A failed state change has posted why.
    let _ = pipeline.set_state(gst::State::Playing);
    main.run();
    ticker.remove();
    let outcome = outcome
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    outcome.map_or(Ok(()), |error| Err(error.into()))
}
