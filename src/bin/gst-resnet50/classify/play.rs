// SPDX-License-Identifier: MPL-2.0
//! One input through the element, from its beginning to its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use gst::prelude::*;
use gstresnet50::sync::Mutex;
use indicatif::ProgressBar;

use super::annotate::{self, Sound};
use super::branch::{self, Branch};
use super::report::Report;
use crate::source::{describe, link_streams};

/// How an input has ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// It was played to its end, or as far as was asked for.
    Through,
    /// The user has stopped it; what was written is whole.
    Stopped,
    /// The user has stopped it once more: nothing that was written is whole.
    Aborted,
}

/// Why an input has not been played to its end.
#[derive(Debug)]
pub struct Failure {
    pub text: String,
    /// Whether all that was classified has been written, and the files' ends.
    pub is_whole: bool,
    /// Whether it would be the same with any other input.
    pub is_general: bool,
}

/// What the element says of itself while it has a model.
#[derive(Debug, Default)]
pub struct ElementInfo {
    pub model: Option<gst::Structure>,
    pub stats: Option<gst::Structure>,
}

/// What is played.
pub struct Player {
    pipeline: gst::Pipeline,
    element: gst::Element,
    /// Where the classified video ends the element's part.
    tee: gst::Element,
    sound: Option<Sound>,
    report: Arc<Mutex<Report>>,
    bar: ProgressBar,
}

/// Maximum time for the ends of the output files after a failure.
const FINISH_TIMEOUT: Duration = Duration::from_secs(5);

impl Player {
    pub fn new(
        uri: &str,
        element: &gst::Element,
        branches: &[Branch],
        sound: Option<Sound>,
        report: &Arc<Mutex<Report>>,
        bar: &ProgressBar,
        max_frames: Option<u64>,
    ) -> crate::Result<Self> {
        let pipeline = gst::Pipeline::new();
        let source = gst::ElementFactory::make("uridecodebin")
            .property("uri", uri)
            .build()?;
        let tee = gst::ElementFactory::make("tee").build()?;
        pipeline.add_many([&source, element, &tee])?;
        element.link(&tee)?;
        for branch in branches {
            pipeline.add(&branch.element)?;
            tee.link(&branch.element)?;
        }
        let take = sound.clone();
        link_streams(&pipeline, &source, element, move |pad| {
            take.as_ref().is_some_and(|sound| sound.take(pad))
        });
        post_end(branches.iter().map(|branch| &branch.last));
        watch_frames(element, report, max_frames);
        Ok(Self {
            pipeline,
            element: element.clone(),
            tee,
            sound,
            report: Arc::clone(report),
            bar: bar.clone(),
        })
    }

    /// Plays until the end, an error, or Ctrl-C, which ends the stream so that the files are whole.
    pub fn play(&self) -> (Result<End, Failure>, ElementInfo) {
        let outcome = self.run().unwrap_or_else(|e| {
            Err(Failure {
                text: e.to_string(),
                is_whole: false,
                is_general: true,
            })
        });
        let info = ElementInfo {
            model: self.element.property("model-info"),
            stats: self.element.property("stats"),
        };
        // To NULL it always goes.
        let _ = self.pipeline.set_state(gst::State::Null);
        (outcome, info)
    }

