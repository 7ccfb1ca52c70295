// SPDX-License-Identifier: MPL-2.0
//! The engines of this process: streams that ask for the same share one.
//!
//! No lock is held while a file is looked at, read or loaded: a file that hangs stops those who
//! want that file, and nobody else.

use std::path::PathBuf;
use std::sync::{Arc, Weak};

use super::cancel::Cancel;
use super::contract::modelinfo_files;
use super::engine::{Engine, EngineOptions};
use super::model::{Model, ModelError, ModelSource, Wishes};
use super::process::PerProcess;
use super::runtime::Runtime;
use super::session::SessionError;
use super::shelf::{Got, Shelf};
use super::stamp::Stamp;
use crate::files::FileError;

/// What makes two engines the same.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    model: ModelSource,
    /// A file that was replaced under its name is another model.
    version: Version,
    runtime: PathBuf,
    options: EngineOptions,
    /// What is asked of the model makes it another one.
    wishes: Wishes,
}

/// Weak, so that an engine ends with the last stream that uses it.
static ENGINES: PerProcess<Shelf<Key, Weak<Engine>>> = PerProcess::new();

/// What was read lately. It is small, and the files are not: a stream more must not read the
/// weights again to learn how large a picture is.
static MODELS: PerProcess<Shelf<ModelSource, (Version, Model)>> = PerProcess::new();

/// How many models are remembered.
const REMEMBERED: usize = 8;

/// The files that a model is made of, as they are: its own, its description and its external data,
/// where there are any.
type Version = Vec<Option<Stamp>>;

fn version(source: &ModelSource, external: &[PathBuf]) -> Version {
    let ModelSource::File(path) = source else {
        return Version::new();
    };
    let [first, second] = modelinfo_files(path);
    let own = [path, &first, &second].into_iter();
    own.chain(external).map(|file| Stamp::of(file)).collect()
}

/// Lets loads that wait for another look whether they are cancelled.
pub(super) fn wake() {
    ENGINES.get().wake();
    MODELS.get().wake();
}

/// [`Model::read`], but a file that was read before and has not changed, nor its description and
/// external data, is not read again. Where several want the same at a time, one of them reads it;
/// if that one is cancelled, the next one does.
///
/// # Errors
/// [`ModelError`].
pub fn known_model(source: ModelSource, cancel: &Cancel) -> Result<Model, ModelError> {
    let models = MODELS.get();
    loop {
        // Without a lock, for even to look at a file may take long.
        let known = models.peek(&source);
        let now = known
            .as_ref()
            .map(|(_, model)| version(&source, &model.external));
        let is_good = |(then, _): &(Version, Model)| Some(then) == now.as_ref();
        let turn = match models.get(&source, is_good, cancel) {
            Got::Value((_, model)) => return Ok(model),
            Got::Turn(turn) => turn,
            Got::Cancelled => return Err(cancelled(source)),
        };
        // Another may have read it while this one waited.
        let changed = |(then, _): &(Version, Model)| known.as_ref().map(|(v, _)| v) != Some(then);
        if models.peek(&source).as_ref().is_some_and(changed) {
            continue;
        }
        // From before it is read: one that is replaced meanwhile counts as another next time.
        let before = version(&source, &[]);
        let model = Model::read_unless(source.clone(), cancel)?;
        let of_external = model.external.iter().map(|file| Stamp::of(file));
        let version = before.into_iter().chain(of_external).collect();
        turn.put((version, model.clone()));
        forget();
        return Ok(model);
    }
}

/// Takes the oldest of too many models away.
fn forget() {
    let models = MODELS.get();
    let mut all = 0usize;
    models.retain(|_| {
        all += 1;
        true
    });
    let mut surplus = all.saturating_sub(REMEMBERED);
    models.retain(|_| {
        let is_surplus = surplus > 0;
        surplus = surplus.saturating_sub(1);
        !is_surplus
    });
}

fn cancelled(source: ModelSource) -> ModelError {
    let path = match source {
        ModelSource::File(path) => path,
        ModelSource::Builtin => super::BUILTIN.into(),
    };
    ModelError::Read {
        path,
        error: FileError::Cancelled,
    }
}

/// The engine for this model and these options: one that is there, else a new one. Where several
/// want the same at a time, one of them loads it; if that one is cancelled, the next one does.
///
/// # Errors
/// [`SessionError`].
pub fn shared_engine(
    runtime: &'static Runtime,
    model: &Model,
    options: &EngineOptions,
    cancel: &Cancel,
) -> Result<Arc<Engine>, SessionError> {
    let key = Key {
        model: model.source.clone(),
        version: version(&model.source, &model.external),
        runtime: runtime.path().to_owned(),
        options: options.clone(),
        wishes: model.wishes.clone(),
    };
    let engines = ENGINES.get();
    engines.retain(|engine| engine.strong_count() > 0);
    // One of whose Runs never ends is of no use to anybody new.
    let mut lost: Vec<Weak<Engine>> = Vec::new();
    loop {
        let is_good = |engine: &Weak<Engine>| {
            engine.strong_count() > 0 && !lost.iter().any(|lost| lost.ptr_eq(engine))
        };
        match engines.get(&key, is_good, cancel) {
            Got::Value(weak) => {
                // It may end right now.
                let Some(engine) = weak.upgrade() else {
                    continue;
                };
                match engine.check() {
                    Ok(()) => return Ok(engine),
                    Err(_) => lost.push(weak),
                }
            }
            Got::Turn(turn) => {
                let engine = Engine::load_unless(runtime, model, options, cancel)?;
                let engine = Arc::new(engine);
                turn.put(Arc::downgrade(&engine));
                return Ok(engine);
            }
            Got::Cancelled => return Err(SessionError::Cancelled),
        }
    }
}
