// SPDX-License-Identifier: MPL-2.0
//! The models and engines of this process, which streams with equal settings share.
//!
//! No lock is held while a file is checked, read or loaded: a file that hangs blocks those who want
//! that file, and nobody else.

use std::path::PathBuf;
use std::sync::{Arc, Weak};

use super::cache::{Cache, Lookup};
use super::cancel::CancelToken;
use super::engine::{Engine, EngineOptions};
use super::file_version::FileVersion;
use super::model::{BUILTIN, Model, ModelError, ModelOverrides, ModelSource, modelinfo_files};
use super::onnxruntime::{Runtime, SessionError};
use super::process::PerProcess;
use crate::files::FileError;

/// What two streams must have in common to share an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    model: ModelSource,
    version: ModelVersion,
    runtime: PathBuf,
    options: EngineOptions,
    overrides: ModelOverrides,
}

/// Weak references, so that an engine ends with the last stream that uses it.
static ENGINES: PerProcess<Cache<Key, Weak<Engine>>> = PerProcess::new();

/// The descriptions of the models that were read last. They are small and the files are not:
/// another stream must not read the weights again to learn the size of the input.
static MODELS: PerProcess<Cache<ModelSource, (ModelVersion, Model)>> = PerProcess::new();

/// How many models are kept.
const MAX_MODELS: usize = 8;

/// The versions of a model's files: its own, the two names that its `.modelinfo` may have, and its
/// external data.
type ModelVersion = Vec<Option<FileVersion>>;

fn version(source: &ModelSource, external: &[PathBuf]) -> ModelVersion {
    let ModelSource::File(path) = source else {
        return ModelVersion::new();
    };
    let [first, second] = modelinfo_files(path);
    let own = [path, &first, &second].into_iter();
    own.chain(external)
        .map(|file| FileVersion::of(file))
        .collect()
}

/// [`Model::read`] with a cache: a model is read again only if one of its files has changed. If
/// several threads want the same model at the same time, one of them reads it for all; if that one
/// is cancelled, the next one does.
///
/// # Errors
/// [`ModelError`].
pub fn cached_model(source: ModelSource, cancel: &CancelToken) -> Result<Model, ModelError> {
    let models = MODELS.get();
    loop {
        // Files are checked without a lock, because even that may take long.
        let known = models.peek(&source);
        let now = known
            .as_ref()
            .map(|(_, model)| version(&source, &model.external));
        let is_valid = |(then, _): &(ModelVersion, Model)| Some(then) == now.as_ref();
        let slot = match models.get(&source, is_valid, cancel) {
            Lookup::Value((_, model)) => return Ok(model),
            Lookup::Load(slot) => slot,
            Lookup::Cancelled => return Err(cancelled(source)),
        };
        // Another thread may have read it while this one waited.
        let changed =
            |(then, _): &(ModelVersion, Model)| known.as_ref().map(|(v, _)| v) != Some(then);
        if models.peek(&source).as_ref().is_some_and(changed) {
            continue;
        }
        // Taken before it is read, so that a file that is replaced meanwhile is read again next
        // time.
        let before = version(&source, &[]);
        let model = Model::read_cancellable(source.clone(), cancel)?;
        let of_external = model.external.iter().map(|file| FileVersion::of(file));
        let version = before.into_iter().chain(of_external).collect();
        slot.store((version, model.clone()));
        limit_models();
        return Ok(model);
    }
}

/// Removes the oldest models if there are too many.
fn limit_models() {
    let models = MODELS.get();
    let mut all = 0usize;
    models.retain(|_| {
        all += 1;
        true
    });
    let mut surplus = all.saturating_sub(MAX_MODELS);
    models.retain(|_| {
        let is_surplus = surplus > 0;
        surplus = surplus.saturating_sub(1);
        !is_surplus
    });
}

fn cancelled(source: ModelSource) -> ModelError {
    let path = match source {
        ModelSource::File(path) => path,
        ModelSource::Builtin => BUILTIN.into(),
    };
    ModelError::Read {
        path,
        error: FileError::Cancelled,
    }
}

/// The engine for this model and these options: one that other streams already use, else a new one.
/// If several threads want the same engine at the same time, one of them loads it for all; if that
/// one is cancelled, the next one does.
///
/// # Errors
/// [`SessionError`].
pub fn shared_engine(
    runtime: &'static Runtime,
    model: &Model,
    options: &EngineOptions,
    cancel: &CancelToken,
) -> Result<Arc<Engine>, SessionError> {
    let key = Key {
        model: model.source.clone(),
        version: version(&model.source, &model.external),
        runtime: runtime.path().to_owned(),
        options: options.clone(),
        overrides: model.overrides.clone(),
    };
    let engines = ENGINES.get();
    engines.retain(|engine| engine.strong_count() > 0);
    // An engine with an inference that never ends is of no use to a new stream.
    let mut hung: Vec<Weak<Engine>> = Vec::new();
    loop {
        let is_valid = |engine: &Weak<Engine>| {
            engine.strong_count() > 0 && !hung.iter().any(|hung| hung.ptr_eq(engine))
        };
        match engines.get(&key, is_valid, cancel) {
            Lookup::Value(weak) => {
                // Its last user may have dropped it just now.
                let Some(engine) = weak.upgrade() else {
                    continue;
                };
                match engine.check() {
                    Ok(()) => return Ok(engine),
                    Err(_) => hung.push(weak),
                }
            }
            Lookup::Load(slot) => {
                let engine = Engine::load_cancellable(runtime, model, options, cancel)?;
                let engine = Arc::new(engine);
                slot.store(Arc::downgrade(&engine));
                return Ok(engine);
            }
            Lookup::Cancelled => return Err(SessionError::Cancelled),
        }
    }
}
