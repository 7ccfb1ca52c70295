// SPDX-License-Identifier: MPL-2.0
//! `gst-resnet50 doctor`: is everything there, and does it work?

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use gst::prelude::*;
use gstresnet50::inference::{
    BUILTIN, Model, ModelError, Provider, Runtime, Session, SessionOptions, find_model,
};
use gstresnet50::text;

use crate::plugin;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// ONNX file or builtin:efficientnet-lite0 [default: as the element's property]
    #[arg(long)]
    model: Option<String>,
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
    fn good(&self, what: &str, text: impl std::fmt::Display) {
        say!("✓ {what:<13} {text}");
    }

    fn bad(&mut self, what: &str, text: impl std::fmt::Display, remedy: &str) {
        self.failed = true;
        say!("✗ {what:<13} {text}");
        say!("  {:<13} → {remedy}", "");
    }

    fn not_tried(&self, what: &str, why: &str) {
        say!("- {what:<13} not tried: {why}");
    }
}

pub fn run(args: &Args) -> crate::Result<ExitCode> {
    let mut report = Report::default();
    gstreamer(&mut report);
    plugin_file(&mut report);
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

fn runtime(report: &mut Report, args: &Args) -> Option<&'static Runtime> {
    let program = std::env::current_exe().ok();
    let folders: Vec<PathBuf> = [plugin::installed(), program]
        .into_iter()
        .flatten()
        .filter_map(|f| f.parent().map(PathBuf::from))
        .collect();
    match Runtime::load(args.runtime_library.as_deref(), &folders) {
        Ok(runtime) => {
            let text = format!("{} from {}", runtime.version(), runtime.path().display());
            report.good("ONNX Runtime", text);
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
                "`cargo xtask setup` in the plugin's source tree installs it; or set \
                 ORT_DYLIB_PATH to a libonnxruntime.so (the PyPI package “onnxruntime” has one \
                 in onnxruntime/capi/)",
            );
            None
        }
    }
}

fn model(report: &mut Report, args: &Args) -> Option<Model> {
    let found = find_model(args.model.as_deref().map(str::as_ref));
    let source = match found {
        Err(ModelError::None(place)) if args.model.is_none() => {
            report.needs_model = true;
            let place = place.map(|p| p.display().to_string()).unwrap_or_default();
            say!(
                "- {:<13} ResNet50 v1.5 is not installed ({place}); checking {BUILTIN}",
                "model"
            );
            find_model(Some(BUILTIN.as_ref()))
        }
        other => other,
    };
    match source.and_then(Model::read) {
        Ok(model) => {
            let (s, c) = (&model.signature, &model.contract);
            report.good("model", &model.source);
            let dim = |d: Option<u64>| d.map_or("any".into(), |d| d.to_string());
            report.good(
                "contract",
                format!(
                    "{}: input “{}” {:?} {:?} {}x{}, batch {}; output “{}” {:?}, {} classes; resize {}",
                    text::name(c.architecture.as_deref().unwrap_or("architecture not said")),
                    text::name(&s.input),
                    s.element,
                    s.layout,
                    model.width,
                    model.height,
                    dim(s.batch),
                    text::name(&s.output),
                    c.output.unwrap_or(s.kind),
                    dim(s.classes),
                    c.resize.map_or("not said".into(), |r| r.to_string()),
                ),
            );
            if c.trained == Some(false) {
                report.bad(
                    "weights",
                    "they are not trained: its answers mean nothing",
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

fn inference(report: &mut Report, args: &Args, runtime: &Runtime, model: &Model) {
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
    let begun = Instant::now();
    match session.run() {
        Ok(output) => {
            let classes = output.len();
            report.good(
                "inference",
                format!(
                    "{classes} classes in {:.1} ms on {} with {} thread{} (loaded in {:.0} ms)",
                    begun.elapsed().as_secs_f64() * 1e3,
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