    fn run(&self) -> crate::Result<Result<End, Failure>> {
        let main = glib::MainLoop::new(None, false);
        let end = Arc::new(Mutex::new(End::Through));
        let failure: Arc<Mutex<Option<(String, bool)>>> = Arc::default();
        let ending = self.ending(&self.element)?;
        let interrupt = || {
            let (main, bar) = (main.clone(), self.bar.clone());
            let (end, ending) = (Arc::clone(&end), ending.clone());
            move || {
                let mut end = end.lock();
                if *end == End::Through {
                    *end = End::Stopped;
                    bar.suspend(|| complain!("stopping; Ctrl-C again to stop at once"));
                    ending();
                } else {
                    *end = End::Aborted;
                    main.quit();
                }
                glib::ControlFlow::Continue
            }
        };
        const SIGINT: i32 = 2;
        const SIGTERM: i32 = 15;
        let signals =
            [SIGINT, SIGTERM].map(|number| glib_unix::unix_signal_add_local(number, interrupt()));
        let bus = self.pipeline.bus().ok_or("a pipeline has a bus")?;
        let _watch = bus.add_watch_local({
            let (main, failure) = (main.clone(), Arc::clone(&failure));
            let (bar, report) = (self.bar.clone(), Arc::clone(&self.report));
            let element = self.element.downgrade();
            move |_, message| {
                use gst::MessageView;
                match message.view() {
                    MessageView::Eos(_) => main.quit(),
                    MessageView::Error(error) => {
                        // What the element says before it has classified anything is of its
                        // settings or its model.
                        let is_ours = element
                            .upgrade()
                            .is_some_and(|e| error.src() == Some(e.upcast_ref()));
                        let is_general =
                            is_of_output(error) || (is_ours && report.lock().classified == 0);
                        failure
                            .lock()
                            .get_or_insert_with(|| (describe_error(error), is_general));
                        main.quit();
                    }
                    MessageView::Warning(warning) => {
                        bar.suspend(|| complain!("warning: {}", warning.error()));
                    }
                    MessageView::Progress(progress)
                        if progress.get().0 == gst::ProgressType::Complete =>
                    {
                        report.lock().loaded();
                    }
                    MessageView::Application(message) => {
                        match message.structure().map(|s| s.name().as_str()) {
                            Some(ENOUGH) => ending(),
                            Some(THROUGH) => main.quit(),
                            _ => {}
                        }
                    }
                    _ => {}
                }
                glib::ControlFlow::Continue
            }
        })?;
        let ticker = glib::timeout_add_local(Duration::from_millis(200), {
            let (pipeline, bar) = (self.pipeline.downgrade(), self.bar.clone());
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
        let _ = self.pipeline.set_state(gst::State::Playing);
        main.run();
        ticker.remove();
        signals.into_iter().for_each(glib::SourceId::remove);
        let failure = failure.lock().take();
        let end = std::mem::replace(&mut *end.lock(), End::Through);
        Ok(match failure {
            Some((text, is_general)) => Err(Failure {
                text,
                is_general,
                // Where the writing itself fails, an end cannot be written either.
                is_whole: end != End::Aborted && !is_general && self.finish()?,
            }),
            None => Ok(end),
        })
    }

    /// What ends the stream at this element, from a thread of its own: whoever is before it may be
    /// in the middle of writing to somebody who does not read.
    fn ending(&self, element: &gst::Element) -> crate::Result<impl Fn() + Clone + 'static> {
        let sink = element.static_pad("sink").ok_or("it has a sink pad")?;
        let (sound, report) = (self.sound.clone(), Arc::clone(&self.report));
        Ok(move || {
            // Here and not at the source, behind which seconds of video may be waiting.
            let mut pads = vec![sink.clone()];
            if let Some(sound) = &sound {
                let end = report.lock().current().end;
                sound.cut_off(end.unwrap_or_default());
                pads.extend(sound.pad());
            }
            for pad in pads {
                std::thread::spawn(move || pad.send_event(gst::event::Eos::new()));
            }
        })
    }

    /// After a failure: writes what is left, and the files' ends; whether that has succeeded.
    fn finish(&self) -> crate::Result<bool> {
        if self.report.lock().current().frames == 0 {
            return Ok(false);
        }
        self.ending(&self.tee)?();
        let bus = self.pipeline.bus().ok_or("a pipeline has a bus")?;
        let begun = Instant::now();
        while let Some(left) = FINISH_TIMEOUT.checked_sub(begun.elapsed()) {
            let left = gst::ClockTime::try_from(left).unwrap_or_default();
            let Some(message) = bus.timed_pop_filtered(left, &[gst::MessageType::Application])
            else {
                break;
            };
            if message.structure().is_some_and(|s| s.name() == THROUGH) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Whether what failed is the writing.
fn is_of_output(error: &gst::message::Error) -> bool {
    let name = error.src().map(|s| s.name());
    name.is_some_and(|name| [branch::JSON, annotate::VIDEO].contains(&name.as_str()))
}

/// An error as the user should read it.
fn describe_error(error: &gst::message::Error) -> String {
    let name = error.src().map(|s| s.name().to_string());
    let name = name.unwrap_or_default();
    let what = match name.as_str() {
        branch::JSON => "the JSON lines",
        annotate::VIDEO => "the annotated video",
        _ => return describe(&name, &error.error(), error.debug()),
    };
    if error.error().matches(gst::ResourceError::NoSpaceLeft) {
        return format!("{what} cannot be written: the disk is full");
    }
    // What the system said comes last.
    let debug = error.debug().unwrap_or_default();
    let reason = debug.lines().last().and_then(|l| l.rsplit(": ").next());
    format!(
        "{what} cannot be written: {}",
        reason.unwrap_or(error.error().message())
    )
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

/// Looks at each buffer that comes to the element, and at each that leaves it.
fn watch_frames(element: &gst::Element, report: &Arc<Mutex<Report>>, max_frames: Option<u64>) {
    if let Some(pad) = element.static_pad("sink") {
        let report = Arc::clone(report);
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            report.lock().entered();
            gst::PadProbeReturn::Remove
        });
    }
    let Some(pad) = element.static_pad("src") else {
        return;
    };
    let report = Arc::clone(report);
    let element = element.downgrade();
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        let Some(buffer) = info.buffer() else {
            return gst::PadProbeReturn::Ok;
        };
        let segment = pad
            .sticky_event::<gst::event::Segment>(0)
            .and_then(|e| e.segment().downcast_ref::<gst::ClockTime>().cloned());
        let mut report = report.lock();
        if max_frames.is_some_and(|max| report.current().frames >= max) {
            // Not `Drop`: the bindings unref the buffer themselves, and GStreamer would do so again
            // with what is left of it, nothing.
            return gst::PadProbeReturn::Handled;
        }
        report.frame(buffer, segment.as_ref());
        if max_frames == Some(report.current().frames)
            && let Some(element) = element.upgrade()
        {
            // The main loop ends the stream: from here it would wait for itself.
            post(&element, ENOUGH);
        }
        gst::PadProbeReturn::Ok
    });
}
