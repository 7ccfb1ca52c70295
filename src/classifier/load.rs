// SPDX-License-Identifier: MPL-2.0
//! From options to a classifier that runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Classifier;
use super::error::Error;
use super::names::{Names, number_of_labels};
use super::options::{EngineSettings, Options};
use super::plan::Plan;
use super::target::target;
use crate::inference::{
    CancelToken, Engine, EngineOptions, INFERENCE_TIMEOUT, Model, ModelOverrides, Provider,
    Runtime, SessionOptions, StreamHandle, TrialReport, cached_model, find_model, shared_engine,
};
use crate::paths;
use crate::preprocess::Target;

/// A classifier, and the queue of the engine that runs its model.
#[derive(Debug)]
pub struct Loaded {
    /// Makes tensors and results.
    pub classifier: Arc<Classifier>,
    /// Takes jobs.
    pub stream: StreamHandle,
    /// The contract in effect: a structure `resnet50-model`.
    pub info: gst::Structure,
    /// What the user is to be told, a sentence each.
    pub warnings: Vec<String>,
}

/// Checks those options that need no file of any size and no library.
///
/// # Errors
/// If a provider or a model is not known.
pub fn check(options: &Options) -> Result<(), Error> {
    Provider::parse_list(&options.engine.provider)?;
    find_model(options.model.as_ref().map(|m| m.as_os_str()))?;
    Ok(())
}

impl Classifier {
    /// The classifier of a model that a session of the caller's runs, which has tried it with this
    /// report. Also returns what the user is to be told, a sentence each.
    ///
    /// # Errors
    /// If the options contradict the model, or a file of names cannot be used.
    pub fn for_session(
        options: &Options,
        model: &Model,
        report: &TrialReport,
        provider: Provider,
    ) -> Result<(Self, Vec<String>), Error> {
        let target = target(&options.tensors, model)?;
        let cancel = CancelToken::default();
        Self::tried(options, model, target, report, provider, &cancel)
    }

    /// The classifier of a model that was tried. Also returns what the user is to be told.
    fn tried(
        options: &Options,
        model: &Model,
        target: Target,
        report: &TrialReport,
        provider: Provider,
        cancel: &CancelToken,
    ) -> Result<(Self, Vec<String>), Error> {
        let plan = Plan::new(model, report, target, options.tensors.activation);
        let (names, warning) = Names::read(&options.names, model, &plan, cancel)?;
        let warnings = plan.warnings.iter().cloned().chain(warning).collect();
        Ok((Self::new(plan, names, model, provider), warnings))
    }
}

impl Loaded {
    /// Loads what the options say. ONNX Runtime is also looked for in `folders`. `step` is called
    /// with a description of each step before it begins; if it fails, loading ends with its error.
    /// `cancel` cancels loading.
    ///
    /// # Errors
    /// [`Error`], with the option that is wrong or the file that cannot be used.
    pub fn load(
        options: &Options,
        folders: &[PathBuf],
        step: impl Fn(&str) -> Result<(), Error>,
        cancel: &CancelToken,
    ) -> Result<Self, Error> {
        let mut warnings = Vec::new();
        // What can be checked without loading anything comes first.
        let providers = Provider::parse_list(&options.engine.provider)?;
        let source = find_model(options.model.as_ref().map(|m| m.as_os_str()))?;
        step(&format!("reading {source}"))?;
        let model = cached_model(source, cancel)?;
        let overrides = ModelOverrides {
            output: options.tensors.output.clone(),
            width: options.tensors.width,
            height: options.tensors.height,
            labels: number_of_labels(&options.names, &model, cancel),
        };
        let model = model.with(overrides)?;
        let target = target(&options.tensors, &model)?;

        step("loading ONNX Runtime")?;
        let runtime = load_runtime(&options.engine, folders, &mut warnings)?;
        step("preparing the model and trying it")?;
        let engine = load_engine(&options.engine, providers, runtime, &model, cancel)?;
        warn_of_engine(&engine, &options.engine, &model, &mut warnings);

        let (report, provider) = (engine.trial_report(), engine.provider());
        let (classifier, warned) =
            Classifier::tried(options, &model, target, report, provider, cancel)?;
        warnings.extend(warned);
        Ok(Self {
            info: classifier.describe(&model, &engine),
            classifier: Arc::new(classifier),
            stream: engine.open_stream(),
            warnings,
        })
    }
}

fn load_runtime(
    settings: &EngineSettings,
    folders: &[PathBuf],
    warnings: &mut Vec<String>,
) -> Result<&'static Runtime, Error> {
    let library = settings.runtime_library.as_ref();
    let library = library.map(|name| paths::from_path_or_uri(name.as_os_str()));
    let runtime = Runtime::load(library.as_deref(), folders)?;
    if let Some(library) = library
        && !is_same_file(&library, runtime.path())
    {
        warnings.push(format!(
            "runtime-library “{}” is not used: this process has already loaded ONNX Runtime \
             from “{}”, and cannot replace it. Start a new process to change it.",
            paths::escaped(library.as_os_str()),
            paths::escaped(runtime.path().as_os_str()),
        ));
    }
    Ok(runtime)
}

fn load_engine(
    settings: &EngineSettings,
    providers: Vec<Provider>,
    runtime: &'static Runtime,
    model: &Model,
    cancel: &CancelToken,
) -> Result<Arc<Engine>, Error> {
    let options = EngineOptions {
        session: SessionOptions {
            providers,
            provider_options: settings.provider_options.clone(),
            device: settings.device_id,
            threads: settings.threads,
        },
        sessions: settings.sessions,
        batch: settings.batch_size,
        single: settings.single,
        inference_timeout: INFERENCE_TIMEOUT,
    };
    Ok(match settings.share {
        true => shared_engine(runtime, model, &options, cancel)?,
        false => Arc::new(Engine::load_cancellable(runtime, model, &options, cancel)?),
    })
}

fn warn_of_engine(
    engine: &Engine,
    settings: &EngineSettings,
    model: &Model,
    warnings: &mut Vec<String>,
) {
    warnings.extend(engine.skipped_providers().iter().map(|f| {
        format!(
            "provider {} was requested, but {} is used: {}",
            f.provider,
            engine.provider(),
            f.reason
        )
    }));
    warnings.extend(engine.batch_refusal().map(|reason| {
        format!(
            "batch-size={} is not possible with model “{}”, which takes one picture at a time: \
             {reason}",
            settings.batch_size, model.source
        )
    }));
}

/// Whether two paths lead to one file, through links too.
fn is_same_file(a: &Path, b: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    real(a) == real(b)
}
