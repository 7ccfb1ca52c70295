// SPDX-License-Identifier: MPL-2.0
//! The engines of this process: streams that ask for the same share one.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::SystemTime;

use super::cancel::Cancel;
use super::contract::modelinfo_files;
use super::engine::{Engine, EngineOptions};
use super::model::{Model, ModelError, ModelSource};
use super::runtime::Runtime;
use super::session::SessionError;

/// What makes two engines the same.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    model: ModelSource,
    /// A file that was replaced under its name is another model.
    version: Version,
    runtime: PathBuf,
    options: EngineOptions,
}

/// An engine, or the place where one is being loaded: whoever wants the same waits for its lock.
type Cell = Arc<Mutex<Weak<Engine>>>;

/// Weak, so that an engine ends with the last stream that uses it.
static ENGINES: Mutex<Vec<(Key, Cell)>> = Mutex::new(Vec::new());

/// The sizes and dates of a model's file and of its description, where there are any.
type Version = Vec<Option<(u64, SystemTime)>>;

fn version(source: &ModelSource) -> Version {
    let ModelSource::File(path) = source else {
        return Version::new();
    };
    let [first, second] = modelinfo_files(path);
    [path, &first, &second]
        .map(|file| {
            let metadata = std::fs::metadata(file).ok()?;
            Some((metadata.len(), metadata.modified().ok()?))
        })
        .into()
}

/// What was read lately. It is small, and the files are not: a stream more must not read the
/// weights again to learn how large a picture is.
static MODELS: Mutex<Vec<(Version, Model)>> = Mutex::new(Vec::new());

/// How many models are remembered.
const REMEMBERED: usize = 8;

/// [`Model::read`], but a file that was read before and has not changed is not read again. Where
/// several want the same at a time, one of them reads it.
///
/// # Errors
/// [`ModelError`].
pub fn known_model(source: ModelSource) -> Result<Model, ModelError> {
    let version = version(&source);
    let mut models = MODELS.lock().unwrap_or_else(PoisonError::into_inner);
    let known = models
        .iter()
        .find(|(v, m)| *v == version && m.source == source);
    if let Some((_, model)) = known {
        return Ok(model.clone());
    }
    let model = Model::read(source)?;
    models.retain(|(_, m)| m.source != model.source);
    models.truncate(REMEMBERED - 1);
    models.insert(0, (version, model.clone()));
    Ok(model)
}

/// The engine for this model and these options: one that is there, else a new one. Where several
/// want the same at a time, one of them loads it; if that one is cancelled, the next one does.
///
/// # Errors
/// [`SessionError`].
pub fn shared_engine(
    runtime: &Runtime,
    model: &Model,
    options: &EngineOptions,
    cancel: &Cancel,
) -> Result<Arc<Engine>, SessionError> {
    let key = Key {
        model: model.source.clone(),
        version: version(&model.source),
        runtime: runtime.path().to_owned(),
        options: options.clone(),
    };
    let cell = {
        let mut engines = ENGINES.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that have ended; one that is being loaded has another owner of its cell.
        engines.retain(|(_, cell)| {
            let is_alive = |cell: &Cell| {
                let engine = cell.try_lock();
                engine.map_or(true, |engine| engine.strong_count() > 0)
            };
            Arc::strong_count(cell) > 1 || is_alive(cell)
        });
        match engines.iter().find(|(of, _)| *of == key) {
            Some((_, cell)) => Arc::clone(cell),
            None => {
                let cell = Cell::default();
                engines.push((key, Arc::clone(&cell)));
                cell
            }
        }
    };
    let mut cell = cell.lock().unwrap_or_else(PoisonError::into_inner);
    // One of whose Runs never ends is of no use to anybody new.
    if let Some(engine) = cell.upgrade()
        && engine.check().is_ok()
    {
        return Ok(engine);
    }
    let engine = Arc::new(Engine::load_unless(runtime, model, options, cancel)?);
    *cell = Arc::downgrade(&engine);
    Ok(engine)
}
