// SPDX-License-Identifier: MPL-2.0
//! `gst-resnet50 doctor`: is everything there, and does it work?

use std::ffi::OsString;
use std::fmt::Display;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use gst::prelude::*;
use gstresnet50::classifier::{Classifier, Options};
use gstresnet50::inference::{
    Attempt, BUILTIN, Model, ModelError, Provider, Runtime, Session, SessionOptions, find_model,
};
use gstresnet50::{paths, text};

use crate::classify::annotate::Container;
use crate::term::{self, Mark};
use crate::{contract, plugin};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// ONNX file or builtin:efficientnet-lite0 [default: as the element's property]
    #[arg(long)]
    model: Option<OsString>,
    /// Path of libonnxruntime.so [default: as the element's property]
    #[arg(long)]
    runtime_library: Option<PathBuf>,
    /// Execution provider, or several separated by commas
    #[arg(long, default_value = "cpu")]
    provider: String,
}

/// Prints the report and remembers whether anything was wrong.
#[derive(Debug, Default)]
struct Report {
    failed: bool,
    /// No model is installed, so the element has to be told of one.
    needs_model: bool,
}

impl Report {
    fn good(&self, what: &str, text: impl Display) {
        term::marked(Mark::Good, what, &text.to_string());
    }

    fn bad(&mut self, what: &str, text: impl Display, remedy: &str) {
        self.failed = true;
        term::marked(Mark::Bad, what, &text.to_string());
        term::remedy(remedy);
    }

    /// Something that only some need is not there.
    fn note(&self, what: &str, text: impl Display, remedy: &str) {
        term::marked(Mark::Note, what, &text.to_string());
        term::remedy(remedy);
    }

    fn not_tried(&self, what: &str, why: &str) {
        term::marked(Mark::Note, what, &format!("not tried: {why}"));
    }
}

pub fn run(args: &Args) -> crate::Result<ExitCode> {
    let mut report = Report::default();
    gstreamer(&mut report);
    plugin_file(&mut report);
    overlay(&report);
    encoder(&report);
    cpu(&report);
    let runtime = runtime(&mut report, args);
    let model = model(&mut report, args);
    match (runtime, model) {
        (Some(runtime), Some(model)) => inference(&mut report, args, runtime, &model),
        (None, _) => report.not_tried("inference", "there is no ONNX Runtime"),
        (_, None) => report.not_tried("inference", "there is no model"),
    }
    say!();
    if report.failed {
        say!("Something is wrong: see the lines with ✗.");
        return Ok(ExitCode::FAILURE);
    }
    if report.needs_model {
        say!(
            "All is well; until a ResNet50 v1.5 is installed, the element needs model={BUILTIN} or another."
        );
    } else {
        say!("All is well.");
    }
    Ok(ExitCode::SUCCESS)
}

fn gstreamer(report: &mut Report) {
    let (major, minor, micro, _) = gst::version();
    let text = format!("{major}.{minor}.{micro}");
    if (major, minor) >= (1, 22) {
        report.good("GStreamer", text);
    } else {
        report.bad("GStreamer", text, "install GStreamer 1.22 or newer");
    }
}

fn plugin_file(report: &mut Report) {
    let Some(file) = plugin::installed() else {
        report.bad(
            "plugin",
            "GStreamer does not find the element resnet50",
            "set GST_PLUGIN_PATH to the folder of libgstresnet50.so, or copy the file to \
             ~/.local/share/gstreamer-1.0/plugins/; if GStreamer refused it before, \
             `gst-inspect-1.0 -b` lists it: remove ~/.cache/gstreamer-1.0/",
        );
        return;
    };
    match gst::ElementFactory::make("resnet50").build() {
        Ok(element) => {
            let plugin = element.factory().and_then(|f| f.plugin());
            let version = plugin.map(|p| p.version().to_string()).unwrap_or_default();
            report.good("plugin", format!("{} ({version})", file.display()));
        }
        Err(error) => report.bad(
            "plugin",
            format!("{}: {error}", file.display()),
            "run it with GST_DEBUG=GST_PLUGIN_LOADING:5 to see why, and build it anew on this machine",
        ),
    }
}

fn overlay(report: &Report) {
    if plugin::installed().is_none() {
        return report.not_tried("overlay", "it is in the same plugin");
    }
    match gst::ElementFactory::find("resnet50overlay") {
        Some(_) => report.good("overlay", "resnet50overlay draws the labels"),
        None => report.note(
            "overlay",
            "there is no resnet50overlay, which draws the labels on the video",
            "build the plugin with its feature overlay, which is on by default and needs Pango and \
             Cairo (Debian: libpango1.0-dev, libcairo2-dev)",
        ),
    }
}

/// Whether `classify --annotate` can write a video with its sound.
fn encoder(report: &Report) {
    for (name, container, packages) in [
        (
            "WebM",
            Container::WebM,
            "install GStreamer's good plugins (Debian: gstreamer1.0-plugins-good)",
        ),
        (
            "MP4",
            Container::Mp4,
            "install an encoder of H.264 and one of AAC (Debian: gstreamer1.0-plugins-ugly, \
             gstreamer1.0-plugins-bad and gstreamer1.0-libav), or write WebM",
        ),
    ] {
        let missing = container.missing();
        match missing.is_empty() {
            true => report.good("encoder", format!("classify --annotate can write {name}")),
            false => report.note(
                "encoder",
                format!(
                    "classify --annotate cannot write {name} with its sound, for there is no {}",
                    missing.join(" and no ")
                ),
                packages,
            ),
        }
    }
}

fn cpu(report: &Report) {
    match integers() {
        Some(true) => report.good("CPU", "it has VNNI: int8 models are fast and exact"),
        Some(false) => report.note(
            "CPU",
            "it has no VNNI: int8 models may be no faster than float32 ones, and ONNX Runtime runs \
             them more slowly than it could, so that their sums do not saturate",
            "compare with `gst-resnet50 bench --compare v1.5,int8`; quantize with --reduce-range",
        ),
        // Other architectures have no such instructions to look for.
        None => {}
    }
}

/// Whether the CPU adds four products of bytes in 32 bits (VNNI); none where it is no x86.
fn integers() -> Option<bool> {
    #[cfg(target_arch = "x86_64")]
    return Some(is_x86_feature_detected!("avx512vnni") || is_x86_feature_detected!("avxvnni"));
    #[cfg(not(target_arch = "x86_64"))]
    return None;
}

fn runtime(report: &mut Report, args: &Args) -> Option<&'static Runtime> {
    match Runtime::load(args.runtime_library.as_deref(), &plugin::folders()) {
        Ok(runtime) => {
            let text = format!("{} from {}", runtime.version(), runtime.path().display());
            report.good("ONNX Runtime", text);
            for Attempt { place, reason } in runtime.skipped() {
                report.note(
                    "ONNX Runtime",
                    format!("{place} was not used: {reason}"),
                    "`gst-resnet50 runtime list` shows what is tried, and in which order",
                );
            }
            let available = runtime.providers();
            report.good("providers", available.join(", "));
            for device in runtime.devices() {
                report.good(
                    "device",
                    format!("{}: {}", device.provider, device.description),
                );
            }
            Some(runtime)
        }
        Err(error) => {
            report.bad(
                "ONNX Runtime",
                error,
                "`gst-resnet50 runtime install` installs it, and `gst-resnet50 runtime list` shows \
                 what is found; if ORT_DYLIB_PATH or --runtime-library names the wrong file, correct it",
            );
            None
        }
    }
}

fn model(report: &mut Report, args: &Args) -> Option<Model> {
    let found = find_model(args.model.as_deref());
    let source = match found {
        Err(ModelError::None(place)) if args.model.is_none() => {
            report.needs_model = true;
            let place = place
                .map(|p| paths::escaped(p.as_os_str()))
                .unwrap_or_default();
            let text = format!("ResNet50 v1.5 is not installed ({place}); checking {BUILTIN}");
            term::marked(Mark::Note, "model", &text);
            find_model(Some(BUILTIN.as_ref()))
        }
        other => other,
    };
    match source.and_then(Model::read) {
        Ok(model) => {
            let (s, c) = (&model.signature, &model.contract);
            report.good("model", &model.source);
            let batch = s.batch.map_or("any".into(), |batch| batch.to_string());
            let architecture = c.architecture.as_deref();
            report.good(
                "contract",
                format!(
                    "{}: input “{}”, batch {batch}",
                    text::name(architecture.unwrap_or("architecture not said")),
                    text::name(&s.input),
                ),
            );
            let target = model.target();
            report.good("pictures", contract::pictures(&target));
            report.good("tensor", contract::tensor(&target));
            if c.trained == Some(false) {
                report.bad(
                    "weights",
                    "they are not trained: its results mean nothing",
                    "use it for measurements only",
                );
            }
            Some(model)
        }
        Err(error) => {
            report.bad(
                "model",
                error,
                "give the path of an ONNX image classifier, or --model builtin:efficientnet-lite0",
            );
            None
        }
    }
}

fn inference(report: &mut Report, args: &Args, runtime: &'static Runtime, model: &Model) {
    let remedy = "try --provider cpu; GST_DEBUG=onnxruntime:5 shows what ONNX Runtime says";
    let providers = match Provider::parse_list(&args.provider) {
        Ok(providers) => providers,
        Err(error) => return report.bad("inference", error, remedy),
    };
    let options = SessionOptions {
        providers,
        provider_options: Vec::new(),
        device: 0,
        threads: 0,
    };
    let begun = Instant::now();
    let (mut session, passed) = match Session::load(runtime, model, &options) {
        Ok(loaded) => loaded,
        Err(error) => return report.bad("inference", error, remedy),
    };
    let load = begun.elapsed();
    for fallback in passed {
        report.bad(
            "provider",
            format!("{}: {}", fallback.provider, fallback.reason),
            remedy,
        );
    }
    let (provider, options) = (session.provider(), Options::default());
    let loaded = Classifier::for_session(&options, model, session.trial_report(), provider);
    let (classifier, warnings) = match loaded {
        Ok(loaded) => loaded,
        Err(error) => {
            report.bad(
                "results",
                error,
                "set the property labels to the names of its classes",
            );
            return;
        }
    };
    let plan = classifier.plan();
    report.good("results", contract::results(plan));
    for warning in &warnings {
        term::marked(Mark::Note, "model", warning);
    }
    let classes = plan.classes;
    match session.run().map(drop) {
        Ok(()) => {
            report.good(
                "inference",
                format!(
                    "{classes} classes in {:.1} ms on {} with {} thread{} (loaded in {:.0} ms)",
                    session.run_time().as_secs_f64() * 1e3,
                    session.provider(),
                    session.threads(),
                    if session.threads() == 1 { "" } else { "s" },
                    load.as_secs_f64() * 1e3,
                ),
            );
        }
        Err(error) => report.bad("inference", error, remedy),
    }
}
